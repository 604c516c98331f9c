"""The teacher stage: images and prompts in, label sets out."""

import util  # noqa: F401  says how torch's threads wait, before torch is imported
