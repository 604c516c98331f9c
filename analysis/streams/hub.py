"""Runs on Weights & Biases, and their models.

What comes from there is not to be trusted: names become folders only where they are plain names,
files have the names that we know, and no code in a checkpoint is run.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from util.config.fields import FolderName
from util.errors import UserError, listed
from util.learning.runs.tracking import check_installed, model_artifact

_IS_NAME = TypeAdapter(FolderName)


@dataclass(frozen=True)
class HubRun:
    """A finished run.

    Attributes:
        path: Of it there, ENTITY/PROJECT/ID.
        id: Of it.
        name: Which is that of a folder, too.
        created_at: When it was begun, as the hub writes it.
        config: What it was told.
        summary: What it has come to.
        artifact: That has its model, an object of wandb; None where there is none.
    """

    path: str
    id: str
    name: str
    created_at: str
    config: Mapping[str, Any]
    summary: Mapping[str, Any]
    artifact: Any


@contextmanager
def reaching_hub() -> Iterator[None]:
    """Word what can go wrong on the way.

    Raises:
        UserError: The hub cannot be reached, or does not know what is asked for.
    """
    import wandb

    try:
        yield
    except UserError:
        raise
    except (wandb.errors.Error, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise UserError(
            f"Weights & Biases cannot be used: {reason}; mend that, or check fetching.entity, "
            "tracking.project and fetching.filters"
        ) from None


def find_runs(
    entity: str | None, project: str, prefix: str, filters: Mapping[str, Any]
) -> list[HubRun]:
    """Find the finished runs of a project.

    Args:
        entity: Who has it; None = the account that is logged in.
        project: Its name.
        prefix: How names of runs begin.
        filters: What else holds for them, in the words of the hub's queries.

    Returns:
        The runs, the oldest first.

    Raises:
        UserError: The package wandb is not installed, there is no account or network, nothing is
            found, or names cannot be those of folders, or are those of several.
    """
    check_installed("online")
    import wandb

    if not _is_name(project):
        raise UserError(f"tracking.project is {project!r}; expected a name that a table can have")
    with reaching_hub():
        if not wandb.login(prompt=False):
            raise UserError("no account of Weights & Biases is known; run `wandb login`")
        finished = {"state": "finished"}
        query = {"$and": [finished, dict(filters)]} if filters else finished
        place = project if entity is None else f"{entity}/{project}"
        found = [
            run
            for run in wandb.Api().runs(place, filters=query, order="+created_at")
            if run.state == "finished" and str(run.name).startswith(prefix)
        ]
        if not found:
            raise UserError(
                f"{place} has no finished run that begins with {prefix!r} and fits fetching.filters"
            )
        _check_names([(str(run.name), str(run.id)) for run in found])
        return [_describe(run) for run in found]


def _check_names(names: Sequence[tuple[str, str]]) -> None:
    """Refuse names of runs that are none of folders, or that several have; all together."""
    ids: dict[str, list[str]] = {}
    for name, run_id in names:
        ids.setdefault(name, []).append(run_id)
    odd = [name for name in ids if not _is_name(name)]
    problems = [f"{name!r} ({', '.join(ids[name])}) is no name of a folder" for name in odd]
    problems += [f"{name!r} has {', '.join(of)}" for name, of in ids.items() if len(of) > 1]
    if problems:
        raise UserError(
            f"runs need names of their own, which become folders: {listed(problems)}; rename them "
            "on the hub, or leave them out by fetching.prefix or fetching.filters"
        )


def _is_name(name: str) -> bool:
    """Tell whether a name is that of one folder, and can be shown."""
    try:
        _IS_NAME.validate_python(name)
    except ValidationError:
        return False
    return name.isprintable() and name == name.strip() and len(name.encode()) < 200


def _describe(run: Any) -> HubRun:
    """Take over what the hub says of a run."""
    wanted = model_artifact(str(run.id))
    models = [each for each in run.logged_artifacts() if each.name.partition(":")[0] == wanted]
    best = [each for each in models if "best" in each.aliases]
    return HubRun(
        path="/".join([*map(str, run.path)]),
        id=str(run.id),
        name=str(run.name),
        created_at=str(run.created_at),
        config={key: value for key, value in dict(run.config).items() if key != "_wandb"},
        summary={key: value for key, value in dict(run.summary_metrics).items() if key != "_wandb"},
        artifact=(best or models or [None])[-1],
    )
