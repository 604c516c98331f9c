"""Where and how a teacher's torch models run: device, precision, batches that fit into memory.

Imported by the backends that need torch, and by nothing else.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal, Protocol, TypeVar

import numpy as np
import torch
from torch import nn

from util.data_classes import Device
from util.errors import UserError
from util.learning.memory import (
    free_cached_memory,
    is_out_of_memory,
    keep_freed_memory,
    refusing_what_is_too_large,
)
from util.running.shares import read_local_rank

logger = logging.getLogger(__name__)

Precision = Literal["fp32", "bf16", "fp16"]
"""The numbers of matrix products; weights and sums stay float32. What training keeps in its runs
under Lightning's names is the same: 32-true, bf16-mixed and 16-mixed."""

Encoding = dict[str, torch.Tensor]
"""What an encoder says about an image, by name; floats are kept in half precision."""


class Encoder(Protocol):
    """Anything that encodes an image into tensors."""

    def encode(self, image_rgb: np.ndarray) -> Encoding:
        """Encode an image, (H, W, 3) uint8 RGB."""
        ...


T = TypeVar("T")
R = TypeVar("R")
M = TypeVar("M", bound=nn.Module)

SMALLER_IMAGES = "set a smaller teacher.working_size_px, or teacher.tile_size_px"
"""What most teachers need where memory runs out."""

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Runtime:
    """The device and the precision that models run with.

    Attributes:
        device: Where they run.
        dtype: What their matrix products are computed in; weights and sums stay float32.
        compiles: Whether `torch.compile` is used on the parts that models name.
    """

    def __init__(
        self, device: Device = "auto", precision: Precision = "fp32", compiles: bool = False
    ) -> None:
        """Choose a device; `auto` takes a GPU where there is one.

        Raises:
            UserError: This machine has no such device.
        """
        accelerator = torch.accelerator.current_accelerator(check_available=True)
        chosen = (accelerator.type if accelerator else "cpu") if device == "auto" else device
        if chosen != "cpu" and (accelerator is None or accelerator.type != chosen):
            raise UserError(f"teacher.device is {device!r}, which this machine lacks; set auto")
        self.device = torch.device(chosen)
        if chosen == "cuda":  # a GPU each for the processes of this machine
            self.device = torch.device("cuda", read_local_rank() % torch.cuda.device_count())
        self.dtype = _DTYPES[precision]
        self.compiles = compiles
        if chosen == "cpu":
            keep_freed_memory()

    def place(self, model: M) -> M:
        """Make a model ready: on the device, for inference alone."""
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        return model.to(self.device).eval().requires_grad_(False)

    def compile(self, module: nn.Module) -> None:
        """Compile a module in place, where that is asked for."""
        if self.compiles:
            module.compile()

    @contextmanager
    def inference(
        self, remedy: str = SMALLER_IMAGES, has_gradients: bool = False
    ) -> Iterator[None]:
        """Run models in: the chosen precision.

        Args:
            remedy: What to do where memory runs out.
            has_gradients: Whether gradients can be asked for.

        Raises:
            UserError: Memory ran out in the block.
        """
        mixed = torch.autocast(
            self.device.type, self.dtype, enabled=self.dtype is not torch.float32
        )
        whole = refusing_what_is_too_large("the image", self.device, remedy)
        with whole, torch.inference_mode(not has_gradients), mixed:
            yield


class Batches:
    """Works through items in batches; when memory runs out, in batches of half the size.

    The smaller size is kept for what comes later, and said once.
    """

    def __init__(self, size: int, what: str) -> None:
        self.size = size
        self.what = what

    def map(self, work: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T]) -> list[R]:
        """Do the work on all items.

        Args:
            work: Gets some of the items, gives a result for each.
            items: Cut into batches, in order.

        Returns:
            One result an item, in order.

        Raises:
            RuntimeError: Memory ran out on a single item.
        """
        results: list[R] = []
        while len(results) < len(items):
            batch = items[len(results) : len(results) + self.size]
            try:
                results += work(batch)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or len(batch) == 1:
                    raise
                self.size = len(batch) // 2
            else:
                continue
            free_cached_memory()  # outside of `except`, which holds the failed work's tensors
            logger.warning(
                "out of memory with %d %s at once; going on with %d",
                len(batch),
                self.what,
                self.size,
            )
        return results


def refuse_strip(image_rgb: np.ndarray, longest_px: int, model: str) -> None:
    """Refuse an image, (H, W, 3) uint8, of whose short side a model would see no pixel.

    Args:
        image_rgb: The image.
        longest_px: What the model resizes a long side to.
        model: Its name, for the error.

    Raises:
        UserError: The image is such a strip.
    """
    height, width = image_rgb.shape[:2]
    if max(height, width) > longest_px * min(height, width):
        raise UserError(
            f"the image has {width} x {height} pixels, too long a strip for {model}; cut it"
        )


def check_finite(values: torch.Tensor, model: str) -> torch.Tensor:
    """Pass on what a model has answered.

    Raises:
        UserError: It is not all finite numbers.
    """
    if not torch.isfinite(values).all():
        raise UserError(
            f"{model} has answered with NaN or infinity; try teacher.precision bf16 or fp32"
        )
    return values


def to_half(features: Mapping[str, torch.Tensor], model: str) -> Encoding:
    """Keep what an image encoder says in half precision, values beyond its range at its ends.

    Done whether or not an encoding goes to the cache, so that the cache changes no result.

    Raises:
        UserError: Not all is finite.
    """
    largest = torch.finfo(torch.float16).max
    return {
        name: check_finite(feature, model).clamp(-largest, largest).half()
        for name, feature in features.items()
    }


@contextmanager
def replaying(module: nn.Module, result: object) -> Iterator[None]:
    """Let a module return a kept result instead of computing it, so that encoders run once."""
    module.forward = lambda *_args, **_kwargs: result
    try:
        yield
    finally:
        del module.forward
