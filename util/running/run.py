"""How scripts start and end: logging, and errors as one sentence."""

import codecs
import errno
import logging
import shlex
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from traceback import clear_frames

from util.config import REPOSITORY
from util.errors import UserError
from util.running.console import outlive_readers

_OURS = ("analysis", "student", "teacher", "util")
"""Loggers of this project."""

_DISK_TROUBLE = {
    errno.ENOENT: "it does not exist",
    errno.EEXIST: "a file is in the place of a folder",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "there is no permission to use it",
    errno.EPERM: "there is no permission to use it",
    errno.EROFS: "the disk is read-only",
    errno.ENOTDIR: "a file is in the place of a folder",
    errno.EISDIR: "a folder is in the place of a file",
    errno.ENAMETOOLONG: "the name is too long",
}


def run_script(main: Callable[[], int]) -> int:
    """Run a script's main and turn what users can mend into one sentence.

    What a console cannot show, of whatever encoding it is, is escaped; a reader that goes away
    (`| head`) stops nothing.

    Returns:
        Exit status: that of main; 2 for bad input or a disk that cannot be written (what is
        finished is kept); 130 when interrupted. Any other exception keeps its traceback.
    """
    outlive_readers()
    screen = logging.StreamHandler(sys.stderr)
    screen.addFilter(_is_for_the_screen)  # no level, which progress bars would not take over
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[screen])
    try:
        return main()
    except UserError as error:
        clear_frames(error.__traceback__)  # so that progress bars end before our line
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        trouble = describe_disk_trouble(error)
        if trouble is None:
            raise
        print(
            f"error: {trouble}; mend that and run the same command again (finished work is kept)",
            file=sys.stderr,
        )
        return 2
    except UnicodeEncodeError as error:
        of_names = codecs.lookup(sys.getfilesystemencoding()).name
        if of_names == "utf-8" or codecs.lookup(error.encoding).name != of_names:
            raise
        print(
            f"error: {error.object!r} cannot be the name of a file here, where Python takes names "
            f"for {error.encoding}; set PYTHONUTF8=1",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt as stop:
        clear_frames(stop.__traceback__)  # so that progress bars end before our line
        print(
            "\ninterrupted; finished work is kept, and the same command goes on from there",
            file=sys.stderr,
        )
        return 130
    finally:  # what libraries say of themselves when the process ends comes after our last line
        logging.getLogger().removeHandler(screen)


def describe_disk_trouble(error: OSError) -> str | None:
    """Say which file cannot be used, and why; None where that is nothing that users can mend."""
    if error.errno not in _DISK_TROUBLE:
        return None
    return f"{error.filename or 'a file'} cannot be used: {_DISK_TROUBLE[error.errno]}"


def _is_for_the_screen(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.INFO


def print_next(
    command: Sequence[str], argv: Sequence[str] | None, also: Collection[str] = ()
) -> None:
    """Print the command that comes next, on the same config, data and folders as this script.

    Args:
        command: The script, from the root of the repository, and its arguments.
        argv: Arguments of this script, which has understood them; None = those of the process.
        also: Keys that the next script reads, too, as far as they are among these arguments.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    script, *arguments = command
    kept = []
    for index, word in enumerate(given):
        option, equals, _ = word.partition("=")
        is_where = option == "--config" or option.startswith(("--data.", "--paths.", "--demo."))
        # The last of two counts, and what the next script is told is not what this one was.
        if (is_where or option.removeprefix("--") in also) and option not in arguments:
            kept += [word] if equals else given[index : index + 2]
    print("Next:", show_command(script, *arguments, *kept))


def show_command(script: str, *arguments: str) -> str:
    """Show how a script, named from the root of the repository, is run from the folder one is in.

    Args:
        script: Such as `student/train.py`.
        arguments: What it is given.
    """
    path = REPOSITORY / script
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return shlex.join(["python", str(shown), *arguments])


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Write what is logged to a file too, added to what an earlier run has left there.

    Unlike the screen, it gets our details as well, such as tracebacks of images that cannot be
    read. There is no file where nothing is logged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    root = logging.getLogger()
    wanted = {root: logging.INFO, **{logging.getLogger(name): logging.DEBUG for name in _OURS}}
    levels = {logger: logger.level for logger in wanted}
    root.addHandler(handler)
    for logger, level in wanted.items():
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
        root.removeHandler(handler)
        handler.close()
