"""A callback for PyTorch Lightning: what `trainer.fit` trains is registered. Needs the package `lightning`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from modelver.operations.results import Added
from modelver.tracking import Place, Run, track


class ModelverCallback(Callback):
    """Registers a version of `model` at the end of `trainer.fit`; nothing after an exception or a `fast_dev_run`.

    `path`, relative to `directory`, is written and registered. If it ends in `.safetensors`, it gets the weights
    as they are at the end. Else it gets a checkpoint: the best one of the trainer's first `ModelCheckpoint`, or the
    state at the end where there is none. Metrics are `trainer.callback_metrics` of the moment that was saved,
    parameters are the module's `hparams`. The other words are those of `modelver.track`.

    `version` is what was registered last, None until then and in all processes but that of global rank zero.
    """

    def __init__(
        self,
        model: str,
        *,
        path: Place,
        data: Sequence[Place] = (),
        code: Sequence[Place] = (),
        parents: Sequence[object] = (),
        directory: Place = ".",
        **words: Any,
    ) -> None:
        super().__init__()
        self.version: Added | None = None
        self._path = path
        self._directory = Path(directory).absolute()
        self._track = partial(track, model, data=data, code=code, parents=parents, directory=self._directory, **words)
        self._open = ExitStack()
        self._run: Run | None = None
        self._best: _Best | None = None
        self._metrics_of_best: dict[str, float] | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Hash data and code, and look at the environment, before anything is trained."""
        self.version = self._run = self._metrics_of_best = None
        self._best = _best(trainer)  # of the training that is resumed, if any
        self._open = ExitStack()
        if trainer.is_global_zero and not trainer.fast_dev_run:
            self._run = self._open.enter_context(self._track())

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Note the metrics of a new best checkpoint: those of the last epoch are another model's."""
        best = _best(trainer)
        if best is not None and (best != self._best or not best[1]):
            self._best, self._metrics_of_best = best, _metrics(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what was trained, and register it."""
        if trainer.fast_dev_run:
            return
        metrics = self._save(trainer, pl_module)
        if self._run is not None:
            self._run.log(**metrics)
            self._run.log_params(**pl_module.hparams)
            self._run.save(self._path)
            self._open.close()
            self.version = self._run.version

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Register nothing."""
        self._open.__exit__(type(exception), exception, exception.__traceback__)

    def _save(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, float]:
        """Write the weights or a checkpoint to the path, and give the metrics that belong to it."""
        target = self._directory / self._path
        # What lies at the target may be a hard link to an object of the store: it is replaced, never written to.
        draft = target.with_name(f"{target.name}.part")
        target.parent.mkdir(parents=True, exist_ok=True)
        metrics, best = _metrics(trainer), _best(trainer)
        if target.suffix == ".safetensors":
            if trainer.is_global_zero:
                from safetensors.torch import save_model  # unlike `save_file`, it takes weights that are tied

                save_model(pl_module, str(draft))
        elif best is not None:
            place, score = best
            # A checkpoint of weights only is saved without a word to callbacks, and tells no more than its score.
            metrics = self._metrics_of_best or score or metrics
            if trainer.is_global_zero:
                (shutil.copytree if Path(place).is_dir() else shutil.copyfile)(place, draft)
        else:
            trainer.save_checkpoint(draft)  # by all processes together
        if trainer.is_global_zero:
            os.replace(draft, target)
        return metrics


_Best = tuple[str, dict[str, float]]


def _best(trainer: Trainer) -> _Best | None:
    """Where the best checkpoint lies, and the metric by which it is the best, if by any; None where there is none."""
    callback: Any = trainer.checkpoint_callback
    place = getattr(callback, "best_model_path", "")
    monitor, score = getattr(callback, "monitor", None), getattr(callback, "best_model_score", None)
    return (place, {} if monitor is None or score is None else {monitor: float(score)}) if place else None


def _metrics(trainer: Trainer) -> dict[str, float]:
    return {name: float(value) for name, value in trainer.callback_metrics.items()}
