import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from segment_anything import sam_model_registry

from teacher.inference.runtime import Runtime
from teacher.saa.segmenters.sam import VARIANTS, load_sam
from tests.teacher.saa.small_models import State
from util.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("name", ["vit_b", "vit_l", "vit_h"])
def test_variants_are_told_apart_by_their_width(name: str) -> None:
    with torch.device("meta"):
        model = sam_model_registry[name]()
    assert VARIANTS[model.image_encoder.pos_embed.shape[-1]] == name


def state_of_vit_b() -> State:
    """The names and shapes of the published checkpoint, in a few kilobytes."""
    with torch.device("meta"):
        model = sam_model_registry["vit_b"]()
    return {
        name: torch.tensor(float(index)).expand(value.shape)
        for index, (name, value) in enumerate(model.state_dict().items())
    }


def test_a_published_checkpoint_is_loaded_whole(tmp_path: Path) -> None:
    state = state_of_vit_b()
    torch.save(state, tmp_path / "sam_vit_b_01ec64.pth")
    model = load_sam(tmp_path / "sam_vit_b_01ec64.pth", Runtime("cpu"), 8).model
    loaded = model.state_dict()
    assert loaded.keys() == state.keys()
    assert all(loaded[name].flatten()[-1] == value.flatten()[0] for name, value in state.items())
    assert not model.training
    assert model.image_encoder.img_size == 1024


IOU = "mask_decoder.iou_token.weight"
NECK = "image_encoder.neck.0.weight"
BROKEN: dict[str, Callable[[State], Any]] = {
    "unknown: head.bias": lambda state: state | {"head.bias": torch.ones(1)},
    f"missing: {IOU}": lambda state: {name: state[name] for name in state if name != IOU},
    f"of another shape: {NECK}": lambda state: state | {NECK: torch.ones(2)},
    "pos_embed is missing": lambda state: {"conv1.weight": state[NECK]},
    "pos_embed is missing or": lambda state: list(state.values()),
    "more than tensors": lambda state: Path("an object, not a tensor"),
}


@pytest.mark.parametrize(("why", "spoil"), BROKEN.items())
def test_other_checkpoints_are_refused(
    tmp_path: Path, why: str, spoil: Callable[[State], Any]
) -> None:
    path = tmp_path / "sam.pth"
    torch.save(spoil(state_of_vit_b()), path)
    with pytest.raises(UserError, match=re.escape(why)) as error:
        load_sam(path, Runtime("cpu"), 8)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_and_cut_off_checkpoints_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "sam.pth"
    with pytest.raises(UserError, match=r"sam\.pth holds no whole .*No such file"):
        load_sam(path, Runtime("cpu"), 8)
    torch.save(state_of_vit_b(), path)
    whole = path.read_bytes()
    for length in (len(whole) // 2, 3, 0):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"sam\.pth holds no whole checkpoint of SAM"):
            load_sam(path, Runtime("cpu"), 8)
