"""What a folder of CLIP must hold, and what a teacher makes that is built of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import teacher.soft_label_generation
from teacher.building import build_teacher
from teacher.clip.plan import plan
from teacher.clip.teacher import ClipTeacher, load_clip
from teacher.inference.runtime import Runtime
from tests.conftest import make_project
from tests.teacher.clip.small_clip import ASKED, build, small_model, write_folder
from tests.teacher.saa.small_models import paint
from util.config import ClipSection, TeacherSection
from util.errors import UserError
from util.images.files import find_images, image_size_hw
from util.label_set import LabelSet

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_folder_as_published_is_loaded_whole(tmp_path: Path) -> None:
    write_folder(tmp_path)
    loaded = load_clip(tmp_path, Runtime("cpu"), 2, ASKED)
    image = paint((40, 60))
    (found,), (expected,) = (each.label(image, ["tern"]) for each in (loaded, build()))
    assert found.soft_label is not None
    assert expected.soft_label is not None
    np.testing.assert_allclose(found.soft_label, expected.soft_label, rtol=1e-5)


def test_old_weights_are_loaded_too(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(small_model().state_dict(), tmp_path / "pytorch_model.bin")
    weights = load_clip(tmp_path, Runtime("cpu"), 2, ASKED).model.state_dict()
    assert all(weights[name].equal(value) for name, value in small_model().state_dict().items())


def cut_weights(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:9000])


def replace_by_old_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"no weights")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (
            lambda folder: (folder / "config.json").write_text('{"model_type": "siglip"}'),
            "'siglip'",
        ),
        (lambda folder: (folder / "config.json").write_text("{"), "is damaged"),
        (lambda folder: (folder / "config.json").unlink(), "the model type None"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no file named"),
        (cut_weights, "CLIPModel"),
        (replace_by_old_weights, "more than tensors, or are damaged"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "lacks the vocabulary"),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "CLIPImageProcessor"),
    ],
)
def test_other_folders_are_refused(tmp_path: Path, spoil: Callable[[Path], None], why: str) -> None:
    write_folder(tmp_path)
    spoil(tmp_path)
    with pytest.raises(UserError) as error:
        load_clip(tmp_path, Runtime("cpu"), 2, ASKED)
    assert str(tmp_path) in str(error.value)
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def test_the_config_says_what_the_teacher_is_asked(tmp_path: Path) -> None:
    write_folder(tmp_path)
    section = ClipSection(
        text_template="{}", background_words=["sea"], longest_px=64, region_threshold=0.7
    )
    built = build_teacher(
        plan(TeacherSection(name="clip", device="cpu"), section), {"teacher": tmp_path}
    )
    assert isinstance(built, ClipTeacher)
    asked = built.settings
    assert (asked.text_template, asked.longest_px, asked.region_threshold) == ("{}", 64, 0.7)
    assert list(asked.background_words) == ["sea"]


def test_prompts_become_label_sets_as_large_as_their_images(tmp_path: Path) -> None:
    project, model = make_project(tmp_path), tmp_path / "clip"
    write_folder(model)
    arguments = ["--config", str(project), "--teacher.name", "clip", "--clip.model", str(model)]
    arguments += ["--teacher.device", "cpu", "--clip.longest_px", "64"]
    arguments += ["--teacher.prompts", "tern", "--teacher.prompts", "gull | whale"]
    run = teacher.soft_label_generation.main
    assert run([*arguments, "--check"]) == 0
    assert run(arguments) == 0
    sizes = {name: image_size_hw(path) for name, path in find_images(tmp_path / "images").items()}
    for name in ("tern", "gull_whale"):
        label_set = LabelSet(tmp_path / "label_sets" / name)
        assert label_set.ids == sorted(sizes)
        assert all(label_set.read(each).shape == sizes[each] for each in label_set.ids)
        assert label_set.read(label_set.ids[0]).any()
    with pytest.raises(UserError, match="background_words"):
        run([*arguments, "--clip.background_words", "sea"])


def test_weights_that_are_missing_are_told_with_the_key_and_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("util.weights.finding._in_hub_cache", lambda row: None)
    project = make_project(tmp_path)
    more = ["--teacher.name=clip", f"--paths.weights={tmp_path}"]
    with pytest.raises(UserError, match=r"^clip\.model: openai/clip-vit-base-patch16 is not in"):
        teacher.soft_label_generation.main(["--config", str(project), *more])
