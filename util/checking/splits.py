"""What the split lists of a config say."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from util.checking.findings import Findings
from util.config import DataSection
from util.errors import listed
from util.images.splits import read_split, warn_of_shared_images
from util.metrics.groups import FEW, name_groups
from util.words import count_of


def read_splits(
    data: DataSection, image_ids: Sequence[str], findings: Findings
) -> dict[str, list[str]]:
    """Read the splits that a config names: ids of images, by the names of lists.

    Lists that cannot be read are errors; images in two lists, or in none, are warnings.
    """
    if data.splits is None:
        findings.facts["splits"] = "none"
        findings.warnings.append(
            "data.splits is not set: labels can be made, but to train and test there must be "
            "lists; make them by util/make_splits.py"
        )
        return {}
    splits: dict[str, list[str]] = {}
    if not any(data.splits.glob("*.txt")):
        findings.facts["splits"] = "none"
        findings.errors.append(
            f"{data.splits} (data.splits) has no lists; make them by util/make_splits.py"
        )
        return splits
    for part in _name_lists(data):
        ids = findings.attempt(lambda part=part: read_split(data.splits, part, image_ids))  # type: ignore[misc]
        if ids is not None:
            splits[part] = ids
    with findings.listening():
        warn_of_shared_images(data)
    findings.facts["splits"] = ", ".join(f"{n} {len(ids)}" for n, ids in splits.items()) or "none"
    listed_ids = {i for ids in splits.values() for i in ids}
    if splits and (rest := [i for i in image_ids if i not in listed_ids]):
        findings.facts["splits"] += f"; {count_of(len(rest), 'image')} in none ({listed(rest, 3)})"
    return splits


def find_asked(
    data: DataSection, splits: Mapping[str, Sequence[str]], image_ids: Sequence[str]
) -> list[str]:
    """Find the images whose truth matters: those of the lists; all, where a list is not read.

    Args:
        data: Names the lists.
        splits: As `read_splits` gives them.
        image_ids: Of all images.
    """
    if not _name_lists(data).keys() <= splits.keys():
        return list(image_ids)
    return list(dict.fromkeys(image_id for ids in splits.values() for image_id in ids))


def _name_lists(data: DataSection) -> dict[str, None]:
    """Name the lists of a config, each once, in order."""
    splits = (data.train_split, data.validation_split, data.test_split)
    return dict.fromkeys(part for split in splits for part in split.split("+"))


def check_groups(
    pattern: str | None, splits: Mapping[str, Sequence[str]], findings: Findings
) -> None:
    """Say which groups stand in two splits, and where there are few of them."""
    if pattern is None or not splits:
        return
    standing = [(image_id, split) for split, ids in splits.items() for image_id in ids]
    every = list(dict.fromkeys(image_id for image_id, _ in standing))
    names = findings.attempt(lambda: name_groups(pattern, every))
    if names is None:
        return
    group_of = dict(zip(every, names, strict=True))
    having: dict[str, set[str]] = defaultdict(set)
    for image_id, split in standing:
        having[group_of[image_id]].add(split)
    findings.facts["groups"] = f"{len(having)} (data.groups)"
    if torn := [f"{name} ({', '.join(sorted(of))})" for name, of in having.items() if len(of) > 1]:
        findings.warnings.append(
            f"{count_of(len(torn), 'group stands', 'groups stand')} in two splits, which should be "
            f"apart: {listed(torn, 3)}"
        )
    if 0 < len(having) < FEW:
        findings.warnings.append(
            f"there {'is' if len(having) == 1 else 'are'} only {count_of(len(having), 'group')}, "
            "so intervals over them will be too narrow"
        )
