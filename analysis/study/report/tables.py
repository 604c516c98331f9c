"""Tables of a study for readers: numbers rounded, intervals in brackets; as CSV and LaTeX."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.study.results import ArmResults, StudyResults
from util.disk.whole_files import write_text

UNKNOWN = "\N{EN DASH}"
"""Stands for what cannot be had."""

MINUS = "\N{MINUS SIGN}"

TITLES = {
    "label_set": "label set",
    "who": "of",
    "sd": "SD",
    "on_target": "on-target mean",
    "off_target": "off-target mean",
    "p_holm": "p\N{NO-BREAK SPACE}(Holm)",
    "over_random": "gain over a random prompt",
    "over_best": "gain over the best prompt",
    "same_as": "equal to",
}
DECIMALS = {"variance": 4, "seconds": 1, "teacher_empty": 2, "student_empty": 2}
SIGNED = ("difference", "over_random", "over_best")
IN_LATEX = {MINUS: "$-$", UNKNOWN: "--", "<": "$<$", "…": r"\ldots{}"}
OF_AN_ARM = [field.name for field in fields(ArmResults) if field.name != "name"]
TABLES = (*OF_AN_ARM, "arm_comparisons", "ranking", "reliability", "cells")
"""All names that tables may have; those of an arm are followed by -1, -2 and so on where there are
several."""

LONG = 40
"""Rows from which a LaTeX table runs over pages."""


@dataclass(frozen=True)
class Entry:
    """What a table shows in one place, and the number it is sorted by; None for text."""

    text: str
    number: float | None = None


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: Its head.
        is_number: Whether it is to be aligned as numbers are.
        entries: From top to bottom.
    """

    title: str
    is_number: bool
    entries: Sequence[Entry]


@dataclass(frozen=True)
class Table:
    """A table as shown.

    Attributes:
        columns: From left to right, of the same length.
    """

    columns: Sequence[Column]

    @property
    def rows(self) -> list[tuple[Entry, ...]]:
        """Entries from left to right, from top to bottom."""
        return list(zip(*(column.entries for column in self.columns), strict=True))

    @property
    def has_unknown(self) -> bool:
        """Whether a number in it could not be had."""
        numbers = [column.entries for column in self.columns if column.is_number]
        return any(UNKNOWN in entry.text for entries in numbers for entry in entries)


def show_table(frame: pd.DataFrame) -> Table:
    """Round numbers; a column that is followed by its `..low` and `..high` takes them in."""
    frame = frame.infer_objects()  # numbers below an empty table have become objects
    names = [str(name) for name in frame.columns]
    columns = []
    for position, name in enumerate(names):
        if name.endswith(("low", "high")):
            continue
        values = frame.iloc[:, position]
        is_number = pd.api.types.is_numeric_dtype(values.dtype)
        after = names[position + 1 : position + 3]
        if not is_number:
            entries = [Entry(str(value)) for value in values]
        elif len(after) == 2 and after[0].endswith("low") and after[1].endswith("high"):
            entries = _entries(values, frame.iloc[:, position + 1 : position + 3].to_numpy(float))
        else:
            entries = _entries(values, None)
        columns.append(Column(TITLES.get(name, name.replace("_", " ")), is_number, entries))
    return Table(columns)


def _entries(values: pd.Series, ends: np.ndarray | None) -> list[Entry]:
    """Numbers, with the (R, 2) ends of their intervals if they have any."""
    name = str(values.name)
    if name in ("p", "p_holm"):
        texts = [format_p(p) for p in values]
    elif pd.api.types.is_integer_dtype(values.dtype):
        texts = [f"{value:,}" for value in values]
    else:
        style = (DECIMALS.get(name, 3), name in SIGNED)
        texts = [format_number(value, *style) for value in values]
        if ends is not None:
            texts = [
                text if text == UNKNOWN else f"{text} {format_interval(low, high, *style)}"
                for text, (low, high) in zip(texts, ends, strict=True)
            ]
    return [Entry(text, float(value)) for text, value in zip(texts, values, strict=True)]


def format_number(value: float, decimals: int = 3, is_signed: bool = False) -> str:
    """Round a number: `0.676`, signed `+0.676`, with a true minus; nan is a dash."""
    if np.isnan(value):
        return UNKNOWN
    value = round(float(value), decimals) + 0.0  # no -0.000
    sign = "+" if is_signed and value > 0 else ""
    return f"{sign}{value:.{decimals}f}".replace("-", MINUS)


def format_interval(low: float, high: float, decimals: int = 3, is_signed: bool = False) -> str:
    """Round an interval: `[0.617, 0.730]`; a dash in brackets if an end is nan."""
    if np.isnan(low) or np.isnan(high):
        return f"[{UNKNOWN}]"
    ends = (format_number(end, decimals, is_signed) for end in (low, high))
    return f"[{', '.join(ends)}]"


def format_p(p: float) -> str:
    """Round a p value to three decimals: `0.013`, `< 0.001`; nan is a dash."""
    return "< 0.001" if p < 0.001 else format_number(p)


def gather_tables(results: StudyResults) -> dict[str, pd.DataFrame]:
    """All tables by the names of their files; of several arms, with -1, -2 and so on.

    Those that hold figures of images say in a column `split` of which.
    """
    tables = {}
    for number, arm in enumerate(results.arms, start=1):
        suffix = f"-{number}" if len(results.arms) > 1 else ""
        for name in OF_AN_ARM:
            tables[f"{name}{suffix}"] = getattr(arm, name)
    if len(results.arms) > 1:
        tables["arm_comparisons"] = results.arm_comparisons
    tables["ranking"] = results.advice.ranking
    tables["reliability"] = results.reliability
    judged = {name: frame.assign(split=results.split) for name, frame in tables.items()}
    return judged | {"cells": results.cells}


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Write tables by name, as CSV with full precision and as LaTeX, rounded for readers.

    The LaTeX needs the packages booktabs and longtable.
    """
    for name, frame in tables.items():
        write_text(folder / f"{name}.csv", frame.to_csv(index=False))
        write_text(folder / f"{name}.tex", format_latex(show_table(frame)))


def format_latex(table: Table) -> str:
    """Set a table with the rules of booktabs; every text in it is escaped."""
    texts = [[" ".join(entry.text.split()) for entry in row] for row in table.rows]
    latex = pd.DataFrame(texts, columns=[column.title for column in table.columns]).to_latex(
        index=False,
        escape=True,
        longtable=len(texts) > LONG,
        column_format="".join("r" if column.is_number else "l" for column in table.columns),
    )
    for sign, command in IN_LATEX.items():
        latex = latex.replace(sign, command)
    return latex
