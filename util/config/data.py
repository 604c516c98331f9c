"""The section `data`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from util.config.fields import (
    REPOSITORY,
    ConfigPath,
    FolderName,
    Section,
    regular_expression,
    substitutions,
)

MaskValues = Annotated[str, Field(pattern=r"^[0-9]{1,5}(-[0-9]{1,5})?$")]
Pattern = Annotated[str, AfterValidator(regular_expression)]


class DataSection(Section):
    """The images, their splits and, for evaluation alone, their ground truth.

    Images of one's own have no splits, true boxes and masks but those that the config names; of a
    truth of one's own all classes count.
    """

    images: ConfigPath = Field(
        REPOSITORY / "data/sea_scenes/JPEGImages",
        description="Folder of the images, with sub-folders.",
    )
    splits: ConfigPath | None = Field(
        REPOSITORY / "data/sea_scenes/ImageSets/Segmentation",
        description="Folder of the split lists, NAME.txt with one image id a line.",
    )
    train_split: FolderName = Field(
        "Train", description="Split that the student learns from; A+B joins two."
    )
    validation_split: FolderName = Field(
        "Validation", description="Split that chooses the checkpoint."
    )
    test_split: FolderName = Field("Test", description="Split that figures are reported on.")
    ground_truth: ConfigPath | None = Field(
        REPOSITORY / "data/sea_scenes/ground_truth.csv",
        description="True boxes: CSV or COCO json file, folder of YOLO's, VOC's or labelme's files"
        " or of mask PNGs; null = none, and nothing is judged.",
    )
    ground_truth_format: Literal["csv", "coco", "yolo", "voc", "labelme", "masks"] = Field(
        "csv", description="Format of the ground truth; yolo has boxes or polygons, as yolo-seg."
    )
    ground_truth_classes: list[str] = Field(
        ["bird"],
        description="Classes that count, by the names that ground truth and masks have for them,"
        " or by their numbers where masks, or classes of YOLO without names, have these; [] = all.",
    )
    image_labels: ConfigPath | None = Field(
        None,
        description="CSV with labels of whole images, image;label, a row a label, an empty one for"
        " an image that shows none; null = none.",
    )
    masks: ConfigPath | None = Field(
        REPOSITORY / "data/sea_scenes/SegmentationClass",
        description="Folder of true masks, <image id>.png or as data.mask_names says, for pixel"
        " metrics, calibration and students of the truth; names of classes may lie in it as"
        ' classes.json, {"1": "bird"} or {"#ff0000": "bird"}; null = none.',
    )
    mask_names: Annotated[dict[Pattern, str], AfterValidator(substitutions)] = Field(
        {},
        description="What makes the name of a mask, or of YOLO's, VOC's or labelme's file, of its"
        " image's id: regular expressions and what replaces what they find, one after another, such"
        " as _leftImg8bit$=_gtFine_labelIds, or /images/=/labels/ where both lie below one folder;"
        " {} = it is named as its image.",
    )
    mask_values: dict[MaskValues, Literal["normal", "anomalous", "ignored"]] = Field(
        {},
        description="What the values of masks mean, such as 0-127=normal and 128-255=anomalous;"
        " {} = recognised where they are 0/1, 0/255, 0/1/255 or class numbers (255 = ignored).",
    )
    groups: Pattern | None = Field(
        None,
        description="Regular expression that finds the group of an image in its id, such as ^(.*)/"
        " for its folder: images of one photograph, flight or camera, which intervals resample"
        " together; null = every image by itself.",
    )
