"""How config files are read and written, and how single values are replaced.

Relative paths in a file, and paths that it leaves out, are relative to the file; on the command
line, to the working directory.
"""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from util.config.data import DataSection
from util.config.errors import describe_errors
from util.config.fields import REPOSITORY, Section
from util.config.paths import PathsSection
from util.config.schema import Config, config_fields
from util.config.video import VideoSection
from util.disk.json_text import parse_json
from util.disk.whole_files import write_json
from util.errors import UserError

DEFAULT_CONFIG = REPOSITORY / "config.json"

OF_IMAGES = ("splits", "ground_truth", "masks")
"""Keys of `data` that are of the images that it names, and of no others."""


def read_config(path: Path) -> Config:
    """Read a config file; keys that it lacks get their defaults.

    Raises:
        UserError: The file is missing or no JSON, or has unknown keys or impossible values.
    """
    if path.is_dir():
        raise UserError(f"the config {path} is a folder; give the file in it with --config FILE")
    try:
        content = parse_json(path.read_bytes())
    except OSError as error:
        raise UserError(
            f"the config {path} cannot be read ({error.strerror}); give one with --config FILE"
        ) from None
    except ValueError as error:
        raise UserError(f"the config {path} cannot be used: {error}") from None
    return _validate(fill_in(content), path.resolve().parent, str(path))


def fill_in(content: Any) -> Any:
    """Add the paths that a config file leaves out.

    Folders for output, those of windows and frames too, lie beside the file. Images are the demo's,
    with its splits and truth; images of the user's own have none but those that the file names. Of
    a truth of the user's own all classes count.
    """
    if not isinstance(content, dict):
        return content
    paths, data, video = (content.get(name, {}) for name in ("paths", "data", "video"))
    if not all(isinstance(section, dict) for section in (paths, data, video)):
        return content
    demo = PathsSection().demo
    usual = {**_outputs(PathsSection), "demo": demo.relative_to(REPOSITORY).as_posix()}
    del usual["weights"]  # which are for all projects
    paths = usual | paths
    unsaid: dict[str, str | None]
    if not {"ground_truth", "images", "masks"}.isdisjoint(data):
        data = {"ground_truth_classes": []} | data
    if "images" in data:
        unsaid = dict.fromkeys(OF_IMAGES)
    else:
        places = {key: getattr(DataSection(), key) for key in ("images", *OF_IMAGES)}
        unsaid = {k: f"{paths['demo']}/{v.relative_to(demo).as_posix()}" for k, v in places.items()}
    video = _outputs(VideoSection) | video
    return {**content, "paths": paths, "data": {**unsaid, **data}, "video": video}


def _outputs(section: type[Section]) -> dict[str, str]:
    """Name the folders of a section as those of the repository, without what they lie in."""
    defaults = {key: field.default for key, field in section.model_fields.items()}
    return {key: place.name for key, place in defaults.items() if isinstance(place, Path)}


def override_config(
    config: Config, overrides: Mapping[str, Mapping[str, Any]], source: str = "command line"
) -> Config:
    """Replace single values, `{section: {key: value}}`; `source` is for errors.

    The demo's splits and truth go where images become the user's own: they say nothing of them. So
    do its classes where images or truth do.

    Raises:
        UserError: A key is unknown or a value impossible.
    """
    values = config.model_dump()
    for section, changes in overrides.items():
        values[section] = {**values.get(section, {}), **changes}
    replaced = _validate(values, Path.cwd(), source)
    return _drop_demo(config.data, replaced, overrides.get("data", {}))


def _drop_demo(before: DataSection, config: Config, given: Collection[str]) -> Config:
    """Take what the demo says of its images, but for what is given, from those of another."""
    data, demo = config.data, config.paths.demo

    def is_of_demo(place: Path | None) -> bool:
        return place is not None and place.is_relative_to(demo)

    own = {key for key in ("images", "ground_truth") if key in given}
    own = {key for key in own if not is_of_demo(getattr(data, key))}
    unsaid: dict[str, Any] = {}
    if "images" in own:
        unsaid = {key: None for key in OF_IMAGES if is_of_demo(getattr(data, key))}
    if own and is_of_demo(before.ground_truth):
        unsaid["ground_truth_classes"] = []
    unsaid = {key: value for key, value in unsaid.items() if key not in given}
    return config.model_copy(update={"data": data.model_copy(update=unsaid)}) if unsaid else config


def values_in(folder: Path, config: Config) -> dict[str, Any]:
    """Give the JSON values of a copy of a config in a folder of `paths.runs`.

    Paths beside `paths.runs` are relative to the folder, so that a project which is moved or copied
    as a whole reads and writes its own files. All others are absolute.
    """
    project = config.paths.runs.parent
    is_link = folder.resolve() != project.resolve() / folder.relative_to(project)

    def from_folder(path: Path) -> str:
        is_beside = path.is_relative_to(project) and not is_link
        return os.path.relpath(path, folder) if is_beside else str(path)

    return config.model_dump(mode="json", context={"move": from_folder})


def write_config(folder: Path, config: Config) -> None:
    """Keep a copy of a config, `config.json`, in a folder of `paths.runs`."""
    write_json(folder / "config.json", values_in(folder, config))


def _validate(values: Any, base: Path, source: str) -> Config:
    """Make a config of JSON values and paths; relative ones begin at `base`.

    Raises:
        UserError: Keys are unknown or values impossible; all are named.
    """
    try:
        return Config.model_validate(values, strict=True, context={"base": base})
    except ValidationError as error:
        known = [*Config.model_fields, *config_fields()]
        raise UserError(describe_errors(error, source, known)) from None
