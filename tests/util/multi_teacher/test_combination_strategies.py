import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import util.label_set.reading
import util.label_set.writing.folding
from tests.conftest import read_gray
from util.config import CombinationSection
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import find_images, write_image
from util.images.masks import open_folder
from util.label_set import Content, LabelSet, LabelSetWriter
from util.multi_teacher.agreement import learn_weights, vote_entropy
from util.multi_teacher.calibration import calibrate
from util.multi_teacher.combination_strategies import main
from util.multi_teacher.combining import combine_label_sets
from util.multi_teacher.staple import MARGIN, START, Consensus, decision_patterns, staple
from util.multi_teacher.strategies import (
    build_combination,
    combine_majority,
    combine_maximum,
    combine_mean,
    combine_median,
    combine_noisy_or,
    combine_staple,
    combine_weighted_mean,
)

STACKS = arrays(
    np.float32, st.tuples(st.integers(1, 6), st.just(3), st.just(4)),
    elements=st.sampled_from([0.0, 0.0, 0.25, 0.5, 1.0]),
)  # fmt: skip

PLAIN = ["mean", "median", "maximum", "noisy_or", "staple", "majority"]
PLAIN += ["vote_fraction", "vote_entropy"]
"""Strategies that need no weights."""


def plain_majority(stack: np.ndarray, min_votes: int) -> np.ndarray:
    """The rule of the thesis, pixel by pixel."""
    fused = np.zeros(stack.shape[1:])
    for row, column in itertools.product(*map(range, stack.shape[1:])):
        votes = [value for value in stack[:, row, column] if value > 0]
        if len(votes) >= min_votes:
            fused[row, column] = sum(votes) / len(votes)
    return fused


@given(STACKS, st.integers(1, 6))
def test_majority_is_the_mean_of_the_votes_where_there_are_enough(
    stack: np.ndarray, min_votes: int
) -> None:
    np.testing.assert_allclose(
        combine_majority(stack, min_votes), plain_majority(stack, min_votes), rtol=1e-6
    )


@given(STACKS)
def test_mean_maximum_and_weighted_mean_equal_numpy(stack: np.ndarray) -> None:
    weights = np.arange(1, len(stack) + 1, dtype=float)
    np.testing.assert_allclose(combine_mean(stack), stack.mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(combine_maximum(stack), stack.max(axis=0))
    np.testing.assert_allclose(
        combine_weighted_mean(stack, weights.tolist()),
        np.average(stack, axis=0, weights=weights),
        rtol=1e-5,
    )


@given(STACKS)
def test_one_teacher_alone_is_unchanged_and_inputs_are_not_touched(stack: np.ndarray) -> None:
    before = stack.copy()
    for combined in (
        combine_mean(stack[:1]),
        combine_maximum(stack[:1]),
        combine_median(stack[:1]),
        combine_noisy_or(stack[:1]),
        combine_majority(stack[:1], 1),
        combine_weighted_mean(stack[:1], [2.0]),
    ):
        np.testing.assert_array_equal(combined, stack[0])
    np.testing.assert_array_equal(stack, before)


def test_maps_are_taken_one_at_a_time() -> None:
    alive = 0
    most = 0

    class Counted(np.ndarray):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def stream() -> Iterator[np.ndarray]:
        nonlocal alive, most
        for _ in range(50):
            alive += 1
            most = max(most, alive)
            yield np.full((4, 4), 0.5, np.float32).view(Counted)

    for combine in (
        combine_mean,
        combine_maximum,
        combine_noisy_or,
        combine_staple,
        lambda maps: combine_majority(maps, 2),
    ):
        most = 0
        combine(stream())
        assert most <= 4


def test_weights_never_lift_a_map_above_one() -> None:
    ones = np.ones((3, 2, 2), np.float32)
    for weights in ([0.97, 0.48, 0.87], [1e308, 1e308, 1.0], [0.0, 0.0, 1e-300]):
        assert combine_weighted_mean(ones, weights).max() <= 1
        np.testing.assert_allclose(combine_weighted_mean(ones, weights), 1, rtol=1e-6)


def test_noisy_or_and_median_by_hand() -> None:
    maps = np.array([[[0.5, 0.0, 1.0]], [[0.2, 0.0, 0.3]], [[0.1, 0.4, 0.0]]], np.float32)
    # 1 - 0.5 * 0.8 * 0.9 = 0.64; two empty maps change nothing; one certain map is enough.
    np.testing.assert_allclose(combine_noisy_or(maps), [[0.64, 0.4, 1.0]], rtol=1e-6)
    np.testing.assert_allclose(combine_median(maps), [[0.2, 0.0, 0.3]], rtol=1e-6)
    np.testing.assert_allclose(combine_median(maps[:2]), [[0.35, 0.0, 0.65]], rtol=1e-6)


@given(
    arrays(np.float32, (5, 2, 3), elements=st.floats(0, 1, width=32, allow_subnormal=False)),
    st.sampled_from(PLAIN),
)
def test_every_combination_is_a_float32_map_from_0_to_1(stack: np.ndarray, name: str) -> None:
    before = stack.copy()
    fused = build_combination(section(strategy=name), len(stack))(iter(stack))
    assert (fused.dtype, fused.shape) == (np.float32, (2, 3))
    assert fused.min() >= 0
    assert fused.max() <= 1
    np.testing.assert_array_equal(stack, before)


@pytest.mark.parametrize("name", PLAIN)
def test_empty_maps_stay_empty(name: str) -> None:
    combination = build_combination(section(strategy=name), 3)
    assert not combination(np.zeros((3, 4, 5), np.float32)).any()


def plain_staple(stack: np.ndarray, steps: int) -> Consensus:
    """The expectation maximisation of the paper, pixel by pixel and without logarithms."""
    decisions = [(soft_label > 0).ravel().tolist() for soft_label in stack]
    num_pixels, teachers = len(decisions[0]), range(len(decisions))
    prior = sum(map(sum, decisions)) / (num_pixels * len(decisions))
    p, q = [START] * len(decisions), [START] * len(decisions)

    def truth_at(pixel: int) -> float:
        true, false = prior, 1 - prior
        for j in teachers:
            true *= p[j] if decisions[j][pixel] else 1 - p[j]
            false *= 1 - q[j] if decisions[j][pixel] else q[j]
        return true / (true + false)

    def inside(rate: float) -> float:
        return min(max(rate, MARGIN), 1 - MARGIN)

    for _ in range(steps):
        truth = [truth_at(pixel) for pixel in range(num_pixels)]
        for j in teachers:
            found = sum(w for w, d in zip(truth, decisions[j], strict=True) if d)
            left = sum(1 - w for w, d in zip(truth, decisions[j], strict=True) if not d)
            p[j] = inside(found / sum(truth))
            q[j] = inside(left / (num_pixels - sum(truth)))
    truth = [truth_at(pixel) for pixel in range(num_pixels)]
    return Consensus(np.reshape(truth, stack.shape[1:]), np.array(p), np.array(q))


@pytest.mark.parametrize(("num_teachers", "steps"), [(1, 5), (2, 0), (3, 1), (5, 40), (20, 10)])
def test_staple_equals_plain_expectation_maximisation(num_teachers: int, steps: int) -> None:
    rng = np.random.default_rng(num_teachers)
    truth = np.zeros((12, 17), bool)
    truth[2:7, 3:9] = True
    found = rng.random((num_teachers, *truth.shape)) < np.where(truth, 0.8, 0.1)
    ours = staple(found * np.float32(0.3), tolerance=0, max_iterations=steps)
    plain = plain_staple(found, steps)
    np.testing.assert_allclose(ours.truth, plain.truth, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours.sensitivity, plain.sensitivity, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours.specificity, plain.specificity, rtol=0, atol=1e-9)


def test_staple_recovers_the_truth_and_the_rates_of_simulated_teachers() -> None:
    rng = np.random.default_rng(0)
    sensitivity = np.array([0.95, 0.9, 0.8, 0.6, 0.3])
    specificity = np.array([0.97, 0.99, 0.9, 0.98, 0.8])
    truth = np.zeros((256, 256), bool)
    truth[40:120, 60:180] = True
    chance = np.where(truth, sensitivity[:, None, None], 1 - specificity[:, None, None])
    maps = (rng.random(chance.shape) < chance).astype(np.float32)
    consensus = staple(maps)
    np.testing.assert_allclose(consensus.sensitivity, sensitivity, atol=0.02)
    np.testing.assert_allclose(consensus.specificity, specificity, atol=0.02)
    wrong = np.mean((consensus.truth > 0.5) != truth)
    assert wrong < 0.5 * np.mean((combine_majority(maps, 3) > 0) != truth)
    assert wrong < 0.02


@pytest.mark.parametrize("num_pixels", [1, 10, 5_000, 9_999])
@pytest.mark.parametrize("num_teachers", [1, 2, 40])
def test_staple_believes_teachers_that_agree(num_pixels: int, num_teachers: int) -> None:
    soft_label = np.zeros((100, 100), np.float32)
    soft_label.flat[:num_pixels] = 0.2
    np.testing.assert_allclose(staple([soft_label] * num_teachers).truth, soft_label > 0, atol=0.02)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_staple_of_full_or_empty_maps_is_certain_and_keeps_the_unknown_rates(value: float) -> None:
    consensus = staple(np.full((3, 4, 4), value, np.float32))
    np.testing.assert_array_equal(consensus.truth, value)
    known, unknown = consensus.specificity, consensus.sensitivity
    if value:
        known, unknown = unknown, known
    np.testing.assert_allclose(known, 1, atol=1e-8)
    np.testing.assert_array_equal(unknown, START)


def test_staple_of_maps_that_never_overlap_stays_near_the_prior() -> None:
    maps = np.zeros((2, 100, 100), np.float32)
    maps[0, :10, :10] = maps[1, 50:60, 50:60] = 1
    np.testing.assert_allclose(staple(maps).truth, 0.01, atol=0.005)


@pytest.mark.parametrize("num_teachers", [1, 5, 16, 17, 70])
def test_patterns_tell_every_decision_however_many_teachers(num_teachers: int) -> None:
    maps = np.random.default_rng(0).random((num_teachers, 8, 9)).astype(np.float32) - 0.5
    patterns, counts, index = decision_patterns(maps)
    np.testing.assert_array_equal(np.moveaxis(patterns[index], -1, 0), maps > 0)
    assert len(np.unique(patterns, axis=0)) == len(patterns)
    np.testing.assert_array_equal(counts, np.bincount(index.ravel()))


def section(**values: object) -> CombinationSection:
    return CombinationSection.model_validate(values)


def test_more_votes_than_teachers_are_refused() -> None:
    with pytest.raises(UserError, match="only 2 label sets"):
        build_combination(section(strategy="majority", min_votes=3), 2)


@pytest.mark.parametrize("weights", [[], [1.0], [0.0, 0.0], [1.0, 1.0, 1.0]])
def test_weights_must_fit_the_label_sets(weights: list[float]) -> None:
    with pytest.raises(UserError, match="one weight for each of the 2"):
        build_combination(section(strategy="weighted_mean", weights=weights), 2)


def test_a_strategy_of_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match="noisy_or"):
        section(strategy="noisy-or")


def test_images_whose_sizes_disagree_fail_and_the_rest_is_combined(
    tmp_path: Path, write_label_set: Callable[..., LabelSet]
) -> None:
    def maps(side: int) -> dict[str, np.ndarray]:
        return {"a": np.ones((side, 4)), "b": np.ones((side, 4)), "c": np.ones((4, 4))}

    members = [write_label_set("one", maps(4)), write_label_set("two", maps(5))]
    with LabelSetWriter(tmp_path / "out", {"producer": "test"}) as writer:
        problems = combine_label_sets(members, combine_mean, writer)
        combined = writer.finish(BoxSettings())
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
    assert "1 images failed, the rest is done: flight 0/möwe_03: " in capsys.readouterr().err
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


def test_a_combination_is_written_as_a_label_set(
    tmp_path: Path, write_label_set: Callable[..., LabelSet]
) -> None:
    members = [
        write_label_set("one", {"a": np.full((4, 4), 0.25)}),
        write_label_set("two", {"a": np.full((4, 4), 0.75)}),
    ]
    with LabelSetWriter(tmp_path / "out", {"producer": "test"}) as writer:
        combine_label_sets(members, combine_mean, writer)
        combined = writer.finish(BoxSettings())
    np.testing.assert_allclose(combined.read("a"), 0.5, atol=1e-4)


def test_votes_may_be_the_combination_itself() -> None:
    maps = np.array([[[0.5, 0.0, 0.0]], [[0.2, 0.3, 0.0]]], np.float32)
    found = {
        name: build_combination(section(strategy=name), 2)(iter(maps)).tolist()
        for name in ("vote_fraction", "vote_entropy")
    }
    assert found == {"vote_fraction": [[1, 0.5, 0]], "vote_entropy": [[0, 1, 0]]}


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


def combine(project: Path, *options: str) -> LabelSet:
    names = json.dumps(PROMPTS)
    given = ["--config", str(project), "--combination.label_sets", names, *options]
    assert main(given) == 0
    return LabelSet(project.parent / "label_sets" / "combined")


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
    combined = combine(taught, "--combination.calibration", method)
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


def test_another_slice_to_calibrate_on_is_another_combination(taught: Path) -> None:
    options = ["--combination.calibration", "isotonic"]
    first = combine(taught, *options).fingerprint()
    assert combine(taught, *options).fingerprint() == first
    with pytest.raises(UserError, match=r"calibrated_on: .* give --overwrite"):
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
    settings = combine(taught).manifest["settings"]
    assert set(settings) == {"producer", "strategy", "members"}
    assert (
        combine(taught, "--combination.calibration_split", "Test").manifest["settings"] == settings
    )


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
