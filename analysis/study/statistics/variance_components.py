"""Where the variance of image-level scores comes from: wording, training, image, and their mix.

Estimators are those of the analysis of variance: mean squares are set equal to what they are
expected to be, and the equations solved (Searle, Casella and McCulloch, Variance Components, 1992,
chapter 4). Negative estimates become 0.

Intervals are generalised (Weerahandi, Generalized Confidence Intervals, JASA, 1993; Hannig, Iyer
and Patterson, Fiducial Generalized Confidence Intervals, JASA, 2006): each mean square MS with df
degrees of freedom is replaced by draws of MS df / chi2(df), and the equations are solved for each
draw. They suppose normal effects. Scores of images are not normal, and some images are much harder
than others; so mean squares that are sums over images get the df that fit the spread of their
summands, 2 MS^2 / var(MS) (Satterthwaite, An Approximate Distribution of Estimates of Variance
Components, 1946), where that is fewer than in the normal case.

Coverage of the 95 % intervals, of variances and of shares, seen in simulations with 5 to 20
prompts, 3 seeds and 100 to 200 images: normal effects 92 to 98 %; scores cut to [0, 1] 94 to 100 %;
skewed image effects with errors whose size differs between images 89 to 100 % (16 to 97 % without
the correction of df). Nothing can stand in for normal effects of prompts or trainings, of which
there are few: where these are themselves exponential, their intervals cover 74 to 85 %, where they
are uniform, 97 to 100 %.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from util.metrics.intervals import percentile_interval

TEACHER = ("prompt", "image", "residual")
STUDENT = ("prompt", "training seed", "image", "prompt x image", "residual")
"""Components, and sources of mean squares, in this order."""

STUDENT_EQUATIONS = np.array(
    [
        [1, -1, 0, -1, 1],
        [0, 1, 0, 0, -1],
        [0, 0, 1, -1, 0],
        [0, 0, 0, 1, -1],
        [0, 0, 0, 0, 1],
    ]
)
"""What makes components, each times how often it is in a mean, of mean squares: both `STUDENT`."""


def teacher_components(values: np.ndarray, num_draws: int = 10_000, seed: int = 0) -> pd.DataFrame:
    """Split the variance of teachers' scores: y_pi = mu + prompt_p + image_i + residual_pi.

    The residual is what a prompt does to single images, since each is labelled once.

    Args:
        values: (P, N) score of each prompt on each image. Images with a nan are left out.
        num_draws: For the intervals.
        seed: Of the draws.

    Returns:
        See `student_components`; the rows are those of `TEACHER`.
    """
    values = np.asarray(values, np.float64)[:, None, :]
    num_prompts, _, num_images = _with_all_values(values).shape
    # Columns: the mean squares in the order of STUDENT. With one training a prompt, that of prompt
    # x image is the residual.
    solve = np.zeros((3, 5))
    solve[0, [0, 3]] = np.array([1, -1]) / max(num_images, 1)
    solve[1, [2, 3]] = np.array([1, -1]) / num_prompts
    solve[2, 3] = 1
    return _components(values, TEACHER, solve, num_draws, seed)


def student_components(values: np.ndarray, num_draws: int = 10_000, seed: int = 0) -> pd.DataFrame:
    """Split the variance of students' scores into five components.

    The model is

        y_psi = mu + prompt_p + seed_s(p) + image_i + (prompt x image)_pi + residual_psi

    with all effects random and independent. Each training is a run of its own, so seeds are nested
    in prompts: seed 1 of two prompts have nothing in common. The residual is what a training does
    to single images.

    Args:
        values: (P, S, N) score of each prompt and training on each image. Images with a nan are
            left out. Where prompts have different numbers of trainings, pass as many as all have.
        num_draws: For the intervals.
        seed: Of the draws.

    Returns:
        A row a component of `STUDENT`: `component`; `variance`, `low`, `high` (95 %), in squared
        units of the score; `share`, `share_low`, `share_high`, of the sum of all components. With
        one training a prompt, "training seed" and "prompt x image" are nan, as they cannot be told
        from "prompt" and "residual", which hold them. With one prompt or one image, whatever cannot
        be had is nan, and so are all shares; shares are nan too where all values are alike.

    Raises:
        ValueError: Values have another number of axes, or there is no prompt or training.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 3 or 0 in values.shape[:2]:
        raise ValueError(f"values must have the shape (prompts, seeds, images), not {values.shape}")
    if values.shape[1] == 1:
        table = teacher_components(values[:, 0], num_draws, seed).set_index("component")
        return table.reindex(pd.Index(STUDENT, name="component")).reset_index()
    num_prompts, num_seeds, num_images = _with_all_values(values).shape
    divisors = [num_seeds * num_images, num_images, num_prompts * num_seeds, num_seeds, 1]
    solve = STUDENT_EQUATIONS / np.maximum(divisors, 1)[:, None]
    return _components(values, STUDENT, solve, num_draws, seed)


def _with_all_values(values: np.ndarray) -> np.ndarray:
    """Keep the images (last axis) that have a value everywhere."""
    return values[..., np.isfinite(values).all(axis=(0, 1))]


def _components(
    values: np.ndarray, names: Sequence[str], solve: np.ndarray, num_draws: int, seed: int
) -> pd.DataFrame:
    """Solve for the components of values (P, S, N), as estimated and as drawn.

    Args:
        values: See `student_components`.
        names: Of the C components.
        solve: (C, 5) factors that make components of mean squares.
        num_draws: D.
        seed: Of the draws.
    """
    mean_squares, df = _mean_squares(_with_all_values(values))
    rng = np.random.default_rng(seed)
    # A mean square with df 0 is nan already; a df of 1 keeps its draws defined.
    chi2 = rng.chisquare(np.where(df > 0, df, 1), (num_draws, len(df)))
    drawn = mean_squares * df / chi2
    everything = np.vstack([mean_squares, drawn])[:, None, :]  # (1 + D, 1, 5)
    terms = np.where(solve != 0, solve * everything, 0)  # 0 times nan is 0 here
    variances = np.maximum(terms.sum(axis=-1), 0)  # (1 + D, C)
    total = variances.sum(axis=1, keepdims=True)
    shares = np.divide(variances, total, out=np.full_like(variances, np.nan), where=total > 0)
    table = pd.DataFrame({"component": names})
    for name, rows, prefix in (("variance", variances, ""), ("share", shares, "share_")):
        table[name] = rows[0]
        table[f"{prefix}low"], table[f"{prefix}high"] = percentile_interval(rows[1:])
    return table


def _mean_squares(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute mean squares and degrees of freedom.

    Args:
        values: (P, S, N).

    Returns:
        (5,) mean squares of the sources in `STUDENT`, nan where there is nothing to compare; (5,)
        their degrees of freedom.
    """
    num_prompts, num_seeds, num_images = values.shape
    if num_images < 2:
        return np.full(5, np.nan), np.zeros(5)
    grand = values.mean()
    prompt = values.mean(axis=(1, 2), keepdims=True)
    training = values.mean(axis=2, keepdims=True)
    image = values.mean(axis=(0, 1), keepdims=True)
    both = values.mean(axis=1, keepdims=True)  # prompt and image
    effects = [
        prompt - grand,
        training - prompt,
        image - grand,
        both - prompt - image + grand,
        values - both - training + prompt,
    ]
    prompts, seeds, images = num_prompts - 1, num_prompts * (num_seeds - 1), num_images - 1
    df = np.array([prompts, seeds, images, prompts * images, seeds * images], np.float64)
    squares = np.array([values.size / e.size * (e**2).sum() for e in effects])
    mean_squares = np.divide(squares, df, out=np.full(5, np.nan), where=df > 0)
    df[2:] = [_effective_df(e, most) for e, most in zip(effects[2:], df[2:], strict=True)]
    return mean_squares, df


def _effective_df(effects: np.ndarray, most: float) -> float:
    """Degrees of freedom of a mean of squares over images, from the spread of its summands.

    A mean over N images has the variance var(summand) / N, and MS chi2(df) / df has 2 MS^2 / df.

    Args:
        effects: (..., N).
        most: Degrees of freedom in the normal case.
    """
    summands = (effects**2).sum(axis=(0, 1))
    variance = summands.var(ddof=1) / len(summands)
    return most if variance == 0 else min(most, 2 * summands.mean() ** 2 / variance)
