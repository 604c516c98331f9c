"""What share is found, by class and by label."""

import numpy as np
import pandas as pd

from util.metrics.found_shares import NO_LABEL, count_images, format_found, tabulate_found

COUNTS = {
    "gull": {"sea": np.array([3, 1]), "bird": np.array([0, 0])},
    "bird": {"sea": np.array([2, 2]), "bird": np.array([0, 5])},
}


def test_a_row_is_a_class_of_a_label_set_and_nothing_has_no_share() -> None:
    table = tabulate_found("label_set", "class", "pixels", COUNTS)
    expected = pd.DataFrame(
        {
            "label_set": ["gull", "gull", "bird", "bird"],
            "class": ["sea", "bird"] * 2,
            "pixels": [4, 0, 4, 5],
            "found_pixels": [1, 0, 2, 5],
            "found_share": [0.25, np.nan, 0.5, 1.0],
        }
    )
    pd.testing.assert_frame_equal(table, expected)


def test_the_screen_shows_a_column_a_class_in_the_order_of_the_table() -> None:
    table = tabulate_found("label_set", "class", "pixels", COUNTS)
    lines = [line.split() for line in format_found(table).splitlines()]
    assert lines == [
        ["label_set", "sea", "bird"],
        ["gull", "0.250", "-"],
        ["bird", "0.500", "1.000"],
    ]


def test_without_anything_judged_there_is_no_row() -> None:
    assert tabulate_found("label_set", "class", "pixels", {}).empty


def test_an_image_counts_for_each_of_its_labels_and_one_without_a_row_not_at_all() -> None:
    labels = {
        "a": {"smoke", "chimney"},
        "b": {"chimney"},
        "c": frozenset[str](),
        "other": {"whale"},
    }
    counts = count_images(labels, ["a", "b", "c", "unknown"], {"a", "unknown", "other"})
    assert {name: pair.tolist() for name, pair in counts.items()} == {
        "chimney": [1, 1],
        "smoke": [0, 1],
        NO_LABEL: [1, 0],
    }
    assert {name: pair.tolist() for name, pair in count_images({}, ["a"], {"a"}).items()} == {
        NO_LABEL: [0, 0]
    }
