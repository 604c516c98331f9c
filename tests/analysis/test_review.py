"""The page of a review, in a real browser too, and what its marks become."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

import analysis.review
import util.export_label_set
from tests.browser import BROWSER, Browser
from tests.conftest import make_project
from tests.stages import arguments, combine, evaluate, label, train
from util.config import read_config
from util.errors import UserError
from util.images.files import find_images
from util.images.splits import read_split
from util.label_set import LabelSet

review = analysis.review.main

needs_browser = pytest.mark.skipif(not BROWSER, reason="no Chromium or Chrome is installed")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with label sets; tests may add what no other reads."""
    project = make_project(tmp_path_factory.mktemp("review"))
    assert label(arguments(project)) == 0
    assert combine(arguments(project)) == 0
    return project


@pytest.fixture(scope="module")
def page(project: Path) -> Path:
    assert review(arguments(project)) == 0
    return project.parent / "runs" / "review" / "review.html"


def test_the_page_is_one_file_that_takes_nothing_from_outside(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"https?:|@import|url\(|src=\"(?!data:)", text)
    shown = re.findall(r'data-image="([^"]*)"', text)
    assert len(shown) == len(set(shown)) > 3
    assert set(shown) <= set(find_images(page.parents[2] / "images"))
    # a photo, the combination and two prompts
    assert text.count("<img ") == 4 * len(shown)
    assert "Where prompts disagree most" in text


def test_the_page_says_beside_an_image_that_a_list_judges_by_it(page: Path, project: Path) -> None:
    text = page.read_text(encoding="utf-8")
    data = read_config(project).data
    of_list = {
        image_id: split
        for split in ("Train", "Validation", "Test")
        for image_id in read_split(data.splits, split, find_images(data.images))
    }
    cards = re.findall(r'<article[^>]*data-image="([^"]*)".*?</article>', text, re.DOTALL)
    parts = re.findall(r"<article.*?</article>", text, re.DOTALL)
    for image_id, part in zip(cards, parts, strict=True):
        told = re.findall(r"Of (\w+), which judges: not listed as right", part)
        assert told == [of_list[image_id]] * (of_list[image_id] != "Train")
    count = sum(of_list[image_id] != "Train" for image_id in cards)
    assert 0 < count < len(cards)
    assert f"<p>{count} of the images are validated or tested on, as is said beside each: " in text
    options = ["--review.name", "learnt", "--review.images", "2", "--review.split", "Train"]
    assert review(arguments(project, *options)) == 0
    text = (project.parent / "runs/learnt/review.html").read_text(encoding="utf-8")
    assert "validated or tested on" not in text


def test_fewer_images_are_shown_where_fewer_are_asked_for(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--review.images", "1", "--review.name", "few", "--review.split", "Train"]
    assert review(arguments(project, *more)) == 0
    text = (project.parent / "runs/few/review.html").read_text(encoding="utf-8")
    assert text.count('data-image="') <= 2
    assert "of 6 images" in capsys.readouterr().out


def test_who_marks_a_prompt_is_told_of_the_combination(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def says(*more: str) -> str:
        named = ["--review.name", "hint", "--review.images", "1", "--review.split", "Test"]
        assert review(arguments(project, *named, *more)) == 0
        return capsys.readouterr().out

    told = "bird alone is marked; there is a combination, too, which --review.marked combined marks"
    assert told in says("--review.marked", "bird")
    lacking = (
        "bird, white_crest are not combined; util/multi_teacher/combination_strategies.py makes"
    )
    assert lacking in says("--review.marked", "bird", "--combination.output", "later")
    alone = ["--combination.output", "later", "--review.label_sets", "bird"]
    for more in (["--review.marked", "bird", *alone], []):
        said = says(*more)
        assert "is marked; there" not in said
        assert "not combined" not in said
    with pytest.raises(UserError, match=r"'later'.*combination_strategies\.py makes it of several"):
        says("--combination.output", "later")


def test_label_sets_that_are_missing_are_all_named(project: Path) -> None:
    with pytest.raises(UserError) as caught:
        review(arguments(project, "--review.label_sets", "owl", "--review.student", "pupil"))
    assert "'owl'" in str(caught.value)
    assert "'pupil'" in str(caught.value)
    assert str(caught.value).endswith("set review.label_sets to label sets that there are")
    with pytest.raises(UserError, match=r"'owl'.*\nset combination\.label_sets to label sets that"):
        review(arguments(project, "--combination.label_sets", "owl"))


def test_a_tested_student_is_compared_and_learns_from_the_marks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path)
    assert label(arguments(project)) == 0
    assert combine(arguments(project)) == 0
    assert train(arguments(project)) == 0
    assert evaluate(arguments(project)) == 0
    assert review(arguments(project)) == 0
    text = (tmp_path / "runs/review/review.html").read_text(encoding="utf-8")
    assert "student and teacher differ" in text
    assert "student/Test, up to" in text
    ids = list(find_images(tmp_path / "images"))
    told = {ids[0]: "wrong", ids[1]: "right", ids[9]: "right", ids[2]: "skip"}
    marks = tmp_path / "marks.json"
    marks.write_text(json.dumps({"teacher": "combined", "key": "", "marks": told}))
    capsys.readouterr()
    assert review(arguments(project, "--marks", str(marks))) == 0
    shown = capsys.readouterr().out
    assert "--student.run reviewed --student.pixel_weights label_set" in shown
    (exported,) = re.findall(
        r"^Next: python \S*(util/export_label_set\.py .*)$", shown, re.MULTILINE
    )
    assert util.export_label_set.main(shlex.split(exported)[1:]) == 0
    assert f"1 image of which all pixels have weight 0, as what is marked as wrong: {ids[0]}" in (
        capsys.readouterr().out
    )
    splits = tmp_path / "runs/review/splits"
    assert read_split(splits, "review", ids) == [ids[1]]  # the other one is tested on
    assert f"{splits / 'review.txt'}: 1 image marked as right\n" in shown
    left_out = "1 image marked as right that Validation or Test judges by"
    assert f"Left out of that list: {left_out}\n" in shown
    assert read_split(splits, "Validation", ids) == ids[6:9]
    reviewed = LabelSet(read_config(project).paths.label_sets / "reviewed")
    assert [i for i in ids if reviewed.is_weighted(i)] == [ids[0]]
    more = ["--student.label_set", "reviewed", "--student.pixel_weights", "label_set"]
    assert train(arguments(project, *more, "--student.run", "second")) == 0


def test_marks_of_another_label_set_are_refused(project: Path, tmp_path: Path) -> None:
    marks = tmp_path / "marks.json"
    marks.write_text(json.dumps({"teacher": "bird", "marks": {}}))
    with pytest.raises(UserError, match=r"marks the label set 'bird', not 'combined'"):
        review(arguments(project, "--marks", str(marks)))


def test_where_nothing_is_right_there_is_no_list(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marks = tmp_path / "marks.json"
    marks.write_text(json.dumps({"teacher": "combined", "marks": {}}))
    more = ["--marks", str(marks), "--review.name", "none", "--review.output", "none"]
    assert review(arguments(project, *more)) == 0
    assert "there is no list of them" in capsys.readouterr().out
    assert not (project.parent / "runs/none").exists()
    assert not LabelSet(project.parent / "label_sets/none").has_weights


def test_a_list_of_what_was_right_goes_where_only_what_is_tested_on_is_right(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids, marks = list(find_images(project.parent / "images")), tmp_path / "marks.json"
    more = ["--marks", str(marks), "--review.name", "twice", "--review.output", "twice"]
    marks.write_text(json.dumps({"teacher": "combined", "marks": {ids[0]: "right"}}))
    assert review(arguments(project, *more)) == 0
    path = project.parent / "runs/twice/splits/twice.txt"
    assert path.read_text(encoding="utf-8") == f"{ids[0]}\n"
    marks.write_text(
        json.dumps({"teacher": "combined", "marks": {ids[0]: "skip", ids[9]: "right"}})
    )
    capsys.readouterr()
    assert review(arguments(project, *more)) == 0
    shown = capsys.readouterr().out
    assert "there is no list of them" in shown
    assert "Left out of that list: 1 image" in shown
    assert not path.exists()


def test_what_cannot_be_learnt_from_is_not_listed_though_it_was_marked_as_right(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(project.parent / "images", tmp_path / "images")
    paths, marks = find_images(tmp_path / "images"), tmp_path / "marks.json"
    whole, damaged, *_ = paths
    new = tmp_path / "images/later.png"
    shutil.copy(paths[whole], new)
    paths[damaged].write_bytes(paths[damaged].read_bytes()[:200])
    told = dict.fromkeys([whole, damaged, "later"], "right")
    marks.write_text(json.dumps({"teacher": "combined", "marks": told}))
    more = ["--marks", str(marks), "--review.name", "sound", "--review.output", "sound"]
    assert review(arguments(project, *more, "--data.images", str(tmp_path / "images"))) == 0
    listed = (project.parent / "runs/sound/splits/sound.txt").read_text(encoding="utf-8")
    assert listed == f"{whole}\n"
    shown = capsys.readouterr().out
    assert "Left out of that list: 2 images marked as right that cannot be learnt from: " in shown
    assert f"{damaged}: {paths[damaged]} cannot be read as an image" in shown
    assert "later: combined has no map of it" in shown


def test_marks_that_lack_earlier_ones_are_refused_and_more_of_them_are_not(
    project: Path, tmp_path: Path
) -> None:
    ids, path = list(find_images(project.parent / "images")), tmp_path / "marks.json"
    more = ["--marks", str(path), "--review.name", "kept", "--review.output", "kept"]

    def use(marks: dict[str, str], *options: str) -> int:
        path.write_text(json.dumps({"teacher": "combined", "marks": marks}))
        return review(arguments(project, *more, *options))

    def state() -> tuple[list[str], str]:
        weighted = LabelSet(project.parent / "label_sets/kept")
        right = project.parent / "runs/kept/splits/kept.txt"
        return [i for i in ids if weighted.is_weighted(i)], right.read_text(encoding="utf-8")

    assert use({ids[0]: "wrong", ids[1]: "right", ids[2]: "wrong"}) == 0
    before = state()
    with pytest.raises(UserError) as caught:
        use({ids[0]: "skip", ids[3]: "right"})
    assert f"1 as wrong ({ids[2]}) and 1 as right ({ids[1]})" in str(caught.value)
    assert "--overwrite" in str(caught.value)
    assert state() == before == ([ids[0], ids[2]], f"{ids[1]}\n")
    assert use({ids[0]: "right", ids[1]: "wrong", ids[2]: "wrong", ids[3]: "right"}) == 0
    assert state() == ([ids[1], ids[2]], f"{ids[0]}\n{ids[3]}\n")
    assert use({ids[3]: "wrong", ids[4]: "right"}, "--overwrite") == 0
    assert state() == ([ids[3]], f"{ids[4]}\n")
    with pytest.raises(UserError, match=rf"1 as right \({ids[4]}\)"):
        use({ids[3]: "wrong"}, "--review.output", "another")  # but the same list
    assert state() == ([ids[3]], f"{ids[4]}\n")


def test_an_image_whose_map_is_damaged_is_not_listed_as_right(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(project.parent / "label_sets/bird", project.parent / "label_sets/torn")
    torn = LabelSet(project.parent / "label_sets/torn")
    whole, damaged, *_ = torn.ids
    torn.path(damaged).write_bytes(torn.path(damaged).read_bytes()[:50])
    marks = tmp_path / "marks.json"
    told = dict.fromkeys([whole, damaged], "right")
    marks.write_text(json.dumps({"teacher": "torn", "marks": told}))
    more = ["--marks", str(marks), "--review.name", "intact", "--review.output", "intact"]
    assert review(arguments(project, *more, "--review.marked", "torn")) == 1
    listed = (project.parent / "runs/intact/splits/intact.txt").read_text(encoding="utf-8")
    assert listed == f"{whole}\n"
    assert f"from: {damaged}: {torn.path(damaged)} cannot be read as" in capsys.readouterr().out


def test_marks_of_maps_that_were_made_anew_say_so_and_a_refusal_leaves_the_list(
    project: Path, page: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (maps,) = re.findall(r'data-maps="([^"]+)"', page.read_text(encoding="utf-8"))
    ids, marks = list(find_images(project.parent / "images")), tmp_path / "marks.json"
    anew = ["--paths.label_sets", str(tmp_path / "label_sets")]
    shutil.copytree(project.parent / "label_sets", tmp_path / "label_sets")
    more = [*anew, "--marks", str(marks), "--review.name", "old", "--review.output", "old"]
    marks.write_text(json.dumps({"teacher": "combined", "maps": maps, "marks": {ids[0]: "right"}}))
    assert review(arguments(project, *more)) == 0
    assert "made anew" not in caplog.text
    other = ["--combination.strategy", "maximum", "--overwrite"]
    assert combine(arguments(project, *anew, *other)) == 0
    marks.write_text(json.dumps({"teacher": "combined", "maps": maps, "marks": {ids[1]: "right"}}))
    with pytest.raises(UserError, match="made with other settings"):
        review(arguments(project, *more))
    assert "combined was made anew since" in caplog.text
    path = project.parent / "runs/old/splits/old.txt"
    assert path.read_text(encoding="utf-8") == f"{ids[0]}\n"


@needs_browser
def test_marks_are_made_by_keys_kept_by_the_browser_and_downloaded(
    page: Path, project: Path, tmp_path: Path
) -> None:
    with Browser(tmp_path) as browser:
        browser.save_downloads(tmp_path)
        browser.open(page.as_uri())
        ids = browser.wait_for(
            "document.readyState === 'complete' &&"
            " [...document.querySelectorAll('article')].map((each) => each.dataset.image)"
        )
        for key in "rws":
            browser.press(key)
        browser.press("ArrowUp")
        browser.press("w")  # another thought about the third one
        browser.open("about:blank")
        browser.open(page.as_uri())
        progress = "document.getElementById('progress')?.textContent"
        browser.wait_for(f"{progress} === '3 of {len(ids)} marked'")
        browser.evaluate("document.getElementById('download').focus()")
        browser.press("Enter")
        marks = tmp_path / "marks.json"
        waited = "new Promise((done) => setTimeout(() => done(true), 50))"
        for _ in range(2400):
            if marks.exists():
                break
            browser.evaluate(waited)
        assert browser.complaints() == []
    told = json.loads(marks.read_text(encoding="utf-8"))
    assert told["teacher"] == "combined"
    assert told["marks"] == {ids[0]: "right", ids[1]: "wrong", ids[2]: "wrong"}
    more = ["--marks", str(marks), "--review.output", "by_keys", "--review.name", "keys"]
    assert review(arguments(project, *more)) == 0
    made = LabelSet(project.parent / "label_sets/by_keys")
    assert [i for i in made.ids if made.is_weighted(i)] == sorted(ids[1:3])


@needs_browser
def test_the_page_fits_a_phone_and_is_marked_by_touch(page: Path, tmp_path: Path) -> None:
    with Browser(tmp_path, 390, 800) as phone:
        phone.open(page.as_uri())
        phone.wait_for("document.readyState === 'complete' && !!document.querySelector('article')")
        assert phone.evaluate("document.documentElement.scrollWidth") == 390
        phone.evaluate("document.querySelector('[data-mark=wrong]').click()")
        pressed = "document.querySelector('[data-mark=wrong]').getAttribute('aria-pressed')"
        assert phone.evaluate(pressed) == "true"
        assert phone.requested()[0] == page.as_uri()
        assert all(url.startswith(("file:", "data:")) for url in phone.requested())
