"""Classes of COCO files: categories by their names, and the boxes of each."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import box_table
from tests.util.ground_truth.coco_files import GOOD, Read, annotate
from util.bbox_csv import COORDINATES
from util.config import DataSection
from util.errors import UserError
from util.ground_truth.outlines import read_outlines
from util.ground_truth.reading import read_ground_truth, read_truths
from util.metrics.average_precision import average_precision


def test_a_region_counts_for_its_class_alone(tmp_path: Path, images: dict[str, Path]) -> None:
    content = copy.deepcopy(GOOD)
    annotate(iscrowd=1, category_id=6)(content)
    (tmp_path / "t.json").write_text(json.dumps(content))
    for classes, expected in ((["bird"], [False] * 2), (["boat"], [False, True])):
        table = read_ground_truth(tmp_path / "t.json", "coco", images, classes)
        assert table["ignore"].tolist() == expected


def test_classes_are_those_that_the_file_knows(tmp_path: Path, images: dict[str, Path]) -> None:
    content = {**GOOD, "categories": [*GOOD["categories"], {"id": 7, "name": "whale"}]}
    (tmp_path / "t.json").write_text(json.dumps(content))
    assert read_ground_truth(tmp_path / "t.json", "coco", images, ["whale"]).empty
    with pytest.raises(UserError, match="none of the classes gull, but bird, boat, whale"):
        read_ground_truth(tmp_path / "t.json", "coco", images, ["bird", "gull"])


def test_each_box_keeps_its_class_through_all_that_reads_it(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    categories = [
        {"id": 5, "name": "bird", "supercategory": "animal"},
        {"id": 6, "name": "boat", "supercategory": ""},
        {"id": "x", "name": "animal"},
    ]
    content = copy.deepcopy({**GOOD, "categories": categories})
    annotate(category_id="x", bbox=[30, 30, 9, 9])(content)
    (tmp_path / "t.json").write_text(json.dumps(content))
    data = DataSection(
        ground_truth=tmp_path / "t.json", ground_truth_format="coco", ground_truth_classes=[]
    )
    table = read_truths(data, images, ["sub/b", "a"])
    assert table["obj_class"].tolist() == ["bird", "bird", "boat", "animal"]
    # A supercategory is no name of a class: only the box of that category counts.
    chosen = data.model_copy(update={"ground_truth_classes": ["animal"]})
    assert read_truths(chosen, images, ["a"])[COORDINATES].to_numpy().round(6).tolist() == [
        [0.3, 0.375, 0.39, 0.4875]
    ]
    # By class, metrics are those of a file that has the class alone.
    predicted = box_table([("a", 0.1, 0.25, 0.3, 0.5), ("sub/b", 0.5, 0.5, 0.6, 0.5625)])
    for name in ("bird", "boat"):
        of_class = table[table["obj_class"] == name]
        alone = data.model_copy(update={"ground_truth_classes": [name]})
        precision = [
            average_precision(truths, predicted, list(images)).tolist()
            for truths in (of_class, read_truths(alone, images, list(images)))
        ]
        assert precision[0] == precision[1]
        assert precision[0][0] > 0


def test_categories_of_one_name_are_one_class_and_said(
    read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    table = read(lambda content: content["categories"].append({"id": 9, "name": "bird "}))
    assert table["obj_class"].tolist() == ["bird", "bird", "boat"]
    assert "categories of one name count as one class: bird (5, 9)" in caplog.text


@pytest.mark.parametrize(
    ("category", "message"),
    [
        ({"id": 9, "name": " "}, "1 category has no name: 9; classes are chosen by name"),
        ({"id": 5, "name": "gull"}, r"two entries for one category id: 5 \(bird, gull\)"),
        ({"name": "gull"}, "categories, entry 2: id: Field required"),
        ({"id": 9}, "categories 9: name: Field required"),
        ({"id": None, "name": "gull"}, "categories, entry 2: id: Input should be"),
    ],
)
def test_categories_without_a_name_or_an_id_of_their_own_are_named(
    category: dict[str, object], message: str, read: Read
) -> None:
    with pytest.raises(UserError, match=message):
        read(lambda content: content["categories"].append(category))


def test_annotations_of_no_category_are_named(read: Read) -> None:
    with pytest.raises(UserError, match=r"not listed: annotation 17 \(category_id 99\)"):
        read(annotate(category_id=99))
    with pytest.raises(UserError, match="annotations 17: category_id: Field required"):
        read(annotate(category_id=None))


@pytest.mark.parametrize("read_classes", [read_truths, read_outlines])
@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ("Bird", r"Bird \(did you mean 'bird'\?\), but"),
        ("6", r"6 \(the number of 'boat': choose by name\), but"),
        ("7", r" 7, but"),
    ],
)
def test_a_class_that_is_not_there_is_told_with_the_one_that_may_be_meant(
    read_classes: Callable[..., object],
    chosen: str,
    told: str,
    read: Read,
    images: dict[str, Path],
    tmp_path: Path,
) -> None:
    read(annotate(segmentation=[[1, 1, 9, 1, 9, 9]], bbox=None))
    data = DataSection(
        ground_truth=tmp_path / "t.json",
        ground_truth_format="coco",
        ground_truth_classes=["boat", chosen],
    )
    with pytest.raises(UserError, match=told):
        read_classes(data, images, *([list(images)] if read_classes is read_truths else []))
