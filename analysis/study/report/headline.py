"""What a study has found, in a sentence or two."""

import pandas as pd

from analysis.study.report.tables import format_interval, format_number
from analysis.study.results import ArmResults, StudyResults
from util.metrics.groups import FEW
from util.words import count_of

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def write_opening(results: StudyResults) -> list[str]:
    """Say which prompt or combination to use, how sure that is and what it costs to be wrong.

    Then follows what the study has found (see `write_headline`); alone, where nothing was found or
    all label sets are one, since there is nothing to choose. At last, what a reader of intervals
    has to know, where there are few test images.

    Returns:
        A paragraph of each.
    """
    main = results.arms[0]
    found, doubt = write_headline(main, results.metric), []
    if results.num_images < FEW:
        number = count_of(results.num_images, "test image")
        doubt = [
            f"All this is of {number}: intervals over so few are too narrow, or cannot be had."
        ]
    if is_void(main) or not main.has_different_prompts:
        return [found, *doubt]
    return [results.advice.answer, found, *doubt]


def write_headline(arm: ArmResults, metric: str) -> str:
    """Say how far wording moves the teacher, how much a student keeps, and what combining brings.

    It says what cannot be had, and `perhaps nothing` where a 95 % interval holds 0. Of several
    strategies it takes the one with the highest score, and says so; the intervals of its gains
    allow for that choice (see `statistics.combining_gain`). Where the teacher finds nothing, or all
    its label sets are equal, it says that and nothing else; where only the students find nothing,
    it opens with that.
    """
    prompts = arm.scores[arm.scores["kind"] == "prompt"]
    whos = [who for who in ("teacher", "student") if prompts[who].notna().any()]
    different = prompts[prompts["same_as"] == ""]
    silence, opening = _describe_silence(arm.scores), ""
    if is_void(arm):
        return "; ".join([_describe_void(len(prompts)), *_describe_words(prompts), *silence]) + "."
    if len(prompts) > 1 and not arm.has_different_prompts:
        parts = [_describe_equal(different, metric, whos, len(prompts)), *silence]
    else:
        opening = "".join(f"{said.capitalize()}. " for said in silence)
        parts = [_describe_range(different, metric, whos)]
        if "student" in whos and arm.has_different_prompts:
            parts.append(_describe_transfer(arm.transfer))
        combined = arm.gain[(arm.gain["size"] > 1) & arm.gain["score"].notna()]
        if len(combined):
            parts.append(_describe_gain(combined, len(prompts)))
    parts += [*_describe_words(prompts), *_compare_with_chance(arm.scores, whos)]
    return f"{opening}{'; '.join(parts)}."


def is_void(arm: ArmResults) -> bool:
    """Tell whether nothing is found in any test image by the teacher, nor by a combination."""
    return bool(_find_nothing(arm.scores, "teacher").all())


def _find_nothing(scores: pd.DataFrame, who: str) -> pd.Series:
    """Tell which label sets find nothing, of those that there are.

    They mark nothing, and are no better than marking everything either: average precision, which
    knows no threshold, can be high where no map passes that of boxes.
    """
    there = scores[scores[who].notna()]
    return (there[f"{who}_empty"] == 1) & ~(there[who] > there["chance"])


def _describe_void(num_prompts: int) -> str:
    """That the teacher found nothing."""
    which = "its label set marks" if num_prompts == 1 else "none of its label sets marks"
    what = "nothing" if num_prompts == 1 else "anything"
    return f"The teacher found nothing: {which} {what} in any test image"


def _describe_equal(only: pd.DataFrame, metric: str, whos: list[str], num_prompts: int) -> str:
    """That all label sets are equal."""
    (row,) = only.to_dict("records")
    scores = " and ".join(f"{format_number(row[who], 2)} for the {who}" for who in whos)
    return (
        f"The teacher gave one and the same label set for all {_count(num_prompts)} prompts, so "
        f"wording could change nothing: {metric} is {scores}"
    )


def _describe_words(prompts: pd.DataFrame) -> list[str]:
    """That the teacher does not know words of prompts, if it is so."""
    lacking = int((prompts["unknown_words"] != "").sum())
    if not lacking:
        return []
    if len(prompts) == 1:
        return ["the teacher does not know words of the prompt"]
    which = "any" if lacking == len(prompts) else _count(lacking)
    return [f"the teacher does not know words of {which} of the {_count(len(prompts))} prompts"]


def _describe_silence(scores: pd.DataFrame) -> list[str]:
    """That no student has found anything, if there are any and it is so."""
    is_silent = _find_nothing(scores, "student")
    if is_silent.empty or not is_silent.all():
        return []
    return ["no student finds anything in any test image"]


def _compare_with_chance(scores: pd.DataFrame, whos: list[str]) -> list[str]:
    """That marking everything is as good as the best label set, if it is so."""
    chance = float(scores["chance"].iloc[0])
    beaten = [who for who in whos if scores[who].max() <= chance]
    if not beaten:
        return []
    return [
        f"no {' and no '.join(beaten)} is better than marking everything "
        f"({format_number(chance, 2)})"
    ]


def _describe_range(prompts: pd.DataFrame, metric: str, whos: list[str]) -> str:
    """Lowest and highest prompt of teacher and student."""
    if len(prompts) == 1:
        (only,) = prompts.to_dict("records")
        scores = [f"{format_number(only[who], 2)} for the {who}" for who in whos]
        return f"The only prompt, {only['label_set']}, has {metric} {' and '.join(scores)}"
    said = f"Wording moved the teacher's {metric} {_span(prompts, 'teacher')}"
    learnt = prompts[prompts["student"].notna()]
    if learnt.empty:
        return said
    if len(learnt) == 1:
        name, score = learnt[["label_set", "student"]].to_numpy()[0]
        return f"{said}; only {name} has a student ({format_number(score, 2)})"
    of_some = f" over the {_count(len(learnt))} prompts that have one"
    return (
        f"{said} and the student's {_span(learnt, 'student')}"
        f"{of_some if len(learnt) < len(prompts) else ''}"
    )


def _span(prompts: pd.DataFrame, who: str) -> str:
    """Lowest and highest score over prompts."""
    rising = prompts.sort_values(who, kind="stable").to_dict("records")
    low, high = (
        f"{format_number(row[who], 2)} ({row['label_set']})" for row in (rising[0], rising[-1])
    )
    if rising[0][who] == rising[-1][who]:
        return f"not at all ({format_number(rising[0][who], 2)} for each prompt)"
    return f"between {low} and {high}"


def _describe_transfer(transfer: pd.DataFrame) -> str:
    """What a point of difference between teachers becomes."""
    rows = transfer[(transfer["statistic"] == "slope") & transfer["value"].notna()]
    if rows.empty:
        return "how much of a difference between teachers reaches the students cannot be said"
    value, low, high = rows[["value", "low", "high"]].to_numpy(float)[0]
    if value == low == high == 0:
        return "nothing of a difference between teachers reached the students"
    points = f"{format_number(value, 2)} {format_interval(low, high, 2)}"
    extent = _judge_slope(low, high)
    return f"a point of difference between teachers became {points} points between students{extent}"


def _judge_slope(low: float, high: float) -> str:
    """What an interval of a slope says against the slopes 0 and 1."""
    if low <= 0 <= high:
        return " (perhaps nothing, perhaps all of it)" if high >= 1 else " (perhaps nothing)"
    if high < 0:
        return " (the other way round)"
    if low <= 1 <= high:
        return " (perhaps all of it)"
    return " (less)" if high < 1 else " (more)"


def _describe_gain(combined: pd.DataFrame, num_prompts: int) -> str:
    """What the largest combination gains, for students if there are any of it."""
    who = "student" if "student" in set(combined["who"]) else "teacher"
    of_side = combined[combined["who"] == who]
    largest = of_side[of_side["size"] == of_side["size"].max()]
    row = largest.sort_values("score", ascending=False, kind="stable").to_dict("records")[0]
    size = int(row["size"])
    which = f"{'all ' if size == num_prompts else ''}{_count(size)}"
    best = f" (the best of {_count(len(largest))} strategies)" if len(largest) > 1 else ""
    over_random, over_best = (
        _describe_change(*(row[f"{key}{end}"] for end in ("", "_low", "_high")))
        for key in ("over_random", "over_best")
    )
    return (
        f"combining {which} prompts by {row['strategy']}{best} {over_random} for the {who} over "
        f"one of them picked at random, and {over_best} against the best single one"
    )


def _describe_change(value: float, low: float, high: float) -> str:
    """A gain, or a loss without its minus sign."""
    if value == low == high == 0:
        return "changed nothing"
    if value < 0 and low < 0 <= high:  # in brackets nobody could tell which end is a loss
        lost, gained = format_number(-low, 2), format_number(high, 2)
        extent = f"(between {lost} lost and {gained} gained, so perhaps nothing)"
        return f"lost {format_number(-value, 2)} {extent}"
    if value < 0:
        return f"lost {_with_interval(-value, -high, -low)}"
    return f"gained {_with_interval(value, low, high)}"


def _with_interval(value: float, low: float, high: float) -> str:
    """A number with its interval, and what this leaves open."""
    if pd.isna(low) or pd.isna(high):
        return f"{format_number(value, 2)} (no interval can be had)"
    doubt = " (perhaps nothing)" if low <= 0 <= high else ""
    return f"{format_number(value, 2)} {format_interval(low, high, 2)}{doubt}"


def _count(number: int) -> str:
    """A small number as a word."""
    return WORDS[number] if number < len(WORDS) else str(number)
