"""What is found of clusters, as files and on the screen."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.clusters.clustering import Clusters, merges
from util.disk.whole_files import write_json, write_text
from util.words import count_of

MANIFEST = "clusters.json"
TABLE = "clusters.csv"


def write_clusters(
    folder: Path,
    cameras: Sequence[str],
    clusters: Clusters,
    joined: Mapping[str, int],
    facts: Mapping[str, Any],
) -> None:
    """Write which cameras are together, and why.

    Args:
        folder: Gets clusters.csv, `camera;cluster`, and clusters.json, which also has the heights
            of all merges.
        cameras: Names of the N cameras.
        clusters: Of these.
        joined: Clusters of cameras that came later.
        facts: What else to say of them, JSON values.
    """
    members = clusters.members(cameras)
    for name, number in joined.items():
        members[number - 1].append(name)
    rows = [(name, number) for number, each in enumerate(members, start=1) for name in each]
    table = pd.DataFrame(rows, columns=["camera", "cluster"])
    manifest = {
        **facts,
        "count": clusters.count,
        "criterion": clusters.criterion,
        "silhouettes": {str(count): width for count, width in clusters.silhouettes.items()},
        "clusters": {str(number): each for number, each in enumerate(members, start=1)},
        "newcomers": dict(joined),
        "merges": [
            {"height": height, "cameras": each} for height, each in merges(clusters.tree, cameras)
        ],
    }
    write_text(folder / TABLE, table.to_csv(sep=";", index=False, lineterminator="\n"))
    write_json(folder / MANIFEST, manifest)


def describe_clusters(cameras: Sequence[str], clusters: Clusters, joined: Mapping[str, int]) -> str:
    """Say in a line each which cameras are together; those that came later have a plus."""
    found = count_of(clusters.count, "cluster")
    lines = [f"{found} of {count_of(len(cameras), 'camera')} ({clusters.criterion})"]
    for number, members in enumerate(clusters.members(cameras), start=1):
        later = [f"+{name}" for name, of in joined.items() if of == number]
        lines.append(f"cluster {number}: {', '.join([*members, *later])}")
    return "\n".join(lines)
