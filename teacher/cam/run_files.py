"""What lies in the run of a classifier, and what run.json says of it."""

BEST = "best.pt"
FACTS = "run.json"
POSITIVE_LABELS = "positive_labels"
"""In run.json: the labels of what is looked for."""
