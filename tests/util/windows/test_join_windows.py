"""Label sets of windows joined to label sets of their frames, as the script does it."""

import json
from pathlib import Path

import numpy as np
import pytest

import util.label_set_from_truth
from tests.stages import run
from util.data_classes import BoxSettings
from util.disk.fingerprints import fingerprint
from util.disk.whole_files import write_json
from util.errors import UserError
from util.images.files import find_images, write_image
from util.images.identity import ImageIdentity
from util.label_set import CHOSEN_ON, Content, LabelSet, LabelSetWriter
from util.windows.cut_windows import main as cut
from util.windows.join_windows import main
from util.windows.records import Windows, read_windows

FIRST = "flight 0/möwe_00"


@pytest.fixture
def frames(project: Path) -> Path:
    """A project with windows of 32 pixels; a quarter of each frame is dropped at the top."""
    rule = {"top": 0.25, "size_px": 32, "stride_px": 20, "label_set": "bird"}
    write_json(project, {**json.loads(project.read_text()), "windows": rule})
    assert cut(["--config", str(project)]) == 0
    return project


def windows_of(project: Path) -> Windows:
    return read_windows(project.parent / "windows")


def write_windows(project: Path, content: dict[str, Content], **more: object) -> LabelSet:
    """Write a label set of windows, by their ids."""
    folder = project.parent / "windows" / "label_sets" / "bird"
    with LabelSetWriter(folder, {"prompt": "bird"}, True, **more) as writer:  # type: ignore[arg-type]
        for image_id, each in content.items():
            writer.add(image_id, each, source="1", seconds=0)
        return writer.finish(BoxSettings(object_class="bird"))


def draw(project: Path, seed: int = 0) -> dict[str, Content]:
    """Draw maps of all windows."""
    rng = np.random.default_rng(seed)
    return {
        f"{frame_id}/{name}": Content(rng.random(frame.grid.window_hw))
        for frame_id, frame in windows_of(project).frames.items()
        for name, _ in frame.grid.places()
    }


def join(project: Path, *more: str, status: int = 0) -> LabelSet:
    assert main(["--config", str(project), *more]) == status
    return LabelSet(project.parent / "label_sets" / "joined")


def test_the_joined_truth_of_windows_is_that_of_frames_but_for_margins(frames: Path) -> None:
    config = frames.parent / "windows" / "config.json"
    assert util.label_set_from_truth.main(["--config", str(config)]) == 0
    assert util.label_set_from_truth.main(["--config", str(frames)]) == 0
    joined = join(frames, "--windows.label_set", "truth")
    truth = LabelSet(frames.parent / "label_sets" / "truth")
    assert joined.ids == truth.ids
    for image_id in truth.ids:
        expected = truth.read(image_id)
        first = round(len(expected) * 0.25)
        np.testing.assert_array_equal(joined.read(image_id)[first:], expected[first:])
        assert not joined.read(image_id)[:first].any()
        weights = np.zeros(expected.shape)
        weights[first:] = 1
        np.testing.assert_array_equal(joined.read_weights(image_id), weights)


def test_maps_and_weights_are_averaged_where_windows_overlap(frames: Path) -> None:
    content = draw(frames)
    weighted = f"{FIRST}/00_01"
    content[weighted] = Content(content[weighted].soft_label, weights=np.full((32, 32), 0.4))
    write_windows(frames, content)
    joined = join(frames)
    total, count, weights = np.zeros((3, 64, 64))
    for name, place in windows_of(frames).frames[FIRST].grid.places():
        total[place] += content[f"{FIRST}/{name}"].soft_label
        weights[place] += 0.4 if name == "00_01" else 1
        count[place] += 1
    count = np.maximum(count, 1)
    np.testing.assert_allclose(joined.read(FIRST), total / count, atol=2e-5)
    np.testing.assert_allclose(joined.read_weights(FIRST), weights / count, atol=0.003)
    assert joined.box_settings == BoxSettings(object_class="bird")
    settings = joined.manifest["settings"]
    assert (settings["producer"], settings["top"], settings["size_px"]) == ("windows", 0.25, 32)


def test_without_margins_all_pixels_count_alike(frames: Path) -> None:
    given = ["--config", str(frames), "--windows.top", "0", "--overwrite"]
    assert cut(given) == 0
    write_windows(frames, draw(frames))
    assert not join(frames).has_weights


def test_windows_that_are_missing_unknown_or_of_other_sizes_are_named_together(
    frames: Path,
) -> None:
    content = draw(frames)
    del content[f"{FIRST}/00_01"], content["flight 1/möwe_06/01_00"]
    content[f"{FIRST}/00_00"] = Content(np.zeros((5, 6)))
    content["flight 0/other/00_00"] = Content(np.zeros((5, 6)))
    write_windows(frames, content)
    with pytest.raises(UserError) as error:
        join(frames)
    assert f"2 windows have no map: {FIRST}/00_01, flight 1/möwe_06/01_00;" in str(error.value)
    assert "1 map is of no window: flight 0/other/00_00;" in str(error.value)
    assert f"{FIRST}/00_00 (5 x 6, window 32 x 32)" in str(error.value)
    assert not (frames.parent / "label_sets" / "joined").exists()


def test_maps_of_windows_that_were_cut_otherwise_since_are_not_joined(frames: Path) -> None:
    images = find_images(frames.parent / "windows" / "images")
    folder = frames.parent / "windows" / "label_sets" / "bird"
    with LabelSetWriter(folder, {"producer": "teacher"}, True) as writer:
        for image_id, content in draw(frames).items():
            writer.add(image_id, content, fingerprint([images[image_id]]), 0)
        writer.finish(BoxSettings(object_class="bird"))
    assert join(frames).ids
    image = np.full((64, 64, 3), 7, np.uint8)
    write_image(frames.parent / "images" / f"{FIRST}.png", image)
    assert cut(["--config", str(frames)]) == 0
    with pytest.raises(UserError, match=r"windows were cut otherwise when it was made: .*möwe_00/"):
        join(frames)


def test_a_window_that_failed_is_named_with_its_reason(frames: Path) -> None:
    content = draw(frames)
    folder = frames.parent / "windows" / "label_sets" / "bird"
    with LabelSetWriter(folder, {"prompt": "bird"}) as writer:
        for image_id, each in content.items():
            if image_id.startswith(FIRST):
                writer.fail(image_id, "it is torn")
            else:
                writer.add(image_id, each, source="1", seconds=0)
        writer.finish(BoxSettings())
    with pytest.raises(UserError, match=rf"6 windows have no map: {FIRST}/00_00 \(it is torn\)"):
        join(frames)


def test_frames_without_any_window_in_the_label_set_are_left_out(frames: Path) -> None:
    some = {i: each for i, each in draw(frames).items() if i.startswith("flight 1/")}
    write_windows(frames, some)
    assert len(join(frames).ids) == 6


def test_a_join_goes_on_where_it_was_and_only_with_the_same_windows(frames: Path) -> None:
    content = draw(frames)
    write_windows(frames, content)
    joined = join(frames)
    before = {image_id: joined.path(image_id).stat().st_mtime_ns for image_id in joined.ids}
    content[f"{FIRST}/01_02"] = Content(np.ones((32, 32)))
    write_windows(frames, content)
    join(frames)
    after = {image_id: joined.path(image_id).stat().st_mtime_ns for image_id in joined.ids}
    assert [i for i in after if after[i] != before[i]] == [FIRST]
    assert cut(["--config", str(frames), "--windows.left", "0.1", "--overwrite"]) == 0
    write_windows(frames, draw(frames))
    with pytest.raises(UserError, match=r"left: default -> 0.1.*give --overwrite"):
        join(frames)
    join(frames, "--overwrite")


def test_a_frame_that_has_got_another_size_is_joined_anew(frames: Path) -> None:
    content = draw(frames)
    write_windows(frames, content)
    assert join(frames).read(FIRST).shape == (64, 64)
    for folder in ("images", "masks"):
        path = frames.parent / folder / f"{FIRST}.png"
        write_image(path, np.zeros((64, 66), np.uint8))
    assert cut(["--config", str(frames)]) == 0
    write_windows(frames, content)  # the same maps, whose place has changed
    assert join(frames).read(FIRST).shape == (64, 66)


def test_frames_whose_windows_chose_settings_are_in_sample(frames: Path) -> None:
    chosen = [ImageIdentity(f"{FIRST}/00_00", "x"), ImageIdentity(f"{FIRST}/00_01", "y")]
    chosen.append(ImageIdentity("elsewhere", "z"))
    write_windows(frames, draw(frames), facts={CHOSEN_ON: chosen})
    image = find_images(frames.parent / "images")[FIRST]
    expected = {ImageIdentity(FIRST, fingerprint([image])), ImageIdentity("elsewhere", "z")}
    assert join(frames).chosen_on == expected


def test_several_processes_share_the_frames(frames: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_windows(frames, draw(frames))
    alone = join(frames).content
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        assert main(["--config", str(frames), "--windows.output", "shared"]) == 0
    assert LabelSet(frames.parent / "label_sets" / "shared").content == alone


def test_the_script_runs_and_says_where_there_are_no_windows(frames: Path) -> None:
    write_windows(frames, draw(frames))
    script = "util/windows/join_windows.py"
    done = run(script, "--config", str(frames))
    assert done.returncode == 0, done.stderr
    assert "Next: " in done.stdout
    assert "--student.label_set joined --student.pixel_weights label_set" in done.stdout
    done = run(script, "--config", str(frames), "--paths.windows", str(frames.parent / "none"))
    assert done.returncode == 2
    assert "none do not exist; run util/windows/cut_windows.py" in done.stderr
