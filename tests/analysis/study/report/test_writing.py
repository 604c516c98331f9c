"""The report of a study, without a browser."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.study.report.gallery import LONG_SIDE_PX, render_gallery, show_boxes
from analysis.study.report.headline import write_headline
from analysis.study.report.tables import format_latex, format_number, show_table
from analysis.study.report.writing import write_report
from tests.analysis.study.study_examples import (
    CHANCE,
    PROMPTS,
    SETTINGS,
    make_arm,
    make_results,
    make_void,
)
from tests.conftest import box_table

VOID = {"meta", "link", "img", "br", "hr"}

PLOTS = {"scores", "transfer", "gain", "components", "reliability"}


class Page(HTMLParser):
    """Reads a page, and fails where an element is not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["script"], ["style"]):
            self.text += data

    def values(self, name: str) -> Iterator[str]:
        """Values of an attribute wherever it is."""
        return (str(attributes[name]) for _, attributes in self.tags if name in attributes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with everything in it; tests may read it, not change it."""
    folder = tmp_path_factory.mktemp("report")
    write_report(make_results(), SETTINGS, folder)
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text())


def test_the_page_is_well_formed_and_its_ids_and_anchors_fit(page: Page) -> None:
    ids = list(page.values("id"))
    assert len(set(ids)) == len(ids)
    anchors = [link[1:] for link in page.values("href") if link.startswith("#")]
    assert len(anchors) > 10
    assert set(anchors) <= set(ids)


def test_the_page_needs_no_other_file(folder: Path, page: Page) -> None:
    html = (folder / "report.html").read_text()
    assert "http" not in html
    assert "@import" not in html
    assert all(source.startswith("data:") for source in page.values("src"))
    assert all(link.startswith(("#", "data:")) for link in page.values("href"))
    assert not re.search(r"url\((?!#)", html)
    assert len(html) < 3e6


def test_a_page_says_its_language_and_every_picture_what_it_shows(page: Page) -> None:
    assert dict(page.tags)["html"] == {"lang": "en"}
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 2 * (1 + 4)
    assert all(p["alt"] and p["width"] and p["height"] for p in pictures)
    plots = [a for _, a in page.tags if a.get("role") == "img"]
    assert len(plots) == len(PLOTS)
    assert all(plot["aria-label"] for plot in plots)


def test_every_plot_is_in_the_page_and_beside_it(folder: Path, page: Page) -> None:
    names = {path.name for path in (folder / "figures").iterdir()}
    plots = {f"{name}.{suffix}" for name in PLOTS for suffix in ("png", "svg")}
    assert names == {*plots, ".murmuration_pictures"}  # which says that they are no images
    assert {f"figure-{name}" for name in PLOTS} <= set(page.values("id"))


def test_all_scores_stand_in_the_page_with_their_intervals(page: Page) -> None:
    scores = make_results().arms[0].scores
    for row in scores.itertuples():
        assert row.label_set in page.text
        assert f"{row.teacher:.3f} [{row.teacher_low:.3f}, {row.teacher_high:.3f}]" in page.text
    assert "out of memory: <CUDA>" in page.text


def test_what_cannot_be_had_is_a_dash_with_a_note(page: Page) -> None:
    results = make_results()
    results.arms[0].scores.loc[0, ["student", "student_low", "student_high"]] = np.nan
    table = show_table(results.arms[0].scores)
    student = next(column for column in table.columns if column.title == "student")
    assert student.entries[0].text == "\N{EN DASH}"
    assert student.entries[4].text == "0.030 [\N{EN DASH}]"  # of boat
    assert table.has_unknown
    assert results.notes[0] in page.text


def test_a_hostile_prompt_is_harmless(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script> & $x^2$ \\frac_% {{ 7 * 7 }} 鳥"
    results = make_results((hostile, *PROMPTS[1:]))
    results = replace(results, name=hostile, notes=[hostile])
    write_report(results, {"study": {"prompts": [hostile]}}, tmp_path)
    html = (tmp_path / "report.html").read_text()
    assert "<script>alert" not in html
    page = Page(html)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert hostile in page.text
    latex = (tmp_path / "tables" / "scores.tex").read_text()
    assert r"\$x\textasciicircum 2\$ \textbackslash frac\_\% \{\{ 7 * 7 \}\}" in latex


def test_names_that_are_not_utf8_have_a_report(tmp_path: Path) -> None:
    results = make_results()
    row = replace(results.gallery[0], image_id="m\udcf6we")
    write_report(
        replace(results, gallery=[row], notes=["m\udcf6we is left out"]), SETTINGS, tmp_path
    )
    assert "m?we is left out" in (tmp_path / "report.html").read_text()


def test_the_same_results_give_the_same_files(folder: Path, tmp_path: Path) -> None:
    write_report(make_results(), SETTINGS, tmp_path)
    for path in folder.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / path.relative_to(folder)).read_bytes(), path.name


@pytest.mark.parametrize(
    ("missing", "plots"),
    [
        ("has_students", PLOTS - {"transfer"}),
        ("has_combinations", PLOTS - {"gain"}),
        ("has_masks", PLOTS - {"reliability"}),
    ],
)
def test_a_report_leaves_out_what_was_not_asked_for(
    tmp_path: Path, missing: str, plots: set[str]
) -> None:
    write_report(make_results(**{missing: False}), SETTINGS, tmp_path)
    page = Page((tmp_path / "report.html").read_text())
    figures = {i.removeprefix("figure-") for i in page.values("id") if i.startswith("figure-")}
    assert figures & PLOTS == plots
    anchors = {link[1:] for link in page.values("href") if link.startswith("#")}
    assert anchors <= set(page.values("id"))


@pytest.mark.parametrize("prompts", [PROMPTS[:1], PROMPTS[:2], PROMPTS * 6])
def test_a_report_has_as_few_or_many_prompts_as_you_like(
    tmp_path: Path, prompts: tuple[str, ...]
) -> None:
    if len(prompts) > len(PROMPTS):
        results = make_results()
        many = pd.concat([results.arms[0].scores] * 6).reset_index(drop=True)
        many["label_set"] = [f"{name} {i}" for i, name in enumerate(many["label_set"])]
        results = replace(results, arms=[replace(results.arms[0], scores=many)])
    else:
        results = make_results(prompts)
    write_report(results, SETTINGS, tmp_path)
    Page((tmp_path / "report.html").read_text())


def test_each_of_several_arms_has_its_section_figures_and_tables(tmp_path: Path) -> None:
    write_report(make_results(num_arms=2), SETTINGS, tmp_path)
    page = Page((tmp_path / "report.html").read_text())
    assert {"figure-scores-1", "figure-scores-2", "arms"} <= set(page.values("id"))
    assert len(set(page.values("id"))) == len(list(page.values("id")))
    heads = [a for tag, a in page.tags if tag == "h2" and "id" not in a]
    assert len(heads) == 2
    assert not any("class" in a for a in heads)  # a name is shown as it is: unet is not Unet
    assert (tmp_path / "tables" / "scores-2.csv").exists()
    assert (tmp_path / "tables" / "arm_comparisons.tex").exists()


def test_tables_as_csv_keep_every_digit(folder: Path) -> None:
    scores = pd.read_csv(folder / "tables" / "scores.csv", keep_default_na=False, na_values=[""])
    expected = make_results().arms[0].scores
    np.testing.assert_array_equal(scores["teacher_low"], expected["teacher_low"])
    tables = {path.stem for path in (folder / "tables").glob("*.csv")}
    assert tables == {path.stem for path in (folder / "tables").glob("*.tex")}
    assert {"scores", "comparisons", "gain", "metrics", "cells", "reliability"} <= tables


def test_tables_as_latex_are_in_the_style_of_booktabs() -> None:
    frame = pd.DataFrame({"label_set": ["a_b & 50 %"], "score": [-0.1], "low": [-0.2], "high": [0]})
    assert format_latex(show_table(frame)).splitlines() == [
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"label set & score \\",
        r"\midrule",
        r"a\_b \& 50 \% & $-$0.100 [$-$0.200, 0.000] \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_numbers_are_rounded_for_readers() -> None:
    frame = pd.DataFrame(
        {"p": [0.0004, 0.0126, np.nan], "n": [1, 2, 3], "difference": [0.1, -1, 0]}
    )
    texts = [[entry.text for entry in column.entries] for column in show_table(frame).columns]
    assert texts == [
        ["< 0.001", "0.013", "\N{EN DASH}"],
        ["1", "2", "3"],
        ["+0.100", "\N{MINUS SIGN}1.000", "0.000"],
    ]
    assert format_number(-0.0001) == "0.000"


def test_chance_empty_images_equal_sets_and_unknown_words_stand_in_table_and_report(
    tmp_path: Path,
) -> None:
    results = make_results()
    scores = results.arms[0].scores
    scores.loc[1, "same_as"] = "bird"
    scores.loc[1, "unknown_words"] = "zorb"
    write_report(results, SETTINGS, tmp_path)
    page = Page((tmp_path / "report.html").read_text())
    for words in ("chance", "empty", "equal to", "unknown words", "zorb"):
        assert words in page.text
    table = pd.read_csv(tmp_path / "tables" / "scores.csv", keep_default_na=False)
    assert (table["chance"] == CHANCE).all()
    assert table.loc[1, ["same_as", "unknown_words"]].tolist() == ["bird", "zorb"]
    assert "marking everything" in (tmp_path / "figures" / "scores.svg").read_text()


def test_columns_of_void_results_are_left_out_where_nothing_is_void(page: Page) -> None:
    assert "equal to" not in page.text
    assert "unknown words" not in page.text


def test_a_void_study_has_a_report(tmp_path: Path) -> None:
    results = make_results()
    write_report(replace(results, arms=[make_void(results.arms[0], "zorb")]), SETTINGS, tmp_path)
    page = Page((tmp_path / "report.html").read_text())
    assert "The teacher found nothing" in page.text
    assert "Wording moved" not in page.text
    headings = {"What reaches the student", "What combining prompts gains", "Spread of the scores"}
    assert not [heading for heading in headings if heading in page.text]


def test_every_table_names_its_split(folder: Path, page: Page) -> None:
    for path in (folder / "tables").glob("*.csv"):
        if path.stem != "cells":
            assert set(pd.read_csv(path)["split"]) == {"Test"}, path.name
    html = (folder / "report.html").read_text()
    captions = re.findall(r"<figcaption>([^<]*)</figcaption>\n<div", html)
    assert all(caption.endswith("(Test)") for caption in captions if caption != "Cells")
    assert len(captions) > 8
    assert "60, of the split Test" in page.text


def test_what_an_older_report_had_is_gone(tmp_path: Path) -> None:
    write_report(make_results(num_arms=2), SETTINGS, tmp_path)
    write_report(make_results(has_students=False), SETTINGS, tmp_path)
    assert not list((tmp_path / "figures").glob("transfer*"))
    assert not list(tmp_path.rglob("scores-*"))
    assert (tmp_path / "figures" / "scores.png").exists()


def test_files_of_a_users_own_stay_beside_a_report(tmp_path: Path) -> None:
    own = [tmp_path / "figures/paper.pdf", tmp_path / "tables/scores-of-mine.csv"]
    for path in own:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    write_report(make_results(), SETTINGS, tmp_path)
    assert all(path.exists() for path in own)


def test_without_true_boxes_the_gallery_outlines_the_true_mask() -> None:
    row = make_results().gallery[0]
    mask = np.zeros(row.image_rgb.shape[:2], np.uint8)
    mask[10:20, 10:20] = 1
    (example,) = render_gallery([replace(row, truths=None, mask=mask)])
    assert example.image.title == "image, true mask outlined"
    assert example.image.uri != render_gallery([replace(row, truths=None)])[0].image.uri
    assert render_gallery([row])[0].image.title == "image, true boxes"


def test_a_lost_gain_has_no_minus_sign() -> None:
    arm = make_arm(PROMPTS, False, True)
    headline = write_headline(arm, "F1")
    assert "and lost 0.02 (between 0.07 lost and 0.03 gained, so perhaps nothing) agai" in headline
    sure = replace(arm, gain=arm.gain.assign(over_best_high=-0.01))
    assert "and lost 0.02 [0.01, 0.07] against" in write_headline(sure, "F1")


def test_boxes_in_the_gallery_stay_visible_in_a_large_image() -> None:
    image = np.zeros((3000, 4000, 3), np.uint8)
    picture = show_boxes(image, box_table([("a", 0.5, 0.5, 0.502, 0.502)]), (255, 255, 255), "a")
    assert (picture.width, picture.height) == (LONG_SIDE_PX, 270)
    small = show_boxes(image[:40, :50], box_table([]), (0, 0, 0), "b")
    assert (small.width, small.height) == (350, 280)
    assert picture.uri != show_boxes(image, box_table([]), (0, 0, 0), "a").uri
