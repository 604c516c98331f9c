"""Label sets: the one format between stages.

A folder with `<image id>.png` (see `util.images.files` and `util.images.ids`), `prediction.csv`
(see `util.bbox_csv`), `label_set.json`, which says what made it, and `records.jsonl`, which says
how each image fared (see `util.label_set.records`); where pixels count differently for a student,
`weights/<image id>.png` too (8-bit gray, 0 = the loss ignores the pixel, 255 = full), for
distillation at a temperature `logits/<image id>.npy` (float16), and for the refinement sepl
`masks/<image id>/mask_0000.png` and so on (1 bit). While a set is being made, `progress.jsonl`
takes one line an image; `LabelSetWriter.finish` folds it into the records, so that a run that was
stopped anywhere goes on where it was. Several processes may make one set, each its share of the
images with a progress file of its own; the last one to be ready folds them all. What is logged
meanwhile is added to `label_set.log`: images that failed, and the tracebacks of those that cannot
be read.
"""

from util.label_set.changed_maps import refuse_changed_maps
from util.label_set.comparing import (
    check_same_images,
    common_box_settings,
    describe_equal,
    find_misfits,
    find_other_sizes,
)
from util.label_set.contents import Content
from util.label_set.finding import find_label_set, list_label_sets, prompt_to_folder
from util.label_set.joining import AnyLabelSet, open_label_set
from util.label_set.making import Made, Recipe, check_output, make_label_set
from util.label_set.reading import LabelSet, map_cost
from util.label_set.records import CHOSEN_ON, LOG, MANIFEST, PREDICTION
from util.label_set.writing import LabelSetWriter, write_boxes_anew

__all__ = [
    "CHOSEN_ON",
    "LOG",
    "MANIFEST",
    "PREDICTION",
    "AnyLabelSet",
    "Content",
    "LabelSet",
    "LabelSetWriter",
    "Made",
    "Recipe",
    "check_output",
    "check_same_images",
    "common_box_settings",
    "describe_equal",
    "find_label_set",
    "find_misfits",
    "find_other_sizes",
    "list_label_sets",
    "make_label_set",
    "map_cost",
    "open_label_set",
    "prompt_to_folder",
    "refuse_changed_maps",
    "write_boxes_anew",
]
