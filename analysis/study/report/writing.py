"""Writes the report of a study: one HTML file that needs nothing else, figures and tables."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.study.report.figures import FIGURES, write_figures
from analysis.study.report.gallery import render_gallery
from analysis.study.report.headline import write_opening
from analysis.study.report.tables import (
    TABLES,
    Table,
    gather_tables,
    show_table,
    write_tables,
)
from analysis.study.results import ArmResults, StudyResults
from analysis.study.statistics.comparisons import SIGNIFICANT
from util.page_templates import load_template, write_page

NEEDING_PROMPTS = ("spread", "components", "transfer", "gain")
"""Tables that say nothing where all prompts have one label set."""

FEW = 10
"""Comparisons that are shown; the others are folded away."""


@dataclass(frozen=True)
class Family:
    """Paired comparisons that were adjusted together.

    Attributes:
        name: Such as `prompts, teacher`.
        num_pairs: All of them.
        num_significant: Those with an adjusted p below `SIGNIFICANT`.
        first: The clearest significant ones, largest difference first; None if there is none.
        others: The rest; None if there is none.
    """

    name: str
    num_pairs: int
    num_significant: int
    first: Table | None
    others: Table | None


@dataclass(frozen=True)
class ArmView:
    """What the report shows of an arm.

    Attributes:
        name: Of the arm; "" for the only one.
        suffix: Of names of its figures, and of ids; "" for the only one.
        has_students: Whether there are any.
        tables: By name of the attribute of `ArmResults`; those without rows are not there.
        families: Of comparisons.
    """

    name: str
    suffix: str
    has_students: bool
    tables: dict[str, Table]
    families: Sequence[Family]


def write_report(results: StudyResults, settings: Mapping[str, Any], folder: Path) -> None:
    """Write `report.html`, `figures/*.png|svg` and `tables/*.csv|tex`.

    The same results give the same files. Names of prompts and everything else that a user has
    written are text in it, never markup.

    Args:
        results: Of the study.
        settings: All that it was told, JSON values.
        folder: Of the report; files of an older one are replaced.
    """
    figures, tables = write_figures(results, folder / "figures"), gather_tables(results)
    plots = {name: inline_svg(folder / "figures" / f"{name}.svg") for name in figures}
    write_tables(tables, folder / "tables")
    _remove_older(folder / "figures", FIGURES, figures)
    _remove_older(folder / "tables", TABLES, tables)
    write_page(folder / "report.html", render_report(results, settings, plots))


def _remove_older(folder: Path, ours: Collection[str], names: Collection[str]) -> None:
    """Remove what an older report had and this one has not; files of a user's own stay.

    Args:
        folder: Of figures or tables.
        ours: Names without suffix that a report may give, but for the number of an arm.
        names: Those of this report.
    """
    for path in folder.iterdir():
        if re.sub(r"-\d+$", "", path.stem) in ours and path.stem not in names and path.is_file():
            path.unlink()


def render_report(results: StudyResults, settings: Mapping[str, Any], plots: dict[str, str]) -> str:
    """Fill in the template.

    Args:
        results: Of the study.
        settings: All that it was told, JSON values.
        plots: SVG elements by name, as `write_figures` names them.
    """
    cells = results.cells.drop(columns="folder")
    return load_template(Path(__file__).with_name("report.html.jinja")).render(
        results=results,
        opening=write_opening(results),
        ranking=show_advice(results),
        arms=[
            show_arm(arm, f"-{number}" if len(results.arms) > 1 else "")
            for number, arm in enumerate(results.arms, start=1)
        ],
        arm_families=group_comparisons(results.arm_comparisons),
        plots=plots,
        gallery=render_gallery(results.gallery),
        cells=show_table(cells) if len(cells) else None,
        failed=results.cells[results.cells["status"] == "failed"].to_dict("records"),
        settings=json.dumps(settings, indent=2, ensure_ascii=False),
        significant=SIGNIFICANT,
    )


def show_advice(results: StudyResults) -> Table | None:
    """Round the label-free ranking; None where there is none. Nothing of it was asked of views."""
    ranking = results.advice.ranking
    if ranking.empty:
        return None
    shown = ranking.rename(columns={"true": "truth", "first_share": "first"})
    unasked = [name for name in shown if str(name).startswith("consistency")]
    return show_table(shown.drop(columns=unasked))


def show_arm(arm: ArmResults, suffix: str) -> ArmView:
    """Round and sort the tables of an arm; what needs prompts that differ is there if some do."""
    frames = {
        "scores": rank_scores(arm.scores),
        "spread": arm.spread,
        "targets": arm.targets.dropna(subset=["on_target", "off_target"]),
        "components": _side_first(arm.components),
        "transfer": arm.transfer,
        "gain": _side_first(arm.gain),
        "metrics": spread_metrics(arm.metrics),
    }
    left_out = () if arm.has_different_prompts else NEEDING_PROMPTS
    tables = {n: show_table(f) for n, f in frames.items() if len(f) and n not in left_out}
    has_students = bool(arm.scores["student"].notna().any())
    return ArmView(arm.name, suffix, has_students, tables, group_comparisons(arm.comparisons))


def rank_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Sort prompts, then combinations, by teacher; without what their names say already."""
    is_prompt = scores["kind"] == "prompt"
    combined = "combination of " + scores["size"].astype(str)
    shown = scores.assign(kind=scores["target"].where(is_prompt, combined))
    order = pd.DataFrame({"kind": ~is_prompt, "score": -scores["teacher"]})
    ranked = shown.loc[order.sort_values(["kind", "score"], kind="stable").index]
    columns = ["label_set", "same_as", "unknown_words", "kind", "chance"]
    columns += [f"teacher{end}" for end in ("", "_low", "_high", "_empty")]
    columns += [f"student{end}" for end in ("", "_low", "_high", "_empty")]
    columns.append("students")
    unsaid = [name for name in ("same_as", "unknown_words") if (scores[name] == "").all()]
    if scores["student"].isna().all():
        unsaid += [name for name in columns if name.startswith("student")]
    elif scores["students"].nunique() == 1:
        unsaid.append("students")  # as many as the design says
    return ranked[[name for name in columns if name not in unsaid]]


def _side_first(frame: pd.DataFrame) -> pd.DataFrame:
    """Put the column `who` first."""
    return frame[["who", *frame.columns.drop("who")]]


def spread_metrics(metrics: pd.DataFrame) -> pd.DataFrame:
    """Put metrics side by side: a row for each label set of a teacher or of students.

    The first row is what marking everything scores.
    """
    chance = metrics.drop_duplicates("metric").rename(columns={"score": "", "chance": "score"})
    chance = chance.assign(label_set="marking everything", who="", low=np.nan, high=np.nan)
    rows = pd.concat([chance[metrics.columns.drop("chance")], metrics.drop(columns="chance")])
    wide = rows[["label_set", "who"]].drop_duplicates(ignore_index=True)
    for name, part in rows.groupby("metric", sort=False):
        ends = {"score": name, "low": f"{name}_low", "high": f"{name}_high"}
        named = part.drop(columns="metric").rename(columns=ends)
        wide = wide.merge(named, on=["label_set", "who"], how="left")
    return wide


def group_comparisons(comparisons: pd.DataFrame) -> list[Family]:
    """Show the significant comparisons of each family that differ most; fold the others."""
    families = []
    for name, pairs in comparisons.groupby("family", sort=False):
        pairs = pairs.drop(columns="family")
        is_significant = pairs["p_holm"] < SIGNIFICANT
        order = (-pairs["difference"].abs()).sort_values(kind="stable").index
        ranked = pairs.loc[order]
        first = ranked[is_significant.loc[order]].head(FEW)
        others = ranked.drop(first.index)
        families.append(
            Family(
                str(name),
                len(pairs),
                int(is_significant.sum()),
                show_table(first) if len(first) else None,
                show_table(others) if len(others) else None,
            )
        )
    return families


def inline_svg(path: Path) -> str:
    """Read an SVG file of ours to stand in HTML: without its head, with ids of its own.

    Matplotlib counts its ids anew in each file; on one page, references would find those of another
    figure.
    """
    text = path.read_text(encoding="utf-8")
    element = text[text.index("<svg") :]
    element = re.sub(r' xmlns(:xlink)?="[^"]*"', "", element).replace("xlink:href=", "href=")
    return re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{path.stem}-", element)
