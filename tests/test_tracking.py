import sys
from pathlib import Path

import pytest

from util.errors import UserError
from util.tracking import start_tracking


def test_off_records_nothing_and_needs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    start_tracking("off", "project", tmp_path, {})({"epoch": 1.0})
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match=r"wandb is not installed; pip install wandb"):
        start_tracking("offline", "project", tmp_path, {})


@pytest.mark.filterwarnings("ignore")
def test_offline_keeps_a_record_in_the_run_folder(tmp_path: Path) -> None:
    record = start_tracking("offline", "project", tmp_path, {"epochs": 2})
    record({"epoch": 1.0, "val_f1": 0.5})
    import wandb

    wandb.finish()
    assert list(tmp_path.rglob("*.wandb"))
