"""True masks: values of many kinds, folders of many meanings."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.util.images.example_masks import (
    BORDER,
    COLOURS,
    NOTHING,
    OBJECT,
    read_object,
    save,
    save_all,
)
from util.config import DataSection
from util.errors import UserError
from util.images import seen_masks
from util.images.mask_files import find_mask_files, read_values
from util.images.mask_values import to_settings
from util.images.masks import TrueMasks, open_folder, open_masks

DATA = ROOT.parent / "shared" / "data"

GRAY = [0, 0, 0, 255, 255, 255]
GRAY_INVERTED = GRAY[::-1]
WHITE_FIRST = [*GRAY_INVERTED, 255, 0, 0]  # with a colour that nothing uses

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


def test_ignored_pixels_stay_so_beside_an_object_alone(tmp_path: Path) -> None:
    expected = np.where(BORDER == 255, 255, BORDER)
    save_all(tmp_path / "gray", {"a": BORDER})
    np.testing.assert_array_equal(read_object(tmp_path / "gray"), expected)
    save(tmp_path / "voc" / "a.png", np.where(BORDER == 1, 3, BORDER), COLOURS)
    np.testing.assert_array_equal(read_object(tmp_path / "voc"), expected)


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


@pytest.mark.parametrize("names", [None, {str(number): f"class {number}" for number in range(99)}])
def test_class_numbers_that_were_saved_as_jpeg_are_refused(
    names: dict[str, str] | None, tmp_path: Path, rng: np.random.Generator
) -> None:
    numbers = np.kron(rng.integers(0, 12, (6, 6)), np.ones((5, 5))).astype(np.uint8)
    save(tmp_path / "a.jpg", numbers)  # neighbours of classes are other classes now
    save(tmp_path / "b.png", numbers)
    if names is not None:
        (tmp_path / "classes.json").write_text(json.dumps(names))
    for classes in ((), ("3",)):
        with pytest.raises(UserError, match="cannot be told: some are JPEG, which changes class"):
            open_folder(tmp_path, ["a", "b"], classes)
    assert open_folder(tmp_path, ["b"]).paths.keys() == {"b"}


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
    for name, why in (("smooth", "smooth edges"), ("jpeg", "some are JPEG")):
        with pytest.raises(UserError, match=rf"cannot be told: {why}.*data\.mask_values"):
            open_folder(tmp_path / name, ["a"])
        truth = read_object(tmp_path / name, values=threshold)
        expected = is_object.copy()
        expected[24] &= name == "jpeg"
        np.testing.assert_array_equal(truth, expected)


def test_masks_whose_values_are_odd_are_counted_and_named(tmp_path: Path) -> None:
    smooth = (255 * OBJECT).astype(np.uint8)
    smooth[0, :3] = 20, 90, 200
    for name, content in {"a": 255 * OBJECT, "sub/b": smooth, "c": smooth, "d": NOTHING}.items():
        save(tmp_path / f"{name}.png", content)
    ids = ["a", "sub/b", "c", "d"]
    with pytest.raises(UserError, match=r"between \(2 of 4 masks: c\.png, sub/b\.png\); mend the"):
        open_folder(tmp_path, ids)
    meanings = {"0": "normal", "255": "anomalous"}
    with pytest.raises(UserError, match=r"says nothing \(2 of 4 masks: c\.png, sub/b\.png\)"):
        open_folder(tmp_path, ids, values=meanings)
    save(tmp_path / "c.png", 3 * OBJECT)
    (tmp_path / "sub/b.png").unlink()
    with pytest.raises(UserError, match=r"none has both \(1 of 3 masks: c\.png\)"):
        open_folder(tmp_path, ids)
    (tmp_path / "c.png").unlink()
    save(tmp_path / "sub/b.jpg", smooth)
    with pytest.raises(UserError, match=r"edges \(1 of 3 masks: sub/b\.jpg\)"):
        open_folder(tmp_path, ids)


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
    with pytest.raises(UserError, match=r"is 20 x 12, its image 10 x 6 .*must agree$"):
        masks.read("a", (6, 10))
    with pytest.raises(UserError, match="if EXIF turns the image upright, turn the mask likewise"):
        masks.read("a", (20, 12))


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
    monkeypatch.setattr(seen_masks, "MOST_LOOKED_AT", 2)  # neither of these
    masks = open_folder(tmp_path, names)
    assert "0 = normal, 1 = anomalous (2 of 20 looked at)" in caplog.text
    assert masks.read("07").all()  # another class number
    assert set(np.unique(masks.read("08"))) == {0, 255}
    save_all(tmp_path, {name: odd.get(name, 255 * OBJECT) for name in names})
    masks = open_folder(tmp_path, names)
    with pytest.raises(UserError, match=r"07\.png has the values 3, but .*'255': 'anomalous'"):
        masks.read("07")
    monkeypatch.setattr(seen_masks, "MOST_LOOKED_AT", 20)
    with pytest.raises(UserError, match="some masks have 255 and others class numbers"):
        open_folder(tmp_path, names)


def test_where_none_that_is_looked_at_shows_anything_all_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_masks, "MOST_LOOKED_AT", 2)
    for marked in range(6):
        folder = tmp_path / str(marked)
        save_all(folder, {str(n): 255 * OBJECT * (n == marked) for n in range(6)})
        masks = open_folder(folder, [str(n) for n in range(6)])
        np.testing.assert_array_equal(masks.read(str(marked)) == 1, OBJECT == 1)


def test_a_link_that_leads_nowhere_is_a_damaged_mask(tmp_path: Path) -> None:
    save_all(tmp_path, {"a": OBJECT, "b": OBJECT})
    (tmp_path / "b.png").unlink()
    (tmp_path / "b.png").symlink_to("/nowhere/b.png")
    masks = open_folder(tmp_path, ["a", "b"])
    assert masks.read("a").any()
    with pytest.raises(UserError, match=r"b\.png"):
        masks.read("b")


def test_what_masks_were_taken_for_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    save_all(tmp_path, {"a": 255 * OBJECT, "b": NOTHING})
    for _ in range(2):
        open_folder(tmp_path, ["a", "b"])
    assert caplog.messages == [f"masks in {tmp_path}: 0 = normal, 255 = anomalous"]


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
