"""A trained student as a teacher of the next one; the one place where teachers know of students."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from student.inference.opening import open_predictor
from student.inference.opening import read_box_settings as read_box_settings
from student.inference.tiles import PredictingLabeller, PredictionSettings
from teacher.findings import Finding
from teacher.settings import resolve_own
from util.config import TeacherSection
from util.errors import UserError


@dataclass(frozen=True)
class TrainedStudent:
    """Answers every prompt alike, since it knows none; a `Teacher`.

    Large images are predicted in tiles whose logits are blended. It finds no boxes of its own.
    """

    labeller: PredictingLabeller

    def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Finding]:
        """Answer all prompts about one image, (H, W, 3) uint8 RGB; see `Teacher`."""
        nothing = np.zeros((0, 4), np.float32)
        for answer in self.labeller.label(image_rgb, prompts):
            yield Finding(
                answer.soft_label, nothing, nothing[:, 0], [], [], None, logits=answer.logits
            )

    def check_prompts(self, prompts: Sequence[str]) -> None:
        """Refuse nothing: a student knows no prompts."""


def load_trained_student(checkpoint: Path, settings: TeacherSection) -> TrainedStudent:
    """Load a student's checkpoint, `.pt` or `.onnx`.

    Raises:
        UserError: It is damaged or of another model, or its logits are not those of its maps.
    """
    predictor = open_predictor(checkpoint, settings.device)
    if settings.logits and predictor.temperature != 1:
        raise UserError(
            f"{checkpoint} was trained with student.temperature {predictor.temperature:g}, so its "
            "maps are not the sigmoid of its logits; set teacher.logits to false, and use no kd"
        )
    return TrainedStudent(PredictingLabeller(predictor, prediction_settings(settings)))


def prediction_settings(settings: TeacherSection) -> PredictionSettings:
    """How images are put before the student.

    Raises:
        UserError: Tiles are too small for their overlap.
    """
    tile_size_px = resolve_own(settings).tile_size_px or 0
    return PredictionSettings(
        tile_size_px, settings.tile_overlap_px, settings.flips, settings.logits
    )
