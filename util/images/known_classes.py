"""Tables of classes of known data sets, for masks that come without `classes.json`."""

from collections.abc import Collection

from util.images.class_table import ClassTable

_CITYSCAPES_VOID = (0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30, 255)
"""Of no class: what is not judged there, such as caravans, and 255, as which -1 is stored."""
_CITYSCAPES = {
    7: "road",
    8: "sidewalk",
    11: "building",
    12: "wall",
    13: "fence",
    17: "pole",
    19: "traffic light",
    20: "traffic sign",
    21: "vegetation",
    22: "terrain",
    23: "sky",
    24: "person",
    25: "rider",
    26: "car",
    27: "truck",
    28: "bus",
    31: "train",
    32: "motorcycle",
    33: "bicycle",
}
"""The 19 classes of the benchmark (Cordts et al., arXiv 1604.01685) by their `labelIds`."""
_CAMVID = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
)
"""The 11 classes of CamVid, in the order that SegNet (arXiv 1511.00561) gave them."""


def _table(source: str, names: dict[int, str], void: Collection[int]) -> ClassTable:
    """Make a table; values that are neither named nor void are refused, as in `classes.json`."""
    of_value = {value: (name,) for value, name in names.items()}
    return ClassTable(of_value | dict.fromkeys(void, ()), source=f"the table {source}")


KNOWN_CLASSES = {
    "cityscapes": _table("cityscapes", _CITYSCAPES, _CITYSCAPES_VOID),
    "cityscapes_train_ids": _table(
        "cityscapes_train_ids", dict(enumerate(_CITYSCAPES.values())), [255]
    ),
    "camvid": _table("camvid", dict(enumerate(_CAMVID)), [11, 255]),
}
"""By the names that the config has for them."""
