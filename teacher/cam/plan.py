"""Class activation maps of classifiers as teachers: a label set a network."""

import importlib.util
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from teacher.cam.run_files import BEST, FACTS, POSITIVE_LABELS, read_facts
from teacher.findings import Teacher
from teacher.plans import PlannedSet, TeacherPlan
from util.config import CamSection, TeacherSection
from util.data_classes import BoxSettings, Device
from util.errors import UserError
from util.label_set import CHOSEN_ON
from util.weights.identity import weights_identity

VERSION = 1
"""Counts up whenever the same network and settings give other maps."""


def plan(teacher: TeacherSection, section: CamSection, runs: Path) -> TeacherPlan:
    """Plan a label set for each network, `NETWORK-cam`.

    Raises:
        UserError: A network is missing, or no classifier.
    """
    folders = {f"{network}-cam": runs / network for network in section.networks}
    facts = {name: read_facts(folder) for name, folder in folders.items()}
    if missing := [folders[name] for name, told in facts.items() if POSITIVE_LABELS not in told]:
        raise UserError(
            "\n".join(
                f"{folder} has no classifier of images ({BEST}, {FACTS}); train it with "
                "teacher/cam/train_classifier.py, or name another run in cam.networks"
                for folder in missing
            )
        )
    return TeacherPlan(
        label_sets={
            name: _plan_set(section, name, folder, facts[name]) for name, folder in folders.items()
        },
        describe=lambda _: {"name": "cam", "version": VERSION},
        load=lambda models, cache: _load(section, folders, teacher.device),
        libraries=("torch", "torchvision", "timm"),
        troubles=tuple(_lacking(section)),
    )


def _lacking(section: CamSection) -> Iterator[str]:
    """Say which packages the method lacks."""
    packages = {"grad-cam": "pytorch_grad_cam", "ttach": "ttach"}
    lacking = [name for name, module in packages.items() if not importlib.util.find_spec(module)]
    if section.method != "native" and lacking:
        yield (
            f"cam.method {section.method} needs {' and '.join(lacking)}, which is not installed; "
            f"run python -m pip install --no-deps {' '.join(lacking)}, or set it to native"
        )


def _plan_set(section: CamSection, name: str, run: Path, facts: Mapping[str, Any]) -> PlannedSet:
    """Plan the label set of a network; where it gates by its own threshold, images chose that."""
    return PlannedSet(
        name,
        partial(BoxSettings, object_class="+".join(facts[POSITIVE_LABELS])),
        {**section.decides(), "network": weights_identity(run / BEST)["sha256"]},
        {CHOSEN_ON: facts[CHOSEN_ON]} if section.gate is None else {},
    )


def _load(section: CamSection, runs: Mapping[str, Path], device: Device) -> Teacher:
    from teacher.cam.teacher import load_cam

    return load_cam(section, runs, device)
