"""What label sets have in common, and where they differ from each other or from their images."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from util.data_classes import BoxSettings
from util.errors import UserError, listed
from util.images.files import find_size_hw
from util.label_set.reading import LabelSet
from util.running.ahead import map_ahead


def common_box_settings(label_sets: Sequence[LabelSet], name: str) -> BoxSettings:
    """Tell how the boxes of several label sets were found.

    Args:
        label_sets: One or more.
        name: Class of the boxes where those of the label sets differ.

    Returns:
        What they have in common; the usual settings where they differ in more than the class.
    """
    all_settings = [label_set.box_settings for label_set in label_sets]
    classes = {settings.object_class for settings in all_settings}
    object_class = classes.pop() if len(classes) == 1 else name
    common = {replace(settings, object_class=object_class) for settings in all_settings}
    return common.pop() if len(common) == 1 else BoxSettings(object_class=object_class)


def check_same_images(label_sets: Sequence[LabelSet]) -> list[str]:
    """Check that label sets have the same images.

    Returns:
        The ids that all have; images that failed in all of them are left out.

    Raises:
        UserError: Some set lacks an image that another has; the ids are listed for each set.
    """
    every = set().union(*(label_set.ids for label_set in label_sets))
    lacking = {label_set.name: sorted(every.difference(label_set.ids)) for label_set in label_sets}
    problems = [f"{name} lacks {listed(ids)}" for name, ids in lacking.items() if ids]
    if problems:
        raise UserError(
            f"the label sets have different images: {'; '.join(problems)}; let what made them label"
            " these, too"
        )
    if not every:
        raise UserError("the label sets have no labelled image")
    return sorted(every)


def describe_equal(label_sets: Mapping[str, LabelSet]) -> str:
    """Say in a sentence which label sets, by their names, have the same maps; '' if none have."""
    first: dict[str, str] = {}
    pairs = [(name, first.setdefault(each.content, name)) for name, each in label_sets.items()]
    twins = [f"{name} = {one}" for name, one in pairs if name != one]
    return f"Label sets with equal maps are one: {listed(twins)}" if twins else ""


def find_misfits(label_set: LabelSet, image_paths: Mapping[str, Path]) -> list[str]:
    """Say in sentences which images of a label set are missing, or of another size than its maps.

    Args:
        label_set: Has maps.
        image_paths: Of images, by id; damaged files are passed over.
    """
    problems = []
    if lacking := [image_id for image_id in label_set.ids if image_id not in image_paths]:
        problems.append(f"data.images has no image {listed(lacking)}")
    if told := find_other_sizes(label_set, image_paths):
        problems.append(f"maps differ from their images in height x width: {listed(told)}")
    return problems


def find_other_sizes(label_set: LabelSet, image_paths: Mapping[str, Path]) -> list[str]:
    """Find the maps that are not of the size of their images.

    Args:
        label_set: Has maps.
        image_paths: Of images, by id; maps of others are passed over, as are damaged files.

    Returns:
        These images and both sizes, height x width: `a (48 x 64, image 96 x 128)`.
    """

    def compare(image_id: str) -> str:
        map_hw = find_size_hw(label_set.path(image_id))
        image_hw = find_size_hw(image_paths[image_id])
        if map_hw is None or image_hw is None or map_hw == image_hw:
            return ""
        (a, b), (c, d) = map_hw, image_hw
        return f"{image_id} ({a} x {b}, image {c} x {d})"

    return [
        each for each in map_ahead(compare, filter(image_paths.__contains__, label_set.ids)) if each
    ]
