"""From a network in torch to an ONNX file that says what it is, compared before it is kept."""

import json
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from util.disk.whole_files import write_bytes
from util.errors import UserError
from util.learning.inference.onnx_session import IMAGES, METADATA

TOLERANCE = 1e-4
"""Largest difference to torch, in what is given, or in shares of what is large."""


@dataclass(frozen=True)
class GraphForm:
    """What a network takes and gives.

    Attributes:
        example: (B, H, W, 3) uint8 images that it can take.
        sizes: What the numbers of the first three axes of images may be, as the exporter has them.
        outputs: What it gives, by name: names of the axes of each, None where one has a fixed size.
    """

    example: Tensor
    sizes: Mapping[int, Any]
    outputs: Mapping[str, Sequence[str | None]]


def write_graph(
    path: Path,
    deployed: nn.Module,
    form: GraphForm,
    opset: int,
    facts: Mapping[str, Any],
    compare: Callable[[Path], float],
) -> float:
    """Write a network as ONNX once it has been compared with torch.

    Args:
        path: Of the file.
        deployed: Takes images as cameras give them; in evaluation mode, on the CPU.
        form: What it takes and gives.
        opset: Version of ONNX's operators.
        facts: JSON values that go into the file's metadata too.
        compare: Gives the largest difference of a file from torch, or refuses it.

    Returns:
        That difference.

    Raises:
        UserError: The network cannot be exported, or `compare` refuses it.
    """
    try:
        with silence():
            program = torch.onnx.export(
                deployed,
                (form.example,),
                dynamo=True,
                opset_version=opset,
                input_names=[IMAGES],
                output_names=list(form.outputs),
                dynamic_shapes=(dict(form.sizes),),
                verbose=False,
            )
    except Exception as error:  # the exporter raises what its many parts raise
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"it cannot be exported with export.opset {opset}: {reason}") from error
    assert program is not None
    metadata = {"precision": "float32", "opset": opset, **facts}
    content = with_metadata(program.model_proto, form.outputs, metadata)
    with tempfile.TemporaryDirectory() as folder:
        unchecked = Path(folder) / path.name
        unchecked.write_bytes(content)
        difference = compare(unchecked)
    write_bytes(path, content)
    return difference


def check_alike(found: np.ndarray, expected: np.ndarray, size_hw: tuple[int, int]) -> float:
    """Compare what a file gives for an image of this size with what torch does.

    Returns:
        The largest difference.

    Raises:
        UserError: They differ by more than `TOLERANCE`.
    """
    largest = float(abs(found - expected).max())
    if not np.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE):
        raise UserError(
            f"the exported network differs from torch by {largest:.2g} on {size_hw[0]} x "
            f"{size_hw[1]} pixels, more than {TOLERANCE:g}; it was not kept"
        )
    return largest


def with_metadata(
    model: onnx.ModelProto,
    outputs: Mapping[str, Sequence[str | None]],
    metadata: Mapping[str, Any],
) -> bytes:
    """Content of a model's file with metadata; nothing of this machine is in it.

    Args:
        model: Changed by this.
        outputs: See `GraphForm`; the exporter has formulas for names.
        metadata: JSON values.
    """
    for output in model.graph.output:
        axes = output.type.tensor_type.shape.dim
        for axis, name in zip(axes, outputs[output.name], strict=True):
            if name is not None:
                axis.dim_param = name
    del model.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]  # where in which file of this machine it comes from
    onnx.helper.set_model_props(model, {METADATA: json.dumps(dict(metadata))})
    return bytes(model.SerializeToString())


@contextmanager
def silence() -> Iterator[None]:
    """Keep the exporter's and the quantiser's remarks to themselves."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
