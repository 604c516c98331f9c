"""What is seen of an image: answers, their combination, and where they agree."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.explorer.answering import FixedAnswers, remember
from analysis.explorer.drawing import view_to_json
from analysis.explorer.exploring import Explorer
from analysis.explorer.pictures import Pictures
from teacher.plans import PlannedSet, TeacherPlan
from tests.analysis.explorer.choices import choose
from tests.stages import label
from util.config import Config
from util.data_classes import Boxes, BoxSettings
from util.errors import UserError
from util.images.files import find_images
from util.label_set import Content, LabelSet


def test_what_is_seen_is_what_the_stage_writes(
    project: Path, config: Config, explorer: Explorer
) -> None:
    assert label(["--config", str(project)]) == 0
    choice = choose(config)
    view = explorer.look(choice)
    assert [panel.title for panel in view.panels[2:]] == ["bird", "white crest"]
    image_id = choice.image.removeprefix("image:")
    for panel, name in zip(view.panels[2:], ("bird", "white_crest"), strict=True):
        written = LabelSet(config.paths.label_sets / name).read(image_id)
        assert panel.soft_label is not None
        np.testing.assert_allclose(panel.soft_label, written, atol=1e-5)
    assert view.panels[2].soft_label.max() > 0  # type: ignore[union-attr]


def test_a_moved_threshold_asks_no_model_and_says_what_it_drops(
    config: Config, explorer: Explorer
) -> None:
    first = explorer.look(choose(config))
    assert first.has_asked
    moved = explorer.look(choose(config, box_threshold=0.995))
    assert not moved.has_asked
    assert len(moved.panels[2].scores) < len(first.panels[2].scores)
    assert "low score" in {each.reason for each in moved.panels[2].dropped}
    assert explorer.look(choose(config, prompts=["whale"])).has_asked


def test_maps_are_combined_and_their_votes_counted_pixel_by_pixel(
    config: Config, explorer: Explorer
) -> None:
    view = explorer.look(choose(config, prompts=["bird", "gull", "whale"], threshold=0.2))
    together, agreement, *prompts = view.panels
    maps = np.array([panel.soft_label for panel in prompts])
    np.testing.assert_allclose(together.soft_label, maps.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(agreement.soft_label, (maps > 0).mean(axis=0), atol=1e-6)
    ys, xs = np.nonzero(maps.mean(axis=0) > 0.2)
    boxes = together.boxes_xyxy
    assert boxes[:, :2].min(axis=0).tolist() == [xs.min(), ys.min()]
    assert boxes[:, 2:].max(axis=0).tolist() == [xs.max() + 1, ys.max() + 1]
    higher = explorer.look(choose(config, prompts=["bird", "gull", "whale"], threshold=0.99))
    assert len(higher.panels[0].boxes_xyxy) == 0


def test_more_votes_than_prompts_are_said_and_the_prompts_are_shown(
    config: Config, explorer: Explorer
) -> None:
    view = explorer.look(choose(config, prompts=["bird"], strategy="majority", min_votes=2))
    assert "no pixel could be kept" in view.panels[0].note
    assert view.panels[0].soft_label is None
    assert view.panels[2].soft_label is not None


def test_words_that_the_teacher_does_not_know_are_told(config: Config, explorer: Explorer) -> None:
    view = explorer.look(choose(config, prompts=["zeppelin"]))
    assert any("zeppelin" in remark for remark in view.remarks)


def test_prompts_that_cannot_be_told_apart_are_refused(config: Config, explorer: Explorer) -> None:
    with pytest.raises(UserError, match="give one folder name"):
        explorer.look(choose(config, prompts=["bird", "Bird"]))
    with pytest.raises(UserError, match="no prompt is given; write one or more, a line each"):
        explorer.look(choose(config, prompts=[]))


def test_a_view_is_json_whose_boxes_are_in_pixels_of_the_image(
    config: Config, explorer: Explorer
) -> None:
    view = explorer.look(choose(config))
    told = view_to_json(view)
    assert told["size"] == [64, 64]
    bird = told["panels"][2]
    assert bird["count"] == len(bird["boxes"]) > 0
    best = int(np.argmax(view.panels[2].scores))
    assert bird["boxes"][0]["label"] == "bird"
    np.testing.assert_allclose(bird["boxes"][0]["box"], view.panels[2].boxes_xyxy[best], atol=0.051)
    assert bird["map"].startswith("data:image/png;base64,")


class Constant:
    """Gives one value a name, and counts."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def label(self, image_rgb: np.ndarray, names: list[str], /) -> Any:
        self.asked.append(list(names))
        return (Content(np.full(image_rgb.shape[:2], 0.25, np.float32)) for _ in names)

    def check_prompts(self, prompts: Any, /) -> None: ...


def test_a_teacher_without_thresholds_is_asked_once_an_image_and_name() -> None:
    teacher = Constant()
    answers = remember(teacher, "student")
    assert isinstance(answers, FixedAnswers)
    image = np.zeros((4, 5, 3), np.uint8)
    for names in (["a"], ["a"], ["a", "b"]):
        assert len(answers.label(image, names, None)) == len(names)
    assert teacher.asked == [["a"], ["b"]]
    assert answers.times_asked == 2


class BoxesAlone:
    """Finds one bird in every image, and gives no map."""

    def label(self, image_rgb: np.ndarray, names: list[str], /) -> Any:
        boxes = Boxes(np.array([[1.0, 2, 3, 4]]), np.array([0.75]), ("bird",))
        return (Content(boxes=boxes, size_hw=image_rgb.shape[:2]) for _ in names)

    def check_prompts(self, prompts: Any, /) -> None: ...


def test_a_detector_is_seen_by_its_boxes_and_nothing_is_combined(
    config: Config, tmp_path: Path
) -> None:
    planned = PlannedSet("yolo", BoxSettings)
    plan = TeacherPlan({"yolo": planned}, lambda _: {}, lambda *_: BoxesAlone())
    explorer = Explorer(
        Pictures(find_images(config.data.images), tmp_path),
        remember(BoxesAlone(), "boxes"),
        lambda _: plan,
        BoxSettings(),
        config.combination,
    )
    view = explorer.look(choose(config))
    assert [panel.title for panel in view.panels] == ["yolo"]
    told = view_to_json(view)["panels"][0]
    assert told["map"] is None
    assert told["boxes"] == [{"box": [1.0, 2.0, 3.0, 4.0], "score": 0.75, "label": "bird"}]
    assert "no map" in told["note"]
