"""The Python API: one short method a command, with the command's words and no logic."""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from modelver.domain.records import Value
from modelver.domain.text import quoted
from modelver.errors import UsageError
from modelver.files import disk_error
from modelver.git.repository import Repository
from modelver.operations.workspace import Workspace

if TYPE_CHECKING:
    from modelver.operations.inputs import Code, Data, Parent
    from modelver.operations.results import (
        Added,
        CheckedOut,
        Initialised,
        ModelList,
        Shown,
        Status,
        Verified,
        VersionList,
    )
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


class Registry:
    """A registry in the Git repository that `directory` lies in.

    Wherever a version is asked for, a reference as typed on the command line does, and so does the result of
    another call. Paths are relative to `directory`. `settings` are choices of this machine, by the key that
    the configuration has for them, such as `lock-timeout`. Every method raises `ModelverError`, whose class
    says what kind of error it is. What a method needs is imported when it is called.
    """

    def __init__(self, directory: str | os.PathLike[str] = ".", settings: Mapping[str, str] | None = None) -> None:
        place = os.fsdecode(directory)
        if "\0" in place or not os.path.isdir(place):
            raise UsageError(f"there is no directory {quoted(place)}")
        self._directory = Path(place).absolute()
        self._settings = dict(settings or {})
        self._repository = Repository.discover(self._directory)

    def _workspace(self) -> Workspace:
        # A new one for each call, so that each sees the repository as it is.
        return Workspace(self._repository, self._directory, self._settings)

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
    def init(self) -> Initialised:
        """Start a registry in this repository; nothing when there is one."""
        from modelver.operations.initialise import initialise

        return initialise(self._workspace())

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
        inputs: Sequence[Data | Code | Parent] = (),
        meta: Mapping[str, Value] | None = None,
        message: str = "",
        time: datetime | None = None,
        allow_tracked: bool = False,
        follow_symlinks: bool = False,
    ) -> Added:
        """Register the file or directory at `path` as a new version, in one commit and one tag.

        `model` is by default the one that has this path already, else the file's own name. `time` sets the
        second of the version's id by hand.
        """
        from modelver.operations.add import Request, add

        request = Request(
            path=os.fsdecode(path),
            model=model,
            metrics=metrics or {},
            metrics_files=metrics_files,
            params=params or {},
            params_files=params_files,
            inputs=inputs,
            meta=meta or {},
            message=message,
            time=time,
            allow_tracked=allow_tracked,
            follow_symlinks=follow_symlinks,
        )
        return add(self._workspace(), request)

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
    def show(self, ref: object) -> Shown:
        """One version with all that is known of it."""
        from modelver.operations import look

        return look.show(self._workspace(), str(ref))

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
    def verify(self, refs: Iterable[object] = (), *, objects: bool = False, repair: bool = False) -> Verified:
        """Check records, objects and tags; problems are in the result, not raised."""
        from modelver.operations.verify import verify

        return verify(self._workspace(), [str(ref) for ref in refs], objects=objects, repair=repair)
