"""Makes the demo that the config asks for."""

from util.config import Config
from util.demo.data_set import SceneKind, make_data_set
from util.demo.road.data_set import ROAD
from util.demo.sea.data_set import SEA
from util.running.progress import track

KINDS: dict[str, SceneKind] = {"sea": SEA, "road": ROAD}


def make_demo(config: Config) -> None:
    """Make the scenes of the config, with a progress bar; nothing where they are there.

    Raises:
        UserError: The folder holds something else.
    """
    demo = config.demo
    make_data_set(
        config.paths.demo,
        KINDS[demo.kind],
        demo.scenes,
        demo.size_px,
        demo.seed,
        lambda numbers: track(numbers, "demo scenes"),
    )


def make_demo_if_asked(config: Config) -> None:
    """Make the demo where the config's images are its, and they are not there yet."""
    if config.data.images == config.paths.demo / "JPEGImages":
        make_demo(config)
