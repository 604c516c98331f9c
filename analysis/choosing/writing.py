"""The answer, as files and for the screen."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from analysis.choosing.concluding import METRIC, conclude, conclude_groups
from analysis.choosing.grid import Arm, Point
from analysis.choosing.groups import OWN
from analysis.choosing.judging import Training
from analysis.choosing.report import format_groups, format_strategies, write_report
from analysis.choosing.scores import score_cameras
from analysis.choosing.tables import compare_budgets, tabulate_groups, tabulate_strategies
from student.detection.judged_frames import JudgedFrames
from util.disk.whole_files import write_text

REPORTS = ("report.html", "report.md")
STRATEGIES, GROUPS = "strategies.csv", "groups.csv"


def write_answer(
    folder: Path,
    frames: JudgedFrames,
    detectors: Mapping[Point, Path],
    trainings: Mapping[Arm, Sequence[Training]],
    reference: str,
    figures: Sequence[str],
) -> str:
    """Compare strategies, and shared detectors with own ones: tables as CSV, and the report.

    Args:
        folder: Of the study.
        frames: That all are judged on.
        detectors: Folders of the detectors of cameras that have all of them.
        trainings: Of each arm.
        reference: Strategy that others are compared with.
        figures: Names of pictures beside the report.

    Returns:
        The tables and the answer, for the screen.
    """
    scores = score_cameras(frames, detectors)
    table = tabulate_strategies(scores, trainings, reference)
    parts = [format_strategies(table, METRIC).to_string(index=False)]
    answers = [conclude(table, compare_budgets(scores, METRIC, reference), reference)]
    write_text(folder / STRATEGIES, table.to_csv(index=False))
    (folder / GROUPS).unlink(missing_ok=True)  # one of an earlier study
    groups = None
    if any(arm.group != OWN for arm in scores.arms):
        groups = tabulate_groups(scores, trainings)
        parts.append(format_groups(groups, METRIC).to_string(index=False))
        answers.append(conclude_groups(groups))
        write_text(folder / GROUPS, groups.to_csv(index=False))
    write_report(folder, answers, table, groups, figures)
    return "\n\n".join([*parts, *answers])


def remove_answer(folder: Path) -> bool:
    """Remove the answer of an earlier study, where one of the same name has none.

    Args:
        folder: Of the study.

    Returns:
        Whether there was a report.
    """
    told = [folder / name for name in (*REPORTS, STRATEGIES, GROUPS)]
    had_report = any(path.exists() for path in told)
    for path in told:
        path.unlink(missing_ok=True)
    return had_report
