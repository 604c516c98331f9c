"""Windows cut from images, as the script does it."""

import json
import shutil
import signal
import struct
from pathlib import Path
from zlib import compress, crc32

import cv2
import numpy as np
import pytest

import util.windows.cutting
from tests.conftest import read_gray
from tests.stages import run, stop_at_write
from util.config import read_config
from util.disk.whole_files import write_json
from util.errors import UserError
from util.ground_truth.image_labels import read_image_labels
from util.images.files import find_images, read_image, write_image
from util.images.mask_files import read_values
from util.images.masks import open_masks
from util.metrics.groups import group_images
from util.running.locks import BusyError, held
from util.windows.cut_windows import main
from util.windows.records import read_windows

SCRIPT = "util/windows/cut_windows.py"
RULE = {"top": 0.25, "size_px": 32, "stride_px": 20}
FIRST = "flight 0/möwe_00"
"""A frame of 64x64 pixels, of which 48 rows are left: 2 rows of 3 windows."""


@pytest.fixture
def frames(project: Path) -> Path:
    """A project whose windows have a rule, with labels of some images and names of classes."""
    labels = f"image;label\n{FIRST}.png;smoke\n{FIRST}.png;steam\nflight 0/möwe_01.png;\n"
    (project.parent / "labels.csv").write_text(labels, encoding="utf-8")
    write_json(project.parent / "masks" / "classes.json", {"1": "bird"})
    config = json.loads(project.read_text())
    config["data"]["image_labels"] = "labels.csv"
    write_json(project, {**config, "windows": RULE})
    return project


def cut(project: Path, *more: str, status: int = 0) -> Path:
    assert main(["--config", str(project), *more]) == status
    return project.parent / "windows"


def write_with_short_palette(path: Path, numbers: np.ndarray) -> None:
    """Write (H, W) uint8 numbers of a palette of two colours, which some may lie beyond."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))

    height, width = numbers.shape
    rows = b"".join(b"\0" + row.tobytes() for row in numbers)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", bytes([0, 0, 0, 128, 0, 0]))
        + chunk(b"IDAT", compress(rows))
        + chunk(b"IEND", b"")
    )


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_windows_are_the_parts_of_frames_and_of_their_masks_that_the_rule_says(
    frames: Path,
) -> None:
    folder = cut(frames)
    images, masks = find_images(folder / "images"), find_images(folder / "masks")
    assert len(images) == 6 * 6 + 6 * 8  # of 64x64, and of 61x83 pixels
    assert set(images) == set(masks)
    image = read_image(frames.parent / "images" / f"{FIRST}.png")
    mask = read_gray(frames.parent / "masks" / f"{FIRST}.png")
    for name, top, left in (("00_00", 16, 0), ("00_02", 16, 32), ("01_01", 32, 20)):
        place = (slice(top, top + 32), slice(left, left + 32))
        np.testing.assert_array_equal(read_image(images[f"{FIRST}/{name}"]), image[place])
        np.testing.assert_array_equal(read_gray(masks[f"{FIRST}/{name}"]), mask[place])
    names = json.loads((folder / "masks" / "classes.json").read_text())
    assert names == {"1": "bird"}
    table = json.loads((folder / "windows.json").read_text())
    frame = table["frames"][FIRST]
    assert (frame["size_hw"], frame["window_hw"]) == ([64, 64], [32, 32])
    assert (frame["tops"], frame["lefts"]) == ([16, 32], [0, 20, 32])
    assert table["settings"] == RULE
    assert not (folder / "progress.jsonl").exists()


def test_windows_have_the_split_and_the_labels_of_their_frame(
    frames: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = cut(frames)
    names = [f"{row:02d}_{column:02d}" for row in range(2) for column in range(3)]
    lines = {
        split: (folder / "splits" / f"{split}.txt").read_text(encoding="utf-8").splitlines()
        for split in ("Train", "Validation", "Test")
    }
    assert lines["Train"][:6] == [f"{FIRST}/{name}" for name in names]
    assert sorted(line for of_split in lines.values() for line in of_split) == sorted(
        find_images(folder / "images")
    )
    labels = read_image_labels(folder / "image_labels.csv", [*find_images(folder / "images")])
    assert len(labels) == 6 + 8
    assert all(labels[f"{FIRST}/{name}"] == {"smoke", "steam"} for name in names)
    assert labels["flight 0/möwe_01/00_03"] == set()
    said = capsys.readouterr().out
    assert "84 windows of 12 images" in said
    assert "one of an image with smoke may show none" in said
    assert f"Next: python teacher/cam/train_classifier.py --config {folder}" in said.replace(
        f"{Path.cwd()}/", ""
    )


def test_the_config_that_is_written_is_of_the_windows_and_groups_them_by_frame(
    frames: Path,
) -> None:
    folder = cut(frames)
    config = read_config(folder / "config.json")
    assert config.data.images == folder / "images"
    assert config.data.ground_truth == config.data.masks == folder / "masks"
    assert config.paths.label_sets == folder / "label_sets"
    assert config.paths.exports == folder / "exports"
    assert config.student == read_config(frames).student
    ids = list(find_images(folder / "images"))
    assert len(group_images(config.data.groups, ids)) == 12
    for pattern, count in (("^(.*)/", 2), ("^[^/]*", 2), ("_(.*)", 12), ("^(.*)_[^_]*$", 2)):
        cut(frames, "--data.groups", pattern)
        groups = read_config(folder / "config.json").data.groups
        assert len(group_images(groups, ids)) == count


def test_groups_that_windows_would_not_have_are_refused_before_any_is_cut(frames: Path) -> None:
    for pattern in ("(?i)^[^/]*", "^(x)$|^([^/]*)"):
        with pytest.raises(UserError, match=r"data\.groups"):
            cut(frames, "--data.groups", pattern)
    assert not (frames.parent / "windows" / "images").exists()


def test_masks_keep_palettes_and_16_bits_and_are_found_by_their_own_names(frames: Path) -> None:
    rng = np.random.default_rng(0)
    shutil.rmtree(frames.parent / "masks")
    (frames.parent / "masks" / "flight 0").mkdir(parents=True)
    numbers = rng.choice(np.array([0, 1, 255], np.uint8), (64, 64))
    write_with_short_palette(frames.parent / "masks" / f"{FIRST}_class.png", numbers)
    deep = rng.integers(0, 65536, (64, 64)).astype(np.uint16)
    cv2.imwrite(str(frames.parent / "masks" / "flight 0/möwe_02_class.png"), deep)
    folder = cut(frames, "--data.mask_names", "$=_class")
    values, are_numbers = read_values(folder / "masks" / FIRST / "01_00.png")
    np.testing.assert_array_equal(values, numbers[32:64, :32])
    assert are_numbers
    values, _ = read_values(folder / "masks" / "flight 0/möwe_02/00_01.png")
    np.testing.assert_array_equal(values, deep[16:48, 20:52])
    assert len(find_images(folder / "masks")) == 12


def test_without_masks_labels_and_splits_there_are_none_of_windows(frames: Path) -> None:
    cut(frames)
    none = ("masks", "image_labels", "splits", "ground_truth")
    folder = cut(frames, *(word for key in none for word in (f"--data.{key}", "null")))
    assert not (folder / "image_labels.csv").exists()
    assert not [*(folder / "masks").rglob("*.*")]
    assert not [*(folder / "splits").iterdir()]
    data = read_config(folder / "config.json").data
    assert [getattr(data, key) for key in none] == [None] * 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_run_goes_on_where_it_was(frames: Path, number: signal.Signals) -> None:
    whole = files_in(cut(frames))
    folder = frames.parent / "windows"
    shutil.rmtree(folder)
    assert stop_at_write(frames, SCRIPT, 60, number).returncode in (130, -number)
    assert "frames" not in json.loads((folder / "windows.json").read_text())
    with pytest.raises(UserError, match="are not all cut"):
        read_windows(folder)
    first = folder / "images" / FIRST / "00_00.png"
    made = first.stat().st_mtime_ns
    cut(frames)
    assert files_in(folder) == whole
    assert first.stat().st_mtime_ns == made


def test_only_frames_that_changed_are_cut_anew_and_those_that_are_gone_leave_nothing(
    frames: Path,
) -> None:
    folder = cut(frames)
    before = {path: path.stat().st_mtime_ns for path in (folder / "images").rglob("*.png")}
    exchanged = frames.parent / "images" / "flight 0" / "möwe_02.png"
    write_image(exchanged, read_image(exchanged)[::-1])
    (folder / "images" / FIRST / "00_01.png").unlink()
    (frames.parent / "images" / "flight 1" / "möwe_11.png").unlink()
    test = frames.parent / "splits" / "Test.txt"
    test.write_text("flight 1/möwe_09\nflight 1/möwe_10\n", encoding="utf-8")
    cut(frames)
    after = {path: path.stat().st_mtime_ns for path in (folder / "images").rglob("*.png")}
    anew = {path.parent.name for path, time in after.items() if before[path] != time}
    assert anew == {"möwe_00", "möwe_02"}
    assert {path.parent.name for path in set(before) - set(after)} == {"möwe_11"}
    assert "flight 1/möwe_11" not in read_windows(folder).frames


def test_masks_may_be_the_ground_truth_and_boxes_are_said_to_be_left_out(
    frames: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = files_in(cut(frames) / "masks")
    assert masks
    assert "They have no truth" not in capsys.readouterr().out
    config = json.loads(frames.read_text())
    folder = config["data"].pop("masks")
    truth = {"ground_truth": folder, "ground_truth_format": "masks"}
    write_json(frames, {**config, "data": {**config["data"], **truth}})
    shutil.rmtree(frames.parent / "windows")
    assert files_in(cut(frames) / "masks") == masks
    write_json(frames, config)
    cut(frames, "--overwrite")
    assert "They have no truth: data.ground_truth is of boxes" in capsys.readouterr().out


def test_void_alone_in_windows_is_void_as_it_is_in_the_masks_of_frames(frames: Path) -> None:
    folder = frames.parent / "void masks"
    for number, (image_id, path) in enumerate(find_images(frames.parent / "images").items()):
        mask = np.zeros(read_image(path).shape[:2], np.uint8)
        mask[:20] = 255
        mask[-8:, -8:] = number % 2  # no window has both
        write_image(folder / f"{image_id}.png", mask)
    config = cut(frames, "--data.masks", str(folder)) / "config.json"
    data = read_config(config).data
    assert data.mask_values == {"0": "normal", "1": "anomalous", "255": "ignored"}
    masks = open_masks(data, find_images(data.images))
    marked = {image_id for image_id in masks.paths if (masks.read(image_id) == 1).any()}
    assert marked
    assert not {image_id for image_id in marked if image_id.endswith("/00_00")}


def test_half_cut_windows_have_no_config_by_which_they_could_be_taken_for_whole(
    frames: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = cut(frames) / "config.json"
    with pytest.raises(UserError, match="--overwrite"):
        cut(frames, "--windows.size_px", "24")
    assert config.exists()

    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(util.windows.cutting, "_cut_pending", stop)
    with pytest.raises(KeyboardInterrupt):
        cut(frames, "--windows.size_px", "24", "--overwrite")
    assert not config.exists()


def test_what_a_link_leads_to_is_never_removed(frames: Path, tmp_path: Path) -> None:
    folder = cut(frames)
    mine = tmp_path / "elsewhere" / "mine.png"
    write_image(mine, np.zeros((4, 4, 3), np.uint8))
    (folder / "images" / "linked").symlink_to(mine.parent)
    cut(frames)
    assert mine.exists()


def test_other_settings_need_overwrite_which_leaves_nothing_of_before(frames: Path) -> None:
    folder = cut(frames)
    before = files_in(folder)
    with pytest.raises(
        UserError, match=r"size_px: 32 -> 40.*give --overwrite .* another paths.windows$"
    ):
        cut(frames, "--windows.size_px", "40")
    assert files_in(folder) == before
    cut(frames, "--windows.size_px", "40", "--overwrite")
    anew = files_in(folder)
    shutil.rmtree(folder)
    cut(frames, "--windows.size_px", "40")
    assert files_in(folder) == anew


def test_frames_that_cannot_be_cut_are_named_together_and_the_others_are_done(
    frames: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, masks = frames.parent / "images", frames.parent / "masks"
    (images / "flight 0" / "möwe_02.png").write_bytes(b"no image")
    write_image(masks / "flight 1" / "möwe_08.png", np.ones((3, 4), np.uint8))
    folder = cut(frames, status=1)
    said = capsys.readouterr().err
    assert "2 images failed, the rest is done: flight 0/möwe_02: " in said
    assert "möwe_08.png is 4 x 3, its image 64 x 64 (width x height)" in said
    windows = read_windows(folder)
    assert (len(windows.frames), len(windows.failed)) == (10, 2)
    assert not [*folder.rglob("möwe_08")]
    assert "möwe_02" not in (folder / "splits" / "Train.txt").read_text(encoding="utf-8")
    for path in find_images(images).values():
        path.write_bytes(b"none")
    with pytest.raises(UserError, match="no image can be cut"):
        cut(frames)


def test_a_folder_of_something_else_is_left_alone(frames: Path) -> None:
    own = frames.parent
    for folder, message in (
        (own / "images", r"would replace what they are cut from: .*images"),
        (own, r"would replace what they are cut from: .*images"),
    ):
        with pytest.raises(UserError, match=message):
            cut(frames, "--paths.windows", str(folder))
    other = own / "other"
    write_json(other / "config.json", {})
    with pytest.raises(UserError, match=r"no windows.json, .*not of windows: config.json"):
        cut(frames, "--paths.windows", str(other))
    assert [path.name for path in other.iterdir()] == ["config.json"]
    folder = cut(frames)
    with pytest.raises(UserError, match="would replace"):
        cut(frames, "--data.images", str(folder / "images"))
    with held(folder), pytest.raises(BusyError, match="is at work on"):
        cut(frames)


def test_split_lists_that_cannot_be_used_are_named_together(frames: Path) -> None:
    for name in ("Empty", "Odd"):
        (frames.parent / "splits" / f"{name}.txt").write_text("" if name == "Empty" else "x\n")
    with pytest.raises(UserError, match=r"(?s)Empty.txt is empty.*Odd .* no image has: x"):
        cut(frames)
    assert not (frames.parent / "windows").exists()


def test_windows_among_the_images_are_no_images(frames: Path) -> None:
    inside = frames.parent / "images" / "cut"
    for _ in range(2):
        cut(frames, "--paths.windows", str(inside))
        assert len(read_windows(inside).frames) == 12


def test_the_script_runs(frames: Path) -> None:
    done = run(SCRIPT, "--config", str(frames), "--windows.left", "2")
    assert done.returncode == 2
    assert "windows.left is 2" in done.stderr
    done = run(SCRIPT, "--config", str(frames))
    assert done.returncode == 0, done.stderr
    assert "windows: 100%" in done.stderr
