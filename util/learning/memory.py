"""Memory of networks: how it is kept, and which errors mean that it ran out."""

import ctypes
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from util.errors import UserError


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that an allocation failed, on any device."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).casefold()
    has_said = "status_alloc_failed" in text or ("alloc" in text and "memory" in text)
    return isinstance(error, RuntimeError) and has_said


@contextmanager
def refusing_what_is_too_large(what: str, device: torch.device, remedy: str) -> Iterator[None]:
    """Say in a sentence that memory ran out in the block, and free what can be.

    Args:
        what: Does not fit into it.
        device: Whose memory.
        remedy: What to do.

    Raises:
        UserError: Memory ran out.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        traceback.clear_frames(error.__traceback__)  # which hold the tensors, and are held by it
        free_cached_memory()
        raise UserError(f"{what} does not fit into the memory of {device.type}; {remedy}") from None


def free_cached_memory() -> None:
    """Give the memory that torch keeps for itself back to the device."""
    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()


def keep_freed_memory() -> None:
    """Ask glibc not to give large blocks back to the system at once.

    Else each large temporary of a network on the CPU is mapped, cleared and unmapped again, which
    takes up to half of the time. Elsewhere than on glibc this does nothing.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    m_trim_threshold, m_top_pad, m_mmap_threshold = -1, -2, -3  # of malloc.h
    mallopt(m_mmap_threshold, 2**30)
    mallopt(m_trim_threshold, 2**31 - 1)
    mallopt(m_top_pad, 2**26)
