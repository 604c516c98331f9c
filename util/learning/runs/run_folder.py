"""The folder of a run: its checkpoints and figures, and what made them.

`run.json` says with which settings, and each checkpoint which training it is of. So what lies in a
folder stays until its successor is written, and is never taken for that. `images.json` has the
images that were used, so that nobody is judged on them unawares.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from util.disk.whole_files import read_json, write_json, write_text
from util.errors import UserError
from util.learning.checkpoint import read_checkpoint, save_checkpoint
from util.learning.runs.used_images import USED_IMAGES, UsedImages, read_used_images
from util.settings import is_same_work, settings_hash

MADE_BY = "training"
"""Key of checkpoints: the hash of the settings that they were trained with."""

Row = dict[str, float]
"""What is measured in one epoch, by name: columns of metrics.csv."""

_OF_IMAGES = ("images", "image_files", "files", "label_set")
"""Settings that are hashes of the images that are used, of their files, or of their labels."""

_ELSEWHERE = "choose another name for the run (the option that ends in .run, see --help)"


class RunFolder:
    """The folder of one training.

    Attributes:
        path: Where it is, or will be.
        facts: What run.json says: `settings`, all that decides what is learnt, and whatever else
            should be known of the training. JSON values.
        best: The checkpoint of the best epoch.
        last: That of the last one, with all that is needed to go on.
    """

    def __init__(
        self,
        path: Path,
        facts: Mapping[str, Any],
        config: Mapping[str, Any],
        images: UsedImages | None = None,
        made_of_it: Collection[str] = (),
    ) -> None:
        """Name a folder; nothing is read or written.

        Args:
            path: Of the folder.
            facts: With `settings`.
            config: All that the training is told, JSON values; kept as config.json.
            images: That it uses, kept as images.json; None = nothing is kept of them.
            made_of_it: Files that other scripts make of its network; those of another one go.
        """
        self.path = path
        self.facts: dict[str, Any] = json.loads(json.dumps(dict(facts)))
        self.best = path / "best.pt"
        self.last = path / "last.pt"
        self._config = config
        self._images = images
        self._made_of_it = made_of_it
        self._hash = settings_hash(self.facts["settings"])

    def read_facts(self) -> dict[str, Any]:
        """Read run.json, which may be of another training; {} where there is none.

        Raises:
            UserError: It is damaged.
        """
        return read_json(self.path / "run.json", "delete it, or give --overwrite to train anew")

    def check(self, overwrite: bool) -> None:
        """Make sure that what is in the folder is of this training, or may be replaced.

        Raises:
            UserError: It is of another one, or nobody knows of which.
        """
        if overwrite:
            return
        earlier = self.read_facts().get("settings")
        if earlier is not None:
            asked, told = self.facts["settings"], self._compare_images()
            is_same_work(self.path, earlier, asked, overwrite, _ELSEWHERE, told)
        elif self.best.exists() and not self._is_ours(self.best):
            raise UserError(
                f"{self.path} holds best.pt, but no run.json that says how it was trained; give "
                "--overwrite to replace it, or choose another name for the run"
            )

    def _compare_images(self) -> dict[str, str]:
        """Say in what images are others than in the folder, by the settings that have hashes."""
        earlier = read_used_images(self.path)
        if self._images is None or earlier is None:
            return {}
        return dict.fromkeys(_OF_IMAGES, self._images.compare(earlier))

    def is_finished(self) -> bool:
        """Tell whether this training has come to its end before."""
        try:
            facts = self.read_facts()
        except UserError:
            return False
        is_ours = facts.get("settings") == self.facts["settings"]
        return is_ours and "best" in facts and self.best.exists()

    def read_state(self, overwrite: bool) -> dict[str, Any] | None:
        """Read the last checkpoint of this training, and take over what run.json knows of it.

        Args:
            overwrite: Whether to train anew where a checkpoint is damaged or lost.

        Returns:
            Its content; None where this training has none yet.

        Raises:
            UserError: A checkpoint is damaged or lost.
        """
        if not self.last.exists():
            return None
        try:
            content = read_checkpoint(self.last)
            if content.get(MADE_BY) != self._hash:
                return None  # it stays until this training has one
            if not self._is_ours(self.best):
                raise UserError(f"best.pt is missing, damaged or of another run in {self.path}")
            self.facts = self.read_facts() | self.facts
        except UserError as error:
            if overwrite:
                return None
            raise UserError(f"{error}; delete {self.last} to train anew") from None
        return content

    def keep(
        self,
        content: Mapping[str, Any],
        state: Mapping[str, Any],
        history: Sequence[Row],
        is_best: bool,
    ) -> None:
        """Write what an epoch has brought; with the first one the folder becomes this training's.

        Args:
            content: Of checkpoints: the student.
            state: What last.pt has beside it, or in its place.
            history: All epochs so far.
            is_best: Whether the last of them is the best.
        """
        content = {**content, MADE_BY: self._hash}
        is_first = len(history) == 1
        if is_first:  # what run.json says of a folder holds at any time, or it says nothing
            for name in ("run.json", "curves.png", USED_IMAGES, *self._made_of_it):
                (self.path / name).unlink(missing_ok=True)
        if is_best:
            save_checkpoint(self.best, content)
        if is_first:
            write_json(self.path / "config.json", self._config)
        if self._images is not None and not (self.path / USED_IMAGES).exists():
            self._images.write(self.path)  # a run of an earlier version has none until now
        if is_first:
            self.write_facts()
        metrics = pd.DataFrame(history).to_csv(index=False, float_format="%.6g")
        write_text(self.path / "metrics.csv", metrics)
        save_checkpoint(self.last, {**content, **state, "history": list(history)})

    def keep_untrained(self, content: Mapping[str, Any]) -> None:
        """Write a network that is not learnt here; the run is finished then, without epochs.

        Args:
            content: Of its checkpoint.
        """
        of_training = ("run.json", "last.pt", "metrics.csv", "curves.png", USED_IMAGES)
        for name in (*of_training, *self._made_of_it):
            (self.path / name).unlink(missing_ok=True)
        save_checkpoint(self.best, {**content, MADE_BY: self._hash})
        write_json(self.path / "config.json", self._config)
        self.facts["best"] = {"epoch": 0}
        self.write_facts()

    def write_facts(self) -> None:
        """Write run.json."""
        write_json(self.path / "run.json", self.facts)

    def _is_ours(self, checkpoint: Path) -> bool:
        """Tell whether a checkpoint is there and of this training."""
        try:
            return bool(read_checkpoint(checkpoint).get(MADE_BY) == self._hash)
        except UserError:
            return False
