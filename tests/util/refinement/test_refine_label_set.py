"""Label sets refined into others, as the script does it."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import read_gray
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import find_images, read_image, write_image, write_soft_label
from util.images.identity import ImageIdentity
from util.label_set import Content, LabelSet, LabelSetWriter
from util.refinement.guided_filter import filter_guided
from util.refinement.merging import merge_masks
from util.refinement.par import refine_by_neighbours
from util.refinement.refine_label_set import main


@pytest.fixture
def rough(project: Path) -> Path:
    """A project with a label set of birds that are blurred; one image has weights."""
    rng = np.random.default_rng(3)
    masks = find_images(project.parent / "masks")
    with LabelSetWriter(project.parent / "label_sets" / "bird", {"prompt": "bird"}) as writer:
        for number, (image_id, path) in enumerate(masks.items()):
            truth = read_gray(path)
            soft_label = np.roll(0.9 * truth, 2, axis=1) * rng.random(truth.shape)
            weights = np.full(truth.shape, 0.2) if number == 3 else None
            content = Content(soft_label, weights=weights)
            writer.add(image_id, content, source="1", seconds=0)
        writer.finish(BoxSettings(object_class="bird"))
    return project


def refine(project: Path, *more: str, status: int = 0) -> LabelSet:
    given = ["--config", str(project), "--refinement.label_set", "bird", *more]
    assert main(given) == status
    return LabelSet(project.parent / "label_sets" / "refined")


STEPS = ["--refinement.steps", "guided_filter", "--refinement.steps", "par"]


def test_steps_are_done_one_after_another_in_the_order_given(rough: Path) -> None:
    refined, bird = refine(rough, *STEPS), LabelSet(rough.parent / "label_sets" / "bird")
    assert refined.ids == bird.ids
    for image_id, path in find_images(rough.parent / "images").items():
        image, soft_label = read_image(path), bird.read(image_id)
        expected = refine_by_neighbours(filter_guided(soft_label, image), image)
        np.testing.assert_allclose(refined.read(image_id), expected, atol=1e-5)
        np.testing.assert_array_equal(refined.read_weights(image_id), bird.read_weights(image_id))
    assert refined.is_weighted(bird.ids[3])
    assert not refined.is_weighted(bird.ids[2])
    settings = refined.manifest["settings"]
    assert settings["steps"] == ["guided_filter", "par"]
    assert settings["label_set"] == ["bird", bird.manifest["settings_hash"]]
    assert refined.box_settings == bird.box_settings


def test_a_refinement_goes_on_where_it_was_and_other_settings_are_refused(rough: Path) -> None:
    refined = refine(rough)
    kept, lost, *_ = (refined.path(image_id) for image_id in refined.ids)
    made, content = kept.stat().st_mtime_ns, lost.read_bytes()
    lost.unlink()
    refine(rough, "--refinement.guided_filter_radius_px", "3")  # of a step that is not done
    assert (kept.stat().st_mtime_ns, lost.read_bytes()) == (made, content)
    with pytest.raises(UserError, match=r"par_iterations: .* give --overwrite"):
        refine(rough, "--refinement.par_iterations", "3")
    other = refine(rough, "--refinement.par_iterations", "3", "--overwrite")
    assert other.content != refined.content


def test_an_exchanged_image_is_refined_anew_and_it_alone(rough: Path) -> None:
    refined = refine(rough)
    before = {image_id: refined.path(image_id).stat().st_mtime_ns for image_id in refined.ids}
    path = find_images(rough.parent / "images")[refined.ids[2]]
    write_image(path, read_image(path)[::-1])
    refine(rough)
    after = {image_id: refined.path(image_id).stat().st_mtime_ns for image_id in refined.ids}
    assert [image_id for image_id in after if after[image_id] != before[image_id]] == [
        refined.ids[2]
    ]


def test_images_that_are_missing_or_of_other_sizes_are_named_together(rough: Path) -> None:
    images = find_images(rough.parent / "images")
    first, second, *_ = images
    images[first].unlink()
    write_image(images[second], np.zeros((5, 7, 3), np.uint8))
    for image_id in list(images)[1:-1]:
        write_image(rough.parent / "things" / f"{image_id}.png", np.zeros((2, 2), np.uint8))
    sepl = ["--refinement.sepl_masks", str(rough.parent / "things"), "--refinement.steps", "sepl"]
    with pytest.raises(
        UserError,
        match=rf"bird cannot be refined: refinement.sepl_masks has no masks of {first},"
        rf" {list(images)[-1]}; data.images has no image {first}; maps differ from their"
        rf" images in height x width: {second} \(61 x 83, image 5 x 7\)",
    ):
        refine(rough, *sepl)
    assert not (rough.parent / "label_sets" / "refined").exists()


def test_a_damaged_image_fails_alone(rough: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, *others = images = find_images(rough.parent / "images")
    images[first].write_bytes(b"no image")
    refined = refine(rough, status=1)
    assert refined.ids == others
    assert f"1 image failed, the rest is done: {first}: " in capsys.readouterr().err


def test_weights_of_another_size_than_their_map_fail_alone(
    rough: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bird = LabelSet(rough.parent / "label_sets" / "bird")
    weighted = bird.ids[3]
    write_soft_label(bird.weights_path(weighted), np.ones((3, 5), np.float32))
    refined = refine(rough, status=1)
    assert refined.ids == [image_id for image_id in bird.ids if image_id != weighted]
    assert "has the (height, width) (3, 5), its map has" in capsys.readouterr().err


def test_a_map_that_no_file_can_hold_fails_alone(
    rough: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, *others = images = find_images(rough.parent / "images")
    its_mean = read_image(images[odd]).mean()
    monkeypatch.setattr(
        "util.refinement.refining.apply_steps",
        lambda _, image, soft_label: soft_label + 2 * (image.mean() == its_mean),
    )
    refined = refine(rough, status=1)
    assert refined.ids == others
    assert "outside [0, 1]" in capsys.readouterr().err


def test_a_label_set_is_not_refined_into_itself(rough: Path) -> None:
    with pytest.raises(UserError, match=r"refinement\.output is 'bird', a label set that it is"):
        refine(rough, "--refinement.output", "bird")


def test_an_unknown_step_is_said(rough: Path) -> None:
    with pytest.raises(UserError, match=r'refinement.steps.0 is "bilateral"; expected \'par\''):
        refine(rough, "--refinement.steps", "bilateral")


def test_images_whose_truth_chose_settings_stay_known(rough: Path) -> None:
    manifest = rough.parent / "label_sets" / "bird" / "label_set.json"
    content = json.loads(manifest.read_text())
    chosen_on = [[image_id, f"of {image_id}"] for image_id in LabelSet(manifest.parent).ids[:2]]
    manifest.write_text(json.dumps(content | {"facts": {"chosen_on": chosen_on}}))
    assert refine(rough).chosen_on == {ImageIdentity(*each) for each in chosen_on}


def test_several_processes_share_a_refinement(rough: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = refine(rough).content
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        shared = ["--refinement.output", "shared"]
        assert main(["--config", str(rough), "--refinement.label_set", "bird", *shared]) == 0
    assert LabelSet(rough.parent / "label_sets" / "shared").content == alone


def test_a_refinement_by_a_crf_says_which_it_was(
    rough: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crf = ["--refinement.steps", "crf", "--refinement.crf_backend", "mean_field"]
    refined = refine(rough, *crf, "--refinement.crf_side_px", "16")
    assert "crf: mean_field, images of 16 pixels' longer side" in capsys.readouterr().out
    settings = refined.manifest["settings"]
    assert (settings["crf_backend"], settings["crf_side_px"]) == ("mean_field", 16)


def test_a_trimap_leaves_out_what_two_scores_disagree_on(
    rough: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bird = LabelSet(rough.parent / "label_sets" / "bird")
    refined = refine(rough, "--refinement.steps", "trimap", "--refinement.trimap_high", "0.7")
    for image_id in bird.ids:
        soft_label = bird.read(image_id)
        is_known = (soft_label <= 0.35) | (soft_label > 0.7)
        expected = np.where(is_known, soft_label > 0.7, 0.5)
        np.testing.assert_allclose(refined.read(image_id), expected, atol=1e-4)
        weights = is_known * bird.read_weights(image_id)
        np.testing.assert_allclose(refined.read_weights(image_id), weights, atol=1e-6)
    assert "--student.pixel_weights label_set" in capsys.readouterr().out
    assert refined.box_settings == BoxSettings(object_class="bird")


def test_a_trimap_of_refined_maps_is_refined_against_each_score(rough: Path) -> None:
    image_id, path = next(iter(find_images(rough.parent / "images").items()))
    soft_label = LabelSet(rough.parent / "label_sets" / "bird").read(image_id)
    low, high = (
        filter_guided(soft_label / (soft_label + score), read_image(path)) > 0.5
        for score in (0.35, 0.55)
    )
    steps = ["--refinement.steps", "guided_filter", "--refinement.steps", "trimap"]
    refined = refine(rough, *steps)
    expected = np.where(high, 1, np.where(low, 0.5, 0))
    np.testing.assert_allclose(refined.read(image_id), expected, atol=1e-4)


def test_a_trimap_that_cannot_be_is_said(rough: Path) -> None:
    wrong = ["--refinement.steps", "trimap", "--refinement.steps", "par"]
    with pytest.raises(
        UserError, match=r'steps is \["trimap", "par"\]; expected trimap at the end'
    ):
        refine(rough, *wrong)
    stretched = ["--refinement.steps", "stretch", "--refinement.steps", "trimap"]
    with pytest.raises(UserError, match="expected no stretch with trimap"):
        refine(rough, *stretched)
    with pytest.raises(UserError, match=r"trimap_high is 0\.2; expected at least refinement\.trim"):
        refine(rough, "--refinement.steps", "trimap", "--refinement.trimap_high", "0.2")


def test_masks_of_things_are_merged_and_exchanged_ones_anew(rough: Path) -> None:
    images, bird = find_images(rough.parent / "images"), LabelSet(rough.parent / "label_sets/bird")
    things = rough.parent / "things"
    for image_id, path in find_images(rough.parent / "masks").items():
        write_image(things / f"{image_id}.png", read_gray(path))  # all birds are one thing
    sepl = ["--refinement.sepl_masks", str(things), "--refinement.steps", "sepl"]
    refined = refine(rough, *sepl, "--refinement.sepl_threshold", "0.2")
    for image_id in images:
        masks = [read_gray(things / f"{image_id}.png") > 0]
        expected = merge_masks(bird.read(image_id), masks, 0.2)
        np.testing.assert_array_equal(refined.read(image_id), expected)
    first, second, *_ = images
    before = refined.path(second).stat().st_mtime_ns
    write_image(things / f"{first}.png", np.zeros(bird.read(first).shape, np.uint8))
    again = refine(rough, *sepl, "--refinement.sepl_threshold", "0.2")
    np.testing.assert_array_equal(again.read(first), bird.read(first) > 0.2)
    assert again.path(second).stat().st_mtime_ns == before
    with pytest.raises(UserError, match=r"refinement\.sepl_masks is null; the step sepl needs"):
        refine(rough, "--refinement.steps", "sepl")
