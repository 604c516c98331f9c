"""How the student of each camera fares on each camera: a square matrix."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from util.csv_table import read_text_table
from util.disk.whole_files import write_text
from util.errors import UserError, listed
from util.streams.cameras import natural_key

SOURCE = "source_domain"
_TOLD_APART = ("source_dataset", "student", "teacher", "strategy", "samples")


@dataclass(frozen=True, eq=False)
class CrossMatrix:
    """A score of students on cameras.

    Attributes:
        cameras: Names of the N cameras, all different.
        scores: (N, N) float64 in [0, 1]; `scores[i, j]` is that of the student of camera i on
            camera j.
        note: What should be known of it, such as what is averaged or left out; '' = nothing.
    """

    cameras: tuple[str, ...]
    scores: np.ndarray
    note: str = ""

    def only(self, names: Sequence[str]) -> "CrossMatrix":
        """Take the scores of some of the cameras, in the order of their names here."""
        at = [self.cameras.index(name) for name in names]
        return CrossMatrix(tuple(names), self.scores[np.ix_(at, at)], self.note)


def gather_matrix(results: pd.DataFrame, metric: str) -> CrossMatrix:
    """Make a matrix of a table of results.

    Students of several cameras, and those that have learnt from none, are passed over, and so are
    cameras on which no student has a score, as where no test frame has a true box. Several runs of
    a cell are averaged.

    Args:
        results: See `read_results`.
        metric: Column of the table.

    Returns:
        The matrix of all other cameras that have a student, in natural order of their names.

    Raises:
        UserError: Students of fewer than two cameras are there, they are of several data sets, or
            cells are lacking.
    """
    there = set(results["target_domain"]) & set(results[SOURCE])
    of_one = results[results[SOURCE].isin(there) & results["target_domain"].isin(there)]
    scored = of_one.dropna(subset=[metric])
    names = sorted(set(scored["target_domain"]), key=natural_key)
    left_out = _say_left_out(sorted(there.difference(names), key=natural_key), metric)
    if len(names) < 2:
        raise UserError(
            f"the results have students of {listed(names) or 'no camera'} that are tested there; "
            "clusters need two cameras at least: test the student of each on all of them"
            f"{left_out and f' ({left_out})'}"
        )
    table = scored[scored[SOURCE].isin(names)]
    datasets = sorted(set(table["source_dataset"]))
    if len(datasets) > 1:
        raise UserError(
            f"the results are of several data sets, {listed(datasets)}, whose cameras would be "
            "taken for one another; keep a table for each"
        )
    means = table.pivot_table(metric, SOURCE, "target_domain", aggfunc="mean")
    means = means.reindex(index=names, columns=names)
    _refuse_missing(means, metric, "test these students on these cameras")
    notes = [each for each in (left_out, _say_averaged(table)) if each]
    return CrossMatrix(tuple(names), means.to_numpy(np.float64), "; ".join(notes))


def _say_left_out(names: Sequence[str], metric: str) -> str:
    """Say on which cameras no student has a score; '' where there is none of them."""
    if not names:
        return ""
    return f"left out, without {metric} of any student, as without a true box: {listed(names, 20)}"


def _say_averaged(table: pd.DataFrame) -> str:
    """Say how many runs cells are means of, and in what these differ; '' where of one each."""
    counts = table.groupby([SOURCE, "target_domain"]).size()
    if counts.max() == 1:
        return ""
    differing = [name for name in _TOLD_APART if table[name].nunique() > 1]
    spread = f", which differ in {', '.join(differing)}" if differing else ""
    num_runs = f"{counts.min()} to {counts.max()}" if counts.nunique() > 1 else str(counts.max())
    return f"each cell is the mean of {num_runs} runs{spread}"


def _refuse_missing(means: pd.DataFrame, metric: str, remedy: str) -> None:
    """Name all empty cells together."""
    is_empty = means.isna().to_numpy()
    cells = [
        f"{source} on {target}"
        for source, of_source in zip(means.index, is_empty, strict=True)
        for target, is_lacking in zip(means.columns, of_source, strict=True)
        if is_lacking
    ]
    if cells:
        raise UserError(f"{metric} is lacking of {listed(cells, 10)}; {remedy}")


def read_matrix(path: Path) -> CrossMatrix:
    """Read a matrix in the form of the original's `cross_performance.csv`.

    Its first line is `source_domain` and the cameras; each line below is a camera and the scores of
    its student, in any order.

    Raises:
        UserError: It is no such table, rows are not those of the columns, or scores are lacking or
            outside [0, 1].
    """
    table = read_text_table(path, "scores", [SOURCE, "cam1", "cam2", "..."], separator=",")
    names = [str(name) for name in table.columns if name not in ("line", SOURCE)]
    if SOURCE not in table or len(names) < 2:
        raise UserError(
            f"{path} is no matrix of scores; its first line must be {SOURCE} and the names of two "
            "cameras at least"
        )
    rows = table[SOURCE].str.strip()
    odd = sorted({*rows} ^ {*names}, key=natural_key)
    if odd or len(rows) != len(names):
        twice = sorted(set(rows[rows.duplicated()]), key=natural_key)
        raise UserError(
            f"{path}: a matrix has a row and a column of each camera; check {listed(odd or twice)}"
        )
    texts = table.set_index(rows).loc[names, names]
    scores = pd.DataFrame({name: pd.to_numeric(texts[name], errors="coerce") for name in names})
    _refuse_missing(scores, f"a number in {path}", "write one into each cell")
    values = scores.to_numpy(np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise UserError(f"{path}: scores outside [0, 1]; give shares, no percentages")
    return CrossMatrix(tuple(names), values)


def write_matrix(path: Path, matrix: CrossMatrix) -> None:
    """Write a matrix in the form that `read_matrix` reads."""
    table = pd.DataFrame(matrix.scores, matrix.cameras, list(matrix.cameras))
    write_text(path, table.to_csv(index_label=SOURCE, lineterminator="\n"))
