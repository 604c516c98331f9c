"""What the page asks its server for."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict

from analysis import study
from analysis.explorer.answering import LOWEST_THRESHOLD
from analysis.explorer.choice import Choice, Strategy, read_told
from analysis.explorer.drawing import encode_photo, view_to_json
from analysis.explorer.exploring import Explorer
from analysis.explorer.ranking import PromptRanking
from analysis.explorer.serving import MOST_BYTES, Action, Reply, reply_json
from analysis.pictures.scale import COLOURS_RGB
from util.config.fields import FolderName
from util.page_templates import load_template

HERE = Path(__file__).parent

Saver = Callable[[str, Choice, bool], str]
"""Keeps a choice by a name, and says where, or how a study of it is started."""


class ToKeep(BaseModel):
    """A choice that shall be kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: FolderName
    choice: Choice
    is_study: bool


def render_page(start: Choice, name: str, facts: Mapping[str, Any]) -> str:
    """Write the page.

    Args:
        start: What is shown first.
        name: By which a choice is kept, unless the user gives another.
        facts: What the template says of teacher and images.
    """
    begin = {"choice": start.model_dump(), "name": name, "colours": COLOURS_RGB.tolist()}
    begin["most_bytes"] = MOST_BYTES
    return load_template(HERE / "page.html.jinja").render(
        start=begin,
        strategies=get_args(Strategy),
        lowest=min(LOWEST_THRESHOLD, start.box_threshold),
        **facts,
    )


def list_gets(explorer: Explorer, ranking: PromptRanking, page: str) -> dict[str, Action]:
    """Name what answers requests that change nothing."""
    css = (Path(study.__file__).parent / "report" / "report.css").read_bytes()
    css += (HERE / "explorer.css").read_bytes()
    script = (HERE / "explorer.js").read_bytes()
    pictures = explorer.pictures

    def images(query: Mapping[str, str], _: bytes) -> Reply:
        return reply_json(pictures.find(query.get("find", ""))._asdict())

    def photo(query: Mapping[str, str], _: bytes) -> Reply:
        return Reply("image/jpeg", encode_photo(pictures.read(query.get("name", ""))))

    def step(query: Mapping[str, str], _: bytes) -> Reply:
        by = -1 if query.get("by") == "-1" else 1
        found = pictures.step(query.get("name", ""), by, query.get("find", ""))
        return reply_json({"id": found})

    return {
        "/": lambda *_: Reply("text/html; charset=utf-8", page.encode(errors="replace")),
        "/explorer.css": lambda *_: Reply("text/css; charset=utf-8", css),
        "/explorer.js": lambda *_: Reply("text/javascript; charset=utf-8", script),
        "/images": images,
        "/photo": photo,
        "/step": step,
        "/rank": lambda *_: reply_json(ranking.state()),
    }


def list_posts(explorer: Explorer, ranking: PromptRanking, save: Saver) -> dict[str, Action]:
    """Name what answers requests that are sent something."""

    def look(_: Mapping[str, str], data: bytes) -> Reply:
        return reply_json(view_to_json(explorer.look(read_told(Choice, data))))

    def drop(query: Mapping[str, str], data: bytes) -> Reply:
        return reply_json({"name": explorer.pictures.drop(data, query.get("file", "the file"))})

    def keep(_: Mapping[str, str], data: bytes) -> Reply:
        kept = read_told(ToKeep, data)
        return reply_json({"text": save(kept.name, kept.choice, kept.is_study)})

    def rank(_: Mapping[str, str], data: bytes) -> Reply:
        ranking.begin(read_told(Choice, data))
        return reply_json(ranking.state())

    return {"/look": look, "/drop": drop, "/save": keep, "/rank": rank}
