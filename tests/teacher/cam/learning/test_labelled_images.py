"""What a classifier is given to learn from."""

import json
from pathlib import Path

import pytest

from teacher.cam.learning.labelled_images import LabelledImages, gather_labelled_images
from tests.teacher.cam.conftest import write_project
from util.config import read_config
from util.errors import UserError


def gather(path: Path, *labels: str) -> LabelledImages:
    return gather_labelled_images(read_config(path).data, labels or ("smoke",))


def test_images_with_a_label_that_counts_show_it_and_all_others_with_a_row_do_not(
    tmp_path: Path,
) -> None:
    path = write_project(tmp_path)
    images = gather(path)
    assert images.flags(images.train_ids).tolist() == [n % 3 == 0 for n in range(24)]
    assert images.balance() == 2
    both = gather(path, "smoke", "chimney")
    assert both.flags(both.validation_ids).tolist() == [n % 3 == 0 or n % 2 == 1 for n in range(12)]


def test_images_without_a_row_are_named(tmp_path: Path) -> None:
    path = write_project(tmp_path)
    table = tmp_path / "labels.csv"
    kept = [line for line in table.read_text().splitlines() if not line.startswith(("03", "30"))]
    table.write_text("\n".join(kept))
    with pytest.raises(UserError, match="has no row of 2 of the 36 images of Train and Validation"):
        gather(path)


def test_rows_of_images_that_are_not_there_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_project(tmp_path)
    table = tmp_path / "labels.csv"
    table.write_text(table.read_text() + "\nother.png;smoke")
    assert gather(path).balance() == 2
    assert "left out 1 of 37 labels, of images that are not in data.images: other" in caplog.text


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("fog",), r"no image of the split Train .*labels in the file: chimney, smoke"),
        (("smoke", "chimney", "none"), r"every image of the split Validation"),
    ],
)
def test_images_of_one_kind_alone_are_refused(
    tmp_path: Path, labels: tuple[str, ...], said: str
) -> None:
    path = write_project(tmp_path)
    if len(labels) > 1:
        (tmp_path / "splits/Validation.txt").write_text("24\n25\n27")
    with pytest.raises(UserError, match=said):
        gather(path, *labels)


def test_a_config_without_labels_is_told_which_key_lacks(tmp_path: Path) -> None:
    path = write_project(tmp_path)
    config = json.loads(path.read_text())
    del config["data"]["image_labels"]
    path.write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"no labels of images .*set data\.image_labels"):
        gather(path)
