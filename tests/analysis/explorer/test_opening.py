"""An explorer of a teacher that knows no prompts."""

from pathlib import Path

import numpy as np
import pytest

from analysis.explorer.opening import find_start, find_study_lack, is_adjustable, open_explorer
from analysis.explorer.page import render_page
from teacher.building import prepare_teacher
from tests.stages import arguments, combine, evaluate, label, train
from util.config import TeacherSection, override_config, read_config
from util.errors import UserError
from util.images.files import find_images
from util.label_set import LabelSet


@pytest.fixture
def labelled(project: Path) -> Path:
    """A project whose student has learnt and was tested."""
    for stage in (label, combine, train, evaluate):
        assert stage(arguments(project)) == 0
    return project


def test_a_student_is_seen_without_prompts_and_asked_once(labelled: Path, tmp_path: Path) -> None:
    checkpoint = labelled.parent / "runs" / "student" / "best.pt"
    given = {"name": "student", "checkpoint": str(checkpoint), "prompts": TeacherSection().prompts}
    config = override_config(read_config(labelled), {"teacher": given})
    image_paths = find_images(config.data.images)
    image_id = list(image_paths)[-1]
    sections = (config.teacher, config.own_sections(), config.evaluation, config.combination)
    start = find_start(*sections, image_id)
    assert start.prompts == []
    prepared = prepare_teacher(config.teacher, config.own_sections(), config.paths)
    explorer = open_explorer(prepared, *sections, config.paths, image_paths, tmp_path)
    assert not is_adjustable(explorer)
    view = explorer.look(start)
    assert [panel.title for panel in view.panels] == [
        "All together: mean",
        "Where they agree",
        "student",
    ]
    tested = LabelSet(labelled.parent / "runs" / "student" / "Test").read(image_id)
    assert view.panels[2].soft_label is not None
    np.testing.assert_allclose(view.panels[2].soft_label, tested, atol=0.01)
    assert view.has_asked
    assert not explorer.look(start.model_copy(update={"threshold": 0.9})).has_asked
    assert view.panels[0].note == "stands in for consensus, which one image does not tell"
    facts = {"teacher": "student", "is_prompted": False, "is_adjustable": False}
    facts |= {"combination": "consensus", "study_lacks": "no <truth>"}
    about = {"num_images": 12, "folder": "<images>", "num_ranked": 12}
    page = render_page(start, "explored", facts | about)
    assert '<option value="configured">consensus, shown as mean</option>' in page
    assert 'id="prompts"' not in page
    assert 'id="box_threshold"' not in page
    assert "&lt;images&gt;" in page
    assert "The command of a study will be refused as things are: no &lt;truth&gt;." in page


def test_more_prompts_than_the_page_takes_are_one_sentence(project: Path) -> None:
    given = {"name": "saa", "prompts": [f"bird {number}" for number in range(41)]}
    config = override_config(read_config(project), {"teacher": given})
    with pytest.raises(UserError, match=r"teacher\.prompts has 41 prompts, and .* 40 at most"):
        find_start(
            config.teacher, config.own_sections(), config.evaluation, config.combination, "a"
        )


@pytest.mark.parametrize(
    ("data", "score", "lack"),
    [
        ({}, "thesis_f1", ""),
        ({"ground_truth": None}, "thesis_f1", "data.ground_truth is null: "),
        ({"ground_truth": None}, "average_precision", ""),
        ({"masks": None}, "average_precision", "study.score is average_precision, which needs"),
        ({"validation_split": "None"}, "thesis_f1", "the split list "),
        ({"splits": None}, "thesis_f1", "data.splits is not set; "),
    ],
)
def test_what_a_study_lacks_is_known_before_one_is_begun(
    project: Path, data: dict[str, str | None], score: str, lack: str
) -> None:
    config = override_config(read_config(project), {"data": data, "study": {"score": score}})
    image_paths = find_images(config.data.images)
    told = find_study_lack(config.data, config.evaluation, config.study, image_paths)
    assert told.startswith(lack)
    assert bool(told) == bool(lack)
