"""Label sets in the words of the road-anomaly benchmark, SegmentMeIfYouCan.

Its code measures submitted scores: float16 (`SUBMITTED`), in bins by percentiles of each image
(`util.metrics.pixelwise.road_anomaly`), and components of the pixels above the threshold of the
best F1 (`util.metrics.components`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.evaluation.pixels import Maps
from analysis.interval_tables import SplitTables
from util.images.masks import TrueMasks
from util.metrics.components import TRACKS, ComponentScores, measure_components
from util.metrics.pixelwise.road_anomaly import SUBMITTED, RoadAnomalyPixels, Version
from util.running.progress import track

BENCHMARK = "road_anomaly"
"""Name of the table."""


def tell_road_anomaly(
    tables: SplitTables,
    version: Version,
    judged: Mapping[str, Maps],
    masks: TrueMasks,
    exact: Mapping[str, Mapping[str, float]],
) -> None:
    """Print how label sets fare in the benchmark, and write road_anomaly.csv.

    Args:
        tables: Where it is written.
        version: Of the benchmark's code.
        judged: By name; have a map of each image that fits its mask.
        masks: True masks by id of the images.
        exact: By the same names, the values of `PixelMetrics`: in the columns `exact_`.
    """
    table = pd.DataFrame(
        [
            {
                "method": name,
                **row,
                "exact_AP": exact[name]["average_precision"],
                "exact_FPR95": exact[name]["fpr_at_95_tpr"],
            }
            for name, one in judged.items()
            for row in measure_submission(one, masks, version)
        ]
    )
    print(f"As the road-anomaly benchmark's code of {version} measures float16 scores:")
    print(table.drop(columns="convention").to_string(index=False, float_format="%.4f", na_rep="-"))
    print(f"Wrote {tables.write(BENCHMARK, table)}")


def measure_submission(maps: Maps, masks: TrueMasks, version: Version) -> list[dict[str, Any]]:
    """Measure maps as the benchmark would: a row a track, which differ in components alone.

    Args:
        maps: Have one of each image that fits its mask.
        masks: True masks by id of the images.
        version: Of the benchmark's code.
    """
    bar = f"{maps.name} in the benchmark"
    pixels = RoadAnomalyPixels(version)
    for image_id in track(masks.paths, bar, transient=True):
        pixels.add(maps.read(image_id).astype(SUBMITTED), masks.read(image_id))
    of_pixels = pixels.measure()
    threshold = np.float64(of_pixels.best_threshold)  # a Python float would be rounded to float16
    components = {name: ComponentScores(limits) for name, limits in TRACKS.items()}
    for image_id in track(masks.paths, bar, transient=True):
        is_found = maps.read(image_id).astype(SUBMITTED) > threshold
        truth = masks.read(image_id)
        for scores in components.values():
            scores.add(is_found, truth)
    rows = []
    for name, scores in components.items():
        of_components = measure_components(scores)
        rows.append(
            {
                "track": name,
                "convention": version,
                "AUPR-sum": of_pixels.aupr_sum,
                "AUPR-trapz": of_pixels.trapezoid,
                "area_PRC": of_pixels.area_prc,
                "FPR95": of_pixels.fpr_at_95_tpr,
                "best_F1": of_pixels.best_f1,
                "threshold": of_pixels.best_threshold,
                "sIoU_gt": of_components.mean_siou,
                "PPV": of_components.mean_ppv,
                "F1*": of_components.mean_f1,
            }
        )
    return rows
