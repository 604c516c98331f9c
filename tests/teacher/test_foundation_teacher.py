"""The teacher over foundation models, from the config to label sets, on small random models."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import (
    BertTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessor,
)

import teacher.soft_label_generation
from teacher.building import build_teacher, find_models, plan_teacher
from teacher.saa.detectors.hugging_face_dino import HuggingFaceGroundingDino
from teacher.saa.segmenters.hugging_face import HuggingFaceSegmenter
from tests.conftest import make_project
from tests.teacher.saa.segmenters.small_sams import write_folder as write_segmenter
from util.errors import PromptError, UserError
from util.images.files import find_images, read_image, write_image
from util.label_set import LabelSet

label = teacher.soft_label_generation.main

WORDS = ["bird", "white", "crest", "sea", "gull", ".", "?", "##s"]
VOCABULARY = ["[PAD]", *(f"[unused{i}]" for i in range(99)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def write_detector(folder: Path) -> None:
    """A small GroundingDINO's folder as the hub has it; its scores are spread over [0, 1]."""
    torch.manual_seed(1)
    sizes = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "num_queries": 60}
    sizes |= {"encoder_attention_heads": 4, "decoder_attention_heads": 4}
    config = GroundingDinoConfig(
        backbone_config={
            "model_type": "swin",
            "embed_dim": 16,
            "depths": [1, 1, 1, 1],
            "num_heads": [1, 2, 2, 2],
            "window_size": 4,
            "out_indices": [2, 3, 4],
        },
        text_config={
            "model_type": "bert",
            "vocab_size": 1100,
            "hidden_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 32,
        },
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        **sizes,
    )
    model = GroundingDinoForObjectDetection(config)
    for name, weight in model.named_parameters():
        if "norm" in name and name.endswith("weight"):
            torch.nn.init.normal_(weight, 1.0, 0.3)
        else:
            torch.nn.init.normal_(weight, 0.0, 0.25)
    model.save_pretrained(folder)
    GroundingDinoImageProcessor(size={"shortest_edge": 96, "longest_edge": 160}).save_pretrained(
        folder
    )
    # The identifiers of the tokens between phrases are those of bert-base-uncased.
    filler = [f"[unused{i}]" for i in range(100, 1100)]
    words = VOCABULARY + filler
    words = words[:1100]
    for word, place in zip(WORDS, (200, 201, 202, 203, 204, 1012, 1029, 205), strict=True):
        words[place] = word
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    write_detector(folder / "detector")
    write_segmenter(folder / "segmenter", "sam")
    return folder


@pytest.fixture
def project(tmp_path: Path, weights: Path) -> Path:
    """The project of twelve images, with small foundation models as its teacher."""
    path = make_project(tmp_path)
    content = json.loads(path.read_text())
    content["teacher"] |= {"device": "cpu", "cache_gb": 1}
    content["saa"] = {
        "detector": "transformers",
        "detector_model": str(weights / "detector"),
        "segmenter": "transformers",
        "segmenter_model": str(weights / "segmenter"),
        "box_threshold": 0.05,
        "area_threshold": 1.0,
        "outline_above": 0.01,
    }
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Counts how often each model is asked."""
    counted: Counter[str] = Counter()
    for model in (HuggingFaceGroundingDino, HuggingFaceSegmenter):
        for method in ("encode", "detect", "segment"):
            if hasattr(model, method):
                count(monkeypatch, model, method, counted)
    return counted  # type: ignore[return-value]


def count(patch: pytest.MonkeyPatch, model: type, method: str, counted: Counter[str]) -> None:
    plain = getattr(model, method)

    def counting(self: object, *arguments: object) -> object:
        counted[f"{model.__name__}.{method}"] += 1
        return plain(self, *arguments)

    patch.setattr(model, method, counting)


def run(project: Path, *more: str) -> int:
    return label(["--config", str(project), *more])


def maps(project: Path, name: str = "bird", folder: str = "label_sets") -> dict[str, np.ndarray]:
    label_set = LabelSet(project.parent / folder / name)
    return {image_id: label_set.read(image_id) for image_id in label_set.ids}


def test_encoders_run_once_an_image_and_not_at_all_from_a_warm_cache(
    project: Path, calls: Counter[str]
) -> None:
    assert run(project) == 0
    assert any(soft_label.any() for soft_label in maps(project).values())
    assert calls["HuggingFaceGroundingDino.encode"] == 12
    assert calls["HuggingFaceGroundingDino.detect"] == 12  # all prompts of an image together
    assert 0 < calls["HuggingFaceSegmenter.encode"] <= 12  # no boxes need no segmenter
    calls.clear()
    assert run(project, "--paths.label_sets", str(project.parent / "again")) == 0
    assert not calls
    for image_id, soft_label in maps(project, folder="again").items():
        np.testing.assert_array_equal(soft_label, maps(project)[image_id])
    assert run(project, "--teacher.prompts", "gull", "--teacher.prompts", "white gulls") == 0
    assert calls["HuggingFaceGroundingDino.encode"] == calls["HuggingFaceSegmenter.encode"] == 0
    assert calls["HuggingFaceGroundingDino.detect"] == 12


def test_a_cache_changes_no_map(project: Path) -> None:
    run(project)
    run(project, "--teacher.cache_gb", "0", "--paths.label_sets", str(project.parent / "plain"))
    for image_id, soft_label in maps(project, folder="plain").items():
        np.testing.assert_array_equal(soft_label, maps(project)[image_id])


def test_a_threshold_sweep_asks_no_model(project: Path, calls: Counter[str]) -> None:
    run(project)
    calls.clear()
    covered = []
    for threshold in ("0.02", "0.05", "0.1"):
        folder = project.parent / threshold
        run(project, "--saa.box_threshold", threshold, "--paths.label_sets", str(folder))
        covered.append(sum((m > 0).sum() for m in maps(project, folder=threshold).values()))
    assert not calls
    assert covered[0] > covered[1] > covered[2]


def test_a_label_set_says_which_weights_made_it(project: Path, weights: Path) -> None:
    run(project)
    manifest = LabelSet(project.parent / "label_sets" / "bird").manifest
    models = manifest["settings"]["models"]
    assert set(models) == {"detector", "segmenter"}
    assert all(len(model["sha256"]) == 64 for model in models.values())
    assert "transformers" in manifest["versions"]
    assert run(project, "--teacher.prompts_per_batch", "1", "--teacher.cache_gb", "0") == 0
    with pytest.raises(UserError, match="precision: default -> 'bf16'"):
        run(project, "--teacher.precision", "bf16")


def test_moved_weights_are_the_same_weights(project: Path, weights: Path, tmp_path: Path) -> None:
    run(project)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "label_sets").rglob("*.png")}
    moved = tmp_path / "elsewhere" / "detector"
    moved.parent.mkdir()
    moved.symlink_to(weights / "detector")
    assert run(project, "--saa.detector_model", str(moved)) == 0
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "label_sets").rglob("*.png")}


def test_tiles_are_labelled_one_by_one(project: Path, calls: Counter[str]) -> None:
    run(project, "--teacher.tile_size_px", "48", "--teacher.tile_overlap_px", "16")
    assert calls["HuggingFaceGroundingDino.encode"] == 6 * 4 + 6 * 6  # 64 x 64 and 61 x 83 pixels
    shapes = {soft_label.shape for soft_label in maps(project).values()}
    assert shapes == {(64, 64), (61, 83)}


def test_a_preview_shows_phrases_that_real_detectors_read(project: Path) -> None:
    assert run(project, "--preview", "1") == 0
    (sheet,) = (project.parent / "runs" / "preview").rglob("*.png")
    assert read_image(sheet).shape[0] > 600


def test_memory_that_runs_out_halves_the_batch_and_changes_no_map(
    project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run(project, "--teacher.cache_gb", "0")
    plain = HuggingFaceGroundingDino._answer

    def answer(self: Any, encoding: Any, phrases: Any) -> Any:
        if len(phrases) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self, encoding, phrases)

    monkeypatch.setattr(HuggingFaceGroundingDino, "_answer", answer)
    small = project.parent / "small"
    assert run(project, "--teacher.cache_gb", "0", "--paths.label_sets", str(small)) == 0
    assert caplog.text.count("out of memory with 3 prompts at once; going on with 1") == 1
    for image_id, soft_label in maps(project, folder="small").items():
        # A batch of another size is rounded otherwise, which may turn a pixel at a mask's edge.
        assert (np.abs(soft_label - maps(project)[image_id]) > 2e-3).mean() < 0.005


def test_an_image_that_does_not_fit_and_a_model_that_answers_nan_are_listed(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = HuggingFaceGroundingDino.encode
    seen = 0

    def encode(self: Any, image_rgb: np.ndarray) -> Any:
        nonlocal seen
        seen += 1
        if seen == 2:
            with self.runtime.inference():
                raise torch.OutOfMemoryError("CUDA out of memory")
        encoding = plain(self, image_rgb)
        if seen == 4:
            encoding["level_0"].fill_(float("nan"))
        return encoding

    monkeypatch.setattr(HuggingFaceGroundingDino, "encode", encode)
    assert run(project, "--teacher.cache_gb", "0") == 1
    failed = LabelSet(project.parent / "label_sets" / "bird").failed
    assert len(failed) == 2
    words = [word for reason in failed.values() for word in ("NaN", "fit") if word in reason]
    assert sorted(words) == ["NaN", "fit"]
    assert "2 images failed, the rest is done" in capsys.readouterr().err


def test_a_strip_that_no_model_can_see_fails_alone(project: Path) -> None:
    path = project.parent / "images" / "strip.png"
    write_image(path, np.zeros((1, 999, 3), np.uint8))
    assert run(project) == 1
    failed = LabelSet(project.parent / "label_sets" / "bird").failed
    assert list(failed) == ["strip"]
    assert "999 x 1 pixels, too long a strip" in failed["strip"]


def test_a_prompt_that_is_too_long_makes_no_folder_and_the_others_are_written(
    project: Path,
) -> None:
    long = "gull" + " !" * 300
    why = r"'gull ! .* has 30\d tokens and the detector reads 256"
    with pytest.raises(PromptError, match=why):
        run(project, "--teacher.prompts", long)
    assert not (project.parent / "label_sets").exists()
    with pytest.raises(PromptError, match=why):
        run(project, "--teacher.prompts", long, "--teacher.prompts", "bird")
    assert len(LabelSet(project.parent / "label_sets" / "bird").ids) == 12
    assert not (project.parent / "label_sets" / "gull").exists()


def test_the_boxes_of_a_real_teacher_are_written(project: Path) -> None:
    run(project, "--evaluation.threshold", "0.05", "--evaluation.min_confidence", "0")
    table = pd.read_csv(project.parent / "label_sets" / "bird" / "prediction.csv", sep=";")
    marked = {image_id for image_id, m in maps(project).items() if (m > 0.05).any()}
    assert marked
    assert set(table["image"]) == marked


def test_missing_weights_are_one_sentence_with_the_command(project: Path) -> None:
    none = ("--saa.segmenter_model", "null", "--saa.detector_model", "null")
    with pytest.raises(UserError) as error:  # all that is missing at once
        run(project, "--saa.segmenter", "sam", "--saa.detector", "groundingdino", *none)
    for name in ("sam_vit_h_4b8939", "groundingdino_swint_ogc", "google-bert/bert-base-uncased"):
        assert f"--fetch {name}" in str(error.value)
    with pytest.raises(UserError, match="less than"):
        run(project, "--teacher.tile_size_px", "64")


def test_a_missing_library_is_one_sentence_with_the_command(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_library(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'transformers'", name="transformers")

    monkeypatch.setattr("teacher.saa.parts._load_detector", no_library)
    with pytest.raises(UserError, match=r"needs transformers.*requirements-teacher.txt"):
        run(project)


def test_swapped_channels_change_the_maps(project: Path) -> None:
    from util.config import read_config

    config = read_config(project)
    plan = plan_teacher(config.teacher, config.own_sections(), config.paths.runs)
    real = build_teacher(plan, find_models(plan, config.paths.weights))
    rng = np.random.default_rng(0)
    path = next(iter(find_images(config.data.images).values()))
    tint = rng.integers(0, 90, 3)
    image = np.clip(read_image(path).astype(int) + tint, 0, 255).astype(np.uint8)
    (one,) = real.label(image, ["bird"])
    (other,) = real.label(image[..., ::-1].copy(), ["bird"])
    assert np.abs(one.soft_label - other.soft_label).max() > 1e-3
