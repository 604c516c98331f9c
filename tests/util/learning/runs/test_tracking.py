"""Weights & Biases, where it is asked for."""

import json
import shutil
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.student.student_runs import label, train
from util.errors import UserError
from util.learning.runs.tracking import tracking


class FakeError(Exception):
    """Stands for `wandb.errors.Error`."""


class FakeWandb:
    """Notes what it is told; a stand-in for the package."""

    def __init__(self, *, has_account: bool = True, has_network: bool = True) -> None:
        self.errors = SimpleNamespace(Error=FakeError, UsageError=FakeError)
        self.has_account = has_account
        self.has_network = has_network
        self.told: list[tuple[str, Any]] = []

    def login(self, *, prompt: bool) -> bool:
        assert not prompt, "nobody may be there to answer"
        return self.has_account

    def init(self, **given: Any) -> Any:
        (Path(given["dir"]) / "wandb").mkdir(exist_ok=True)
        if not self.has_network:
            raise FakeError("timed out\nConsider increasing")
        self.told.append(("init", given))
        return SimpleNamespace(log=self.log, finish=self.finish, log_artifact=self.log_artifact)

    def setup(self, settings: object) -> None:
        pass

    def Settings(self, **given: Any) -> dict[str, Any]:  # noqa: N802  # its name there
        return given

    def Artifact(self, name: str, type: str) -> Any:  # noqa: N802  # its names there
        files: dict[str, str] = {}

        def add_file(local_path: str, name: str, policy: str, skip_cache: bool) -> None:
            assert (policy, skip_cache) == ("immutable", True), "no copies elsewhere"
            files[name] = Path(local_path).read_bytes().decode(errors="replace")

        return SimpleNamespace(name=name, type=type, add_file=add_file, files=files)

    def log_artifact(self, artifact: Any, aliases: list[str]) -> None:
        if not self.has_network:
            raise FakeError("the connection is lost")
        self.told.append(("model", (artifact.name, artifact.type, artifact.files, aliases)))

    def log(self, figures: dict[str, float], step: int) -> None:
        self.told.append(("log", (step, figures["epoch"])))

    def finish(self, exit_code: int) -> None:
        self.told.append(("finish", exit_code))


def use(monkeypatch: pytest.MonkeyPatch, **given: Any) -> FakeWandb:
    fake = FakeWandb(**given)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    return fake


def test_off_records_nothing_and_needs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with tracking("off", "project", tmp_path, "", {}) as record:
        record({"epoch": 1.0})
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with (
        pytest.raises(UserError, match=r"wandb is not installed; pip install wandb"),
        tracking("offline", "project", tmp_path, "id", {}),
    ):
        pass


@pytest.mark.parametrize(
    ("lacks", "message"),
    [("has_account", "no account is known; run `wandb login`"), ("has_network", "timed out; mend")],
)
def test_online_without_account_or_network_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacks: str, message: str
) -> None:
    use(monkeypatch, **{lacks: False})
    with (
        pytest.raises(UserError, match=message) as caught,
        tracking("online", "project", tmp_path, "id", {}),
    ):
        pass
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [None, UserError("no number"), KeyboardInterrupt()])
def test_a_training_is_one_record_closed_at_its_end_however_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException | None
) -> None:
    fake = use(monkeypatch)
    ended = nullcontext() if error is None else pytest.raises(type(error))
    with ended, tracking("offline", "project", tmp_path / "run", "id", {"a": 1}) as record:
        record({"epoch": 1.0})
        if error is not None:
            raise error
    (_, how), *rest = fake.told
    assert (how["name"], how["id"], how["resume"]) == ("run", "id", "allow")
    assert how["config"] == {"a": 1}
    assert rest == [("log", (1, 1.0)), ("finish", 0 if error is None else 1)]


def test_a_resumed_training_goes_on_with_its_record_and_another_has_another(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label(project)
    ids = []
    for _ in range(2):
        fake = use(monkeypatch)
        given = ["--tracking.mode", "offline", "--student.epochs", "3"]
        stopped = 0

        def stop_at_two(self: Any, figures: dict[str, float], step: int) -> None:
            nonlocal stopped
            stopped += 1
            if stopped == 2:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(FakeWandb, "log", stop_at_two)
            with pytest.raises(KeyboardInterrupt):
                train(project, *given, "--overwrite")
        train(project, *given, "--overwrite")
        kinds = [kind for kind, _ in fake.told]
        assert kinds == ["init", "finish", "init", "log", "model", "finish"]
        first, second = (how["id"] for kind, how in fake.told if kind == "init")
        assert first == second
        assert fake.told[-3] == ("log", (3, 3.0))
        name, kind, files, aliases = fake.told[-2][1]
        assert (name, kind, aliases) == (f"run_{first}_model", "model", ["best", "latest"])
        assert [*files] == ["best.pt", "config.json", "run.json", "metrics.csv"]
        assert json.loads(files["run.json"])["best"]["epoch"] in (1, 2, 3)
        assert fake.told[-1] == ("finish", 0)
        ids.append(first)
        facts = json.loads((project.parent / "runs/student/run.json").read_text())
        assert facts["tracking_id"] == first
        shutil.rmtree(project.parent / "runs/student")
    assert ids[0] != ids[1]


def test_a_model_that_cannot_be_filed_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fake = use(monkeypatch)
    (tmp_path / "best.pt").write_bytes(b"x")
    with tracking("online", "project", tmp_path, "id", {}):
        fake.has_network = False
    assert fake.told[-1] == ("finish", 0)
    assert "is not filed on Weights & Biases: the connection is lost" in caplog.text


def read_records(path: Path) -> bytes:
    """The records of a file, without the seven bytes in front of each block's rest of them."""
    block, header = 2**15, 7
    content = path.read_bytes()
    starts = range(block, len(content), block)
    return content[:block] + b"".join(content[at + header : at + block] for at in starts)


def wait_for_model(path: Path) -> None:
    """Wait until a file of records has the model: the process of wandb may still be writing it."""
    for _ in range(3000):
        if b"run_0123abcd_model" in read_records(path):
            return
        time.sleep(0.1)
    pytest.fail(f"no model is in {path}")


@pytest.mark.filterwarnings("ignore")
def test_offline_keeps_a_record_in_the_run_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    for epoch in (1, 2):  # stopped between them
        with tracking("offline", "project", tmp_path, "0123abcd", {"epochs": 2}) as record:
            record({"epoch": float(epoch), "val_f1": 0.5})
            (tmp_path / "best.pt").write_bytes(b"weights")
    records = list(tmp_path.rglob("*.wandb"))
    assert [path.name for path in records] == ["run-0123abcd.wandb"] * 2
    for path in records:
        wait_for_model(path)
    copies = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size == 7]
    assert copies == [tmp_path / "best.pt"]  # the record says where it lies
