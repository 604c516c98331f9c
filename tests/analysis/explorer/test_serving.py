import http.client
import json
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread

import pytest

from analysis.explorer import serving
from analysis.explorer.serving import JSON, Reply, open_server, reply_json
from util.errors import UserError


def fail(*_: object) -> Reply:
    raise UserError("there is no such thing")


def break_down(*_: object) -> Reply:
    raise RuntimeError("a bug")


def write_name(query: Mapping[str, str], _: bytes) -> Reply:
    Path(query["name"]).write_text("")
    return reply_json({})


@pytest.fixture
def port() -> Iterator[int]:
    gets = {
        "/": lambda query, _: reply_json(dict(query)),
        "/fail": fail,
        "/bug": break_down,
        "/write": write_name,
    }
    server = open_server(gets, {"/echo": lambda _, data: Reply(JSON, data)}, 0)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def ask(
    port: int, path: str, data: bytes | None = None, **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET" if data is None else "POST", path, data, named)
    reply = connection.getresponse()
    content = reply.read()
    connection.close()
    return reply.status, reply.headers, content


def test_requests_are_answered_by_their_path(port: int) -> None:
    status, headers, content = ask(port, "/?find=a%20b")
    assert (status, json.loads(content)) == (200, {"find": "a b"})
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert ask(port, "/echo", b"[1]", Content_Type=JSON)[2] == b"[1]"
    assert ask(port, "/other")[0] == 404


def test_what_a_user_can_mend_is_told_and_a_bug_is_logged(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    status, _, content = ask(port, "/fail")
    assert (status, json.loads(content)) == (400, {"error": "there is no such thing"})
    assert not caplog.records
    assert ask(port, "/bug")[0] == 500
    assert "a bug" in caplog.text


def test_what_the_disk_refuses_is_told_and_is_no_bug(
    port: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, why in [("x" * 300, "the name is too long"), ("no/x", "it does not exist")]:
        status, _, content = ask(port, f"/write?name={tmp_path}/{name}")
        told = f"{tmp_path}/{name} cannot be used: {why}; mend that and try again"
        assert (status, json.loads(content)) == (400, {"error": told})
    assert not caplog.records


def test_a_browser_that_is_gone_without_a_word_is_no_error(
    port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    before = set(threading.enumerate())
    with socket.create_connection(("127.0.0.1", port)) as browser:
        browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        browser.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        assert browser.recv(1) == b"H"  # the rest stays unread
    for answering in set(threading.enumerate()) - before:
        answering.join()
    assert capfd.readouterr().err == ""


def test_other_pages_of_the_browser_are_refused(port: int) -> None:
    assert ask(port, "/", Host="evil.example")[0] == 403
    assert ask(port, "/", Origin="http://evil.example")[0] == 403
    assert ask(port, "/echo", b"[1]", Content_Type=JSON, Origin="null")[0] == 403
    assert ask(port, "/", Origin=f"http://127.0.0.1:{port}")[0] == 200
    assert ask(port, "/", Host=f"localhost:{port}")[0] == 200
    # another machine's port that is forwarded to this one, and a page of another server here
    assert ask(port, "/", Host="localhost:9", Origin="http://localhost:9")[0] == 200
    assert ask(port, "/", Host="localhost")[0] == 200
    assert ask(port, "/", Host="[", Origin="http://[")[0] == 403
    assert ask(port, "/", Host=f"localhost:{port}", Origin="http://localhost:9")[0] == 403
    # what a form can send without being asked
    assert ask(port, "/echo", b"[1]", Content_Type="text/plain")[0] == 415


def test_too_much_is_refused_and_not_read(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "MOST_BYTES", 10)
    assert ask(port, "/echo", b"0123456789", Content_Type=JSON)[0] == 200
    assert ask(port, "/echo", b"01234567890", Content_Type=JSON)[0] == 413


def test_a_port_that_is_taken_is_an_error_of_the_user(port: int) -> None:
    with pytest.raises(UserError, match=rf"--port is {port}, which cannot be used"):
        open_server({}, {}, port)
    with pytest.raises(UserError, match="--port is 70000"):
        open_server({}, {}, 70000)
