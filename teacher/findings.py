"""What teachers give for an image and a prompt, and the Protocols of teachers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from teacher.inference.crop_masks import CropMask
from util.label_set import Content


@dataclass(frozen=True)
class Rejection:
    """A box that a detector offered and that does not count.

    Attributes:
        box_xyxy: (4,) float32, pixels of the image, x1/y1 exclusive.
        score: In [0, 1].
        phrase: What it reads as.
        reason: Why it does not count, in a word or two.
    """

    box_xyxy: np.ndarray
    score: float
    phrase: str
    reason: str


@dataclass(frozen=True)
class Scene:
    """What was found of the normal scene of an image; the same for all prompts.

    Attributes:
        prompt: What was asked for.
        boxes_xyxy: (N, 4) float32 boxes that read as it, pixels of the image, x1/y1 exclusive.
        scores: (N,) float32 in [0, 1].
        is_object: (N,) bool, whether a box is one of its objects, or of another size.
        area: Share of the image in (0, 1]; the largest area of an anomaly is a share of this.
        remarks: What did not go as asked, a sentence each.
    """

    prompt: str
    boxes_xyxy: np.ndarray
    scores: np.ndarray
    is_object: np.ndarray
    area: float
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Finding(Content):
    """What a teacher found for one prompt in one image, and why; all in pixels of that image.

    What explains it is for previews, and goes into no label set.

    Attributes:
        boxes_xyxy: (N, 4) float32 boxes that the soft label is made of, x1/y1 exclusive.
        scores: (N,) float32 in [0, 1], the detector's score of each box.
        phrases: What each of the N boxes reads as.
        masks: The outline in each of the N boxes.
        saliency: float32 in [0, 1] over the image, of a size of its own, the same for all prompts;
            None for teachers without.
        rejections: The best boxes that do not count, best first: why a prompt finds nothing.
        scene: The normal scene; None for teachers that are asked for none.
    """

    soft_label: np.ndarray
    boxes_xyxy: np.ndarray
    scores: np.ndarray
    phrases: list[str]
    masks: list[CropMask]
    saliency: np.ndarray | None = None
    rejections: tuple[Rejection, ...] = ()
    scene: Scene | None = None


class Teacher(Protocol):
    """A `Labeller` that can be asked for label sets by name, of which it may refuse some."""

    def label(self, image_rgb: np.ndarray, names: Sequence[str], /) -> Iterator[Content]:
        """Label one image, (H, W, 3) uint8 RGB, for some label sets.

        A model that is asked for all of them together has done its work when this returns; the
        maps are laid out one by one, so that one map is in memory at a time. Where each label set
        has a model of its own, that is asked in its turn, and fails it alone. A `Finding` tells a
        preview why.

        Raises:
            UserError: The image cannot be labelled: it does not fit into memory, or a model has
                answered with NaN.
        """
        ...

    def check_prompts(self, prompts: Sequence[str], /) -> None:
        """Refuse prompts that no image can be labelled for; asks no model.

        Raises:
            PromptError: Prompts are longer than the model can read; all of them are named.
        """
        ...


class FindingTeacher(Teacher, Protocol):
    """A teacher that says why it answers so."""

    def label(self, image_rgb: np.ndarray, names: Sequence[str], /) -> Iterator[Finding]:
        """Answer all prompts about one image; see `Teacher`."""
        ...
