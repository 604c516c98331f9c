"""Whether distances between cameras agree: would one have told the clusters of another?"""

import itertools
import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from analysis.clusters.clustering import build_tree, cut

PERMUTATIONS = 9999
_AT_ONCE = 2**20
"""Distances that are in memory together, of as many permutations as have them; one at least."""

COLUMNS = ["distance", "compared_with", "cameras", "spearman", "p", "clusters", "adjusted_rand"]


def compare_distances(distances: Mapping[str, np.ndarray], count: int) -> pd.DataFrame:
    """Compare all pairs of distances of the same N cameras.

    Args:
        distances: (N, N) float64 each, by name; symmetric, N >= 2.
        count: Number of clusters to compare.

    Returns:
        Columns `distance`, `compared_with`, `cameras`, `spearman` and `p` (see `mantel`),
        `clusters` and `adjusted_rand` (Hubert and Arabie, 1985): 1 where the same cameras are
        together, about 0 by chance.
    """
    from sklearn.metrics import adjusted_rand_score

    labels = {name: cut(build_tree(each), count) for name, each in distances.items()}
    rows = [
        (
            one,
            other,
            len(distances[one]),
            *mantel(distances[one], distances[other]),
            count,
            adjusted_rand_score(labels[one], labels[other]),
        )
        for one, other in itertools.combinations(distances, 2)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def mantel(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Correlate two distances over pairs of cameras, and test it by permuting cameras.

    Pairs that share a camera are not independent, so the usual p value would be too small (Mantel,
    1967).

    Args:
        one: (N, N) float64, symmetric.
        other: (N, N) float64, symmetric.

    Returns:
        Spearman's correlation over the N (N - 1) / 2 pairs, and p, one-sided: the share of
        permutations with a correlation as large. Of up to 7 cameras these are all there are, of
        more `PERMUTATIONS` random ones and the one that is there. nan where a distance is the same
        of all pairs.
    """
    num = len(one)
    ranks = [rankdata(squareform(each, checks=False).round(12)) for each in (one, other)]
    x, y = (each - each.mean() for each in ranks)
    scale = math.sqrt(float(x @ x) * float(y @ y))
    if not scale:
        return math.nan, math.nan
    observed = float(x @ y) / scale
    centred = squareform(y)
    rows, columns = np.triu_indices(num, 1)
    orders = _permute(num)
    num_as_large = 0
    at_once = max(1, _AT_ONCE // len(rows))
    for part in np.array_split(orders, math.ceil(len(orders) / at_once)):
        values = centred[part[:, rows], part[:, columns]] @ x / scale
        num_as_large += int(np.count_nonzero(values >= observed - 1e-12))
    return observed, num_as_large / len(orders)


def _permute(num: int) -> np.ndarray:
    """Give permutations of cameras, (P, N) int64, always the same; the first changes nothing."""
    if math.factorial(num) <= PERMUTATIONS:
        return np.array(list(itertools.permutations(range(num))), np.int64)
    chance = np.random.default_rng(0)
    drawn = chance.permuted(np.tile(np.arange(num), (PERMUTATIONS, 1)), axis=1)
    return np.concatenate([np.arange(num)[None], drawn])
