"""A training from its run folder's state to its end, whatever is learnt."""

import logging
from collections.abc import Callable, Mapping

from lightning_fabric import Fabric

from util.learning.runs.recording import holding, recording
from util.learning.runs.run_folder import RunFolder
from util.learning.runs.run_plan import RunPlan
from util.learning.task import Batch
from util.learning.trainer import Trainer
from util.visualization import draw_curves

logger = logging.getLogger(__name__)


def train_to_end(
    run_folder: RunFolder,
    fabric: Fabric,
    plan: RunPlan,
    build_trainer: Callable[[], Trainer[Batch]],
    announce: Callable[[Trainer[Batch]], None],
    panels: Mapping[str, Mapping[str, str]],
) -> None:
    """Train to the end, or what is left of it; a run that is finished is left as it is.

    Args:
        run_folder: Of the training, in the plan's folder.
        fabric: Of its processes.
        plan: What is asked of the run.
        build_trainer: Called where something is left to be learnt, when nobody else is at work.
        announce: Called by the first process before the first epoch, to log what is learnt.
        panels: Of the picture of the epochs, see `draw_curves`.

    Raises:
        UserError: The folder is of another training, or what is to be learnt cannot be used.
        BusyError: Another training is at work there.
    """
    run_folder.check(plan.overwrite)
    if run_folder.is_finished():
        if fabric.is_global_zero:
            logger.info("%s is already trained", run_folder.path)
        return
    with holding(run_folder, fabric):
        state = run_folder.read_state(plan.overwrite)
        trainer = build_trainer()
        if state is not None:
            trainer.resume(state)
        mode, project = plan.tracking.mode, plan.tracking.project
        with recording(run_folder, fabric, mode, project) as record:
            if fabric.is_global_zero:
                announce(trainer)
            trainer.fit(record)
            if fabric.is_global_zero:
                draw_curves(run_folder.path / "curves.png", trainer.history, panels)
            trainer.conclude()  # first, so that what is tracked has all that run.json says
