"""The demo data set of the sea: scenes written as pictures, masks, boxes and split lists."""

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np

from util.bbox_csv import COLUMNS
from util.demo.sea.scene import CLASSES, OBJECT_CLASS, SeaScene, make_scene
from util.disk.whole_files import read_json, write_bytes, write_json, write_text
from util.errors import UserError, listed
from util.images.class_table import CLASS_NAMES

PAINTER_VERSION = 1
"""Counts up whenever the same seed gives other pictures than before."""

MIN_SIZE_PX = 32
JPEG_QUALITY = 92
CSV_HEADER = ";".join(COLUMNS)

# 60 % Train, 15 % Validation, 25 % Test in every 20 scenes. A fixed pattern, because scenes are
# independent draws anyway and each then keeps its split when a larger set is made.
_SPLIT_PATTERN = "TETVTETTETVTTTETTVTE"
_SPLITS = {"Train": "T", "Validation": "V", "Test": "E"}


def make_data_set(
    folder: Path,
    num_scenes: int,
    size_px: int,
    seed: int,
    progress: Callable[[Iterable[int]], Iterable[int]] = lambda items: items,
) -> None:
    """Write a data set of painted scenes; return at once where it is already complete.

    Scene n is the same in every set of the same seed and size. A set that was stopped half way is
    made again from its first scene, which gives the same files.

    Writes `JPEGImages/scene_0000.jpg`, `SegmentationClass/scene_0000.png` (8-bit gray, index into
    `CLASSES`) and `classes.json` beside these (names of each index: that of the CSV first, then our
    own), `ImageSets/Segmentation/{Train,Validation,Test}.txt`, `ground_truth.csv` (thesis format,
    relative coordinates, xmax and ymax exclusive) and last `scenes.json`, the settings, which marks
    the set as complete. A complete set of an earlier version gets the names that it lacks.

    Args:
        folder: Where the set shall be.
        num_scenes: Number of pictures, at least 1.
        size_px: Side of the square pictures, at least `MIN_SIZE_PX`.
        seed: Seed of the set, 0 or more.
        progress: Wraps the scene numbers on their way through the loop, for a progress bar.

    Raises:
        UserError: a number is out of its range, or the folder holds other scenes already.
    """
    settings = {
        "num_scenes": num_scenes,
        "size_px": size_px,
        "seed": seed,
        "version": PAINTER_VERSION,
    }
    _check_numbers(num_scenes, size_px, seed)
    stems = [f"scene_{number:04d}" for number in range(num_scenes)]
    if _is_complete(folder, settings):
        _write_names(folder)
        return
    _check_strangers(folder, stems)
    rows = [CSV_HEADER]
    for number in progress(range(num_scenes)):
        scene = make_scene((seed, number), size_px)
        _write_scene(folder, stems[number], scene)
        rows += _csv_rows(stems[number], scene)
    write_text(folder / "ground_truth.csv", "\n".join(rows) + "\n")
    for split, letter in _SPLITS.items():
        members = [stem for number, stem in enumerate(stems) if _split_letter(number) == letter]
        text = "".join(f"{stem}\n" for stem in members)
        write_text(folder / "ImageSets" / "Segmentation" / f"{split}.txt", text)
    _write_names(folder)
    write_json(folder / "scenes.json", settings)


def _write_names(folder: Path) -> None:
    """Write the names of the numbers in the class masks, unless they are there."""
    path = folder / "SegmentationClass" / CLASS_NAMES
    if not path.exists():
        names = {
            str(CLASSES.index(name)): [thesis_name] if thesis_name == name else [thesis_name, name]
            for name, thesis_name in OBJECT_CLASS.items()
        }
        write_json(path, names)


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


def _is_complete(folder: Path, settings: dict[str, int]) -> bool:
    """Tell whether the folder holds the finished set of these settings; refuse another one."""
    found = read_json(folder / "scenes.json", "delete the folder or give another one")
    if not found:
        return False
    if found != settings:
        raise UserError(
            f"{folder} already holds scenes made with {found}, asked for are {settings}. "
            "Delete the folder or give another one."
        )
    return True


def _check_strangers(folder: Path, stems: list[str]) -> None:
    """Refuse a folder with pictures that the set would not replace: they would have no truth."""
    strangers = sorted(
        path.name
        for path in (folder / "JPEGImages").glob("*")
        if path.stem not in set(stems) and not path.name.startswith(".")
    )
    if strangers:
        raise UserError(
            f"{folder / 'JPEGImages'} holds pictures that are not of this set: "
            f"{listed(strangers)}. Delete the folder or give another one."
        )


def _write_scene(folder: Path, stem: str, scene: SeaScene) -> None:
    """Write the picture of a scene and its class mask."""
    image_bgr = cv2.cvtColor(scene.image_rgb, cv2.COLOR_RGB2BGR)
    jpeg = _encode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    write_bytes(folder / "JPEGImages" / f"{stem}.jpg", jpeg)
    write_bytes(folder / "SegmentationClass" / f"{stem}.png", _encode(".png", scene.class_mask, []))


def _encode(suffix: str, image: np.ndarray, parameters: list[int]) -> bytes:
    """Return an image as the bytes of a file of the format that the suffix names."""
    is_encoded, data = cv2.imencode(suffix, image, parameters)
    if not is_encoded:
        raise RuntimeError(f"OpenCV cannot write {suffix} files")
    return bytes(data)


def _csv_rows(stem: str, scene: SeaScene) -> list[str]:
    """Return the boxes of a scene as rows of the thesis' CSV; none for an empty sea."""
    size_px = scene.image_rgb.shape[0]
    rows = []
    for number, (name, box_xyxy) in enumerate(scene.instances):
        edges = ";".join(f"{edge / size_px:.6f}" for edge in box_xyxy)
        rows.append(f"{stem};{edges};{number};{OBJECT_CLASS[name]};1.0")
    return rows


def _split_letter(number: int) -> str:
    """Return the letter of a scene's split in `_SPLIT_PATTERN`."""
    return _SPLIT_PATTERN[number % len(_SPLIT_PATTERN)]
