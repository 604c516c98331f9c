# PYTHON_ARGCOMPLETE_OK
"""Look at the images that are worth it, mark what is right or wrong, and learn from the marks.

    python analysis/review.py --review.images 40
    python analysis/review.py --marks marks.json

The first reads label sets: those of several prompts, the one that is marked (review.marked) and a
student's of the same images; and writes paths.runs/NAME/review.html, one file with all pictures of
images where prompts disagree most, where student and teacher differ most, where nothing was found,
and what has failed. Marks are made there by the keys r, w and s, and downloaded. The second writes
paths.runs/NAME/splits, a list of what is right beside the lists of data.splits, without images that
these validate or test on, and a label set (review.output) that is the marked one but for weight 0
in all pixels of what is wrong. Marks of more images, and other marks of the same ones, change both;
marks that lack images which were marked before are refused, unless --overwrite is given.
Next: student/train.py or util/export_label_set.py of that label set, which leave out what is wrong
"""

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from util.config import Config, keys_of
from util.config.command_line import OVERWRITE, load_config
from util.errors import UserError, listed
from util.images.files import find_images
from util.images.splits import read_split
from util.label_set import LabelSet
from util.label_set.records import MANIFEST
from util.label_set.reporting import report_made
from util.prompts import resolve_prompts
from util.running.run import print_next, run_script
from util.running.shares import ALONE, refuse_several
from util.words import count_of

if TYPE_CHECKING:  # statistics take a second to import, which --help should not
    from analysis.reviewing.searching import Source, Sources

logger = logging.getLogger(__name__)

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    **OVERWRITE,
    "marks": {"metavar": "FILE", "type": Path, "help": "what the page has given, to be used"},
}

READS = keys_of("review") | {
    "combination.label_sets",
    "combination.output",
    "student.run",
    "teacher.prompts",
}

COMBINE = "util/multi_teacher/combination_strategies.py"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the analysis."""
    config, options = load_config(__doc__ or "", argv, OPTIONS, READS)
    refuse_several("analysis/review.py")
    image_paths = find_images(config.data.images)
    if options.marks is not None:
        return use_marks(config, options.marks, image_paths, options.overwrite, argv)
    from analysis.reviewing.page import write_review
    from analysis.reviewing.right_list import find_held_out
    from analysis.reviewing.searching import find_images_to_review

    settings, split = config.review, config.review.split
    image_ids = list(image_paths)
    if split is not None:
        image_ids = read_split(config.data.splits, split, image_paths)
    sources = open_sources(config)
    held_out = find_held_out(config.data, image_paths)
    found = find_images_to_review(sources, image_ids, settings.images)
    path = config.paths.runs / settings.name / "review.html"
    title = f"Review of {sources.teacher.name}"
    title = f"{title}, {split}" if split else title
    write_review(path, found, sources, image_paths, held_out, title)
    told = ", ".join(f"{count} {reason}" for reason, count in found.counts.items() if count)
    print(f"{path}: of {count_of(found.num_seen, 'image')} {told or 'none is worth a look'}")
    if hint := describe_combination(sources, config.paths.label_sets / config.combination.output):
        print(hint)
    print(f"Next: open {path}, mark, and give what it downloads to --marks")
    return 0


def open_sources(config: Config) -> "Sources":
    """Open the label sets that are looked through.

    Raises:
        UserError: One that is named is missing, unfinished or without maps; all are told.
    """
    from analysis.reviewing.searching import Sources

    settings, problems = config.review, list[str]()

    def open_one(place: str) -> "Source | None":
        try:
            return open_source(config, place)
        except UserError as error:
            problems.append(str(error))
            return None

    teacher = open_one(settings.marked or config.combination.output)
    if teacher is None and settings.marked is None:
        problems[-1] += f". {COMBINE} makes it of several, or name one as review.marked"
    combined = config.combination.label_sets or resolve_prompts(config.teacher.prompts)
    names = settings.label_sets or combined
    opened = [open_one(place) for place in names]
    run = config.paths.runs / config.student.run
    student = None
    if settings.student is not None or (run / config.data.test_split).is_dir():
        student = open_one(settings.student or config.student.run)
    if None in opened:
        key = "review" if settings.label_sets else "combination"
        problems.append(f"set {key}.label_sets to label sets that there are")
    if teacher is None or problems:
        raise UserError("\n".join(problems))
    if student is None:
        print(f"{run} is no tested student, so none is compared with {teacher.name}")
    return Sources([each for each in opened if each is not None], teacher, student)


def describe_combination(sources: "Sources", folder: Path) -> str:
    """Say where one of several label sets is marked that is, or may be, a part of a combination.

    Args:
        sources: What is looked through.
        folder: Of the combination, whether it is there or not.

    Returns:
        A sentence; '' where the combination is marked, or something else that is no part of it.
    """
    marked = sources.teacher.label_set.folder
    if marked == folder or marked not in [each.label_set.folder for each in sources.members]:
        return ""
    if (folder / MANIFEST).is_file():
        return (
            f"{sources.teacher.name} alone is marked; there is a combination, too, which "
            f"--review.marked {folder.name} marks"
        )
    if len(sources.members) < 2:
        return ""
    names = listed([each.name for each in sources.members])
    return f"{names} are not combined; {COMBINE} makes {folder.name} of them, to be marked, too"


def open_source(config: Config, place: str) -> "Source":
    """Open a label set by its name, or that of a run.

    Raises:
        UserError: It is missing, unfinished or without maps.
    """
    from analysis.evaluation.shelves import Shelves
    from analysis.reviewing.searching import Source

    paths = config.paths
    shelves = Shelves(paths.label_sets, paths.runs, config.data.test_split)
    folder = shelves.find(place)
    return Source(shelves.name(folder), LabelSet(folder))


def use_marks(
    config: Config,
    marks_path: Path,
    image_paths: Mapping[str, Path],
    overwrite: bool,
    argv: Sequence[str] | None,
) -> int:
    """Turn marks into a split list and a label set with weights; says what comes next.

    Raises:
        UserError: Marks are of other images or another label set, or lack earlier ones.
    """
    from analysis.reviewing.marks import RIGHT, WRONG, read_marks
    from analysis.reviewing.right_list import choose_right
    from analysis.reviewing.weighing import check_earlier_marks, weigh

    marks = read_marks(marks_path, image_paths)
    teacher = open_source(config, config.review.marked or config.combination.output)
    if marks.teacher != teacher.name:
        raise UserError(
            f"{marks_path} marks the label set {marks.teacher!r}, not {teacher.name!r}; set "
            "review.marked to the one that was marked"
        )
    if marks.maps not in (None, teacher.label_set.fingerprint()):
        logger.warning(
            "%s was made anew since %s marks it: what was said of its maps may not be true of "
            "those that it has now; a new page shows them",
            teacher.name,
            marks_path,
        )
    # All that may be refused comes before anything is written.
    paths, name = config.paths, config.review.name
    output, path = paths.label_sets / config.review.output, paths.runs / name / f"splits/{name}.txt"
    check_earlier_marks(teacher.label_set, marks, output, path, overwrite)
    right = choose_right(path, marks.of(RIGHT), teacher.label_set, image_paths, config.data)
    made = weigh(teacher.label_set, marks, output, overwrite)
    right.write()
    print(*right.describe(config.data), sep="\n")
    status = report_made(made, f"{teacher.name} with {len(marks.of(WRONG))} wrong", ALONE)
    more = ["--student.pixel_weights", "label_set"] if marks.of(WRONG) else []
    learns = ["--student.label_set", config.review.output, "--student.run", config.review.output]
    print_next(["student/train.py", *learns, *more], argv)
    if marks.of(WRONG):
        print("What is marked as wrong is left out where this label set is exported:")
        exported = ["--export_label_set.label_set", config.review.output]
        print_next(["util/export_label_set.py", *exported], argv)
    return status


if __name__ == "__main__":
    raise SystemExit(run_script(main))
