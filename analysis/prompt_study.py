"""The prompt study: label with every prompt, combine, train a student on each, compare.

    python analysis/prompt_study.py --study.prompts bird --study.prompts whale

Runs the stages in turn on what the config names (by default the demo scenes) and writes
paths.runs/STUDY: table.csv (teacher and student of each prompt and combination), metrics.csv (the
same in every metric), overview.png, a folder for each student. What is finished is kept, so a
stopped study goes on, and a finished one only shows its table.
"""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import pandas as pd

import student.test
import student.train
import teacher.soft_label_generation
import util.multi_teacher.combination_strategies
from teacher.prompts import resolve_prompts
from util.bbox_csv import read_bbox_csv
from util.config import Config, load_config
from util.errors import UserError
from util.files import write_json, write_text
from util.ground_truth import read_truths
from util.image_files import find_images, read_image
from util.label_set import PREDICTION, LabelSet, prompt_to_folder
from util.metrics import BoxMatcher, evaluate_boxes
from util.run import run_script
from util.splits import read_split
from util.visualization import OverviewRow, draw_overview

Stage = Callable[[Sequence[str]], int]


class Study:
    """Names and folders of a study.

    Attributes:
        folder: Where it is written.
        prompts: The prompts that are compared.
        prompt_sets: Folder names of their label sets.
        combined_sets: Folder names of the combinations, by the name to show.
        label_sets: Both.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.folder = config.paths.runs / config.study.name
        self.prompts = resolve_prompts(config.study.prompts or config.teacher.prompts)
        self.prompt_sets = {prompt: prompt_to_folder(prompt) for prompt in self.prompts}
        self.combined_sets = {
            f"{name} of all": f"{config.study.name}_{name}" for name in config.study.strategies
        }
        self.label_sets = self.prompt_sets | self.combined_sets
        if len(set(self.label_sets.values())) < len(self.prompts) + len(self.combined_sets):
            raise UserError(
                f"a prompt has the name of a combination, {', '.join(self.combined_sets.values())};"
                " choose another study.name"
            )

    def soft_labels(self, name: str) -> Path:
        """Label set of a prompt or combination."""
        return self.config.paths.label_sets / self.label_sets[name]

    def predictions(self, name: str) -> Path:
        """Label set that the student of a prompt or combination has predicted."""
        return self.folder / self.label_sets[name] / self.config.data.test_split


def main(argv: Sequence[str] | None = None) -> int:
    """Run the study."""
    config, options = load_config(__doc__ or "", argv)
    if config.data.ground_truth is None:
        raise UserError("data.ground_truth is null: the study has nothing to judge boxes by")
    study = Study(config)
    status = run_stages(study, options.overwrite)
    judge(study)
    write_json(study.folder / "config.json", config.model_dump(mode="json"))
    print(f"Wrote {study.folder}: table.csv, metrics.csv, overview.png")
    print(f"Next: look at {study.folder / 'overview.png'}")
    return status


def run_stages(study: Study, overwrite: bool) -> int:
    """Run every stage that is not finished; returns 1 where images have failed, else 0."""
    stages = plan(study)
    # Not config.json yet: a study that is refused leaves the earlier one's config as it was.
    running = study.folder / ".running.json"
    write_json(running, study.config.model_dump(mode="json"))
    common = ["--config", str(running), *["--overwrite"] * overwrite]
    start = time.perf_counter()
    status = 0
    with (study.folder / "study.log").open("a", encoding="utf-8") as log:
        for number, (title, stage, arguments) in enumerate(stages, start=1):
            minutes = (time.perf_counter() - start) / 60
            left = minutes / (number - 1) * (len(stages) - number + 1) if number > 1 else None
            hint = f", about {left:.1f} min left" if left is not None else ""
            print(f"[{number}/{len(stages)}] {title} ({minutes:.1f} min so far{hint})", flush=True)
            with contextlib.redirect_stdout(log):
                status = max(status, stage([*common, *arguments]))
    running.unlink()
    return status


def plan(study: Study) -> list[tuple[str, Stage, list[str]]]:
    """List the stages of a study in their order: title, the stage's main, its arguments."""
    prompts = _list_option("--teacher.prompts", study.prompts)
    stages: list[tuple[str, Stage, list[str]]] = [
        (
            f"teacher: {len(study.prompts)} prompts",
            teacher.soft_label_generation.main,
            prompts,
        )
    ]
    members = _list_option("--combination.label_sets", study.prompt_sets.values())
    for strategy, folder in zip(
        study.config.study.strategies, study.combined_sets.values(), strict=True
    ):
        output = ["--combination.output", folder]
        arguments = ["--combination.strategy", strategy, *members, *output]
        combine = util.multi_teacher.combination_strategies.main
        stages.append((f"combination: {strategy}", combine, arguments))
    for name, label_set in study.label_sets.items():
        run = ["--paths.runs", str(study.folder), "--student.run", label_set]
        learn = [*run, "--student.label_set", label_set]
        stages.append((f"student of {name}: training", student.train.main, learn))
        test = [*run, "--student.checkpoint", "null"]
        stages.append((f"student of {name}: test", student.test.main, test))
    return stages


def _list_option(option: str, values: Iterable[str]) -> list[str]:
    """Give a list as JSON, so that commas and dashes in its values stay theirs."""
    return [f"{option}={json.dumps(list(values))}"]


def judge(study: Study) -> None:
    """Compare teachers and students on the test split: tables, and the overview picture."""
    config = study.config
    image_paths = find_images(config.data.images)
    test_ids = read_split(config.data.splits, config.data.test_split, image_paths)
    truths = read_truths(config.data, image_paths, test_ids)
    metrics = measure(study, truths, test_ids)
    write_text(study.folder / "metrics.csv", metrics.to_csv(index=False))
    table = tabulate(metrics)
    write_text(study.folder / "table.csv", table.to_csv(index=False, float_format="%.4f"))
    print(f"\nBoxes on {len(test_ids)} {config.data.test_split} images, thesis metric:\n")
    print(table.to_string(index=False, float_format="%.3f"), "\n")
    draw_study(study, truths, table)


def measure(study: Study, truths: pd.DataFrame, test_ids: Sequence[str]) -> pd.DataFrame:
    """Measure teacher and student of every label set in every metric, one row each."""
    config = study.config.evaluation
    tables = []
    for name in study.label_sets:
        for who, folder in (
            ("teacher", study.soft_labels(name)),
            ("student", study.predictions(name)),
        ):
            predictions = read_bbox_csv(folder / PREDICTION)
            matcher = BoxMatcher(truths, predictions, test_ids, config.min_confidence)
            table = evaluate_boxes(matcher, config.iou_thresholds)
            table.insert(0, "label_set", name)
            table.insert(1, "who", who)
            tables.append(table)
    return pd.concat(tables, ignore_index=True)


def tabulate(metrics: pd.DataFrame) -> pd.DataFrame:
    """One row a label set: precision, recall and F1 of teacher and student, thesis metric."""
    thesis = metrics[metrics["metric"] == "thesis"].set_index("label_set")
    columns = ["precision", "recall", "f1"]
    sides = [
        thesis.loc[thesis["who"] == who, columns].add_prefix(f"{who}_")
        for who in ("teacher", "student")
    ]
    return pd.concat(sides, axis=1).reset_index()


def draw_study(study: Study, truths: pd.DataFrame, table: pd.DataFrame) -> None:
    """Draw soft label and student's map of every label set for two test images."""
    config = study.config
    image_paths = find_images(config.data.images)
    first = next(iter(study.label_sets))
    there = LabelSet(study.predictions(first)).ids
    counts = truths["image"].value_counts().reindex(there, fill_value=0)
    shown = counts.sort_values(ascending=False, kind="stable").index[:2].tolist()
    rows = []
    for name, scores in table.set_index("label_set").iterrows():
        maps = []
        for image_id in shown:
            for folder in (study.soft_labels(str(name)), study.predictions(str(name))):
                boxes = read_bbox_csv(folder / PREDICTION)
                is_shown = (boxes["image"] == image_id) & (
                    boxes["confidence"] > config.evaluation.min_confidence
                )
                maps.append((LabelSet(folder).read(image_id), boxes[is_shown]))
        rows.append(OverviewRow(str(name), scores["teacher_f1"], scores["student_f1"], maps))
    images = [(read_image(image_paths[i]), truths[truths["image"] == i]) for i in shown]
    draw_overview(study.folder / "overview.png", images, rows)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
