from pathlib import Path

import pytest
import timm
import torch

from util.errors import UserError
from util.learning.checkpoint import save_checkpoint
from util.learning.detection.backbones import PlainBackbone, StagedBackbone
from util.learning.detection.network import (
    CONTENT,
    PRIOR,
    STRIDES_PX,
    Detector,
    DetectorSettings,
    _decode,
)
from util.learning.detection.targets import LARGEST_CELLS

LITE = "tf_efficientnet_lite0"


def detector_settings(encoder: str | None = None, width: int = 4) -> DetectorSettings:
    return DetectorSettings(["boat", "bird"], encoder, width, 64, [0.5] * 3, [0.5] * 3)


@pytest.mark.parametrize("encoder", [None, LITE, "mobilenetv3_small_100"])
def test_every_cell_of_three_grids_speaks_of_every_class(encoder: str | None) -> None:
    detector = Detector(detector_settings(encoder)).eval()
    with torch.inference_mode():
        cells = detector(torch.rand(2, 3, 64, 96))
    num_cells = sum((64 // stride) * (96 // stride) for stride in STRIDES_PX)
    assert cells.logits.shape == (2, num_cells, 2)
    assert cells.boxes_xyxy.shape == (2, num_cells, 4)
    assert bool((cells.boxes_xyxy[..., :2] < cells.boxes_xyxy[..., 2:]).all())


def test_an_untrained_detector_is_hardly_sure_of_anything() -> None:
    torch.manual_seed(0)
    with torch.inference_mode():
        cells = Detector(detector_settings()).eval()(torch.rand(1, 3, 64, 64))
    assert float(cells.logits.sigmoid().mean()) == pytest.approx(PRIOR, rel=0.5)


def test_an_untrained_detector_begins_with_boxes_half_as_long_as_a_grid_is_to_find() -> None:
    torch.manual_seed(0)
    with torch.inference_mode():
        boxes = Detector(detector_settings()).eval()(torch.rand(1, 3, 64, 64)).boxes_xyxy
    strides = torch.cat([torch.full(((64 // s) ** 2,), float(s)) for s in STRIDES_PX])
    cells = (boxes[0, :, 2:] - boxes[0, :, :2]) / strides[:, None]
    assert float(cells.log().mean().exp()) == pytest.approx(LARGEST_CELLS / 2, rel=0.2)


def test_boxes_are_decoded_as_a_loop_over_cells_does() -> None:
    offsets = torch.randn(1, 4, 2, 3, generator=torch.Generator().manual_seed(0))
    found = _decode(offsets, 8)[0].tolist()
    for row in range(2):
        for column in range(3):
            dx, dy, w, h = offsets[0, :, row, column].tolist()
            x, y = (column + 0.5 + dx) * 8, (row + 0.5 + dy) * 8
            half_w, half_h = 4 * torch.tensor([w, h]).exp()
            expected = [x - half_w, y - half_h, x + half_w, y + half_h]
            assert found[row * 3 + column] == pytest.approx([float(e) for e in expected], rel=1e-5)


def test_an_encoder_is_cut_behind_the_first_stage_of_16_pixels_and_has_timms_weights(
    tmp_path: Path,
) -> None:
    torch.manual_seed(0)
    whole = timm.create_model(LITE, pretrained=False).eval()
    torch.save(whole.state_dict(), tmp_path / "weights.pth")
    # The file is of timm's names, not of the published ones, which other tests translate.
    images = torch.rand(1, 3, 64, 64)
    backbone = StagedBackbone("mobilenetv3_small_100", None)
    assert [each.shape[-1] for each in backbone(images)] == [8, 4]
    cut = StagedBackbone(LITE, tmp_path / "weights.pth").eval()
    with torch.inference_mode():
        features = whole.bn1(whole.conv_stem(images))
        stages = []
        for stage in whole.blocks:
            features = stage(features)
            stages.append(features)
        fine, coarse = cut(images)
    assert torch.equal(fine, stages[2])
    assert torch.equal(coarse, stages[3])
    assert cut.channels == (40, 80)


def test_a_detector_over_efficientnet_has_less_than_half_a_million_weights() -> None:
    detector = Detector(detector_settings(LITE, width=12))
    assert sum(weights.numel() for weights in detector.parameters()) < 500_000
    assert PlainBackbone(8).channels == (32, 64)


def test_a_detector_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    torch.manual_seed(0)
    detector = Detector(detector_settings()).eval()
    content = {"model": detector.state_dict(), CONTENT: detector.settings.as_dict()}
    save_checkpoint(tmp_path / "best.pt", content)
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        again = Detector.load(tmp_path / "best.pt")(images)
        assert torch.equal(again.logits, detector(images).logits)


def test_what_is_no_detector_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "best.pt", {"model": {}})
    with pytest.raises(UserError, match="is no detector"):
        Detector.load(tmp_path / "best.pt")
    with pytest.raises(UserError, match=r"detector\.encoder is 'resnet18'"):
        StagedBackbone("resnet18", None)
    with pytest.raises(UserError, match=r"detector\.encoder is 'no such'"):
        StagedBackbone("no such", None)
    torch.save({"conv_stem.weight": torch.zeros(1)}, tmp_path / "weights.pth")
    with pytest.raises(UserError, match="holds no whole network"):
        StagedBackbone(LITE, tmp_path / "weights.pth")
