"""What a teacher reads of the config, and what it takes where that is null."""

from pathlib import Path
from typing import Any

import pytest

import teacher.soft_label_generation
from teacher.building import check_teacher, plan_teacher
from teacher.plans import TeacherPlan
from teacher.settings import as_student, describe_unread, resolve_own
from tests.conftest import make_project
from util.config import Config, TeacherSection
from util.errors import UserError


def section(**values: Any) -> TeacherSection:
    return TeacherSection(**values)


def plan(settings: TeacherSection) -> TeacherPlan:
    return plan_teacher(Config(teacher=settings))


@pytest.mark.parametrize(
    ("values", "unread"),
    [
        ({}, []),
        ({"name": "sam3"}, []),
        ({"name": "student"}, []),
        ({"name": "sam3", "detector": "groundingdino"}, ["detector"]),
        ({"name": "sam3", "object_prompt": "lake", "map_rule": "published"}, None),
        ({"name": "sam3", "box_threshold": 0.4, "precision": "bf16"}, []),
        ({"name": "student", "prompts": ["gull"], "object_prompt": "lake"}, None),
        ({"name": "student", "tile_overlap_px": 64, "flips": True, "checkpoint": "a.onnx"}, []),
        ({"checkpoint": "a.pt", "flips": True, "logits": True, "label_set": "x"}, None),
        ({"sam3_model": "x"}, ["sam3_model"]),
        ({"text_encoder": "x", "detector": "transformers"}, ["text_encoder"]),
        ({"text_encoder": "x", "detector": "groundingdino"}, []),
        ({"name": "sam3", "detector_model": "x", "text_encoder": "y"}, None),
        ({"detector_model": "x", "segmenter_model": "x", "saliency_model": "x"}, None),
        ({"detector": "transformers", "detector_model": "x"}, []),
        ({"segmenter": "sam", "segmenter_model": "x", "precision": "bf16"}, []),
        ({"saliency": "wide_resnet50_2", "saliency_model": "x"}, []),
        ({"precision": "bf16"}, ["precision"]),
        # How models run changes no map, so it may be set where there are none.
        ({"device": "cuda", "cache_gb": 2, "boxes_per_batch": 1, "compile": True}, []),
        ({"tile_overlap_px": 64}, ["tile_overlap_px"]),
        ({"tile_overlap_px": 64, "tile_size_px": 256}, []),
        ({"tile_overlap_px": 64, "tile_size_px": 0}, []),
    ],
)
def test_settings_that_are_not_read_are_named_and_no_others(
    values: dict[str, Any], unread: list[str] | None
) -> None:
    if unread is None:
        unread = [key for key in values if key != "name"]
    sentence = describe_unread(section(**values))
    named = [key for key in TeacherSection.model_fields if f"teacher.{key} (" in sentence]
    assert sorted(named) == sorted(unread)
    assert "\n" not in sentence


def test_a_setting_that_is_not_read_is_told_with_what_reads_it() -> None:
    sentence = describe_unread(section(name="student", prompts=["gull"], text_encoder="x"))
    assert "teacher 'student'" in sentence
    assert "teacher.prompts (teacher.name saa or teacher.name sam3)" in sentence
    assert "teacher.text_encoder (teacher.detector groundingdino)" in sentence


def test_every_key_is_read_by_some_teacher() -> None:
    fields = TeacherSection.model_fields
    others: dict[str, Any] = {
        key: "x" if field.annotation is not bool else True for key, field in fields.items()
    }
    everything = TeacherSection.model_construct(**others | {"name": "saa", "checkpoint": Path("x")})
    sentence = describe_unread(everything)
    for key in fields:
        assert f"teacher.{key} ()" not in sentence


def test_null_is_what_the_teacher_takes_of_its_own() -> None:
    saa = resolve_own(section())
    assert (saa.box_threshold, saa.area_threshold, saa.tile_size_px) == (0.2, 0.05, 0)
    sam3 = resolve_own(section(name="sam3"))
    assert (sam3.box_threshold, sam3.area_threshold, sam3.tile_size_px) == (0.3, 1.0, 0)
    assert resolve_own(section(name="student")).tile_size_px == 1024
    kept = resolve_own(section(name="sam3", box_threshold=0.0, area_threshold=0.05))
    assert (kept.box_threshold, kept.area_threshold) == (0.0, 0.05)


def test_a_label_set_says_which_numbers_null_became(tmp_path: Path) -> None:
    told = plan(section(name="sam3")).describe({})
    assert (told["box_threshold"], told["area_threshold"], told["max_masks"]) == (0.3, 1.0, 100)
    assert plan(section()).describe({}) == plan(section(box_threshold=0.2)).describe({})


def test_a_student_takes_nothing_that_is_meant_for_another_teacher() -> None:
    given = section(prompts=["gull"], detector="groundingdino", precision="bf16", flips=True)
    student = as_student(given, checkpoint=Path("a.pt"), logits=True)
    assert describe_unread(student) == ""
    assert (student.name, student.flips, student.logits) == ("student", True, True)
    strict = as_student(section(name="student", prompts=["gull"]))
    assert "teacher.prompts" in describe_unread(strict)


def test_all_troubles_of_a_teacher_are_told_together_before_anything_is_made(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path)
    more = ["--teacher.flips", "true", "--teacher.tile_size_px", "64"]
    with pytest.raises(UserError) as error:
        teacher.soft_label_generation.main(["--config", str(project), *more])
    lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert "teacher.flips (teacher.name student)" in lines[0]
    assert "teacher.tile_overlap_px is 128, expected less than teacher.tile_size_px, 64" in lines[1]
    assert not (tmp_path / "label_sets").exists()


def test_settings_that_are_not_read_are_told_before_weights_are_fetched_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("util.weights.finding._in_hub_cache", lambda row: None)
    project = make_project(tmp_path)
    more = ["--teacher.name=sam3", "--teacher.object_prompt=lake"]
    more += [f"--paths.weights={tmp_path}"]
    with pytest.raises(UserError) as error:
        teacher.soft_label_generation.main(["--config", str(project), *more])
    unread, missing = str(error.value).splitlines()
    assert "does not read teacher.object_prompt (teacher.name saa)" in unread
    assert missing.startswith("teacher.sam3_model: facebook/sam3 is not in")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tile_size_px": 128}, "expected less than teacher.tile_size_px, 128"),
        ({"tile_size_px": 256, "stretch_each_image": True}, "would stretch each tile"),
        (
            {"name": "student", "label_set": "x", "tile_size_px": 140},
            r"teacher\.tile_size_px is 140 .*32 pixels",
        ),
    ],
)
def test_tiles_that_cannot_be_are_refused(values: dict[str, Any], message: str) -> None:
    settings = section(**values)
    with pytest.raises(UserError, match=message):
        check_teacher(settings, plan(settings), {})


def test_a_missing_library_is_seen_before_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = section(detector="groundingdino", segmenter="sam")
    models = {part: tmp_path for part in ("detector", "segmenter", "text encoder")}
    (tmp_path / "model.bin").write_bytes(b"1")
    check_teacher(settings, plan(settings), models)
    monkeypatch.setattr("teacher.building.missing_libraries", lambda: ["timm", "groundingdino-py"])
    with pytest.raises(UserError, match=r"^detector groundingdino needs groundingdino-py: python"):
        check_teacher(settings, plan(settings), models)


def test_weights_that_are_damaged_are_seen_before_they_are_loaded(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    settings = section(segmenter="transformers")
    with pytest.raises(UserError, match=r"model\.safetensors is damaged.*fetch it anew"):
        check_teacher(settings, plan(settings), {"segmenter": tmp_path})


def test_a_device_that_this_machine_lacks_is_seen_before_a_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_options: None)
    (tmp_path / "model.bin").write_bytes(b"1")
    settings = section(segmenter="transformers", device="cuda")
    with pytest.raises(UserError, match=r"teacher\.device is 'cuda', which this machine lacks"):
        check_teacher(settings, plan(settings), {"segmenter": tmp_path})
