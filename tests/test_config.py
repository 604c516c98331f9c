import json
from pathlib import Path

import pytest

from tests.conftest import ROOT
from util.config import Config, load_config, override_config, read_config
from util.errors import UserError


def write(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "config.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


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
    words = [f"--data.mask_values={key}={meaning}" for key, meaning in given.items()]
    config, _ = load_config("", ["--config", str(write(tmp_path, {})), *words])
    assert config.data.mask_values == given
    for wrong in ({"-1": "normal"}, {"x": "normal"}, {"0": "background"}):
        with pytest.raises(UserError, match=r"data\.mask_values"):
            read_config(write(tmp_path, {"data": {"mask_values": wrong}}))


def test_every_key_has_a_sentence() -> None:
    for section, field in Config.model_fields.items():
        for key, info in field.annotation.model_fields.items():  # type: ignore[union-attr]
            assert info.description, f"{section}.{key}"
            assert info.description.rstrip().endswith("."), f"{section}.{key}"


def test_relative_paths_belong_to_the_file(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, {"paths": {"runs": "here"}}))
    assert config.paths.runs == tmp_path / "here"


def test_the_command_line_wins_and_its_paths_belong_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, {"student": {"epochs": 3, "width": 5}})
    monkeypatch.chdir(tmp_path.parent)
    config, options = load_config(
        "", ["--config", str(path), "--student.epochs", "7", "--paths.runs", "x", "--overwrite"]
    )
    assert (config.student.epochs, config.student.width) == (7, 5)
    assert config.paths.runs == tmp_path.parent / "x"
    assert options.overwrite


def test_lists_are_given_by_repeating_or_as_json(tmp_path: Path) -> None:
    path = write(tmp_path, {})
    for arguments in (
        ["--teacher.prompts", "a b", "--teacher.prompts", "c"],
        ["--teacher.prompts", '["a b", "c"]'],
    ):
        config, _ = load_config("", ["--config", str(path), *arguments])
        assert config.teacher.prompts == ["a b", "c"]


def test_a_resolved_config_repeats_itself(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, {"paths": {"runs": "r"}, "student": {"epochs": 2}}))
    copy = tmp_path / "elsewhere" / "config.json"
    copy.parent.mkdir()
    copy.write_text(config.model_dump_json())
    assert read_config(copy) == config


def test_all_wrong_values_are_named_together_with_the_nearest_key(tmp_path: Path) -> None:
    content = {
        "student": {"epoch": 3, "seed": True, "width": "3", "temperature": 0.5},
        "techer": {},
        "paths": {"runs": 3},
    }
    with pytest.raises(UserError) as error:
        read_config(write(tmp_path, content))
    text = str(error.value)
    assert "unknown key 'student.epoch'; did you mean 'student.epochs'?" in text
    assert "unknown key 'techer'; did you mean 'teacher'?" in text
    for key in ("student.seed is true", "student.width is", "student.temperature", "paths.runs"):
        assert key in text


def test_malformed_json_is_placed_by_line_and_column(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 2, column 1"):
        read_config(write(tmp_path, '{"student": {},\n}'))


def test_a_missing_config_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.json.*--config"):
        read_config(tmp_path / "nowhere.json")


def test_an_unknown_argument_exits_2_and_names_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as exit_:
        load_config("", ["--student.epoch", "3"])
    assert exit_.value.code == 2
    assert "Did you mean --student.epochs?" in capsys.readouterr().err


def test_an_impossible_value_on_the_command_line_is_named() -> None:
    with pytest.raises(UserError, match=r"command line: student\.epochs"):
        override_config(Config(), {"student": {"epochs": "0"}})


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "", ".hidden", "a;b", "C:x"])
def test_folder_names_cannot_leave_their_folder(name: str) -> None:
    with pytest.raises(UserError, match=r"student\.run"):
        override_config(Config(), {"student": {"run": name}})
