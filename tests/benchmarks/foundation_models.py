"""What ten prompts cost with full-size models at random weights, against one run a prompt.

    python -m tests.benchmarks.foundation_models --prompts 1 5 10 20

GroundingDINO Swin-T on 800 pixels, SAM (vit_b; vit_h on a GPU) on 1024 and wide_resnet50_2 on 256,
from one 1024 x 1024 photograph-like image. Random weights score boxes at random, so that the box
threshold is set where BOXES boxes a prompt pass. Prints a table and writes it as CSV and plot.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import torch

from teacher.inference.cache import Cache
from teacher.inference.runtime import Runtime
from teacher.saa.algorithm import SaaSettings, SegmentAnyAnomaly
from teacher.saa.cached_models import CachedDetector, CachedSaliency, CachedSegmenter
from teacher.saa.detectors.grounding_dino import GroundingDinoDetector, build_grounding_dino
from teacher.saa.saliency import FeatureSaliency
from teacher.saa.segmenters.sam import SamSegmenter
from teacher.saa.wide_resnet import WideResNetFeatures, build_wide_resnet
from util.prompts import PROMPT_LISTS

BOXES = 8
"""How many boxes a prompt passes on to the segmenter."""

PROMPTS = [prompt for group in PROMPT_LISTS.values() for prompt in group]


class Timed:
    """Counts the calls of a model's methods and sums their time."""

    def __init__(self, model: Any, seconds: Counter[str], calls: Counter[str]) -> None:
        self._model = model
        self._seconds = seconds
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._model, name)
        if not callable(attribute):
            return attribute
        label = f"{type(self._model).__name__}.{name}"

        def timed(*arguments: Any) -> Any:
            start = time.perf_counter()
            result = attribute(*arguments)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self._seconds[label] += time.perf_counter() - start
            self._calls[label] += 1
            return result

        return timed


class BestBoxes:
    """A detector of which only the best boxes of each phrase are offered."""

    def __init__(self, detector: Any, count: int) -> None:
        self._detector = detector
        self._count = count
        self.encode = detector.encode

    def detect(self, encoding: Any, phrases: Sequence[str]) -> list[Any]:
        """Ask for all phrases and keep the best boxes of each."""
        found = []
        for answer in self._detector.detect(encoding, phrases):
            best = np.argsort(-answer.scores)[: self._count]
            found.append(
                type(answer)(answer.boxes_xyxy[best], answer.token_scores[best], answer.tokens)
            )
        return found


class Bench:
    """The models, once, and teachers over them that are counted anew."""

    def __init__(self, device: str, precision: str, sam: str, vocabulary: Path) -> None:
        from segment_anything import sam_model_registry

        from teacher.saa.detectors.captions import load_tokenizer

        torch.manual_seed(0)
        runtime = Runtime(device, precision)  # type: ignore[arg-type]
        self.device = runtime.device
        tokenizer = load_tokenizer(vocabulary)
        self.detector = GroundingDinoDetector(
            build_grounding_dino("swin_t", tokenizer), tokenizer, runtime, 8
        )
        self.segmenter = SamSegmenter(sam_model_registry[sam](), runtime, 32)
        self.features = WideResNetFeatures(build_wide_resnet(), runtime)

    def teacher(self, cache: Cache | None = None) -> tuple[SegmentAnyAnomaly, Counter, Counter]:
        """Build a teacher; seconds and calls of each method of its models."""
        seconds: Counter[str] = Counter()
        calls: Counter[str] = Counter()
        detector: Any = Timed(self.detector, seconds, calls)
        segmenter: Any = Timed(self.segmenter, seconds, calls)
        saliency: Any = FeatureSaliency(Timed(self.features, seconds, calls))
        if cache is not None:
            detector = CachedDetector(detector, {"part": "detector"}, cache, self.device)
            segmenter = CachedSegmenter(segmenter, {"part": "segmenter"}, cache, self.device)
            saliency = CachedSaliency(saliency, {"part": "saliency"}, cache)
        settings = SaaSettings(box_threshold=0.0, area_threshold=1.0, text_threshold=0.0)
        teacher = SegmentAnyAnomaly(BestBoxes(detector, BOXES), segmenter, saliency, settings)
        return teacher, seconds, calls


def photograph(size_px: int = 1024) -> np.ndarray:
    """Noise of many scales, (size, size, 3) uint8."""
    rng = np.random.default_rng(0)
    import cv2

    image = np.full((size_px, size_px, 3), 110.0)
    for scale in (1, 4, 16, 64):
        noise = rng.normal(0, 20, (size_px // scale, size_px // scale, 3))
        image += cv2.resize(noise, (size_px, size_px), interpolation=cv2.INTER_CUBIC)
    return np.clip(image, 0, 255).astype(np.uint8)


def seconds_of(work: Callable[[], object]) -> float:
    """Measure once."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(bench: Bench, counts: Sequence[int], rounds: int) -> pd.DataFrame:
    """Time all prompts at once and one after another, `rounds` times in turn."""
    image = photograph()
    rows = []
    for count in counts:
        prompts = PROMPTS[:count]
        together, apart, parts = [], [], []
        for _ in range(rounds):
            teacher, seconds, _ = bench.teacher()
            together.append(seconds_of(lambda: list(teacher.label(image, prompts))))  # noqa: B023
            parts.append(seconds)
            plain, _, _ = bench.teacher()
            # One of the prompts stands for all: their work is the same.
            apart.append(count * seconds_of(lambda: list(plain.label(image, prompts[:1]))))  # noqa: B023
        row = {"prompts": count, "together": median(together), "one a run": median(apart)}
        names = sorted({name for part in parts for name in part})
        rows.append(row | {name: median(part[name] for part in parts) for name in names})
    return pd.DataFrame(rows)


def count_calls(bench: Bench, folder: Path) -> pd.DataFrame:
    """Count the calls of models without a cache, with a cold one, a warm one, and for a sweep."""
    image, prompts = photograph(), PROMPTS[:3]
    cache = Cache(folder, 10**10)
    rows = []

    def ask(name: str, cache: Cache | None, asked: Sequence[str], threshold: float = 0.0) -> None:
        teacher, _, calls = bench.teacher(cache)
        teacher.settings = SaaSettings(box_threshold=threshold, area_threshold=1.0)
        seconds = seconds_of(lambda: list(teacher.label(image, asked)))
        rows.append({"asked": name, "seconds": seconds} | dict(calls))

    ask("3 prompts, no cache", None, prompts)
    ask("3 prompts, cold cache", cache, prompts)
    ask("3 prompts, warm cache", cache, prompts)
    ask("a new prompt, warm cache", cache, [PROMPTS[3]])
    for threshold in (0.1, 0.3, 0.6):
        ask(f"threshold {threshold}, warm cache", cache, prompts, threshold)
    return pd.DataFrame(rows).fillna(0).set_index("asked")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, nargs="+", default=[1, 5, 10, 20])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--sam", default="vit_h" if torch.cuda.is_available() else "vit_b")
    parser.add_argument("--vocabulary", type=Path, required=True, help="folder with vocab.txt")
    given = parser.parse_args()
    bench = Bench(given.device, given.precision, given.sam, given.vocabulary)
    with tempfile.TemporaryDirectory() as folder:
        print(count_calls(bench, Path(folder)).T.to_string(float_format="{:.2f}".format))
    table = measure(bench, given.prompts, given.rounds)
    print(table.T.to_string(header=False, float_format="{:.2f}".format))
    ratio = table["together"] / table["together"].iloc[0]
    print("against one prompt:", *(f"{r:.2f}" for r in ratio))


if __name__ == "__main__":
    main()
