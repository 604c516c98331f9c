"""Images that look alike, and those that do not."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from scipy import ndimage

from util.errors import UserError
from util.images.files import read_image, write_image
from util.images.likeness import find_alike, read_hash


def paint(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=(120, 160, 3)), (8, 8, 0))
    return np.clip(128 + noise * 600, 0, 255).astype(np.uint8)


def num_bits(one: np.uint64, other: np.uint64) -> int:
    return int(one ^ other).bit_count()


def test_copies_differ_in_few_bits_and_other_images_in_many(tmp_path: Path) -> None:
    image = paint(0)
    copies = {
        "same.png": image,
        "jpeg.jpg": image,
        "small.png": cv2.resize(image, (80, 60), interpolation=cv2.INTER_AREA),
        "bright.png": np.clip(image * 0.8 + 40, 0, 255).astype(np.uint8),
    }
    hashes = {}
    for name, picture in (copies | {f"other{n}.jpg": paint(n) for n in range(1, 6)}).items():
        write_image(tmp_path / name, picture)
        hashes[name] = read_hash(tmp_path / name)
    for name, found in hashes.items():
        bits = num_bits(found, hashes["same.png"])
        assert bits <= 4 if name in copies else bits > 16, name


def test_a_photo_that_exif_turns_is_like_the_one_that_stands_upright(tmp_path: Path) -> None:
    image = Image.fromarray(paint(3))
    image.save(tmp_path / "upright.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees, clockwise
    image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", exif=exif)
    hashes = [read_hash(tmp_path / name) for name in ("upright.jpg", "turned.jpg")]
    assert num_bits(*hashes) <= 4


def test_gray_deep_and_large_images_have_hashes_and_damaged_ones_an_error(tmp_path: Path) -> None:
    image = paint(0)
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    cv2.imwrite(str(tmp_path / "deep.png"), gray.astype(np.uint16) * 257)
    write_image(tmp_path / "gray.png", gray)
    write_image(tmp_path / "large.jpg", cv2.resize(image, (1600, 1200)))
    hashes = [read_hash(tmp_path / name) for name in ("gray.png", "deep.png", "large.jpg")]
    assert max(num_bits(each, hashes[0]) for each in hashes) <= 4
    (tmp_path / "bad.jpg").write_bytes((tmp_path / "large.jpg").read_bytes()[:300])
    with pytest.raises(UserError, match=r"bad\.jpg cannot be read as an image"):
        read_hash(tmp_path / "bad.jpg")


@pytest.mark.parametrize("mode", ["L", "LA", "La", "P", "RGBA", "CMYK", "YCbCr", "LAB"])
def test_all_that_can_be_read_has_a_hash_whatever_its_colours_are(
    mode: str, tmp_path: Path
) -> None:
    picture = Image.fromarray(paint(0))
    picture.save(tmp_path / "plain.png")
    if mode == "LAB":
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        turned = ImageCms.profileToProfile(picture, *profiles, outputMode="LAB")
        assert turned is not None
        turned.save(tmp_path / "odd.tif")
    elif mode == "La":  # the TIFF says that its gray is multiplied by its transparency
        picture.convert("LA").save(tmp_path / "odd.tif")
        unlike, like = (struct.pack("<HHIHH", 338, 3, 1, kind, 0) for kind in (2, 1))
        data = (tmp_path / "odd.tif").read_bytes()
        (tmp_path / "odd.tif").write_bytes(data.replace(unlike, like))
    else:
        picture.convert(mode).save(tmp_path / "odd.tif")
    with Image.open(tmp_path / "odd.tif") as image:
        assert image.mode == mode
    read_image(tmp_path / "odd.tif")
    found, expected = (read_hash(tmp_path / name) for name in ("odd.tif", "plain.png"))
    assert num_bits(found, expected) <= 4


def test_all_pairs_of_near_hashes_are_found(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = rng.integers(0, 2**63, 40).astype(np.uint64)
    hashes[7] = hashes[3] ^ np.uint64(0b111)
    hashes[30] = hashes[3]
    expected = [
        (one, other)
        for one in range(40)
        for other in range(one + 1, 40)
        if num_bits(hashes[one], hashes[other]) <= 3
    ]
    assert list_alike(hashes, 3) == expected
    assert expected == [(3, 7), (3, 30), (7, 30)]
    assert list_alike(hashes, 2) == [(3, 30)]
    monkeypatch.setattr("util.images.likeness._CHUNK_PAIRS", 60)
    assert list_alike(hashes, 3) == expected
    assert list_alike(hashes[:0], 3) == []


def list_alike(hashes: np.ndarray, most_bits: int) -> list[tuple[int, int]]:
    parts = find_alike(list(hashes), most_bits)
    return [
        pair
        for first, second in parts
        for pair in zip(first.tolist(), second.tolist(), strict=True)
    ]
