"""The answer, as files and for the screen."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from analysis.choosing.concluding import METRIC, conclude
from analysis.choosing.grid import Arm, Point
from analysis.choosing.report import format_report, format_strategies
from analysis.choosing.scores import score_cameras
from analysis.choosing.tables import compare_budgets, tabulate_strategies
from analysis.streams.cross_testing import JudgedFrames
from util.disk.whole_files import write_text


def write_answer(
    folder: Path,
    frames: JudgedFrames,
    detectors: Mapping[Point, Path],
    learnt_from: Mapping[Point, Sequence[str]],
    reference: str,
    figures: Sequence[str],
) -> str:
    """Compare strategies, and write strategies.csv and report.md.

    Args:
        folder: Of the study.
        frames: That all are judged on.
        detectors: Folders of the detectors of cameras that have all of them.
        learnt_from: Ids of the frames of each.
        reference: Strategy that others are compared with.
        figures: Names of pictures beside the report.

    Returns:
        The table and the answer, for the screen.
    """
    scores = score_cameras(frames, detectors)
    counts: dict[Arm, list[int]] = {arm: [] for arm in scores.arms}
    for point, ids in learnt_from.items():
        counts[point.arm].append(len(ids))
    table = tabulate_strategies(scores, counts, reference)
    answer = conclude(table, compare_budgets(scores, METRIC, reference), reference)
    write_text(folder / "strategies.csv", table.to_csv(index=False))
    write_text(folder / "report.md", format_report(folder.name, answer, table, figures))
    return f"{format_strategies(table, METRIC).to_string(index=False)}\n\n{answer}"
