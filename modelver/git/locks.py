"""Git's own lock files: take `index.lock` as `git commit` does, and clear away those of ours that a kill left.

What proves a lock ours is its content: `index.lock` holds the journal's token, and a ref's lock the id
that the journal wanted there. Unlike an inode this survives a copy of the repository.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from modelver import files
from modelver.errors import Conflict

# Git holds an empty lock for an instant, between its creation and its first write.
_EMPTY_GRACE = 1.0
_PACKED_GRACE = 5.0
_ID = re.compile(rb"([0-9a-f]{40,64}\n?)?")


class IndexLock:
    """`index.lock`, held from `take` to `release`."""

    def __init__(self, index: Path, token: str) -> None:
        self.path = index.with_name(index.name + ".lock")
        self.token = token

    def take(self, draft: Path, *, timeout: float) -> None:
        """Take the lock, waiting for others; ours that a kill left counts as taken.

        The lock appears with its content in one step, by a link, so that no kill leaves one of unknown owner.
        Raises `Conflict` when somebody else holds it for `timeout` seconds.
        """
        if self.is_ours():
            return
        draft.unlink(missing_ok=True)
        files.write_file(draft, f"modelver {self.token}\n".encode())
        deadline = time.monotonic() + timeout
        while not files.link_exclusive(draft, self.path):
            if time.monotonic() >= deadline:
                raise Conflict(
                    f"another Git process holds {self.path} since more than {timeout:g} s",
                    hint="wait for it to end; if no Git process runs here, remove that file",
                )
            time.sleep(0.02)

    def is_ours(self) -> bool:
        """Whether the lock stands and holds our token."""
        return _read(self.path) == f"modelver {self.token}\n".encode()

    def release(self) -> None:
        """Let go, if it is still ours."""
        if self.is_ours():
            self.path.unlink(missing_ok=True)


def clear_ref_locks(wanted: Mapping[Path, str | None]) -> None:
    """Remove the lock files beside refs that our killed Git process left.

    `wanted` names the file of each ref and the object id that was to be put there (None: Git locks that
    ref without writing). Our processes are gone when this runs. A lock with another content is somebody
    else's and stays; an empty one is ours when it does not change for a second, because a live Git fills
    or drops its lock at once.
    """
    suspects: dict[Path, int] = {}
    for ref, oid in wanted.items():
        lock = ref.with_name(ref.name + ".lock")
        content = _read(lock)
        if content is None:
            continue
        if oid is not None and content.rstrip(b"\n") == oid.encode():  # Git writes the line's end by itself
            lock.unlink(missing_ok=True)
        elif not content:
            with contextlib.suppress(FileNotFoundError):
                suspects[lock] = lock.stat().st_ino
    if suspects:
        _clear_empty(suspects)


def clear_packed_locks(common_dir: Path, *, since: Path, holds_refs: Callable[[], bool]) -> None:
    """Remove the lock of the packed refs that our killed Git process left when it was to delete refs.

    Git leaves that lock empty, so nothing in it proves it ours. It counts as ours when it is younger than the
    journal `since`, when its Git was at one of our refs (`holds_refs`), and when nothing moves for some seconds:
    a live Git writes on under it. Comes before `clear_ref_locks`, which takes that evidence away.
    """
    lock, draft = common_dir / "packed-refs.lock", common_dir / "packed-refs.new"
    with contextlib.suppress(FileNotFoundError):
        found = lock.stat()
        if found.st_mtime_ns < since.stat().st_mtime_ns or not holds_refs():
            return
        before = _traces(lock, draft)
        age = time.time() - max(moment for _, moment, _ in before)
        time.sleep(min(max(0.0, _PACKED_GRACE - age), _PACKED_GRACE))  # the disk's clock may be ahead of ours
        if _traces(lock, draft) == before:
            draft.unlink(missing_ok=True)  # before the lock, since a live Git would make a new one under it
            lock.unlink(missing_ok=True)


def clear_abandoned_locks(refs: Iterable[Path]) -> None:
    """Remove the lock files beside refs that a killed `git fetch` or `git push` left, waiting for living ones.

    No journal tells of these, so time has to: Git writes nothing but an object's id into such a lock, and holds it
    for an instant.
    """
    locks = standing(ref.with_name(f"{ref.name}.lock") for ref in refs)
    before = {lock: _traces(lock) for lock in locks}
    ages = [time.time() - moment for traces in before.values() for _, moment, _ in traces]
    if ages:
        time.sleep(min(max(0.0, _PACKED_GRACE - min(ages)), _PACKED_GRACE))
    for lock in locks:
        if _traces(lock) == before[lock] and _ID.fullmatch(_read(lock) or b""):
            lock.unlink(missing_ok=True)


def _traces(*paths: Path) -> list[tuple[int, float, int]]:
    """By what one sees that somebody works on some files: inode, time and size of those that are there."""
    found = []
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            found.append((status.st_ino, status.st_mtime, status.st_size))
    return found


def _clear_empty(suspects: Mapping[Path, int]) -> None:
    time.sleep(_EMPTY_GRACE)
    for lock, inode in suspects.items():
        with contextlib.suppress(FileNotFoundError):
            if lock.stat().st_ino == inode and not _read(lock):
                lock.unlink()


def _read(path: Path) -> bytes | None:
    """The first bytes of a file, None where there is none."""
    try:
        with path.open("rb") as stream:
            return stream.read(256)
    except (FileNotFoundError, NotADirectoryError):
        return None


def standing(paths: Iterable[Path]) -> list[Path]:
    """Those of the lock files that are there."""
    return [path for path in paths if path.exists()]
