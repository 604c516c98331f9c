"""Networks of road scenes that label images: each sees an image once, for all its scores."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from teacher.inference.cache import Cache, cache_key, image_key
from teacher.maskomaly.network import RoadNetwork, load_network
from teacher.maskomaly.querying.queries import Queries, read_queries
from teacher.maskomaly.raw_outputs import RawOutputs
from teacher.maskomaly.run_files import BEST, QUERIES, VERSION, WITH_QUERIES
from teacher.maskomaly.scoring.maskomaly_score import MaskomalySettings
from teacher.maskomaly.scoring.scores import Score, compute_scores
from teacher.maskomaly.segmenting import pass_image
from util.config import MaskomalySection
from util.data_classes import Device
from util.errors import UserError, listed
from util.label_set import Content
from util.learning.device import choose_device
from util.learning.memory import refusing_what_is_too_large
from util.settings import library_versions
from util.weights.identity import weights_identity


class NetworkPasses:
    """What a network says of images, remembered where there is a cache."""

    def __init__(self, network: RoadNetwork, checkpoint: Path, cache: Cache | None) -> None:
        """Have a network answer.

        Args:
            network: Ready to answer.
            checkpoint: That it was loaded from, which tells its answers from those of others.
            cache: Remembers them; None = nothing does.
        """
        self.network = network
        self._cache = cache
        self._identity = {
            "weights": weights_identity(checkpoint)["sha256"],
            "version": VERSION,
            "libraries": library_versions(),
        }

    def check_queries(self, queries: Queries, run: Path) -> None:
        """Make sure that queries are of this network.

        Raises:
            UserError: They are of another one.
        """
        settings = self.network.settings
        identity = str(self._identity["weights"])
        try:
            queries.check_network(settings.queries, len(settings.classes), identity)
        except UserError as error:
            raise UserError(f"{run / QUERIES}: {error}") from None

    def see(self, image_rgb: np.ndarray) -> RawOutputs:
        """Let the network see an image, (H, W, 3) uint8 RGB, if it has not seen it before.

        Masks have half precision whether they are remembered or not, so that a cache changes no
        map.
        """
        if self._cache is None:
            return pass_image(self.network, image_rgb).rounded()
        key = cache_key(image=image_key(image_rgb), **self._identity)
        arrays = self._cache.read("encodings", key)
        if arrays is None:
            outputs = pass_image(self.network, image_rgb).rounded()
            self._cache.write("encodings", key, outputs.to_arrays())
            return outputs
        return RawOutputs.from_arrays(arrays, self.device)

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return next(self.network.parameters()).device


class MaskomalyTeacher:
    """Scores of anomaly by the masks of networks; a `Teacher` that knows no prompts."""

    def __init__(
        self,
        networks: dict[str, NetworkPasses],
        queries: dict[str, Queries],
        settings: MaskomalySettings,
        smoothing_px: float,
    ) -> None:
        """Put networks together.

        Args:
            networks: By their runs.
            queries: Of those whose scores need them.
            settings: Numbers of Maskomaly.
            smoothing_px: Of all maps; see `compute_scores`.
        """
        self._networks = networks
        self._queries = queries
        self._settings = settings
        self._smoothing_px = smoothing_px

    def label(self, image_rgb: np.ndarray, names: Sequence[str], /) -> Iterator[Content]:
        """Score an image, (H, W, 3) uint8 RGB; `names` are NETWORK-SCORE.

        Raises:
            UserError: Memory ran out.
        """
        asked: dict[str, list[Score]] = {}
        for name in names:
            network, _, score = name.rpartition("-")
            asked.setdefault(network, []).append(score)  # type: ignore[arg-type]  # as planned
        maps: dict[str, np.ndarray] = {}
        for network, scores in asked.items():
            looking = self._networks[network]
            how = (self._queries.get(network), self._settings, self._smoothing_px)
            with refusing_what_is_too_large("the image", looking.device, "make it smaller"):
                found = compute_scores(looking.see(image_rgb), scores, *how)
            maps |= {f"{network}-{score}": each for score, each in found.items()}
        return (Content(maps[name]) for name in names)

    def check_prompts(self, prompts: Sequence[str], /) -> None:
        """Refuse nothing: networks know no prompts."""


def load_passes(run: Path, device: Device, cache: Cache | None) -> NetworkPasses:
    """Load the network of a run.

    Raises:
        UserError: Its checkpoint is missing or damaged, or there is no such device.
    """
    network = load_network(run / BEST).to(choose_device(device))
    return NetworkPasses(network, run / BEST, cache)


def _check_negative_class(section: MaskomalySection, networks: dict[str, NetworkPasses]) -> None:
    """Make sure that networks have learnt what the score uno asks for.

    Raises:
        UserError: Some have not.
    """
    lacking = [
        n for n, passes in networks.items() if not passes.network.settings.has_negative_class
    ]
    if "uno" in section.scores and lacking:
        raise UserError(
            f"the score uno needs a negative class, which {listed(lacking)} did not learn; train "
            "with mask2former.negatives class, or leave it out"
        )


def load_maskomaly(
    section: MaskomalySection, runs: Path, device: Device, cache: Cache | None
) -> MaskomalyTeacher:
    """Load the networks that the config names, and their queries where scores need them.

    Raises:
        UserError: Something is missing, damaged, or of another network.
    """
    networks = {name: load_passes(runs / name, device, cache) for name in section.networks}
    _check_negative_class(section, networks)
    queries = {}
    if WITH_QUERIES.intersection(section.scores):
        for name, passes in networks.items():
            queries[name] = read_queries(runs / name / QUERIES)
            passes.check_queries(queries[name], runs / name)
    numbers = MaskomalySettings(
        section.inlier_threshold,
        section.border_threshold,
        section.inlier_weight,
        section.corrected_border_rule,
    )
    return MaskomalyTeacher(networks, queries, numbers, section.smoothing_px)
