"""What holds for the repository as a whole."""

import ast
import importlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tests.conftest import ROOT
from tests.processes import run_script
from util.config import config_fields, keys_of

STAGES = ("util", "teacher", "student", "analysis")
MODULES = sorted(path for stage in STAGES for path in (ROOT / stage).rglob("*.py"))
SCRIPTS = [path for path in MODULES if "raise SystemExit(run_script(main))" in path.read_text()]
SHARED_LINES = {
    depth: f"""if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[{depth}])
"""
    for depth in (1, 2)
}
MAY_IMPORT = {
    "util": {"util"},
    "teacher": {"teacher", "util"},
    "student": {"student", "util"},
    "analysis": set(STAGES),
}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def imports(path: Path) -> list[tuple[str, bool]]:
    """Modules that a file imports, and whether it does so as soon as it is imported."""
    tree = ast.parse(path.read_text())
    found: list[tuple[str, bool]] = []
    late = {
        node
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef)
        or (isinstance(outer, ast.If) and "TYPE_CHECKING" in ast.dump(outer.test))
        for node in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.append((str(node.module), node not in late))
        elif isinstance(node, ast.Import):
            found += [(alias.name, node not in late) for alias in node.names]
    return found


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_stages_import_only_what_they_may(path: Path) -> None:
    stage = path.relative_to(ROOT).parts[0]
    ours = {module.split(".")[0] for module, _ in imports(path)} & {*STAGES, "tests"}
    assert ours <= MAY_IMPORT[stage]


BY_NAME = {"import_module", "__import__", "run_module", "run_path"}
"""What imports or runs a module whose name, or path, is a text."""


def named_modules(text: str) -> set[str]:
    """All that code may import, in whatever form: `a.b` for `from a import b`, too."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", None))
            texts = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
            if called in BY_NAME:
                found |= {dotted(each) for each in texts if isinstance(each, str)}
    return found


def dotted(path: str) -> str:
    """The name of a module by its path, or by its name."""
    return path.removesuffix(".py").replace("/", ".")


@pytest.mark.parametrize(
    "text",
    [
        "import student.train",
        "import student.train as other",
        "from student import train",
        "from student.train import main",
        "def late():\n    from student import losses, train as other",
        "importlib.import_module('student.train')",
        "import_module(name='student.train')",
        "__import__('student.train')",
        "runpy.run_module('student.train', run_name='__main__')",
        "runpy.run_path(str(ROOT / 'student/train.py'))",
    ],
)
def test_a_script_that_is_imported_is_seen_in_whatever_form(text: str) -> None:
    assert "student.train" in named_modules(text)
    assert "student.train" not in named_modules(text.replace("train", "training"))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_no_module_imports_a_script(path: Path) -> None:
    scripts = {dotted(name(script)) for script in SCRIPTS}
    assert not named_modules(path.read_text()) & scripts


def test_modules_do_not_import_each_other_in_circles_not_even_late() -> None:
    paths = {dotted(name(path)).removesuffix(".__init__"): path for path in MODULES}
    graph = {
        module: (named_modules(path.read_text()) & paths.keys()) - {module}
        for module, path in paths.items()
    }
    TopologicalSorter(graph).prepare()  # names those of a circle


ABOUT_CONFIG = {"analysis.work.stages", "analysis.work.detecting"}
"""What is about the config as a whole, and says so; all else below scripts takes plain values."""

BELOW_SCRIPTS = [
    path for path in MODULES if path not in SCRIPTS and ROOT / "util" / "config" not in path.parents
]


def knows_config(text: str) -> bool:
    """Tell whether code names the class `Config`, in whatever form."""
    nodes = list(ast.walk(ast.parse(text)))
    imported = {node.name for node in nodes if isinstance(node, ast.alias)}
    named = {getattr(node, "attr", getattr(node, "id", None)) for node in nodes}
    return "Config" in imported | named


@pytest.mark.parametrize(
    "text",
    [
        "from util.config import Config",
        "from util.config.schema import PathsSection, Config as All",
        "def late():\n    from util.config import Config",
        "if TYPE_CHECKING:\n    from util.config import Config",
        "import util.config\ndef f(config: util.config.Config): ...",
        "from util import config\ndef f(told: config.Config): ...",
    ],
)
def test_code_that_knows_the_config_is_seen_in_whatever_form(text: str) -> None:
    assert knows_config(text)
    assert not knows_config(text.replace("Config", "DataSection"))


@pytest.mark.parametrize("path", BELOW_SCRIPTS, ids=name)
def test_no_module_below_the_scripts_knows_the_config(path: Path) -> None:
    text, is_about_it = path.read_text(), dotted(name(path)) in ABOUT_CONFIG
    assert knows_config(text) == is_about_it
    if is_about_it:
        assert "about the config as a whole" in (ast.get_docstring(ast.parse(text)) or "")


LEARNING = ROOT / "util" / "learning"
"""The one folder of util that may import torch."""

WITHOUT_TORCH = [path for path in (ROOT / "util").rglob("*.py") if LEARNING not in path.parents]


@pytest.mark.parametrize("path", WITHOUT_TORCH, ids=name)
def test_util_imports_no_torch_outside_learning_not_even_late(path: Path) -> None:
    with_torch = ("torch", "torchvision", "lightning_fabric", "util.learning")
    named = [module.split(".") for module in named_modules(path.read_text())]
    assert not {".".join(parts[:n]) for parts in named for n in (1, 2)} & {*with_torch}


HEAVY = {"torch", "torchvision", "matplotlib", "wandb", "transformers", "timm", "segment_anything"}
HEAVY |= {"groundingdino", "huggingface_hub", "av"}


def modules_imported_with(path: Path) -> set[Path]:
    """Our modules that are imported as soon as one is, itself included."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        module = waiting.pop()
        if module in found or not module.exists():
            continue
        found.add(module)
        for imported, is_eager in imports(module):
            if is_eager and imported.split(".")[0] in STAGES:
                place = ROOT / imported.replace(".", "/")
                package = place / "__init__.py"
                waiting.append(package if place.is_dir() else place.with_suffix(".py"))
    return found


LIGHT = [path for path in SCRIPTS if path.relative_to(ROOT).parts[0] == "teacher"]


@pytest.mark.parametrize("path", [*LIGHT, *WITHOUT_TORCH], ids=name)
def test_no_heavy_library_is_imported_before_the_config_asks_for_it(path: Path) -> None:
    for module in modules_imported_with(path):
        eager = {imported.split(".")[0] for imported, is_eager in imports(module) if is_eager}
        assert not eager & HEAVY, module


def test_our_own_network_is_trained_without_the_library_of_the_others() -> None:
    modules = modules_imported_with(ROOT / "student" / "training.py")
    assert ROOT / "student" / "losses.py" in modules
    for module in modules:
        eager = {imported.split(".")[0] for imported, is_eager in imports(module) if is_eager}
        assert not eager & {"segmentation_models_pytorch", "timm"}, module


def test_there_are_scripts_and_each_finds_the_root_by_the_same_lines() -> None:
    assert len(SCRIPTS) == 41
    for path in SCRIPTS:
        depth = len(path.relative_to(ROOT).parts) - 1
        text = path.read_text()
        assert SHARED_LINES[depth] in text
        assert text.startswith("# PYTHON_ARGCOMPLETE_OK\n")  # shells look for it
        assert text.count("sys.path") == 1
    for path in set(MODULES) - set(SCRIPTS):
        assert "sys.path" not in path.read_text()


def import_script(path: Path) -> ModuleType:
    return importlib.import_module(name(path).removesuffix(".py").replace("/", "."))


def run_timed(command: Sequence[str], folder: Path) -> tuple[str, float]:
    """Run a command: what it prints, and the seconds of processor that it took."""
    before = os.times()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    after = os.times()
    seconds = after.children_user + after.children_system
    return done.stdout, seconds - before.children_user - before.children_system


@pytest.fixture(scope="module")
def seconds_of_libraries() -> float:
    """What it takes to import the libraries that all scripts need."""
    command = [sys.executable, "-c", "import cv2, pandas, pydantic"]
    return max(run_timed(command, ROOT)[1] for _ in range(3))


@pytest.mark.timed
@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_help_comes_from_anywhere_at_once_and_names_what_is_read(
    path: Path, tmp_path: Path, seconds_of_libraries: float
) -> None:
    for _ in range(3):  # the best of three: other work on the machine is not the script's fault
        shown, seconds = run_timed([sys.executable, str(path), "--help"], tmp_path)
        if seconds < 3 * seconds_of_libraries:
            break
    else:
        pytest.fail(f"{seconds} s, where libraries take {seconds_of_libraries} s")
    read = keys_of("paths", "data", "demo") | import_script(path).READS
    listed = re.findall(r"^  --(\w+\.\w+) ", shown, re.MULTILINE)
    assert listed == [key for key in config_fields() if key in read]


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_an_interrupt_while_a_script_is_imported_is_one_line(path: Path, tmp_path: Path) -> None:
    for library in ("cv2", "filelock", "numpy", "pandas", "pydantic", "torch"):
        interrupt = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
        (tmp_path / f"{library}.py").write_text(interrupt)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    # A test run in the background of a shell inherits that Ctrl-C is ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        done = subprocess.run(
            [sys.executable, str(path)], env=environment, capture_output=True, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\ninterrupted\n")


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_the_help_of_a_script_begins_with_examples_of_it(path: Path) -> None:
    module = import_script(path)
    sentence, example, *_ = (module.__doc__ or "").split("\n\n")
    assert sentence.endswith((".", ":"))
    known = keys_of("paths", "data", "demo") | module.READS
    for line in example.replace("\\\n", "").splitlines():
        assert line.startswith(f"    python {name(path)} ")
        assert {*re.findall(r"--(\w+\.\w+)", line)} <= known


def test_every_key_is_read_by_some_script() -> None:
    read = {key for script in map(import_script, SCRIPTS) for key in script.READS}
    assert read | keys_of("paths", "data", "demo") == {*config_fields()}


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_a_script_also_runs_as_a_module(path: Path) -> None:
    done = run_script(name(path).removesuffix(".py").replace("/", "."), "--help")
    assert done.returncode == 0, done.stderr
    assert "--config" in done.stdout


def pins(path: Path) -> dict[str, set[str]]:
    """Versions of each package in a requirements file; one for each range of Pythons."""
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([\w.-]+)==([^\s;]+)", path.read_text(), re.MULTILINE):
        found.setdefault(package, set()).add(version)
    return found


def test_the_pins_of_running_are_among_those_of_testing() -> None:
    running, testing = pins(ROOT / "requirements.txt"), pins(ROOT / "requirements-dev.txt")
    assert {package: testing.get(package) for package in running} == running


def test_the_pins_have_hashes_and_no_index_address_and_one_opencv() -> None:
    for path in ROOT.glob("requirements*.txt"):
        text = path.read_text()
        assert "://" not in text
        assert "--index" not in text
        entries = re.split(r"\n(?=\w)", text)
        assert all("--hash=sha256:" in entry for entry in entries if "==" in entry)
        opencv = [package for package in pins(path) if package.startswith("opencv")]
        assert opencv == ([] if "docs" in path.name else ["opencv-python-headless"])


def test_the_pins_of_the_site_are_those_of_testing_where_both_have_them() -> None:
    docs, testing = pins(ROOT / "requirements-docs.txt"), pins(ROOT / "requirements-dev.txt")
    assert "mkdocs-material" in docs
    assert {package: testing[package] for package in docs.keys() & testing.keys()} == {
        package: docs[package] for package in docs.keys() & testing.keys()
    }


def test_no_page_has_the_name_of_the_site_which_its_menu_shows_above_all() -> None:
    lines = (ROOT / "mkdocs.yml").read_text().splitlines()
    assert [line for line in lines if "Murmuration" in line] == ["site_name: Murmuration"]


def test_the_pins_of_the_teacher_lie_between_those_of_running_and_testing() -> None:
    running, teacher = pins(ROOT / "requirements.txt"), pins(ROOT / "requirements-teacher.txt")
    testing = pins(ROOT / "requirements-dev.txt")
    assert {package: teacher.get(package) for package in running} == running
    assert {package: testing.get(package) for package in teacher} == teacher
    assert {"transformers", "segment-anything", "groundingdino-py", "timm"} <= set(teacher)


@pytest.mark.parametrize(
    ("file", "requirements"),
    [
        ("conda_teacher.yaml", "requirements-teacher.txt"),
        ("conda_student.yaml", "requirements.txt"),
    ],
)
def test_the_conda_files_install_the_pinned_versions(file: str, requirements: str) -> None:
    content = yaml.safe_load((ROOT / file).read_text())
    (packages,) = [entry["pip"] for entry in content["dependencies"] if isinstance(entry, dict)]
    assert packages == [f"-r {requirements}"]
    assert "python=3.11" in content["dependencies"]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="git tells which files are the project's")
def test_no_machine_or_registry_is_named() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    home = re.compile("/(home|root|work)" + "/|files.python" + "hosted|pypi" + r"\.org")
    for file in tracked:
        path = ROOT / file
        if path.suffix in (".py", ".md", ".json", ".toml", ".txt", ".yaml", ".ipynb", ""):
            assert not home.search(path.read_text(encoding="utf-8")), file
