"""The data set of the harbour: its files, who films what when, and splits that share nothing."""

import itertools
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import ROOT
from util.bbox_csv import read_bbox_csv
from util.config.reading import read_config
from util.demo import make_demo as script
from util.demo.cameras import data_set as harbour
from util.demo.cameras.data_set import CAMERAS, PAINTER_VERSION
from util.demo.cameras.scene import CLASSES, Scene, make_scene
from util.demo.data_set import make_data_set
from util.demo.making import make_demo
from util.errors import UserError
from util.images.files import find_images
from util.images.splits import read_split
from util.streams.cameras import find_cameras

SCENES = 75
SIZE_PX = 48
SPLITS = ("General", "GeneralValidation", "Bank", "Test")


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("harbour")
    make_data_set(folder, CAMERAS, SCENES, SIZE_PX, seed=5)
    return folder


def ids_of(folder: Path, split: str) -> list[str]:
    return (folder / "ImageSets" / "Segmentation" / f"{split}.txt").read_text().split()


def files_of(folder: Path) -> dict[str, bytes]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def filmed(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[int, float]]:
    """Camera and hour of each frame of a set of 3000, which is not painted."""
    told: list[tuple[int, float]] = []

    def tell(seed: int, camera: int, hour: float, size_px: int) -> Scene:
        told.append((camera, hour))
        return Scene(np.zeros((3, 4, 3), np.uint8), ())

    monkeypatch.setattr(harbour, "make_scene", tell)
    for number in range(3000):
        CAMERAS.paint(0, number, SIZE_PX)
    return dict(zip(map(CAMERAS.name, range(3000)), told, strict=True))


def test_the_same_seed_gives_the_same_bytes_however_many_scenes(
    data_set: Path, tmp_path: Path
) -> None:
    make_data_set(tmp_path, CAMERAS, 12, SIZE_PX, seed=5)
    large = files_of(data_set)
    for name, data in files_of(tmp_path).items():
        if name != "scenes.json":
            assert large[name].startswith(data)


def test_the_layout_has_no_masks_and_no_names_of_their_classes(data_set: Path) -> None:
    expected = {f"JPEGImages/{CAMERAS.name(number)}.jpg" for number in range(SCENES)}
    expected |= {f"ImageSets/Segmentation/{split}.txt" for split in SPLITS}
    assert set(files_of(data_set)) == expected | {"ground_truth.csv", "scenes.json"}
    assert "JPEGImages/cam1/week1/bank/images/000000.jpg" in expected
    assert "JPEGImages/cam6/test/images/000000.jpg" in expected
    assert "JPEGImages/general/images/000000.jpg" in expected


def test_it_is_written_down_which_family_a_camera_is_of(data_set: Path) -> None:
    assert json.loads((data_set / "scenes.json").read_text()) == {
        "num_scenes": SCENES,
        "size_px": SIZE_PX,
        "seed": 5,
        "kind": "cameras",
        "version": PAINTER_VERSION,
        "families": {
            "cam1": "roads",
            "cam2": "quay",
            "cam3": "mouth",
            "cam4": "roads",
            "cam5": "quay",
            "cam6": "mouth",
        },
    }


def test_splits_are_complete_and_share_no_frame(data_set: Path) -> None:
    splits = {split: ids_of(data_set, split) for split in SPLITS}
    together = list(itertools.chain(*splits.values()))
    assert sorted(together) == sorted(CAMERAS.name(number) for number in range(SCENES))
    assert all(image_id.startswith("general/") for image_id in splits["General"])
    assert all(image_id.startswith("general/") for image_id in splits["GeneralValidation"])
    assert all("/week1/bank/" in image_id for image_id in splits["Bank"])
    assert all("/test/" in image_id for image_id in splits["Test"])


def test_the_smallest_set_has_all_splits(tmp_path: Path) -> None:
    make_data_set(tmp_path, CAMERAS, 4, 32, seed=0)
    assert [len(ids_of(tmp_path, split)) for split in SPLITS] == [1, 1, 1, 1]


def test_three_thousand_frames_are_of_six_cameras_and_six_hundred_others() -> None:
    assert [len(CAMERAS.members(split, 3000)) for split in SPLITS] == [500, 100, 1920, 480]
    folders: dict[str, list[int]] = defaultdict(list)
    for number in range(3000):
        folder, frame = CAMERAS.name(number).rsplit("/", 1)
        folders[folder].append(int(frame))
    expected = {"general/images": 600}
    expected |= {f"cam{camera}/week1/bank/images": 320 for camera in range(1, 7)}
    expected |= {f"cam{camera}/test/images": 80 for camera in range(1, 7)}
    assert {folder: len(frames) for folder, frames in folders.items()} == expected
    assert all(frames == list(range(len(frames))) for frames in folders.values())


def test_a_bank_is_filmed_at_even_steps_of_time(filmed: dict[str, tuple[int, float]]) -> None:
    for camera in range(6):
        of_bank = [filmed[f"cam{camera + 1}/week1/bank/images/{n:06d}"] for n in range(320)]
        assert {each for each, _ in of_bank} == {camera}
        hours = [hour for _, hour in of_bank]
        assert np.allclose(np.diff(hours), harbour.STEP_H)
        assert hours[-1] < 7 * 24


def test_a_test_is_of_a_later_week_all_hours_and_no_neighbours(
    filmed: dict[str, tuple[int, float]],
) -> None:
    last = max(hour for image_id, (_, hour) in filmed.items() if "bank" in image_id)
    hours = [filmed[f"cam3/test/images/{n:06d}"][1] for n in range(80)]
    assert min(hours) > last + 24
    assert min(np.diff(hours)) > 10 * harbour.STEP_H
    of_day = np.histogram(np.array(hours) % 24, 12, (0, 24))[0]
    assert of_day.min() >= 5


def test_each_general_frame_is_of_another_camera_at_any_hour(
    filmed: dict[str, tuple[int, float]],
) -> None:
    general = [filmed[f"general/images/{n:06d}"] for n in range(600)]
    cameras = {camera for camera, _ in general}
    assert len(cameras) == 600
    assert not cameras & set(range(6))
    of_families = np.bincount([camera % 3 for camera in cameras])
    assert of_families.tolist() == [200, 200, 200]
    of_day = np.histogram([hour % 24 for _, hour in general], 12, (0, 24))[0]
    assert of_day.min() > 25


def test_the_truth_is_that_of_the_scenes_banks_too(data_set: Path) -> None:
    table = read_bbox_csv(data_set / "ground_truth.csv")
    assert set(table["obj_class"]) == set(CLASSES)
    assert any("/bank/" in image_id for image_id in table["image"])
    image_id = "cam2/week1/bank/images/000003"
    scene = make_scene(5, 1, harbour.START_H + 3 * harbour.STEP_H, SIZE_PX)
    rows = table[table["image"] == image_id]
    assert rows["obj_class"].tolist() == [name for name, _ in scene.instances]
    edges = rows[["xmin", "ymin", "xmax", "ymax"]].to_numpy() * (64, 48, 64, 48)
    assert np.allclose(edges, np.reshape([box for _, box in scene.instances], (-1, 4)), atol=1e-3)
    image_bgr = cv2.imread(str(data_set / "JPEGImages" / f"{image_id}.jpg"))
    assert np.abs(image_bgr[..., ::-1].astype(int) - scene.image_rgb).mean() < 5


@pytest.fixture
def config_path(data_set: Path, tmp_path: Path) -> Iterator[Path]:
    """`configs/streams.json` of the small set."""
    text = (ROOT / "configs" / "streams.json").read_text()
    small = json.loads(text.replace("../data/harbour", str(data_set)))
    small["demo"] |= {"scenes": SCENES, "size_px": SIZE_PX, "seed": 5}
    path = tmp_path / "streams.json"
    path.write_text(json.dumps(small))
    return path


def test_the_config_finds_cameras_and_splits(config_path: Path) -> None:
    config = read_config(config_path)
    images = find_images(config.data.images)
    for split in (config.data.train_split, config.data.validation_split, config.data.test_split):
        assert read_split(config.data.splits, split, images)
    bank = read_split(config.data.splits, "Bank", images)
    cameras = find_cameras(bank, config.data.groups)
    assert [camera.name for camera in cameras] == [f"cam{number}" for number in range(1, 7)]
    for camera in cameras:
        assert list(camera.ids) == sorted(camera.ids)
    assert tuple(config.data.ground_truth_classes) == CLASSES
    assert config.data.masks is None


def test_the_script_finds_the_set_complete_and_says_what_comes_next(
    config_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["--config", str(config_path)]) == 0
    told = capsys.readouterr().out
    assert f"{SCENES} scenes" in told
    assert "student/detection/train_detector.py" in told


def test_the_config_of_streams_makes_the_harbour(tmp_path: Path) -> None:
    config = read_config(ROOT / "configs" / "streams.json")
    assert config.paths.demo == ROOT / "data" / "harbour"
    assert config.data.images == config.paths.demo / "JPEGImages"
    make_demo(tmp_path, config.demo.model_copy(update={"scenes": 4, "size_px": 32}))
    assert len(find_images(tmp_path / "JPEGImages")) == 4


def test_a_complete_set_is_left_alone_and_another_seed_refused(data_set: Path) -> None:
    before = files_of(data_set)
    make_data_set(data_set, CAMERAS, SCENES, SIZE_PX, seed=5)
    assert files_of(data_set) == before
    with pytest.raises(UserError, match="already holds scenes made with"):
        make_data_set(data_set, CAMERAS, SCENES, SIZE_PX, seed=6)
