"""Maps judged pixel by pixel: exactly, by class, and as a benchmark of road scenes does."""
