"""Which errors of torch mean that memory ran out."""

import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that an allocation failed, on any device."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).casefold()
    has_said = "status_alloc_failed" in text or ("alloc" in text and "memory" in text)
    return isinstance(error, RuntimeError) and has_said
