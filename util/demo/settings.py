"""Whether the demo that is there is the one that a config asks for."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from util.config import DemoSection
from util.disk.whole_files import read_json
from util.errors import UserError

SETTINGS = "scenes.json"
"""What a demo was made with, in its folder."""

_KEYS = {"kind": "kind", "scenes": "num_scenes", "size_px": "size_px", "seed": "seed"}
"""Names that keys of the config have in it."""


def describe_other_demo(images: Path, folder: Path, demo: DemoSection) -> str:
    """Say that the demo at hand was made with other settings than the config has.

    Args:
        images: Folder of the images that are worked on.
        folder: Of the demo.
        demo: Settings of the config.

    Returns:
        A sentence; '' where the images are others, the demo is that of the config, or nobody knows.
    """
    if images != folder / "JPEGImages":
        return ""
    made: dict[str, Any] = {}
    with suppress(UserError):  # who makes the demo says that it is damaged
        made = read_json(folder / SETTINGS, "delete the folder")
    if not made:
        return ""
    asked = demo.model_dump()
    found = {key: made.get(name, asked[key]) for key, name in _KEYS.items()}
    found["kind"] = made.get("kind", "sea")  # which does not say it
    others = [key for key in found if found[key] != asked[key]]
    if not others:
        return ""
    given = " ".join(f"--demo.{key} {found[key]}" for key in others)
    wanted = ", ".join(f"demo.{key} {asked[key]}" for key in others)
    return (
        f"{folder} was made by {given}, the config says {wanted}: give these options here, too, or "
        "delete the folder and run util/demo/make_demo.py to make it anew"
    )
