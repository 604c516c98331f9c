"""Groups of images against plain loops that draw whole groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import util.metrics.groups
from tests.conftest import box_table
from util.errors import UserError
from util.metrics.average_precision import bootstrap_average_precision, rank_predictions
from util.metrics.groups import ImageGroups, group_images, name_parts
from util.metrics.intervals import bootstrap, resample_weights
from util.metrics.scores import f1

FEW = 200
IDS = ["lake/a_1", "shore/a_1", "lake/a_2", "lake/b_1", "shore/b_7"]


@pytest.mark.parametrize(
    ("pattern", "of_image"),
    [
        ("^(.*)/", [0, 1, 0, 0, 1]),  # the folder
        (r"^(.*)_\d+$", [0, 1, 0, 2, 3]),  # all but the number
        ("/[ab]", [0, 0, 0, 1, 1]),  # the whole match
        (None, [0, 1, 2, 3, 4]),
    ],
)
def test_the_first_part_in_parentheses_or_the_match_names_the_group(
    pattern: str | None, of_image: list[int]
) -> None:
    assert group_images(pattern, IDS).of_image.tolist() == of_image


def test_all_ids_without_a_group_are_named() -> None:
    with pytest.raises(UserError, match=r"no group in 2 of 5 image ids: shore/a_1, shore/b_7\. "):
        group_images("lake", IDS)
    # Neither a part that took no part in the match nor an empty name is a group.
    for pattern in ("(lake)?", "x*"):
        with pytest.raises(UserError, match="finds no group in"):
            group_images(pattern, IDS)


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=12), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_sums_of_groups_equal_a_plain_loop(names: list[str], seed: int) -> None:
    groups = group_images("^(.)", [f"{name}{number}" for number, name in enumerate(names)])
    counts = np.random.default_rng(seed).integers(0, 2**32, (len(names), 2, 3), np.uint32)
    plain: dict[str, list[int]] = {}
    for name, rows in zip(names, counts.tolist(), strict=True):
        so_far = plain.get(name, [[0] * 3] * 2)
        plain[name] = (np.array(so_far, object) + np.array(rows, object)).tolist()
    assert groups.sum(counts).tolist() == list(plain.values())
    assert len(groups) == len(plain)


def test_intervals_are_those_of_groups_that_are_really_drawn_again(
    rng: np.random.Generator,
) -> None:
    counts = rng.poisson(2, (5, 3))
    groups = group_images("^(.*)/", IDS)
    interval = bootstrap(groups.sum(counts), f1, FEW)
    of_lake, of_shore = counts[[0, 2, 3]].sum(axis=0), counts[[1, 4]].sum(axis=0)
    plain = [
        f1(lake * of_lake + shore * of_shore) for lake, shore in next(resample_weights(2, FEW))
    ]
    assert interval.resampled.tolist() == plain
    assert interval.estimate == f1(counts.sum(axis=0))


def test_images_of_a_group_are_drawn_as_often_as_it(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = group_images("^(.*)/", IDS)
    weights = np.concatenate(list(groups.resample_weights(FEW, seed=4)))
    of_groups = np.concatenate(list(resample_weights(2, FEW, seed=4)))
    assert weights.tolist() == of_groups[:, [0, 1, 0, 0, 1]].tolist()
    monkeypatch.setattr(util.metrics.groups, "CHUNK_ELEMENTS", 32)
    chunks = list(groups.resample_weights(FEW, seed=4))
    assert max(chunk.size for chunk in chunks) <= 32
    assert np.concatenate(chunks).tolist() == weights.tolist()


def test_average_precision_is_resampled_by_group() -> None:
    rng = np.random.default_rng(2)
    corners = rng.uniform(0, 0.7, (40, 2))
    rows = [
        (IDS[i % 5], *xy, *(xy + 0.2), confidence)
        for i, (xy, confidence) in enumerate(zip(corners, rng.random(40), strict=True))
    ]
    truths, predictions = box_table([row[:5] for row in rows[:25]]), box_table(rows[10:])
    ranked = rank_predictions(truths, predictions, IDS)
    groups = group_images("^(.*)/", IDS)
    interval = bootstrap_average_precision(ranked, FEW, seed=1, groups=groups)
    weights = next(resample_weights(2, FEW, seed=1))[:, [0, 1, 0, 0, 1]]
    assert interval.resampled[:, 0].tolist() == ranked.average_precision(weights)[:, 0].tolist()
    one = bootstrap_average_precision(ranked, FEW, groups=ImageGroups(np.zeros(5, np.int64)))
    assert np.isnan([one.low, one.high]).all()
    assert one.estimate.tolist() == interval.estimate.tolist()


def test_tiles_of_few_photographs_give_wider_intervals(rng: np.random.Generator) -> None:
    # Ten tiles a photograph, which share how well the birds in it are found.
    recall = rng.uniform(0.2, 0.9, 12).repeat(10)
    found = rng.binomial(20, recall)
    counts = np.stack([found, np.full(120, 5), 20 - found], axis=1)
    groups = ImageGroups(np.arange(12).repeat(10))
    by_photograph, by_tile = bootstrap(groups.sum(counts), f1), bootstrap(counts, f1)
    widths = [each.high - each.low for each in (by_photograph, by_tile)]
    assert widths[0] > 2 * widths[1]


def test_what_intervals_are_over_is_one_sentence() -> None:
    def say(num_images: int, num_groups: int) -> str:
        return ImageGroups(np.arange(num_images) % num_groups).describe_intervals()

    assert say(60, 60) == "Intervals are 95 % bootstrap intervals over 60 images."
    assert say(68, 25).endswith("over 25 groups of 68 images (data.groups).")
    assert say(68, 3).endswith(
        "over 3 groups of 68 images (data.groups): so few make them too narrow, and p values too "
        "small."
    )
    assert say(68, 1) == (
        "No interval can be had: there is only 1 group of 68 images (data.groups)."
    )
    assert say(1, 1) == "No interval can be had: there is only 1 image."


def test_no_images_have_no_groups() -> None:
    groups = group_images("^(.*)/", [])
    assert len(groups) == 0
    with pytest.raises(ValueError, match="at least one image"):
        next(groups.resample_weights())


def test_parts_are_folders_then_groups_and_none_where_nobody_would_read_them() -> None:
    assert name_parts("^(.)", IDS) == ("folder", ["lake", "shore", "lake", "lake", "shore"])
    flat = ["a_1", "a_2", "b_1"]
    assert name_parts("^(.)", flat) == ("group", ["a", "a", "b"])
    assert name_parts(None, flat) == name_parts("^x|.", ["a_1", "a_2"]) == ("", [])
    assert name_parts(None, ["a", "x/b"]) == ("folder", ["(no folder)", "x"])
    assert name_parts(None, [f"{number}/a" for number in range(31)]) == ("", [])
    assert name_parts(None, []) == ("", [])
