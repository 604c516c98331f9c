"""What lies in the run of a classifier, and what run.json says of it."""

from pathlib import Path
from typing import Any

from util.disk.whole_files import read_json

BEST = "best.pt"
FACTS = "run.json"
POSITIVE_LABELS = "positive_labels"
"""In run.json: the labels of what is looked for."""


def read_facts(run: Path) -> dict[str, Any]:
    """Read what run.json says; {} where there is no trained network.

    Raises:
        UserError: It is damaged.
    """
    if not (run / BEST).is_file():
        return {}
    return read_json(run / FACTS, "train with --overwrite")
