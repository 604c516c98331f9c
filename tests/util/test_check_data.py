"""What is said of data that are good, odd or broken, by the script."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.util.checking.checked_data import Checked, paint, write_data
from util.check_data import main
from util.images.files import write_image


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_data(tmp_path)


def test_good_data_are_told_in_ten_lines_and_nothing_is_odd(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checked = Checked(config, capsys)
    assert checked.warnings == checked.errors == []
    assert len(checked.lines) <= 10
    assert checked.fact("images") == "12: PNG RGB 12"
    assert checked.fact("sizes") == "80 x 60 (12)"
    assert checked.fact("splits") == "Train 4, Validation 4, Test 4"
    assert checked.fact("near-duplicates") == "0 pairs of images, 0 of them in two splits"
    assert checked.fact("masks") == "12, read as 0 = normal, 255 = anomalous"
    assert checked.fact("marked").startswith("8.33% of an image (median)")
    assert checked.fact("true boxes") == ("24 in 12 of 12 images (gull 12, boat 12); 0 have none")
    assert "Usable, nothing is odd" in checked.page
    assert checked.lines[-1].startswith("Next: python")


def test_the_page_needs_nothing_from_outside_and_shows_names_as_text(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = config.parent / "images" / "a" / "<b>&x.png"
    write_image(odd, paint(99))
    page = Checked(config, capsys).page
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "&lt;b&gt;&amp;x" in page
    assert "<b>" not in page
    assert page.count("<img ") == 13
    assert re.search(r'<th scope="row">boat</th><td>4</td><td>4</td><td>4</td>', page)


def test_what_is_odd_is_a_warning_and_the_data_can_be_used(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = config.parent
    shutil.copy(root / "images/a/00.png", root / "images/c/00.png")
    (root / "images/b/01.png").write_bytes((root / "images/b/01.png").read_bytes()[:500])
    (root / "images/a/notes.txt").write_text("x")
    (root / "masks/c/02.png").unlink()
    write_image(root / "masks/other.png", np.zeros((60, 80), np.uint8))
    write_image(root / "images/extra.png", paint(50))
    with (root / "truth.csv").open("a") as file:
        file.write("a/00;0.1;0.1;0.11;0.5;gull\nc/01;0;0;1;1;seal\n")
    checked = Checked(config, capsys, "--student.crop_size_px=64", "--data.groups=[0-9]+$")
    told = "\n".join(checked.warnings)
    assert "1 file is no image that we read (.txt 1)" in told
    assert "1 image cannot be read and will be left out" in told
    assert "12 images smaller than the crops" in told
    assert "1 pair of images that look alike stand in two splits" in told
    assert "a/00 (Train) = c/00 (Test)" in told
    assert "1 of 11 images has no mask: c/02" in told
    assert "1 of 24 true boxes is thinner than 2 pixels: a/00" in told
    assert "1 true box holds nearly the whole image: c/01" in told
    assert "classes that splits have nothing of: seal (Train, Validation)" in told
    assert "4 groups stand in two splits" in told
    assert "only 4 groups" in told
    assert checked.errors == []
    assert "; 1 image in none (extra)" in checked.fact("splits")
    assert "1 belongs to no image" in checked.fact("masks")
    assert "Near-duplicates in two splits" in checked.page
    assert f"Usable; {len(checked.warnings)} things to look at" in checked.page


def test_what_the_next_stages_would_refuse_is_said_at_once_with_status_2(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = config.parent
    (root / "splits/Train.txt").write_text("a/00\nnowhere\n")
    (root / "splits/Test.txt").write_text("")
    (root / "truth.csv").write_text("image,xmin\n")
    write_image(root / "masks/a/00.png", np.zeros((30, 80), np.uint8))
    checked = Checked(config, capsys, status=2)
    told = "\n".join(checked.errors)
    assert "names 1 id (of 2) that no image has: nowhere" in told
    assert re.search(r"Test\.txt is empty", told)
    assert "truth.csv" in told
    assert "1 mask has another size than the image: a/00 (80 x 30 for 80 x 60)" in told
    assert len(checked.errors) == 4
    assert not checked.lines[-1].startswith("Next")
    assert "Not usable as it is: 4 things to mend" in checked.page
    (root / "splits/Train.txt").write_text("a/00\na/01")
    checked = Checked(config, capsys, status=2)
    assert "1 mask has another size than the image: a/00 (80 x 30 for 80 x 60)" in "\n".join(
        checked.errors
    )


@pytest.mark.parametrize("text", ["a/00\nnowhere\n", "", None])
def test_a_broken_list_hides_no_fault_of_masks_or_boxes(
    config: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    root, split = config.parent, config.parent / "splits/Test.txt"
    split.unlink() if text is None else split.write_text(text)
    (root / "masks/c/02.png").write_bytes(b"none")
    with (root / "truth.csv").open("a") as file:
        file.write("c/01;0;0;1;1;seal\n")
    checked = Checked(config, capsys, status=2)
    assert "1 mask cannot be read" in "".join(checked.errors)
    assert checked.fact("marked").endswith("0 of 11 masks looked at mark nothing")
    assert "1 true box holds nearly the whole image: c/01" in "".join(checked.warnings)


def test_images_alone_are_enough_to_make_labels(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without = [f"--data.{key}=null" for key in ("splits", "masks", "ground_truth")]
    checked = Checked(config, capsys, *without)
    assert len(checked.warnings) == 1
    assert "make them by util/make_splits.py" in checked.warnings[0]
    assert checked.fact("truth").startswith("none, so labels can be made")


def test_the_page_is_named_by_the_images_that_were_checked(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(config.parent / "images", config.parent / "other photos")
    page = Checked(config, capsys, f"--data.images={config.parent / 'other photos'}").page
    title = f"Data of {config.parent / 'other photos'}"
    assert f"<title>{title}</title>" in page
    assert f"<h1>{title}</h1>" in page


def test_warnings_are_shown_again_afterwards(config: Path) -> None:
    import logging

    before = logging.getLogger().handlers[:]
    assert main(["--config", str(config)]) == 0
    assert logging.getLogger().handlers == before
