"""What a study could not have, or found to be void: sentences for its report."""

import math
from collections.abc import Iterator, Sequence

from analysis.study.arms import Arm
from analysis.study.combined_counts import SLOW_TO_LEARN
from analysis.study.design import Design
from analysis.study.statistics.comparisons import SIGNIFICANT
from analysis.work.contents import find_twins
from analysis.work.judging import Judge
from analysis.work.running import Outcomes
from util.errors import listed
from util.metrics.groups import FEW
from util.words import count_of

FEW_TRAININGS = 3
"""So many tell little about how much others would vary."""


def find_notes(
    arms: Sequence[Arm], design: Design, judge: Judge, outcomes: Outcomes
) -> Iterator[str]:
    """Say what could not be had, and why; of several arms, of the first and how others differ."""
    yield from _note_cells(outcomes)
    yield from _note_void(arms[0])
    yield from _note_equal_arms(arms)
    yield from _note_students(arms[0], design)
    yield from _note_statistics(arms[0], len(judge.image_groups))
    groups, num_images = judge.image_groups, len(judge.image_ids)
    if num_images == 1:
        yield "There is one test image: no interval over images can be had, and no p."
    elif len(groups) < max(num_images, FEW):
        yield groups.describe_intervals()
    if len(groups) < num_images:
        yield "Variance components take each group of images (data.groups) as one image."
    if judge.masks is None:
        yield "Without true masks (data.masks) there are no pixel metrics and no calibration."


def _note_cells(outcomes: Outcomes) -> Iterator[str]:
    """What failed."""
    failed = [cell.name for cell, outcome in outcomes.items() if outcome.status == "failed"]
    if failed:
        yield f"{len(failed)} of {len(outcomes)} cells failed: {listed(failed)}; see the appendix."
    partly = [cell.name for cell, each in outcomes.items() if each.status == "done" and each.reason]
    if partly:
        yield f"Some of the work of {listed(partly)} failed; see the reasons in the appendix."


def _note_void(arm: Arm) -> Iterator[str]:
    """Words that the teacher does not know, empty label sets, and equal ones."""
    unknown = {name: facts.get("unknown_words", ()) for name, facts in arm.facts.items()}
    if lacking := [f"{name} ({', '.join(words)})" for name, words in unknown.items() if words]:
        yield (
            f"The teacher does not know words of {len(lacking)} of {len(arm.asked)} prompts: "
            f"{listed(lacking, 20)}."
        )
    if vague := [name for name, facts in arm.facts.items() if facts.get("is_any_object")]:
        yield f"It answers {listed(vague, 20)} with any salient object, for want of a known word."
    silent = [name for name in arm.asked if arm.teachers[name]["is_empty"].all()]
    if silent and arm.metric.needs == "boxes":
        yield f"The teacher finds nothing in any test image for {listed(silent, 20)}."
    elif silent:
        yield (
            f"Maps of {listed(silent, 20)} nowhere pass the threshold of boxes, which average "
            "precision does not ask for."
        )
    if arm.same_as:
        twins = [f"{name} = {first}" for name, first in arm.same_as.items()]
        yield (
            f"Label sets with equal maps are one: {listed(twins, 20)}. They share their students "
            "and count once in comparisons, correlations and variances."
        )


def _note_equal_arms(arms: Sequence[Arm]) -> Iterator[str]:
    """Arms that are not compared since they have the same teacher or students."""
    told = {arm.name: (tuple(arm.contents.items()), arm.learnt_by) for arm in arms}
    for name, twin in find_twins(told).items():
        yield f"{name} has the same label sets as {twin}: they are not compared."


def _note_students(arm: Arm, design: Design) -> Iterator[str]:
    """What cannot be said of students."""
    if not design.training_seeds:
        yield "No student was asked for (study.training_seeds is empty)."
    elif arm.student_draws is not None and not arm.student_draws.has_seed_noise:
        yield (
            "Each student was trained with one seed: what training adds cannot be told from what "
            "the prompt does, and the students' intervals hold for these trained networks only."
        )
    elif arm.student_draws is not None and len(arm.prompts) > 1:
        yield "Kendall's W has no interval, only a p value."
        if (few := min(len(arm.students[name]) for name in arm.learnt)) <= FEW_TRAININGS:
            yield (
                f"The noise of seeds is known from {few} trainings of a label set only: small "
                "differences between students cannot be told from it."
            )


def _note_statistics(arm: Arm, num_drawn: int) -> Iterator[str]:
    """What the numbers of prompts and of images, or groups of them, do not allow."""
    pairs, resamples = math.comb(len(arm.prompts), 2), arm.metric.num_resamples
    smallest = max(1 / (1 + resamples), 2.0 ** (1 - num_drawn))  # see `shifted_p_value`
    if num_drawn > 1 and pairs * smallest > SIGNIFICANT:
        yield (
            f"No pair of prompts can be told apart after Holm's adjustment: for "
            f"{count_of(pairs, 'pair')} p has to be below {SIGNIFICANT / pairs:.2g}, and "
            f"{resamples} resamples of {num_drawn} images or groups of them give none below "
            f"{smallest:.2g}."
        )
    if len(arm.prompts) < 3:
        yield "Slope and rank correlation need three prompts or more that differ."
    if left_out := SLOW_TO_LEARN.intersection(s.strategy for s in arm.sources):
        yield f"The curve over sizes leaves out {', '.join(sorted(left_out))}, slow to learn anew."
