"""Small projects whose studies are run, for tests of what a study does."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from analysis.prompt_study import cross, plan_work
from analysis.study.concluding import conclude
from analysis.study.planning import StudyPlan
from analysis.study.results import StudyResults
from analysis.work.cells import Cell, Outcome
from analysis.work.images import Images
from analysis.work.judging import Judge, find_judge
from analysis.work.making import make
from analysis.work.running import run_plan
from tests.conftest import make_project
from tests.stages import arguments
from util.config import Config
from util.config.command_line import load_config
from util.images.files import find_images

STUDY = {
    "prompts": ["bird", "crest, white", "whale"],
    "strategies": ["mean", "majority:2"],
    "training_seeds": [0, 1],
    "processes": 2,
}


def make_study(folder: Path, epochs: int = 6, **changes: object) -> Path:
    """Write a project whose students learn enough to find something; returns its config's path."""
    project = make_project(folder)
    content = json.loads(project.read_text())
    content["study"] = {**STUDY, **changes}
    content["student"] |= {"epochs": epochs, "width": 4, "learning_rate": 0.02, "batch_size": 2}
    project.write_text(json.dumps(content))
    return project


def configure(project: Path, *more: str) -> Config:
    """Read a project's config with some settings changed."""
    return load_config("", arguments(project, *more))[0]


def judge_study(config: Config) -> Judge:
    """Read what a study is judged by."""
    score = (config.study.score, config.study.score_iou)
    return find_judge(config.data, config.evaluation, *score, find_images(config.data.images))


def plan_study(project: Path, *more: str) -> StudyPlan:
    """Give the work of a project's study its cells."""
    config = configure(project, *more)
    return plan_work(config, cross(config), Images(find_images(config.data.images)))


def conclude_study(project: Path, *more: str) -> StudyResults:
    """Run a project's study, without a report."""
    config = configure(project, *more)
    design, plan = cross(config), plan_study(project, *more)
    return conclude(
        config.study,
        config.combination,
        design,
        plan,
        run_plan(plan, 2),
        judge_study(config),
        find_images(config.data.images),
        config.paths.cells / "counts",
    )


def run_here(cells: Sequence[Cell], num_processes: int) -> Iterator[tuple[Cell, Outcome]]:
    """Run cells in this process, for tests that are not about processes."""
    return ((cell, make(cell)) for cell in cells)


def tables_of(project: Path) -> dict[str, bytes]:
    """Content of all tables but those with times."""
    folder = project.parent / "runs" / "study" / "tables"
    return {p.name: p.read_bytes() for p in folder.glob("*.csv") if p.stem != "cells"}
