"""What is written of scenes of streets, and how they are split."""

from util.demo.data_set import Painted, SceneKind
from util.demo.road.scene import CLASSES, make_scene

PAINTER_VERSION = 2
"""Counts up whenever the same seed gives other pictures than before."""

_PATTERN = "TQTETUTTETVTQUTETUVE"
"""45 % Train, 10 % Validation, 10 % Queries, 15 % Unlabelled, 20 % Test."""
_WITH_ANOMALIES = "QUE"


def _paint(seed: int, number: int, size_px: int) -> Painted:
    """Paint a scene; its boxes are those of anomalies, which a network is never trained on."""
    has_anomalies = _PATTERN[number % len(_PATTERN)] in _WITH_ANOMALIES
    scene = make_scene((seed, number), size_px, has_anomalies)
    masks = {
        ("SegmentationClass", ""): scene.class_mask,
        ("labels_masks", "_labels_semantic"): scene.anomaly_mask,
    }
    return Painted(scene.image_rgb, masks, scene.anomalies)


ROAD = SceneKind(
    paint=_paint,
    settings={"kind": "road", "version": PAINTER_VERSION},
    next_script="teacher/maskomaly/train_mask2former.py",
    splits={"Train": "T", "Validation": "V", "Queries": "Q", "Unlabelled": "U", "Test": "E"},
    pattern=_PATTERN,
    class_names={str(number): [name] for number, name in enumerate(CLASSES)},
)
"""Pictures with the classes of a street in `SegmentationClass`, 255 = of none, and anomalies in
`labels_masks`, coded as SegmentMeIfYouCan does. Train and Validation show no anomaly; Queries is to
choose by what finds anomalies (queries, weights, thresholds), Unlabelled for a student to see some
without their truth, Test to judge it."""
