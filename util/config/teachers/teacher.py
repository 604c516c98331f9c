"""The section `teacher`: which teacher labels, and what teachers have in common."""

from typing import Annotated, Any, Literal

from pydantic import Field

from util.config.fields import DECIDES_NOTHING, ConfigPath, FolderName, Section


class TeacherSection(Section):
    """The teacher, which turns images and prompts into soft labels."""

    name: Literal["saa", "sam3", "clip", "maskomaly", "cam", "u2net", "boxes", "student"] = Field(
        "saa",
        description="saa = Segment-Any-Anomaly over the parts of section saa; sam3 = SAM 3 alone,"
        " whose weights are gated: Meta's SAM License must be accepted on the hub; clip = where"
        " CLIP sees what a prompt says; maskomaly = networks of road scenes; cam = classifiers of"
        " whole images; u2net = U²-Net, of what stands out; boxes = detectors, which give boxes and"
        " no maps; student = a student that was trained before; these five know no prompts.",
    )
    checkpoint: ConfigPath | None = Field(
        None,
        description="student: its checkpoint, .pt or .onnx.",
        json_schema_extra=DECIDES_NOTHING,
    )
    label_set: FolderName | None = Field(
        None,
        description="student: name of its label set; null = that of the checkpoint's folder.",
        json_schema_extra=DECIDES_NOTHING,
    )
    flips: bool = Field(
        False, description="student: the mean over an image and its three flips is its answer."
    )
    logits: bool = Field(
        False, description="student: write logits too (float16), for the loss kd of the next one."
    )
    prompts: list[str] = Field(
        ["bird", "oceanic bird", "gull", "white crest", "whale"],
        description="One label set each; list:birds, list:off_target and list:all are the thesis's."
        " Phrases split by | are pooled.",
        json_schema_extra=DECIDES_NOTHING,
    )
    split: FolderName | None = Field(
        None,
        description="Split that label sets are made of, such as Validation+Test; null = of all"
        " images.",
        json_schema_extra=DECIDES_NOTHING,
    )
    working_size_px: int = Field(
        0, ge=0, description="Longest side that the models see; 0 = the image as it is."
    )
    tile_size_px: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="Larger images are labelled in tiles of this side; 0 = as a whole; null = 1024"
        " for a student, else 0.",
    )
    tile_overlap_px: int = Field(128, ge=0, description="How far neighbouring tiles overlap.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="Where models run.", json_schema_extra=DECIDES_NOTHING
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="Numbers that models compute with; bf16 is faster on a GPU."
    )
    compile: bool = Field(
        False,
        description="Compile the encoders (torch.compile).",
        json_schema_extra=DECIDES_NOTHING,
    )
    prompts_per_batch: int = Field(
        8,
        ge=1,
        description="Phrases that a detector answers at once; halved if memory runs out.",
        json_schema_extra=DECIDES_NOTHING,
    )
    cache_gb: float = Field(
        0.0,
        ge=0,
        description="Most that the cache of what models have said may hold; 0 = no cache.",
        json_schema_extra=DECIDES_NOTHING,
    )

    def decides(self) -> dict[str, Any]:
        """Give what changes a result; where images are not tiled, nothing about tiles does."""
        decided = super().decides()
        if not self.tile_size_px:
            decided.pop("tile_size_px", None)
            decided.pop("tile_overlap_px", None)
        return decided
