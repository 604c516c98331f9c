"""Settings of finished work: whether it is the same as what is asked for now."""

import hashlib
import importlib.metadata
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from util.errors import UserError, listed

_LIBRARIES = (
    "grad-cam",
    "groundingdino-py",
    "numpy",
    "opencv-python-headless",
    "segment-anything",
    "segmentation-models-pytorch",
    "timm",
    "torch",
    "torchvision",
    "transformers",
)


_HASH = re.compile("'[0-9a-f]{16,}'")
"""In the words of Python: of `settings_hash`, a fingerprint of files or a sha256."""


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Hash settings (JSON values) whatever the order of their keys: 16 hexadecimal digits."""
    canonical = json.dumps(settings, sort_keys=True, ensure_ascii=False)
    # Names of files that are not UTF-8 hold surrogates.
    return hashlib.sha256(canonical.encode(errors="surrogatepass")).hexdigest()[:16]


def is_same_work(
    folder: Path,
    made: Mapping[str, Any],
    asked: Mapping[str, Any],
    overwrite: bool,
    elsewhere: str = "choose another folder",
    told: Mapping[str, str] | None = None,
) -> bool:
    """Tell whether what lies in a folder was made with the settings asked for.

    Args:
        folder: Where it lies, for the error.
        made: Its settings, JSON values.
        asked: The settings of this run, JSON values.
        overwrite: Whether other work may be replaced.
        elsewhere: How users keep both, for the error; names the option where it is known.
        told: What the error says of a setting in place of its values, by its key.

    Returns:
        True to go on with it, False to replace it.

    Raises:
        UserError: The settings differ and `overwrite` is not given; what differs is named.
    """
    if made == asked:
        return True
    if overwrite:
        return False
    keys = [key for key in {**made, **asked} if made.get(key) != asked.get(key)]
    sentences = [(told or {}).get(key) or _compare(made, asked, key) for key in keys]
    changes = listed(list(dict.fromkeys(sentences)))
    raise UserError(
        f"{folder} was made with other settings ({changes}); give --overwrite to make it anew, or "
        f"{elsewhere}"
    )


def _compare(made: Mapping[str, Any], asked: Mapping[str, Any], key: str) -> str:
    """Show two values; where only their hashes differ, these would tell nobody anything."""
    then, now = _show(made, key), _show(asked, key)
    return f"other {key} than then" if then == now else f"{key}: {then} -> {now}"


def _show(settings: Mapping[str, Any], key: str) -> str:
    """Show a value without its hashes; settings lack what has its default."""
    return _HASH.sub("...", repr(settings[key])) if key in settings else "default"


def library_versions() -> dict[str, str]:
    """Versions of the libraries that decide the numbers, as far as they are installed."""
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
