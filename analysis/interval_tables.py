"""Tables of scores with their intervals, and of paired differences between label sets."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from util.disk.whole_files import write_text
from util.errors import UserError, listed
from util.metrics.intervals import Interval, holm, paired_difference
from util.running.locks import NoLocksError, locked

Scores = dict[str, Interval]
"""Single scores of one label set, by name: estimate () and resampled (R,)."""


def name_scores(names: Iterable[str], interval: Interval) -> Scores:
    """Take the scores along the last axis of an interval apart: estimate (S,), S names."""
    columns = zip(interval.estimate, interval.low, interval.high, interval.resampled.T, strict=True)
    return {
        name: Interval(*column, interval.num_drawn)
        for name, column in zip(names, columns, strict=True)
    }


def in_a_row(interval: Interval) -> Interval:
    """Lay all scores of an interval along one axis: estimate (S,)."""
    estimate, low, high = interval.estimate.ravel(), interval.low.ravel(), interval.high.ravel()
    resampled = interval.resampled.reshape(-1, len(estimate))
    return Interval(estimate, low, high, resampled, interval.num_drawn)


def with_ends(values: Mapping[Any, Any], scores: Scores) -> dict[str, Any]:
    """Put `NAME_low` and `NAME_high` behind each value that has an interval, for a row of a CSV."""
    row: dict[str, Any] = {}
    for name, value in values.items():
        row[name] = value
        if name in scores:
            row |= {f"{name}_low": scores[name].low, f"{name}_high": scores[name].high}
    return row


def compare_with(baseline: str, scores: Mapping[str, Scores]) -> pd.DataFrame:
    """Differences to one label set in every score, over the same resampled images.

    Args:
        baseline: Name of the label set that the others are compared with.
        scores: By name of label set; all have the same scores on the same resamples.

    Returns:
        Columns `label_set`, `metric`, `difference`, `low`, `high`, `p` (see `shifted_p_value`), and
        `p_holm`, adjusted for all comparisons of a metric that have one.

    Raises:
        UserError: There is no such label set.
    """
    if baseline not in scores:
        raise UserError(f"evaluation.baseline is {baseline!r}; there are: {', '.join(scores)}")
    rows = [
        (name, metric, *_compare(score, scores[baseline][metric]))
        for name, of_label_set in scores.items()
        if name != baseline
        for metric, score in of_label_set.items()
    ]
    table = pd.DataFrame(rows, columns=["label_set", "metric", "difference", "low", "high", "p"])
    tested = table.dropna(subset="p")
    table["p_holm"] = tested.groupby("metric")["p"].transform(lambda p: holm(p.to_numpy()))
    return table


def _compare(a: Interval, b: Interval) -> tuple[float, float, float, float]:
    """Difference a - b, the ends of its interval, and p."""
    difference, p = paired_difference(a, b)
    return float(difference.estimate), float(difference.low), float(difference.high), float(p)


def format_scores(table: pd.DataFrame, index: str, names: Sequence[str], decimals: int = 3) -> str:
    """Lay scores out for the screen: `0.676 [0.617, 0.730]`, without ends where there are none.

    Args:
        table: Has the columns NAME, and where there are ends NAME_low and NAME_high, of the names.
        index: Column to show in front.
        names: Scores to show.
        decimals: Of every number.
    """
    shown = table[[index]].copy()
    for name in names:
        columns = table.reindex(columns=[name, f"{name}_low", f"{name}_high"]).to_numpy(float)
        shown[name] = [format_interval(row, f".{decimals}f") for row in columns]
    return shown.to_string(index=False)


def format_differences(table: pd.DataFrame, metrics: Collection[str]) -> str:
    """Lay the differences in some metrics out for the screen, metric by metric.

    A difference without an interval has no p: `none`.
    """
    shown = table[table["metric"].isin(metrics)].copy()
    columns = shown[["difference", "low", "high"]].to_numpy()
    shown["difference"] = [format_interval(row, "+.3f") for row in columns]
    for name in ("p", "p_holm"):
        told = shown[name].map("{:.3f}".format).mask(shown[name] < 0.001, "<0.001")
        shown[name] = told.mask(shown[name].isna(), "none")
    shown = shown.sort_values("metric", key=lambda m: m.map(list(metrics).index), kind="stable")
    return shown[["metric", "label_set", "difference", "p", "p_holm"]].to_string(index=False)


def format_interval(value_low_high: np.ndarray, style: str) -> str:
    """Lay a score out with its ends, without them where they are nan; `-` where it is itself."""
    value, low, high = value_low_high
    if np.isnan(value):
        return "-"
    return (
        f"{value:{style}}" if np.isnan(low) else f"{value:{style}} [{low:{style}}, {high:{style}}]"
    )


def say_what_is_empty(table: pd.DataFrame, index: str, what: str) -> None:
    """Say which rows of a table have nothing in any image, by their `empty_share`.

    Args:
        table: Of scores.
        index: Column of the names.
        what: Of what there is none.
    """
    names = table.loc[table["empty_share"] == 1, index].unique().tolist()
    if names:
        everywhere = "Nothing was found at all" if len(names) == table[index].nunique() else "Empty"
        print(f"{everywhere}: there is no {what} in any image of {listed(names)}")


def say_what_is_in_sample(table: pd.DataFrame, index: str) -> None:
    """Say which rows of a table are judged on images that chose their settings, by `in_sample`."""
    for name, count, total in table[[index, "in_sample", "images"]].itertuples(index=False):
        if count:
            print(
                f"{name}: {count} of {total} images chose its settings, so its figures are in "
                "sample"
            )


@dataclass(frozen=True)
class SplitTables:
    """CSV files that hold rows of several splits, of which one is judged.

    Attributes:
        folder: Of the files.
        split: That is judged.
    """

    folder: Path
    split: str

    def check(self, names: Iterable[str]) -> None:
        """Make sure that the rows of other splits can be read, before anything is measured.

        Raises:
            UserError: Files of these names are no tables with a column `split`; all are named.
        """
        strange = [path for name in names if not _is_readable(path := self.folder / f"{name}.csv")]
        if strange:
            raise UserError(
                f"the rows of other splits in {listed(strange)} cannot be read: expected a table "
                "with commas and a column split, which some spreadsheets do not keep; move it "
                "away, or save it so"
            )

    def write(self, name: str, table: pd.DataFrame) -> Path:
        """Write a table of the split as NAME.csv, the split its second column.

        Rows of other splits that the file has stay in it, below.
        """
        path = self.folder / f"{name}.csv"
        told = table.copy()
        told.insert(1, "split", self.split)
        with _alone_with(path):
            of_others = _read_other_splits(path, self.split)
            # As text, numbers keep their digits.
            lines = pd.concat([told.astype(object), of_others]) if len(of_others) else told
            write_text(path, lines.to_csv(index=False))
        return path

    def forget(self, name: str) -> None:
        """Take the rows of the split out of NAME.csv, if there are any: they hold no longer."""
        path = self.folder / f"{name}.csv"
        if not path.exists():
            return
        with _alone_with(path):
            if len(of_others := _read_other_splits(path, self.split)):
                write_text(path, of_others.to_csv(index=False))
            else:
                path.unlink(missing_ok=True)


def tell_differences(
    tables: SplitTables,
    name: str,
    baseline: str | None,
    scores: Mapping[str, Scores],
    metrics: Collection[str],
) -> None:
    """Write how label sets differ from one (see `compare_with`) as a table; print some metrics.

    Where there is no baseline, or it could not be judged, there is nothing to tell, and older
    differences hold no longer.
    """
    if baseline is None or baseline not in scores:
        tables.forget(name)
        return
    differences = compare_with(baseline, scores)
    print(f"Minus {baseline}:\n{format_differences(differences, metrics)}")
    tables.write(name, differences)


def _read_other_splits(path: Path, split: str) -> pd.DataFrame:
    """Read the rows of other splits as text, where `_is_readable`; none where there is no file."""
    if not path.exists():
        return pd.DataFrame()
    kept = pd.read_csv(path, dtype=str, keep_default_na=False)
    return kept[kept["split"] != split]


@contextmanager
def _alone_with(path: Path) -> Iterator[None]:
    """Keep evaluations of other splits from a table between its reading and its writing.

    Where the file system has no locks nobody is kept out: what was measured is worth more.
    """
    lock = path.with_name(f".{path.name}.lock")
    with ExitStack() as stack:
        with suppress(NoLocksError):
            stack.enter_context(locked(lock, str(path), patience_s=None, leaves_file=False))
        yield


def _is_readable(path: Path) -> bool:
    """Tell whether a file is a table with a column `split`, or is not there."""
    try:
        return "split" in pd.read_csv(path, dtype=str)
    except FileNotFoundError:
        return True
    except ValueError:
        return False
