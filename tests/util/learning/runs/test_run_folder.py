"""Run folders: nothing is lost, half-written or taken for what it is not."""

import errno
import json
import shutil
from pathlib import Path

import pytest
import torch

import student.train
from tests.conftest import make_project
from tests.student.inference.test_label_sets import SMALL, make_student
from tests.student.student_runs import label, train
from tests.util.learning.stopping import StoppedError, stopping_at_write
from util.errors import UserError
from util.learning.checkpoint import read_checkpoint, save_checkpoint
from util.learning.runs.run_folder import MADE_BY
from util.running.locks import locked
from util.settings import settings_hash

OTHER = ["--student.width", "3", "--overwrite"]


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = make_project(tmp_path_factory.mktemp("trained"))
    label(project)
    train(project, "--student.epochs", "1")
    return project.parent


@pytest.fixture(scope="module")
def replacement(trained_once: Path) -> Path:
    """The run of the other settings, made without a stop."""
    train(trained_once / "config.json", *OTHER, "--student.run", "straight")
    return trained_once / "runs" / "straight"


@pytest.fixture
def trained(trained_once: Path, tmp_path: Path) -> Path:
    """A project with a run of its own."""
    shutil.copytree(trained_once, tmp_path / "project")
    return tmp_path / "project" / "config.json"


def content_of(run: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in run.iterdir() if p.name not in (".lock", "train.log")}


BAD_STARTS = [
    (["--student.architecture", "nonet"], "PAN, PSPNet, Segformer, UPerNet, Unet,"),
    (["--student.encoder", "nothing", "--student.architecture", "PAN"], "cannot be built"),
    (["--student.label_set", "nowhere"], "does not exist"),
    (["--student.losses", "kl=0"], "no loss with a weight above 0"),
    (["--data.train_split", "Nowhere"], "cannot be read"),
    (["--student.validate_against", "ground_truth", "--data.ground_truth", "no.csv"], "no.csv"),
    (["--student.pixel_weights", "label_set"], "no image of the splits has weights"),
    pytest.param(
        ["--student.device", "cuda"],
        "set it to auto or cpu",
        marks=pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU"),
    ),
]


@pytest.mark.parametrize(("options", "message"), BAD_STARTS)
def test_a_start_that_fails_costs_nothing_and_claims_nothing(
    trained: Path, options: list[str], message: str
) -> None:
    run = trained.parent / "runs" / "student"
    before = content_of(run)
    given = ["--config", str(trained), "--student.label_set", "x", *OTHER, *options]
    with pytest.raises(UserError, match=message):
        student.train.main(given)
    assert content_of(run) == before
    with pytest.raises(UserError, match=message):
        student.train.main([*given, "--student.run", "new"])
    assert not (trained.parent / "runs" / "new").exists()


def test_a_run_of_other_settings_is_refused_with_what_gives_it_another_name(
    trained: Path,
) -> None:
    with pytest.raises(UserError, match=r"other settings .*--overwrite .* ends in \.run, see"):
        train(trained, "--student.width", "3")


def test_a_run_of_other_images_is_refused_with_their_numbers_and_without_hashes(
    trained: Path,
) -> None:
    splits = trained.parent / "splits"
    first, *_ = (splits / "Validation.txt").read_text(encoding="utf-8").split("\n")
    with (splits / "Train.txt").open("a", encoding="utf-8") as file:
        file.write(first)
    refused = r"other settings \({}\); give --overwrite"
    told = "other training images than then: 6, now 7, 6 of them as then"
    with pytest.raises(UserError, match=refused.format(told)):
        train(trained, "--student.epochs", "1")
    (trained.parent / "runs/student/images.json").unlink()
    told = "other label_set than then, other images than then, other image_files than then"
    with pytest.raises(UserError, match=refused.format(told)):
        train(trained, "--student.epochs", "1")


def test_too_many_processes_are_refused_before_anything_is_touched(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content_of(trained.parent / "runs" / "student")
    monkeypatch.setattr("util.learning.batches.math.ceil", lambda value: 100)
    with pytest.raises(UserError, match="processes cannot share 6 training images"):
        train(trained, *OTHER)
    assert content_of(trained.parent / "runs" / "student") == before


def test_a_first_epoch_that_fails_leaves_the_old_run_as_it_was(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained.parent / "runs" / "student"
    before = content_of(run)
    monkeypatch.setattr(
        "student.segmentation.student_loss", lambda logits, *rest: logits.sum() * float("nan")
    )
    with pytest.raises(UserError, match="became nan in epoch 1"):
        train(trained, *OTHER)
    assert content_of(run) == before
    with pytest.raises(UserError, match="became nan in epoch 1"):
        train(trained, "--student.run", "new")
    monkeypatch.undo()
    train(trained, "--student.run", "new", "--student.width", "3")  # nothing was claimed


def test_a_run_that_was_begun_without_a_list_of_its_images_has_one_once_it_goes_on(
    trained: Path,
) -> None:
    run = trained.parent / "runs" / "student"
    with stopping_at_write(7), pytest.raises(StoppedError):  # of the second epoch
        train(trained, *OTHER, "--student.epochs", "2")
    assert len((run / "metrics.csv").read_text().splitlines()) == 2
    told = (run / "images.json").read_text()
    (run / "images.json").unlink()
    train(trained, "--student.width", "3", "--student.epochs", "2")
    assert (run / "images.json").read_text() == told


@pytest.mark.parametrize("write", range(1, 7))
def test_a_run_that_replaces_another_never_mixes_with_it_wherever_it_is_stopped(
    trained: Path, replacement: Path, write: int
) -> None:
    run = trained.parent / "runs" / "student"
    old = content_of(run)
    with stopping_at_write(write), pytest.raises(StoppedError):
        train(trained, *OTHER)
    if write == 1:
        assert content_of(run).keys() <= old.keys()
        assert all(content == old[name] for name, content in content_of(run).items())
    assert (run / "best.pt").exists()
    if (run / "run.json").exists():
        settings = json.loads((run / "run.json").read_text())["settings"]
        assert read_checkpoint(run / "best.pt")[MADE_BY] == settings_hash(settings)
        assert (run / "images.json").exists()
    train(trained, *OTHER)
    ended, straight = (read_checkpoint(each / "last.pt") for each in (run, replacement))
    assert ended["architecture"]["width"] == 3
    assert all(torch.equal(ended["model"][name], v) for name, v in straight["model"].items())
    assert json.loads((run / "run.json").read_text())["settings"]["width"] == 3
    assert json.loads((run / "config.json").read_text())["student"]["width"] == 3


def test_a_checkpoint_of_unknown_origin_is_kept_until_its_successor_is_written(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = trained.parent / "runs" / "given" / "best.pt"
    save_checkpoint(path, {"model": make_student().state_dict(), "architecture": SMALL.as_dict()})
    before = path.read_bytes()
    given = ["--student.run", "given"]
    with pytest.raises(UserError, match=r"holds best\.pt, but no run\.json .*--overwrite"):
        train(trained, *given)
    with monkeypatch.context() as patch:
        patch.setattr(
            "student.segmentation.student_loss", lambda logits, *rest: logits.sum() * float("nan")
        )
        with pytest.raises(UserError, match="became nan"):
            train(trained, *given, "--overwrite")
    assert path.read_bytes() == before
    train(trained, *given, "--overwrite")
    assert MADE_BY in read_checkpoint(path)


def test_a_second_training_in_one_folder_is_told_of_the_first(trained: Path) -> None:
    run = trained.parent / "runs" / "student"
    before = content_of(run)
    with (
        locked(run / ".lock", "the run"),
        pytest.raises(UserError, match=r"process \d+ on .* is at work on .*student"),
    ):
        train(trained, *OTHER)
    assert content_of(run) == before


def test_where_there_are_no_locks_a_training_says_so_and_goes_on(
    trained: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("util.running.locks.FileLock.acquire", refuse)
    train(trained, *OTHER)
    assert "has no file locks" in caplog.text
    assert "see that nothing else works on" in caplog.text


def unfinish(run: Path) -> None:
    """Let a run forget that it has come to its end."""
    facts = json.loads((run / "run.json").read_text())
    del facts["best"]
    (run / "run.json").write_text(json.dumps(facts))


def test_damaged_files_are_one_sentence_and_overwrite_trains_anew(trained: Path) -> None:
    run = trained.parent / "runs" / "student"
    (run / "run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json is damaged .*--overwrite to train anew"):
        train(trained, "--student.epochs", "1")
    (run / "run.json").unlink()  # the checkpoints know whose they are
    told = (run / "last.pt").stat().st_mtime_ns
    train(trained, "--student.epochs", "1")
    assert (run / "last.pt").stat().st_mtime_ns == told
    for damage in ("last.pt", "best.pt"):
        unfinish(run)
        content = (run / damage).read_bytes()
        (run / damage).write_bytes(content[:-500])
        with pytest.raises(UserError, match=rf"{damage}.*; delete .*last\.pt to train anew"):
            train(trained, "--student.epochs", "1")
        assert len((run / damage).read_bytes()) == len(content) - 500
        train(trained, "--student.epochs", "1", "--overwrite")
        assert read_checkpoint(run / damage)["epoch"] == 1
