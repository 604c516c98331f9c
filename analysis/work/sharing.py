"""A share of the cells of a study, where several processes make them, as a script is told it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from util.running.shares import Share

if TYPE_CHECKING:  # cells take seconds to import, which --help should not
    from analysis.work.plan import Plan

CELL: Mapping[str, Mapping[str, Any]] = {
    "cell": {
        "metavar": "I/N",
        "help": "make the I-th of N shares of the cells (I from 0), as for a Slurm array; then run"
        " without it for the report",
    },
}
"""The option of a script that names the share."""


def make_share(plan: "Plan", share: Share) -> int:
    """Make one process's share of the cells, and say what comes next; 1 if cells have failed."""
    from analysis.work.running import report_failures, run_share

    outcomes = run_share(plan, share)
    print(f"share {share.index}/{share.count}: {len(outcomes)} cells looked after")
    print("Next: once all shares are done, the same command without --cell")
    return report_failures(outcomes)
