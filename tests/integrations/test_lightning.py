"""Lightning's callback registers what a real trainer fits on the CPU, and the examples of the page do what they say."""

from __future__ import annotations

import functools
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from worlds import PROJECT, World, environment

from modelver.errors import Conflict, UsageError

REQUIRED = bool(os.environ.get("MODELVER_REQUIRE_ALL"))  # read now, since no test sees the developer's variables


def peer(name: str) -> Any:
    return importlib.import_module(name) if REQUIRED else pytest.importorskip(name)


def examples(heading: str) -> str:
    """The Python of a section of the page."""
    page = (PROJECT / "docs" / "integrations.md").read_text("utf-8")
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE))


@functools.cache
def framework() -> SimpleNamespace:
    """Lightning, our callback, a small module and its rows; imported late, for it takes seconds."""
    torch, pl = peer("torch"), peer("lightning.pytorch")
    from modelver.integrations.lightning import ModelverCallback

    class Line(pl.LightningModule):
        """Two weights, of which one has two names; `worse` is the number of the epoch, so the first is the best."""

        def __init__(self, rate: float = 0.1, breaks: bool = False) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.first, self.second = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
            self.second.weight = self.first.weight

        def training_step(self, batch: Any, index: int) -> Any:
            (rows,) = batch
            loss = (self.second(self.first(rows)) ** 2).mean()
            self.log_dict({"loss": loss, "worse": float(self.current_epoch)}, on_epoch=True, on_step=False)
            if self.hparams.breaks and self.current_epoch:
                raise ArithmeticError("the training breaks")
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=self.hparams.rate)

    rows = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(4, 1)), batch_size=2)
    return SimpleNamespace(torch=torch, pl=pl, Callback=ModelverCallback, Line=Line, rows=rows)


@pytest.fixture
def lightning() -> SimpleNamespace:
    return framework()


def callback(lightning: SimpleNamespace, world: World, path: str, **words: Any) -> Any:
    world.write("train.csv", "a,b\n1,2\n")
    return lightning.Callback("fraud", path=path, data=["train.csv"], directory=world.top, **words)


def fit(lightning: SimpleNamespace, world: World, *callbacks: Any, breaks: bool = False, **words: Any) -> Any:
    """Two epochs; the module."""
    module = lightning.Line(breaks=breaks)
    trainer = lightning.pl.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=world.top,
        callbacks=list(callbacks),
        **{"enable_checkpointing": len(callbacks) > 1, **words},
    )
    trainer.fit(module, lightning.rows)
    return module


def test_weights_are_registered_with_all_that_is_known(lightning: SimpleNamespace, world: World) -> None:
    """Metrics, `hparams`, environment and data stand in the version, also words of `track`; tied weights are saved."""
    ours = callback(lightning, world, "out/model.safetensors", params={"seed": 7}, label="1.0.0")
    module = fit(lightning, world, ours)
    shown = world.json("show", "fraud@1.0.0")
    assert shown["version"] == ours.version.version
    assert shown["metrics"].keys() == {"loss", "worse"}
    assert shown["metrics"]["worse"] == 1
    assert shown["params"] == {"seed": 7, "rate": 0.1, "breaks": False}
    assert [each["id"] for each in shown["inputs"]] == ["train.csv"]
    packages = world.object(shown["environment"]["packages"]).read_text()
    assert f"lightning=={lightning.pl.__version__}" in packages
    weights = importlib.import_module("safetensors.torch").load_file(world / "out/model.safetensors")
    assert weights.keys() == {"first.weight", "first.bias", "second.bias"}
    assert weights["first.weight"] == module.first.weight
    world.assert_sound()


def test_data_is_that_of_before_the_training(lightning: SimpleNamespace, world: World) -> None:
    """What the training does to its data afterwards is not what it was trained on."""

    class Changes(lightning.pl.Callback):
        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            world.write("train.csv", "changed")

    ours = callback(lightning, world, "model.ckpt")
    before = world.registry.objects.put(world / "train.csv").digest
    fit(lightning, world, ours, Changes(), enable_checkpointing=False)
    assert world.json("show", "fraud")["inputs"][0]["digest"].endswith(before.removeprefix("sha256:"))


def test_without_model_checkpoint_the_last_state_is_registered(lightning: SimpleNamespace, world: World) -> None:
    """A path of any other name is a whole checkpoint, from which Lightning restores the module."""
    module = fit(lightning, world, callback(lightning, world, "model.ckpt"))
    restored = lightning.Line.load_from_checkpoint(world / "model.ckpt")
    assert restored.first.weight == module.first.weight
    assert world.json("show", "fraud")["metrics"]["worse"] == 1


@pytest.mark.parametrize(("weights_only", "names"), [(False, {"loss", "worse"}), (True, {"worse"})])
def test_the_best_checkpoint_has_its_own_metrics(
    lightning: SimpleNamespace, world: World, weights_only: bool, names: set[str]
) -> None:
    """The best of two epochs is the first: its bytes are registered, and no metric of the second goes with them."""
    checkpoint = lightning.pl.callbacks.ModelCheckpoint(world / "kept", monitor="worse", save_weights_only=weights_only)
    module = fit(lightning, world, callback(lightning, world, "model.ckpt"), checkpoint)
    assert (world / "model.ckpt").read_bytes() == Path(checkpoint.best_model_path).read_bytes()
    assert lightning.Line.load_from_checkpoint(world / "model.ckpt").first.weight != module.first.weight
    metrics = world.json("show", "fraud")["metrics"]
    assert (metrics.keys(), metrics["worse"]) == (names, 0)
    assert metrics.get("loss") != module.trainer.callback_metrics["loss"]


def test_an_exception_registers_nothing(lightning: SimpleNamespace, world: World) -> None:
    """The training's own exception comes out, no version is made, and the callback serves the next training."""
    ours = callback(lightning, world, "model.ckpt")
    with pytest.raises(ArithmeticError, match="the training breaks"):
        fit(lightning, world, ours, breaks=True)
    assert ours.version is None
    assert not (world / "model.ckpt").exists()
    assert world.json("list")["models"] == []
    fit(lightning, world, ours)
    assert ours.version.version == world.json("show", "fraud")["version"]


def test_a_trial_run_registers_nothing(lightning: SimpleNamespace, world: World) -> None:
    """`fast_dev_run` is one batch, to see whether the program works."""
    ours = callback(lightning, world, "model.ckpt")
    fit(lightning, world, ours, fast_dev_run=True)
    assert ours.version is None
    assert world.json("list")["models"] == []


def test_what_cannot_be_registered_is_told(lightning: SimpleNamespace, world: World) -> None:
    """Data that is missing before the training, a path that Git tracks after it."""
    missing = lightning.Callback("fraud", path="model.ckpt", data=["gone.csv"], directory=world.top)
    with pytest.raises(UsageError, match=r"gone\.csv"):
        fit(lightning, world, missing)
    assert not (world / "model.ckpt").exists()
    world.commit({"model.ckpt": "tracked"})
    with pytest.raises(Conflict, match="Git tracks"):
        fit(lightning, world, callback(lightning, world, "model.ckpt"))


@pytest.mark.parametrize(("path", "best"), [("model.safetensors", False), ("model.ckpt", False), ("model.ckpt", True)])
def test_the_next_training_leaves_the_object_of_the_former(
    lightning: SimpleNamespace, world: World, path: str, best: bool
) -> None:
    """Also where the file and the object in the store are hard links of each other."""
    world.git("config", "modelver.objects.link", "hardlink")
    ours = callback(lightning, world, path)
    for _ in range(2):
        fit(lightning, world, ours, enable_checkpointing=best)
        assert (world / path).samefile(world.object(ours.version.hash))
    assert len(world.json("list", "fraud")["versions"]) == 2
    world.cli("verify")
    assert not [*world.top.glob("*.part")]


def test_the_example_of_lightning_runs(
    lightning: SimpleNamespace, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write("train.csv", "a,b\n1,2\n")
    monkeypatch.chdir(world.top)
    exec(examples("PyTorch Lightning"), {"module": lightning.Line(), "rows": lightning.rows})
    assert capsys.readouterr().out.splitlines()[-1] == world.json("show", "fraud@1.0.0")["version"]


def test_the_example_of_scikit_learn_runs(world: World) -> None:
    peer("sklearn")
    world.write("train.csv", "age,calls,left\n30,1,0\n40,2,0\n50,8,1\n60,9,1\n")
    done = subprocess.run(
        [sys.executable, "-c", examples("scikit-learn")],
        cwd=world.top,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    shown = world.json("show", "churn")
    assert done.stdout == f"{shown['version']}\n"
    assert (shown["metrics"], shown["params"]["C"]) == ({"accuracy": 1}, 0.5)


def test_nothing_else_imports_a_framework() -> None:
    """Who has no Lightning can use all the rest: no module but its own names the integration."""
    users = [
        path for path in (PROJECT / "modelver").rglob("*.py") if "modelver.integrations" in path.read_text("utf-8")
    ]
    assert users == []
