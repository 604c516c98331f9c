"""Images that a loop can make nothing for."""

import logging

logger = logging.getLogger(__name__)

TOLD_FAILURES = 5
"""How many failures are told when they happen; all are told at the end."""


class Failures:
    """The images that have failed in a loop, the first of which are told at once.

    Attributes:
        reasons: Why, by the id of the image.
    """

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    def add(self, image_id: str, reason: str) -> None:
        """Note that an image has failed, and tell it where few have."""
        self.reasons[image_id] = reason
        if len(self.reasons) <= TOLD_FAILURES:
            logger.warning("%s failed: %s", image_id, reason)
