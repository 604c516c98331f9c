"""Label images with a teacher: images and prompts in, one label set a prompt out.

    python teacher/soft_label_generation.py --teacher.prompts bird --teacher.prompts "white crest"

Reads data.images; writes paths.label_sets/PROMPT. All prompts are answered image by image, so that
ten prompts cost little more than one. A stopped run goes on where it was.
Next: python util/multi_teacher/combination_strategies.py
"""

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from teacher.data_loader_teacher import read_ahead
from teacher.detectors import build_detector
from teacher.prompts import resolve_prompts
from teacher.saa import VERSION, SaaSettings, SegmentAnyAnomaly
from teacher.saliency import build_features
from teacher.segmenters import build_segmenter
from util.config import TeacherSection, load_config
from util.errors import UserError, listed
from util.image_files import find_images, fingerprint
from util.label_set import LabelSet, LabelSetWriter, prompt_to_folder
from util.progress import track
from util.run import print_next, run_script
from util.sea_scenes import make_demo_if_asked


def build_teacher(settings: TeacherSection) -> SegmentAnyAnomaly:
    """Make the teacher that the config names."""
    numbers = settings.model_dump(include=set(SaaSettings.__dataclass_fields__))
    return SegmentAnyAnomaly(
        build_detector(settings.detector),
        build_segmenter(settings.segmenter),
        build_features(settings.saliency),
        SaaSettings(**numbers),
    )


def label_images(
    teacher: SegmentAnyAnomaly,
    image_paths: Mapping[str, Path],
    writers: Mapping[str, LabelSetWriter],
) -> None:
    """Write the soft labels that are still missing.

    An image that cannot be read is recorded as failed in every set; the others go on.

    Args:
        teacher: Answers all prompts about one image.
        image_paths: Path of each image by its id.
        writers: The label set of each prompt.
    """
    sources = {image_id: fingerprint([path]) for image_id, path in image_paths.items()}
    pending = {prompt: set(writer.pending(sources)) for prompt, writer in writers.items()}
    wanted = set().union(*pending.values())
    to_read = {image_id: path for image_id, path in image_paths.items() if image_id in wanted}
    images = track(read_ahead(to_read), "teacher", total=len(to_read)) if to_read else []
    for image_id, image in images:
        prompts = [prompt for prompt in writers if image_id in pending[prompt]]
        if isinstance(image, UserError):
            for prompt in prompts:
                writers[prompt].fail(image_id, str(image))
            continue
        start = time.perf_counter()
        soft_labels = teacher.label(image, prompts)
        seconds = (time.perf_counter() - start) / len(prompts)
        for prompt, soft_label in zip(prompts, soft_labels, strict=True):
            writers[prompt].add(image_id, soft_label, sources[image_id], seconds)


def report(label_sets: Sequence[LabelSet]) -> int:
    """Say what was written; exit status 1 where images have failed, else 0."""
    for label_set in label_sets:
        counts = label_set.manifest["counts"]
        print(
            f"{label_set.folder}: {counts['labelled']} labelled, {counts['empty']} empty "
            f"(nothing found), {counts['failed']} failed"
        )
    failed = label_sets[0].failed
    if failed:
        reasons = listed(list(failed.values()))
        print(f"{len(failed)} images failed, the rest is done: {reasons}", file=sys.stderr)
    return 1 if failed else 0


def _members(prompts: Sequence[str]) -> list[str]:
    """Arguments that combine the label sets of these prompts."""
    folders = [prompt_to_folder(prompt) for prompt in prompts]
    return [word for folder in folders for word in ("--combination.label_sets", folder)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, overwrite = load_config(__doc__ or "", argv)
    prompts = resolve_prompts(config.teacher.prompts)
    make_demo_if_asked(config.paths, config.data)
    image_paths = find_images(config.data.images)
    settings = {"version": VERSION, **config.teacher.model_dump(exclude={"prompts"})}
    with ExitStack() as stack:
        writers = {
            prompt: stack.enter_context(
                LabelSetWriter(
                    config.paths.label_sets / prompt_to_folder(prompt),
                    {"producer": "teacher", "prompt": prompt, **settings},
                    overwrite,
                )
            )
            for prompt in prompts
        }
        label_images(build_teacher(config.teacher), image_paths, writers)
        box_settings = config.evaluation.box_settings()
        label_sets = [writer.finish(box_settings) for writer in writers.values()]
    status = report(label_sets)
    members = [] if prompts == config.combination.label_sets else _members(prompts)
    print_next(["util/multi_teacher/combination_strategies.py", *members], argv)
    return status


if __name__ == "__main__":
    raise SystemExit(run_script(main))
