"""What a COCO detection file holds, as far as boxes need it (cocodataset.org, Data format)."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from util.disk.whole_files import read_json
from util.errors import UserError, listed

_SHOWN_CHARACTERS = 60

_Id = int | str
_Side = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Flag = bool | float | None
_Box = Annotated[list[float], Field(min_length=4, max_length=4)]


def _none_of_nothing(box: Any) -> Any:
    """Take an empty list for no box, as tools write it where there are polygons."""
    return None if box == [] else box


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class Image(_Entry):
    """An image, by its name, and its width and height in pixels, where the file gives them."""

    id: _Id
    file_name: str
    width: _Side | None = None
    height: _Side | None = None


class Category(_Entry):
    """A class of objects."""

    id: _Id
    name: str


class Annotation(_Entry):
    """One object; `bbox` is x, y, width and height in pixels."""

    id: _Id | None = None
    image_id: _Id
    category_id: _Id
    bbox: Annotated[_Box | None, BeforeValidator(_none_of_nothing)] = None
    segmentation: Any = None
    iscrowd: _Flag = None
    ignore: _Flag = None

    def __str__(self) -> str:
        return f"annotation {self.id}"


class Content(_Entry):
    """The parts of a file that boxes need."""

    images: list[Image]
    categories: list[Category]
    annotations: list[Annotation]


def read_content(path: Path) -> Content:
    """Read a file.

    Raises:
        UserError: It is damaged, or lacks what boxes need; images, categories and annotations of
            which something is wrong are named.
    """
    found = read_json(path, "give a COCO detection file")
    try:
        return Content.model_validate(found)
    except ValidationError as error:
        problems: dict[str, str] = {}
        for details in error.errors():
            problems.setdefault(*_describe(found, details))
        told = [f"{name}: {message}" for name, message in problems.items()]
        raise UserError(f"{path} is no COCO detection file: {listed(told, 3)}") from None


def _describe(found: dict[str, Any], details: ErrorDetails) -> tuple[str, str]:
    """Say which part, entry and field of a file an error is about, and what is wrong with it."""
    part, *place = details["loc"]
    name, message = str(part), details["msg"]
    if not place:
        return name, message
    number = int(place[0])
    entry = found[name][number]
    named = entry.get("id") if isinstance(entry, dict) else None
    name += f" {named}" if named is not None else f", entry {number}"
    if len(place) == 1:
        return name, message
    field = str(place[1])
    if field == "bbox":
        given = str(entry[field])[:_SHOWN_CHARACTERS]
        message = f"it is {given}, expected four numbers: x, y, width, height in pixels"
    return f"{name}: {field}", message
