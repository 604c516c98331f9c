import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.conftest import ROOT, box_table
from util.bbox_csv import COORDINATES
from util.errors import UserError
from util.ground_truth import check_known, read_ground_truth
from util.image_files import find_images, write_image
from util.splits import read_split

WATERBIRDS = ROOT.parent / "shared" / "data" / "waterbirds"


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    for name in ("a", "sub/b"):
        write_image(tmp_path / "images" / f"{name}.png", np.zeros((10, 20, 3), np.uint8))
    return find_images(tmp_path / "images")


EXPECTED = [["a", 0.1, 0.2, 0.3, 0.6], ["sub/b", 0.5, 0.5, 1.0, 1.0]]


def rows(table: pd.DataFrame) -> list[list[object]]:
    return table[["image", *COORDINATES]].round(6).to_numpy().tolist()


def test_csv_coco_yolo_and_masks_say_the_same(tmp_path: Path, images: dict[str, Path]) -> None:
    (tmp_path / "t.csv").write_text(
        "image;xmin;ymin;xmax;ymax;obj_id;obj_class;confidence\n"
        "a.png;0.1;0.2;0.3;0.6;0;bird;1\nsub/b.png;0.5;0.5;1;1;0;bird;1\na;0;0;1;1;1;boat;1\n"
    )
    coco = {
        "images": [
            {"id": 1, "file_name": "a.png", "height": 10, "width": 20},
            {"id": 2, "file_name": "sub/b.png", "height": 10, "width": 20},
        ],
        "categories": [{"id": 5, "name": "bird"}, {"id": 6, "name": "boat"}],
        "annotations": [
            {"image_id": 1, "category_id": 5, "bbox": [2, 2, 4, 4]},
            {"image_id": 2, "category_id": 5, "bbox": [10, 5, 10, 5]},
            {"image_id": 2, "category_id": 6, "bbox": [0, 0, 1, 1]},
        ],
    }
    (tmp_path / "t.json").write_text(json.dumps(coco))
    (tmp_path / "yolo" / "sub").mkdir(parents=True)
    (tmp_path / "yolo" / "a.txt").write_text("0 0.2 0.4 0.2 0.4\n1 0.5 0.5 1 1\n")
    (tmp_path / "yolo" / "sub" / "b.txt").write_text("0 0.75 0.75 0.5 0.5\n")
    (tmp_path / "masks" / "sub").mkdir(parents=True)
    for name, rectangle in (("a", np.s_[2:6, 2:6]), ("sub/b", np.s_[5:, 10:])):
        mask = np.zeros((10, 20), np.uint8)
        mask[rectangle] = 7
        mask[0, 0] = 9  # of another class
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    for path, file_format, classes in (
        ("t.csv", "csv", ["bird"]),
        ("t.json", "coco", ["bird"]),
        ("yolo", "yolo", ["0"]),
        ("masks", "masks", ["7"]),
    ):
        table = read_ground_truth(tmp_path / path, file_format, images, classes)  # type: ignore[arg-type]
        assert rows(table) == EXPECTED, file_format


def test_no_classes_means_all(tmp_path: Path, images: dict[str, Path]) -> None:
    (tmp_path / "yolo").mkdir()
    (tmp_path / "yolo" / "a.txt").write_text("0 0.2 0.4 0.2 0.4\n3 0.5 0.5 1 1\n")
    assert len(read_ground_truth(tmp_path / "yolo", "yolo", images, [])) == 2


def test_boxes_of_other_images_are_left_out(tmp_path: Path, images: dict[str, Path]) -> None:
    (tmp_path / "t.csv").write_text("image;xmin;ymin;xmax;ymax\nelsewhere;0;0;1;1\na;0;0;1;1\n")
    table = read_ground_truth(tmp_path / "t.csv", "csv", images, [])
    assert table["image"].tolist() == ["a"]


@pytest.mark.parametrize(
    ("name", "content", "file_format", "message"),
    [
        ("t.csv", None, "csv", "does not exist"),
        ("t.json", "{\n\n]", "coco", "line 3"),
        ("t.json", '{"images": []}', "coco", "no COCO"),
        ("yolo/a.txt", "0 0.2 x 0.2 0.4", "yolo", r"a\.txt, line 1"),
        ("masks/other.png", "", "masks", "2 images have no mask"),
        ("t.csv", "image;xmin;ymin;xmax;ymax;obj_class\na;0;0;1;1;boat", "csv", "but boat"),
    ],
)
def test_bad_ground_truth_is_named(
    tmp_path: Path,
    images: dict[str, Path],
    name: str,
    content: str | None,
    file_format: str,
    message: str,
) -> None:
    path = tmp_path / name
    if content is not None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    given = path.parent if "/" in name else path
    with pytest.raises(UserError, match=message):
        read_ground_truth(given, file_format, images, ["1"])  # type: ignore[arg-type]


def coco(bbox: object, image_id: int = 1, width: object = 20) -> str:
    return json.dumps(
        {
            "images": [{"id": 1, "file_name": "a.png", "height": 10, "width": width}],
            "categories": [{"id": 5, "name": "bird"}],
            "annotations": [{"image_id": image_id, "category_id": 5, "bbox": bbox}],
        }
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (coco([2, 2, -1, 4]), "negative size"),
        (coco([float("nan"), 2, 1, 4]), "no numbers"),
        (coco([400, 2, 3, 3]), "outside of their image"),
        (coco([1, 2, 3]), "no COCO"),
        (coco([2, 2, 1, 1], image_id=9), "KeyError: 9"),
        (coco([2, 2, 1, 1], width=0), "no COCO"),
        (coco([2, 2, 1, 1], width="20"), "no COCO"),
        ("[]", "no COCO"),
    ],
)
def test_impossible_coco_boxes_are_named(
    tmp_path: Path, images: dict[str, Path], content: str, message: str
) -> None:
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(UserError, match=message):
        read_ground_truth(tmp_path / "t.json", "coco", images, [], ["a"])


@pytest.mark.parametrize(
    "line", ["0 320 240 50 50", "0 0.5 0.5 -0.1 0.1", "0 nan 0.5 1 1", "0 0.1 0.1 0.2 0.2 0.3 0.3"]
)
def test_impossible_yolo_boxes_are_named(
    tmp_path: Path, images: dict[str, Path], line: str
) -> None:
    (tmp_path / "yolo").mkdir()
    (tmp_path / "yolo" / "a.txt").write_text(line + "\n")
    with pytest.raises(UserError, match="yolo"):
        read_ground_truth(tmp_path / "yolo", "yolo", images, [])


def test_images_that_a_coco_file_does_not_list_are_not_annotated(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    (tmp_path / "t.json").write_text(coco([2, 2, 4, 4]))
    with pytest.raises(UserError, match=r"does not list 1 of 2 images \(sub/b\)"):
        read_ground_truth(tmp_path / "t.json", "coco", images, [])
    assert len(read_ground_truth(tmp_path / "t.json", "coco", images, [], ["a"])) == 1


def test_truth_of_other_images_alone_is_refused(tmp_path: Path, images: dict[str, Path]) -> None:
    (tmp_path / "yolo").mkdir()
    with pytest.raises(UserError, match="no txt file of any image"):
        read_ground_truth(tmp_path / "yolo", "yolo", images, [])
    table = box_table([("elsewhere", 0, 0, 1, 1)])
    with pytest.raises(UserError, match=r"boxes of elsewhere, but of no image"):
        check_known(tmp_path / "x.csv", table, images)


def test_a_mask_of_another_size_is_refused(tmp_path: Path, images: dict[str, Path]) -> None:
    (tmp_path / "masks" / "sub").mkdir(parents=True)
    for name in ("a", "sub/b"):
        Image.fromarray(np.ones((4, 4), np.uint8)).save(tmp_path / "masks" / f"{name}.png")
    with pytest.raises(UserError, match="must agree"):
        read_ground_truth(tmp_path / "masks", "masks", images, [])


@pytest.mark.skipif(not WATERBIRDS.exists(), reason="the water bird photographs are not here")
def test_the_water_birds_are_read_as_they_are() -> None:
    images = find_images(WATERBIRDS / "images")
    counts = {}
    for split in ("Train", "Validation", "Test"):
        ids = read_split(WATERBIRDS / "splits", split, images)
        paths = {image_id: images[image_id] for image_id in ids}
        truths = read_ground_truth(WATERBIRDS / "annotations.json", "coco", paths, ["bird"])
        counts[split] = (len(ids), len(truths))
    assert counts == {"Train": (112, 2155), "Validation": (37, 922), "Test": (68, 1243)}
