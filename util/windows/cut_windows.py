# PYTHON_ARGCOMPLETE_OK
"""Cut large images into windows, a data set of its own, for classifiers that want small pictures.

    python util/windows/cut_windows.py --windows.top 0.12 --windows.left 0.24 --windows.size_px 512

Reads data.images and what there is of data.masks (or data.ground_truth where it is masks),
data.splits and data.image_labels; writes paths.windows: images/FRAME/ROW_COLUMN.png, masks cut
likewise, splits, image_labels.csv, windows.json, which says where each window lies, and
config.json, a config for all other stages, whose results lie beside it. Windows are where the rule
puts them: no truth chooses or drops one. All windows of an image are in its split and have its
labels, so a window of an image with smoke may well show none. They are PNGs, since JPEG would blur
a second time what is faint. Images that cannot be read are named and left out. All of this is
written anew at each run, labels and lists with it, so those that you make for windows yourself
belong elsewhere.
Next: python teacher/cam/train_classifier.py --config PATHS.WINDOWS/config.json
"""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from util.config import (
    Config,
    DataSection,
    WindowsSection,
    keys_of,
    override_config,
    write_config,
)
from util.config.command_line import OVERWRITE, load_config
from util.demo.making import make_demo_if_asked
from util.disk.whole_files import write_bytes
from util.errors import UserError
from util.ground_truth.image_labels import read_image_labels
from util.images.class_table import CLASS_NAMES
from util.images.files import find_images
from util.images.mask_files import find_mask_paths
from util.images.mask_values import ANOMALOUS, WORDS
from util.images.masks import open_folder
from util.label_set.reporting import report_failed
from util.metrics.groups import name_groups
from util.running.locks import held
from util.running.run import print_next, run_script
from util.running.shares import refuse_several
from util.windows.cutting import CONFIG, IMAGES, MASKS, Source, check_folder, cut_frames
from util.windows.lists import read_splits, write_labels, write_splits
from util.windows.records import Windows, write_table
from util.words import count_of

SPLITS, LABELS = "splits", "image_labels.csv"

DECIDING = {key for key in WindowsSection.model_fields if WindowsSection.is_deciding(key)}
"""Keys of the section that decide where windows lie."""

READS = keys_of("demo") | {f"windows.{key}" for key in DECIDING}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script."""
    refuse_several("util/windows/cut_windows.py")
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    data, folder = config.data, config.paths.windows
    masks = find_mask_folder(data)
    inputs = (data.images, masks, data.splits, data.image_labels)
    check_folder(folder, (IMAGES, MASKS, SPLITS, LABELS, CONFIG), inputs)
    make_demo_if_asked(data.images, config.paths.demo, config.demo)
    sources = find_sources(data, masks)
    splits = {} if data.splits is None else read_splits(data.splits, sources)
    labels = {} if data.image_labels is None else read_image_labels(data.image_labels, sources)
    groups = group_windows(data.groups, list(sources))
    values = tell_values(data, masks, list(sources))
    with held(folder):
        windows = cut_frames(config.windows, sources, folder, options.overwrite)
        write_splits(folder / SPLITS, splits, windows.frames)
        write_labels(folder / LABELS, labels, windows.frames)
        copy_class_names(masks, folder)
        write_config(folder, configure(config, windows, groups, values))
        write_table(windows, config.windows.model_dump(mode="json", include=DECIDING))
    print(
        f"{folder}: {count_of(windows.count(), 'window')} of "
        f"{count_of(len(windows.frames), 'image')}"
    )
    if masks is not None and data.ground_truth is not None and masks != data.ground_truth:
        print(
            "Their boxes are those of what data.masks marks: the boxes of data.ground_truth are "
            "not cut"
        )
    if masks is None and data.ground_truth is not None:
        print("They have no truth: data.ground_truth is of boxes, which are not cut, as masks are")
    if labels:
        print("Their labels are those of the images; one of an image with smoke may show none")
    script = "teacher/cam/train_classifier.py" if labels else "teacher/soft_label_generation.py"
    print_next([script, "--config", str(folder / CONFIG)], [])
    return report_failed(windows.failed)


def find_mask_folder(data: DataSection) -> Path | None:
    """Find the folder of true masks, data.masks or data.ground_truth; None = there is none."""
    if data.masks is None and data.ground_truth_format == "masks":
        return data.ground_truth
    return data.masks


def find_sources(data: DataSection, folder: Path | None) -> dict[str, Source]:
    """Find the images, and the masks that they have in a folder."""
    images = find_images(data.images)
    masks = {} if folder is None else find_mask_paths(folder, images, data.mask_names)
    return {image_id: Source(path, masks.get(image_id)) for image_id, path in images.items()}


def copy_class_names(masks: Path | None, folder: Path) -> None:
    """Keep the names of classes of a folder of masks beside those of windows."""
    names = folder / MASKS / CLASS_NAMES
    if masks is not None and (masks / CLASS_NAMES).exists():
        write_bytes(names, (masks / CLASS_NAMES).read_bytes())
    else:
        names.unlink(missing_ok=True)


def group_windows(groups: str | None, frame_ids: Sequence[str]) -> str:
    """Write data.groups so that it finds in a window what it finds in its image.

    Args:
        groups: As it is for images; None = each is a group, of all its windows.
        frame_ids: Of the images.

    Raises:
        UserError: It cannot be written so, or finds no group in some images.
    """
    if groups is None:
        return "^(.*)/"
    ends_there = groups.endswith("$") and not groups.endswith("\\$")
    window = "/[0-9]+_[0-9]+$"
    found = f"(?:{groups[:-1]})(?={window})" if ends_there else f"(?:{groups})(?=.*{window})"
    wanted = name_groups(groups, frame_ids)
    try:
        if name_groups(found, [f"{frame_id}/00_00" for frame_id in frame_ids]) == wanted:
            return found
    except (UserError, re.error):
        pass  # as with flags in front
    raise UserError(
        f"data.groups is '{groups}', which finds other groups in windows, whose ids end in "
        "/ROW_COLUMN; write it without flags and with $ at its end at most, such as ^(.*)_[0-9]+$"
    )


def tell_values(data: DataSection, folder: Path | None, image_ids: Sequence[str]) -> dict[str, str]:
    """Say what values of masks mean, as data.mask_values, for windows that have but some of them.

    Void alone in a window, or in most of them, would be taken for what is sought.

    Args:
        data: Says what values mean, if it does.
        folder: Of the masks; None = there is none.
        image_ids: Of all images, whose masks tell it together.

    Returns:
        {} where names of classes say it, or where it cannot be told.
    """
    if folder is None or data.mask_values or (folder / CLASS_NAMES).exists():
        return dict(data.mask_values)
    try:
        masks = open_folder(folder, image_ids, names=data.mask_names)
    except UserError:
        return {}
    values = masks.seen.values
    if ANOMALOUS not in masks.meaning[list(values)]:
        return {}
    return {str(v): WORDS[masks.meaning[v]] for v in values if masks.meaning[v] in WORDS}


def configure(
    config: Config, windows: Windows, groups: str, mask_values: Mapping[str, str]
) -> Config:
    """Make the config whose images are the windows, and whose results lie beside them.

    Args:
        config: Of the images.
        windows: Cut.
        groups: See `group_windows`.
        mask_values: See `tell_values`.
    """
    folder, data = windows.folder, config.data
    has_masks = any(frame.mask is not None for frame in windows.frames.values())
    masks = folder / MASKS if has_masks else None
    told: dict[str, dict[str, Any]] = {
        "paths": {name: folder / name for name in ("label_sets", "runs", "exports", "windows")},
        "data": {
            "images": folder / IMAGES,
            "splits": None if data.splits is None else folder / SPLITS,
            "ground_truth": masks,
            "ground_truth_format": "masks",
            "image_labels": None if data.image_labels is None else folder / LABELS,
            "masks": masks,
            "mask_names": {},
            "mask_values": mask_values,
            "groups": groups,
        },
    }
    return override_config(config, told)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
