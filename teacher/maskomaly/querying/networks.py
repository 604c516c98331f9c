"""The networks whose queries are chosen: which keys say so, and each of them ready to answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from teacher.inference.cache import open_cache
from util.config import MaskomalySection, PathsSection, TeacherSection

if TYPE_CHECKING:
    from teacher.maskomaly.teacher import NetworkPasses

KEYS = frozenset({"maskomaly.networks", "teacher.device", "teacher.cache_gb"})
"""Of the config, that say which networks they are and how they run."""


def open_networks(
    section: MaskomalySection, teacher: TeacherSection, paths: PathsSection
) -> Iterator[tuple[Path, "NetworkPasses"]]:
    """Load the networks, each when the one before it is done with.

    Args:
        section: Names their runs.
        teacher: Says where they run, and how much of what they say is remembered.
        paths: Of runs and cache.

    Yields:
        The folder of a run, and its network.

    Raises:
        UserError: A checkpoint is missing or damaged, or there is no such device.
    """
    from teacher.maskomaly.teacher import load_passes  # needs torch

    cache = open_cache(paths.cache, teacher.cache_gb)
    for network in section.networks:
        run = paths.runs / network
        yield run, load_passes(run, teacher.device, cache)
