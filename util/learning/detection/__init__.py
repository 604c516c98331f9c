"""A detector that is small enough for a camera: its network, what it learns, and its answers."""
