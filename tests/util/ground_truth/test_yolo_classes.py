"""What numbers of classes mean, by a list of them or a data.yaml."""

import logging
from pathlib import Path

import pytest

from util.errors import UserError
from util.ground_truth.reading import read_ground_truth
from util.ground_truth.yolo_classes import read_class_names

LISTED = "path: .\ntrain: images\nnc: 3\nnames: ['gull', \"no\", 7]\n"
BY_NUMBER = "# birds\nnames:\n  0: gull\n  1: no\n  2: 7\n"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    folder = tmp_path / "labels"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("text", [LISTED, BY_NUMBER, "\ufeff" + BY_NUMBER.replace("\n", "\r\n")])
@pytest.mark.parametrize("place", [".", ".."])
def test_names_are_those_of_data_yaml_among_the_labels_or_above(
    labels: Path, place: str, text: str
) -> None:
    (labels / place / "data.yaml").write_text(text, encoding="utf-8")
    assert read_class_names(labels) == {"0": "gull", "1": "no", "2": "7"}
    (labels / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.1 0.1\n4 0.5 0.5 0.1 0.1\n")
    table = read_ground_truth(labels, "yolo", {"a": Path("a.jpg")}, ["gull", "4"])
    assert table["obj_class"].tolist() == ["gull", "4"]


def test_a_list_of_classes_comes_before_data_yaml_and_the_nearer_of_two_before_the_other(
    labels: Path,
) -> None:
    (labels.parent / "data.yaml").write_text("names: [far]")
    (labels / "data.yaml").write_text("train: images")
    assert read_class_names(labels) == {"0": "far"}
    (labels / "data.yaml").write_text("names: {3: near, 4: }")
    assert read_class_names(labels) == {"3": "near"}
    (labels / "classes.txt").write_text("listed")
    assert read_class_names(labels) == {"0": "listed"}


@pytest.mark.parametrize(("name", "is_usual"), [("Labels", True), ("B", False)])
def test_a_data_yaml_above_counts_for_a_folder_called_labels_alone(
    tmp_path: Path, name: str, is_usual: bool
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (tmp_path / "data.yaml").write_text("train: A/images\nnames: [gull]")
    assert read_class_names(folder) == ({"0": "gull"} if is_usual else {})


@pytest.mark.parametrize("text", ["a: 1\n---\nb: 2\n", "names: gull", "names: [gull"])
def test_a_data_yaml_above_that_cannot_be_understood_is_passed_over_with_a_warning(
    labels: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (labels.parent / "data.yaml").write_text(text)
    assert read_class_names(labels) == {}
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.message.startswith(f"{labels.parent}/data.yaml cannot be understood (")
    assert record.message.endswith("; it was passed over, so classes have no names")


@pytest.mark.parametrize("name", ["data.yaml", "classes.txt", "../data.yaml"])
def test_which_file_named_the_classes_is_logged_once(
    labels: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (labels / name).resolve().write_text("gull" if name == "classes.txt" else "names: [gull]")
    for _ in range(2):
        assert read_class_names(labels) == {"0": "gull"}
    path = (labels / name).resolve()
    assert caplog.messages == [f"Classes of {labels} have the names of {path}"]


@pytest.mark.parametrize("text", ["", "[]", "names:", "names: []", "train: images\nnc: 2"])
def test_a_data_yaml_without_names_names_nothing(labels: Path, text: str) -> None:
    (labels / "data.yaml").write_text(text)
    assert read_class_names(labels) == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("names: [gull", "expected ',' or ']'"),
        ("names: gull", "its names are 'gull'"),
        ("names: [[gull]]", "the name of 0 is no text"),
        ("names: {gull: 0}", "'gull'"),
        ("names: {[1]: gull}", "unhashable"),
        ("a: \x01", "special characters"),
        ("names: " + "[" * 5000, ""),
    ],
)
def test_a_data_yaml_that_cannot_be_understood_is_one_sentence(
    labels: Path, text: str, why: str
) -> None:
    (labels / "data.yaml").write_text(text)
    with pytest.raises(UserError) as raised:
        read_class_names(labels)
    told = str(raised.value)
    assert told.startswith(f"{labels}/data.yaml cannot be understood (")
    assert why in told
    assert "such as names: {0: gull, 1: boat}; mend it" in told
    assert "\n" not in told


def test_yaml_runs_nothing_and_text_that_is_no_utf_8_is_refused(labels: Path) -> None:
    (labels / "data.yaml").write_text("names: [!!python/object/apply:os.getcwd []]")
    with pytest.raises(UserError, match="the name of 0 is no text"):
        read_class_names(labels)
    (labels / "data.yaml").write_bytes(b"names: [m\xf6we]")
    with pytest.raises(UserError, match=r"cannot be understood .*utf-8"):
        read_class_names(labels)


def test_the_number_of_a_class_that_has_a_name_is_told_with_it(labels: Path) -> None:
    (labels / "classes.txt").write_text("gull\nboat\n")
    (labels / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(UserError, match=r"classes 0 \(the number of 'gull': choose by name\), 1,"):
        read_ground_truth(labels, "yolo", {"a": Path("a.jpg")}, ["0", "1"])
