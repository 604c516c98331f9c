"""What all stages share. Imports no stage, and no torch when it is imported."""
