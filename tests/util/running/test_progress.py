"""Bars of what is worked through."""

from collections.abc import Iterable

import pytest

from util.running.progress import track


@pytest.mark.parametrize(
    ("items", "total", "shown"),
    [
        ([], None, ""),
        (iter([]), 0, ""),
        ([1, 2], None, "2/2"),
        (iter([1, 2]), 2, "2/2"),
        (iter([1, 2]), None, "2img"),
    ],
)
def test_a_bar_is_shown_where_there_is_something_to_do(
    items: Iterable[int], total: int | None, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(track(items, "write", total)) in ([], [1, 2])
    said = capsys.readouterr().err
    assert (shown in said) if shown else said == ""
