"""The boxes of a finished label set, found anew."""

from util.bbox_csv import write_bbox_csv
from util.data_classes import BoxSettings
from util.label_set.boxes import boxes_to_rows, rows_to_csv
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
    with write_bbox_csv(label_set.folder / PREDICTION) as add:
        for found in label_set.iterate_boxes(label_set.ids, settings):
            rows = boxes_to_rows(found.boxes)
            add(rows_to_csv(found.image_id, found.size_hw, rows, settings.object_class))
