"""Where teachers agree, and how far each can be trusted, learned from that without labels.

Teachers that know nothing of each other agree only because of what they both see. Where the outputs
f_i of K teachers are independent given the truth, the total covariance says (for votes: Parisi,
Strino, Nadler and Kluger, "Ranking and combining multiple predictors without labeled data", PNAS
111(4), 2014, lemma 1; the proof needs no votes, so it holds for probabilities too)

    cov(f_i, f_j) = p (1 - p) D_i D_j    for i != j,

where p is the share of anomalous pixels and D_i the contrast of a teacher, its mean output on
anomalous less that on normal pixels. So all entries off the diagonal come from one vector, which is
proportional to the contrasts. As weights of a mean it gives their spectral meta-learner.

The trap: teachers that err alike, such as near-synonyms of one prompt, agree for another reason,
and gain weight by it that they do not deserve.
"""

from collections.abc import Iterable

import numpy as np

CHUNK_PX = 2**16
TOLERANCE = 1e-9
MAX_SWEEPS = 10_000


def vote_fraction(maps: Iterable[np.ndarray]) -> np.ndarray:
    """Share of the teachers that are above 0 at a pixel.

    Args:
        maps: One or more (H, W) maps, taken one at a time.

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        ValueError: There is no map.
    """
    maps = iter(maps)
    if (first := next(maps, None)) is None:
        raise ValueError("no map")
    votes, count = (first > 0).astype(np.float32), 1
    for soft_label in maps:
        votes += soft_label > 0
        count += 1
    votes /= count
    return votes


def vote_entropy(maps: Iterable[np.ndarray]) -> np.ndarray:
    """How divided the teachers are: binary entropy of the share that is above 0, in bits.

    Dagan and Engelson, "Committee-based sampling for training probabilistic classifiers", ICML
    1995.

    Args:
        maps: One or more (H, W) maps, taken one at a time.

    Returns:
        (H, W) float32: 0 where all teachers agree, 1 where they are split in half.
    """
    from scipy.special import entr

    yes = vote_fraction(maps)
    return np.minimum((entr(yes) + entr(1 - yes)) / np.float32(np.log(2)), 1)


def learn_weights(images: Iterable[Iterable[np.ndarray]]) -> np.ndarray:
    """Learn the weights of teachers from their maps of a data set, in one pass.

    Args:
        images: The K (H, W) maps of each image; sizes differ between images.

    Returns:
        (K,) float64 >= 0 with sum 1, see `weights_of_contrasts`. One teacher has weight 1, two have
        1/2 each: a single covariance cannot tell them apart.

    Raises:
        ValueError: There is no image.
    """
    covariance = covariance_of_maps(images)
    if len(covariance) <= 2:
        return np.full(len(covariance), 1 / len(covariance))
    return weights_of_contrasts(fit_rank_one(covariance))


def covariance_of_maps(images: Iterable[Iterable[np.ndarray]]) -> np.ndarray:
    """Covariance of teachers over all pixels of all images, (K, K) float64.

    Only sums are kept, so memory does not grow with the number of images. The first pixel is taken
    from all others, which changes nothing but that constant maps have covariances of exactly 0.

    Raises:
        ValueError: There is no image.
    """
    shift, num_pixels = None, 0
    for image in images:
        maps = [soft_label.ravel() for soft_label in image]
        if shift is None:
            shift = np.array([[float(pixels[0])] for pixels in maps])
            sums, products = np.zeros(len(maps)), np.zeros((len(maps), len(maps)))
        for start in range(0, len(maps[0]), CHUNK_PX):
            chunk = np.stack([pixels[start : start + CHUNK_PX] for pixels in maps]) - shift
            sums += chunk.sum(axis=1)
            products += chunk @ chunk.T
            num_pixels += chunk.shape[1]
    if shift is None:
        raise ValueError("a covariance needs at least one image")
    means = sums / num_pixels
    return products / num_pixels - np.outer(means, means)


def fit_rank_one(covariance: np.ndarray) -> np.ndarray:
    """Find the vector v whose products v_i v_j are nearest to the entries off the diagonal.

    Least squares, one element after another, each at its best for the others: the minres method of
    factor analysis with one factor (Harman and Jones, Psychometrika 31(3), 1966). |v_i| stays
    within the teacher's standard deviation, since the truth explains no more than all of its
    variance (Harman and Fukuda, Psychometrika 31(4), 1966); without this bound a teacher that
    agrees with two others that do not agree with each other would run away.

    Args:
        covariance: (K, K) float64, symmetric; its diagonal serves as that bound alone.

    Returns:
        (K,) float64; its sum is not negative, so that the teachers that agree most are right.
    """
    off_diagonal = covariance - np.diag(covariance.diagonal())
    bound = np.sqrt(covariance.diagonal().clip(min=0))
    values, vectors = np.linalg.eigh(off_diagonal)
    v = (vectors[:, -1] * np.sqrt(max(values[-1], 0))).clip(-bound, bound)
    for _ in range(MAX_SWEEPS):
        before = v.copy()
        for i in range(len(v)):
            others = v @ v - v[i] ** 2
            if others > 0:
                v[i] = np.clip(off_diagonal[i] @ v / others, -bound[i], bound[i])
        if np.abs(v - before).max(initial=0) <= TOLERANCE * np.abs(v).max(initial=0):
            break
    return v if v.sum() >= 0 else -v


def weights_of_contrasts(contrasts: np.ndarray) -> np.ndarray:
    """Turn (K,) contrasts, on any scale, into weights >= 0 with sum 1.

    A teacher that is worse than chance says nothing: weight 0. If all say nothing, as constant maps
    do, the weights are equal.
    """
    weights = contrasts.clip(min=0)
    if not weights.any():
        weights = np.ones(len(contrasts))
    return weights / weights.sum()
