"""What is written of a ranking: a table, a figure, and a report in Markdown."""

from pathlib import Path

from analysis.markdown_table import to_markdown
from analysis.ranking.answer import answer
from analysis.ranking.figure import draw_ranking
from analysis.ranking.ranking import Ranking
from analysis.ranking.tables import show_ranking, tabulate
from analysis.ranking.truth import Verdict
from util.disk.whole_files import write_text

TABLE = "prompt_ranking.csv"

_READING = """\
The score is sqrt(agreement x mean of the other signals), all in [0, 1]; its weights were chosen
beforehand, not by any truth. *Agreement* is an estimate of sqrt(precision x recall) of the boxes,
found in how the prompts agree (after Parisi et al., PNAS 111(4), 2014); for a combination it is
that with the best linear guess of the truth from all prompts. *Sharpness* is the mean probability
of what a map marks. *Stability* is the F1 of its boxes at its threshold and at those beside it.
*Consistency* is the soft Dice coefficient of the teacher's maps of an image and of the same image
flipped or cropped. *First* is the share of resamples in which it comes first.

Agreement takes it that prompts err independently. Prompts that err alike confirm each other: where
most of them mark the same foam, foam is the truth to it, and what all of them miss nobody misses.
So the values are too high where prompts are near synonyms; it is their order that counts. Rank
prompts that differ in more than their wording, and look at maps of the first few
(analysis/heatmaps.py) before you trust it."""


def write_ranking(
    folder: Path, ranking: Ranking, verdict: Verdict | None, title: str, spread: str
) -> None:
    """Write `report.md`, `prompt_ranking.csv`, `ranking.png` and `ranking.svg`.

    Args:
        folder: Where.
        ranking: What was found.
        verdict: What truth says of it; None without truth.
        title: Of the report.
        spread: What intervals are over, in a sentence.
    """
    table = tabulate(ranking, verdict)
    metric = None if verdict is None else verdict.metric
    draw_ranking(folder / "ranking", table, metric)
    parts = [f"# {title}", answer(ranking, verdict), to_markdown(show_ranking(table, metric))]
    parts += [spread, "![ranking](ranking.png)", _READING]
    write_text(folder / TABLE, table.to_csv(index=False))
    write_text(folder / "report.md", "\n\n".join(parts) + "\n")
