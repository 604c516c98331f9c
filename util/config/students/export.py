"""The section `export`."""

from pydantic import Field

from util.config.fields import ConfigPath, Section


class ExportSection(Section):
    """The ONNX file of a trained student or detector."""

    output: ConfigPath | None = Field(
        None,
        description="The file; null = student.onnx, or detector.onnx, beside the checkpoint, and"
        " student-NAME.onnx beside one that is not best.pt.",
    )
    opset: int = Field(18, ge=18, le=23, description="Version of ONNX's operators.")
    int8: bool = Field(
        False, description="Write an int8 version too, NAME_int8.onnx, and say what it loses."
    )
    calibration_images: int = Field(
        64, ge=1, description="Images of the training split that int8 finds its ranges on."
    )
