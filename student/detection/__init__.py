"""Students that find boxes: trained on those of a label set, tested, exported for a camera."""
