# PYTHON_ARGCOMPLETE_OK
"""Rank prompts and their combinations without labels, to say which of them to use.

    python analysis/prompt_ranking.py --ranking.strategies mean --ranking.strategies agreement

Reads the label sets of ranking.label_sets (by default of teacher.prompts), combines them on the
fly, and scores each on the test split by how it agrees with the others, how sure its maps are, and
how steady its boxes are; with ranking.consistency_images also by whether the teacher says the same
of flipped and cropped images. No truth is needed; where there is one (data.ground_truth, or
data.masks for study.score average_precision), it says what the ranking is worth. Agreement cannot
see errors that all prompts share. Writes paths.runs/NAME: report.md, prompt_ranking.csv, and
ranking.png and .svg.
Next: python student/train.py, or util/multi_teacher/combination_strategies.py for a combination
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from util.config import BOX_RULE, TEACHERS, Config, keys_of, write_config
from util.config.command_line import load_config
from util.data_classes import BoxSettings
from util.images.files import find_images
from util.images.splits import read_split
from util.label_set import LabelSet, common_box_settings, describe_equal
from util.running.run import print_next, run_script

if TYPE_CHECKING:  # statistics take a second to import, which --help should not
    from analysis.ranking.candidates import Ranked
    from analysis.ranking.ranking import Ranking
    from analysis.ranking.signals import SignalCounts
    from analysis.ranking.truth import Verdict

READS = keys_of("ranking", "teacher", *TEACHERS) | BOX_RULE
READS |= {"combination.min_votes", "study.score", "study.score_iou"}
READS -= {f"teacher.{key}" for key in ("checkpoint", "label_set", "flips", "logits", "split")}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the analysis."""
    config, _ = load_config(__doc__ or "", argv, reads=READS)
    from analysis.ranking.answer import answer
    from analysis.ranking.candidates import find_ranked
    from analysis.ranking.ranking import rank
    from analysis.ranking.tables import show_ranking, tabulate
    from analysis.ranking.writing import write_ranking
    from util.metrics.groups import group_images

    settings, split = config.ranking, config.data.test_split
    image_paths = find_images(config.data.images)
    test_ids = read_split(config.data.splits, split, image_paths)
    label_sets, image_ids = open_label_sets(config, test_ids)
    groups = group_images(config.data.groups, image_ids)
    boxes = config.evaluation.box_settings(common_box_settings([*label_sets.values()], "ranked"))
    ranked = find_ranked(label_sets, settings.strategies, config.combination, image_ids)
    counts = count(config, ranked, boxes, image_paths, image_ids)
    ranking = rank(ranked.names, ranked.strategies, counts, groups, unknown=ranked.unknown)
    verdict = judge(config, ranked, ranking, boxes, image_ids)
    metric = None if verdict is None else verdict.metric
    print(show_ranking(tabulate(ranking, verdict), metric).to_string(index=False))
    if equal := describe_equal(label_sets):
        print(f"{equal}.")
    print(answer(ranking, verdict))
    folder = config.paths.runs / settings.name
    title = f"Which prompt, which combination: {len(image_ids)} images of {split}"
    write_ranking(folder, ranking, verdict, title, groups.describe_intervals())
    write_config(folder, config)
    print(f"Wrote {folder}: report.md, prompt_ranking.csv, ranking.png")
    say_next(ranked, ranking, argv)
    return 0


def open_label_sets(
    config: Config, test_ids: Sequence[str]
) -> tuple[dict[str, LabelSet], list[str]]:
    """Open the label sets that are named, and find the images that all have.

    Raises:
        UserError: One is missing, or there is no image that all have.
    """
    from analysis.evaluation.common_images import on_common_images
    from analysis.evaluation.found_label_sets import Found
    from util.multi_teacher.combining import find_members
    from util.prompts import resolve_prompts

    names = config.ranking.label_sets or resolve_prompts(config.teacher.prompts)
    folders = find_members(config.paths.label_sets, names, "ranking.label_sets")
    opened = {name: LabelSet(folder) for name, folder in zip(names, folders, strict=True)}
    found = Found(opened, {})
    kept, ids = on_common_images(found, test_ids, config.data.test_split, are_named=True)
    kept.report()
    return kept.sets, ids


def count(
    config: Config,
    ranked: "Ranked",
    boxes: BoxSettings,
    image_paths: Mapping[str, Path],
    image_ids: Sequence[str],
) -> "SignalCounts":
    """Count what the signals are made of.

    Raises:
        UserError: Maps cannot be read, or the teacher cannot be asked again.
    """
    from analysis.ranking.consistency import add_views, open_teacher
    from analysis.ranking.measuring import count_signals

    num_views = config.ranking.consistency_images
    if not num_views:
        return count_signals(ranked, image_ids, boxes)
    teacher = open_teacher(ranked, config.teacher, config.own_sections(), config.paths)
    counts = count_signals(ranked, image_ids, boxes)
    return add_views(counts, teacher, ranked, image_ids, image_paths, num_views)


def judge(
    config: Config,
    ranked: "Ranked",
    ranking: "Ranking",
    boxes: BoxSettings,
    image_ids: Sequence[str],
) -> "Verdict | None":
    """Compare the ranking with the truth, by boxes of the same rule; None where there is none."""
    from analysis.ranking.truth import compare_with_truth, judge_candidates
    from analysis.study.scoring import find_judged_metric
    from analysis.work.judging import find_judge

    study, data = config.study, config.data
    is_pixels = study.score == "average_precision"
    if (data.masks if is_pixels else data.ground_truth) is None:
        return None
    score = (study.score, study.score_iou)
    of_all = find_judge(data, config.evaluation, *score, find_images(data.images))
    needed = of_all.of_boxes(boxes).needing("pixels" if is_pixels else "boxes")
    metric = find_judged_metric(needed, *score)
    true = judge_candidates(ranked, needed.only(image_ids), metric, ranking.num_resamples)
    return compare_with_truth(ranking, metric.name, true)


def say_next(ranked: "Ranked", ranking: "Ranking", argv: Sequence[str] | None) -> None:
    """Say how a student learns from what came first."""
    best = ranked.candidates[ranking.best]
    if not best.strategy:
        label_set = ranked.members[best.name].folder.name
        print_next(["student/train.py", "--student.label_set", label_set], argv)
        return
    strategy, _, votes = best.strategy.partition(":")
    words = ["util/multi_teacher/combination_strategies.py", "--combination.strategy", strategy]
    words += ["--combination.min_votes", votes] if votes else []
    for member in ranked.members.values():
        words += ["--combination.label_sets", member.folder.name]
    print_next(words, argv)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
