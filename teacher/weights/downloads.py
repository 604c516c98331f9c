"""Fetches weights, when a user asks for it: files by https, repositories from the hub.

A download that was stopped goes on where it was, and a file or folder gets its name only when all
of it has arrived and is right.
"""

import errno
import logging
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from util.errors import UserError
from util.running.progress import track
from util.weights.finding import fault, find
from util.weights.identity import sha256
from util.weights.known import ModelWeights, named

logger = logging.getLogger(__name__)

TIMEOUT_S = 60
"""How long a server may say nothing."""

MEGABYTE = 10**6

_MODEL_FILES = ["*.json", "*.txt", "*.model"]
_VOCABULARY_FILES = ["vocab.txt", "tokenizer_config.json", "config.json"]


def fetch(name: str, folder: Path) -> Path:
    """Fetch weights that are not here yet.

    Args:
        name: Of `util.weights.known.MODELS`, or of any repository on the hub.
        folder: `paths.weights`; made where it is missing.

    Returns:
        Their file or folder.

    Raises:
        UserError: The name is unknown, the source cannot be reached or gives something else, the
            licence is not accepted, the disk is full (what has arrived is kept), or a package alone
            has them.
    """
    row = named(name, "--fetch")
    path = folder / row.place
    found = find(row, folder) if row.package or row.other_sha256 else None
    if found and not fault(found, row):
        return found
    if not row.source:
        raise UserError(f"{row.name} is published as a package alone: {row.how_to_get}")
    if row.is_file:
        download(row.source, path, row.size_bytes, row.sha256)
    elif not path.exists():
        _fetch_repository(row, path)
    elif fault(path, row):
        raise UserError(f"{path} is damaged ({fault(path, row)}); remove it and fetch it again")
    return path


def download(url: str, path: Path, size_bytes: int, digest: str | None) -> None:
    """Fetch one file, going on with what an earlier try has left in `NAME.part`.

    Args:
        url: https; http only from this machine.
        path: Where the file shall be. One that is right already is kept, another one replaced.
        size_bytes: Its exact size.
        digest: Its sha256 in hexadecimal, where known.

    Raises:
        UserError: It cannot be fetched, or is not what was expected.
    """
    if path.is_file() and _is_right(path, size_bytes, digest):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with _told_in_one_sentence(path.name, url, path.parent):
        _fetch_rest(url, part, size_bytes)
    if not _is_right(part, size_bytes, digest):
        part.unlink()
        raise UserError(
            f"what came from {url} is not {path.name} as it was published (its size or sha256 "
            "differs), and was removed; fetch it again, from another network if that fails too"
        )
    part.replace(path)


def _fetch_rest(url: str, part: Path, size_bytes: int) -> None:
    """Write to the partial file what it lacks."""
    start = part.stat().st_size if part.exists() else 0
    start = start if start <= size_bytes else 0
    if start == size_bytes:
        return
    if shutil.disk_usage(part.parent).free < size_bytes - start:
        raise OSError(errno.ENOSPC, "too little space", str(part))
    request = Request(url, headers={"Range": f"bytes={start}-"})
    with build_opener(_SafeRedirects).open(_checked(request), timeout=TIMEOUT_S) as response:
        start = start if response.status == 206 else 0  # a server may not know of ranges
        announced = int(response.headers.get("Content-Length", size_bytes - start))
        if start + announced != size_bytes:
            raise UserError(
                f"{url} gives {start + announced:,} bytes instead of {size_bytes:,}: not what was "
                "published, or a login page of your network; open the address in a browser"
            )
        logger.info("fetching %s%s", url, f", the first {start:,} bytes are here" * bool(start))
        with part.open("ab" if start else "wb") as file:
            total = math.ceil(announced / MEGABYTE)
            for piece in track(_pieces(response), part.stem, total, unit="MB"):
                file.write(piece)
    if part.stat().st_size < size_bytes:
        raise URLError("the connection broke off")


def _pieces(response: HTTPResponse) -> Iterator[bytes]:
    """Read an answer in megabytes."""
    while piece := response.read(MEGABYTE):
        yield piece


def _is_right(path: Path, size_bytes: int, digest: str | None) -> bool:
    """Tell whether a file is the one expected."""
    return path.stat().st_size == size_bytes and digest in (None, sha256(path))


def _checked(request: Request) -> Request:
    """Refuse what anyone on the way could read and change."""
    address = urlsplit(request.full_url)
    if address.scheme != "https" and (address.scheme, address.hostname) != ("http", "127.0.0.1"):
        raise URLError(f"{request.full_url} is not https")
    return request


class _SafeRedirects(HTTPRedirectHandler):
    """Follows an address to another one only if that is safe, too."""

    def redirect_request(
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> Request | None:
        """Make the request for where the server points."""
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        return request and _checked(request)


def _fetch_repository(row: ModelWeights, path: Path) -> None:
    """Fetch a repository of the hub; huggingface_hub keeps and checks whole files."""
    from huggingface_hub import HfApi, snapshot_download

    part = path.with_name(f"{path.name}.part")
    with _told_in_one_sentence(row.name, "the hub", path.parent):
        # The commit is asked for first: without it, a hub that cannot be reached would make
        # `snapshot_download` pass off a partial folder as the whole.
        told = HfApi().model_info(row.source, timeout=TIMEOUT_S)
        names = [file.rfilename for file in told.siblings or ()]
        files = _VOCABULARY_FILES if row.part == "text encoder" else _model_files(names)
        snapshot_download(row.source, revision=told.sha, local_dir=part, allow_patterns=files)
    if fault(part, row):
        raise UserError(f"{row.name} cannot be used: {fault(part, row)}; see {part}")
    part.replace(path)


def _model_files(names: Sequence[str]) -> list[str]:
    """Name what is fetched of a model's files: old weights only where there are no new ones."""
    is_new = any(name.endswith(".safetensors") for name in names)
    return [*_MODEL_FILES, "*.safetensors" if is_new else "pytorch_model*.bin"]


@contextmanager
def _told_in_one_sentence(name: str, source: str, folder: Path) -> Iterator[None]:
    """Turn what the network, the hub or the disk raises into a sentence that says what to do."""
    from huggingface_hub.errors import HTTPError as HubError

    try:
        yield
    except (OSError, HTTPException, HubError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            reason = f"{folder} has too little room on its disk"
        else:
            reason = _reason(error)
        raise UserError(
            f"{name} could not be fetched from {source}: {reason}; run the same command again, "
            "which goes on from what has been kept"
        ) from None


def _reason(error: Exception) -> str:
    """Say what went wrong on the way, and what to do where that is clear."""
    from huggingface_hub.errors import (
        GatedRepoError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    if isinstance(error, HTTPError):
        error.close()
        return f"the server answers {error.code} ({error.reason})"
    if isinstance(error, URLError):
        return str(error.reason)
    if isinstance(error, GatedRepoError):
        return "accept its licence on the hub and log in with `hf auth login`"
    if isinstance(error, RepositoryNotFoundError):
        return "there is no such repository (or log in with `hf auth login` to see it)"
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE=1 forbids it; unset that"
    return (str(error) or type(error).__name__).splitlines()[0]
