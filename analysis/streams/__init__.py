"""What students of cameras are worth: their names, tests on every camera, results, and plots."""
