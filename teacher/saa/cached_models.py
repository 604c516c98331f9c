"""Models that remember on disk what they have said, and are a `Detector`, `Segmenter`, `Saliency`.

The encoding of an image, the raw boxes and scores below every threshold, the masks and the saliency
are kept. A new prompt then needs no image encoder, and another threshold needs no model, as far as
its boxes have been outlined (see `SaaSettings.outline_above`).
"""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from teacher.inference.cache import Cache, cache_key, image_key
from teacher.inference.crop_masks import CropMask
from teacher.plans import Models
from teacher.saa.algorithm import VERSION
from teacher.saa.detectors import Detections, Detector
from teacher.saa.saliency import Saliency
from teacher.saa.segmenters import Segmenter
from util.settings import library_versions
from util.weights.identity import weights_identity

if TYPE_CHECKING:
    import torch

Identity = Mapping[str, Any]
"""What decides a model's answers but for its input: weights' hash, precision. JSON values."""


def identify(part: str, backend: str, models: Models, precision: str) -> Identity:
    """Tell what decides a part's answers to an image.

    Args:
        part: Of the teacher.
        backend: That runs it.
        models: Files of all parts; a text encoder decides what every part answers.
        precision: Of the numbers that it computes with.
    """
    files = [models[part], *([models["text encoder"]] if "text encoder" in models else [])]
    return {
        "part": part,
        "backend": backend,
        "weights": [weights_identity(path)["sha256"] for path in files],
        "precision": precision,
        "version": VERSION,
        "libraries": library_versions(),
    }


class Encoder(Protocol):
    """Anything that encodes an image: into tensors or arrays by name, or as it is."""

    def encode(self, image_rgb: np.ndarray) -> Any:
        """Encode an image, (H, W, 3) uint8 RGB."""
        ...


class KeptImage:
    """An image whose encoding is read or made when it is asked for, and not before."""

    def __init__(
        self,
        image_rgb: np.ndarray,
        encoder: Encoder,
        identity: Identity,
        cache: Cache,
        device: "torch.device | None",
    ) -> None:
        """Take an image.

        Args:
            image_rgb: (H, W, 3) uint8.
            encoder: Encodes it.
            identity: Of the encoder.
            cache: Keeps its encoding, unless that is the image itself.
            device: Where tensors of encodings lie; None where encodings are arrays.
        """
        self.image_rgb = image_rgb
        self.key = image_key(image_rgb)
        self._encoder = encoder
        self._identity = identity
        self._cache = cache
        self._device = device

    @cached_property
    def encoding(self) -> Any:
        """The encoding, from the cache or of the model."""
        key = cache_key(what="encoding", image=self.key, **self._identity)
        arrays = self._cache.read("encodings", key)
        if arrays is not None:
            return arrays if self._device is None else _to_tensors(arrays, self._device)
        encoding = self._encoder.encode(self.image_rgb)
        if encoding is not self.image_rgb:
            kept = encoding if self._device is None else _to_arrays(encoding)
            self._cache.write("encodings", key, kept)
        return encoding


class CachedEncoder:
    """What detectors and segmenters that remember share: an image is only looked at when needed."""

    def __init__(
        self, encoder: Encoder, identity: Identity, cache: Cache, device: "torch.device | None"
    ) -> None:
        self._encoder = encoder
        self._identity = identity
        self._cache = cache
        self._device = device

    def encode(self, image_rgb: np.ndarray) -> KeptImage:
        """Take an image, (H, W, 3) uint8 RGB; the model does not see it yet."""
        return KeptImage(image_rgb, self._encoder, self._identity, self._cache, self._device)

    def _key(self, image: KeptImage) -> str:
        return cache_key(what="answers", image=image.key, **self._identity)


class RememberingEncoder:
    """An image encoder that remembers; an `Encoder`."""

    def __init__(
        self, encoder: Encoder, identity: Identity, cache: Cache, device: "torch.device | None"
    ) -> None:
        self._images = CachedEncoder(encoder, identity, cache, device)

    def encode(self, image_rgb: np.ndarray) -> "dict[str, torch.Tensor]":
        """Encode an image, (H, W, 3) uint8 RGB."""
        encoding: dict[str, torch.Tensor] = self._images.encode(image_rgb).encoding
        return encoding


class CachedDetector(CachedEncoder):
    """A detector that remembers its raw answers; a `Detector`."""

    def __init__(
        self, detector: Detector, identity: Identity, cache: Cache, device: "torch.device | None"
    ) -> None:
        super().__init__(detector, identity, cache, device)
        self._detector = detector

    def detect(self, encoding: KeptImage, phrases: Sequence[str]) -> list[Detections]:
        """Answer several phrases about one image; the model answers those that are new."""
        known = self._cache.read("answers", self._key(encoding)) or {}
        new = [phrase for phrase in phrases if f"boxes {phrase}" not in known]
        if new:
            answers = self._detector.detect(encoding.encoding, new)
            for phrase, answer in zip(new, answers, strict=True):
                known[f"boxes {phrase}"] = answer.boxes_xyxy
                known[f"scores {phrase}"] = answer.token_scores
                known[f"tokens {phrase}"] = _text_to_array(answer.tokens)
                known[f"is understood {phrase}"] = np.array(answer.is_understood)
            self._cache.write("answers", self._key(encoding), known)
        return [
            Detections(
                known[f"boxes {phrase}"],
                known[f"scores {phrase}"],
                tuple(_array_to_text(known[f"tokens {phrase}"])),
                bool(known[f"is understood {phrase}"]),
            )
            for phrase in phrases
        ]

    def check_phrases(self, phrases: Sequence[str]) -> None:
        """Refuse phrases that the detector cannot read; see `Detector`."""
        self._detector.check_phrases(phrases)


class CachedSegmenter(CachedEncoder):
    """A segmenter that remembers the mask of each box; a `Segmenter`."""

    def __init__(
        self, segmenter: Segmenter, identity: Identity, cache: Cache, device: "torch.device | None"
    ) -> None:
        super().__init__(segmenter, identity, cache, device)
        self._segmenter = segmenter

    def segment(self, encoding: KeptImage, boxes_xyxy: np.ndarray) -> list[CropMask]:
        """Outline the object in each box; the model outlines those that are new."""
        boxes = boxes_xyxy.astype(np.float32)
        kept = self._cache.read("answers", self._key(encoding))
        masks = _unpack(kept) if kept else {}
        new = [box for box in boxes if box.tobytes() not in masks]
        if new:
            answers = self._segmenter.segment(encoding.encoding, np.array(new))
            masks |= {box.tobytes(): mask for box, mask in zip(new, answers, strict=True)}
            self._cache.write("answers", self._key(encoding), _pack(masks))
        return [masks[box.tobytes()] for box in boxes]


class CachedSaliency:
    """A saliency that remembers; a `Saliency`."""

    def __init__(self, saliency: Saliency, identity: Identity, cache: Cache) -> None:
        self._saliency = saliency
        self._identity = identity
        self._cache = cache

    def saliency(
        self, image_rgb: np.ndarray, object_masks: Sequence[CropMask] | None
    ) -> np.ndarray:
        """Judge an image, (H, W, 3) uint8 RGB; see `Saliency`."""
        objects = [[m.top, m.left, image_key(m.pixels)] for m in object_masks or []]
        key = cache_key(
            what="saliency",
            image=image_key(image_rgb),
            objects=None if object_masks is None else objects,
            **self._identity,
        )
        kept = self._cache.read("answers", key)
        if kept is not None:
            return kept["saliency"]
        saliency = self._saliency.saliency(image_rgb, object_masks)
        self._cache.write("answers", key, {"saliency": saliency})
        return saliency


def _pack(masks: Mapping[bytes, CropMask]) -> dict[str, np.ndarray]:
    """Turn masks by box into a few arrays, a bit a pixel."""
    places = [(m.top, m.left, *m.pixels.shape) for m in masks.values()]
    bits = [m.pixels.reshape(-1) for m in masks.values()]
    return {
        "boxes": np.frombuffer(b"".join(masks), np.float32).reshape(-1, 4),
        "places": np.array(places, np.int32).reshape(-1, 4),
        "bits": np.packbits(np.concatenate(bits)),
    }


def _unpack(arrays: Mapping[str, np.ndarray]) -> dict[bytes, CropMask]:
    """Undo `_pack`."""
    masks, start = {}, 0
    sizes = arrays["places"][:, 2:].prod(axis=1)
    bits = np.unpackbits(arrays["bits"], count=int(sizes.sum())).view(bool)
    for box, (top, left, height, width) in zip(
        arrays["boxes"], arrays["places"].tolist(), strict=True
    ):
        stop = start + height * width
        masks[box.tobytes()] = CropMask(top, left, bits[start:stop].reshape(height, width))
        start = stop
    return masks


def _to_arrays(encoding: "Mapping[str, torch.Tensor]") -> dict[str, np.ndarray]:
    return {name: tensor.cpu().numpy() for name, tensor in encoding.items()}


def _to_tensors(
    arrays: Mapping[str, np.ndarray], device: "torch.device"
) -> "dict[str, torch.Tensor]":
    import torch

    return {name: torch.from_numpy(array.copy()).to(device) for name, array in arrays.items()}


def _text_to_array(words: Sequence[str]) -> np.ndarray:
    return np.frombuffer(json.dumps(list(words)).encode(), np.uint8)


def _array_to_text(array: np.ndarray) -> list[str]:
    words: list[str] = json.loads(array.tobytes())
    return words
