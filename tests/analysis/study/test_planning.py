"""What a study crosses, and what the cells of its work depend on."""

import importlib.metadata
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import util.learning.device
from analysis.prompt_study import cross
from analysis.study.combined_counts import curve_sizes
from analysis.study.design import split_strategy
from analysis.work import imported_code, versions
from analysis.work.cells import Cell
from analysis.work.stages import Combining
from analysis.work.versions import releases
from teacher.settings import describe_unread
from tests.analysis.study_projects import configure, make_study, plan_study
from tests.analysis.work.copied_code import copy_code, forget_code
from tests.conftest import ROOT
from util.config import override_config
from util.config.command_line import load_config
from util.errors import UserError
from util.images.files import write_image
from util.multi_teacher.member_weights import check_tuning
from util.settings import settings_hash

EVERYTHING = {"3 prompts", "bird", "crest", "whale", "all 3: mean", "all 3: majority:2"}
LEARNERS = EVERYTHING - {"3 prompts"}
COMBINED = {"all 3: mean", "all 3: majority:2"}


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a study that has not run; tests may read it, not change it."""
    project = make_study(tmp_path_factory.mktemp("planned"))
    (project.parent / "splits" / "Small.txt").write_text("flight 0/möwe_00\nflight 0/möwe_01\n")
    shutil.copy(project.parent / "splits" / "Train.txt", project.parent / "splits" / "Same.txt")
    return project


def identify(cell: Cell) -> str:
    """What tells a cell from others, before its label set is there."""
    return settings_hash(dict(cell.depends)) if cell.kind == "student" else cell.folder.name


def identities(project: Path, *more: str) -> dict[str, str]:
    return {cell.name: identify(cell) for cell in plan_study(project, *more).cells}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name.split(",")[0] for name, identity in after.items() if before[name] != identity}


@pytest.mark.parametrize(
    ("more", "made_anew"),
    [
        (["--student.device=cpu"], set()),
        (["--teacher.prompts_per_batch=2"], set()),
        (["--data.test_split=Validation"], set()),
        (["--evaluation.object_class=tern"], set()),
        (["--evaluation.iou_thresholds=0.7"], set()),
        (["--combination.min_votes=3"], set()),
        (["--combination.calibration_split=Train"], set()),
        (["--prediction.pictures=3", "--prediction.output=x"], set()),
        (["--data.train_split=Same"], set()),
        (["--student.epochs=7"], LEARNERS),
        (["--student.precision=bf16-mixed"], LEARNERS),
        (["--student.validation_iou=0.4"], LEARNERS),
        (["--evaluation.min_confidence=0.3"], LEARNERS),
        (["--evaluation.threshold=0.4"], LEARNERS),
        (["--evaluation.dilation_iterations=1"], LEARNERS),
        (["--data.train_split=Small"], LEARNERS),
        (["--data.validation_split=Small"], LEARNERS),
        (["--student.validate_against=ground_truth"], LEARNERS),
        (["--prediction.flips=true"], LEARNERS),
        (["--combination.pixel_weights=true"], COMBINED),
        (["--saa.box_threshold=0.3"], EVERYTHING - LEARNERS),
    ],
)
def test_a_changed_setting_gives_new_cells_where_it_matters(
    planned: Path, more: list[str], made_anew: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where it is, auto is bf16-mixed already.
    monkeypatch.setattr(util.learning.device, "is_faster_in_bf16", lambda device: False)
    before, after = plan_study(planned), plan_study(planned, *more)
    pairs = zip(before.cells, after.cells, strict=True)
    new = {
        cell.name.split(",")[0]
        for old, cell in pairs
        if identify(old) != identify(cell) and cell.place.parent == old.place.parent
    }
    assert new == made_anew


def test_weights_that_a_config_tunes_are_none_of_a_study(planned: Path) -> None:
    told = json.loads(planned.read_text())
    told["combination"] |= {"strategy": "weighted_mean", "tune_weights": True}
    told["combination"]["tuning_split"] = "Test"
    tuned = planned.with_name("tuned.json")
    tuned.write_text(json.dumps(told))
    assert identities(tuned) == identities(planned)
    stages = [cell.stage for cell in plan_study(tuned).cells]
    combinations = [stage for stage in stages if isinstance(stage, Combining)]
    assert combinations
    for stage in combinations:
        check_tuning(stage.settings)


def test_a_student_and_a_combination_of_a_new_teacher_are_new(planned: Path) -> None:
    before, after = plan_study(planned), plan_study(planned, "--saa.box_threshold=0.3")
    assert after.combinations[0].folder.parent != before.combinations[0].folder.parent
    assert after.students[0].reads != before.students[0].reads


def test_the_ids_of_a_split_decide_and_not_its_name_or_place(planned: Path, tmp_path: Path) -> None:
    splits = tmp_path / "lists"
    shutil.copytree(planned.parent / "splits", splits)
    before = identities(planned)
    assert changed(before, identities(planned, f"--data.splits={splits}")) == set()
    lines = (splits / "Validation.txt").read_text(encoding="utf-8").splitlines()
    (splits / "Validation.txt").write_text("\n".join(lines[:-1]), encoding="utf-8")
    assert changed(before, identities(planned, f"--data.splits={splits}")) == LEARNERS


def test_a_copied_project_has_the_same_cells(tmp_path: Path) -> None:
    project = make_study(tmp_path / "here", calibrations=["none", "isotonic"])
    more = "--student.validate_against=ground_truth"
    before = identities(project, more)
    shutil.copytree(project.parent, tmp_path / "there")
    assert identities(tmp_path / "there" / project.name, more) == before


def test_images_count_by_their_names_and_content(planned: Path, tmp_path: Path) -> None:
    images = tmp_path / "photos"
    shutil.copytree(planned.parent / "images", images)
    before = identities(planned)
    assert changed(before, identities(planned, f"--data.images={images}")) == set()
    write_image(images / "flight 1" / "möwe_11.png", np.zeros((61, 83, 3), np.uint8))  # of Test
    assert changed(before, identities(planned, f"--data.images={images}")) == {"3 prompts"}
    write_image(images / "flight 0" / "möwe_00.png", np.zeros((64, 64, 3), np.uint8))  # of Train
    after = identities(planned, f"--data.images={images}")
    assert changed(before, after) == {"3 prompts", "bird", "crest", "whale", *COMBINED}


def test_corrected_truth_that_chooses_checkpoints_gives_new_students(
    planned: Path, tmp_path: Path
) -> None:
    more = ["--student.validate_against=ground_truth", f"--data.ground_truth={tmp_path}/t.csv"]
    rows = (planned.parent / "truth.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "t.csv").write_text("\n".join(rows), encoding="utf-8")
    before = identities(planned, *more)
    of_split = {
        split: (planned.parent / "splits" / f"{split}.txt").read_text(encoding="utf-8").split("\n")
        for split in ("Validation", "Test")
    }
    for split, expected in {"Test": set(), "Validation": LEARNERS}.items():
        dropped = next(row for row in rows if row.split(".png")[0] in of_split[split])
        text = "\n".join(row for row in rows if row != dropped)
        (tmp_path / "t.csv").write_text(text, encoding="utf-8")
        assert changed(before, identities(planned, *more)) == expected


def test_other_masks_to_calibrate_on_give_new_combinations(planned: Path, tmp_path: Path) -> None:
    shutil.copytree(planned.parent / "masks", tmp_path / "masks")
    more = ["--study.calibrations=isotonic", f"--data.masks={tmp_path / 'masks'}"]
    before = {cell.name: cell.hash for cell in plan_study(planned, *more).combinations}
    mask = np.zeros((64, 64), np.uint8)
    mask[3:9, 3:9] = 1
    write_image(tmp_path / "masks" / "flight 1" / "möwe_10.png", mask)  # of Test
    assert before == {cell.name: cell.hash for cell in plan_study(planned, *more).combinations}
    write_image(tmp_path / "masks" / "flight 1" / "möwe_06.png", mask)  # of Validation
    after = {cell.name: cell.hash for cell in plan_study(planned, *more).combinations}
    assert not set(before.values()) & set(after.values())


@pytest.mark.parametrize(("is_fast", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_the_precision_that_auto_becomes_here_decides(
    planned: Path, monkeypatch: pytest.MonkeyPatch, is_fast: bool, precision: str
) -> None:
    monkeypatch.setattr(util.learning.device, "is_faster_in_bf16", lambda device: is_fast)
    assert configure(planned).student.precision == "auto"
    plan = plan_study(planned)
    assert plan.students[0].depends["student"]["precision"] == precision
    assert identities(planned) == identities(planned, f"--student.precision={precision}")


@pytest.mark.parametrize(
    ("library", "release", "made_anew"),
    [
        ("torch", "99.0.0", LEARNERS),
        ("segmentation-models-pytorch", "99.0.0", set()),
        ("pillow", "99.0.0", EVERYTHING),
        ("scikit-learn", "99.0", COMBINED),
        ("pandas", "99.0.0", set()),
        ("torch", None, set()),
    ],
)
def test_releases_of_libraries_that_change_results_decide_and_patches_do_not(
    planned: Path,
    monkeypatch: pytest.MonkeyPatch,
    library: str,
    release: str | None,
    made_anew: set[str],
) -> None:
    before = identities(planned)
    installed = importlib.metadata.version(library)
    patched = ".".join(installed.split(".")[:2]) + ".99+cu128"

    def find_version(name: str) -> str:
        return (release or patched) if name == library else importlib.metadata.version(name)

    monkeypatch.setattr(versions, "find_version", find_version)
    assert changed(before, identities(planned)) == made_anew


def test_architectures_that_are_not_ours_depend_on_their_library(
    planned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ["--student.architecture=Unet"]
    before = identities(planned, *more)
    monkeypatch.setattr(versions, "releases", lambda names: {name: "99" for name in names})
    libraries = plan_study(planned, *more).students[0].depends["libraries"]
    assert "segmentation-models-pytorch" in libraries
    assert changed(before, identities(planned, *more)) >= LEARNERS


def test_releases_are_two_numbers_and_what_is_not_installed_has_none() -> None:
    found = releases(["numpy", "no-such-library"])
    assert found == {"numpy": ".".join(np.__version__.split(".")[:2])}


@pytest.mark.parametrize(
    "file", ["student/losses.py", "util/learning/trainer.py", "util/masks_to_bboxes.py"]
)
def test_changed_code_of_students_gives_new_students(
    planned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    before = identities(planned)
    copy_code(tmp_path)
    monkeypatch.setattr(imported_code, "REPOSITORY", tmp_path)
    for added, expected in (("\n# a comment\n", set()), ("\nMORE = 1\n", LEARNERS)):
        (tmp_path / file).write_text((ROOT / file).read_text() + added)
        forget_code()
        after = identities(planned)
        forget_code()
        assert changed(before, after) == expected


def test_the_thesis_study_is_that_of_the_thesis(planned: Path) -> None:
    thesis = ["--config", str(ROOT / "configs/thesis.json")]
    design = cross(load_config("", thesis)[0])
    assert len(design.prompts) == 20
    assert len(design.off_target) == 10
    groups = {s.name.split(":")[0]: s.members for s in design.sources if not s.is_prompt}
    assert groups == {
        "group 1 of 5": ("shearwater", "bird", "marine bird", "oceanic bird", "car"),
        "group 2 of 5": ("pelican", "shearwater", "cat", "tern", "dolphin"),
        "group 3 of 5": ("gull", "bird", "tern", "penguin", "oceanic bird"),
        "all 20": design.prompts,
    }
    data = [f"--data.{key}={planned.parent / key}" for key in ("images", "splits")]
    plan = plan_study(ROOT / "configs/thesis.json", *data)
    assert (len(plan.combinations), len(plan.students)) == (3 * 3 + 4, 33 * 3)


def test_new_prompts_and_seeds_find_the_cells_that_are_there(planned: Path) -> None:
    few = identities(planned, "--study.prompts=bird", "--study.training_seeds=0")
    few.pop("1 prompts")
    many = identities(planned)
    assert few["bird, unet, seed 0"] == many["bird, unet, seed 0"]
    assert plan_study(planned).teachers[0].folder == (
        plan_study(planned, "--study.prompts=bird").teachers[0].folder
    )


def test_votes_above_the_size_of_a_group_are_left_out(planned: Path) -> None:
    config = configure(
        planned, "--study.strategies=majority:3", "--study.group_sizes=2", "--study.group_sizes=0"
    )
    combined = [source.name for source in cross(config).sources if not source.is_prompt]
    assert combined == ["all 3: majority:3"]


def test_strategies_carry_their_votes() -> None:
    assert split_strategy("majority:3", 2) == ("majority", 3)
    assert split_strategy("majority", 2) == ("majority", 2)
    assert split_strategy("noisy_or", 2) == ("noisy_or", 0)


@pytest.mark.parametrize(
    ("num_prompts", "sizes"),
    [(1, [1]), (3, [1, 2, 3]), (8, list(range(1, 9))), (20, [*range(1, 9), 12, 18, 20])],
)
def test_the_curve_has_all_small_sizes_and_the_largest(
    num_prompts: int, sizes: Sequence[int]
) -> None:
    assert curve_sizes(num_prompts) == sizes


def test_teachers_that_read_no_object_prompt_are_not_crossed_with_them(tmp_path: Path) -> None:
    project = make_study(
        tmp_path,
        prompts=["bird", "gull"],
        teachers=[{}, {"teacher.name": "sam3"}],
        object_prompts=["sea", "water"],
    )
    config = configure(project)
    variants = cross(config).variants
    assert [variant.name for variant in variants] == [
        "teacher as configured, object prompt sea",
        "teacher as configured, object prompt water",
        "name sam3",
    ]
    told = override_config(config, variants[2].changes)
    assert describe_unread(told.teacher, told.own_sections()) == ""


def test_what_a_teacher_does_not_read_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    project = make_study(
        tmp_path, teachers=[{}, {"saa.map_rule": "published", "teacher.flips": True}]
    )
    with pytest.raises(UserError, match=r"does not read teacher\.flips"):
        plan_study(project)
    assert not (tmp_path / "cells").exists()
