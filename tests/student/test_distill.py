"""A student as the teacher of the next one."""

import json
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import student.distill
import student.export
import student.test
import student.train
import teacher.soft_label_generation
from student.losses import LossSettings, binary_kd, binary_kl, student_loss
from teacher.building import build_teacher, check_teacher, find_models
from teacher.trained_student.plan import plan
from tests.stages import stop_at_write
from tests.student.inference.test_label_sets import SMALL, make_student
from util.config import PredictionSection, TeacherSection
from util.config.command_line import load_config
from util.errors import UserError
from util.images.files import find_images, read_image
from util.label_set import LabelSet
from util.learning.checkpoint import read_checkpoint, save_checkpoint

label = teacher.soft_label_generation.main


@pytest.fixture
def taught(project: Path) -> Path:
    """A project with the run `large`, whose checkpoint is a teacher; it names no prompts."""
    config = json.loads(project.read_text())
    del config["teacher"]
    project.write_text(json.dumps(config))
    content = {"model": make_student().state_dict(), "architecture": SMALL.as_dict()}
    save_checkpoint(project.parent / "runs/large/best.pt", {**content, "temperature": 1.0})
    return project


def arguments(project: Path, *more: str) -> list[str]:
    checkpoint = project.parent / "runs" / "large" / "best.pt"
    return ["--config", str(project), "--teacher.checkpoint", str(checkpoint), *more]


def test_temperature_kl_equals_its_formula(rng: np.random.Generator) -> None:
    ours, theirs = rng.normal(0, 3, 40), rng.normal(0, 3, 40)
    weights = rng.random(40)
    for temperature in (0.5, 2.0, 4.0):
        q, p = (1 / (1 + np.exp(-z / temperature)) for z in (theirs, ours))
        divergence = q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p))
        for given, weight in ((None, None), (torch.tensor(weights), weights)):
            found = binary_kd(torch.tensor(ours), torch.tensor(theirs), temperature, given)
            expected = temperature**2 * np.average(divergence, weights=weight)
            assert float(found) == pytest.approx(expected, rel=1e-6)
    at_one = binary_kd(torch.tensor(ours), torch.tensor(theirs), 1.0)
    plain = binary_kl(torch.tensor(ours), torch.tensor(theirs).sigmoid())
    torch.testing.assert_close(at_one, plain)


def test_the_gradient_at_a_high_temperature_is_that_of_the_logits_distance() -> None:
    theirs = torch.tensor([-5.0, 0.0, 2.0, 8.0], dtype=torch.float64)
    ours = torch.tensor([1.0, -3.0, 2.0, 4.0], dtype=torch.float64, requires_grad=True)
    (4 * binary_kd(ours, theirs, temperature=1000.0)).backward()  # the mean is over 4 pixels
    torch.testing.assert_close(ours.grad, (ours.detach() - theirs) / 4, rtol=1e-4, atol=1e-5)


def test_the_minimum_lies_at_the_teachers_logits_and_other_losses_are_added() -> None:
    theirs = torch.tensor([-4.0, -1.0, 0.5, 6.0]).view(1, 1, 2, 2)
    settings = LossSettings({"kd": 2.0, "kl": 0.5}, kd_temperature=3.0)
    targets = theirs.sigmoid()
    at_teacher = student_loss(theirs, targets, settings, None, theirs)
    assert float(at_teacher) == pytest.approx(0, abs=1e-6)
    ours = torch.zeros(1, 1, 2, 2)
    expected = 2 * binary_kd(ours, theirs, 3.0) + 0.5 * binary_kl(ours, targets)
    torch.testing.assert_close(student_loss(ours, targets, settings, None, theirs), expected)


@pytest.mark.parametrize("value", [-60.0, 60.0])
def test_gradients_are_finite_where_both_are_sure(value: float) -> None:
    for sign in (1, -1):
        ours = torch.full((2,), sign * value, requires_grad=True)
        binary_kd(ours, torch.full((2,), value), 2.0).backward()
        assert ours.grad is not None
        assert torch.isfinite(ours.grad).all()


def test_a_student_labels_like_any_teacher_and_as_it_predicts(taught: Path) -> None:
    options = ["--teacher.name", "student", "--teacher.logits", "true"]
    assert label(arguments(taught, *options)) == 0
    labelled = LabelSet(taught.parent / "label_sets" / "large")
    assert len(labelled.ids) == 12
    assert labelled.manifest["settings"]["producer"] == "student"
    given = ["--config", str(taught), "--student.run", "large"]
    assert student.test.main(given) == 0
    tested = LabelSet(taught.parent / "runs" / "large" / "Test")
    for image_id in tested.ids:
        np.testing.assert_array_equal(labelled.read(image_id), tested.read(image_id))
        stored = np.load(labelled.logits_path(image_id))
        assert stored.dtype == np.float16
        probability = 1 / (1 + np.exp(-labelled.read_logits(image_id)))
        np.testing.assert_allclose(probability, labelled.read(image_id), atol=2e-3)
    labelled.logits_path(labelled.ids[0]).unlink()
    assert label(arguments(taught, *options)) == 0  # what is lost is made again
    assert labelled.logits_path(labelled.ids[0]).exists()
    assert label(arguments(taught, *options[:2], "--teacher.label_set", "plain")) == 0
    assert not (taught.parent / "label_sets" / "plain" / "logits").exists()


def test_tiles_of_a_student_are_blended_not_cut(taught: Path) -> None:
    settings = TeacherSection(
        name="student",
        checkpoint=taught.parent / "runs/large/best.pt",
        tile_size_px=48,
        tile_overlap_px=16,
    )
    image = read_image(next(iter(find_images(taught.parent / "images").values())))

    def predict(settings: TeacherSection) -> np.ndarray:
        planned = plan(settings)
        teacher = build_teacher(planned, find_models(planned, Path()))
        soft_label = next(teacher.label(image, list(planned.label_sets))).soft_label
        assert soft_label is not None
        return soft_label

    tiled = predict(settings)
    whole = predict(settings.model_copy(update={"tile_size_px": 0}))
    assert not np.array_equal(tiled, whole)
    np.testing.assert_allclose(tiled, whole, atol=0.02)


def test_one_command_labels_and_trains_and_a_second_one_changes_nothing(
    taught: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--student.run", "small", "--student.losses", "kd=1", "--student.losses", "dice=0.5"]
    assert student.distill.main(arguments(taught, *options)) == 0
    assert "student/test.py --student.run small" in capsys.readouterr().out
    run = taught.parent / "runs" / "small"
    assert read_checkpoint(run / "best.pt")["architecture"]["width"] == 2
    told = json.loads((run / "config.json").read_text())
    assert told["student"]["label_set"] == "large"
    assert LabelSet(taught.parent / "label_sets/large").read_logits("flight 0/möwe_00").any()
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*.pt")}
    assert student.distill.main(arguments(taught, *options)) == 0
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*.pt")} == before


def test_a_label_set_of_a_student_is_the_same_whichever_script_makes_it(taught: Path) -> None:
    options = ["--student.run", "small", "--student.losses", "kd=1", "--student.epochs", "1"]
    assert student.distill.main(arguments(taught, *options)) == 0
    maps = [*(taught.parent / "label_sets/large").rglob("*.png")]
    before = {path: path.stat().st_mtime_ns for path in maps}
    as_teacher = ["--teacher.name", "student", "--teacher.logits", "true"]
    assert label(arguments(taught, *as_teacher)) == 0
    assert {path: path.stat().st_mtime_ns for path in maps} == before
    with pytest.raises(UserError, match="logits: True -> False"):
        label(arguments(taught, *as_teacher[:2]))


@pytest.mark.parametrize("write", [3, 20, 23])
def test_a_stopped_distillation_goes_on_and_ends_as_if_it_had_not_been(
    taught: Path, write: int
) -> None:
    content = json.loads(taught.read_text())
    content["teacher"] = {"checkpoint": "runs/large/best.pt", "prompts": ["bird"]}  # of before
    content["student"] |= {"run": "small", "ema_decay": 0.9}
    taught.write_text(json.dumps(content))
    stopped = stop_at_write(taught, "student/distill.py", write, signal.SIGKILL)
    assert stopped.returncode == -signal.SIGKILL, stopped.stderr
    assert student.distill.main(["--config", str(taught)]) == 0
    resumed = torch.load(taught.parent / "runs/small/last.pt", weights_only=True)
    again = ["--config", str(taught), "--student.run", "again"]
    assert student.distill.main(again) == 0
    straight = torch.load(taught.parent / "runs/again/last.pt", weights_only=True)
    for part in ("model", "trained"):
        for name, value in straight[part].items():
            assert torch.equal(resumed[part][name], value), (part, name)


@pytest.mark.usefixtures("exported_once")
def test_an_exported_student_teaches_too(taught: Path) -> None:
    run = ["--student.run", "large"]
    assert student.export.main(["--config", str(taught), *run]) == 0
    checkpoint = str(taught.parent / "runs" / "large" / "student.onnx")
    options = ["--teacher.checkpoint", checkpoint, "--teacher.label_set", "exported"]
    given = ["--config", str(taught), "--student.run", "small", *options]
    assert student.distill.main([*given, "--student.epochs", "1"]) == 0
    assert len(LabelSet(taught.parent / "label_sets" / "exported").ids) == 12


def test_the_average_of_weights_is_what_is_kept_and_moves_slowly(taught: Path) -> None:
    assert label(arguments(taught, "--teacher.name", "student")) == 0
    given = ["--config", str(taught), "--student.label_set", "large", "--student.ema_decay", "0.5"]
    assert student.train.main([*given, "--student.batch_size", "3"]) == 0
    content = read_checkpoint(taught.parent / "runs" / "student" / "last.pt")
    average, trained = content["model"], content["trained"]
    assert content["average"]["n_averaged"] == 4  # 2 epochs of 2 steps
    moved = [name for name in average if not torch.equal(average[name], trained[name])]
    assert "network.head.weight" in moved
    assert "network.stem.1.running_mean" in moved
    metrics = pd.read_csv(taught.parent / "runs" / "student" / "metrics.csv")
    assert np.isfinite(metrics["val_loss"]).all()


def test_bad_input_is_one_sentence(taught: Path) -> None:
    kd = ["--student.losses", "kd=1"]
    dotted = ["--teacher.checkpoint", f"{taught.parent}/x/../runs/large/best.pt"]
    for stage, options, message in (
        (
            label,
            ["--teacher.name", "student", "--teacher.checkpoint", "x.pt"],
            "x.pt does not exist",
        ),
        (student.distill.main, ["--student.run", "large"], "run of teacher.checkpoint itself"),
        (
            student.distill.main,
            ["--student.run", "large", *dotted],
            "run of teacher.checkpoint itself",
        ),
        (student.distill.main, ["--teacher.checkpoint", "null"], "teacher.checkpoint is null"),
        (
            student.distill.main,
            ["--student.pixel_weights", "label_set"],
            "what a student labels has no weights of pixels",
        ),
    ):
        with pytest.raises(UserError, match=message):
            stage(arguments(taught, *options))
    assert label(arguments(taught, "--teacher.name", "student")) == 0
    plain = ["--config", str(taught), "--student.label_set", "large", *kd]
    with pytest.raises(UserError, match=r"9 of 9 images have no logits .*teacher\.logits true"):
        student.train.main(plain)
    logits = ["--teacher.name", "student", "--teacher.logits", "true", "--overwrite"]
    assert label(arguments(taught, *logits)) == 0
    label_set = LabelSet(taught.parent / "label_sets" / "large")
    np.save(label_set.logits_path(label_set.ids[0]), np.zeros((3, 4), np.float16))
    with pytest.raises(UserError, match=r"1 of 9 images .*\(3, 4\)"):
        student.train.main(plain)
    for content in (b"", b"no array", np.zeros(3).tobytes()):
        label_set.logits_path(label_set.ids[0]).write_bytes(content)
        with pytest.raises(UserError, match="cannot be read as logits"):
            label_set.read_logits(label_set.ids[0])
    np.save(label_set.logits_path(label_set.ids[0]), np.full((3, 4), np.nan, np.float16))
    with pytest.raises(UserError, match="holds no logits"):
        label_set.read_logits(label_set.ids[0])


def test_a_check_says_whether_the_checkpoint_is_there(
    taught: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--teacher.name", "student", "--check"]
    assert label(arguments(taught, *options)) == 0
    assert label([*arguments(taught, *options), "--teacher.checkpoint", "x.pt"]) == 1
    assert "x.pt does not exist; set teacher.checkpoint" in capsys.readouterr().out
    run = str(taught.parent / "runs" / "large")
    assert label([*arguments(taught, *options), "--teacher.checkpoint", run]) == 1
    assert "large is a folder; set teacher.checkpoint to the file in it" in capsys.readouterr().out


def test_the_config_of_a_distillation_is_a_config(taught: Path) -> None:
    config, _ = load_config("", arguments(taught))
    teacher = student.distill.configured_teacher(config)
    assert not teacher.settings.logits
    planned = student.distill.plan_student(config, teacher.checkpoint)
    assert planned.student.label_set == "large"


def test_tiles_are_those_of_predictions_unless_they_are_set(taught: Path) -> None:
    def tile_size(*more: str) -> int:
        config, _ = load_config("", arguments(taught, "--teacher.name", "student", *more))
        planned = plan(config.teacher)
        models = find_models(planned, config.paths.weights)
        check_teacher(planned, models, config.teacher.device)
        told: int = planned.describe(models)["tile_size_px"]
        built = build_teacher(planned, models)
        assert built.settings.tile_size_px == told  # type: ignore[attr-defined]
        return told

    assert tile_size() == PredictionSection().tile_size_px == 1024
    assert tile_size("--teacher.tile_size_px", "0") == 0
    assert tile_size("--teacher.tile_size_px", "256") == 256
    with pytest.raises(
        UserError, match=r"teacher\.tile_size_px is 140 .*at least 32 pixels larger"
    ):
        tile_size("--teacher.tile_size_px", "140")


def test_what_another_teacher_reads_is_refused_but_left_out_of_a_distillation(taught: Path) -> None:
    others = ["--teacher.prompts", "gull", "--saa.object_prompt", "lake"]
    with pytest.raises(UserError, match=r"not read teacher\.prompts .*, saa\.object_prompt"):
        label(arguments(taught, "--teacher.name", "student", *others))
    assert not (taught.parent / "label_sets").exists()
    config, _ = load_config("", arguments(taught, *others, "--teacher.flips", "true"))
    assert student.distill.configured_teacher(config).settings.flips
    with pytest.raises(UserError, match=r"--teacher\.prompts is not read by"):
        student.distill.main(arguments(taught, *others))


def test_logits_of_divided_soft_labels_are_refused(taught: Path) -> None:
    kd = ["--student.run", "small", "--student.losses", "kd=1"]
    with pytest.raises(UserError, match=r"student\.temperature is 3"):
        student.distill.main(arguments(taught, *kd, "--student.temperature", "3"))
    path = taught.parent / "runs/large/best.pt"
    save_checkpoint(path, read_checkpoint(path) | {"temperature": 3.0})
    with pytest.raises(UserError, match="not the sigmoid of its logits"):
        student.distill.main(arguments(taught, *kd, "--overwrite"))


def test_a_job_array_cannot_train_one_student(
    taught: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "0")
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "2")
    with pytest.raises(UserError, match="2 tasks of a job array"):
        student.distill.main(arguments(taught, "--student.run", "small"))
    assert not (taught.parent / "label_sets").exists()


def test_a_label_set_of_a_student_has_a_name_that_joins(taught: Path) -> None:
    run = taught.parent / "runs" / "large"
    run.rename(run.with_name("a+b"))
    settings = TeacherSection(name="student", checkpoint=run.with_name("a+b") / "best.pt")
    assert list(plan(settings).label_sets) == ["a_b"]
