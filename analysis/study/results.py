"""What a study has found: tables and pictures, ready to be shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.study.advice import Advice


@dataclass(frozen=True, eq=False)
class ArmResults:
    """What one arm has found: one teacher setting, object prompt and student architecture.

    Values that cannot be had are nan, everywhere.

    Attributes:
        name: Such as `object prompt sea, unet`; what is the same in all arms is left out, so it
            is "" for the only arm.
        scores: A row a label set, prompts first: `label_set` (the prompt, or such as `group 1 of
            5: mean`), `kind` (prompt, combination), `target` (on-target, off-target, "" for
            combinations), `strategy`, `size` (prompts combined), `teacher`, `teacher_low`,
            `teacher_high`, `student`, `student_low`, `student_high`, `students` (how many were
            trained), `chance` (score of marking everything), `teacher_empty` and `student_empty`
            (share of the test images in which nothing is marked), `same_as` (the first label set
            with equal maps, else ""), `unknown_words` (that the teacher does not know, else "").
        spread: A row for teacher and student: `who`, `mean`, `sd`, `sd_low`, `sd_high`, `lowest`,
            `highest`; over prompts.
        targets: A row for teacher and student: `who`, `on_target`, `off_target` (mean scores),
            `difference`, `low`, `high`, `share` (of the spread over prompts).
        components: `who`, `component`, `variance`, `low`, `high`, `share`, `share_low`,
            `share_high`; of image-level scores.
        transfer: `statistic` (slope, rank correlation, Kendall's W over seeds), `value`, `low`,
            `high`, `p`.
        comparisons: `family` (such as `prompts, teacher`), `a`, `b`, `difference` (a minus b),
            `low`, `high`, `p`, `p_holm` (adjusted within the family).
        gain: `who`, `strategy`, `size`, `groups` (how many), `score`, `low`, `high`,
            `over_random`, `over_random_low`, `over_random_high`, `over_best`, `over_best_low`,
            `over_best_high`; ends of gains hold for all strategies of a size at once.
        metrics: Every metric of every label set: `label_set`, `who`, `metric`, `score`, `low`,
            `high`, `chance`.
    """

    name: str
    scores: pd.DataFrame
    spread: pd.DataFrame
    targets: pd.DataFrame
    components: pd.DataFrame
    transfer: pd.DataFrame
    comparisons: pd.DataFrame
    gain: pd.DataFrame
    metrics: pd.DataFrame

    @property
    def has_different_prompts(self) -> bool:
        """Whether two prompts or more have label sets that differ, so that wording can matter."""
        is_prompt = self.scores["kind"] == "prompt"
        return bool((is_prompt & (self.scores["same_as"] == "")).sum() > 1)


@dataclass(frozen=True, eq=False)
class Panel:
    """One map in the gallery.

    Attributes:
        title: Such as `bird, teacher`.
        soft_label: (H, W) float32 in [0, 1].
        boxes: Table of its boxes (see `util.bbox_csv`).
    """

    title: str
    soft_label: np.ndarray
    boxes: pd.DataFrame


@dataclass(frozen=True, eq=False)
class GalleryRow:
    """One test image, and what label sets make of it.

    Attributes:
        image_id: Of the image.
        why: Why it is shown, such as `the prompts disagree most` (see `choose_images`).
        image_rgb: (H, W, 3) uint8.
        truths: Table of its true boxes; None where boxes are not judged.
        mask: (H, W) uint8, its true mask, as of `util.images.masks`; None where boxes are judged.
        panels: Maps of label sets, teachers' and students'.
    """

    image_id: str
    why: str
    image_rgb: np.ndarray
    truths: pd.DataFrame | None
    mask: np.ndarray | None
    panels: Sequence[Panel]


@dataclass(frozen=True, eq=False)
class StudyResults:
    """What a study has found.

    Attributes:
        name: Of the study.
        metric: What a score is, such as `box F1 (thesis)`.
        split: Of the test images.
        num_images: Test images.
        design: What was crossed, in words: key to value, such as `prompts`: `bird, gull`.
        arms: One or more; the first is the main one.
        advice: Which prompt or combination of the first arm to use.
        arm_comparisons: As `ArmResults.comparisons`, of mean scores over prompts; empty for one
            arm.
        reliability: `label_set`, `who`, `calibration`, `probability`, `share`, `pixels`, a row a
            bin that has pixels; of the first arm; empty without masks.
        gallery: Images to look at.
        cells: What was run: `kind` (teacher, combination, student), `cell`, `status` (done,
            failed), `reason`, `seconds`, `hash`, `folder`.
        notes: Sentences on what could not be had, and why.
        versions: Of the libraries.
    """

    name: str
    metric: str
    split: str
    num_images: int
    design: Mapping[str, str]
    arms: Sequence[ArmResults]
    advice: Advice
    arm_comparisons: pd.DataFrame
    reliability: pd.DataFrame
    gallery: Sequence[GalleryRow]
    cells: pd.DataFrame
    notes: Sequence[str]
    versions: Mapping[str, str]
