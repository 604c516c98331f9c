"""From an image of any size to a soft label: tiles, flips, checkpoints and folders."""

import json
import shutil
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn

import student.export
import student.predict
import student.test
from student.deployment.onnx_file import export_onnx
from student.inference.label_sets import (
    MANY,
    checkpoint_beside,
    count_at_once,
    is_of_another_checkpoint,
    name_of_images,
)
from tests.conftest import box_table
from tests.stages import run, stop_at_write
from util.errors import UserError
from util.images.files import read_image, write_image
from util.images.ids import name_to_id
from util.label_set import LabelSet
from util.learning.checkpoint import read_checkpoint, save_checkpoint
from util.learning.inference.opening import open_predictor
from util.learning.inference.tiles import (
    ALIGNMENT_PX,
    PredictionSettings,
    StudentLabeller,
    logits_to_soft_label,
    predict_in_tiles,
    split_side,
)
from util.learning.inference.torch_predictor import TorchPredictor
from util.learning.inference.torch_session import scale_images
from util.learning.networks.models import Architecture, build_model
from util.visualization import draw_overlay

SMALL = Architecture("unet", width=2, depth=2, encoder="")


class Brightness:
    """Its logits are the mean of the channels, and the place of a pixel if asked for."""

    temperature = 1.0
    num_at_once = 1

    def __init__(self, with_place: bool = False) -> None:
        self.with_place = with_place
        self.largest = 0

    def predict(self, image_rgb: np.ndarray) -> np.ndarray:
        self.largest = max(self.largest, *image_rgb.shape[:2])
        logits = image_rgb.mean(axis=2).astype(np.float32) / 100
        rows = np.arange(len(logits), dtype=np.float32)[:, None]
        return logits + rows if self.with_place else logits


@given(
    length=st.integers(1, 3000),
    overlap=st.integers(0, 200),
    extra=st.integers(ALIGNMENT_PX, 900),
)
def test_tiles_cover_a_side_evenly_and_overlap(length: int, overlap: int, extra: int) -> None:
    tile = overlap + extra
    stretches = split_side(length, tile, overlap)
    total = np.zeros(length)
    for stretch in stretches:
        assert stretch.place.stop - stretch.place.start <= tile
        assert stretch.place.start % ALIGNMENT_PX == 0
        assert (stretch.weights > 0).all()
        total[stretch.place] += stretch.weights
    np.testing.assert_allclose(total, 1, atol=1e-5)
    places = [stretch.place for stretch in stretches]
    assert places[0].start == 0
    assert places[-1].stop == length
    for place, following in pairwise(places):
        assert place.stop - following.start >= overlap


def test_weights_rise_and_fall_along_the_overlap() -> None:
    first, second = split_side(100, 68, 36)
    assert (first.place, second.place) == (slice(0, 68), slice(32, 100))
    np.testing.assert_allclose(first.weights[:32], 1)
    falling = (np.arange(36)[::-1] + 0.5) / 36
    np.testing.assert_allclose(first.weights[32:], falling, rtol=1e-6)
    np.testing.assert_allclose(second.weights[:36], falling[::-1], rtol=1e-6)


def test_an_overlap_that_leaves_no_tile_is_refused() -> None:
    with pytest.raises(UserError, match=r"tile_size_px is 256 .*at least 32 pixels larger"):
        PredictionSettings(256, 240, flips=False, logits=False)


@pytest.mark.parametrize("flips", [False, True])
def test_tiles_of_a_predictor_that_looks_at_one_pixel_give_the_whole(
    rng: np.random.Generator, flips: bool
) -> None:
    image = rng.integers(0, 256, (150, 217, 3), dtype=np.uint8)
    predictor = Brightness()
    tiled = predict_in_tiles(predictor, image, PredictionSettings(64, 20, flips, False))
    np.testing.assert_allclose(tiled, image.mean(axis=2) / 100, rtol=1e-5)
    assert predictor.largest == 64


def test_flips_are_turned_back_and_averaged() -> None:
    image = np.zeros((5, 4, 3), np.uint8)
    flipped = predict_in_tiles(Brightness(True), image, PredictionSettings(0, 0, True, False))
    np.testing.assert_allclose(flipped, np.full((5, 4), 2.0))  # the mean of a row and its mirror


@pytest.mark.parametrize("size_hw", [(1, 9), (9, 1), (1, 1)])
def test_an_image_of_one_row_or_column_is_flipped_too(size_hw: tuple[int, int]) -> None:
    class Torch(Brightness):
        def predict(self, image_rgb: np.ndarray) -> np.ndarray:
            torch.from_numpy(image_rgb)  # refuses negative strides
            return super().predict(image_rgb)

    image = np.full((*size_hw, 3), 50, np.uint8)
    tiled = predict_in_tiles(Torch(), image, PredictionSettings(0, 0, True, False))
    np.testing.assert_allclose(tiled, np.full(size_hw, 0.5), rtol=1e-5)


def make_student() -> torch.nn.Module:
    """A small student that has seen noise, with logits from far below 0 to above."""
    torch.manual_seed(2)
    model = build_model(SMALL)
    for _ in range(5):
        model(torch.rand(4, 3, 16, 16))
    with torch.no_grad():
        model.network.head.weight.mul_(-20)  # type: ignore[union-attr, operator]
    return model.eval()


def test_overlap_hides_the_borders_of_tiles(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (200, 200, 3), dtype=np.uint8)
    predictor = TorchPredictor(make_student(), 1.0)
    whole = predictor.predict(image)
    errors = [
        abs(predict_in_tiles(predictor, image, PredictionSettings(96, o, False, False)) - whole)
        for o in (0, 64)
    ]
    assert errors[1].max() < errors[0].max() / 3


def test_the_temperature_is_undone_and_logits_are_kept_if_asked_for() -> None:
    logits = np.array([[-3.0, 0.0], [1.0, 40.0]], np.float32)
    plain = logits_to_soft_label(logits, 1.0)
    np.testing.assert_allclose(plain, 1 / (1 + np.exp(-logits)), rtol=1e-6)
    assert plain.dtype == np.float32
    np.testing.assert_allclose(logits_to_soft_label(logits, 3.0), np.minimum(plain * 3, 1))
    image = np.full((3, 4, 3), 100, np.uint8)
    for asked in (True, False):
        settings = PredictionSettings(0, 0, False, logits=asked)
        answers = list(StudentLabeller(Brightness(), settings).label(image, ["a", "b"]))
        assert len(answers) == 2
        assert (answers[0].logits is not None) == asked


def test_a_predictor_equals_the_network_and_undoes_the_temperature(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    model = make_student()
    content = {"model": model.state_dict(), "architecture": SMALL.as_dict(), "temperature": 3.0}
    save_checkpoint(tmp_path / "x.pt", content)
    predictor = open_predictor(tmp_path / "x.pt", "cpu")
    assert predictor.temperature == 3
    image = rng.integers(0, 256, (37, 50, 3), dtype=np.uint8)
    images = torch.from_numpy(image).permute(2, 0, 1)[None]
    expected = model(scale_images(images))[0, 0].detach().numpy()
    np.testing.assert_allclose(predictor.predict(image), expected, atol=1e-5)


@pytest.fixture
def trained(project: Path) -> Path:
    """A project with the best checkpoint of a run, which has not learnt anything."""
    run = project.parent / "runs" / "student"
    model = {"model": make_student().state_dict(), "architecture": SMALL.as_dict()}
    save_checkpoint(run / "best.pt", {**model, "temperature": 1.0})
    return project


def predict(project: Path, *more: str) -> int:
    return student.predict.main(["--config", str(project), *more])


def test_any_folder_becomes_a_label_set_with_boxes_and_pictures(
    trained: Path, capsys: pytest.CaptureFixture[str], rng: np.random.Generator
) -> None:
    photos = trained.parent / "photos"
    for name, size_hw in {"a/large": (150, 190), "tiny": (1, 2), "b": (33, 40)}.items():
        write_image(photos / f"{name}.png", rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8))
    (photos / "broken.png").write_text("no image")
    run = trained.parent / "runs" / "student"
    options = ["--student.checkpoint", str(run / "best.pt"), "--data.images", str(photos)]
    tiles = ["--prediction.tile_size_px", "64", "--prediction.tile_overlap_px", "16"]
    assert predict(trained, *options, *tiles, "--evaluation.threshold", "0.02") == 1
    said = capsys.readouterr()
    assert "3 images predicted" in said.out
    assert "broken.png" in said.err
    predicted = LabelSet(run / "predicted" / "photos")
    sizes = {image_id: predicted.read(image_id).shape for image_id in predicted.ids}
    assert sizes == {"a/large": (150, 190), "tiny": (1, 2), "b": (33, 40)}
    boxes = pd.read_csv(predicted.folder / "prediction.csv", sep=";")
    assert set(boxes["image"]) <= set(predicted.ids)
    folder = run / "predicted" / "photos_pictures"
    pictures = {
        name_to_id(path.relative_to(folder).as_posix()): path for path in folder.rglob("*.png")
    }
    assert set(pictures) == set(predicted.ids)
    assert read_image(pictures["b"]).shape == (33 * 12, 2 * 40 * 12, 3)
    with pytest.raises(UserError, match="tile_size_px: 64 -> 1024"):
        predict(trained, *options)


def test_pictures_of_large_images_are_reduced() -> None:
    image = np.zeros((1000, 3200, 3), np.uint8)
    picture = draw_overlay(image, np.zeros((1000, 3200), np.float32), box_table([]))
    assert picture.shape == (500, 2 * 1600, 3)
    thin = np.zeros((1, 4000, 3), np.uint8)
    assert draw_overlay(thin, thin[..., 0], box_table([])).shape == (1, 2 * 1600, 3)


def test_predictions_of_the_test_split_are_those_of_the_test_stage(trained: Path) -> None:
    assert student.test.main(["--config", str(trained)]) == 0
    assert predict(trained, "--prediction.pictures", "0") == 0
    run = trained.parent / "runs" / "student"
    tested, predicted = LabelSet(run / "Test"), LabelSet(run / "predicted" / "images")
    assert len(predicted.ids) == 12
    for image_id in tested.ids:
        assert tested.path(image_id).read_bytes() == predicted.path(image_id).read_bytes()
    assert not (run / "predicted" / "images_pictures").exists()


@pytest.mark.parametrize("write", [1, 5, 14])
def test_a_stopped_prediction_goes_on_and_ends_as_if_it_had_not_been(
    trained: Path, write: int
) -> None:
    folder = trained.parent / "runs" / "student" / "predicted"
    assert predict(trained) == 0
    whole = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.png")}
    boxes = (folder / "images" / "prediction.csv").read_bytes()
    shutil.rmtree(folder)
    stopped = stop_at_write(trained, "student/predict.py", write, signal.SIGKILL)
    assert stopped.returncode == -signal.SIGKILL
    assert predict(trained) == 0
    assert {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.png")} == whole
    assert (folder / "images" / "prediction.csv").read_bytes() == boxes


@pytest.mark.usefixtures("exported_once")
@pytest.mark.parametrize("name", ["best.pt", "student.onnx"])
def test_images_that_are_predicted_at_once_get_the_same_maps(
    trained: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run = trained.parent / "runs" / "student"
    export_onnx(run / "student.onnx", make_student(), 1.0, 18, {})
    maps = {}
    for many in (1, 1000):
        monkeypatch.setattr("student.inference.label_sets.MANY", many)
        output = trained.parent / f"{many}"
        options = ["--student.checkpoint", str(run / name), "--prediction.output", str(output)]
        assert predict(trained, *options) == 0
        predicted = LabelSet(output)
        maps[many] = [predicted.read(image_id) for image_id in predicted.ids]
    for one, other in zip(*maps.values(), strict=True):
        np.testing.assert_allclose(one, other, atol=2 / 65535)


@pytest.mark.parametrize(
    ("size_px", "tile_px", "expected"),
    [(256, 1024, 27), (1024, 1024, 1), (4000, 1024, 1), (4000, 256, 1), (1000, 256, 13)],
)
def test_as_many_images_are_predicted_at_once_as_memory_allows(
    tmp_path: Path, size_px: int, tile_px: int, expected: int
) -> None:
    Image.new("1", (size_px, size_px)).save(tmp_path / "a.png")
    paths = {f"{number}": tmp_path / "a.png" for number in range(MANY)}
    paths["damaged"] = tmp_path / "damaged.png"
    paths["damaged"].write_text("no image")
    assert count_at_once(paths, tile_px, 10**9) == expected
    assert count_at_once(dict(list(paths.items())[: MANY - 1]), tile_px, 10**9) == 1


def test_folders_of_one_name_have_predictions_of_their_own(trained: Path) -> None:
    for number, name in enumerate(("a/photos", "b/photos", "photos")):
        image = np.full((20, 20, 3), 50 * number, np.uint8)
        write_image(trained.parent / name / "same.png", image)
        assert predict(trained, "--data.images", str(trained.parent / name)) == 0
    folder = trained.parent / "runs/student/predicted"
    sets = {path.parent.name: LabelSet(path.parent) for path in folder.glob("*/label_set.json")}
    assert set(sets) == {"a--photos", "b--photos", "photos"}
    assert len({label_set.fingerprint() for label_set in sets.values()}) == 3


def test_the_name_of_predictions_is_the_way_to_the_images() -> None:
    checkpoint = Path("/x/project/runs/student/best.pt")
    for images, name in (
        ("/x/project/photos", "photos"),
        ("/x/project/runs/photos", "photos"),
        ("/x/spring/photos", "spring--photos"),
        ("/y/photos", "y--photos"),
        ("/x/project", "project"),
    ):
        assert name_of_images(Path(images), checkpoint) == name


def test_label_sets_of_a_run_are_of_the_checkpoints_of_their_names(trained: Path) -> None:
    run = trained.parent / "runs" / "student"
    shutil.copy(run / "best.pt", run / "other.pt")
    shutil.copy(run / "best.pt", run / "an-other.pt")
    of = {"Test": "best", "Test-other": "other", "Test-an-other": "an-other", "a-b": "best"}
    assert {n: checkpoint_beside(run / n).stem for n in of} == of
    test = ["--config", str(trained), "--student.checkpoint", str(run / "other.pt")]
    assert student.test.main(test) == 0
    assert not is_of_another_checkpoint(run / "Test-other")
    content = read_checkpoint(run / "best.pt")
    save_checkpoint(run / "best.pt", content | {"epoch": 99})
    assert not is_of_another_checkpoint(run / "Test-other")
    save_checkpoint(run / "other.pt", content | {"epoch": 98})
    assert is_of_another_checkpoint(run / "Test-other")


def test_an_export_of_an_earlier_training_is_said(
    trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = trained.parent / "runs" / "student"
    assert student.export.main(["--config", str(trained)]) == 0
    exported = ["--config", str(trained), "--student.checkpoint", str(run / "student.onnx")]
    assert student.test.main(exported) == 0
    assert not is_of_another_checkpoint(run / "Test-student")
    assert "of another training" not in caplog.text
    for path in run.glob("*.pt"):
        save_checkpoint(path, read_checkpoint(path) | {"epoch": 99})
    assert student.test.main(exported) == 0
    assert (
        "student.onnx was exported of another training than the checkpoints beside" in caplog.text
    )


def test_processes_share_the_images(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(trained, "--prediction.output", str(trained.parent / "alone")) == 0
    alone = (trained.parent / "alone" / "prediction.csv").read_bytes()
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        assert predict(trained, "--prediction.output", str(trained.parent / "shared")) == 0
    assert "share 1 of 2 is done" in capsys.readouterr().out
    assert (trained.parent / "shared" / "prediction.csv").read_bytes() == alone


def test_bad_input_is_one_sentence(trained: Path) -> None:
    for options, message in (
        (["--student.checkpoint", "nowhere.pt"], "does not exist; train first"),
        (["--data.images", "nowhere"], "nowhere does not exist"),
        (["--prediction.tile_size_px", "40", "--prediction.tile_overlap_px", "30"], "32 pixels"),
        (["--prediction.output", str(trained.parent / "images")], "images holds other files"),
    ):
        done = run("student/predict.py", "--config", str(trained), *options)
        assert done.returncode == 2
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_a_checkpoint_that_disagrees_with_its_architecture_is_refused(trained: Path) -> None:
    path = trained.parent / "runs/student/best.pt"
    content = torch.load(path, weights_only=True)
    save_checkpoint(path, content | {"architecture": {**SMALL.as_dict(), "width": 3}})
    with pytest.raises(UserError, match="do not fit its architecture"):
        predict(trained)


def test_what_the_config_says_of_the_student_does_not_change_a_checkpoint(trained: Path) -> None:
    config = json.loads(trained.read_text())
    config.setdefault("student", {}).update(width=7, architecture="PAN")
    trained.write_text(json.dumps(config))
    assert predict(trained) == 0


def test_memory_that_runs_out_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = TorchPredictor(nn.Conv2d(3, 1, 1), 1.0)

    def fail(_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(predictor._session.model, "forward", fail)
    with pytest.raises(UserError, match=r"5 x 4 pixels .* set a smaller prediction\.tile_size_px"):
        predictor.predict(np.zeros((4, 5, 3), np.uint8))
