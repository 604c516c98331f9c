"""The data set of skylines: its files, labels of images, and cameras that no two splits share."""

import itertools
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import ROOT
from util.bbox_csv import read_bbox_csv
from util.config.reading import read_config
from util.demo.data_set import make_data_set
from util.demo.making import make_demo
from util.demo.road.data_set import ROAD
from util.demo.smoke.data_set import PAINTER_VERSION, SMOKE
from util.demo.smoke.scene import CLASSES
from util.errors import UserError
from util.ground_truth.image_labels import read_image_labels
from util.images.files import find_images, read_soft_label
from util.images.masks import open_folder, open_masks
from util.images.splits import read_split
from util.metrics.groups import group_images

SCENES = 60
SIZE_PX = 64
SPLITS = {"Train": 30, "Validation": 12, "Test": 18}
IDS = [f"camera_{camera}/frame_{frame:04d}" for frame in range(6) for camera in range(10)]


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("skylines")
    make_data_set(folder, SMOKE, SCENES, SIZE_PX, seed=5)
    return folder


def ids_of(folder: Path, split: str) -> list[str]:
    return (folder / "ImageSets" / "Segmentation" / f"{split}.txt").read_text().split()


def read_mask(folder: Path, image_id: str) -> np.ndarray:
    return cv2.imread(str(folder / "SegmentationClass" / f"{image_id}.png"), cv2.IMREAD_UNCHANGED)


def shows(mask: np.ndarray, *names: str) -> bool:
    return bool(np.isin(mask, [CLASSES.index(name) for name in names]).any())


def files_of(folder: Path) -> dict[str, bytes]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_the_same_seed_gives_the_same_bytes_however_many_scenes(
    data_set: Path, tmp_path: Path
) -> None:
    make_data_set(tmp_path, SMOKE, 12, SIZE_PX, seed=5)
    large = files_of(data_set)
    for name, data in files_of(tmp_path).items():
        if name.startswith(("JPEGImages", "SegmentationClass", "opacity")):
            assert large[name] == data
        if name.startswith("ImageSets") or name.endswith(".csv"):
            assert large[name].startswith(data)


def test_the_layout(data_set: Path) -> None:
    expected = {f"JPEGImages/{image_id}.jpg" for image_id in IDS}
    expected |= {f"{folder}/{i}.png" for folder in ("SegmentationClass", "opacity") for i in IDS}
    expected |= {f"ImageSets/Segmentation/{split}.txt" for split in SPLITS}
    expected |= {"SegmentationClass/classes.json", "ground_truth.csv", "image_labels.csv"}
    assert set(files_of(data_set)) == expected | {"scenes.json"}
    assert json.loads((data_set / "scenes.json").read_text()) == {
        "num_scenes": SCENES,
        "size_px": SIZE_PX,
        "seed": 5,
        "kind": "smoke",
        "version": PAINTER_VERSION,
    }


def test_splits_are_complete_and_share_no_camera(data_set: Path) -> None:
    splits = {split: ids_of(data_set, split) for split in SPLITS}
    assert {split: len(ids) for split, ids in splits.items()} == SPLITS
    assert sorted(itertools.chain(*splits.values())) == sorted(IDS)
    cameras = [{image_id.split("/")[0] for image_id in ids} for ids in splits.values()]
    assert [len(of_split) for of_split in cameras] == [5, 2, 3]
    assert len(set().union(*cameras)) == 10


def test_the_smallest_set_has_all_splits(tmp_path: Path) -> None:
    make_data_set(tmp_path, SMOKE, 4, 32, seed=0)
    assert [len(ids_of(tmp_path, split)) for split in SPLITS] == [2, 1, 1]


def test_labels_of_images_say_what_their_masks_show(data_set: Path) -> None:
    labels = read_image_labels(data_set / "image_labels.csv", IDS)
    assert list(labels) == IDS
    for image_id, found in labels.items():
        mask = read_mask(data_set, image_id)
        assert ("smoke" in found) == shows(mask, "dense smoke", "thin smoke")
        assert ("steam" in found) == shows(mask, "steam")
        assert found <= {"smoke", "steam"}
        assert ("smoke" in found) or not (mask == 255).any()
    assert {frozenset(), frozenset({"smoke"}), frozenset({"steam"})} <= set(labels.values())


def test_half_of_the_frames_of_a_split_have_smoke_and_all_have_chimneys(data_set: Path) -> None:
    labels = read_image_labels(data_set / "image_labels.csv", IDS)
    for split in SPLITS:
        ids = ids_of(data_set, split)
        assert 0.25 <= np.mean(["smoke" in labels[image_id] for image_id in ids]) <= 0.75
    assert all(shows(read_mask(data_set, image_id), "chimney") for image_id in IDS)


def test_the_boxes_are_of_smoke_and_steam_in_frames_with_these_labels(data_set: Path) -> None:
    table = read_bbox_csv(data_set / "ground_truth.csv")
    labels = read_image_labels(data_set / "image_labels.csv", IDS)
    for name in ("smoke", "steam"):
        boxed = set(table["image"][table["obj_class"] == name])
        assert boxed == {image_id for image_id, found in labels.items() if name in found}
    assert (table[["xmin", "ymin"]].to_numpy() < table[["xmax", "ymax"]].to_numpy()).all()


def test_the_opacity_of_smoke_is_read_as_a_soft_label(data_set: Path) -> None:
    for image_id in IDS[:20]:
        opacity = read_soft_label(data_set / "opacity" / f"{image_id}.png")
        is_dense = read_mask(data_set, image_id) == CLASSES.index("dense smoke")
        assert np.array_equal(opacity > 0.5, is_dense)


@pytest.fixture
def content(data_set: Path) -> str:
    """What makes `configs/smoke.json` one of the small set."""
    text = (ROOT / "configs" / "smoke.json").read_text()
    small = json.loads(text.replace("../data/smoke_scenes", str(data_set)))
    small["demo"] |= {"scenes": SCENES, "size_px": SIZE_PX, "seed": 5}
    return json.dumps(small)


def test_the_config_reads_smoke_of_both_opacities_and_ignores_what_is_faint(
    data_set: Path, content: str, tmp_path: Path
) -> None:
    (tmp_path / "smoke.json").write_text(content)
    config = read_config(tmp_path / "smoke.json")
    images = find_images(config.data.images)
    masks = open_masks(config.data, images)
    for image_id in read_split(config.data.splits, "Test", images):
        stored = read_mask(data_set, image_id)
        expected = np.select([stored == 255, (stored == 1) | (stored == 2)], [255, 1], 0)
        assert np.array_equal(masks.read(image_id), expected)
    assert config.data.image_labels == data_set / "image_labels.csv"
    groups = group_images(config.data.groups, ids_of(data_set, "Test"))
    assert len(groups) == 3


@pytest.mark.parametrize("name", ["dense smoke", "thin smoke", "steam", "chimney"])
def test_each_class_can_be_read_alone(data_set: Path, name: str) -> None:
    masks = open_folder(
        data_set / "SegmentationClass", find_images(data_set / "JPEGImages"), [name]
    )
    for image_id in IDS[:10]:
        expected = read_mask(data_set, image_id) == CLASSES.index(name)
        assert np.array_equal(masks.read(image_id) == 1, expected)


def test_the_two_opacities_can_be_told_apart_by_settings(data_set: Path) -> None:
    values = {"0": "normal", "1": "anomalous", "2": "ignored", "3-5": "normal", "255": "ignored"}
    images = find_images(data_set / "JPEGImages")
    masks = open_folder(data_set / "SegmentationClass", images, ["dense smoke"], values)
    for image_id in IDS[:10]:
        stored, read = read_mask(data_set, image_id), masks.read(image_id)
        assert np.array_equal(read == 1, stored == 1)
        assert np.array_equal(read == 255, (stored == 2) | (stored == 255))


def test_the_config_of_skylines_makes_skylines(tmp_path: Path) -> None:
    config = read_config(ROOT / "configs" / "smoke.json")
    assert config.paths.demo == ROOT / "data" / "smoke_scenes"
    assert config.data.images == config.paths.demo / "JPEGImages"
    make_demo(tmp_path, config.demo.model_copy(update={"scenes": 4, "size_px": 32}))
    assert len(find_images(tmp_path / "JPEGImages")) == 4


def test_a_stopped_set_is_completed_and_strangers_in_folders_are_refused(
    data_set: Path, tmp_path: Path
) -> None:
    (tmp_path / "JPEGImages" / "camera_3").mkdir(parents=True)
    stranger = tmp_path / "JPEGImages" / "camera_3" / "holiday.jpg"
    (tmp_path / "JPEGImages" / "camera_3" / "frame_0000.jpg").write_bytes(b"stopped")
    stranger.write_bytes(b"")
    with pytest.raises(UserError, match=r"not of this set: camera_3/holiday\.jpg"):
        make_data_set(tmp_path, SMOKE, SCENES, SIZE_PX, seed=5)
    stranger.unlink()
    make_data_set(tmp_path, SMOKE, SCENES, SIZE_PX, seed=5)
    assert files_of(tmp_path) == files_of(data_set)


def test_a_folder_with_scenes_of_another_kind_is_refused(data_set: Path) -> None:
    with pytest.raises(UserError, match="already holds scenes made with"):
        make_data_set(data_set, ROAD, SCENES, SIZE_PX, seed=5)
