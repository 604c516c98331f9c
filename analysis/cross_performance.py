# PYTHON_ARGCOMPLETE_OK
"""Test every student on every camera, beside the teacher and a student that knows none of them.

    python analysis/cross_performance.py --cross_performance.baselines general

Reads the detectors of cross_performance.students (all in paths.runs where none is named), which
find the boxes of the test split where they have not yet; cameras by data.groups, or else by folder;
and the ground truth. Baselines are runs of detectors that know no camera in particular, and label
sets of boxes. All are judged at the same confidences and on the same classes. Writes
paths.runs/NAME: inference_results.csv, a row a student and camera (those that are there are not
tested again; tested.json says by what, and other frames, truth, rules or weights are refused
without --overwrite, which makes the table anew of these students and baselines alone), and a plot
of each metric, cross_mAP50.png and so on.
Next: python analysis/cluster_cameras.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from util.config import keys_of, write_config
from util.config.command_line import OVERWRITE, load_config
from util.disk.places import name_in
from util.running.locks import held
from util.running.run import print_next, run_script
from util.words import count_of

READS = keys_of("cross_performance") | {
    *("detector.confidence", "detector.overlap", "detector.max_boxes", "detector.device"),
    *("streams.time", "streams.time_format", "streams.block"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the analysis."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    from analysis.streams.cross_testing import (
        find_baselines,
        judge_baselines,
        judge_students,
    )
    from analysis.streams.figures import draw_all_curves
    from analysis.streams.results import append_results, no_results
    from analysis.streams.tested import describe_test, find_waiting, note_test, open_table
    from analysis.streams.trained_runs import find_runs
    from student.detection.judged_frames import find_judged_frames

    settings, paths, data = config.cross_performance, config.paths, config.data
    frames = find_judged_frames(data, config.streams)
    baselines = [name_in(place) for place in settings.baselines]
    students = find_runs(paths.runs, settings.students, settings.dataset)
    students = [each for each in students if each.folder.name not in baselines]
    folder = paths.runs / settings.name
    table = folder / "inference_results.csv"
    how = (frames, config.detector, options.overwrite)
    label_sets = find_baselines(settings.baselines, paths.label_sets, paths.runs, *how)
    test = describe_test(frames, config.detector)
    with held(folder):  # the table is read here and written anew at the end
        kept = no_results()
        if not options.overwrite:
            kept = open_table(table, students, label_sets, test)
        waiting = find_waiting(students, [camera.name for camera in frames.cameras], kept)
        rows = judge_students(waiting, *how)
        rows += judge_baselines(label_sets, frames, settings.dataset)
        write_config(folder, config)
        results = append_results(table, rows, kept)
        note_test(table, students, test, results)
        draw_all_curves(folder, results, "cross")
    print(f"{table}: {count_of(len(results), 'row')}; {count_of(len(waiting), 'student')} tested")
    # Cameras are clustered by how their own students fare on others.
    if len({camera.name for camera in frames.cameras}.intersection(results["source_domain"])) > 1:
        print_next(["analysis/cluster_cameras.py"], argv)
    return 0


if __name__ == "__main__":
    raise SystemExit(run_script(main))
