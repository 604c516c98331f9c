"""Two cameras that see one square each frame, of two classes, and detectors that learn them."""

import json
from collections.abc import Collection
from pathlib import Path

import numpy as np

import student.detection.train_detector
from util.bbox_csv import COLUMNS, read_bbox_csv
from util.data_classes import Boxes, BoxSettings
from util.images.files import find_images, write_image
from util.label_set import Content, LabelSetWriter

SIZE_HW = (48, 64)
COLOURS = {"gull": (240, 240, 240), "boat": (230, 40, 40)}
FRAMES = {"Train": 12, "Validation": 4, "Test": 4}
"""Of each camera."""


def paint_cameras(folder: Path) -> Path:
    """Write frames, splits, true boxes and a config; returns the config's path."""
    rng = np.random.default_rng(3)
    rows, splits = [";".join(COLUMNS)], {split: [""] * 0 for split in FRAMES}
    for camera, water in {"cam1": (30, 60, 110), "cam2": (30, 90, 80)}.items():
        names = [split for split, count in FRAMES.items() for _ in range(count)]
        for number, split in enumerate(names):
            image_id = f"{camera}/frame_{number}"
            image = np.clip(rng.normal(water, 5, (*SIZE_HW, 3)), 0, 255).astype(np.uint8)
            name = list(COLOURS)[number % 2]
            side = 16 if name == "gull" else 12
            x, y = (int(rng.integers(0, length - side + 1)) for length in (64, 48))
            image[y : y + side, x : x + side] = COLOURS[name]
            write_image(folder / "images" / f"{image_id}.png", image)
            edges = np.array([x, y, x + side, y + side]) / [64, 48, 64, 48]
            box = ";".join(f"{edge:.6f}" for edge in edges)
            rows.append(f"{image_id}.png;{box};0;{name};1.0")
            splits[split].append(image_id)
    (folder / "truth.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "splits").mkdir()
    for split, ids in splits.items():
        (folder / "splits" / f"{split}.txt").write_text("\n".join(ids) + "\n")
    detector = {"encoder": None, "width": 4, "size_px": 64, "device": "cpu", "epochs": 16}
    detector |= {"zoom": 1.2, "augmentation": 0.3, "learning_rate": 0.02, "batch_size": 4}
    detector |= {"ema_decay": 0.9}
    config = {
        "paths": {"label_sets": "label_sets", "runs": "runs"},
        "data": {"images": "images", "splits": "splits", "ground_truth": "truth.csv"},
        "detector": detector,
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return path


def train(config: Path, *options: str) -> Path:
    """Train a detector; returns its run."""
    given = ["--config", str(config), *options]
    assert student.detection.train_detector.main(given) == 0
    name = options[options.index("--detector.run") + 1] if "--detector.run" in options else None
    return config.parent / "runs" / (name or "detector")


def write_boxes(
    config: Path, name: str, without: Collection[str] = (), failed: Collection[str] = ()
) -> None:
    """Write a label set of the true boxes, of confidence 0.9."""
    truth = read_bbox_csv(config.parent / "truth.csv").set_index("image")
    folder = config.parent / "label_sets" / name
    with LabelSetWriter(folder, {"producer": "test"}) as writer:
        for image_id in find_images(config.parent / "images"):
            if image_id in without:
                continue
            if image_id in failed:
                writer.fail(image_id, "it is truncated")
                continue
            row = truth.loc[image_id]
            corners = row[["xmin", "ymin", "xmax", "ymax"]].to_numpy(float) * [64, 48, 64, 48]
            boxes = Boxes(corners[None], np.array([0.9]), (str(row["obj_class"]),))
            writer.add(image_id, Content(boxes=boxes, size_hw=SIZE_HW), "1", 0)
        writer.finish(BoxSettings())
