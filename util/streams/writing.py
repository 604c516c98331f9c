"""Split lists of what was chosen, and a manifest that says why."""

import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from util.disk.whole_files import read_json, write_json, write_text
from util.errors import UserError
from util.settings import is_same_work
from util.streams.selecting import Selection

MANIFEST = "selection.json"
TABLE = "selection.csv"
REMEDY = "give --overwrite to make it anew"


def check_folder(folder: Path, settings: Mapping[str, Any], overwrite: bool) -> None:
    """Refuse a folder with other work in it.

    Raises:
        UserError: It holds a choice that was made with other settings, or lists of another origin,
            and `overwrite` is not given.
    """
    made = {} if overwrite else read_json(folder / MANIFEST, REMEDY)
    if made:
        before = made.get("settings", {})
        is_same_work(folder, before, settings, overwrite, "another streams.name")
    elif not overwrite and any(folder.glob("*.txt")):
        raise UserError(
            f"{folder} has lists of which no {MANIFEST} says where they come from; give "
            "--overwrite to replace them, or another streams.name"
        )


def write_selections(
    folder: Path,
    selections: Sequence[Selection],
    train: str,
    validation: str,
    strategies: Sequence[str],
    facts: Mapping[str, Any],
) -> None:
    """Write the split lists, a row for each frame in them, and what holds for all.

    Args:
        folder: Where they shall be; see `check_folder`.
        selections: Of all cameras.
        train: Name of the list to learn from.
        validation: Name of the list that validates; there is none where no frame does.
        strategies: What has chosen, and what has kept some of these, if anything has.
        facts: What the manifest says besides; `settings` say what they were made of.
    """
    replaced = [train, validation]
    with suppress(UserError):  # a damaged manifest tells nothing of the choice that is replaced
        replaced += read_json(folder / MANIFEST, REMEDY).get("settings", {}).get("splits", [])
    # Lists of another choice never lie beside what the manifest says of this one.
    for path in folder.glob("*.txt"):
        if path.stem in replaced:
            path.unlink()
    # Until all that it tells of is there, it says whose the lists are.
    write_json(folder / MANIFEST, {"settings": facts["settings"]})
    lists = {
        train: [image_id for each in selections for image_id in each.train_ids],
        validation: [image_id for each in selections for image_id in each.bank.validation_ids],
    }
    for name, ids in lists.items():
        if ids:
            write_text(folder / f"{name}.txt", "\n".join(ids) + "\n")
    table = pd.concat([_rows(each, train, validation, strategies) for each in selections])
    text = io.StringIO()
    table.to_csv(text, sep=";", index=False, lineterminator="\n")
    write_text(folder / TABLE, text.getvalue())
    write_json(folder / MANIFEST, {**facts, "cameras": [_describe(each) for each in selections]})


def _rows(
    selection: Selection, train: str, validation: str, strategies: Sequence[str]
) -> pd.DataFrame:
    """Say of each frame of a camera in the lists why it is there, in the order of time."""
    camera, bank, positions = selection.bank.camera, selection.bank, selection.positions
    last = np.arange(bank.size + bank.num_gap, len(camera.ids))
    rows = pd.DataFrame({"position": positions, "split": train})
    choices = [selection.choice, *([] if selection.kept is None else [selection.kept])]
    prefixes = ["", "second_"][: len(choices)]
    for prefix, strategy, choice in zip(prefixes, strategies, choices, strict=True):
        reasons = pd.DataFrame(
            {
                f"{prefix}strategy": strategy,
                f"{prefix}score": choice.scores,
                f"{prefix}threshold": choice.thresholds,
                f"{prefix}rank": np.arange(1, len(choice.positions) + 1),
            },
            index=choice.positions,
        )
        if prefix:
            reasons = reasons.drop(columns="second_threshold")  # no second stage has one
        rows = rows.join(reasons, on="position")
    validating = {
        "position": last,
        "split": validation,
        "strategy": "last",
        "rank": np.arange(1, len(last) + 1),
    }
    both = pd.concat([rows, pd.DataFrame(validating)]) if len(last) else rows
    at = both["position"].to_numpy()
    both.insert(0, "image", [camera.ids[number] for number in at])
    both.insert(1, "camera", camera.name)
    both.insert(2, "time", camera.times[at])
    return both


def _describe(selection: Selection) -> dict[str, Any]:
    """Say of a camera what was seen and passed by, and what is lacking."""
    bank, choice = selection.bank, selection.choice
    second = {}
    if selection.kept is not None:
        num_kept = len(selection.kept.positions)
        second = {"kept": num_kept, "kept_short": selection.num_to_keep - num_kept}
    return {
        "camera": bank.camera.name,
        "frames": len(bank.camera.ids),
        "bank": bank.size,
        "with_boxes": selection.num_boxed,
        "seen": choice.seen,
        "passed_by_in_warmup": choice.warmup,
        "rate": choice.rate,
        "asked": selection.num_asked,
        "chosen": len(choice.positions),
        "short": selection.num_asked - len(choice.positions),
        **second,
        "gap": bank.num_gap,
        "validation": bank.num_validation,
    }
