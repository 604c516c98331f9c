"""Label sets that are exported together, and what they say of an image."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import pandas as pd

from util.config import PathsSection
from util.data_classes import BoxSettings
from util.errors import UserError, listed
from util.exporting.objects import BoxRows, LabelledImage, Object, add_masks
from util.images.files import image_size_hw
from util.label_set import PREDICTION, LabelSet, find_label_set, map_cost
from util.running.ahead import map_ahead
from util.words import count_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Source:
    """A label set, and its boxes.

    Attributes:
        label_set: Finished.
        settings: How its boxes are found in its maps.
        table: Its boxes, of `util.bbox_csv`.
    """

    label_set: LabelSet
    settings: BoxSettings
    table: pd.DataFrame

    @cached_property
    def rows(self) -> BoxRows:
        """Its boxes, image by image."""
        return BoxRows(self.table, self.label_set.ids)

    @property
    def classes(self) -> list[str]:
        """Its classes by name; where nothing is found in its maps the one that it looked for."""
        found = sorted(self.table["obj_class"].unique())
        return found or ([self.settings.object_class] if self.label_set.has_maps else [])

    def read_objects(
        self, image_id: str, size_hw: tuple[int, int], needs_masks: bool
    ) -> list[Object]:
        """Read the objects of an image of a height and width, with their pixels if these are known.

        Raises:
            UserError: The map cannot be read, or is of another size.
        """
        objects = self.rows.of(image_id, size_hw)
        if not (needs_masks and self.label_set.has_maps):
            return objects
        soft_label = self.label_set.read(image_id)
        if soft_label.shape != size_hw:
            raise UserError(
                f"the map {self.label_set.path(image_id)} has {soft_label.shape[1]} x "
                f"{soft_label.shape[0]} pixels, that of another label set {size_hw[1]} x "
                f"{size_hw[0]}; label the images anew, or export the label sets one by one"
            )
        return add_masks(objects, soft_label, self.settings)


@dataclass(frozen=True, eq=False)
class ObjectReader:
    """Reads what label sets say of their images.

    Attributes:
        sources: Of the same images.
        classes: Of the objects that count.
        needs_masks: Whether the pixels of objects are wanted, where there are maps.
        image_paths: Of all images, by id; {} where they are not needed.
        ignored: Images of which no pixel counts, which are left out; see `find_ignored`.
    """

    sources: Sequence[Source]
    classes: frozenset[str]
    needs_masks: bool
    image_paths: Mapping[str, Path]
    ignored: frozenset[str]

    def read(self, image_id: str) -> LabelledImage:
        """Read an image's objects.

        Raises:
            UserError: Its map or, in label sets of boxes alone, the image cannot be read; or maps
                are of several sizes.
        """
        size_hw = image_size_hw(self.file_of(image_id))
        objects = [
            each
            for source in self.sources
            for each in source.read_objects(image_id, size_hw, self.needs_masks)
            if each.obj_class in self.classes
        ]
        return LabelledImage(image_id, self.image_paths.get(image_id), size_hw, objects)

    @cached_property
    def ids(self) -> list[str]:
        """The images that count, sorted: all label sets have the same."""
        return [each for each in self.sources[0].label_set.ids if each not in self.ignored]

    @property
    def failed(self) -> list[str]:
        """The images on which what made a label set has failed, sorted; none has these."""
        return sorted({image_id for each in self.sources for image_id in each.label_set.failed})

    def table(self) -> pd.DataFrame:
        """The boxes that count, of `util.bbox_csv`: those of each label set together."""
        boxes = pd.concat([source.table for source in self.sources], ignore_index=True)
        counts = boxes["obj_class"].isin(self.classes) & ~boxes["image"].isin(self.ignored)
        return boxes[counts]

    def file_of(self, image_id: str) -> Path:
        """Where the file lies that tells the size of an image."""
        for source in self.sources:
            if source.label_set.has_maps:
                return source.label_set.path(image_id)
        return self.image_paths[image_id]

    def cost_bytes(self, image_id: str) -> int:
        """Memory that an image takes while it is worked on: its maps are read one by one."""
        return map_cost(self.file_of(image_id)) if self.needs_masks else 0


def open_label_sets(
    places: Sequence[str], paths: PathsSection, split: str, needs_maps: bool
) -> list[LabelSet]:
    """Open the label sets that a user names.

    Args:
        places: See `find_label_set`; one or more.
        paths: Of the label sets and runs.
        split: Of the runs that are named alone.
        needs_maps: Whether those that hold boxes alone are refused.

    Raises:
        UserError: Some are missing, unfinished, lack maps or are named twice; all are told.
    """
    found, problems = dict[Path, LabelSet](), []
    for place in places:
        try:
            folder = find_label_set(place, paths.label_sets, paths.runs, split)
            if folder in found:
                raise UserError(f"the label set {folder} is named twice; name it once")
            found[folder] = LabelSet(folder, needs_maps)
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    return list(found.values())


def read_table(label_set: LabelSet, settings: BoxSettings) -> pd.DataFrame:
    """Read the boxes of a label set; find them in its maps where they were found otherwise.

    Raises:
        UserError: There are neither boxes nor maps.
    """
    has_file = (label_set.folder / PREDICTION).exists()
    if not label_set.has_maps:
        return label_set.read_boxes()
    if not has_file or settings != label_set.box_settings:
        return label_set.find_boxes(label_set.ids, settings)
    table = label_set.read_boxes()  # those of earlier versions may have unsure ones
    return table[table["confidence"] > settings.min_confidence]


def choose_classes(sources: Sequence[Source], wanted: Sequence[str]) -> list[str]:
    """Tell which class has which number, and say what is left out or lacking.

    Args:
        sources: What is exported.
        wanted: Classes in the order of their numbers; () = all, by name.

    Raises:
        UserError: A class is wanted twice, or there are boxes, but of none that is wanted.
    """
    if not wanted:
        return sorted({name for source in sources for name in source.classes})
    if len(set(wanted)) < len(wanted):
        raise UserError(f"export_label_set.classes names a class twice: {listed(wanted, 20)}")
    boxes = pd.concat([source.table["obj_class"] for source in sources])
    counts = boxes.value_counts().sort_index()
    others = counts.drop(wanted, errors="ignore")
    if len(others) and len(others) == len(counts):
        raise UserError(
            f"no box is of the classes {listed(wanted)}, but of {listed(list(counts.index))}; set "
            "export_label_set.classes"
        )
    if len(others):
        told = [f"{name} ({count})" for name, count in others.items()]
        logger.warning(
            "left out %s of other classes: %s", count_of(others.sum(), "box", "boxes"), listed(told)
        )
    if lacking := [name for name in wanted if name not in counts]:
        logger.info("no box is of the classes %s", listed(lacking))
    return list(wanted)


def find_ignored(label_sets: Sequence[LabelSet]) -> frozenset[str]:
    """Find the images all of whose pixels have weight 0, as those that are marked as wrong.

    Raises:
        UserError: Weights cannot be read.
    """

    def is_ignored(label_set: LabelSet, image_id: str) -> bool:
        return not label_set.read_weights(image_id).any()

    found = set[str]()
    for each in label_sets:
        weighted = [image_id for image_id in each.ids if each.is_weighted(image_id)]
        told = map_ahead(partial(is_ignored, each), weighted)
        found |= {image_id for image_id, ignored in zip(weighted, told, strict=True) if ignored}
    return frozenset(found)
