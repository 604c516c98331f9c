"""What holds for the repository as a whole."""

import ast
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

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


def imports(path: Path) -> list[tuple[str, bool]]:
    """Modules that a file imports, and whether it does so as soon as it is imported."""
    tree = ast.parse(path.read_text())
    found = []
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


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_nothing_but_the_study_imports_the_main_of_a_script(path: Path) -> None:
    if path.name == "prompt_study.py":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert "main" not in [alias.name for alias in node.names]


@pytest.mark.parametrize("stage", ["util", "teacher"])
def test_torch_is_not_imported_with_a_module_of(stage: str) -> None:
    for path in (ROOT / stage).rglob("*.py"):
        eager = {module.split(".")[0] for module, is_eager in imports(path) if is_eager}
        assert not eager & {"torch", "torchvision", "matplotlib", "wandb"}, path


def test_there_are_scripts_and_each_finds_the_root_by_the_same_lines() -> None:
    assert len(SCRIPTS) == 8
    for path in SCRIPTS:
        depth = len(path.relative_to(ROOT).parts) - 1
        text = path.read_text()
        assert SHARED_LINES[depth] in text
        assert text.count("sys.path") == 1
    for path in set(MODULES) - set(SCRIPTS):
        assert "sys.path" not in path.read_text()


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_help_comes_from_anywhere_within_a_second_and_names_every_key(
    path: Path, tmp_path: Path
) -> None:
    seconds = []
    for _ in range(3):  # the best of three: other work on the machine is not the script's fault
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, str(path), "--help"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        seconds.append(time.perf_counter() - start)
        if seconds[-1] < 1:
            break
    assert min(seconds) < 1
    config = json.loads((ROOT / "config.json").read_text())
    for section, keys in config.items():
        for key in keys:
            assert f"--{section}.{key} " in done.stdout


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_a_script_also_runs_as_a_module(path: Path) -> None:
    module = name(path).removesuffix(".py").replace("/", ".")
    subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, check=True
    )


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
    for path in (ROOT / "requirements.txt", ROOT / "requirements-dev.txt"):
        text = path.read_text()
        assert "://" not in text
        assert "--index" not in text
        entries = re.split(r"\n(?=\w)", text)
        assert all("--hash=sha256:" in entry for entry in entries if "==" in entry)
        opencv = [package for package in pins(path) if package.startswith("opencv")]
        assert opencv == ["opencv-python-headless"]


@pytest.mark.parametrize("file", ["conda_teacher.yaml", "conda_student.yaml"])
def test_the_conda_files_install_the_pinned_versions(file: str) -> None:
    content = yaml.safe_load((ROOT / file).read_text())
    (packages,) = [entry["pip"] for entry in content["dependencies"] if isinstance(entry, dict)]
    pinned = pins(ROOT / "requirements.txt")
    assert packages
    for requirement in packages:
        package, version = requirement.split("==")
        assert version in pinned[package]
    # Every library that the stage imports is named.
    stages = {"conda_teacher.yaml": {"util", "teacher"}, "conda_student.yaml": {"util", "student"}}
    names = {"cv2": "opencv-python-headless", "PIL": "pillow"}
    named = {requirement.split("==")[0] for requirement in packages}
    for stage in stages[file]:
        for path in (ROOT / stage).rglob("*.py"):
            for module, _ in imports(path):
                top = module.split(".")[0]
                library = names.get(top, top.replace("_", "-"))
                optional = {"wandb", "torch"} if file == "conda_teacher.yaml" else {"wandb"}
                if top in (*STAGES, *sys.stdlib_module_names) or library in optional:
                    continue
                assert library in named, f"{path} imports {top}"


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
