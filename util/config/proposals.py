"""The section `proposals`."""

from typing import Any, Literal

from pydantic import Field

from util.config.fields import DECIDES_NOTHING, FolderName, Fraction, Section


class ProposalsSection(Section):
    """Masks of things by saa.segmenter, for the step sepl of a refinement."""

    source: Literal["boxes", "points"] = Field(
        "boxes",
        description="What is outlined: boxes = those of a label set; points = whatever is at each"
        " point of a grid over the image, by SAM (saa.segmenter sam or transformers).",
    )
    label_set: str = Field(
        "combined",
        min_length=1,
        description="boxes: label set that has them; a run stands for its predictions of"
        " data.test_split.",
        json_schema_extra=DECIDES_NOTHING,
    )
    points_per_side: int = Field(
        32, ge=1, description="points: of the grid, along each side of an image."
    )
    points_per_batch: int = Field(
        64,
        ge=1,
        description="points: how many are answered at once; halved if memory runs out.",
        json_schema_extra=DECIDES_NOTHING,
    )
    predicted_iou: Fraction = Field(
        0.88,
        description="points: masks that SAM itself trusts no more than this are left out; 0 ="
        " none is.",
    )
    stability: Fraction = Field(
        0.95,
        description="points: least IoU of a mask as it is above logits of 1 and above -1; others"
        " are left out.",
    )
    overlap: Fraction = Field(
        0.7, description="points: of two masks whose boxes have a higher IoU one is left out."
    )
    output: FolderName = Field(
        "proposals",
        description="Folder name of the label set of boxes and masks that is written.",
        json_schema_extra=DECIDES_NOTHING,
    )

    def decides(self) -> dict[str, Any]:
        """Give what changes a result; nothing about points does where boxes are outlined."""
        decided = super().decides()
        if self.source == "boxes":
            for key in ("points_per_side", "predicted_iou", "stability", "overlap"):
                decided.pop(key, None)
        return decided
