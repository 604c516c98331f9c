import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import teacher.preview
import teacher.soft_label_generation
from teacher.findings import Finding, Rejection, Scene
from teacher.inference.crop_masks import crop_mask
from teacher.preview import draw_sheet
from teacher.saa.algorithm import SegmentAnyAnomaly
from tests.conftest import make_project
from util.errors import UserError
from util.images.files import read_image

main = teacher.soft_label_generation.main


def finding(saliency: bool = True, found: bool = True) -> Finding:
    soft_label = np.zeros((60, 90), np.float32)
    soft_label[10:20, 30:50] = 0.7 * found
    return Finding(
        soft_label=soft_label,
        boxes_xyxy=np.array([[30, 10, 50, 20]], np.float32)[: int(found)],
        scores=np.array([0.6], np.float32)[: int(found)],
        phrases=["small bird"][: int(found)],
        masks=[crop_mask(soft_label > 0)][: int(found)],
        saliency=np.full((60, 90), 0.2, np.float32) if saliency else None,
        rejections=(Rejection(np.array([0.0, 0, 9, 9]), 0.15, "bird", "low score"),),
    )


def test_a_sheet_shows_boxes_masks_and_map_of_every_prompt(tmp_path: Path) -> None:
    image = np.full((60, 90, 3), 100, np.uint8)
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    draw_sheet(one, "flight 1/a", image, {"bird": finding()})
    draw_sheet(two, "flight 1/a", image, {"bird": finding(), "whale": finding(found=False)})
    assert read_image(two).shape[0] > 1.4 * read_image(one).shape[0]
    drawn = read_image(one).reshape(-1, 3).astype(int)
    for colour, what in (([230, 159, 0], "box"), ([204, 121, 167], "rejected box")):
        assert np.abs(drawn - colour).sum(axis=1).min() < 60, what
    draw_sheet(two, "no saliency", image, {"bird": finding(saliency=False)})
    assert read_image(two).shape == read_image(one).shape


@pytest.mark.filterwarnings("error")
def test_names_of_any_script_or_none_are_drawn_as_they_are(tmp_path: Path) -> None:
    image, name = np.full((60, 90, 3), 100, np.uint8), os.fsdecode(b"$x^{ m\xf6we")
    found = replace(finding(), phrases=[name])
    draw_sheet(tmp_path / "a.png", name, image, {"$bad_{": found, "鳥": found})
    assert read_image(tmp_path / "a.png").shape[0] > 100


def test_preview_draws_some_images_and_labels_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path)
    assert main(["--config", str(project), "--preview", "3"]) == 0
    sheets = sorted((tmp_path / "runs" / "preview").rglob("*.png"))
    assert len(sheets) == 3
    assert not (tmp_path / "label_sets").exists()
    out = capsys.readouterr().out
    assert str(tmp_path / "runs" / "preview") in out
    assert "Sheets count the detector's boxes; those of a label set are the regions" in out
    assert all(sheet.name in out for sheet in sheets)
    assert main(["--config", str(project), "--preview", "99"]) == 0
    assert len(list((tmp_path / "runs" / "preview").rglob("*.png"))) == 12


@pytest.mark.parametrize("count", ["0", "-2"])
def test_a_preview_of_nothing_is_refused(tmp_path: Path, count: str) -> None:
    with pytest.raises(UserError, match="at least 1"):
        main(["--config", str(make_project(tmp_path)), "--preview", count])


def test_an_image_that_has_no_preview_is_told_and_the_others_are_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path)
    images = sorted((tmp_path / "images").rglob("*.png"))
    images[0].write_text("no image")
    plain = SegmentAnyAnomaly.label
    shapes = iter(range(11))

    def label(self: SegmentAnyAnomaly, *arguments: Any) -> Iterator[Finding]:
        if next(shapes) == 3:
            raise UserError("a model has answered with NaN")
        return plain(self, *arguments)

    monkeypatch.setattr(SegmentAnyAnomaly, "label", label)
    assert main(["--config", str(project), "--preview", "12"]) == 1
    assert len(list((tmp_path / "runs" / "preview").rglob("*.png"))) == 10
    err = capsys.readouterr().err
    assert "No preview of 2 images: " in err
    assert images[0].stem in err
    assert "a model has answered with NaN" in err


def test_a_sheet_shows_the_object_and_what_its_area_is(tmp_path: Path) -> None:
    image = np.full((60, 90, 3), 100, np.uint8)
    boxes = np.array([[5, 5, 40, 50], [45, 10, 80, 55]], np.float32)
    scores = np.array([0.4, 0.9], np.float32)
    scene = Scene("tile", boxes, scores, np.array([True, False]), 0.3, ("not all is well",))
    for name, given in (("with", scene), ("without", None)):
        draw_sheet(tmp_path / f"{name}.png", name, image, {"bird": replace(finding(), scene=given)})
    # The third picture of the first row: an orange box, and a dashed purple one.
    drawn, empty = (
        read_image(tmp_path / f"{name}.png")[:300, 900:].reshape(-1, 3).astype(int)
        for name in ("with", "without")
    )
    for colour in ([230, 159, 0], [204, 121, 167]):
        assert np.abs(drawn - colour).sum(axis=1).min() < 60
        assert np.abs(empty - colour).sum(axis=1).min() > 100


def test_a_sheet_says_where_not_all_boxes_have_their_score_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = []
    monkeypatch.setattr(teacher.preview, "_show", lambda axis, picture, title: titles.append(title))
    image = np.zeros((60, 90, 3), np.uint8)
    for count in (25, 26):
        boxes = np.tile(np.array([[30, 10, 50, 20]], np.float32), (count, 1))
        scores, masks = np.full(count, 0.6, np.float32), finding().masks * count
        many = replace(
            finding(), boxes_xyxy=boxes, scores=scores, masks=masks, phrases=["bird"] * count
        )
        draw_sheet(tmp_path / "a.png", "flock", image, {"bird": many})
    told = [title for title in titles if title.startswith("bird: ")]
    assert told == ["bird: 25 boxes", "bird: 26 boxes, scores of the best 25"]


@pytest.mark.parametrize("size_hw", [(2, 2000), (2000, 2)])
def test_long_strips_have_a_sheet(tmp_path: Path, size_hw: tuple[int, int]) -> None:
    nothing = replace(
        finding(found=False), soft_label=np.zeros(size_hw, np.float32), saliency=None, rejections=()
    )
    draw_sheet(tmp_path / "a.png", "strip", np.zeros((*size_hw, 3), np.uint8), {"bird": nothing})
    assert read_image(tmp_path / "a.png").shape[0] > 100
