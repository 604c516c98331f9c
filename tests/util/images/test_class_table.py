"""Masks of several classes: numbers, palettes and colours, each pixel's class and its name."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from util.config import DataSection
from util.errors import UserError
from util.images.class_table import (
    UNNAMED,
    ClassTable,
    number_classes,
    read_class_table,
    write_class_names,
)
from util.images.mask_values import meaning_of_names
from util.images.masks import TrueMasks, open_folder
from util.label_set_from_truth import find_truth

ROAD, CAR, VOID = (128, 64, 128), (0, 0, 142), (224, 224, 192)
COLOURS = {"#000000": "background", "#804080": "road", "#00008E": "car", "#e0e0c0": None}
SHOWN = np.array([[(0, 0, 0), ROAD, ROAD], [CAR, VOID, CAR]], np.uint8)
CLASSES = [[0, 1, 1], [2, 255, 2]]


def write(folder: Path, names: Mapping[str, object], **masks: np.ndarray | Image.Image) -> Path:
    """Write names and masks into a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "classes.json").write_text(json.dumps(names))
    for name, mask in masks.items():
        image = mask if isinstance(mask, Image.Image) else Image.fromarray(mask)
        image.save(folder / f"{name}.png")
    return folder


def open_mask(
    folder: Path, names: Mapping[str, object], mask: np.ndarray | Image.Image, *classes: str
) -> TrueMasks:
    return open_folder(write(folder, names, a=mask), ["a"], classes)


def test_each_pixel_has_the_class_of_its_number(tmp_path: Path) -> None:
    names = {"0": "sky", "1": "road", "2": ["vehicle", "car"], "3": ["vehicle", "bus"], "11": None}
    mask = np.array([[0, 1, 2, 3, 11, 255]], np.uint8)
    masks = open_mask(tmp_path, names, mask)
    assert masks.class_names == ("sky", "road", "vehicle")
    assert masks.read_classes("a").tolist() == [[0, 1, 2, 2, 255, 255]]
    assert masks.read_classes("a").dtype == np.uint8
    assert masks.read("a").tolist() == [[0, 1, 1, 1, 255, 255]]
    assert open_mask(tmp_path, names, mask, "bus").read("a").tolist() == [[0, 0, 0, 1, 255, 255]]
    # which classes are looked for does not change which class a pixel is of
    assert open_mask(tmp_path, names, mask, "bus").read_classes("a").tolist() == [
        [0, 1, 2, 2, 255, 255]
    ]


def test_zero_without_a_name_is_background(tmp_path: Path) -> None:
    masks = open_mask(tmp_path, {"2": "boat", "1": "bird"}, np.array([[0, 1, 2]], np.uint8))
    assert masks.class_names == ("background", "bird", "boat")
    assert masks.read_classes("a").tolist() == [[0, 1, 2]]


def test_a_palette_counts_by_its_numbers(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 15, 255]], np.uint8))
    image.putpalette([0, 0, 0] + 255 * [192, 128, 128])
    masks = open_mask(tmp_path, {"0": "background", "15": "person"}, image)
    assert masks.read_classes("a").tolist() == [[0, 1, 255]]
    assert masks.class_names == ("background", "person")


def test_cityscapes_numbers_become_its_classes(tmp_path: Path) -> None:
    names = {str(n): None for n in (*range(7), 9, 10, *range(14, 17), 18, 29, 30)}
    names |= {"7": "road", "8": "sidewalk", "24": ["person", "human"], "25": ["rider", "human"]}
    masks = open_mask(tmp_path, names, np.array([[0, 7, 8, 24, 25, 9]], np.uint8), "human")
    assert masks.class_names == ("road", "sidewalk", "person", "rider")
    assert masks.read_classes("a").tolist() == [[255, 0, 1, 2, 3, 255]]
    assert masks.read("a").tolist() == [[255, 0, 0, 1, 1, 255]]


@pytest.mark.parametrize(
    "mask",
    [
        SHOWN,
        np.dstack([SHOWN, np.full((2, 3), 255, np.uint8)]),
        pytest.param(Image.fromarray(SHOWN).quantize(8), id="palette"),
    ],
)
def test_colours_are_classes_whatever_the_file(
    mask: np.ndarray | Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    masks = open_mask(tmp_path, COLOURS, mask)
    assert masks.class_names == ("background", "road", "car")
    assert masks.read_classes("a").tolist() == CLASSES
    assert masks.read("a").tolist() == [[0, 1, 1], [1, 255, 1]]
    assert caplog.messages == [
        f"masks in {tmp_path}: #000000 = normal, #804080, #00008e = anomalous, #e0e0c0 = ignored "
        "(#804080 road, #00008e car)"
    ]
    cars = open_mask(tmp_path, COLOURS, mask, "car")
    assert cars.read("a").tolist() == [[0, 0, 0], [1, 255, 1]]
    assert cars.read_classes("a").tolist() == CLASSES
    assert cars.read_as == {
        "#000000": "normal",
        "#00008e": "anomalous",
        "#804080": "normal",
        "#e0e0c0": "ignored",
    }


def test_gray_masks_may_be_named_by_colour_too(tmp_path: Path) -> None:
    masks = open_mask(
        tmp_path, {"#ffffff": "bird", "#7f7f7f": None}, np.array([[255, 127]], np.uint8)
    )
    assert masks.class_names == ("bird",)
    assert masks.read_classes("a").tolist() == [[0, 255]]


def test_many_colours_are_looked_up_as_one_by_one(tmp_path: Path, rng: np.random.Generator) -> None:
    colours = (rng.permutation(256 * 3).reshape(-1, 3) % 256).astype(np.uint8)
    names = {f"#{bytes(c).hex()}": f"class {n // 2}" for n, c in enumerate(colours)}
    numbers = rng.integers(0, len(colours), (600, 700))  # several times what is looked up at once
    masks = open_mask(tmp_path, names, colours[numbers])
    expected = np.array([masks.class_names.index(f"class {n // 2}") for n in range(len(colours))])
    np.testing.assert_array_equal(masks.read_classes("a"), expected[numbers])


def test_colours_without_a_name_are_listed(tmp_path: Path) -> None:
    odd = SHOWN.copy()
    odd[0] = (1, 2, 3), (0, 0, 0), (255, 0, 16)
    with pytest.raises(
        UserError, match=r"a\.png has the colours #010203, #ff0010, of which classes\.json says"
    ):
        open_mask(tmp_path, COLOURS, odd)
    with pytest.raises(UserError, match=r"has colours; .* classes of colours in classes\.json"):
        open_mask(tmp_path, {}, SHOWN)


@pytest.mark.parametrize(
    "mask",
    [np.dstack([SHOWN, SHOWN[..., 2]]), np.zeros((2, 3), np.uint16)],
    ids=["transparent", "16 bit"],
)
def test_what_shows_no_colours_is_no_mask_of_colours(mask: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.png is no mask of colours: it has mode (RGBA|I;16)"):
        open_mask(tmp_path, COLOURS, mask)


def test_classes_of_colours_are_chosen_by_name_alone(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has 1, but the masks in .* have road, car"):
        open_mask(tmp_path, COLOURS, SHOWN, "1")
    numbered = {"#000000": "0", "#804080": "2", "#00008E": "1", "#e0e0c0": None}
    assert open_mask(tmp_path, numbered, SHOWN, "1").read("a").tolist() == [[0, 0, 0], [1, 255, 1]]
    with pytest.raises(
        UserError, match=r"data\.mask_values says .*classes\.json has colours; take"
    ):
        open_folder(tmp_path, ["a"], values={"0": "normal", "1": "anomalous"})


def test_other_colours_are_another_truth(tmp_path: Path) -> None:
    """Colours are numbered by their order, which alone must not decide what a mask is."""
    mask = np.array([[ROAD, CAR]], np.uint8)
    first = open_mask(tmp_path, {"#804080": "bird", "#00008e": None}, mask)
    second = open_mask(tmp_path, {"#00008e": "bird", "#804080": None}, mask)
    assert (first.meaning == second.meaning).all()
    assert first.fingerprint() != second.fingerprint()
    truths = []
    for names in ({"#804080": "bird", "#00008e": None}, {"#00008e": "bird", "#804080": None}):
        write(tmp_path, names, a=mask)
        data = DataSection(masks=tmp_path, ground_truth_classes=[])
        truths.append(find_truth(data, {"a": tmp_path / "a.png"}, ["a"]))
    assert truths[0].settings != truths[1].settings
    assert truths[0].draw("a")[0].tolist() == [[1, 0]]
    assert truths[1].draw("a")[0].tolist() == [[0, 1]]


def test_masks_without_names_have_no_classes(tmp_path: Path) -> None:
    masks = open_mask(tmp_path, {}, np.array([[0, 1]], np.uint8))
    assert masks.class_names == ()
    with pytest.raises(UserError, match=r"have no names of classes; write them to .*classes\.json"):
        masks.read_classes("a")


def test_what_settings_ignore_is_of_no_class_and_what_they_add_is_called_by_its_value(
    tmp_path: Path,
) -> None:
    values = {"0-1": "normal", "2": "anomalous", "3": "ignored", "9": "normal"}
    write(tmp_path, {"1": "road", "2": "dog", "3": "fog"}, a=np.array([[0, 1, 2, 3, 9]], np.uint8))
    masks = open_folder(tmp_path, ["a"], (), values)
    assert masks.class_names == ("background", "road", "dog", "9")
    assert masks.read_classes("a").tolist() == [[0, 1, 2, 255, 3]]
    write(tmp_path, {"1": "road", "2": "dog", "3": "fog"}, a=np.array([[1, 7]], np.uint8))
    with pytest.raises(
        UserError, match=r"has the values 7, to which .*classes\.json gives no name"
    ):
        masks.read_classes("a")
    with pytest.raises(UserError, match="must agree"):
        masks.read_classes("a", (5, 5))


def test_there_may_be_no_more_classes_than_eight_bits_number() -> None:
    names = {n: (f"class {n}",) for n in range(UNNAMED + 1)}
    with pytest.raises(UserError, match="masks have 255 classes; expected at most 254"):
        number_classes(ClassTable(names), meaning_of_names(names), [])
    names.popitem()
    classes = number_classes(ClassTable(names), meaning_of_names(names), [])
    assert len(classes.names) == UNNAMED
    assert classes.of_value[:256].tolist() == [*range(UNNAMED), UNNAMED, 255]


def test_a_folder_without_a_file_has_no_names(tmp_path: Path) -> None:
    assert read_class_table(tmp_path / "classes.json") == ClassTable({})


def test_names_that_are_written_are_read_again_as_long_as_masks_can_tell_them_apart(
    tmp_path: Path,
) -> None:
    path, names = tmp_path / "classes.json", [f"möwe {n}" for n in range(UNNAMED)]
    path.write_text(write_class_names(names[:-1], "data.x"), encoding="utf-8")
    table = read_class_table(path)
    assert table.names == {number: (name,) for number, name in enumerate(names[:-1], start=1)}
    classes = number_classes(table, meaning_of_names({}), [0, 1, 253])
    assert classes.of_value[[0, 1, 253]].tolist() == [0, 1, 253]
    with pytest.raises(UserError, match=r"254 classes do not fit .* 253; choose some by data\.x"):
        write_class_names(names, "data.x")
