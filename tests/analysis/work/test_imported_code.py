"""Which code results of a study depend on."""

import ast
from pathlib import Path

import pytest

from analysis.work import imported_code
from analysis.work.detecting import DETECTING
from analysis.work.imported_code import SHOWING, TOLD_OTHERWISE, code_hash, imported_by, strip_code
from analysis.work.stages import COMBINING, LEARNING
from tests.analysis.work.copied_code import copy_code, forget_code
from tests.conftest import ROOT

JUDGING = ("analysis.work.judging",)
COUNTING = ("analysis.study.combined_counts",)

SAID = """

def tell(x):
    print(f"there are {x}")
    if x < 0:
        logger.warning("few")
        raise ValueError(f"{x} is too few")
    return x
"""


@pytest.mark.parametrize(
    ("modules", "file", "counts"),
    [
        (DETECTING, "util/detections.py", True),  # which boxes a detector keeps
        (DETECTING, "util/metrics/box_overlap.py", True),
        (DETECTING, "student/detection/labelled_frames.py", True),
        (DETECTING, "util/streams/choosing/strategies.py", False),  # the frames are what counts
        (DETECTING, "student/losses.py", False),
        ((COMBINING,), "util/metrics/box_matching.py", True),  # of consensus
        ((COMBINING,), "util/metrics/pixelwise/pixel_calibration.py", True),
        ((COMBINING,), "util/images/decoding.py", True),
        ((COMBINING,), "util/label_set/writing/folding.py", True),
        ((COMBINING,), "student/losses.py", False),
        ((COMBINING,), "util/config/combination.py", False),
        (LEARNING, "student/pairwise_losses.py", True),
        (LEARNING, "util/refinement/resizing.py", True),
        (LEARNING, "student/inference/pictures.py", False),
        (JUDGING, "util/metrics/pixelwise/binned_pixels.py", True),
        (JUDGING, "util/metrics/box_matching.py", True),
        (JUDGING, "util/running/progress.py", False),
        (JUDGING, "teacher/plans.py", False),
        (COUNTING, "analysis/study/scoring.py", True),
        (COUNTING, "util/multi_teacher/strategies.py", True),
    ],
)
def test_code_counts_where_what_is_made_imports_it(
    modules: tuple[str, ...], file: str, counts: bool
) -> None:
    module = file.removesuffix(".py").replace("/", ".")
    assert (module in imported_by(modules)) == counts


def test_another_rule_of_boxes_gives_new_detectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = code_hash(*DETECTING)
    copy_code(tmp_path)
    monkeypatch.setattr(imported_code, "REPOSITORY", tmp_path)
    code_hash.cache_clear()
    rule = (ROOT / "util/detections.py").read_text()
    (tmp_path / "util/detections.py").write_text(rule + "\n# a comment\n")
    assert code_hash(*DETECTING) == before
    (tmp_path / "util/detections.py").write_text(rule + "\nMORE = 1\n")
    forget_code()
    assert code_hash(*DETECTING) != before
    forget_code()


def test_modules_are_found_through_packages_in_functions_and_not_for_types_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "util/__init__.py": '"""All."""',
        "util/inner/__init__.py": "from util.inner.one import f\nfrom util.inner.two import g",
        "util/inner/one.py": "def f(): pass",
        "util/inner/two.py": "g = 1",
        "util/whole.py": "import numpy\nfrom util.late import MORE",
        "util/late.py": "MORE = 1",
        "util/types.py": "class T: pass",
        "util/config/__init__.py": "import util.inner.two",
        "util/start.py": (
            "import json\n"
            "from typing import TYPE_CHECKING\n"
            "import util.config.schema\n"
            "from util.inner import f\n"
            "if TYPE_CHECKING:\n    from util.types import T\n"
            "def g():\n    from util import whole\n    return whole.MORE + f()\n"
        ),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(imported_code, "REPOSITORY", tmp_path)
    expected = {"util.start", "util.inner.one", "util.whole", "util.late"}
    assert imported_by(("util.start",)) == expected
    assert imported_by(("util.inner",)) == {"util.inner", "util.inner.one", "util.inner.two"}


def test_all_modules_that_are_named_are_there() -> None:
    named = {*TOLD_OTHERWISE, *SHOWING, *DETECTING, *LEARNING, COMBINING, *JUDGING, *COUNTING}
    assert {imported_code._find(module).is_file() for module in named} == {True}
    with pytest.raises(FileNotFoundError):
        code_hash("util.no_such_module")


def test_code_counts_without_comments_docstrings_and_layout() -> None:
    plain = "def f(x):\n    return x + 1\n\nclass A:\n    b = 2\n"
    dressed = '"""Text."""\n\n\ndef f(x):  # adds\n    """Add."""\n    return (x +\n        1)\n'
    dressed += 'class A:\n    """A."""\n    b = 2\n    """Of b."""\n'
    assert strip(dressed) == strip(plain)
    assert strip(plain) != strip(plain.replace("1", "2"))


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("there are", "we found", False),
        ("few", "not enough", False),
        ("is too few", "is below 0", False),
        ("x < 0", "x < 1", True),
        ("ValueError", "KeyError", True),
        ("return x", "return x + 1", True),
    ],
)
def test_what_users_are_told_does_not_count(old: str, new: str, counts: bool) -> None:
    assert (strip(SAID) != strip(SAID.replace(old, new))) == counts


def strip(text: str) -> str:
    return strip_code(ast.parse(text))
