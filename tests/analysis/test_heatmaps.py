"""Heat maps of label sets: what is drawn, how it is coloured, and that it appears whole."""

import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import cv2
import numpy as np
import pytest
from matplotlib import colormaps

import analysis.heatmaps
import analysis.pictures.making
import analysis.pictures.page
from analysis.pictures.drawing import CELL_PX, Material, column_left, name_folder
from analysis.pictures.scale import COLOURS_RGB, COVER, ColourScale
from analysis.pictures.truth import IGNORED_RGB, draw_truth
from util.errors import UserError
from util.images.files import find_images, read_image, write_image
from util.label_set import LabelSet
from util.visualization import LARGEST_PX, PREDICTION_RGB, TRUTH_RGB

draw = analysis.heatmaps.main

SIZES_HW = {"möwe/a": (40, 60), "b <i>": (90, 30), "c": (50, 50)}


@pytest.fixture
def project(tmp_path: Path, write_label_set: Callable[..., LabelSet]) -> Path:
    """Three images, masks of two, and two label sets; returns where the pictures come to."""
    rng = np.random.default_rng(0)
    for image_id, size_hw in SIZES_HW.items():
        write_image(
            tmp_path / f"images/{image_id}.png", rng.integers(0, 255, (*size_hw, 3), np.uint8)
        )
    for image_id in ("möwe/a", "c"):
        mask = np.zeros(SIZES_HW[image_id], np.uint8)
        mask[10:20, 10:20], mask[30:] = 1, 255
        write_image(tmp_path / f"masks/{image_id}.png", mask)
    rising = {i: np.linspace(0.25, 0.75, h * w).reshape(h, w) for i, (h, w) in SIZES_HW.items()}
    write_label_set("label_sets/rising", rising)
    low = {image_id: values * 0.4 for image_id, values in rising.items()}
    low |= {"b <i>": low["b <i>"] - 0.05, "c": np.full((50, 50), 0.9)}
    write_label_set("label_sets/low", low)
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "Test.txt").write_text("\n".join(SIZES_HW), encoding="utf-8")
    config = {
        "paths": {"label_sets": "label_sets", "runs": "runs"},
        "data": {"images": "images", "splits": "splits", "masks": "masks"},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path / "runs" / "heatmaps" / "Test"


def run(project: Path, *more: str) -> int:
    return draw(["--config", str(project.parents[2] / "config.json"), *more])


def files(place: Path) -> dict[str, bytes]:
    """All that lies in a folder, by name."""
    return {
        p.relative_to(place).as_posix(): p.read_bytes() for p in place.rglob("*") if p.is_file()
    }


def test_the_colours_are_matplotlibs_inferno() -> None:
    expected = np.rint(colormaps["inferno"](np.arange(256))[:, :3] * 255)
    assert abs(COLOURS_RGB.astype(int) - expected).max() <= 1


def test_a_scale_has_its_first_colour_at_the_lowest_value_and_the_last_at_the_highest() -> None:
    scale = ColourScale(0.2, 0.6)
    painted = scale.paint(np.array([[0.2, 0.4, 0.6, 0.1, 0.9]], np.float32))
    expected = COLOURS_RGB[[0, 128, 255, 0, 255]]
    np.testing.assert_array_equal(painted[0], expected)
    assert scale.ends() == ("0.2", "0.6")


def test_an_overlay_is_the_photo_where_a_map_is_lowest_and_covered_where_it_is_highest() -> None:
    photo = np.full((1, 2, 3), 100, np.uint8)
    blended = ColourScale(0, 1).blend(photo, np.array([[0, 1]], np.float32))
    assert blended[0, 0].tolist() == [100, 100, 100]
    expected = (1 - COVER) * 100 + COVER * COLOURS_RGB[255]
    np.testing.assert_allclose(blended[0, 1], expected, atol=0.5)


def test_true_things_are_outlined_from_outside_and_what_is_ignored_is_striped() -> None:
    photo, truth = np.full((60, 60, 3), 50, np.uint8), np.zeros((60, 60), np.uint8)
    truth[20:30, 20:30], truth[50:] = 1, 255
    drawn = draw_truth(photo, truth, 60)
    assert (drawn[20:30, 20:30] == 50).all()
    assert (drawn[25, [18, 19, 30, 31]] == TRUTH_RGB).all()
    assert (drawn[25, [17, 32]] == 0).all()
    assert (drawn[:50, 40:] == 50).all()
    is_striped = (drawn[50:] == IGNORED_RGB).all(axis=2)
    assert 0.4 < is_striped.mean() < 0.6
    assert (drawn[50:][~is_striped] == 50).all()


def test_a_true_thing_that_is_smaller_than_a_pixel_of_the_picture_is_outlined() -> None:
    photo, truth = np.full((1000, 2000, 3), 50, np.uint8), np.zeros((1000, 2000), np.uint8)
    truth[503, 907] = 1
    drawn = draw_truth(photo, truth, 100)
    green = np.argwhere((drawn == TRUTH_RGB).all(axis=2))
    np.testing.assert_allclose(green.mean(axis=0), [25, 45])


def test_folders_of_label_sets_of_any_name_differ() -> None:
    assert name_folder(1, "run/Test") == "1_run--Test"
    names = {name_folder(number, "/far/" + "ö" * 300) for number in (1, 2)}
    assert len(names) == 2
    assert all(len(name.encode()) < 200 and "/" not in name for name in names)


def test_maps_and_overlays_have_the_one_scale_of_their_label_set(project: Path) -> None:
    assert run(project) == 0
    facts = json.loads((project / "heatmaps.json").read_text())["label_sets"]
    assert facts["low"]["low"] == pytest.approx(0.05, abs=1e-4)
    assert facts["low"]["high"] == pytest.approx(0.9, abs=1e-4)
    assert (facts["rising"]["low"], facts["rising"]["high"]) == pytest.approx(
        (0.25, 0.75), abs=1e-4
    )
    for image_id, size_hw in SIZES_HW.items():
        rising = read_image(project / f"2_rising/map/{image_id}.png")
        assert rising.shape == (*size_hw, 3)
        assert rising[0, 0].tolist() == COLOURS_RGB[0].tolist()
        assert rising[-1, -1].tolist() == COLOURS_RGB[255].tolist()
    assert (read_image(project / "1_low/map/c.png") == COLOURS_RGB[255]).all()
    dim = read_image(project / "1_low/map/möwe/a.png")[-1, -1]  # 0.3 on a scale from 0.05 to 0.9
    assert dim.tolist() == COLOURS_RGB[75].tolist()
    photo = read_image(project.parents[2] / "images/c.png")
    overlay = read_image(project / "1_low/overlay/c.png")
    expected = (1 - COVER) * photo + COVER * COLOURS_RGB[255]
    assert abs(overlay - expected)[1:-1, 1:-1].max() <= 1
    assert (overlay[[0, -1]] == PREDICTION_RGB).all()  # of a box that is the whole image


def test_a_sheet_has_a_row_an_image_with_photo_truth_and_maps(project: Path) -> None:
    assert run(project) == 0
    row = read_image(project / "row/c.png")
    assert row.shape == (200, column_left(3) + CELL_PX, 3)  # 50 pixels enlarged four times
    cells = [row[:, column_left(n) + 20 : column_left(n) + 220] for n in range(4)]
    photo = read_image(project.parents[2] / "images/c.png")
    np.testing.assert_array_equal(cells[0], photo.repeat(4, axis=0).repeat(4, axis=1))
    assert (cells[1] == TRUTH_RGB).all(axis=2).any()
    assert (cells[2][1:-1, 1:-1] == COLOURS_RGB[255]).all()
    assert (cells[2][[0, -1]] == PREDICTION_RGB).all()
    assert cells[3][0, 0].tolist() == COLOURS_RGB[0].tolist()
    blank = read_image(project / "row/b <i>.png")[:, column_left(1) : column_left(2)]
    assert (blank == 255).all()  # it has no mask
    sheet = read_image(project / "sheet_1.png")
    rows = [read_image(project / f"row/{image_id}.png") for image_id in SIZES_HW]
    for each in rows:
        difference = cv2.matchTemplate(sheet, each, cv2.TM_SQDIFF)
        top, left = np.unravel_index(difference.argmin(), difference.shape)
        found = sheet[top : top + each.shape[0], left : left + each.shape[1]]
        np.testing.assert_array_equal(found, each)


def test_a_long_list_goes_over_several_sheets(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis.pictures.making, "ROWS_A_SHEET", 2)
    assert run(project) == 0
    assert {path.name for path in project.glob("sheet_*")} == {"sheet_1.png", "sheet_2.png"}


class Page(HTMLParser):
    """The tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_shows_every_picture_and_takes_nothing_from_outside(project: Path) -> None:
    assert run(project) == 0
    text = (project / "index.html").read_text(encoding="utf-8")
    tags = Page(text).tags
    pictures = [attributes for tag, attributes in tags if tag == "img"]
    assert len(pictures) == 3 * (1 + 2 * 2) + 2
    shown = {unquote(str(each["src"])) for each in pictures}
    drawn = {n for n in files(project) if n.endswith((".png", ".jpg")) and "sheet" not in n}
    assert shown == {name for name in drawn if not name.startswith("row/")}
    for each in pictures:
        assert each["loading"] == "lazy"
        assert each["alt"]
        height, width, _ = read_image(project / unquote(str(each["src"]))).shape
        assert (each["width"], each["height"]) == (str(width), str(height))
    assert not {"script", "iframe", "i"} & {tag for tag, _ in tags}
    assert not re.search(r"https?:|//|@import|url\(", text)
    assert "Nothing is known of it." in text
    assert "b &lt;i&gt;" in text
    assert 'name="viewport" content="width=device-width' in text


def write_truth(project: Path, listed: dict[str, list[list[float]]]) -> list[str]:
    """Write a COCO file that lists images with these boxes; gives the options that name it."""
    images = [
        {"id": n, "file_name": f"{i}.png", "width": SIZES_HW[i][1], "height": SIZES_HW[i][0]}
        for n, i in enumerate(listed)
    ]
    boxes = [
        {"image_id": n, "category_id": 1, "bbox": box}
        for n, of_image in enumerate(listed.values())
        for box in of_image
    ]
    content = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "gull"}]}
    path = project.parents[2] / "truth.json"
    path.write_text(json.dumps(content))
    return ["--data.ground_truth", str(path), "--data.ground_truth_format", "coco"]


def test_found_boxes_are_orange_and_true_ones_green_round_them(project: Path) -> None:
    truth = write_truth(project, {"c": [[20, 10, 10, 15]], "b <i>": []})
    assert run(project, "--data.masks", "null", *truth) == 0
    overlay = read_image(project / "2_rising/overlay/c.png")  # above one half in the lower half
    assert (overlay[24, :] == PREDICTION_RGB).all()
    assert (overlay[8, 18:32] == TRUTH_RGB).all()  # a pixel is left for the line of a found one
    assert (overlay[10:23, 18] == TRUTH_RGB).all()
    assert (overlay[9, 20:30] != TRUTH_RGB).any()
    assert (read_image(project / "2_rising/map/c.png") != PREDICTION_RGB).any(axis=2).all()
    row = read_image(project / "row/c.png")  # enlarged four times
    cells = [row[:, column_left(n) + 20 : column_left(n) + 220] for n in range(4)]
    assert (cells[1][39, 79:121] == TRUTH_RGB).all()
    assert (cells[3][38, 78:122] == TRUTH_RGB).all()
    assert (cells[3][99, :] == PREDICTION_RGB).all()
    text = (project / "index.html").read_text(encoding="utf-8")
    assert "rising over the photo, 1 box<" in text
    assert "truth, 1 box<" in text
    assert "truth, 0 boxes<" in text
    assert text.count("Nothing is known of it.") == 1  # of the one that is not listed


def test_other_boxes_are_drawn_anew(project: Path) -> None:
    assert run(project, *write_truth(project, {"c": [[20, 10, 10, 15]]})) == 0
    before = read_image(project / "2_rising/overlay/c.png")
    assert run(project, *write_truth(project, {"c": [[2, 10, 10, 15]]})) == 0
    assert (read_image(project / "2_rising/overlay/c.png") != before).any()
    assert run(project, "--evaluation.min_confidence", "0.9") == 0
    text = (project / "index.html").read_text(encoding="utf-8")
    assert "rising over the photo, 0 boxes<" in text


def test_all_images_are_drawn_without_splits_and_any_split_by_its_name(project: Path) -> None:
    assert run(project, "--data.splits", "null") == 0
    title = (project.with_name("all") / "index.html").read_text(encoding="utf-8")
    assert "Heat maps of 3 of 3 images" in title
    (project.parents[2] / "splits" / "Train.txt").write_text("c\n")
    assert run(project, "--data.test_split", "Train") == 0
    assert [path.stem for path in project.with_name("Train").glob("row/**/*.png")] == ["c"]


def test_many_images_are_browsed_page_by_page(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis.pictures.page, "IMAGES_A_PAGE", 2)
    assert run(project) == 0
    first, second = (
        (project / name).read_text(encoding="utf-8") for name in ("index.html", "page_2.html")
    )
    assert first.count("<h2>") == 2
    assert second.count("<h2>") == 1
    assert '<a rel="next" href="page_2.html">' in first
    assert '<a rel="prev" href="index.html">' in second
    assert 'rel="prev"' not in first
    assert 'rel="next"' not in second


def test_a_page_leads_to_its_neighbours_and_the_ends_and_the_first_to_the_sheets(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis.pictures.page, "IMAGES_A_PAGE", 1)
    monkeypatch.setattr(analysis.pictures.page, "NEAR", 0)
    assert run(project) == 0
    pages = [(project / name).read_text() for name in ("index.html", "page_2.html", "page_3.html")]
    assert [re.findall(r">([123])</[ab]>|<li>(…)<", page)[:3] for page in pages] == [
        [("1", ""), ("", "…"), ("3", "")],
        [("1", ""), ("2", ""), ("3", "")],
        [("1", ""), ("", "…"), ("3", "")],
    ]
    assert ["sheet_1.png" in page for page in pages] == [True, False, False]


def test_without_masks_the_truth_is_left_out_and_said(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(project, "--data.masks", "null") == 0
    assert "the truth is left out" in capsys.readouterr().out
    assert not (project / "truth").exists()
    assert "truth" not in (project / "index.html").read_text(encoding="utf-8").split("<main>")[1]
    assert read_image(project / "row/c.png").shape[1] == column_left(2) + CELL_PX


def test_large_images_are_reduced(project: Path, write_label_set: Callable[..., LabelSet]) -> None:
    folder = project.parents[2]
    write_image(folder / "images/c.png", np.zeros((100, 2 * LARGEST_PX, 3), np.uint8))
    write_image(folder / "masks/c.png", np.ones((100, 2 * LARGEST_PX), np.uint8))
    write_label_set("label_sets/large", {"c": np.zeros((100, 2 * LARGEST_PX))})
    assert run(project, "--evaluation.predictions", "large") == 0
    for name in ("photo/c.jpg", "truth/c.jpg", "1_large/map/c.png", "1_large/overlay/c.png"):
        assert read_image(project / name).shape == (50, LARGEST_PX, 3)


def test_what_does_not_fit_is_left_out_and_the_rest_is_drawn(
    project: Path, write_label_set: Callable[..., LabelSet], capsys: pytest.CaptureFixture[str]
) -> None:
    write_label_set("label_sets/odd", {i: np.zeros((7, 8)) for i in SIZES_HW})
    (project.parents[2] / "images/b <i>.png").write_bytes(b"no picture")
    whole = (project.parents[2] / "images/möwe/a.png").read_bytes()
    (project.parents[2] / "images/möwe/a.png").write_bytes(whole[:-2000])
    assert run(project) == 1
    err = capsys.readouterr().err
    assert "odd is left out: the map of möwe/a has 8x7 and its image 60x40 pixels" in err
    assert "b <i> is left out" in err
    assert "möwe/a is left out" in err
    assert {path.stem for path in (project / "row").glob("**/*.png")} == {"c"}
    assert not (project / "3_odd").exists()


def test_nothing_is_written_where_nothing_can_be_drawn(project: Path) -> None:
    assert run(project) == 0
    before = files(project)
    for path in (project.parents[2] / "images").rglob("*.png"):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="no image can be drawn"):
        run(project)
    assert files(project) == before


def test_a_folder_that_is_not_ours_is_not_replaced(project: Path) -> None:
    project.mkdir(parents=True)
    (project / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"has no heatmaps\.json, so it was not made here"):
        run(project)
    assert files(project) == {"notes.txt": b"mine"}


def test_a_rerun_mends_what_was_lost_and_draws_the_same(project: Path) -> None:
    assert run(project) == 0
    before = files(project)
    (project / "1_low/overlay/c.png").unlink()
    (project / "sheet_1.png").unlink()
    time = (project / "1_low/overlay/b <i>.png").stat().st_mtime_ns
    assert run(project) == 0
    assert files(project) == before
    assert (project / "1_low/overlay/b <i>.png").stat().st_mtime_ns == time


def test_other_pictures_replace_all_of_the_old_ones(
    project: Path, write_label_set: Callable[..., LabelSet]
) -> None:
    assert run(project) == 0
    old = read_image(project / "1_low/map/c.png")
    shutil.rmtree(project.parents[2] / "label_sets/low")
    write_label_set("label_sets/low", {"c": np.linspace(0, 1, 2500).reshape(50, 50)})
    assert run(project, "--evaluation.predictions", "low") == 0
    assert not (project / "2_rising").exists()
    assert {path.stem for path in (project / "row").glob("**/*.png")} == {"c"}
    assert (read_image(project / "1_low/map/c.png") != old).any()
    assert sorted(path.name for path in project.parent.iterdir()) == [".Test.lock", "Test"]


def test_who_is_stopped_leaves_the_old_pictures_whole_and_goes_on(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(project) == 0
    before = files(project)
    plain, begun = analysis.pictures.making.draw_image, []

    def stop_at_last(material: Material, folder: Path, image_id: str) -> str | None:
        begun.append(image_id)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return plain(material, folder, image_id)

    with monkeypatch.context() as patch:
        patch.setattr(analysis.pictures.making, "draw_image", stop_at_last)
        with pytest.raises(KeyboardInterrupt):
            run(project, "--evaluation.predictions", "low")
    assert files(project) == before
    unfinished = project.with_name(".Test.unfinished")
    kept = {path: path.stat().st_mtime_ns for path in unfinished.glob("*/overlay/**/*.png")}
    assert len(kept) == 2
    assert run(project, "--evaluation.predictions", "low") == 0
    assert not unfinished.exists()
    assert not (project / "2_rising").exists()
    for path, time in kept.items():
        assert (project / path.relative_to(unfinished)).stat().st_mtime_ns == time


def test_the_pictures_are_no_images_where_they_lie_among_them(project: Path) -> None:
    images = project.parents[2] / "images"
    before = list(find_images(images))
    assert run(project, "--paths.runs", str(images / "runs")) == 0
    assert (images / "runs/heatmaps/Test/index.html").exists()
    assert list(find_images(images)) == before


def test_columns_have_the_order_of_the_config(project: Path) -> None:
    for first, second in (("rising", "low"), ("low", "rising")):
        prompts = [f"--teacher.prompts={name}" for name in (first, second)]
        assert run(project, *prompts) == 0
        assert {f"1_{first}", f"2_{second}"} <= {path.name for path in project.iterdir()}
