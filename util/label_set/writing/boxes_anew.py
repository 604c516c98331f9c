"""The boxes of a finished label set, found anew."""

from util.data_classes import BoxSettings
from util.label_set.boxes import boxes_to_rows, write_boxes
from util.label_set.reading import LabelSet
from util.label_set.records import PREDICTION
from util.label_set.writing.writer import LabelSetWriter


def write_boxes_anew(label_set: LabelSet, settings: BoxSettings) -> None:
    """Find the boxes of a label set in all of its maps, and write its `prediction.csv`."""
    if label_set.manifest:
        facts = label_set.manifest["facts"]
        made_by = label_set.manifest["settings"]
        LabelSetWriter(label_set.folder, made_by, facts=facts).finish(settings, anew=True)
        return
    found = (
        (each.image_id, each.size_hw, boxes_to_rows(each.boxes))
        for each in label_set.iterate_boxes(label_set.ids, settings)
    )
    write_boxes(label_set.folder / PREDICTION, found, settings.object_class)
