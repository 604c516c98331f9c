"""Several teachers into one: groups of prompts and the combination of their label sets."""
