"""How many detectors there are to train, and how long that will take, before any is."""

from analysis.work.cells import find_finished
from analysis.work.detecting import Detecting
from analysis.work.plan import Plan
from analysis.work.timing import Work, keep_distinct

TRIAL = "trials of two epochs"


def estimate_detectors(plan: Plan, num_tested: int, num_processes: int) -> Work:
    """Count what a plan has and still needs; try one detector of each number of frames.

    Args:
        plan: Of the grid.
        num_tested: Images that each detector looks at in the end.
        num_processes: Detectors that are trained at once.

    Raises:
        UserError: They cannot learn.
    """
    finished, trainings = find_finished(plan.cells), keep_distinct(plan.students)
    left = [cell for cell in trainings if cell not in finished]
    stages = [cell.stage for cell in left if isinstance(cell.stage, Detecting)]
    by_length = {_count(stage): stage for stage in stages}
    an_epoch = {count: stage.time_epoch() for count, stage in by_length.items()}
    an_image = min((seconds / count for count, seconds in an_epoch.items()), default=0.0)
    seconds = sum(an_epoch[_count(stage)] * stage.detector.epochs for stage in stages)
    seconds += an_image * num_tested * len(stages)
    at_once = max(min(num_processes, len(left)), 1)
    return Work("trainings", len(trainings), len(left), seconds / at_once)


def _count(stage: Detecting) -> int:
    """Count what a detector looks at in an epoch."""
    return len(stage.frames.image_ids)
