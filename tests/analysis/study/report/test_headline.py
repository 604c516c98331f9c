"""The headline of a study: one sentence, made from its numbers."""

from dataclasses import replace

import numpy as np

from analysis.study.report.headline import is_void, write_headline, write_opening
from tests.analysis.study.study_examples import PROMPTS, make_arm, make_results, make_void


def test_the_headline_is_made_from_the_numbers() -> None:
    assert write_headline(make_arm(PROMPTS, True, True), "F1") == (
        "Wording moved the teacher's F1 between 0.01 (whale) and 0.68 (bird) and the student's "
        "between 0.00 (whale) and 0.57 (bird); a point of difference between teachers became 0.80 "
        "[0.34, 1.26] points between students (perhaps all of it); combining all six prompts by "
        "majority:2 (the best of two strategies) gained 0.27 [0.22, 0.32] for the student over one "
        "of them picked at random, and gained 0.03 [\u22120.02, 0.08] (perhaps nothing) against "
        "the best single one."
    )


def test_the_headline_says_what_cannot_be_had() -> None:
    assert write_headline(make_arm(PROMPTS[:1], True, False), "F1") == (
        "The only prompt, bird, has F1 0.68 for the teacher and 0.57 for the student."
    )
    arm = make_arm(PROMPTS, False, True)
    alone = replace(arm, gain=arm.gain.assign(over_best_low=np.nan))
    assert "lost 0.02 (no interval can be had)" in write_headline(alone, "F1")
    two = write_headline(make_arm(PROMPTS[:2], True, False), "F1")
    assert two.endswith("reaches the students cannot be said.")
    alone = write_headline(make_arm(PROMPTS, False, False), "F1")
    assert alone == ("Wording moved the teacher's F1 between 0.01 (whale) and 0.68 (bird).")


def test_the_headline_says_that_students_which_find_nothing_do_not_differ() -> None:
    arm = make_arm(PROMPTS, True, True)
    nothing = {"value": 0.0, "low": 0.0, "high": 0.0}
    gain = arm.gain.assign(**dict.fromkeys(arm.gain.columns[4:], 0.0))
    arm = replace(
        arm,
        scores=arm.scores.assign(student=0.0),
        transfer=arm.transfer.assign(**nothing),
        gain=gain,
    )
    headline = write_headline(arm, "F1")
    assert "the student's not at all (0.00 for each prompt); nothing of a difference" in headline
    assert "changed nothing for the student" in headline
    silent = replace(arm, scores=arm.scores.assign(student_empty=1.0))
    opening = "No student finds anything in any test image. Wording moved the teacher's F1 between"
    assert write_headline(silent, "F1").startswith(opening)
    almost = arm.scores.assign(student_empty=[0.9] + [1.0] * (len(arm.scores) - 1))
    assert "finds anything" not in write_headline(replace(arm, scores=almost), "F1")


def test_the_headline_opens_with_the_fact_that_nothing_was_found() -> None:
    arm = make_arm(PROMPTS, True, True)
    assert write_headline(make_void(arm), "F1") == (
        "The teacher found nothing: none of its label sets marks anything in any test image; no "
        "student finds anything in any test image."
    )
    assert write_headline(make_void(arm, "zorb"), "F1") == (
        "The teacher found nothing: none of its label sets marks anything in any test image; the "
        "teacher does not know words of any of the six prompts; no student finds anything in any "
        "test image."
    )
    alone = make_void(make_arm(PROMPTS[:1], False, False), "zorb")
    alone = replace(alone, scores=alone.scores.assign(student=np.nan, student_empty=np.nan))
    assert write_headline(alone, "F1") == (
        "The teacher found nothing: its label set marks nothing in any test image; the teacher "
        "does not know words of the prompt."
    )


def test_a_ranking_below_every_threshold_is_something() -> None:
    arm = make_arm(PROMPTS, True, False)
    arm = replace(arm, scores=arm.scores.assign(teacher_empty=1.0, student_empty=1.0))
    assert not is_void(arm)
    headline = write_headline(arm, "pixel average precision")
    assert headline.startswith("Wording moved the teacher's pixel average precision between 0.01")
    assert "finds anything" not in headline


def test_what_combinations_find_is_something_too() -> None:
    arm = make_arm(PROMPTS, True, True)
    is_prompt = arm.scores["kind"] == "prompt"
    empty = {f"{who}_empty": is_prompt.astype(float) for who in ("teacher", "student")}
    scores = arm.scores.assign(**empty)
    scores.loc[is_prompt, ["teacher", "student"]] = 0.0
    arm = replace(arm, scores=scores)
    assert not is_void(arm)
    assert "anything" not in write_headline(arm, "F1")
    beaten = write_headline(replace(arm, scores=scores.assign(chance=0.3)), "F1")
    assert "better than marking everything" not in beaten


def test_the_headline_says_which_prompts_have_a_student() -> None:
    arm = make_arm(PROMPTS[:3], True, False)
    scores = arm.scores.copy()
    scores.loc[1, "student"] = np.nan
    some = write_headline(replace(arm, scores=scores), "F1")
    among = "and the student's between 0.44 (oceanic bird, white) and 0.57 (bird) over the two"
    assert f"{among} prompts that have one; " in some
    scores.loc[2, "student"] = np.nan
    assert "; only bird has a student (0.57); " in write_headline(replace(arm, scores=scores), "F1")


def test_students_that_differ_the_other_way_round_are_said_to() -> None:
    arm = make_arm(PROMPTS, True, False)
    turned = arm.transfer.assign(value=-0.5, low=-0.8, high=-0.2)
    headline = write_headline(replace(arm, transfer=turned), "F1")
    minus = "\N{MINUS SIGN}"
    said = f"became {minus}0.50 [{minus}0.80, {minus}0.20] points between students"
    assert f"{said} (the other way round)" in headline


def test_the_headline_says_that_all_label_sets_are_one() -> None:
    arm = make_void(make_arm(PROMPTS, True, True))
    scores = arm.scores.assign(teacher=0.4, teacher_empty=0.1, student=0.3, student_empty=0.0)
    words = ["zorb, quix", "quix", "", "", "", "", "", ""]
    arm = replace(arm, scores=scores.assign(unknown_words=words))
    assert write_headline(arm, "F1") == (
        "The teacher gave one and the same label set for all six prompts, so wording could change "
        "nothing: F1 is 0.40 for the teacher and 0.30 for the student; the teacher does not know "
        "words of two of the six prompts."
    )


def test_the_headline_speaks_of_the_prompts_that_differ() -> None:
    arm = make_arm(PROMPTS, False, False)
    scores = arm.scores.copy()
    scores.loc[5, ["same_as", "teacher"]] = ["boat", 0.08]
    headline = write_headline(replace(arm, scores=scores), "F1")
    assert headline == "Wording moved the teacher's F1 between 0.08 (boat) and 0.68 (bird)."


def test_the_headline_says_that_marking_everything_is_as_good() -> None:
    arm = make_arm(PROMPTS, True, False)
    high = write_headline(replace(arm, scores=arm.scores.assign(chance=0.6)), "F1")
    assert high.endswith("; no student is better than marking everything (0.60).")
    higher = write_headline(replace(arm, scores=arm.scores.assign(chance=0.7)), "F1")
    assert higher.endswith("; no teacher and no student is better than marking everything (0.70).")
    assert "marking" not in write_headline(arm, "F1")
    unknown = write_headline(replace(arm, scores=arm.scores.assign(chance=np.nan)), "F1")
    assert "marking" not in unknown


def test_the_opening_says_which_to_use_how_sure_that_is_and_what_it_costs_to_be_wrong() -> None:
    results = make_results()
    opening, found = write_opening(results)
    assert opening.startswith("Without labels, use bird: label-free score 0.90 [0.86, 0.94], first")
    assert "that costs 0.00 [0.00, 0.00] box F1 (thesis) against the best of all" in opening
    assert "a prompt picked at random costs 0.35" in opening
    assert opening.endswith("Agreement cannot see errors that all prompts share.")
    assert found == write_headline(results.arms[0], results.metric)


def test_the_opening_says_that_few_images_tell_little() -> None:
    few = write_opening(replace(make_results(), num_images=3))
    assert few[:2] == write_opening(make_results())
    assert few[2].startswith("All this is of 3 test images: intervals over so few are too narrow")
    assert len(write_opening(make_results())) == 2


def test_the_opening_advises_nothing_where_there_is_nothing_to_choose() -> None:
    results = make_results()
    void = replace(results, arms=[make_void(results.arms[0])])
    assert write_opening(void) == [write_headline(void.arms[0], void.metric)]
    two = make_results(PROMPTS[:2])
    assert write_opening(two)[0].startswith("Which to use cannot be told without labels: ")
