from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import util.visualization
from student.training import PANELS
from tests.conftest import box_table
from util.images.files import find_images
from util.visualization import (
    draw_boxes,
    draw_curves,
    draw_overlay,
    draw_precision_recall,
    new_figure,
    write_figure,
)

NAMES = ("a$b^{c$", "costs $5", r"$\frac{$", "$x$")


def test_names_with_dollars_are_drawn_as_they_are(tmp_path: Path) -> None:
    figure = new_figure(5, 4)
    axis = figure.subplots()
    title, label, tick, line = NAMES
    figure.suptitle(title)
    axis.set(xlabel=label, title=f"{title} above")
    axis.plot([1, 2], label=line)
    axis.legend(title=f"{line} of")
    axis.set_xticks([0, 1], [tick, f"{tick} again"])
    axis.text(0, 1, f"{label} each")
    write_figure(tmp_path / "x.png", figure)
    write_figure(tmp_path / "x.svg", figure)
    drawn = (tmp_path / "x.svg").read_text(encoding="utf-8")
    for text in (*NAMES, f"{title} above", f"{line} of", f"{tick} again", f"{label} each"):
        assert f">{text}</text>" in drawn


def test_names_that_a_formatter_gives_to_ticks_are_drawn_as_they_are(tmp_path: Path) -> None:
    figure = new_figure(6, 3)
    axis = figure.subplots()
    axis.xaxis.set_major_formatter(lambda value, position: rf"$\frac{{{value:g}$")
    axis.set(xlim=(0, 1000), xticks=range(0, 1000, 50))
    write_figure(tmp_path / "x.svg", figure)
    assert r">$\frac{950$</text>" in (tmp_path / "x.svg").read_text(encoding="utf-8")


def test_names_that_are_no_text_are_drawn_escaped(tmp_path: Path) -> None:
    figure = new_figure(3, 2)
    figure.suptitle("m\udcf6we")
    write_figure(tmp_path / "x.svg", figure)
    assert r"m\udcf6we" in (tmp_path / "x.svg").read_text(encoding="utf-8")


def test_scripts_that_the_font_lacks_are_no_warning(tmp_path: Path) -> None:
    figure = new_figure(3, 2)
    figure.suptitle("鸟 पक्षी")
    write_figure(tmp_path / "x.png", figure)


def test_predictions_of_any_name_are_compared_in_a_plot(tmp_path: Path) -> None:
    curve = pd.DataFrame({"confidence": [0.1, 0.5], "precision": [0.2, 1.0], "recall": [1.0, 0.5]})
    draw_precision_recall(tmp_path / "x.png", dict.fromkeys(NAMES, curve), iou=0.3)


def test_regions_to_ignore_are_no_true_boxes_of_a_picture() -> None:
    image, soft_label = np.zeros((40, 60, 3), np.uint8), np.zeros((40, 60), np.float32)
    truths = box_table([("a", 0.1, 0.1, 0.5, 0.5), ("a", 0.6, 0.6, 0.9, 0.9)])
    drawn = draw_overlay(image, soft_label, box_table([]), truths[:1])
    with_region = truths.assign(ignore=[False, True])
    np.testing.assert_array_equal(
        draw_overlay(image, soft_label, box_table([]), with_region), drawn
    )
    assert drawn.any()


@pytest.mark.parametrize(("first", "last"), [(0.7, 0.002), (0.04, 0.031), (3000.0, 0.5)])
def test_numbers_at_a_logarithmic_axis_are_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: float, last: float
) -> None:
    drawn: list[Figure] = []

    def keep(path: Path, figure: Figure) -> None:
        write_figure(path, figure)
        drawn.append(figure)

    monkeypatch.setattr(util.visualization, "write_figure", keep)
    losses = np.geomspace(first, last, 10).tolist()
    names = ("train_loss", "val_loss", "train_jaccard", "val_jaccard")
    scores = ("val_precision", "val_recall", "val_f1")
    rows = [
        {"epoch": epoch, **dict.fromkeys(names, loss), **dict.fromkeys(scores, 0.5)}
        for epoch, loss in enumerate(losses)
    ]
    draw_curves(tmp_path / "x.png", rows, PANELS)
    labels = [label.get_text() for label in drawn[0].axes[0].get_yticklabels(which="both")]
    numbers = [float(label) for label in labels if label]
    assert len(set(numbers)) == len(numbers) >= 2
    assert any(last <= number <= first for number in numbers)


def test_figures_of_ours_are_no_images(tmp_path: Path) -> None:
    write_figure(tmp_path / "x.png", new_figure(2, 2))
    write_figure(tmp_path / "x.svg", new_figure(2, 2))
    (tmp_path / "photo.png").write_bytes(b"")
    assert list(find_images(tmp_path)) == ["photo"]


def test_lines_of_boxes_that_end_with_the_image_are_drawn_on_its_border() -> None:
    image = np.zeros((40, 50, 3), np.uint8)
    draw_boxes(image, np.array([[0, 0, 1, 1]]), (255, 0, 0), thickness_px=2, gap_px=1)
    is_red = image[..., 0] == 255
    assert is_red[[0, -1]].all()
    assert is_red[:, [0, -1]].all()
    assert not is_red[1:-1, 1:-1].any()
    half = np.zeros((40, 50, 3), np.uint8)
    draw_boxes(half, np.array([[0.2, 0.5, 0.8, 1]]), (255, 0, 0))
    assert np.flatnonzero(half[..., 0].all(axis=1)).tolist() == []
    assert np.flatnonzero(half[:, 25, 0]).tolist() == [19, 39]
