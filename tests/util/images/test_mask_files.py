"""True masks as files: formats, layouts of data sets, rules of names."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.util.images.example_masks import COLOURS, NOTHING, OBJECT, read_object, save, save_all
from util.config import DataSection
from util.errors import UserError
from util.images.mask_files import find_mask_files, read_values
from util.images.masks import open_folder, open_masks


@pytest.mark.parametrize("suffix", [".bmp", ".gif", ".tif", ".TIFF", ".webp"])
def test_masks_may_be_files_of_other_formats(suffix: str, tmp_path: Path) -> None:
    how = {"lossless": True} if suffix == ".webp" else {}
    save(tmp_path / f"a{suffix}", 255 * OBJECT, **how)
    np.testing.assert_array_equal(read_object(tmp_path), OBJECT)


def test_a_png_goes_before_a_file_of_the_same_name(tmp_path: Path) -> None:
    save(tmp_path / "a.png", OBJECT)
    save(tmp_path / "a.jpg", np.dstack([255 * NOTHING] * 3))
    assert find_mask_files(tmp_path) == {"a": tmp_path / "a.png"}


LAYOUTS: dict[str, tuple[str, str, dict[str, str], dict[str, str], str, list[int]]] = {
    "Pascal VOC": ("x", "x", {}, {}, "0 15 255", [0, 1, 255]),
    "SegmentMeIfYouCan": (
        "x",
        "x_labels_semantic",
        {"$": "_labels_semantic"},
        {},
        "0 1 255",
        [0, 1, 255],
    ),
    "Lost and Found, trainIds": (
        "city/x_leftImg8bit",
        "city/x_gtCoarse_labelTrainIds",
        {"_leftImg8bit$": "_gtCoarse_labelTrainIds"},
        {"0": "ignored", "1": "normal", "2": "anomalous", "255": "ignored"},
        "0 1 2 255",
        [255, 0, 1, 255],
    ),
    "Lost and Found, ids": (
        "city/x_leftImg8bit",
        "city/x_gtCoarse_labelIds",
        {"_leftImg8bit$": "_gtCoarse_labelIds"},
        {"0": "ignored", "1": "normal", "2-200": "anomalous"},
        "0 1 2 42",
        [255, 0, 1, 1],
    ),
    "Cityscapes, from its root": (
        "leftImg8bit/val/aachen/x_leftImg8bit",
        "gtFine/val/aachen/x_gtFine_labelIds",
        {"^leftImg8bit/": "gtFine/", "_leftImg8bit$": "_gtFine_labelIds.png"},
        {"0-6": "ignored", "7-23": "normal", "24-25": "anomalous", "26-33": "normal"},
        "0 7 24 25 26",
        [255, 0, 1, 1, 0],
    ),
}
"""Image id, name of its mask, data.mask_names, data.mask_values, values, and what they mean."""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_masks_are_found_and_read_in_the_layout_of_usual_data_sets(
    layout: str, tmp_path: Path
) -> None:
    image_id, name, names, values, painted, expected = LAYOUTS[layout]
    mask = np.array([painted.split()], np.uint8)
    save(tmp_path / f"{name}.png", mask, COLOURS if layout == "Pascal VOC" else None)
    save(tmp_path / f"{name}_color.png", np.dstack([mask, mask, 255 - mask]))  # of no image
    data = DataSection(
        masks=tmp_path, mask_names=names, mask_values=values, ground_truth_classes=[]
    )
    for folder in (
        open_masks(data, [image_id, "y"]),
        open_folder(tmp_path, [image_id], (), values, names),
    ):
        assert folder.paths == {image_id: tmp_path / f"{name}.png"}
        assert folder.read(image_id).tolist() == [expected]


def test_a_rule_that_names_no_mask_says_what_it_expects(tmp_path: Path) -> None:
    save(tmp_path / "x_gtFine_labelIds.png", OBJECT)
    with pytest.raises(
        UserError, match=r"<image id>\.png \(or set data\.mask_names, .*\) is expected, the"
    ):
        open_folder(tmp_path, ["x_leftImg8bit"])
    wrong = {"_left$": "_gtFine_labelIds"}
    with pytest.raises(
        UserError,
        match=r"by data\.mask_names x_leftImg8bit\.png for the image x_leftImg8bit is expected, "
        r"there are x_gtFine_labelIds\.png",
    ):
        open_folder(tmp_path, ["x_leftImg8bit"], names=wrong)


def test_a_rule_by_which_images_share_a_mask_or_have_none_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "scene.png", OBJECT)
    with pytest.raises(UserError, match=r"one file to several images: scene \(scene_1, scene_2\)"):
        open_folder(tmp_path, ["scene_1", "scene_2"], names={"_[0-9]$": ""})
    for rule in ({"^.*$": ""}, {"^": "../"}):
        with pytest.raises(UserError, match=r"data\.mask_names makes of the image a: .* no name"):
            open_folder(tmp_path, ["a"], names=rule)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_mask_that_lies_on_its_side_is_turned_as_its_image_is(
    suffix: str, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    values = np.array([[0, 0, 0], [255, 0, 0]], np.uint8)
    Image.fromarray(values).save(tmp_path / f"x{suffix}", exif=exif)
    assert read_values(tmp_path / f"x{suffix}")[0].tolist() == [[255, 0], [0, 0], [0, 0]]


def test_masks_are_found_whatever_the_form_of_their_accents(tmp_path: Path) -> None:
    save_all(tmp_path / unicodedata.normalize("NFD", "Flüge"), {"mo\u0308we": OBJECT})
    masks = open_folder(tmp_path, ["Flüge/möwe"])
    assert masks.read("Flüge/möwe").sum() == OBJECT.sum()


def test_masks_that_are_missing_name_the_key(tmp_path: Path) -> None:
    for data, message in (
        (DataSection(masks=None), r"no true masks; set data\.masks .*masks_from_truth\.py"),
        (DataSection(masks=tmp_path / "x"), r"true masks .*x does not exist; set data\.masks"),
        (
            DataSection(masks=tmp_path),
            r'no mask of any image: <image id>\.png .*such as {"\$": "_mask"}',
        ),
    ):
        with pytest.raises(UserError, match=message):
            open_masks(data, ["a"])
    save_all(tmp_path, {"a": NOTHING})
    with pytest.raises(UserError, match=r"has an anomalous pixel: .* their values are 0; see data"):
        open_masks(DataSection(masks=tmp_path), ["a"])
    assert not open_folder(tmp_path, ["a"]).read("a").any()  # as true boxes: there are none
