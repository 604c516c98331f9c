"""Which cameras share a student: none, those of a cluster, or all."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from analysis.clusters.reading import read_clusters
from util.config.analyses.stream_study import Shared
from util.errors import UserError, listed
from util.streams.cameras import natural_key

OWN = "camera"
"""The group of a camera that learns alone."""

Groups = Mapping[str, Mapping[str, Sequence[str]]]
"""By the kind of group, the cameras that learn with each camera, itself among them."""


def find_groups(shared: Sequence[Shared], cameras: Sequence[str], clusters: Path) -> Groups:
    """Find who learns together.

    Args:
        shared: Which kinds there are beside `OWN`.
        cameras: Names of all.
        clusters: Table of analysis/cluster_cameras.py, read where it is asked for.

    Returns:
        `OWN` first; cameras in the order given.

    Raises:
        UserError: There is no such table, or it is of other cameras.
    """
    groups: dict[str, Mapping[str, Sequence[str]]] = {OWN: {name: [name] for name in cameras}}
    for kind in shared:
        if kind == "cluster":
            groups[kind] = _find_clusters(cameras, clusters)
        else:
            groups[kind] = dict.fromkeys(cameras, cameras)
    return groups


def _find_clusters(cameras: Sequence[str], path: Path) -> dict[str, list[str]]:
    """Give the cameras of each one's cluster."""
    remedy = (
        "find clusters of them first: analysis/stream_study.py --stream_study.shared '[]', then "
        "analysis/cluster_cameras.py"
    )
    if not path.exists():
        raise UserError(
            f"stream_study.shared names cluster, but there is no {path}, which would say who is in "
            f"which; {remedy}"
        )
    of_camera = read_clusters(path)
    if odd := sorted({*cameras} ^ {*of_camera}, key=natural_key):
        raise UserError(
            f"{path} and the study are not of the same cameras, but {listed(odd)} of one alone; "
            f"{remedy}"
        )
    return {
        name: [other for other in cameras if of_camera[other] == of_camera[name]]
        for name in cameras
    }
