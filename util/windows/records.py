"""What is known of windows: `windows.json`.

    {"settings": {"top": 0.12, "left": 0.24},
     "config": {"top": 0.12, "left": 0.24, "bottom": 0.0, "right": 0.0, "size_px": 512, ...},
     "frames": {"cam/0001": {"image": "5f0c…", "mask": null, "size_hw": [1280, 1920],
                             "window_hw": [512, 512], "tops": [154, 410, 666, 768],
                             "lefts": [461, 717, 973, 1229, 1408]}},
     "failed": {"cam/0002": "it is truncated"}}

The window of row r and column c, `cam/0001/0r_0c`, begins at pixel row `tops[r]` and pixel column
`lefts[c]` of the frame `cam/0001`; `image` and `mask` are fingerprints of the files that it was cut
from, `settings` those that differ from their defaults. While windows are cut there are no `frames`,
and `progress.jsonl` takes a line for each.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from util.disk.json_text import parse_json
from util.disk.whole_files import read_json, whole_file, write_json
from util.errors import UserError
from util.settings import is_same_work
from util.windows.grid import Grid

TABLE = "windows.json"
PROGRESS = "progress.jsonl"

REMEDY = "make the windows anew in another folder (paths.windows), or delete this one"


@dataclass(frozen=True)
class Frame:
    """An image that was cut into windows.

    Attributes:
        grid: Where these lie.
        image: Fingerprint of its file.
        mask: That of its mask's; None where it has none.
    """

    grid: Grid
    image: str
    mask: str | None

    def to_json(self) -> dict[str, Any]:
        """Give its JSON values."""
        return {"image": self.image, "mask": self.mask, **asdict(self.grid)}


@dataclass(frozen=True)
class Windows:
    """Windows that are all cut.

    Attributes:
        folder: Where they lie.
        settings: What decided how, as far as it differs from the defaults; JSON values.
        frames: The images that they are of, by id.
        failed: Why other images have none, by id.
    """

    folder: Path
    settings: Mapping[str, Any]
    frames: Mapping[str, Frame]
    failed: Mapping[str, str]

    def count(self) -> int:
        """Count the windows of all frames."""
        grids = [frame.grid for frame in self.frames.values()]
        return sum(len(grid.tops) * len(grid.lefts) for grid in grids)


def window_ids(frame_id: str, grid: Grid) -> Iterator[str]:
    """Give the ids of the windows of a frame, row by row."""
    return (f"{frame_id}/{name}" for name, _ in grid.places())


def frame_of(window_id: str) -> str:
    """Give the id of the frame that a window of this id is of."""
    return window_id.rpartition("/")[0]


def read_windows(folder: Path) -> Windows:
    """Read what is known of windows that are all cut.

    Raises:
        UserError: There are none, they are not all cut, or the file is damaged.
    """
    table = read_json(folder / TABLE, REMEDY)
    if "frames" not in table:
        what = "are not all cut" if table else "do not exist"
        raise UserError(f"the windows {folder} {what}; run util/windows/cut_windows.py")
    return _parse_table(folder, table)


def read_earlier(folder: Path, asked: Mapping[str, Any], overwrite: bool) -> dict[str, Frame]:
    """Read which frames an earlier run has cut, with the settings that are asked for now.

    Args:
        folder: Where the windows lie, or shall lie.
        asked: The settings, JSON values.
        overwrite: Whether windows of other settings may be replaced.

    Raises:
        UserError: They were cut with other settings and may not be, or the file is damaged.
    """
    table = read_json(folder / TABLE, REMEDY)
    if not table:
        return {}
    made, elsewhere = table.get("settings", {}), "another paths.windows"
    if not is_same_work(folder, made, asked, overwrite, elsewhere):
        return {}
    if "frames" in table:
        return dict(_parse_table(folder, table).frames)
    return dict(_read_progress(folder / PROGRESS))


def write_progress(folder: Path, settings: Mapping[str, Any], frames: Mapping[str, Frame]) -> None:
    """Say that windows are being cut, and which frames are done, so that a stopped run goes on."""
    with whole_file(folder / PROGRESS) as file:
        for frame_id, frame in frames.items():
            file.write(progress_line(frame_id, frame))
    write_json(folder / TABLE, {"settings": dict(settings)})


def progress_line(frame_id: str, frame: Frame) -> bytes:
    """Write a line of the progress of a frame that is cut; ASCII."""
    return json.dumps({"frame": frame_id, **frame.to_json()}).encode() + b"\n"


def write_table(windows: Windows, config: Mapping[str, Any]) -> None:
    """Say that all windows are cut.

    Args:
        windows: All of them.
        config: All settings that decide how, JSON values.
    """
    frames = {frame_id: frame.to_json() for frame_id, frame in windows.frames.items()}
    told = {"settings": dict(windows.settings), "config": dict(config)}
    content = {**told, "frames": frames, "failed": dict(windows.failed)}
    write_json(windows.folder / TABLE, content)
    (windows.folder / PROGRESS).unlink(missing_ok=True)


def _parse_table(folder: Path, table: Mapping[str, Any]) -> Windows:
    try:
        frames = {frame_id: _parse_frame(told) for frame_id, told in table["frames"].items()}
        return Windows(folder, dict(table["settings"]), frames, dict(table["failed"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise UserError(f"{folder / TABLE} is damaged; {REMEDY}") from None


def _read_progress(path: Path) -> Iterator[tuple[str, Frame]]:
    """Read the frames that are done; a line cut short by a stop is passed over."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            try:
                told = parse_json(line)
                yield str(told["frame"]), _parse_frame(told)
            except (KeyError, TypeError, ValueError):
                continue


def _parse_frame(told: Mapping[str, Any]) -> Frame:
    """Read a frame of its JSON values; raises KeyError, TypeError or ValueError if it is none."""
    height, width = map(int, told["size_hw"])
    window_height, window_width = map(int, told["window_hw"])
    tops, lefts = (tuple(map(int, told[key])) for key in ("tops", "lefts"))
    grid = Grid((height, width), (window_height, window_width), tops, lefts)
    mask = told["mask"]
    return Frame(grid, str(told["image"]), None if mask is None else str(mask))
