"""Weights & Biases, where it is asked for; nothing else needs it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from util.errors import UserError


def start_tracking(
    mode: Literal["off", "offline", "online"],
    project: str,
    run_folder: Path,
    settings: Mapping[str, Any],
) -> Callable[[Mapping[str, float]], None]:
    """Start to record a run.

    Args:
        mode: `off`, `offline` (kept in the run folder) or `online`.
        project: Project to file it under.
        run_folder: The run; its name is the run's name there.
        settings: What to show as its config.

    Returns:
        A function that records the figures of an epoch; with `off` it does nothing.

    Raises:
        UserError: The package wandb is not installed.
    """
    if mode == "off":
        return lambda figures: None
    try:
        import wandb
    except ModuleNotFoundError:
        raise UserError(
            f"tracking.mode is {mode!r}, but the package wandb is not installed; "
            "pip install wandb, or set tracking.mode to off"
        ) from None
    run = wandb.init(
        mode=mode,
        project=project,
        name=run_folder.name,
        dir=run_folder,
        config=dict(settings),
        settings=wandb.Settings(silent=True),
    )
    return lambda figures: run.log(dict(figures))
