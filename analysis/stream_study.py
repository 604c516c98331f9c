# PYTHON_ARGCOMPLETE_OK
"""Whether the choice of frames matters: cameras, strategies, budgets and seeds, crossed.

    python analysis/stream_study.py --config configs/streams.json --stream_study.seeds 0

Chooses frames of each camera as util/streams/select_frames.py does (sections stream_study and
streams), trains a detector on each choice (detector), and tests it on the test frames of all
cameras. What is made is kept in paths.cells, so a stopped study goes on, and a changed setting
makes anew only what depends on it. Cameras may share students, too, those of a cluster or all
(stream_study.shared), which are compared at equal steps. Writes paths.runs/NAME: report.html and
report.md, strategies.csv, groups.csv, inference_results.csv, cross_performance.csv (the largest
budget of the reference) and curves.
Next: python analysis/cluster_cameras.py
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from analysis.work.sharing import CELL, make_share
from util.config import Config, keys_of, write_config
from util.config.command_line import load_config
from util.demo.making import make_demo_if_asked
from util.errors import listed
from util.images.files import find_images
from util.running.ahead import count_cores
from util.running.run import print_next, run_script
from util.running.shares import ALONE, parse_share

if TYPE_CHECKING:  # statistics take a second to import, which --help should not
    from analysis.choosing.grid import Point
    from analysis.work.detecting import ChosenFrames
    from analysis.work.plan import Plan
    from student.detection.judged_frames import JudgedFrames

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "plan": {
        "action": "store_true",
        "help": "say how many trainings there are and how long they will take",
    },
    **CELL,
}

READS = keys_of("demo", "stream_study", "streams", "detector", "tracking")
READS |= {"study.processes", "cross_performance.dataset", "clusters.name"}
READS -= {f"streams.{key}" for key in ("cameras", "strategy", "frames", "budget", "seed", "name")}
READS -= {f"detector.{key}" for key in ("run", "seed")}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the study."""
    config, options = load_config(__doc__ or "", argv, OPTIONS, READS)
    share = None if options.cell is None else parse_share(options.cell)
    with (share or ALONE).alone(config.paths.cells):
        make_demo_if_asked(config.data.images, config.paths.demo, config.demo)
    from analysis.work.running import report_failures, run_plan
    from student.detection.judged_frames import find_judged_frames

    frames = find_judged_frames(config.data, config.streams)
    chosen = choose(config, frames)
    plan = plan_work(config, chosen)
    num_processes = config.study.processes or count_cores()
    if options.plan:
        from analysis.choosing.timing import TRIAL, estimate_detectors
        from analysis.work.timing import format_work

        work = estimate_detectors(plan, len(frames.image_paths), num_processes)
        print(format_work([work], num_processes, TRIAL))
        return 0
    if share is not None:
        return make_share(plan, share)
    from analysis.choosing.grid import find_detectors

    outcomes = run_plan(plan, num_processes)
    detectors = find_detectors(plan, outcomes)
    conclude_study(config, frames, chosen, detectors)
    if detectors:
        found = ["--clusters.results", config.stream_study.name]
        print_next(["analysis/cluster_cameras.py", *found], argv)
    return report_failures(outcomes)


def choose(config: Config, frames: "JudgedFrames") -> "dict[Point, ChosenFrames]":
    """Choose the frames of all detectors.

    Raises:
        UserError: They cannot be chosen, or could not be told from what is tested on.
    """
    from analysis.choosing.grid import choose_cameras, choose_frames, refuse_untested
    from analysis.choosing.groups import find_groups
    from analysis.clusters.writing import TABLE
    from util.streams.labelled import open_pool

    study = config.stream_study
    # Of all strategies it alone needs a second label set.
    needing = "disagreement" if "disagreement" in study.strategies else study.strategies[0]
    told = config.streams.model_copy(update={"cameras": [], "strategy": needing})
    pool = open_pool(told, config.data, config.paths)
    crossed = choose_cameras(pool, study.cameras)
    refuse_untested(crossed, frames)
    pool = replace(pool, cameras=crossed)
    clusters = config.paths.runs / config.clusters.name / TABLE
    groups = find_groups(study.shared, [camera.name for camera in crossed], clusters)
    return choose_frames(pool, config.streams, study, groups, config.data.groups)


def plan_work(config: Config, chosen: "Mapping[Point, ChosenFrames]") -> "Plan":
    """Give every detector its cell.

    Raises:
        UserError: Something is missing that they depend on.
    """
    from analysis.choosing.grid import plan_grid
    from analysis.work.detecting import open_detector_school
    from analysis.work.images import Images

    images = Images(find_images(config.data.images))
    school = open_detector_school(config, images, chosen.values())
    return plan_grid(school, chosen, config.stream_study.steps)


def conclude_study(
    config: Config,
    frames: "JudgedFrames",
    chosen: "Mapping[Point, ChosenFrames]",
    detectors: "Mapping[Point, Path]",
) -> None:
    """Judge all detectors, compare strategies and groups, and write what comes of it."""
    from analysis.choosing.grid import find_complete, find_lacking_groups
    from analysis.choosing.judging import (
        RESULTS,
        describe_trainings,
        judge_detectors,
        rows_by_budget,
        write_cross_matrix,
    )
    from analysis.choosing.writing import STRATEGIES, remove_answer, write_answer
    from analysis.streams.cross_testing import find_baselines
    from analysis.streams.figures import draw_all_curves

    study, paths = config.stream_study, config.paths
    folder = paths.runs / study.name
    write_config(folder, config)
    places = (study.baselines, paths.label_sets, paths.runs)
    baselines = find_baselines(*places, frames, config.detector)
    dataset = config.cross_performance.dataset
    judged = (baselines, frames, config.detector, dataset)
    results = judge_detectors(folder, chosen, detectors, *judged)
    complete = find_complete(chosen, detectors)
    groups = find_lacking_groups(chosen, detectors)
    compared = {
        point: place
        for point, place in detectors.items()
        if point.camera in complete and point.group not in groups
    }
    learnt = {point: chosen[point] for point in compared}
    write_cross_matrix(folder / "cross_performance.csv", results, learnt, study.reference)
    figures = draw_all_curves(folder, rows_by_budget(results, chosen), "curves")
    if complete:
        trainings = describe_trainings(results, learnt, config.detector.batch_size)
        print(write_answer(folder, frames, compared, trainings, study.reference, figures))
    elif remove_answer(folder):
        print(f"No camera has all its students: removed the report of an earlier study, {folder}")
    lacking = dict.fromkeys(p.camera for p in chosen if p.camera not in complete)
    if left_out := [*lacking, *(f"students shared by {group}" for group in groups)]:
        print(f"Left out, since trainings failed: {listed(left_out, 20)}")
    told = [name for name in ("report.html", STRATEGIES, RESULTS) if (folder / name).exists()]
    if told:
        print(f"Wrote {folder}: {', '.join([*told, *(['curves'] if figures else [])])}")


if __name__ == "__main__":
    raise SystemExit(run_script(main))
