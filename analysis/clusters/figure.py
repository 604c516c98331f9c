"""The picture of clusters: a matrix in the order of its tree, which is drawn beside it."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from scipy.cluster.hierarchy import dendrogram

from analysis.clusters.clustering import Clusters
from analysis.study.report.plot_style import LINES, STYLE, shortened, write_plot
from util.visualization import new_figure

_COLOURS = "cividis"
"""Goes from dark to light, and looks alike to colour-blind people."""


def draw_clusters(
    path: Path,
    cameras: Sequence[str],
    values: np.ndarray,
    clusters: Clusters,
    axes_labels: tuple[str, str, str],
) -> None:
    """Draw a matrix with its tree as PNG and SVG.

    Args:
        path: Of the pictures, without suffix.
        cameras: Names of the N cameras, N >= 2.
        values: (N, N) float64: scores, or distances.
        clusters: Of these cameras, in the same order.
        axes_labels: What rows, columns and values are.
    """
    num = len(cameras)
    side = 1.6 + 0.52 * num
    with rc_context(STYLE):
        figure = new_figure(side + 2.6, side + 0.3)
        tree_axis, axis = figure.subplots(1, 2, width_ratios=[1.5, side])
        order = _draw_tree(tree_axis, clusters)
        ordered = values[np.ix_(order, order)]
        image = axis.imshow(ordered, cmap=_COLOURS, aspect="auto")
        names = [shortened(cameras[at], 20) for at in order]
        axis.set_xticks(range(num), names, rotation=45, ha="right", rotation_mode="anchor")
        axis.set_yticks(range(num), names)
        axis.set(ylabel=axes_labels[0], xlabel=axes_labels[1])
        axis.grid(visible=False)
        _write_numbers(axis, ordered)
        _separate(axis, clusters.labels[order])
        figure.colorbar(image, ax=axis, label=axes_labels[2], pad=0.02)
        write_plot(path, figure)


def _draw_tree(axis: Axes, clusters: Clusters) -> np.ndarray:
    """Draw a tree from left to right, its leaves beside the rows; gives their order, (N,) int64.

    Merges within a cluster have its colour and line; those that join clusters are gray.
    """
    tree, labels = clusters.tree, clusters.labels
    num = len(labels)
    of_node: list[int] = labels.tolist()
    for left, right in tree[:, :2].astype(int):
        of_node.append(of_node[left] if of_node[left] == of_node[right] else 0)
    with warnings.catch_warnings():  # of an axis that is widened, where all cameras are alike
        warnings.filterwarnings("ignore", "Attempting to set identical", UserWarning)
        drawn = dendrogram(
            tree,
            orientation="left",
            ax=axis,
            no_labels=True,
            link_color_func=lambda node: _colour(of_node[node]),
        )
    axis.set_ylim(10 * num, 0)  # scipy gives each leaf ten units; the first row is on top
    axis.grid(visible=False)
    axis.spines["left"].set_visible(False)
    axis.set(xlabel="distance", yticks=[])
    below = float(tree[num - 1 - clusters.count, 2]) if clusters.count < num else 0.0
    if clusters.count > 1:
        height = (below + float(tree[num - clusters.count, 2])) / 2
        axis.axvline(height, color="#777", linestyle=":")
    order: list[int] = drawn["leaves"]
    return np.array(order, np.int64)


def _colour(label: int) -> str:
    """Give the colour of a cluster, gray for what belongs to none."""
    return "#777777" if label == 0 else LINES[(label - 1) % len(LINES)][0]


def _write_numbers(axis: Axes, values: np.ndarray) -> None:
    """Write each value into its cell, light on dark colours."""
    low, high = values.min(), values.max()
    for (row, column), value in np.ndenumerate(values):
        is_dark = value < (low + high) / 2
        text = f"{value:.2f}".removeprefix("0")
        axis.text(
            column, row, text, ha="center", va="center", color="white" if is_dark else "black"
        )


def _separate(axis: Axes, labels: np.ndarray) -> None:
    """Draw a frame round the cells of each cluster, whose rows follow each other."""
    starts = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist()]
    for start, stop in zip(starts, [*starts[1:], len(labels)], strict=True):
        corner, size = (start - 0.5, start - 0.5), stop - start
        colour = _colour(int(labels[start]))
        for width, edge in ((5, "white"), (2.5, colour)):  # seen on dark and light cells
            frame = Rectangle(corner, size, size, fill=False, linewidth=width, edgecolor=edge)
            axis.add_patch(frame)
