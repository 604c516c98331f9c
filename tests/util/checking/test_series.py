"""Series of frames: which are told of, and what the advice about them does."""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.util.checking.checked_data import Checked, paint
from util.checking.findings import Findings
from util.checking.series import check_series
from util.images.files import write_image
from util.make_splits import main as make_splits
from util.metrics.groups import name_groups

NO_TRUTH = ["--data.masks=null", "--data.ground_truth=null"]


def paint_series(root: Path, num_frames: int = 40, step: int = 5) -> list[str]:
    """Replace the images by frames of a camera that moves over a scene; returns their ids."""
    shutil.rmtree(root / "images")
    scene = np.concatenate([paint(seed) for seed in range(8)], axis=1)
    names = [f"frame_{number:04d}" for number in range(0, num_frames * step, step)]
    for number, name in enumerate(names):
        left = 2 * number
        write_image(root / f"images/{name}.png", scene[:, left : left + 80])
    return names


def follow_advice(config: Path, capsys: pytest.CaptureFixture[str], start: str) -> Checked:
    """Check data whose lists tear a series apart, make lists as is advised, and check again."""
    (line,) = [each for each in Checked(config, capsys, *NO_TRUTH).warnings if "series" in each]
    assert "and lists tear them apart: make lists by util/make_splits.py " + start in line
    options = shlex.split(line.partition("util/make_splits.py ")[2].partition(", which")[0])
    assert make_splits(["--config", str(config), *NO_TRUTH, "--overwrite", *options]) == 0
    return Checked(config, capsys, *NO_TRUTH)


@pytest.mark.parametrize(
    ("num_frames", "step", "start"),
    [
        (120, 1, "--data.groups '^(.+?)[0-9]{0,1}[^0-9/]*$', which keeps each 10 numbers together"),
        (80, 20, "--data.groups '^(.+?)[0-9]{0,2}[^0-9/]*$', which keeps each 100 numbers"),
        (40, 5, "--splits.tie_near_duplicates true, which keeps frames that look alike together"),
    ],
)
def test_the_advice_for_frames_of_a_video_is_not_given_again_where_it_was_followed(
    config: Path, capsys: pytest.CaptureFixture[str], num_frames: int, step: int, start: str
) -> None:
    names = paint_series(config.parent, num_frames, step)
    for split, part in {
        "Train": names[::2],
        "Validation": names[1::4],
        "Test": names[3::4],
    }.items():
        (config.parent / f"splits/{split}.txt").write_text("\n".join(part))
    again = "".join(follow_advice(config, capsys, start).warnings)
    assert "series" not in again
    assert "make splits by" not in again
    (config.parent / "splits/splits.json").unlink()
    assert "series" in "".join(Checked(config, capsys, *NO_TRUTH).warnings)


def test_lists_that_tear_what_their_record_groups_are_told_of_again(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = paint_series(config.parent)
    options = ["--overwrite", "--data.groups", "^(.+?)[0-9]{0,1}[^0-9/]*$"]
    assert make_splits(["--config", str(config), *NO_TRUTH, *options]) == 0
    told = "".join(Checked(config, capsys, *NO_TRUTH).warnings)
    assert "series" not in told
    assert "the lists keep groups together already: there are fewer where groups are" in told
    for split, part in {
        "Train": names[::2],
        "Validation": names[1::4],
        "Test": names[3::4],
    }.items():
        (config.parent / f"splits/{split}.txt").write_text("\n".join(part))
    told = "".join(Checked(config, capsys, *NO_TRUTH).warnings)
    assert "series of frames" in told
    assert "make splits by util/make_splits.py with splits.tie_near_duplicates" in told


def test_frames_without_lists_are_told_that_chance_would_tear_them_apart(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paint_series(config.parent, 120, 1)
    warnings = Checked(config, capsys, *NO_TRUTH, "--data.splits=null").warnings
    (line,) = [each for each in warnings if "series" in each]
    assert line.startswith(
        "look at: 120 images are numbered in 1 series of frames that look like the next "
        "(frame_0000 to frame_0119), and lists made by chance would tear them apart: make lists by "
        "util/make_splits.py --data.groups '"
    )
    assert line.endswith("which keeps each 10 numbers together, about 10 frames")


@pytest.mark.parametrize("num_frames", [8, 10, 12, 25])
def test_the_advice_for_few_frames_can_be_followed(
    config: Path, capsys: pytest.CaptureFixture[str], num_frames: int
) -> None:
    paint_series(config.parent, num_frames, 1)
    options = [*NO_TRUTH, f"--data.splits={config.parent / 'dealt'}"]
    checked = Checked(config, capsys, *NO_TRUTH, "--data.splits=null")
    (line,) = [each for each in checked.warnings if "series" in each]
    advice = shlex.split(line.partition("util/make_splits.py ")[2].partition(", which")[0])
    assert make_splits(["--config", str(config), *options, *advice]) == 0
    assert len([*(config.parent / "dealt").glob("*.txt")]) == 3


def test_frames_that_cannot_be_dealt_whole_to_all_lists_are_said_to_be_too_few() -> None:
    findings = Findings()
    looks = dict.fromkeys([f"cam/{number}" for number in range(10)], np.uint64(0))
    check_series(looks, False, {}, 4, 3, findings)
    assert findings.warnings[0].endswith(
        "tear them apart: they are too few for 3 lists (splits.shares) that keep neighbours "
        "together; take frames of other videos or cameras, too"
    )


def test_frames_in_no_list_tear_nothing_apart(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = config.parent
    names = paint_series(root)
    parts = {"Train": names[0:12:2], "Validation": names[14:24:2], "Test": names[26::3]}
    for split, part in parts.items():
        (root / f"splits/{split}.txt").write_text("\n".join(part))
    checked = Checked(config, capsys, "--data.masks=null", "--data.ground_truth=null")
    assert "series" not in "".join(checked.warnings)


@pytest.mark.parametrize("suffix", ["", "_rgb"])
def test_the_option_for_a_series_groups_neighbours(suffix: str) -> None:
    image_ids = [f"frame_{number:04d}{suffix}" for number in range(300)]
    looks = dict.fromkeys(image_ids, np.uint64(0))
    findings = Findings()
    check_series(looks, False, {}, 4, 3, findings)
    (pattern,) = re.findall(r"--data.groups '(.*)'", findings.warnings[0])
    groups = name_groups(pattern, image_ids)
    assert len(set(groups)) == 30
    assert all(len(set(groups[first : first + 10])) == 1 for first in range(0, 300, 10))


def test_numbered_images_that_do_not_look_alike_are_no_series(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(20):
        write_image(config.parent / f"images/a/{number:02d}.png", paint(number))
    checked = Checked(config, capsys, "--data.splits=null", "--data.masks=null")
    assert "series" not in "".join(checked.warnings)
