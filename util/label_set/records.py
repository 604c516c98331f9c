"""What a label set says of itself: `label_set.json`, and the progress files while it is made."""

import json
from pathlib import Path
from typing import Any

from util.errors import UserError
from util.files import read_json
from util.image_files import id_to_path, name_to_id

MANIFEST = "label_set.json"
PREDICTION = "prediction.csv"
WEIGHTS = "weights"
LOGITS = "logits"
REMEDY = "give --overwrite to make the label set anew"


def weights_path(folder: Path, image_id: str) -> Path:
    """Where the weights of an image's pixels lie, if a label set has them."""
    return id_to_path(folder / WEIGHTS, image_id)


def logits_path(folder: Path, image_id: str) -> Path:
    """Where the logits of an image lie, if a label set has them."""
    return id_to_path(folder / LOGITS, image_id, ".npy")


def is_finished(folder: Path) -> bool:
    """Tell whether a folder is a finished label set, or no label set but a folder of maps."""
    manifest = read_manifest(folder)
    return not progress_files(folder) and (not manifest or "images" in manifest)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check `label_set.json`; {} where there is none.

    Raises:
        UserError: It is damaged, or names images outside of the folder.
    """
    manifest = read_json(folder / MANIFEST, REMEDY)
    if not manifest:
        return {}
    settings, images = manifest.get("settings"), manifest.get("images", {})
    absent = manifest.get("absent", {})
    if not (isinstance(settings, dict) and isinstance(images, dict) and isinstance(absent, dict)):
        raise UserError(f"{folder / MANIFEST} is damaged; {REMEDY}")
    for image_id, record in (images | absent).items():
        _check_record(folder / MANIFEST, image_id, record)
    return manifest


def _check_record(path: Path, image_id: object, record: object) -> None:
    """Make sure that an image's record is complete and its id stays in the folder."""
    if isinstance(image_id, str) and isinstance(record, dict):
        needed = {"reason"} if record.get("status") == "failed" else {"status", "source"}
        if needed <= set(record) and name_to_id(image_id) == image_id:
            return
    raise UserError(f"{path} is damaged at {image_id!r}; {REMEDY}")


def progress_files(folder: Path) -> list[Path]:
    """The progress files of all processes that make a label set, the last written to last."""
    return sorted(folder.glob("progress*.jsonl"), key=lambda path: path.stat().st_mtime_ns)


def is_ready(path: Path) -> bool:
    """Tell whether the process of a progress file has come to its end."""
    lines = path.read_bytes().splitlines()
    return bool(lines) and lines[-1] == b'{"ready": true}'


def read_progress(path: Path) -> dict[str, dict[str, Any]]:
    """Read the images of a stopped run; a last line cut short by the stop is dropped."""
    images = {}
    lines = path.read_bytes().splitlines() if path.exists() else []
    for line in lines:
        try:
            record = json.loads(line)
            image_id = record.pop("id")
        except (ValueError, AttributeError, KeyError, TypeError):
            continue
        _check_record(path, image_id, record)
        images[image_id] = record
    return images
