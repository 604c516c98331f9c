"""A demo data set: scenes written as pictures, masks, boxes and split lists."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from util.bbox_csv import COLUMNS
from util.demo.canvas import Instance
from util.demo.settings import SETTINGS
from util.disk.whole_files import read_json, write_bytes, write_json, write_text
from util.errors import UserError, listed
from util.ground_truth.image_labels import COLUMNS as LABEL_COLUMNS
from util.images.class_table import CLASS_NAMES

MIN_SIZE_PX = 32
JPEG_QUALITY = 92
CSV_HEADER = ";".join(COLUMNS)


@dataclass(frozen=True)
class Painted:
    """What is written of a scene.

    Attributes:
        image_rgb: (H, W, 3) uint8.
        masks: (H, W) uint8 of each kind, by its folder and what follows the scene's name in that of
            its file: `("SegmentationClass", "")`.
        boxes: Class and box of each object that is told, pixels, x1 and y1 exclusive.
        labels: Of the whole image, each once; None where the kind of scenes has none.
    """

    image_rgb: np.ndarray
    masks: Mapping[tuple[str, str], np.ndarray]
    boxes: tuple[Instance, ...]
    labels: tuple[str, ...] | None = None


def _number_scene(number: int) -> str:
    """Name a scene by its number."""
    return f"scene_{number:04d}"


@dataclass(frozen=True)
class SceneKind:
    """A kind of scenes, of which data sets are made.

    Attributes:
        paint: Makes a scene of the seed of a set, its number in the set and its height in pixels.
        settings: What tells its scenes from those of other kinds and versions.
        next_script: The stage that reads its scenes.
        splits: Letter of each split list in the pattern.
        pattern: Letter of the split of each scene, over and over. It is fixed, because scenes are
            independent draws anyway and each then keeps its split when a larger set is made.
        class_names: Content of `SegmentationClass/classes.json`; None = there are no such masks.
        name: Makes the image id of a scene of its number; all differ.
    """

    paint: Callable[[int, int, int], Painted]
    settings: Mapping[str, Any]
    next_script: str
    splits: Mapping[str, str]
    pattern: str
    class_names: Mapping[str, list[str]] | None = None
    name: Callable[[int], str] = _number_scene

    def members(self, split: str, num_scenes: int) -> list[int]:
        """Return the numbers of the scenes of a split in a set of so many."""
        letter = self.splits[split]
        return [n for n in range(num_scenes) if self.pattern[n % len(self.pattern)] == letter]


def make_data_set(
    folder: Path,
    kind: SceneKind,
    num_scenes: int,
    size_px: int,
    seed: int,
    progress: Callable[[Iterable[int]], Iterable[int]] = lambda items: items,
) -> None:
    """Write a data set of painted scenes; return at once where it is already complete.

    Scene n is the same in every set of the same seed and size. A set that was stopped half way is
    made again from its first scene, which gives the same files.

    Writes `JPEGImages/scene_0000.jpg` or as the kind names it, masks (8-bit gray) in the folders of
    their kinds, `SegmentationClass/classes.json` (names of each number there) where the kind has
    them, `ImageSets/Segmentation/<split>.txt`, `ground_truth.csv` (thesis format, relative
    coordinates, xmax and ymax exclusive), `image_labels.csv` where the kind has labels of images,
    and last `scenes.json`, the settings, which marks the set as complete. A complete set of an
    earlier version gets the names that it lacks.

    Args:
        folder: Where the set shall be.
        kind: Of the scenes.
        num_scenes: Number of pictures, at least 1.
        size_px: Height of the pictures, at least `MIN_SIZE_PX`.
        seed: Seed of the set, 0 or more.
        progress: Wraps the scene numbers on their way through the loop, for a progress bar.

    Raises:
        UserError: a number is out of its range, or the folder holds other scenes already.
    """
    _check_numbers(num_scenes, size_px, seed)
    settings = {"num_scenes": num_scenes, "size_px": size_px, "seed": seed, **kind.settings}
    stems = [kind.name(number) for number in range(num_scenes)]
    if _is_complete(folder, settings):
        _write_names(folder, kind)
        return
    _check_strangers(folder, stems)
    rows = [CSV_HEADER]
    labels = [";".join(LABEL_COLUMNS)]
    for number in progress(range(num_scenes)):
        scene = kind.paint(seed, number, size_px)
        _write_scene(folder, stems[number], scene)
        rows += _csv_rows(stems[number], scene)
        labels += _label_rows(stems[number], scene)
    write_text(folder / "ground_truth.csv", "\n".join(rows) + "\n")
    if len(labels) > 1:
        write_text(folder / "image_labels.csv", "\n".join(labels) + "\n")
    _write_splits(folder, kind, stems)
    _write_names(folder, kind)
    write_json(folder / SETTINGS, settings)


def _write_splits(folder: Path, kind: SceneKind, stems: Sequence[str]) -> None:
    """Write the split lists of scenes, of which there are the names, by their numbers."""
    for split in kind.splits:
        text = "".join(f"{stems[number]}\n" for number in kind.members(split, len(stems)))
        write_text(folder / "ImageSets" / "Segmentation" / f"{split}.txt", text)


def _write_names(folder: Path, kind: SceneKind) -> None:
    """Write the names of the numbers in the class masks, unless they are there or have none."""
    path = folder / "SegmentationClass" / CLASS_NAMES
    if kind.class_names is not None and not path.exists():
        write_json(path, dict(kind.class_names))


def _check_numbers(num_scenes: int, size_px: int, seed: int) -> None:
    """Raise a UserError that names every number out of its range."""
    wrong = [
        f"{name} is {value}, but must be at least {least}"
        for name, value, least in (
            ("num_scenes", num_scenes, 1),
            ("size_px", size_px, MIN_SIZE_PX),
            ("seed", seed, 0),
        )
        if value < least
    ]
    if wrong:
        raise UserError("; ".join(wrong))


def _is_complete(folder: Path, settings: dict[str, Any]) -> bool:
    """Tell whether the folder holds the finished set of these settings; refuse another one."""
    found = read_json(folder / SETTINGS, "delete the folder or give another one")
    if not found:
        return False
    if found != settings:
        raise UserError(
            f"{folder} already holds scenes made with {found}, asked for are {settings}. Delete "
            "the folder, give another one (--paths.demo), or ask for those that are there "
            "(--demo.scenes, --demo.size_px, --demo.seed)."
        )
    return True


def _check_strangers(folder: Path, stems: list[str]) -> None:
    """Refuse a folder with pictures that the set would not replace: they would have no truth."""
    pictures, known = folder / "JPEGImages", set(stems)
    strangers = sorted(
        path.relative_to(pictures).as_posix()
        for path in pictures.rglob("*")
        if path.is_file()
        and path.relative_to(pictures).with_suffix("").as_posix() not in known
        and not path.name.startswith(".")
    )
    if strangers:
        raise UserError(
            f"{folder / 'JPEGImages'} holds pictures that are not of this set: "
            f"{listed(strangers)}. Delete the folder or give another one."
        )


def _write_scene(folder: Path, stem: str, scene: Painted) -> None:
    """Write the picture of a scene and its masks."""
    image_bgr = cv2.cvtColor(scene.image_rgb, cv2.COLOR_RGB2BGR)
    jpeg = _encode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    write_bytes(folder / "JPEGImages" / f"{stem}.jpg", jpeg)
    for (part, suffix), mask in scene.masks.items():
        write_bytes(folder / part / f"{stem}{suffix}.png", _encode(".png", mask, []))


def _encode(suffix: str, image: np.ndarray, parameters: list[int]) -> bytes:
    """Return an image as the bytes of a file of the format that the suffix names."""
    is_encoded, data = cv2.imencode(suffix, image, parameters)
    if not is_encoded:
        raise RuntimeError(f"OpenCV cannot write {suffix} files")
    return bytes(data)


def _csv_rows(stem: str, scene: Painted) -> list[str]:
    """Return the boxes of a scene as rows of the thesis' CSV; none for a scene without any."""
    height, width = scene.image_rgb.shape[:2]
    rows = []
    for number, (name, box_xyxy) in enumerate(scene.boxes):
        relative = np.array(box_xyxy) / (width, height, width, height)
        edges = ";".join(f"{edge:.6f}" for edge in relative)
        rows.append(f"{stem};{edges};{number};{name};1.0")
    return rows


def _label_rows(stem: str, scene: Painted) -> list[str]:
    """Return the labels of a scene as rows of a table; an empty label where it has none of any."""
    if scene.labels is None:
        return []
    return [f"{stem};{label}" for label in scene.labels or [""]]
