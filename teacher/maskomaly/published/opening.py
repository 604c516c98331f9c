"""Trained networks of road scenes, whoever trained them, to be used as they are or learnt on."""

from dataclasses import replace
from pathlib import Path

from teacher.maskomaly.network import (
    RoadNetwork,
    RoadNetworkSettings,
    build_network,
    load_network,
)
from teacher.maskomaly.published.hub_folder import read_folder
from teacher.maskomaly.published.original import read_original
from util.weights.finding import locate

_HEADS = ("network.class_predictor.", "network.criterion.")
"""What depends on the number of classes."""


def find_network(name: str, weights_folder: Path) -> Path:
    """Find what mask2former.weights names on this disk.

    Args:
        name: Path of a file or folder, or name on the hub.
        weights_folder: Where weights lie that were fetched by name.

    Raises:
        UserError: It is not here.
    """
    return locate(name, "network", "mask2former", weights_folder)


def open_network(path: Path) -> RoadNetwork:
    """Read a trained network, ready to answer.

    Args:
        path: Folder of transformers; `.pt`, the checkpoint of a run; or another file, a checkpoint
            of the original repository.

    Raises:
        UserError: It is damaged, or of another kind of network.
    """
    if path.is_dir():
        return read_folder(path)
    return load_network(path) if path.suffix == ".pt" else read_original(path)


def begin_with(network: RoadNetwork, settings: RoadNetworkSettings) -> RoadNetwork:
    """Give a trained network what it is to learn next; draws from torch's seed.

    What tells a class of the same name apart, and void, is kept; that of other classes is random.

    Args:
        network: Is not changed.
        settings: Classes, points and size of images count; the rest is the network's own.
    """
    begun = build_network(
        replace(
            network.settings,
            classes=settings.classes,
            points=settings.points,
            short_side_px=settings.short_side_px,
            has_negative_class=settings.has_negative_class,
        ),
        None,
    )
    own, state = begun.state_dict(), network.state_dict()
    names, known = ([*n.settings.told_apart, None] for n in (begun, network))  # None = void
    rows = {names.index(name): known.index(name) for name in names if name in known}
    for head in ("network.class_predictor.weight", "network.class_predictor.bias"):
        own[head][list(rows)] = state[head][list(rows.values())]
    heads = {name: own[name] for name in own if name.startswith(_HEADS)}
    begun.load_state_dict({**state, **heads})
    return begun
