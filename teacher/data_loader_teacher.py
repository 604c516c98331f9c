"""Images for a teacher, read ahead of it."""

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from util.errors import UserError
from util.image_files import read_image


def read_ahead(
    image_paths: Mapping[str, Path], num_ahead: int = 4
) -> Iterator[tuple[str, np.ndarray | UserError]]:
    """Read images in order, a few of them while the caller works on the last one.

    Args:
        image_paths: Path of each image by its id.
        num_ahead: How many images are read before they are asked for, and so held in memory.

    Yields:
        Image id, and the (H, W, 3) uint8 RGB image or the error that says why there is none.
    """
    with ThreadPoolExecutor(max_workers=1) as reader:
        waiting: deque[tuple[str, Future[np.ndarray]]] = deque()
        for image_id, path in image_paths.items():
            waiting.append((image_id, reader.submit(read_image, path)))
            if len(waiting) > num_ahead:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())


def _finished(image_id: str, read: Future[np.ndarray]) -> tuple[str, np.ndarray | UserError]:
    """Wait for an image; an unreadable one gives its error."""
    try:
        return image_id, read.result()
    except UserError as error:
        return image_id, error
