"""Choices of users, to be asked about."""

from typing import Any

from analysis.explorer.choice import Choice
from analysis.explorer.opening import find_start
from util.config import Config
from util.images.files import find_images


def choose(config: Config, **changes: Any) -> Choice:
    """Choose what the config says, for the third image, but for some changes."""
    image_id = list(find_images(config.data.images))[2]  # of three birds
    own = config.own_sections()
    start = find_start(config.teacher, own, config.evaluation, config.combination, image_id)
    return start.model_copy(update=changes)
