"""The schema of `config.json`, how it is read, and how single values of it are replaced.

Precedence: default < file < `--section.key value`. Relative paths in the file, and paths that it
leaves out, are relative to the file; on the command line, to the working directory. The loaded
config is frozen and holds absolute paths only, so that a copy of it in a run folder repeats the run
from anywhere.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    PlainValidator,
    SerializationInfo,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo

from util.config_errors import describe_errors
from util.data_classes import BoxSettings
from util.disk.files import write_json
from util.disk.json_text import parse_json
from util.disk.places import begin_elsewhere, to_place
from util.disk.walking import on_disk
from util.errors import UserError

REPOSITORY = Path(__file__).resolve().parents[1]
DEFAULT_CONFIG = REPOSITORY / "config.json"

_TOO_LARGE = 2**63


def expand_path(path: str | Path, base: Path) -> Path:
    """Make a path plain, and absolute if `base` is.

    Args:
        path: It may begin with `~` or `~user`.
        base: Where it begins, if it is relative.

    Raises:
        ValueError: It is empty, there is no such user, or no system can have it.
    """
    if not str(path) or "\0" in str(path):
        raise ValueError("expected a path")
    place = os.path.expanduser(path)  # noqa: PTH111  # a Path has lost the ./ of ./~name
    if place.startswith("~"):
        raise ValueError(
            "expected a path; there is no such user (a folder of that name is ./~NAME)"
        )
    return on_disk(Path(os.path.normpath(base / place)))


def _read_path(value: Any, info: ValidationInfo) -> Path:
    """Make a path of text, from the folder in the validation context."""
    if not isinstance(value, str | Path):
        raise ValueError("expected a path")
    return expand_path(value, (info.context or {}).get("base", REPOSITORY))


def _locate_model(name: str, info: ValidationInfo) -> str:
    """Make the path of a model absolute; what is not on this disk is a name, and stays as it is."""
    path = _read_path(name, info)
    is_place = name.startswith("~") or os.path.exists(path)  # noqa: PTH110  no name is too long
    return str(path) if is_place else name


def _no_path_parts(name: str) -> str:
    """Refuse names that would leave the folder they are put in."""
    if not name or name.startswith(".") or any(c in name for c in '/\\:;*?"<>|\0'):
        raise ValueError(
            "expected the name of a folder or list: no '/', '\\', ':', ';', no dot in front"
        )
    return name


def _regular_expression(pattern: str) -> str:
    """Refuse what is no regular expression."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"expected a regular expression: {error}") from None
    return pattern


def _keep_name(value: Any, info: ValidationInfo) -> str:
    """Make a path of what may be a name, which is kept in it."""
    path = _read_path(value, info)
    if value.startswith("~"):
        return str(path)
    return to_place(value, (info.context or {}).get("base", REPOSITORY))


def _write_path(path: Path, info: SerializationInfo) -> str:
    """Make text of a path, as the context of the serialization says."""
    return (info.context or {}).get("move", str)(path)


def _write_place(place: str, info: SerializationInfo) -> str:
    return begin_elsewhere(place, (info.context or {}).get("move", str))


ConfigPath = Annotated[
    Path, PlainValidator(_read_path), PlainSerializer(_write_path, when_used="json")
]
Place = Annotated[str, PlainValidator(_keep_name), PlainSerializer(_write_place, when_used="json")]
FolderName = Annotated[str, AfterValidator(_no_path_parts)]
Fraction = Annotated[float, Field(ge=0, le=1)]
MaskValues = Annotated[str, Field(pattern=r"^[0-9]{1,5}(-[0-9]{1,5})?$")]
Strategy = Literal[
    "mean",
    "median",
    "majority",
    "maximum",
    "noisy_or",
    "weighted_mean",
    "staple",
    "agreement",
    "vote_fraction",
    "vote_entropy",
]
Calibration = Literal["none", "temperature", "isotonic"]
LossName = Literal["kl", "jaccard", "dice", "focal", "kd"]
PixelWeights = Literal["none", "label_set", "confidence"]
Precision = Literal["auto", "32-true", "bf16-mixed", "16-mixed"]


class Section(BaseModel):
    """What all sections share: frozen, no unknown keys, no NaN, nothing that no library takes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _can_be_used(cls, value: Any) -> Any:
        """Refuse numbers beyond 64 bits, and text that is none; a path may have any bytes."""
        for leaf in _leaves(value):
            if isinstance(leaf, int | float) and abs(leaf) >= _TOO_LARGE:
                raise ValueError("expected numbers below 2**63")
            if isinstance(leaf, str) and not leaf.startswith("/"):
                _check_text(leaf)
        return value


def _leaves(value: Any) -> Iterator[Any]:
    """Walk over what lists and objects hold, names included; a value alone is itself."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    else:
        yield value


def _check_text(text: str) -> None:
    """Refuse surrogates: bytes of the command line that are no UTF-8, or half a JSON escape."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("expected text in UTF-8") from None


class PathsSection(Section):
    """Where things are written."""

    label_sets: ConfigPath = Field(
        REPOSITORY / "label_sets", description="Folder of the label sets."
    )
    runs: ConfigPath = Field(
        REPOSITORY / "runs", description="Folder of trained students and studies."
    )
    demo: ConfigPath = Field(
        REPOSITORY / "data/sea_scenes",
        description="Folder of the demo scenes, made when data.images is JPEGImages in it.",
    )
    weights: ConfigPath = Field(
        REPOSITORY / "weights", description="Folder of the weights of real teachers."
    )
    cache: ConfigPath = Field(
        REPOSITORY / "cache",
        description="Folder of what models have said, if teacher.cache_gb > 0.",
    )
    cells: ConfigPath = Field(
        REPOSITORY / "cells",
        description="Folder of what studies have made, by the hash of what it depends on.",
    )


class DataSection(Section):
    """The images, their splits and, for evaluation alone, their ground truth."""

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
        description="True boxes: CSV or COCO json file, folder of YOLO txt files or mask PNGs;"
        " null = none, and nothing is judged.",
    )
    ground_truth_format: Literal["csv", "coco", "yolo", "masks"] = Field(
        "csv", description="Format of the ground truth."
    )
    ground_truth_classes: list[str] = Field(
        ["bird"],
        description="Classes that count, by the names or numbers that ground truth and masks have"
        " for them; [] = all.",
    )
    masks: ConfigPath | None = Field(
        REPOSITORY / "data/sea_scenes/SegmentationClass",
        description="Folder of true masks, <image id>.png, for pixel metrics, calibration and"
        ' students of the truth; names of class numbers may lie in it as classes.json, {"1":'
        ' "bird"}; null = none.',
    )
    mask_values: dict[MaskValues, Literal["normal", "anomalous", "ignored"]] = Field(
        {},
        description="What the values of masks mean, such as 0-127=normal and 128-255=anomalous;"
        " {} = recognised where they are 0/1, 0/255, 0/1/255 or class numbers (255 = ignored).",
    )
    groups: Annotated[str, AfterValidator(_regular_expression)] | None = Field(
        None,
        description="Regular expression that finds the group of an image in its id, such as ^(.*)/"
        " for its folder: images of one photograph, flight or camera, which intervals resample"
        " together; null = every image by itself.",
    )
    demo_scenes: int = Field(240, ge=4, description="How many demo scenes are made.")
    demo_size_px: int = Field(256, ge=32, description="Side of a demo scene in pixels.")
    demo_seed: int = Field(0, ge=0, lt=2**63, description="Seed of the demo scenes.")


MODEL_KEYS = ("detector_model", "segmenter_model", "saliency_model", "sam3_model", "text_encoder")
"""Keys of the teacher whose values are names, or paths of files or folders."""


class TeacherSection(Section):
    """The teacher, which turns images and prompts into soft labels."""

    name: Literal["saa", "sam3", "student"] = Field(
        "saa",
        description="saa = Segment-Any-Anomaly over the parts below; sam3 = SAM 3 alone, whose"
        " weights are gated: Meta's SAM License must be accepted on the hub; student = a student"
        " that was trained before, which knows no prompts.",
    )
    checkpoint: ConfigPath | None = Field(
        None, description="student: its checkpoint, .pt or .onnx."
    )
    label_set: FolderName | None = Field(
        None, description="student: name of its label set; null = that of the checkpoint's folder."
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
    )
    object_prompt: str = Field("sea", min_length=1, description="The normal scene, in words.")
    object_number: int = Field(
        1,
        ge=1,
        description="Objects of the normal scene; 1 = one scene. With more, saliency is how far an"
        " object differs from the others: 0 where fewer than two are found.",
    )
    detector: Literal["attributes", "groundingdino", "transformers"] = Field(
        "attributes", description="Text to boxes; all but attributes need weights (see --check)."
    )
    detector_model: str | None = Field(
        None,
        description="What the detector runs: a name that --check lists, a hub name, a checkpoint"
        " or a folder; null = the first that --check lists for it.",
    )
    segmenter: Literal["grabcut", "sam", "transformers"] = Field(
        "grabcut", description="Boxes to masks; all but grabcut need weights."
    )
    segmenter_model: str | None = Field(
        None, description="What the segmenter runs, as for the detector."
    )
    saliency: Literal["colour_gradient", "wide_resnet50_2"] = Field(
        "colour_gradient", description="Features of the saliency prompt."
    )
    saliency_model: str | None = Field(
        None, description="Weights of wide_resnet50_2, as for the detector."
    )
    sam3_model: str | None = Field(None, description="What sam3 runs, as for the detector.")
    text_encoder: str | None = Field(
        None,
        description="groundingdino: folder or hub name of a BERT vocabulary; null = as published.",
    )
    box_threshold: Fraction | None = Field(
        None,
        description="A box counts above this score; null = the teacher's own, 0.2 for saa (0.1 in"
        " the thesis), 0.3 for sam3.",
    )
    text_threshold: Fraction = Field(0.1, description="A word belongs to a box above this score.")
    min_area: Fraction = Field(0.0, description="Smallest relative area of an anomaly's box.")
    area_threshold: Fraction | None = Field(
        None,
        description="Largest relative area of an anomaly's box: for saa as a share of the object's,"
        " where that is found; for sam3 of the image; null = 0.05 for saa, no limit for sam3.",
    )
    max_masks: int = Field(
        100, ge=1, description="Masks of highest score that enter a map (20 in the thesis)."
    )
    map_rule: Literal["fixed_scale", "published"] = Field(
        "fixed_scale",
        description="How masks become a map; published = v / (v + 1/4) of v = sum / (1 + count),"
        " which keeps the order of the published values v.",
    )
    stretch_each_image: bool = Field(
        False, description="Stretch each map to its own range, as the thesis stores them."
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
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where models run.")
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="Numbers that models compute with; bf16 is faster on a GPU."
    )
    compile: bool = Field(False, description="Compile the encoders (torch.compile).")
    prompts_per_batch: int = Field(
        8, ge=1, description="Phrases that a detector answers at once; halved if memory runs out."
    )
    boxes_per_batch: int = Field(
        32, ge=1, description="Boxes that a segmenter outlines at once; halved if memory runs out."
    )
    cache_gb: float = Field(
        0.0,
        ge=0,
        description="Most that the cache of what models have said may hold; 0 = no cache.",
    )
    outline_above: Fraction = Field(
        1.0,
        description="Boxes above this score are outlined even if a threshold drops them, so that"
        " with a cache a lower threshold needs no model; 1 = only the boxes that count.",
    )

    @field_validator(*MODEL_KEYS)
    @classmethod
    def _locate_models(cls, name: str | None, info: ValidationInfo) -> str | None:
        return name if name is None else _locate_model(name, info)


class CombinationSection(Section):
    """The combination of several label sets into one."""

    label_sets: list[str] = Field(
        ["bird", "oceanic bird", "gull", "white crest", "whale"],
        min_length=1,
        description="Label sets to combine: their prompts or folder names.",
    )
    strategy: Strategy = Field(
        "mean",
        description="How the maps are fused. noisy_or = 1 - product of (1 - map);"
        " staple = truth estimated together with each map's sensitivity and specificity;"
        " agreement = weighted mean, weights learned from how the maps agree; vote_fraction and"
        " vote_entropy are maps of the agreement itself.",
    )
    min_votes: int = Field(2, ge=1, description="majority: maps that must be above 0 at a pixel.")
    weights: list[Annotated[float, Field(ge=0)]] = Field(
        [], description="weighted_mean: one weight for each label set."
    )
    calibration: Calibration = Field(
        "none",
        description="Makes each map's values the shares of pixels that are anomalous, on images of"
        " combination.calibration_split and data.masks, before maps are fused.",
    )
    calibration_split: FolderName = Field(
        "Validation", description="Split of the images with true masks to calibrate on."
    )
    pixel_weights: bool = Field(
        False,
        description="Write weights for student.pixel_weights: 1 where all maps agree on a pixel, 0"
        " where they are split in half.",
    )
    output: FolderName = Field("combined", description="Folder name of the label set written.")


class StudentSection(Section):
    """The student, a small network that learns from soft labels."""

    run: FolderName = Field("student", description="Folder name of the run, in paths.runs.")
    label_set: FolderName = Field(
        "combined",
        description="Label set to learn from; truth+combined learns from truth where that has an"
        " image, and from combined elsewhere.",
    )
    architecture: str = Field(
        "unet",
        description="unet = ours (width, depth); else an architecture of"
        " segmentation-models-pytorch by name, such as PAN or (with a capital) Unet.",
    )
    width: int = Field(8, ge=1, description="unet: channels of its first level.")
    depth: int = Field(3, ge=1, le=7, description="unet: how often it halves the image.")
    encoder: str = Field("resnet34", description="Encoder of the other architectures.")
    encoder_weights: str | None = Field(
        None, description="Pretrained weights of that encoder, such as imagenet (a download)."
    )
    temperature: float = Field(
        1.0, ge=1, description="Soft labels are divided by it, as in the thesis (3 there)."
    )
    losses: dict[LossName, Annotated[float, Field(ge=0)]] = Field(
        {"kl": 1.0, "jaccard": 0.25},
        min_length=1,
        description="Weights of the losses that are summed: kl (cross-entropy), jaccard and dice"
        " (of regions, for soft labels), focal (pixels that are far off count more), kd"
        " (cross-entropy to a teacher's logits, both divided by student.kd_temperature).",
    )
    kd_temperature: float = Field(
        2.0, gt=0, description="kd: what logits are divided by; high = small logits count too."
    )
    pixel_weights: PixelWeights = Field(
        "none",
        description="How much pixels count in the loss: label_set = as its weights say; confidence"
        " = |2p - 1| of the soft label p.",
    )
    edge_weight: float = Field(
        0.0, ge=0, description="How much more a pixel counts where the soft label has an edge."
    )
    epochs: int = Field(12, ge=1, description="Most passes over the training split.")
    patience: int = Field(8, ge=1, description="Stop after so many epochs without a better one.")
    batch_size: int = Field(8, ge=1, description="Crops in a step.")
    crop_size_px: int = Field(96, ge=16, description="Side of the square training crops.")
    crops_per_image: int | None = Field(
        None,
        ge=1,
        description="Crops of an image in an epoch, for which it is decoded once; null = as many as"
        " cover a sixteenth of the mean image, 1 at least.",
    )
    foreground_crops: Fraction = Field(
        0.5, description="Share of the crops that are laid over an anomaly, which are rare."
    )
    augmentation: float = Field(
        1.0,
        ge=0,
        description="Strength of changes of light and colour; above 0 with flips and turns.",
    )
    zoom: float = Field(
        1.0, ge=1, le=4, description="Crops are enlarged or reduced up to so many times."
    )
    learning_rate: float = Field(0.005, gt=0, description="Peak of the one-cycle schedule.")
    weight_decay: float = Field(0.0001, ge=0, description="Decay of AdamW.")
    gradient_clip: float = Field(
        0.0, ge=0, description="Largest norm of the gradients of a step; 0 = not clipped."
    )
    ema_decay: float = Field(
        0.0, ge=0, lt=1, description="Keep the moving average of the weights, such as 0.99; 0 = no."
    )
    validate_against: Literal["label_set", "ground_truth"] = Field(
        "label_set", description="Whose boxes choose the best checkpoint; label_set needs no truth."
    )
    validation_iou: float = Field(
        0.3, gt=0, le=1, description="IoU at which a box counts as found in that choice."
    )
    validation_mp: float = Field(
        50.0,
        gt=0,
        description="Most megapixels that are predicted for that in an epoch: beyond it, fewer"
        " images, and windows of the large ones.",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of weights, order and augmentation.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where it runs.")
    precision: Precision = Field(
        "auto", description="Numbers it is trained with; auto = bf16-mixed where that is faster."
    )
    num_workers: int = Field(
        1, ge=0, description="Threads that read and augment images ahead; 0 = none."
    )
    memory_gb: float = Field(
        1.0,
        ge=0,
        description="Most memory for images that were read, so that they are read once, and for"
        " those that are predicted at once.",
    )
    checkpoint: ConfigPath | None = Field(
        None, description="Checkpoint to test; null = best.pt of the run."
    )


class PredictionSection(Section):
    """How images are put before a student, and where predict.py writes."""

    output: ConfigPath | None = Field(
        None,
        description="Folder of predict.py's label set; null = predicted/NAME beside the checkpoint,"
        " after the path of the images from the folder that both lie in.",
    )
    tile_size_px: int = Field(
        1024, ge=0, description="Larger images are predicted in tiles of this side; 0 = as a whole."
    )
    tile_overlap_px: int = Field(
        128, ge=0, description="How far neighbouring tiles overlap; their maps are blended there."
    )
    flips: bool = Field(
        False, description="Predict the mean over an image and its three flips: four times slower."
    )
    pictures: int = Field(
        12, ge=0, description="Pictures with boxes that predict.py draws, spread over the images."
    )


class ExportSection(Section):
    """The ONNX file that student/export.py writes."""

    output: ConfigPath | None = Field(
        None, description="The file; null = student.onnx beside the checkpoint."
    )
    opset: int = Field(18, ge=18, le=23, description="Version of ONNX's operators.")
    int8: bool = Field(
        False, description="Write an int8 version too, NAME_int8.onnx, and say what it loses."
    )
    calibration_images: int = Field(
        64, ge=1, description="Images of the training split that int8 finds its ranges on."
    )


class EvaluationSection(Section):
    """How maps become boxes and how boxes are judged."""

    threshold: Fraction | None = Field(
        None,
        description="A pixel is anomalous above this probability; null = what a student or label"
        " set says of itself, else 0.5.",
    )
    dilation_iterations: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Repeats of the 3x3 dilation that joins pieces; null = likewise, else 3."
    )
    min_area_px: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Smallest component, in pixels before dilation; null = likewise, else 1."
    )
    box_rule: Literal["tight", "thesis"] | None = Field(
        None,
        description="tight = a box holds the component's own pixels; thesis = it holds the dilated"
        " ones, which makes it dilation_iterations larger on each side; null = likewise, else"
        " tight.",
    )
    object_class: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="obj_class of predicted boxes; null = the prompt, or what the student or the"
        " label set is about.",
    )
    min_confidence: Fraction = Field(
        0.1, description="Predicted boxes count above this confidence."
    )
    iou_thresholds: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        [0.005, 0.3, 0.5], min_length=1, description="Thresholds of the one-to-one metric."
    )
    soft_labels: Place | None = Field(
        None,
        description="Label set that csv_from_soft_labels.py reads: its name, a run, RUN/SPLIT or a"
        " path; null = combination.output.",
    )
    predictions: list[Place] = Field(
        [],
        description="Label sets and CSVs to evaluate: names, runs, RUN/SPLIT or paths; [] = all"
        " label sets and tested runs.",
    )
    baseline: Place | None = Field(
        None, description="Label set that the evaluations compare the others with, named likewise."
    )
    pictures: int = Field(
        0, ge=0, description="Test pictures with boxes to draw, spread over the split; 0 = none."
    )

    def box_settings(self, usual: BoxSettings) -> BoxSettings:
        """Say how soft labels become boxes: as usual, but for what the config says.

        Args:
            usual: What the model or the label set says of itself, the class of its boxes included.
        """
        said = {field.name: getattr(self, field.name) for field in fields(BoxSettings)}
        return replace(usual, **{key: value for key, value in said.items() if value is not None})


class StudySection(Section):
    """The prompt study: what is crossed with what, and which score is judged."""

    name: FolderName = Field("study", description="Folder name of the study, in paths.runs.")
    prompts: list[str] = Field([], description="Prompts to compare; [] = those of teacher.prompts.")
    off_target: list[str] = Field(
        ["list:off_target"],
        description="Which of them name something else than what is sought.",
    )
    object_prompts: list[str] = Field(
        [], description="Object prompts to cross; [] = teacher.object_prompt."
    )
    teachers: list[dict[str, JsonValue]] = Field(
        [{}],
        min_length=1,
        description='Teacher settings to cross, such as [{}, {"box_threshold": 0.1}].',
    )
    group_sizes: list[Annotated[int, Field(ge=0)]] = Field(
        [0], description="Prompts in a group that is combined; 0 = all of them."
    )
    num_groups: int = Field(3, ge=1, description="Groups drawn of each smaller size.")
    group_seeds: list[Annotated[int, Field(ge=0)]] = Field(
        [42], min_length=1, description="Seeds of those draws."
    )
    strategies: list[str] = Field(
        ["mean", "majority"],
        description="Combinations of each group; majority:3 asks for 3 votes.",
    )
    calibrations: list[Calibration] = Field(
        ["none"], min_length=1, description="Values of combination.calibration to cross."
    )
    architectures: list[str] = Field(
        [], description="Students to cross; [] = student.architecture."
    )
    training_seeds: list[Annotated[int, Field(ge=0)]] = Field(
        [0, 1, 2], description="Seeds that each student is trained with; [] = teachers alone."
    )
    score: Literal["thesis_f1", "f1", "average_precision"] = Field(
        "thesis_f1",
        description="What is judged: box F1 of the thesis, one-to-one box F1 at study.score_iou,"
        " or pixel average precision (needs data.masks).",
    )
    score_iou: float = Field(0.3, gt=0, le=1, description="IoU at which a box counts for f1.")
    subsets: int = Field(
        20, ge=1, description="Random groups of each size for the teachers' curve over sizes."
    )
    processes: int = Field(
        0, ge=0, description="Cells that are worked on at once; 0 = one a processor core."
    )

    @field_validator("teachers")
    @classmethod
    def _locate_models(
        cls, teachers: list[dict[str, JsonValue]], info: ValidationInfo
    ) -> list[dict[str, JsonValue]]:
        return [
            {
                key: _locate_model(value, info)
                if key in MODEL_KEYS and isinstance(value, str)
                else value
                for key, value in changes.items()
            }
            for changes in teachers
        ]


class CompressionSection(Section):
    """The compression curve: one teacher distilled into students of several sizes."""

    name: FolderName = Field("compression", description="Folder name of its results in paths.runs.")
    widths: list[Annotated[int, Field(ge=1)]] = Field(
        [32, 16, 8, 4], description="Widths of our U-Net to distil into."
    )
    architectures: list[str] = Field(
        [], description="Other students, by student.architecture, such as Unet, with its encoder."
    )
    labels: FolderName | None = Field(
        None,
        description="Label set of true masks: what all are judged by, and what the same students"
        " are trained on for comparison; null = judged by the teacher alone.",
    )
    training_seeds: list[Annotated[int, Field(ge=0)]] = Field(
        [0, 1, 2], min_length=1, description="Seeds that each student is trained with."
    )


class TrackingSection(Section):
    """Weights & Biases; never needed."""

    mode: Literal["off", "offline", "online"] = Field(
        "off", description="offline keeps the record in the run folder; online needs an account."
    )
    project: str = Field("murmuration", min_length=1, description="Project to file runs under.")


class Config(BaseModel):
    """All settings, one section a stage."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    paths: PathsSection = Field(PathsSection(), description=PathsSection.__doc__)
    data: DataSection = Field(DataSection(), description=DataSection.__doc__)
    teacher: TeacherSection = Field(TeacherSection(), description=TeacherSection.__doc__)
    combination: CombinationSection = Field(
        CombinationSection(), description=CombinationSection.__doc__
    )
    student: StudentSection = Field(StudentSection(), description=StudentSection.__doc__)
    prediction: PredictionSection = Field(
        PredictionSection(), description=PredictionSection.__doc__
    )
    export: ExportSection = Field(ExportSection(), description=ExportSection.__doc__)
    evaluation: EvaluationSection = Field(
        EvaluationSection(), description=EvaluationSection.__doc__
    )
    study: StudySection = Field(StudySection(), description=StudySection.__doc__)
    compression: CompressionSection = Field(
        CompressionSection(), description=CompressionSection.__doc__
    )
    tracking: TrackingSection = Field(TrackingSection(), description=TrackingSection.__doc__)


def config_fields() -> dict[str, FieldInfo]:
    """Give the fields of all sections by their keys, such as `student.epochs`."""
    sections: dict[str, Any] = {
        name: field.annotation for name, field in Config.model_fields.items()
    }
    return {
        f"{name}.{key}": field
        for name, section in sections.items()
        for key, field in section.model_fields.items()
    }


def keys_of(*sections: str) -> frozenset[str]:
    """Name the keys of sections, for what a script reads."""
    return frozenset(key for key in config_fields() if key.split(".")[0] in sections)


BOX_RULE = frozenset(f"evaluation.{field.name}" for field in fields(BoxSettings))
"""Keys that decide which boxes are found in soft labels."""

TILES = keys_of("prediction") - {"prediction.output", "prediction.pictures"}
"""Keys that say how images are put before a student."""


def read_config(path: Path) -> Config:
    """Read a config file; keys that it lacks get their defaults.

    Raises:
        UserError: The file is missing or no JSON, or has unknown keys or impossible values.
    """
    if path.is_dir():
        raise UserError(f"the config {path} is a folder; give the file in it with --config FILE")
    try:
        content = parse_json(path.read_bytes())
    except OSError as error:
        raise UserError(
            f"the config {path} cannot be read ({error.strerror}); give one with --config FILE"
        ) from None
    except ValueError as error:
        raise UserError(f"the config {path} cannot be used: {error}") from None
    return _validate(_fill_in(content), path.resolve().parent, str(path))


def _fill_in(content: Any) -> Any:
    """Add the paths that a config file leaves out.

    Folders for output lie beside the file. Images are the demo's, with its splits and truth; images
    of the user's own have none but those that the file names. Of a truth of the user's own all
    classes count.
    """
    if not isinstance(content, dict):
        return content
    paths, data = content.get("paths", {}), content.get("data", {})
    if not (isinstance(paths, dict) and isinstance(data, dict)):
        return content
    paths = {
        "label_sets": "label_sets",
        "runs": "runs",
        "demo": "data/sea_scenes",
        "cache": "cache",
        "cells": "cells",
    } | paths
    unsaid: dict[str, str | None]
    if not {"ground_truth", "images", "masks"}.isdisjoint(data):
        data = {"ground_truth_classes": []} | data
    if "images" in data:
        unsaid = {"splits": None, "ground_truth": None, "masks": None}
    else:
        unsaid = {
            "images": f"{paths['demo']}/JPEGImages",
            "splits": f"{paths['demo']}/ImageSets/Segmentation",
            "ground_truth": f"{paths['demo']}/ground_truth.csv",
            "masks": f"{paths['demo']}/SegmentationClass",
        }
    return {**content, "paths": paths, "data": {**unsaid, **data}}


def override_config(
    config: Config, overrides: Mapping[str, Mapping[str, Any]], source: str = "command line"
) -> Config:
    """Replace single values, `{section: {key: value}}`; `source` is for errors.

    Raises:
        UserError: A key is unknown or a value impossible.
    """
    values = config.model_dump()
    for section, changes in overrides.items():
        values[section] = {**values[section], **changes}
    return _validate(values, Path.cwd(), source)


def write_config(folder: Path, config: Config) -> None:
    """Keep a copy of a config, `config.json`, in a folder of `paths.runs`.

    Paths beside `paths.runs` are written relative to the copy, so that a project which is moved or
    copied as a whole reads and writes its own files. All others are absolute.
    """
    project = config.paths.runs.parent
    is_link = folder.resolve() != project.resolve() / folder.relative_to(project)

    def from_folder(path: Path) -> str:
        is_beside = path.is_relative_to(project) and not is_link
        return os.path.relpath(path, folder) if is_beside else str(path)

    values = config.model_dump(mode="json", context={"move": from_folder})
    write_json(folder / "config.json", values)


def _validate(values: Any, base: Path, source: str) -> Config:
    """Make a config of JSON values and paths; relative ones begin at `base`.

    Raises:
        UserError: Keys are unknown or values impossible; all are named.
    """
    try:
        return Config.model_validate(values, strict=True, context={"base": base})
    except ValidationError as error:
        known = [*Config.model_fields, *config_fields()]
        raise UserError(describe_errors(error, source, known)) from None
