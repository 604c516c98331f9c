"""What a table of results was tested on, by which rule and which weights: tested.json beside it.

Rows of the table say none of this, and those that are there are not tested again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.streams.results import find_pairs, is_baseline, read_results
from analysis.streams.trained_runs import TrainedRun
from student.detection.judged_frames import JudgedFrames
from util.config import DetectorSection
from util.detections import BoxRule
from util.disk.fingerprints import fingerprint
from util.disk.whole_files import read_json, write_json
from util.learning.inference.opening import hash_checkpoint
from util.settings import is_same_work, settings_hash

MANIFEST = "tested.json"


def describe_test(frames: JudgedFrames, section: DetectorSection) -> dict[str, Any]:
    """Give all but the weights that decides what a test of detectors comes to, as JSON values."""
    ids = {camera.name: list(camera.ids) for camera in frames.cameras}
    return {
        **asdict(BoxRule(section.confidence, section.overlap, section.max_boxes)),
        "split": frames.split,
        "frames": settings_hash(ids),
        "files": fingerprint(frames.image_paths.values()),
        "truths": settings_hash({"boxes": frames.truths.to_csv(index=False)}),
        "block": frames.block,
    }


def open_table(
    table: Path, students: Sequence[TrainedRun], baselines: Collection[str], test: Mapping[str, Any]
) -> pd.DataFrame:
    """Read the rows of a table that need not be made anew; nothing is written.

    A table of which nothing is known, such as one of the original, is taken at its word.

    Args:
        table: The file; it need not be there.
        students: The detectors that are to be in it.
        baselines: Names of what they are compared with, whose rows are always made anew.
        test: Of `describe_test`.

    Returns:
        See `read_results`; without rows of what was a student and is a baseline now, or the other
        way round.

    Raises:
        UserError: Something else was tested, or a student has been trained anew since then.
    """
    told = read_json(table.with_name(MANIFEST), "give --overwrite to test anew")
    if table.exists() and told:
        before, weights = told["weights"], _hash_weights(students)
        both = sorted(before.keys() & weights.keys())
        made, asked = (
            {**settings, **{f"{name}/best.pt": of[name] for name in both}}
            for settings, of in ((told["test"], before), (test, weights))
        )
        elsewhere = "another cross_performance.name"
        is_same_work(table.parent, made, asked, overwrite=False, elsewhere=elsewhere)
    rows = read_results(table)
    is_student = rows["run_id"].isin([each.learnt["run_id"] for each in students])
    return rows[~rows["run_id"].isin(list(baselines)) & ~(is_student & is_baseline(rows))]


def find_waiting(
    students: Sequence[TrainedRun], cameras: Sequence[str], rows: pd.DataFrame
) -> list[TrainedRun]:
    """Find the detectors that lack a row of some camera."""
    there = find_pairs(rows)
    return [s for s in students if not {(s.learnt["run_id"], name) for name in cameras} <= there]


def note_test(
    table: Path, students: Sequence[TrainedRun], test: Mapping[str, Any], rows: pd.DataFrame
) -> None:
    """Say beside a table that is written what its rows are of.

    Args:
        table: The file.
        students: The detectors of this time; of others that have rows what was known stays.
        test: Of `describe_test`.
        rows: Of the table.
    """
    manifest = table.with_name(MANIFEST)
    before = read_json(manifest, "delete it").get("weights", {})
    stay = before.keys() & set(rows["run_id"])
    weights = {**{name: before[name] for name in stay}, **_hash_weights(students)}
    write_json(manifest, {"test": test, "weights": weights})


def _hash_weights(students: Sequence[TrainedRun]) -> dict[str, str]:
    """Hash the weights of detectors, by what they are called in the table."""
    return {s.learnt["run_id"]: hash_checkpoint(s.folder / "best.pt") for s in students}
