"""What is ranked: label sets of prompts, and combinations of them that no one need have made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from analysis.study.design import split_strategy
from analysis.work.contents import find_twins
from teacher.saa.wording import answered_instead
from util.config import CombinationSection
from util.errors import UserError, listed
from util.label_set import LabelSet
from util.multi_teacher.agreement import learn_weights
from util.multi_teacher.box_agreement import FEWEST, BoxMeetings
from util.multi_teacher.member_weights import read_maps
from util.multi_teacher.strategies import (
    LEARNS_FROM_ALL_IMAGES,
    Combination,
    build_combination,
)
from util.running.progress import track


@dataclass(frozen=True, eq=False)
class Candidate:
    """A prompt's label set, or a combination of all.

    Attributes:
        name: To show.
        strategy: Of the combination, such as `majority:2`; "" for a prompt.
        fuse: Makes its map of the maps of all prompts.
    """

    name: str
    strategy: str
    fuse: Combination


@dataclass(frozen=True, eq=False)
class Ranked:
    """What is ranked.

    Attributes:
        members: The label sets of the K prompts, all different, by name.
        candidates: L of them: first the K prompts, in this order, then combinations.
        equal: What was left out since it has the maps of another, by name.
    """

    members: Mapping[str, LabelSet]
    candidates: Sequence[Candidate]
    equal: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """Of the candidates."""
        return [candidate.name for candidate in self.candidates]

    @property
    def strategies(self) -> list[str]:
        """Of the candidates, "" for a prompt."""
        return [candidate.strategy for candidate in self.candidates]

    @property
    def unknown(self) -> dict[str, str]:
        """What answers each prompt of which the teacher knows no word, by the prompt."""
        facts = {name: each.manifest.get("facts", {}) for name, each in self.members.items()}
        return {name: told for name, of in facts.items() if (told := answered_instead(of))}

    def read(self, image_id: str) -> Iterable[np.ndarray]:
        """Read or make the maps of all candidates, one after another, (H, W) float32 in [0, 1].

        Raises:
            UserError: Maps cannot be read, or differ in size.
        """
        maps = list(read_maps(list(self.members.values()), image_id))
        return (candidate.fuse(iter(maps)) for candidate in self.candidates)


def find_ranked(
    label_sets: Mapping[str, LabelSet],
    strategies: Sequence[str],
    settings: CombinationSection,
    image_ids: Sequence[str],
) -> Ranked:
    """Sort out what is to be ranked; combinations learn their weights here, from the same images.

    Label sets with equal maps count once: else a prompt would confirm itself.

    Args:
        label_sets: Of prompts, by name.
        strategies: Ways to combine all of them, as study.strategies.
        settings: Of combinations.
        image_ids: That all label sets have.

    Raises:
        UserError: Fewer than `FEWEST` label sets differ, or a strategy is unknown.
    """
    equal = find_twins({name: each.content for name, each in label_sets.items()})
    members = {name: each for name, each in label_sets.items() if name not in equal}
    if len(members) < FEWEST:
        raise UserError(
            f"label sets that differ: {len(members)} ({listed([*members])}), and agreement tells "
            f"nothing of fewer than {FEWEST}; label with more prompts"
        )
    candidates = [Candidate(name, "", _take(at)) for at, name in enumerate(members)]
    for strategy in dict.fromkeys(strategies):
        if split_strategy(strategy, settings.min_votes)[1] <= len(members):  # else all is empty
            fuse = _build(strategy, list(members.values()), settings, image_ids)
            candidates.append(Candidate(f"{strategy} of {len(members)}", strategy, fuse))
    return Ranked(members, candidates, equal)


def _take(position: int) -> Combination:
    """Take one map and leave the others."""
    return lambda maps: next(islice(maps, position, None))


def _build(
    named: str,
    members: Sequence[LabelSet],
    settings: CombinationSection,
    image_ids: Sequence[str],
) -> Combination:
    """Make a combination; one that learns from all images does so here."""
    strategy, votes = split_strategy(named, settings.min_votes)
    weights: list[float] = []
    if strategy == "consensus":
        weights = BoxMeetings(members, image_ids).reliability(members)
    elif strategy in LEARNS_FROM_ALL_IMAGES:
        maps = (read_maps(members, i) for i in track(image_ids, strategy, transient=True))
        weights = learn_weights(maps).tolist()
    told = {"strategy": strategy, "min_votes": max(votes, 1), "weights": weights}
    return build_combination(settings.model_copy(update=told), len(members))
