"""Runs of networks that others have trained."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from teacher.maskomaly.published.opening import open_network
from util.learning.device import build_fabric
from util.learning.runs.recording import holding
from util.learning.runs.run_folder import RunFolder
from util.settings import library_versions
from util.weights.identity import weights_identity

logger = logging.getLogger(__name__)


def describe_run(path: Path, short_side_px: int) -> dict[str, Any]:
    """Say what a run of published weights is: its settings, and what else is known of it.

    Args:
        path: Of the weights.
        short_side_px: Shorter side that images are resized to before all; 0 = as they are.
    """
    settings = {"weights": weights_identity(path)["sha256"], "short_side_px": short_side_px}
    return {"settings": settings, "versions": library_versions()}


def keep_network(path: Path, run_folder: RunFolder, overwrite: bool) -> None:
    """Make a run of published weights, as a training would leave it; one that is there stays.

    Args:
        path: Of the weights.
        run_folder: Of what `describe_run` says.
        overwrite: Whether another run may be replaced.

    Raises:
        UserError: The folder is of another run, or the weights are damaged or of another network;
            nothing is changed then.
        BusyError: A training is at work there.
    """
    run_folder.check(overwrite)
    if run_folder.is_finished():
        logger.info("%s is already made", run_folder.path)
        return
    network = open_network(path)
    short_side_px = run_folder.facts["settings"]["short_side_px"]
    settings = replace(network.settings, short_side_px=short_side_px)
    with holding(run_folder, build_fabric("cpu")):
        run_folder.keep_untrained(
            {"model": network.state_dict(), "epoch": 0, "road_network": settings.as_dict()}
        )
    num_parameters = sum(weight.numel() for weight in network.parameters())
    logger.info(
        "%s: Mask2Former with %d parameters, %d queries and %d classes, of %s",
        run_folder.path,
        num_parameters,
        settings.queries,
        len(settings.classes),
        path,
    )
