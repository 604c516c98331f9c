"""Made-up results of studies, for tests of the report."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.ranking.answer import answer
from analysis.ranking.ranking import Ranking
from analysis.ranking.tables import tabulate
from analysis.ranking.truth import compare_with_truth
from analysis.study.advice import Advice
from analysis.study.results import ArmResults, GalleryRow, Panel, StudyResults
from analysis.study.statistics.comparisons import compare_pairs
from analysis.study.statistics.draws import Draws
from analysis.study.statistics.prompt_groups import contrast, spread
from analysis.study.statistics.transfer import kendall_w, rank_correlation, slope
from analysis.study.statistics.variance_components import student_components, teacher_components
from tests.conftest import box_table, paint_scene
from util.metrics.intervals import Interval

PROMPTS = ("bird", "gull", "oceanic bird, white", "white crest", "boat", "whale")
OFF_TARGET = ("boat", "whale")
TEACHER = (0.68, 0.61, 0.60, 0.25, 0.08, 0.01)
STUDENT = (0.57, 0.55, 0.44, 0.42, 0.03, 0.00)
CHANCE = 0.005
SETTINGS = {"student": {"epochs": 6}, "teacher": {"prompts": list(PROMPTS)}}
COMBINATIONS = (("all 6: mean", "mean", 0.52, 0.37), ("all 6: majority:2", "majority:2", 0.66, 0.6))


def make_results(
    prompts: Sequence[str] = PROMPTS,
    num_arms: int = 1,
    *,
    has_students: bool = True,
    has_combinations: bool = True,
    has_masks: bool = True,
) -> StudyResults:
    """Make plausible results; one training has failed, and one interval cannot be had."""
    names = ["teacher as configured", "saliency none"] if num_arms == 2 else [""]
    arm = make_arm(prompts, has_students, has_combinations)
    arms = [replace(arm, name=name) for name in names]
    draws = make_draws(names, np.array([0.4, 0.3])[:num_arms])
    pairs = compare_pairs(draws).assign(family="mean over prompts, teachers")
    return StudyResults(
        name="demo",
        metric="box F1 (thesis)",
        split="Test",
        num_images=60,
        design={"prompts": ", ".join(prompts), "training seeds": "0, 1, 2"},
        arms=arms,
        advice=make_advice(prompts),
        arm_comparisons=pairs,
        reliability=make_reliability(prompts) if has_masks else make_reliability([]),
        gallery=[make_gallery_row(f"scene {i}", prompts) for i in range(2)],
        cells=make_cells(prompts),
        notes=["1 of 8 cells failed: boat, seed 2; see the appendix."],
        versions={"numpy": "2.4.0", "torch": "2.15.0"},
    )


def make_advice(prompts: Sequence[str]) -> Advice:
    """Make a ranking without labels in the order of the prompts; of too few, the reason."""
    if len(prompts) < 3:
        return Advice("Which to use cannot be told without labels: too few.", pd.DataFrame())
    interval = np.linspace(0.9, 0.2, len(prompts))[:, None] + np.zeros((1, 5))
    drawn = interval + np.random.default_rng(0).normal(0, 0.02, (200, len(prompts), 5))
    score = Interval(interval, interval - 0.04, interval + 0.04, drawn)
    ranking = Ranking(list(prompts), [""] * len(prompts), score)
    true = Interval(interval[:, 0], interval[:, 0] - 0.04, interval[:, 0] + 0.04, drawn[..., 0])
    verdict = compare_with_truth(ranking, "box F1 (thesis)", true)
    return Advice(answer(ranking, verdict), tabulate(ranking, verdict))


def make_arm(prompts: Sequence[str], has_students: bool, has_combinations: bool) -> ArmResults:
    """Make the tables of one arm, by the study's own statistics where they are quick."""
    combined = COMBINATIONS if has_combinations else ()
    num_prompts = len(prompts)
    names = [*prompts, *(name for name, *_ in combined)]
    sides = {"teacher": [*TEACHER[:num_prompts], *(row[2] for row in combined)]}
    if has_students:
        sides["student"] = [*STUDENT[:num_prompts], *(row[3] for row in combined)]
    draws = {who: make_draws(names, np.array(scores)) for who, scores in sides.items()}
    rng = np.random.default_rng(3)
    values = rng.beta(2, 2, 60) + np.array(TEACHER[:num_prompts])[:, None]
    components = [teacher_components(values + rng.normal(0, 0.2, values.shape), 200)]
    transfer, families = [], []
    if has_students:
        noisy = values[:, None] + rng.normal(0, 0.2, (num_prompts, 3, 60))
        components.append(student_components(noisy, 200))
        pair = np.array(TEACHER[:num_prompts]), np.array(STUDENT[:num_prompts])
        w = kendall_w(pair[1] + rng.normal(0, 0.02, (3, num_prompts)))
        found = {"slope": slope(*pair), "rank correlation": rank_correlation(*pair)}
        found["Kendall's W over seeds"] = w
        transfer = [{"statistic": name, **vars(value)} for name, value in found.items()]
    for who, drawn in draws.items():
        if num_prompts > 1:
            pairs = compare_pairs(drawn.select(prompts))
            families.append(pairs.assign(family=f"prompts, {who}"))
    columns = ["family", "a", "b", "difference", "low", "high", "p", "p_holm"]
    scores = make_scores(names, num_prompts, draws)
    of_prompts = {who: np.array(scores[:num_prompts]) for who, scores in sides.items()}
    on = [name not in OFF_TARGET for name in prompts]
    return ArmResults(
        name="",
        scores=scores,
        spread=pd.DataFrame({"who": who, **vars(spread(s))} for who, s in of_prompts.items()),
        targets=pd.DataFrame(
            {"who": who, **vars(contrast(s[on], s[np.invert(on)]))} for who, s in of_prompts.items()
        ),
        components=pd.concat(
            [table.assign(who=who) for who, table in zip(sides, components, strict=True)],
            ignore_index=True,
        ),
        transfer=pd.DataFrame(transfer, columns=["statistic", "value", "low", "high", "p"]),
        comparisons=pd.concat(families)[columns] if families else pd.DataFrame(columns=columns),
        gain=make_gain(list(sides), combined, num_prompts),
        metrics=make_metrics(names, draws),
    )


def make_void(arm: ArmResults, unknown_words: str = "") -> ArmResults:
    """Let the teacher find nothing, and so its students; all its label sets are equal."""
    scores = arm.scores.assign(teacher=0.0, student=0.0, teacher_empty=1.0, student_empty=1.0)
    first = scores["label_set"].iloc[0]
    scores["same_as"] = ["", *[first] * (len(scores) - 1)]
    return replace(arm, scores=scores.assign(unknown_words=unknown_words))


def make_draws(names: Sequence[str], estimate: np.ndarray) -> Draws:
    """Draw scores that spread by 0.03 about their estimates."""
    noise = np.random.default_rng(0).normal(0, 0.03, (1000, len(names)))
    return Draws(tuple(names), estimate, np.clip(estimate + noise, 0, 1))


def make_scores(names: Sequence[str], num_prompts: int, draws: dict[str, Draws]) -> pd.DataFrame:
    """Make the table of scores; the student of `boat` has no interval."""
    kinds = ["prompt"] * num_prompts + ["combination"] * (len(names) - num_prompts)
    target = ["off-target" if name in OFF_TARGET else "on-target" for name in names]
    table = pd.DataFrame({"label_set": names, "kind": kinds})
    table["target"] = np.where(table["kind"] == "prompt", target, "")
    table["strategy"] = [name.partition(": ")[2] for name in names]
    table["size"] = [1 if kind == "prompt" else num_prompts for kind in kinds]
    for who in ("teacher", "student"):
        columns = [who, f"{who}_low", f"{who}_high"]
        table[columns] = np.nan
        if who in draws:
            table[columns] = np.stack([draws[who].estimate, *draws[who].interval()], axis=1)
    table.loc[table["label_set"] == "boat", ["student_low", "student_high"]] = np.nan
    table["students"] = [2 if name == "boat" else 3 for name in names] if len(draws) > 1 else 0
    table["chance"] = CHANCE
    table["teacher_empty"] = np.where(table["teacher"] < 0.05, 0.9, 0.1)
    table["student_empty"] = table["teacher_empty"] if len(draws) > 1 else np.nan
    return table.assign(same_as="", unknown_words="")


def make_gain(
    whos: Sequence[str], combined: Sequence[tuple[str, str, float, float]], num_prompts: int
) -> pd.DataFrame:
    """Make curves of rising scores; students learnt from the largest groups alone."""
    columns = ["who", "strategy", "size", "groups"]
    parts = [("score", "low", "high")]
    parts += [(f"over_{n}", f"over_{n}_low", f"over_{n}_high") for n in ("random", "best")]
    rows = []
    for column, who in enumerate(whos):
        singles = (TEACHER, STUDENT)[column][:num_prompts]
        sizes = range(1, num_prompts + 1) if who == "teacher" else [1, num_prompts]
        for _, strategy, *scores in combined:
            for size in sizes:
                share = (size - 1) / max(num_prompts - 1, 1)
                score = np.mean(singles) + share * (scores[column] - np.mean(singles))
                row: list[object] = [who, strategy, size, 1 if size == num_prompts else 6]
                for value in (score, score - np.mean(singles), score - max(singles)):
                    row += [value, value - 0.05, value + 0.05]
                rows.append(row)
    return pd.DataFrame(rows, columns=[*columns, *(name for part in parts for name in part)])


def make_metrics(names: Sequence[str], draws: dict[str, Draws]) -> pd.DataFrame:
    """Make a table of two metrics."""
    tables = []
    for metric in ("box F1 (thesis)", "pixel average precision"):
        for who, drawn in draws.items():
            low, high = drawn.interval()
            columns = {"label_set": names, "who": who, "metric": metric}
            columns |= {"score": drawn.estimate, "low": low, "high": high, "chance": CHANCE}
            tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def make_reliability(prompts: Sequence[str]) -> pd.DataFrame:
    """Make curves of ten bins."""
    probability = np.arange(0.05, 1, 0.1)
    columns = ["label_set", "who", "calibration", "probability", "share", "pixels"]
    tables = [
        pd.DataFrame(
            {
                **{"label_set": name, "who": who, "calibration": "none"},
                **{"probability": probability, "share": probability**power, "pixels": 100},
            }
        )
        for name in prompts
        for who, power in (("teacher", 1.4), ("student", 0.8))
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def make_gallery_row(image_id: str, prompts: Sequence[str]) -> GalleryRow:
    """Make a scene with two birds, and maps that find one of them."""
    image = paint_scene((120, 160), [(30, 40), (80, 120)])
    soft_label = np.random.default_rng(0).uniform(0, 0.3, (120, 160)).astype(np.float32)
    soft_label[26:34, 36:44] = 0.9
    truths = box_table([(image_id, 0.22, 0.22, 0.28, 0.28), (image_id, 0.73, 0.64, 0.77, 0.7)])
    found = truths.iloc[:1]
    panels = [
        Panel(f"{name}, {who}", soft_label, found)
        for name in [*prompts[:1], *prompts[-1:]]
        for who in ("teacher", "student, seed 0")
    ]
    return GalleryRow(image_id, "worst: prompts score lowest", image, truths, None, panels)


def make_cells(prompts: Sequence[str]) -> pd.DataFrame:
    """Make a row for the teacher and one for each student; the last training has failed."""
    rows = [("teacher", f"{len(prompts)} prompts", "done", "", 12.34, "0a1b2c3d", "/cells/t")]
    for number, name in enumerate(prompts):
        is_last = number == len(prompts) - 1
        status, reason = ("failed", "out of memory: <CUDA>") if is_last else ("done", "")
        cell = f"{name}, seed 0"
        rows.append(("student", cell, status, reason, 60.0, f"{number:08x}", f"/cells/{number}"))
    columns = ["kind", "cell", "status", "reason", "seconds", "hash", "folder"]
    return pd.DataFrame(rows, columns=columns)
