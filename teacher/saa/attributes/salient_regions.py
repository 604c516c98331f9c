"""Regions of a network's map of what stands out (U²-Net): whole things, however large.

Colour departs from the water around a duck that fills a third of a picture in its beak and in every
glint beside it; the network sees the duck. Small things it leaves out, which colour finds.
"""

from dataclasses import replace

import cv2
import numpy as np

from teacher.saa.attributes.proposals import Scale, estimate_background, smooth_lab
from teacher.saa.attributes.regions import Regions, describe_regions
from teacher.saa.whole_things import STANDS_OUT

SCALE = Scale(side_px=256, background=0.35, blur=0.004, pooling=0.0, smallest=0.1)
"""At which size things are described. What is smaller than a tenth of the image is left to colour,
whose outlines are finer there; what is larger is so because the camera is near."""

SURE = 0.6
"""Least mean answer in a region: a duck or boat near by has 0.78 and more, half a thing less."""

LARGEST = 0.5
"""Share of the image that the box of a region has at most. What the network outlines beyond that is
ground seen from the air, such as a shore, with the water left out."""


def find_salient_regions(image_rgb: np.ndarray, answer: np.ndarray) -> Regions:
    """Find the connected regions in which a network says that something stands out.

    Args:
        image_rgb: (H, W, 3) uint8.
        answer: (h, w) float32 in [0, 1], of the network on its own grid over the image.

    Returns:
        Their attributes, measured against what does not stand out; salience is the mean answer.
    """
    lab = smooth_lab(image_rgb, SCALE)
    answer = cv2.resize(answer, lab.shape[1::-1])
    background, variance = estimate_background(lab, SCALE.background, 1 - answer)
    departure = lab - background
    energy = (departure * departure / variance).mean(axis=2)
    count, labels = cv2.connectedComponents((answer > STANDS_OUT).astype(np.uint8))
    pixels = np.flatnonzero(labels)
    owner = labels.reshape(-1)[pixels] - 1
    total = np.bincount(owner, answer.reshape(-1)[pixels], count - 1)
    salience = total / np.bincount(owner, minlength=count - 1)
    regions = describe_regions(
        pixels, owner, count - 1, lab, departure[..., 0], energy, np.sqrt(energy)
    )
    regions = replace(
        regions,
        salience=salience.astype(np.float32),
        is_near=np.ones(count - 1, np.float32),
    )
    shares = np.prod(regions.boxes_xyxy[:, 2:] - regions.boxes_xyxy[:, :2], axis=1) / answer.size
    is_thing = (regions.size >= SCALE.smallest) & (regions.salience >= SURE) & (shares <= LARGEST)
    regions = regions.take(np.flatnonzero(is_thing))
    return regions.zoomed(np.divide(image_rgb.shape[1::-1], lab.shape[1::-1]))
