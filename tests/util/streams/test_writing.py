"""Lists of what was chosen: what they replace, and what they leave."""

from pathlib import Path

import pytest

from tests.util.streams.choices import choose
from util.errors import UserError
from util.streams.select_frames import main


def test_two_lists_have_two_names(streams: Path) -> None:
    given = ["--config", str(streams), "--data.train_split", "A", "--data.validation_split", "A"]
    with pytest.raises(UserError, match="two lists are written; give two names"):
        main(given)


def test_lists_of_a_choice_that_is_replaced_go(streams: Path) -> None:
    choose(streams, "frames=2")
    given = ["--config", str(streams), "--overwrite", "--streams.frames", "2"]
    assert main([*given, "--data.train_split", "Learn"]) == 0
    folder = streams.parent / "runs" / "streams"
    assert {path.name for path in folder.glob("*.txt")} == {"Learn.txt"}


def test_a_stopped_choice_is_made_again_by_the_same_command(
    streams: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("util.streams.writing.pd.concat", stop)
        with pytest.raises(KeyboardInterrupt):
            choose(streams, "frames=2")
    lists, _, manifest = choose(streams, "frames=2")
    assert len(lists["Train"]) == 2
    assert len(manifest["cameras"]) == 2


def test_a_choice_that_is_stopped_while_it_is_written_leaves_no_lists_of_another(
    streams: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(streams, "frames=2")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("util.streams.writing.write_text", stop)
        with pytest.raises(KeyboardInterrupt):
            main(["--config", str(streams), "--streams.frames", "4", "--overwrite"])
    folder = streams.parent / "runs" / "streams"
    assert not list(folder.glob("*.txt"))
    lists, _, _ = choose(streams, "frames=4")
    assert len(lists["Train"]) == 4


def test_lists_of_another_origin_are_not_replaced(streams: Path) -> None:
    by_hand = streams.parent / "runs" / "streams" / "Train.txt"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_text("north/frame_1\n")
    with pytest.raises(UserError, match=r"has lists of which no selection\.json says where they"):
        choose(streams, "frames=2")
    assert by_hand.read_text() == "north/frame_1\n"


def test_the_same_streams_give_the_same_files(streams: Path) -> None:
    choose(streams, "frames=2")
    folder = streams.parent / "runs" / "streams"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    choose(streams, "frames=2")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_lists_of_others_stay_when_a_choice_is_replaced(streams: Path) -> None:
    choose(streams, "frames=2")
    by_hand = streams.parent / "runs" / "streams" / "Test.txt"
    by_hand.write_text("north/frame_1\n")
    given = ["--config", str(streams), "--overwrite", "--streams.frames", "2"]
    assert main([*given, "--data.train_split", "Learn"]) == 0
    assert {path.stem for path in by_hand.parent.glob("*.txt")} == {"Learn", "Test"}
