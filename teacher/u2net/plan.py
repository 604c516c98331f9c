"""U²-Net as the config has it: one label set of its own maps."""

from collections.abc import Iterator, Sequence

import numpy as np

from teacher.inference.u2net import U2Net
from teacher.plans import PlannedSet, TeacherPlan, describe_teacher, name_by_weights
from util.config import TeacherSection, U2NetSection
from util.data_classes import BoxSettings
from util.label_set import Content
from util.weights.known import default_model

VERSION = 1
"""Counts up whenever the same weights and settings give other maps."""

PART = "map"


class U2NetTeacher:
    """The map of the network as it is, the same whatever is asked for; a `Teacher`."""

    def __init__(self, network: U2Net) -> None:
        self._network = network

    def label(self, image_rgb: np.ndarray, names: Sequence[str], /) -> Iterator[Content]:
        """Say how much each pixel of an image, (H, W, 3) uint8 RGB, stands out."""
        content = Content(self._network.predict(image_rgb))
        return (content for _ in names)

    def check_prompts(self, prompts: Sequence[str], /) -> None:
        """Refuse nothing: the network knows no prompts."""


def plan(teacher: TeacherSection, section: U2NetSection, *_: object) -> TeacherPlan:
    """Plan the one label set, `MODEL-saliency`."""
    name = f"{name_by_weights(section.model or default_model(PART, 'u2net').name)}-saliency"
    return TeacherPlan(
        label_sets={name: PlannedSet(name, lambda: BoxSettings(object_class="salient"))},
        describe=lambda models: describe_teacher(teacher, section, models, VERSION),
        load=lambda models, _: U2NetTeacher(U2Net(models[PART])),
        weights={PART: ("u2net", section.model)},
    )
