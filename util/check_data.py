# PYTHON_ARGCOMPLETE_OK
"""Check the images, splits, masks and ground truth that a config names, before a long run.

    python util/check_data.py --config my/config.json

Reads data.images, all of them once, and data.splits, data.ground_truth, data.masks,
data.image_labels and data.groups where they are set. Prints what was found in about ten lines, what
would be refused by the next stages and what would go wrong, and writes the same with pictures,
where there are images, to paths.runs/data.html, one page that needs nothing from outside.
Near-duplicates are images whose perceptual hashes differ in splits.near_duplicate_bits of 64 bits
at most.
Exit status: 0 if the data can be used, whatever there is to look at; 2 if something must be mended.
Next: python teacher/soft_label_generation.py --preview 3
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from util.checking.classes import count_classes
from util.checking.findings import Findings
from util.checking.images import describe_images, find_duplicates, survey_images
from util.checking.kept import find_kept
from util.checking.page import write_findings
from util.checking.series import check_series
from util.checking.splits import check_groups, find_asked, read_splits
from util.checking.truth import Truth, read_truth
from util.config import Config, keys_of
from util.config.command_line import load_config
from util.demo.making import make_demo_if_asked
from util.images.files import find_images
from util.images.splits import spread
from util.running.run import print_next, run_script
from util.running.shares import refuse_several

READS = keys_of("demo")
READS |= {
    "splits.near_duplicate_bits",
    "splits.shares",
    "student.crop_size_px",
    "student.validate_against",
}

_PICTURES = 24
"""Of images, on the page."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script."""
    config, _ = load_config(__doc__ or "", argv, reads=READS)
    refuse_several("util/check_data.py")
    data, findings = config.data, Findings()
    make_demo_if_asked(data.images, config.paths.demo, config.demo)
    image_paths = findings.attempt(lambda: find_images(data.images, findings.errors)) or {}
    survey = survey_images(image_paths)
    describe_images(survey, config.student.crop_size_px, findings)
    splits = read_splits(data, list(image_paths), findings) if image_paths else {}
    check_groups(data.groups, splits, findings)
    looks = {image_id: each.look for image_id, each in survey.seen.items()}
    kept, most_bits = find_kept(data, splits), config.splits.near_duplicate_bits
    is_grouped = data.groups is not None or kept != "nothing"
    num_lists = len(config.splits.shares)
    check_series(looks, is_grouped, splits, most_bits, num_lists, findings)
    split_of = {image_id: name for name, ids in splits.items() for image_id in ids}
    pairs = find_duplicates(survey, split_of, most_bits, kept, findings)
    truth = Truth(None, None, {})
    if survey.seen:
        judged = {i for name in find_judged(config) for i in splits.get(name, ())}
        asked = find_asked(data, splits, list(image_paths))
        truth = read_truth(data, image_paths, asked, judged, survey.seen, findings)
    classes = count_classes(truth, splits, findings)
    print_findings(findings)
    if image_paths:  # else the folder is none of images, and the page would be of nothing
        page = config.paths.runs / "data.html"
        shown = spread([i for i in image_paths if i in survey.seen], _PICTURES)
        write_findings(page, data.images, findings, classes, pairs, shown, image_paths, truth)
        print(f"Wrote {page}")
    if findings.errors:
        return 2
    print_next(["teacher/soft_label_generation.py", "--preview", "3"], argv)
    return 0


def find_judged(config: Config) -> list[str]:
    """Name the lists whose images need a truth, if there is any at all."""
    judged = [config.data.test_split]
    if config.student.validate_against == "ground_truth":
        judged.append(config.data.validation_split)
    return [part for split in judged for part in split.split("+")]


def print_findings(findings: Findings) -> None:
    """Print what was found."""
    for name, text in findings.facts.items():
        print(f"{name + ':':17}{text}")
    for text in findings.warnings:
        print(f"look at: {text}")
    for text in findings.errors:
        print(f"error: {text}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
