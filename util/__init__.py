"""What all stages share. Imports no stage, and no torch when it is imported."""

import os

from util.running.interrupts import say_interrupted_imports

# Torch's threads wait for each other by spinning, for so long that everything becomes ten times
# slower when anything else uses the cores (training: 4 against 44 images/s with this, 115 on idle
# cores either way, measured on two). GNU OpenMP reads it when torch is first imported.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")

say_interrupted_imports()
