"""Models of transformers, read safely and whole from a folder as the hub has it."""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from torch import nn

from util.disk.whole_files import read_json
from util.errors import UserError, listed
from util.learning.tensors import not_whole

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=nn.Module)
P = TypeVar("P")


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
    except (UnpicklingError, EOFError):
        trouble = "its weights hold more than tensors, or are damaged"
        raise not_whole(folder, model_class.__name__, trouble) from None
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
