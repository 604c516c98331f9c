"""Draws: what the scores of label sets would be on other images and with other training seeds.

All label sets meet the same resamples of images, so a row of draws is one world: differences, means
and ratios of columns, taken row by row, have the spread that they would have over worlds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from util.metrics.intervals import (
    RESAMPLES,
    Score,
    percentile_interval,
    resample_weights,
    resampled_scores,
)

LARGEST_VARIANCE = 0.25
"""Of a score in [0, 1]: half of the trainings score 0, half 1 (Popoviciu, Mathematica, 1935)."""

COLUMNS_AT_ONCE = 512
"""Counts of label sets that meet the resamples in one product."""


@dataclass(frozen=True, eq=False)
class Draws:
    """Scores of label sets, and their joint spread.

    Attributes:
        names: Of the L label sets.
        estimate: (L,) float64 scores on all images; the mean over training seeds.
        draws: (R, L) float64 scores of R worlds, in [0, 1] as scores are; nan where undefined, as
            with a single image.
        has_seed_noise: Whether the worlds differ in training seeds too; without it, intervals hold
            for these trained networks only.
        num_drawn: How many images, or groups of them, a world draws; None: not known.
    """

    names: tuple[str, ...]
    estimate: np.ndarray
    draws: np.ndarray
    has_seed_noise: bool = False
    num_drawn: int | None = None

    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """Find low (L,) and high (L,) of the 95 % percentile intervals; nan for one image."""
        return percentile_interval(self.draws)

    def select(self, names: Sequence[str]) -> "Draws":
        """Take some label sets, in the order given, out of the same worlds.

        Raises:
            ValueError: There is no label set of this name.
        """
        columns = [self.names.index(name) for name in names]
        return replace(
            self,
            names=tuple(names),
            estimate=self.estimate[columns],
            draws=self.draws[:, columns],
        )

    def beside(self, others: "Draws") -> "Draws":
        """Put other label sets, drawn over the same images with the same seed, behind these.

        Raises:
            ValueError: The numbers of worlds differ.
        """
        return replace(
            self,
            names=self.names + others.names,
            estimate=np.concatenate([self.estimate, others.estimate]),
            draws=np.concatenate([self.draws, others.draws], axis=1),
            has_seed_noise=self.has_seed_noise or others.has_seed_noise,
        )

    def means(self, members: Mapping[str, Sequence[str]]) -> "Draws":
        """Take mean scores over label sets, in the same worlds.

        Args:
            members: Names of one or more label sets, by the name of their mean.
        """
        parts = [self.select(names) for names in members.values()]
        return replace(
            self,
            names=tuple(members),
            estimate=np.array([part.estimate.mean() for part in parts]),
            draws=np.stack([part.draws.mean(axis=1) for part in parts], axis=1),
        )


def teacher_draws(
    counts: Mapping[str, np.ndarray], score: Score, num_resamples: int = RESAMPLES, seed: int = 0
) -> Draws:
    """Draw scores of teachers, or of anything that is not trained, over other images.

    Args:
        counts: (N, K) finite numbers of each label set; row n belongs to the same image in all.
        score: Maps sums over images (..., K) to scores (...).
        num_resamples: R.
        seed: Of the resamples of images.

    Raises:
        ValueError: See `student_draws`.
    """
    return student_draws({name: [c] for name, c in counts.items()}, score, num_resamples, seed)


def student_draws(
    counts: Mapping[str, Sequence[np.ndarray]],
    score: Score,
    num_resamples: int = RESAMPLES,
    seed: int = 0,
) -> Draws:
    """Draw mean scores of students over other images and other training seeds.

    A draw of a label set with S trainings is the mean of their scores on the resampled images (see
    `util.metrics.intervals.bootstrap`) plus noise of seeds (see `_seed_noise`), cut to [0, 1],
    where scores lie.

    What a training makes of single images is in both terms, so intervals are a little too wide
    rather than too narrow: in simulations of F1 over 150 images, they cover the mean over all
    images and seeds in 98 % of studies with three seeds (differences of label sets: in more than
    99 %). With one seed, and so without the noise term, they cover it in 81 % only.

    Args:
        counts: Of each label set, (N, K) finite numbers of each training; row n belongs to the
            same image in all, or to the same group of images that are drawn together. Numbers of
            trainings may differ.
        score: Maps sums over images (..., K) to scores (...), in [0, 1] where label sets have
            several trainings.
        num_resamples: R. The first worlds do not depend on how many follow.
        seed: Of the resamples of images, the same as in `bootstrap`, and of the noise.

    Returns:
        Draws without seed noise where no label set has two trainings. A score that is undefined
        in one training makes that label set nan, and says nothing about the noise of others.

    Raises:
        ValueError: There is no label set, training, image or resample; shapes differ; or a count is
            not finite.
    """
    _check(counts)
    scores = [np.array([score(np.sum(c, axis=0)) for c in seeds]) for seeds in counts.values()]
    draws = np.concatenate(list(_image_draws(counts, score, num_resamples, seed)))
    noise = _seed_noise(scores, num_resamples, seed)
    if noise is not None:
        draws = np.clip(draws + noise, 0, 1)
    means = np.array([s.mean() for s in scores])
    num_images = len(next(iter(counts.values()))[0])
    return Draws(tuple(counts), means, draws, noise is not None, num_images)


def _check(counts: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Refuse counts that do not belong together."""
    shapes = {np.shape(c) for seeds in counts.values() for c in seeds}
    if len(shapes) != 1 or not all(map(len, counts.values())) or len(next(iter(shapes))) != 2:
        raise ValueError(
            "every label set needs counts of one or more trainings, all of one shape (images, K), "
            f"not of the shapes {sorted(shapes)}"
        )
    if not all(np.isfinite(c).all() for seeds in counts.values() for c in seeds):
        raise ValueError("counts must be finite; an image without a value counts as 0 of 0")


def _image_draws(
    counts: Mapping[str, Sequence[np.ndarray]], score: Score, num_resamples: int, seed: int
) -> Iterator[np.ndarray]:
    """Yield (C, L) mean scores over the trainings, of the next C resamples of images.

    Few trainings meet the resamples at once, or one where K is thousands.
    """
    trainings = [c for seeds in counts.values() for c in seeds]
    num_images, num_columns = trainings[0].shape
    size = max(1, COLUMNS_AT_ONCE // max(num_columns, 1))
    batches = [trainings[start : start + size] for start in range(0, len(trainings), size)]
    num_trainings = np.array([len(seeds) for seeds in counts.values()])
    first = num_trainings.cumsum() - num_trainings
    for weights in resample_weights(num_images, num_resamples, seed):
        as_float = weights.astype(np.float64)  # once, not in each product
        of_trainings = np.concatenate(
            [resampled_scores(as_float, np.stack(batch, axis=1), score) for batch in batches],
            axis=1,
        )
        chunk = np.add.reduceat(of_trainings, first, axis=1) / num_trainings
        yield chunk if num_images > 1 else np.full_like(chunk, np.nan)


def _seed_noise(scores: Sequence[np.ndarray], num_draws: int, seed: int) -> np.ndarray | None:
    """Draw what other training seeds would add to the mean score of each label set.

    It is normal with the variance s^2 / S of a mean of S trainings. Label sets differ in how much
    their students vary, so each has an s^2 of its own; each world draws it anew as
    s^2 (S - 1) / chi2(S - 1), the posterior of a normal variance (Gelman et al., Bayesian Data
    Analysis, 2013, section 3.2), which makes the noise Student's t with S - 1 degrees of freedom.
    Differences of two label sets are then as Behrens and Fisher have them (Fisher, The Fiducial
    Argument in Statistical Inference, Annals of Eugenics, 1935), whose intervals are wide rather
    than narrow (Robinson, Properties of Student's t and of the Behrens-Fisher Solution to the Two
    Means Problem, Annals of Statistics, 1976). No variance is above `LARGEST_VARIANCE`. A label set
    with one training takes the variance of another, picked at random in each world.

    In simulations of 2, 3 and 5 seeds of 5 and 20 label sets, some with an sd over seeds of 0 to
    0.05 and some of 0.1 or 0.15, all with means of 0.2 to 0.8 and without noise of images, the
    intervals cover the mean score of those that vary much in 92 to 95 % of studies, of the others
    in 94 to 100 %, differences in 93 to 100 % and means over label sets in 95 to 100 %; p is 0.05
    or less in 0 to 6 % of pairs without a difference. They are wide for two seeds (0.46 for an sd
    of 0.05) and usable from three on (0.20). Close to 0 and 1, a score that varies much must be
    skewed, and three seeds show little of that: there it is 84 to 92 %. A variance pooled over
    label sets would cover those that vary much in 26 to 83 %; variances drawn towards each other
    (Smyth, Linear Models and Empirical Bayes Methods, Statistical Applications in Genetics and
    Molecular Biology, 2004) in 59 to 90 %, as two or three seeds that happen to agree are taken for
    calm ones.

    Args:
        scores: (S,) of each label set; nan says nothing.
        num_draws: R.
        seed: Any integer from 0.

    Returns:
        (R, L); None where no label set has two defined scores.
    """
    # Three streams, so that more worlds begin with the same ones; none is that of the images.
    of_variance, of_pick, of_noise = np.random.default_rng([seed, 1]).spawn(3)
    variances = _draw_variances(scores, num_draws, of_variance, of_pick)
    if variances is None:
        return None
    num_trainings = np.array([len(s) for s in scores])
    noise = of_noise.standard_normal(variances.shape)
    noise *= np.sqrt(np.minimum(variances, LARGEST_VARIANCE) / num_trainings)
    return noise


def _draw_variances(
    scores: Sequence[np.ndarray],
    num_draws: int,
    of_variance: np.random.Generator,
    of_pick: np.random.Generator,
) -> np.ndarray | None:
    """Draw (R, L) variances over seeds; None where no label set has two defined scores.

    Args:
        scores: (S,) of each label set.
        num_draws: R.
        of_variance: Draws those of label sets whose scores are two or more, and defined.
        of_pick: Picks one of those for each of the others.
    """
    known = [i for i, s in enumerate(scores) if len(s) > 1 and np.isfinite(s).all()]
    if not known:
        return None
    df = np.array([len(scores[i]) - 1 for i in known])
    squares = np.array([scores[i].var() * len(scores[i]) for i in known])
    drawn = squares / of_variance.chisquare(df, (num_draws, len(known)))
    unknown = np.setdiff1d(np.arange(len(scores)), known)
    variances = np.empty((num_draws, len(scores)))
    variances[:, known] = drawn
    picked = of_pick.integers(len(known), size=(num_draws, len(unknown)))
    variances[:, unknown] = np.take_along_axis(drawn, picked, axis=1)
    return variances
