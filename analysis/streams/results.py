"""The table of how students fare on cameras, a row a run and camera: inference_results.csv.

Its columns are those of stream-based active distillation, with ends of intervals behind them. Three
mean only here what their names say. `epochs` is the number trained, there a step of the tracking;
`epochs_asked` is always empty there; `samples` of several cameras are all of them together, there
by version these or those of each. Tables of its newer version, without some epochs, are read too.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.streams.run_names import RunName
from util.csv_table import read_text_table
from util.disk.whole_files import write_text
from util.errors import UserError, listed
from util.streams.cameras import natural_key

METRICS = ("precision", "recall", "mAP50", "mAP50-95", "fitness")
_NAMES = ("run_id", "source_dataset", "source_domain", "source_period", "target_domain")
_TEXTS = (*_NAMES, "student", "teacher", "strategy", "setting")
_EPOCHS = ("epochs", "best/epoch", "epochs_asked")
_ENDS = ("mAP50_low", "mAP50_high", "mAP50-95_low", "mAP50-95_high")
COLUMNS = [*_NAMES, "student", "teacher", *_EPOCHS, "strategy", "setting", "samples"]
COLUMNS += [*METRICS, *_ENDS]
_MAY_LACK = {*_EPOCHS, *_ENDS, "fitness"}
_KEY = ["run_id", "strategy", "target_domain"]
"""What no two rows share. The original's untouched students are one run, told by strategy."""


def result_row(
    learnt: Mapping[str, Any],
    target_domain: str,
    epochs: tuple[float, int, int],
    metrics: Mapping[str, float],
) -> dict[str, Any]:
    """Make the row of a trained student on a camera.

    Args:
        learnt: Its `run_id`, and the columns that say what it has learnt from, as `told_by_name`
            reads them of a name of the original's kind.
        target_domain: The camera, such as `cam3`.
        epochs: How many were trained, nan = unknown; the best of them; how many were asked for.
        metrics: `precision`, `recall`, `mAP50`, `mAP50-95`, and ends of intervals as far as known;
            nan where the camera has no true box.

    Returns:
        A row of the table.
    """
    trained = dict(zip(_EPOCHS, epochs, strict=True))
    return {**learnt, "target_domain": target_domain, **trained, **metrics}


def told_by_name(run: RunName) -> dict[str, Any]:
    """Give the columns that the name of a run tells; without an id, the name is its `run_id`."""
    return {
        "run_id": run.run_id or str(run),
        "source_dataset": run.dataset,
        "source_domain": run.source_domain,
        "source_period": run.source_period,
        "student": run.student,
        "teacher": run.teacher,
        "strategy": run.strategy,
        "setting": run.setting or "",
        "samples": run.samples,
    }


def baseline_row(
    name: str, dataset: str, target_domain: str, metrics: Mapping[str, float]
) -> dict[str, Any]:
    """Make the row of a network that has learnt from no camera, such as the teacher.

    As in the original, its strategy is its name, and its samples are 0.
    """
    empty = dict.fromkeys(("source_domain", "source_period", "teacher", "setting"), "")
    told = {"run_id": name, "source_dataset": dataset, "target_domain": target_domain}
    return {**empty, **told, "student": name, "strategy": name, "samples": 0, **metrics}


def read_results(path: Path) -> pd.DataFrame:
    """Read and check a table of results.

    Returns:
        `COLUMNS`: text ('' where there is none), floats for epochs and metrics (nan where there is
        none), int64 for samples. Fitness is always computed, `0.1 mAP50 + 0.9 mAP50-95`. No row
        where there is no file.

    Raises:
        UserError: A column is missing, numbers are none or beyond what they can be, or a run has
            two rows of one camera. The first bad rows are named, by line.
    """
    if not path.exists():
        return no_results()
    told = read_text_table(path, "results", COLUMNS, separator=",")
    if missing := [name for name in COLUMNS if name not in told and name not in _MAY_LACK]:
        raise UserError(
            f"{path} lacks the column {', '.join(missing)}; expected {','.join(COLUMNS)}"
        )
    table = told.reindex(columns=["line", *COLUMNS], fill_value="")
    for name in COLUMNS:
        table[name] = table[name].str.strip()
        if name not in _TEXTS:
            numbers = table[name].map(_to_number)
            _refuse(path, table, (table[name] != "") & numbers.isna(), f"no number in {name}")
            table[name] = numbers
    unnamed = (table["run_id"] == "") | (table["target_domain"] == "")
    _refuse(path, table, unnamed, "no run_id or target_domain")
    samples = table["samples"]
    is_count = (samples >= 0) & (samples % 1 == 0) & (samples < 2**53)
    _refuse(path, table, ~is_count, "samples are no whole number from 0 on")
    for name in (*METRICS, *_ENDS):
        outside = (table[name] < 0) | (table[name] > 1)
        _refuse(path, table, outside, f"{name} outside [0, 1]")
    _refuse(path, table, table.duplicated(_KEY), "a second row of a run and camera")
    return _complete(table[COLUMNS])


def no_results() -> pd.DataFrame:
    """Make a table of no row."""
    return _complete(pd.DataFrame(columns=COLUMNS))


def _to_number(text: str) -> float:
    """Read a number as Python does, all its digits; nan where it is none or no finite one."""
    if re.fullmatch(r"[+-]?[0-9]*\.?[0-9]+(\.|[eE][+-]?[0-9]+)?", text) is None:
        return float("nan")
    number = float(text)
    return number if np.isfinite(number) else float("nan")


def _refuse(path: Path, table: pd.DataFrame, is_bad: pd.Series, reason: str) -> None:
    """Raise where rows are bad, naming the first ones by line and run."""
    if is_bad.any():
        bad = table[is_bad]
        places = [f"line {n} ({run})" for n, run in zip(bad["line"], bad["run_id"], strict=True)]
        raise UserError(f"{path}: {reason} in {listed(places)}")


def _complete(table: pd.DataFrame) -> pd.DataFrame:
    """Give a table all columns in order and in their types, and compute fitness."""
    full = table.reindex(columns=COLUMNS).reset_index(drop=True)
    for name in COLUMNS:
        if name in _TEXTS:
            full[name] = full[name].fillna("").astype(str)
        else:
            full[name] = full[name].astype("int64" if name == "samples" else "float64")
    full["fitness"] = 0.1 * full["mAP50"] + 0.9 * full["mAP50-95"]
    return full


def append_results(
    path: Path, rows: list[dict[str, Any]], earlier: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Add rows to a table, which is written whole; a row of the same run and camera is replaced.

    Rows are in natural order of runs and cameras, however often some were added. One process at a
    time may add some.

    Args:
        path: Of the table; it need not be there.
        rows: Of `result_row` and `baseline_row`; `fitness` is computed.
        earlier: Rows that stay beside them, of `read_results`; None = all of the file.

    Returns:
        The table, see `read_results`.

    Raises:
        UserError: The table cannot be read.
        ValueError: Metrics are outside [0, 1], which would make it one that cannot be read.
    """
    if earlier is None:
        earlier = read_results(path)
    later = _complete(pd.DataFrame(rows, columns=COLUMNS))
    values = later[[*METRICS, *_ENDS]]
    if ((values < 0) | (values > 1)).any(axis=None):
        raise ValueError(f"metrics outside [0, 1] in rows for {path}")
    if not len(later):
        return earlier
    both = pd.concat([earlier, later]) if len(earlier) else later
    table = both[~both.duplicated(_KEY, keep="last")]
    keys = [list(map(natural_key, key)) for key in table[_KEY].to_numpy()]
    table = table.iloc[sorted(range(len(keys)), key=keys.__getitem__)].reset_index(drop=True)
    shown = table.copy()
    for name in _EPOCHS:
        shown[name] = [f"{value:g}" if np.isfinite(value) else "" for value in table[name]]
    write_text(path, shown.to_csv(index=False, lineterminator="\n"))
    return table


def is_baseline(table: pd.DataFrame) -> pd.Series:
    """Tell rows of networks that have learnt from no camera, (N,) bool; see `baseline_row`."""
    is_told: pd.Series = table["strategy"] == table["run_id"]
    return is_told


def find_pairs(table: pd.DataFrame) -> set[tuple[str, str]]:
    """Tell which runs have been tested on which cameras: (run_id, target_domain)."""
    return set(zip(table["run_id"], table["target_domain"], strict=True))
