"""Every command of the README runs: here, or in `.ci/run` where it makes environments."""

import importlib
import json
import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import ROOT
from util.config import Config, Section, config_fields, keys_of
from util.weights.known import MODELS

pytestmark = pytest.mark.usefixtures("exported_once")

BLOCKS = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines()]
RUN_BY_CI = {
    "make study",
    "make test",
    "make road",
    "python3 -m venv .venv",
    ".venv/bin/python -m pip install --no-deps -r requirements.txt",
    "uv venv .venv",
    "uv pip install --no-deps -r requirements.txt",
    ".venv/bin/python analysis/prompt_study.py",
}


def test_commands_that_set_up_are_run_by_ci() -> None:
    assert {line for line in COMMANDS if not line.startswith("python ")} == RUN_BY_CI
    ci = (ROOT / ".ci" / "run").read_text() + (ROOT / "Makefile").read_text()
    for fragment in (
        "make study",
        "make test",
        "make road",
        "-m venv",
        "pip install",
        "uv venv",
        "uv pip",
    ):
        assert fragment in ci


ALSO_READ = {
    "teacher/soft_label_generation.py": {"combination.label_sets"},
    "student/distill.py": keys_of("teacher") | {"student.label_set"},
}
"""To say what comes next, after the script has set them, or to see that a teacher reads them."""


@pytest.fixture
def keys_read(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The keys of the config that have been read so far."""
    sections = {field.annotation: name for name, field in Config.model_fields.items()}
    keys, read = {*config_fields()}, set()

    def note(section: Section, name: str) -> object:
        if (key := f"{sections[type(section)]}.{name}") in keys:
            read.add(key)
        return object.__getattribute__(section, name)

    monkeypatch.setattr(Section, "__getattribute__", note)
    return read


def test_the_other_commands_run_one_after_another_and_read_no_key_that_they_refuse(
    project: Path, keys_read: set[str]
) -> None:
    runs, images = (shlex.quote(str(project.parent / name)) for name in ("runs", "images"))
    small = json.loads(project.read_text())
    small["compression"] = {"widths": [2], "training_seeds": [0]}
    project.write_text(json.dumps(small))
    for line in COMMANDS:
        if not line.startswith("python "):
            continue
        line = line.replace("my/config.json", shlex.quote(str(project)))
        line = line.replace(" runs/", f" {runs}/").replace(" photos", f" {images}")
        _, script, *arguments = shlex.split(line)
        module = importlib.import_module(script.removesuffix(".py").replace("/", "."))
        keys_read.clear()
        assert module.main(["--config", str(project), *arguments]) == 0, line
        if script.startswith("analysis/") and "evaluation" not in script:
            continue  # it runs other scripts, which read what it has set
        known = keys_of("paths", "data", "demo") | module.READS | ALSO_READ.get(script, set())
        assert keys_read <= known, line


def test_files_and_folders_that_are_named_exist() -> None:
    text = (ROOT / "README.md").read_text()
    for path in re.findall(r"\]\((?!http|#)([^)]+)\)|`([\w/]+\.(?:py|json|yaml|txt))`", text):
        named = path[0] or path[1]
        if "/" in named or (ROOT / named).suffix in (".yaml", ".txt"):
            if named.split("/")[-1] in ("Train.txt", "Validation.txt", "Test.txt"):
                continue
            assert (ROOT / named).exists(), named


def test_configs_that_are_shown_are_valid() -> None:
    blocks = re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        text = block if block.startswith("{") else f"{{{block}}}"
        Config.model_validate_json(text, strict=True)


def test_weights_that_are_fetched_and_files_that_are_run_are_there() -> None:
    text = (ROOT / "README.md").read_text()
    fetched = re.findall(r"--fetch ([\w./-]+)$", text, re.MULTILINE)
    assert len(fetched) == 5
    assert set(fetched) <= {model.name for model in MODELS}
    for command in ("torchrun --nproc-per-node 4", "sbatch"):
        scripts = re.findall(rf"^{command} ([^\s-]\S+)", text, re.MULTILINE)
        assert scripts
        assert all((ROOT / script).exists() for script in scripts)
