"""Which prompt or combination of a study to use, told without labels, and what truth says of it."""

from dataclasses import dataclass

import pandas as pd

from analysis.ranking.answer import answer
from analysis.ranking.candidates import find_ranked
from analysis.ranking.measuring import count_signals
from analysis.ranking.ranking import rank
from analysis.ranking.tables import tabulate
from analysis.ranking.truth import compare_with_truth, judge_candidates
from analysis.study.arms import Arm
from analysis.work.judging import Judge
from util.config import CombinationSection
from util.errors import UserError
from util.label_set import LabelSet


@dataclass(frozen=True, eq=False)
class Advice:
    """What a study advises.

    Attributes:
        answer: Which to use, how sure that is, and what it costs to be wrong.
        ranking: As `analysis.ranking.tables.tabulate`; without rows where none can be had.
    """

    answer: str
    ranking: pd.DataFrame


def advise(arm: Arm, judge: Judge, combination: CombinationSection) -> Advice:
    """Rank the teachers' label sets of an arm, and combinations of all, on the test images.

    Args:
        arm: Its prompts and strategies are ranked.
        judge: Says which images, and what is right; the ranking does not look at the latter.
        combination: Settings of combinations.

    Returns:
        The reason in the place of the answer where prompts are too few, or find too little.
    """
    label_sets = {name: LabelSet(arm.folders[name]) for name in arm.prompts}
    combined = [s for s in arm.sources if not s.is_prompt and s.calibration == "none"]
    strategies = list(dict.fromkeys(source.strategy for source in combined))
    try:
        ranked = find_ranked(label_sets, strategies, combination, judge.image_ids)
        counts = count_signals(ranked, judge.image_ids, judge.box_settings)
        given = (ranked.names, ranked.strategies, counts, judge.image_groups)
        ranking = rank(*given, unknown=ranked.unknown)
    except UserError as error:
        return Advice(f"Which to use cannot be told without labels: {error}.", pd.DataFrame())
    needed = judge.needing(arm.metric.needs)
    true = judge_candidates(ranked, needed, arm.metric, ranking.num_resamples)
    verdict = compare_with_truth(ranking, arm.metric.name, true)
    return Advice(answer(ranking, verdict), tabulate(ranking, verdict))
