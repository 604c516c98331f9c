# PYTHON_ARGCOMPLETE_OK
"""Fetch the models of tracked trainings from Weights & Biases.

    python analysis/fetch_runs.py --fetching.prefix WALT-cam1

Trainings with tracking.mode online, or offline and synchronised later, file their models there.
Those of the finished runs of tracking.project are brought into paths.runs, a folder a run by its
name: best.pt, and config.json, run.json and metrics.csv where they are filed; fetched.json says
where it is from. What is here already stays. Writes PROJECT.csv into paths.runs, too: names,
configs and results of these runs.
Next: python student/test.py, with student.run the name of a run
"""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from util.config import keys_of
from util.config.command_line import OVERWRITE, load_config
from util.errors import UserError
from util.running.run import print_next, run_script

logger = logging.getLogger(__name__)

READS = keys_of("fetching") | {"tracking.project"}


def main(argv: Sequence[str] | None = None) -> int:
    """Fetch the runs."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    # torch takes seconds to import, which --help should not
    from analysis.streams.fetching import check_folders, fetch, is_there, write_runs
    from analysis.streams.hub import find_runs

    settings, runs, project = config.fetching, config.paths.runs, config.tracking.project
    found = find_runs(settings.entity, project, settings.prefix, settings.filters)
    check_folders(runs, found, options.overwrite)
    write_runs(runs / f"{project}.csv", found)
    failures, num_there = [], 0
    for run in found:
        folder = runs / run.name
        try:
            if run.artifact is None:
                raise UserError("it has filed no model")
            if is_there(folder, run):
                num_there += 1
                continue
            fetch(folder, run)
        except UserError as error:
            failures.append(f"{run.name}: {error}")
            continue
        logger.info("fetched %s", folder)
    num_fetched = len(found) - num_there - len(failures)
    print(f"{runs}: {num_fetched} models fetched, {num_there} were there; {project}.csv has all")
    if failures:
        raise UserError("\n".join(["not all models could be fetched:", *failures]))
    print_next(["student/test.py", "--student.run", found[0].name], argv)
    return 0


if __name__ == "__main__":
    raise SystemExit(run_script(main))
