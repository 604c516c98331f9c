"""What students of cameras are worth: their names, results, clusters of cameras, and plots."""
