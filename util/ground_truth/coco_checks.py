"""What in a COCO detection file contradicts itself, all of it told at once."""

import logging
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Sequence
from pathlib import Path

from util.errors import UserError, listed
from util.ground_truth.coco_content import Category, Content, Image
from util.ground_truth.coco_names import name_images
from util.words import count_of

logger = logging.getLogger(__name__)


def check_content(path: Path, content: Content, known_ids: Collection[str]) -> dict[str, Image]:
    """Make sure that a file does not contradict itself.

    Images, annotations and categories have an id each (annotations may have none), annotations
    point to images and categories that there are, and categories have names, by which classes are
    chosen.

    Args:
        path: Of the file.
        content: What it holds.
        known_ids: Of all images that there are; see `name_images`.

    Returns:
        Its entries of images, by our id of them.

    Raises:
        UserError: It does; entries of each kind of contradiction are named.
    """
    images, problems = _index_images(path, content.images, known_ids)
    boxes = [(each.id, f"bbox {each.bbox}") for each in content.annotations if each.id is not None]
    problems += _find_twins("annotation id", boxes)
    problems += _find_twins("category id", [(each.id, each.name) for each in content.categories])
    problems += [*_find_lost(content), *_find_nameless(content.categories)]
    if problems:
        raise UserError("\n".join(f"{path}: {problem}" for problem in problems))
    return images


def warn_of_twins(path: Path, categories: Sequence[Category]) -> None:
    """Say which categories share a name, and so are one class."""
    having = defaultdict(list)
    for category in categories:
        having[category.name.strip()].append(category.id)
    if twins := [f"{name} ({listed(ids)})" for name, ids in having.items() if len(ids) > 1]:
        logger.warning("%s: categories of one name count as one class: %s", path, listed(twins))


def _index_images(
    path: Path, images: Sequence[Image], known_ids: Collection[str]
) -> tuple[dict[str, Image], list[str]]:
    """Give entries of images by our id of them, and what is wrong with ids and names."""
    problems = [*_find_twins("image id", [(image.id, image.file_name) for image in images])]
    by_id = {image.id: image for image in images}.values()
    ids, wrong = name_images(path, [image.file_name for image in by_id], known_ids)
    problems += wrong
    named = [(ids[image.file_name], image) for image in by_id if image.file_name in ids]
    problems += _find_twins(
        "image",
        [(image_id, image.file_name) for image_id, image in named],
        "keep one each, or give every file_name with its folders below data.images",
    )
    return dict(named), problems


def _find_twins(
    what: str, keys: Sequence[tuple[Hashable, str]], advice: str = "keep one each"
) -> Iterator[str]:
    """Say which keys are there more than once; the texts beside the keys tell them apart."""
    having = defaultdict(list)
    for key, text in keys:
        having[key].append(text)
    twins = [f"{key} ({', '.join(texts)})" for key, texts in having.items() if len(texts) > 1]
    if twins:
        yield f"two entries for one {what}: {listed(twins)}; {advice}"


def _find_lost(content: Content) -> Iterator[str]:
    """Say which annotations point to images or categories that are not there."""
    listed_ids = {
        "image_id": {image.id for image in content.images},
        "category_id": {category.id for category in content.categories},
    }
    lost = [
        (each, key, pointed)
        for key, there in listed_ids.items()
        for each in content.annotations
        if (pointed := getattr(each, key)) not in there
    ]
    if not lost:
        return
    remedy = "list what they point to, or take them out"
    for _, key, pointed in lost:
        if (other := _in_other_kind(pointed)) in listed_ids[key]:
            remedy = (
                f"{other!r} is listed, but {pointed!r} is not: one is a text, the other a number; "
                "write both alike"
            )
            break
    yield (
        f"{count_of(len(lost), 'annotation points', 'annotations point')} to an image or a "
        f"category that is not listed: "
        f"{listed([f'{each} ({key} {pointed!r})' for each, key, pointed in lost])}; {remedy}"
    )


def _in_other_kind(key: int | str) -> int | str:
    """Write a number as text, or a text as the number in it, if it is one."""
    if isinstance(key, int):
        return str(key)
    return int(key) if key.isdecimal() else key


def _find_nameless(categories: Sequence[Category]) -> Iterator[str]:
    """Say which categories have no name."""
    if nameless := [category.id for category in categories if not category.name.strip()]:
        yield (
            f"{count_of(len(nameless), 'category has', 'categories have')} no name: "
            f"{listed(nameless)}; classes are chosen by name, so give them one"
        )
