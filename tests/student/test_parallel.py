"""Two processes learn what one with all of their batches would."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import student.train
from tests.conftest import ROOT
from tests.processes import Script
from tests.student.student_runs import label
from util.errors import UserError
from util.learning.checkpoint import read_checkpoint, save_checkpoint

STEP = """
import sys
sys.path.insert(0, sys.argv[1])
import student, torch
from timm.layers import BatchNormAct2d
from torch import nn
from util.learning.device import build_fabric
from student.losses import LossSettings, student_loss
from util.learning.processes import gather, normalise_together, share_of

fabric = build_fabric("cpu", "32-true")
fabric.launch()
torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(),
    nn.Conv2d(4, 4, 3, padding=1), BatchNormAct2d(4), nn.Conv2d(4, 1, 3, padding=1)
).double()
images, targets = torch.rand(5, 3, 6, 7).double(), torch.rand(5, 1, 6, 7).double()
mine = share_of(list(range(5)), fabric)
model = fabric.setup_module(normalise_together(model, fabric))
logits = gather(model(images[mine]), 5, fabric)
targets = gather(targets[mine], 5, fabric)
loss = student_loss(logits, targets, LossSettings({"kl": 1.0, "jaccard": 0.5}))
fabric.backward(loss * fabric.world_size)
if fabric.is_global_zero:
    gradients = {name: value.grad for name, value in model.module.named_parameters()}
    states = model.module.state_dict(prefix="state ")
    torch.save({"loss": loss.detach(), **gradients, **states}, sys.argv[2])
"""


def teach(project: Path) -> None:
    """Give a project a label set and a config that trains on it."""
    label(project)
    content = json.loads(project.read_text())
    given = {"label_set": "x", "device": "cpu", "precision": "32-true", "learning_rate": 1e-3}
    content["student"] |= given
    project.write_text(json.dumps(content))


def launch(num_processes: int, script: str, *arguments: str) -> None:
    """Run a script in one process, or in several with what torchrun gives each."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    together = {"WORLD_SIZE": f"{num_processes}", "LOCAL_WORLD_SIZE": f"{num_processes}"}
    together |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": f"{port}"}
    together |= {"TORCHELASTIC_RUN_ID": "test", "GROUP_RANK": "0", "OMP_NUM_THREADS": "1"}
    environments = [
        {**os.environ, **together, "RANK": f"{rank}", "LOCAL_RANK": f"{rank}"}
        for rank in range(num_processes)
    ]
    if num_processes == 1:
        environments = [{**os.environ, "OMP_NUM_THREADS": "1"}]
    running = [Script(script, *arguments, environment=environment) for environment in environments]
    for process in running:
        _, stderr = process.communicate()
        assert process.returncode == 0, stderr


def torchrun(num_processes: int, *command: str) -> None:
    """Run a script as torchrun does: it imports torch in each process anew, which takes seconds."""
    starts = ["-m", "torch.distributed.run", "--nproc-per-node", str(num_processes), "--standalone"]
    subprocess.run(
        [sys.executable, *starts, *command],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=600,
    )


def test_uneven_shares_give_the_loss_gradients_and_running_moments_of_the_whole_batch(
    tmp_path: Path,
) -> None:
    (tmp_path / "step.py").write_text(STEP)
    for count in (1, 2):
        launch(count, str(tmp_path / "step.py"), str(ROOT), str(tmp_path / f"{count}.pt"))
    one, two = (torch.load(tmp_path / f"{count}.pt", weights_only=True) for count in (1, 2))
    assert len(one) == 1 + 10 + 16
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-5, atol=1e-7, msg=name)


def test_two_processes_have_the_loss_curve_of_one_with_the_doubled_batch(project: Path) -> None:
    teach(project)
    curves = {}
    for count, batch_size, start in ((1, 6, launch), (2, 3, torchrun)):
        options = ["--student.run", f"{count}", "--student.batch_size", str(batch_size)]
        start(count, str(ROOT / "student/train.py"), "--config", str(project), *options)
        curves[count] = pd.read_csv(project.parent / f"runs/{count}/metrics.csv")
    for column in ("train_loss", "val_loss", "learning_rate"):
        np.testing.assert_allclose(curves[2][column], curves[1][column], rtol=2e-3, err_msg=column)
    assert (project.parent / "runs/2/train.log").read_text().count("epoch 001") == 1


def test_a_run_that_other_processes_have_begun_is_not_gone_on_with(project: Path) -> None:
    teach(project)
    given = ["--config", str(project), "--student.epochs", "1"]
    assert student.train.main(given) == 0
    path = project.parent / "runs/student/last.pt"
    content = read_checkpoint(path)
    content["scheduler"]["total_steps"] += 1
    save_checkpoint(path, content)
    (path.parent / "run.json").unlink()  # or it is finished
    with pytest.raises(UserError, match="another number of processes has begun it"):
        student.train.main(given)
