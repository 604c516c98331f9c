"""EfficientNet-Lite0 as it is published: its tensors' names in timm, and the images it knows.

The file has the names of EfficientNet-PyTorch, where blocks are counted through; timm counts stages
and the blocks in each, and calls a block without expansion's projection `conv_pw`.
"""

from collections.abc import Iterable

TIMM_NAME = "tf_efficientnet_lite0"
"""The architecture in timm: with the padding and the batch normalisation of TensorFlow."""

IMAGE_MEAN = (127 / 255,) * 3
IMAGE_STD = (128 / 255,) * 3
"""Of RGB in [0, 1]: (x - 127) / 128 of values up to 255."""

_BLOCKS_OF_STAGES = (1, 2, 2, 3, 3, 4, 1)  # Tan and Le, arXiv 1905.11946, table 1

_OUTSIDE = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}

_IN_FIRST_BLOCK = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}

_IN_BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def timm_names(names: Iterable[str]) -> dict[str, str]:
    """Translate names of the published file's tensors to timm's.

    Args:
        names: Such as `_blocks.1._bn0.weight`.

    Returns:
        The name in timm of each, such as `blocks.1.0.bn1.weight`, in the order of `names`. What is
        no name of this network stays as it is, so that a check of names tells of it.
    """
    stages = [
        f"blocks.{stage}.{block}"
        for stage, count in enumerate(_BLOCKS_OF_STAGES)
        for block in range(count)
    ]
    modules = dict(_OUTSIDE)
    for number, place in enumerate(stages):
        parts = _IN_BLOCK if number else _IN_FIRST_BLOCK
        modules |= {f"_blocks.{number}.{ours}": f"{place}.{timm}" for ours, timm in parts.items()}
    split = {name: name.rpartition(".") for name in names}
    return {
        name: f"{modules.get(module, module)}{dot}{tensor}"
        for name, (module, dot, tensor) in split.items()
    }
