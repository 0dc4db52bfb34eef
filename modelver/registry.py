"""The Python API: one short method a command, with the command's words and no logic."""

from __future__ import annotations

import dataclasses
import functools
import io
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from modelver.domain.records import Value
from modelver.domain.text import quoted
from modelver.errors import UsageError
from modelver.files import disk_error
from modelver.git.repository import Repository
from modelver.operations.workspace import Workspace

if TYPE_CHECKING:
    import networkx

    from modelver.domain.semver import Part
    from modelver.operations.compared import Difference, Leaderboard, Trend
    from modelver.operations.inputs import Code, Data, Parent
    from modelver.operations.results import (
        Added,
        Archived,
        CheckedOut,
        Identified,
        Initialised,
        Labelled,
        Log,
        ModelList,
        Noted,
        Shown,
        Staged,
        Status,
        Trained,
        Verified,
        VersionList,
    )
    from modelver.operations.together import HooksPlaced, HooksRemoved, Requested, Synced, Undone
    from modelver.operations.traced import Impact, LineagePath, Linked, NodeAdded, Traced
    from modelver.storage.objects import ObjectStore


P = ParamSpec("P")
R = TypeVar("R")


def _our_errors(method: Callable[P, R]) -> Callable[P, R]:
    """Let no error of the operating system out as such, whatever it was about."""

    @functools.wraps(method)
    def guarded(*words: P.args, **named: P.kwargs) -> R:
        try:
            return method(*words, **named)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise disk_error("go on", error) from error

    return guarded


def _given(words: Mapping[str, Any]) -> dict[str, Any]:
    """The words of `add` as its request has them."""
    known = {name: value for name, value in words.items() if value is not None}
    if "predictions" in known:
        known["predictions"] = os.fsdecode(known["predictions"])
    return known


class Registry:
    """A registry in the Git repository that `directory` lies in.

    Wherever a version is asked for, a reference as typed on the command line does, and so does the result of
    another call. Paths are relative to `directory`. `settings` are choices of this machine, by the key that
    the configuration has for them, such as `lock-timeout`. With `at`, a revision or a date, the records of that
    moment are read, and nothing can be written. With `branch`, what is written goes on that branch, and nothing that
    is checked out changes; with `commit=False` it waits in the index for a commit of yours. Every method raises
    `ModelverError`, whose class says what kind of error it is. What a method needs is imported when it is called.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] = ".",
        settings: Mapping[str, str] | None = None,
        *,
        at: str | None = None,
        branch: str | None = None,
        commit: bool = True,
    ) -> None:
        place = os.fsdecode(directory)
        if "\0" in place or not os.path.isdir(place):
            raise UsageError(f"there is no directory {quoted(place)}")
        self._directory = Path(place).absolute()
        self._settings = dict(settings or {})
        self._at = at
        self._branch = branch
        self._commit = commit
        self._repository = Repository.discover(self._directory)
        self.remarks: list[str] = []
        """What the last call had to tell besides its result."""

    def _workspace(self) -> Workspace:
        # A new one for each call, so that each sees the repository as it is.
        self.remarks = []
        return Workspace(
            self._repository,
            self._directory,
            self._settings,
            at=self._at,
            to=self._branch,
            staged=not self._commit,
            told=self.remarks,
        )

    def close(self) -> None:
        """End the process that reads; the next call starts another."""
        self._repository.close()

    def __enter__(self) -> Registry:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def objects(self) -> ObjectStore:
        """The store by itself: put a path or bytes, open, verify."""
        return self._workspace().store

    @_our_errors
    def init(self, *, hooks: bool = False) -> Initialised:
        """Start a registry in this repository, with `hooks` also the Git hooks; nothing when there is one."""
        from modelver.operations.initialise import initialise

        started = initialise(self._workspace())
        return dataclasses.replace(started, hooks=self.hooks_install()) if hooks else started

    @_our_errors
    def hooks_install(self) -> HooksPlaced:
        """Put the Git hooks in place, chained with those that are there: `modelver hooks install`.

        They start the interpreter that runs now.
        """
        from modelver.operations import hooks

        return hooks.install(self._workspace(), sys.executable)

    @_our_errors
    def hooks_uninstall(self) -> HooksRemoved:
        """Take the Git hooks away; those that were there before stand again, byte for byte."""
        from modelver.operations import hooks

        return hooks.uninstall(self._workspace())

    @_our_errors
    def add(
        self,
        path: str | os.PathLike[str],
        *,
        model: str | None = None,
        metrics: Mapping[str, Value] | None = None,
        metrics_files: Sequence[str] = (),
        params: Mapping[str, Value] | None = None,
        params_files: Sequence[str] = (),
        predictions: str | os.PathLike[str] | None = None,
        inputs: Sequence[Data | Code | Parent] = (),
        meta: Mapping[str, Value] | None = None,
        label: str | None = None,
        bump: Part | None = None,
        stage: str | None = None,
        message: str = "",
        time: datetime | None = None,
        allow_tracked: bool = False,
        follow_symlinks: bool = False,
        python: str | os.PathLike[str] | None = None,
    ) -> Added:
        """Register the file or directory at `path` as a new version, in one commit.

        `model` is by default the one that has this path already, else the file's own name. `predictions` is a file of
        what it predicted, sample by sample. `label` or `bump` label it and `stage` promotes it, in the same commit.
        `time` sets the second of the version's id by hand. `python` is the interpreter that trained it: it is asked
        for its version and its packages, which are recorded with this machine and the state of the code.
        """
        from modelver.operations.add import Request, add

        workspace = self._workspace()
        environment = None
        if python is not None:
            from modelver.operations.environment import of_training

            environment = of_training(workspace, Path(os.fsdecode(python)))
        request = Request(
            path=os.fsdecode(path),
            model=model,
            metrics=metrics or {},
            metrics_files=metrics_files,
            params=params or {},
            params_files=params_files,
            predictions=None if predictions is None else os.fsdecode(predictions),
            inputs=inputs,
            meta=meta or {},
            label=label,
            bump=bump,
            stage=stage,
            message=message,
            time=time,
            allow_tracked=allow_tracked,
            follow_symlinks=follow_symlinks,
            environment=environment,
        )
        return add(workspace, request)

    @_our_errors
    def run(
        self,
        command: Sequence[str],
        output: str | os.PathLike[str],
        *,
        promote_if_better: str | None = None,
        variables: Mapping[str, str] | None = None,
        apart: bool = False,
        **words: Any,
    ) -> Trained:
        """Run a training command, and register what it wrote at `output`; `words` are those of `add`.

        The command gets this process's environment and streams; with `apart` its standard output goes to standard
        error. `variables`, by default those of this process, tell which environment is active. Raises `CommandFailed`,
        with the command's own exit code, where it fails or does not write its output; nothing is registered then.
        """
        from modelver.operations.add import Request
        from modelver.operations.run import RunRequest, run

        addition = Request(path=os.fsdecode(output), **_given(words))
        request = RunRequest(
            words=[*command],
            addition=addition,
            promote_if_better=promote_if_better,
            variables=os.environ if variables is None else variables,
            apart=apart,
        )
        return run(self._workspace(), request, self._workspace)

    @_our_errors
    def tag(self, ref: object, label: str | None = None, *, bump: Part | None = None, message: str = "") -> Labelled:
        """Label a version, by a name or by the next semantic version (`bump`: major, minor or patch)."""
        from modelver.operations.label import tag

        return tag(self._workspace(), str(ref), label, bump=bump, message=message)

    @_our_errors
    def untag(self, ref: object) -> Labelled:
        """Take a label back that nobody else has seen: `modelver tag --delete MODEL@LABEL`."""
        from modelver.operations.label import untag

        return untag(self._workspace(), str(ref))

    @_our_errors
    def promote(
        self,
        ref: object,
        stage: str,
        *,
        message: str = "",
        if_better: bool = False,
        metric: str | None = None,
        min_delta: float | None = None,
        require: str | Sequence[str] = (),
    ) -> Staged:
        """Give a stage to a version that passes the gates.

        With `if_better` it has to be recommended over the holder, or with `metric` to be better in that by more than
        `min_delta`. `require` are expressions like "auc >= 0.9 and latency_ms < 20". Raises `CheckFailed` where a
        gate is not met and `CannotTell` where nobody can say.
        """
        from modelver.operations.gates import Asked
        from modelver.operations.stages import promote

        asked = Asked.of(if_better=if_better, metric=metric, min_delta=min_delta, require=require)
        return promote(self._workspace(), str(ref), stage, message=message, asked=asked)

    @_our_errors
    def request(self, ref: object, stage: str, *, message: str = "", **gates: Any) -> Requested:
        """Prepare the pull request that gives a stage to a version; `gates` are those of `promote`."""
        from modelver.operations.gates import Asked
        from modelver.operations.request import request
        from modelver.reports import markdown

        asked = Asked.of(**gates)
        return request(self._workspace(), str(ref), stage, message=message, asked=asked, report=markdown.difference)

    @_our_errors
    def rollback(self, model: str, stage: str | None = None, *, to: object | None = None, message: str = "") -> Staged:
        """Give a stage, by default the only one held, back to its former holder, or to the earlier one `to`."""
        from modelver.operations.stages import rollback

        return rollback(self._workspace(), model, stage, to=None if to is None else str(to), message=message)

    @_our_errors
    def demote(self, model: str, stage: str, *, message: str = "") -> Staged:
        """Take a stage from its holder, so that nobody holds it."""
        from modelver.operations.stages import demote

        return demote(self._workspace(), model, stage, message=message)

    @_our_errors
    def archive(self, ref: object, *, undo: bool = False, message: str = "") -> Archived:
        """Retire a version that holds no stage; with `undo` bring it back."""
        from modelver.operations.archive import archive

        return archive(self._workspace(), str(ref), undo=undo, message=message)

    @_our_errors
    def log(self, ref: object | None = None, *, limit: int | None = None) -> Log:
        """What happened, newest first: to all models, to one, or to one version."""
        from modelver.operations.history import log

        return log(self._workspace(), None if ref is None else str(ref), limit=limit)

    @_our_errors
    def note(
        self,
        ref: object,
        *,
        kind: str | None = None,
        metrics: Mapping[str, Value] | None = None,
        metrics_files: Sequence[str] = (),
        data: Sequence[Data] = (),
        predictions: str | os.PathLike[str] | None = None,
        meta: Mapping[str, Value] | None = None,
        message: str = "",
    ) -> Noted:
        """Add what became known of a version later; `kind` is evaluation, approval, scan, comment, yank or any word.

        A metric that the version's record holds is overridden only by a note that names its own `data`.
        """
        from modelver.operations.note import NoteRequest, note

        request = NoteRequest(
            kind=kind,
            metrics=metrics or {},
            metrics_files=metrics_files,
            data=data,
            predictions=None if predictions is None else os.fsdecode(predictions),
            meta=meta or {},
            message=message,
        )
        return note(self._workspace(), str(ref), request)

    @_our_errors
    def diff(self, a: object, b: object | None = None, *, samples: bool = True) -> Difference:
        """How version `b` differs from `a`; of one version alone, how it differs from production or the one before.

        Each may also be the path of a file, as `./model.safetensors`. Without `samples`, predictions are left out.
        """
        from modelver.operations.diff import diff

        old, new = (None, str(a)) if b is None else (str(a), str(b))
        return diff(self._workspace(), old, new, samples=samples)

    @_our_errors
    def compare(self, refs: Sequence[object], *, metric: str | None = None) -> Leaderboard:
        """Several versions, the best in one metric first."""
        from modelver.operations.compare import compare

        given = [refs] if isinstance(refs, str) else refs
        return compare(self._workspace(), [str(ref) for ref in given], metric=metric)

    @_our_errors
    def trend(self, model: str, metric: str, *, limit: int | None = None) -> Trend:
        """One metric over the versions of a model, oldest first: `modelver log MODEL --metric NAME`."""
        from modelver.operations.compare import trend

        return trend(self._workspace(), model, metric, limit=limit)

    @_our_errors
    def lineage(
        self,
        node: object,
        *,
        up: bool = True,
        down: bool = True,
        depth: int | None = None,
        kinds: Sequence[str] = (),
        relations: Sequence[str] = (),
    ) -> Traced:
        """What a version, or data or code by its name, comes from and what comes from it."""
        from modelver.operations import lineage

        return lineage.trace(
            self._workspace(), str(node), up=up, down=down, depth=depth, kinds=kinds, relations=relations
        )

    def get_upstream(self, node: object, depth: int | None = None) -> tuple[str, ...]:
        """The ids of what a node comes from, the nearest first."""
        return self.lineage(node, down=False, depth=depth).upstream

    def get_downstream(self, node: object, depth: int | None = None) -> tuple[str, ...]:
        """The ids of what comes from a node, the nearest first."""
        return self.lineage(node, up=False, depth=depth).downstream

    @_our_errors
    def get_lineage(self, node: object, depth: int | None = None) -> networkx.MultiDiGraph[tuple[str, str]]:
        """A node with what it comes from and what comes from it as a graph of networkx.

        Nodes are pairs of kind and id, edges run from upstream to downstream.
        """
        from modelver.domain.lineage import Lineage

        found = self.lineage(node, depth=depth).subgraph
        return Lineage(found.nodes, found.edges).graph

    @_our_errors
    def lineage_path(self, one: object, other: object) -> LineagePath:
        """How two nodes hang together."""
        from modelver.operations import lineage

        return lineage.path(self._workspace(), str(one), str(other))

    @_our_errors
    def impact(self, node: object) -> Impact:
        """Every version and stage that is touched if a node is bad."""
        from modelver.operations import lineage

        return lineage.impact(self._workspace(), str(node))

    @_our_errors
    def add_node(
        self,
        kind: str,
        id: str,
        *,
        path: str | None = None,
        uri: str | None = None,
        store: bool = False,
        meta: Mapping[str, Value] | None = None,
        message: str = "",
    ) -> NodeAdded:
        """Describe data, code or a model from elsewhere: `modelver lineage add KIND ID`."""
        from modelver.operations import lineage

        return lineage.add_node(
            self._workspace(), kind, id, path=path, uri=uri, store=store, meta=meta or {}, message=message
        )

    @_our_errors
    def link(self, down: object, up: object, *, relation: str = "derived-from", message: str = "") -> Linked:
        """Say that `down` has a relation to `up`: `modelver lineage link DOWN UP --relation R`."""
        from modelver.operations import lineage

        return lineage.link(self._workspace(), str(down), str(up), relation=relation, message=message)

    @_our_errors
    def unlink(self, down: object, up: object, *, relation: str = "derived-from") -> Linked:
        """Take back what `link` said."""
        from modelver.operations import lineage

        return lineage.unlink(self._workspace(), str(down), str(up), relation=relation)

    @_our_errors
    def identify(self, what: str | os.PathLike[str]) -> Identified:
        """Which version a file, a directory or a digest is; raises `NotFound` where it is none."""
        from modelver.operations.identify import identify

        return identify(self._workspace(), os.fsdecode(what))

    @_our_errors
    def models(self, *, limit: int | None = None) -> ModelList:
        """All models: `modelver list`."""
        from modelver.operations import look

        return look.list_models(self._workspace(), limit=limit)

    @_our_errors
    def versions(self, model: str, *, limit: int | None = None, every: bool = False) -> VersionList:
        """The versions of a model, newest first: `modelver list MODEL`."""
        from modelver.operations import look

        return look.list_versions(self._workspace(), model, limit=limit, every=every)

    @_our_errors
    def show(self, ref: object, *, environment: bool = False) -> Shown:
        """One version with all that is known of it; with `environment` also the packages that trained it."""
        from modelver.operations import look

        return look.show(self._workspace(), str(ref), environment=environment)

    @_our_errors
    def status(self) -> Status:
        """How the artifacts in the work tree stand to the registry."""
        from modelver.operations import look

        return look.status(self._workspace())

    @_our_errors
    def checkout(self, ref: object, output: str | os.PathLike[str] | None = None, *, force: bool = False) -> CheckedOut:
        """Put a version's bytes, verified, where they lay, or at `output`."""
        from modelver.operations import retrieve

        return retrieve.checkout(
            self._workspace(), str(ref), None if output is None else os.fsdecode(output), force=force
        )

    def cat(self, ref: object) -> bytes:
        """The verified bytes of a version that is one file, or of one file in it."""
        collected = io.BytesIO()
        self.stream(ref, collected.write)
        return collected.getvalue()

    @_our_errors
    def stream(self, ref: object, write: Callable[[bytes], object]) -> None:
        """Like `cat`, in pieces given to `write`, for bytes that do not fit the memory."""
        from modelver.operations import retrieve

        retrieve.cat(self._workspace(), str(ref), write)

    @_our_errors
    def path(self, ref: object) -> Path:
        """The path of a verified object, read-only, for reading without a copy."""
        from modelver.operations import retrieve

        return retrieve.path(self._workspace(), str(ref))

    @_our_errors
    def sync(self, *, push: bool = False) -> Synced:
        """Make the tags that the records call for; with `push`, on the remote too, together with the branch."""
        from modelver.operations.sync import sync

        return sync(self._workspace(), push=push)

    @_our_errors
    def undo(self) -> Undone:
        """Take back the last operation, as long as nobody else can know of it."""
        from modelver.operations.undo import undo

        return undo(self._workspace())

    @_our_errors
    def verify(self, refs: Iterable[object] = (), *, objects: bool = False, repair: bool = False) -> Verified:
        """Check records, objects and tags; problems are in the result, not raised."""
        from modelver.operations.verify import verify

        return verify(self._workspace(), [str(ref) for ref in refs], objects=objects, repair=repair)
