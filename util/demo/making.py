"""Makes the demo that a config asks for."""

from pathlib import Path

from util.config import DemoSection
from util.demo.cameras.data_set import CAMERAS
from util.demo.data_set import SceneKind, make_data_set
from util.demo.road.data_set import ROAD
from util.demo.sea.data_set import SEA
from util.demo.smoke.data_set import SMOKE
from util.running.progress import track

KINDS: dict[str, SceneKind] = {
    "sea": SEA,
    "road": ROAD,
    "smoke": SMOKE,
    "cameras": CAMERAS,
}


def make_demo(folder: Path, demo: DemoSection) -> None:
    """Make scenes in a folder, with a progress bar; nothing where they are there.

    Raises:
        UserError: The folder holds something else.
    """
    make_data_set(
        folder,
        KINDS[demo.kind],
        demo.scenes,
        demo.size_px,
        demo.seed,
        lambda numbers: track(numbers, "demo scenes"),
    )


def make_demo_if_asked(images: Path, folder: Path, demo: DemoSection) -> None:
    """Make the demo in its folder where the folder of images is its, and they are not there yet."""
    if images == folder / "JPEGImages":
        make_demo(folder, demo)
