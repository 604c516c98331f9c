"""Images of all formats, modes and orientations, against readings that do without Pillow."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from util.errors import UserError
from util.images.files import image_size_hw, read_image

ORIENTATION = 0x0112


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn (H, W, ...) by the words of the EXIF standard: where row 0 and column 0 are seen."""
    if orientation in (5, 6, 7, 8):  # rows of the file are columns of the picture
        pixels = np.moveaxis(pixels, 0, 1)
    if orientation in (2, 3, 6, 7):  # seen from the right
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):  # seen from below
        pixels = pixels[::-1]
    return pixels


def exif_of(kind: int, count: int, value: bytes) -> bytes:
    """EXIF of one tag, the orientation, of any type; the value takes 4 bytes."""
    entry = struct.pack("<IHHHI", 8, 1, ORIENTATION, kind, count)
    return b"Exif\0\0II*\0" + entry + value + struct.pack("<I", 0) + struct.pack("<II", 6, 1)


def of_orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return exif


def gray_to_rgb(levels: np.ndarray) -> np.ndarray:
    return np.repeat(levels[..., None], 3, axis=2)


def encode_gray(rng: np.random.Generator, size: tuple[int, int]) -> tuple[Image.Image, np.ndarray]:
    levels = rng.integers(0, 256, size, dtype=np.uint8)
    return Image.fromarray(levels), gray_to_rgb(levels)


def encode_1(rng: np.random.Generator, size: tuple[int, int]) -> tuple[Image.Image, np.ndarray]:
    levels = rng.choice(np.array([0, 255], np.uint8), size)
    return Image.fromarray(levels).convert("1"), gray_to_rgb(levels)


def encode_16(order: str) -> Callable[..., tuple[Image.Image, np.ndarray]]:
    def encode(rng: np.random.Generator, size: tuple[int, int]) -> tuple[Image.Image, np.ndarray]:
        levels = rng.integers(0, 256, size)
        levels.flat[0] = 255  # so that all of the range is used
        deep = (levels * 257 + rng.integers(-128, 128, size)).clip(0, 65535)
        return Image.fromarray(deep.astype(f"{order}u2")), gray_to_rgb(levels)

    return encode


def encode_bands(mode: str) -> Callable[..., tuple[Image.Image, np.ndarray]]:
    def encode(rng: np.random.Generator, size: tuple[int, int]) -> tuple[Image.Image, np.ndarray]:
        bands = rng.integers(0, 256, (*size, len(mode)), dtype=np.uint8)
        if mode == "CMYK":  # without black, so that colours are what the inks leave of white
            bands[..., 3] = 0
        colours = {"LA": bands[..., [0, 0, 0]], "CMYK": 255 - bands[..., :3]}
        return Image.fromarray(bands, mode=mode), colours.get(mode, bands[..., :3])

    return encode


def encode_palette(mode: str) -> Callable[..., tuple[Image.Image, np.ndarray]]:
    def encode(rng: np.random.Generator, size: tuple[int, int]) -> tuple[Image.Image, np.ndarray]:
        palette = rng.integers(0, 256, (256, 3), dtype=np.uint8)
        classes = rng.integers(0, 256, size, dtype=np.uint8)
        image = Image.fromarray(classes, mode="P")
        image.putpalette(palette.tobytes())
        if mode == "PA":
            image.putalpha(77)
        return image, palette[classes]

    return encode


MODES = {
    "1": encode_1,
    "L": encode_gray,
    "LA": encode_bands("LA"),
    "P": encode_palette("P"),
    "PA": encode_palette("PA"),
    "RGB": encode_bands("RGB"),
    "RGBA": encode_bands("RGBA"),
    "CMYK": encode_bands("CMYK"),
    "I;16": encode_16("<"),
    "I;16B": encode_16(">"),
}
TIFF_COMPRESSIONS = (None, "tiff_lzw", "tiff_adobe_deflate", "packbits")
FORMATS: list[tuple[str, str, dict[str, Any]]] = [
    *((".png", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I;16B")),
    *((".tif", mode, {"compression": c}) for mode in MODES for c in TIFF_COMPRESSIONS),
    *((".webp", mode, {"lossless": True}) for mode in ("RGB", "RGBA")),
]


@settings(deadline=None)
@given(
    st.sampled_from(FORMATS),
    st.integers(1, 8),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.integers(0, 2**32 - 1),
)
def test_lossless_images_of_every_kind_are_read_upright(
    tmp_path_factory: pytest.TempPathFactory,
    kind: tuple[str, str, dict[str, Any]],
    orientation: int,
    size: tuple[int, int],
    seed: int,
) -> None:
    suffix, mode, options = kind
    image, pixels = MODES[mode](np.random.default_rng(seed), size)
    assert image.mode == mode
    path = tmp_path_factory.getbasetemp() / f"x{suffix}"
    if suffix == ".webp" and mode == "RGBA":
        options = options | {"exact": True}  # colours of transparent pixels too
    image.save(path, exif=of_orientation(orientation), **options)
    expected = upright(pixels, orientation)
    np.testing.assert_array_equal(read_image(path), expected)
    assert image_size_hw(path) == expected.shape[:2]


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["L", "RGB", "CMYK"]),
    st.integers(1, 8),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_jpegs_are_read_as_opencv_reads_them(
    tmp_path_factory: pytest.TempPathFactory, mode: str, orientation: int, size: tuple[int, int]
) -> None:
    image, _ = MODES[mode](np.random.default_rng(size), size)
    path = tmp_path_factory.getbasetemp() / "x.jfif"
    image.save(path, "JPEG", exif=of_orientation(orientation), quality=95)
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    assert bgr is not None
    expected = upright(bgr[..., ::-1], orientation)
    # Codecs round differently; CMYK is turned into RGB by other formulas.
    allowed = 3 if mode != "CMYK" else 10
    assert np.abs(read_image(path).astype(int) - expected).max() <= allowed
    assert image_size_hw(path) == expected.shape[:2]


ODD_ORIENTATIONS = {
    "zero": (exif_of(3, 1, b"\0\0\0\0"), 1),
    "nine": (exif_of(3, 1, b"\11\0\0\0"), 1),
    "largest": (exif_of(3, 1, b"\377\377\0\0"), 1),
    "text": (exif_of(2, 2, b"6\0\0\0"), 1),
    "byte": (exif_of(1, 1, b"\6\0\0\0"), 1),
    "undefined": (exif_of(7, 1, b"\6\0\0\0"), 1),
    "several": (exif_of(3, 2, b"\6\0\3\0"), 6),
    "long": (exif_of(4, 1, b"\6\0\0\0"), 6),
    "rational": (exif_of(5, 1, struct.pack("<I", 26)), 6),
    "no type": (exif_of(99, 1, b"\6\0\0\0"), 1),
    "no EXIF": (b"Exif\0\0 nothing of the kind", 1),
    "cut short": (exif_of(3, 1, b"\6\0\0\0")[:20], 1),
}


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("name", ODD_ORIENTATIONS)
def test_orientations_of_other_values_and_types_turn_nothing(
    tmp_path: Path, name: str, suffix: str
) -> None:
    exif, orientation = ODD_ORIENTATIONS[name]
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:8, :8] = 255
    Image.fromarray(pixels).save(tmp_path / f"x{suffix}", exif=exif)
    read = read_image(tmp_path / f"x{suffix}")
    assert read.shape == upright(pixels, orientation).shape
    assert image_size_hw(tmp_path / f"x{suffix}") == read.shape[:2]
    assert np.abs(read.astype(int) - upright(pixels, orientation)).mean() < 10


def test_orientation_that_stands_in_xmp_alone_counts_in_size_and_pixels(tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    image = Image.fromarray(np.zeros((4, 9, 3), np.uint8))
    image.save(tmp_path / "x.jpg", xmp=xmp)
    image.save(tmp_path / "x.tif", tiffinfo={700: xmp})
    for suffix in (".jpg", ".tif"):
        assert read_image(tmp_path / f"x{suffix}").shape == (9, 4, 3)
        assert image_size_hw(tmp_path / f"x{suffix}") == (9, 4)


def move_exif_back(data: bytes) -> bytes:
    """Put a PNG's EXIF chunk behind its pixels, as some programs do."""
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4])
    rest = data[:start] + data[end:]
    return rest[:-12] + data[start:end] + rest[-12:]  # the last chunk has 12 bytes


def test_exif_behind_the_pixels_of_a_png_counts(tmp_path: Path) -> None:
    pixels = np.arange(36, dtype=np.uint8).reshape(4, 9)
    Image.fromarray(pixels).save(tmp_path / "x.png", exif=of_orientation(6))
    data = (tmp_path / "x.png").read_bytes()
    (tmp_path / "x.png").write_bytes(move_exif_back(data))
    np.testing.assert_array_equal(
        read_image(tmp_path / "x.png"), gray_to_rgb(upright(pixels, orientation=6))
    )
    assert image_size_hw(tmp_path / "x.png") == (9, 4)


@pytest.mark.parametrize("suffix", [".bmp", ".jpg", ".png", ".tif", ".webp"])
def test_the_size_is_read_without_decoding_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    def fail(image: Image.Image) -> None:
        raise AssertionError("decoded")

    path = tmp_path / f"x{suffix}"
    Image.fromarray(np.zeros((4, 9, 3), np.uint8)).save(path, exif=of_orientation(5))
    with Image.open(path) as image:
        monkeypatch.setattr(type(image), "load", fail)
    assert image_size_hw(path) == ((4, 9) if suffix == ".bmp" else (9, 4))


def test_of_several_pictures_the_first_one_is_read(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((6, 8, 3), level, np.uint8)) for level in (200, 10)]
    for name in ("x.tif", "x.png", "x.webp", "x.jpg"):
        file_format = {"x.jpg": "MPO"}.get(name)
        frames[0].save(tmp_path / name, file_format, save_all=True, append_images=frames[1:])
        assert abs(read_image(tmp_path / name).mean() - 200) < 3, name
        assert image_size_hw(tmp_path / name) == (6, 8)


def test_the_content_counts_and_not_the_suffix(tmp_path: Path) -> None:
    image = Image.fromarray(np.full((6, 8, 3), 200, np.uint8))
    for file_format in ("GIF", "WEBP", "PNG", "BMP", "PPM", "AVIF", "JPEG2000"):
        image.save(tmp_path / "x.jpg", file_format)
        assert abs(read_image(tmp_path / "x.jpg").mean() - 200) < 3, file_format
    image.save(tmp_path / "x.jpg", "PDF")
    with pytest.raises(UserError, match="it is no JPEG, PNG,"):
        read_image(tmp_path / "x.jpg")


def test_colours_of_other_spaces_become_rgb(tmp_path: Path) -> None:
    colours = np.array([[[200, 30, 60], [20, 220, 90], [128, 128, 128]]], np.uint8)
    Image.fromarray(colours).convert("YCbCr").save(tmp_path / "ycbcr.tif")
    assert np.abs(read_image(tmp_path / "ycbcr.tif").astype(int) - colours).max() <= 2
    lab = np.array([[[128, 0, 0], [255, 0, 0]]], np.uint8)  # L* 50 and 100, both without colour
    Image.fromarray(lab, mode="LAB").save(tmp_path / "lab.tif")
    read = read_image(tmp_path / "lab.tif").astype(int)
    assert np.abs(read - [[[119] * 3, [255] * 3]]).max() <= 2
    tags = {BITS: (8, 8), SAMPLES: (2,), EXTRA_SAMPLES: (1,)}  # gray, times its opacity
    (tmp_path / "x.tif").write_bytes(tiff_of(bytes([100, 255, 60, 128]), (1, 2), tags))
    assert np.abs(read_image(tmp_path / "x.tif")[0, :, 0] - np.array([100, 120])).max() <= 1


def test_a_palette_with_transparency_gives_its_colours(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8), mode="P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(tmp_path / "x.png", transparency=bytes([0, 128]))
    assert read_image(tmp_path / "x.png").tolist() == [[[10, 20, 30], [40, 50, 60]]]


def tiff_of(pixels: bytes, size_hw: tuple[int, int], tags: dict[int, tuple[int, ...]]) -> bytes:
    """An uncompressed little-endian TIFF, put together by hand; further tags of 16 bits."""
    height, width = size_hw
    known = {256: (width,), 257: (height,), 259: (1,), 273: (8,), 278: (height,)}
    values = known | {262: (1,), 277: (1,), 279: (len(pixels),)} | tags
    entries, extra, start = b"", b"", 8 + len(pixels) + 2 + 12 * len(values) + 4
    for tag, numbers in sorted(values.items()):
        packed = struct.pack(f"<{len(numbers)}H", *numbers)
        if len(packed) > 4:
            packed, extra = struct.pack("<I", start + len(extra)), extra + packed
        entries += struct.pack("<HHI", tag, 3, len(numbers)) + packed.ljust(4, b"\0")
    directory = struct.pack("<H", len(values)) + entries + bytes(4)
    return struct.pack("<2sHI", b"II", 42, 8 + len(pixels)) + pixels + directory + extra


BITS, PHOTOMETRIC, SAMPLES, COLOURS, EXTRA_SAMPLES, SAMPLE_FORMAT = 258, 262, 277, 320, 338, 339
RAMP = [[0, 1 / 3, 1]]
"""Shares of the range of a type, which become 0, 85 and 255."""


@pytest.mark.parametrize(
    ("dtype", "tags"),
    [
        ("<u2", {BITS: (16,)}),
        ("<u2", {BITS: (16,), PHOTOMETRIC: (0,)}),
        ("<i2", {BITS: (16,), SAMPLE_FORMAT: (2,)}),
        ("<u4", {BITS: (32,)}),
        ("<i4", {BITS: (32,), SAMPLE_FORMAT: (2,)}),
    ],
)
def test_gray_integers_of_more_than_8_bits_are_scaled_by_their_range(
    tmp_path: Path, dtype: str, tags: dict[int, tuple[int, ...]]
) -> None:
    largest = np.iinfo(dtype).max
    levels = (np.array(RAMP) * largest).astype(dtype)
    if tags.get(PHOTOMETRIC) == (0,):
        levels = largest - levels
    (tmp_path / "x.tif").write_bytes(tiff_of(levels.tobytes(), (1, 3), tags))
    assert read_image(tmp_path / "x.tif")[0].tolist() == [[0] * 3, [85] * 3, [255] * 3]


def test_12_bits_are_scaled_by_the_range_of_12_bits(tmp_path: Path) -> None:
    levels = 0xFFF555  # two pixels of 12 bits: all, and a third of the range
    tags = {BITS: (12,)}
    (tmp_path / "x.tif").write_bytes(tiff_of(levels.to_bytes(3), (1, 2), tags))
    assert read_image(tmp_path / "x.tif")[0, :, 0].tolist() == [255, 85]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("num_bands", [3, 4])
def test_colours_of_16_bits_are_scaled(tmp_path: Path, suffix: str, num_bands: int) -> None:
    levels = np.random.default_rng(0).integers(0, 65536, (7, 5, num_bands), dtype=np.uint16)
    cv2.imwrite(str(tmp_path / f"x{suffix}"), levels)
    expected = levels[..., 2::-1] / 257
    assert np.abs(read_image(tmp_path / f"x{suffix}") - expected).max() <= 1


@pytest.mark.parametrize("largest", [255, 4095])
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3), (4, 5, 4)])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_smaller_numbers_in_16_bits_are_refused_since_they_would_be_black(
    tmp_path: Path, largest: int, shape: tuple[int, ...], suffix: str
) -> None:
    levels = np.random.default_rng(0).integers(0, largest + 1, shape, dtype=np.uint16)
    levels[0, 0, ...] = largest
    if len(shape) == 3:
        levels[..., 3:] = 65535  # transparency says nothing of the colours
    cv2.imwrite(str(tmp_path / f"x{suffix}"), levels)
    with pytest.raises(UserError, match="its scale is unknown"):
        read_image(tmp_path / f"x{suffix}")


@pytest.mark.parametrize("largest", [255, 4095, 65535])
def test_smaller_numbers_in_32_bits_are_refused(tmp_path: Path, largest: int) -> None:
    levels = np.linspace(0, largest, 12).reshape(3, 4).astype(np.int32)
    Image.fromarray(levels).save(tmp_path / "x.tif")
    with pytest.raises(UserError, match="its scale is unknown"):
        read_image(tmp_path / "x.tif")


def test_negative_numbers_are_refused_and_zeros_are_black(tmp_path: Path) -> None:
    for dtype in (np.int16, np.int32):
        cv2.imwrite(str(tmp_path / "x.tif"), np.array([[-1, 30000]], dtype))
        with pytest.raises(UserError, match="negative"):
            read_image(tmp_path / "x.tif")
    cv2.imwrite(str(tmp_path / "x.png"), np.zeros((2, 2), np.uint16))
    assert not read_image(tmp_path / "x.png").any()


def test_a_tiff_palette_of_8_bit_colours_is_not_black(tmp_path: Path) -> None:
    reds, greens, blues = np.arange(256), np.arange(256)[::-1], np.full(256, 7)
    for factor in (1, 257):
        colours = tuple((np.concatenate([reds, greens, blues]) * factor).tolist())
        tags = {BITS: (8,), PHOTOMETRIC: (3,), COLOURS: colours}
        (tmp_path / "x.tif").write_bytes(tiff_of(bytes([9, 200]), (1, 2), tags))
        assert read_image(tmp_path / "x.tif").tolist() == [[[9, 246, 7], [200, 55, 7]]]
