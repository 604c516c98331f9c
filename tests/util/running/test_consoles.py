"""Consoles of any encoding, and the logs that are kept beside them."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, paint_scene
from util.images.files import write_image
from util.label_set import LabelSet
from util.running.run import log_to

CONSOLES = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "ascii:strict"},
    {"PYTHONIOENCODING": "latin-1"},
    {"LC_ALL": "C", "PYTHONUTF8": "0"},
]
PRINTING = """
import logging, os, sys
from pathlib import Path
from util.errors import UserError
from util.running.progress import track
from util.running.run import log_to, run_script

def main():
    names = ["m\\u00f6we", "\\u2192 \\u9e1f \\U0001f426", os.fsdecode(b"m\\xf6we")]
    with log_to(Path(sys.argv[1])):
        for name in track(names, names[1], unit=names[0]):
            print(name)
            logging.getLogger("util.x").warning("%s", name)
            logging.getLogger("util.x").debug("%s", name, exc_info=ValueError("odd"))
    raise UserError(" ".join(names))

sys.exit(run_script(main))
"""


def run_python(
    *arguments: str | Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[bytes]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHON"))}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**plain, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("environment", CONSOLES, ids=str)
def test_any_name_can_be_printed_on_any_console_and_details_go_to_the_log_alone(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    done = run_python("-c", PRINTING, tmp_path / "x.log", environment=environment)
    assert done.returncode == 2, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"ValueError" not in done.stderr
    assert b"Logging error" not in done.stderr
    assert (tmp_path / "x.log").read_text(encoding="utf-8").count("ValueError: odd") == 3
    assert b"error: m" in done.stderr
    assert done.stdout.count(b"we\n") == 2


def test_images_of_any_name_are_labelled_where_names_are_taken_for_ascii(tmp_path: Path) -> None:
    image = paint_scene((64, 64), [(30, 30)])
    for name in ("mo\u0308we.png", "flight 1/\u9e1f.png", os.fsdecode(b"m\xf6we.png")):
        try:
            write_image(tmp_path / "mo\u0308wen" / name, image)
        except OSError:
            pytest.skip("this file system takes UTF-8 only")
    config = tmp_path / "config.json"
    sections = {"data": {"images": "m\u00f6wen"}, "teacher": {"prompts": ["bird"]}}
    config.write_text(json.dumps(sections))
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0"}
    script = "teacher/soft_label_generation.py"
    done = run_python(script, "--config", config, environment=environment)
    assert done.returncode == 0, done.stderr
    label_set = LabelSet(tmp_path / "label_sets" / "bird")
    assert label_set.ids == ["flight 1/\u9e1f", "m%F6we", "m\u00f6we"]
    assert {label_set.read(image_id).shape for image_id in label_set.ids} == {(64, 64)}
    there = {path.name for path in (tmp_path / "label_sets" / "bird").rglob("*.png")}
    assert there == {"\u9e1f.png", "m%F6we.png", "m\u00f6we.png"}


def test_names_that_cannot_be_where_they_are_taken_for_ascii_are_one_sentence(
    tmp_path: Path,
) -> None:
    program = """
import sys
from pathlib import Path
from util.running.run import run_script

sys.exit(run_script(lambda: Path(sys.argv[1], "m\\u00f6we").write_text("")))
"""
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0"}
    done = run_python("-c", program, tmp_path, environment=environment)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"cannot be the name of a file here" in done.stderr
    assert b"PYTHONUTF8=1" in done.stderr


def test_a_log_gets_our_details_and_only_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "x.log"
    with log_to(path):
        pass
    assert not path.exists()
    with log_to(path):
        logging.getLogger("util.reading").debug("m\udcf6we", exc_info=ValueError("odd"))
        logging.getLogger("library").debug("chatter")
        logging.getLogger("library").info("news")
    logging.getLogger("util.reading").debug("afterwards")
    text = path.read_text(encoding="utf-8")
    assert r"m\udcf6we" in text
    assert "ValueError: odd" in text
    assert "news" in text
    assert "chatter" not in text
    assert "afterwards" not in text


def test_work_goes_on_when_nobody_reads_what_it_says(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom util.running.progress import track\n"
        "from util.running.run import run_script\n"
        "def main():\n"
        "    for number in track(range(3000), 'steps'):\n"
        "        print('a line of some length', number)\n"
        "    print('by itself', flush=True)\n"
        f"    Path({str(tmp_path / 'result')!r}).write_text('there')\n"
        "    return 0\n"
        "sys.exit(run_script(main))\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        for given in ([], ["-u"]):
            command = [sys.executable, *given, "-c", code]
            done = subprocess.run(command, cwd=ROOT, stdout=nobody, stderr=nobody, check=False)
            assert done.returncode == 0
            assert (tmp_path / "result").read_text() == "there"
            (tmp_path / "result").unlink()
