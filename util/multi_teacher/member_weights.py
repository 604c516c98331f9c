"""Weights of the members of a combination: learned from how they agree, or tuned on true masks."""

from collections.abc import Iterable, Sequence

import numpy as np

from util.config import CombinationSection, Strategy
from util.errors import UserError
from util.images.masks import TrueMasks
from util.label_set import LabelSet, check_same_images, map_cost
from util.multi_teacher.agreement import learn_weights
from util.multi_teacher.box_agreement import FEWEST, BoxMeetings
from util.multi_teacher.pixel_samples import PixelSample, sample_pixels
from util.multi_teacher.tuning import Tuned, tune
from util.running.ahead import map_ahead
from util.running.progress import track


def read_maps(members: Sequence[LabelSet], image_id: str) -> Iterable[np.ndarray]:
    """Read the maps of an image one after another, making sure that their sizes agree.

    Raises:
        UserError: They do not, or one cannot be read.
    """
    first = None
    for member in members:
        soft_label = member.read(image_id)
        first = first or soft_label.shape
        if soft_label.shape != first:
            raise UserError(
                f"{image_id} is {first} in {members[0].name}, but {soft_label.shape} in "
                f"{member.name} (height, width); sizes must agree"
            )
        yield soft_label


def learn_member_weights(strategy: Strategy, members: Sequence[LabelSet]) -> list[float]:
    """Learn the weights of the members from how they agree on all images; prints them.

    Args:
        strategy: One of `LEARNS_FROM_ALL_IMAGES`: `agreement` learns from pixels, `consensus` from
            boxes.
        members: Label sets of the same images.
    """
    image_ids = check_same_images(members)
    if strategy == "consensus":
        weights = BoxMeetings(members, image_ids).reliability(members)
        what = "Reliability"
    else:
        seen = track(image_ids, "agreement", transient=True)
        learned = learn_weights(read_maps(members, image_id) for image_id in seen)
        # Rounded, so that the last digits of another machine are no other settings.
        weights = learned.round(6).tolist()
        what = "Weights"
    shown = zip(members, weights, strict=True)
    text = ", ".join(f"{member.name} {weight:.3f}" for member, weight in shown)
    if strategy == "consensus" and len({member.content for member in members}) < FEWEST:
        text += f" (not learned from fewer than {FEWEST} label sets that differ: all count alike)"
    print(f"{what}: {text}")
    return weights


def check_tuning(settings: CombinationSection) -> None:
    """Make sure that weights that are to be tuned are there, and that others have no split for it.

    Raises:
        UserError: The strategy has none, or they are given; or a split is set that is not read.
    """
    if not settings.tune_weights:
        if "tuning_split" in settings.model_dump(exclude_defaults=True):
            raise UserError(
                f"combination.tuning_split is {settings.tuning_split!r}, but no weights are tuned "
                "on it; leave it out, or set combination.tune_weights to true"
            )
        return
    problems = []
    if settings.strategy != "weighted_mean":
        problems.append(f"combination.strategy is {settings.strategy!r}; set it to weighted_mean")
    if settings.weights:
        problems.append(f"combination.weights is {settings.weights}; leave it empty")
    if problems:
        raise UserError(f"combination.tune_weights finds weights, but {', and '.join(problems)}")


def tune_member_weights(members: Sequence[LabelSet], masks: TrueMasks, split: str) -> Tuned:
    """Tune the weights of the members on the images of a split; prints how good they are.

    Raises:
        UserError: A map or mask cannot be read or they differ in size, or no mask has an anomaly.
    """

    def sample(image_id: str) -> PixelSample:
        maps = list(read_maps(members, image_id))
        height, width = maps[0].shape
        return sample_pixels(image_id, maps, masks.read(image_id, (height, width)))

    def cost_bytes(image_id: str) -> int:
        return map_cost(members[0].path(image_id)) * len(members)

    sampled = map_ahead(sample, masks.paths, cost_bytes=cost_bytes)
    samples = list(track(sampled, "images to tune weights on", len(masks.paths), transient=True))
    if not any(each.truth.any() for each in samples):
        raise UserError(
            f"the {len(samples)} masks to tune weights on have no anomalous pixel (they are read "
            f"as {masks.read_as}); choose another combination.tuning_split"
        )
    tuned = tune(samples)
    names = [member.name for member in members]
    print(f"AP on {len(samples)} images of {split}: {tuned.describe(names)}")
    return tuned
