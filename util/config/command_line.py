"""The command line of a script: an option for every key of the config that the script reads."""

import argparse
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Literal, NoReturn, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from util.config import (
    DEFAULT_CONFIG,
    REPOSITORY,
    Config,
    config_fields,
    expand_path,
    keys_of,
    override_config,
    read_config,
)
from util.config.errors import nearest_keys
from util.disk.json_text import parse_json
from util.errors import UserError

Options = Mapping[str, Mapping[str, Any]]
"""Arguments of argparse's `add_argument` by the name of an option; of what stands without one, such
as files, where they have `nargs`."""

OVERWRITE: Options = {
    "overwrite": {"action": "store_true", "help": "redo what was made with other settings"}
}

_EPILOG = """\
A list is given by repeating its option, or as JSON; of other options given twice the last counts.
A value that begins with a dash needs an equals sign: --teacher.prompts=-x. null stands for none."""

_METAVARS = {bool: "{true,false}", float: "X", int: "N", str: "TEXT", Path: "PATH", dict: "JSON"}


def load_config(
    description: str,
    argv: Sequence[str] | None = None,
    options: Options = MappingProxyType({}),
    reads: Collection[str] | None = None,
) -> tuple[Config, argparse.Namespace]:
    """Read the config file and the command line of a script.

    The file is read whole, since many scripts share it. A key that is given on the command line is
    one that the script reads, so that nobody waits for what it would change.

    Args:
        description: The script's docstring, shown by `--help`.
        argv: Arguments without the script's name; None = those of the process.
        options: What the script alone understands.
        reads: Keys that it reads, such as `student.epochs`, which `--help` shows; None = all. Those
            of `paths`, `data` and `demo` need not be named: a stage hands them on to the next.

    Returns:
        The config, and the script's own options by name.

    Raises:
        UserError: The file, options or values are wrong; all are named together.
        SystemExit: `--help` (0), or a shell has asked what completes a command.
    """
    known = config_fields() if reads is None else keys_of("paths", "data", "demo") | set(reads)
    shown = [key for key in config_fields() if key in known]
    parser = _build_parser(description, options, shown)
    if "_ARGCOMPLETE" in os.environ:
        _complete(parser)
    arguments, unknown = parser.parse_known_args(argv)
    given = {
        # Of --KEY=--, argparse makes an empty list.
        key: ["--" if text == [] else text for text in texts]
        for key in config_fields()
        if (texts := getattr(arguments, key))
    }
    named = [name for name, keywords in options.items() if "nargs" not in keywords]
    problems = [
        *_describe_unknown(unknown, ["config", *named, *shown]),
        *(
            f"--{key} is not read by {parser.prog} (--help lists what is)"
            for key in given
            if key not in shown
        ),
    ]
    try:
        config = override_config(read_config(arguments.config), _read_overrides(given))
    except UserError as error:
        problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    return config, arguments


def _complete(parser: argparse.ArgumentParser) -> NoReturn:
    """Answer a shell that completes a command; the script itself must not run then.

    It asks scripts that have `PYTHON_ARGCOMPLETE_OK` in their first lines. Where the environment of
    the script has no argcomplete, nothing is completed.
    """
    with suppress(ModuleNotFoundError):
        import argcomplete

        for action in parser._actions:  # argcomplete looks there, too
            field = config_fields().get(action.dest)
            if field is not None and (values := list_values(field)):  # else files are completed
                completer = argcomplete.ChoicesCompleter(dict.fromkeys(values, ""))
                action.completer = completer  # type: ignore[attr-defined]
        argcomplete.autocomplete(parser)
    raise SystemExit(1)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are sentences like those of the config."""

    def error(self, message: str) -> NoReturn:
        option, _, trouble = message.removeprefix("argument ").partition(": ")
        if trouble == "expected one argument":
            trouble = f"expected a value; one that begins with a dash is given as {option}=-VALUE"
        elif trouble.startswith("ignored explicit argument"):
            trouble = "it takes no value"
        raise UserError(f"{option}: {trouble}" if trouble else option)


def _build_parser(description: str, options: Options, shown: Collection[str]) -> _Parser:
    """Make an argument of each key; `--help` shows some."""
    own = "".join(map(_usage, options, options.values()))
    parser = _Parser(
        description=description,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage=f"%(prog)s [--config FILE] {own}[--section.key VALUE ...]",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config",
        type=_read_file_name,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help="JSON file (default: config.json)",
    )
    for name, keywords in options.items():
        parser.add_argument(name if "nargs" in keywords else f"--{name}", **keywords)
    groups = {
        section: parser.add_argument_group(section, Config.model_fields[section].description)
        for section in dict.fromkeys(key.split(".")[0] for key in shown)
    }
    for key, field in config_fields().items():
        group = groups[key.split(".")[0]] if key in shown else parser
        group.add_argument(
            f"--{key}",
            dest=key,
            action="append",
            metavar=describe_kind(field),
            help=_help(field) if key in shown else argparse.SUPPRESS,
        )
    return parser


def _usage(name: str, keywords: Mapping[str, Any]) -> str:
    """Show how an option of a script is given, or what stands without one."""
    value = keywords.get("metavar", "")
    if "nargs" in keywords:
        return f"{value} ... "
    return f"[--{name} {value}] " if value else f"[--{name}] "


def _read_file_name(text: str) -> Path:
    try:
        return expand_path(text, Path())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _help(field: FieldInfo) -> str:
    """Give the sentence of a key and its default."""
    return f"{field.description} (default: {describe_default(field)})".replace("%", "%%")


def describe_default(field: FieldInfo) -> str:
    """Give the default of a key as it stands in a config file, text without quotes."""
    default = json.dumps(field.default, ensure_ascii=False, default=_below_repository)
    return default.strip('"') if isinstance(field.default, str | Path) else default


def _below_repository(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def describe_kind(field: FieldInfo) -> str:
    """Say what kind of value a key takes, or each value of its list."""
    kind = _plain_type(field.annotation)
    if get_origin(kind) is list:
        (item,) = get_args(kind)
        return _METAVARS.get(_plain_type(item), "JSON")
    if get_origin(kind) is dict:
        return "NAME=VALUE"
    if get_origin(kind) is Literal:
        return f"{{{','.join(map(str, get_args(kind)))}}}"
    return _METAVARS.get(kind, "VALUE")


def list_values(field: FieldInfo) -> list[str]:
    """List the values that a key can take, or each of its list; [] where they cannot be told."""
    kind = _plain_type(field.annotation)
    if get_origin(kind) is list:
        kind = _plain_type(get_args(kind)[0])
    values = ["true", "false"] if kind is bool else []
    if get_origin(kind) is Literal:
        values = [str(value) for value in get_args(kind)]
    return [*values, "null"] if values and NoneType in get_args(field.annotation) else values


def _plain_type(annotation: Any) -> Any:
    """Take `Annotated` and `| None` off a type."""
    if get_origin(annotation) is Annotated:
        return _plain_type(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
        return _plain_type(kinds[0]) if len(kinds) == 1 else annotation
    return annotation


def _read_overrides(given: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
    """Turn the texts of each key into values, by section and key.

    Raises:
        UserError: A list has commas, or an object is no JSON; all are named.
    """
    overrides: dict[str, dict[str, Any]] = {}
    problems = []
    for key, texts in given.items():
        section, name = key.split(".")
        values = overrides.setdefault(section, {})
        try:
            values[name] = _read_values(texts, config_fields()[key].annotation)
        except ValueError as error:
            problems.append(f"--{key} is {' '.join(texts)}; {error}")
    if problems:
        raise UserError("\n".join(problems))
    return overrides


def _read_values(texts: Sequence[str], annotation: Any) -> Any:
    """Read what was given for a key, once or several times, as its type asks.

    What cannot be read stays text, of which the config says what it should be.
    """
    kind = _plain_type(annotation)
    if texts[-1] == "null" and NoneType in get_args(annotation):
        return None
    if get_origin(kind) is list:
        (item,) = get_args(kind)
        return [value for text in texts for value in _read_items(text, _plain_type(item))]
    if get_origin(kind) is dict:
        return _read_named(texts, _plain_type(get_args(kind)[1]))
    return _read_value(texts[-1], kind)


def _read_items(text: str, kind: Any) -> list[Any]:
    """Read a JSON list, or one value, which may well begin with a bracket."""
    if text.startswith("["):
        try:
            items = parse_json(text)
        except ValueError:
            pass
        else:
            return list(items)
    if kind in (int, float) and "," in text:
        raise ValueError(f"a list is given by repeating its option, or as JSON: [{text}]")
    return [_read_value(text, kind)]


def _read_named(texts: Sequence[str], kind: Any) -> dict[str, Any]:
    """Read values with names, given as NAME=VALUE or as JSON objects."""
    named: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if text.startswith("{"):
            named |= parse_json(text)
        elif "," in value:
            raise ValueError("each NAME=VALUE has an option of its own, so repeat it")
        elif equals:
            named[name] = _read_value(value, kind)
        else:
            raise ValueError("expected NAME=VALUE, or a JSON object")
    return named


def _read_value(text: str, kind: Any) -> Any:
    """Read one value: text and paths are what they are, the rest is JSON, with Python's numbers."""
    if kind in (str, Path) or get_origin(kind) is Literal:
        return text
    if get_origin(kind) is dict:
        return parse_json(text)
    try:
        return kind(text) if kind in (int, float) else parse_json(text.lower())
    except ValueError:
        return text


def _describe_unknown(words: Sequence[str], known: Collection[str]) -> Iterator[str]:
    """Say of each word that belongs to no option what may have been meant."""
    is_value = False  # of the unknown option before it
    for word in words:
        name, equals, _ = word.partition("=")
        if not word.startswith("-"):
            if not is_value:
                yield (
                    f"{word!r} belongs to no option; a value is given as --section.key VALUE, a "
                    "list by repeating that, and text with blanks in quotes"
                )
            is_value = False
            continue
        is_value = not equals
        if name.removeprefix("--") in Config.model_fields:
            yield f"{name} is a section; give {name}.KEY VALUE (--help lists the keys)"
        elif near := nearest_keys(name.lstrip("-"), known):
            yield f"unknown option {name}; did you mean --{' or --'.join(near)}?"
        else:
            yield f"unknown option {name} (--help lists all options)"
