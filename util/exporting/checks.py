"""Whether label sets can be exported together, with the images that there are, to where they go."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from util.disk.walking import on_disk
from util.errors import UserError, listed
from util.exporting.sources import Source
from util.label_set import LabelSet, find_other_sizes
from util.label_set.records import read_manifest
from util.words import count_of


def check_classes_apart(sources: Sequence[Source], classes: Sequence[str]) -> None:
    """Make sure that no class is of two label sets, in which one thing would count twice.

    Args:
        sources: The label sets.
        classes: That are exported.

    Raises:
        UserError: Some are; all are named.
    """
    having = {
        name: [source.label_set.name for source in sources if name in source.classes]
        for name in classes
    }
    if shared := [f"{n} ({', '.join(sets)})" for n, sets in having.items() if len(sets) > 1]:
        raise UserError(
            f"classes are of several label sets, so that one thing would count twice: "
            f"{listed(shared)}; leave label sets out, combine them into one, or find the boxes of "
            "one as another class by util/csv_from_soft_labels.py (evaluation.object_class names "
            "those of all)"
        )


def check_none_is_of_another(label_sets: Sequence[LabelSet]) -> None:
    """Make sure that no label set was made of another one, as their manifests say.

    Args:
        label_sets: That are exported together.

    Raises:
        UserError: Some were; all are named.
    """
    pairs = []
    for made in label_sets:
        folders, hashes = find_origins(made)
        pairs += [
            f"{made.name} was made of {each.name}"
            for each in label_sets
            if each is not made
            and (each.folder in folders or each.manifest.get("settings_hash") in hashes)
        ]
    if pairs:
        raise UserError(
            f"{listed(pairs, 20)}, so that each thing would count twice; export either the label "
            "sets that others were made of, or those that were made of them"
        )


def find_origins(label_set: LabelSet) -> tuple[set[Path], set[str]]:
    """Find what a label set was made of (combined, refined, joined, reviewed), and that of what.

    Returns:
        Folders beside it that have the names of these label sets, whether they are there or not,
        and the hashes of their settings when they were used.
    """
    folders, hashes, starts = set[Path](), set[str](), [label_set.folder]
    while starts:
        folder = starts.pop()
        made_by = read_manifest(folder).get("settings", {})
        of_one = made_by.get("label_set")
        for name, settings_hash in [*made_by.get("members", []), *([of_one] if of_one else [])]:
            origin = on_disk(folder.parent / name)
            if origin not in folders:
                starts.append(origin)
            folders.add(origin)
            hashes |= {settings_hash} - {None}  # a bare folder of maps has none
    return folders, hashes


def check_images(label_sets: Sequence[LabelSet], image_paths: Mapping[str, Path]) -> None:
    """Make sure that the files of label sets' images are there, to be named, in the size of maps.

    Args:
        label_sets: Of the same images.
        image_paths: Of all images, by id.

    Raises:
        UserError: Some are not.
    """
    ids = label_sets[0].ids
    if lacking := [image_id for image_id in ids if image_id not in image_paths]:
        raise UserError(
            f"{len(lacking)} of {len(ids)} images of the label set are not in data.images: "
            f"{listed(lacking)}; this format names their files, so set data.images to their folder"
        )
    for label_set in (each for each in label_sets if each.has_maps):
        if told := find_other_sizes(label_set, image_paths):
            raise UserError(
                f"{count_of(len(told), 'map')} of {label_set.folder} not of the size of the "
                f"image, height x width: {listed(told)}; this format names the images, in which "
                "boxes would lie elsewhere: label them anew, or set data.images to those that "
                "were labelled"
            )


def refuse_taken(taken: Collection[Path]) -> None:
    """Refuse files of images in the places of those that tell of all.

    Raises:
        UserError: There are some.
    """
    if taken:
        raise UserError(
            f"the files of images would lie in the place of {listed(sorted(taken))}, which tells "
            "of all; give export_label_set.names"
        )
