"""The plot of a compression curve."""

from pathlib import Path

import pandas as pd

from analysis.compression.differences import TEACHER
from util.visualization import new_figure, write_figure

LABELS = {
    "iou": "IoU with the true masks",
    "iou_with_teacher": "IoU with the teacher",
    "f1": "box F1 (thesis)",
}


def draw_curve(path: Path, table: pd.DataFrame) -> None:
    """Plot each score over the multiply-adds, a line a training, with its intervals, as PNG."""
    scores = [score for score in LABELS if score in table]
    figure = new_figure(width_inch=4.4 * len(scores), height_inch=3.8)
    students = table[table["training"] != TEACHER]
    sizes = students.drop_duplicates("student").sort_values("multiply_adds")
    ticks = [
        f"{name}\n{adds / 1e6:.0f} M"
        for name, adds in zip(sizes["student"], sizes["multiply_adds"], strict=True)
    ]
    for axis, score in zip(figure.subplots(1, len(scores), squeeze=False)[0], scores, strict=True):
        teacher = table[table["training"] == TEACHER].iloc[0]
        axis.axhline(teacher[score], color="gray", linestyle="--", label="the teacher")
        axis.axhspan(teacher[f"{score}_low"], teacher[f"{score}_high"], color="gray", alpha=0.12)
        for number, (training, rows) in enumerate(students.groupby("training", sort=False)):
            ordered = rows.sort_values("multiply_adds")
            ends = ordered[[f"{score}_low", f"{score}_high"]].to_numpy().T
            errors = abs(ordered[score].to_numpy() - ends)
            beside = ordered["multiply_adds"] * 1.06**number  # so that no bar hides another
            axis.errorbar(beside, ordered[score], errors, fmt="o-", label=training, capsize=3)
        axis.set(xscale="log", xlabel="student and multiply-adds an image", ylabel=LABELS[score])
        axis.set_xticks(sizes["multiply_adds"], ticks, fontsize="small")
        axis.minorticks_off()
        axis.set_ylim(0, 1)
    figure.axes[0].legend()
    write_figure(path, figure)
