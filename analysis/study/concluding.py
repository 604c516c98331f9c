"""From finished cells to the results of a study."""

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.study.arm_tables import COMPARISON_COLUMNS, analyse_arm, stack
from analysis.study.arms import Arm, draw_students, draw_teachers
from analysis.study.cells import predictions
from analysis.study.comparisons import SIGNIFICANT, compare_pairs
from analysis.study.curve import LEARNS_FROM_ALL_IMAGES
from analysis.study.design import Design
from analysis.study.draws import Draws
from analysis.study.examples import choose_gallery
from analysis.study.measuring import Counts, Judge, count_label_set
from analysis.study.planning import Plan
from analysis.study.results import StudyResults
from analysis.study.running import Outcomes
from analysis.study.scoring import Metric, find_judged_metric, resampled_for_pairs
from util.config import Config
from util.errors import UserError, listed
from util.image_files import find_images
from util.label_set import LabelSet
from util.pixel_metrics import PixelHistogram, reliability
from util.progress import track
from util.settings import library_versions

FEW_TRAININGS = 3
"""So many tell little about how much others would vary."""


def conclude(
    config: Config,
    design: Design,
    plan: Plan,
    outcomes: Outcomes,
    judge: Judge,
    num_threads: int = 1,
) -> StudyResults:
    """Judge what the cells have made and gather what the study has found.

    Raises:
        UserError: Not a single label set of a prompt could be made, or the score is undefined.
    """
    made, judge, notes = keep_common_images(judge, find_made(plan, outcomes))
    store = config.paths.cells / "counts"
    with ThreadPoolExecutor(num_threads) as threads:
        counted = threads.map(lambda folder: count_label_set(folder, judge, store), made)
        counts = dict(zip(made, track(counted, "counting", len(made), "set"), strict=True))
    metric = find_judged_metric(judge, config.study)
    metric = resampled_for_pairs(metric, design.largest_family, len(counts))
    arms = [arm for arm in build_arms(design, plan, counts, metric) if arm.prompts]
    if not arms:
        reasons = {outcome.reason for outcome in outcomes.values() if outcome.reason}
        raise UserError(f"no label set of a prompt could be made: {listed(sorted(reasons))}")
    main = arms[0]
    if np.isnan(main.teacher_draws.estimate).all():
        raise UserError(f"{metric.name} is undefined: the test images have nothing to be found")
    return StudyResults(
        name=config.study.name,
        metric=metric.name,
        num_images=len(judge.image_ids),
        design=design.in_words() | {"intervals over": judge.image_groups.in_words},
        arms=[analyse_arm(arm, judge, config) for arm in arms],
        arm_comparisons=compare_arms(arms),
        reliability=tabulate_reliability(main, judge),
        gallery=choose_gallery(main, judge, find_images(config.data.images)),
        cells=tabulate_cells(outcomes),
        notes=[*notes, *find_notes(main, design, judge, outcomes)],
        settings=config.model_dump(mode="json"),
        versions=library_versions(),
    )


def find_made(plan: Plan, outcomes: Outcomes) -> list[Path]:
    """Folders of the label sets that could be made: of teachers, combinations and students."""
    places = [(place.folder, place.maker) for place in plan.label_sets.values()]
    places += [(predictions(cell), cell) for cell in plan.students]
    return [folder for folder, maker in places if outcomes[maker].status == "done"]


def keep_common_images(
    judge: Judge, folders: Sequence[Path]
) -> tuple[list[Path], Judge, list[str]]:
    """Judge the test images that all label sets have; leave out label sets that have none.

    Returns:
        The label sets, what judges them, and notes on what is left out.

    Raises:
        UserError: No test image is left.
    """
    notes = []
    ids = {folder: set(LabelSet(folder).ids).intersection(judge.image_ids) for folder in folders}
    if empty := [folder.name for folder in folders if not ids[folder]]:
        notes.append(f"These label sets have no test image and are left out: {listed(empty)}.")
    kept = [folder for folder in folders if ids[folder]]
    common = set(judge.image_ids).intersection(*(ids[folder] for folder in kept))
    if not common:
        raise UserError("no test image has a map in every label set; see the logs of the cells")
    if lost := [image_id for image_id in judge.image_ids if image_id not in common]:
        notes.append(
            f"{len(lost)} test images are left out, since label sets lack them: {listed(lost)}."
        )
    return kept, judge.only(common), notes


def build_arms(
    design: Design, plan: Plan, counts: Mapping[Path, Counts], metric: Metric
) -> list[Arm]:
    """Sort the counts by teacher and student architecture."""
    arms = []
    for variant, architecture in product(design.variants, design.architectures):
        words = [variant.name] * (len(design.variants) > 1)
        words += [architecture] * (len(design.architectures) > 1)
        folders = {s.name: plan.label_sets[variant.name, s.name].folder for s in design.sources}
        there = [source for source in design.sources if folders[source.name] in counts]
        students = {}
        for source in there:
            runs = plan.runs[variant.name, source.name, architecture]
            found = {seed: counts.get(predictions(cell)) for seed, cell in runs.items()}
            students[source.name] = {s: each for s, each in found.items() if each is not None}
        arms.append(
            Arm(
                name=", ".join(words),
                sources=there,
                off_target=design.off_target,
                folders=folders,
                runs={s.name: plan.runs[variant.name, s.name, architecture] for s in there},
                teachers={source.name: counts[folders[source.name]] for source in there},
                students=students,
                metric=metric,
            )
        )
    return arms


def compare_arms(arms: Sequence[Arm]) -> pd.DataFrame:
    """Compare mean scores over the prompts that all arms have, teachers and students."""
    if len(arms) < 2:
        return stack([], COMPARISON_COLUMNS)
    of_teachers: dict[tuple[Path, ...], Arm] = {}
    for arm in arms:  # those that differ in their students alone have the same teacher
        of_teachers.setdefault(tuple(arm.folders.values()), arm)
    with_students = [arm for arm in arms if arm.learnt]
    tables = []
    for who, compared in (("teachers", list(of_teachers.values())), ("students", with_students)):
        draws = draw_means(compared, who) if len(compared) > 1 else None
        if draws is not None:
            tables.append(compare_pairs(draws).assign(family=f"mean over prompts, {who}"))
    return stack(tables, COMPARISON_COLUMNS)


def draw_means(arms: Sequence[Arm], who: str) -> Draws | None:
    """Draw each arm's mean score over the prompts that all have; None if they have none."""
    names = set(arms[0].prompts).intersection(
        *(arm.prompts if who == "teachers" else arm.learnt for arm in arms)
    )
    if not names:
        return None
    # Of all arms at once, so that their trainings vary independently.
    keys = [(arm, name, f"{arm.name}: {name}") for arm in arms for name in sorted(names)]
    if who == "teachers":
        draws = draw_teachers({k: arm.teachers[name] for arm, name, k in keys}, arms[0].metric)
    else:
        draws = draw_students({k: arm.students[name] for arm, name, k in keys}, arms[0].metric)
    shape = (len(arms), len(names))
    return Draws(
        tuple(arm.name for arm in arms),
        draws.estimate.reshape(shape).mean(axis=1),
        draws.draws.reshape(-1, *shape).mean(axis=2),
    )


def tabulate_reliability(arm: Arm, judge: Judge) -> pd.DataFrame:
    """How far probabilities are shares of anomalous pixels, for each source and its students."""
    columns = ["label_set", "who", "calibration", "probability", "share", "pixels"]
    tables = []
    for source in arm.sources if judge.masks is not None else []:
        sides = {"teacher": [arm.teachers[source.name]]}
        sides["student"] = list(arm.students[source.name].values())
        for who, counts in sides.items():
            if counts:
                levels = np.sum([each["levels"] for each in counts], axis=0)
                bins = reliability(PixelHistogram(*levels))
                named = bins[bins["pixels"] > 0].assign(label_set=source.name, who=who)
                tables.append(named.assign(calibration=source.calibration))
    return stack(tables, columns)


def tabulate_cells(outcomes: Outcomes) -> pd.DataFrame:
    """What was run, how it went, and where it lies."""
    rows = [
        (c.kind, c.name, o.status, o.reason, o.seconds, c.hash, str(c.folder))
        for c, o in outcomes.items()
    ]
    columns = ["kind", "cell", "status", "reason", "seconds", "hash", "folder"]
    return pd.DataFrame(rows, columns=columns)


def find_notes(arm: Arm, design: Design, judge: Judge, outcomes: Outcomes) -> Iterator[str]:
    """Say what could not be had, and why."""
    failed = [cell.name for cell, outcome in outcomes.items() if outcome.status == "failed"]
    if failed:
        yield f"{len(failed)} of {len(outcomes)} cells failed: {listed(failed)}; see the appendix."
    partly = [cell.name for cell, each in outcomes.items() if each.status == "done" and each.reason]
    if partly:
        yield f"Some images failed in {listed(partly)}; see the reasons in the appendix."
    if len(judge.image_ids) == 1:
        yield "There is one test image: no interval over images can be had."
    elif len(judge.image_groups) < len(judge.image_ids):
        yield judge.image_groups.describe_intervals()
        yield "Variance components take each group of images (data.groups) as one image."
    if not design.training_seeds:
        yield "No student was asked for (study.training_seeds is empty)."
    elif arm.student_draws is not None and not arm.student_draws.has_seed_noise:
        yield (
            "Each student was trained with one seed: what training adds cannot be told from what "
            "the prompt does, and the students' intervals hold for these trained networks only."
        )
    elif arm.student_draws is not None:
        yield "Kendall's W has no interval, only a p value."
        if (few := min(len(arm.students[name]) for name in arm.learnt)) <= FEW_TRAININGS:
            yield (
                f"The noise of seeds is known from {few} trainings of a label set only: small "
                "differences between students cannot be told from it."
            )
    pairs, smallest = math.comb(len(arm.prompts), 2), 1 / (1 + arm.metric.num_resamples)
    if pairs * smallest > SIGNIFICANT:
        yield (
            f"No pair of prompts can be told apart after Holm's adjustment: {pairs} pairs need "
            f"p below {SIGNIFICANT / pairs:.1g}, and {arm.metric.num_resamples} resamples give "
            f"none below {smallest:.1g}."
        )
    if len(arm.prompts) < 3:
        yield "Slope and rank correlation need three prompts or more."
    if left_out := LEARNS_FROM_ALL_IMAGES.intersection(s.strategy for s in arm.sources):
        yield f"The curve over sizes leaves out {', '.join(sorted(left_out))}, slow to learn anew."
    if judge.truths is not None:
        silent = [name for name in arm.prompts if not arm.teachers[name]["boxes"][..., :2].any()]
        if silent:
            yield f"The teacher finds nothing in any test image for {listed(silent, 20)}."
    if judge.masks is None:
        yield "Without true masks (data.masks) there are no pixel metrics and no calibration."
