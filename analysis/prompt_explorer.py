# PYTHON_ARGCOMPLETE_OK
"""Try prompts on images in a browser: what a teacher finds for each, and why it finds no more.

    python analysis/prompt_explorer.py --config configs/thesis.json

Opens a page on this machine alone, http://127.0.0.1:8765, which takes nothing from outside. Images
are those of data.images, or dropped in. Each prompt has its map, its boxes with what they read as,
and what was dropped and why; thresholds and the combination act at once, on what models have said
before. Prompts are ranked without labels on a sample of the images. What was chosen is saved as
paths.runs/explorer/NAME.json, a config of its own.
Next: the commands that the page gives, of a study or of labels
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from util.config import (
    BOX_RULE,
    TEACHERS,
    Config,
    keys_of,
    override_config,
    values_in,
)
from util.config.command_line import load_config
from util.demo.making import make_demo_if_asked
from util.disk.whole_files import write_json
from util.images.files import find_images
from util.images.splits import spread
from util.running.run import run_script, show_command

if TYPE_CHECKING:  # teachers take a while to import, which --help should not
    from analysis.explorer.choice import Choice
    from analysis.explorer.exploring import Explorer

PORT = 8765

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "port": {
        "metavar": "N",
        "type": int,
        "default": PORT,
        "help": f"where the page is, http://127.0.0.1:N; 0 = any that is free (default: {PORT})",
    },
}

READS = keys_of("demo", "teacher", *TEACHERS) | BOX_RULE
READS |= {"combination.strategy", "combination.min_votes"}
READS |= {"study.score", "study.score_iou"}
READS -= {"teacher.split", "teacher.logits"}

NUM_RANKED = 24
"""So many images prompts are ranked on."""

LABELLING = (
    "teacher/soft_label_generation.py",
    "util/multi_teacher/combination_strategies.py",
)
"""Scripts that make what was seen of all images."""

REFUSED = (
    "Label sets of these names that were made with other settings are refused:\n"
    "give --overwrite to make them anew, or another --paths.label_sets."
)
"""What users should know before they label again with what they have moved."""

KEPT_AS = "explored"
"""Name of what is saved, unless another is given."""


def main(argv: Sequence[str] | None = None) -> int:
    """Show the page until it is interrupted."""
    config, options = load_config(__doc__ or "", argv, OPTIONS, READS)
    from analysis.explorer.opening import find_start, open_explorer
    from analysis.explorer.page import list_gets, list_posts, render_page
    from analysis.explorer.ranking import PromptRanking
    from analysis.explorer.serving import HOST, Action, open_server
    from teacher.building import prepare_teacher

    prepared = prepare_teacher(config.teacher, config.own_sections(), config.paths)
    make_demo_if_asked(config.data.images, config.paths.demo, config.demo)
    image_paths = find_images(config.data.images)
    sections = (config.teacher, config.own_sections(), config.evaluation, config.combination)
    ids = list(image_paths)
    start = find_start(*sections, ids[0])

    def save(name: str, choice: "Choice", is_study: bool) -> str:
        return keep(config, explorer, start, name, choice, is_study)

    gets: dict[str, Action] = {}
    posts: dict[str, Action] = {}
    with (
        open_server(gets, posts, options.port) as server,  # before models are loaded, in vain else
        tempfile.TemporaryDirectory(prefix="murmuration-") as dropped,
    ):
        explorer = open_explorer(prepared, *sections, config.paths, image_paths, Path(dropped))
        sample = spread(ids, NUM_RANKED)
        ranking = PromptRanking(explorer, sample, config.data.groups)
        facts = describe(config, explorer, image_paths, len(sample))
        gets |= list_gets(explorer, ranking, render_page(start, KEPT_AS, facts))
        posts |= list_posts(explorer, ranking, save)
        with suppress(KeyboardInterrupt):  # the usual end
            print(f"Open http://{HOST}:{server.server_address[1]}/ (Ctrl+C ends it)", flush=True)
            server.serve_forever()
        ranking.end()
    return 0


def describe(
    config: Config, explorer: "Explorer", image_paths: Mapping[str, Path], num_ranked: int
) -> dict[str, Any]:
    """Say of teacher and images what the page shows, and which controls it needs."""
    from analysis.explorer.opening import find_study_lack, is_adjustable
    from util.prompts import PROMPTED

    return {
        "teacher": config.teacher.name,
        "combination": config.combination.strategy,
        "is_prompted": config.teacher.name in PROMPTED,
        "is_adjustable": is_adjustable(explorer),
        "folder": config.data.images.name,
        "num_images": len(image_paths),
        "num_ranked": num_ranked,
        "study_lacks": find_study_lack(config.data, config.evaluation, config.study, image_paths),
    }


def keep(
    config: Config,
    explorer: "Explorer",
    start: "Choice",
    name: str,
    choice: "Choice",
    is_study: bool,
) -> str:
    """Write a choice as a config of its own; an older one of the name is replaced.

    Args:
        config: That it changes.
        explorer: Knows the prompts' label sets.
        start: What the config says.
        name: Of the file, without the suffix.
        choice: What was chosen.
        is_study: Whether a study comes next, or labels.

    Returns:
        Where it is, and the commands that come next.

    Raises:
        UserError: It cannot be a config.
    """
    from analysis.explorer.choice import find_changes

    names = list(explorer.plan(choice.prompts).label_sets)
    changes = find_changes(choice, start, names, config.teacher.name)
    folder = config.paths.runs / "explorer"
    path = folder / f"{name}.json"
    done = "Replaced" if path.exists() else "Wrote"
    write_json(path, values_in(folder, override_config(config, changes, "the page")))
    scripts = ["analysis/prompt_study.py"] if is_study else LABELLING
    commands = [show_command(script, "--config", str(path)) for script in scripts]
    return "\n".join([f"{done} {path}", *commands, *([] if is_study else [REFUSED])])


if __name__ == "__main__":
    raise SystemExit(run_script(main))
