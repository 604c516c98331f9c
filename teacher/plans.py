"""What a teacher is before any of its models is loaded: the label sets that it will make."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacher.findings import Teacher
from util.config import Section, TeacherSection
from util.data_classes import BoxSettings
from util.weights.identity import weights_identity

if TYPE_CHECKING:
    from teacher.inference.cache import Cache

Models = Mapping[str, Path]
"""A file or folder of weights for each part of a teacher that has some."""


@dataclass(frozen=True)
class PlannedSet:
    """A label set that a teacher makes.

    Attributes:
        folder: Its name in `paths.label_sets`.
        boxes: Says how boxes are found in its maps unless the config does, and of which class;
            may read files, and raises what that raises.
        settings: What decides it, beside what decides all label sets of the teacher.
        facts: What else its readers should know (see `LabelSetWriter`).
    """

    folder: str
    boxes: Callable[[], BoxSettings]
    settings: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TeacherPlan:
    """A teacher as it is configured.

    Attributes:
        label_sets: What it makes, by the names that its `label` is asked for.
        describe: Tells, of its models, all that decides what its label sets are, and nothing else:
            devices, batches and caches do not. JSON values.
        load: Loads its models and puts it together; the cache remembers what models say.
        weights: Backend and model of each part that has weights, as the config names them.
        files: Finds those that the config names by their path, by part.
        libraries: That it needs beside those of `weights`.
        troubles: Why it cannot be as it is configured, a sentence each.
        remarks: What users should know before it starts, a sentence each.
        num_at_once: Images that it labels at once, each in a thread.
        unread: Says which settings are set but not read by it, '' if none.
    """

    label_sets: Mapping[str, PlannedSet]
    describe: Callable[[Models], dict[str, Any]]
    load: Callable[[Models, "Cache | None"], Teacher]
    weights: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    files: Callable[[], dict[str, Path]] = dict
    libraries: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    num_at_once: int = 1
    unread: str = ""


@dataclass(frozen=True)
class PreparedTeacher:
    """A teacher of which all is checked that can be before it is loaded.

    Attributes:
        plan: What it will make.
        models: A file or folder for each part that has weights.
        settings: All of them, those of its own section too: JSON values by section.
        cache_folder: What its models have said, if `cache_gb` is above 0.
        cache_gb: Most that this may hold; 0 = no cache.
    """

    plan: TeacherPlan
    models: Models
    settings: Mapping[str, Any]
    cache_folder: Path
    cache_gb: float


def describe_teacher(
    teacher: TeacherSection, own: Section, models: Models, version: int
) -> dict[str, Any]:
    """All that decides what a teacher of published models gives, beside the prompt.

    Args:
        teacher: Its settings that others have too.
        own: Those of its own.
        models: Files or folders of its weights, which are told by their content.
        version: Of its code.
    """
    identities = {part: weights_identity(path) for part, path in models.items()}
    own_settings = {"name": teacher.name, "version": version, "models": identities}
    return {**teacher.decides(), **own.decides(), **own_settings}


def name_by_weights(model: str) -> str:
    """Name what is made by weights after them.

    Args:
        model: Name of `util.weights.known.MODELS` or of a repository on the hub, or path of a file
            or folder.

    Example:
        >>> name_by_weights("weights/u2netp.onnx"), name_by_weights("runs/a detector/best.pt")
        ('u2netp', 'a_detector')
    """
    path = Path(model)
    name = path.stem if path.suffix in (".onnx", ".pt", ".pth", ".safetensors") else path.name
    if path.name == "best.pt":  # as all runs have it
        name = path.parent.name
    return re.sub(r"[^\w.-]", "_", name).lstrip(".")
