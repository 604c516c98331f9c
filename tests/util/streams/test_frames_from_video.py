"""Frames of videos, taken by the script."""

import json
import sys
from pathlib import Path

import pytest

from tests.util.video.painted import number_of, write_video
from util.errors import UserError
from util.images.files import read_image
from util.streams.cameras import TimeInNames, find_cameras
from util.streams.frames_from_video import main

TIMES = [number / 10 for number in range(25)]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "north.mp4", TIMES)


def take(*words: str | Path, status: int = 0) -> dict[str, list[int]]:
    """Run the script: which frames each folder has, in the order of their names."""
    folder = Path(words[0]).parent / "frames"
    (config := folder.parent / "config.json").write_text("{}")
    where = ["--config", str(config), "--video.output", str(folder)]
    assert main([*map(str, words), *where]) == status
    return {
        each.name: [number_of(read_image(path)) for path in sorted(each.glob("*.jpg"))]
        for each in folder.iterdir()
        if each.is_dir()
    }


def refused(*words: str | Path) -> str:
    with pytest.raises(UserError) as error:
        take(*words)
    return str(error.value)


def test_each_video_gives_a_folder_of_frames_named_by_their_times(
    video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    south = write_video(video.parent / "south.mkv", [0, 0.3, 0.7, 1.6, 1.7])
    assert take(video, south) == {"north": [0, 10, 20], "south": [0, 3]}
    folder = video.parent / "frames" / "south"
    assert sorted(path.name for path in folder.iterdir()) == [
        "frames.json",
        "t000000.000.jpg",
        "t000001.600.jpg",
    ]
    manifest = json.loads((folder / "frames.json").read_text())
    assert manifest["times_s"] == [0, 1.6]
    assert (manifest["file"], manifest["rate"]) == ("south.mkv", 1)
    assert "5 frames of 2 videos" in capsys.readouterr().out


def test_times_are_read_from_names_by_the_stage_that_chooses_frames(video: Path) -> None:
    take(video, "--video.rate", "2")
    paths = (video.parent / "frames").rglob("*.jpg")
    ids = [path.relative_to(video.parent / "frames").as_posix()[:-4] for path in paths]
    (camera,) = find_cameras(ids, time=TimeInNames("t([0-9.]+)$"))
    assert camera.name == "north"
    assert camera.times.tolist() == [0, 0.5, 1, 1.5, 2]


def test_rate_size_start_and_end_are_as_asked(video: Path) -> None:
    more = ("--video.rate=5", "--video.start_s=1", "--video.end_s=1.6", "--video.size_px=32")
    assert take(video, *more) == {"north": [10, 12, 14]}
    (first, *_) = (video.parent / "frames" / "north").glob("*.jpg")
    assert read_image(first).shape == (24, 32, 3)


def test_frames_that_are_there_are_kept_when_made_by_the_same_settings(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    take(video)
    folder = video.parent / "frames" / "north"
    (folder / "t000002.000.jpg").unlink()
    kept = folder / "t000001.000.jpg"
    kept_at = kept.stat().st_mtime_ns
    with monkeypatch.context() as patched:
        patched.setattr("util.video.folders.write_image", stop)
        with pytest.raises(KeyboardInterrupt):
            take(video)
    assert take(video) == {"north": [0, 10, 20]}
    assert kept.stat().st_mtime_ns == kept_at
    with monkeypatch.context() as patched:
        patched.setattr("util.video.decoding._decode", stop)  # a finished video is not decoded
        take(video)


def test_frames_of_other_settings_or_videos_are_replaced_only_when_asked(video: Path) -> None:
    take(video)
    told = refused(video, "--video.rate", "2")
    assert "rate: default -> 2.0" in told
    assert "another video.output" in told
    assert take(video, "--video.rate", "0.5", "--overwrite") == {"north": [0, 20]}
    write_video(video, TIMES[:12])
    assert "made with other settings (other video than then)" in refused(
        video, "--video.rate", "0.5"
    )
    manifest = video.parent / "frames" / "north" / "frames.json"
    manifest.write_text("{")
    assert "is damaged" in refused(video)
    assert take(video, "--overwrite") == {"north": [0, 10]}
    manifest.unlink()
    assert "has files of which no frames.json says" in refused(video, "--overwrite")


def test_broken_videos_give_what_can_be_decoded_and_others_go_on(
    video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_video(video.parent / "broken.mkv", TIMES).read_bytes()
    broken = video.parent / "broken.mkv"
    broken.write_bytes(data[: len(data) // 2])
    for _ in range(2):  # what is finished is said again
        found = take(broken, video, "--video.rate=10", status=1)
        assert found["north"] == [*range(25)]
        assert found["broken"] == [*range(len(found["broken"]))]
        assert 3 < len(found["broken"]) < 22
        said = capsys.readouterr().err
        assert f"1 video is broken, the rest is done: {broken} behind" in said


def test_nothing_between_start_and_end_is_said(
    video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert take(video, "--video.start_s=100", status=1) == {"north": []}
    assert "no frame between video.start_s and video.end_s" in capsys.readouterr().err


def test_frames_that_change_their_size_are_said(
    video: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts = [
        write_video(video.parent / f"{number}.ts", [number, number + 0.5], size_wh=size_wh)
        for number, size_wh in enumerate([(64, 48), (32, 24)])
    ]
    both = video.parent / "both.ts"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    take(both, "--video.rate=2")
    assert "its frames change their size: 64x48 from 0.000 s, 32x24 from" in caplog.text


def test_what_is_no_video_is_refused_before_anything_is_written(video: Path) -> None:
    (bad := video.parent / "bad.mp4").write_bytes(b"no video")
    assert f"{bad} is no video" in refused(video, bad)
    twin = write_video(video.with_suffix(".mkv"), [0, 0.1])
    assert "videos of one name would share a folder" in refused(video, twin)
    assert not (video.parent / "frames").exists()


def test_a_missing_library_is_said_with_what_installs_it(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    assert "videos need av, which is not installed; run python -m pip install av" in refused(video)


def test_no_video_at_all_is_said() -> None:
    with pytest.raises(UserError, match="arguments are required: VIDEO"):
        main([])
