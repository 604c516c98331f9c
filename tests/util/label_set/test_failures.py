"""Failures of images in a loop."""

import pytest

from util.label_set.failures import Failures


def test_the_first_five_failures_are_told_at_once_and_all_are_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures = Failures()
    for number in range(7):
        failures.add(f"image {number}", "it is truncated")
    assert caplog.messages == [f"image {number} failed: it is truncated" for number in range(5)]
    assert failures.reasons == {f"image {number}": "it is truncated" for number in range(7)}
