# PYTHON_ARGCOMPLETE_OK
"""Take frames of videos, of which the stages that follow make streams of frames.

    python util/streams/frames_from_video.py north.mp4 south.mp4 --video.rate 2

Decodes the first video stream of each file by PyAV (extra `video`). Writes video.output/NAME of its
file/t000012.480.jpg, named by seconds since the first frame, and frames.json, which says of what.
Frames are chosen by the times that the video gives them, also where its rate varies. A video that
is broken gives what can be decoded, and where it is broken is said (exit status 1). Frames that are
there and were taken by the same settings are kept. Then streams.time is t([0-9.]+)$ and a camera is
a folder.
Next: python teacher/soft_label_generation.py --data.images VIDEO.OUTPUT
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from util.config import VideoSection, keys_of
from util.config.command_line import OVERWRITE, load_config
from util.errors import listed
from util.running.locks import held
from util.running.progress import track
from util.running.run import print_next, run_script
from util.running.shares import refuse_several
from util.video.decoding import decode
from util.video.folders import FrameFolder, find_folders
from util.video.opening import check_videos, count_frames
from util.video.sampling import Rule, sample
from util.words import count_of

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    **OVERWRITE,
    "videos": {"metavar": "VIDEO", "nargs": "+", "type": Path, "help": "video files"},
}

READS = keys_of("video")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script."""
    config, options = load_config(__doc__ or "", argv, OPTIONS, READS)
    refuse_several("util/streams/frames_from_video.py")
    settings, videos = config.video, list(dict.fromkeys(options.videos))
    check_videos(videos)
    folders = find_folders(videos, settings.output, settings.decides(), options.overwrite)
    with held(settings.output):
        manifests = [each.made if each.is_finished else take(each, settings) for each in folders]
    num_frames = sum(len(manifest["times_s"]) for manifest in manifests)
    print(f"{settings.output}: {count_of(num_frames, 'frame')} of {count_of(len(videos), 'video')}")
    teacher = ["teacher/soft_label_generation.py", "--teacher.name", "boxes"]
    print_next([*teacher, "--data.images", str(settings.output)], argv)
    return report_broken(folders, manifests)


def take(folder: FrameFolder, settings: VideoSection) -> Mapping[str, Any]:
    """Take the frames of a video, and show how far it is; returns the manifest."""
    video, rule = folder.video, Rule(settings.rate, settings.start_s, settings.end_s)
    decoded = track(decode(video), video.name, count_frames(video), "frame")
    facts = {"file": video.name, **settings.model_dump(mode="json", exclude={"output"})}
    return folder.write(sample(decoded, rule), settings.size_px, facts)


def report_broken(folders: Sequence[FrameFolder], manifests: Sequence[Mapping[str, Any]]) -> int:
    """Say which videos are broken, and where; exit status 1 where there are some, else 0."""
    broken = [
        f"{folder.video} {listed(manifest['breaks'], 3)}"
        for folder, manifest in zip(folders, manifests, strict=True)
        if manifest["breaks"]
    ]
    if broken:
        are = "is" if len(broken) == 1 else "are"
        told = f"{count_of(len(broken), 'video')} {are} broken, the rest is done"
        print(f"{told}: {listed(broken)}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(run_script(main))
