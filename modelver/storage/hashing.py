"""Digests of files, and the cache that saves computing them again.

A digest is a plain string, `sha256:` and 64 lower-case hex digits, of the exact bytes (I1).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import threading
import time
from pathlib import Path
from typing import NamedTuple

from modelver import files
from modelver.domain.text import printable
from modelver.errors import Conflict, UsageError
from modelver.storage.pump import CHUNK, Sink, pump

PREFIX = "sha256:"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

CLEARLY_OLDER = 20_000_000  # ns; several ticks of the clock that stamps files
COARSELY_OLDER = 2_000_000_000  # ns; FAT counts in steps of 2 s, some network file systems of 1 s

_scratch = threading.local()


class Hashed(NamedTuple):
    """A digest and the number of bytes that it is of."""

    digest: str
    size: int


def is_digest(text: object) -> bool:
    """Whether `text` has the form of a digest.

    >>> is_digest("sha256:" + "0" * 64), is_digest("sha256:" + "0" * 64 + chr(10)), is_digest("0" * 64)
    (True, False, False)
    """
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def digest_of_bytes(data: bytes | memoryview) -> str:
    """The digest of bytes in memory.

    >>> digest_of_bytes(b"")[:20]
    'sha256:e3b0c44298fc1'
    """
    return PREFIX + hashlib.sha256(data).hexdigest()


def hash_file(source: Path | int) -> Hashed:
    """Digest and size in bytes of a regular file, read once, in constant memory.

    A descriptor is read from where it stands. A path may be a symbolic link. `UsageError` when it is no
    regular file, `Conflict` when it changes meanwhile, `OSError` as the disk gives it.
    """
    if isinstance(source, int):
        return hash_descriptor(source, os.fstat(source).st_size)
    descriptor = files.open_file(source, follow=True)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise UsageError(f"{printable(str(source))} is not a regular file")
        hashed = hash_descriptor(descriptor, before.st_size)
        check_unchanged(source, before, os.stat(source), hashed.size)
        return hashed
    finally:
        os.close(descriptor)


def hash_descriptor(descriptor: int, size: int, also: Sink | None = None) -> Hashed:
    """Read `size` bytes of an open file once; hash them and give them to `also` at the same time."""
    if size <= CHUNK:  # threads cost more than they save
        view = scratch()[:size]
        view = view[: _read_into(descriptor, view)]
        if also is not None and view:
            also(view)
        return Hashed(digest_of_bytes(view), len(view))
    state = hashlib.sha256()
    sinks: list[Sink] = [state.update] if also is None else [also, state.update]
    total = pump(descriptor, size, sinks)
    return Hashed(PREFIX + state.hexdigest(), total)


def _read_into(descriptor: int, view: memoryview) -> int:
    count = 0
    while count < len(view):
        got = os.readv(descriptor, [view[count:]])
        if not got:
            break
        count += got
    return count


def scratch() -> memoryview:
    """The calling thread's own buffer of `CHUNK` bytes, made once."""
    if not hasattr(_scratch, "view"):
        _scratch.view = files.buffer(CHUNK)
    view: memoryview = _scratch.view
    return view


def check_unchanged(what: Path | str, before: os.stat_result, after: os.stat_result, read: int) -> None:
    """`Conflict` unless a file is the same after reading `read` bytes as it was before."""
    if identity(before) != identity(after) or read != before.st_size:
        raise changed(what)


def changed(what: Path | str) -> Conflict:
    """The error for a file that somebody writes to while we read it."""
    hint = "wait for its writer to end and run the command again"
    return Conflict(f"{printable(str(what))} changed while it was read", hint=hint)


def identity(status: os.stat_result) -> tuple[int, int, int, int]:
    """What cannot stay the same when a file's bytes change: size, times in ns, inode."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def is_settled(status: os.stat_result, began: int) -> bool:
    """Whether a later edit must show in the file's times.

    `began` is when reading started, in ns since the epoch. A file stamped at that very moment may be
    edited again within the same tick, and nothing would tell (Git calls its index racy then). Where all
    fractions are zero, the file system counts whole seconds.
    """
    coarse = status.st_mtime_ns % 1_000_000_000 == 0 and status.st_ctime_ns % 1_000_000_000 == 0
    older = COARSELY_OLDER if coarse else CLEARLY_OLDER
    return max(status.st_mtime_ns, status.st_ctime_ns) + older <= began


class Row(NamedTuple):
    """One remembered file: bytes, times in ns, inode, digest."""

    size: int
    mtime: int
    ctime: int
    inode: int
    digest: str


class Known:
    """What is remembered of one artifact; the path within it (empty for a file artifact) is the key."""

    def __init__(self, rows: dict[str, Row] | None = None) -> None:
        self._old = rows or {}
        self._new: dict[str, Row] = {}

    def get(self, path: str, status: os.stat_result) -> str | None:
        """The digest, if the file was not touched since it was hashed."""
        row = self._old.get(path)
        if row is None or row[:4] != identity(status):
            return None
        self._new[path] = row
        return row.digest

    def note(self, path: str, status: os.stat_result, digest: str, began: int) -> None:
        """Remember a digest, unless an edit could go unnoticed; `began` in ns, before the reading."""
        if is_settled(status, began):
            self._new[path] = Row(*identity(status), digest)
        else:
            self._new.pop(path, None)

    @property
    def rows(self) -> dict[str, Row] | None:
        """What to save: only what was asked for or noted in this run; None when nothing changed."""
        return None if self._new == self._old else self._new


class StatCache:
    """Digests by path and stat data, one small file an artifact: never an error, never locked.

    A file carries a checksum of itself, so a torn, foreign or damaged one is as good as none. Deleting
    the directory costs nothing but time.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def load(self, name: str) -> Known:
        """What is known of the artifact at `name`, a path relative to the work tree."""
        try:
            head, _, body = self._place(name).read_bytes().partition(b"\n")
            if head != hashlib.sha256(body).hexdigest().encode():
                return Known()
            content = json.loads(body)
            if content["format"] != 1 or content["path"] != name:
                return Known()
            return Known({path: _row(values) for path, values in content["rows"].items()})
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return Known()

    def save(self, name: str, known: Known) -> None:
        """Keep what this run learned; a failure loses the time that the cache would have saved."""
        rows = known.rows
        if rows is None:
            return
        place = self._place(name)
        draft = place.with_name(f"{place.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            body = json.dumps({"format": 1, "path": name, "rows": rows}).encode()
            files.make_directory(self.directory)
            draft.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
            draft.replace(place)
        except (OSError, ValueError):
            with contextlib.suppress(OSError):
                draft.unlink()

    def _place(self, name: str) -> Path:
        return self.directory / hashlib.sha256(os.fsencode(name)).hexdigest()


def _row(values: list[object]) -> Row:
    size, mtime, ctime, inode, digest = values
    if not all(isinstance(value, int) for value in (size, mtime, ctime, inode)) or not is_digest(digest):
        raise ValueError("not a row of ours")
    return Row(size, mtime, ctime, inode, digest)  # type: ignore[arg-type]


def now() -> int:
    """The time in ns since the epoch, as file systems stamp it."""
    return time.time_ns()
