"""A classifier of images that can also be asked where it sees what it has found."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from teacher.cam.layout import Layout
from util.errors import UserError
from util.learning.checkpoint import read_network
from util.learning.tensors import load_strictly, read_tensors
from util.weights import efficientnet_lite

_PROBE_PX = 128
"""Least side of an image that tells how a network computes; some are too small for some."""

_TOLERANCE = 1e-4


@dataclass(frozen=True)
class ClassifierSettings:
    """What is needed to build a classifier again; kept in its checkpoint.

    Attributes:
        network: Its name in timm.
        size_px: Whole images are resized to so many pixels squared.
        image_mean: What is subtracted from RGB in [0, 1], each of three.
        image_std: What that is divided by.
        output_stride: Side of the last cells, in pixels; None = as the network is published.
    """

    network: str
    size_px: int
    image_mean: Sequence[float]
    image_std: Sequence[float]
    output_stride: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values, which a checkpoint can hold."""
        statistics = {"image_mean": list(self.image_mean), "image_std": list(self.image_std)}
        return {**asdict(self), **statistics}


class Answer(NamedTuple):
    """What a classifier says of images: (B,) logits, and its last (B, C, h, w) features."""

    logits: Tensor
    features: Tensor


class ImageClassifier(nn.Module):
    """Says whether images, RGB in [0, 1], show something, and if it can where it sees that.

    Where features are averaged over the image before one linear layer, its logit is, but for the
    bias, the mean of what that layer says of each cell (Zhou et al., arXiv 1512.04150, section 2).

    Attributes:
        body: Of timm; turns images into features.
        head: The linear layer, as a convolution.
        settings: What it is.
        layout: How the last features of the body lie in the image.
        stride: Side of their cells, in pixels of the image.
        is_averaged: Whether they are averaged as they are, so that `evidence` can be asked for.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, body: nn.Module, settings: ClassifierSettings) -> None:
        """Put a linear layer of random weights on top of a body.

        Raises:
            UserError: The body has no features that lie in the image.
        """
        super().__init__()
        num_features, self.layout, self.is_averaged = _probe(body, settings.network)
        self.stride = self.layout.stride
        self.body = body
        self.head = nn.Conv2d(num_features, 1, kernel_size=1)
        self.settings = settings
        mean, std = torch.tensor(settings.image_mean), torch.tensor(settings.image_std)
        self.register_buffer("mean", mean.view(3, 1, 1), persistent=False)
        self.register_buffer("std", std.view(3, 1, 1), persistent=False)

    def pad(self, images: Tensor) -> Tensor:
        """Normalise images, (B, 3, H, W) in [0, 1], and pad them to whole cells.

        They are padded at the bottom and on the right, with the colour that is nothing after
        normalisation.
        """
        height, width = images.shape[-2:]
        rows, columns = self.padded_hw((height, width))
        normalised = (images - self.mean) / self.std
        return F.pad(normalised, (0, columns - width, 0, rows - height))

    def padded_hw(self, size_hw: Sequence[int]) -> tuple[int, int]:
        """Say what size images of a size have once they are padded."""
        rows, columns = (-(-side // self.stride) * self.stride for side in size_hw)
        return rows, columns

    def evidence(self, images: Tensor) -> Tensor:
        """Say how much each cell speaks for what is looked for; for networks that average.

        Args:
            images: (B, 3, H, W) float RGB in [0, 1]; any H and W; padded as `pad` does.

        Returns:
            (B, ceil(H / stride), ceil(W / stride)) float, any real; the bias is not in it.
        """
        return self._weigh(self._describe(self.pad(images))[1])

    def answer(self, images: Tensor) -> Answer:
        """Judge images, and tell what they are judged by; see `evidence`."""
        assert self.head.bias is not None
        features, maps = self._describe(self.pad(images))
        if self.is_averaged:
            return Answer(self._weigh(maps).mean(dim=(1, 2)) + self.head.bias, maps)
        pooled = self.body.forward_head(features, pre_logits=True)  # type: ignore[operator]
        logits = F.linear(pooled, self.head.weight[..., 0, 0], self.head.bias)[:, 0]
        return Answer(logits, maps)

    def forward(self, images: Tensor) -> Tensor:
        """Give a logit, (B,) float, for each image; see `evidence`."""
        return self.answer(images).logits

    def _describe(self, padded: Tensor) -> tuple[Tensor, Tensor]:
        """Give the last features, as the body has them and as maps, of what `pad` has made."""
        features: Tensor = self.body.forward_features(padded)  # type: ignore[operator]  # timm's
        return features, self.layout.to_maps(features, padded.shape[2:])

    def _weigh(self, maps: Tensor) -> Tensor:
        """Turn features into evidence."""
        return F.conv2d(maps, self.head.weight)[:, 0]


@torch.no_grad()
def _probe(body: nn.Module, name: str) -> tuple[int, Layout, bool]:
    """See how a body of timm computes, by a square and an image that is twice as wide.

    Returns:
        Its number of features, how the last ones of cells lie in the image, and whether those of
        an image are their plain average.

    Raises:
        UserError: It has no features of cells.
    """
    side_px = _whole_patches(body)
    wide = torch.linspace(-2, 2, 6 * side_px**2).view(1, 3, side_px, 2 * side_px)
    was_training = body.training
    body.eval()
    layout = None
    try:
        square, features = (
            body.forward_features(image)  # type: ignore[operator]
            for image in (wide[..., :side_px], wide)
        )
        pooled = body.forward_head(features, pre_logits=True)  # type: ignore[operator]
        layout = Layout.find(square.shape, features.shape, side_px)
    except (AssertionError, AttributeError, RuntimeError, TypeError, ValueError):
        pass  # whatever timm says of a size that it does not take
    body.train(was_training)
    if layout is None or pooled.ndim != 2:
        raise UserError(
            f"classifier.network {name!r} cannot say where it sees what it finds: it has no "
            "features that lie in the image, or takes images of one size alone; take another, such "
            f"as {efficientnet_lite.TIMM_NAME}, resnet50 or vit_small_patch16_224"
        )
    maps = layout.to_maps(features, wide.shape[2:])
    tolerance = _TOLERANCE * float(maps.abs().amax())
    is_averaged = pooled.shape[1] == layout.channels and torch.allclose(
        pooled, maps.mean((2, 3)), rtol=0, atol=tolerance
    )
    return pooled.shape[1], layout, is_averaged


def _whole_patches(body: nn.Module) -> int:
    """Give the side of a square that is small but not too small, and whole patches of a body."""
    from timm.layers import PatchEmbed

    embedding = getattr(body, "patch_embed", None)
    patch_px = embedding.patch_size[0] if isinstance(embedding, PatchEmbed) else 1
    return -(-_PROBE_PX // int(patch_px)) * int(patch_px)


def build_classifier(settings: ClassifierSettings, weights: Path | None) -> ImageClassifier:
    """Build a classifier whose weights are random but for the body's; draws from torch's seed.

    Args:
        settings: What it is.
        weights: File or folder of those of the body, or of a whole classifier; None = random, or
            loaded later.

    Raises:
        UserError: timm has no such network, it has no features that lie in the image, none of
            this stride, or the weights are damaged or of another network.
    """
    import timm

    if not timm.is_model(settings.network):
        near = timm.list_models(f"*{settings.network}*")[:5]
        hint = f"such as {', '.join(near)}" if near else "such as resnet50"
        raise UserError(
            f"classifier.network is {settings.network!r}, which timm has not; expected one of its "
            f"names, {hint}"
        )
    body = _create(settings)
    if weights is not None:  # after building, which draws all weights at random
        _load_body(body, settings.network, weights)
    classifier = ImageClassifier(body, settings)
    if settings.output_stride not in (None, classifier.stride):
        raise _no_stride(settings)
    return classifier


def _create(settings: ClassifierSettings) -> nn.Module:
    """Create a body of timm, with random weights, that takes images of any size if it can.

    A transformer interpolates where its patches are; other networks do not know the setting. A
    stride that is asked for is reached by dilated convolutions, which take the same weights.

    Raises:
        UserError: The network cannot have this stride.
    """
    import timm

    create = partial(timm.create_model, settings.network, pretrained=False, num_classes=0)
    if settings.output_stride is not None:
        try:
            return create(output_stride=settings.output_stride)
        except (AssertionError, NotImplementedError, RuntimeError, TypeError, ValueError):
            raise _no_stride(settings) from None
    try:
        return create(dynamic_img_size=True)
    except TypeError:  # before any weight is drawn
        return create()


def _no_stride(settings: ClassifierSettings) -> UserError:
    return UserError(
        f"classifier.output_stride is {settings.output_stride}, which {settings.network} cannot "
        f"have; set it to null, or take another network, such as {efficientnet_lite.TIMM_NAME}"
    )


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
        kind, script = "classifier of images", "teacher/cam/train_classifier.py"
        settings, content = read_network(
            checkpoint, "image_classifier", kind, script, lambda told: ClassifierSettings(**told)
        )
        network = build_classifier(settings, None)
        load_strictly(network, content["model"], checkpoint, kind)
        return cls(network.eval(), float(content["val_threshold"]))
