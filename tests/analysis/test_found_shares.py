"""What share is found, by class and by label."""

import numpy as np
import pandas as pd

from analysis.found_shares import format_found, tabulate_found

COUNTS = {"gull": np.array([[3, 1], [0, 0]]), "bird": np.array([[2, 2], [0, 5]])}


def test_a_row_is_a_class_of_a_label_set_and_nothing_has_no_share() -> None:
    table = tabulate_found("label_set", "class", "pixels", ["sea", "bird"], COUNTS)
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
    table = tabulate_found("label_set", "class", "pixels", ["sea", "bird"], COUNTS)
    lines = [line.split() for line in format_found(table).splitlines()]
    assert lines == [
        ["label_set", "sea", "bird"],
        ["gull", "0.250", "-"],
        ["bird", "0.500", "1.000"],
    ]


def test_without_anything_judged_there_is_no_row() -> None:
    assert tabulate_found("label_set", "class", "pixels", ["sea"], {}).empty
