"""The README and the pages of `docs` say what is so, and each of their commands runs.

Here, one after another, or in `.ci/run` where it makes environments.
"""

import importlib
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from util.config import Config, Section, config_fields, keys_of
from util.weights.known import MODELS

DOCS = ROOT / "docs"


def names_in(nav: list[Any]) -> Iterator[str]:
    """Names of pages in the order of the site's contents."""
    for entry in nav:
        for part in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(part, list):
                yield from names_in(part)
            else:
                yield part


NAMES = list(names_in(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
WRITTEN = [DOCS / name for name in NAMES if (DOCS / name).exists()]  # others are made of code
PAGES = [ROOT / "README.md", *WRITTEN, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text() for page in PAGES}
ALL = "\n".join(TEXTS.values())


def blocks(language: str) -> list[str]:
    """Blocks of code of a language, of all pages."""
    return re.findall(rf"```{language}\n(.*?)```", ALL, re.DOTALL)


COMMANDS = list(  # each once, whatever number of pages shows it
    dict.fromkeys(
        line for block in blocks("bash") for line in block.replace("\\\n", "").splitlines()
    )
)
RUN_BY_CI = {
    "make study",
    "make test",
    "make road",
    "make smoke",
    "make streams",
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
        "make smoke",
        "make streams",
        "make docs",
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


@pytest.mark.usefixtures("exported_once")
def test_the_other_commands_run_one_after_another_and_read_no_key_that_they_refuse(
    project: Path, keys_read: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, images = (shlex.quote(str(project.parent / name)) for name in ("runs", "images"))
    small = json.loads(project.read_text())
    small["compression"] = {"widths": [2], "training_seeds": [0]}
    small["export_label_set"] = {"output": "exports"}
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
    monkeypatch.chdir(project.parent)
    for code in blocks("python"):
        exec(compile(code, "a block of the documentation", "exec"), {})


def test_every_page_is_in_the_contents_once() -> None:
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert pages <= {*NAMES}
    assert len(NAMES) == len({*NAMES})


def anchors(text: str) -> set[str]:
    """What a link may lead to on a page, as it is made of headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", TEXTS)
def test_links_lead_to_files_and_headings_that_exist(page: str) -> None:
    for target in re.findall(r"\]\((?!http)([^)]+)\)", TEXTS[page]):
        path, _, anchor = target.partition("#")
        file = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        is_made = file.is_relative_to(DOCS) and file.relative_to(DOCS).as_posix() in NAMES
        assert file.exists() or is_made, target
        assert not anchor or anchor in anchors(file.read_text()), target


@pytest.mark.parametrize("page", TEXTS)
def test_files_that_are_named_exist(page: str) -> None:
    for named in re.findall(r"`([\w/]+\.(?:py|json|yaml|txt|sh))`", TEXTS[page]):
        if named.split("/")[-1] in ("Train.txt", "Validation.txt", "Test.txt"):
            continue
        if "/" in named or Path(named).suffix in (".yaml", ".txt"):
            stands_for_many = re.search(r"(?<![a-z])[A-Z]+(?![a-z])", named)
            assert stands_for_many or (ROOT / named).exists(), named


@pytest.mark.parametrize("page", TEXTS)
def test_keys_that_are_named_exist(page: str) -> None:
    fields = config_fields()
    for section, key in re.findall(r"`(?:--)?([a-z]\w*)\.(\w+)(?: [^`]*)?`", TEXTS[page]):
        if section in Config.model_fields and key not in ("py", "json", "csv"):
            assert f"{section}.{key}" in fields


def test_configs_that_are_shown_are_valid() -> None:
    shown = blocks("json")
    assert len(shown) == 5
    for block in shown:
        text = block if block.startswith("{") else f"{{{block}}}"
        Config.model_validate_json(text, strict=True)


def test_weights_that_are_fetched_and_files_that_are_run_are_there() -> None:
    fetched = re.findall(r"--fetch ([\w./-]+)$", ALL, re.MULTILINE)
    assert len(fetched) == 6
    assert set(fetched) <= {model.name for model in MODELS}
    for command in ("torchrun --nproc-per-node 4", r"sbatch(?: --ntasks=4)?"):
        scripts = re.findall(rf"^{command} ([^\s-]\S+)", ALL, re.MULTILINE)
        assert scripts
        assert all((ROOT / script).exists() for script in scripts)


def test_the_guide_to_the_report_explains_all_that_its_contents_name() -> None:
    contents = (ROOT / "analysis/study/report/report.html.jinja").read_text()
    contents = contents.partition("<nav")[2].partition("</nav>")[0]
    titles = re.findall(r'<li><a href="[^"]+">(?:\{\{ arm\.name or ")?(\w[\w ]*)', contents)
    titles += re.findall(r'\("\w+", "(\w+)"\)', contents)
    assert len(titles) == 12
    guide = (ROOT / "docs/tasks/reading-the-report.md").read_text()
    assert {title for title in titles if f"**{title}**" not in guide} == set()


def test_the_citation_names_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert f'version = "{citation["version"]}"' in (ROOT / "pyproject.toml").read_text()
    assert citation["license"] == "Apache-2.0"
