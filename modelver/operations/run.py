"""Run a training command, and register what it made."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelver.domain import names
from modelver.domain.records import Value
from modelver.domain.redaction import redacted
from modelver.domain.text import quoted
from modelver.errors import CommandFailed, Conflict, ModelverError, UsageError
from modelver.operations.add import Request, add
from modelver.operations.artifact import refuse_tracked
from modelver.operations.environment import Environment, code_state, lock_files, of_interpreter, together
from modelver.operations.gates import Asked
from modelver.operations.inputs import edges
from modelver.operations.results import Trained
from modelver.operations.stages import promote
from modelver.operations.values import checked_text, from_files, plain_mapping
from modelver.operations.workspace import Workspace
from modelver.programs import command, environment
from modelver.records import yaml


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """A command, as words, and how its output is registered; `promote_if_better` is a stage.

    `variables` are those of the environment in which the command is looked up; with `apart`, its standard output goes
    to standard error.
    """

    words: Sequence[str]
    addition: Request
    promote_if_better: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    apart: bool = False


def run(workspace: Workspace, request: RunRequest, renewed: Callable[[], Workspace]) -> Trained:
    """Run the command to its end and register its output, with inputs as they were at the start.

    `renewed` gives the workspace as it is after the command, which may have committed. Raises `CommandFailed`, whose
    code is the command's own, where the command fails or does not write every output; nothing is registered then.
    """
    try:
        return _run(workspace, request, renewed)
    except ModelverError as error:
        error.source = error.source or "modelver"
        raise


def _run(workspace: Workspace, request: RunRequest, renewed: Callable[[], Workspace]) -> Trained:
    addition = request.addition
    if not request.words:
        raise UsageError("run takes a command", hint="modelver run -n MODEL -o PATH -- python train.py")
    addition = checked(workspace, addition)
    if request.promote_if_better is not None:
        names.parse_stage(request.promote_if_better)
    outputs = [workspace.typed(path) for path in (addition.path, *addition.metrics_files, *_some(addition.predictions))]
    before = [_state(path) for path in outputs]
    inputs = edges(workspace, addition.inputs)
    interpreter = environment.interpreter_of(request.words[0], request.variables, workspace.directory)
    python = of_interpreter(interpreter, request.variables)
    found = together(python, lock_files(workspace), code_state(workspace, inputs))
    ended = command.run(request.words, cwd=workspace.directory, stdout_to_stderr=request.apart)
    shown = shlex.join(redacted(request.words))
    if ended.code:
        message = f"the command ended with exit code {ended.code}, so nothing was registered"
        raise CommandFailed(message, code=ended.code)
    if ended.asked_to_end is not None:
        # It may have saved what it had; whether that is worth a version is for a person to say.
        message = "the command was asked to end, so nothing was registered"
        raise CommandFailed(message, code=128 + ended.asked_to_end, hint=f"modelver add {addition.path}")
    for path, typed, former in zip(outputs, _typed(addition), before, strict=True):
        if _state(path) in (None, former):
            what = "is not there" if _state(path) is None else "was not written"
            message = f"{quoted(typed)} {what} after the command, so nothing was registered"
            raise CommandFailed(message, code=ended.code)
    took = {"seconds": ended.seconds, "cpu_seconds": ended.cpu_seconds, "peak_bytes": ended.peak_bytes}
    told: dict[str, Value] = {"command": shown}
    told |= {name: round(value, 3) for name, value in took.items() if value is not None}
    described = together(found, Environment(values=told))
    after = renewed()
    added = add(after, dataclasses.replace(addition, inputs=(), edges=inputs, environment=described, forgiving=True))
    promoted, remarks = _promoted(renewed, request, added.version)
    stages = tuple(sorted({*added.stages, *([request.promote_if_better or ""] if promoted else [])}))
    added = dataclasses.replace(added, stages=stages, remarks=(*added.remarks, *remarks))
    return Trained(added=added, command=shown, seconds=ended.seconds, promoted=promoted)


def checked(workspace: Workspace, addition: Request) -> Request:
    """The registration with parameters as they are before the training.

    Whatever would refuse it is told before hours of training, not after, as far as it can be known then.
    """
    workspace.writer()
    checked_text(addition.message, "message")
    if addition.path:
        inside = workspace.inside(workspace.typed(addition.path), addition.path)
        if not addition.allow_tracked:
            refuse_tracked(inside, workspace.repository.indexed(inside), directory=workspace.typed(inside).is_dir())
    model = None if addition.model is None else names.parse_model(addition.model)
    if addition.stage is not None:
        names.parse_stage(addition.stage)
    if addition.label is not None:
        label = names.parse_label(addition.label)
        if model is not None and label in workspace.catalog.label_names(model):
            raise Conflict(f"{model}@{label} is a version already", hint="choose another label, or --bump")
    params = plain_mapping({**from_files(workspace, addition.params_files, "--params"), **addition.params}, "param")
    meta = plain_mapping(addition.meta, "meta")
    yaml.write({"params": params, "meta": meta})  # raises for what no record can hold
    return dataclasses.replace(addition, params=params, params_files=(), meta=meta)


def _promoted(renewed: Callable[[], Workspace], request: RunRequest, version: str) -> tuple[bool | None, list[str]]:
    """Whether the version got the stage; None where none was asked for. Not to be better is no error of a training."""
    stage = request.promote_if_better
    if stage is None:
        return None, []
    try:
        promote(renewed(), version, stage, message=request.addition.message, asked=Asked(if_better=True))
    except ModelverError as error:  # the version is registered, and a training is not to be run again for a stage
        told = "; ".join(str(row["found"]) for row in error.details)
        return False, [f"not promoted: {error.message} ({told})" if told else f"not promoted: {error.message}"]
    return True, []


def _typed(addition: Request) -> list[str]:
    return [addition.path, *addition.metrics_files, *_some(addition.predictions)]


def _some(path: str | None) -> list[str]:
    return [] if path is None else [path]


def _state(path: Path) -> object:
    """What changes when a file, or anything in a directory, is written; None for what is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    own = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
    if not path.is_dir():
        return own
    below = sorted((str(each), each.lstat().st_mtime_ns, each.lstat().st_ctime_ns) for each in path.rglob("*"))
    return own, below
