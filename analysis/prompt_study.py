# PYTHON_ARGCOMPLETE_OK
"""The prompt study: how far wording changes the teacher, and how much of that the student keeps.

    python analysis/prompt_study.py --study.prompts bird --study.prompts whale

Crosses what the study section of the config names, on the demo scenes by default: label sets of
all prompts, their combinations, students of each (of one seed or several). What is made is kept in
paths.cells, so a stopped study goes on, and a changed setting makes anew only what depends on it.
Writes paths.runs/STUDY: report.html, figures, tables, cells.csv.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

    import util  # noqa: F401  # before all that takes a while, so that Ctrl-C is handled

import pandas as pd

from analysis.work.sharing import CELL, make_share
from util.config import (
    BOX_RULE,
    TEACHERS,
    TILES,
    Config,
    keys_of,
    override_config,
    write_config,
)
from util.config.command_line import OVERWRITE, load_config
from util.demo.making import make_demo_if_asked
from util.disk.whole_files import read_json, write_text
from util.errors import UserError
from util.images.files import find_images
from util.images.splits import warn_of_shared_images
from util.running.ahead import count_cores
from util.running.run import print_next, run_script
from util.running.shares import ALONE, parse_share

if TYPE_CHECKING:  # statistics take a second to import, which --help should not
    from analysis.study.design import Design
    from analysis.study.planning import StudyPlan
    from analysis.study.results import StudyResults
    from analysis.work.images import Images

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "plan": {
        "action": "store_true",
        "help": "say how many label sets and trainings there are and how long they will take",
    },
    **CELL,
}

READS = keys_of("demo", "study", "teacher", *TEACHERS, "student", "tracking") | TILES | BOX_RULE
READS |= {"evaluation.iou_thresholds", "combination.min_votes", "combination.calibration_split"}
READS |= {"combination.pixel_weights"}
READS -= {f"teacher.{key}" for key in ("checkpoint", "label_set", "flips", "logits", "split")}
READS -= {f"student.{key}" for key in ("run", "label_set", "checkpoint", "seed")}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the study."""
    config, options = load_config(__doc__ or "", argv, {**OVERWRITE, **OPTIONS}, READS)
    share = None if options.cell is None else parse_share(options.cell)
    with (share or ALONE).alone(config.paths.cells):
        make_demo_if_asked(config.data.images, config.paths.demo, config.demo)
    warn_of_shared_images(config.data)
    from analysis.study.concluding import conclude
    from analysis.work.images import Images
    from analysis.work.judging import find_judge
    from analysis.work.running import report_failures, run_plan

    design = cross(config)
    images = Images(find_images(config.data.images))
    score = (config.study.score, config.study.score_iou)
    judge = find_judge(config.data, config.evaluation, *score, images.paths)
    plan = plan_work(config, design, images)
    num_processes = config.study.processes or count_cores()
    if options.plan:
        say_time(config, design, plan, images.paths, judge.image_ids, num_processes)
        return 0
    if share is not None:
        return make_share(plan, share)
    folder = config.paths.runs / config.study.name
    check_place(folder, config.data.test_split, options.overwrite)
    outcomes = run_plan(plan, num_processes)
    results = conclude(
        config.study,
        config.combination,
        design,
        plan,
        outcomes,
        judge,
        images.paths,
        config.paths.cells / "counts",
        num_processes,
    )
    write_results(config, results, folder)
    say_next(results, design.prompts, folder / "report.html", argv)
    return report_failures(outcomes)


def say_time(
    config: Config,
    design: "Design",
    plan: "StudyPlan",
    image_paths: Mapping[str, Path],
    test_ids: Sequence[str],
    num_processes: int,
) -> None:
    """Say where the time of a study will go, by a trial of teacher and student."""
    from analysis.study.ranking_time import time_ranking
    from analysis.work.timing import Work, count_passes, estimate_work, format_work

    print("Trying teacher and student on a few images, to say how long it will take", flush=True)
    num_passes = count_passes(config.data, config.student, image_paths)
    work = estimate_work(plan, num_passes, image_paths, num_processes)
    if any(each.left for each in work):
        num = len(design.prompts), len(design.sources) - len(design.prompts)
        work.append(Work("ranking", 1, 1, time_ranking(*num, image_paths, test_ids)))
    print(format_work(work, num_processes))


def cross(config: Config) -> "Design":
    """Cross what the study section names; what it leaves out is as the other sections say.

    Raises:
        UserError: It cannot be crossed.
    """
    from analysis.study.design import Usual, design_study

    usual = Usual(
        config.teacher.name,
        config.teacher.prompts,
        config.saa.object_prompt,
        config.combination.min_votes,
        config.student.architecture,
    )
    return design_study(config.study, usual)


def plan_work(config: Config, design: "Design", images: "Images") -> "StudyPlan":
    """Give every piece of work of a design its cell.

    Raises:
        UserError: Settings of a teacher are impossible, two cells are the same work, or something
            is missing that one depends on.
    """
    from analysis.study.planning import plan_cells
    from analysis.work.dependencies import open_school
    from analysis.work.stages import Labelling, Learning

    labelling = {
        variant.name: Labelling(override_config(config, variant.changes, "study.teachers"))
        for variant in design.variants
    }
    folder, min_votes = config.paths.cells, config.combination.min_votes
    school = open_school(Learning(config), folder, images) if design.training_seeds else None
    return plan_cells(design, labelling, school, folder, min_votes, images)


def check_place(folder: Path, split: str, overwrite: bool) -> None:
    """Refuse to replace what is no report of a study, or that of another split.

    Raises:
        UserError: There is a config of something else, such as a training, or the report of another
            split and `overwrite` is not given.
    """
    if (folder / "config.json").exists() and not (folder / "report.html").exists():
        raise UserError(
            f"{folder} has the config.json of something else than a study; choose another "
            "study.name"
        )
    made = read_json(folder / "config.json", "delete it").get("data", {}).get("test_split", split)
    if made != split and not overwrite:
        raise UserError(
            f"{folder} has the report on the split {made}, not on {split}; choose another "
            "study.name, or give --overwrite to replace it (finished cells are kept)"
        )


def write_results(config: Config, results: "StudyResults", folder: Path) -> None:
    """Write what a study has found, and print the main part of it."""
    from analysis.study.report.writing import write_report

    write_report(results, config.model_dump(mode="json"), folder)
    write_text(folder / "cells.csv", results.cells.to_csv(index=False))
    write_config(folder, config)
    show(results)
    print(f"Wrote {folder}: report.html, figures, tables, cells.csv")


def show(results: "StudyResults") -> None:
    """Print the scores of the main arm, and what they come to."""
    from analysis.study.report.headline import write_opening
    from analysis.study.report.tables import format_interval, format_number

    table = results.arms[0].scores
    shown = table[["label_set"]].copy()
    for who in ("teacher", "student"):
        shown[who] = [
            "-" if pd.isna(score) else f"{format_number(score)} {format_interval(low, high)}"
            for score, low, high in table[[who, f"{who}_low", f"{who}_high"]].to_numpy()
        ]
    images = f"{results.num_images} images of {results.split}"
    print(f"\n{results.metric} on {images}, with 95 % intervals:\n")
    print(shown.to_string(index=False), "\n")
    print(f"Marking everything: {table['chance'].iloc[0]:.3f}")
    print("\n".join(write_opening(results)))


def say_next(
    results: "StudyResults", prompts: Sequence[str], report: Path, argv: Sequence[str] | None
) -> None:
    """Say what to do next: read the report or, where nothing was found, look at previews."""
    from analysis.study.report.headline import is_void

    if is_void(results.arms[0]):
        words = [word for prompt in prompts for word in ("--teacher.prompts", prompt)]
        print_next(["teacher/soft_label_generation.py", "--preview", "3", *words], argv)
    else:
        print(f"Next: open {report}")


if __name__ == "__main__":
    raise SystemExit(run_script(main))
