"""Videos of all sorts, and broken ones."""

import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.util.video.painted import number_of, write_video
from util.errors import UserError
from util.video.decoding import Break, Frame, decode, to_image
from util.video.opening import check_videos, count_frames

TIMES = [0, 0.04, 0.5, 0.9, 2.5]


def split(video: Path) -> tuple[list[Frame], list[str]]:
    found = list(decode(video))
    frames = [each for each in found if isinstance(each, Frame)]
    return frames, [str(each) for each in found if isinstance(each, Break)]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "mov"])
def test_frames_come_with_the_times_that_the_file_gives_them(suffix: str, tmp_path: Path) -> None:
    video = write_video(tmp_path / f"a.{suffix}", TIMES)
    frames, breaks = split(video)
    assert [float(each.time_s) for each in frames] == pytest.approx(TIMES, abs=1e-3)
    assert [number_of(to_image(each, 0)) for each in frames] == [*range(5)]
    assert not breaks


def test_times_count_from_the_first_frame(tmp_path: Path) -> None:
    frames, _ = split(write_video(tmp_path / "a.mp4", [time + 1 for time in TIMES]))
    assert [float(each.time_s) for each in frames] == pytest.approx(TIMES, abs=1e-3)


@pytest.mark.parametrize("rotation", [None, 90, 180, -90])
def test_a_turned_camera_gives_upright_frames(rotation: int | None, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", [0, 0.1], rotation)
    (first, _), _ = split(video)
    capture = cv2.VideoCapture(str(video))  # which turns frames by itself
    _, expected_bgr = capture.read()
    capture.release()
    image = to_image(first, 0)
    assert image.shape == expected_bgr.shape
    assert np.abs(image.astype(int) - expected_bgr).mean() < 3


def test_larger_frames_are_made_smaller_and_others_stay(tmp_path: Path) -> None:
    (first, _), _ = split(write_video(tmp_path / "a.mp4", [0, 0.1]))
    assert to_image(first, 32).shape == (24, 32, 3)
    assert to_image(first, 65).shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("aspect", "size_px", "rotation", "shape"),
    [
        ("2", 0, None, (48, 128, 3)),  # of pixels that are wide
        ("1/2", 0, None, (96, 64, 3)),
        ("2", 64, None, (24, 64, 3)),
        ("2", 0, 90, (128, 48, 3)),
    ],
)
def test_pixels_become_square(
    aspect: str, size_px: int, rotation: int | None, shape: tuple[int, ...], tmp_path: Path
) -> None:
    wide = tmp_path / "wide.mp4"
    (first, _), _ = split(write_video(wide, [0, 0.1], rotation, pixel_aspect=Fraction(aspect)))
    image = to_image(first, size_px)
    assert image.shape == shape
    bright = (image > 200).all(axis=2)  # a quarter, as before
    assert bright.mean() == pytest.approx(0.25, abs=0.02)


def test_a_raw_stream_has_even_times(tmp_path: Path) -> None:
    video = tmp_path / "a.h264"
    with av.open(str(video), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(4):
            picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    frames, _ = split(video)
    assert [float(each.time_s) for each in frames] == pytest.approx([0, 0.04, 0.08, 0.12])


def wipe(video: Path, share_from: float, share_to: float) -> None:
    """Overwrite a part of the pictures in an mp4."""
    data = bytearray(video.read_bytes())
    begin, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    first, last = (begin + int((end - begin) * share) for share in (share_from, share_to))
    data[first:last] = bytes(last - first)
    video.write_bytes(bytes(data))


def test_what_lies_before_and_behind_a_break_is_decoded(tmp_path: Path) -> None:
    times = [number / 10 for number in range(25)]
    video = write_video(tmp_path / "a.mp4", times)
    wipe(video, 0.4, 0.5)
    frames, breaks = split(video)
    numbers = [number_of(to_image(each, 0)) for each in frames]
    assert numbers[:8] == [*range(8)]
    assert numbers[-8:] == [*range(17, 25)]
    assert 16 < len(numbers) < 25
    (told,) = breaks
    assert told.startswith(f"behind {numbers[np.flatnonzero(np.diff(numbers) > 1)[0]] / 10:.3f} s")


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_video_that_was_cut_short_is_said(suffix: str, tmp_path: Path) -> None:
    times = [number / 5 for number in range(25)]
    index_first = {"movflags": "faststart"} if suffix == "mp4" else None
    video = write_video(tmp_path / f"a.{suffix}", times, options=index_first)
    data = video.read_bytes()
    video.write_bytes(data[: len(data) // 2])
    frames, (told,) = split(video)
    assert 3 < len(frames) < 22
    assert told.startswith(f"behind {float(frames[-1].time_s):.3f} s")


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov"])
def test_a_whole_video_whose_clock_begins_late_is_not_broken(suffix: str, tmp_path: Path) -> None:
    times = [5 + number / 5 for number in range(25)]
    frames, breaks = split(write_video(tmp_path / f"a.{suffix}", times))
    assert (len(frames), breaks) == (25, [])
    assert frames[0].time_s == 0


def test_a_clock_that_goes_back_is_said(tmp_path: Path) -> None:
    one, other = (write_video(tmp_path / f"{name}.ts", [0, 0.2, 0.4]) for name in "ab")
    both = tmp_path / "both.ts"
    both.write_bytes(one.read_bytes() + other.read_bytes())
    frames, breaks = split(both)
    assert [float(each.time_s) for each in frames] == pytest.approx([0, 0.2, 0.4])
    assert breaks == ["behind 0.400 s: its clock goes back"]


def test_all_that_is_no_video_is_named_together(tmp_path: Path) -> None:
    good = write_video(tmp_path / "good.mp4", [0, 0.1])
    (tmp_path / "text.txt").write_text("hello\n" * 100)
    (tmp_path / "text.mp4").write_text("hello\n" * 100)
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{good}\n")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "folder.mp4").mkdir()
    cv2.imwrite(str(tmp_path / "image.jpg"), np.zeros((9, 9, 3), np.uint8))
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        sound = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        silence.sample_rate = 8000
        container.mux(sound.encode(silence))
    paths = [*sorted(tmp_path.iterdir()), tmp_path / "missing.mp4"]
    with pytest.raises(UserError) as error:
        check_videos(paths)
    told = str(error.value)
    for path in set(paths) - {good}:
        assert str(path) in told
    assert str(good) not in told
    assert "folder.mp4 is no file" in told
    assert "missing.mp4 does not exist" in told
    check_videos([good])


def test_that_videos_cannot_be_read_here_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [write_video(tmp_path / name, [0, 0.1]) for name in ("a.mp4", "b.mp4")]
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UserError, match=r"^videos need av, [^,]*; nothing is written before all"):
        check_videos(paths)


def test_frames_are_counted_where_a_file_says_how_many(tmp_path: Path) -> None:
    assert count_frames(write_video(tmp_path / "a.mp4", TIMES)) == 5
