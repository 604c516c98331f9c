"""The command line of a script: an option for every key of the config that the script reads."""

import argparse
import logging
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from pydantic.fields import FieldInfo

from util.config import (
    DEFAULT_CONFIG,
    Config,
    config_fields,
    expand_path,
    keys_of,
    override_config,
    read_config,
)
from util.config.completion import complete
from util.config.errors import nearest_keys
from util.config.values import describe_default, describe_kind, list_given, read_overrides
from util.demo.settings import describe_other_demo
from util.errors import UserError

logger = logging.getLogger(__name__)

Options = Mapping[str, Mapping[str, Any]]
"""Arguments of argparse's `add_argument` by the name of an option; of what stands without one, such
as files, where they have `nargs`."""

OVERWRITE: Options = {
    "overwrite": {"action": "store_true", "help": "redo what was made with other settings"}
}

_EPILOG = """\
A list is given by repeating its option, or as JSON; of other options given twice the last counts.
A value that begins with a dash needs an equals sign: --teacher.prompts=-x. null stands for none."""


def load_config(
    description: str,
    argv: Sequence[str] | None = None,
    options: Options = MappingProxyType({}),
    reads: Collection[str] | None = None,
) -> tuple[Config, argparse.Namespace]:
    """Read the config file and the command line of a script; say where the demo is another one.

    The file is read whole, since many scripts share it. A key that is given on the command line is
    one that the script reads, so that nobody waits for what it would change.

    Args:
        description: The script's docstring, shown by `--help`.
        argv: Arguments without the script's name; None = those of the process.
        options: What the script alone understands.
        reads: Keys that it reads, such as `student.epochs`, which `--help` shows; None = all. Those
            of `paths`, `data` and `demo` need not be named: a stage hands them on to the next. Who
            makes the demo names its keys, and refuses another one, of which others are told.

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
        complete(parser)
    arguments, unknown = parser.parse_known_args(argv)
    given = list_given(arguments)
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
        config = override_config(read_config(arguments.config), read_overrides(given))
    except UserError as error:
        problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    if reads is not None and keys_of("demo").isdisjoint(reads):
        other = describe_other_demo(config.data.images, config.paths.demo, config.demo)
        if other:
            logger.warning(other)
    return config, arguments


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
            help=_help(key, field) if key in shown else argparse.SUPPRESS,
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


def _help(key: str, field: FieldInfo) -> str:
    """Give the sentence of a key and its default."""
    return f"{field.description} (default: {describe_default(key, field)})".replace("%", "%%")


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
