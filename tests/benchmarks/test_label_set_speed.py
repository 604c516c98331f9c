"""What label sets of many small images cost to go on with and to finish."""

import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.test_speed import best_speed_up
from util.data_classes import BoxSettings
from util.disk.fingerprints import fingerprint
from util.images.files import find_images, write_image, write_soft_label
from util.label_set import LabelSet, LabelSetWriter
from util.label_set.records import RECORDS, head_line, head_of
from util.label_set.work import find_work
from util.running.shares import ALONE
from util.settings import settings_hash

PROMPTS = ("bird", "gull", "tern", "whale", "white crest")
SETTINGS = {"producer": "test"}
BOXES = BoxSettings()


def make_images(folder: Path, count: int) -> str:
    """Write equal images of 16x16 pixels; returns their fingerprint."""
    first = folder / "camera" / "frame_000000.png"
    write_image(first, np.zeros((16, 16, 3), np.uint8))
    for number in range(1, count):
        os.link(first, first.with_name(f"frame_{number:06d}.png"))
    return fingerprint([first])


def make_label_set(folder: Path, count: int, source: str) -> None:
    """Write what a stopped run leaves: equal maps with one box, and their records, unfinished."""
    first = folder / "camera" / "frame_000000.png"
    soft_label = np.zeros((16, 16), np.float32)
    soft_label[3:6, 4:9] = 0.8
    write_soft_label(first, soft_label)
    record = {"status": "labelled", "source": source, "seconds": 0.02, "map": "77b1a2c377b1a2c3"}
    record |= {"size_hw": [16, 16], "boxes": [[4.0, 3.0, 9.0, 6.0, 0.8]]}
    lines = [head_line(head_of(settings_hash(SETTINGS), BOXES))]
    for number in range(count):
        if number:
            os.link(first, first.with_name(f"frame_{number:06d}.png"))
        lines.append(json.dumps({"id": f"camera/frame_{number:06d}", **record}))
    (folder / RECORDS).write_text("\n".join(lines) + "\n")
    (folder / "label_set.json").write_text(json.dumps({"settings": SETTINGS}))


def peak_of_going_on(folder: Path, count: int) -> int:
    """Most memory in bytes that finding the work and finishing takes, above the list of images."""
    source = make_images(folder / "images", count)
    for prompt in PROMPTS:
        make_label_set(folder / prompt, count, source)
    paths = find_images(folder / "images")
    tracemalloc.start()
    writers = {p: LabelSetWriter(folder / p, SETTINGS, False, ALONE, BOXES) for p in PROMPTS}
    work = find_work(paths, writers, ALONE)
    for writer in writers.values():
        writer.finish(BOXES)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not work.image_paths
    assert LabelSet(folder / "bird").manifest["counts"]["labelled"] == count
    return peak


def test_going_on_with_labels_takes_less_than_150_bytes_an_image_and_prompt(
    tmp_path: Path, benchmark: BenchmarkFixture
) -> None:
    few, many = 600, 2600
    peak_of_going_on(tmp_path / "first", 10)  # imports
    peak_of_few = peak_of_going_on(tmp_path / "few", few)
    peak_of_many = benchmark.pedantic(peak_of_going_on, (tmp_path / "many", many), rounds=1)
    each = (peak_of_many - peak_of_few) / ((many - few) * len(PROMPTS))
    benchmark.extra_info["bytes an image and prompt"] = round(each)
    assert each < 150


def test_a_stopped_run_is_finished_without_reading_its_maps_again(
    tmp_path: Path, benchmark: BenchmarkFixture
) -> None:
    count = 1000
    make_label_set(tmp_path / "bird", count, "1")
    sources = {f"camera/frame_{number:06d}": "1" for number in range(count)}

    def finish() -> LabelSet:
        (tmp_path / "bird" / "label_set.json").write_text(json.dumps({"settings": SETTINGS}))
        with LabelSetWriter(tmp_path / "bird", SETTINGS, False, ALONE, BOXES) as writer:
            assert writer.pending(sources) == []
            return writer.finish(BOXES)

    label_set = finish()
    ratio = best_speed_up(finish, lambda: label_set.find_boxes(label_set.ids, BOXES), 3, 1)
    benchmark.extra_info["times reading all maps"] = round(ratio, 1)
    benchmark(finish)
    assert ratio > 1
