# PYTHON_ARGCOMPLETE_OK
"""Find cameras that can share a student.

    python analysis/cluster_cameras.py --clusters.matrix cross_performance.csv

Cameras are compared by how the student of each fares on all of them (clusters.matrix, or
inference_results.csv in paths.runs/RESULTS), or before any training by the boxes of a label set
(clusters.label_set), and clustered by average linkage. Writes paths.runs/NAME: clusters.csv, which
camera is in which cluster; clusters.json, why; the matrix in the order of its tree, clusters.png
and .svg; the scores, cross_performance.csv, as far as known; and agreement.csv, how well all
distances that can be had agree, so that one sees whether boxes would have told the same.
Next: python util/streams/select_frames.py, with streams.cameras those of a cluster
"""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from util.bbox_csv import read_bbox_csv
from util.config import ClustersSection, Config, keys_of, write_config
from util.config.command_line import load_config
from util.disk.whole_files import write_text
from util.errors import UserError, listed
from util.images.files import find_images
from util.label_set import PREDICTION, LabelSet, find_label_set
from util.running.run import print_next, run_script
from util.streams.labelled import find_pool, keep_labelled

if TYPE_CHECKING:  # statistics take a second to import, which --help should not
    from analysis.clusters.clustering import Clusters
    from analysis.clusters.known_cameras import KnownCameras
    from analysis.streams.cross_matrix import CrossMatrix
    from util.streams.cameras import Camera

logger = logging.getLogger(__name__)

READS = keys_of("clusters") | {
    f"streams.{key}" for key in ("cameras", "pool", "time", "time_format")
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the analysis."""
    config, _ = load_config(__doc__ or "", argv, reads=READS)
    from analysis.clusters.agreement import compare_distances
    from analysis.clusters.clustering import cluster, join
    from analysis.clusters.writing import describe_clusters, write_clusters
    from analysis.streams.cross_matrix import write_matrix

    settings, folder = config.clusters, config.paths.runs / config.clusters.name
    frames = find_frames(config)
    matrix = find_matrix(settings, config.paths.runs)
    if matrix is not None:
        matrix = keep_cameras(matrix, frames, config)
    known = gather(config, frames, matrix)
    rest, new = known.part(settings.newcomers)
    base = known.only(rest)
    check_count(settings, base.names)
    distances = base.distances()
    found = cluster(distances[settings.distance], settings.count, settings.threshold)
    joined = {
        known.names[at]: join(found.labels, known.distances_to(settings.distance, at, rest))
        for at in new
    }
    facts = {"distance": settings.distance, "linkage": "average", "cameras": list(base.names)}
    agreement = compare_distances(distances, found.count)
    write_config(folder, config)
    if matrix is None:  # what lies there would be of other cameras
        (folder / "cross_performance.csv").unlink(missing_ok=True)
    else:
        facts |= {"metric": settings.metric, "note": matrix.note}
        write_matrix(folder / "cross_performance.csv", matrix)
        print(matrix.note, end="\n" if matrix.note else "")
    write_text(folder / "agreement.csv", agreement.to_csv(index=False))
    draw(folder / "clusters", base, found, settings)
    write_clusters(folder, base.names, found, joined, facts)
    print(describe_clusters(base.names, found, joined))
    if len(agreement):
        print(agreement.round(3).to_string(index=False))
    first = [word for name in found.members(base.names)[0] for word in ("--streams.cameras", name)]
    print_next(["util/streams/select_frames.py", *first], argv)
    return 0


def find_matrix(settings: ClustersSection, runs: Path) -> "CrossMatrix | None":
    """Find the scores of all students on all cameras; None where there are none, and none needed.

    Raises:
        UserError: They are needed and not there, or cannot be used.
    """
    from analysis.streams.cross_matrix import gather_matrix, read_matrix
    from analysis.streams.results import read_results

    if settings.matrix is not None:
        return read_matrix(settings.matrix)
    path = runs / settings.results / "inference_results.csv"
    if path.exists():
        try:
            return gather_matrix(read_results(path), settings.metric)
        except UserError as error:
            if needs_scores(settings):
                raise
            logger.warning("boxes are compared with no scores of %s: %s", path, error)
            return None
    if needs_scores(settings):
        raise UserError(
            f"{path} does not exist, which the distance {settings.distance} needs; test students "
            "on cameras first, or set clusters.matrix, or clusters.distance to embedding or labels"
        )
    return None


def needs_scores(settings: ClustersSection) -> bool:
    """Tell whether the distance comes from scores; the others come from boxes."""
    return settings.distance in ("transfer", "profile")


def find_frames(config: Config) -> "list[Camera]":
    """Find the cameras that are asked for, with their frames; [] without a label set.

    Raises:
        UserError: There is no label set, and one is needed.
    """
    if config.clusters.label_set is not None:
        return find_pool(config.streams, config.data, find_images(config.data.images))
    if needs_scores(config.clusters):
        return []
    raise UserError(
        f"the distance {config.clusters.distance} compares boxes; name their label set in "
        "clusters.label_set"
    )


def keep_cameras(
    matrix: "CrossMatrix", frames: "Sequence[Camera]", config: Config
) -> "CrossMatrix | None":
    """Take the scores of the cameras that are clustered; None where boxes do for those without.

    Args:
        matrix: Of all cameras that have scores.
        frames: Cameras with frames, all of which are clustered where boxes are compared.
        config: Says what is compared, and which cameras.

    Raises:
        UserError: Cameras lack scores that are needed.
    """
    settings = config.clusters
    if needs_scores(settings):
        names = config.streams.cameras or matrix.cameras
    else:
        names = [camera.name for camera in frames]
    if not (lacking := [name for name in names if name not in matrix.cameras]):
        return matrix.only([name for name in matrix.cameras if name in names])
    said = f"there are no scores of {listed(lacking, 20)}, but of {listed(matrix.cameras, 20)}"
    if needs_scores(settings):
        raise UserError(
            f"{said}; the distance {settings.distance} needs them: test the student of each camera "
            "on all of them, or name others in streams.cameras"
        )
    logger.warning("%s: boxes are compared with none", said)
    return None


def gather(
    config: Config, frames: "Sequence[Camera]", matrix: "CrossMatrix | None"
) -> "KnownCameras":
    """Gather what is known of the cameras: scores, frames and boxes.

    Args:
        config: Names the label set.
        frames: Cameras with their frames; [] without a label set.
        matrix: Scores of the cameras that are clustered; None = there are none, and all with frames
            are.

    Raises:
        UserError: There are no frames of a camera with scores, or they were not labelled.
    """
    from analysis.clusters.known_cameras import KnownCameras

    name, paths, data = config.clusters.label_set, config.paths, config.data
    if name is None:
        assert matrix is not None, "needed without boxes"
        return KnownCameras(matrix.cameras, matrix.scores)
    if matrix is not None:
        by_name = {camera.name: camera for camera in frames}
        if lacking := [each for each in matrix.cameras if each not in by_name]:
            raise UserError(
                f"cameras of the scores have no frames in {data.images}: {listed(lacking)}; there "
                f"are: {listed(list(by_name), 20)}; data.groups finds a frame's camera"
            )
        frames = [by_name[each] for each in matrix.cameras]
    folder = find_label_set(name, paths.label_sets, paths.runs, data.test_split)
    cameras, _ = keep_labelled(frames, LabelSet(folder, needs_maps=False))
    scores = None if matrix is None else matrix.scores
    boxes = read_bbox_csv(folder / PREDICTION)
    return KnownCameras([camera.name for camera in cameras], scores, cameras, boxes)


def check_count(settings: ClustersSection, names: Sequence[str]) -> None:
    """Refuse more clusters than cameras."""
    if settings.count is not None and settings.count > len(names):
        raise UserError(
            f"clusters.count is {settings.count}, but there are {len(names)} cameras: "
            f"{listed(names, 20)}"
        )


def draw(path: Path, cameras: "KnownCameras", found: "Clusters", settings: ClustersSection) -> None:
    """Draw the scores, or else the distances, in the order of the tree."""
    from analysis.clusters.figure import draw_clusters

    if cameras.scores is None:
        values = cameras.distances()[settings.distance]
        said = ("", "", f"distance ({settings.distance})")
    else:
        values, said = cameras.scores, ("student of", "tested on", settings.metric)
    draw_clusters(path, cameras.names, values, found, said)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
