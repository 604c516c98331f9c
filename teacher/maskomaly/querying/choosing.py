"""Chooses the queries of networks: what each shows on ordinary images, and which see anomalies."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from teacher.maskomaly.querying.outlier_overlap import (
    OutlierOverlap,
    OverlapSettings,
    choose_outlier_queries,
)
from teacher.maskomaly.querying.queries import Queries, read_queries, write_queries
from teacher.maskomaly.querying.query_statistics import QueryStatistics, StatisticsSettings
from teacher.maskomaly.raw_outputs import RawOutputs
from teacher.maskomaly.run_files import (
    BEST,
    HIGH_CONFIDENCE,
    OUTLIER_OVERLAP,
    QUERIES,
    SPECIALISED,
    TIMES_PREDICTED,
)
from teacher.maskomaly.teacher import NetworkPasses
from util.config import QueriesSection
from util.disk.whole_files import write_text
from util.errors import UserError, listed
from util.images.files import read_image
from util.images.identity import identify
from util.images.mask_values import ANOMALOUS, IGNORED
from util.images.masks import TrueMasks
from util.running.progress import track
from util.weights.identity import weights_identity

logger = logging.getLogger(__name__)


def passes_over(
    passes: NetworkPasses, image_paths: dict[str, Path], label: str
) -> Iterator[tuple[str, np.ndarray, RawOutputs]]:
    """Let a network see images, with a progress bar: id, (H, W, 3) uint8 RGB, what it says."""
    for image_id in track(list(image_paths), label):
        image_rgb = read_image(image_paths[image_id])
        yield image_id, image_rgb, passes.see(image_rgb)


def choose_inliers(
    run: Path, passes: NetworkPasses, image_paths: dict[str, Path], section: QueriesSection
) -> None:
    """Count what queries show, write the tables, and choose those that know the ground.

    A specialised query of a class of the ground is a ground query. Outlier queries that were chosen
    before stay.

    Args:
        run: Folder of the network's run, where the tables and `queries.json` go.
        passes: Of the network.
        image_paths: Of ordinary images, by id.
        section: What makes a query specialised, and which classes are of the ground.
    """
    refuse_damaged(run)
    statistics = open_statistics(passes, section)
    for _, _, outputs in passes_over(passes, image_paths, "queries"):
        statistics.add(outputs.class_logits)
    specialised = statistics.specialised_table()
    for name, table in (
        (TIMES_PREDICTED, statistics.times_predicted_table()),
        (HIGH_CONFIDENCE, statistics.high_confidence_table()),
        (SPECIALISED, specialised),
    ):
        write_text(run / name, table.to_csv())
    ground = specialised.index[specialised["class"].isin(section.ground_classes)]
    classes = {int(query): statistics.dominant_class(query)[0] for query in ground}
    before = find_queries(run, passes)  # only now, since outlier queries may have been chosen
    kept = {q: name for q, name in before.dominant_classes.items() if q in before.outlier_queries}
    write_queries(
        run / QUERIES,
        replace(before, ground_queries=tuple(classes), dominant_classes=classes | kept),
    )
    names = [f"{query} ({name})" for query, name in classes.items()]
    known = passes.network.settings.told_apart
    if not set(section.ground_classes).intersection(known):
        logger.warning(
            "queries.ground_classes names %s, but the classes of %s are %s",
            listed(section.ground_classes),
            run,
            listed(known, 20),
        )
    print(
        f"{run}: {len(specialised)} of {before.num_queries} queries show one class alone; of the "
        f"ground: {', '.join(names) or 'none'}"
    )


def open_statistics(passes: NetworkPasses, section: QueriesSection) -> QueryStatistics:
    """Begin to count what the queries of a network show."""
    settings = passes.network.settings
    return QueryStatistics(
        settings.queries,
        settings.told_apart,
        StatisticsSettings(
            high_confidence=section.high_confidence,
            void=section.void,
            least_share=section.dominance,
            least_cases=section.least_cases,
        ),
    )


def refuse_damaged(run: Path) -> None:
    """Refuse queries that cannot be read, before images are looked at.

    Raises:
        UserError: The file is damaged.
    """
    if (run / QUERIES).exists():
        read_queries(run / QUERIES)


def find_queries(run: Path, passes: NetworkPasses) -> Queries:
    """Read the queries of a network; begin with none where they are of other weights, or missing.

    Those that a hand has written, which do not say of which weights they are, are of these.

    Raises:
        UserError: The file is damaged.
    """
    settings, identity = passes.network.settings, weights_identity(run / BEST)["sha256"]
    if (run / QUERIES).exists():
        queries = read_queries(run / QUERIES)
        try:
            queries.check_network(settings.queries, len(settings.classes), identity)
        except UserError:
            logger.warning("%s is of other weights, and is made anew", run / QUERIES)
        else:
            return replace(queries, weights_sha256=identity)
    return Queries(settings.queries, len(settings.classes), weights_sha256=identity)


def choose_outliers(
    run: Path,
    passes: NetworkPasses,
    image_paths: dict[str, Path],
    masks: TrueMasks,
    section: QueriesSection,
) -> None:
    """Measure how well queries overlap with anomalies, and choose those that see them.

    Args:
        run: Folder of the network's run; ground queries that were chosen there stay.
        passes: Of the network.
        image_paths: Of images with anomalies, by id.
        masks: Of these.
        section: From when on overlap is enough.

    Raises:
        UserError: `queries.json` is damaged, or a mask cannot be read.
    """
    refuse_damaged(run)
    statistics = open_statistics(passes, section)
    settings = OverlapSettings(
        ignored=section.ignored,
        least_overlap=section.least_overlap,
        fallback_queries=section.fallback_queries,
    )
    overlap = OutlierOverlap(passes.network.settings.queries, settings)
    for image_id, image_rgb, outputs in passes_over(passes, image_paths, "overlaps"):
        statistics.add(outputs.class_logits)
        truth = masks.read(image_id, image_rgb.shape[:2])
        overlap.add(outputs, truth == ANOMALOUS, truth == IGNORED)
    means = overlap.means()
    choice = choose_outlier_queries(means, statistics, settings)
    write_text(run / OUTLIER_OVERLAP, tabulate_overlap(means, statistics, choice.queries))
    classes = dict(zip(choice.queries, choice.dominant_classes, strict=True))
    queries = find_queries(run, passes)  # only now, since ground queries may have been chosen
    ground = {q: n for q, n in queries.dominant_classes.items() if q in queries.ground_queries}
    write_queries(
        run / QUERIES,
        replace(
            queries,
            outlier_queries=choice.queries,
            dominant_classes=ground | classes,
            images=identify(image_paths, image_paths),
        ),
    )
    chosen = [f"{query} ({name}, IoU {means[query]:.3f})" for query, name in classes.items()]
    print(f"{run}: outlier queries {', '.join(chosen) or 'none'}")


def tabulate_overlap(means: np.ndarray, statistics: QueryStatistics, chosen: Sequence[int]) -> str:
    """Write what each query shows and its mean IoU with anomalies, the best first, as CSV."""
    table = pd.DataFrame(
        {
            "query": range(len(means)),
            "class": [statistics.dominant_class(query)[0] for query in range(len(means))],
            "mean_iou": means,
            "chosen": [query in chosen for query in range(len(means))],
        }
    )
    return table.sort_values("mean_iou", ascending=False, kind="stable").to_csv(index=False)
