"""True masks: files of many kinds, folders of many meanings, classes by name and number."""

import json
import logging
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT
from util.config import DataSection
from util.errors import UserError
from util.images import mask_files
from util.images.mask_files import find_mask_files, read_values
from util.images.mask_values import to_settings
from util.images.masks import TrueMasks, open_folder, open_masks

DATA = ROOT.parent / "shared" / "data"

OBJECT = np.zeros((12, 20), np.uint8)
OBJECT[3:7, 4:9] = 1
BORDER = OBJECT.copy()
BORDER[3] = 255 * (OBJECT[3] > 0)  # ignored
NOTHING = np.zeros_like(OBJECT)

GRAY = [0, 0, 0, 255, 255, 255]
GRAY_INVERTED = GRAY[::-1]
COLOURS = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0] + 252 * [224, 224, 192]  # as Pascal VOC
WHITE_FIRST = [*GRAY_INVERTED, 255, 0, 0]  # with a colour that nothing uses


def save(path: Path, values: np.ndarray, palette: list[int] | None = None, **how: Any) -> None:
    """Save values as they are, or as numbers of a palette."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(values)
    if palette is not None:
        image.putpalette(palette)
    image.save(path, **how)


def save_all(folder: Path, masks: Mapping[str, np.ndarray]) -> Path:
    for image_id, values in masks.items():
        save(folder / f"{image_id}.png", values)
    return folder


def read_object(folder: Path, *names: str, **how: Any) -> np.ndarray:
    return open_folder(folder, names or ["a", "b"], **how).read("a")


KINDS: dict[str, Callable[[Path], None]] = {
    "0 and 1": lambda path: save(path, OBJECT),
    "0 and 255": lambda path: save(path, 255 * OBJECT),
    "a class number": lambda path: save(path, 15 * OBJECT),
    "1 bit": lambda path: save(path, OBJECT.astype(bool)),
    "16 bit, 0 and 1": lambda path: save(path, OBJECT.astype(np.uint16)),
    "16 bit, 0 and 65535": lambda path: save(path, 65535 * OBJECT.astype(np.uint16)),
    "equal channels": lambda path: save(path, np.dstack([255 * OBJECT] * 3)),
    "equal channels, opaque": lambda path: save(
        path, np.dstack([255 * OBJECT] * 3 + [np.full_like(OBJECT, 255)])
    ),
    "gray, opaque": lambda path: save(path, np.dstack([255 * OBJECT, np.full_like(OBJECT, 255)])),
    "palette of colours": lambda path: save(path, 3 * OBJECT, COLOURS),
    "palette black white": lambda path: save(path, OBJECT, GRAY),
    "palette white black": lambda path: save(path, 1 - OBJECT, GRAY_INVERTED),
    "quantised": lambda path: Image.fromarray(np.dstack([255 * OBJECT] * 3)).quantize(2).save(path),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_object_is_read_from_masks_of_every_kind(kind: str, tmp_path: Path) -> None:
    KINDS[kind](tmp_path / "a.png")
    truth = read_object(tmp_path)
    np.testing.assert_array_equal(truth, OBJECT)
    assert truth.dtype == np.uint8


@pytest.mark.parametrize("suffix", [".bmp", ".gif", ".tif", ".TIFF", ".webp"])
def test_masks_may_be_files_of_other_formats(suffix: str, tmp_path: Path) -> None:
    how = {"lossless": True} if suffix == ".webp" else {}
    save(tmp_path / f"a{suffix}", 255 * OBJECT, **how)
    np.testing.assert_array_equal(read_object(tmp_path), OBJECT)


def test_a_png_goes_before_a_file_of_the_same_name(tmp_path: Path) -> None:
    save(tmp_path / "a.png", OBJECT)
    save(tmp_path / "a.jpg", np.dstack([255 * NOTHING] * 3))
    assert find_mask_files(tmp_path) == {"a": tmp_path / "a.png"}


def test_ignored_pixels_stay_so_beside_an_object_alone(tmp_path: Path) -> None:
    expected = np.where(BORDER == 255, 255, BORDER)
    save_all(tmp_path / "gray", {"a": BORDER})
    np.testing.assert_array_equal(read_object(tmp_path / "gray"), expected)
    save(tmp_path / "voc" / "a.png", np.where(BORDER == 1, 3, BORDER), COLOURS)
    np.testing.assert_array_equal(read_object(tmp_path / "voc"), expected)


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
        UserError, match=r"<image id>\.png \(or set data\.mask_names\) is expected, the"
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
    with pytest.raises(UserError, match=r"one mask to several images: scene \(scene_1, scene_2\)"):
        open_folder(tmp_path, ["scene_1", "scene_2"], names={"_[0-9]$": ""})
    for rule in ({"^.*$": ""}, {"^": "../"}):
        with pytest.raises(UserError, match=r"data\.mask_names makes of the image a: .* no name"):
            open_folder(tmp_path, ["a"], names=rule)


def test_a_split_is_read_as_its_folder_is(tmp_path: Path) -> None:
    save_all(tmp_path, {"a": 255 * OBJECT, "b": BORDER, "c": NOTHING})
    masks = open_folder(tmp_path, ["a", "b", "c"])
    assert not (masks.of(["a"]).read("a") == 1).any()
    assert (masks.of(["a"]).read("a") == 255).sum() == OBJECT.sum()
    assert list(masks.of(["c", "a"]).paths) == ["c", "a"]
    with pytest.raises(UserError, match=r"2 images have no mask in .*: d, e"):
        masks.of(["a", "d", "e"])


def test_a_folder_that_is_mixed_of_0_and_1_and_of_0_and_255_is_refused(tmp_path: Path) -> None:
    save_all(tmp_path, {"a": 255 * OBJECT, "b": OBJECT, "c": NOTHING})
    with pytest.raises(UserError, match=r"0-1, 255 of .* 255 and others class numbers, but none"):
        open_folder(tmp_path, ["a", "b", "c"])
    assert open_folder(tmp_path, ["b", "c"]).read("b").sum() == OBJECT.sum()
    given = {"0": "normal", "1": "anomalous", "255": "anomalous"}
    np.testing.assert_array_equal(read_object(tmp_path, values=given), OBJECT)


def test_smooth_edges_and_jpeg_are_refused_until_a_threshold_is_set(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    smooth = (255 * OBJECT.repeat(8, 0).repeat(8, 1)).astype(np.uint8)
    is_object = smooth > 0
    smooth[24, 32:72] = 90  # a row at the edge
    save(tmp_path / "smooth" / "a.png", smooth)
    noisy = np.clip(255 * is_object + rng.integers(-5, 6, smooth.shape), 0, 255).astype(np.uint8)
    save(tmp_path / "jpeg" / "a.jpg", noisy, quality=90)
    threshold = {"0-127": "normal", "128-255": "anomalous"}
    for name in ("smooth", "jpeg"):
        with pytest.raises(UserError, match=r"cannot be told: smooth edges.*data\.mask_values"):
            open_folder(tmp_path / name, ["a"])
        truth = read_object(tmp_path / name, values=threshold)
        expected = is_object.copy()
        expected[24] &= name == "jpeg"
        np.testing.assert_array_equal(truth, expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.dstack([128 * OBJECT, NOTHING, NOTHING]), r"a\.png has colours.*number of each colour"),
        (np.dstack([255 * OBJECT] * 3 + [255 * OBJECT]), "transparent pixels"),
        (OBJECT.astype(np.int32) - 1, "cannot be read|values outside of 0 to 65535"),
        (OBJECT.astype(np.float32), "mode F, expected gray"),
    ],
)
def test_what_is_no_mask_is_refused(content: np.ndarray, message: str, tmp_path: Path) -> None:
    suffix = ".tif" if content.dtype.itemsize == 4 else ".png"
    save(tmp_path / f"a{suffix}", content)
    save(tmp_path / "b.png", NOTHING)
    with pytest.raises(UserError, match=message):
        open_folder(tmp_path, ["a", "b"])


def test_a_palette_with_a_colour_and_white_before_black_is_refused_where_both_are_used(
    tmp_path: Path,
) -> None:
    save(tmp_path / "a.png", 1 - OBJECT, WHITE_FIRST)
    with pytest.raises(UserError, match="white has the lower number"):
        read_values(tmp_path / "a.png")
    save(tmp_path / "b.png", OBJECT, COLOURS)
    np.testing.assert_array_equal(read_values(tmp_path / "b.png")[0], OBJECT)


def test_a_damaged_mask_is_named_when_it_is_read(tmp_path: Path) -> None:
    save_all(tmp_path, {"a": OBJECT})
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    masks = open_folder(tmp_path, ["a", "b"])
    with pytest.raises(UserError, match=r"b\.png cannot be read as a mask"):
        masks.read("b")
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match="cannot be read as a mask"):
        open_folder(tmp_path, ["a", "b"])


def test_a_mask_must_have_the_size_of_its_image(tmp_path: Path) -> None:
    save_all(tmp_path, {"a": OBJECT})
    masks = open_folder(tmp_path, ["a"])
    assert masks.read("a", (12, 20)).shape == (12, 20)
    with pytest.raises(UserError, match=r"is \(12, 20\), its image \(6, 10\).*must agree$"):
        masks.read("a", (6, 10))
    with pytest.raises(UserError, match="if EXIF turns the image upright, turn the mask likewise"):
        masks.read("a", (20, 12))


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


NAMED = np.array([[0, 1, 2, 3, 255]], np.uint8)


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """A mask with three classes that have names, and one that has none of its pixels."""
    names = {"1": "bird", "2": ["boat", "anthro"], "3": ["buoy", "anthro"], "4": "whale"}
    save_all(tmp_path, {"a": NAMED})
    (tmp_path / "classes.json").write_text(json.dumps(names))
    return tmp_path


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ([], [0, 1, 1, 1, 255]),
        (["bird"], [0, 1, 0, 0, 255]),
        (["anthro"], [0, 0, 1, 1, 255]),
        (["bird", "buoy"], [0, 1, 0, 1, 255]),
        (["2"], [0, 0, 1, 0, 255]),
        (["whale"], [0, 0, 0, 0, 255]),
    ],
)
def test_classes_are_chosen_by_name_or_number_and_others_are_normal(
    named: Path, classes: list[str], expected: list[int]
) -> None:
    assert read_object(named, classes=classes).ravel().tolist() == expected


def test_classes_that_are_not_there_are_named_with_those_that_are(named: Path) -> None:
    with pytest.raises(UserError, match=r"has gull, 9, but the masks in .* bird, boat, buoy, 255"):
        open_folder(named, ["a"], ["bird", "gull", "9"])
    (named / "classes.json").unlink()
    with pytest.raises(UserError, match=r'has bird, but .*1, 2, 3, 255.*such as \{"1": "bird"\}'):
        open_folder(named, ["a"], ["bird"])
    assert read_object(named, classes=["3"]).ravel().tolist() == [0, 0, 0, 1, 255]


def test_a_value_without_a_name_beside_named_ones_is_refused(named: Path) -> None:
    save_all(named, {"a": NAMED + 5 * (NAMED == 2).astype(np.uint8)})
    with pytest.raises(UserError, match=r"the values 7, of which .*classes\.json says nothing"):
        open_folder(named, ["a"])


@pytest.mark.parametrize(
    "text",
    [
        '{"bird": 1}',
        '{"1": 2}',
        '{"1": ["bird", 2]}',
        '{"1": []}',
        '{"70000": "x"}',
        '{"#f00": "x"}',
        '{"#ff0000": "x", "1": "y"}',
        '{"#ff0000": "x", "#FF0000": "y"}',
        "[]",
        "{",
    ],
)
def test_a_wrong_table_of_names_is_named(text: str, named: Path) -> None:
    (named / "classes.json").write_text(text)
    with pytest.raises(UserError, match=r"classes\.json"):
        open_folder(named, ["a"])


def test_masks_of_one_class_have_the_name_that_is_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    save_all(tmp_path, {"a": 255 * OBJECT})
    assert read_object(tmp_path, classes=["bird"]).sum() == OBJECT.sum()
    assert "all that is anomalous counts as bird" in caplog.text
    for number in ("0", "1", "7"):  # 0 would be all that is no bird
        with pytest.raises(UserError, match=f"has {number}, but the masks in .* have 255"):
            open_folder(tmp_path, ["a"], [number])


def test_numbers_of_yolo_are_names_that_masks_do_not_know(tmp_path: Path) -> None:
    save_all(tmp_path, {"a": 255 * OBJECT})
    data = DataSection(masks=tmp_path, ground_truth_format="yolo", ground_truth_classes=["0"])
    assert open_masks(data, ["a"]).read("a").sum() == OBJECT.sum()
    save_all(tmp_path, {"a": 2 * OBJECT, "b": OBJECT})
    with pytest.raises(UserError, match=r"has 0, but the masks in .* have 1, 2; .*classes\.json"):
        open_masks(data, ["a", "b"])
    (tmp_path / "classes.json").write_text('{"1": "1", "2": "0"}')
    assert open_masks(data, ["a", "b"]).read("a").sum() == OBJECT.sum()


def test_settings_say_what_the_values_of_a_folder_mean(tmp_path: Path) -> None:
    save_all(tmp_path, {"a": np.array([[0, 50, 85, 170, 255]], np.uint8)})
    given = {"0-50": "normal", "85": "ignored", "170": "ignored", "255": "anomalous"}
    data = DataSection.model_validate({"masks": tmp_path, "mask_values": given}, strict=True)
    data = data.model_copy(update={"ground_truth_classes": []})
    assert open_masks(data, ["a"]).read("a").tolist() == [[0, 0, 255, 255, 1]]
    with pytest.raises(UserError, match=r"the values 170, of which data\.mask_values says nothing"):
        open_folder(tmp_path, ["a"], (), {"0-50": "normal", "85": "ignored", "255": "anomalous"})


def test_a_large_folder_is_looked_at_in_part_and_any_other_value_is_refused_when_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    names = [f"{number:02d}" for number in range(20)]
    odd = {"07": NOTHING + 3, "08": np.where(OBJECT == 1, 255, OBJECT).astype(np.uint8)}
    save_all(tmp_path, {name: odd.get(name, OBJECT) for name in names})
    monkeypatch.setattr(mask_files, "MOST_LOOKED_AT", 2)  # the first and the last
    masks = open_folder(tmp_path, names)
    assert "0 = normal, 1 = anomalous (2 of 20 looked at)" in caplog.text
    assert masks.read("07").all()  # another class number
    assert set(np.unique(masks.read("08"))) == {0, 255}
    save_all(tmp_path, {name: odd.get(name, 255 * OBJECT) for name in names})
    masks = open_folder(tmp_path, names)
    with pytest.raises(UserError, match=r"07\.png has the values 3, but .*'255': 'anomalous'"):
        masks.read("07")
    monkeypatch.setattr(mask_files, "MOST_LOOKED_AT", 20)
    with pytest.raises(UserError, match="some masks have 255 and others class numbers"):
        open_folder(tmp_path, names)


def test_what_masks_were_taken_for_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    save_all(tmp_path, {"a": 255 * OBJECT, "b": NOTHING})
    for _ in range(2):
        open_folder(tmp_path, ["a", "b"])
    assert caplog.messages == [f"masks in {tmp_path}: 0 = normal, 255 = anomalous"]


def test_a_fingerprint_holds_what_values_mean(named: Path) -> None:
    prints = {
        open_folder(named, ["a"], classes).fingerprint() for classes in ([], ["bird"], ["whale"])
    }
    assert len(prints) == 3
    before = open_folder(named, ["a"]).fingerprint()
    assert before in prints
    save_all(named, {"a": np.fliplr(NAMED)})
    assert open_folder(named, ["a"]).fingerprint() != before


def test_masks_that_are_missing_name_the_key(tmp_path: Path) -> None:
    for data, message in (
        (DataSection(masks=None), r"no true masks; set data\.masks"),
        (DataSection(masks=tmp_path / "x"), r"true masks .*x does not exist; set data\.masks"),
        (DataSection(masks=tmp_path), r"no mask of any image: <image id>\.png"),
    ):
        with pytest.raises(UserError, match=message):
            open_masks(data, ["a"])
    save_all(tmp_path, {"a": NOTHING})
    with pytest.raises(UserError, match=r"has an anomalous pixel: .* their values are 0; see data"):
        open_masks(DataSection(masks=tmp_path), ["a"])
    assert not open_folder(tmp_path, ["a"]).read("a").any()  # as true boxes: there are none


@pytest.mark.skipif(not DATA.exists(), reason="the real data sets are not here")
@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("davis_birds/masks", {"0": "normal", "255": "anomalous"}),
        ("smoke5k/masks", {"0": "normal", "255": "anomalous"}),
        ("road_anomaly/roadanomaly21_val/masks", None),
        ("road_anomaly/fs_static/masks", None),
    ],
)
def test_masks_of_real_data_sets_are_recognised(
    folder: str, expected: dict[str, str] | None
) -> None:
    masks = open_real(folder)
    assert to_settings(masks.meaning) == (
        expected or {"0": "normal", "1-49": "anomalous", "255": "ignored"}
    )


@pytest.mark.skipif(not DATA.exists(), reason="the real data sets are not here")
@pytest.mark.parametrize(
    "folder", ["magnetic_tile/masks", "camera_streams/highway/masks", "camera_streams/office/masks"]
)
def test_masks_of_real_data_sets_that_need_a_setting_are_refused(folder: str) -> None:
    with pytest.raises(UserError, match=r"cannot be told.*data\.mask_values"):
        open_real(folder)


def open_real(folder: str) -> TrueMasks:
    """Open about a dozen masks of a real data set."""
    ids = list(find_mask_files(DATA / folder))
    return open_folder(DATA / folder, ids[:: max(len(ids) // 12, 1)])
