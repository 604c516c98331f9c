"""All tables of an arm: its scores, through the statistics, to what the report shows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.study.arms import Arm, draw_teachers
from analysis.study.combined_counts import (
    SLOW_TO_LEARN,
    Combined,
    count_combined,
    curve_sizes,
)
from analysis.study.design import split_strategy
from analysis.study.results import ArmResults
from analysis.study.scoring import FEWEST_RESAMPLES, Metric, find_metrics
from analysis.study.statistics.combining_gain import combining_gain, pick_groups
from analysis.study.statistics.comparisons import compare_pairs
from analysis.study.statistics.draws import LARGEST_VARIANCE, Draws, teacher_draws
from analysis.study.statistics.prompt_groups import contrast, spread
from analysis.study.statistics.transfer import kendall_w, rank_correlation, slope
from analysis.study.statistics.variance_components import student_components, teacher_components
from analysis.work.judging import Counts, Judge
from util.config import CombinationSection

COMPARISON_COLUMNS = ["family", "a", "b", "difference", "low", "high", "p", "p_holm"]
METRIC_COLUMNS = ["label_set", "who", "metric", "score", "low", "high", "chance"]
GAIN_COLUMNS = [
    *("who", "strategy", "size", "groups", "score", "low", "high"),
    *("over_random", "over_random_low", "over_random_high"),
    *("over_best", "over_best_low", "over_best_high"),
]


def analyse_arm(
    arm: Arm, judge: Judge, settings: CombinationSection, num_groups: int, store: Path
) -> ArmResults:
    """Make all tables of an arm.

    Args:
        arm: Its counts.
        judge: What is right.
        settings: Of combinations.
        num_groups: Groups of each size for the teachers' curve over sizes.
        store: Folder of counts (see `count_combined`).
    """
    of_teacher = teacher_gain(arm, judge, settings, num_groups, store)
    return ArmResults(
        name=arm.name,
        scores=tabulate_scores(arm),
        spread=_by_side(arm, lambda draws: asdict(spread(_of_prompts(arm, draws).estimate))),
        targets=_by_side(arm, lambda draws: _contrast(arm, draws)),
        components=tabulate_components(arm),
        transfer=tabulate_transfer(arm),
        comparisons=compare_all(arm),
        gain=stack([of_teacher, student_gain(arm)], GAIN_COLUMNS),
        metrics=tabulate_metrics(arm, judge),
    )


def tabulate_scores(arm: Arm) -> pd.DataFrame:
    """A row a source: scores of teacher and student with intervals."""
    rows = []
    for source in arm.sources:
        target = ""
        if source.is_prompt:
            target = "off-target" if source.name in arm.off_target else "on-target"
        rows.append(
            {
                "label_set": source.name,
                "kind": "prompt" if source.is_prompt else "combination",
                "target": target,
                "strategy": source.strategy,
                "size": len(source.members),
                **_columns("teacher", arm.teacher_draws, source.name),
                **_columns("student", arm.student_draws, source.name),
                "students": len(arm.students.get(source.name, {})),
                "chance": _score(arm.metric, arm.chance),
                **_emptiness(arm, source.name),
                "same_as": arm.same_as.get(source.name, ""),
                "unknown_words": ", ".join(arm.facts[source.name].get("unknown_words", ())),
            }
        )
    return pd.DataFrame(rows)


def _emptiness(arm: Arm, name: str) -> dict[str, float]:
    """Share of the test images in which a source and its students mark nothing."""
    students = [counts["is_empty"].mean() for counts in arm.students.get(name, {}).values()]
    return {
        "teacher_empty": arm.teachers[name]["is_empty"].mean(),
        "student_empty": np.mean(students) if students else np.nan,
    }


def _columns(who: str, draws: Draws | None, name: str) -> dict[str, float]:
    """Score and interval of one label set; nan where there is none."""
    keys = (who, f"{who}_low", f"{who}_high")
    if draws is None or name not in draws.names:
        return dict.fromkeys(keys, np.nan)
    one = draws.select([name])
    low, high = one.interval()
    return dict(zip(keys, (one.estimate[0], low[0], high[0]), strict=True))


def _of_prompts(arm: Arm, draws: Draws) -> Draws:
    """The prompts' columns of teachers or students."""
    return draws.select([name for name in arm.prompts if name in draws.names])


def _by_side(arm: Arm, describe: Callable[[Draws], dict[str, float]]) -> pd.DataFrame:
    """A row for teachers and one for students, as far as these have prompts."""
    return pd.DataFrame(
        [
            {"who": who, **describe(draws)}
            for who, draws in arm.sides.items()
            if set(arm.prompts) & set(draws.names)
        ]
    )


def _contrast(arm: Arm, draws: Draws) -> dict[str, float]:
    prompts = _of_prompts(arm, draws)
    is_off = np.array([name in arm.off_target for name in prompts.names])
    return asdict(contrast(prompts.estimate[~is_off], prompts.estimate[is_off]))


def tabulate_components(arm: Arm) -> pd.DataFrame:
    """Variance components of the prompts' image-level scores, for teachers and students.

    Images that are drawn together count as one, with the score of them all. The variance of scores
    in [0, 1] is at most 0.25, so intervals end there, or at an estimate above.
    """

    def of_images(counts: Counts) -> np.ndarray:
        return arm.metric.of_each(arm.metric.by_group(arm.metric.counts(counts)))

    values = np.array([of_images(arm.teachers[name]) for name in arm.prompts])
    tables = [teacher_components(values).assign(who="teacher")]
    learnt = [arm.students[name] for name in arm.prompts if arm.students.get(name)]
    if learnt:
        num_seeds = min(map(len, learnt))  # as many as all have, where trainings have failed
        trained = [[of_images(c) for c in list(s.values())[:num_seeds]] for s in learnt]
        tables.append(student_components(np.array(trained)).assign(who="student"))
    table = pd.concat(tables, ignore_index=True)
    table["high"] = np.minimum(table["high"], np.maximum(table["variance"], LARGEST_VARIANCE))
    return table


def tabulate_transfer(arm: Arm) -> pd.DataFrame:
    """How much of the spread over prompts reaches the students."""
    columns = ["statistic", "value", "low", "high", "p"]
    if arm.student_draws is None:
        return pd.DataFrame(columns=columns)
    learnt = [name for name in arm.prompts if name in arm.student_draws.names]
    teacher = arm.teacher_draws.select(learnt).estimate
    student = arm.student_draws.select(learnt).estimate
    seeds = set.intersection(*(set(arm.students[name]) for name in learnt)) if learnt else set()
    by_seed = np.array(
        [
            [_score(arm.metric, arm.students[name][seed]) for name in learnt]
            for seed in sorted(seeds)
        ]
    ).reshape(len(seeds), len(learnt))
    found = {
        "slope": slope(teacher, student),
        "rank correlation": rank_correlation(teacher, student),
        "Kendall's W over seeds": kendall_w(by_seed),
    }
    rows = [{"statistic": name, **asdict(statistic)} for name, statistic in found.items()]
    return pd.DataFrame(rows, columns=columns)


def _score(metric: Metric, counts: Counts) -> float:
    """Score on all images."""
    return float(metric.score(metric.counts(counts).sum(axis=0)))


def compare_all(arm: Arm) -> pd.DataFrame:
    """All pairs of prompts, of combinations, and of strategies, for teachers and students.

    Strategies are compared by their mean scores over the groups of one size.
    """
    tables = []
    for who, draws in arm.sides.items():
        families = {
            "prompts": draws.select([name for name in arm.prompts if name in draws.names]),
            "combinations": draws.select([n for n in arm.combinations if n in draws.names]),
            **dict(_means_of_strategies(arm, draws)),
        }
        for name, of_family in families.items():
            if len(of_family.names) > 1:
                tables.append(compare_pairs(of_family).assign(family=f"{name}, {who}"))
    return stack(tables, COMPARISON_COLUMNS)


def _means_of_strategies(arm: Arm, draws: Draws) -> Iterator[tuple[str, Draws]]:
    """Mean scores of each strategy over the groups of a size, where there are several groups.

    Strategies that lack a group, since its cell has failed, are left out.
    """
    combined = [source for source in arm.sources if not source.is_prompt]
    for size in dict.fromkeys(len(source.members) for source in combined):
        of_size = [source for source in combined if len(source.members) == size]
        groups = {source.members for source in of_size}
        names: dict[str, list[str]] = {}
        for source in of_size:
            if source.name in draws.names:
                names.setdefault(source.way, []).append(source.name)
        complete = {way: n for way, n in names.items() if len(n) == len(groups)}
        if len(groups) > 1 and complete:
            yield f"strategies over {len(groups)} groups of {size}", draws.means(complete)


def teacher_gain(
    arm: Arm, judge: Judge, settings: CombinationSection, num_groups: int, store: Path
) -> pd.DataFrame:
    """What teachers gain by combining k prompts: each strategy over groups of every size."""
    groups = {
        size: pick_groups(arm.asked, size, num_groups) for size in curve_sizes(len(arm.asked))[1:]
    }
    strategies = dict.fromkeys(
        s.strategy for s in arm.sources if not s.is_prompt and s.calibration == "none"
    )
    combinations = [
        Combined(strategy, group)
        for strategy in strategies
        if strategy not in SLOW_TO_LEARN
        for size in groups
        if size >= split_strategy(strategy, settings.min_votes)[1]
        for group in groups[size]
    ]
    folders = {name: arm.folders[name] for name in arm.asked}
    counts = {name: arm.metric.counts(arm.teachers[name]) for name in arm.asked}
    counts |= count_combined(folders, combinations, settings, judge, arm.metric, store)
    by_group = {name: arm.metric.by_group(rows) for name, rows in counts.items()}
    # Hundreds of combinations, which are not compared one by one.
    num_resamples = FEWEST_RESAMPLES[arm.metric.needs]
    draws = teacher_draws(by_group, arm.metric.score, num_resamples)
    members = {each.name: each.group for each in combinations}
    return _gain("teacher", draws, arm.asked, members, {c.name: c.strategy for c in combinations})


def student_gain(arm: Arm) -> pd.DataFrame:
    """What students gain where they learn from k prompts combined: the groups of the design."""
    prompts = [name for name in arm.asked if name in arm.learnt]
    combinations = [
        source
        for source in arm.sources
        if source.strategy and source.name in arm.learnt
        if source.calibration == "none" and set(source.members) <= set(prompts)
    ]
    if arm.student_draws is None:
        return stack([], GAIN_COLUMNS)
    members = {each.name: each.members for each in combinations}
    strategies = {each.name: each.strategy for each in combinations}
    return _gain("student", arm.student_draws, prompts, members, strategies)


def _gain(
    who: str,
    draws: Draws,
    prompts: Sequence[str],
    members: Mapping[str, Sequence[str]],
    strategies: Mapping[str, str],
) -> pd.DataFrame:
    """Gain of combinations over their prompts, out of the same draws."""
    if not members:
        return stack([], GAIN_COLUMNS)
    groups = draws.select(list(members))
    gain = combining_gain(draws.select(prompts), groups, members, strategies)
    return stack([gain.assign(who=who)], GAIN_COLUMNS)


def stack(tables: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """Put tables below each other; without a row it has the columns alone."""
    with_rows = [table for table in tables if len(table)]
    if not with_rows:
        return pd.DataFrame(columns=list(columns))
    return pd.concat(with_rows, ignore_index=True)[list(columns)]


def tabulate_metrics(arm: Arm, judge: Judge) -> pd.DataFrame:
    """Every metric of every label set, teachers and students."""
    tables = []
    for metric in find_metrics(judge):
        sides = {"teacher": draw_teachers(arm.teachers, metric)}
        students = arm.draw_students(metric)
        if students is not None:
            sides["student"] = students
        for who, draws in sides.items():
            low, high = draws.interval()
            columns = {"label_set": draws.names, "score": draws.estimate}
            table = pd.DataFrame(columns | {"low": low, "high": high})
            chance = _score(metric, arm.chance)
            tables.append(table.assign(who=who, metric=metric.name, chance=chance))
    return stack(tables, METRIC_COLUMNS)
