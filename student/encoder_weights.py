"""Weights that a student's encoder starts from: found, checked and told apart, without torch."""

from pathlib import Path

from util.config import StudentSection
from util.errors import UserError
from util.weights.finding import fault, locate
from util.weights.identity import recognise, weights_identity
from util.weights.known import MODELS


def find_encoder_weights(settings: StudentSection, folder: Path) -> Path | None:
    """Find the weights that the config names for the encoder.

    Args:
        settings: Names them, and the encoder.
        folder: `paths.weights`.

    Returns:
        Their file, or folder as the hub has it; None where the encoder starts at random.

    Raises:
        UserError: They are missing, damaged or of another encoder, or the architecture has none.
    """
    name = settings.encoder_weights
    if name is None:
        return None
    if settings.architecture == "unet":
        raise UserError(
            f"student.encoder_weights is {name!r}, and student.architecture is 'unet', ours, for "
            "which there are none; set it to null, or choose an architecture of "
            "segmentation-models-pytorch, such as Unet with a capital"
        )
    path = locate(name, "encoder", settings.encoder, folder)
    known = next((row for row in MODELS if row.name == name), None) or recognise(path)
    if known and (known.part, known.backend) != ("encoder", settings.encoder):
        raise UserError(
            f"student.encoder_weights is {path}, which is {known.name}, of the {known.part} "
            f"{known.backend}, and student.encoder is {settings.encoder!r}; name others"
        )
    if trouble := fault(path, known):
        way = known.how_to_get if known else "get it anew"
        raise UserError(
            f"student.encoder_weights: {path} cannot be used ({trouble}); remove it and {way}"
        )
    return path


def identify_encoder_weights(settings: StudentSection, folder: Path) -> dict[str, str] | None:
    """Tell the weights of the encoder by name and content, wherever they lie; None without any.

    Raises:
        UserError: As `find_encoder_weights`.
    """
    path = find_encoder_weights(settings, folder)
    return None if path is None else weights_identity(path)
