"""Weights that others have trained: which there are, where they lie, what tells them apart.

Nothing is downloaded or unpickled here; `teacher/weights/downloads.py` fetches.
"""

import difflib
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
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
_KEYS = {
    "detector": "teacher.detector_model",
    "segmenter": "teacher.segmenter_model",
    "saliency": "teacher.saliency_model",
    "teacher": "teacher.sam3_model",
    "text encoder": "teacher.text_encoder",
}
_WEIGHTS = {".safetensors", ".bin", ".pth", ".pt"}


@dataclass(frozen=True)
class ModelWeights:
    """Published weights that a backend can run.

    Attributes:
        name: What users write in the config and after `--fetch`.
        part: What they are for: detector, segmenter, saliency, teacher or text encoder.
        backend: The config value that runs them.
        source: https address of a file, or `owner/name` of a repository on the hub.
        size_bytes: Exact for a file; of the weights alone, so about right, for a repository.
        sha256: Of a file. The hub checks what comes from a repository itself.
        licence: Of the weights.
        note: What else to know, in a few words.
        is_gated: Whether the licence must be accepted on the hub first.
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

    @property
    def is_file(self) -> bool:
        """Whether this is one file rather than a repository."""
        return "://" in self.source

    @property
    def place(self) -> str:
        """Name of the file or folder in `paths.weights`."""
        return self.source.rsplit("/", 1)[1] if self.is_file else self.source.replace("/", "--")


def _file(part: str, backend: str, source: str, size: int, sha256: str, note: str) -> ModelWeights:
    return ModelWeights(Path(source).stem, part, backend, source, size, sha256, note=note)


def _hub(part: str, backend: str, name: str, size: int, note: str) -> ModelWeights:
    return ModelWeights(name, part, backend, name, size, note=note)


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
    _hub("text encoder", "groundingdino", _BERT, 232_000, "the vocabulary alone"),
)
"""The weights that are known by name; the first of each part and backend is its default."""


def default_model(part: str, backend: str) -> ModelWeights:
    """Give the weights that a backend runs where the config names none."""
    return next(row for row in MODELS if (row.part, row.backend) == (part, backend))


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
    if _REPOSITORY.fullmatch(name) and Path(name).suffix not in _WEIGHTS:
        return ModelWeights(name, "", "", name, 0, licence="see the hub")
    near = difflib.get_close_matches(name, known)
    hint = f"did you mean {listed(near)}?" if near else "--check lists the names"
    raise UserError(
        f"{where} is {name!r}, which is no file or folder on this disk, no known name and no "
        f"owner/name of the hub; {hint}"
    )


def find(row: ModelWeights, folder: Path) -> Path | None:
    """Find weights on this disk: in the folder of weights, else in the hub's own cache.

    Args:
        row: Which.
        folder: `paths.weights`.

    Returns:
        Their file or folder; None where they are missing.
    """
    place = folder / row.place
    if place.exists():
        return place
    return None if row.is_file else _in_hub_cache(row)


def locate(model: str | None, part: str, backend: str, folder: Path) -> Path:
    """Find what a config value names on this disk.

    Args:
        model: Path of a file or folder, name of `MODELS` or of a repository on the hub; None = the
            default of the backend.
        part: As in `MODELS`.
        backend: As in `MODELS`.
        folder: `paths.weights`.

    Raises:
        UserError: It is missing, names nothing, or belongs to another backend.
    """
    usual = default_model(part, backend).name
    if model and Path(model).expanduser().exists():
        return Path(model).expanduser()
    row = named(model or usual, _KEYS[part])
    if row.part and (row.part, row.backend) != (part, backend):
        raise UserError(
            f"{_KEYS[part]} is {row.name!r}, which {row.part} {row.backend} runs, not {part} "
            f"{backend}; name other weights, such as {usual}"
        )
    path = find(row, folder)
    if path is None:
        gate = "accept its licence on the hub, log in with `hf auth login` and " * row.is_gated
        raise UserError(
            f"{_KEYS[part]}: {row.name} is not in {folder}; {gate}fetch it: {FETCH} {row.name}"
        )
    return path


def fault(path: Path, row: ModelWeights | None = None) -> str:
    """Say what is wrong with weights on this disk, '' if nothing is seen.

    Only sizes are looked at, so that gigabytes take no time.

    Args:
        path: Their file or folder.
        row: What they should be, where that is known.
    """
    if path.is_file():
        size = path.stat().st_size
        expected = row.size_bytes if row and row.is_file else size
        return "" if size == expected else f"{size:,} bytes instead of {expected:,}"
    if row and row.part == "text encoder":
        return "" if (path / "vocab.txt").is_file() else "it has no vocab.txt"
    weights = sorted(file for file in path.iterdir() if file.suffix in _WEIGHTS)
    broken = [file.name for file in weights if not _is_whole(file)]
    if broken:
        return f"{broken[0]} is damaged"
    return "" if weights else "it has no weights"


def weights_identity(path: Path) -> dict[str, str]:
    """Tell weights apart by all of their content, so that a label set records what made it.

    Args:
        path: Of a file, or of a folder, whose weights, vocabularies and json files count.

    Returns:
        `name` and `sha256`. What was hashed once in this process is not read again.
    """
    if path.is_file():
        return {"name": path.name, "sha256": sha256(path)}
    suffixes = {*_WEIGHTS, ".json", ".txt"}
    files = sorted(file for file in path.iterdir() if file.suffix in suffixes and file.is_file())
    lines = "".join(f"{sha256(file)}  {file.name}\n" for file in files)
    is_cached = path.parent.name == "snapshots"  # models--owner--name/snapshots/<commit>
    name = path.parents[1].name.removeprefix("models--") if is_cached else path.name
    return {"name": name, "sha256": hashlib.sha256(lines.encode()).hexdigest()}


def sha256(path: Path) -> str:
    """Hash the whole of a file; one that has not changed since is not read again."""
    status = path.stat()
    return _sha256(path.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1024)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_whole(path: Path) -> bool:
    """Tell whether the header of a safetensors file fits its size; other files are not judged."""
    from safetensors import SafetensorError, safe_open

    if path.suffix != ".safetensors":
        return True
    try:
        with safe_open(path, "numpy"):
            return True
    except SafetensorError:
        return False


def _in_hub_cache(row: ModelWeights) -> Path | None:
    """Find a repository in the hub's own cache; what is there in part only counts as missing."""
    from huggingface_hub import try_to_load_from_cache

    for file in ("model.safetensors", "config.json", "vocab.txt"):
        cached = try_to_load_from_cache(row.source, file)
        if isinstance(cached, str) and not fault(Path(cached).parent, row):
            return Path(cached).parent
    return None
