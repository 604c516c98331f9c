"""Data sets laid out as WALT and AI-City are: chosen from and planned for by their configs."""

import json
from pathlib import Path

import numpy as np
import pytest

import util.streams.select_frames
from analysis import stream_study
from analysis.streams.results import read_results
from tests.conftest import paint_scene
from util.config import REPOSITORY
from util.data_classes import Boxes, BoxSettings
from util.images.files import write_image
from util.label_set import Content, LabelSetWriter

SIDE = 32
BANK, TEST = 14, 2
LAYOUTS = {
    "walt": {
        "cam1": (["cam1/week1/bank", "cam1/week2/bank"], "cam1/test"),
        "cam12": (["cam12/week5/bank"], "cam12/test"),
    },
    "ai_city": {
        "S05c017": (["S05c017/bank"], "S05c017/test"),
        "S05/c018": (["S05/c018/bank"], "S05/c018/test"),
    },
}
SMALL = {
    "streams": {
        "warmup": 2,
        "rate": 0.9,
        "adapt_rate": True,
        "validation_frames": 2,
        "validation_gap": 1,
        "strategy": "random",
        "frames": 3,
    },
    "stream_study": {"budgets": [3]},
    "detector": {"encoder": None, "width": 2, "size_px": 32, "num_workers": 0, "epochs": 1},
    "study": {"processes": 1},
    "tracking": {"mode": "off"},
}


def write_layout(root: Path, name: str) -> Path:
    """Write a data set in a layout, labelled by people and a teacher, and its small config."""
    images, lists = root / "images", {"Bank": [], "Test": []}
    rng = np.random.default_rng(1)
    with LabelSetWriter(root / "label_sets" / "teacher", {"producer": "test"}) as writer:
        for banks, test in LAYOUTS[name].values():
            for folder in (*banks, test):
                split, count = ("Test", TEST) if folder == test else ("Bank", BANK)
                for number in range(count):
                    image_id = f"{folder}/images/{number}"
                    write_image(images / f"{image_id}.png", paint_scene((SIDE, SIDE), [(16, 16)]))
                    box = Boxes(
                        np.array([[12.0, 12, 20, 20]]), rng.uniform(0.3, 1, 1), ("vehicle",)
                    )
                    writer.add(image_id, Content(boxes=box, size_hw=(SIDE, SIDE)), "1", 0.0)
                    lists[split].append(image_id)
                    labels = "labels" if folder == test else "labels_yolov8x6"
                    path = images / folder / labels / f"{number}.txt"
                    path.parent.mkdir(exist_ok=True)
                    path.write_text("0 0.5 0.5 0.25 0.25\n")
        writer.finish(BoxSettings())
    (images / "classes.txt").write_text("vehicle\n")
    (images / "lists").mkdir()
    for split, ids in lists.items():
        (images / "lists" / f"{split}.txt").write_text("\n".join(ids) + "\n")
    told = json.loads((REPOSITORY / "configs" / f"{name}.json").read_text())
    told["data"] |= {"images": "images", "splits": "images/lists", "ground_truth": "images"}
    told["paths"] |= {key: key for key in ("label_sets", "runs", "cells")}
    for section, values in SMALL.items():
        told[section] = {**told.get(section, {}), **values}
    config = root / "config.json"
    config.write_text(json.dumps(told))
    return config


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_layout_is_read_by_its_config(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ["--config", str(write_layout(tmp_path, name))]
    assert util.streams.select_frames.main(config) == 0
    train, validation = (
        (tmp_path / "runs" / "streams" / f"{split}.txt").read_text().split()
        for split in ("Train", "Validation")
    )
    for banks, _ in LAYOUTS[name].values():
        assert sum(image_id.startswith(tuple(banks)) for image_id in train) == 3
        # The last frames of the last week validate.
        assert {f"{banks[-1]}/images/{n}" for n in (BANK - 2, BANK - 1)} <= set(validation)
    assert (len(train), len(validation)) == (6, 4)
    capsys.readouterr()
    assert stream_study.main([*config, "--plan"]) == 0
    assert "trainings             8           8" in capsys.readouterr().out
    assert stream_study.main([*config, "--stream_study.strategies", "random"]) == 0
    folder = tmp_path / "runs" / "stream_study"
    results = read_results(folder / "inference_results.csv")
    assert set(results["target_domain"]) == set(LAYOUTS[name])
    assert set(results["source_domain"]) == {"", *LAYOUTS[name]}
    assert (results.loc[results["run_id"] == "teacher", "mAP50"] == 1).all()
