"""What tests share: small images, label sets and projects in temporary folders."""

import json
import os
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

from util.bbox_csv import COLUMNS, write_bbox_csv
from util.data_classes import BoxSettings
from util.images.files import write_image
from util.label_set import Content, LabelSet, LabelSetWriter

ROOT = Path(__file__).resolve().parents[1]

# No test fails because the machine is busy.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is timed, and so runs alone: all benchmarks."""
    for item in items:
        if "benchmark" in getattr(item, "fixturenames", ()):
            item.add_marker("timed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape what of an output is no text: processes that share the tests send each other UTF-8."""
    report = yield
    report.sections = [(name, _escaped(text)) for name, text in report.sections]
    if report.failed and _escaped(report.longreprtext) != report.longreprtext:
        report.longrepr = _escaped(report.longreprtext)
    return report


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: no test pulls the plug."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


@pytest.fixture(scope="session")
def exported_once() -> Generator[None]:
    """Let torch's exporter translate equal networks once: that takes it seconds each time.

    All that we do before and behind it is done each time.
    """
    import onnx
    import torch

    plain, translated = torch.onnx.export, dict[str, bytes]()

    def describe(part: Any) -> tuple[object, ...]:
        kinds = (bool, int, float, str, tuple)
        return type(part), {k: v for k, v in vars(part).items() if isinstance(v, kinds)}

    def export(model: Any, args: object, **options: object) -> SimpleNamespace:
        numbers = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        content = {name: value.detach().numpy().tobytes() for name, value in numbers.items()}
        key = repr(([describe(part) for part in model.modules()], args, options, content))
        if key not in translated:
            program = plain(model, args, **options)
            translated[key] = program.model_proto.SerializeToString()
        return SimpleNamespace(model_proto=onnx.load_from_string(translated[key]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.onnx, "export", export)
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def write_label_set(tmp_path: Path) -> Callable[..., LabelSet]:
    """Write a label set of given maps: `write_label_set(name, {image id: map})`."""

    def write(name: str, maps: dict[str, np.ndarray]) -> LabelSet:
        with LabelSetWriter(tmp_path / name, {"producer": "test", "name": name}) as writer:
            for image_id, soft_label in maps.items():
                writer.add(image_id, Content(soft_label), source="1", seconds=0.0)
            return writer.finish(BoxSettings())

    return write


def read_gray(path: Path) -> np.ndarray:
    """Read a gray PNG as it is, (H, W)."""
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def box_table(rows: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    """Table of boxes from (image, xmin, ymin, xmax, ymax[, confidence])."""
    full = [(*row[:5], 0, "bird", row[5] if len(row) > 5 else 1.0) for row in rows]
    table = pd.DataFrame(full, columns=COLUMNS)
    return table.astype({c: float for c in ["xmin", "ymin", "xmax", "ymax", "confidence"]})


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table of boxes as our CSV."""
    with write_bbox_csv(path) as add:
        add(table[COLUMNS].itertuples(index=False))


def paint_scene(size_hw: tuple[int, int], centres: Sequence[tuple[int, int]]) -> np.ndarray:
    """Paint white 7x7 birds at (row, column) on blue water, (H, W, 3) uint8 RGB."""
    noise = np.random.default_rng(size_hw).integers(-6, 7, (*size_hw, 3))
    image = np.clip(np.array([30, 60, 110]) + noise, 0, 255).astype(np.uint8)
    for row, column in centres:
        image[max(row - 3, 0) : row + 4, max(column - 3, 0) : column + 4] = 240
    return image


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of the test's own; see `make_project`."""
    return make_project(tmp_path)


COLOUR_ALONE = {"proposals": "colour", "area_threshold": 0.05}
"""Of `saa`: what tells prompts apart on scenes so small, which are no photographs to U²-Net."""


SMALL_STUDENT = {
    "architecture": "unet",
    "width": 2,
    "depth": 2,
    "losses": {"kl": 1.0, "jaccard": 0.25},
    "epochs": 2,
    "batch_size": 4,
    "crop_size_px": 48,
    "zoom": 1.0,
    "learning_rate": 0.005,
    "best_epoch": "boxes",
    "validate_every": 1,
}
"""A student that learns the scenes of `make_project` in a second."""


def make_project(folder: Path, **sections: dict[str, Any]) -> Path:
    """Write 12 small images, splits, true boxes and a config; returns the config's path.

    Args:
        folder: Where they are written.
        sections: That the config has beside the usual ones.
    """
    rng = np.random.default_rng(1)
    names = [f"flight {n // 6}/möwe_{n:02d}" for n in range(12)]
    rows = [";".join(COLUMNS)]
    for number, name in enumerate(names):
        size_hw = (61, 83) if number % 2 else (64, 64)
        centres = [tuple(rng.integers(8, 56, 2).tolist()) for _ in range(number % 3 + 1)]
        image = paint_scene(size_hw, centres)
        write_image(folder / "images" / f"{name}.png", image)
        write_image(folder / "masks" / f"{name}.png", (image.min(axis=2) == 240).astype(np.uint8))
        for index, (row, column) in enumerate(centres):
            edges = np.array([column - 3, row - 3, column + 4, row + 4]) / (size_hw[::-1] * 2)
            box = ";".join(f"{e:.6f}" for e in np.clip(edges, 0, 1))
            rows.append(f"{name}.png;{box};{index};bird;1.0")
    (folder / "truth.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for split, part in {"Train": names[:6], "Validation": names[6:9], "Test": names[9:]}.items():
        path = folder / "splits" / f"{split}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(part) + "\n", encoding="utf-8")
    config = {
        "paths": {"label_sets": "label_sets", "runs": "runs", "demo": "demo"},
        "data": {
            "images": "images",
            "splits": "splits",
            "ground_truth": "truth.csv",
            "masks": "masks",
        },
        "teacher": {"prompts": ["bird", "white crest"]},
        "combination": {"label_sets": ["bird", "white crest"]},
        "student": SMALL_STUDENT | sections.pop("student", {}),
        "study": {"prompts": ["bird", "whale"], "strategies": ["mean"]},
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config | sections))
    return path
