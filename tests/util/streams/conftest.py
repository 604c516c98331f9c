"""Two cameras, for all tests of what is chosen from them."""

from pathlib import Path

import pytest

from tests.util.streams.choices import NORTH, SOUTH
from tests.util.streams.recorded import write_streams


@pytest.fixture
def streams(tmp_path: Path) -> Path:
    return write_streams(tmp_path, {"north": NORTH, "south": SOUTH})
