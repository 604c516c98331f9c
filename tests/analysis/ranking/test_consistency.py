"""Whether a teacher says the same of views of an image."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from analysis.ranking.candidates import find_ranked
from analysis.ranking.consistency import add_views, find_views
from analysis.ranking.measuring import count_signals
from tests.analysis.ranking.simulated import simulate_truth, simulate_votes
from util.config import CombinationSection
from util.data_classes import BoxSettings
from util.images.files import write_image
from util.label_set import Content, LabelSet

IDS = ["a", "b", "c"]


class Painter:
    """A teacher whose `steady` sees what is white, whose `left` marks the left half whatever there
    is, and whose `moody` marks all or nothing in turn."""

    def __init__(self) -> None:
        self.num_asked = 0

    def label(self, image_rgb: np.ndarray, names: Sequence[str]) -> Iterator[Content]:
        self.num_asked += 1
        left = np.zeros(image_rgb.shape[:2], np.float32)
        left[:, : image_rgb.shape[1] // 2] = 1
        maps = {
            "steady": (image_rgb[..., 0] > 128).astype(np.float32),
            "left": left,
            "moody": np.full_like(left, self.num_asked % 2),
        }
        return (Content(maps[name]) for name in names)

    def check_prompts(self, prompts: Sequence[str]) -> None:
        pass


def test_views_of_some_images_tell_a_teacher_that_sees_from_one_that_does_not(
    tmp_path: Path, write_votes: Callable[..., dict[str, LabelSet]], rng: np.random.Generator
) -> None:
    votes = simulate_votes(simulate_truth(3, 64, share=0.1), [0.9, 0.8, 0.6], [0.01] * 3)
    label_sets = write_votes(dict(zip(("steady", "left", "moody"), votes, strict=True)), IDS)
    ranked = find_ranked(label_sets, ["maximum"], CombinationSection(), IDS)
    counts = count_signals(ranked, IDS, BoxSettings())
    paths = {image_id: tmp_path / f"{image_id}.png" for image_id in IDS}
    for path in paths.values():
        write_image(path, np.repeat(rng.integers(0, 2, (40, 60, 1), np.uint8) * 255, 3, axis=2))
    teacher = Painter()
    seen = add_views(counts, teacher, ranked, IDS, paths, 2)
    assert teacher.num_asked == 2 * 3  # each as it is, flipped, and cropped
    assert seen.views[:2].any(axis=(1, 2)).all()
    assert not seen.views[2].any()
    consistency = seen.signals(seen.flat().sum(axis=0))[:, 3]
    assert consistency[0] == 1
    assert 0 < consistency[1] < 0.7
    assert np.isnan(counts.signals(counts.flat().sum(axis=0))[:, 3]).all()


def test_what_is_cropped_lies_in_the_image_and_depends_on_its_id_alone() -> None:
    array = np.arange(7 * 10).reshape(7, 10)
    flipped, cropped = (view(array) for view in find_views("a", (7, 10)))
    np.testing.assert_array_equal(flipped, np.fliplr(array))
    assert cropped.shape == (5, 8)
    assert (np.diff(cropped, axis=1) == 1).all()
    np.testing.assert_array_equal(cropped, find_views("a", (7, 10))[1](array))
    others = [find_views(name, (7, 10))[1](array)[0, 0] for name in "bcdefg"]
    assert len({*others}) > 1
    assert find_views("a", (1, 1))[1](np.ones((1, 1))).shape == (1, 1)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_map_that_is_the_same_everywhere_is_consistent_or_says_nothing(value: float) -> None:
    from analysis.ranking.consistency import compare

    flat = np.full((4, 6), value, np.float32)
    same, both = compare([flat], iter([flat]), lambda array: array)[0]
    assert (same, both) == (2 * value * 24, 2 * value * 24)
