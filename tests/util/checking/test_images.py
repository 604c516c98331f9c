"""What is said of images: kinds, sizes, and those that cannot be read."""

import shutil
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from tests.util.checking.checked_data import Checked, paint


@pytest.mark.parametrize(
    ("folder", "told"),
    [("nowhere", "does not exist; set data.images"), ("empty", "has no image (.bmp, .jfif")],
)
def test_without_images_there_is_one_sentence_and_no_page(
    config: Path, capsys: pytest.CaptureFixture[str], folder: str, told: str
) -> None:
    (config.parent / "empty").mkdir()
    checked = Checked(config, capsys, f"--data.images={config.parent / folder}", status=2)
    (error,) = checked.errors
    assert told in error
    assert checked.lines == []
    assert not (config.parent / "runs").exists()


def test_images_of_which_none_can_be_read_are_an_error(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (config.parent / "images").rglob("*.png"):
        path.write_bytes(b"no picture")
    checked = Checked(config, capsys, "--data.ground_truth=null", "--data.masks=null", status=2)
    assert checked.errors == ["error: no image can be read"]
    assert "Not usable as it is: 1 thing to mend" in checked.page
    assert "12 images cannot be read" in checked.warnings[0]
    assert not any(line.startswith(("images:", "sizes:", "near")) for line in checked.lines)


def test_images_that_are_turned_by_exif_are_said(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    upright = Image.fromarray(paint(0))
    path = config.parent / "images" / "a" / "00.png"
    path.unlink()
    upright.transpose(Image.Transpose.ROTATE_90).save(path.with_suffix(".jpg"), exif=exif)
    checked = Checked(config, capsys)
    assert "1 image turned upright by EXIF" in checked.warnings[0]
    assert checked.warnings[0].endswith("a/00")
    assert checked.fact("sizes") == "80 x 60 (12)"


def test_two_images_of_one_name_are_the_one_error_and_all_else_is_checked(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = config.parent
    shutil.copy(root / "images/a/00.png", root / "images/a/00.bmp")
    (root / "splits/Test.txt").write_text("c/00\nnowhere\n")
    checked = Checked(config, capsys, status=2)
    twins, unknown = checked.errors
    assert "share an id: a/00.bmp = a/00.png; rename or move one each" in twins
    assert "names 1 id (of 2) that no image has: nowhere" in unknown
    assert checked.fact("images") == "12: PNG RGB 12"
    assert checked.fact("true boxes").startswith("24 in 12 of 12 images")


def test_rare_kinds_of_images_are_named_too(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = config.parent / "images" / "a"
    modes = {"L": "png", "RGBA": "png", "1": "png", "P": "png", "CMYK": "jpg", "LA": "png"}
    for mode, suffix in modes.items():
        Image.fromarray(paint(77)).convert(mode).save(root / f"kind {mode}.{suffix}")
    checked = Checked(config, capsys)
    assert checked.fact("images") == (
        "18: PNG RGB 12, JPEG CMYK 1, PNG 1 1, PNG L 1, PNG LA 1, PNG P 1, PNG RGBA 1"
    )


def test_files_of_several_pages_and_empty_ones_are_said(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = config.parent / "images" / "a"
    pages = [Image.fromarray(paint(seed)) for seed in (70, 71, 72)]
    pages[0].save(root / "pages.tif", save_all=True, append_images=pages[1:])
    pages[0].save(root / "page.tif")
    pages[0].save(root / "phone.jpg", "MPO", save_all=True, append_images=pages[1:])
    data = bytearray((root / "pages.tif").read_bytes())
    start = int.from_bytes(data[4:8], "little")
    place = start + 2 + 12 * int.from_bytes(data[start : start + 2], "little")
    data[place : place + 4] = (2**31 - 1).to_bytes(4, "little")  # of the second page
    (root / "odd end.tif").write_bytes(data)
    (root / "nothing.jpg").touch()
    checked = Checked(config, capsys)
    told = checked.warnings
    assert checked.fact("images") == "16: PNG RGB 12, TIFF RGB 3, MPO RGB 1"
    assert (
        "look at: 1 image of several pages or frames, of which only the first is read: a/pages"
    ) in told
    (unread,) = [each for each in told if "cannot be read" in each]
    assert unread.endswith(f"{root}/nothing.jpg cannot be read as an image: it is empty")
