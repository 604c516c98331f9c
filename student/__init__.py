"""The student stage: a label set in, a trained network and its predictions out."""

import util  # noqa: F401  says how torch's threads wait, before torch is imported
