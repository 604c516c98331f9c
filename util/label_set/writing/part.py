"""Which images a label set is about."""

from collections.abc import Collection

from util.errors import UserError, listed
from util.label_set.pixel_files import WEIGHTS


class Part:
    """The images that are part of a label set, without a copy of their ids.

    Attributes:
        mine: The images that this process makes.
        others: Those that other processes make.
    """

    def __init__(self, mine: Collection[str], others: frozenset[str]) -> None:
        """Make sure that no map lies where a label set keeps the weights of pixels.

        Raises:
            UserError: The map of an image would lie where the weights of another do.
        """
        self.mine = mine
        self.others = others
        inside = [i for ids in (mine, others) for i in ids if i.startswith(f"{WEIGHTS}/")]
        asked = {image_id.removeprefix(f"{WEIGHTS}/"): image_id for image_id in inside}
        if clashing := sorted(weights for image_id, weights in asked.items() if image_id in self):
            raise UserError(
                f"{listed(clashing)} would lie where a label set keeps the weights of pixels; "
                f"rename the folder {WEIGHTS!r} of images"
            )

    def __contains__(self, image_id: object) -> bool:
        return image_id in self.mine or image_id in self.others
