"""The classes of COCO (Lin et al., arXiv 1405.0312), which most detectors are published for."""

import re

COCO_CLASSES = tuple(
    re.split(
        r",\s+",
        """person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light,
        fire hydrant, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow,
        elephant, bear, zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee,
        skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard,
        surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana,
        apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, chair, couch,
        potted plant, bed, dining table, toilet, tv, laptop, mouse, remote, keyboard,
        cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors,
        teddy bear, hair drier, toothbrush""",
    )
)
"""The 80 of its boxes, in the order of their numbers."""


def name_classes(count: int) -> tuple[str, ...]:
    """Name the classes of a model that tells their number alone.

    Returns:
        Those of COCO where there are 80, else numbers from 0.
    """
    return COCO_CLASSES if count == len(COCO_CLASSES) else tuple(map(str, range(count)))
