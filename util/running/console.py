"""What a script says, on a console that cannot show all of it or whose reader has gone."""

import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any


class _Outliving(io.RawIOBase):
    """A stream of bytes that takes what is written to it though nobody reads it any more."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.name = stream.name

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._stream.fileno())

    def isatty(self) -> bool:
        return bool(self._stream.isatty())

    def write(self, data: Any, /) -> int | None:
        try:
            written: int | None = self._stream.write(data)
            return written
        except BrokenPipeError:
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), self.fileno())
            return len(data)


def outlive_readers() -> None:
    """Let a script go on when the reader of its output has gone, as in `script | head`.

    What would be shown is lost, what is written to files is not. Characters that the console
    cannot encode are escaped. Does nothing to streams that are no console, pipe or file.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        buffer = getattr(stream, "buffer", None)
        raw = getattr(buffer, "raw", buffer)  # `python -u` has no buffer between
        if isinstance(raw, io.FileIO):
            with suppress(BrokenPipeError):
                stream.flush()
            outliving: Any = _Outliving(raw)
            patient = io.TextIOWrapper(
                outliving if raw is buffer else io.BufferedWriter(outliving),
                encoding=stream.encoding,
                errors="backslashreplace",
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            )
            setattr(sys, name, patient)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
