"""Whether later commands say that the demo at hand is another than that of the config."""

from pathlib import Path

import pytest

from util.config import DemoSection, keys_of
from util.config.command_line import load_config
from util.demo.making import make_demo
from util.demo.settings import describe_other_demo

MADE = DemoSection(scenes=4, size_px=32)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    make_demo(folder, MADE)
    return folder


def test_another_demo_than_that_of_the_config_is_said_with_what_to_do(demo: Path) -> None:
    told = describe_other_demo(demo / "JPEGImages", demo, DemoSection(scenes=240, size_px=32))
    assert told.startswith(f"{demo} was made by --demo.scenes 4, the config says demo.scenes 240:")
    assert told.endswith("delete the folder and run util/demo/make_demo.py to make it anew")
    told = describe_other_demo(demo / "JPEGImages", demo, DemoSection(kind="road", seed=3))
    given = "--demo.kind sea --demo.scenes 4 --demo.size_px 32 --demo.seed 0"
    assert f"made by {given}, " in told
    assert "demo.kind road, demo.scenes 240, demo.size_px 256, demo.seed 3:" in told


def test_the_demo_of_the_config_and_other_images_are_nothing_to_tell(
    demo: Path, tmp_path: Path
) -> None:
    assert describe_other_demo(demo / "JPEGImages", demo, MADE) == ""
    assert describe_other_demo(tmp_path, demo, DemoSection()) == ""
    assert describe_other_demo(tmp_path / "JPEGImages", tmp_path, DemoSection()) == ""
    (tmp_path / "scenes.json").write_text("{")
    assert describe_other_demo(tmp_path / "JPEGImages", tmp_path, DemoSection()) == ""


def test_scripts_that_do_not_make_the_demo_say_it_once(
    demo: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = ["--paths.demo", str(demo), "--data.images", str(demo / "JPEGImages")]
    load_config("", given, reads={"student.run"})
    assert [record.getMessage().count("--demo.scenes 4") for record in caplog.records] == [1]
    caplog.clear()
    load_config("", given, reads=keys_of("demo"))  # it refuses what is there itself
    load_config("", [*given, "--demo.scenes=4", "--demo.size_px=32"], reads={"student.run"})
    assert not caplog.records
