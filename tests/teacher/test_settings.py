"""What a teacher reads of the config, and what of that decides its label sets."""

import json
from pathlib import Path
from typing import Any

import pytest

import teacher.soft_label_generation
from teacher.building import check_teacher, plan_teacher, resolve_settings
from teacher.plans import Models, TeacherPlan
from teacher.settings import as_student, describe_unread
from tests.conftest import ROOT, make_project
from util.config import Config, SaaSection, TeacherSection, config_fields, override_config
from util.errors import UserError

WITH_QUERIES = {"maskomaly__scores": ["maskomaly_corrected"]}


def settings(**values: Any) -> Config:
    """A config of a teacher; names of keys that several sections have hold that of theirs."""
    sections: dict[str, dict[str, Any]] = {
        "teacher": {},
        "saa": {},
        "sam3": {},
        "clip": {},
        "maskomaly": {},
    }
    for key, value in values.items():
        section, _, name = key.rpartition("__")
        section = section or ("teacher" if key in TeacherSection.model_fields else "saa")
        sections[section][name] = value
    return override_config(Config(), sections)


def unread_of(config: Config) -> str:
    return describe_unread(config.teacher, config.own_sections())


def plan_of(config: Config) -> TeacherPlan:
    return plan_teacher(config.teacher, config.own_sections(), config.paths.runs)


def check(config: Config, models: Models) -> None:
    check_teacher(plan_of(config), models, config.teacher.device)


@pytest.mark.parametrize(
    ("values", "unread"),
    [
        ({}, []),
        ({"name": "sam3"}, []),
        ({"name": "student"}, []),
        ({"name": "sam3", "detector": "groundingdino"}, ["saa.detector"]),
        ({"name": "sam3", "object_prompt": "lake", "map_rule": "published"}, None),
        ({"name": "sam3", "sam3__box_threshold": 0.4, "precision": "bf16"}, []),
        ({"name": "sam3", "box_threshold": 0.4}, ["saa.box_threshold"]),
        ({"sam3__box_threshold": 0.4}, ["sam3.box_threshold"]),
        ({"name": "student", "prompts": ["gull"], "object_prompt": "lake"}, None),
        ({"name": "student", "working_size_px": 640}, ["teacher.working_size_px"]),
        ({"name": "student", "tile_overlap_px": 64, "flips": True, "checkpoint": "a.onnx"}, []),
        ({"checkpoint": "a.pt", "flips": True, "logits": True, "label_set": "x"}, None),
        ({"sam3__model": "x"}, ["sam3.model"]),
        ({"name": "clip", "prompts": ["gull"], "precision": "bf16", "clip__longest_px": 64}, []),
        ({"name": "clip", "working_size_px": 64}, ["teacher.working_size_px"]),
        ({"name": "clip", "tile_size_px": 64}, ["teacher.tile_size_px"]),
        ({"clip__text_template": "{}"}, ["clip.text_template"]),
        ({"text_encoder": "x", "detector": "transformers"}, ["saa.text_encoder"]),
        ({"text_encoder": "x", "detector": "groundingdino"}, []),
        ({"name": "sam3", "detector_model": "x", "text_encoder": "y"}, None),
        ({"detector_model": "x", "segmenter_model": "x", "saliency_model": "x"}, None),
        ({"detector": "transformers", "detector_model": "x"}, []),
        ({"segmenter": "sam", "segmenter_model": "x", "precision": "bf16"}, []),
        ({"saliency": "wide_resnet50_2", "saliency_model": "x"}, []),
        ({"segmenter": "u2net", "segmenter_model": "x"}, []),
        ({"proposals": "colour", "proposals_model": "x"}, ["saa.proposals_model"]),
        ({"proposals_model": "x"}, []),
        ({"detector": "yolox", "detector_model": "x"}, []),
        ({"detector": "yolox", "precision": "bf16"}, ["teacher.precision"]),
        ({"detector": "groundingdino", "proposals": "colour"}, ["saa.proposals"]),
        ({"segmenter": "u2net", "precision": "bf16"}, ["teacher.precision"]),
        ({"precision": "bf16"}, ["teacher.precision"]),
        ({"name": "maskomaly", "prompts": ["cow"], "tile_size_px": 512, "flips": True}, None),
        ({"name": "maskomaly", "device": "cpu", "cache_gb": 1.0}, []),
        ({"name": "maskomaly", "maskomaly__inlier_weight": 0.5}, ["maskomaly.inlier_weight"]),
        ({"name": "maskomaly", "maskomaly__border_threshold": 0.5, **WITH_QUERIES}, []),
        ({"maskomaly__scores": ["rba"]}, ["maskomaly.scores"]),
        # How models run changes no map, so it may be set where there are none.
        ({"device": "cuda", "cache_gb": 2.0, "boxes_per_batch": 1, "compile": True}, []),
        ({"tile_overlap_px": 64}, ["teacher.tile_overlap_px"]),
        ({"tile_overlap_px": 64, "tile_size_px": 256}, []),
        ({"tile_overlap_px": 64, "tile_size_px": 0}, []),
    ],
)
def test_settings_that_are_not_read_are_named_and_no_others(
    values: dict[str, Any], unread: list[str] | None
) -> None:
    config = settings(**values)
    sentence = unread_of(config)
    named = [key for key in config_fields() if f"{key} (" in sentence]
    if unread is None:
        assert sorted(key.split(".")[1] for key in named) == sorted(values.keys() - {"name"})
    else:
        assert named == unread
    assert "\n" not in sentence


def test_a_setting_that_is_not_read_is_told_with_what_reads_it() -> None:
    sentence = unread_of(settings(name="student", prompts=["gull"], text_encoder="x"))
    assert "teacher 'student'" in sentence
    assert "teacher.prompts (teacher.name saa, sam3 or clip)" in sentence
    assert "saa.text_encoder (teacher.name saa)" in sentence
    sentence = unread_of(settings(detector="transformers", text_encoder="x"))
    assert "saa.text_encoder (saa.detector groundingdino)" in sentence


@pytest.mark.parametrize("name", ["u2net", "clip"])
def test_the_config_of_smoke_serves_other_teachers_without_its_section_cam(name: str) -> None:
    told = json.loads((ROOT / "configs/smoke.json").read_text())
    told["teacher"]["name"] = name
    assert "cam.scales (teacher.name cam)" in unread_of(Config(**told))
    del told["cam"]
    assert unread_of(Config(**told)) == ""


def test_only_what_differs_from_its_default_and_changes_maps_decides_them() -> None:
    untold = plan_of(settings()).describe({})
    assert set(untold) == {"name", "version", "models", "defaults_version"}
    how = {"device": "cpu", "cache_gb": 3.0, "boxes_per_batch": 2, "tile_overlap_px": 7}
    for same in ({"box_threshold": 0.2, "prompts": ["tern"]}, how, {"tile_size_px": 0}):
        assert plan_of(settings(**same)).describe({}) == untold
    for key, value in (("box_threshold", 0.3), ("working_size_px", 9), ("tile_size_px", 512)):
        told = plan_of(settings(**{key: value})).describe({})
        assert told == untold | {key: value}
    tiled = {"tile_size_px": 512, "tile_overlap_px": 7}
    assert plan_of(settings(**tiled)).describe({}) == untold | tiled


def test_teachers_of_equal_settings_are_told_apart() -> None:
    assert plan_of(settings()).describe({}) != plan_of(settings(name="sam3")).describe({})


def test_a_label_set_says_how_settings_were_resolved() -> None:
    config = settings(name="sam3")
    told = resolve_settings(config.teacher, config.own_sections())
    assert set(told) == {"teacher", "sam3"}
    assert (told["sam3"]["box_threshold"], told["sam3"]["area_threshold"]) == (0.3, 1.0)


def test_a_student_takes_nothing_that_is_meant_for_another_teacher() -> None:
    given = settings(prompts=["gull"], detector="groundingdino", precision="bf16", flips=True)
    own = given.own_sections()
    sections = as_student(given.teacher, own, checkpoint=Path("a.pt"), logits=True)
    student = given.model_copy(update=sections)
    assert unread_of(student) == ""
    told = student.teacher
    assert (told.name, told.flips, told.logits) == ("student", True, True)
    assert (student.saa, told.precision) == (SaaSection(), "fp32")
    strict = settings(name="student", prompts=["gull"])
    sections = as_student(strict.teacher, strict.own_sections())
    assert "teacher.prompts" in unread_of(strict.model_copy(update=sections))


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
    more = ["--teacher.name=sam3", "--saa.object_prompt=lake"]
    more += [f"--paths.weights={tmp_path}"]
    with pytest.raises(UserError) as error:
        teacher.soft_label_generation.main(["--config", str(project), *more])
    unread, missing = str(error.value).splitlines()
    assert "does not read saa.object_prompt (teacher.name saa)" in unread
    assert missing.startswith("sam3.model: facebook/sam3 is not in")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"proposals": "colour", "tile_size_px": 128},
            "expected less than teacher.tile_size_px, 128",
        ),
        (
            {"proposals": "colour", "tile_size_px": 256, "stretch_each_image": True},
            "would stretch each tile",
        ),
        (
            {"name": "student", "label_set": "x", "tile_size_px": 140},
            r"teacher\.tile_size_px is 140 .*32 pixels",
        ),
    ],
)
def test_tiles_that_cannot_be_are_refused(values: dict[str, Any], message: str) -> None:
    config = settings(**values)
    with pytest.raises(UserError, match=message):
        check(config, {})


def test_a_missing_library_is_seen_before_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings(detector="groundingdino", segmenter="sam")
    models = {part: tmp_path for part in ("detector", "segmenter", "text encoder")}
    (tmp_path / "model.bin").write_bytes(b"1")
    check(config, models)
    monkeypatch.setattr("teacher.building.missing_libraries", lambda: ["timm", "groundingdino-py"])
    with pytest.raises(UserError, match=r"^detector groundingdino needs groundingdino-py: python"):
        check(config, models)


def test_weights_that_are_damaged_are_seen_before_they_are_loaded(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    config = settings(segmenter="transformers", proposals="colour")
    with pytest.raises(UserError, match=r"model\.safetensors is damaged.*fetch it anew"):
        check(config, {"segmenter": tmp_path})


def test_a_device_that_this_machine_lacks_is_seen_before_a_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_options: None)
    (tmp_path / "model.bin").write_bytes(b"1")
    config = settings(segmenter="transformers", proposals="colour", device="cuda")
    with pytest.raises(UserError, match=r"teacher\.device is 'cuda', which this machine lacks"):
        check(config, {"segmenter": tmp_path})
