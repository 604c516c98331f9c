"""Label sets of classifiers' maps."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import teacher.cam.train_classifier
import teacher.soft_label_generation
import util.multi_teacher.combination_strategies
from teacher.cam.evidence import choose_evidence
from teacher.cam.judging import find_logit
from teacher.cam.maps import Views, map_activation
from teacher.cam.network import ImageClassifier, TrainedClassifier
from teacher.cam.teacher import CamTeacher
from tests.teacher.cam.conftest import paint
from util.errors import UserError
from util.images.files import find_images
from util.images.identity import identify
from util.label_set import LabelSet
from util.learning.checkpoint import read_checkpoint, save_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")


def label(path: Path, *told: str) -> int:
    arguments = ["--config", str(path), "--teacher.name", "cam", "--teacher.device", "cpu", *told]
    return teacher.soft_label_generation.main(arguments)


def test_clear_pictures_get_empty_maps_and_the_others_maps_of_their_clouds(cloud: Path) -> None:
    assert label(cloud, "--cam.scales", "[1, 2]") == 0
    label_set = LabelSet(cloud.parent / "label_sets/classifier-cam")
    assert len(label_set.ids) == 36
    for number in range(36):
        found = label_set.read(f"{number:02}")
        _, is_cloud = paint(number, number % 3 == 0)
        assert found.shape == is_cloud.shape
        if number % 3:
            assert not found.any(), number
        else:
            assert found.max() > 0.9
            assert found[is_cloud].mean() > 2 * found[~is_cloud].mean(), number


def test_an_image_that_is_too_large_fails_alone(
    cloud: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter([MemoryError()])

    def judge(network: ImageClassifier, image_rgb: np.ndarray) -> float:
        for error in answers:
            raise error
        return find_logit(network, image_rgb)

    monkeypatch.setattr("teacher.cam.teacher.find_logit", judge)
    assert label(cloud) == 1
    assert "does not fit into the memory of cpu; lower cam.scales" in capsys.readouterr().err
    assert len(LabelSet(cloud.parent / "label_sets/classifier-cam").ids) == 35


def test_a_map_is_the_activation_times_the_probability_from_the_gate_on(cloud: Path) -> None:
    trained = TrainedClassifier.load(cloud.parent / "runs/classifier/best.pt")
    image = paint(0, True)[0]
    probability = 1 / (1 + np.exp(-find_logit(trained.network, image)))
    see, views = choose_evidence(trained.network, "it", "native", None), Views([1.0], False)
    activation = map_activation(trained.network, see, image, views)

    def mapped(gate: float | None, threshold: float) -> np.ndarray:
        each = {"x": TrainedClassifier(trained.network, threshold)}
        (content,) = CamTeacher(each, {"x": see}, views, gate).label(image, ["x"])
        assert content.soft_label is not None
        return content.soft_label

    for gate, threshold, passes in (
        (None, probability * 0.99, True),
        (None, probability * 1.01, False),
        (probability * 0.99, 1.1, True),
        (probability * 1.01, 0, False),
    ):
        expected = activation * probability if passes else np.zeros_like(activation)
        np.testing.assert_allclose(mapped(gate, threshold), expected, rtol=1e-5)


def test_a_label_set_says_what_made_it_and_which_images_chose_its_threshold(cloud: Path) -> None:
    assert label(cloud, "--teacher.split", "Validation", "--cam.flips", "false") == 0
    label_set = LabelSet(cloud.parent / "label_sets/classifier-cam")
    paths = find_images(cloud.parent / "images")
    assert label_set.chosen_on == identify((f"{n}" for n in range(24, 36)), paths)
    settings = label_set.manifest["settings"]
    assert settings["flips"] is False
    assert len(settings["network"]) == 64
    assert label_set.manifest["boxes"]["object_class"] == "smoke"
    with pytest.raises(UserError, match=r"classifier-cam was made with .*gate: default -> 0\.0"):
        label(cloud, "--teacher.split", "Validation", "--cam.flips", "false", "--cam.gate", "0")
    elsewhere = ["--paths.label_sets", str(cloud.parent / "ungated"), "--cam.gate", "0"]
    assert label(cloud, "--teacher.split", "Validation", *elsewhere) == 0
    assert not LabelSet(cloud.parent / "ungated/classifier-cam").chosen_on


def test_several_networks_give_a_label_set_each_that_are_combined_as_any(cloud: Path) -> None:
    told = ["--config", str(cloud), "--classifier.run", "other", "--classifier.seed", "1"]
    assert teacher.cam.train_classifier.main(told) == 0
    networks = ["--cam.networks", "classifier", "--cam.networks", "other"]
    assert label(cloud, "--cam.scales", "1", "--teacher.split", "Validation", *networks) == 0
    names = ["classifier-cam", "other-cam"]
    members = [word for name in names for word in ("--combination.label_sets", name)]
    combine = util.multi_teacher.combination_strategies.main
    strategy = ["--combination.strategy", "maximum"]
    assert combine(["--config", str(cloud), *members, *strategy]) == 0
    one, other, fused = (
        LabelSet(cloud.parent / "label_sets" / name).read("24") for name in (*names, "combined")
    )
    np.testing.assert_array_equal(fused, np.maximum(one, other))


@pytest.fixture
def short(cloud: Path) -> Path:
    """A config of a transformer that answers by the token of the class, hardly trained."""
    told = ["--config", str(cloud), "--classifier.network", "test_vit", "--classifier.epochs", "1"]
    assert teacher.cam.train_classifier.main([*told, "--classifier.run", "vit"]) == 0
    config = json.loads(cloud.read_text())
    config["cam"] = {"networks": ["vit"], "scales": [1], "gate": 0, "flips": False}
    config["teacher"] = {"split": "Validation"}
    cloud.write_text(json.dumps(config))
    return cloud


@pytest.mark.parametrize("method", ["gradcam", "gradcam++", "layercam", "eigencam"])
def test_other_methods_give_label_sets_as_the_native_one_does(cloud: Path, method: str) -> None:
    told = ["--cam.method", method, "--cam.scales", "[1, 2]", "--teacher.split", "Validation"]
    assert label(cloud, *told) == 0
    label_set = LabelSet(cloud.parent / "label_sets/classifier-cam")
    assert label_set.manifest["settings"]["method"] == method
    for number in range(24, 36):
        found, (_, is_cloud) = label_set.read(f"{number}"), paint(number, number % 3 == 0)
        assert found.any() == (number % 3 == 0)
        if number % 3 == 0 and method != "eigencam":  # which does not know what is looked for
            assert found[is_cloud].mean() > 2 * found[~is_cloud].mean(), number


def test_maps_of_another_method_or_layer_are_other_work_and_a_stopped_one_goes_on(
    short: Path,
) -> None:
    folder = short.parent / "label_sets/vit-cam"
    assert label(short, "--cam.method", "gradcam", "--cam.window_share", "1") == 0
    before = {path.name: path.read_bytes() for path in folder.glob("*.png")}
    (folder / "24.png").unlink()
    assert label(short, "--cam.method", "gradcam", "--cam.window_share", "1") == 0
    assert {path.name: path.read_bytes() for path in folder.glob("*.png")} == before
    for other in (
        ["--cam.method", "layercam", "--cam.window_share", "1"],
        ["--cam.method", "gradcam", "--cam.window_share", "1", "--cam.layer", "blocks.2"],
        ["--cam.method", "gradcam"],
    ):
        with pytest.raises(UserError, match="vit-cam was made with other settings"):
            label(short, *other)
    layer = ["--cam.method", "gradcam", "--cam.window_share", "1", "--cam.layer", "blocks.2"]
    assert label(short, *layer, "--overwrite") == 0
    assert (folder / "24.png").read_bytes() != before["24.png"]


def test_methods_that_cannot_be_are_told_before_anything_is_touched(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for told, said in (
        (
            ["native"],
            r"vit \(test_vit\) does not average its features .* set cam\.method to gradcam",
        ),
        (["gradcam", "--cam.layer", "blocks.5"], r"cam\.layer is 'blocks.5', .*or null for blocks"),
        (["native", "--cam.layer", "blocks.2"], r"does not read cam\.layer \(a cam\.method other"),
    ):
        with pytest.raises(UserError, match=said):
            label(short, "--cam.method", *told)
    plain = importlib.util.find_spec
    lacks = ("pytorch_grad_cam", "ttach")
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in lacks else plain(name)
    )
    with pytest.raises(UserError, match=r"needs grad-cam and ttach, .*install --no-deps grad-cam"):
        label(short, "--cam.method", "gradcam")
    assert not (short.parent / "label_sets").exists()


def test_bad_input_is_one_sentence(cloud: Path) -> None:
    run = cloud.parent / "runs/classifier"
    with pytest.raises(UserError, match=r"none has no classifier of images .*; train it"):
        label(cloud, "--cam.networks", "none")
    with pytest.raises(UserError, match=r"does not read .*maskomaly\.smoothing_px"):
        label(cloud, "--maskomaly.smoothing_px", "1")
    with pytest.raises(UserError, match=r"does not read .*teacher\.tile_size_px"):
        label(cloud, "--teacher.tile_size_px", "512")
    content = read_checkpoint(run / "best.pt")
    save_checkpoint(run / "best.pt", {"model": content["model"]})
    with pytest.raises(UserError, match="is no classifier of images; expected"):
        label(cloud)
    facts = json.loads((run / "run.json").read_text())
    del facts["positive_labels"]
    (run / "run.json").write_text(json.dumps(facts))
    with pytest.raises(UserError, match="classifier has no classifier of images"):
        label(cloud)


def test_answers_that_are_no_numbers_are_refused(cloud: Path) -> None:
    trained = TrainedClassifier.load(cloud.parent / "runs/classifier/best.pt")
    torch.nn.init.constant_(trained.network.head.weight, torch.nan)
    see = choose_evidence(trained.network, "it", "native", None)
    teacher = CamTeacher({"x": trained}, {"x": see}, Views([1.0], True), None)
    answers = teacher.label(paint(0, True)[0], ["x"])
    with pytest.raises(UserError, match="the classifier of x answers with nan"):
        next(answers)


def test_a_classifier_that_cannot_answer_leaves_the_others_their_maps(cloud: Path) -> None:
    trained, broken = (
        TrainedClassifier.load(cloud.parent / "runs/classifier/best.pt") for _ in range(2)
    )
    torch.nn.init.constant_(broken.network.head.weight, torch.nan)
    see = choose_evidence(trained.network, "it", "native", None)
    classifiers = {"x": broken, "y": trained}
    teacher = CamTeacher(classifiers, dict.fromkeys("xy", see), Views([1.0], True), None)
    answers = teacher.label(paint(0, True)[0], ["x", "y"])
    with pytest.raises(UserError, match="the classifier of x answers with nan"):
        next(answers)
    content = next(answers)
    assert content.soft_label is not None
    assert content.soft_label.max() > 0.9
