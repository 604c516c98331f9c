"""Names of images in lists and tables, as ids."""

import pytest

from util.errors import UserError
from util.images.ids import name_to_id


@pytest.mark.parametrize("name", ["../x.png", "/etc/x", "a/../../x", "", "C:\\x.png", "..\\x"])
def test_names_that_leave_the_folder_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="is no name of a file"):
        name_to_id(name)


def test_names_lose_their_image_suffix_only() -> None:
    assert name_to_id("a/b.JPG") == "a/b"
    assert name_to_id("flight 1.5m") == "flight 1.5m"
