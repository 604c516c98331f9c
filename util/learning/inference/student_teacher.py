"""What the config says of a trained student that is a teacher; needs no torch."""

from pathlib import Path

from util.config import TeacherSection
from util.errors import UserError
from util.learning.inference.tiles import PredictionSettings

TILE_SIZE_PX = 1024
"""Side of tiles where the config leaves it to the student, as in student/predict.py."""


def find_checkpoint(settings: TeacherSection) -> Path:
    """Find the checkpoint of the student that is the teacher.

    Raises:
        UserError: None is named, or there is no such file.
    """
    if settings.checkpoint is None:
        raise UserError(
            "teacher.checkpoint is null, and the teacher is a student; expected the best.pt of a "
            "run of student/train.py, or an .onnx of student/export.py"
        )
    if settings.checkpoint.is_dir():
        raise UserError(
            f"the checkpoint {settings.checkpoint} is a folder; set teacher.checkpoint to the file "
            "in it, such as best.pt"
        )
    if not settings.checkpoint.is_file():
        raise UserError(
            f"the checkpoint {settings.checkpoint} does not exist; set teacher.checkpoint"
        )
    return settings.checkpoint


def name_label_set(settings: TeacherSection) -> str:
    """Name the folder of the label set that the student makes.

    Raises:
        UserError: Nothing names it: there is no such checkpoint, or no folder round it.
    """
    name = settings.label_set or find_checkpoint(settings).parent.name.replace("+", "_")
    if not name:
        raise UserError(
            f"{settings.checkpoint} lies in no folder that could name its label set; set "
            "teacher.label_set"
        )
    return name


def prediction_settings(settings: TeacherSection, logits: bool) -> PredictionSettings:
    """Say how images are put before the student, and whether its logits are kept.

    Raises:
        UserError: Tiles are too small for their overlap.
    """
    size_px = TILE_SIZE_PX if settings.tile_size_px is None else settings.tile_size_px
    try:
        return PredictionSettings(size_px, settings.tile_overlap_px, settings.flips, logits)
    except UserError as error:
        raise UserError(f"teacher.{error}") from None
