"""Where an exported network goes, and whether it can be made here."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from student.inference.label_sets import folder_beside
from util.errors import UserError


def choose_output(asked: Path | None, checkpoint: Path, usual_stem: str) -> Path:
    """Choose where the float32 file goes: as asked for, or beside the checkpoint.

    Other checkpoints than best.pt have theirs apart, as their predictions have.

    Raises:
        UserError: The checkpoint is exported already, or the name does not end in .onnx.
    """
    if checkpoint.suffix == ".onnx":
        raise UserError(
            f"the checkpoint {checkpoint} is exported already; give the .pt that it was made of"
        )
    beside = folder_beside(checkpoint, usual_stem)
    output = asked or beside.with_name(f"{beside.name}.onnx")
    if output.suffix != ".onnx":
        raise UserError(f"export.output is {output}; expected a name that ends in .onnx")
    return output


@contextmanager
def needing_exporter() -> Iterator[None]:
    """Say in one sentence that a library is not installed that what is imported here needs."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(
            f"exporting needs {error.name}, which is not installed; run `python -m pip install "
            "--no-deps -r requirements.txt`"
        ) from None
