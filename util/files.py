"""Files that appear whole or not at all."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from util.errors import UserError


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file beside its place, then rename it there, so that no reader ever sees half of it.

    Makes the folders above it. What it holds is on the disk before it gets its name, so that not
    even a machine that stops leaves an empty file. Each write has a temporary name of its own, so
    that two processes may write one file. A process that is killed leaves at most a hidden
    `.*.tmp`.

    Args:
        path: Where the file shall be; an older one is replaced.
        data: Its content.

    Raises:
        OSError: The folder cannot be written or the disk is full. The older file is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:  # an interrupt, too, leaves nothing behind
        beside.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with `write_bytes`; line ends are kept as given on every platform."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON with `write_bytes`; umlauts stay readable, keys keep their order."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """Read a JSON object; {} where there is no file.

    Args:
        path: Of the file.
        remedy: What to do where it is damaged, for the error.

    Raises:
        UserError: The file is damaged or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({error}); {remedy}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no JSON object; {remedy}")
    return content
