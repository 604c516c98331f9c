"""Weights that a student's encoder starts from: found, checked and told apart, without torch."""

from pathlib import Path

from util.config import AUTO_WEIGHTS, StudentSection
from util.errors import UserError
from util.weights.finding import find_encoder
from util.weights.identity import weights_identity
from util.weights.known import packed_with


def find_encoder_weights(settings: StudentSection, folder: Path) -> Path | None:
    """Find the weights that the config names for the encoder.

    Args:
        settings: Names them, and the encoder.
        folder: `paths.weights`.

    Returns:
        Their file, or folder as the hub has it; None where the encoder starts at random, or there
        is none.

    Raises:
        UserError: They are missing, damaged or of another encoder, or the architecture has none.
    """
    name = settings.encoder_weights
    if settings.architecture == "unet":
        if name in (None, AUTO_WEIGHTS):
            return None
        raise UserError(
            f"student.encoder_weights is {name!r}, and student.architecture is 'unet', ours from "
            "scratch, for which there are none; set it to null, or choose another architecture, "
            "such as encoder_unet"
        )
    if name == AUTO_WEIGHTS:
        packed = packed_with("encoder", settings.encoder)
        name = None if packed is None else packed.name
    if name is None:
        return None
    return find_encoder(name, settings.encoder, "student.encoder_weights", folder)


def identify_encoder_weights(settings: StudentSection, folder: Path) -> dict[str, str] | None:
    """Tell the weights of the encoder by name and content, wherever they lie; None without any.

    Raises:
        UserError: As `find_encoder_weights`.
    """
    path = find_encoder_weights(settings, folder)
    return None if path is None else weights_identity(path)
