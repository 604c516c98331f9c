"""Strategies by their names.

Each is defined by the research code of stream-based active distillation, but for `online-*` and
`disagreement`, which are ours. Comments say what is decided otherwise.
"""

import random
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from util.config.streams import StreamsSection
from util.streams.cameras import Camera
from util.streams.choosing.chances import chance_of, choose_by_chance, choose_uniformly
from util.streams.choosing.choice import Choice, unscored
from util.streams.choosing.disagreement import score_disagreement
from util.streams.choosing.frame_scores import score_confidence, score_count
from util.streams.choosing.online import choose_online
from util.streams.choosing.thresholding import choose_by_threshold
from util.streams.pictures.frequency import choose_by_histogram, measure_detail
from util.streams.pictures.movement import choose_moved, score_movement
from util.streams.pictures.reading import look_at


def score_frames(
    camera: Camera, boxes: pd.DataFrame, settings: StreamsSection, second_boxes: pd.DataFrame
) -> np.ndarray:
    """Score the frames of a camera as a strategy does.

    Args:
        camera: With the N frames that may be chosen.
        boxes: Table of `util.bbox_csv`, of streams.label_set.
        settings: What is chosen.
        second_boxes: That of streams.second_stage_label_set.

    Returns:
        (N,) float64; NaN where there is no box.
    """
    match settings.strategy:
        case "thresh-object-count":
            return score_count(camera.ids, boxes)
        case "disagreement":
            least = settings.disagreement_confidence
            return score_disagreement(camera.ids, boxes, second_boxes, least)
        case _:
            return score_confidence(camera.ids, boxes, settings.confidence)


def score_pictures(
    camera: Camera, images: Mapping[str, Path], settings: StreamsSection, num: int
) -> np.ndarray:
    """Score the frames of a camera as a strategy does that `looks_at_images`.

    Args:
        camera: With the N frames that may be chosen.
        images: Path of each by its id; of others, too.
        settings: What is chosen.
        num: How many frames will be asked for, at least 1.

    Returns:
        (N,) float64; NaN where an image cannot be read, or need not be for so many frames.
    """
    label = f"looking at {camera.name}"
    if settings.strategy == "frequency":
        energies = look_at(camera.ids, images, measure_detail, label)
        return np.array([np.nan if each is None else each for each in energies], np.float64)
    with closing(look_at(camera.ids, images, lambda gray: gray, label)) as pictures:
        return score_movement(pictures, len(camera.ids), num, settings.movement)


def choose(camera: Camera, scores: np.ndarray, num: int, settings: StreamsSection) -> Choice:
    """Choose frames of a camera.

    Args:
        camera: With the N frames that may be chosen.
        scores: (N,) float64 of them; NaN = none.
        num: How many are asked for.
        settings: What is chosen.

    Returns:
        `num` frames, or fewer where no more are worth it.
    """
    num_frames = len(scores)
    fitting = min(num, num_frames)
    match settings.strategy:
        case "n-first":
            # The original means to leave out what validates, and does not run; no bank has it here.
            return unscored(np.arange(fitting), fitting)
        case "uniform-random":
            return choose_uniformly(camera.name, num_frames, num, settings.rate, settings.seed)
        case "bernoulli-top-confidence" | "bernoulli-least-confidence":
            is_top = settings.strategy == "bernoulli-top-confidence"
            curve = settings.acceptance, settings.acceptance_steepness, settings.acceptance_halfway
            chances = chance_of(scores, is_top, *curve)
            return choose_by_chance(camera.name, chances, num, settings.seed)
        case "random":
            # By the standard library, so that a seed chooses what it chose there.
            drawn = random.Random(settings.seed).sample(range(num_frames), fitting)
            return unscored(np.array(sorted(drawn), np.int64), num_frames)
        case "fixed-interval":
            # As published: up to half of the stream, at its end, is never reached.
            return unscored(np.arange(fitting) * (num_frames // fitting), num_frames)
        case "interval-sampling":
            spaced = np.linspace(0, num_frames - 1, fitting).round().astype(np.int64)
            return unscored(spaced, num_frames)
        case "top-confidence" | "disagreement":
            return take_best(scores, num)
        case "least-confidence":
            return take_best(scores, num, is_top=False)
        case "frequency":
            return choose_by_histogram(scores, num)
        case "movement":
            return choose_moved(scores, num, settings.movement)
        case "online-top-confidence" | "online-least-confidence":
            is_top = settings.strategy == "online-top-confidence"
            online = settings.rate, settings.warmup, settings.apart
            return choose_online(camera.times, scores, num, is_top, *online)
        case _:
            is_top = settings.strategy != "thresh-least-confidence"
            told = settings.rate, settings.warmup, settings.adapt_rate
            return choose_by_threshold(scores, num, is_top, *told)


def needs_warmup(strategy: str) -> bool:
    """Tell whether a strategy passes by the first frames."""
    return strategy.startswith(("thresh-", "online-"))


def looks_at_images(strategy: str) -> bool:
    """Tell whether a strategy looks at the frames themselves, and not at what labels say."""
    return strategy in ("frequency", "movement")


def take_best(scores: np.ndarray, num: int, is_top: bool = True) -> Choice:
    """Take the highest scores, or the lowest, the best first; of equal ones the earlier.

    The original has no rule for equal ones.

    Args:
        scores: (N,) float64; NaN = none: never taken.
        num: How many at most.
        is_top: Whether high scores are the better ones.
    """
    order = np.argsort(-scores if is_top else scores, kind="stable")  # NaN comes last
    positions = order[: min(num, int(np.count_nonzero(~np.isnan(scores))))]
    return Choice(positions, scores[positions], np.full(len(positions), np.nan), len(scores))
