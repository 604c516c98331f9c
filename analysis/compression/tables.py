"""The table of a compression curve: what each student costs, and how it fares."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from analysis.compression.costs import measure_costs
from analysis.compression.differences import TEACHER
from analysis.interval_tables import format_differences, format_interval
from analysis.study.statistics.draws import Draws
from analysis.work.plan import Plan


def tabulate_curve(
    plan: Plan, teacher: Path, draws: Mapping[str, Draws], size_hw: tuple[int, int]
) -> pd.DataFrame:
    """One row a student and training: costs, and scores with 95 % intervals over images and seeds.

    Args:
        plan: Whose cells are finished.
        teacher: Checkpoint of the teacher.
        draws: Of `draw_scores`.
        size_hw: Height and width of the image that costs are those of.

    Returns:
        Columns training, student, those of `Costs`, and for each score SCORE, SCORE_low and
        SCORE_high; the teacher first.
    """
    costs = measure_costs({TEACHER: teacher, **_find_checkpoints(plan)}, size_hw)
    rows = [
        {"training": training, "student": name, **asdict(costs[name])}
        for training, name in [(TEACHER, TEACHER), *plan.runs]
    ]
    table = pd.DataFrame(rows)
    for score, each in draws.items():
        low, high = each.interval()
        table = table.assign(**{score: each.estimate, f"{score}_low": low, f"{score}_high": high})
    return table


def _find_checkpoints(plan: Plan) -> dict[str, Path]:
    """One of each student, whatever it was trained on: they cost alike."""
    return {
        name: next(iter(by_seed.values())).folder / "best.pt"
        for (_, name), by_seed in plan.runs.items()
    }


def format_curve(table: pd.DataFrame) -> str:
    """Lay the table out for the screen."""
    shown = table[["training", "student", "parameters", "file_kb", "cpu_ms"]].round(
        {"file_kb": 0, "cpu_ms": 1}
    )
    shown.insert(3, "Mmultiply_adds", (table["multiply_adds"] / 1e6).round(1))
    for score in ("iou", "iou_with_teacher", "f1"):
        if score in table:
            rows = table[[score, f"{score}_low", f"{score}_high"]].to_numpy(float)
            shown[score] = [format_interval(row, ".3f") for row in rows]
    return shown.to_string(index=False)


def format_compared(differences: pd.DataFrame, scores: Sequence[str]) -> str:
    """Lay the differences of `compare_students` out for the screen, score by score."""
    pairs = differences["a"] + " - " + differences["b"]
    shown = differences.rename(columns={"score": "metric"}).assign(label_set=pairs)
    return format_differences(shown, scores)
