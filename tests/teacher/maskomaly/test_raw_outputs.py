import io

import numpy as np
import pytest
import torch

from teacher.inference.cache import Cache
from teacher.maskomaly.querying.queries import Queries
from teacher.maskomaly.raw_outputs import RawOutputs
from teacher.maskomaly.scoring.scores import compute_scores
from tests.plain_road_scores import make_outputs
from util.errors import UserError


def test_what_was_kept_comes_back_with_masks_in_half_precision(
    rng: np.random.Generator,
) -> None:
    outputs = make_outputs(rng, (6, 5), input_size_hw=(22, 17), has_negative_class=True)
    file = io.BytesIO()
    np.savez(file, **outputs.to_arrays())
    file.seek(0)
    with np.load(file) as arrays:
        again = RawOutputs.from_arrays(arrays)
    assert (again.class_logits == outputs.class_logits).all()
    assert again.mask_logits.dtype == torch.float32
    assert (again.mask_logits == outputs.mask_logits.half().float()).all()
    assert (again.input_size_hw, again.size_hw) == ((22, 17), (24, 20))
    assert again.has_negative_class
    assert (again.num_queries, again.num_classes) == (20, 5)


def test_the_cache_of_teachers_keeps_them(tmp_path: object, rng: np.random.Generator) -> None:
    cache = Cache(tmp_path, 10**6)  # type: ignore[arg-type]
    outputs = make_outputs(rng, (3, 4))
    cache.write("encodings", "abc", outputs.to_arrays())
    arrays = cache.read("encodings", "abc")
    assert arrays is not None
    assert (RawOutputs.from_arrays(arrays).class_logits == outputs.class_logits).all()


def test_half_precision_changes_maps_by_less_than_a_thousandth(
    rng: np.random.Generator,
) -> None:
    outputs = make_outputs(rng, (32, 32), has_negative_class=True)
    again = RawOutputs.from_arrays(outputs.to_arrays())
    names = ("maskomaly_corrected", "rba", "eam", "mask2anomaly", "max_logit", "uno")
    queries = Queries(20, 5, (0,), (1, 3))
    maps = compute_scores(outputs, names, queries)
    for name, of_half in compute_scores(again, names, queries).items():
        assert np.abs(of_half - maps[name]).max() < 1e-3
    logits = torch.linspace(-30, 30, 100_001)
    assert (logits.sigmoid() - logits.half().float().sigmoid()).abs().max() < 1.2e-4


def test_logits_beyond_half_precision_become_its_largest(rng: np.random.Generator) -> None:
    outputs = make_outputs(rng, (1, 1), num_queries=1)
    outputs.mask_logits[:] = -1e9
    assert RawOutputs.from_arrays(outputs.to_arrays()).mask_logits.item() == -65504


@pytest.mark.parametrize(
    ("class_logits", "mask_logits", "input_size_hw", "message"),
    [
        (torch.zeros(3, 4), torch.zeros(2, 5, 5), (20, 20), "same queries"),
        (torch.zeros(2, 4), torch.zeros(2, 5, 5), (21, 20), r"has \(6, 5\) cells"),
        (torch.zeros(2, 4), torch.zeros(2, 5, 5), (20, 21), r"has \(5, 6\) cells"),
        (torch.zeros(2, 4).double(), torch.zeros(2, 5, 5), (20, 20), "float32"),
        (torch.zeros(2, 4), torch.zeros(2, 25), (20, 20), r"\(Q, h, w\)"),
        (torch.zeros(2, 1), torch.zeros(2, 5, 5), (20, 20), r"\(Q, K \+ 1\)"),
        (torch.zeros(0, 4), torch.zeros(0, 5, 5), (20, 20), "same queries"),
        (torch.zeros(2, 4), torch.zeros(2, 5, 5), (0, 20), "sizes of pixels"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    class_logits: torch.Tensor,
    mask_logits: torch.Tensor,
    input_size_hw: tuple[int, int],
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        RawOutputs(class_logits, mask_logits, input_size_hw, (20, 20))


def test_damaged_arrays_are_named(rng: np.random.Generator) -> None:
    arrays = make_outputs(rng, (3, 4)).to_arrays()
    for damaged in (
        {name: array for name, array in arrays.items() if name != "sizes"},
        {**arrays, "mask_logits": arrays["mask_logits"][1:]},
        {**arrays, "sizes": arrays["sizes"][0]},
    ):
        with pytest.raises(UserError, match=r"are damaged .* made anew"):
            RawOutputs.from_arrays(damaged)
