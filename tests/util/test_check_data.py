"""What is said of data that are good, odd or broken, by the script."""

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image
from scipy import ndimage

from util.check_data import main
from util.checking.findings import Findings
from util.checking.series import check_series
from util.images.files import write_image
from util.make_splits import main as make_splits
from util.metrics.groups import name_groups

NAMES = [f"{folder}/{number:02d}" for folder in ("a", "b", "c") for number in range(4)]


def paint(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(60, 80, 3))
    return np.clip(128 + ndimage.gaussian_filter(noise, (4, 4, 0)) * 400, 0, 255).astype(np.uint8)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Twelve images of three folders, a split each, with masks and boxes."""
    rows = ["image;xmin;ymin;xmax;ymax;obj_class"]
    for number, name in enumerate(NAMES):
        write_image(tmp_path / f"images/{name}.png", paint(number))
        mask = np.zeros((60, 80), np.uint8)
        mask[10:30, 20:40] = 255
        write_image(tmp_path / f"masks/{name}.png", mask)
        rows += [f"{name};0.25;0.166;0.5;0.5;{kind}" for kind in ("gull", "boat")]
    (tmp_path / "truth.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "splits").mkdir()
    for split, folder in {"Train": "a", "Validation": "b", "Test": "c"}.items():
        ids = [name for name in NAMES if name.startswith(folder)]
        (tmp_path / f"splits/{split}.txt").write_text("\n".join(ids))
    path = tmp_path / "config.json"
    data = {"images": "images", "splits": "splits", "masks": "masks", "ground_truth": "truth.csv"}
    path.write_text(json.dumps({"data": data, "student": {"crop_size_px": 48}}))
    return path


class Checked:
    """What the script has said."""

    def __init__(
        self, config: Path, capsys: pytest.CaptureFixture[str], *options: str, status: int = 0
    ) -> None:
        assert main(["--config", str(config), *options]) == status
        said = capsys.readouterr()
        self.lines = said.out.splitlines()
        self.errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
        self.warnings = [line for line in self.lines if line.startswith("look at: ")]
        self.page = (config.parent / "runs" / "data.html").read_text()

    def fact(self, name: str) -> str:
        (line,) = [line for line in self.lines if line.startswith(f"{name}:")]
        return line.partition(":")[2].strip()


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


def test_images_without_a_true_box_and_those_that_look_alike_are_named(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = config.parent
    rows = (root / "truth.csv").read_text().splitlines()
    kept = [row for row in rows if not row.startswith(("a/02", "b/03"))]
    (root / "truth.csv").write_text("\n".join(kept))
    shutil.copy(root / "images/a/00.png", root / "images/a/01.png")
    checked = Checked(config, capsys)
    assert checked.fact("true boxes").endswith("; 2 have none: a/02, b/03")
    assert checked.fact("near-duplicates") == (
        "1 pair of images, such as a/00 = a/01; 0 of them in two splits"
    )


NO_TRUTH = ["--data.masks=null", "--data.ground_truth=null"]


def paint_series(root: Path, num_frames: int = 40, step: int = 5) -> list[str]:
    """Replace the images by frames of a camera that moves over a scene; returns their ids."""
    shutil.rmtree(root / "images")
    scene = np.concatenate([paint(seed) for seed in range(8)], axis=1)
    names = [f"frame_{number:04d}" for number in range(0, num_frames * step, step)]
    for number, name in enumerate(names):
        left = 2 * number
        write_image(root / f"images/{name}.png", scene[:, left : left + 80])
    return names


def follow_advice(config: Path, capsys: pytest.CaptureFixture[str], start: str) -> Checked:
    """Check data whose lists tear a series apart, make lists as is advised, and check again."""
    (line,) = [each for each in Checked(config, capsys, *NO_TRUTH).warnings if "series" in each]
    assert "and lists tear them apart: make lists by util/make_splits.py " + start in line
    options = shlex.split(line.partition("util/make_splits.py ")[2].partition(", which")[0])
    assert make_splits(["--config", str(config), *NO_TRUTH, "--overwrite", *options]) == 0
    return Checked(config, capsys, *NO_TRUTH)


@pytest.mark.parametrize(
    ("num_frames", "step", "start"),
    [
        (120, 1, "--data.groups '^(.+?)[0-9]{0,1}[^0-9/]*$', which keeps each 10 numbers together"),
        (80, 20, "--data.groups '^(.+?)[0-9]{0,2}[^0-9/]*$', which keeps each 100 numbers"),
        (40, 5, "--splits.tie_near_duplicates true, which keeps frames that look alike together"),
    ],
)
def test_the_advice_for_frames_of_a_video_is_not_given_again_where_it_was_followed(
    config: Path, capsys: pytest.CaptureFixture[str], num_frames: int, step: int, start: str
) -> None:
    names = paint_series(config.parent, num_frames, step)
    for split, part in {
        "Train": names[::2],
        "Validation": names[1::4],
        "Test": names[3::4],
    }.items():
        (config.parent / f"splits/{split}.txt").write_text("\n".join(part))
    again = "".join(follow_advice(config, capsys, start).warnings)
    assert "series" not in again
    assert "make splits by" not in again
    (config.parent / "splits/splits.json").unlink()
    assert "series" in "".join(Checked(config, capsys, *NO_TRUTH).warnings)


def test_lists_that_tear_what_their_record_groups_are_told_of_again(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = paint_series(config.parent)
    options = ["--overwrite", "--data.groups", "^(.+?)[0-9]{0,1}[^0-9/]*$"]
    assert make_splits(["--config", str(config), *NO_TRUTH, *options]) == 0
    told = "".join(Checked(config, capsys, *NO_TRUTH).warnings)
    assert "series" not in told
    assert "the lists keep groups together already: there are fewer where groups are" in told
    for split, part in {
        "Train": names[::2],
        "Validation": names[1::4],
        "Test": names[3::4],
    }.items():
        (config.parent / f"splits/{split}.txt").write_text("\n".join(part))
    told = "".join(Checked(config, capsys, *NO_TRUTH).warnings)
    assert "series of frames" in told
    assert "make splits by util/make_splits.py with splits.tie_near_duplicates" in told


def test_frames_without_lists_are_told_that_chance_would_tear_them_apart(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paint_series(config.parent, 120, 1)
    warnings = Checked(config, capsys, *NO_TRUTH, "--data.splits=null").warnings
    (line,) = [each for each in warnings if "series" in each]
    assert line.startswith(
        "look at: 120 images are numbered in 1 series of frames that look like the next "
        "(frame_0000 to frame_0119), and lists made by chance would tear them apart: make lists by "
        "util/make_splits.py --data.groups '"
    )
    assert line.endswith("which keeps each 10 numbers together, about 10 frames")


def test_frames_in_no_list_tear_nothing_apart(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = config.parent
    names = paint_series(root)
    parts = {"Train": names[0:12:2], "Validation": names[14:24:2], "Test": names[26::3]}
    for split, part in parts.items():
        (root / f"splits/{split}.txt").write_text("\n".join(part))
    checked = Checked(config, capsys, "--data.masks=null", "--data.ground_truth=null")
    assert "series" not in "".join(checked.warnings)


@pytest.mark.parametrize("suffix", ["", "_rgb"])
def test_the_option_for_a_series_groups_neighbours(suffix: str) -> None:
    image_ids = [f"frame_{number:04d}{suffix}" for number in range(300)]
    looks = dict.fromkeys(image_ids, np.uint64(0))
    findings = Findings()
    check_series(looks, False, {}, 4, findings)
    (pattern,) = re.findall(r"--data.groups '(.*)'", findings.warnings[0])
    groups = name_groups(pattern, image_ids)
    assert len(set(groups)) == 30
    assert all(len(set(groups[first : first + 10])) == 1 for first in range(0, 300, 10))


def test_numbered_images_that_do_not_look_alike_are_no_series(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(20):
        write_image(config.parent / f"images/a/{number:02d}.png", paint(number))
    checked = Checked(config, capsys, "--data.splits=null", "--data.masks=null")
    assert "series" not in "".join(checked.warnings)


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
    assert "1 of 11 images have no mask: c/02" in told
    assert "1 of 24 true boxes are thinner than 2 pixels: a/00" in told
    assert "1 true boxes hold nearly the whole image: c/01" in told
    assert "classes that splits have nothing of: seal (Train, Validation)" in told
    assert "4 groups stand in two splits" in told
    assert "only 4 groups" in told
    assert checked.errors == []
    assert "; 1 image in none (extra)" in checked.fact("splits")
    assert "1 belong to no image" in checked.fact("masks")
    assert "Near-duplicates in two splits" in checked.page
    assert f"Usable; {len(checked.warnings)} things to look at" in checked.page


def test_folders_that_splits_lack_are_told_with_and_without_truth(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = config.parent
    lists = {"Train": ["a/00", "a/01", "b/00", "b/01"], "Validation": ["a/02", "b/02"]}
    for split, ids in (lists | {"Test": ["a/03", "c/00"]}).items():
        (root / f"splits/{split}.txt").write_text("\n".join(ids))
    told = "look at: folders that splits have no image of: b (Test), c (Train, Validation)"
    with_truth = Checked(config, capsys)
    assert told in with_truth.warnings
    assert 'scope="row">boat</th><td>4</td><td>2</td><td>2</td>' in with_truth.page
    without = Checked(config, capsys, "--data.ground_truth=null")
    assert told in without.warnings
    assert 'scope="row">b</th><td>2</td><td>1</td><td>0</td>' in without.page
    rows = [row for row in (root / "truth.csv").read_text().splitlines() if "boat" not in row]
    (root / "truth.csv").write_text("\n".join([*rows, "a/00;0;0;0.5;0.5;b"]))
    both = "\n".join(Checked(config, capsys).warnings)
    assert "classes that splits have nothing of: b (Validation, Test)" in both
    assert told.removeprefix("look at: ") in both


def test_an_image_in_two_lists_counts_in_each_of_them(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config.parent / "splits/review.txt").write_text("b/00\nc/00\nc/01")
    options = ["--data.train_split=review"]
    checked = Checked(config, capsys, *options)
    assert 'scope="row">boat</th><td>3</td><td>4</td><td>4</td>' in checked.page
    assert "classes that splits" not in "\n".join(checked.warnings)
    lacking = "look at: folders that splits have no image of: b (Test), c (Validation)"
    assert lacking in checked.warnings
    without = Checked(config, capsys, *options, "--data.ground_truth=null")
    assert 'scope="row">b</th><td>1</td><td>4</td><td>0</td>' in without.page
    assert 'scope="row">c</th><td>2</td><td>0</td><td>4</td>' in without.page


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
    assert "names 1 ids (of 2) that no image has: nowhere" in told
    assert re.search(r"Test\.txt is empty", told)
    assert "truth.csv" in told
    assert len(checked.errors) == 3
    assert not checked.lines[-1].startswith("Next")
    assert "Not usable as it is: 3 things to mend" in checked.page
    (root / "splits/Train.txt").write_text("a/00\na/01")
    checked = Checked(config, capsys, status=2)
    assert "1 mask has another size than the image: a/00 (80 x 30 for 80 x 60)" in "\n".join(
        checked.errors
    )


@pytest.mark.parametrize(
    ("folder", "told"),
    [("nowhere", "does not exist; set data.images"), ("empty", "has no image (.bmp, .jfif")],
)
def test_without_images_there_is_one_sentence_and_a_page(
    config: Path, capsys: pytest.CaptureFixture[str], folder: str, told: str
) -> None:
    (config.parent / "empty").mkdir()
    checked = Checked(config, capsys, f"--data.images={config.parent / folder}", status=2)
    (error,) = checked.errors
    assert told in error
    assert checked.lines == [f"Wrote {config.parent / 'runs' / 'data.html'}"]
    assert "Not usable as it is: 1 thing to mend" in checked.page


def test_images_of_which_none_can_be_read_are_an_error(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (config.parent / "images").rglob("*.png"):
        path.write_bytes(b"no picture")
    checked = Checked(config, capsys, "--data.ground_truth=null", "--data.masks=null", status=2)
    assert checked.errors == ["error: no image can be read"]
    assert "12 images cannot be read" in checked.warnings[0]
    assert not any(line.startswith(("images:", "sizes:", "near")) for line in checked.lines)


def test_images_alone_are_enough_to_make_labels(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without = [f"--data.{key}=null" for key in ("splits", "masks", "ground_truth")]
    checked = Checked(config, capsys, *without)
    assert len(checked.warnings) == 1
    assert "make them by util/make_splits.py" in checked.warnings[0]
    assert checked.fact("truth").startswith("none, so labels can be made")


def test_swapped_masks_and_labels_of_images_are_said(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = config.parent
    (root / "labels.csv").write_text(
        "image;label\n" + "".join(f"{name};smoke\n" for name in NAMES[:11]) + "c/03;\n"
    )
    swapped = '{"0": "anomalous", "255": "normal"}'
    options = ["--data.image_labels", str(root / "labels.csv"), "--data.mask_values", swapped]
    checked = Checked(config, capsys, *options)
    assert checked.fact("labels") == "of 12 images: smoke 11, none 1"
    assert any("masks mark 92% of an image: are normal and" in each for each in checked.warnings)
    assert '<th scope="row">smoke</th><td>4</td><td>4</td><td>3</td>' in checked.page
    (root / "labels.csv").write_text("image,label\na/00,smoke\n")
    checked = Checked(config, capsys, *options, status=2)
    assert "expected ';'" in "".join(checked.errors)
    assert "labels:" not in "\n".join(checked.lines)


def test_masks_that_ignore_everything_are_told_apart_from_those_that_mark_nothing(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = config.parent / "masks"
    paths = sorted(masks.rglob("*.png"))
    for path in paths[:2]:
        write_image(path, np.full((60, 80), 128, np.uint8))
    meanings = '{"0": "normal", "128": "ignored", "255": "anomalous"}'
    checked = Checked(config, capsys, "--data.mask_values", meanings)
    assert any(
        f"2 masks ignore all pixels, of {len(paths)} loo" in each for each in checked.warnings
    )
    assert f"0 of {len(paths) - 2} masks looked at mark nothing" in checked.fact("marked")


def test_warnings_are_shown_again_afterwards(config: Path) -> None:
    import logging

    before = logging.getLogger().handlers[:]
    assert main(["--config", str(config)]) == 0
    assert logging.getLogger().handlers == before


def test_only_images_that_are_judged_need_a_truth(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = config.parent
    annotated = [
        {"id": number, "file_name": f"{name}.png", "width": 80, "height": 60}
        for number, name in enumerate(NAMES)
        if not name.startswith("a")
    ]
    truth = {"images": annotated, "annotations": [], "categories": [{"id": 1, "name": "gull"}]}
    box = {"image_id": annotated[0]["id"], "category_id": 1, "bbox": [1, 2, 30, 40]}
    truth["annotations"] = [box]
    (root / "truth.json").write_text(json.dumps(truth))
    options = ["--data.ground_truth", str(root / "truth.json"), "--data.ground_truth_format=coco"]
    checked = Checked(config, capsys, *options)
    assert checked.fact("true boxes").endswith("; 4 others are not annotated, nor judged")
    truth["images"] = annotated[:4]
    (root / "truth.json").write_text(json.dumps(truth))
    checked = Checked(config, capsys, *options, status=2)
    assert "does not list 4 of 8 images (c/00, c/01, c/02, c/03)" in checked.errors[0]
    checked = Checked(config, capsys, *options, "--data.test_split=Validation")
    assert checked.errors == []


def test_a_folder_without_lists_is_one_error_that_says_who_makes_them(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(config.parent / "splits")
    checked = Checked(config, capsys, status=2)
    (told,) = checked.errors
    assert "has no lists; make them by util/make_splits.py" in told


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
    assert "names 1 ids (of 2) that no image has: nowhere" in unknown
    assert checked.fact("images") == "12: PNG RGB 12"
    assert checked.fact("true boxes").startswith("16 in 8 of 8 images")


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
