"""Label sets in the making, by one process or by several: claimed, added to, finished."""

from util.label_set.writing.boxes_anew import write_boxes_anew
from util.label_set.writing.writer import LabelSetWriter

__all__ = ["LabelSetWriter", "write_boxes_anew"]
