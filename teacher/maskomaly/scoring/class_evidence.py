"""What all masks together say for the known classes at each pixel, and scores made of it."""

import math
from functools import cached_property

import torch
from torch import Tensor

from teacher.maskomaly.raw_outputs import RawOutputs


class ClassEvidence:
    """Sums over the masks of one image, some rows at a time.

    The evidence for class c is L_c = sum over queries of softmax(class logits)[c] * mask, for the
    K known classes: void, and a negative class, are dropped. Whatever else is a sum over masks is a
    row more in the same product of matrices.
    """

    def __init__(self, outputs: RawOutputs) -> None:
        """Take the weights of all sums from the classes of the queries."""
        count = outputs.num_classes
        probabilities = outputs.class_probabilities()
        known = probabilities[:, :count]
        largest = known.amax(dim=1, keepdim=True)
        largest_logits = outputs.class_logits[:, :count].amax(dim=1, keepdim=True)
        columns = [known, largest, largest_logits]
        if outputs.has_negative_class:
            columns.append(largest - probabilities[:, count : count + 1])
        self.num_classes = count
        self.weights = torch.cat(columns, dim=1).T.contiguous()

    def at(self, masks: Tensor) -> "EvidenceBand":
        """Sum up (rows, Q, W) masks."""
        return EvidenceBand(torch.matmul(self.weights, masks), self.num_classes)


class EvidenceBand:
    """Scores of some rows, (rows, W) float32 each, in the form in which they were published.

    The higher, the more anomalous; their ranges differ.
    """

    def __init__(self, sums: Tensor, num_classes: int) -> None:
        """Take the (rows, K + 2 or 3, W) sums of `ClassEvidence`."""
        self.sums = sums
        self.num_classes = num_classes

    @property
    def evidence(self) -> Tensor:
        """L, (rows, K, W) in [0, Q]."""
        return self.sums[:, : self.num_classes]

    def rba(self) -> Tensor:
        """Rejected by all (arXiv 2211.14293): - sum over c of tanh(L_c), in [-K, 0]."""
        return -self.evidence.tanh().sum(dim=1)

    @cached_property
    def largest(self) -> Tensor:
        """Largest L_c of all classes, in [0, Q]."""
        return self.evidence.amax(dim=1)

    def mask2anomaly(self) -> Tensor:
        """Mask2Anomaly (arXiv 2307.13316): 1 - max over c of L_c, in [1 - Q, 1]."""
        return 1 - self.largest

    def entropy(self) -> Tensor:
        """Entropy of L_c / sum of L, divided by log K: in [0, 1].

        1 where L is 0: nothing speaks for any class. 0 everywhere if there is one class alone.
        """
        if self.num_classes == 1:
            return torch.zeros_like(self.largest)
        smallest = torch.finfo(self.sums.dtype).tiny
        total = self.evidence.sum(dim=1)
        shares = self.evidence / total.clamp_min(smallest)[:, None]
        entropy = shares.clamp_min(smallest).log_().mul_(shares).sum(dim=1)
        entropy /= -math.log(self.num_classes)
        return torch.where(total > smallest, entropy, 1).clamp_(0, 1)

    def eam(self) -> Tensor:
        """EAM (Grcic et al., CVPRW 2023): 1 - sum of M_q max_c p_q[c], in [1 - Q, 1]."""
        return 1 - self.sums[:, self.num_classes]

    def max_logit(self) -> Tensor:
        """MaxLogit (arXiv 1911.11132) of masks: - sum of M_q max_c z_q[c], any number.

        EAM with the largest class logit z of a query in the place of its largest probability. (The
        largest L_c of a pixel, which some papers call its largest logit, orders as `mask2anomaly`.)
        """
        return -self.sums[:, self.num_classes + 1]

    def uno(self) -> Tensor:
        """UNO (arXiv 2402.15374): - sum of M_q (max_c p_q[c] - p_q[negative]), in [-Q, Q]."""
        return -self.sums[:, self.num_classes + 2]
