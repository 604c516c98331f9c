"""Mask2Formers as we build them."""

import torch

from teacher.maskomaly.network import RoadNetworkSettings, build_network


@torch.no_grad()
def test_the_queries_of_a_new_network_propose_masks_that_differ() -> None:
    torch.manual_seed(0)
    classes = ["road", "sky", "car"]
    settings = RoadNetworkSettings("swin-tiny-random", classes, 32, 10, 1, 2, points=16)
    network = build_network(settings, None).eval()
    masks = network(torch.rand(1, 3, 64, 64)).masks_queries_logits
    # 0.017; where they begin alike, as transformers made them before 5.23, 6e-5.
    assert masks.std(dim=1).mean() > 0.002
