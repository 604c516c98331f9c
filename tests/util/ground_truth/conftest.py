"""Two images and what reads a COCO file about them."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.util.ground_truth.coco_files import GOOD, Content, Read
from util.ground_truth.coco import read_coco
from util.images.files import find_images, write_image


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    for name in ("a", "sub/b"):
        write_image(tmp_path / "images" / f"{name}.png", np.zeros((80, 100, 3), np.uint8))
    return find_images(tmp_path / "images")


@pytest.fixture
def read(tmp_path: Path, images: dict[str, Path]) -> Read:
    """Read content, after a change to it."""

    def read_content(change: Callable[[Content], object] = lambda content: None) -> pd.DataFrame:
        content = copy.deepcopy(GOOD)
        change(content)
        path = tmp_path / "t.json"
        path.write_text(json.dumps(content))
        return read_coco(path, images)[0]

    return read_content
