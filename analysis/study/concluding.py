"""From finished cells to the results of a study."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.study.advice import advise
from analysis.study.arm_tables import COMPARISON_COLUMNS, analyse_arm, stack
from analysis.study.arms import Arm, draw_students, draw_teachers
from analysis.study.design import Design
from analysis.study.examples import choose_gallery
from analysis.study.notes import find_notes
from analysis.study.planning import StudyPlan
from analysis.study.results import StudyResults
from analysis.study.scoring import Metric, find_judged_metric, resampled_for_pairs
from analysis.study.statistics.comparisons import compare_pairs
from analysis.study.statistics.draws import Draws
from analysis.work.cells import predictions
from analysis.work.contents import content_of, find_entry
from analysis.work.judging import Counts, Judge, count_everything, count_label_set
from analysis.work.running import Outcomes
from util.config import CombinationSection, StudySection
from util.errors import UserError, listed
from util.label_set import LabelSet
from util.metrics.pixelwise.pixel_calibration import reliability
from util.metrics.pixelwise.pixels import PixelHistogram
from util.running.progress import track
from util.settings import library_versions
from util.words import count_of


def conclude(
    study: StudySection,
    combination: CombinationSection,
    design: Design,
    plan: StudyPlan,
    outcomes: Outcomes,
    judge: Judge,
    image_paths: Mapping[str, Path],
    store: Path,
    num_threads: int = 1,
) -> StudyResults:
    """Judge what the cells have made and gather what the study has found.

    Args:
        study: Names the study and its score; how many groups the curve over sizes has.
        combination: Settings of combinations.
        design: What is crossed.
        plan: Whose cells have run.
        outcomes: How they went.
        judge: What is right.
        image_paths: All images, by id.
        store: Folder of counts, by the hash of what they depend on.
        num_threads: Label sets that are counted at once.

    Raises:
        UserError: Not a single label set of a prompt could be made, or the score is undefined.
    """
    made, judge, notes = keep_common_images(judge, find_made(plan, outcomes))
    counts = count_all(judge, made, store, num_threads)
    metric = find_judged_metric(judge, study.score, study.score_iou)
    metric = resampled_for_pairs(metric, design.largest_family, len(counts))
    chance = count_everything(judge, image_paths, store)
    arms = [arm for arm in build_arms(design, plan, counts, chance, metric) if arm.prompts]
    _refuse_nothing(arms, outcomes, metric)
    main = arms[0]
    return StudyResults(
        name=study.name,
        metric=metric.name,
        split=judge.split,
        num_images=len(judge.image_ids),
        design=design.in_words()
        | {
            "true classes": ", ".join(judge.classes) or "all",
            "intervals over": judge.image_groups.in_words,
        },
        arms=[analyse_arm(arm, judge, combination, study.subsets, store) for arm in arms],
        advice=advise(main, judge, combination),
        arm_comparisons=compare_arms(arms),
        reliability=tabulate_reliability(main, judge),
        gallery=choose_gallery(main, judge, image_paths),
        cells=tabulate_cells(outcomes),
        notes=[*notes, *find_notes(arms, design, judge, outcomes)],
        versions=library_versions(),
    )


def find_made(plan: StudyPlan, outcomes: Outcomes) -> list[Path]:
    """Folders of the label sets that could be made: of teachers, combinations and students."""
    makers = [(place.folder, place.maker) for place in plan.label_sets.values()]
    made = [
        folder
        for folder, maker in makers
        if outcomes[maker].status == "done" and find_entry(folder) is not None
    ]
    made += [predictions(cell) for cell in plan.students if outcomes[cell].status == "done"]
    return list(dict.fromkeys(made))  # students of equal label sets are one


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
            f"{count_of(len(lost), 'test image is', 'test images are')} left out, since "
            f"label sets lack them: {listed(lost)}."
        )
    return kept, judge.only(common), notes


def count_all(
    judge: Judge, folders: Sequence[Path], store: Path, num_threads: int
) -> dict[Path, Counts]:
    """Count how label sets fare, several at once; see `count_label_set`."""
    with ThreadPoolExecutor(num_threads) as threads:
        counted = threads.map(lambda folder: count_label_set(folder, judge, store), folders)
        return dict(zip(folders, track(counted, "counting", len(folders), "set"), strict=True))


def _refuse_nothing(arms: Sequence[Arm], outcomes: Outcomes, metric: Metric) -> None:
    """Refuse a study without a label set of a prompt, or without a score."""
    if not arms:
        reasons = {outcome.reason for outcome in outcomes.values() if outcome.reason}
        raise UserError(f"no label set of a prompt could be made: {listed(sorted(reasons))}")
    if np.isnan(arms[0].teacher_draws.estimate).all():
        raise UserError(f"{metric.name} is undefined: the test images have nothing to be found")


def build_arms(
    design: Design, plan: StudyPlan, counts: Mapping[Path, Counts], chance: Counts, metric: Metric
) -> list[Arm]:
    """Sort the counts by teacher and student architecture."""
    arms = []
    for variant, architecture in product(design.variants, design.architectures):
        words = [variant.name] * (len(design.variants) > 1)
        words += [architecture] * (len(design.architectures) > 1)
        folders = {s.name: plan.label_sets[variant.name, s.name].folder for s in design.sources}
        there = [source for source in design.sources if folders[source.name] in counts]
        names = [source.name for source in there]
        runs = {name: plan.runs.get((variant.name, name, architecture), {}) for name in names}
        students = {}
        for name in names:
            found = {seed: counts.get(predictions(cell)) for seed, cell in runs[name].items()}
            students[name] = {seed: each for seed, each in found.items() if each is not None}
        arms.append(
            Arm(
                name=", ".join(words),
                sources=there,
                off_target=design.off_target,
                folders=folders,
                contents={name: content_of(folders[name]) for name in names},
                facts={name: LabelSet(folders[name]).manifest.get("facts", {}) for name in names},
                runs=runs,
                teachers={name: counts[folders[name]] for name in names},
                students=students,
                chance=chance,
                metric=metric,
            )
        )
    return arms


def compare_arms(arms: Sequence[Arm]) -> pd.DataFrame:
    """Compare mean scores over the prompts that all arms have, teachers and students."""
    if len(arms) < 2:
        return stack([], COMPARISON_COLUMNS)
    # Arms that differ in their students alone have the same teacher, and others may be alike.
    teachers = {tuple(arm.contents.items()): arm for arm in reversed(arms)}
    students = {arm.learnt_by: arm for arm in reversed(arms) if arm.learnt}
    tables = []
    for who, arms_of_side in (("teachers", teachers), ("students", students)):
        compared = list(arms_of_side.values())[::-1]
        draws = draw_means(compared, who) if len(compared) > 1 else None
        if draws is not None:
            tables.append(compare_pairs(draws).assign(family=f"mean over prompts, {who}"))
    return stack(tables, COMPARISON_COLUMNS)


def draw_means(arms: Sequence[Arm], who: str) -> Draws | None:
    """Draw each arm's mean score over the prompts that all have; None if they have none."""
    names = set(arms[0].asked).intersection(
        *(arm.asked if who == "teachers" else arm.learnt for arm in arms)
    )
    if not names:
        return None
    # Of all arms at once, so that their trainings vary independently; equal label sets are one.
    places = [(arm, arm.same_as.get(name, name)) for arm in arms for name in sorted(names)]
    keys = {place: f"{place[0].name}: {place[1]}" for place in places}
    if who == "teachers":
        teachers = {key: arm.teachers[name] for (arm, name), key in keys.items()}
        draws = draw_teachers(teachers, arms[0].metric)
    else:
        students = {key: arm.students[name] for (arm, name), key in keys.items()}
        draws = draw_students(students, arms[0].metric)
    return draws.means({a.name: [keys[place] for place in places if place[0] is a] for a in arms})


def tabulate_reliability(arm: Arm, judge: Judge) -> pd.DataFrame:
    """How far probabilities are shares of anomalous pixels, for each source and its students."""
    columns = ["label_set", "who", "calibration", "probability", "share", "pixels"]
    tables = []
    different = [source for source in arm.sources if source.name not in arm.same_as]
    for source in different if judge.masks is not None else []:
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
        (c.kind, c.name, o.status, o.reason, o.seconds, *_name_folder(o.folder))
        for c, o in outcomes.items()
    ]
    columns = ["kind", "cell", "status", "reason", "seconds", "hash", "folder"]
    return pd.DataFrame(rows, columns=columns)


def _name_folder(folder: Path | None) -> tuple[str, str]:
    """Hash and path of a cell's folder; "" where there is none."""
    return ("", "") if folder is None else (folder.name.rpartition("-")[2], str(folder))
