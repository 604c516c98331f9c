import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from util.config import BOX_RULE, Config, DataSection, keys_of
from util.config.command_line import OVERWRITE, load_config
from util.errors import UserError
from util.running.run import print_next


def read(*argv: str) -> Config:
    return load_config("", argv, OVERWRITE)[0]


def refused(*argv: str) -> str:
    """What is said of arguments that cannot be understood."""
    with pytest.raises(UserError) as error:
        read(*argv)
    return str(error.value)


def test_the_command_line_wins_and_its_paths_belong_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"student": {"epochs": 3, "width": 5}}))
    monkeypatch.chdir(tmp_path.parent)
    config, options = load_config(
        "",
        ["--config", str(path), "--student.epochs", "7", "--paths.runs", "x", "--overwrite"],
        OVERWRITE,
    )
    assert (config.student.epochs, config.student.width) == (7, 5)
    assert config.paths.runs == tmp_path.parent / "x"
    assert options.overwrite


def test_images_of_the_users_own_have_no_truth_of_the_demo(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("{}")

    def read_data(*argv: str) -> DataSection:
        return load_config("", ["--config", str(path), *argv], OVERWRITE)[0].data

    own = ["--data.images", str(tmp_path / "photos")]
    data = read_data(*own)
    assert (data.splits, data.ground_truth, data.masks) == (None, None, None)
    given = str(tmp_path / "data/sea_scenes/lists")
    assert read_data(*own, "--data.splits", given).splits == Path(given)
    demo = read_data("--data.images", str(tmp_path / "data/sea_scenes/JPEGImages"))
    assert demo == read_data()
    assert demo.masks == tmp_path / "data/sea_scenes/SegmentationClass"
    truth = {"images": "photos", "ground_truth": "truth.csv", "masks": "masks"}
    path.write_text(json.dumps({"data": truth}))
    assert read_data(*own).ground_truth == tmp_path / "truth.csv"


def is_json_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return False


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PROMPTS = TEXTS | st.sampled_from(
    [
        "bird, white",
        "[white] bird",
        '5" pipe',
        "null",
        "true",
        "3",
        "-bird",
        "--",
        "--config",
        "{}",
        "'",
    ]
)


@settings(max_examples=30)
@example(["--", "bird", "--"])
@given(st.lists(PROMPTS.filter(lambda text: not is_json_list(text)), min_size=1))
def test_any_list_of_texts_is_given_by_repeating(prompts: list[str]) -> None:
    given = read(*(f"--teacher.prompts={prompt}" for prompt in prompts))
    assert given.teacher.prompts == prompts
    words = [word for prompt in prompts for word in ("--teacher.prompts", prompt)]
    if not any(prompt.startswith("-") for prompt in prompts):
        assert read(*words).teacher.prompts == prompts


@settings(max_examples=30)
@given(st.lists(PROMPTS))
def test_any_list_of_texts_is_given_as_json(prompts: list[str]) -> None:
    assert read("--teacher.prompts", json.dumps(prompts)).teacher.prompts == prompts


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1, exclude_min=True), min_size=1), st.lists(st.integers(0, 2**62)))
def test_any_list_of_numbers_is_given_either_way(ious: list[float], seeds: list[int]) -> None:
    words = [f"--evaluation.iou_thresholds={iou}" for iou in ious]
    config = read(*words, "--study.training_seeds", json.dumps(seeds))
    assert config.evaluation.iou_thresholds == ious
    assert config.study.training_seeds == seeds


def test_a_list_of_numbers_with_commas_is_told_how_lists_are_given() -> None:
    assert refused("--study.training_seeds", "0,1") == (
        "--study.training_seeds is 0,1; a list is given by repeating its option, or as JSON: [0,1]"
    )


def test_lists_and_single_values_may_be_mixed() -> None:
    given = read("--teacher.prompts", '["a", "b"]', "--teacher.prompts", "c")
    assert given.teacher.prompts == ["a", "b", "c"]


def test_a_path_may_have_a_comma_a_tilde_or_bytes_that_are_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    predictions = ["~/a, b/p.csv", os.fsdecode(b"/x/\xff.csv"), "a, b"]
    words = [word for path in predictions for word in ("--evaluation.predictions", path)]
    config = read(*words, "--data.masks", predictions[0], "--data.images", predictions[1])
    assert config.data.masks == tmp_path / "a, b/p.csv"
    assert config.data.images == Path(predictions[1])
    assert [Path(place) for place in config.evaluation.predictions] == [
        config.data.masks,
        config.data.images,
        Path.cwd() / "a, b",
    ]


def test_values_with_names_are_given_one_by_one_or_as_json() -> None:
    assert read("--student.losses", "kl=1", "--student.losses", "dice=.5").student.losses == {
        "kl": 1.0,
        "dice": 0.5,
    }
    assert read("--student.losses", '{"kl": 1, "kd": 2}').student.losses == {"kl": 1, "kd": 2}
    values = read("--data.mask_values=0-9=normal", "--data.mask_values", "255=ignored")
    assert values.data.mask_values == {"0-9": "normal", "255": "ignored"}
    assert "expected NAME=VALUE, or a JSON object" in refused("--student.losses", "kl")
    assert 'student.losses.kl is ""; expected a number' in refused("--student.losses", "kl=")
    both = refused("--data.mask_values=0=normal,1=anomalous", "--data.mask_values", "2=ignored")
    assert "--data.mask_values is 0=normal,1=anomalous 2=ignored; each NAME=VALUE" in both
    assert "keys twice, drop one of each: kl" in refused("--student.losses", '{"kl": 1, "kl": 2}')
    assert "of its own, so repeat it" in refused("--student.losses", "kl=1,dice=1")


def test_objects_are_given_one_by_one_or_as_a_list() -> None:
    teachers = [{}, {"box_threshold": 0.1}]
    words = [word for each in teachers for word in ("--study.teachers", json.dumps(each))]
    assert read(*words).study.teachers == teachers
    assert read("--study.teachers", json.dumps(teachers)).study.teachers == teachers
    assert "--study.teachers is x; it is not JSON" in refused("--study.teachers", "x")


def test_null_stands_for_none_where_there_may_be_none() -> None:
    config = read("--data.masks", "null", "--saa.object_prompt", "null")
    assert config.data.masks is None
    assert config.saa.object_prompt == "null"
    assert 'student.width is "null"; expected a whole number' in refused("--student.width", "null")


def test_values_follow_an_equals_sign_or_a_blank_and_the_last_counts() -> None:
    assert read("--student.epochs=3").student.epochs == 3
    assert read("--student.epochs", "3", "--student.epochs=4").student.epochs == 4
    assert read("--data.train_split", "a=b").data.train_split == "a=b"


@pytest.mark.parametrize("text", ["true", "True", "TRUE"])
def test_truth_is_given_in_any_case(text: str) -> None:
    assert read("--export.int8", text).export.int8


@pytest.mark.parametrize("text", ["1", "yes", "", "null", '"true"'])
def test_what_is_neither_true_nor_false_is_refused(text: str) -> None:
    assert "; expected true or false" in refused("--export.int8", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc", '"abc"; expected a number'),
        ("1,5", '"1,5"; expected a number'),
        ("nan", "NaN; expected a finite number"),
        ("1e999", "Infinity; expected a finite number"),
        ("1e20", "1e+20; expected numbers below 2**63"),
        ("-1", "-1.0; expected more than 0"),
    ],
)
def test_numbers_that_cannot_be_used_are_named(text: str, expected: str) -> None:
    said = refused("--student.learning_rate", text)
    assert said == f"command line: student.learning_rate is {expected}"


@pytest.mark.parametrize("text", ["3.0", "", "1e3", "9" * 5000, "0x10", "[1]"])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    assert "; expected a whole number" in refused("--student.epochs", text)


def test_a_value_that_begins_with_a_dash_needs_an_equals_sign_and_is_told_so() -> None:
    said = refused("--teacher.prompts", "-bird")
    assert said == (
        "--teacher.prompts: expected a value; one that begins with a dash is given as"
        " --teacher.prompts=-VALUE"
    )
    assert read("--teacher.prompts=-bird").teacher.prompts == ["-bird"]
    assert "expected a value" in refused("--config")
    assert refused("--overwrite=1") == "--overwrite: it takes no value"


def test_all_unknown_options_and_wrong_values_are_named_together_with_the_nearest() -> None:
    said = refused(
        *("--student.epoch", "3", "--epochs", "3", "--overwrit", "--teacher", "saa", "bird"),
        *("--student.width", "0", "--evaluation.treshold=1", "--x", "--confg"),
    )
    assert said.splitlines() == [
        "unknown option --student.epoch; did you mean --student.epochs?",
        "unknown option --epochs; did you mean --mask2former.epochs or --classifier.epochs or "
        "--student.epochs?",
        "unknown option --overwrit; did you mean --overwrite?",
        "--teacher is a section; give --teacher.KEY VALUE (--help lists the keys)",
        "'bird' belongs to no option; a value is given as --section.key VALUE, a list by repeating"
        " that, and text with blanks in quotes",
        "unknown option --evaluation.treshold; did you mean --evaluation.threshold?",
        "unknown option --x (--help lists all options)",
        "unknown option --confg; did you mean --config?",
        "command line: student.width is 0; expected at least 1",
    ]


def test_a_key_that_the_script_does_not_read_is_refused_on_the_command_line_alone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"student": {"epochs": 3}}))
    given = ["--config", str(path), "--data.test_split", "A", "--paths.runs", "x"]
    reads = keys_of("teacher") | BOX_RULE
    config, _ = load_config("", [*given, "--evaluation.threshold", "0"], reads=reads)
    assert config.student.epochs == 3
    ignored = ["--student.epochs", "3", "--evaluation.baseline", "x", "--overwrite"]
    with pytest.raises(UserError) as error:
        load_config("", [*given, *ignored], reads=reads)
    assert [line.partition(" (")[0] for line in str(error.value).splitlines()] == [
        "unknown option --overwrite",
        f"--student.epochs is not read by {Path(sys.argv[0]).name}",
        f"--evaluation.baseline is not read by {Path(sys.argv[0]).name}",
    ]


def test_help_shows_what_the_script_reads_with_defaults(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as exit_:
        load_config("Does it.", ["--help"], OVERWRITE, {"export.int8", "study.off_target"})
    assert exit_.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "[--config FILE] [--overwrite] [--section.key VALUE ...] Does it." in shown
    assert "study: The prompt study: what is crossed" in shown
    assert '(default: ["list:off_target"])' in shown
    assert "--export.int8 {true,false} Write an int8 version" in shown
    assert "--data.images PATH Folder of the images, with sub-folders. (default: data/sea" in shown
    assert "student: " not in shown
    assert "--export.opset" not in shown


def test_text_that_is_no_utf8_is_refused() -> None:
    assert "expected text in UTF-8" in refused("--teacher.prompts", os.fsdecode(b"m\xf6we"))


def test_a_config_that_cannot_be_used_is_told_with_what_else_is_wrong(tmp_path: Path) -> None:
    said = refused("--config", str(tmp_path), "--student.epoch", "3")
    assert [line.split("; ")[1] for line in said.splitlines()] == [
        "did you mean --student.epochs?",
        "give the file in it with --config FILE",
    ]
    assert "no such user" in refused("--config", "~nobody_of_that_name/config.json")


def test_a_script_ends_with_status_2_and_without_a_traceback() -> None:
    script = ROOT / "util" / "demo" / "make_demo.py"
    command = [sys.executable, str(script), "--demo.scene", "3", "--demo.size_px", "x"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: unknown option --demo.scene; did you mean --demo.scenes?",
        'command line: demo.size_px is "x"; expected a whole number',
    ]


def test_the_next_command_keeps_what_the_next_script_reads_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    argv = ["--config", "my config.json", "--data.images=a b", "--evaluation.threshold", "0.3"]
    argv += ["--student.epochs", "3", "--paths.runs", "x", "--overwrite", "--data.masks", "null"]
    print_next(["student/test.py", "--student.run", "it's"], argv, BOX_RULE)
    assert capsys.readouterr().out == (
        "Next: python student/test.py --student.run 'it'\"'\"'s' --config 'my config.json'"
        " '--data.images=a b' --evaluation.threshold 0.3 --paths.runs x --data.masks null\n"
    )


def test_files_stand_without_an_option_where_a_script_takes_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = {**OVERWRITE, "videos": {"metavar": "VIDEO", "nargs": "+", "type": Path}}
    _, options = load_config("", ["a.mp4", "b c.mp4", "--overwrite"], files)
    assert options.videos == [Path("a.mp4"), Path("b c.mp4")]
    with pytest.raises(UserError, match=r"unknown option --videos \(--help lists"):
        load_config("", ["a.mp4", "--videos", "b.mp4"], files, ())
    with pytest.raises(SystemExit):
        load_config("", ["--help"], files)
    assert "[--config FILE] [--overwrite] VIDEO ... [--section.key" in capsys.readouterr().out
