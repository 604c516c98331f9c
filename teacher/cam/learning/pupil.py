"""A classifier that learns from another one which is trained already."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from teacher.cam.learning.consistency import compares_features
from teacher.cam.network import Answer, ImageClassifier, TrainedClassifier
from teacher.cam.run_files import BEST, FACTS, POSITIVE_LABELS, read_facts
from util.config import ClassifierSection, Consistency
from util.errors import UserError


class Pupil(nn.Module):
    """A classifier that learns, and what turns its features into as many as its teacher has.

    Where the numbers differ that is a linear layer, which learns with it: the code of Zhang and Hsu
    (arXiv 2507.21959) draws one anew for each batch, so that features are compared with noise. It
    has no bias, which could be like the teacher's mean whatever the classifier sees. It serves
    training alone, and is no part of what that comes to, `classifier`.
    """

    def __init__(self, classifier: ImageClassifier, num_features: int) -> None:
        """Put a layer of random weights behind a classifier; draws from torch's seed.

        Args:
            classifier: Learns.
            num_features: So many its features become; of as many they stay as they are.
        """
        super().__init__()
        own = classifier.layout.channels
        is_alike = own == num_features
        self.classifier = classifier
        self.projection = nn.Identity() if is_alike else nn.Conv2d(own, num_features, 1, bias=False)

    def forward(self, images: Tensor) -> Answer:
        """Judge images, (B, 3, H, W) float RGB in [0, 1]."""
        answer = self.classifier.answer(images)
        return Answer(answer.logits, self.projection(answer.features))


def finished_classifier(network: nn.Module) -> ImageClassifier:
    """Take a classifier out of what has trained it."""
    classifier = network.classifier if isinstance(network, Pupil) else network
    assert isinstance(classifier, ImageClassifier)
    return classifier


def find_teacher(section: ClassifierSection, run: Path) -> Path | None:
    """Find the checkpoint of the classifier that another one learns from; None where none does.

    Args:
        section: Names it.
        run: Folder of the run of the one that learns; that of its teacher lies beside.

    Raises:
        UserError: It is missing, no classifier, the same run, or looks for something else.
    """
    if section.teacher is None or not section.is_taught:
        return None
    folder = run.with_name(section.teacher)
    if folder == run:
        raise UserError(
            f"classifier.teacher and classifier.run are both {section.teacher!r}, but none learns "
            "from itself; set classifier.run to another name"
        )
    facts = read_facts(folder)
    if POSITIVE_LABELS not in facts:
        raise UserError(
            f"{folder} has no classifier of images ({BEST}, {FACTS}) to learn from; train it with "
            "teacher/cam/train_classifier.py, or name another run in classifier.teacher"
        )
    if set(facts[POSITIVE_LABELS]) != set(section.positive_labels):
        raise UserError(
            f"the classifier of {folder} looks for {'+'.join(facts[POSITIVE_LABELS])}, but "
            f"classifier.positive_labels are {'+'.join(section.positive_labels)}; set them to the "
            "same, or name another run in classifier.teacher"
        )
    return folder / BEST


@dataclass(frozen=True)
class Lesson:
    """What a classifier learns from another one.

    Attributes:
        teacher: Only answers: it keeps its weights and moments.
        mode: What of its answers is to be matched.
        weight: In the loss, > 0.
    """

    teacher: ImageClassifier
    mode: Consistency
    weight: float

    @classmethod
    def load(cls, section: ClassifierSection, checkpoint: Path, device: torch.device) -> Self:
        """Load a teacher.

        Args:
            section: How it teaches.
            checkpoint: Its own.
            device: Where it answers.

        Raises:
            UserError: The checkpoint is damaged or of something else.
        """
        teacher = TrainedClassifier.load(checkpoint).network.requires_grad_(False).to(device)
        teacher = teacher.to(memory_format=torch.channels_last)  # faster, as in training
        return cls(teacher, section.consistency, section.consistency_weight)

    def enrol(self, classifier: ImageClassifier) -> Pupil:
        """Let a classifier learn from the teacher; draws from torch's seed.

        Raises:
            UserError: What is compared are cells, and those of the two see other areas.
        """
        size_px = classifier.settings.size_px
        strides = (classifier.stride, self.teacher.stride)
        reaches = [-(-size_px // stride) * stride for stride in strides]  # with the padding
        if self.mode != "logits" and reaches[0] != reaches[1]:
            raise UserError(
                f"classifier.size_px is {size_px}, of which the cells of {strides[0]} px of "
                f"{classifier.settings.network} and those of {strides[1]} px of its teacher "
                f"{self.teacher.settings.network} see other areas; set it to a multiple of both"
            )
        matched = self.teacher if compares_features(self.mode) else classifier
        return Pupil(classifier, matched.layout.channels)

    @torch.no_grad()  # inference_mode would give what no gradient of a pupil can be computed with
    def answer(self, images: Tensor) -> Answer:
        """Have the teacher judge images, (B, 3, H, W) float RGB in [0, 1]."""
        return self.teacher.answer(images)
