"""What lies in the run of a network, and what of it scores need."""

VERSION = 2
"""Counts up whenever the same network and settings give other maps."""

BEST = "best.pt"
QUERIES = "queries.json"
TIMES_PREDICTED = "times_predicted_stats.csv"
HIGH_CONFIDENCE = "high_conf_stats.csv"
SPECIALISED = "specialized.csv"
OUTLIER_OVERLAP = "outlier_overlap.csv"
OF_QUERIES = (TIMES_PREDICTED, HIGH_CONFIDENCE, SPECIALISED, OUTLIER_OVERLAP)
"""Tables of what queries show, which do not say themselves of which weights they are."""
WITH_QUERIES = frozenset({"maskomaly", "maskomaly_corrected"})
"""Scores that need the queries of their network."""
