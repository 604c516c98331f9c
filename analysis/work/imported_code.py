"""The code that results of a study depend on: modules, and all of ours that they import."""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from util.config import REPOSITORY

TOLD_OTHERWISE = ("analysis.work.versions", "util.config")
"""Libraries count by their releases, settings by what they decide: a key with a default by none."""

SHOWING = (
    "student.detection.origin",
    "student.inference.pictures",
    "util.learning.runs.recording",
    "util.learning.runs.tracking",
    "util.running.console",
    "util.running.progress",
    "util.running.run",
    "util.visualization",
)
"""Logs, progress, plots, tables of what has been made: no result is other for them."""


@dataclass(frozen=True)
class Code:
    """What a file of Python says.

    Attributes:
        text: Without what changes no result (see `strip_code`).
        imports: Modules, and names that are imported from them, "" for the module as a whole.
    """

    text: str
    imports: frozenset[tuple[str, str]]


@cache
def code_hash(*modules: str) -> str:
    """Hash modules and all of ours that they import, at once or later: 16 hexadecimal digits.

    Comments, docstrings, layout and what is said to users do not count, nor does what only
    `TOLD_OTHERWISE` and `SHOWING` import.

    Raises:
        FileNotFoundError: There is no such module.
    """
    codes = [_read(_find(module)).text for module in sorted(imported_by(modules))]
    return hashlib.sha256("\0".join(codes).encode()).hexdigest()[:16]


def imported_by(modules: tuple[str, ...]) -> set[str]:
    """Name modules, and all of ours that they import, but for those that change no result."""
    found: set[str] = set()
    left = [*modules]
    while left:
        module = left.pop()
        is_out = any(f"{module}.".startswith(f"{out}.") for out in (*TOLD_OTHERWISE, *SHOWING))
        if module not in found and not is_out:
            found.add(module)
            left += _our_imports(module)
    return found


def _our_imports(module: str) -> Iterator[str]:
    """Name our modules that a module imports."""
    for source, name in _read(_find(module)).imports:
        if (REPOSITORY / source.split(".")[0]).is_dir():
            yield _defining(source, name)


def _defining(module: str, name: str) -> str:
    """Name the module that a name is of: packages may pass on what their modules define."""
    path = _find(module)
    if path.name != "__init__.py" or not name:
        return module
    if (path.parent / name).is_dir() or (path.parent / f"{name}.py").is_file():
        return f"{module}.{name}"
    sources = [source for source, passed_on in _read(path).imports if passed_on == name]
    return _defining(sources[0], name) if sources else module


def _find(module: str) -> Path:
    """Find the file of a module, or of a package what it is when it is imported."""
    path = REPOSITORY.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _read(path: Path) -> Code:
    """Read a file of Python, each once."""
    tree = ast.parse(path.read_bytes())
    imports = frozenset(_find_imports(tree))
    return Code(strip_code(tree), imports)


def _find_imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Find what code imports, but for what only type checkers do."""
    if isinstance(tree, ast.ImportFrom):
        yield from ((str(tree.module), alias.name) for alias in tree.names)
    elif isinstance(tree, ast.Import):
        yield from ((alias.name, "") for alias in tree.names)
    elif isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING":
        return
    elif not isinstance(tree, ast.expr):
        for child in ast.iter_child_nodes(tree):
            yield from _find_imports(child)


def strip_code(tree: ast.AST) -> str:
    """Write Python code anew without comments, docstrings, layout and what users are told.

    Users are told by `print`, a logger and the text of an error that is raised.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        for part in ("body", "orelse"):
            lines = getattr(node, part, None)
            if isinstance(lines, list):
                setattr(node, part, [line for line in lines if not _is_text(line)])
    return ast.unparse(tree)


def _is_text(line: ast.AST) -> bool:
    """Tell whether a statement is a bare string, or tells users something."""
    if not isinstance(line, ast.Expr):
        return False
    if isinstance(line.value, ast.Call):
        return ast.unparse(line.value.func).split(".")[0] in ("print", "logger")
    return isinstance(line.value, ast.Constant)
