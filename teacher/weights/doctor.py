"""What `--check` reports: libraries, devices, backends, weights, and whether the teacher can run.

Nothing is downloaded. Of large weights only the sizes are looked at; small models are run.
"""

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import tomllib
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

from teacher.building import plan_teacher
from teacher.plans import TeacherPlan
from teacher.settings import OwnSections, describe_unread
from teacher.weights.libraries import BACKENDS, INSTALL, installed_version, lacking_libraries
from teacher.weights.trials import PICTURE, try_models
from util.config import REPOSITORY, PathsSection, TeacherSection
from util.errors import UserError
from util.images.files import read_image
from util.weights.finding import fault, find, locate
from util.weights.known import FETCH, MODELS, ModelWeights, default_model

LIBRARIES = (
    "torch",
    "torchvision",
    "transformers",
    "segment-anything",
    "groundingdino-py",
    "timm",
    "opencv-python-headless",
    "numpy",
    "huggingface_hub",
)


def check(settings: TeacherSection, own: OwnSections, paths: PathsSection) -> int:
    """Print what real teachers have on this machine and what they lack.

    Args:
        settings: Names the teacher.
        own: The section of its own, and those of the others.
        paths: Where weights and runs are.

    Returns:
        Exit status: 0 if the configured teacher can run, else 1.
    """
    folder = paths.weights
    unusable = unusable_libraries()
    plan, missing = _plan(settings, own, paths)
    sections = {
        "Libraries": [*_version_lines(), *conflicts(unusable)],
        "Devices": _device_lines(settings, unusable),
        "Backends": _backend_lines(unusable),
        f"Weights in {folder}": _weights_lines(folder),
        f"Small models on {PICTURE.relative_to(REPOSITORY)}": _trial_lines(folder),
        "Without a network": [_offline_sentence(missing)],
    }
    for title, lines in sections.items():
        print(title, *(f"  {line}" for line in lines), sep="\n", end="\n\n")
    obstacles = [sentence] if (sentence := describe_unread(settings, own)) else []
    if plan is not None:
        obstacles += [*plan.troubles, *library_obstacles(settings, plan, unusable)]
    obstacles += missing
    if obstacles:
        print("The configured teacher cannot run:", *obstacles, sep="\n  ")
    else:
        print("The configured teacher can run.")
    return 1 if obstacles else 0


def _plan(
    settings: TeacherSection, own: OwnSections, paths: PathsSection
) -> tuple[TeacherPlan | None, list[str]]:
    """Plan the teacher: the plan, if it can be, and what keeps it from its files."""
    try:
        plan = plan_teacher(settings, own, paths.runs)
        plan.files()
    except UserError as error:
        return None, [str(error)]
    return plan, missing_weights(plan, paths.weights)


def unusable_libraries() -> dict[str, str]:
    """Name the libraries that cannot be used, each with the reason.

    torch and torchvision are imported: builds that do not fit are found in no other way.
    """
    reasons = {name: "missing" for name in LIBRARIES if installed_version(name) is None}
    for name in ("torch", "torchvision"):
        if name not in reasons:
            try:
                importlib.import_module(name)
            except Exception as error:  # a wrong build fails in many ways
                reasons[name] = f"{error or type(error).__name__}".splitlines()[0]
    return reasons


def conflicts(unusable: Mapping[str, str]) -> Iterator[str]:
    """Name what is known to go wrong with the installed libraries, each with its remedy."""
    if installed_version("opencv-python") and installed_version("opencv-python-headless"):
        yield (
            "! opencv-python and opencv-python-headless overwrite each other: python -m pip "
            f"uninstall -y opencv-python opencv-python-headless, then {INSTALL}"
        )
    for name, reason in unusable.items():
        if reason != "missing":
            yield (
                f"! {name} does not import ({reason}); torch and torchvision must be of one build, "
                f"CPU or CUDA: python -m pip uninstall -y torch torchvision, then {INSTALL}"
            )
    for name, version, wanted in _outdated():
        yield f"! {name} {version} is not {wanted}: {INSTALL}"
    if installed_version("groundingdino-py") and not _has_module("groundingdino._C"):
        yield "groundingdino has no CUDA extension _C, which is harmless: it runs without."


def library_obstacles(
    settings: TeacherSection, plan: TeacherPlan, unusable: Mapping[str, str]
) -> Iterator[str]:
    """Say which libraries and devices the configured teacher lacks."""
    backends = {part: backend for part, (backend, _) in plan.weights.items()}
    yield from lacking_libraries(backends, plan.libraries, unusable)
    needed = {*plan.libraries}.union(*(BACKENDS.get(pair, ()) for pair in backends.items()))
    if "torch" in needed and "torch" not in unusable:
        try:
            _runtime_sentence(settings)
        except UserError as error:
            yield str(error)


def missing_weights(plan: TeacherPlan, weights_folder: Path) -> list[str]:
    """Say which weights the configured teacher lacks, each with the command that fetches it."""
    found = (
        _weights_trouble(model, part, backend, weights_folder)
        for part, (backend, model) in plan.weights.items()
    )
    return [trouble for trouble in found if trouble]


def _weights_trouble(model: str | None, part: str, backend: str, folder: Path) -> str:
    """Say why weights cannot be used, '' if they can."""
    try:
        path = locate(model, part, backend, folder)
    except UserError as error:
        return str(error)
    usual = default_model(part, backend)
    is_usual = model is None or part == "text encoder"  # any vocabulary is judged alike
    known = usual if is_usual else next((row for row in MODELS if row.name == model), None)
    trouble = fault(path, known)
    return f"{path} cannot be used ({trouble}); remove it and fetch it anew" if trouble else ""


def _version_lines() -> Iterator[str]:
    """List the libraries with their versions."""
    yield f"{'python':24}{platform.python_version()}"
    for name in LIBRARIES:
        yield f"{name:24}{installed_version(name) or 'missing'}"


def _outdated() -> Iterator[tuple[str, str, str]]:
    """List installed libraries whose version is outside of pyproject.toml: name, version, range."""
    from packaging.requirements import Requirement

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in [*project["dependencies"], *project["optional-dependencies"]["teacher"]]:
        wanted = Requirement(line)
        version = installed_version(wanted.name)
        if version and not wanted.specifier.contains(version, prereleases=True):
            yield wanted.name, version, str(wanted.specifier)


def _has_module(name: str) -> bool:
    """Tell whether a module can be found, without importing it."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # nor is the package that it is in
        return False


def _device_lines(settings: TeacherSection, unusable: Mapping[str, str]) -> Iterator[str]:
    """List processors and memory, and what the config makes of them."""
    yield f"CPU: {os.cpu_count()} cores{_memory()}; bf16 works, but may be slow"
    if "torch" in unusable:
        yield "GPU: unknown, since torch cannot be used"
        return
    import torch

    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        bf16 = "bf16" if torch.cuda.get_device_capability(index) >= (8, 0) else "no bf16"
        name = torch.cuda.get_device_name(index)
        yield f"GPU {index}: {name}, {_size(total)} of memory, {_size(free)} of it free, {bf16}"
    if not torch.accelerator.is_available():
        yield "GPU: none"
    try:
        yield _runtime_sentence(settings)
    except UserError as error:
        yield f"! {error}"


def _runtime_sentence(settings: TeacherSection) -> str:
    """Say where the teacher runs; a UserError where it cannot."""
    from teacher.inference.runtime import Runtime

    device = Runtime(settings.device, settings.precision).device
    return (
        f"teacher.device {settings.device} is {device} here; teacher.precision {settings.precision}"
    )


def _memory() -> str:
    """Say how much memory this machine has, '' where the system does not tell."""
    try:
        return f", {_size(os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'))} of memory"
    except (AttributeError, ValueError):
        return ""


def _backend_lines(unusable: Mapping[str, str]) -> Iterator[str]:
    """List the backends with what each lacks."""
    is_any_lacking = False
    for (part, backend), libraries in BACKENDS.items():
        lacking = [name for name in libraries if name in unusable]
        is_any_lacking |= bool(lacking)
        yield f"{part:12}{backend:18}{'needs ' + ', '.join(lacking) if lacking else 'usable'}"
    if is_any_lacking:
        yield f"install what is needed: {INSTALL}"


def _weights_lines(folder: Path) -> Iterator[str]:
    """List the known weights, a block for each backend, and how many are here."""
    sizes = {"present": 0, "missing": 0}
    for (part, backend), rows in groupby(MODELS, lambda row: (row.part, row.backend)):
        yield f"{part} {backend}"
        for row in rows:
            state = _state(row, folder)
            sizes["present" if state == "present" else "missing"] += row.size_bytes
            size = ("" if row.is_file else "~") + _size(row.size_bytes)
            note = f" ({row.note})" if row.note else ""
            yield f"{size:>9}  {row.licence:11}  {state:7}  {row.name}{note}"
    yield f"in all {_size(sizes['present'])} present, {_size(sizes['missing'])} missing"
    yield "the first of each is its default"
    yield f"fetch one with: {FETCH} NAME"
    for row in MODELS:
        if row.package and find(row, folder) is None:
            pythons = f", for Python {row.package.pythons}" if row.package.pythons else ""
            yield f"{row.name} comes as a package{pythons}:"
            yield f"  {row.package.install}"


def _trial_lines(folder: Path) -> Iterator[str]:
    """Say what each small model that is here gives for an example picture."""
    try:
        image_rgb = read_image(PICTURE)
    except UserError as error:
        yield f"! {error}"
        return
    yield from try_models(folder, image_rgb)


def _state(row: ModelWeights, folder: Path) -> str:
    """Say in a word whether weights are on this disk."""
    path = find(row, folder)
    if path:
        return "damaged" if fault(path, row) else "present"
    return "begun" if (folder / f"{row.place}.part").exists() else "missing"


def _size(size_bytes: int) -> str:
    """Write a size for people, in the units of disks: '2.56 GB'."""
    value, unit = next(
        (size_bytes / 10**power, unit)
        for power, unit in ((9, "GB"), (6, "MB"), (3, "kB"), (0, "B"))
        if size_bytes >= 10**power or power == 0
    )
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def _offline_sentence(missing: list[str]) -> str:
    """Say whether the config runs with no network at all."""
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    is_set = any(os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE") for name in names)
    if not missing:
        return (
            "This config runs: all weights that it needs are here, and nothing else is asked for."
        )
    forbidden = "; HF_HUB_OFFLINE is set, so unset it to fetch from the hub" * is_set
    return f"This config does not run until it has its weights, named at the end{forbidden}."
