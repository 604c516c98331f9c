"""Label sets are compared on the images that all have, and what is left out is said."""

import pytest

import analysis.bbox_evaluation
import analysis.evaluation.found_label_sets
import analysis.heatmaps
import analysis.pixel_evaluation
from tests.analysis.evaluation.evaluation_projects import (
    SCRIPTS,
    Evaluation,
    Project,
    score,
    write_maps,
)
from util.errors import UserError
from util.images.files import find_images
from util.learning.runs.used_images import use_images


@pytest.mark.parametrize(("evaluate", "name"), SCRIPTS)
def test_a_failed_image_is_left_out_for_all_and_said(
    made: Project, evaluate: Evaluation, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *others = made.test
    some = {image_id: made.test[image_id] for image_id in others}
    write_maps(made.folder / "label_sets" / "failed", some, {first: "it is truncated"})
    write_maps(made.folder / "label_sets" / "missing", some)
    assert made.run(evaluate) == 0
    table = made.table(name)
    assert [score(table, each) for each in ("good", "failed", "missing")] == [1, 1, 1]
    assert (table["images"] == 2).all()
    told = capsys.readouterr().err
    assert (
        f"1 of 3 images (Test) left out, since not all have a map of them: failed lacks {first}"
        in told
    )
    assert made.run(evaluate, "--evaluation.predictions", "good") == 0
    assert (made.table(name)["images"] == 3).all()
    assert "left out" not in capsys.readouterr().err


@pytest.mark.parametrize(("evaluate", "name"), SCRIPTS)
def test_a_label_set_of_other_images_is_passed_over_unless_it_was_asked_for(
    made: Project, evaluate: Evaluation, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_maps(made.folder / "label_sets" / "few", made.maps["Train"])
    assert made.run(evaluate) == 0
    assert set(made.table(name).index) == {"good"}
    assert "Passed over, since they have no map of any Test image: few" in capsys.readouterr().out
    named = ["--evaluation.predictions", "few", "--evaluation.predictions", "good"]
    assert made.run(evaluate, *named) == 1
    assert "few is left out: it has no map of any Test image" in capsys.readouterr().err
    with pytest.raises(UserError, match="nothing is left to judge"):
        made.run(evaluate, "--evaluation.predictions", "few")


def test_label_sets_without_a_common_image_are_refused(made: Project) -> None:
    first, second, _ = made.test
    for image_id in (first, second):
        write_maps(made.folder / "label_sets" / image_id[-2:], {image_id: made.test[image_id]})
    with pytest.raises(UserError, match="there is no Test image of which all have a map"):
        made.run(analysis.bbox_evaluation.main)


@pytest.mark.parametrize(("evaluate", "name"), SCRIPTS)
def test_predictions_of_images_that_their_run_has_learnt_from_are_told(
    made: Project, evaluate: Evaluation, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    run, paths = made.folder / "runs" / "student", find_images(made.folder / "images")
    write_maps(run / "Test", made.test)
    learnt, *others = made.test
    use_images([learnt, *made.ids("Train")], others[:1], paths)[0].write(run)
    assert made.run(evaluate) == 0
    end = "1 of 3 images of Test that it is judged on, so its figures are too good:"
    assert f"{run} has learnt from {end} {learnt}\n" in caplog.text
    assert f"{run} was validated on {end} {others[0]}\n" in caplog.text
    assert set(made.table(name).index) == {"good", "student/Test"}
    caplog.clear()
    assert made.run(evaluate, "--evaluation.predictions", "good") == 0
    assert "judged on" not in caplog.text
