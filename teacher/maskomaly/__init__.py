"""Road scenes: the queries of a Mask2Former that find what it never learned.

Maskomaly (Ackermann et al., arXiv 2305.16972) and its neighbours turn the masks of a network that
was trained for ordinary classes into maps of anomaly, without any training for these.
"""
