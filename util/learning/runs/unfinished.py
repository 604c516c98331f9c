"""Whether the training of a checkpoint has come to its end."""

import logging
from pathlib import Path

from util.disk.whole_files import read_json
from util.errors import UserError

logger = logging.getLogger(__name__)


def warn_if_unfinished(checkpoint: Path) -> None:
    """Say that the training of a checkpoint has not come to its end, where its run tells that."""
    try:
        facts = read_json(checkpoint.parent / "run.json", "")
    except UserError:  # damaged
        return
    if "settings" in facts and "best" not in facts:
        logger.warning(
            "the training of %s has not come to its end; the command that began it goes on",
            checkpoint,
        )
