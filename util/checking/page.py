"""The page that shows what was found."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from util.checking.findings import Findings
from util.checking.pictures import draw_pairs, draw_samples
from util.checking.truth import Truth
from util.page_templates import load_template, write_page


def write_findings(
    path: Path,
    folder: Path,
    findings: Findings,
    classes: tuple[str, pd.DataFrame],
    pairs: Sequence[tuple[str, str]],
    samples: Sequence[str],
    image_paths: Mapping[str, Path],
    truth: Truth,
) -> None:
    """Write a page that needs nothing from outside.

    Args:
        path: Of the page.
        folder: Of the images, to say what was checked.
        findings: What was found.
        classes: Of `count_classes`.
        pairs: Images that look alike and are to be shown.
        samples: Images that are to be shown; all can be read.
        image_paths: Of all images, by id.
        truth: What is known of images.
    """
    counted, table = classes
    page = load_template(Path(__file__).parent / "page.html.jinja").render(
        folder=folder,
        findings=findings,
        counted=counted,
        classes=table,
        pairs=draw_pairs(pairs, image_paths),
        samples=draw_samples(samples, image_paths, truth),
        has_truth=truth.boxes is not None or truth.masks is not None,
    )
    write_page(path, page)
