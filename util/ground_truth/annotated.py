"""Which images were annotated: those of which the truth is known, be it that nothing is there."""

from collections.abc import Collection

from util.config import DataSection
from util.errors import UserError, listed
from util.ground_truth.coco import describe_needless_folders, list_coco_images
from util.ground_truth.formats import check_place
from util.images.mask_files import find_mask_paths


def find_annotated(data: DataSection, image_ids: Collection[str]) -> set[str]:
    """Find the images that can be judged by all the truth, boxes and masks, that a config names.

    Args:
        data: Names ground truth and masks; without any all images can be, for what that is worth.
        image_ids: Of all images.

    Raises:
        UserError: Ground truth or masks are missing or damaged, or know none of the images.
    """
    known = find_with_boxes(data, image_ids)
    if data.masks is None:
        return known
    return join_truths(data, known, find_mask_paths(data.masks, image_ids, data.mask_names))


def join_truths(
    data: DataSection, with_boxes: Collection[str], with_masks: Collection[str]
) -> set[str]:
    """Find the images that have both a true box, be it none, and a true mask.

    Args:
        data: Names ground truth and masks.
        with_boxes: Images whose true boxes are known; see `find_with_boxes`.
        with_masks: Images that have a mask.

    Raises:
        UserError: There is none.
    """
    if both := set(with_boxes).intersection(with_masks):
        return both
    raise UserError(
        f"no image has both a truth in {data.ground_truth} and a mask in {data.masks}, so none "
        "can be judged; set one of data.ground_truth and data.masks to null"
    )


def find_with_boxes(data: DataSection, image_ids: Collection[str]) -> set[str]:
    """Find the images whose true boxes are known, all if none are named.

    A COCO file lists the images that were annotated, and an image without a mask was not; any other
    format says nothing of an image in which there is nothing, so that all were.

    Raises:
        UserError: The ground truth is missing or damaged, or knows none of the images.
    """
    path, kind = data.ground_truth, data.ground_truth_format
    if path is None or kind not in ("coco", "masks"):
        return set(image_ids)
    check_place(path, kind)
    if kind == "masks":
        return set(find_mask_paths(path, image_ids, data.mask_names))
    if not (there := list_coco_images(path, image_ids)):
        raise UserError(
            f"{path} lists no images, so none were annotated; name another data.ground_truth"
        )
    if not (known := there.intersection(image_ids)):
        raise UserError(
            f"{path} lists {listed(sorted(there), 3)}, which are no images in data.images "
            f"(there are {listed(sorted(image_ids), 2)}); names must agree (folders below "
            f"data.images included){describe_needless_folders(there, image_ids)}"
        )
    return known
