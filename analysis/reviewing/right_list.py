"""The list of what a review says is right, and may be learnt from."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from util.config import DataSection
from util.disk.walking import on_disk
from util.disk.whole_files import write_bytes, write_text
from util.errors import UserError, listed
from util.images.files import read_image
from util.images.splits import read_split
from util.label_set import LabelSet
from util.running.ahead import map_ahead
from util.words import count_of


@dataclass(frozen=True)
class RightList:
    """Images that are marked as right, as far as they may be learnt from.

    Attributes:
        path: Of the list, which is named like the review.
        kept: The images that are in it.
        held_out: Images that are right, and that the splits judge by.
        unlearnable: Why images that are right cannot be learnt from, by id.
        others: Lists that it lies beside copies of, so that its folder does as data.splits.
    """

    path: Path
    kept: Sequence[str]
    held_out: Sequence[str]
    unlearnable: Mapping[str, str]
    others: Sequence[Path]

    def write(self) -> None:
        """Write it and the others; where nothing is kept, one of earlier marks goes."""
        if not self.kept:
            self.path.unlink(missing_ok=True)
            return
        for each in self.others:
            write_bytes(self.path.with_name(each.name), each.read_bytes())
        write_text(self.path, "\n".join(self.kept) + "\n")

    def describe(self, data: DataSection) -> Iterator[str]:
        """Say in sentences what it holds and what it leaves out.

        Args:
            data: Names the splits that judge.
        """
        if self.kept:
            yield f"{self.path}: {count_of(len(self.kept), 'image')} marked as right"
        else:
            yield "No image to learn from is marked as right, so there is no list of them"
        left_out = "Left out of that list: {} marked as right that "
        if self.unlearnable:
            reasons = listed([f"{image_id}: {why}" for image_id, why in self.unlearnable.items()])
            count = count_of(len(self.unlearnable), "image")
            yield f"{left_out.format(count)}cannot be learnt from: {reasons}"
        if self.held_out:
            count = count_of(len(self.held_out), "image")
            yield (
                f"{left_out.format(count)}{data.validation_split} or {data.test_split} judges by"
            )


def choose_right(
    path: Path,
    right: Sequence[str],
    label_set: LabelSet,
    image_paths: Mapping[str, Path],
    data: DataSection,
) -> RightList:
    """Choose what is listed as right; nothing is written.

    Args:
        path: Of the list, whose name without a suffix is that of the split.
        right: The images that are marked so.
        label_set: What was marked.
        image_paths: Of all images, by id.
        data: Names the other lists; without data.splits there are none.

    Raises:
        UserError: Another list has its name, or one that judges is damaged.
    """
    judging = find_held_out(data, image_paths)
    others = find_other_lists(path.stem, data.splits)
    unlearnable = find_unlearnable(label_set, image_paths, right)
    learnable = [image_id for image_id in right if image_id not in unlearnable]
    return RightList(
        path,
        [image_id for image_id in learnable if image_id not in judging],
        [image_id for image_id in learnable if image_id in judging],
        unlearnable,
        others,
    )


def find_held_out(data: DataSection, image_ids: Collection[str]) -> dict[str, str]:
    """Find the images that are validated or tested on, which nobody is to learn from.

    Args:
        data: Names the lists; those that are not there hold nothing.
        image_ids: Of all images that there are.

    Returns:
        The list that each is of, the last one of several, by its id.

    Raises:
        UserError: A list is damaged, or names other images.
    """
    if data.splits is None:
        return {}
    names = [*data.validation_split.split("+"), *data.test_split.split("+")]
    there = [name for name in names if on_disk(data.splits / f"{name}.txt").exists()]
    return {i: name for name in there for i in read_split(data.splits, name, image_ids)}


def find_unlearnable(
    label_set: LabelSet, image_paths: Mapping[str, Path], image_ids: Sequence[str]
) -> dict[str, str]:
    """Find the images that cannot be learnt from, whatever was said of them; decodes them.

    Args:
        label_set: What was marked.
        image_paths: Of all images, by id.
        image_ids: Those that are asked about.

    Returns:
        Why, by id: there is no map, or it or the image is damaged.
    """

    def judge(image_id: str) -> str | None:
        if image_id in label_set.failed:
            return label_set.failed[image_id]
        if image_id not in labelled:
            return f"{label_set.name} has no map of it"
        try:
            read_image(image_paths[image_id])
            label_set.read(image_id)
        except UserError as error:
            return str(error)
        return None

    labelled = frozenset(label_set.ids)
    reasons = zip(image_ids, map_ahead(judge, image_ids), strict=True)
    return {image_id: reason for image_id, reason in reasons if reason is not None}


def find_other_lists(name: str, splits: Path | None) -> list[Path]:
    """Find the lists that there are, beside which one of a name is to lie.

    Raises:
        UserError: One of them has this name.
    """
    others = sorted(splits.glob("*.txt")) if splits is not None and splits.is_dir() else []
    if any(each.stem == name for each in others):
        raise UserError(
            f"{splits} has a list {name} already; choose another review.name, so that they can lie "
            "in one folder"
        )
    return others
