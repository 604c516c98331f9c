"""How much of the spread between teachers reaches their students, and whether students agree."""

from dataclasses import dataclass

import numpy as np
import scipy.stats

from util.metrics.intervals import LEVEL


@dataclass(frozen=True)
class Statistic:
    """A number, its 95 % interval and its test against "no relation"; nan: cannot be had.

    Attributes:
        value: The statistic.
        low: Lower end of the interval.
        high: Upper end.
        p: Two-sided p value.
    """

    value: float
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan


UNKNOWN = Statistic(np.nan)


def slope(teacher: np.ndarray, student: np.ndarray) -> Statistic:
    """Fit student = a + b teacher by least squares: a point more of the teacher gives b points.

    The interval is b -+ t(P - 2) s / sqrt(sum (teacher - mean)^2), with s^2 the residual variance
    (Draper and Smith, Applied Regression Analysis, 1998, section 1.4): prompts are a sample of
    wordings, and the scores are those on images of this number. On all images b would differ, as
    noise in the teachers' scores draws b towards the slope of noise: by a tenth where the sd over
    prompts is 2.5 times that of the noise, by little where prompts differ much more than that. In
    simulations of 20 prompts, and that much noise, the interval covers the slope on this number of
    images in 93 % of studies, and that on all images in 89 %.

    Args:
        teacher: (P,) scores of the teachers.
        student: (P,) scores of their students, means over training seeds.

    Returns:
        Slope b, its interval and its p value (b = 0). All nan with fewer than three prompts or
        where all teachers score alike. Students that all score alike have slope 0, and p 1.

    Raises:
        ValueError: The shapes differ.
    """
    _check_pairs(teacher, student)
    if len(teacher) < 3 or np.ptp(teacher) == 0:
        return UNKNOWN
    if np.ptp(student) == 0:
        return Statistic(0.0, 0.0, 0.0, 1.0)
    fit = scipy.stats.linregress(teacher, student)
    half = scipy.stats.t.ppf((1 + LEVEL) / 2, len(teacher) - 2) * fit.stderr
    return Statistic(*map(float, (fit.slope, fit.slope - half, fit.slope + half, fit.pvalue)))


def rank_correlation(teacher: np.ndarray, student: np.ndarray) -> Statistic:
    """Correlate the ranks of the teachers with those of their students (Spearman).

    The interval is tanh(atanh(r) -+ 1.96 sqrt((1 + r^2 / 2) / (P - 3))) (Bonett and Wright, Sample
    size requirements for estimating Pearson, Kendall and Spearman correlations, Psychometrika,
    2000). It would be a point where all ranks agree; there, r in it is half the smallest possible
    step from 1, which is 6 / (P^3 - P). As for `slope`, it is the correlation of scores on this
    number of images; noise of images and trainings makes it lower than that of true scores: with
    the noise of `slope` and three trainings, the interval covers the former in 97 % of studies, the
    latter in 60 %.

    The p value is twice the share of the orders of the students that give r as high, or as low if
    that is the smaller share: of all orders up to seven prompts, of 9,999 random ones, always the
    same, and this one beyond.

    Args:
        teacher: (P,) scores of the teachers.
        student: (P,) scores of their students, means over training seeds.

    Returns:
        Correlation r in [-1, 1], its interval and its p value (no relation). All nan with fewer
        than three prompts or where one side is constant; the interval also with three prompts.

    Raises:
        ValueError: The shapes differ.
    """
    _check_pairs(teacher, student)
    num_prompts = len(teacher)
    if num_prompts < 3 or np.ptp(teacher) == 0 or np.ptp(student) == 0:
        return UNKNOWN
    teacher_ranks, student_ranks = scipy.stats.rankdata([teacher, student], axis=1)
    test = scipy.stats.permutation_test(
        (student_ranks,),
        # r but for constants; sums of quarters are exact, so equal orders never differ by rounding.
        lambda permuted, axis: (permuted * teacher_ranks).sum(axis=axis),
        permutation_type="pairings",
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    r = float(np.clip(np.corrcoef(teacher_ranks, student_ranks)[0, 1], -1, 1))
    low, high = _bonett_wright(r, num_prompts)
    return Statistic(r, low, high, float(test.pvalue))


def _bonett_wright(r: float, num_prompts: int) -> tuple[float, float]:
    """Interval of a rank correlation."""
    if num_prompts < 4:
        return np.nan, np.nan
    largest = 1 - 6 / (num_prompts**3 - num_prompts)
    inside = np.clip(r, -largest, largest)
    error = np.sqrt((1 + inside**2 / 2) / (num_prompts - 3))
    half = scipy.stats.norm.ppf((1 + LEVEL) / 2) * error
    low, high = np.tanh(np.arctanh(inside) + np.array([-half, half]))
    return min(r, float(low)), max(r, float(high))


def kendall_w(scores: np.ndarray) -> Statistic:
    """Measure how alike retrained students rank the prompts: 1 the same order, 0 no agreement.

    With rank sums T of the P prompts over the S rows, ties sharing their mean rank,

        W = 12 sum (T - mean T)^2 / (S^2 (P^3 - P) - S sum (t^3 - t)),

    t the sizes of the groups of ties in each row (Kendall and Babington Smith, The Problem of m
    Rankings, 1939; ties: Kendall, Rank Correlation Methods, 1948, chapter 6). S (P - 1) W is chi2
    with P - 1 degrees of freedom where rows rank at random, closely from about S P = 20 on.

    Args:
        scores: (S, P) scores of the students, a row a training seed.

    Returns:
        W in [0, 1] and its p value (rows rank at random), without an interval. All nan with fewer
        than two seeds or prompts, or where each row is constant.
    """
    num_seeds, num_prompts = np.shape(scores)
    if num_seeds < 2 or num_prompts < 2:
        return UNKNOWN
    ranks = scipy.stats.rankdata(scores, axis=1)
    # sum (rank - mean)^2 of a row is (P^3 - P - sum (t^3 - t)) / 12, whatever its ties.
    largest = num_seeds * ((ranks - ranks.mean()) ** 2).sum()
    if largest == 0:
        return UNKNOWN
    totals = ranks.sum(axis=0)
    w = float(((totals - totals.mean()) ** 2).sum() / largest)
    p = scipy.stats.chi2.sf(num_seeds * (num_prompts - 1) * w, num_prompts - 1)
    return Statistic(w, p=float(p))


def _check_pairs(teacher: np.ndarray, student: np.ndarray) -> None:
    """Refuse scores that are not one of a teacher and one of its student each."""
    if np.ndim(teacher) != 1 or np.shape(teacher) != np.shape(student):
        raise ValueError(
            f"each prompt needs a score of its teacher and one of its student, not the shapes "
            f"{np.shape(teacher)} and {np.shape(student)}"
        )
