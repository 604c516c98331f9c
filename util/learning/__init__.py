"""Training of whatever network: the one folder of `util` that may import torch.

What is particular to a network (losses, batches, validation) is handed in as a `Task`. Settings go
by their names alone in errors, since they may be of any section of the config.
"""
