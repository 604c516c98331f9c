"""The data set of streets: its files, its splits, and that the stages' readers read it."""

import itertools
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import ROOT
from util import label_set_from_truth
from util.bbox_csv import read_bbox_csv
from util.config.reading import read_config
from util.demo.data_set import make_data_set
from util.demo.making import make_demo
from util.demo.road.data_set import PAINTER_VERSION, ROAD
from util.demo.road.scene import CLASSES, VOID, make_scene
from util.demo.sea.data_set import SEA
from util.errors import UserError
from util.images.files import find_images
from util.images.masks import open_folder, open_masks
from util.images.splits import read_split
from util.label_set import open_label_set

SCENES = 40
SIZE_PX = 48
SPLITS = {"Train": 18, "Validation": 4, "Queries": 4, "Unlabelled": 6, "Test": 8}
WITH_ANOMALIES = ("Queries", "Unlabelled", "Test")


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streets")
    make_data_set(folder, ROAD, SCENES, SIZE_PX, seed=5)
    return folder


def ids_of(folder: Path, split: str) -> list[str]:
    return (folder / "ImageSets" / "Segmentation" / f"{split}.txt").read_text().split()


def read_gray(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def files_of(folder: Path) -> dict[str, bytes]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_the_same_seed_gives_the_same_bytes_however_many_scenes(
    data_set: Path, tmp_path: Path
) -> None:
    make_data_set(tmp_path, ROAD, 6, SIZE_PX, seed=5)
    large = files_of(data_set)
    for name, data in files_of(tmp_path).items():
        if name.startswith(("JPEGImages", "SegmentationClass", "labels_masks")):
            assert large[name] == data
        if name.startswith("ImageSets"):
            assert large[name].startswith(data)


def test_the_layout(data_set: Path) -> None:
    stems = [f"scene_{number:04d}" for number in range(SCENES)]
    expected = {f"JPEGImages/{stem}.jpg" for stem in stems}
    expected |= {f"SegmentationClass/{stem}.png" for stem in stems}
    expected |= {f"labels_masks/{stem}_labels_semantic.png" for stem in stems}
    expected |= {f"ImageSets/Segmentation/{split}.txt" for split in SPLITS}
    expected |= {"SegmentationClass/classes.json", "ground_truth.csv", "scenes.json"}
    assert set(files_of(data_set)) == expected
    assert json.loads((data_set / "scenes.json").read_text()) == {
        "num_scenes": SCENES,
        "size_px": SIZE_PX,
        "seed": 5,
        "kind": "road",
        "version": PAINTER_VERSION,
    }


def test_the_files_hold_the_scene(data_set: Path) -> None:
    number = int(ids_of(data_set, "Test")[0].removeprefix("scene_"))
    scene = make_scene((5, number), SIZE_PX, has_anomalies=True)
    stem = f"scene_{number:04d}"
    assert np.array_equal(
        read_gray(data_set / "SegmentationClass" / f"{stem}.png"), scene.class_mask
    )
    anomalies = read_gray(data_set / "labels_masks" / f"{stem}_labels_semantic.png")
    assert np.array_equal(anomalies, scene.anomaly_mask)
    image_bgr = cv2.imread(str(data_set / "JPEGImages" / f"{stem}.jpg"))
    assert np.abs(image_bgr[..., ::-1].astype(int) - scene.image_rgb).mean() < 6


def test_splits_are_disjoint_complete_and_of_the_right_size(data_set: Path) -> None:
    splits = {split: ids_of(data_set, split) for split in SPLITS}
    assert {split: len(ids) for split, ids in splits.items()} == SPLITS
    every = sorted(itertools.chain(*splits.values()))
    assert every == [f"scene_{number:04d}" for number in range(SCENES)]


def test_anomalies_are_in_queries_and_test_alone(data_set: Path) -> None:
    for split in SPLITS:
        for stem in ids_of(data_set, split):
            mask = read_gray(data_set / "labels_masks" / f"{stem}_labels_semantic.png")
            assert set(np.unique(mask)) <= {0, 1, VOID}
            assert (mask == 1).any() == (split in WITH_ANOMALIES)


def test_the_boxes_are_those_of_the_anomalies(data_set: Path) -> None:
    table = read_bbox_csv(data_set / "ground_truth.csv")
    assert set(table["image"]) == {i for split in WITH_ANOMALIES for i in ids_of(data_set, split)}
    for stem, rows in table.groupby("image"):
        mask = read_gray(data_set / "labels_masks" / f"{stem}_labels_semantic.png") == 1
        edges = rows[["xmin", "ymin", "xmax", "ymax"]].to_numpy()
        edges = np.rint(edges * (2 * SIZE_PX, SIZE_PX, 2 * SIZE_PX, SIZE_PX)).astype(int)
        assert mask[:, edges[:, 0].min() : edges[:, 2].max()].sum() == mask.sum()
        for x0, y0, x1, y1 in edges:
            assert mask[y0:y1, x0:x1].any()


def test_classes_are_read_by_their_names(data_set: Path) -> None:
    masks = open_folder(data_set / "SegmentationClass", find_images(data_set / "JPEGImages"))
    assert masks.class_names == CLASSES
    for stem in ids_of(data_set, "Test"):
        expected = read_gray(data_set / "SegmentationClass" / f"{stem}.png")
        assert np.array_equal(masks.read_classes(stem, (SIZE_PX, 2 * SIZE_PX)), expected)


@pytest.fixture
def arguments(data_set: Path, tmp_path: Path) -> list[str]:
    """What makes `configs/road.json` one of the small set."""
    content = json.loads((ROOT / "configs" / "road.json").read_text())
    small = json.loads(json.dumps(content).replace("../data/road_scenes", str(data_set)))
    small["paths"] |= {"label_sets": "label_sets", "runs": "runs"}
    small["demo"] |= {"scenes": SCENES, "size_px": SIZE_PX, "seed": 5}
    path = tmp_path / "road.json"
    path.write_text(json.dumps(small))
    return ["--config", str(path)]


def test_the_config_of_streets_reads_their_anomalies(data_set: Path, arguments: list[str]) -> None:
    config = read_config(Path(arguments[1]))
    images = find_images(config.data.images)
    masks = open_masks(config.data, images)
    assert len(masks.paths) == SCENES
    for stem in read_split(config.data.splits, "Queries", images):
        expected = read_gray(data_set / "labels_masks" / f"{stem}_labels_semantic.png")
        assert np.array_equal(masks.read(stem), expected)


def test_the_true_anomalies_are_a_label_set(data_set: Path, arguments: list[str]) -> None:
    assert label_set_from_truth.main([*arguments, "--split", "Test"]) == 0
    label_set = open_label_set(Path(arguments[1]).parent / "label_sets", "truth")
    assert set(label_set.ids) == set(ids_of(data_set, "Test"))


def test_the_config_of_streets_makes_streets(tmp_path: Path) -> None:
    config = read_config(ROOT / "configs" / "road.json")
    assert config.paths.demo == ROOT / "data" / "road_scenes"
    assert config.data.images == config.paths.demo / "JPEGImages"
    make_demo(tmp_path, config.demo.model_copy(update={"scenes": 4, "size_px": 32}))
    assert len(list((tmp_path / "labels_masks").iterdir())) == 4


def test_a_folder_with_scenes_of_another_kind_is_refused(data_set: Path) -> None:
    with pytest.raises(UserError, match="already holds scenes made with"):
        make_data_set(data_set, SEA, SCENES, SIZE_PX, seed=5)
