"""What a network of road scenes is given to learn from."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from teacher.maskomaly.learning.losses import Batch
from teacher.maskomaly.learning.negatives import PASTED
from teacher.maskomaly.learning.scenes import RoadScenes, gather_scenes
from teacher.maskomaly.learning.training import batches, check_read
from util.config import DataSection, Mask2FormerSection
from util.errors import UserError

IDS = ["a", "b", "c", "d"]


@pytest.fixture
def scenes(tmp_path: Path) -> RoadScenes:
    """Four images that are road, of class 0, all over."""
    rng = np.random.default_rng(0)
    for folder in ("images", "masks", "splits"):
        (tmp_path / folder).mkdir()
    for image_id in IDS:
        image = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        assert cv2.imwrite(str(tmp_path / f"images/{image_id}.png"), image)
        assert cv2.imwrite(str(tmp_path / f"masks/{image_id}.png"), np.zeros((48, 64), np.uint8))
    for split in ("Train", "Validation"):
        (tmp_path / f"splits/{split}.txt").write_text("\n".join(IDS))
    data = DataSection(images=tmp_path / "images", splits=tmp_path / "splits")
    return gather_scenes(data, section_of("none", tmp_path))


def section_of(negatives: str, folder: Path = Path(), share: float = 1.0) -> Mask2FormerSection:
    """Ask for crops of the size of the images."""
    told = {"masks": folder / "masks", "classes": "cityscapes_train_ids", "scale": 1}
    told |= {"crop_height_px": 48, "crop_width_px": 64, "num_workers": 0}
    told |= {"negatives": negatives, "negative_share": share}
    return Mask2FormerSection.model_validate(told)


def seen(scenes: RoadScenes, section: Mask2FormerSection) -> list[Batch]:
    """Batches of six epochs, of all images each."""
    return [b for epoch in range(6) for b in batches(section, scenes, [[0, 1, 2, 3]], epoch)]


def has(batch: Batch, number: int) -> list[bool]:
    """Tell which crops of a batch have a class."""
    return [bool((classes == number).any()) for classes in batch.classes]


@pytest.mark.parametrize(("negatives", "number"), [("unlabelled", PASTED), ("class", 19)])
def test_pasted_things_are_of_no_class_or_of_the_one_after_the_known(
    scenes: RoadScenes, negatives: str, number: int
) -> None:
    crops = seen(scenes, section_of(negatives))
    assert sum(sum(has(batch, number)) for batch in crops) > 20  # of 24; some lie beyond the edge
    assert {int(c) for batch in crops for c in batch.classes.unique()} == {0, number}


def test_nothing_is_pasted_where_nothing_is_asked_for(scenes: RoadScenes) -> None:
    for section in (section_of("none"), section_of("unlabelled", share=0.0)):
        assert all((batch.classes == 0).all() for batch in seen(scenes, section))


def test_a_share_of_the_crops_gets_things(scenes: RoadScenes) -> None:
    crops = seen(scenes, section_of("unlabelled", share=0.5))
    assert 5 < sum(sum(has(batch, PASTED)) for batch in crops) < 19


def test_an_epoch_gives_the_same_crops_again_and_another_epoch_others(scenes: RoadScenes) -> None:
    first, again = (seen(scenes, section_of("unlabelled")) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert (one.images == other.images).all()
        assert (one.classes == other.classes).all()
    assert (first[0].classes != first[1].classes).any()


def test_a_share_of_the_crops_is_refused_where_none_gets_things() -> None:
    with pytest.raises(UserError, match=r"negative_share is 0\.5, but .*negatives is none, so"):
        check_read(section_of("none", share=0.5))
    structure = {"weights": "some", "negatives": "none", "negative_share": 0.5, "hidden": 96}
    with pytest.raises(UserError, match=r"mask2former\.hidden cannot be set .*\n.*negative_share"):
        check_read(Mask2FormerSection.model_validate(structure))
    for section in (section_of("none"), section_of("class", share=0.5)):
        check_read(section)
