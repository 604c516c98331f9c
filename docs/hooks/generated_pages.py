"""Pages of the site that are made of what is written elsewhere already.

The front page is the README; config keys come from the schema, scripts from their docstrings.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # the config's schema is the repository's own

from util.config import Config  # noqa: E402
from util.config.values import describe_default, describe_kind  # noqa: E402

PAGES = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
"""Files of the repository's root, by the names of their pages."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that no file of `docs` holds."""
    pages = {page: from_root(ROOT / name) for page, name in PAGES.items()}
    pages["reference/config.md"] = describe_config()
    pages["reference/scripts.md"] = describe_scripts()
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Let what leads to a file of the root, as on GitHub, lead to its page."""
    for name, file in PAGES.items():
        markdown = markdown.replace(f"](../../{file}", f"](../{name}")
    return markdown


def from_root(path: Path) -> str:
    """Read a page of the repository's root, with its links as the site has them."""
    text = path.read_text(encoding="utf-8").replace("](docs/", "](")
    for page, name in PAGES.items():
        text = text.replace(f"]({name}", f"]({page}")
    return text


def describe_config() -> str:
    """Give a table of keys for each section of the config."""
    parts = [
        "# Settings by section",
        "All keys of `config.json`. On the command line they are `--section.key VALUE`; "
        "[stages and settings](../tasks/settings.md) says how they are given.",
    ]
    for name, section in Config.model_fields.items():
        rows = [
            f"| `{key}` | {cell(describe_kind(field))} "
            f"| {cell(describe_default(f'{name}.{key}', field))} "
            f"| {cell(field.description or '', is_code=False)} |"
            for key, field in section.annotation.model_fields.items()
        ]
        head = "| key | value | default | what it does |\n|---|---|---|---|"
        parts += [f"## {name}", section.description or "", "\n".join([head, *rows])]
    return "\n\n".join(parts)


def cell(text: str, is_code: bool = True) -> str:
    """Escape text for a table."""
    plain = text.replace("|", "\\|")
    return f"`{plain}`" if is_code else escape(plain, "*_>[]")


def describe_scripts() -> str:
    """Give the docstring of each script, as its `--help` does."""
    parts = ["# Scripts", "Each shows this, and all keys that it reads, with `--help`."]
    for path in find_scripts():
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        prose = escape_prose(text).replace("\nNext:", "\n\nNext:")
        parts += [f"## {path.relative_to(ROOT).as_posix()}", prose]
    return "\n\n".join(parts)


def find_scripts() -> Iterator[Path]:
    """Find what is run as a script, stage by stage."""
    for stage in ("teacher", "util", "student", "analysis"):
        for path in sorted((ROOT / stage).rglob("*.py")):
            if "raise SystemExit(run_script(main))" in path.read_text(encoding="utf-8"):
                yield path


def escape_prose(text: str) -> str:
    """Escape what Markdown would take for emphasis or tags; examples are indented, and stay."""
    lines = text.splitlines()
    return "\n".join(line if line.startswith("    ") else escape(line, "*_>[]$") for line in lines)


def escape(text: str, marks: str) -> str:
    """Escape marks by a backslash, and `<`, for which Markdown has none."""
    return re.sub(rf"([{re.escape(marks)}])", r"\\\1", text).replace("<", "&lt;")
