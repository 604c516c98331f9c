"""Classifiers of images that label them by their class activation maps."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from scipy.special import expit

from teacher.cam.evidence import Evidence, choose_evidence
from teacher.cam.judging import find_logit
from teacher.cam.maps import Views, map_activation
from teacher.cam.network import TrainedClassifier
from teacher.cam.run_files import BEST
from util.config import CamSection
from util.data_classes import Device
from util.errors import UserError
from util.label_set import Content
from util.learning.device import choose_device
from util.learning.memory import refusing_what_is_too_large


class CamTeacher:
    """Maps of several classifiers; a `Teacher` that knows no prompts."""

    def __init__(
        self,
        classifiers: Mapping[str, TrainedClassifier],
        evidence: Mapping[str, Evidence],
        views: Views,
        gate: float | None,
    ) -> None:
        """Put classifiers together.

        Args:
            classifiers: By the names of their label sets.
            evidence: What speaks for what each looks for, by the same names.
            views: Of each image.
            gate: Images of a lower probability get an empty map; None = the threshold of each
                classifier.
        """
        self._classifiers = classifiers
        self._evidence = evidence
        self._views = views
        self._gate = gate

    def label(self, image_rgb: np.ndarray, names: Sequence[str], /) -> Iterator[Content]:
        """Map the evidence in an image, (H, W, 3) uint8 RGB, times its probability.

        Each classifier is asked in its turn: one that cannot answer fails its own label set.
        """
        # No generator, which an error would end.
        return map(partial(self._map, image_rgb), names)

    def _map(self, image_rgb: np.ndarray, name: str) -> Content:
        """Make the map of a classifier, (H, W) float32; as a whole the image is judged first.

        Raises:
            UserError: The classifier's answer is no number, or memory ran out.
        """
        classifier = self._classifiers[name]
        network, least = classifier.network, self._gate
        with refusing_what_is_too_large("the image", network.mean.device, "lower cam.scales"):
            logit = find_logit(network, image_rgb)
            if not np.isfinite(logit):
                raise UserError(
                    f"the classifier of {name} answers with {logit}, which is no number"
                )
            probability = float(expit(logit))
            if probability < (classifier.threshold if least is None else least):
                return Content(np.zeros(image_rgb.shape[:2], np.float32))
            activation = map_activation(network, self._evidence[name], image_rgb, self._views)
        return Content(activation * np.float32(probability))

    def check_prompts(self, prompts: Sequence[str], /) -> None:
        """Refuse nothing: classifiers know no prompts."""


def load_cam(section: CamSection, runs: Mapping[str, Path], device: Device) -> CamTeacher:
    """Load classifiers.

    Args:
        section: How their maps are made.
        runs: Folder of the run of each, by the name of its label set.
        device: Where they run.

    Raises:
        UserError: A checkpoint is damaged or of something else, there is no such device, or
            networks cannot be asked as the section says; all of these are named.
    """
    where = choose_device(device)
    classifiers = {name: TrainedClassifier.load(run / BEST) for name, run in runs.items()}
    for classifier in classifiers.values():
        classifier.network.to(where)
    evidence, troubles = {}, []
    for name, classifier in classifiers.items():
        run = runs[name].name
        try:
            evidence[name] = choose_evidence(classifier.network, run, section.method, section.layer)
        except UserError as error:
            troubles.append(str(error))
    if troubles:
        raise UserError("\n".join(troubles))
    views = Views(section.scales, section.flips, section.window_share)
    return CamTeacher(classifiers, evidence, views, section.gate)
