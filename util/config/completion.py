"""What a shell is told that completes the command line of a script."""

import argparse
from contextlib import suppress
from typing import Any, NoReturn

from util.config import config_fields, override_config, read_config
from util.config.values import list_given, list_values, read_overrides
from util.errors import UserError

_LABEL_SETS = frozenset(
    key
    for key in config_fields()
    if key.endswith((".label_set", ".label_sets", "_label_set")) and not key.startswith("paths.")
)
"""Keys whose values name label sets."""


def complete(parser: argparse.ArgumentParser) -> NoReturn:
    """Answer a shell that completes a command; the script itself must not run then.

    It asks scripts that have `PYTHON_ARGCOMPLETE_OK` in their first lines. Where the environment of
    the script has no argcomplete, nothing is completed.
    """
    with suppress(ModuleNotFoundError):
        import argcomplete

        for action in parser._actions:  # argcomplete looks there, too
            field = config_fields().get(action.dest)
            if action.dest in _LABEL_SETS:
                action.completer = _list_label_sets  # type: ignore[attr-defined]
            elif field is not None and (values := list_values(field)):  # else files are completed
                completer = argcomplete.ChoicesCompleter(dict.fromkeys(values, ""))
                action.completer = completer  # type: ignore[attr-defined]
        argcomplete.autocomplete(parser)
    raise SystemExit(1)


def _list_label_sets(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """List the label sets at hand for a shell; none where the config cannot be read."""
    from util.label_set.finding import list_own_label_sets

    with suppress(UserError):
        given = read_overrides(list_given(parsed_args))
        config = override_config(read_config(parsed_args.config), given)
        return [folder.name for folder in list_own_label_sets(config.paths.label_sets)]
    return []
