"""Tests a detector: finds the boxes of the test split, and judges them camera by camera."""

from pathlib import Path

from student.detection.judged_frames import find_judged_frames
from student.detection.judging import format_cameras
from student.detection.predicting import find_boxes
from student.inference.label_sets import find_checkpoint, folder_beside
from util.config import DataSection, DetectorSection, StreamsSection
from util.disk.whole_files import write_text
from util.ground_truth.reading import describe_counted
from util.images.files import find_images
from util.images.splits import read_split
from util.label_set import LabelSet
from util.learning.runs.unfinished import warn_if_unfinished
from util.learning.runs.used_images import warn_of_used_images
from util.metrics.groups import FEW
from util.streams.cameras import group_in_time
from util.words import count_of


def evaluate_detector(
    section: DetectorSection,
    data: DataSection,
    streams: StreamsSection,
    runs: Path,
    overwrite: bool,
) -> LabelSet:
    """Find boxes in the images of the test split, and judge them where there is ground truth.

    Args:
        section: Names the run or the checkpoint, and says which of its boxes count.
        data: Names images, split and ground truth, and finds cameras.
        streams: Finds the times of frames, which are resampled together where they are near.
        runs: Folder of the runs.
        overwrite: Whether a label set that was made with other settings may be replaced.

    Returns:
        The label set; images that could not be read are recorded as failed there, and count as
        ones without boxes.

    Raises:
        UserError: Images, checkpoint or ground truth are missing or wrong.
    """
    checkpoint = find_checkpoint(section, runs)
    warn_if_unfinished(checkpoint)
    folder = folder_beside(checkpoint, data.test_split)
    frames = None if data.ground_truth is None else find_judged_frames(data, streams)
    test_paths = _find_test_images(data) if frames is None else frames.image_paths
    found = find_boxes(checkpoint, section, test_paths, folder, overwrite)
    print(f"{folder}: {count_of(len(found.ids), 'image')} looked at")
    metrics = Path(f"{folder}_metrics.csv")
    if frames is None:
        if overwrite:  # those of other boxes, which are replaced
            metrics.unlink(missing_ok=True)
        print("data.ground_truth is null: nothing to judge the boxes by")
        return found
    warn_of_used_images(checkpoint.parent, data.test_split, test_paths)
    table = frames.judge(folder, together=True)
    print(format_cameras(table))
    print(describe_counted(frames.truths, data.ground_truth_classes))
    print(
        "Means over classes. Intervals are 95 % bootstrap intervals over groups of "
        f"{streams.block} frames that follow each other (streams.block)."
    )
    num_groups = [len(group_in_time([camera], streams.block)[1]) for camera in frames.cameras]
    if min(num_groups) < FEW:
        print(f"A camera has {min(num_groups)} of them: so few make its intervals too narrow.")
    write_text(metrics, table.to_csv(index=False))
    return found


def _find_test_images(data: DataSection) -> dict[str, Path]:
    """Find the images of the test split: path of each by its id."""
    image_paths = find_images(data.images)
    test_ids = read_split(data.splits, data.test_split, image_paths)
    return {image_id: image_paths[image_id] for image_id in test_ids}
