"""Maps of anomaly from the raw masks of a network."""
