"""Tables of classes of known data sets, for masks that come without `classes.json`."""

from util.images.class_table import ClassTable

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


def _name_all(names: dict[int, str]) -> ClassTable:
    """Make a table in which every other value of 8 bits is of no class."""
    return ClassTable({value: (names[value],) if value in names else () for value in range(256)})


KNOWN_CLASSES = {
    "cityscapes": _name_all(_CITYSCAPES),
    "cityscapes_train_ids": _name_all(dict(enumerate(_CITYSCAPES.values()))),
    "camvid": _name_all(dict(enumerate(_CAMVID))),
}
"""By the names that the config has for them; what is not named there is of no class."""
