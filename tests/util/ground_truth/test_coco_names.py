"""Names of images in COCO files that were written on another machine."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.util.ground_truth.coco_files import Content, Read
from util.errors import UserError
from util.ground_truth.coco import list_coco_images


def rename(*names: str) -> Callable[[Content], object]:
    def change(content: Content) -> None:
        for entry, name in zip(content["images"], names, strict=True):
            entry["file_name"] = name

    return change


@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (("C:\\Users\\me\\photos\\a.png", "C:\\Users\\me\\photos\\sub\\b.png"), "Users/me/photos/"),
        (("C:/photos/a.png", "D:/photos/sub/b.png"), "photos/"),
        (("/srv/me/a.png", "/srv/me/sub/b.png"), "srv/me/"),
        (("\\\\server\\share\\a.png", "\\\\server\\share\\sub\\b.png"), "server/share/"),
        (("https://host/x/a.png", "https://host/x/sub/b.png"), "host/x/"),
        (("a.png", "file:///data/sub/b.png"), "data/"),
        (("/a.png", "/sub/b.png"), "the root"),
    ],
)
def test_absolute_paths_of_another_machine_are_the_images_that_are_called_so_below_a_folder(
    names: tuple[str, str],
    folders: str,
    read: Read,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert read(rename(*names))["image"].tolist() == ["a", "a", "sub/b"]
    assert f"the part below {folders} is taken" in caplog.text
    assert list_coco_images(tmp_path / "t.json", ["a", "sub/b"]) == {"a", "sub/b"}


@pytest.mark.parametrize(
    "names",
    [
        ("C:\\one\\a.png", "C:\\two\\b.png"),
        ("/etc/passwd", "/etc/hosts"),
        ("../a.png", "../sub/b.png"),
        ("C:\\x\\..\\a.png", "C:\\x\\..\\sub\\b.png"),
        ("", "a//b.png"),
    ],
)
def test_names_of_no_image_are_told_in_one_sentence_with_what_is_expected(
    names: tuple[str, str], read: Read
) -> None:
    with pytest.raises(UserError) as error:
        read(rename(*names))
    assert str(error.value).count("\n") == 0
    told = f"the file_name of 2 images is no name of a file in the image folder: {names[0]!r}, "
    assert told in str(error.value)
    assert "expected is the path below data.images, such as a: take out of each" in str(error.value)


def test_very_many_names_of_no_image_are_counted(read: Read) -> None:
    def change(content: Content) -> None:
        content["images"] = [
            {"id": number, "file_name": f"C:\\me\\{number}.png"} for number in range(1, 33)
        ]

    with pytest.raises(UserError, match=r"the file_name of 32 images .* and 29 more; expected"):
        read(change)
