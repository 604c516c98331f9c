"""Models that remember what they have said of the last images, in the memory of this process.

So the algorithm can be run again with other numbers and no model is asked: what it is given is what
the models said, not what was made of it. (`teacher.saa.cached_models` remembers on disk, and what
has no weights not at all.)
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from teacher.inference.cache import image_key
from teacher.inference.crop_masks import CropMask
from teacher.saa.algorithm import SegmentAnyAnomaly
from teacher.saa.detectors import Detections, Detector
from teacher.saa.saliency import Saliency
from teacher.saa.segmenters import Segmenter

MOST_IMAGES = 32
"""So many images, or tiles of them, are remembered."""


@dataclass
class RememberedImage:
    """An image and what models have said of it.

    Attributes:
        image_rgb: (H, W, 3) uint8.
        encodings: By the part of the teacher that has made it.
        answers: Of the detector, by phrase.
        masks: Of the segmenter, by the bytes of the box.
        saliencies: By what tells the objects that are compared; None = the image as a whole.
        instances: Of a teacher that gives masks at once, by phrase; its own type.
    """

    image_rgb: np.ndarray
    encodings: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Detections] = field(default_factory=dict)
    masks: dict[bytes, CropMask] = field(default_factory=dict)
    saliencies: dict[bytes | None, np.ndarray] = field(default_factory=dict)
    instances: dict[str, Any] = field(default_factory=dict)

    def encoding(self, part: str, encode: Callable[[np.ndarray], Any]) -> Any:
        """What a part of the teacher makes of the image, made when it is first asked for."""
        if part not in self.encodings:
            self.encodings[part] = encode(self.image_rgb)
        return self.encodings[part]


class Memory:
    """The last images that models were asked about.

    Attributes:
        times_asked: How often a model had to be asked, since it was not remembered.
    """

    def __init__(self) -> None:
        self.times_asked = 0
        self._images: OrderedDict[str, RememberedImage] = OrderedDict()
        self._last: RememberedImage | None = None

    def of(self, image_rgb: np.ndarray) -> RememberedImage:
        """What is remembered of an image, (H, W, 3) uint8 RGB; the one used longest ago goes.

        All models are asked about the same array, again and again, which must stay as it is.
        """
        if self._last is None or self._last.image_rgb is not image_rgb:
            key = image_key(image_rgb)  # which takes a while for a large image
            self._last = self._images.setdefault(key, RememberedImage(image_rgb))
            self._last.image_rgb = image_rgb
            self._images.move_to_end(key)
            if len(self._images) > MOST_IMAGES:
                self._images.popitem(last=False)
        return self._last


class RememberedDetector:
    """A detector that is asked each phrase once of an image; a `Detector`."""

    def __init__(self, detector: Detector, memory: Memory) -> None:
        self._detector = detector
        self._memory = memory

    def encode(self, image_rgb: np.ndarray) -> RememberedImage:
        """Take an image, (H, W, 3) uint8 RGB; the model does not see it yet."""
        return self._memory.of(image_rgb)

    def detect(self, encoding: RememberedImage, phrases: Sequence[str]) -> list[Detections]:
        """Answer several phrases about one image; the model answers those that are new."""
        new = [phrase for phrase in phrases if phrase not in encoding.answers]
        if new:
            self._memory.times_asked += 1
            encoded = encoding.encoding("detector", self._detector.encode)
            answers = self._detector.detect(encoded, new)
            encoding.answers.update(zip(new, answers, strict=True))
        return [encoding.answers[phrase] for phrase in phrases]

    def check_phrases(self, phrases: Sequence[str]) -> None:
        """Refuse phrases that the detector cannot read; see `Detector`."""
        self._detector.check_phrases(phrases)


class RememberedSegmenter:
    """A segmenter that is asked each box once of an image; a `Segmenter`."""

    def __init__(self, segmenter: Segmenter, memory: Memory) -> None:
        self._segmenter = segmenter
        self._memory = memory

    def encode(self, image_rgb: np.ndarray) -> RememberedImage:
        """Take an image, (H, W, 3) uint8 RGB; the model does not see it yet."""
        return self._memory.of(image_rgb)

    def segment(self, encoding: RememberedImage, boxes_xyxy: np.ndarray) -> list[CropMask]:
        """Outline the object in each box; the model outlines those that are new."""
        boxes = {box.tobytes(): box for box in boxes_xyxy}
        new = {key: box for key, box in boxes.items() if key not in encoding.masks}
        if new:
            self._memory.times_asked += 1
            encoded = encoding.encoding("segmenter", self._segmenter.encode)
            masks = self._segmenter.segment(encoded, np.array([*new.values()]))
            encoding.masks.update(zip(new, masks, strict=True))
        return [encoding.masks[box.tobytes()] for box in boxes_xyxy]


class RememberedSaliency:
    """A saliency that judges each image, or the same objects in it, once; a `Saliency`."""

    def __init__(self, saliency: Saliency, memory: Memory) -> None:
        self._saliency = saliency
        self._memory = memory

    def saliency(
        self, image_rgb: np.ndarray, object_masks: Sequence[CropMask] | None
    ) -> np.ndarray:
        """Judge an image, (H, W, 3) uint8 RGB; see `Saliency`."""
        known = self._memory.of(image_rgb).saliencies
        objects = None
        if object_masks is not None:
            told = [(m.top, m.left, m.pixels.shape, m.pixels.tobytes()) for m in object_masks]
            objects = repr(told).encode()
        if objects not in known:
            self._memory.times_asked += 1
            known[objects] = self._saliency.saliency(image_rgb, object_masks)
        return known[objects]


def remember_models(teacher: SegmentAnyAnomaly, memory: Memory, outline_above: float) -> None:
    """Let the models of a teacher remember what they say from now on.

    Args:
        teacher: Its models and its `outline_above` are replaced.
        memory: Of their answers.
        outline_above: Boxes above this score are outlined at once, be they dropped or not, so that
            no box threshold above it needs the segmenter again.
    """
    teacher.detector = RememberedDetector(teacher.detector, memory)
    teacher.segmenter = RememberedSegmenter(teacher.segmenter, memory)
    teacher.saliency = RememberedSaliency(teacher.saliency, memory)
    teacher.settings = replace(teacher.settings, outline_above=outline_above)
