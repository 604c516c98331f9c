"""Label sets beside each other."""

from collections.abc import Callable

import pytest

from tests.util.label_set.example_sets import spot
from util.errors import UserError
from util.label_set import LabelSet, check_same_images


def test_sets_with_different_images_are_refused_with_the_list(
    write_label_set: Callable[..., LabelSet],
) -> None:
    one = write_label_set("one", {"a": spot(), "b": spot()})
    two = write_label_set("two", {"a": spot(), "c": spot()})
    with pytest.raises(UserError, match=r"one lacks c; two lacks b"):
        check_same_images([one, two])
