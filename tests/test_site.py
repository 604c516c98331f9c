"""The documentation as a site, as a phone shows it."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.browser import BROWSER, Browser
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(
    not (BROWSER and find_spec("mkdocs") and find_spec("material")),
    reason="Chromium or what makes the site is not installed",
)

SCRIPT_IS_DONE = ".md-code__button, .md-clipboard, .md-typeset__scrollwrap"

BEYOND_THE_EDGE = """
[...document.querySelectorAll('.md-typeset__scrollwrap, pre > code')]
    .filter(each => each.scrollWidth > each.clientWidth + 1)
    .map(each => each.textContent.trim().slice(0, 60))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(
    "page", ["index", "reference/config", "reference/scripts", "tasks/own-photos"]
)
def test_nothing_is_beyond_the_edge_of_a_phone(page: str, site: Path, tmp_path: Path) -> None:
    with Browser(tmp_path, width=390) as browser:
        browser.open((site / f"{page}.html").as_uri())
        browser.wait_for(f"document.querySelector({SCRIPT_IS_DONE!r}) !== null")
        assert browser.evaluate(BEYOND_THE_EDGE) == []


def test_brackets_of_what_explains_a_key_are_shown_as_they_are(site: Path) -> None:
    text = (site / "reference/config.html").read_text()
    assert "Folder of true masks, &lt;image id&gt;.png or" in text
