"""Whatever reading an image raises is one sentence about the file."""

import io
import logging
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from util.disk.fingerprints import fingerprint
from util.errors import UserError
from util.images.files import image_size_hw, read_image, read_soft_label


def small_images() -> list[bytes]:
    """One small image of each kind, with EXIF where it has any."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"
    exif.get_ifd(0x8825)[1] = "N"
    pixels = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
    images = []
    for file_format in ("JPEG", "PNG", "TIFF", "WEBP", "AVIF", "BMP", "GIF", "JPEG2000", "PPM"):
        options = {} if file_format in ("BMP", "GIF", "JPEG2000", "PPM") else {"exif": exif}
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, file_format, **options)
        images.append(buffer.getvalue())
    return images


IMAGES = small_images()


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(IMAGES),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
    st.floats(0.1, 2),
)
def test_damaged_images_are_refused_or_have_the_size_of_their_header(
    tmp_path_factory: pytest.TempPathFactory,
    image: bytes,
    changes: list[tuple[int, int]],
    kept: float,
) -> None:
    data = bytearray(image)
    for place, value in changes:
        data[place % len(data)] = value
    path = tmp_path_factory.getbasetemp() / "x.jpg"
    path.write_bytes(data[: int(kept * len(data))])
    sizes, errors = [], []
    for read in (image_size_hw, lambda path: read_image(path).shape[:2]):
        try:
            sizes.append(read(path))
        except UserError as error:
            errors.append(str(error))
    assert len(set(sizes)) <= 1
    assert all(str(path) in error and "\n" not in error for error in errors)


@pytest.mark.parametrize(
    "error",
    [
        OSError("odd"),
        ValueError("odd"),
        SyntaxError("odd"),
        TypeError("odd"),
        KeyError("odd"),
        OverflowError("odd"),
        struct.error("odd"),
        zlib.error("odd"),
        RuntimeError("odd\nand on two lines"),
        RecursionError("odd"),
        MemoryError(),
        Image.DecompressionBombError("odd"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_error_is_one_sentence_with_its_type_and_its_traceback_is_logged(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    Image.fromarray(np.zeros((3, 3), np.uint8)).save(tmp_path / "x.png")
    for reading, place in (
        (image_size_hw, "open"),
        (read_image, "open"),
        (read_soft_label, "open"),
    ):
        monkeypatch.setattr(Image, place, fail)
        with caplog.at_level(logging.DEBUG, "util"), pytest.raises(UserError) as raised:
            reading(tmp_path / "x.png")
        assert str(raised.value).startswith(f"{tmp_path / 'x.png'} cannot be read as ")
        assert type(error).__name__ in str(raised.value)
        assert "\n" not in str(raised.value)
        record = caplog.records[-1]
        assert record.levelno == logging.DEBUG
        assert record.exc_info is not None
        assert record.exc_info[1] is error


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_while_reading_is_no_failure_of_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def stop(*arguments: object, **options: object) -> None:
        raise error

    Image.fromarray(np.zeros((3, 3), np.uint8)).save(tmp_path / "x.png")
    monkeypatch.setattr(Image, "open", stop)
    with pytest.raises(error):
        read_image(tmp_path / "x.png")


def test_missing_files_folders_and_locked_files_are_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.png cannot .*: FileNotFoundError, No such file"):
        read_image(tmp_path / "nowhere.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UserError, match="IsADirectoryError, Is a directory"):
        read_image(tmp_path / "folder.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.timeout(60)
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert fingerprint([tmp_path / "pipe.png"]) == fingerprint([tmp_path / "nowhere.png"])
    with pytest.raises(UserError, match=r"pipe\.png cannot .*: OSError, It is a pipe or a device"):
        read_image(tmp_path / "pipe.png")


def test_damaged_avif_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, "AVIF")
    data = buffer.getvalue()
    header = data[: data.index(b"mdat") + 4]
    (tmp_path / "x.jpg").write_bytes(header.ljust(len(data), b"\0"))
    with pytest.raises(UserError, match=r"x\.jpg cannot be read as an image: \w+Error, "):
        read_image(tmp_path / "x.jpg")
