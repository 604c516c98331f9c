"""Small pictures, of which some show a cloud, and a classifier that has learnt which."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import teacher.cam.train_classifier
from util.images.files import write_image


def paint(number: int, shows: bool) -> tuple[np.ndarray, np.ndarray]:
    """Paint a noisy picture, (H, W, 3) uint8 RGB, with or without a red cloud, (H, W) bool."""
    rng = np.random.default_rng(number)
    height, width = (64, 80) if number % 2 else (70, 64)
    image = rng.integers(60, 120, (height, width, 3), dtype=np.uint8)
    image[..., 1] += 40
    cloud = np.zeros((height, width), np.uint8)
    if shows:
        centre = (int(rng.integers(16, width - 16)), int(rng.integers(16, height - 16)))
        cv2.circle(cloud, centre, 12, 1, -1)
        image[cloud > 0] = (230, 60, 60)
    return image, cloud > 0


def write_project(folder: Path) -> Path:
    """Write 24 pictures to learn from and 12 others, their labels and a config; gives its path."""
    rows, splits = ["image;label"], {"Train": range(24), "Validation": range(24, 36)}
    for number in range(36):
        shows = number % 3 == 0
        write_image(folder / f"images/{number:02}.png", paint(number, shows)[0])
        rows.append(f"{number:02}.png;{'smoke' if shows else ('chimney' if number % 2 else '')}")
    (folder / "labels.csv").write_text("\n".join(rows))
    (folder / "splits").mkdir()
    for split, numbers in splits.items():
        (folder / f"splits/{split}.txt").write_text("\n".join(f"{n:02}" for n in numbers))
    config = {
        "data": {"images": "images", "splits": "splits", "image_labels": "labels.csv"},
        "classifier": {
            "network": "test_efficientnet",
            "weights": None,
            "size_px": 64,
            "least_crop": 0.9,
            "epochs": 8,
            "batch_size": 6,
            "learning_rate": 0.01,
            "device": "cpu",
            "num_workers": 0,
        },
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return path


@pytest.fixture(scope="session")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The config of a classifier that has been trained; not changed."""
    path = write_project(tmp_path_factory.mktemp("clouds"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # several mostly wait for each other
    assert teacher.cam.train_classifier.main(["--config", str(path)]) == 0
    torch.set_num_threads(before)
    return path


@pytest.fixture
def cloud(clouds: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    shutil.copytree(clouds.parent, tmp_path / "copy")
    return tmp_path / "copy" / "config.json"
