"""Prompts ranked on a sample of the images, without labels, as `analysis/prompt_ranking.py` does.

So what the page says is what the stage says of the same images, thresholds and prompts.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from threading import Event, Thread
from typing import Any

from analysis.explorer.choice import Choice
from analysis.explorer.exploring import Explorer
from analysis.explorer.pictures import IMAGE
from analysis.ranking.answer import answer
from analysis.ranking.measuring import OfImage, count_seen, look_at
from analysis.ranking.ranking import Ranking, rank
from analysis.ranking.tables import show_ranking, tabulate
from analysis.work.contents import find_twins
from teacher.saa.wording import answered_instead
from util.errors import UserError, listed
from util.metrics.groups import group_images
from util.multi_teacher.box_agreement import FEWEST
from util.words import count_of


class PromptRanking:
    """Ranks the prompts of one choice at a time, in a thread of its own."""

    def __init__(self, explorer: Explorer, image_ids: Sequence[str], groups: str | None) -> None:
        """Name the sample.

        Args:
            explorer: Answers about its images.
            image_ids: Of the images.
            groups: As data.groups.
        """
        self._explorer = explorer
        self._ids = list(image_ids)
        self._groups = groups
        self._stop = Event()
        self._thread: Thread | None = None
        self._state: dict[str, Any] = self._begun()

    def _begun(self) -> dict[str, Any]:
        return {"done": 0, "total": len(self._ids), "ranked": None, "said": [], "error": None}

    def begin(self, choice: Choice) -> None:
        """Begin to rank the prompts of a choice; an earlier ranking is given up.

        Raises:
            UserError: There are too few.
        """
        planned = self._explorer.plan(choice.prompts).label_sets
        prompts = list(planned)
        if len(prompts) < FEWEST:
            raise UserError(
                f"{count_of(len(prompts), 'prompt')} cannot be ranked by how they agree; write "
                f"{FEWEST} or more"
            )
        self.end()
        self._stop = Event()
        self._state = self._begun()
        told = {name: answered_instead(each.facts) for name, each in planned.items()}
        unknown = {name: instead for name, instead in told.items() if instead}
        given = (prompts, unknown, choice, self._stop, self._state)
        self._thread = Thread(target=self._rank, args=given, daemon=True)
        self._thread.start()

    def state(self) -> dict[str, Any]:
        """Tell how many of how many images are done, and the outcome.

        Returns:
            JSON values: `done`, `total`; `ranked`, a text a prompt, best first, None until then;
            `said`, sentences about them; `error`, why they cannot be ranked.
        """
        return dict(self._state)

    def end(self) -> None:
        """Give up the ranking that is under way, if any is."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _rank(
        self,
        prompts: Sequence[str],
        unknown: Mapping[str, str],
        choice: Choice,
        stop: Event,
        state: dict[str, Any],
    ) -> None:
        hashes = [hashlib.blake2b() for _ in prompts]
        try:
            seen, failed = self._look(choice, hashes, stop, state)
            if stop.is_set():
                return
            if not seen:
                raise UserError(_describe_failed(failed))
            digests = (each.digest() for each in hashes)
            twins = find_twins(dict(zip(prompts, digests, strict=True)))
            ranking = rank_seen(seen, prompts, unknown, twins, self._groups)
        except UserError as error:
            state["error"] = str(error)
            return
        except Exception as error:  # the page would wait for ever
            state["error"] = f"the ranking failed: {error}"
            raise
        shown = show_ranking(tabulate(ranking, None), None)
        state["said"] = [
            answer(ranking, None),
            *(f"{name} has the maps of {one}, and is left out." for name, one in twins.items()),
            *([f"{_describe_failed(failed)}."] if failed else []),
        ]
        state["ranked"] = [" ".join(row) for row in shown[["label_set", "score"]].to_numpy()]

    def _look(
        self, choice: Choice, hashes: Sequence[Any], stop: Event, state: dict[str, Any]
    ) -> tuple[dict[str, OfImage], dict[str, str]]:
        """Look at the maps of the sample; they go into the hashes.

        Returns:
            What is seen of each image, by its id; and why others cannot be labelled, by theirs.
        """
        seen: dict[str, OfImage] = {}
        failed: dict[str, str] = {}
        boxes = self._explorer.box_settings(choice)
        for number, image_id in enumerate(self._ids, start=1):
            if stop.is_set():
                break
            try:
                maps = self._explorer.maps(IMAGE + image_id, choice)
                for of_prompt, soft_label in zip(hashes, maps, strict=True):
                    of_prompt.update(soft_label.tobytes())
                seen[image_id] = look_at(maps, boxes)
            except UserError as error:  # one image of many
                failed[image_id] = str(error)
            state["done"] = number
        return seen, failed


def _describe_failed(failed: Mapping[str, str]) -> str:
    """Say which images could not be labelled, and why, by id."""
    reasons = listed([f"{image_id}: {reason}" for image_id, reason in failed.items()], 3)
    return f"{count_of(len(failed), 'image')} could not be labelled: {reasons}"


def rank_seen(
    seen: Mapping[str, OfImage],
    prompts: Sequence[str],
    unknown: Mapping[str, str],
    twins: Collection[str],
    groups: str | None,
) -> Ranking:
    """Rank prompts by what images, by their ids, tell of them; twins would confirm each other.

    Those that are unknown come last (see `Ranking`).

    Raises:
        UserError: Too few of them differ, or find anything.
    """
    kept = [at for at, prompt in enumerate(prompts) if prompt not in twins]
    if len(kept) < FEWEST or not seen:
        raise UserError(
            f"only {len(kept)} prompts have maps of their own in {count_of(len(seen), 'image')}, "
            f"and agreement tells nothing of fewer than {FEWEST}; write others"
        )
    told = [OfImage(s.size_hw, s.mass[kept], [s.boxes[at] for at in kept]) for s in seen.values()]
    ids = list(seen)
    counts = count_seen(told, ids, len(kept))
    names = [prompts[at] for at in kept]
    left = {name: instead for name, instead in unknown.items() if name in names}
    return rank(names, [""] * len(kept), counts, group_images(groups, ids), unknown=left)
