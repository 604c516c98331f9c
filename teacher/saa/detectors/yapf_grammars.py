"""The grammars of yapf, which groundingdino imports to print its configs.

It makes them where they are first asked for, and writes them for others straight into place: a
process that starts at the same time, in a job array say, reads half of them.
"""

import importlib
import time
from pickle import UnpicklingError

TRIES = 20
WAIT_S = 0.5


def read_grammars() -> None:
    """Have yapf read its grammars, again and again while another process writes them.

    Where they stay damaged, or yapf is missing, who imports it is told.
    """
    for _ in range(TRIES):
        try:
            importlib.import_module("yapf")
        except (EOFError, UnpicklingError):
            time.sleep(WAIT_S)
        except ImportError:
            return
        else:
            return
