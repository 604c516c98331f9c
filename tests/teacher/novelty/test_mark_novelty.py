"""Maps of fixed cameras sharpened by their empty frames, as the script does it."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from teacher.novelty.background import Background
from teacher.novelty.describing import CELL_PX, CellDescriber
from teacher.novelty.mark_novelty import main
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import find_images, read_image, write_image
from util.images.identity import ImageIdentity
from util.label_set import Content, LabelSet, LabelSetWriter
from util.weights.finding import find
from util.weights.known import named

SIZE_HW = (72, 100)
BLACK = np.zeros((*SIZE_HW, 3), np.uint8)
EMPTY, SHOWING = range(5), range(5, 7)


def frame_of(scene: np.ndarray, truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A frame of a camera: its scene in another light, with a striped thing where truth is."""
    stripes = np.where(np.arange(SIZE_HW[1]) % 6 < 3, 250, 10)[None, :, None]
    lit = scene * rng.uniform(0.9, 1.1) + rng.normal(0, 3, scene.shape)
    return np.where(truth[..., None], stripes, np.clip(lit, 0, 255)).astype(np.uint8)


def truth_of(camera: str, number: int) -> np.ndarray:
    truth = np.zeros(SIZE_HW, bool)
    if number in SHOWING:
        truth[20:44, 30 + 8 * (number % 5) :][:, :24] = True
    return truth


def blob_of(truth: np.ndarray) -> np.ndarray:
    """A map that is too large, as those of classifiers are."""
    grown = np.zeros(SIZE_HW)
    if truth.any():
        grown[8:64, 10:90] = 0.64
    return grown


@pytest.fixture
def cameras(tmp_path: Path) -> Path:
    """A project with two cameras, each with five empty frames and two that show something."""
    rng = np.random.default_rng(1)
    with LabelSetWriter(tmp_path / "label_sets" / "cam", {"by": "hand"}) as writer:
        for camera in ("north", "south"):
            (tmp_path / "images" / camera).mkdir(parents=True)
            scene = rng.integers(0, 256, (9, 13, 3)).repeat(8, 0).repeat(8, 1)[:72, :100]
            for number in (*EMPTY, *SHOWING):
                truth, image_id = truth_of(camera, number), f"{camera}/{number}"
                write_image(tmp_path / f"images/{image_id}.png", frame_of(scene, truth, rng))
                weights = np.full(SIZE_HW, 0.5) if number == 6 else None
                content = Content(blob_of(truth), weights=weights)
                writer.add(image_id, content, source="1", seconds=0)
        writer.finish(BoxSettings(threshold=0.3, object_class="smoke"))
    config = tmp_path / "config.json"
    data = {"images": "images", "groups": "^(.*)/"}
    config.write_text(json.dumps({"data": data, "novelty": {"label_set": "cam"}}))
    return config


def mark(config: Path, *more: str, status: int = 0) -> LabelSet:
    assert main(["--config", str(config), *more]) == status
    return LabelSet(config.parent / "label_sets" / "novel")


def times(label_set: LabelSet) -> dict[str, int]:
    return {image_id: label_set.path(image_id).stat().st_mtime_ns for image_id in label_set.ids}


def test_what_empty_frames_do_not_show_is_marked_within_each_map(cameras: Path) -> None:
    before, novel = LabelSet(cameras.parent / "label_sets" / "cam"), mark(cameras)
    assert novel.ids == before.ids
    for image_id in novel.ids:
        camera, _, number = image_id.partition("/")
        truth, soft_label = truth_of(camera, int(number)), novel.read(image_id)
        assert not soft_label[before.read(image_id) == 0].any()
        if truth.any():
            scores = [
                average_precision_score(truth.ravel(), each.ravel())
                for each in (before.read(image_id), soft_label)
            ]
            assert scores[0] < 0.2
            assert scores[1] > 0.8
        np.testing.assert_array_equal(novel.read_weights(image_id), before.read_weights(image_id))
    assert novel.box_settings == BoxSettings(object_class="smoke")
    assert novel.manifest["settings"]["groups"] == "^(.*)/"


def test_a_map_is_the_root_of_the_one_before_times_novelty(cameras: Path) -> None:
    novel, images = mark(cameras), find_images(cameras.parent / "images")
    weights = find(named("efficientnet-lite0", "test"), Path("none"))
    assert weights is not None
    describer = CellDescriber(weights)
    cells = {i: describer.describe(read_image(images[i])) for i in images if "south" in i}
    assert cells["south/5"].shape[:2] == (9, 13)
    background = Background.of([cells[f"south/{number}"] for number in EMPTY])
    row, column = 3, 5  # whose centre lies between four pixels
    expected = 0.8 * background.novelty_of(cells["south/5"])[row, column]
    middle = [slice(CELL_PX * n + 3, CELL_PX * n + 5) for n in (row, column)]
    assert novel.read("south/5")[middle[0], middle[1]].mean() == pytest.approx(expected, abs=2e-3)


def test_so_many_frames_as_asked_for_are_compared_from_the_first_to_the_last(
    cameras: Path,
) -> None:
    few = mark(cameras, "--novelty.frames", "3")
    before = times(few)
    for number in (1, 3):  # not compared
        write_image(
            cameras.parent / f"images/north/{number}.png", np.zeros((*SIZE_HW, 3), np.uint8)
        )
    after = times(mark(cameras, "--novelty.frames", "3"))
    assert {i for i in after if after[i] != before[i]} == {"north/1", "north/3"}


def test_maps_are_made_anew_where_a_frame_that_they_were_compared_with_has_changed(
    cameras: Path,
) -> None:
    before = times(mark(cameras))
    assert times(mark(cameras)) == before
    write_image(cameras.parent / "images/north/2.png", BLACK)
    after = times(mark(cameras))
    assert {i for i in after if after[i] != before[i]} == {"north/2", "north/5", "north/6"}
    with pytest.raises(UserError, match=r"side_px: .* give --overwrite"):
        mark(cameras, "--novelty.side_px", "64")


def test_larger_images_are_compared_at_a_smaller_size(cameras: Path) -> None:
    whole = mark(cameras).read("north/5")
    small = mark(cameras, "--novelty.side_px", "64", "--overwrite").read("north/5")
    assert small.shape == SIZE_HW
    assert not np.array_equal(small, whole)


def remove_empty_frames(project: Path, camera: str, kept: int) -> None:
    """Leave a camera so many empty frames, of which a bare folder of maps tells."""
    folder = project / "label_sets" / "cam"
    for number in EMPTY[kept:]:
        (project / f"images/{camera}/{number}.png").unlink()
        (folder / f"{camera}/{number}.png").unlink()
    for name in ("label_set.json", "records.jsonl"):
        (folder / name).unlink(missing_ok=True)


def test_maps_of_a_camera_with_too_few_empty_frames_stay_as_they_are_which_is_said(
    cameras: Path, caplog: pytest.LogCaptureFixture
) -> None:
    remove_empty_frames(cameras.parent, "north", kept=2)
    novel, before = mark(cameras), LabelSet(cameras.parent / "label_sets" / "cam")
    np.testing.assert_array_equal(novel.read("north/5"), before.read("north/5"))
    assert not np.array_equal(novel.read("south/5"), before.read("south/5"))
    assert "north has 2 of 72 x 100; maps of these cameras stay as they are" in caplog.text


def test_where_no_camera_has_enough_empty_frames_all_maps_stay_which_is_said(
    cameras: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for camera, kept in (("north", 2), ("south", 0)):
        remove_empty_frames(cameras.parent, camera, kept)
    novel, before = mark(cameras), LabelSet(cameras.parent / "label_sets" / "cam")
    for image_id in before.ids:
        np.testing.assert_array_equal(novel.read(image_id), before.read(image_id))
    said = "north has 2 of 72 x 100, south has 0 of 72 x 100; maps of all cameras stay as they are"
    assert said in caplog.text


def test_without_groups_nobody_knows_which_frames_one_camera_took(cameras: Path) -> None:
    with pytest.raises(UserError, match=r"say by data.groups which are, such as \^\(\.\*\)/"):
        mark(cameras, "--data.groups", "null")


def test_a_label_set_is_not_sharpened_in_its_own_place(cameras: Path) -> None:
    with pytest.raises(UserError, match=r"novelty.output is 'cam', a label set that it"):
        mark(cameras, "--novelty.output", "cam")


def test_images_that_are_missing_or_of_another_size_are_named_together(cameras: Path) -> None:
    (cameras.parent / "images/north/0.png").unlink()
    write_image(cameras.parent / "images/south/0.png", np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(UserError, match=r"no image north/0; maps differ .* south/0 \(72 x 100"):
        mark(cameras)


def test_a_damaged_image_or_map_fails_alone(cameras: Path) -> None:
    (cameras.parent / "images/north/5.png").write_bytes(b"no image")
    (cameras.parent / "label_sets/cam/south/5.png").write_bytes(b"no map")
    (cameras.parent / "label_sets/cam/south/0.png").write_bytes(b"no map")
    novel = mark(cameras, status=1)
    assert set(novel.failed) == {"north/5", "south/5", "south/0"}


def test_damaged_frames_are_not_compared_with_which_is_said_once(
    cameras: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = mark(cameras).read("south/5")
    for number in (0, 1):
        (cameras.parent / f"images/south/{number}.png").write_bytes(b"no image")
    novel = mark(cameras)
    assert not novel.failed  # frames that are empty need no look
    assert not np.array_equal(novel.read("south/5"), whole)
    assert caplog.text.count("not compared with: ") == 1
    (cameras.parent / "images/south/2.png").write_bytes(b"no image")
    failed = mark(cameras, status=1).failed
    assert set(failed) == {"south/5", "south/6"}
    assert "too few frames to compare with" in failed["south/6"]


def test_boxes_are_found_as_the_config_says(cameras: Path) -> None:
    assert mark(cameras, "--evaluation.threshold", "0.2").box_settings.threshold == 0.2


def test_several_processes_make_the_same_maps_as_one(
    cameras: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = mark(cameras)
    whole = {image_id: made.read(image_id) for image_id in made.ids}
    shutil.rmtree(cameras.parent / "label_sets" / "novel")
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("WORLD_SIZE", "2")
        assert main(["--config", str(cameras)]) == 0
    novel = LabelSet(cameras.parent / "label_sets" / "novel")
    for image_id, soft_label in whole.items():
        np.testing.assert_array_equal(novel.read(image_id), soft_label)


def test_images_that_chose_the_label_set_are_remembered(cameras: Path) -> None:
    chosen = [ImageIdentity("north/0", "1" * 16)]
    with LabelSetWriter(
        cameras.parent / "label_sets" / "cam", {"by": "hand"}, facts={"chosen_on": chosen}
    ) as writer:
        writer.finish(BoxSettings(object_class="smoke"))
    assert mark(cameras).chosen_on == frozenset(chosen)


def test_cameras_whose_frames_alternate_are_each_learnt_once(
    cameras: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three cameras, whose backgrounds are not all kept, in the order of time."""
    root, source = cameras.parent, LabelSet(cameras.parent / "label_sets" / "cam")
    with LabelSetWriter(root / "label_sets" / "timed", {"by": "hand"}) as writer:
        for number in (*EMPTY, *SHOWING):
            for camera, of in (("a", "north"), ("b", "south"), ("c", "north")):
                image_id, other = f"{number}_{camera}", f"{of}/{number}"
                shutil.copy(root / f"images/{other}.png", root / f"images/{image_id}.png")
                writer.add(image_id, Content(source.read(other)), source="1", seconds=0)
        writer.finish(BoxSettings())
    learnt = []

    def learn(frames: Sequence[np.ndarray]) -> Background:
        learnt.append(len(frames))
        return plain(frames)

    plain = Background.of
    monkeypatch.setattr(Background, "of", learn)
    mark(cameras, "--novelty.label_set", "timed", "--data.groups", "_(.)$")
    assert learnt == [5, 5, 5]
