"""How fast students learn, predict and go through the test stage, beside what people would take.

On images of 256 x 256 pixels, in one thread; see `test_speed` for how ratios are measured. They are
asserted far below what is usual, which `extra_info` shows.
"""

import json
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch.nn import functional as F

from student.data.augmentation import Augmentation
from student.data.loading import Batch, SoftLabelPairs
from student.deployment.onnx_file import export_onnx, quantise
from student.inference.label_sets import configured_student, predict_images
from student.losses import LossSettings, student_loss
from student.segmentation import segmentation_task
from tests.benchmarks.test_speed import seconds_of, speed_up
from tests.student.student_runs import make_validation
from util.config import Config, LossName, Precision, read_config
from util.data_classes import BoxSettings
from util.demo.data_set import make_data_set
from util.demo.sea.data_set import SEA
from util.images.files import find_images, read_image, write_image
from util.label_set import Content, LabelSet, LabelSetWriter
from util.learning.checkpoint import save_checkpoint
from util.learning.device import build_fabric, is_faster_in_bf16
from util.learning.inference.onnx_predictor import OnnxPredictor
from util.learning.inference.torch_predictor import TorchPredictor
from util.learning.inference.torch_session import scale_images
from util.learning.networks.models import Architecture, build_model
from util.learning.runs.run_folder import RunFolder
from util.learning.task import LoopSettings
from util.learning.trainer import Trainer
from util.running.ahead import count_cores

SETTINGS = Config().student
OURS = Architecture("unet", SETTINGS.width, SETTINGS.depth, "")
DEFAULT = Architecture(SETTINGS.architecture, SETTINGS.width, SETTINGS.depth, SETTINGS.encoder)
SMALL = Architecture("unet", 8, SETTINGS.depth, "")
RESNET18 = Architecture("Unet", 1, 1, "resnet18")

needs_bf16 = pytest.mark.skipif(
    not is_faster_in_bf16(torch.device("cpu")), reason="this processor has no bf16"
)


def make_model(architecture: Architecture) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_model(architecture)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for others take processor time, too."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


def make_trainer(folder: Path, precision: Precision) -> Trainer[Batch]:
    """A trainer with the default settings on one image, of which only its steps are used."""
    with LabelSetWriter(folder / "labels", {"producer": "test"}) as writer:
        writer.add("a", Content(np.zeros((16, 16))), "1", 0)
        label_set: LabelSet = writer.finish(BoxSettings())
    pairs = SoftLabelPairs(["a"], {}, label_set, 1.0, Augmentation(256))
    settings = LoopSettings.of(SETTINGS.model_copy(update={"epochs": 99}))
    run_folder = RunFolder(folder / "run", {"settings": {}}, {})
    fabric = build_fabric("cpu", precision)
    validation = make_validation(pairs, losses=LossSettings(SETTINGS.losses))
    task = segmentation_task(fabric, pairs, validation, num_threads=0)
    return Trainer(fabric, make_model(OURS), settings, task, run_folder)


def make_batch(side_px: int) -> Batch:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, side_px, side_px, 3), dtype=np.uint8)
    targets = (rng.random((8, 1, side_px, side_px)) < 0.02).astype(np.float32)
    return Batch(torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(targets))


@needs_bf16
def test_a_training_step_is_faster_in_bf16_than_the_plain_loop(
    benchmark: BenchmarkFixture, tmp_path: Path
) -> None:
    batch, trainer = make_batch(256), make_trainer(tmp_path, "auto")
    trainer.learner.scheduler.total_steps = 10**6
    trainer.learner.model.train()
    model = make_model(OURS).train()
    optimizer = torch.optim.AdamW(model.parameters())
    floats = scale_images(batch.images).contiguous()

    def plain() -> float:
        loss = F.binary_cross_entropy_with_logits(model(floats), batch.targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    ratio = speed_up(lambda: trainer.step(batch, range(8)), plain, rounds=5)
    benchmark.extra_info["times the plain loop"] = round(ratio, 2)
    benchmark.pedantic(trainer.step, (batch, range(8)), rounds=3)
    assert ratio >= 1.4  # 2.4 is usual


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("balanced", 1.5),  # 1.05 is usual
        ("gated_crf", 1.8),  # 1.2 is usual
        ("dense_crf", 3.5),  # 1.8 is usual
    ],
)
def test_a_step_with_a_loss_of_weak_labels_beside_one_with_kl_alone(
    benchmark: BenchmarkFixture, name: LossName, most: float
) -> None:
    batch, model = make_batch(160), make_model(OURS).to(memory_format=torch.channels_last).train()
    images = scale_images(batch.images)

    def step(weights: Mapping[LossName, float]) -> None:
        loss = student_loss(model(images), batch.targets, LossSettings(weights), images_rgb=images)
        loss.backward()

    ratio = 1 / speed_up(lambda: step({"kl": 1.0, name: 1.0}), lambda: step({"kl": 1.0}), rounds=2)
    benchmark.extra_info["times a step with kl alone"] = round(ratio, 2)
    benchmark.pedantic(step, ({"kl": 1.0, name: 1.0},), rounds=1)
    assert ratio <= most


@pytest.mark.usefixtures("exported_once")
@pytest.mark.parametrize(
    ("precision", "width", "least"),
    [
        ("float32", SETTINGS.width, 1.2),  # 2 is usual
        ("int8", 32, 1.2),
        # Eight channels at full size are too few for the processor's int8 instructions.
        ("int8", SETTINGS.width, 1.1),  # 1.8 is usual
    ],
)
def test_an_exported_student_predicts_faster_than_eager_torch(
    benchmark: BenchmarkFixture,
    tmp_path: Path,
    rng: np.random.Generator,
    precision: str,
    width: int,
    least: float,
) -> None:
    image = rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)
    write_image(tmp_path / "image.png", image)
    model = make_model(Architecture("unet", width, SETTINGS.depth, "")).eval()
    path = tmp_path / "x.onnx"
    export_onnx(path, model, 1.0, 18, {})
    if precision == "int8":
        quantise(path, tmp_path / "y.onnx", [tmp_path / "image.png"])
        path = tmp_path / "y.onnx"
    predictor = OnnxPredictor(path, most_at_once=count_cores())  # one core for each

    @torch.inference_mode()
    def eager() -> np.ndarray:
        images = torch.from_numpy(image).permute(2, 0, 1)[None].float().contiguous() / 255
        return model(images)[0, 0].numpy()

    ratio = speed_up(lambda: predictor.predict(image), eager, rounds=5)
    benchmark.extra_info["times eager torch"] = round(ratio, 1)
    benchmark(predictor.predict, image)
    assert ratio >= least


@pytest.mark.parametrize(
    ("architecture", "size_px", "least"),
    [
        (SMALL, 256, 2),  # 6 is usual
        (DEFAULT, 512, 2.5),  # 3.9 is usual
    ],
    ids=["unet", "default"],
)
def test_our_students_predict_faster_than_a_unet_over_resnet18(
    benchmark: BenchmarkFixture,
    rng: np.random.Generator,
    architecture: Architecture,
    size_px: int,
    least: float,
) -> None:
    image = rng.integers(0, 256, (size_px, size_px, 3), dtype=np.uint8)
    ours, theirs = (TorchPredictor(make_model(each), 1.0) for each in (architecture, RESNET18))
    both = (lambda: ours.predict(image), lambda: theirs.predict(image))
    ratio = speed_up(*both, rounds=7)
    benchmark.extra_info["times Unet with resnet18"] = round(ratio, 1)
    benchmark(ours.predict, image)
    assert ratio >= least


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """A config beside 60 scenes of 256 x 256 pixels, with a checkpoint of the default student."""
    make_data_set(tmp_path / "data/sea_scenes", SEA, num_scenes=60, size_px=256, seed=0)
    content = {"model": make_model(OURS).state_dict(), "architecture": OURS.as_dict()}
    save_checkpoint(tmp_path / "best.pt", {**content, "temperature": 1.0})
    (tmp_path / "config.json").write_text(json.dumps({"student": {"epochs": 2}}))
    return tmp_path / "config.json"


def test_the_test_stage_takes_at_most_twice_its_model(
    benchmark: BenchmarkFixture, scenes: Path
) -> None:
    config = read_config(scenes)
    paths = find_images(config.data.images)
    images = [read_image(path) for path in paths.values()]
    section = config.student.model_copy(update={"checkpoint": scenes.parent / "best.pt"})
    student = configured_student(section, config.prediction, config.evaluation, config.paths.runs)
    predictor = TorchPredictor(make_model(OURS), 1.0)
    num_runs = 0

    def model_alone() -> None:
        for image in images:
            predictor.predict(image)

    def stage() -> None:
        nonlocal num_runs
        num_runs += 1
        predict_images(
            student,
            paths,
            scenes.parent / f"{num_runs}",
            overwrite=False,
        )

    stage()
    ratios = [seconds_of(stage) / seconds_of(model_alone) for _ in range(3)]
    benchmark.extra_info["times the model alone"] = round(statistics.median(ratios), 2)
    benchmark.pedantic(stage, rounds=1)
    assert statistics.median(ratios) <= 2  # 1.2 is usual


def test_a_batch_is_made_sooner_than_a_student_learns_from_it(
    benchmark: BenchmarkFixture, scenes: Path
) -> None:
    """Or one thread could not keep up with the student."""
    images = find_images(read_config(scenes).data.images)
    with LabelSetWriter(scenes.parent / "labels", {"producer": "test"}) as writer:
        for image_id, path in images.items():
            writer.add(
                image_id, Content((read_image(path).min(axis=2) > 200).astype(float)), "1", 0
            )
        label_set = writer.finish(BoxSettings())
    pairs = SoftLabelPairs(list(images), images, label_set, 1.0, Augmentation(96))
    trainer = make_trainer(scenes.parent / "trainer", "32-true")
    trainer.learner.scheduler.total_steps = 10**6
    trainer.learner.model.train()
    batch = make_batch(96)
    ratio = speed_up(lambda: pairs.batch(range(8)), lambda: trainer.step(batch, range(8)), 7)
    benchmark.extra_info["times the student"] = round(ratio, 1)
    benchmark(pairs.batch, range(8))
    assert ratio > 1  # 3 is usual
