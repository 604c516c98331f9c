"""What is seen of one image: the answer to each prompt, their combination, where they agree."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

import numpy as np

from analysis.explorer.answering import Answers
from analysis.explorer.choice import Choice
from analysis.explorer.pictures import Pictures
from teacher.findings import Finding, Rejection
from teacher.plans import TeacherPlan
from util.config import CombinationSection
from util.data_classes import BoxSettings
from util.errors import UserError
from util.label_set import Content
from util.masks_to_bboxes import soft_label_to_boxes
from util.multi_teacher.agreement import vote_fraction
from util.multi_teacher.strategies import build_combination

Planner = Callable[[Sequence[str]], TeacherPlan]
"""Plans the label sets of some prompts, or of a teacher without any; loads nothing."""


@dataclass(frozen=True)
class Panel:
    """A map with its boxes, and what was dropped.

    Attributes:
        title: Of the panel.
        soft_label: (H, W) float32 in [0, 1]; None = there is none.
        boxes_xyxy: (N, 4) float, pixels of the image.
        scores: (N,) float in [0, 1].
        labels: What each of the N boxes reads as; '' of a box that was found in the map.
        dropped: The best boxes that do not count, and why.
        note: What the map shows, or why there is none.
        is_boxed: Whether boxes are looked for in it.
    """

    title: str
    soft_label: np.ndarray | None = None
    boxes_xyxy: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    scores: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    labels: Sequence[str] = ()
    dropped: Sequence[Rejection] = ()
    note: str = ""
    is_boxed: bool = True


@dataclass(frozen=True)
class View:
    """What is seen of an image.

    Attributes:
        size_hw: Of the image, in pixels.
        panels: The combination of all prompts and where they agree, then one a prompt, or a label
            set of a teacher without prompts.
        remarks: What users should know of the answers, a sentence each.
        has_asked: Whether a model was asked; else all was remembered.
        seconds: How long it took.
    """

    size_hw: tuple[int, int]
    panels: list[Panel]
    remarks: list[str]
    has_asked: bool
    seconds: float


class Explorer:
    """Answers choices, one at a time, since models are asked one thing at a time."""

    def __init__(
        self,
        pictures: Pictures,
        answers: Answers,
        plan: Planner,
        boxes: BoxSettings,
        combination: CombinationSection,
    ) -> None:
        """Keep what does not change.

        Args:
            pictures: The images.
            answers: Of the teacher.
            plan: Plans its label sets.
            boxes: How boxes are found in the combined map, but for the threshold.
            combination: What is not chosen of it.
        """
        self.pictures = pictures
        self.plan = plan
        self.answers = answers
        self._boxes = boxes
        self._combination = combination
        self._lock = Lock()

    def look(self, choice: Choice) -> View:
        """Answer a choice; remembered answers are laid out anew, and no model is asked.

        Raises:
            UserError: There is no such image, or it cannot be labelled; or prompts cannot be
                answered.
        """
        with self._lock:
            start, asked = time.perf_counter(), self.answers.times_asked
            image = self.pictures.read(choice.image)
            plan = self.plan(choice.prompts)
            names = list(plan.label_sets)
            contents = self.answers.label(image, names, choice.thresholds)
            panels = [_show(name, each) for name, each in zip(names, contents, strict=True)]
            maps = [each.soft_label for each in contents if each.soft_label is not None]
            together = list(self._join(maps, choice)) if maps else []
            scenes = (each.scene for each in contents if isinstance(each, Finding))
            of_scene = [remark for scene in scenes if scene for remark in scene.remarks]
            return View(
                size_hw=(image.shape[0], image.shape[1]),
                panels=[*together, *panels],
                remarks=list(dict.fromkeys([*plan.remarks, *of_scene])),
                has_asked=self.answers.times_asked > asked,
                seconds=time.perf_counter() - start,
            )

    def box_settings(self, choice: Choice) -> BoxSettings:
        """Say how boxes are found in maps by a choice."""
        return replace(self._boxes, threshold=choice.threshold)

    def maps(self, image_name: str, choice: Choice) -> list[np.ndarray]:
        """The maps of an image for the prompts and thresholds of a choice, all (H, W) float32."""
        with self._lock:
            image = self.pictures.read(image_name)
            names = list(self.plan(choice.prompts).label_sets)
            contents = self.answers.label(image, names, choice.thresholds)
        return [each.soft_label for each in contents if each.soft_label is not None]

    def _join(self, maps: Sequence[np.ndarray], choice: Choice) -> Iterator[Panel]:
        """Combine maps, find the boxes in that, and say where they agree."""
        strategy, note = choice.strategy, ""
        if strategy == "configured":
            strategy = "mean"
            note = f"stands in for {self._combination.strategy}, which one image does not tell"
        changes = {"strategy": strategy, "min_votes": choice.min_votes}
        settings = self._combination.model_copy(update=changes)
        title = f"All together: {strategy.replace('_', ' ')}"
        try:
            combined = build_combination(settings, len(maps))(maps)
        except UserError as error:
            yield Panel(title, note=str(error))
        else:
            boxes = soft_label_to_boxes(combined, self.box_settings(choice))
            labels = [""] * len(boxes.confidences)
            yield Panel(title, combined, boxes.boxes_xyxy, boxes.confidences, labels, note=note)
        note = f"the share of the {len(maps)} maps that are above 0 at a pixel"
        yield Panel("Where they agree", vote_fraction(maps), note=note, is_boxed=False)


def _show(name: str, content: Content) -> Panel:
    """Show what a teacher has answered for a prompt or label set."""
    if isinstance(content, Finding):
        return Panel(
            name,
            content.soft_label,
            content.boxes_xyxy,
            content.scores,
            content.phrases,
            content.rejections,
        )
    if content.boxes is None:
        return Panel(name, content.soft_label)
    found = content.boxes
    labels = found.classes or [""] * len(found.confidences)
    note = "" if content.soft_label is not None else "a detector gives boxes and no map"
    return Panel(name, content.soft_label, found.boxes_xyxy, found.confidences, labels, note=note)
