"""Pickles of arrays, such as detectron2 publishes, read without running code that they name."""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

_CORE = {
    ("multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("multiarray", "scalar"): np.float64(0).__reduce__()[0],
    ("numeric", "_frombuffer"): np.empty(0).__reduce_ex__(5)[0],
}
"""What arrays and numbers of numpy are made by."""

_ADMITTED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    # The packages of numpy 1 and 2.
    **{(f"numpy.core.{module}", name): made for (module, name), made in _CORE.items()},
    **{(f"numpy._core.{module}", name): made for (module, name), made in _CORE.items()},
}
"""All that a pickle may call, by the module and name that it writes."""


class _Arrays(pickle.Unpickler):
    """Makes arrays, ordered dicts and what Python has without imports; refuses all else."""

    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) == ("_codecs", "encode"):  # bytes, in the older protocols
            return _encode
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}") from None


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it has bytes as {encoding}")
    return text.encode("latin1")


def read_array_pickle(path: Path) -> Any:
    """Read arrays, numbers and texts in lists and dicts.

    Raises:
        pickle.UnpicklingError: It names anything else, or is damaged.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        try:
            return _Arrays(file).load()
        except (pickle.UnpicklingError, OSError):
            raise
        except Exception as error:  # anything can come out of a file that is not to be trusted
            raise pickle.UnpicklingError(f"it is damaged: {error}") from None
