"""Where a student runs."""

from typing import Literal

from lightning_fabric import Fabric

from util.errors import UserError

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


def build_fabric(
    device: Literal["auto", "cpu", "cuda", "mps"], precision: Precision = "32-true"
) -> Fabric:
    """Choose the device; `auto` takes a GPU where there is one.

    Raises:
        UserError: This machine has no such device.
    """
    try:
        return Fabric(accelerator=device, devices=1, precision=precision)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"student.device {device!r} with precision {precision!r} cannot be used here "
            f"({error}); set it to auto or cpu"
        ) from None
