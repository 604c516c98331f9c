"""Ten prompts about one image may cost at most twice as much as one."""

import time
from statistics import median

import cv2
import numpy as np
import pytest

from teacher.saa.algorithm import SaaSettings, SegmentAnyAnomaly
from teacher.saa.attributes.detector import AttributeDetector
from teacher.saa.saliency import ColourGradientFeatures, FeatureSaliency
from teacher.saa.segmenters.grabcut import GrabCutSegmenter
from util.prompts import PROMPT_LISTS

ROUNDS = 9
BIRDS = PROMPT_LISTS["birds"]
MIXED = (*BIRDS[:5], *PROMPT_LISTS["off_target"][:5])


def paint_scene(size_px, num_birds=15):
    """Water with noise and swell, and white, gray and dark birds of 2 to 5 % of the side."""
    rng = np.random.default_rng(3)
    swell = cv2.GaussianBlur(rng.normal(0, 1, (size_px, size_px)), (0, 0), size_px / 60)
    image = np.array([45.0, 80, 95]) + 4 * (swell / swell.std())[..., None]
    for _ in range(num_birds):
        center = rng.integers(0, size_px, 2).tolist()
        length = int(size_px * rng.uniform(0.01, 0.025))
        gray = float(rng.choice([15, 120, 220]))
        axes = (length, max(1, int(0.6 * length)))
        cv2.ellipse(image, center, axes, float(rng.uniform(0, 180)), 0, 360, (gray,) * 3, -1)
    image += rng.normal(0, 3, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


@pytest.mark.timed
@pytest.mark.parametrize("size_px", [256, 512])
@pytest.mark.parametrize("prompts", [BIRDS, MIXED], ids=["birds", "mixed"])
def test_ten_prompts_cost_at_most_twice_as_much_as_one(size_px, prompts):
    teacher = SegmentAnyAnomaly(
        AttributeDetector(),
        GrabCutSegmenter(),
        FeatureSaliency(ColourGradientFeatures()),
        SaaSettings(box_threshold=0.2, max_masks=100),
    )
    image = paint_scene(size_px)
    list(teacher.label(image, prompts))  # warms caches
    one, ten = [], []
    for _ in range(ROUNDS):
        # Turn by turn, in processor time, so that other work on the machine changes neither.
        for asked, seconds in (["bird"], one), (prompts, ten):
            start = time.process_time()
            list(teacher.label(image, asked))
            seconds.append(time.process_time() - start)
    assert median(ten) <= 2 * median(one)
