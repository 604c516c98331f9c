"""A classifier of images whose answer is the mean of a map: its class activation map."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from util.errors import UserError
from util.learning.checkpoint import read_checkpoint
from util.learning.tensors import load_strictly, read_tensors
from util.weights import efficientnet_lite

ENCODER = "tu-"
"""What the table of weights puts before the name of a network of timm."""

_PROBE_HW = (128, 256)
"""Size of an image that tells how a network computes; some are too small for some networks."""

_TOLERANCE = 1e-4


@dataclass(frozen=True)
class ClassifierSettings:
    """What is needed to build a classifier again; kept in its checkpoint.

    Attributes:
        network: Its name in timm.
        size_px: Whole images are resized to so many pixels squared.
        image_mean: What is subtracted from RGB in [0, 1], each of three.
        image_std: What that is divided by.
    """

    network: str
    size_px: int
    image_mean: Sequence[float]
    image_std: Sequence[float]

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values, which a checkpoint can hold."""
        statistics = {"image_mean": list(self.image_mean), "image_std": list(self.image_std)}
        return {**asdict(self), **statistics}


class Answer(NamedTuple):
    """What a classifier says of images: (B,) logits, and the (B, C, h, w) features behind them."""

    logits: Tensor
    features: Tensor


class ImageClassifier(nn.Module):
    """Says whether images, RGB in [0, 1], show something, and where it sees that.

    Features are averaged over the image before one linear layer; so its logit is, but for the bias,
    the mean of what that layer says of each cell (Zhou et al., arXiv 1512.04150, section 2).

    Attributes:
        body: Of timm; turns images into features.
        head: The linear layer, as a convolution.
        settings: What it is.
        stride: Side of a cell, in pixels of the image.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, body: nn.Module, settings: ClassifierSettings) -> None:
        """Put a linear layer of random weights on top of a body.

        Raises:
            UserError: The body's features are not averaged as they are over the image.
        """
        super().__init__()
        num_features, self.stride = _probe(body, settings.network)
        self.body = body
        self.head = nn.Conv2d(num_features, 1, kernel_size=1)
        self.settings = settings
        mean, std = torch.tensor(settings.image_mean), torch.tensor(settings.image_std)
        self.register_buffer("mean", mean.view(3, 1, 1), persistent=False)
        self.register_buffer("std", std.view(3, 1, 1), persistent=False)

    def evidence(self, images: Tensor) -> Tensor:
        """Say how much each cell speaks for what is looked for.

        Args:
            images: See `features`.

        Returns:
            (B, ceil(H / stride), ceil(W / stride)) float, any real; the bias is not in it.
        """
        return self._weigh(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """Describe each cell.

        Images are padded at the bottom and on the right to whole cells, with the colour that is
        nothing after normalisation; cells that see nothing but padding are left out.

        Args:
            images: (B, 3, H, W) float RGB in [0, 1]; any H and W.

        Returns:
            (B, C, ceil(H / stride), ceil(W / stride)) float.
        """
        height, width = images.shape[-2:]
        normalised = (images - self.mean) / self.std
        padded = F.pad(normalised, (0, -width % self.stride, 0, -height % self.stride))
        features: Tensor = self.body.forward_features(padded)  # type: ignore[operator]  # timm's
        return features

    def answer(self, images: Tensor) -> Answer:
        """Judge images, and tell what they are judged by; see `features`."""
        assert self.head.bias is not None
        features = self.features(images)
        return Answer(self._weigh(features).mean(dim=(1, 2)) + self.head.bias, features)

    def forward(self, images: Tensor) -> Tensor:
        """Give a logit, (B,) float, for each image; see `evidence`."""
        return self.answer(images).logits

    def _weigh(self, features: Tensor) -> Tensor:
        """Turn features into evidence."""
        return F.conv2d(features, self.head.weight)[:, 0]


@torch.no_grad()
def _probe(body: nn.Module, name: str) -> tuple[int, int]:
    """See how a body of timm computes.

    Returns:
        Its number of features, and the side of their cells in pixels.

    Raises:
        UserError: What it gives to a linear layer is no plain average of features of cells.
    """
    height, width = _PROBE_HW
    image = torch.linspace(-2, 2, 3 * height * width).view(1, 3, height, width)
    was_training = body.training
    body.eval()
    try:
        features = body.forward_features(image)  # type: ignore[operator]
        pooled = body.forward_head(features, pre_logits=True)  # type: ignore[operator]
    except (AssertionError, AttributeError, RuntimeError, TypeError, ValueError):
        features = pooled = image.new_zeros(0)
    body.train(was_training)
    is_map = features.ndim == 4 and pooled.shape == features.shape[:2]
    scale = float(features.abs().amax()) if is_map else 0.0
    if is_map and torch.allclose(pooled, features.mean((2, 3)), rtol=0, atol=_TOLERANCE * scale):
        stride = height // features.shape[2]
        if features.shape[2:] == (height // stride, width // stride):
            return features.shape[1], stride
    raise UserError(
        f"classifier.network {name!r} has no class activation map of its own: its features are not "
        "averaged over the image before one linear layer; take one of which they are, such as "
        f"{efficientnet_lite.TIMM_NAME} or resnet50"
    )


def build_classifier(settings: ClassifierSettings, weights: Path | None) -> ImageClassifier:
    """Build a classifier whose weights are random but for the body's; draws from torch's seed.

    Args:
        settings: What it is.
        weights: File or folder of those of the body, or of a whole classifier; None = random, or
            loaded later.

    Raises:
        UserError: timm has no such network, it has no class activation map, or the weights are
            damaged or of another network.
    """
    import timm

    if not timm.is_model(settings.network):
        near = timm.list_models(f"*{settings.network}*")[:5]
        hint = f"such as {', '.join(near)}" if near else "such as resnet50"
        raise UserError(
            f"classifier.network is {settings.network!r}, which timm has not; expected one of its "
            f"names, {hint}"
        )
    body = timm.create_model(settings.network, pretrained=False, num_classes=0)
    if weights is not None:  # after building, which draws all weights at random
        _load_body(body, settings.network, weights)
    return ImageClassifier(body, settings)


def _load_body(body: nn.Module, name: str, path: Path) -> None:
    """Put weights into a body; of a whole classifier the last layer is left out."""
    import timm

    file = path / "model.safetensors" if path.is_dir() else path
    state = read_tensors(file, f"network {name}")
    if name == efficientnet_lite.TIMM_NAME:
        names = efficientnet_lite.timm_names(state)
        state = {names[published]: tensor for published, tensor in state.items()}
    with torch.device("meta"):  # names alone
        whole = timm.create_model(name).state_dict()
    rest = set(whole) - set(body.state_dict())
    load_strictly(body, {n: t for n, t in state.items() if n not in rest}, file, f"network {name}")


@dataclass(frozen=True)
class TrainedClassifier:
    """A classifier as training has left it.

    Attributes:
        network: Ready to answer.
        threshold: Probability from which on an image shows what is looked for.
    """

    network: ImageClassifier
    threshold: float

    @classmethod
    def load(cls, checkpoint: Path) -> Self:
        """Load the checkpoint of a run.

        Raises:
            UserError: The file is missing, damaged, or of another kind of network.
        """
        content = read_checkpoint(checkpoint)
        told = content.get("image_classifier")
        if not isinstance(told, Mapping):
            raise UserError(
                f"{checkpoint} is no classifier of images; expected the best.pt of a run of "
                "teacher/cam/train_classifier.py"
            )
        network = build_classifier(ClassifierSettings(**told), None)
        load_strictly(network, content["model"], checkpoint, "classifier of images")
        return cls(network.eval(), float(content["val_threshold"]))
