"""Label sets combined into one, as the script does it."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import util.label_set.reading
import util.label_set.writing.folding
from tests.conftest import read_gray
from util.config import CombinationSection, DataSection, EvaluationSection
from util.data_classes import BoxSettings
from util.disk.fingerprints import fingerprint
from util.errors import UserError
from util.images.files import find_images, write_image
from util.images.masks import open_folder
from util.label_set import Content, LabelSet, LabelSetWriter
from util.metrics.pixelwise.pixels import PixelCurve, PixelHistogram
from util.multi_teacher import combining
from util.multi_teacher.agreement import learn_weights, vote_entropy
from util.multi_teacher.calibration import calibrate
from util.multi_teacher.combination_strategies import main
from util.multi_teacher.strategies import combine_majority, combine_mean
from util.running.shares import ALONE


def average(folder: Path) -> tuple[LabelSet, dict[str, str]]:
    """Combine the label sets `one` and `two` of a folder; also why images failed, by id."""
    settings = CombinationSection(label_sets=["one", "two"], strategy="mean", output="out")
    made = combining.combine(settings, DataSection(), EvaluationSection(), folder, False, ALONE)
    assert made.label_set is not None
    return made.label_set, made.problems


def test_images_whose_sizes_disagree_fail_and_the_rest_is_combined(
    tmp_path: Path, write_label_set: Callable[..., LabelSet]
) -> None:
    def maps(side: int) -> dict[str, np.ndarray]:
        return {"a": np.ones((side, 4)), "b": np.ones((side, 4)), "c": np.ones((4, 4))}

    for name, side in (("one", 4), ("two", 5)):
        write_label_set(name, maps(side))
    combined, problems = average(tmp_path)
    assert list(problems) == ["a", "b"]
    assert "a is (4, 4) in one, but (5, 4) in two" in problems["a"]
    assert combined.ids == ["c"]
    assert combined.failed == problems


def test_a_damaged_map_fails_its_image_alone_and_is_made_once_it_is_mended(
    taught: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = taught.parent / "label_sets"
    whole = (folder / "gull" / "flight 0" / "möwe_03.png").read_bytes()
    (folder / "gull" / "flight 0" / "möwe_03.png").write_bytes(whole[:60])
    given = ["--config", str(taught), "--combination.label_sets", json.dumps(PROMPTS)]
    assert main(given) == 1
    assert "1 image failed, the rest is done: flight 0/möwe_03: " in capsys.readouterr().err
    assert len(LabelSet(folder / "combined").ids) == 11
    (folder / "gull" / "flight 0" / "möwe_03.png").write_bytes(whole)
    assert main(given) == 0
    assert len(LabelSet(folder / "combined").ids) == 12


def test_members_with_equal_maps_are_named(
    taught: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = taught.parent / "label_sets"
    shutil.copytree(folder / "gull", folder / "zorb")
    for names, told in ((["gull", "zorb"], True), (["gull", "whale"], False)):
        given = ["--config", str(taught), "--combination.label_sets", json.dumps(names)]
        assert main([*given, "--combination.output", "_".join(names)]) == 0
        assert ("equal maps are one: zorb = gull; each" in capsys.readouterr().out) is told


def test_several_processes_share_a_combination(
    taught: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = combine(taught)
    maps = {path.name: path.read_bytes() for path in alone.folder.glob("*.png")}
    boxes = (alone.folder / "prediction.csv").read_bytes()
    monkeypatch.setenv("WORLD_SIZE", "2")
    given = ["--config", str(taught), "--combination.label_sets", json.dumps(PROMPTS)]
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        assert main([*given, "--combination.output", "shared"]) == 0
    shared = LabelSet(taught.parent / "label_sets" / "shared")
    assert {path.name: path.read_bytes() for path in shared.folder.glob("*.png")} == maps
    assert (shared.folder / "prediction.csv").read_bytes() == boxes
    assert "share 1 of 2 is done; others are still at work" in capsys.readouterr().out


def test_a_combination_reads_each_member_once_and_never_its_own_output(
    taught: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    plain = util.label_set.reading.read_soft_label

    def watched(path: Path) -> np.ndarray:
        read.append(path)
        return plain(path)

    for module in (util.label_set.reading, util.label_set.writing.folding):
        monkeypatch.setattr(module, "read_soft_label", watched)
    combine(taught)
    assert len(read) == len(set(read)) == 12 * len(PROMPTS)
    assert {path.parents[1].name for path in read} == set(PROMPTS)


def test_a_combination_that_cannot_start_costs_the_older_one_nothing(taught: Path) -> None:
    combined = combine(taught)
    before = {path: path.read_bytes() for path in combined.folder.rglob("*") if path.is_file()}
    (taught.parent / "label_sets" / "whale" / "records.jsonl").unlink()
    given = ["--config", str(taught), "--combination.label_sets", json.dumps(PROMPTS)]
    with pytest.raises(UserError, match="whale is unfinished"):
        main([*given, "--overwrite", "--combination.strategy", "maximum"])
    assert {path: path.read_bytes() for path in before} == before


def test_a_combination_is_not_written_over_what_it_is_made_of(taught: Path) -> None:
    gull = LabelSet(taught.parent / "label_sets" / "gull")
    before = gull.fingerprint()
    with pytest.raises(UserError, match=r"combination\.output is 'gull', a label set that it is"):
        combine(taught, "--combination.output", "gull", "--overwrite")
    assert LabelSet(gull.folder).fingerprint() == before


def test_a_combination_is_written_as_a_label_set(
    tmp_path: Path, write_label_set: Callable[..., LabelSet]
) -> None:
    for name, value in (("one", 0.25), ("two", 0.75)):
        write_label_set(name, {"a": np.full((4, 4), value)})
    combined, _ = average(tmp_path)
    np.testing.assert_allclose(combined.read("a"), 0.5, atol=1e-4)


PROMPTS = ["bird", "gull", "whale"]


@pytest.fixture
def taught(project: Path) -> Path:
    """A project with label sets of three teachers: good, fair and one that sees nothing."""
    rng = np.random.default_rng(3)
    masks = find_images(project.parent / "masks")
    for prompt, contrast in zip(PROMPTS, (0.6, 0.3, 0.0), strict=True):
        with LabelSetWriter(project.parent / "label_sets" / prompt, {"prompt": prompt}) as writer:
            for image_id, path in masks.items():
                truth = read_gray(path)
                noise = rng.random(truth.shape)
                soft_label = np.where(noise < 0.4, 0, contrast * truth + (1 - contrast) * noise)
                writer.add(image_id, Content(soft_label), source="1", seconds=0)
            writer.finish(BoxSettings())
    return project


def combine(project: Path, *options: str, names: Sequence[str] = PROMPTS) -> LabelSet:
    told = json.dumps(names)
    given = ["--config", str(project), "--combination.label_sets", told, *options]
    assert main(given) == 0
    return LabelSet(project.parent / "label_sets" / "combined")


def test_the_default_is_a_consensus_of_those_whose_boxes_others_confirm(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three prompts find what is there, two of them with boxes of their own; the fourth is off."""
    rng = np.random.default_rng(5)
    masks = {
        image_id: read_gray(path)
        for image_id, path in find_images(project.parent / "masks").items()
    }
    names = ["good", "fair", "also", "off"]
    for name in names:
        with LabelSetWriter(project.parent / "label_sets" / name, {"prompt": name}) as writer:
            for image_id, truth in masks.items():
                soft_label = 0.9 * truth if name != "off" else np.zeros(truth.shape)
                if name != "good":
                    row, column = rng.integers(0, np.array(truth.shape) - 6)
                    soft_label[row : row + 6, column : column + 6] = 0.8
                writer.add(image_id, Content(soft_label.astype(np.float32)), source="1", seconds=0)
            writer.finish(BoxSettings())
    combined = combine(project, names=names)
    reliability = combined.manifest["settings"]["weights"]
    assert reliability[3] < 0.7 * max(reliability)
    assert min(reliability[:3]) > 0.7 * max(reliability)
    assert f"Reliability: good {reliability[0]:.3f}, fair" in capsys.readouterr().out
    for image_id in combined.ids:
        maps = [LabelSet(project.parent / "label_sets" / name).read(image_id) for name in names]
        expected = combine_majority(iter(maps[:3]), 2)
        np.testing.assert_allclose(combined.read(image_id), expected, atol=1e-4)


def test_agreement_weighs_the_members_and_says_how(
    taught: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    combined = combine(taught, "--combination.strategy", "agreement")
    members = [LabelSet(taught.parent / "label_sets" / prompt) for prompt in PROMPTS]
    maps = [[member.read(image_id) for member in members] for image_id in combined.ids]
    weights = learn_weights(maps)
    np.testing.assert_allclose(combined.manifest["settings"]["weights"], weights, atol=1e-6)
    assert weights[0] > weights[1] > weights[2]
    assert f"Weights: bird {weights[0]:.3f}, gull {weights[1]:.3f}" in capsys.readouterr().out
    expected = np.average(maps[0], axis=0, weights=weights)
    np.testing.assert_allclose(combined.read(combined.ids[0]), expected, atol=1e-4)


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_members_are_calibrated_on_the_slice_before_they_are_fused(
    taught: Path, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = taught.parent
    mean = ("--combination.strategy", "mean")
    combined = combine(taught, *mean, "--combination.calibration", method)
    ids = (folder / "splits" / "Validation.txt").read_text(encoding="utf-8").split("\n")[:-1]
    masks = open_folder(folder / "masks", ids)
    members = [
        calibrate(LabelSet(folder / "label_sets" / prompt), masks, method)  # type: ignore[arg-type]
        for prompt in PROMPTS
    ]
    for image_id in combined.ids:
        expected = combine_mean(member.read(image_id) for member in members)
        np.testing.assert_allclose(combined.read(image_id), expected, atol=1e-4)
    out = capsys.readouterr().out
    shown = f"bird {members[0].error_before:.4f} -> {members[0].error:.4f}, gull"
    assert f"Calibrated on 3 images, calibration error there: {shown}" in out
    assert combined.manifest["settings"]["calibration"] == method


def test_a_combination_is_chosen_on_what_its_members_were_and_on_its_slice(taught: Path) -> None:
    for prompt, ids in zip(PROMPTS, (["a", "b"], [["a", "5f"], ["c", "77"]], None), strict=True):
        path = taught.parent / "label_sets" / prompt / "label_set.json"
        manifest = json.loads(path.read_text())
        manifest["facts"] = {} if ids is None else {"chosen_on": ids}
        path.write_text(json.dumps(manifest))
    told = {("a", ""), ("b", ""), ("a", "5f"), ("c", "77")}
    assert combine(taught).chosen_on == told
    combined = combine(taught, "--combination.calibration", "isotonic", "--overwrite")
    assert combined.chosen_on == told | chosen_by(taught)


def chosen_by(project: Path) -> set[tuple[str, str]]:
    """Ids and fingerprints of the images of the validation split."""
    ids = (project.parent / "splits" / "Validation.txt").read_text("utf-8").split("\n")[:-1]
    paths = find_images(project.parent / "images")
    return {(image_id, fingerprint([paths[image_id]])) for image_id in ids}


def test_another_slice_to_calibrate_on_is_another_combination(taught: Path) -> None:
    options = ["--combination.calibration", "isotonic"]
    first = combine(taught, *options).fingerprint()
    assert combine(taught, *options).fingerprint() == first
    with pytest.raises(UserError, match=r"other calibrated_on than then.* give --overwrite"):
        combine(taught, *options, "--combination.calibration_split", "Test")
    again = combine(taught, *options, "--combination.calibration_split", "Test", "--overwrite")
    assert again.fingerprint() != first
    mask = find_images(taught.parent / "masks")[again.ids[-1]]
    write_image(mask, 1 - read_gray(mask))
    with pytest.raises(UserError, match="calibrated_on"):
        combine(taught, *options, "--combination.calibration_split", "Test")


def test_calibration_without_masks_says_what_to_set(taught: Path) -> None:
    options = ["--combination.calibration", "isotonic"]
    with pytest.raises(UserError, match=r"set data\.masks"):
        combine(taught, *options, "--data.masks", "null")
    for path in find_images(taught.parent / "masks").values():
        write_image(path, np.zeros_like(read_gray(path)))
    with pytest.raises(UserError, match=r"no mask in .* has an anomalous pixel"):
        combine(taught, *options)


def test_settings_that_are_not_used_make_no_other_combination(taught: Path) -> None:
    mean = ("--combination.strategy", "mean")
    settings = combine(taught, *mean).manifest["settings"]
    assert set(settings) == {"producer", "strategy", "members", "defaults_version"}
    more = ("--combination.calibration_split", "Test")
    assert combine(taught, *mean, *more).manifest["settings"] == settings


def test_pixel_weights_are_one_less_the_entropy_of_the_votes(taught: Path) -> None:
    combined = combine(taught, "--combination.pixel_weights", "true")
    members = [LabelSet(taught.parent / "label_sets" / prompt) for prompt in PROMPTS]
    for image_id in combined.ids:
        entropy = vote_entropy([member.read(image_id) for member in members])
        np.testing.assert_allclose(combined.read_weights(image_id), 1 - entropy, atol=0.6 / 255)
    plain = combine(taught, "--overwrite")
    assert plain.ids == combined.ids
    assert plain.fingerprint() != combined.fingerprint()
    assert not find_weights(plain)
    weighted = combine(taught, "--combination.pixel_weights", "true", "--overwrite")
    assert len(find_weights(weighted)) == len(plain.ids)


def find_weights(label_set: LabelSet) -> list[Path]:
    return list((label_set.folder / "weights").rglob("*.png"))


def test_lost_weights_alone_are_made_again(taught: Path) -> None:
    options = ["--combination.pixel_weights", "true"]
    lost, kept, *_ = find_weights(combine(taught, *options))
    content, made = lost.read_bytes(), kept.stat().st_mtime_ns
    lost.unlink()
    combine(taught, *options)
    assert lost.read_bytes() == content
    assert kept.stat().st_mtime_ns == made


TUNED = ["--combination.strategy", "weighted_mean", "--combination.tune_weights", "true"]


def combine_two(project: Path, *options: str) -> LabelSet:
    return combine(project, *options, names=PROMPTS[:2])


def test_tuned_weights_give_what_they_give_by_hand_and_say_how_good_they_are(
    taught: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuned = combine_two(taught, *TUNED)
    facts, settings = tuned.manifest["facts"], tuned.manifest["settings"]
    ids = (taught.parent / "splits" / "Validation.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert facts["chosen_on"] == sorted(map(list, chosen_by(taught)))
    pooled = PixelHistogram()
    masks = open_folder(taught.parent / "masks", ids)
    for image_id in ids:
        pooled.add(tuned.read(image_id), masks.read(image_id))
    measured = PixelCurve.of(pooled).average_precision()
    figures = facts["average_precision"]
    assert figures["in_sample"] == pytest.approx(measured, abs=1e-8)
    assert figures["in_sample"] >= max(figures["equal_weights"], *figures["members"].values())
    said = f"AP on 3 images of Validation: weighted mean {measured:.3f} in sample, "
    assert f"{said}{figures['leave_one_out']:.3f} leave-one-out; members bird" in (
        capsys.readouterr().out
    )
    assert settings["weights"] == facts["config"]["combination"]["weights"]
    by_hand = ["--combination.weights", json.dumps(settings["weights"])]
    combine_two(taught, *TUNED[:2], *by_hand, "--combination.output", "by_hand")
    given = LabelSet(taught.parent / "label_sets" / "by_hand")
    assert given.content == tuned.content
    assert "chosen_on" not in given.manifest["facts"]


def test_processes_and_a_later_run_tune_the_same_weights(
    taught: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = combine_two(taught, *TUNED)
    made = alone.path(alone.ids[0]).stat().st_mtime_ns
    (alone.path(alone.ids[1])).unlink()
    again = combine_two(taught, *TUNED)
    assert again.manifest["settings"] == alone.manifest["settings"]
    assert (again.content, again.path(again.ids[0]).stat().st_mtime_ns) == (alone.content, made)
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        combine_two(taught, *TUNED, "--combination.output", "shared")
    shared = LabelSet(taught.parent / "label_sets" / "shared")
    assert shared.content == alone.content
    for key in ("settings", "facts"):
        told = {**shared.manifest[key]}
        if key == "facts":
            told["config"]["combination"]["output"] = "combined"
        assert told == alone.manifest[key]


def test_other_images_or_masks_to_tune_on_are_another_combination(taught: Path) -> None:
    combine_two(taught, *TUNED)
    with pytest.raises(UserError, match=r"other tuned_on than then.* give --overwrite"):
        combine_two(taught, *TUNED, "--combination.tuning_split", "Test")
    mask = find_images(taught.parent / "masks")["flight 1/möwe_06"]
    write_image(mask, 1 - read_gray(mask))
    with pytest.raises(UserError, match="tuned_on"):
        combine_two(taught, *TUNED)


def test_weights_are_tuned_on_calibrated_maps(taught: Path) -> None:
    calibrated = combine_two(taught, *TUNED, "--combination.calibration", "isotonic")
    plain = combine_two(taught, *TUNED, "--overwrite")
    figures = [each.manifest["facts"]["average_precision"] for each in (calibrated, plain)]
    assert figures[0] != figures[1]


def test_what_cannot_be_tuned_is_said(taught: Path) -> None:
    with pytest.raises(UserError, match=r"strategy is 'consensus'; .*weights is \[1.0\]; leave"):
        combine_two(taught, "--combination.tune_weights", "true", "--combination.weights", "[1]")
    with pytest.raises(UserError, match=r"tuning_split is 'Test', but no .*; leave it out, or"):
        combine_two(taught, "--combination.tuning_split", "Test")
    masks = find_images(taught.parent / "masks")
    for image_id in ("flight 1/möwe_06", "flight 1/möwe_07", "flight 1/möwe_08"):
        write_image(masks[image_id], np.zeros_like(read_gray(masks[image_id])))
    with pytest.raises(UserError, match=r"3 masks to tune .* no anomalous .*\.tuning_split"):
        combine_two(taught, *TUNED)
    assert not (taught.parent / "label_sets" / "combined").exists()
