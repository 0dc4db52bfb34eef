"""Register a model from inside the training: `with modelver.track("fraud") as run:`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelver.errors import UsageError
from modelver.operations.add import Request, add
from modelver.operations.environment import Environment, code_state, lock_files, together
from modelver.operations.inputs import Code, Data, Parent, edges
from modelver.operations.results import Added
from modelver.operations.run import checked
from modelver.operations.workspace import Workspace
from modelver.programs import environment

Place = str | os.PathLike[str]


class Run:
    """A training under way: what it tells is registered when it ends.

    `version` is what was registered, None until then.
    """

    def __init__(self, model: str, params: Mapping[str, Any], place: Path | None = None) -> None:
        self.model = model
        self.metrics: dict[str, Any] = {}
        self.params = dict(params)
        self.version: Added | None = None
        self._directory = place
        self._artifact: Path | None = None
        self._predictions: Path | None = None

    def log(self, **metrics: Any) -> None:
        """Note metrics; of one that is noted again the last value counts, and what is no finite number is left out."""
        self.metrics.update(metrics)

    def log_params(self, **params: Any) -> None:
        """Note parameters that are known only now."""
        self.params.update(params)

    def save(self, path: Place, *, predictions: Place | None = None) -> None:
        """Say which file or directory, and which file of predictions, are to be registered when the training ends."""
        # As it is meant now: a training may change its directory.
        self._artifact = self._meant(path)
        self._predictions = None if predictions is None else self._meant(predictions)

    def _meant(self, path: Place) -> Path:
        return (self._directory or Path.cwd()) / path


@contextmanager
def track(
    model: str,
    *,
    data: Sequence[Place] = (),
    code: Sequence[Place] = (),
    parents: Sequence[object] = (),
    params: Mapping[str, Any] | None = None,
    directory: Place = ".",
    **words: Any,
) -> Iterator[Run]:
    """Register what the body of a `with` trains, at its end; nothing if it raises.

    Data and code are hashed, and the environment is looked at, before the body runs; `words` are more words of
    `Registry.add`, such as `label` or `message`. Raises `UsageError` at the end if nothing was saved.
    """
    place = Path(directory).absolute()
    workspace = Workspace.open(place, {})
    try:
        # What would refuse to register is told before the training, not after.
        prepared = checked(workspace, Request(path="", model=model, params=params or {}, forgiving=True, **words))
        inputs = edges(workspace, [*map(Data, data), *map(Code, code), *map(Parent, parents)])
        found = environment.running()
        python = Environment(values=found.values, packages=found.packages, remarks=found.remarks)
        described = together(python, lock_files(workspace), code_state(workspace, inputs))
        run = Run(model, prepared.params, None if directory == "." else place)
        yield run
        if run._artifact is None:
            raise UsageError(f"nothing of {model} was saved, so nothing is registered", hint="run.save(PATH)")
        request = replace(
            prepared,
            path=os.fsdecode(run._artifact),
            metrics=run.metrics,
            params=run.params,
            predictions=None if run._predictions is None else os.fsdecode(run._predictions),
            edges=inputs,
            environment=described,
        )
        run.version = add(Workspace.open(place, {}), request)
    finally:
        workspace.repository.close()
