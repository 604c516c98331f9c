"""SAM 3 that is asked each phrase once of an image, and then judged by any thresholds."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from teacher.findings import Finding, Rejection
from teacher.saa.algorithm import SHOWN_REJECTIONS, shrink_to
from teacher.saa.remembered_models import Memory
from teacher.sam3.segment_anything_3 import Instances, SegmentAnything3, pool_instances
from util.prompts import prompt_to_phrases

MOST_INSTANCES = 200
"""All that SAM 3 gives for a phrase."""


class RememberedSam3:
    """SAM 3 over what it has said before; a `FindingTeacher` that tells what it drops, too.

    Attributes:
        settings: Which instances count; they may be replaced at any time, by thresholds of scores
            above the lowest one.
    """

    def __init__(self, teacher: SegmentAnything3, memory: Memory, lowest: float) -> None:
        """Take over a teacher.

        Args:
            teacher: Is asked for all instances from now on.
            memory: Of its answers.
            lowest: Instances of a lower score are not remembered.
        """
        self.settings = teacher.settings
        teacher.settings = replace(
            teacher.settings,
            box_threshold=lowest,
            min_area=0.0,
            area_threshold=1.0,
            max_masks=MOST_INSTANCES,
        )
        self._teacher = teacher
        self._memory = memory

    def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Finding]:
        """Answer all prompts about one image, (H, W, 3) uint8 RGB; see `SegmentAnything3`."""
        self.check_prompts(prompts)
        groups = [prompt_to_phrases(prompt) for prompt in prompts]
        image = shrink_to(image_rgb, self.settings.working_size_px)
        remembered = self._memory.of(image)
        known = remembered.instances
        new = [p for p in dict.fromkeys(p for group in groups for p in group) if p not in known]
        if new:
            self._memory.times_asked += 1
            encoding = remembered.encoding("teacher", self._teacher.encoder.encode)
            known |= dict(zip(new, self._teacher.detect_masks(encoding, new), strict=True))
        size_hw = (image_rgb.shape[0], image_rgb.shape[1])
        return (self._judge([(p, known[p]) for p in group], size_hw) for group in groups)

    def check_prompts(self, prompts: Sequence[str]) -> None:
        """Refuse prompts of more tokens than the model reads; see `Teacher`."""
        self._teacher.check_prompts(prompts)

    def _judge(self, found: Sequence[tuple[str, Instances]], size_hw: tuple[int, int]) -> Finding:
        """Lay out what counts of a prompt, and tell what does not."""
        counting, rejections = [], list[Rejection]()
        scale_xyxy = np.array([size_hw[1], size_hw[0]] * 2, np.float32)
        for phrase, instances in found:
            reasons = self._find_reasons(instances)
            counting.append((phrase, _take(instances, reasons == "")))
            rejections += [
                Rejection(
                    instances.boxes_relative[i] * scale_xyxy,
                    float(instances.scores[i]),
                    phrase,
                    str(reasons[i]),
                )
                for i in np.flatnonzero(reasons != "")
            ]
        best = sorted(rejections, key=lambda each: -each.score)[:SHOWN_REJECTIONS]
        finding = pool_instances(counting, self.settings.max_masks, size_hw)
        return replace(finding, rejections=tuple(best))

    def _find_reasons(self, instances: Instances) -> np.ndarray:
        """(N,) str, why an instance does not count; '' for those that do."""
        widths, heights = (instances.boxes_relative[:, 2:] - instances.boxes_relative[:, :2]).T
        areas = widths * heights
        return np.select(
            [
                instances.scores <= self.settings.box_threshold,
                areas <= self.settings.min_area,
                areas > self.settings.area_threshold,
            ],
            ["low score", "too small", "too large"],
            default="",
        )


def _take(instances: Instances, counts: np.ndarray) -> Instances:
    """Take some of N instances, (N,) bool."""
    return Instances(
        instances.boxes_relative[counts],
        instances.scores[counts],
        instances.mask_probabilities[counts],
    )
