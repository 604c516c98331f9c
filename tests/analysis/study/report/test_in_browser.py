"""The report of a study in a real browser."""

import json
import re
import subprocess
from collections.abc import Sequence
from html import unescape
from pathlib import Path

import pytest

from analysis.study.report.writing import write_report
from tests.analysis.study.study_examples import SETTINGS, make_results
from tests.browser import BROWSER

pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium or Chrome is installed")

PROBE = """
const click = (title) => {
  const table = document.querySelector("table");
  const heads = [...table.querySelectorAll("th")];
  const head = heads.find((th) => th.textContent === title);
  head.querySelector("button").click();
  const cells = [...table.tBodies[0].rows].map((row) => row.cells[head.cellIndex].textContent);
  return [head.getAttribute("aria-sort"), ...cells];
};
const small = [...document.querySelectorAll("body *")].filter(
  (e) => !e.closest("svg, script, style") && parseFloat(getComputedStyle(e).fontSize) < 16);
const plots = [...document.querySelectorAll(".plot")];
const cropped = () => plots.filter((plot) => plot.scrollWidth > plot.clientWidth + 1).length;
const found = {
  cropped: [cropped(), plots[0].focus(), cropped(), plots[0].blur()],
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  width: document.documentElement.clientWidth,
  cut: [...document.querySelectorAll("td")]
    .filter((cell) => cell.getBoundingClientRect().right > innerWidth)
    .map((cell) => cell.textContent),
  small: small.map((e) => e.outerHTML.slice(0, 80)),
  broken: [...document.images].filter((image) => !image.naturalWidth).length,
  clicks: [click("student"), click("student"), click("label set")],
};
const result = document.createElement("pre");
result.id = "probe";
result.textContent = JSON.stringify(found);
document.body.append(result);
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report, and a copy that looks at itself and writes down what it finds."""
    folder = tmp_path_factory.mktemp("report")
    write_report(make_results(), SETTINGS, folder)
    html = (folder / "report.html").read_text()
    (folder / "probe.html").write_text(html.replace("</body>", f"<script>{PROBE}</script></body>"))
    # A window is at least 500 px wide; a frame has the width of a phone.
    frame = '<iframe src="probe.html" width="390" height="800"></iframe>'
    (folder / "phone.html").write_text(frame)
    return folder


def run(page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open a page without a screen; output is that of the browser."""
    command: Sequence[str] = [
        *(BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *("--enable-logging=stderr", "--allow-file-access-from-files"),
        *("--virtual-time-budget=5000", "--window-size=1200,900"),
        *(f"--user-data-dir={page.parent / 'profile'}", *options, page.as_uri()),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)


@pytest.fixture(scope="module")
def desk(folder: Path) -> dict[str, object]:
    return read_probe(run(folder / "probe.html", "--dump-dom").stdout)


def read_probe(dom: str) -> dict[str, object]:
    """What a page has found in itself."""
    (found,) = re.findall(r'<pre id="probe">(.*?)</pre>', dom, re.DOTALL)
    return json.loads(unescape(found))


def test_the_page_opens_without_a_message_on_the_console(folder: Path) -> None:
    messages = run(folder / "report.html", "--dump-dom").stderr
    assert "CONSOLE" not in messages


def test_every_picture_can_be_read(desk: dict[str, object]) -> None:
    assert desk["broken"] == 0


def test_a_click_on_a_head_sorts_and_a_second_one_turns_the_order(desk: dict[str, object]) -> None:
    rising, falling, names = desk["clicks"]
    assert rising[0] == "ascending"
    assert falling[0] == "descending"
    values = [float(text.split()[0]) for text in rising[1:]]
    assert values == sorted(values)
    assert values[0] < values[-1]
    assert [float(text.split()[0]) for text in falling[1:]] == values[::-1]
    assert names[1:] == sorted(names[1:])


def test_the_page_and_its_tables_fit_a_phone_and_its_text_can_be_read_there(folder: Path) -> None:
    page = folder / "phone.html"
    script = """<script>onload = () => document.body.append(
      document.querySelector("iframe").contentDocument.getElementById("probe"));</script>"""
    page.write_text(page.read_text() + script)
    found = read_probe(run(page, "--dump-dom").stdout)
    assert found["width"] == 390
    assert found["overflow"] <= 0
    assert found["cut"] == []
    assert found["small"] == []
    assert found["cropped"] == [0, None, 1, None]  # plots are whole but for one that is touched


def test_the_page_prints_on_paper(folder: Path) -> None:
    pdf = folder / "report.pdf"
    run(folder / "report.html", f"--print-to-pdf={pdf}")
    assert pdf.read_bytes().startswith(b"%PDF")
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes()))
    assert 4 <= pages <= 12
