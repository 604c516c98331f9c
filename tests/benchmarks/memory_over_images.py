"""Memory while thousands of images are labelled, with small foundation models: does it stay flat?

    python -m tests.benchmarks.memory_over_images --images 2000

Labels painted scenes for three prompts through the whole stage, with a cache that overflows, and
samples the memory of the process. Prints the growth after the first quarter and writes a plot.
"""

import argparse
import json
import tempfile
import threading
from pathlib import Path

import numpy as np
import pandas as pd

import teacher.soft_label_generation
from tests.conftest import paint_scene
from tests.teacher.saa.segmenters.small_sams import write_folder as write_segmenter
from tests.teacher.test_foundation_teacher import write_detector
from util.images.files import write_image
from util.visualization import new_figure, write_figure

SAMPLE_S = 0.5


class MemorySampler(threading.Thread):
    """Samples the resident memory of this process, and how many images are done."""

    def __init__(self, label_set: Path) -> None:
        super().__init__(daemon=True)
        self.label_set = label_set
        self.samples: list[tuple[int, float]] = []
        self.is_over = threading.Event()

    def run(self) -> None:
        """Sample until told to stop."""
        while not self.is_over.wait(SAMPLE_S):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            progress = self.label_set / "progress.jsonl"
            done = len(progress.read_bytes().splitlines()) if progress.exists() else 0
            self.samples.append((done, pages * 4096 / 1e6))


def write_project(folder: Path, num_images: int) -> Path:
    """Paint images of a few sizes and write the config of a small real teacher."""
    rng = np.random.default_rng(0)
    for number in range(num_images):
        size_hw = ((64, 64), (61, 83), (90, 70))[number % 3]
        centres = [tuple(rng.integers(8, 56, 2).tolist()) for _ in range(number % 4)]
        write_image(folder / "images" / f"{number:05d}.png", paint_scene(size_hw, centres))
    write_detector(folder / "detector")
    write_segmenter(folder / "segmenter", "sam")
    config = {
        "data": {"images": "images"},
        "teacher": {
            "prompts": ["bird", "gull", "white crest"],
            "cache_gb": 0.01,
        },
        "saa": {
            "detector": "transformers",
            "detector_model": str(folder / "detector"),
            "segmenter": "transformers",
            "segmenter_model": str(folder / "segmenter"),
            "box_threshold": 0.05,
            "area_threshold": 1.0,
        },
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return path


def measure(folder: Path, num_images: int) -> pd.DataFrame:
    """Label the images; resident memory in MB over the number of images done."""
    config = write_project(folder, num_images)
    sampler = MemorySampler(folder / "label_sets" / "bird")
    sampler.start()
    teacher.soft_label_generation.main(["--config", str(config)])
    sampler.is_over.set()
    sampler.join()
    return pd.DataFrame(sampler.samples, columns=["images", "memory_mb"]).query("images > 0")


def main() -> None:
    """Measure, print and plot."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--plot", type=Path, default=Path("runs/benchmarks/memory.png"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = measure(Path(folder), given.images)
    table = table[table["images"] < given.images]
    parts = pd.cut(table["images"], 4, labels=["1st", "2nd", "3rd", "4th"])
    print(table.groupby(parts, observed=True)["memory_mb"].agg(["median", "max"]).round(1))
    figure = new_figure(width_inch=7, height_inch=3)
    axis = figure.subplots()
    axis.plot(table["images"], table["memory_mb"])
    axis.set(
        xlabel="images labelled",
        ylabel="resident memory, MB",
        ylim=(0, 1.2 * table["memory_mb"].max()),
    )
    write_figure(given.plot, figure)


if __name__ == "__main__":
    main()
