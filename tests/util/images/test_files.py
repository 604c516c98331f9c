from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from util.errors import UserError
from util.images.files import (
    count_pixels,
    find_images,
    find_size_hw,
    image_size_hw,
    read_image,
    read_soft_label,
    write_image,
    write_soft_label,
)
from util.images.ids import name_to_id


def test_ids_are_paths_without_suffix_in_sub_folders_too(tmp_path: Path) -> None:
    for name in ("b.jpg", "camera 1/ä;ö.PNG", "a.b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".hidden.png").write_bytes(b"")
    assert list(find_images(tmp_path)) == ["a.b", "b", "camera 1/ä;ö"]


def test_decomposed_umlauts_give_the_same_id(tmp_path: Path) -> None:
    (tmp_path / "mo\u0308we.png").write_bytes(b"")
    assert list(find_images(tmp_path)) == ["m\u00f6we"]
    assert name_to_id("mo\u0308we.png") == "m\u00f6we"


def test_folders_hidden_folders_and_double_suffixes_do_not_confuse_ids(tmp_path: Path) -> None:
    (tmp_path / "x.png").mkdir()
    (tmp_path / ".thumbs").mkdir()
    for name in (".thumbs/y.png", "photo.jpg.png", " blank .png"):
        (tmp_path / name).write_bytes(b"")
    ids = list(find_images(tmp_path))
    assert sorted(ids) == ["blank", "photo"]
    assert [name_to_id(image_id) for image_id in ids] == ids


def test_float_images_are_refused_since_their_scale_is_unknown(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((3, 3), np.float32)).save(tmp_path / "x.tif")
    with pytest.raises(UserError, match="unknown scale"):
        read_image(tmp_path / "x.tif")


def test_a_missing_or_empty_image_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        find_images(tmp_path / "nowhere")
    with pytest.raises(UserError, match="has no image"):
        find_images(tmp_path)


def test_two_images_of_one_id_are_refused_by_name(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "b.jpg"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(UserError, match=r"a\.jpg = a\.png"):
        find_images(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff"])
def test_rgb_images_are_read_as_written(tmp_path: Path, suffix: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    write_image(tmp_path / f"x{suffix}", image)
    np.testing.assert_array_equal(read_image(tmp_path / f"x{suffix}"), image)


def test_gray_rgba_palette_and_16_bit_images_become_rgb(tmp_path: Path) -> None:
    gray = np.arange(35, dtype=np.uint8).reshape(5, 7)
    Image.fromarray(gray).save(tmp_path / "gray.png")
    rgba = np.dstack([gray, gray, gray, np.full_like(gray, 10)])
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    Image.fromarray(gray).convert("P").save(tmp_path / "palette.png")
    cv2.imwrite(str(tmp_path / "16.png"), gray.astype(np.uint16) * 257)
    for name in ("gray", "rgba", "palette", "16"):
        read = read_image(tmp_path / f"{name}.png")
        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read, np.dstack([gray] * 3), err_msg=name)


def test_exif_rotation_turns_image_and_size(tmp_path: Path) -> None:
    image = Image.fromarray(np.zeros((4, 9, 3), np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "x.jpg", exif=exif)
    assert read_image(tmp_path / "x.jpg").shape == (9, 4, 3)
    assert image_size_hw(tmp_path / "x.jpg") == (9, 4)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_truncated_and_foreign_files_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    write_image(path, np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(UserError, match="cannot be read as an image"):
        read_image(path)
    path.write_text("no image")
    with pytest.raises(UserError, match="cannot be read as an image"):
        read_image(path)
    with pytest.raises(UserError, match="cannot be read as an image"):
        read_image(tmp_path / "nowhere.png")


@settings(deadline=None)
@given(arrays(np.float32, (3, 4), elements=st.floats(0, 1, width=32)))
def test_a_soft_label_survives_the_disk_within_half_a_level(
    tmp_path_factory: pytest.TempPathFactory, soft_label: np.ndarray
) -> None:
    path = tmp_path_factory.getbasetemp() / "x.png"
    write_soft_label(path, soft_label)
    np.testing.assert_allclose(read_soft_label(path), soft_label, atol=0.5001 / 65535)


def test_a_constant_soft_label_is_not_stretched(tmp_path: Path) -> None:
    for value in (0.0, 0.35, 1.0):
        write_soft_label(tmp_path / "x.png", np.full((3, 3), value))
        np.testing.assert_allclose(read_soft_label(tmp_path / "x.png"), value, atol=1e-5)


def test_8_bit_soft_labels_are_read_on_their_own_scale(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 51, 255]], np.uint8)).save(tmp_path / "x.png")
    np.testing.assert_allclose(read_soft_label(tmp_path / "x.png"), [[0, 0.2, 1]], rtol=1e-6)


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_values_outside_the_scale_are_not_written(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="outside"):
        write_soft_label(tmp_path / "x.png", np.array([[value]]))
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_a_soft_label_that_lies_on_its_side_is_read_upright(
    tmp_path: Path, dtype: type[np.unsignedinteger], file_format: str
) -> None:
    levels = np.arange(35).reshape(5, 7).astype(dtype)
    image = Image.fromarray(levels)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "x.png", file_format, exif=exif)
    expected = np.rot90(levels, -1) / np.float32(np.iinfo(dtype).max)
    np.testing.assert_array_equal(read_soft_label(tmp_path / "x.png"), expected)
    assert image_size_hw(tmp_path / "x.png") == (7, 5)


def test_a_colour_or_truncated_soft_label_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "x.png", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(UserError, match="gray"):
        read_soft_label(tmp_path / "x.png")
    write_soft_label(tmp_path / "y.png", np.random.default_rng(0).random((64, 64)))
    data = (tmp_path / "y.png").read_bytes()
    (tmp_path / "y.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match="cannot be read"):
        read_soft_label(tmp_path / "y.png")


def test_a_size_that_cannot_be_read_counts_nothing(tmp_path: Path) -> None:
    write_image(tmp_path / "x.png", np.zeros((4, 9, 3), np.uint8))
    (tmp_path / "y.png").write_bytes(b"no image")
    assert find_size_hw(tmp_path / "x.png") == (4, 9)
    assert count_pixels(tmp_path / "x.png") == 36
    for name in ("y.png", "missing.png"):
        assert find_size_hw(tmp_path / name) is None
        assert count_pixels(tmp_path / name) == 0
