"""What a table of results was tested on, by which rule and which weights: tested.json beside it.

Rows of the table say none of this, and those that are there are not tested again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from analysis.streams.cross_testing import JudgedFrames
from analysis.streams.trained_runs import TrainedRun
from util.config import DetectorSection
from util.detections import BoxRule
from util.disk.whole_files import read_json, write_json
from util.images.files import fingerprint
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


def begin_table(
    table: Path, students: Sequence[TrainedRun], test: Mapping[str, Any], overwrite: bool
) -> None:
    """Refuse a table whose rows would be another test's, or begin it anew.

    A table of which nothing is known, such as one of the original, is taken at its word.

    Args:
        table: The file; it need not be there.
        students: The detectors that are to be in it.
        test: Of `describe_test`.
        overwrite: Whether a table that is there is removed.

    Raises:
        UserError: Something else was tested, or a student has been trained anew since then.
    """
    manifest = table.with_name(MANIFEST)
    weights = {each.folder.name: hash_checkpoint(each.folder / "best.pt") for each in students}
    if overwrite:
        table.unlink(missing_ok=True)
    told = read_json(manifest, "give --overwrite to test anew") if table.exists() else {}
    before = told.get("weights", {})
    if told:
        both = before.keys() & weights.keys()
        made, asked = (
            {**settings, **{f"{name}/best.pt": of[name] for name in sorted(both)}}
            for settings, of in ((told["test"], before), (test, weights))
        )
        is_same_work(table.parent, made, asked, overwrite)
    write_json(manifest, {"test": test, "weights": {**before, **weights}})
