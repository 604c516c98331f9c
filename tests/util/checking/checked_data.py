"""Data to be checked, and what the script says of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from util.check_data import main
from util.images.files import write_image

NAMES = [f"{folder}/{number:02d}" for folder in ("a", "b", "c") for number in range(4)]


def paint(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(60, 80, 3))
    return np.clip(128 + ndimage.gaussian_filter(noise, (4, 4, 0)) * 400, 0, 255).astype(np.uint8)


def write_data(folder: Path) -> Path:
    """Write twelve images of three folders, a split each, with masks and boxes; a config's path."""
    rows = ["image;xmin;ymin;xmax;ymax;obj_class"]
    for number, name in enumerate(NAMES):
        write_image(folder / f"images/{name}.png", paint(number))
        mask = np.zeros((60, 80), np.uint8)
        mask[10:30, 20:40] = 255
        write_image(folder / f"masks/{name}.png", mask)
        rows += [f"{name};0.25;0.166;0.5;0.5;{kind}" for kind in ("gull", "boat")]
    (folder / "truth.csv").write_text("\n".join(rows) + "\n")
    (folder / "splits").mkdir()
    for split, part in {"Train": "a", "Validation": "b", "Test": "c"}.items():
        ids = [name for name in NAMES if name.startswith(part)]
        (folder / f"splits/{split}.txt").write_text("\n".join(ids))
    path = folder / "config.json"
    data = {"images": "images", "splits": "splits", "masks": "masks", "ground_truth": "truth.csv"}
    path.write_text(json.dumps({"data": data, "student": {"crop_size_px": 48}}))
    return path


class Checked:
    """What the script has said."""

    def __init__(
        self, config: Path, capsys: pytest.CaptureFixture[str], *options: str, status: int = 0
    ) -> None:
        assert main(["--config", str(config), *options]) == status
        said = capsys.readouterr()
        self.lines = said.out.splitlines()
        self.errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
        self.warnings = [line for line in self.lines if line.startswith("look at: ")]
        page = config.parent / "runs" / "data.html"
        self.page = page.read_text() if page.exists() else ""

    def fact(self, name: str) -> str:
        (line,) = [line for line in self.lines if line.startswith(f"{name}:")]
        return line.partition(":")[2].strip()
