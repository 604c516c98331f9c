"""A server of one page for the browser on this machine, and for nobody else.

It listens on 127.0.0.1. Other pages that the same browser shows could still send requests here, so
what they send is refused: by the name of this server, which another name that leads here lacks, and
by kinds of content that a page may not send elsewhere without being asked.
"""

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from util.errors import UserError
from util.running.run import describe_disk_trouble

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"

MOST_BYTES = 2**26
"""So much may be sent at once: a photo of a large camera."""

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    ]
)
"""What browsers let the page take: nothing from outside."""

JSON, BYTES = "application/json", "application/octet-stream"


@dataclass(frozen=True)
class Reply:
    """What is sent to the browser.

    Attributes:
        kind: Its MIME type.
        data: Its content.
        status: Of HTTP.
    """

    kind: str
    data: bytes
    status: int = 200


Action = Callable[[Mapping[str, str], bytes], Reply]
"""Answers a request: what stands behind `?` in its address, and what was sent with it."""


def reply_json(value: Any, status: int = 200) -> Reply:
    """Answer with JSON."""
    return Reply(JSON, json.dumps(value, allow_nan=False).encode(), status)


def open_server(
    gets: Mapping[str, Action], posts: Mapping[str, Action], port: int
) -> ThreadingHTTPServer:
    """Open a server; `serve_forever` lets it answer.

    Args:
        gets: What answers requests that change nothing, by path; may be filled later.
        posts: What answers those that are sent JSON or bytes.
        port: Where it listens; 0 = any that is free.

    Raises:
        UserError: The port is taken, or may not be used.
    """

    class Handler(_Handler):
        actions: ClassVar = {"GET": gets, "POST": posts}

    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except (OSError, OverflowError) as error:
        raise UserError(f"--port is {port}, which cannot be used ({error}); give another") from None
    server.daemon_threads = True
    return server


def _reply_error(error: Exception, path: str) -> Reply:
    """Answer with what the user can mend; anything else is logged as a bug of ours."""
    if isinstance(error, UserError):
        return reply_json({"error": str(error)}, 400)
    if isinstance(error, OSError) and (trouble := describe_disk_trouble(error)) is not None:
        return reply_json({"error": f"{trouble}; mend that and try again"}, 400)
    logger.error("the explorer cannot answer %s", path, exc_info=error)
    text = "something is wrong with the explorer; the terminal that it runs in says what"
    return reply_json({"error": text}, 500)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request after another."""

    protocol_version = "HTTP/1.1"
    actions: ClassVar[Mapping[str, Mapping[str, Action]]]

    def handle(self) -> None:
        """Answer until the browser is gone, be it without a word and with an answer unread."""
        with suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        """Answer what changes nothing."""
        self._answer(b"")

    def do_POST(self) -> None:
        """Answer what is sent something."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            self.close_connection = True  # what was sent is not read
            error = f"what is sent may have at most {MOST_BYTES // 2**20} MB"
            self._send(reply_json({"error": error}, 413))
            return
        data = self.rfile.read(int(length))
        if self.headers.get_content_type() not in (JSON, BYTES):
            self._send(reply_json({"error": f"expected {JSON} or {BYTES}"}, 415))
            return
        self._answer(data)

    def _answer(self, data: bytes) -> None:
        if not self._is_from_here():
            self._send(reply_json({"error": "this server is for its own page alone"}, 403))
            return
        address = urlsplit(self.path)
        action = self.actions[self.command].get(address.path)
        if action is None:
            self._send(reply_json({"error": f"there is no {address.path}"}, 404))
            return
        query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        try:
            reply = action(query, data)
        except Exception as error:
            reply = _reply_error(error, address.path)
        self._send(reply)

    def _is_from_here(self) -> bool:
        """Tell whether the page that asks is ours, by whatever port of this machine it was reached.

        Ports are forwarded from others, and these two names never stand for another machine.
        """
        host = self.headers.get("Host", "")
        is_ours = self.headers.get("Origin") in (None, f"http://{host}")
        return is_ours and host.partition(":")[0] in (HOST, "localhost")

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.data)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(reply.data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of requests that are answered."""
