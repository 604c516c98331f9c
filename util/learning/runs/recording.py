"""A training in its run folder: alone there, logged and tracked."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Literal

from lightning_fabric import Fabric

from util.learning.runs.run_folder import RunFolder
from util.learning.runs.tracking import Record, tracking
from util.running.locks import held
from util.running.run import log_to


@contextmanager
def holding(run_folder: RunFolder, fabric: Fabric) -> Iterator[None]:
    """Hold a run folder, so that no other training works there; the first process speaks for all.

    Raises:
        BusyError: Another training is at work there.
    """
    with held(run_folder.path) if fabric.is_global_zero else nullcontext():
        yield


@contextmanager
def recording(
    run_folder: RunFolder, fabric: Fabric, mode: Literal["off", "offline", "online"], project: str
) -> Iterator[Record]:
    """Write what is logged to train.log, and track the training; the first process for all.

    Args:
        run_folder: Of the training; learns its id there, with which it goes on after a stop.
        fabric: Of its processes.
        mode: Of `tracking`.
        project: Project to file it under.

    Yields:
        A function that records the figures of an epoch.

    Raises:
        UserError: It cannot be tracked.
    """
    if not fabric.is_global_zero:
        yield lambda figures: None
        return
    path, facts = run_folder.path, run_folder.facts
    if mode != "off":
        facts.setdefault("tracking_id", secrets.token_hex(8))
    record_of = tracking(mode, project, path, facts.get("tracking_id", ""), facts["settings"])
    with record_of as record, log_to(path / "train.log"):
        yield record
