"""Teachers' scores by how many prompts are combined, over groups that no student has to learn."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from analysis.study.design import split_strategy
from analysis.study.scoring import Metric
from analysis.work.contents import content_of, held_in_turn
from analysis.work.imported_code import code_hash
from analysis.work.judging import Judge, KeptCounts, Tally, write_arrays
from analysis.work.versions import COMBINATION, releases
from util.config import CombinationSection
from util.label_set import LabelSet
from util.multi_teacher.box_agreement import BoxMeetings
from util.multi_teacher.strategies import Combination, build_combination
from util.running.progress import track
from util.settings import settings_hash

SLOW_TO_LEARN = frozenset({"agreement"})
"""Strategies that learn from the pixels of all images, for each group anew."""

AT_ONCE = 80
"""Combinations that are counted in one pass over the images."""


@dataclass(frozen=True)
class Combined:
    """Some prompts, combined in some way.

    Attributes:
        strategy: Such as `mean` or `majority:3`.
        group: The prompts.
    """

    strategy: str
    group: tuple[str, ...]

    @property
    def name(self) -> str:
        """What tells it from other combinations."""
        return f"{self.strategy} of {list(self.group)}"


def curve_sizes(num_prompts: int) -> list[int]:
    """Sizes of groups to look at: all of them up to 8, then some, each about 1.5 times the last."""
    sizes = list(range(1, min(num_prompts, 8) + 1))
    while sizes[-1] < num_prompts:
        sizes.append(min(num_prompts, round(sizes[-1] * 1.5)))
    return sizes


def count_combined(
    folders: Mapping[str, Path],
    combinations: Sequence[Combined],
    settings: CombinationSection,
    judge: Judge,
    metric: Metric,
    store: Path,
) -> dict[str, np.ndarray]:
    """Combine prompts' maps of the test images, and count; keeps the counts in the store.

    Args:
        folders: Label set of each prompt.
        combinations: What to count.
        settings: Of combinations.
        judge: What is right.
        metric: What is counted.
        store: Folder of counts, by the hash of what they depend on.

    Returns:
        (N, K) counts of the N test images, by the name of the combination.
    """
    label_sets = {prompt: LabelSet(folder) for prompt, folder in folders.items()}
    needed, builder = judge.needing(metric.needs), _Builder(label_sets, settings)
    facts = {
        "label_sets": {prompt: content_of(folder) for prompt, folder in folders.items()},
        "boxes": {prompt: asdict(each.box_settings) for prompt, each in label_sets.items()},
        "code": code_hash(__name__),
        "libraries": releases(COMBINATION),
        "metric": metric.name,
        "judge": judge.hash,
        "min_votes": settings.min_votes,
    }
    counts: dict[str, np.ndarray] = {}
    for start in range(0, len(combinations), AT_ONCE):
        part = combinations[start : start + AT_ONCE]
        names = [combination.name for combination in part]
        hash_ = settings_hash(facts | {"combinations": names})
        path = store / f"groups-{hash_}.npz"
        with held_in_turn(path):
            if not path.exists():
                built = {combination: builder.build(combination) for combination in part}
                counted = _count(label_sets, built, needed, metric)
                write_arrays(path, {"counts": counted})
        counts |= dict(zip(names, KeptCounts(path)["counts"], strict=True))
    return counts


def _count(
    label_sets: Mapping[str, LabelSet],
    combinations: Mapping[Combined, Combination],
    judge: Judge,
    metric: Metric,
) -> np.ndarray:
    """(M, N, K) counts, in one pass over the images."""
    tallies = [Tally(judge) for _ in combinations]
    for image_id in track(judge.image_ids, "curve over sizes", transient=True):
        maps = {prompt: label_set.read(image_id) for prompt, label_set in label_sets.items()}
        for (each, combine), tally in zip(combinations.items(), tallies, strict=True):
            tally.add(combine(maps[prompt] for prompt in each.group))
    return np.array([metric.counts(tally.counts()) for tally in tallies])


class _Builder:
    """Makes combinations; a consensus learns from all images that all label sets have."""

    def __init__(self, label_sets: Mapping[str, LabelSet], settings: CombinationSection) -> None:
        self.label_sets = label_sets
        self.settings = settings

    @cached_property
    def meetings(self) -> BoxMeetings:
        """Of the boxes of all label sets, counted where a consensus is first asked for."""
        common = set.intersection(*(set(each.ids) for each in self.label_sets.values()))
        return BoxMeetings(self.label_sets.values(), sorted(common))

    def build(self, combined: Combined) -> Combination:
        """Make a combination."""
        strategy, votes = split_strategy(combined.strategy, self.settings.min_votes)
        told: dict[str, object] = {"strategy": strategy, "min_votes": max(votes, 1)}
        if strategy == "consensus":
            members = [self.label_sets[name] for name in combined.group]
            told["weights"] = self.meetings.reliability(members)
        return build_combination(self.settings.model_copy(update=told), len(combined.group))
