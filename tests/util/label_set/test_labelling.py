"""What goes wrong with one image stays with it; nothing that is finished is lost."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL.ImageFile import ImageFile

import teacher.soft_label_generation
from teacher.findings import Finding, Teacher
from tests.conftest import ROOT, make_project
from util.data_classes import BoxSettings
from util.errors import PromptError, UserError
from util.images.decoding import to_rgb
from util.images.files import find_images, write_image
from util.label_set import LabelSet, LabelSetWriter
from util.label_set.labelling import label_images
from util.label_set.work import find_work
from util.label_set.writing import keeping
from util.running.shares import ALONE

PROMPTS = ("bird", "gull")


class MeanTeacher:
    """Its map is the brightness of the image; the images' mean colours drive what goes wrong."""

    def __init__(self, troubles: dict[int, BaseException | float] | None = None) -> None:
        self.troubles = troubles or {}
        self.seen: list[int] = []

    def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Finding]:
        number = int(image_rgb[0, 0, 0])
        self.seen.append(number)
        trouble = self.troubles.get(number)
        if isinstance(trouble, BaseException):
            raise trouble
        soft_label = np.full(image_rgb.shape[:2], number / 255, np.float32)
        if trouble is not None:
            soft_label[0, 0] = trouble
        empty = np.zeros((0, 4), np.float32)
        return iter(
            [
                Finding(
                    soft_label=soft_label,
                    boxes_xyxy=empty,
                    scores=empty[:, 0],
                    phrases=[],
                    masks=[],
                )
            ]
            * len(prompts)
        )


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Six images whose red channel is their number."""
    for number in range(6):
        image = np.full((8, 9, 3), number, np.uint8)
        write_image(tmp_path / "images" / f"{number}.png", image)
    return tmp_path / "images"


def run(images: Path, teacher: Teacher) -> list[LabelSet]:
    """Label all images for two prompts, as the script does."""
    paths = find_images(images)
    with ExitStack() as stack:
        writers = {
            prompt: stack.enter_context(
                LabelSetWriter(images.parent / "sets" / prompt, {"producer": "test"})
            )
            for prompt in PROMPTS
        }
        label_images(teacher, find_work(paths, writers, ALONE), writers, "teacher")
        return [writer.finish(BoxSettings()) for writer in writers.values()]


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        (UserError("the image does not fit into the memory of cuda"), "does not fit"),
        (UserError("sam has answered with NaN"), "NaN"),
        (float("nan"), "outside"),
        (1.5, "outside"),
    ],
)
def test_what_a_model_cannot_answer_is_listed_and_the_rest_goes_on(
    images: Path, trouble: BaseException | float, message: str
) -> None:
    for label_set in run(images, MeanTeacher({2: trouble})):
        assert label_set.ids == ["0", "1", "3", "4", "5"]
        assert message in label_set.failed["2"]
    mended = MeanTeacher()
    for label_set in run(images, mended):
        assert len(label_set.ids) == 6
    assert mended.seen == [2]


def test_a_bug_in_a_teacher_keeps_its_traceback_and_what_was_finished(images: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run(images, MeanTeacher({3: ZeroDivisionError()}))
    again = MeanTeacher()
    run(images, again)
    assert again.seen == [3, 4, 5]


def test_a_prompt_that_is_refused_undoes_no_other(images: Path) -> None:
    class Strict(MeanTeacher):
        def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Finding]:
            if "gull" in prompts and image_rgb[0, 0, 0] > 1:
                raise PromptError("'gull' is too long")
            return super().label(image_rgb, prompts)

    paths = find_images(images)
    with ExitStack() as stack:
        writers = {
            prompt: stack.enter_context(
                LabelSetWriter(images.parent / "sets" / prompt, {"producer": "test"})
            )
            for prompt in PROMPTS
        }
        work = find_work(paths, writers, ALONE)
        assert label_images(Strict(), work, writers, "teacher") == {"gull": "'gull' is too long"}
        assert writers["bird"].finish(BoxSettings()).ids == ["0", "1", "2", "3", "4", "5"]
    with pytest.raises(UserError, match="gull is unfinished"):
        LabelSet(images.parent / "sets" / "gull")


@pytest.mark.parametrize("broken", PROMPTS)
def test_a_label_set_that_cannot_have_a_map_leaves_those_of_the_image_to_the_others(
    images: Path, broken: str
) -> None:
    class OneByOne(MeanTeacher):
        def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Finding]:
            def answer(prompt: str) -> Finding:
                if prompt == broken and image_rgb[0, 0, 0] == 2:
                    raise UserError("it has answered with NaN")
                return next(super(OneByOne, self).label(image_rgb, [prompt]))

            return map(answer, prompts)

    label_sets = {label_set.name: label_set for label_set in run(images, OneByOne())}
    lacking, whole = label_sets.pop(broken), *label_sets.values()
    assert lacking.ids == ["0", "1", "3", "4", "5"]
    assert lacking.failed == {"2": "it has answered with NaN"}
    assert whole.ids == ["0", "1", "2", "3", "4", "5"]
    assert whole.read("2").max() == np.float32(2 / 255)


def test_a_teacher_that_ends_at_what_it_cannot_answer_keeps_what_it_has_answered(
    images: Path,
) -> None:
    class Ending(MeanTeacher):
        def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Finding]:
            for number, finding in enumerate(super().label(image_rgb, prompts)):
                if number == 1 and image_rgb[0, 0, 0] == 2:
                    raise UserError("it has answered with NaN")
                yield finding

    first, second = run(images, Ending())
    assert first.ids == ["0", "1", "2", "3", "4", "5"]
    assert second.failed == {"2": "it has answered with NaN"}


def test_a_label_set_that_never_gets_a_map_does_not_end_the_work_on_another(tmp_path: Path) -> None:
    class Half(MeanTeacher):
        def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Finding]:
            yield from super().label(image_rgb, prompts[:1])
            raise UserError("it has answered with NaN")

    for number in range(25):
        image = np.full((8, 9, 3), number, np.uint8)
        write_image(tmp_path / "images" / f"{number:02}.png", image)
    first, second = run(tmp_path / "images", Half())
    assert len(first.ids) == len(second.failed) == 25


def test_where_every_prompt_is_refused_that_is_the_error(images: Path) -> None:
    class Mute(MeanTeacher):
        def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Finding]:
            raise PromptError(f"{' and '.join(prompts)} cannot be asked")

    with pytest.raises(PromptError, match=r"bird cannot be asked\ngull cannot be asked"):
        run(images, Mute())


def test_the_same_command_started_twice_says_so_before_it_labels(images: Path) -> None:
    with LabelSetWriter(images.parent / "sets" / "gull", {"producer": "test"}) as other:
        other.begin()
        second = MeanTeacher()
        with pytest.raises(UserError, match="is at work on"):
            run(images, second)
    assert not second.seen


def test_trying_failed_images_again_keeps_a_finished_set_for_who_reads_it(images: Path) -> None:
    readable = []

    class Watched(MeanTeacher):
        def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Finding]:
            readable.append(len(LabelSet(images.parent / "sets" / "bird").ids))
            return super().label(image_rgb, prompts)

    dark = {3: UserError("too dark"), 4: UserError("too dark")}
    first, _ = run(images, MeanTeacher(dark))
    manifest = first.folder / "label_set.json"
    before = manifest.stat().st_mtime_ns
    again, _ = run(images, Watched(dark))
    assert readable == [4, 4]
    assert again.failed == first.failed
    assert manifest.stat().st_mtime_ns == before
    healed, _ = run(images, Watched({4: UserError("too dark")}))
    assert [*healed.failed] == ["4"]
    assert healed.ids == ["0", "1", "2", "3", "5"]


def test_whatever_reading_raises_is_a_failed_image_with_its_traceback_in_the_log(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(image: ImageFile, path: Path) -> np.ndarray:
        if path.stem == "3":
            raise KeyError("a codec of tomorrow")
        return to_rgb(image, path)

    monkeypatch.setattr("util.images.files.to_rgb", decode)
    for label_set in run(images, MeanTeacher()):
        assert label_set.ids == ["0", "1", "2", "4", "5"]
        assert "KeyError, 'a codec of tomorrow'" in label_set.failed["3"]
    log = (images.parent / "sets" / PROMPTS[0] / "label_set.log").read_text()
    assert "Traceback" in log
    assert "in decode" in log


def test_a_file_that_vanishes_is_a_failed_image(images: Path) -> None:
    class Thief(MeanTeacher):
        def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Finding]:
            (images / "5.png").unlink(missing_ok=True)  # later than images are read ahead
            return super().label(image_rgb, prompts)

    for label_set in run(images, Thief()):
        assert list(label_set.failed) == ["5"]
        assert len(label_set.ids) == 5


def test_maps_that_a_full_disk_refuses_are_listed_and_the_rest_goes_on(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_write = keeping.write_soft_label

    def write(path: Path, soft_label: np.ndarray) -> np.ndarray:
        if path.stem in "34":
            raise OSError(errno.ENOSPC, "No space left on device")
        return plain_write(path, soft_label)

    with monkeypatch.context() as patch:
        patch.setattr(keeping, "write_soft_label", write)
        for label_set in run(images, MeanTeacher()):
            assert label_set.ids == ["0", "1", "2", "5"]
            assert "No space left" in label_set.failed["3"]
    again = MeanTeacher()
    assert all(len(label_set.ids) == 6 for label_set in run(images, again))
    assert again.seen == [3, 4]


def test_ctrl_c_finishes_the_image_at_hand(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Impatient(MeanTeacher):
        def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Finding]:
            if len(self.seen) == 2:
                os.kill(os.getpid(), signal.SIGINT)
            return super().label(image_rgb, prompts)

    with pytest.raises(KeyboardInterrupt):
        run(images, Impatient())
    assert "stopping after this image" in capsys.readouterr().err
    again = MeanTeacher()
    run(images, again)
    assert again.seen == [3, 4, 5]


def test_a_prompt_that_is_added_later_asks_for_itself_alone(images: Path) -> None:
    run(images, MeanTeacher())
    (images.parent / "sets" / "gull" / "4.png").unlink()
    asked: list[Sequence[str]] = []

    class Listener(MeanTeacher):
        def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Finding]:
            asked.append(prompts)
            return super().label(image_rgb, prompts)

    run(images, Listener())
    assert asked == [["gull"]]


SCRIPT = ROOT / "teacher" / "soft_label_generation.py"

DIES = f"""
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from teacher.soft_label_generation import main
from util.running.run import run_script
plain_replace = Path.replace
written = 0

def replace(self, target):
    global written
    written += target.suffix == ".png"
    if written == 3 and os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    return plain_replace(self, target)

Path.replace = replace
raise SystemExit(run_script(main))
"""


def outcome(folder: Path) -> dict[str, bytes]:
    """What a label set holds, but for the times that things took."""
    found = {}
    for path in sorted((folder / "label_sets").rglob("*")):
        if path.suffix in (".png", ".csv"):
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
        elif path.suffix == ".json":
            lines = path.read_text().splitlines()
            kept = [line for line in lines if '"seconds"' not in line]
            found[path.relative_to(folder).as_posix()] = "\n".join(kept).encode()
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process makes of the project's images."""
    project = make_project(tmp_path_factory.mktemp("alone"))
    assert teacher.soft_label_generation.main(["--config", str(project)]) == 0
    return outcome(project.parent)


def torchrun(script: Path, project: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    return subprocess.run(
        [*command, "--standalone", str(script), "--config", str(project)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_two_processes_make_the_label_sets_of_one_even_if_one_of_them_dies(
    tmp_path: Path, alone: dict[str, bytes]
) -> None:
    project = make_project(tmp_path)
    dying = tmp_path / "dies.py"
    dying.write_text(DIES)
    died = torchrun(dying, project)
    assert died.returncode != 0
    done = torchrun(SCRIPT, project)
    assert done.returncode == 0, done.stderr
    assert outcome(tmp_path) == alone
    assert "Next: python" in done.stdout


def test_the_process_that_is_left_finishes_its_share_and_the_other_can_follow(
    tmp_path: Path, alone: dict[str, bytes]
) -> None:
    project = make_project(tmp_path)
    command = ["--config", str(project)]
    environments = [{**os.environ, "RANK": str(rank), "WORLD_SIZE": "2"} for rank in (0, 1)]
    both = [
        subprocess.Popen(
            [sys.executable, "-c", DIES, *command],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for environment in environments
    ]
    outputs = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, -signal.SIGKILL]
    assert "share 1 of 2: 6 images tried, 0 failed" in outputs[0]
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "label_sets").rglob("*.png")}
    follow = subprocess.run(
        [sys.executable, str(SCRIPT), *command],
        env=environments[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Next: python" in follow.stdout
    assert outcome(tmp_path) == alone
    assert all(path.stat().st_mtime_ns == time_ns for path, time_ns in before.items())


def test_a_share_with_failed_images_ends_no_other_process_and_the_last_one_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path)
    images = sorted((tmp_path / "images").rglob("*.png"))
    for path in images[::2]:  # all of the first share
        path.write_text("no image")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    # Status 1 would let torchrun end the processes that are still at work.
    assert teacher.soft_label_generation.main(["--config", str(project)]) == 0
    assert "share 1 of 2: 6 images tried, 6 failed" in capsys.readouterr().out
    monkeypatch.setenv("RANK", "1")
    assert teacher.soft_label_generation.main(["--config", str(project)]) == 1
    assert "6 images failed, the rest is done" in capsys.readouterr().err
    label_set = LabelSet(tmp_path / "label_sets" / "bird")
    assert len(label_set.ids) == len(label_set.failed) == 6


def test_many_broken_images_end_the_work_only_where_nothing_was_ever_labelled(
    tmp_path: Path, images: Path
) -> None:
    broken = {number: UserError("broken") for number in range(10, 35)}
    only_broken = tmp_path / "broken" / "images"
    for number in broken:
        image = np.full((8, 9, 3), number, np.uint8)
        write_image(images / f"{number}.png", image)
        write_image(only_broken / f"{number}.png", image)
    with pytest.raises(UserError, match="the first 20 images have all failed: broken"):
        run(only_broken, MeanTeacher(dict(broken)))
    assert len(run(images, MeanTeacher(dict(broken)))[0].failed) == 25
    write_image(images / "z.png", np.full((8, 9, 3), 99, np.uint8))
    assert "z" in run(images, MeanTeacher(dict(broken)))[0].ids
