"""Tables in Markdown."""

import pandas as pd

from analysis.markdown_table import to_markdown


def test_each_row_is_a_line_whatever_bars_and_breaks_its_texts_have() -> None:
    table = pd.DataFrame({"prompt": ["a | b", "c\nd"], "p ": ["0.1", " 0.20 "]})
    expected = ["| prompt | p |", "| --- | --- |", "| a \\| b | 0.1 |", "| c d | 0.20 |"]
    assert to_markdown(table).splitlines() == expected
    assert to_markdown(table.iloc[:0]).splitlines() == expected[:2]
