"""Where weights lie on this disk, and whether they are what they should be.

Nothing is downloaded or unpickled here; `teacher/weights/downloads.py` fetches.
"""

import importlib.metadata
from pathlib import Path

from util.errors import UserError, listed
from util.weights.identity import recognise, sha256
from util.weights.known import MODELS, SUFFIXES, ModelWeights, Package, default_model, named, row_of

_KEYS = {
    "detector": "saa.detector_model",
    "proposals": "saa.proposals_model",
    "boxes": "boxes.model",
    "map": "u2net.model",
    "segmenter": "saa.segmenter_model",
    "saliency": "saa.saliency_model",
    "text encoder": "saa.text_encoder",
    "encoder": "student.encoder_weights",
    "network": "mask2former.weights",
}

_SMALL_BYTES = 10**8
"""Of files below this size all content is checked, which takes less than a second."""


def find(row: ModelWeights, folder: Path) -> Path | None:
    """Find weights on this disk: in the folder of weights, an installed package, the hub's cache.

    Args:
        row: Which.
        folder: `paths.weights`.

    Returns:
        Their file or folder; None where they are missing.
    """
    place = folder / row.place
    if place.exists():
        return place
    if row.package is not None:
        return _in_package(row.package)
    return None if row.is_file else _in_hub_cache(row)


def locate(
    model: str | None, part: str, backend: str, folder: Path, key: str | None = None
) -> Path:
    """Find what a config value names on this disk.

    Args:
        model: Path of a file or folder, name of `MODELS` or of a repository on the hub; None = the
            default of the backend.
        part: As in `MODELS`.
        backend: As in `MODELS`.
        folder: `paths.weights`.
        key: Of the config, that holds the value; None = that of the part, or of
            the section of a whole teacher.

    Raises:
        UserError: It is missing, names nothing, or belongs to another backend.
    """
    key = key or (f"{backend}.model" if part == "teacher" else _KEYS[part])
    if model and Path(model).expanduser().exists():
        return Path(model).expanduser()
    row = named(model, key) if model else default_model(part, backend)
    fitting = row_of(part, backend)
    if row.part and (row.part, row.backend) != fitting:
        usual = [known.name for known in MODELS if (known.part, known.backend) == fitting]
        raise UserError(
            f"{key} is {row.name!r}, which {row.part} {row.backend} runs, not {part} "
            f"{backend}; name other weights{', such as ' * bool(usual)}{listed(usual, 1)}"
        )
    path = find(row, folder)
    if path is None:
        raise UserError(f"{key}: {row.name} is not in {folder}; {row.how_to_get}")
    return path


def find_encoder(name: str, encoder: str, key: str, folder: Path) -> Path:
    """Find the weights that an encoder starts from, and make sure that they are its own and whole.

    Args:
        name: Of `MODELS` or of a repository on the hub, or path of a file or folder.
        encoder: As segmentation-models-pytorch calls it, such as `tu-tf_efficientnet_lite0`.
        key: Of the config, that holds the name.
        folder: `paths.weights`.

    Returns:
        Their file, or folder as the hub has it.

    Raises:
        UserError: They are missing, damaged or of another encoder.
    """
    path = locate(name, "encoder", encoder, folder, key)
    known = next((row for row in MODELS if row.name == name), None) or recognise(path)
    if known and (known.part, known.backend) != ("encoder", encoder):
        raise UserError(
            f"{key} is {path}, which is {known.name}, of the {known.part} {known.backend}, not of "
            f"the encoder {encoder}; name others"
        )
    if trouble := fault(path, known):
        way = known.how_to_get if known else "get it anew"
        raise UserError(f"{key}: {path} cannot be used ({trouble}); remove it and {way}")
    return path


def fault(path: Path, row: ModelWeights | None = None) -> str:
    """Say what is wrong with weights on this disk, '' if nothing is seen.

    All of a small file is looked at, of others only sizes, so that gigabytes take no time.

    Args:
        path: Their file or folder.
        row: What they should be, where that is known.
    """
    if path.is_file():
        return _file_fault(path, row) if row and row.is_file else ""
    if row and row.part == "text encoder":
        return "" if (path / "vocab.txt").is_file() else "it has no vocab.txt"
    weights = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
    broken = [file.name for file in weights if not _is_whole(file)]
    if broken:
        return f"{broken[0]} is damaged"
    return "" if weights else "it has no weights"


def _file_fault(path: Path, row: ModelWeights) -> str:
    """Say what is wrong with a file, '' if nothing is seen."""
    size = path.stat().st_size
    is_small = max(size, row.size_bytes) < _SMALL_BYTES and row.sha256 is not None
    if is_small and sha256(path) in (row.sha256, *row.other_sha256):
        return ""
    if size != row.size_bytes:
        return f"{size:,} bytes instead of {row.size_bytes:,}"
    return "its sha256 is not that of what was published" if is_small else ""


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


def _in_package(package: Package) -> Path | None:
    """Find the file of an installed package, which is not imported."""
    try:
        distribution = importlib.metadata.distribution(package.name)
    except importlib.metadata.PackageNotFoundError:
        return None
    path = Path(str(distribution.locate_file(package.file)))
    return path if path.is_file() else None


def _in_hub_cache(row: ModelWeights) -> Path | None:
    """Find a repository in the hub's own cache; what is there in part only counts as missing."""
    from huggingface_hub import try_to_load_from_cache

    for file in ("model.safetensors", "config.json", "vocab.txt"):
        cached = try_to_load_from_cache(row.source, file)
        if isinstance(cached, str) and not fault(Path(cached).parent, row):
            return Path(cached).parent
    return None
