"""Demo data: painted scenes with exact truth, a folder for each kind of scene."""
