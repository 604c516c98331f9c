"""The page of the explorer in a real browser, driven by its keys; and the script behind it."""

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

import analysis.prompt_study
import teacher.soft_label_generation
from tests.browser import BROWSER, Browser
from tests.conftest import ROOT, make_project
from util.config import read_config
from util.errors import UserError
from util.images.files import find_images
from util.multi_teacher import combination_strategies

needs_browser = pytest.mark.skipif(not BROWSER, reason="no Chromium or Chrome is installed")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("explorer"))


@pytest.fixture(scope="module")
def address(project: Path) -> Iterator[str]:
    """Where the script shows the page; it ends as a user ends it."""
    script = ROOT / "analysis" / "prompt_explorer.py"
    command = [sys.executable, str(script), "--config", str(project), "--port", "0"]
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What runs in the background of a shell ignores SIGINT, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert running.stdout is not None
    told = re.match(r"Open (http://127\.0\.0\.1:\d+/)", running.stdout.readline())
    assert told, running.communicate()[1]
    yield told[1]
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=300)
    assert running.returncode == 0, errors
    assert "Traceback" not in errors


@pytest.fixture
def desk(address: str, tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path) as browser:
        browser.open(address)
        browser.wait_for("document.body?.dataset.looks === '1'")
        yield browser


TITLES = "[...document.querySelectorAll('#panels h2')].map((head) => head.textContent)"


@needs_browser
def test_two_prompts_are_typed_a_slider_is_moved_and_the_config_says_so(
    desk: Browser, project: Path
) -> None:
    desk.evaluate("document.getElementById('prompts').select()")
    desk.type("gull\nwhale")
    desk.press("Enter", ctrl=True)
    desk.wait_for("document.body.dataset.looks === '2'")
    assert desk.evaluate(TITLES)[2:] == ["gull", "whale"]
    desk.press("Tab")  # to the button, and on to the first slider
    desk.press("Tab")
    assert desk.evaluate("document.activeElement.id") == "box_threshold"
    for count in range(3, 6):
        desk.press("ArrowRight")
        desk.wait_for(f"document.body.dataset.looks === '{count}'")
    assert desk.evaluate("document.body.dataset.asked") == "false"
    assert "no model was asked" in desk.evaluate("document.getElementById('status').textContent")
    desk.evaluate("document.getElementById('name').select()")
    desk.type("möwen")
    desk.evaluate("document.getElementById('study').focus()")
    desk.press("Enter")
    told = desk.wait_for("document.getElementById('saved').textContent")
    path = project.parent / "runs" / "explorer" / "möwen.json"
    assert f"Wrote {path}" in told
    assert "analysis/prompt_study.py --config" in told
    saved, config = read_config(path), read_config(project)
    assert saved.teacher.prompts == saved.study.prompts == ["gull", "whale"]
    assert saved.combination.label_sets == ["gull", "whale"]
    assert saved.saa.box_threshold == pytest.approx(config.saa.box_threshold + 0.03)
    assert saved.data == config.data
    assert saved.evaluation == config.evaluation
    assert analysis.prompt_study.main(["--config", str(path), "--plan"]) == 0
    desk.evaluate("document.getElementById('prompts').focus()")
    assert not desk.evaluate("document.getElementById('saved').hidden")
    desk.type("s")
    desk.wait_for("document.getElementById('saved').hidden")


@needs_browser
def test_what_comes_after_a_save_says_that_labels_of_other_settings_are_refused(
    desk: Browser, project: Path
) -> None:
    desk.evaluate("document.getElementById('save').click()")
    told = desk.wait_for("document.getElementById('saved').textContent")
    path = project.parent / "runs" / "explorer" / "explored.json"
    wrote, label, combine, *refused = told.split("\n")
    assert wrote == f"Wrote {path}"
    desk.evaluate("document.getElementById('save').click()")
    replaced = f"document.getElementById('saved').textContent.startsWith('Replaced {path}')"
    desk.wait_for(replaced)
    assert "other settings are refused: give --overwrite" in " ".join(refused)
    script, *given = shlex.split(label)[1:]
    assert script.endswith("teacher/soft_label_generation.py")
    assert teacher.soft_label_generation.main(given) == 0
    moved = [*given, "--saa.box_threshold", "0.7"]
    with pytest.raises(
        UserError, match=r"other settings .*--overwrite .*another paths\.label_sets"
    ):
        teacher.soft_label_generation.main(moved)
    assert teacher.soft_label_generation.main([*moved, "--overwrite"]) == 0
    elsewhere = ["--paths.label_sets", str(project.parent / "others")]
    for main, command in (
        (teacher.soft_label_generation.main, label),
        (combination_strategies.main, combine),
    ):
        assert main([*shlex.split(command)[2:], *elsewhere]) == 0


@needs_browser
def test_maps_of_another_image_do_not_stay_below_one_that_cannot_be_shown(desk: Browser) -> None:
    shown = desk.evaluate("document.getElementById('image').value")
    count = desk.evaluate("document.querySelectorAll('#panels canvas').length")
    assert count > 1

    def choose(image_id: str) -> None:
        desk.evaluate("document.getElementById('image').select()")
        desk.type(image_id)
        desk.press("Enter")

    choose("nowhere")
    desk.wait_for("!document.getElementById('error').hidden")
    assert desk.evaluate("document.querySelectorAll('#panels canvas').length") == 0
    assert desk.evaluate("document.getElementById('status').textContent") == "Nothing is shown."
    choose(shown)
    desk.wait_for(f"document.querySelectorAll('#panels canvas').length === {count}")
    assert desk.evaluate("document.getElementById('error').hidden")


@needs_browser
def test_the_page_takes_nothing_from_outside_and_has_no_complaint(
    desk: Browser, address: str
) -> None:
    asked = [url for url in desk.requested() if not url.startswith("data:")]
    assert len(asked) >= 4
    assert all(url.startswith(address) for url in asked)
    assert desk.complaints() == []
    text = (ROOT / "analysis/explorer/page.html.jinja").read_text()
    text += (ROOT / "analysis/explorer/explorer.css").read_text()
    assert not re.search(r"https?:|@import|url\(", text)


@needs_browser
def test_what_is_wrong_is_told_on_the_page(desk: Browser) -> None:
    desk.evaluate("document.getElementById('prompts').select()")
    desk.type("bird\nBird")
    desk.press("Enter", ctrl=True)
    error = "document.getElementById('error')"
    desk.wait_for(f"!{error}.hidden")
    assert "give one folder name" in desk.evaluate(f"{error}.textContent")
    assert desk.evaluate("document.querySelectorAll('#panels canvas').length") == 0
    assert desk.evaluate("document.getElementById('status').textContent") == "Nothing is shown."
    desk.evaluate("document.getElementById('name').value = '../x'")
    desk.evaluate("document.getElementById('save').click()")
    desk.wait_for(f"{error}.textContent.includes('expected the name of a folder')")


@needs_browser
def test_an_image_that_is_dropped_in_is_looked_at(desk: Browser) -> None:
    picture = cv2.imencode(".png", np.full((20, 30, 3), 90, np.uint8))[1]
    pixels = json.dumps(picture.ravel().tolist())
    drop = f"""{{
        const file = new File([new Uint8Array({pixels})], "own.png");
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(file);
        const how = {{ dataTransfer, bubbles: true, cancelable: true }};
        document.body.dispatchEvent(new DragEvent("drop", how)); }}"""
    desk.evaluate(drop)
    desk.wait_for("document.body.dataset.looks === '2'")
    assert "own.png" in desk.evaluate("document.getElementById('counted').textContent")
    assert desk.evaluate("document.querySelector('svg').getAttribute('viewBox')") == "0 0 30 20"
    desk.evaluate(
        """{
        const image = document.getElementById("image");
        image.value = document.querySelector("#ids option").value;
        image.dispatchEvent(new Event("change")); }"""
    )
    desk.wait_for("!document.getElementById('counted').textContent.includes('own.png')")
    desk.evaluate(drop)
    desk.wait_for("document.getElementById('counted').textContent.includes('own.png')")
    desk.evaluate("document.getElementById('next').click()")
    desk.wait_for("!document.getElementById('counted').textContent.includes('own.png')")


@needs_browser
def test_what_is_told_of_an_image_goes_before_another_one_is_looked_at(desk: Browser) -> None:
    desk.evaluate("document.getElementById('save').click()")
    desk.wait_for("!document.getElementById('saved').hidden")
    desk.evaluate("document.getElementById('name').value = '../x'")
    desk.evaluate("document.getElementById('save').click()")
    desk.wait_for("!document.getElementById('error').hidden")
    assert desk.evaluate("document.getElementById('saved').hidden")
    desk.evaluate(
        """{
        const real = window.fetch;
        const later = (...given) => new Promise((go) => {
          window.goOn = () => go(real(...given));
        });
        window.fetch = (...given) => (given[0] === "/look" ? later : real)(...given); }"""
    )
    desk.evaluate("document.getElementById('next').click()")
    desk.wait_for("window.goOn !== undefined")
    assert desk.evaluate("document.getElementById('panels').children.length") == 0
    assert desk.evaluate("document.getElementById('status').textContent") == "Looking …"
    desk.evaluate("window.goOn()")
    desk.wait_for("document.body.dataset.looks === '2'")
    assert desk.evaluate("document.getElementById('panels').children.length") > 0


@needs_browser
def test_next_goes_through_the_images_that_were_found(desk: Browser, project: Path) -> None:
    ids = sorted(find_images(read_config(project).data.images))
    found = [image_id for image_id in ids if "1" in image_id]
    assert 1 < len(found) < len(ids)
    desk.evaluate("document.getElementById('image').select()")
    desk.type("1")
    counted = "document.getElementById('counted').textContent"
    desk.wait_for(f"{counted}.includes('“1”, through which Previous and Next go')")
    shown = desk.evaluate("document.getElementById('image').value")
    seen = []
    for _ in range(len(found) + 1):
        desk.evaluate("document.getElementById('next').click()")
        desk.wait_for(f"document.getElementById('image').value !== '{shown}'")
        shown = desk.evaluate("document.getElementById('image').value")
        seen.append(shown)
    assert len(set(seen[:-1])) == len(found)
    assert seen[-1] == seen[0]
    assert all("1" in image_id for image_id in seen)


@needs_browser
def test_the_other_image_is_looked_at_and_prompts_are_ranked(desk: Browser) -> None:
    first = desk.evaluate("document.getElementById('image').value")
    desk.evaluate("document.getElementById('next').click()")
    desk.wait_for("document.body.dataset.looks === '2'")
    assert desk.evaluate("document.getElementById('image').value") != first
    desk.evaluate("document.getElementById('prompts').value = 'bird\\ngull\\nboat\\nwhale'")
    desk.evaluate("document.getElementById('rank').click()")
    ranked = "[...document.querySelectorAll('#ranked li')].map((each) => each.textContent)"
    desk.wait_for(f"{ranked}.length === 4")
    assert desk.evaluate(ranked)[-1].startswith("whale 0.00")
    said = desk.evaluate("document.getElementById('ranked_said').textContent")
    assert said.startswith("Without labels, use ")


@needs_browser
def test_the_page_fits_a_phone_where_maps_stay_in_sight(address: str, tmp_path: Path) -> None:
    with Browser(tmp_path, 390, 800) as phone:
        phone.open(address)
        phone.wait_for("document.body?.dataset.looks === '1'")
        assert phone.evaluate("document.documentElement.scrollWidth") == 390
        scroll = "scrollIntoView({block: 'end', behavior: 'instant'})"
        phone.evaluate(f"document.getElementById('threshold').{scroll}")
        top, bottom = phone.evaluate(
            "(({top, bottom}) => [top, bottom])(document.querySelector('canvas')"
            ".getBoundingClientRect())"
        )
        assert 0 <= top < bottom <= 800
        slider = phone.evaluate("document.getElementById('threshold').getBoundingClientRect().top")
        assert bottom < slider < 800


@needs_browser
def test_on_a_phone_half_of_the_screen_is_left_to_controls_and_commands_are_shown_whole(
    address: str, tmp_path: Path
) -> None:
    with Browser(tmp_path, 390, 800) as phone:
        phone.open(address)
        phone.wait_for("document.body?.dataset.looks === '1'")
        phone.evaluate("document.getElementById('study').click()")
        phone.wait_for("document.getElementById('saved').textContent")
        height = "document.querySelector('main').getBoundingClientRect().height"
        assert phone.evaluate(height) <= 400
        saved = "document.getElementById('saved')"
        assert phone.evaluate(f"{saved}.scrollWidth <= {saved}.clientWidth")


def test_a_page_that_cannot_be_served_is_an_error_of_the_user(project: Path) -> None:
    script = ROOT / "analysis" / "prompt_explorer.py"
    command = [sys.executable, str(script), "--config", str(project), "--port", "-1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --port is -1")
