"""The report: the answers, the tables, the curves, and how to read them, in Markdown and HTML."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis.choosing.concluding import say_ends
from analysis.choosing.scores import METRICS
from analysis.markdown_table import to_markdown
from analysis.study import report
from analysis.study.report.tables import show_table
from analysis.study.report.writing import inline_svg
from util.disk.whole_files import write_text
from util.page_templates import load_template, write_page

Section = tuple[str, dict[str, pd.DataFrame], str]
"""A title, tables of texts by what they are of, and how to read them."""

_READING = """\
Means are over cameras, each on its own test frames; then seeds are averaged. The first interval is
over cameras and groups of frames that follow each other (other cameras of the kind, other
trainings); the second over groups of frames of these cameras alone (these trained networks). Both
are 95 % bootstrap intervals, and differences are paired: all strategies meet the same resamples.
One camera, or one group of frames, has no interval over cameras, or over groups, and no p (-).
p is adjusted by Holm's method for all comparisons with the reference in this table."""

_SHARING = """\
A shared student learns from the frames of all cameras that share it, and takes about as many steps
as a student of one camera, so it sees each frame less often; epochs are whole, one at least, so
steps may differ somewhat. All are judged on each camera's own test frames; differences are to the
student of each camera alone, by the same strategy and number of frames, and p is adjusted for all
of these. One that is shared was trained once a seed for all its cameras, so the interval over
cameras has little of the chance of its training; and clusters that were found by scores on the same
test frames favour the students of clusters."""


def format_strategies(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Lay the rows of a metric out as texts, for the screen and the report.

    Args:
        table: Of `tabulate_strategies`.
        metric: One of `METRICS`.
    """
    rows = table[table["metric"] == metric]
    shown = rows[["strategy", "budget"]].astype(str)
    if rows["short"].any():
        shown["learnt from"] = [
            f"{n:.1f} ({short} short)" if short else f"{n:.1f}"
            for n, short in zip(rows["frames"], rows["short"], strict=True)
        ]
    return pd.concat([shown, _format_scores(rows, metric)], axis=1)


def format_groups(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Lay the rows of a metric out as texts, for the screen and the report.

    Args:
        table: Of `tabulate_groups`.
        metric: One of `METRICS`.
    """
    rows = table[table["metric"] == metric].sort_values(["strategy", "budget"], kind="stable")
    shown = rows[["strategy", "budget"]].astype(str)
    shown["student of each"] = rows["group"]
    shown["students"] = rows["trainings"].astype(str)
    shown[["frames", "steps"]] = rows[["frames", "steps"]].map("{:.0f}".format)
    return pd.concat([shown, _format_scores(rows, metric)], axis=1)


def _format_scores(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Lay out what strategies and groups have in common."""
    shown = pd.DataFrame(index=rows.index)
    shown[metric] = _with_ends(rows, "mean", ".3f", ("low", "high"))
    shown["these cameras"] = _ends(rows, ("low_frames", "high_frames"))
    ends = ("difference_low", "difference_high")
    shown["difference"] = _with_ends(rows, "difference", "+.3f", ends)
    shown["p"] = _numbers(rows["p_holm"])
    shown["these cameras "] = _ends(rows, tuple(f"{name}_frames" for name in ends))
    shown["p "] = _numbers(rows["p_holm_frames"])
    return shown


def _with_ends(rows: pd.DataFrame, name: str, form: str, ends: Sequence[str]) -> list[str]:
    return [
        "-" if pd.isna(value) else f"{value:{form}}{say_ends(low, high)}"
        for value, low, high in rows[[name, *ends]].to_numpy()
    ]


def _ends(rows: pd.DataFrame, names: Sequence[str]) -> list[str]:
    return [say_ends(low, high).strip() or "-" for low, high in rows[[*names]].to_numpy()]


def _numbers(values: pd.Series) -> list[str]:
    return ["-" if pd.isna(value) else f"{value:.2g}" for value in values]


def write_report(
    folder: Path,
    answers: Sequence[str],
    table: pd.DataFrame,
    groups: pd.DataFrame | None,
    figures: Sequence[str],
) -> None:
    """Write report.md, and report.html, which needs nothing else.

    Args:
        folder: Of the study, with its figures as PNG and SVG.
        answers: Of `conclude`, and of `conclude_groups` if cameras share detectors.
        table: Of `tabulate_strategies`.
        groups: Of `tabulate_groups`; None = no cameras share detectors.
        figures: Names of the PNG files.
    """
    strategies = {f"{m} on own cameras": format_strategies(table, m) for m in METRICS}
    sections: list[Section] = [("Strategies", strategies, _READING)]
    if groups is not None:
        shared = {f"{m} on each camera": format_groups(groups, m) for m in METRICS}
        sections.append(("Cameras that share a student", shared, _SHARING))
    write_text(folder / "report.md", _to_markdown(folder.name, answers, sections, figures))
    page = load_template(
        Path(__file__).with_name("report.html.jinja"), *map(Path, report.__path__)
    ).render(
        name=folder.name,
        answers=answers,
        sections=[
            (title, {caption: show_table(shown) for caption, shown in tables.items()}, note)
            for title, tables, note in sections
        ],
        plots={
            Path(name).stem: inline_svg((folder / name).with_suffix(".svg")) for name in figures
        },
    )
    write_page(folder / "report.html", page)


def _to_markdown(
    name: str, answers: Sequence[str], sections: Sequence[Section], figures: Sequence[str]
) -> str:
    parts = [f"# {name}: which frames to learn from", *answers]
    for title, tables, note in sections:
        parts.append(f"## {title}")
        for caption, shown in tables.items():
            parts += [f"### {caption}", to_markdown(shown)]
        parts.append(note)
    parts.append("## Over the frames learnt from")
    parts += [f"![{figure}]({figure})" for figure in figures]
    return "\n\n".join(parts) + "\n"
