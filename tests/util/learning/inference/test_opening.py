"""What is said of a student's file that is not there."""

from pathlib import Path

import pytest

from util.errors import UserError
from util.learning.inference.opening import check_there

DETECTOR = "student/detection/train_detector.py"


@pytest.mark.parametrize(
    ("name", "there", "trained_by", "remedy"),
    [
        ("best.pt", [], "student/train.py", "train first: student/train.py"),
        ("best.pt", [], DETECTOR, f"train first: {DETECTOR}"),
        (
            "bset.pt",
            ["best.pt", "student.onnx", "run.json"],
            "student/train.py",
            "in its folder there is best.pt, student.onnx: name one of these",
        ),
        (
            "student.onnx",
            [],
            "student/train.py",
            "train first: student/train.py, then export it by student/export.py",
        ),
        (
            "s2_int8.onnx",
            ["best.pt"],
            "student/train.py",
            "in its folder there is best.pt: name one of these, or export it by "
            "student/export.py --export.int8 true",
        ),
        (
            "detector.onnx",
            ["best.pt"],
            DETECTOR,
            "in its folder there is best.pt: name one of these, or export it by "
            "student/detection/export_detector.py",
        ),
    ],
)
def test_a_checkpoint_that_is_not_there_is_told_with_what_makes_it_and_what_lies_there(
    name: str, there: list[str], trained_by: str, remedy: str, tmp_path: Path
) -> None:
    for other in there:
        (tmp_path / other).touch()
    with pytest.raises(UserError) as error:
        check_there(tmp_path / name, trained_by)
    assert str(error.value) == f"the checkpoint {tmp_path / name} does not exist; {remedy}"
    with pytest.raises(UserError, match=r"does not exist; train first"):
        check_there(tmp_path / "nowhere/best.pt")
