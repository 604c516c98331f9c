"""Names of images in a COCO detection file, and the ids that they stand for."""

import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from util.errors import UserError, listed
from util.images.ids import find_needless_folders, name_to_id
from util.words import count_of

logger = logging.getLogger(__name__)

_SHOWN = 3


def name_images(
    path: Path, file_names: Sequence[str], known_ids: Collection[str]
) -> tuple[dict[str, str], list[str]]:
    r"""Find the ids of images by the names that a file has for them.

    An absolute path, such as `C:\photos\a.jpg`, is one on the machine of who annotated. The folders
    that all of these begin with are passed over where there are images of the names without them,
    which is said; no file is ever looked for elsewhere.

    Args:
        path: Of the file, for messages.
        file_names: That it has.
        known_ids: Of all images that there are.

    Returns:
        The id of each name that is one, and what is wrong with all others, a sentence at most.
    """
    ids = _name_absolute(path, file_names, known_ids)
    wrong = []
    for name in file_names:
        try:
            ids[name] = ids.get(name) or name_to_id(name)
        except UserError:
            wrong.append(repr(name))
    if not wrong:
        return ids, []
    example = f", such as {min(known_ids)}" if known_ids else ""
    return ids, [
        f"the file_name of {count_of(len(wrong), 'image')} is no name of a file in the image "
        f"folder: {listed(wrong, _SHOWN)}; expected is the path below data.images{example}: take "
        "out of each file_name what stands before that"
    ]


def _name_absolute(
    path: Path, file_names: Sequence[str], known_ids: Collection[str]
) -> dict[str, str]:
    """Find the ids of names that are absolute paths; {} where they have no image in common."""
    found = {}
    for name in file_names:
        plain = name.replace("\\", "/").strip()
        root = plain.partition("/")[0]
        if not root or root.endswith(":"):
            with suppress(UserError):  # said with other names that are none
                found[name] = name_to_id(plain.removeprefix(root).lstrip("/"))
    needless = find_needless_folders(found.values(), known_ids)
    if not needless and set(found.values()).isdisjoint(known_ids):
        return {}
    ids = {name: image_id.removeprefix(needless) for name, image_id in found.items()}
    logger.warning(
        "%s: %s, such as %s; the part below %s is taken, as which there are images",
        path,
        count_of(len(ids), "file_name is an absolute path", "file_names are absolute paths"),
        next(iter(ids)),
        needless or "the root",
    )
    return ids
