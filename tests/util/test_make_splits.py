"""Split lists, by the script."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from util.errors import UserError
from util.images.files import find_images, write_image
from util.images.splits import read_split
from util.make_splits import main


@pytest.fixture
def config(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(20):
        folder = "gull" if number < 12 else "boat"
        image = rng.integers(0, 256, (24, 24, 3)).astype(np.uint8)
        write_image(tmp_path / f"images/{folder}/{number:02d}.png", image)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"data": {"images": "images", "splits": "splits"}}))
    return path


def lists(config: Path, *names: str) -> dict[str, list[str]]:
    images = find_images(config.parent / "images")
    return {name: read_split(config.parent / "splits", name, images) for name in names}


def make(config: Path, *options: str) -> int:
    return main(["--config", str(config), *options])


def test_each_image_is_in_one_list_and_classes_have_their_shares(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make(config, "--splits.classes=folder", "--splits.shares", '{"A": 3, "B": 1}') == 0
    found = lists(config, "A", "B")
    assert sorted(found["A"] + found["B"]) == list(find_images(config.parent / "images"))
    assert found["A"] == sorted(found["A"])
    said = capsys.readouterr().out
    assert "A     15 images (75.0%) in 15 groups: boat 6, gull 9" in said
    assert "B      5 images (25.0%) in 5 groups: boat 2, gull 3" in said
    assert "Each image is a group of its own" in said
    assert "Next: python" in said
    told = json.loads((config.parent / "splits" / "splits.json").read_text())
    assert told["splits"]["shares"] == {"A": 3, "B": 1}


def test_near_duplicates_and_folders_are_never_apart(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = config.parent / "images"
    for number in range(5):
        (images / f"copy{number}.png").write_bytes((images / "gull/03.png").read_bytes())
    shares = ["--splits.shares", '{"A": 1, "B": 1}']
    assert make(config, *shares, "--splits.tie_near_duplicates=true") == 0
    said = capsys.readouterr().out
    assert "15 pairs of images that look alike" in said
    assert "a group of its own" not in said
    alike = {"gull/03", *(f"copy{number}" for number in range(5))}
    assert sorted(len(alike & set(each)) for each in lists(config, "A", "B").values()) == [0, 6]
    assert make(config, *shares, "--splits.together=folder", "--overwrite") == 0
    for each in lists(config, "A", "B").values():
        folders = [image_id.rpartition("/")[0] for image_id in each]
        assert {folder: folders.count(folder) for folder in folders}.items() <= {
            ("", 5),
            ("boat", 8),
            ("gull", 12),
        }


def test_images_that_cannot_be_read_are_named_where_all_are_looked_at(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("gull/03", "boat/15"):
        (config.parent / f"images/{name}.png").write_bytes(b"none")
    assert make(config, "--splits.tie_near_duplicates=true") == 0
    assert (
        "2 images cannot be read: boat/15, gull/03; lists hold what cannot be read like all else, "
        "and it is left out where images are used\n"
    ) in capsys.readouterr().out
    (config.parent / "images/boat/15.png").unlink()
    assert make(config, "--splits.tie_near_duplicates=true", "--overwrite") == 0
    assert "1 image cannot be read: gull/03; " in capsys.readouterr().out
    (config.parent / "images/gull/03.png").unlink()
    assert make(config, "--splits.tie_near_duplicates=true", "--overwrite") == 0
    assert "cannot be read" not in capsys.readouterr().out


def test_a_share_that_groups_do_not_allow_says_what_was_asked_for(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shares = ["--splits.shares", '{"A": 3, "B": 1}', "--splits.together=folder"]
    assert make(config, *shares) == 0
    said = capsys.readouterr().out
    assert "A     12 images (60.0%, asked for 75.0%) in 1 group\n" in said
    assert "B      8 images (40.0%, asked for 25.0%) in 1 group\n" in said


def test_classes_come_from_labels_or_truth(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = list(find_images(config.parent / "images"))
    (config.parent / "labels.csv").write_text(
        "image;label\n" + "".join(f"{name};smoke\n" for name in names[:10]) + f"{names[10]};\n"
    )
    (config.parent / "t.csv").write_text(
        "image;xmin;ymin;xmax;ymax;obj_class\n"
        + "".join(f"{name};0;0;1;1;{kind}\n" for name in names[:10] for kind in ("b", "a"))
    )
    labels = ["--splits.classes=image_labels", "--data.image_labels", f"{config.parent}/labels.csv"]
    shares = ["--splits.shares", '{"A": 1, "B": 1}']
    assert make(config, *shares, *labels) == 0
    assert "(none) 1, (not labelled) " in capsys.readouterr().out
    truth = ["--splits.classes=ground_truth", "--data.ground_truth", f"{config.parent}/t.csv"]
    assert make(config, *shares, *truth, "--overwrite") == 0
    assert "A     10 images (50.0%) in 10 groups: (none) 5, a + b 5" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"data\.image_labels is not set"):
        make(config, *shares, "--splits.classes=image_labels", "--overwrite")


def test_lists_that_are_there_are_kept(config: Path) -> None:
    own = config.parent / "splits" / "Test.txt"
    own.parent.mkdir()
    own.write_text("gull/00\n")
    with pytest.raises(UserError, match=r"has Test\.txt already; give --overwrite"):
        make(config)
    assert own.read_text() == "gull/00\n"
    assert not (own.parent / "Train.txt").exists()
    assert make(config, "--overwrite") == 0
    assert len(lists(config, "Test")["Test"]) == 3


def test_a_seed_gives_the_same_files(config: Path) -> None:
    assert make(config) == 0
    before = lists(config, "Train", "Validation", "Test")
    assert make(config, "--overwrite") == 0
    assert lists(config, "Train", "Validation", "Test") == before
    assert make(config, "--overwrite", "--splits.seed=5") == 0
    assert lists(config, "Train", "Validation", "Test") != before


def test_without_a_folder_for_lists_nothing_is_made(config: Path) -> None:
    with pytest.raises(UserError, match=r"data\.splits is not set"):
        make(config, "--data.splits=null")


def test_images_that_a_coco_file_does_not_list_are_in_no_list_that_is_judged(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = list(find_images(config.parent / "images"))
    listed = [
        {"id": number, "file_name": f"{image_id}.png", "width": 24, "height": 24}
        for number, image_id in enumerate(ids[::2])
    ]
    truth = {"images": listed, "annotations": [], "categories": [{"id": 1, "name": "gull"}]}
    (config.parent / "truth.json").write_text(json.dumps(truth))
    given = json.loads(config.read_text())
    given["data"] |= {"ground_truth": "truth.json", "ground_truth_format": "coco"}
    config.write_text(json.dumps(given))
    assert make(config, "--splits.classes=ground_truth") == 0
    assert "10 images without truth cannot be judged: 10 in Train" in capsys.readouterr().out
    found = lists(config, "Train", "Validation", "Test")
    assert set(found["Validation"] + found["Test"]) <= set(ids[::2])
    assert set(found["Train"]) >= set(ids[1::2])
    assert make(config, "--overwrite", "--data.train_split", "Train+Validation") == 0
    assert "10 in Train, which needs none" in capsys.readouterr().out
    assert make(config, "--overwrite", "--data.train_split", "Learnt") == 0
    assert "10 images without truth are in no list: splits.shares has no Learnt" in (
        capsys.readouterr().out
    )
    options = [
        "--overwrite",
        "--splits.together=folder",
        "--splits.shares",
        '{"Train": 1, "Test": 1}',
    ]
    assert make(config, *options) == 0
    assert re.search(
        r"\d in no list, being tied to images that are judged", capsys.readouterr().out
    )
    found = lists(config, "Train", "Test")
    assert not {i.partition("/")[0] for i in found["Train"]} & {
        i.partition("/")[0] for i in found["Test"]
    }


def test_a_coco_file_of_other_images_is_refused(config: Path) -> None:
    listed = [{"id": 1, "file_name": "x.png", "width": 24, "height": 24}]
    truth = {"images": listed, "annotations": [], "categories": []}
    (config.parent / "truth.json").write_text(json.dumps(truth))
    options = ["--data.ground_truth", str(config.parent / "truth.json")]
    there = r"data\.images \(there are boat/12, boat/13 and 18 more\); names must agree"
    with pytest.raises(UserError, match=rf"lists x, which are no images in {there}"):
        make(config, *options, "--data.ground_truth_format=coco")


def test_a_coco_file_without_images_is_refused(config: Path) -> None:
    truth = {"images": [], "annotations": [], "categories": []}
    (config.parent / "truth.json").write_text(json.dumps(truth))
    options = ["--data.ground_truth", str(config.parent / "truth.json")]
    with pytest.raises(UserError, match=r"truth\.json lists no images, so none were annotated; "):
        make(config, *options, "--data.ground_truth_format=coco")


def test_folders_before_all_names_of_a_coco_file_are_told_as_what_is_wrong(config: Path) -> None:
    names = ("up/load/boat/12.png", "up/load/gone.png")
    listed = [{"id": n, "file_name": n, "width": 24, "height": 24} for n in names]
    truth = {"images": listed, "annotations": [], "categories": []}
    (config.parent / "truth.json").write_text(json.dumps(truth))
    options = ["--data.ground_truth", str(config.parent / "truth.json")]
    with pytest.raises(UserError, match=r"; without 'up/load/' before every file_name they would$"):
        make(config, *options, "--data.ground_truth_format=coco")


def test_lists_of_an_earlier_run_that_are_not_made_any_more_go_and_others_stay(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = config.parent / "splits"
    assert make(config) == 0
    (splits / "Night.txt").write_text("gull/00\n")
    fewer = ["--splits.shares", '{"Train": 0.9, "Held": 0.3}']
    with pytest.raises(UserError, match=r"has Train\.txt, Validation\.txt, Test\.txt already; "):
        make(config, *fewer)
    capsys.readouterr()
    assert make(config, *fewer, "--overwrite") == 0
    said = capsys.readouterr().out
    assert "Removed Validation.txt, Test.txt, of an earlier run" in said
    assert "Night.txt stays as it is" in said
    assert sorted(path.name for path in splits.glob("*.txt")) == [
        "Held.txt",
        "Night.txt",
        "Train.txt",
    ]


@pytest.mark.parametrize(
    "told",
    [
        '{"splits": {"shares": {"../gull": 1}}, "groups": null}',
        '{"splits": {"shares": {"Own": 1}}}',
        '{"splits": 3, "groups": null}',
        "[]",
        "no JSON",
    ],
)
def test_a_record_of_lists_that_is_not_ours_removes_nothing(config: Path, told: str) -> None:
    splits = config.parent / "splits"
    splits.mkdir()
    (splits / "splits.json").write_text(told)
    for path in (splits / "Own.txt", config.parent / "gull.txt"):
        path.write_text("gull/00\n")
    assert make(config, "--overwrite") == 0
    assert (splits / "Own.txt").exists()
    assert (config.parent / "gull.txt").exists()


def test_a_list_that_the_config_names_and_nobody_makes_is_said_at_once(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    halves = ["--splits.shares", '{"Train": 3, "Test": 1}']
    assert make(config, *halves) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "There is no" in line]
    assert line == (
        "There is no Validation.txt, which data.validation_split names: name it in splits.shares, "
        "or set that to a list that is there"
    )
    assert make(config, *halves, "--overwrite", "--data.validation_split=Test") == 0
    assert "There is no" not in capsys.readouterr().out


def test_a_list_that_now_is_written_otherwise_goes_where_the_disk_tells_the_two_apart(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = config.parent / "splits"
    assert make(config, "--splits.shares", '{"train": 3, "Held": 1}') == 0
    new = ["--splits.shares", '{"Train": 3, "Test": 1}']
    with pytest.raises(UserError, match=r"has train\.txt, Held\.txt already; "):
        make(config, *new)
    capsys.readouterr()
    assert make(config, *new, "--overwrite") == 0
    said = capsys.readouterr().out
    assert "Removed train.txt, Held.txt, of" in said
    assert "no list of this script" not in said
    assert sorted(path.name for path in splits.glob("*.txt")) == ["Test.txt", "Train.txt"]


def test_a_list_that_a_disk_takes_for_a_new_one_is_neither_removed_nor_named(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = config.parent / "splits"
    assert make(config, "--splits.shares", '{"train": 3, "Held": 1}') == 0
    (splits / "train.txt").rename(splits / "Train.txt")
    (splits / "train.txt").symlink_to("Train.txt")  # as on a disk that knows no case
    new = ["--splits.shares", '{"Train": 3, "Test": 1}']
    with pytest.raises(UserError, match=r"has Train\.txt, Held\.txt already; "):
        make(config, *new)
    capsys.readouterr()
    assert make(config, *new, "--overwrite") == 0
    said = capsys.readouterr().out
    assert "Removed Held.txt, of" in said
    assert "no list of this script" not in said
    for name in ("Train", "train"):
        assert len(lists(config, name)[name]) == 15


def test_names_of_lists_that_would_join_others_are_refused(config: Path) -> None:
    with pytest.raises(UserError, match="no name of a list, since \\+ joins several"):
        make(config, "--splits.shares", '{"Train": 0.7, "A+B": 0.3}')
