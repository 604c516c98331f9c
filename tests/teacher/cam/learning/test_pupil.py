"""A classifier that learns from another one: from two runs of the script."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from lightning_fabric import Fabric

import teacher.cam.learning.training
import teacher.cam.train_classifier
from teacher.cam.learning.loss import Batch, measure_taught
from teacher.cam.learning.pupil import Lesson, Pupil
from teacher.cam.network import ClassifierSettings, ImageClassifier, build_classifier
from tests.conftest import ROOT
from tests.student.test_parallel import launch
from util.config import ClassifierSection
from util.errors import UserError
from util.learning.checkpoint import read_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")

train = teacher.cam.train_classifier.main

TAUGHT = ["--classifier.network", "test_resnet", "--classifier.teacher", "classifier"]
"""Another architecture; its teacher has twice as many features."""


def run(config: Path, name: str, *told: str) -> Path:
    """Train three epochs by the script; gives the folder of the run."""
    short = ["--classifier.epochs", "3", "--classifier.patience", "3", "--classifier.run", name]
    assert train(["--config", str(config), *short, *told]) == 0
    return config.parent / "runs" / name


def build(network: str, seed: int) -> ImageClassifier:
    torch.manual_seed(seed)
    return build_classifier(ClassifierSettings(network, 64, (0.5,) * 3, (0.2,) * 3), None)


def assert_equal(one: Path, other: Path) -> None:
    weights, others = (read_checkpoint(path)["model"] for path in (one, other))
    assert list(weights) == list(others)
    assert all(torch.equal(others[name], value) for name, value in weights.items())


def test_a_pupil_becomes_more_like_its_teacher_who_stays_as_it_was(cloud: Path) -> None:
    teachers = cloud.parent / "runs/classifier"
    before = (teachers / "best.pt").read_bytes()
    taught = run(cloud, "taught", *TAUGHT, "--classifier.consistency", "spatial")
    assert (teachers / "best.pt").read_bytes() == before
    metrics = pd.read_csv(taught / "metrics.csv")
    unlike = metrics["train_inconsistency"]
    assert ((unlike > 0) & (unlike < 1)).all()
    assert unlike.iloc[-1] < unlike.iloc[0]
    assert "teacher" in json.loads((taught / "run.json").read_text())["settings"]


def test_the_layer_that_is_trained_with_it_is_no_part_of_what_it_becomes(cloud: Path) -> None:
    taught = run(cloud, "taught", *TAUGHT, "--classifier.consistency", "global")
    alone = run(cloud, "alone", *TAUGHT[:2])
    best, last = (read_checkpoint(taught / f"{name}.pt") for name in ("best", "last"))
    assert list(best["model"]) == list(read_checkpoint(alone / "best.pt")["model"])
    assert set(last["model"]) == {
        "projection.weight",
        *(f"classifier.{name}" for name in best["model"]),
    }
    facts, plain = (json.loads((run / "run.json").read_text()) for run in (taught, alone))
    assert facts["parameters"] == plain["parameters"]
    # The optimizer has it too, with gradients: the second moment of each of its numbers.
    moments = last["optimizer"]["state"]
    shape = last["model"]["projection.weight"].shape
    of_it = [each["exp_avg_sq"] for each in moments.values() if each["exp_avg_sq"].shape == shape]
    assert len(of_it) == 1
    assert bool((of_it[0] > 0).any())


def test_with_a_weight_of_nothing_there_is_no_teacher(cloud: Path) -> None:
    alone = run(cloud, "alone", *TAUGHT[:2])
    none = run(cloud, "none", *TAUGHT, "--classifier.consistency_weight", "0")
    told, without = (json.loads((run / "run.json").read_text()) for run in (none, alone))
    assert told["settings"] == without["settings"]
    for name in ("best.pt", "last.pt"):
        assert_equal(none / name, alone / name)


def test_a_pupil_begins_as_it_would_without_a_teacher_and_sees_the_same_crops(
    cloud: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[dict[str, torch.Tensor], torch.Tensor]] = []

    class SeenError(Exception):
        pass

    def stop(*given: object) -> object:
        model, batch = given[-3:-1]
        assert isinstance(model, torch.nn.Module)
        assert isinstance(batch, Batch)
        network = getattr(model, "classifier", model)
        seen.append(({k: v.clone() for k, v in network.state_dict().items()}, batch.images))
        raise SeenError

    monkeypatch.setattr(teacher.cam.learning.training, "measure", stop)
    monkeypatch.setattr(teacher.cam.learning.training, "measure_taught", stop)
    for name, told in (("taught", TAUGHT), ("alone", TAUGHT[:2])):
        with pytest.raises(SeenError):
            run(cloud, name, *told, "--classifier.consistency", "channel")
    (taught, crops), (alone, same) = seen
    assert torch.equal(crops, same)
    assert all(torch.equal(taught[name], value) for name, value in alone.items())


def test_a_stopped_pupil_ends_as_if_it_had_not_been(
    cloud: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [*TAUGHT, "--classifier.consistency", "spatial"]
    straight = run(cloud, "straight", *told)
    seen: list[object] = []

    def measure(*given: object) -> object:
        seen.append(given)
        if len(seen) == 6:  # of 4 batches an epoch
            raise KeyboardInterrupt
        return measure_taught(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(teacher.cam.learning.training, "measure_taught", measure)
    with pytest.raises(KeyboardInterrupt):
        run(cloud, "stopped", *told)
    resumed = run(cloud, "stopped", *told)
    assert len(seen) == 6 + 2 * 4
    for name in ("best.pt", "last.pt"):
        assert_equal(straight / name, resumed / name)
    columns = ["train_loss", "train_inconsistency", "val_loss"]
    one, other = (pd.read_csv(folder / "metrics.csv")[columns] for folder in (straight, resumed))
    assert one.equals(other)


def test_it_goes_on_with_the_same_teacher_alone(cloud: Path) -> None:
    run(cloud, "taught", *TAUGHT)
    other = run(cloud, "other", "--classifier.seed", "1")
    with pytest.raises(
        UserError, match=r"taught was made with other settings \(other teacher than then\); give"
    ):
        run(cloud, "taught", *TAUGHT[:2], "--classifier.teacher", "other")
    with pytest.raises(UserError, match="consistency: default -> 'gram'"):
        run(cloud, "taught", *TAUGHT, "--classifier.consistency", "gram")
    (cloud.parent / "runs/classifier").rename(cloud.parent / "runs/moved")
    run(cloud, "taught", *TAUGHT[:2], "--classifier.teacher", "moved")  # it is told by its content
    assert other.is_dir()


def test_two_processes_learn_from_a_teacher_as_one_would(cloud: Path) -> None:
    script = str(ROOT / "teacher/cam/train_classifier.py")
    told = ["--config", str(cloud), "--classifier.epochs", "1", *TAUGHT]
    told += ["--classifier.consistency", "spatial"]
    launch(2, script, *told, "--classifier.batch_size", "3", "--classifier.run", "two")
    assert train([*told, "--classifier.run", "one"]) == 0
    two, one = (
        pd.read_csv(cloud.parent / f"runs/{run}/metrics.csv").iloc[0] for run in ("two", "one")
    )
    for name in ("train_loss", "train_inconsistency", "val_loss"):
        assert two[name] == pytest.approx(one[name], rel=1e-3), name


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (["teacher", "nobody"], r"nobody has no classifier of images \(best\.pt, run\.json\) to"),
        (["teacher", "new"], r"classifier\.teacher and classifier\.run are both 'new', but none"),
        (
            ["teacher", "classifier", "--classifier.positive_labels", "chimney"],
            r"runs/classifier looks for smoke, but classifier\.positive_labels are chimney; set",
        ),
        (
            ["teacher", "classifier", "--classifier.size_px", "72"],
            r"size_px is 72, of which the cells of 4 px of fine and those of 32 px of its",
        ),
    ],
)
def test_a_teacher_that_cannot_teach_is_one_sentence_and_leaves_no_run(
    cloud: Path, told: Sequence[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build_fine(settings: ClassifierSettings, weights: Path | None) -> ImageClassifier:
        classifier = build_classifier(settings, weights)
        classifier.stride, classifier.settings = 4, ClassifierSettings("fine", 72, [], [])
        return classifier

    monkeypatch.setattr(teacher.cam.learning.training, "build_classifier", build_fine)
    with pytest.raises(UserError, match=said):
        run(cloud, "new", f"--classifier.{told[0]}", *told[1:])
    assert not (cloud.parent / "runs/new").exists()


def test_a_step_is_the_cross_entropy_and_the_weighted_inconsistency_and_moves_the_pupil_alone(
    clouds: Path,
) -> None:
    checkpoint = clouds.parent / "runs/classifier/best.pt"
    told = ClassifierSection(teacher="x", consistency="channel", consistency_weight=0.5)
    lesson = Lesson.load(told, checkpoint, torch.device("cpu"))
    pupil = lesson.enrol(build("test_resnet", 2)).train()
    assert isinstance(pupil.projection, torch.nn.Conv2d)
    start = pupil.projection.weight.detach().clone()
    images = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    targets = torch.tensor([1.0, 0.0, 1.0])
    fabric = Fabric(accelerator="cpu", devices=1)
    optimizer = torch.optim.SGD(pupil.parameters(), lr=0.1)
    pixels = images.float() / 255
    logits, features = pupil(pixels)
    given = Batch(images, targets)
    loss, counted = measure_taught(2.0, lesson, fabric, pupil, given, lambda part: part)
    p = logits.sigmoid().detach().numpy().astype(float)
    entropy = -(2 * np.log(p[0]) + np.log(1 - p[1]) + 2 * np.log(p[2])) / 3
    shown = lesson.teacher.answer(pixels).features
    unlike = [
        1 - torch.cosine_similarity(features[i].flatten(1), shown[i].flatten(1)).mean().item()
        for i in range(3)
    ]
    assert loss.item() == pytest.approx(entropy + 0.5 * np.mean(unlike), rel=1e-4)
    assert counted.item() == pytest.approx(sum(unlike), rel=1e-4)
    loss.backward()
    assert all(weights.grad is not None for weights in pupil.parameters())
    assert pupil.projection.weight.grad is not None
    assert bool((pupil.projection.weight.grad != 0).any())
    optimizer.step()
    assert not torch.equal(pupil.projection.weight, start)
    after = lesson.teacher.state_dict()  # with the moments of its batch normalisation
    assert all(
        torch.equal(after[n], value) for n, value in read_checkpoint(checkpoint)["model"].items()
    )
    assert not any(weights.requires_grad for weights in lesson.teacher.parameters())


def test_features_are_projected_only_where_their_numbers_differ_and_are_compared() -> None:
    teacher = build("test_efficientnet", 1)
    for mode, network, is_projected in (
        ("spatial", "test_resnet", True),
        ("spatial_map", "test_resnet", False),
        ("gram", "test_resnet", False),
        ("logits", "test_resnet", False),
        ("global", "test_efficientnet", False),
    ):
        told = ClassifierSection(consistency=mode)  # type: ignore[arg-type]
        pupil = Lesson(teacher, told.consistency, 1.0).enrol(build(network, 2))
        assert isinstance(pupil, Pupil)
        names = [name for name, _ in pupil.projection.named_parameters()]
        assert names == (["weight"] if is_projected else []), mode
