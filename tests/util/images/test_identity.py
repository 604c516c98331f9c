"""Images are told apart by their files too, since two folders may have the same ids."""

from pathlib import Path

import pytest

from util.images.identity import ImageIdentity, count_among, identify, parse_images


@pytest.fixture
def folders(tmp_path: Path) -> list[dict[str, Path]]:
    """Two folders of images of equal ids; those of id 2 are the same in both."""
    found = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for number, content in enumerate((folder, f"{folder}!", "same")):
            (tmp_path / folder / f"00{number}.png").write_text(content)
        found.append({path.stem: path for path in (tmp_path / folder).iterdir()})
    return found


def test_images_of_equal_ids_are_others_unless_their_files_are_equal(
    folders: list[dict[str, Path]],
) -> None:
    one, two = folders
    images = identify(one, one)
    assert {image.id for image in images} == {"000", "001", "002"}
    assert len({image.fingerprint for image in images | identify(two, two)}) == 5
    assert [count_among(each, each, images) for each in folders] == [3, 1]
    assert count_among(["000"], one, images) == 1
    assert count_among(one, one, frozenset()) == 0


def test_an_id_whose_file_is_not_known_is_any_image_of_it(folders: list[dict[str, Path]]) -> None:
    images = frozenset({ImageIdentity("000", ""), *identify(["000", "001"], folders[0])})
    assert [count_among(each, each, images) for each in folders] == [2, 1]


def test_files_of_other_ids_are_not_read(folders: list[dict[str, Path]]) -> None:
    assert count_among(["other"], {}, identify(["000"], folders[0])) == 0


def test_json_names_images_by_ids_and_fingerprints_or_by_ids_alone() -> None:
    assert parse_images([["a", "5f"], ["a", "77"], "b"]) == {("a", "5f"), ("a", "77"), ("b", "")}
    assert parse_images([]) == frozenset()
    for told in ("a", {"a": "5f"}, [1], [["a"]], [["a", 1]], [["a", "5f", ""]], None):
        with pytest.raises(ValueError, match="expected"):
            parse_images(told)
