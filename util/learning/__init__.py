"""What trainings of all networks share; the one folder of util that may import torch."""
