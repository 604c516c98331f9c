"""Strategies by their names.

Each is defined by the research code of stream-based active distillation, but for `online-*` and
`disagreement`, which are ours. Comments say what is decided otherwise.
"""

import random
from contextlib import closing
from functools import partial

import numpy as np

from util.config.streams import StreamsSection
from util.streams.cameras import Camera
from util.streams.choosing.chances import chance_of, choose_by_chance, choose_uniformly
from util.streams.choosing.choice import Choice, unscored
from util.streams.choosing.disagreement import score_disagreement
from util.streams.choosing.frame_scores import score_confidence, score_count
from util.streams.choosing.online import choose_online
from util.streams.choosing.strategy import Asked, Strategy, Told
from util.streams.choosing.thresholding import choose_by_threshold
from util.streams.pictures.frequency import choose_by_histogram, measure_detail
from util.streams.pictures.movement import choose_moved, score_movement
from util.streams.pictures.reading import look_at


def choose(camera: Camera, scores: np.ndarray, num: int, settings: StreamsSection) -> Choice:
    """Choose frames of a camera by `settings.strategy`.

    Args:
        camera: With the N frames that may be chosen.
        scores: (N,) float64 of them; NaN = none.
        num: How many are asked for.
        settings: What is chosen.

    Returns:
        `num` frames, or fewer where no more are worth it.
    """
    return STRATEGIES[settings.strategy].choose(Asked(camera, num, settings), scores)


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


def choose_best(asked: Asked, scores: np.ndarray, is_top: bool = True) -> Choice:
    """Take the highest scores, or the lowest; see `take_best`."""
    return take_best(scores, asked.num, is_top)


def _measure_nothing(asked: Asked, _told: Told) -> np.ndarray:
    return np.full(len(asked.camera.ids), np.nan)


def _measure_confidence(asked: Asked, told: Told) -> np.ndarray:
    return score_confidence(asked.camera.ids, told.boxes, asked.settings.confidence)


def _measure_disagreement(asked: Asked, told: Told) -> np.ndarray:
    least = asked.settings.disagreement_confidence
    return score_disagreement(asked.camera.ids, *told.compared, least)


def _measure_detail(asked: Asked, told: Told) -> np.ndarray:
    """Look at all frames; NaN where an image cannot be read."""
    label = f"looking at {asked.camera.name}"
    energies = look_at(asked.camera.ids, told.images, measure_detail, label)
    return np.array([np.nan if each is None else each for each in energies], np.float64)


def _measure_movement(asked: Asked, told: Told) -> np.ndarray:
    """Look at frames until as many as asked for have moved; NaN of the others."""
    ids, label = asked.camera.ids, f"looking at {asked.camera.name}"
    with closing(look_at(ids, told.images, lambda gray: gray, label)) as pictures:
        return score_movement(pictures, len(ids), asked.num, asked.settings.movement)


def _choose_first(asked: Asked, scores: np.ndarray) -> Choice:
    # The original means to leave out what validates, and does not run; no bank has it here.
    fitting = min(asked.num, len(scores))
    return unscored(np.arange(fitting), fitting)


def _choose_randomly(asked: Asked, scores: np.ndarray) -> Choice:
    # By the standard library, so that a seed chooses what it chose there.
    places = range(len(scores))
    drawn = random.Random(asked.settings.seed).sample(places, min(asked.num, len(scores)))
    return unscored(np.array(sorted(drawn), np.int64), len(scores))


def _choose_at_intervals(asked: Asked, scores: np.ndarray) -> Choice:
    # As published: up to half of the stream, at its end, is never reached.
    fitting = min(asked.num, len(scores))
    return unscored(np.arange(fitting) * (len(scores) // fitting), len(scores))


def _choose_evenly(asked: Asked, scores: np.ndarray) -> Choice:
    spaced = np.linspace(0, len(scores) - 1, min(asked.num, len(scores)))
    return unscored(spaced.round().astype(np.int64), len(scores))


def _choose_uniformly(asked: Asked, scores: np.ndarray) -> Choice:
    settings = asked.settings
    return choose_uniformly(asked.camera.name, len(scores), asked.num, settings.rate, settings.seed)


def _choose_by_chance(asked: Asked, scores: np.ndarray, is_top: bool = True) -> Choice:
    settings = asked.settings
    curve = settings.acceptance, settings.acceptance_steepness, settings.acceptance_halfway
    chances = chance_of(scores, is_top, *curve)
    return choose_by_chance(asked.camera.name, chances, asked.num, settings.seed)


def _choose_by_threshold(asked: Asked, scores: np.ndarray, is_top: bool = True) -> Choice:
    settings = asked.settings
    told = settings.rate, settings.warmup, settings.adapt_rate
    return choose_by_threshold(scores, asked.num, is_top, *told)


def _choose_online(asked: Asked, scores: np.ndarray, is_top: bool = True) -> Choice:
    settings = asked.settings
    online = settings.rate, settings.warmup, settings.apart
    return choose_online(asked.camera.times, scores, asked.num, is_top, *online)


STRATEGIES = {
    "n-first": Strategy(_measure_nothing, _choose_first),
    "uniform-random": Strategy(_measure_nothing, _choose_uniformly),
    "bernoulli-top-confidence": Strategy(_measure_confidence, _choose_by_chance),
    "bernoulli-least-confidence": Strategy(
        _measure_confidence, partial(_choose_by_chance, is_top=False)
    ),
    "thresh-top-confidence": Strategy(_measure_confidence, _choose_by_threshold, needs_warmup=True),
    "thresh-least-confidence": Strategy(
        _measure_confidence, partial(_choose_by_threshold, is_top=False), needs_warmup=True
    ),
    "thresh-object-count": Strategy(
        lambda asked, told: score_count(asked.camera.ids, told.boxes),
        _choose_by_threshold,
        needs_warmup=True,
    ),
    "online-top-confidence": Strategy(_measure_confidence, _choose_online, needs_warmup=True),
    "online-least-confidence": Strategy(
        _measure_confidence, partial(_choose_online, is_top=False), needs_warmup=True
    ),
    "movement": Strategy(
        _measure_movement,
        lambda asked, scores: choose_moved(scores, asked.num, asked.settings.movement),
        measures_until_enough=True,
    ),
    "random": Strategy(_measure_nothing, _choose_randomly),
    "top-confidence": Strategy(_measure_confidence, choose_best),
    "least-confidence": Strategy(_measure_confidence, partial(choose_best, is_top=False)),
    "fixed-interval": Strategy(_measure_nothing, _choose_at_intervals),
    "interval-sampling": Strategy(_measure_nothing, _choose_evenly),
    "frequency": Strategy(
        _measure_detail, lambda asked, scores: choose_by_histogram(scores, asked.num)
    ),
    "disagreement": Strategy(_measure_disagreement, choose_best),
}
"""All words of `streams.strategy`."""
