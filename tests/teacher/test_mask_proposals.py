"""Masks of things, from a label set's boxes or a grid of points to a refined label set."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import teacher.mask_proposals
import util.refinement.refine_label_set
from teacher.inference.runtime import Runtime
from teacher.proposing import planning
from teacher.saa.segmenters import Segmenter
from teacher.saa.segmenters.grabcut import GrabCutSegmenter
from teacher.saa.segmenters.sam import SamSegmenter
from tests.conftest import ROOT, read_gray
from tests.teacher.saa.segmenters.small_sams import small_sam, write_folder
from tests.teacher.saa.small_models import full
from util.bbox_csv import read_bbox_csv
from util.data_classes import Boxes, BoxSettings
from util.errors import UserError
from util.images.files import find_images, read_image, write_image
from util.images.identity import ImageIdentity
from util.label_set import Content, LabelSet, LabelSetWriter
from util.refinement.merging import merge_masks
from util.weights.finding import find
from util.weights.known import named

POINTS = ("--proposals.source", "points", "--proposals.points_per_side", "2")


@pytest.fixture
def rough(project: Path) -> Path:
    """A project with a label set of birds that are too large; the first image has none."""
    with LabelSetWriter(project.parent / "label_sets" / "bird", {"prompt": "bird"}) as writer:
        for number, (image_id, path) in enumerate(find_images(project.parent / "masks").items()):
            truth = read_gray(path) > 0
            grown = truth | np.roll(truth, 1, axis=0) | np.roll(truth, 1, axis=1)
            content = Content(0.9 * grown * (number > 0))
            writer.add(image_id, content, source="1", seconds=0)
        writer.finish(BoxSettings(object_class="bird"))
    return project


def propose(project: Path, *more: str, status: int = 0) -> LabelSet:
    of_bird = [] if "points" in more else ["--proposals.label_set", "bird"]
    given = ["--config", str(project), *of_bird, *more]
    assert teacher.mask_proposals.main(given) == status
    return LabelSet(project.parent / "label_sets" / "proposals", needs_maps=False)


def masks_of(label_set: LabelSet, image_id: str) -> list[np.ndarray]:
    paths = [label_set.mask_path(image_id, n) for n in range(label_set.num_masks[image_id])]
    return [read_gray(path) > 0 for path in paths]


def times(label_set: LabelSet) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in label_set.folder.rglob("*.png")}


def test_each_box_of_a_label_set_is_outlined_and_the_masks_refine_it(
    rough: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bird, made = LabelSet(rough.parent / "label_sets/bird"), propose(rough)
    said = capsys.readouterr().out
    assert "proposals: boxes of bird outlined by grabcut, 11 labelled, 1 empty, 0 failed" in said
    sepl = "--refinement.label_set bird --refinement.steps sepl --refinement.sepl_masks"
    assert f"refine_label_set.py {sepl} {made.folder}" in said
    table = bird.read_boxes()
    images = find_images(rough.parent / "images")
    for image_id in bird.ids:
        image = read_image(images[image_id])
        rows = table[table["image"] == image_id]
        corners = rows[["xmin", "ymin", "xmax", "ymax"]].to_numpy()
        boxes = corners * np.tile(image.shape[1::-1], 2)
        expected = [full(m, image.shape[:2]) for m in GrabCutSegmenter().segment(image, boxes)]
        np.testing.assert_array_equal(masks_of(made, image_id), expected)
    assert made.num_masks[bird.ids[0]] == 0
    told = ["--refinement.label_set", "bird", "--refinement.steps", "sepl"]
    folder = ["--refinement.sepl_masks", str(made.folder)]
    assert util.refinement.refine_label_set.main(["--config", str(rough), *told, *folder]) == 0
    refined = LabelSet(rough.parent / "label_sets/refined")
    for image_id in bird.ids:
        merged = merge_masks(bird.read(image_id), masks_of(made, image_id))
        np.testing.assert_array_equal(refined.read(image_id), merged)
    assert refined.content != bird.content


def test_masks_have_their_own_boxes_with_the_class_and_confidence_of_what_was_outlined(
    rough: Path,
) -> None:
    made = propose(rough)
    table = read_bbox_csv(made.folder / "prediction.csv")
    before = LabelSet(rough.parent / "label_sets/bird").read_boxes()
    assert table["confidence"].tolist() == pytest.approx(before["confidence"].tolist(), abs=1e-4)
    assert set(table["obj_class"]) == {"bird"}
    for image_id, rows in table.groupby("image", sort=False):
        for mask, row in zip(masks_of(made, str(image_id)), rows.itertuples(), strict=True):
            down, across = mask.any(axis=1).nonzero()[0], mask.any(axis=0).nonzero()[0]
            ends = [across[0], down[0], across[-1] + 1, down[-1] + 1]
            assert (row.xmin, row.ymin, row.xmax, row.ymax) == pytest.approx(
                ends / np.tile(mask.shape[::-1], 2), abs=1e-6
            )


def test_a_stopped_run_goes_on_and_images_whose_boxes_have_changed_are_made_anew(
    rough: Path,
) -> None:
    made = propose(rough)
    before, (_, first, second, third, *_) = times(made), made.ids
    made.mask_path(second, 0).unlink()
    csv = rough.parent / "label_sets/bird/prediction.csv"
    lines = csv.read_text().splitlines(keepends=True)
    csv.write_text("".join(line for line in lines if not line.startswith(f"{third};")))
    path = find_images(rough.parent / "images")[first]
    write_image(path, read_image(path)[:, ::-1])
    after = times(propose(rough))
    changed = {path.parent for path in after if before.get(path) != after[path]}
    assert changed == {made.mask_path(image_id, 0).parent for image_id in (first, second)}
    assert propose(rough).num_masks[third] == 0


def test_other_settings_are_refused_and_replace_all_masks_where_that_is_wanted(
    rough: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = times(propose(rough))
    monkeypatch.setattr(planning, "VERSION", 3)
    other = r"made with other settings.*version: 2 -> 3.*--overwrite.*another proposals\.output"
    with pytest.raises(UserError, match=other):
        propose(rough)
    assert times(LabelSet(rough.parent / "label_sets/proposals", needs_maps=False)) == before
    after = times(propose(rough, "--overwrite"))
    assert after.keys() == before.keys()
    assert all(after[path] != before[path] for path in after)


def test_the_masks_of_boxes_alone_are_for_the_maps_of_another_set(
    rough: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = Boxes(np.array([[1.0, 1.0, 9.0, 9.0]]), np.array([0.9]), ("bird",))
    with LabelSetWriter(rough.parent / "label_sets/yolox", {"producer": "boxes"}) as writer:
        for image_id, path in find_images(rough.parent / "images").items():
            content = Content(boxes=boxes, size_hw=read_image(path).shape[:2])
            writer.add(image_id, content, source="1", seconds=0)
        writer.finish(BoxSettings())
    told = json.loads(rough.read_text()) | {"refinement": {"label_set": "bird"}}
    rough.write_text(json.dumps(told))
    propose(rough, "--proposals.label_set", "yolox")
    _, _, step = capsys.readouterr().out.rpartition("Next: python ")
    script, *arguments = shlex.split(step)
    assert script == "util/refinement/refine_label_set.py"
    assert util.refinement.refine_label_set.main(arguments) == 0
    refined = LabelSet(rough.parent / "label_sets/refined")
    assert refined.ids == LabelSet(rough.parent / "label_sets/bird").ids


@pytest.mark.parametrize(
    ("more", "keys"),
    [
        (["--teacher.split", "Test"], ["teacher.split (proposals.source points)"]),
        (
            ["--proposals.stability", "0.5", "--proposals.points_per_batch", "2"],
            [
                "proposals.points_per_batch (proposals.source points)",
                "proposals.stability (proposals.source points)",
            ],
        ),
        (
            ["--teacher.precision", "bf16", "--saa.segmenter_model", "a"],
            [
                "teacher.precision (saa.segmenter sam or transformers)",
                "saa.segmenter_model (a segmenter with weights)",
            ],
        ),
        (
            ["--saa.segmenter", "sam", "--saa.boxes_per_batch", "3", *POINTS],
            ["saa.boxes_per_batch (proposals.source boxes)"],
        ),
        (
            ["--saa.segmenter", "sam", "--proposals.label_set", "bird", *POINTS],
            ["proposals.label_set (proposals.source boxes)"],
        ),
    ],
)
def test_what_is_set_but_not_read_is_refused(rough: Path, more: list[str], keys: list[str]) -> None:
    with pytest.raises(UserError) as error:
        propose(rough, *more)
    said = str(error.value).removeprefix("what outlines things as it is configured does not read ")
    assert sorted(said.partition(";")[0].split(", ")) == sorted(keys)


def test_what_the_file_says_to_teachers_is_passed_over_but_not_what_it_says_of_points(
    rough: Path,
) -> None:
    told = json.loads(rough.read_text()) | {"teacher": {"split": "Test", "precision": "bf16"}}
    rough.write_text(json.dumps(told))
    propose(rough)
    rough.write_text(json.dumps(told | {"proposals": {"overlap": 0.5}}))
    with pytest.raises(UserError, match=r"does not read proposals\.overlap"):
        propose(rough)


def test_images_whose_truth_chose_the_boxes_stay_known_where_masks_of_them_refine_another(
    rough: Path,
) -> None:
    manifest = rough.parent / "label_sets/bird/label_set.json"
    chosen_on = {"chosen_on": [["möwe", "of möwe"]]}
    told = json.loads(manifest.read_text()) | {"facts": chosen_on}
    manifest.write_text(json.dumps(told))
    made = propose(rough)
    assert made.manifest["facts"]["config"]["proposals"]["label_set"] == "bird"
    manifest.write_text(json.dumps(told | {"facts": {}}))
    sepl = ["--refinement.steps", "sepl", "--refinement.sepl_masks", str(made.folder)]
    given = ["--config", str(rough), "--refinement.label_set", "bird", *sepl]
    assert util.refinement.refine_label_set.main(given) == 0
    refined = LabelSet(rough.parent / "label_sets/refined")
    assert refined.chosen_on == {ImageIdentity("möwe", "of möwe")}


def test_a_damaged_image_fails_alone(rough: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, damaged, *_ = images = find_images(rough.parent / "images")
    images[damaged].write_bytes(b"no image")
    made = propose(rough, status=1)
    assert set(images).difference(made.ids) == {damaged}
    assert f"1 image failed, the rest is done: {damaged}: " in capsys.readouterr().err


def test_several_processes_share_the_images(rough: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = propose(rough)
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        shared = ["--proposals.label_set", "bird", "--proposals.output", "shared"]
        assert teacher.mask_proposals.main(["--config", str(rough), *shared]) == 0
    together = LabelSet(rough.parent / "label_sets/shared", needs_maps=False)
    assert together.num_masks == alone.num_masks
    for image_id in alone.ids:
        np.testing.assert_array_equal(masks_of(together, image_id), masks_of(alone, image_id))


def test_boxes_in_which_the_segmenter_sees_nothing_have_no_mask(rough: Path) -> None:
    row = named("u2netp", "test")
    if find(row, ROOT / "weights") is None:
        pytest.skip(f"u2netp is not here; {row.how_to_get}")
    images = find_images(rough.parent / "images")
    _, even, bird, *_ = images
    csv = rough.parent / "label_sets/bird/prediction.csv"
    head, *rows = csv.read_text(encoding="utf-8").splitlines()
    few = [row for row in rows if row.split(";")[0] in (even, bird)]
    csv.write_text("\n".join([head, *few]), encoding="utf-8")
    write_image(images[even], np.full_like(read_image(images[even]), 90))
    made = propose(rough, "--saa.segmenter", "u2net")
    assert made.num_masks[even] == 0
    assert made.num_masks[bird] > 0
    assert made.manifest["settings"]["models"]["segmenter"]["sha256"] == row.sha256


ALL = ("--proposals.predicted_iou", "0", "--proposals.stability", "0")


def test_a_grid_of_points_is_asked_of_sam_about_the_images_of_a_split(
    rough: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(tmp_path / "sam", "sam")
    sam = ["--saa.segmenter", "transformers", "--saa.segmenter_model", str(tmp_path / "sam")]
    told = [*POINTS, *ALL, *sam, "--teacher.device", "cpu"]
    made = propose(rough, *told, "--teacher.split", "Test")
    said = capsys.readouterr().out
    assert "2 x 2 points outlined by transformers, 3 labelled" in said
    assert "refine_label_set.py --refinement.steps sepl" in said
    listed = (rough.parent / "splits/Test.txt").read_text(encoding="utf-8")
    assert made.ids == listed.splitlines()
    assert all(count > 0 for count in made.num_masks.values())
    with pytest.raises(UserError, match=r"predicted_iou: 0\.0 -> default"):
        propose(rough, *POINTS, "--proposals.stability", "0", *sam, "--teacher.split", "Test")


def test_the_published_sam_is_asked_likewise(rough: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object) -> Segmenter:
        return SamSegmenter(small_sam(), Runtime("cpu"), 4)

    monkeypatch.setattr(planning, "load_segmenter", load)
    (rough.parent / "sam.pth").write_bytes(b"weights")
    sam = ["--saa.segmenter", "sam", "--saa.segmenter_model", str(rough.parent / "sam.pth")]
    made = propose(rough, *POINTS, *ALL, *sam, "--teacher.split", "Validation")
    assert all(count > 0 for count in made.num_masks.values())
    assert torch.is_grad_enabled()


def clear_boxes(project: Path) -> None:
    path = project.parent / "label_sets/bird/prediction.csv"
    path.write_text(path.read_text().splitlines(keepends=True)[0])


def lose_boxes(project: Path) -> None:
    (project.parent / "label_sets/bird/prediction.csv").unlink()


def lose_image(project: Path) -> None:
    next(iter(find_images(project.parent / "images").values())).unlink()


@pytest.mark.parametrize(
    ("spoil", "more", "why"),
    [
        (
            None,
            ["--proposals.label_set", "birds"],
            r"no label set, run, .* 'birds'; there are: bird",
        ),
        (
            clear_boxes,
            [],
            r"bird has no box in any image, so there is nothing to outline; find box",
        ),
        (lose_boxes, [], r"bird has no prediction\.csv; find its boxes"),
        (lose_image, [], r"data\.images has no image .*möwe_00, of which .*bird has boxes"),
        (None, ["--proposals.output", "bird"], r"proposals\.output is 'bird', a label set that it"),
        (None, ["--saa.segmenter", "sam"], r"saa\.segmenter_model: sam_vit_.* is not in .*--fetch"),
        (None, POINTS, r"source points needs SAM, but saa\.segmenter is grabcut"),
        (
            None,
            [*POINTS, "--saa.segmenter", "sam"],
            r"segmenter_model: sam_vit_.* is not in .*--fe",
        ),
        (None, ["--proposals.source", "grid"], r"proposals\.source is .*expected 'boxes' or 'poin"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence_before_a_folder_is_made(
    rough: Path, spoil: Callable[[Path], None] | None, more: list[str], why: str
) -> None:
    if spoil:
        spoil(rough)
    with pytest.raises(UserError, match=why):
        propose(rough, "--paths.weights", str(rough.parent / "weights"), *more)
    assert not (rough.parent / "label_sets/proposals").exists()


def test_missing_libraries_are_said_with_the_command_that_installs_them(
    rough: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "missing_libraries", lambda: ["segment-anything"])
    (rough.parent / "sam.pth").write_bytes(b"weights")
    sam = ["--saa.segmenter", "sam", "--saa.segmenter_model", str(rough.parent / "sam.pth")]
    with pytest.raises(UserError, match=r"segmenter sam needs segment-anything: python -m pip"):
        propose(rough, *sam)
