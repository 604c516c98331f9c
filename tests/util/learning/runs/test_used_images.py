"""Who is judged on images that it has learnt from is told so, and nobody else."""

import json
import shutil
from pathlib import Path

import pytest

import student.test
from tests.conftest import make_project
from tests.student.student_runs import label, train
from util.disk.fingerprints import fingerprint
from util.images.files import find_images
from util.learning.runs.used_images import (
    USED_IMAGES,
    UsedImages,
    read_used_images,
    use_images,
    warn_of_used_images,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a run."""
    project = make_project(tmp_path_factory.mktemp("trained"))
    label(project)
    train(project, "--student.epochs", "1")
    return project


def read_list(project: Path, split: str) -> list[str]:
    path = project.parent / "splits" / f"{split}.txt"
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def deal_anew(project: Path, name: str) -> list[str]:
    """Write a list of all test images, of two that were learnt from, and one validated on."""
    dealt = [*read_list(project, "Test"), *read_list(project, "Train")[:2]]
    dealt += read_list(project, "Validation")[:1]
    text = "\n".join(dealt)
    (project.parent / "splits" / f"{name}.txt").write_text(text, encoding="utf-8")
    return dealt


def test_a_run_keeps_the_images_that_it_used_as_their_hashes_know_them(trained: Path) -> None:
    run = trained.parent / "runs/student"
    used = read_used_images(run)
    assert used is not None
    lists = [read_list(trained, split) for split in ("Train", "Validation")]
    assert [list(used.train), list(used.validation)] == lists
    paths = find_images(trained.parent / "images")
    again, together = use_images(*lists, paths)
    assert again == used
    files = json.loads((run / "run.json").read_text())["settings"]["image_files"]
    assert files == together == fingerprint(paths[i] for ids in lists for i in ids)


def test_a_test_says_which_images_were_learnt_from_and_validated_on(
    trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    *_, one, two, three = deal_anew(trained, "Dealt")
    given = ["--config", str(trained), "--data.test_split"]
    unjudged = ["--data.ground_truth", "null", "--data.masks", "null"]
    assert student.test.main([*given, "Dealt", *unjudged]) == 0
    assert "judged on" not in caplog.text
    assert student.test.main([*given, "Dealt"]) == 0
    run = trained.parent / "runs/student"
    end = "of 6 images of Dealt that it is judged on, so its figures are too good:"
    assert f"{run} has learnt from 2 {end} {one}, {two}\n" in caplog.text
    assert f"{run} was validated on 1 {end} {three}\n" in caplog.text
    assert (run / "Dealt_metrics.csv").exists()
    caplog.clear()
    assert student.test.main([*given, "Test"]) == 0
    assert "judged on" not in caplog.text


def test_other_images_of_equal_ids_and_runs_that_keep_no_list_are_not_told(
    trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run, paths = trained.parent / "runs/student", find_images(trained.parent / "images")
    train_ids = read_list(trained, "Train")
    moved = tmp_path / "moved"
    moved.mkdir()
    warn_of_used_images(moved, "Test", paths)
    swapped = dict(zip(train_ids, [*paths.values()][::-1], strict=False))
    warn_of_used_images(run, "Test", swapped)
    for content in ("{", "[]", '{"train": 1, "validation": {}}', '{"train": {}}'):
        (moved / USED_IMAGES).write_text(content)
        warn_of_used_images(moved, "Test", paths)
    assert not caplog.text
    shutil.copy(run / USED_IMAGES, moved)
    warn_of_used_images(moved, "Test", paths)
    assert "has learnt from 6 of 12 images" in caplog.text


def test_images_of_the_run_that_a_training_began_with_are_told_too(
    trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths, first = find_images(trained.parent / "images"), trained.parent / "runs/student"
    seen = {*read_list(trained, "Train"), *read_list(trained, "Validation")}
    start, new = first / "best.pt", read_list(trained, "Test")[:2]
    for name, image_id in zip(("second", "third"), new, strict=True):
        used, _ = use_images([image_id], [], paths, start)
        (tmp_path / name).mkdir()
        used.write(tmp_path / name)
        start = tmp_path / name / "best.pt"
        caplog.clear()
        warn_of_used_images(start.parent, "Test", paths)
        assert f"{name} has learnt from 1 of 12 images" in caplog.text
        assert f"began with a network that has seen {len(seen)} of 12 images" in caplog.text
        seen.add(image_id)


def test_what_is_other_in_two_trainings_is_counted() -> None:
    then = UsedImages({"a": "1", "b": "2", "c": "3"}, {"d": "4"})
    now = UsedImages({"a": "1", "b": "other", "e": "5", "f": "6"}, {"d": "4"})
    assert now.compare(then) == "other training images than then: 3, now 4, 1 of them as then"
    assert then.compare(then) == ""
    fewer = UsedImages({"a": "1", "b": "2"}, {})
    assert fewer.compare(then) == (
        "other training images than then: 3, now 2, 2 of them as then; "
        "other validation images than then: 1, now 0, 0 of them as then"
    )
    turned = UsedImages(dict(reversed(then.train.items())), then.validation)
    assert turned.compare(then) == "training images in another order"
