"""A good COCO file, and changes to it."""

from collections.abc import Callable
from typing import Any

import pandas as pd

Content = dict[str, Any]
Read = Callable[..., pd.DataFrame]

GOOD: Content = {
    "images": [
        {"id": 1, "file_name": "a.png", "height": 80, "width": 100},
        {"id": 2, "file_name": "sub/b.png", "height": 80, "width": 100},
    ],
    "categories": [{"id": 5, "name": "bird"}, {"id": 6, "name": " boat "}],
    "annotations": [
        {"id": 11, "image_id": 1, "category_id": 5, "bbox": [10, 20, 20, 20]},
        {"id": 12, "image_id": 1, "category_id": 5, "bbox": [60, 50, 30, 10], "iscrowd": 0},
        {"id": 13, "image_id": 2, "category_id": 6, "bbox": [50.5, 40, 9, 5], "area": 45},
    ],
}


def annotate(**changes: object) -> Callable[[Content], object]:
    """Add an annotation like the first, with some keys of its own (None: without it)."""

    def change(content: Content) -> None:
        added = {**content["annotations"][0], "id": 17, **changes}
        content["annotations"].append({k: v for k, v in added.items() if v is not None})

    return change
