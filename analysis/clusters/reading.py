"""Reads which camera is in which cluster."""

from pathlib import Path

from util.csv_table import read_text_table
from util.errors import UserError, listed

COLUMNS = ["camera", "cluster"]


def read_clusters(path: Path) -> dict[str, str]:
    """Read the table that `analysis.clusters.writing` writes.

    Returns:
        The name of each camera's cluster, in the order of the table.

    Raises:
        UserError: It is no such table, or cameras have no cluster or several.
    """
    table = read_text_table(path, "clusters", COLUMNS)
    if missing := [name for name in COLUMNS if name not in table]:
        raise UserError(f"{path} lacks the column {', '.join(missing)}; expected camera;cluster")
    names, clusters = (table[name].str.strip() for name in COLUMNS)
    is_bad = names.duplicated() | (names == "") | (clusters == "")
    if is_bad.any():
        raise UserError(
            f"{path}: a camera without a name or cluster, or a second time, in line "
            f"{listed(table.loc[is_bad, 'line'].tolist())}; give each camera one line"
        )
    return dict(zip(names, clusters, strict=True))
