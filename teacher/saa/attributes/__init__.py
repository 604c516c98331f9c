"""The embedded detector: salient regions scored against what words look like."""
