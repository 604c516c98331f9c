"""Models of runs on the hub, brought into run folders."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.streams.hub import HubRun, reaching_hub
from util.disk.whole_files import read_json, write_bytes, write_json, write_text
from util.errors import UserError, listed
from util.learning.checkpoint import read_checkpoint
from util.learning.runs.tracking import MODEL_FILES
from util.running.locks import held
from util.weights.identity import sha256

ORIGIN = "fetched.json"
"""Says of a run folder which run on the hub it is of."""

_REMEDY = "delete it, or give --overwrite"
_MODEL = MODEL_FILES[0]
_OF_TRAINING = ("last.pt", "curves.png")
"""What a training leaves beside, which would be of the run that is replaced."""


def check_folders(runs: Path, found: Sequence[HubRun], overwrite: bool) -> None:
    """Refuse to replace runs of other origin.

    Raises:
        UserError: Folders hold other runs; all are named.
    """
    if overwrite:
        return
    others = [
        run.name for run in found if _has_run(runs / run.name) and not _is_of(runs / run.name, run)
    ]
    if others:
        raise UserError(
            f"{runs} has other runs of these names: {listed(others)}; give --overwrite to replace "
            "them, or set paths.runs to another folder"
        )


def _has_run(folder: Path) -> bool:
    """Tell whether a folder has a run, or part of one."""
    return any((folder / name).exists() for name in (_MODEL, "last.pt", "run.json", ORIGIN))


def _is_of(folder: Path, run: HubRun) -> bool:
    """Tell whether a folder is of a run: fetched from it, or what it was tracked from."""
    if (origin := read_json(folder / ORIGIN, _REMEDY)) and origin.get("run") != run.path:
        return False
    told = read_json(folder / "run.json", _REMEDY)
    return bool(origin) or told.get("tracking_id") == run.id


def is_there(folder: Path, run: HubRun) -> bool:
    """Tell whether a folder has the model of a run as the hub has it, or has trained it itself."""
    if not (folder / _MODEL).is_file() or not _is_of(folder, run):
        return False
    origin = read_json(folder / ORIGIN, _REMEDY)
    if not origin:
        return True
    is_same = origin.get("digest") == run.artifact.digest
    return is_same and origin.get("sha256") == sha256(folder / _MODEL)


def fetch(folder: Path, run: HubRun) -> None:
    """Bring the model of a run into its folder, when all of it is here and can be read.

    Args:
        folder: Gets best.pt, as far as the hub has them the other `MODEL_FILES`, and fetched.json.
        run: With an artifact.

    Raises:
        UserError: The model is lacking, a mere address of a file, or cannot be read safely; the
            folder stays as it is then.
        BusyError: A training is at work there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder.parent) as beside:
        files = _download(Path(beside), run)
        if _MODEL not in files:
            raise UserError(f"its artifact has no {_MODEL}")
        read_checkpoint(files[_MODEL])
        for name, path in files.items():
            if name.endswith(".json"):
                read_json(path, "file the run anew")
        with held(folder):
            for name in (*MODEL_FILES[1:], *_OF_TRAINING):
                (folder / name).unlink(missing_ok=True)  # what they say holds at any time
            write_json(folder / ORIGIN, {"run": run.path})
            for name, path in files.items():
                write_bytes(folder / name, path.read_bytes())
            digests = {"digest": run.artifact.digest, "sha256": sha256(folder / _MODEL)}
            write_json(folder / ORIGIN, {"run": run.path, **digests})


def _download(folder: Path, run: HubRun) -> dict[str, Path]:
    """Download the files of a model that we know by name, never what an address points to.

    An artifact may hold addresses in place of files, even of files of this machine.
    """
    with reaching_hub():
        entries = run.artifact.manifest.entries
    known = {name: entries[name] for name in MODEL_FILES if name in entries}
    if addresses := [name for name, entry in known.items() if entry.ref is not None]:
        raise UserError(f"its artifact has addresses in place of files: {', '.join(addresses)}")
    files = {}
    for name, entry in known.items():
        with reaching_hub():
            entry.download(root=str(folder), skip_cache=True)
        files[name] = folder / name
        if files[name].is_symlink() or not files[name].is_file():
            raise UserError(f"its artifact has no file {name}, but something else of that name")
    return files


def write_runs(path: Path, found: Sequence[HubRun]) -> None:
    """Write what the hub says of runs as a table, a row each, `;` between cells.

    Columns are `id`, `name`, `created_at`, and `summary` and `config` as JSON, as in the table of
    stream-based active distillation.
    """
    rows = [
        (run.id, run.name, run.created_at, _to_json(run.summary), _to_json(run.config))
        for run in found
    ]
    table = pd.DataFrame(rows, columns=["id", "name", "created_at", "summary", "config"])
    write_text(path, table.to_csv(sep=";", index=False, lineterminator="\n"))


def _to_json(values: Mapping[str, Any]) -> str:
    """Write values of the hub on one line; what JSON has no word for becomes text."""
    return json.dumps(dict(values), default=str, ensure_ascii=False)
