"""Prompts ranked on a sample of the images, without labels, by how far each agrees with others."""

from collections.abc import Iterator, Sequence
from threading import Event, Thread
from typing import Any

import numpy as np

from analysis.explorer.choice import Choice
from analysis.explorer.exploring import Explorer
from util.errors import UserError
from util.multi_teacher.agreement import learn_weights

LEAST_PROMPTS = 3
"""A single covariance cannot tell two prompts apart."""


class Ranking:
    """Ranks the prompts of one choice at a time, in a thread of its own."""

    def __init__(self, explorer: Explorer, image_names: Sequence[str]) -> None:
        """Name the sample.

        Args:
            explorer: Answers about its images.
            image_names: Of the images; see `analysis.explorer.pictures`.
        """
        self._explorer = explorer
        self._names = list(image_names)
        self._stop = Event()
        self._thread: Thread | None = None
        self._state: dict[str, Any] = {"done": 0, "total": 0, "ranked": None, "error": None}

    def begin(self, choice: Choice) -> None:
        """Begin to rank the prompts of a choice; an earlier ranking is given up.

        Raises:
            UserError: There are fewer than three.
        """
        prompts = list(self._explorer.plan(choice.prompts).label_sets)
        if len(prompts) < LEAST_PROMPTS:
            raise UserError(
                f"{len(prompts)} prompts cannot be ranked by how they agree; write "
                f"{LEAST_PROMPTS} or more"
            )
        self.end()
        self._stop = Event()
        self._state = {"done": 0, "total": len(self._names), "ranked": None, "error": None}
        given = (prompts, choice, self._stop, self._state)
        self._thread = Thread(target=self._rank, args=given, daemon=True)
        self._thread.start()

    def state(self) -> dict[str, Any]:
        """How many of how many images are done, and the prompts with their weights, best first."""
        return dict(self._state)

    def end(self) -> None:
        """Give up the ranking that is under way, if any is."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _rank(
        self, prompts: Sequence[str], choice: Choice, stop: Event, state: dict[str, Any]
    ) -> None:
        try:
            weights = learn_weights(self._maps(choice, stop, state))
        except (UserError, ValueError) as error:  # no image at all, where it is stopped at once
            state["error"] = str(error)
            return
        if not stop.is_set():
            order = np.argsort(-weights, kind="stable").tolist()
            state["ranked"] = [[prompts[i], round(float(weights[i]), 3)] for i in order]

    def _maps(
        self, choice: Choice, stop: Event, state: dict[str, Any]
    ) -> Iterator[list[np.ndarray]]:
        for number, name in enumerate(self._names, start=1):
            if stop.is_set():
                return
            yield self._explorer.maps(name, choice)
            state["done"] = number
