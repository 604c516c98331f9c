"""What label sets hold: which are equal."""

from analysis.work.contents import find_twins


def test_a_twin_is_told_by_the_first_of_the_same_content() -> None:
    assert find_twins({"a": b"1", "b": b"2", "c": b"1", "d": b"1"}) == {"c": "a", "d": "a"}
    assert find_twins({"a": ("1", 2), "b": ("2", 1)}) == {}
    assert find_twins({}) == {}
