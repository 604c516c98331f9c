"""Split lists made of all images: what belongs together, who gets what, how lists are written."""
