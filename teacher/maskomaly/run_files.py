"""What lies in the run of a network, and what of it scores need."""

VERSION = 2
"""Counts up whenever the same network and settings give other maps."""

BEST = "best.pt"
QUERIES = "queries.json"
WITH_QUERIES = frozenset({"maskomaly", "maskomaly_corrected"})
"""Scores that need the queries of their network."""
