"""SAM 3 (Meta, 2025): a whole teacher, from a text to masks of its instances."""
