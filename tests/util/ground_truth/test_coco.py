"""COCO files as exports really are: names and shapes of images, contradictions, damage."""

import copy
import json
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.util.ground_truth.coco_files import GOOD, Content, Read, annotate
from util.bbox_csv import COORDINATES
from util.errors import UserError
from util.ground_truth.coco import read_coco
from util.images.files import write_image


def test_boxes_classes_and_images_are_read_as_they_are(read: Read) -> None:
    table = read()
    assert table["image"].tolist() == ["a", "a", "sub/b"]
    assert table["obj_class"].tolist() == ["bird", "bird", "boat"]
    assert table["obj_id"].tolist() == [0, 1, 0]
    assert not table["ignore"].any()
    np.testing.assert_allclose(table[COORDINATES].iloc[2], [0.505, 0.5, 0.595, 0.5625])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (annotate(bbox=[2, 2, -1, 4]), r"negative size.*: annotation 17 \(a\)"),
        (annotate(bbox=[float("nan"), 2, 1, 4]), "no numbers.*annotation 17"),
        (annotate(bbox=[400, 2, 3, 3]), "outside of their image: annotation 17"),
        (
            annotate(bbox=[1, 2, 3]),
            r"no COCO detection file: annotations 17: bbox: it is \[1, 2, 3\], expected four "
            "numbers: x, y, width, height in pixels",
        ),
        (
            annotate(bbox=["1", 2, 3, 4]),
            r"annotations 17: bbox: it is \['1', 2, 3, 4\], expected four numbers",
        ),
        (
            annotate(bbox=[]),
            r"1 annotation has no box: annotation 17: it has neither bbox nor polygons nor RLE; "
            "give each one of these, or take it out",
        ),
        (
            annotate(image_id=9),
            r"annotation 17 \(image_id 9\); list what they point to, or take them out",
        ),
        (
            annotate(image_id="2"),
            r"annotation 17 \(image_id '2'\); 2 is listed, but '2' is not: one is a text, the "
            "other a number; write both alike",
        ),
        (annotate(category_id="6"), r"\(category_id '6'\); 6 is listed, but '6' is not: one is a"),
        (annotate(image_id=9), r"1 annotation points to .*: annotation 17 \(image_id 9\)"),
        (annotate(category_id=9), r"annotation 17 \(category_id 9\)"),
        (annotate(image_id="1"), r"annotation 17 \(image_id '1'\)"),
        (lambda c: c["images"][0].update(width=0), "images 1: width: .*greater than 0"),
        (lambda c: c["images"][0].update(width="100"), "images 1: width: "),
        (lambda c: c["images"][0].pop("file_name"), "images 1: file_name: Field required"),
        (lambda c: c["images"][0].update(file_name="../a.png"), "no name of a file"),
        (lambda c: c["images"].append(7), "images, entry 2: "),
        (lambda c: c.pop("categories"), "categories: Field required"),
        (lambda c: c.pop("annotations"), "annotations: Field required"),
        (
            lambda c: c["images"].append({**c["images"][0], "file_name": "c.png"}),
            r"two entries for one image id: 1 \(a\.png, c\.png\)",
        ),
        (
            lambda c: c["images"].append({**c["images"][0], "id": 7, "file_name": "a.jpg"}),
            r": a \(a\.png, a\.jpg\); keep one each, or .* with its folders below data\.images",
        ),
        (
            annotate(id=12),
            r"one annotation id: 12 \(bbox \[60.0, 50.0, 30.0, 10.0\], bbox \[10.0, 20.0, ",
        ),
        (
            lambda c: c["categories"].append({"id": 5, "name": "gull"}),
            r"two entries for one category id: 5 \(bird, gull\)",
        ),
        (
            lambda c: c["images"].pop() and c["annotations"].pop(),
            r"does not list 1 of 2 images \(sub/b\), so they are not annotated; take them out",
        ),
        (
            lambda c: c.update(images=[], annotations=[]),
            r"does not list 2 of 2 images \(a, sub/b\), so they are not annotated; take them out",
        ),
        (
            lambda c: [each.update(file_name=f"x/{each['file_name']}") for each in c["images"]],
            r"images \(a, sub/b\), so they are not annotated, unless x/a, x/sub/b are some of them",
        ),
        (annotate(image_id="1"), r"annotation 1\d \(image_id '1'\)"),
        (annotate(bbox=[1e308, 0, 1e308, 8]), "are no numbers, have a negative size or lie"),
    ],
)
def test_contradictions_are_named(
    change: Callable[[Content], object], message: str, read: Read
) -> None:
    with pytest.raises(UserError, match=message):
        read(change)


def test_contradictions_of_all_kinds_are_named_at_once(read: Read) -> None:
    def change(content: Content) -> None:
        content["images"][0]["file_name"] = "../a.png"
        content["images"].append({**content["images"][1], "id": 7})
        content["annotations"][0]["image_id"] = 9
        content["annotations"][1]["category_id"] = 99
        content["categories"] += [{"id": 8, "name": ""}, {"id": 5, "name": "gull"}]

    with pytest.raises(UserError) as caught:
        read(change)
    lines = str(caught.value).splitlines()
    parts = ["'../a.png'", "one image: sub/b", "category id: 5", "2 annotations", "1 category has"]
    assert len(lines) == len(parts)
    for line, part in zip(lines, parts, strict=True):
        assert part in line


def test_a_file_that_gives_another_shape_than_the_image_has_is_refused(
    tmp_path: Path, images: dict[str, Path], read: Read
) -> None:
    picture = Image.fromarray(np.zeros((80, 100, 3), np.uint8))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(images["a"], exif=exif)  # a PNG, too, may be turned
    with pytest.raises(UserError, match=r"swapped: a\.png \(100 x 80 for 80 x 100\); EXIF"):
        read()
    write_image(images["a"], np.zeros((80, 60, 3), np.uint8))
    with pytest.raises(UserError, match=r"another ratio .* a\.png \(100 x 80 for 60 x 80\)"):
        read()
    write_image(images["a"], np.zeros((41, 51, 3), np.uint8))  # made smaller after annotation
    assert len(read()) == 3
    images["a"].write_bytes(b"no image")  # which is said where images are read
    assert len(read()) == 3


def test_that_annotations_are_scaled_to_the_size_of_an_image_is_said(
    images: dict[str, Path], read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    write_image(images["a"], np.zeros((81, 101, 3), np.uint8))  # as rounding makes it
    read()
    assert not caplog.text
    write_image(images["sub/b"], np.zeros((40, 50, 3), np.uint8))
    np.testing.assert_allclose(read()[COORDINATES].iloc[2], [0.505, 0.5, 0.595, 0.5625])
    assert "another width and height than 1 image has: sub/b.png (100 x 80 for 50 x 40); anno" in (
        caplog.text
    )


def test_an_image_has_its_own_size_where_the_file_gives_none(
    images: dict[str, Path], read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    def change(content: Content) -> None:
        content["images"][0].pop("width")
        content["images"][1].update(width=None, height=None)
        content["images"].append({"id": 3, "file_name": "of_another_split.png"})
        annotate(image_id=3)(content)

    caplog.set_level("INFO")
    write_image(images["sub/b"], np.zeros((100, 200, 3), np.uint8))
    table = read(change)
    assert table["image"].tolist() == ["a", "a", "sub/b"]
    expected = [[0.1, 0.25, 0.3, 0.5], [0.2525, 0.4, 0.2975, 0.45]]
    np.testing.assert_allclose(table[COORDINATES].iloc[[0, 2]], expected)
    assert "no width and height of 2 images, whose own are taken: a, sub/b" in caplog.text
    images["a"].write_bytes(b"no image")
    assert read(change)["image"].tolist() == ["sub/b"]
    assert "1 image, which cannot be read either, so their annotations are left out: a" in (
        caplog.text
    )


def test_names_that_may_be_meant_come_first_and_those_of_other_images_do_not_come(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    content = copy.deepcopy(GOOD)
    names = ["x0.png", "x1.png", "x2.png", "sub_b.png", "b.png"]
    for number, name in enumerate(names):
        entry = {**GOOD["images"][1], "id": 2 + number, "file_name": name}
        content["images"][1 + number :] = [entry]
    (tmp_path / "t.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"\(sub/b\), .* unless b, sub_b, x0 and 1 more"):
        read_coco(tmp_path / "t.json", {"sub/b": images["sub/b"]}, ["a", "sub/b", "x1"])


def test_which_of_very_many_names_may_be_meant_is_found_soon(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    names = [f"Flight_{n // 1000:02d}/video/Frame_{n % 1000:06d}" for n in range(50_000)]
    entry = GOOD["images"][0]
    entries = [{**entry, "id": n, "file_name": f"{name}.png"} for n, name in enumerate(names)]
    content = {**GOOD, "images": entries, "annotations": []}
    (tmp_path / "t.json").write_text(json.dumps(content))
    asked = [f"flight_{n}/video/{n}/frame{n}" for n in (17123, 31004, 48999)]
    start = time.process_time()  # however busy the machine is
    with pytest.raises(UserError, match="unless Flight_17/video/Frame_000123, Flight_31/video/F"):
        read_coco(tmp_path / "t.json", dict.fromkeys(asked, images["a"]))
    assert time.process_time() - start < 6


def test_an_image_may_have_another_suffix_than_the_file_says(read: Read) -> None:
    assert len(read(lambda content: content["images"][0].update(file_name="a.TIF"))) == 3


def test_names_may_be_decomposed(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "möwe.png")
    path = tmp_path / "images" / "möwe.png"
    write_image(path, np.zeros((80, 100, 3), np.uint8))
    content = copy.deepcopy(GOOD)
    content["images"][0]["file_name"] = name
    (tmp_path / "t.json").write_text(json.dumps(content))
    table, _ = read_coco(tmp_path / "t.json", {"möwe": path})
    assert table["image"].tolist() == ["möwe", "möwe", "sub/b"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[" * 100_000, "is damaged"),
        (b"\xff\xfe\x00", "is damaged"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is damaged|no COCO"),
        (b"[]", "holds no JSON object"),
        (b"{\n\n]", "line 3"),
    ],
)
def test_damaged_files_are_named(
    data: bytes, message: str, tmp_path: Path, images: dict[str, Path]
) -> None:
    (tmp_path / "t.json").write_bytes(data)
    with pytest.raises(UserError, match=message):
        read_coco(tmp_path / "t.json", images)


def test_a_byte_order_mark_does_not_matter(tmp_path: Path, images: dict[str, Path]) -> None:
    (tmp_path / "t.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode())
    assert len(read_coco(tmp_path / "t.json", images)[0]) == 3
