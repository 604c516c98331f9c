"""What is found below a folder of images, and what is left out and said."""

import json
import logging
import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from util.disk.walking import note_pictures, on_disk, walk
from util.errors import UserError
from util.images.files import find_files, find_images
from util.images.ids import id_to_path, name_to_id


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def test_linked_folders_are_followed_each_real_one_once_so_that_loops_end(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    touch(tmp_path, "photos/a.jpg", "photos/flight/b.jpg", "elsewhere/c.jpg", "elsewhere/in/d.jpg")
    (photos / "a link to flight").symlink_to(photos / "flight")
    (photos / "flight" / "loop").symlink_to(photos)
    for name in ("third link", "first link", "fourth link", "second link"):
        (photos / name).symlink_to("../elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(photos)
    (photos / "self.jpg").symlink_to("self.jpg")
    found = ["a", "first link/c", "first link/in/d", "flight/b", "self"]
    assert list(find_images(photos)) == found


def test_links_to_folders_that_are_found_anyway_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path, "a/x.jpg", "a/b/y.jpg")
    (tmp_path / "again").symlink_to("a/b")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert list(find_images(tmp_path)) == ["a/b/y", "a/x"]
    (said,) = caplog.messages
    assert "passed over links to folders that are found anyway: " in said
    assert "a/loop/ -> ., again/ -> a/b/; lists and truth must name files by the folders" in said


def test_a_linked_image_and_a_linked_root_are_images(tmp_path: Path) -> None:
    touch(tmp_path, "store/a.jpg", "photos/b.jpg")
    (tmp_path / "photos" / "c.jpg").symlink_to(tmp_path / "store" / "a.jpg")
    (tmp_path / "latest").symlink_to("photos")
    assert list(find_images(tmp_path / "latest")) == ["b", "c"]


def test_what_is_no_image_is_counted_by_kind_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path, *(f"p{i}.HEIC" for i in range(5)), "anim.gif", "README", "._x.jpg", ".y.gif")
    with pytest.raises(UserError, match=r"no image .*7 files are no images .*\(no suffix 1, .gif"):
        find_images(tmp_path)
    touch(tmp_path, "q.jfif", "r.jpe", "s.JPG")
    for _ in range(3):
        assert list(find_images(tmp_path)) == ["q", "r", "s"]
    (said,) = caplog.messages
    assert said == (
        f"{tmp_path}: 7 files are no images that we read (no suffix 1, .gif 1, .heic 5); "
        "photographs in .heic must be saved as JPEG or PNG first"
    )
    touch(tmp_path, "late.gif")
    find_images(tmp_path)
    assert "8 files" in caplog.messages[1]


def test_annotations_beside_their_images_are_not_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path, "d/a b.JPG", "d/a b.json", "d/a b.xml", "d/a b.TXT", "d/a b.heic", "a b.json")
    assert list(find_images(tmp_path)) == ["d/a b"]
    (said,) = caplog.messages
    assert "2 files are no images that we read (.heic 1, .json 1)" in said


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["label_set.json", "x.png", "weights/x.png"], "label set"),
        (["run.json", "curves.png", "Test/x.png"], "run"),
        (["scenes.json", "JPEGImages/x.jpg", "SegmentationClass/x.png"], "demo scenes"),
        (["CACHEDIR.TAG", "answers/x.png"], "cache"),
    ],
)
def test_results_among_the_images_are_known_by_what_is_in_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, names: list[str], kind: str
) -> None:
    touch(tmp_path, "a.jpg", "flight/b.jpg", *(f"flight/any name/{name}" for name in names))
    with caplog.at_level(logging.WARNING):
        assert list(find_images(tmp_path)) == ["a", "flight/b"]
    assert f"{tmp_path}: left out what this project has made there: flight/any name/ ({kind})" in (
        caplog.text
    )


def test_linked_results_are_results(tmp_path: Path) -> None:
    touch(tmp_path, "photos/a.jpg", "label_sets/bird/label_set.json", "label_sets/bird/a.png")
    (tmp_path / "photos" / "labels").symlink_to(tmp_path / "label_sets")
    assert list(find_images(tmp_path / "photos")) == ["a"]


def test_a_folder_that_is_asked_for_itself_is_no_result(tmp_path: Path) -> None:
    touch(tmp_path, "run.json", "a.jpg")
    assert list(find_images(tmp_path)) == ["a"]


def test_pictures_that_we_drew_are_left_out_beside_images_that_we_did_not(tmp_path: Path) -> None:
    touch(tmp_path, "photo.png", "ours.png", "sub/ours.png", "sub/ours too.png")
    note_pictures([tmp_path / "ours.png", tmp_path / "sub/ours.png"])
    note_pictures([tmp_path / "ours.png", tmp_path / "sub/ours too.png"])
    found = walk(tmp_path)
    assert list(found.files) == ["photo.png"]
    assert found.results == [
        f"{n} (picture)" for n in ("ours.png", "sub/ours too.png", "sub/ours.png")
    ]
    assert (tmp_path / ".murmuration_pictures").read_bytes() == b"ours.png\0"


def test_pictures_of_any_name_are_known_again(tmp_path: Path) -> None:
    names = ["two\nlines.png", "a\u2028b.png", "m\udcf6we.png"]
    try:
        touch(tmp_path, *names, "photo.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    note_pictures(tmp_path / name for name in names)
    assert list(find_images(tmp_path)) == ["photo"]


def test_folders_that_cannot_be_listed_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path, "a.jpg", "locked/b.jpg")
    scandir = os.scandir

    def refuse(path: str) -> Iterable[os.DirEntry[str]]:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert list(find_images(tmp_path)) == ["a"]
    assert f"{tmp_path}/locked (Permission denied)" in caplog.text


def test_files_are_found_by_the_ids_of_their_images(tmp_path: Path) -> None:
    touch(tmp_path, "mo\u0308we.png", "flight/b.jpg.PNG", "a.txt", "flight/c.d.txt", ".e.txt")
    assert find_files(tmp_path, {".png"}) == {
        "flight/b": tmp_path / "flight/b.jpg.PNG",
        "m\u00f6we": tmp_path / "mo\u0308we.png",
    }
    assert list(find_files(tmp_path, {".txt"})) == ["a", "flight/c.d"]
    assert find_files(tmp_path / "nowhere", {".txt"}) == {}
    touch(tmp_path, "a.jpg.txt")
    with pytest.raises(UserError, match=r"share an id: a\.jpg\.txt = a\.txt"):
        find_files(tmp_path, {".txt"})


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="/\\\0:."), min_size=1))
def test_the_form_of_accents_makes_no_difference_to_an_id(name: str) -> None:
    if not name.strip():
        return
    ids = {name_to_id(unicodedata.normalize(form, name)) for form in ("NFC", "NFD")}
    assert len(ids) == 1
    assert name_to_id(ids.pop()) == name_to_id(name)


def test_a_file_is_found_in_whatever_form_its_folders_have_their_accents(tmp_path: Path) -> None:
    composed, decomposed = "m\u00f6/w\u00e9", "mo\u0308/we\u0301"
    assert id_to_path(tmp_path, composed) == tmp_path / f"{composed}.png"
    touch(tmp_path, f"{decomposed}.png")
    assert id_to_path(tmp_path, composed) == tmp_path / f"{decomposed}.png"
    assert on_disk(tmp_path / "m\u00f6" / "new \u00e9") == tmp_path / "mo\u0308" / "new \u00e9"
    touch(tmp_path, f"{composed}.png")
    assert id_to_path(tmp_path, composed) == tmp_path / f"{composed}.png"
    assert on_disk(tmp_path / f"{decomposed}.png") == tmp_path / f"{decomposed}.png"
    touch(tmp_path, "mo\u0308/w\u00f6.png")
    assert on_disk(tmp_path / "mo\u0308/wo\u0308.png") == tmp_path / "mo\u0308/w\u00f6.png"


def test_relative_paths_stay_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "mo\u0308we")
    assert on_disk(Path("m\u00f6we")) == Path("mo\u0308we")


def test_names_that_are_no_utf_8_get_ids_that_can_be_written_anywhere(tmp_path: Path) -> None:
    odd = os.fsdecode(b"m\xf6we \xff.png")
    try:
        touch(tmp_path, odd)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    assert find_images(tmp_path) == {"m%F6we %FF": tmp_path / odd}
    assert find_files(tmp_path, {".png"}) == {"m%F6we %FF": tmp_path / odd}
    json.dumps(list(find_images(tmp_path)), ensure_ascii=False).encode()
    assert name_to_id("m%F6we %FF.jpg") == "m%F6we %FF"


def test_names_that_are_no_text_are_refused() -> None:
    with pytest.raises(UserError, match="is no text"):
        name_to_id("\ud800.jpg")


def test_names_read_as_ascii_have_the_ids_that_they_have_elsewhere() -> None:
    as_ascii = "m\u00f6we.jpg".encode().decode("ascii", "surrogateescape")
    assert name_to_id(as_ascii) == "m\u00f6we"


def test_twins_in_different_folders_are_named_with_them(tmp_path: Path) -> None:
    touch(tmp_path, "x/a.jpg", "x/a.png", "y/a.png")
    with pytest.raises(UserError, match=r"x/a\.jpg = x/a\.png; rename"):
        find_images(tmp_path)


def test_all_names_that_cannot_be_ids_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", " .png", "C:/b.png")
    with pytest.raises(UserError, match=r"cannot be ids: ' \.png', 'C:/b\.png'"):
        find_images(tmp_path)
