import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from teacher.maskomaly.scoring import bands
from teacher.maskomaly.scoring.bands import mask_bands
from tests.plain_road_scores import plain_masks


def join(mask_logits: torch.Tensor) -> np.ndarray:
    """The whole masks, (Q, 4 h, 4 w); rows that no band has are NaN."""
    count, height, width = mask_logits.shape
    whole = np.full((count, 4 * height, 4 * width), np.nan, np.float32)
    for rows, masks in mask_bands(mask_logits):
        assert np.isnan(whole[:, rows]).all()
        whole[:, rows] = masks.numpy().transpose(1, 0, 2)
    return whole


@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_bands_are_the_whole_enlarged_bilinearly(q: int, h: int, w: int, seed: int) -> None:
    logits = torch.randn((q, h, w), generator=torch.Generator().manual_seed(seed)) * 5
    np.testing.assert_allclose(join(logits), plain_masks(logits), rtol=0, atol=1e-6)


@pytest.mark.parametrize("cells_hw", [(1, 1), (23, 17), (9, 160)])
@pytest.mark.parametrize("is_mixed_alone", [True, False])
def test_bands_change_no_bit_but_the_last_one_of_the_sigmoid(
    monkeypatch: pytest.MonkeyPatch, cells_hw: tuple[int, int], is_mixed_alone: bool
) -> None:
    logits = torch.randn((7, *cells_hw), generator=torch.Generator().manual_seed(0)) * 5
    if is_mixed_alone:  # vector units round the sigmoid otherwise than what is left over of a row
        monkeypatch.setattr(torch.Tensor, "sigmoid_", lambda mixed: mixed)
    whole = join(logits)
    most = 0 if is_mixed_alone else np.finfo(np.float32).eps
    for gaps in (1, 2, 5):
        monkeypatch.setitem(bands.BAND_BYTES, "cpu", gaps * 7 * cells_hw[1] * 4 * 4 * 4)
        assert abs(join(logits) - whole).max() <= most


def test_a_band_takes_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.zeros(10, 64, 32)
    monkeypatch.setitem(bands.BAND_BYTES, "cpu", 100_000)
    sizes = [masks.untyped_storage().nbytes() for _, masks in mask_bands(logits)]
    assert len(sizes) > 10
    assert max(sizes) <= 100_000
