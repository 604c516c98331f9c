"""Weights, read safely and whole: from a checkpoint, or from a folder as the hub has it."""

import logging
import pickle
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from util.disk.files import read_json
from util.errors import UserError, listed

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=nn.Module)
P = TypeVar("P")


def read_tensors(file: Path, what: str) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint by name.

    Args:
        file: `.safetensors`, else what `torch.save` writes, of which no code is run.
        what: What it should hold, for the error.

    Raises:
        UserError: The file is missing or damaged.
    """
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise not_whole(file, what, "it holds more than tensors, or is damaged") from None
    except (OSError, EOFError, RuntimeError, SafetensorError) as error:
        raise not_whole(file, what, str(error).partition("\n")[0] or "it is cut off") from None
    state = content.get("model", content) if isinstance(content, dict) else {}
    return {
        str(name).removeprefix("module."): value
        for name, value in (state.items() if isinstance(state, dict) else ())
        if isinstance(value, Tensor)
    }


def load_strictly(model: nn.Module, state: Mapping[str, Tensor], file: Path, what: str) -> None:
    """Put weights into a model.

    Args:
        model: Its weights are replaced.
        state: All of them, by name.
        file: Where they come from, for the error.
        what: What that should be.

    Raises:
        UserError: A weight is missing, unknown or of another shape.
    """
    wanted = model.state_dict()
    faults = {
        "missing": [name for name in wanted if name not in state],
        "unknown": [name for name in state if name not in wanted],
        "of another shape": [
            name for name in wanted if name in state and wanted[name].shape != state[name].shape
        ],
    }
    if why := [f"{fault}: {listed(names)}" for fault, names in faults.items() if names]:
        raise not_whole(file, what, "; ".join(why))
    model.load_state_dict(state)


def read_model_type(folder: Path, known: Collection[str], what: str) -> str:
    """Read which model a folder of the hub says it holds.

    Args:
        folder: With config.json.
        known: Model types that can be run.
        what: What they are run as, for the error.

    Raises:
        UserError: It holds another model, or has no config.
    """
    path = folder / "config.json"
    model_type = read_json(path, "fetch the folder again").get("model_type")
    if model_type not in known:
        raise UserError(
            f"{path} names the model type {model_type!r}; as {what} there are: {', '.join(known)}"
        )
    return str(model_type)


def read_model(model_class: type[M], folder: Path) -> M:
    """Load a model of transformers in float32, with every weight.

    Weights that the folder holds beyond those are named in a warning: published folders may hold
    more than one model.

    Raises:
        UserError: The folder misses a file, or the weights are damaged or of another model.
    """
    load: Any = model_class
    logger.info("loading %s", folder)
    try:
        with _quiet_library():
            model, report = load.from_pretrained(
                folder,
                local_files_only=True,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # reported below, instead of an error without names
                output_loading_info=True,
            )
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise not_whole(folder, model_class.__name__, error) from None
    faults = {
        "missing": sorted(map(str, report["missing_keys"])),
        "of another shape": sorted(str(name) for name, *_shapes in report["mismatched_keys"]),
    }
    if why := [f"{fault}: {listed(names)}" for fault, names in faults.items() if names]:
        raise not_whole(folder, model_class.__name__, "; ".join(why))
    if names := sorted(map(str, report["unexpected_keys"])):
        logger.warning("%s holds weights that are not used: %s", folder, listed(names))
    loaded: M = model
    return loaded


def read_processor(processor_class: type[P], folder: Path) -> P:
    """Load a processor of transformers.

    Raises:
        UserError: The folder misses a file, or holds another processor.
    """
    load: Any = processor_class
    try:
        with _quiet_library():
            processor: P = load.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError) as error:
        raise not_whole(folder, processor_class.__name__, error) from None
    return processor


@contextmanager
def _quiet_library() -> Iterator[None]:
    """Keep transformers from telling, in tables and bars, what is told here in a sentence."""
    from transformers.utils import logging as library  # checkpoints are read without it, too

    verbosity, has_bars = library.get_verbosity(), library.is_progress_bar_enabled()
    library.set_verbosity(logging.CRITICAL)
    library.disable_progress_bar()
    try:
        yield
    finally:
        library.set_verbosity(verbosity)
        if has_bars:
            library.enable_progress_bar()


def not_whole(path: Path, what: str, why: object) -> UserError:
    """Say that a file or folder does not hold what it should, in a library's first sentence."""
    reason = str(why).strip().partition("\n")[0].partition(". ")[0]
    return UserError(
        f"{path} holds no whole {what} ({reason}); fetch it again, or give another path"
    )
