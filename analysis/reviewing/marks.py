"""Marks of a review, as its page gives them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from util.disk.json_text import parse_json
from util.errors import UserError, listed
from util.words import count_of

RIGHT, WRONG, SKIP = "right", "wrong", "skip"


@dataclass(frozen=True)
class Marks:
    """What was said of images.

    Attributes:
        teacher: Name of the label set that was marked.
        of_image: `right`, `wrong` or `skip`, by the id of the image.
        maps: Fingerprint of that label set as it was then; None = the file does not say it.
    """

    teacher: str
    of_image: Mapping[str, str]
    maps: str | None = None

    def of(self, mark: str) -> list[str]:
        """The images that have a mark, in the order of their ids."""
        return sorted(image_id for image_id, each in self.of_image.items() if each == mark)


def read_marks(path: Path, image_ids: Collection[str]) -> Marks:
    """Read the file that the page of a review gives.

    Args:
        path: Of the file.
        image_ids: Of all images that there are; no other may be marked.

    Raises:
        UserError: It cannot be read or holds something else; all bad marks are named.
    """
    try:
        content = parse_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"the marks {path} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UserError(f"the marks {path} cannot be used: {error}") from None
    marks = content.get("marks") if isinstance(content, dict) else None
    teacher = content.get("teacher") if isinstance(content, dict) else None
    if not (isinstance(marks, dict) and isinstance(teacher, str)):
        raise UserError(
            f"{path} holds no marks; give the file that the page of analysis/review.py downloads"
        )
    problems = []
    if unknown := [image_id for image_id in marks if image_id not in image_ids]:
        problems.append(
            f"it marks {count_of(len(unknown), 'image that is', 'images that are')} not there: "
            f"{listed(unknown)}"
        )
    odd = {i: mark for i, mark in marks.items() if mark not in (RIGHT, WRONG, SKIP)}
    if odd:
        told = listed([f"{image_id}: {mark!r}" for image_id, mark in odd.items()])
        problems.append(f"it has marks other than right, wrong and skip: {told}")
    if problems:
        raise UserError(f"the marks {path} cannot be used: {'; '.join(problems)}")
    return Marks(teacher, marks, content.get("maps"))
