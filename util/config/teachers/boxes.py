"""The section `boxes`."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from util.config.fields import DECIDES_NOTHING, FolderName, Fraction, Section, locate_model


class BoxesSection(Section):
    """Detectors of things with names as teachers: boxes with classes, and no maps."""

    detector: Literal["yolox", "torchvision", "transformers", "ultralytics", "run"] = Field(
        "yolox",
        description="What runs the model: yolox = an ONNX file of YOLOX; torchvision = a detector"
        " of torchvision.models.detection; transformers = RT-DETR, DETR, YOLOS and the like;"
        " ultralytics = a .pt file, which runs code as it is loaded, by a package under the AGPL"
        " that is installed apart (pip install ultralytics); run = a detector that was trained here"
        " (student/detection/train_detector.py).",
    )
    model: str | None = Field(
        None,
        description="Name that --check lists, of a repository on the hub or of a run in paths.runs,"
        " or path: a file, of transformers a folder; null = the detector's default (torchvision,"
        " ultralytics and run have none).",
        json_schema_extra=DECIDES_NOTHING,
    )
    network: str | None = Field(
        None,
        description="torchvision: the network whose weights the file holds, such as"
        " ssdlite320_mobilenet_v3_large; null = the one that the file's name begins with.",
    )
    classes: dict[
        Annotated[str, Field(min_length=1)], Annotated[list[str], Field(min_length=1)]
    ] = Field(
        {},
        description='What boxes are called, and the model\'s classes that count as it, {"vehicle":'
        ' ["car", "bus"]}, merged before overlapping boxes are suppressed; other classes are left'
        " out; {} = each class of the model under its own name (its number, from 0, where the model"
        " tells no names).",
    )
    confidence: Fraction = Field(0.25, description="Boxes of a lower score are left out.")
    overlap: Fraction = Field(
        0.45,
        description="IoU above which the lower of two boxes of one class is left out; 1 = none is.",
    )
    max_boxes: int = Field(
        300, ge=1, description="Most boxes of an image, those of the highest scores."
    )
    label_set: FolderName | None = Field(
        None,
        description="Name of the label set; null = MODEL-boxes, such as yolox_nano-boxes.",
        json_schema_extra=DECIDES_NOTHING,
    )

    @field_validator("model")
    @classmethod
    def _locate_model(cls, name: str | None, info: ValidationInfo) -> str | None:
        return name if name is None else locate_model(name, info)

    @field_validator("classes")
    @classmethod
    def _has_each_once(cls, classes: dict[str, list[str]]) -> dict[str, list[str]]:
        """Refuse a class of the model that would count twice."""
        listed = [name for names in classes.values() for name in names]
        if twice := sorted({name for name in listed if listed.count(name) > 1}):
            raise ValueError(f"expected each of the model's classes once, not {', '.join(twice)}")
        return classes
