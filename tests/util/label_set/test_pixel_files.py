"""Weights of pixels and masks of things beside the maps."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.util.label_set.example_sets import BOXES, SETTINGS, make, spot
from util.data_classes import Boxes
from util.errors import UserError
from util.images.files import write_soft_label
from util.label_set import Content, LabelSet, LabelSetWriter


def make_weighted(folder: Path, names: list[str], settings: dict[str, object]) -> LabelSet:
    with LabelSetWriter(folder, settings) as writer:
        for name in names:
            writer.add(name, Content(spot(), weights=1 - spot(0.25)), source="1", seconds=0)
        return writer.finish(BOXES)


def test_weights_of_pixels_lie_beside_the_maps_and_are_no_maps(tmp_path: Path) -> None:
    label_set = make_weighted(tmp_path / "set", ["a", "b/ä"], SETTINGS)
    assert label_set.ids == ["a", "b/ä"]
    assert (tmp_path / "set" / "weights" / "b" / "ä.png").is_file()
    weights = label_set.read_weights("b/ä")
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, 1 - spot(0.25), atol=0.5 / 255)
    for name in ("label_set.json", "records.jsonl"):
        (tmp_path / "set" / name).unlink()
    assert LabelSet(tmp_path / "set").ids == ["a", "b/ä"]


def test_without_a_file_every_pixel_has_full_weight(tmp_path: Path) -> None:
    weights = make(tmp_path / "set", ["a"]).read_weights("a")
    assert weights.dtype == np.float32
    np.testing.assert_array_equal(weights, np.ones((10, 20)))


def test_maps_in_a_folder_named_weights_are_maps_where_they_weigh_nothing(tmp_path: Path) -> None:
    write_soft_label(tmp_path / "weights" / "x.png", spot())
    assert LabelSet(tmp_path).ids == ["weights/x"]
    write_soft_label(tmp_path / "x.png", spot())
    assert LabelSet(tmp_path).ids == ["x"]


def test_an_image_that_lies_where_weights_belong_is_refused(tmp_path: Path) -> None:
    with (
        LabelSetWriter(tmp_path, SETTINGS) as writer,
        pytest.raises(UserError, match="weights/x would lie where a label set"),
    ):
        writer.pending({"x": "1", "weights/x": "1"})
    with LabelSetWriter(tmp_path, SETTINGS) as writer:
        assert writer.pending({"y": "1", "weights/x": "1"}) == ["y", "weights/x"]


def test_an_image_that_lost_its_weights_is_pending(tmp_path: Path) -> None:
    make_weighted(tmp_path / "set", ["a", "b"], SETTINGS)
    (tmp_path / "set" / "weights" / "a.png").unlink()
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        assert writer.pending({"a": "1", "b": "1"}) == ["a"]


def test_no_old_weights_are_left_by_other_settings_or_by_a_map_without(tmp_path: Path) -> None:
    make_weighted(tmp_path / "set", ["a", "b"], SETTINGS)
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        writer.add("a", Content(spot()), source="2", seconds=0)
    assert not (tmp_path / "set" / "weights" / "a.png").exists()
    with LabelSetWriter(tmp_path / "set", {"producer": "other"}, overwrite=True) as writer:
        writer.add("a", Content(spot()), source="1", seconds=0)
        assert writer.finish(BOXES).read_weights("a").min() == 1
    assert not list((tmp_path / "set" / "weights").glob("*.png"))


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_weights_lie_between_0_and_1(tmp_path: Path, value: float) -> None:
    with LabelSetWriter(tmp_path, SETTINGS) as writer, pytest.raises(ValueError, match="weights"):
        writer.add("a", Content(spot(), weights=np.full((10, 20), value)), source="1", seconds=0)


NO_BOXES = Boxes(np.zeros((0, 4)), np.zeros(0))


def outlined(*marked: slice) -> Content:
    """Boxes alone, and a mask for each of some rows."""
    masks = []
    for rows in marked:
        masks.append(np.zeros((10, 20), bool))
        masks[-1][rows] = True
    return Content(boxes=NO_BOXES, size_hw=(10, 20), proposals=iter(masks))


def make_masked(folder: Path, settings: dict[str, object], **contents: Content) -> LabelSet:
    with LabelSetWriter(folder, settings, overwrite=True) as writer:
        for image_id in writer.pending(dict.fromkeys(contents, "1")):
            writer.add(image_id, contents[image_id], source="1", seconds=0)
        return writer.finish(BOXES)


def test_masks_of_things_may_overlap_and_none_is_known_from_not_looked_for(tmp_path: Path) -> None:
    two = outlined(slice(0, 5), slice(3, 9))
    label_set = make_masked(tmp_path / "set", SETTINGS, a=two, b=outlined(), c=Content(spot()))
    assert label_set.num_masks == {"a": 2, "b": 0}
    masks = [Image.open(label_set.mask_path("a", number)) for number in range(2)]
    assert {mask.mode for mask in masks} == {"1"}
    assert [np.asarray(mask).any(axis=1).nonzero()[0].tolist() for mask in masks] == [
        [0, 1, 2, 3, 4],
        [3, 4, 5, 6, 7, 8],
    ]


def test_an_image_is_made_again_if_a_mask_of_it_is_lost(tmp_path: Path) -> None:
    two = outlined(slice(0, 5), slice(3, 9))
    label_set = make_masked(tmp_path / "set", SETTINGS, a=two, b=outlined(slice(2)), c=outlined())
    label_set.mask_path("a", 1).unlink()
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        assert writer.pending({"a": "1", "b": "1", "c": "1"}) == ["a"]


def test_masks_that_have_no_successor_are_removed_and_those_of_others_stay(tmp_path: Path) -> None:
    images = {"a": outlined(slice(0, 5), slice(3, 9)), "a/b": outlined(slice(2)), "c": outlined()}
    make_masked(tmp_path / "set", SETTINGS, **images)
    make_masked(
        tmp_path / "set", {"producer": "other"}, **{"a": outlined(slice(7, 8)), "c": outlined()}
    )
    left = {path.relative_to(tmp_path / "set/masks") for path in tmp_path.rglob("*.png")}
    assert left == {Path("a/mask_0000.png")}
    label_set = make_masked(tmp_path / "set", {"producer": "a map"}, a=Content(spot()))
    assert not list((tmp_path / "set/masks").rglob("*.png"))
    assert label_set.num_masks == {}


def test_maps_that_lie_where_the_masks_of_an_image_would_stay(tmp_path: Path) -> None:
    names = ["masks/z/mask_0000", "z"]
    label_set = make(tmp_path / "set", names)
    assert label_set.ids == names
    make_masked(tmp_path / "set", {"producer": "outlines"}, z=outlined(slice(2)))
    contents = dict.fromkeys(names, Content(spot()))
    label_set = make_masked(tmp_path / "set", {"producer": "maps again"}, **contents)
    assert [label_set.read(name).max() > 0 for name in label_set.ids] == [True, True]


def test_an_image_of_fewer_masks_or_without_keeps_none_of_before(tmp_path: Path) -> None:
    many = outlined(slice(2), slice(4), slice(6))
    make_masked(tmp_path / "set", SETTINGS, a=many, b=outlined(slice(2)))
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        writer.add("a", outlined(slice(3)), source="2", seconds=0)
        writer.fail("b", "it is damaged")
        writer.finish(BOXES)
    left = {path.relative_to(tmp_path / "set/masks") for path in tmp_path.rglob("*.png")}
    assert left == {Path("a/mask_0000.png")}


def test_masks_of_things_are_no_maps_of_a_bare_folder(tmp_path: Path) -> None:
    one = outlined(slice(0, 5))
    make_masked(tmp_path / "set", SETTINGS, **{"a/b": one, "c": one})
    for name in ("label_set.json", "records.jsonl"):
        (tmp_path / "set" / name).unlink()
    with pytest.raises(UserError, match=r"has no soft label"):
        LabelSet(tmp_path / "set")
    for name in ("c", "masks/mask_0000", "masks/c/1"):
        write_soft_label(tmp_path / "set" / f"{name}.png", spot())
    assert LabelSet(tmp_path / "set").ids == ["c", "masks/c/1", "masks/mask_0000"]
