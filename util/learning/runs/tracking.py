"""Weights & Biases, where it is asked for; nothing else needs it."""

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from util.errors import UserError

logger = logging.getLogger(__name__)

Record = Callable[[Mapping[str, float]], None]
"""Records the figures of an epoch, its number among them."""

PATIENCE_S = 30.0
"""How long the server is waited for; what it has not got by then is kept in the run folder."""

MODEL_FILES = ("best.pt", "config.json", "run.json", "metrics.csv")
"""What is kept of a run on the hub, as the artifact that `model_artifact` names."""


def model_artifact(run_id: str) -> str:
    """Name the artifact that has the model of a run, as stream-based active distillation does."""
    return f"run_{run_id}_model"


@contextmanager
def tracking(
    mode: Literal["off", "offline", "online"],
    project: str,
    run_folder: Path,
    run_id: str,
    settings: Mapping[str, Any],
) -> Iterator[Record]:
    """Record a training; it is closed at the end, also by an error or an interrupt.

    The model that lies in the run folder when it has come to its end is filed, too. Where that
    fails, a warning says so: the run folder has it.

    Args:
        mode: `off`, `offline` (kept in the run folder) or `online`.
        project: Project to file it under.
        run_folder: The run; its name is the run's name there.
        run_id: Its id there. A training that goes on has the same, and goes on with its record.
        settings: What to show as its config.

    Yields:
        A function that records the figures of an epoch; with `off` it does nothing.

    Raises:
        UserError: The package wandb is not installed, or there is no account or no network.
    """
    if mode == "off":
        yield lambda figures: None
        return
    run = _start(mode, project, run_folder, run_id, settings)
    status = 1
    try:
        yield lambda figures: run.log(dict(figures), step=int(figures["epoch"]))
        _file_model(run, run_folder, run_id)
        status = 0
    finally:
        run.finish(exit_code=status)


def check_installed(mode: Literal["off", "offline", "online"]) -> None:
    """Make sure that what a mode needs can be imported.

    Raises:
        UserError: The package wandb is not installed.
    """
    if mode == "off":
        return
    try:
        import wandb  # noqa: F401
    except ModuleNotFoundError:
        raise UserError(
            f"tracking.mode is {mode!r}, but the package wandb is not installed; "
            "pip install wandb, or set tracking.mode to off"
        ) from None


def _file_model(run: Any, run_folder: Path, run_id: str) -> None:
    """File the model of a run, as far as there is one, under the aliases `best` and `latest`."""
    import wandb

    if not (run_folder / MODEL_FILES[0]).is_file():
        return
    try:
        artifact = wandb.Artifact(model_artifact(run_id), type="model")
        for name in MODEL_FILES:
            if (run_folder / name).is_file():
                # immutable: read where it lies, no copy of it is made elsewhere
                path = str(run_folder / name)
                artifact.add_file(path, name=name, policy="immutable", skip_cache=True)
        run.log_artifact(artifact, aliases=["best", "latest"])
    except (wandb.errors.Error, OSError, ValueError) as error:
        logger.warning("the model of %s is not filed on Weights & Biases: %s", run_folder, error)


def _start(
    mode: Literal["offline", "online"],
    project: str,
    run_folder: Path,
    run_id: str,
    settings: Mapping[str, Any],
) -> Any:
    """Start a run, or go on with it; where that fails, nothing is left of it."""
    check_installed(mode)
    import wandb

    records = run_folder / "wandb"
    is_first = not records.exists()
    run_folder.mkdir(parents=True, exist_ok=True)
    try:
        wandb.setup(settings=wandb.Settings(silent=True))
        if mode == "online" and not wandb.login(prompt=False):
            raise wandb.errors.UsageError("no account is known; run `wandb login`")
        return wandb.init(
            mode=mode,
            project=project,
            name=run_folder.name,
            dir=run_folder,
            id=run_id,
            resume="allow",
            config=dict(settings),
            settings=wandb.Settings(
                silent=True, init_timeout=PATIENCE_S, finish_timeout=PATIENCE_S
            ),
        )
    except (wandb.errors.Error, OSError) as error:
        if is_first:
            shutil.rmtree(records, ignore_errors=True)
        reason = str(error).partition("\n")[0].rstrip(".")
        raise UserError(
            f"tracking.mode is {mode!r}, but Weights & Biases cannot be used: {reason}; mend that, "
            "or set tracking.mode to offline or off"
        ) from None
