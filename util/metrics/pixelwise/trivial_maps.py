"""Maps of rules that know nothing of what is anomalous: what needs no model to be found.

Things stand in the middle of pictures, and things stand out. How much of a score comes from that
alone, these rules say. None has a number that was fitted to any data.
"""

import cv2
import numpy as np

SPECTRUM_WIDTH_PX = 64
SPECTRUM_SIGMA_PX = 2.5
_LEAST_AMPLITUDE = 1e-12


def centre_prior(size_hw: tuple[int, int]) -> np.ndarray:
    """How near pixels are to the centre: exp(-2 (u² + v²)), u and v from -1 to 1 over the sides.

    A Gaussian of the shape of the picture, the centre baseline of the MIT saliency benchmark (Judd,
    Durand and Torralba, A benchmark of computational models of saliency to predict human fixations,
    MIT-CSAIL-TR-2012-001); its standard deviation is a quarter of each side.

    Args:
        size_hw: Height and width in pixels.

    Returns:
        (H, W) float32 in (0, 1].
    """
    down, across = (
        np.exp(-2 * ((2 * np.arange(length) + 1) / length - 1) ** 2) for length in size_hw
    )
    return np.outer(down, across).astype(np.float32)


def colour_distance(image_rgb: np.ndarray) -> np.ndarray:
    """How far the colour of pixels is from the mean of the picture, in CIE L*a*b*.

    Achanta, Hemami, Estrada and Süsstrunk, Frequency-tuned salient region detection, CVPR 2009,
    eq. 4: the picture is blurred before by the 5x5 binomial kernel.

    Args:
        image_rgb: (H, W, 3) uint8.

    Returns:
        (H, W) float32, 0 or more; black and white are 100 apart.
    """
    blurred = cv2.GaussianBlur(image_rgb.astype(np.float32) / 255, (5, 5), 0)  # 0 = binomial
    lab = cv2.cvtColor(blurred, cv2.COLOR_RGB2LAB)
    return np.linalg.norm(lab - lab.mean(axis=(0, 1)), axis=2)


def central_colour_distance(image_rgb: np.ndarray) -> np.ndarray:
    """`colour_distance` times `centre_prior`, the least of the picture 0 and the most 1.

    Args:
        image_rgb: (H, W, 3) uint8.

    Returns:
        (H, W) float32 in [0, 1]; 0 where the picture has one colour.
    """
    if (image_rgb == image_rgb[0, 0]).all():  # else rounding would be enlarged
        return np.zeros(image_rgb.shape[:2], np.float32)
    distance = colour_distance(image_rgb)
    return _to_unit_range(distance * centre_prior(distance.shape))


def spectral_residual(image_rgb: np.ndarray) -> np.ndarray:
    """What is unexpected in the amplitudes of a picture's spectrum, back among its pixels.

    Hou and Zhang, Saliency detection: a spectral residual approach, CVPR 2007, with the numbers of
    their published code: the gray picture, 64 pixels wide; its log amplitude less the mean of that
    in 3x3 frequencies, with the phase that it had; the squared magnitude of what that is the
    spectrum of, blurred by a Gaussian of 2.5 pixels; the least 0 and the most 1.

    Args:
        image_rgb: (H, W, 3) uint8.

    Returns:
        (H, W) float32 in [0, 1]; 0 where the picture has one gray.
    """
    gray = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY)
    height, width = gray.shape
    if gray.min() == gray.max():  # its spectrum has no phase
        return np.zeros(gray.shape, np.float32)
    small_height = max(round(height * SPECTRUM_WIDTH_PX / width), 1)
    small = cv2.resize(
        gray.astype(np.float32) / 255,
        (SPECTRUM_WIDTH_PX, small_height),
        interpolation=cv2.INTER_AREA,
    )
    spectrum = np.fft.fft2(small.astype(float))
    log_amplitude = np.log(np.maximum(np.abs(spectrum), _LEAST_AMPLITUDE))
    residual = log_amplitude - cv2.blur(log_amplitude, (3, 3), borderType=cv2.BORDER_REPLICATE)
    strength = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    blurred = cv2.GaussianBlur(strength, (0, 0), SPECTRUM_SIGMA_PX, borderType=cv2.BORDER_CONSTANT)
    return _to_unit_range(cv2.resize(blurred, (width, height)))


def _to_unit_range(values: np.ndarray) -> np.ndarray:
    """Shift and scale values, so that the least is 0 and the most 1; 0 where all are equal."""
    above = values - values.min()
    return (above / (above.max() or 1)).astype(np.float32)
