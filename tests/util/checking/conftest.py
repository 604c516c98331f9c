"""Data to be checked, for all tests of what is said of them."""

from pathlib import Path

import pytest

from tests.util.checking.checked_data import write_data


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config of twelve images with lists, masks and boxes; see `write_data`."""
    return write_data(tmp_path)
