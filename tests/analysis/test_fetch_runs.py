"""Runs fetched from a stand-in of the hub: what is taken, what is skipped, what is refused."""

import hashlib
import json
import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch

from analysis.fetch_runs import main
from util.errors import UserError
from util.learning.checkpoint import read_checkpoint, save_checkpoint


class FakeError(Exception):
    """Stands for `wandb.errors.Error`."""


class Entry:
    """A file of an artifact, or the address of one."""

    def __init__(self, name: str, content: bytes, ref: str | None = None) -> None:
        self.name, self.content, self.ref = name, content, ref
        self.downloads = 0

    def download(self, root: str, *, skip_cache: bool) -> str:
        assert self.ref is None, "an address is never followed"
        assert skip_cache, "the model would lie on the disk twice"
        self.downloads += 1
        path = Path(root) / self.name
        path.write_bytes(self.content)
        return str(path)


def make_run(run_id: str, name: str, files: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """A run with an artifact of files, as `wandb.Api().runs` gives it."""
    entries = {
        key: value if isinstance(value, Entry) else Entry(key, value)
        for key, value in (files or {}).items()
    }
    digest = hashlib.md5(repr([(k, e.content) for k, e in entries.items()]).encode()).hexdigest()
    artifact = SimpleNamespace(
        name=f"run_{run_id}_model:v0",
        aliases=["best", "latest"],
        digest=digest,
        manifest=SimpleNamespace(entries=entries),
    )
    other = SimpleNamespace(name="run_table:v0", aliases=["best"], digest="", manifest=None)
    found = {
        "id": run_id,
        "name": name,
        "state": "finished",
        "created_at": "2025-01-01",
        "path": ["team", "cameras", run_id],
        "config": {"epochs": 3, "_wandb": {}},
        "summary_metrics": {"best/mAP50": 0.5, "_wandb": {}},
        "logged_artifacts": lambda: [other] if files is None else [other, artifact],
    }
    return SimpleNamespace(**(found | more))


class FakeWandb:
    """A stand-in for the package, with the runs of one project."""

    def __init__(self, runs: list[Any], *, has_account: bool = True) -> None:
        self.errors = SimpleNamespace(Error=FakeError)
        self.all_runs, self.has_account = runs, has_account
        self.asked: list[tuple[str, Any]] = []

    def login(self, *, prompt: bool) -> bool:
        assert not prompt, "nobody may be there to answer"
        return self.has_account

    def Api(self) -> Any:  # noqa: N802  # its name there
        return SimpleNamespace(runs=self.runs)

    def runs(self, path: str, filters: Any, order: str) -> Any:
        self.asked.append((path, filters))
        if not path.endswith("cameras"):
            raise ValueError(f"Could not find project {path}\nSee the docs.")
        return iter(self.all_runs)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    told = {"paths": {"runs": "runs"}, "tracking": {"project": "cameras"}}
    path.write_text(json.dumps(told))
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "best.pt"
    save_checkpoint(path, {"model": {"weight": torch.ones(2)}})
    return path.read_bytes()


def fetch(monkeypatch: pytest.MonkeyPatch, config: Path, runs: list[Any], *more: str) -> FakeWandb:
    fake = FakeWandb(runs)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    assert main(["--config", str(config), *more]) == 0
    return fake


def refused(monkeypatch: pytest.MonkeyPatch, config: Path, runs: list[Any], *more: str) -> str:
    with pytest.raises(UserError) as error:
        fetch(monkeypatch, config, runs, *more)
    return str(error.value)


NAME = "WALT-cam1-week1_s_t_n-first_stream-based_16"


def files_of(model: bytes) -> dict[str, bytes]:
    facts = {"config.json": b"{}", "run.json": b'{"best": {"epoch": 2}}'}
    return {"best.pt": model, **facts, "metrics.csv": b"epoch\n1\n2\n"}


def test_finished_runs_become_run_folders_and_a_table(
    config: Path, model: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    surplus = {**files_of(model), "../../evil.txt": b"x", "last.pt": b"x"}
    runs = [
        make_run("a1", NAME, surplus),
        make_run("a2", "running", files_of(model), state="running"),
        make_run("a3", "other", files_of(model)),
    ]
    told = ["--fetching.prefix", "WALT", "--fetching.entity", "team"]
    query = {"config.epochs": 3}
    fake = fetch(monkeypatch, config, runs, *told, "--fetching.filters", json.dumps(query))
    assert fake.asked == [("team/cameras", {"$and": [{"state": "finished"}, query]})]
    folder = config.parent / "runs"
    assert sorted(path.name for path in folder.iterdir()) == [NAME, "cameras.csv"]
    there = {path.name for path in (folder / NAME).iterdir()} - {".lock"}
    assert there == {"best.pt", "config.json", "run.json", "metrics.csv", "fetched.json"}
    assert (folder / NAME / "metrics.csv").read_bytes() == b"epoch\n1\n2\n"
    assert read_checkpoint(folder / NAME / "best.pt")["model"]["weight"].tolist() == [1, 1]
    table = pd.read_csv(folder / "cameras.csv", sep=";")
    assert table["name"].tolist() == [NAME]
    assert json.loads(table["summary"][0]) == {"best/mAP50": 0.5}
    assert json.loads(table["config"][0]) == {"epochs": 3}
    out = capsys.readouterr().out
    assert "1 models fetched, 0 were there" in out
    assert f"student/test.py --student.run {NAME}" in out


def test_what_is_there_is_not_fetched_again_unless_it_differs(
    config: Path, model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    best = config.parent / "runs" / NAME / "best.pt"

    def downloads(content: bytes) -> int:
        run = make_run("a1", NAME, files_of(content))
        fetch(monkeypatch, config, [run])
        (artifact,) = run.logged_artifacts()[1:]
        return artifact.manifest.entries["best.pt"].downloads

    assert [downloads(model), downloads(model)] == [1, 0]
    best.write_bytes(model[:-1])  # damaged
    assert downloads(model) == 1
    assert best.read_bytes() == model
    save_checkpoint(best.with_name("x.pt"), {"model": {}, "epoch": 7})
    other = best.with_name("x.pt").read_bytes()
    assert downloads(other) == 1  # there is a better one on the hub
    assert best.read_bytes() == other


def test_a_run_that_was_trained_here_stays_and_another_is_not_replaced(
    config: Path, model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = config.parent / "runs" / NAME
    folder.mkdir(parents=True)
    (folder / "best.pt").write_bytes(b"mine")
    (folder / "run.json").write_text('{"tracking_id": "a1"}')
    (folder / "metrics.csv").write_text("epoch")
    runs = [make_run("a1", NAME, files_of(model))]
    fetch(monkeypatch, config, runs)
    assert (folder / "best.pt").read_bytes() == b"mine"
    (folder / "run.json").write_text('{"tracking_id": "b2"}')
    assert "has other runs of these names" in refused(monkeypatch, config, runs)
    assert (folder / "best.pt").read_bytes() == b"mine"
    (folder / "run.json").unlink()
    (folder / "curves.png").write_bytes(b"mine")
    assert "has other runs of these names" in refused(monkeypatch, config, runs)
    fetch(monkeypatch, config, runs, "--overwrite")
    assert (folder / "best.pt").read_bytes() == model
    assert (folder / "metrics.csv").read_text() != "epoch"  # it was of the other
    assert not (folder / "curves.png").exists()
    (folder / "metrics.csv").write_text("epoch")
    older = {name: content for name, content in files_of(model).items() if name != "metrics.csv"}
    fetch(monkeypatch, config, [make_run("a1", NAME, older)], "--overwrite")
    assert not (folder / "metrics.csv").exists()


class Evil:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> Any:
        return (print, ("code was run",))


def test_what_cannot_be_trusted_is_left_and_the_others_are_fetched(
    config: Path, model: bytes, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    address = Entry("best.pt", b"", ref="file:///etc/passwd")
    runs = [
        make_run("a1", "code", {"best.pt": pickle.dumps({"model": Evil()})}),
        make_run("a2", "address", {"best.pt": address}),
        make_run("a3", "nothing", {"last.pt": model}),
        make_run("a4", "unfiled"),
        make_run("a5", "odd", {"best.pt": model, "run.json": b"[]"}),
        make_run("a6", NAME, files_of(model)),
    ]
    for _ in range(2):  # what has failed is in nobody's way
        told = refused(monkeypatch, config, runs)
        assert "code: " in told
        assert "no checkpoint that can be read safely" in told
        assert "address: its artifact has addresses in place of files: best.pt" in told
        assert "nothing: its artifact has no best.pt" in told
        assert "unfiled: it has filed no model" in told
        assert "run.json holds no JSON object" in told
        folder = config.parent / "runs"
        assert sorted(path.name for path in folder.iterdir()) == [NAME, "cameras.csv"]
        assert "code was run" not in capfd.readouterr().out


@pytest.mark.parametrize(
    "name", ["../x", "{here}/x", "..", ".hidden", "a\\b", "C:x", "a\nb", "", "x ", "a" * 300]
)
def test_names_never_leave_the_folder(
    config: Path, model: bytes, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    name = name.replace("{here}", str(config.parent))
    runs = [make_run("a1", name, files_of(model)), make_run("a2", "fine", files_of(model))]
    before = sorted(config.parent.rglob("*"))
    assert "is no name of a folder; rename" in refused(monkeypatch, config, runs)
    assert sorted(config.parent.rglob("*")) == before


def test_what_is_wrong_with_the_project_is_one_sentence(
    config: Path, model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [make_run(each, NAME, files_of(model)) for each in ("a1", "a2")]
    assert f"'{NAME}' has a1, a2; rename" in refused(monkeypatch, config, runs)
    told = refused(monkeypatch, config, runs, "--fetching.prefix", "AI")
    assert "cameras has no finished run that begins with 'AI'" in told
    told = refused(monkeypatch, config, runs, "--tracking.project", "birds")
    assert "cannot be used: Could not find project birds; mend" in told
    assert "tracking.project is 'a/b'" in refused(
        monkeypatch, config, runs, "--tracking.project", "a/b"
    )
    monkeypatch.setitem(sys.modules, "wandb", FakeWandb(runs, has_account=False))
    with pytest.raises(UserError, match="no account of Weights & Biases is known"):
        main(["--config", str(config)])
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match="the package wandb is not installed"):
        main(["--config", str(config)])
    assert not (config.parent / "runs").exists()
