"""The prompt study: how far wording changes the teacher, and how much of that the student keeps.

    python analysis/prompt_study.py --study.prompts bird --study.prompts whale

Crosses what the study section of the config names, on the demo scenes by default: label sets of
all prompts, their combinations, students of each with several seeds. What is made is kept in
paths.cells, so a stopped study goes on, and a changed setting makes anew only what depends on it.
Writes paths.runs/STUDY: report.html, figures, tables, cells.csv.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import pandas as pd

from util.ahead import count_cores
from util.config import load_config
from util.errors import listed
from util.files import write_json, write_text
from util.run import run_script
from util.sea_scenes import make_demo_if_asked
from util.shares import ALONE, parse_share
from util.splits import warn_of_shared_images

if TYPE_CHECKING:  # statistics take a second to import, which --help should not
    from analysis.study.results import StudyResults
    from analysis.study.running import Outcomes

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "plan": {
        "action": "store_true",
        "help": "say how many label sets and trainings there are and how long they will take",
    },
    "cell": {
        "metavar": "I/N",
        "help": "make the I-th of N shares of the cells (I from 0), as for a Slurm array; then run"
        " without it for the report",
    },
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the study."""
    config, options = load_config(__doc__ or "", argv, OPTIONS)
    share = None if options.cell is None else parse_share(options.cell)
    with (share or ALONE).alone(config.paths.cells):
        make_demo_if_asked(config.paths, config.data)
    warn_of_shared_images(config.data)
    from analysis.study.concluding import conclude
    from analysis.study.design import design_study
    from analysis.study.measuring import find_judge
    from analysis.study.planning import plan_cells
    from analysis.study.report import write_report
    from analysis.study.running import run_plan, run_share

    design = design_study(config)
    judge = find_judge(config)
    plan = plan_cells(config, design)
    num_processes = config.study.processes or count_cores()
    if options.plan:
        from analysis.study.timing import estimate_work, format_work

        print(format_work(estimate_work(config, plan, num_processes), num_processes))
        return 0
    if share is not None:
        outcomes = run_share(plan, share)
        print(f"share {options.cell}: {len(outcomes)} cells looked after")
        print("Next: once all shares are done, the same command without --cell")
        return report_failures(outcomes)
    outcomes = run_plan(plan, num_processes)
    results = conclude(config, design, plan, outcomes, judge, num_processes)
    folder = config.paths.runs / config.study.name
    write_report(results, folder)
    write_text(folder / "cells.csv", results.cells.to_csv(index=False))
    write_json(folder / "config.json", config.model_dump(mode="json"))
    show(results)
    print(f"Wrote {folder}: report.html, figures, tables, cells.csv")
    print(f"Next: open {folder / 'report.html'}")
    return report_failures(outcomes)


def show(results: "StudyResults") -> None:
    """Print the scores of the main arm."""
    table = results.arms[0].scores
    shown = table[["label_set"]].copy()
    for who in ("teacher", "student"):
        shown[who] = [
            "-" if pd.isna(score) else f"{score:.3f} [{low:.3f}, {high:.3f}]"
            for score, low, high in table[[who, f"{who}_low", f"{who}_high"]].to_numpy()
        ]
    print(f"\n{results.metric} on {results.num_images} test images, with 95 % intervals:\n")
    print(shown.to_string(index=False), "\n")


def report_failures(outcomes: "Outcomes") -> int:
    """Say which cells have failed; exit status 1 if there are any, else 0."""
    failed = [f"{c.name}: {o.reason}" for c, o in outcomes.items() if o.status == "failed"]
    if failed:
        print(f"{len(failed)} of {len(outcomes)} cells failed: {listed(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(run_script(main))
