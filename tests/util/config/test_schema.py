import codecs
import json
import math
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from util.config import (
    BOX_RULE,
    TILES,
    Config,
    config_fields,
    keys_of,
    override_config,
    read_config,
    write_config,
)
from util.config.values import describe_default
from util.errors import UserError


def write(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "config.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def refused(path: Path) -> str:
    """What is said of a config that cannot be used."""
    with pytest.raises(UserError) as error:
        read_config(path)
    return str(error.value)


def test_the_shipped_config_is_complete_and_holds_the_defaults() -> None:
    shipped = json.loads((ROOT / "config.json").read_text())
    assert {section: set(keys) for section, keys in shipped.items()} == {
        section: set(keys) for section, keys in Config().model_dump().items()
    }
    assert read_config(ROOT / "config.json") == Config()


def test_what_a_config_leaves_out_lies_beside_it(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, {"paths": {"demo": "scenes"}}))
    assert config.paths.label_sets == tmp_path / "label_sets"
    assert config.data.images == tmp_path / "scenes" / "JPEGImages"
    assert config.data.ground_truth == tmp_path / "scenes" / "ground_truth.csv"
    own = read_config(write(tmp_path, {"data": {"images": "photos"}}))
    assert own.data.images == tmp_path / "photos"
    assert own.data.splits is None
    assert own.data.ground_truth is None
    for each in (config, own):
        places = {
            f"{section}.{key}": place
            for section, keys in each.model_dump().items()
            for key, place in keys.items()
            if isinstance(place, Path) and place.is_relative_to(ROOT)
        }
        assert set(places) == {"paths.weights"}, "weights are for all projects, nothing else is"


def test_the_default_that_is_told_of_a_path_is_what_a_config_gets_that_leaves_it_out(
    tmp_path: Path,
) -> None:
    values = read_config(write(tmp_path, {})).model_dump()
    told = {
        key: describe_default(key, field)
        for key, field in config_fields().items()
        if isinstance(field.default, Path)
    }
    for key, text in told.items():
        section, name = key.split(".")
        base = ROOT if key == "paths.weights" else tmp_path
        assert values[section][name] == base / text.split(";")[0], key
    others = {key: text for key, text in told.items() if ";" in text}
    assert others == {
        "paths.windows": "windows; config.json has data/windows",
        "video.output": "frames; config.json has data/frames",
    }


def test_all_classes_count_of_a_truth_of_the_users_own(tmp_path: Path) -> None:
    for data, expected in (
        ({}, ["bird"]),
        ({"splits": "lists"}, ["bird"]),
        ({"images": "photos"}, []),
        ({"ground_truth": "own.csv"}, []),
        ({"masks": "masks"}, []),
        ({"images": "photos", "ground_truth_classes": ["gull"]}, ["gull"]),
    ):
        config = read_config(write(tmp_path, {"data": data}))
        assert config.data.ground_truth_classes == expected


def test_values_of_masks_are_given_by_range(tmp_path: Path) -> None:
    given = {"0-127": "normal", "128-255": "anomalous"}
    path = write(tmp_path, {"data": {"mask_values": given}})
    assert read_config(path).data.mask_values == given
    for wrong in ({"-1": "normal"}, {"x": "normal"}, {"0": "background"}):
        with pytest.raises(UserError, match=r"data\.mask_values"):
            read_config(write(tmp_path, {"data": {"mask_values": wrong}}))


def test_names_of_masks_are_made_by_regular_expressions(tmp_path: Path) -> None:
    given = {"_(left|right)Img8bit$": r"_\1_gtFine", "$": ".png"}
    path = write(tmp_path, {"data": {"mask_names": given}})
    assert list(read_config(path).data.mask_names.items()) == list(given.items())
    for wrong, message in (
        ({"(": ""}, 'data.mask_names names "("; expected a regular expression: missing )'),
        ({"a": r"\1"}, "expected what can replace a: invalid group reference 1"),
        ({"a": r"\g<b>"}, "expected what can replace a: unknown group name 'b'"),
        ({"a": 1}, "data.mask_names.a is 1; expected text"),
    ):
        assert message in refused(write(tmp_path, {"data": {"mask_names": wrong}}))


def test_every_key_has_a_sentence() -> None:
    for key, field in config_fields().items():
        assert field.description, key
        assert field.description.rstrip().endswith("."), key


def test_keys_are_named_by_their_sections() -> None:
    assert keys_of("tracking") == {"tracking.mode", "tracking.project"}
    assert keys_of("export", "tracking") == keys_of("export") | keys_of("tracking")
    assert {"evaluation.threshold", "prediction.flips"} <= BOX_RULE | TILES <= {*config_fields()}


def test_relative_paths_belong_to_the_file(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, {"paths": {"runs": "here"}}))
    assert config.paths.runs == tmp_path / "here"


def test_a_tilde_is_the_home_of_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    content = {"paths": {"runs": "~/a~b", "cache": "~"}, "data": {"images": "./~/x"}}
    config = read_config(write(tmp_path, content))
    assert config.paths.runs == tmp_path / "home" / "a~b"
    assert config.paths.cache == tmp_path / "home"
    assert config.data.images == tmp_path / "~" / "x"
    unknown = write(tmp_path, {"data": {"images": "~nobody_of_that_name/photos"}})
    assert 'data.images is "~nobody_of_that_name/photos"; expected a path' in refused(unknown)


def test_a_model_is_a_path_where_it_is_on_this_disk_and_a_name_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "mine.pth").touch()
    saa = {"detector_model": "mine.pth", "text_encoder": "~/b"}
    saa["saliency_model"] = "x" * 5000
    study = {"teachers": [{"saa.segmenter_model": "mine.pth", "saa.max_masks": 3}, {}]}
    config = read_config(
        write(tmp_path, {"saa": saa, "sam3": {"model": "facebook/sam3"}, "study": study})
    )
    assert config.saa.detector_model == str(tmp_path / "mine.pth")
    assert config.sam3.model == "facebook/sam3"
    assert config.saa.saliency_model == "x" * 5000
    assert config.saa.text_encoder == str(tmp_path / "home" / "b")
    there = {"saa.segmenter_model": str(tmp_path / "mine.pth"), "saa.max_masks": 3}
    assert config.study.teachers == [there, {}]


def test_a_pattern_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path, {"data": {"groups": "^(.*/"}})
    with pytest.raises(
        UserError, match=r'data.groups is "\^\(\.\*/"; expected a regular expression'
    ):
        read_config(path)


def test_a_resolved_config_repeats_itself(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, {"paths": {"runs": "r"}, "student": {"epochs": 2}}))
    copy = tmp_path / "elsewhere" / "config.json"
    copy.parent.mkdir()
    copy.write_text(config.model_dump_json())
    assert read_config(copy) == config


NAMES = st.binary(min_size=1, max_size=9).filter(lambda name: not {0, ord("/")} & {*name})
PATHS = st.lists(NAMES.map(os.fsdecode), min_size=1, max_size=3).map("/".join)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.floats(0, 1e18)


@given(
    PATHS,
    st.lists(PATHS),
    st.lists(TEXTS),
    st.dictionaries(st.sampled_from(["kl", "dice", "focal"]), NUMBERS, min_size=1),
    st.integers(0, 2**63 - 1),
)
def test_any_config_that_a_run_keeps_is_read_again_as_it_was(
    images: str, predictions: list[str], prompts: list[str], losses: dict[str, float], seed: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        overrides = {
            "paths": {"runs": f"{folder}/runs"},
            "data": {"images": f"{folder}/{images}", "masks": None},
            "evaluation": {"predictions": [f"./{path}" for path in predictions], "baseline": "a"},
            "teacher": {"prompts": prompts},
            "student": {"losses": losses, "seed": seed},
        }
        config = override_config(Config(), overrides)
        write_config(Path(folder, "runs", "a"), config)
        assert read_config(Path(folder, "runs", "a", "config.json")) == config


def test_a_project_that_is_copied_as_a_whole_reads_and_writes_its_own_files(
    tmp_path: Path,
) -> None:
    (tmp_path / "old").mkdir()
    content = {
        "data": {"images": "photos", "splits": "../shared"},
        "student": {"checkpoint": "runs/a/best.pt"},
        "evaluation": {"baseline": "bird", "predictions": ["label_sets/bird", "../x.csv"]},
    }
    config = read_config(write(tmp_path / "old", content))
    write_config(tmp_path / "old" / "runs" / "a", config)
    shutil.copytree(tmp_path / "old", tmp_path / "new" / "place")
    copied = read_config(tmp_path / "new" / "place" / "runs" / "a" / "config.json")
    assert copied.paths.runs == tmp_path / "new/place/runs"
    assert copied.data.images == tmp_path / "new/place/photos"
    assert copied.student.checkpoint == tmp_path / "new/place/runs/a/best.pt"
    assert copied.data.splits == tmp_path / "shared"  # it is no part of the project
    assert copied.evaluation.baseline == f"{tmp_path}/new/place/./bird"
    assert copied.evaluation.predictions[0] == f"{tmp_path}/new/place/./label_sets/bird"
    again = copied.model_dump_json().replace("/new/place/", "/old/")
    assert json.loads(again) == json.loads(config.model_dump_json())


def test_a_run_folder_on_another_disk_does_not_change_what_paths_mean(tmp_path: Path) -> None:
    (tmp_path / "disk" / "runs").mkdir(parents=True)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "runs").symlink_to(tmp_path / "disk" / "runs")
    config = read_config(write(tmp_path / "old", {"data": {"images": "photos"}}))
    write_config(tmp_path / "old" / "runs" / "a", config)
    for place in ("old", "disk"):
        assert read_config(tmp_path / place / "runs" / "a" / "config.json") == config


def test_all_wrong_values_are_named_together_with_the_nearest_key(tmp_path: Path) -> None:
    content = {
        "student": {"epoch": 3, "seed": True, "width": "3", "temperature": 0.5, "prompts": ["x"]},
        "techer": {},
        "paths": {"runs": 3},
        "old": {},
        "student.epochs": 3,
    }
    path = write(tmp_path, content)
    assert {line.removeprefix(f"{path}: ") for line in refused(path).splitlines()} == {
        "paths.runs is 3; expected a path",
        'student.width is "3"; expected a whole number',
        "student.temperature is 0.5; expected at least 1",
        "student.seed is true; expected a whole number",
        "unknown key 'student.epoch'; did you mean 'student.epochs'?",
        "unknown key 'student.prompts'; did you mean 'teacher.prompts' or 'study.prompts'?",
        "unknown key 'techer'; did you mean 'teacher' or 'classifier.teacher'?",
        "unknown key 'old'; take it out (other versions may know it; --help lists the keys of this"
        " one)",
        'unknown key \'student.epochs\'; keys stand in their section: "student": {"epochs": ...}',
    }


@pytest.mark.parametrize(
    ("section", "value", "expected"),
    [
        (
            "teacher",
            {"name": "sam"},
            "teacher.name is \"sam\"; expected 'saa', 'sam3', 'clip', 'maskomaly', 'cam', 'u2net',"
            " 'boxes' or 'student'",
        ),
        ("teacher", {"prompts": "bird"}, 'teacher.prompts is "bird"; expected a list, in [ ]'),
        ("teacher", {"prompts": [1]}, "teacher.prompts.0 is 1; expected text"),
        ("teacher", {"flips": 1}, "teacher.flips is 1; expected true or false"),
        ("teacher", {"compile": "no"}, 'teacher.compile is "no"; expected true or false'),
        ("saa", {"object_prompt": ""}, 'prompt is ""; expected text that is not empty'),
        ("saa", {"box_threshold": "0.2"}, 'box_threshold is "0.2"; expected a number'),
        ("sam3", {"box_threshold": 2}, "box_threshold is 2; expected at most 1"),
        (
            "student",
            {"losses": {"l1": 1}},
            "student.losses names \"l1\"; expected 'kl', ",
        ),
        ("student", {"losses": {"kl": -1}}, "student.losses.kl is -1; expected at least 0"),
        ("student", {"losses": {}}, "student.losses is {}; expected at least 1 value"),
        ("student", {"losses": ["kl"]}, 'is ["kl"]; expected names with values, in { }'),
        ("student", {"learning_rate": 0}, "student.learning_rate is 0; expected more than 0"),
        ("student", {"ema_decay": 1}, "student.ema_decay is 1; expected less than 1"),
        ("student", None, "student is null; expected keys with values, in { }"),
        ("data", {"images": None}, "data.images is null; expected a path"),
        ("data", {"images": ""}, 'data.images is ""; expected a path'),
        ("data", {"images": "a\0b"}, "expected a path"),
        ("study", {"teachers": [1]}, "study.teachers.0 is 1; expected names with values, in { }"),
        ("teacher", {"prompts": ["\ud800"]}, "expected text in UTF-8"),
        ("teacher", {"prompts": ["x" * 5000]}, None),
        ("student", {"epochs": 10**30}, "expected numbers below 2**63"),
        ("student", {"memory_gb": 1e300}, "student.memory_gb is 1e+300; expected numbers below"),
    ],
)
def test_a_wrong_value_is_said_with_its_key_and_what_was_expected(
    tmp_path: Path, section: str, value: object, expected: str | None
) -> None:
    path = write(tmp_path, {section: value})
    if expected is None:
        read_config(path)
    else:
        assert expected in refused(path)
        assert "nput should" not in refused(path)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("NaN", "a finite number"),
        ("Infinity", "a finite number"),
        ("-1e999", "a finite number"),
        ("9" * 400, "a finite number"),
        ("9" * 100, "numbers below 2**63"),
    ],
)
def test_numbers_that_no_library_takes_are_refused(
    tmp_path: Path, number: str, expected: str
) -> None:
    path = write(tmp_path, f'{{"student": {{"learning_rate": {number}, "epochs": {number}}}}}')
    assert f"expected {expected}" in refused(path)
    assert "student.epochs is" in refused(path)


def test_long_values_are_cut_short_in_what_is_said(tmp_path: Path) -> None:
    deep: object = 1
    for _ in range(400):
        deep = [deep]
    content = {"student": {"width": "9" * 5000}, "study": {"teachers": [{"saa.max_masks": deep}]}}
    text = refused(write(tmp_path, content))
    assert "(5002 characters); expected a whole number" in text
    assert "study.teachers.0.saa.max_masks" in text
    assert max(map(len, text.splitlines())) < 500


def test_a_config_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(codecs.BOM_UTF8 + b'{"student": {"epochs": 3}}')
    assert read_config(path).student.epochs == 3


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, '{"student": {"epochs": 3, "width": 2, "epochs": 4}}')
    assert "twice, drop one of each: student.epochs" in refused(path)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "it is empty"),
        (b"[]", "the config is []; expected keys with values, in { }"),
        (b"null", "the config is null; expected"),
        (b'{"student": {},\n}', "line 2, column 1"),
        (b"\x89PNG\r\n\x1a\n\0", "it is no text"),
        (b"[" * 100_000, "it is nested too deeply"),
    ],
)
def test_what_is_no_config_is_said(tmp_path: Path, data: bytes, sentence: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(data)
    assert sentence in refused(path)
    assert str(path) in refused(path)


def test_a_config_that_is_not_there_or_is_a_folder_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere.json") == (
        f"the config {tmp_path}/nowhere.json cannot be read (No such file or directory); give one"
        " with --config FILE"
    )
    assert "is a folder; give the file in it" in refused(tmp_path)


def test_replaced_values_are_taken_as_they_are_and_wrong_ones_named() -> None:
    changed = override_config(Config(), {"student": {"epochs": 3, "checkpoint": "a/../b"}})
    assert (changed.student.epochs, changed.student.checkpoint) == (3, Path.cwd() / "b")
    assert changed.data == Config().data
    with pytest.raises(UserError, match=r'^study\.teachers: saa\.max_masks is "3"'):
        override_config(Config(), {"saa": {"max_masks": "3"}}, "study.teachers")
    with pytest.raises(UserError, match=r"teacher\.cache_gb is Infinity; expected a fin"):
        override_config(Config(), {"teacher": {"cache_gb": math.inf}})


def test_classes_of_the_demo_are_none_of_the_users_own_images_or_truth() -> None:
    demo = Config()
    assert demo.data.ground_truth_classes

    def classes(**given: Any) -> list[str]:
        return override_config(demo, {"data": given}).data.ground_truth_classes

    kept = demo.data.ground_truth_classes
    assert classes(images="photos", ground_truth="truth.csv") == []
    assert classes(ground_truth="truth.csv") == []
    assert classes(images="photos") == []
    assert classes(ground_truth="truth.csv", ground_truth_classes=["gull"]) == ["gull"]
    assert classes(images=str(demo.data.images / "part")) == kept
    assert classes(test_split="Validation") == kept
    own = override_config(
        demo, {"data": {"ground_truth": "a.csv", "ground_truth_classes": ["gull"]}}
    )
    again = override_config(own, {"data": {"ground_truth": "b.csv"}})
    assert again.data.ground_truth_classes == ["gull"]


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "", ".hidden", "a;b", "C:x"])
def test_folder_names_cannot_leave_their_folder(name: str) -> None:
    with pytest.raises(UserError, match=r"student\.run"):
        override_config(Config(), {"student": {"run": name}})
