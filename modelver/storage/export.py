"""Copying objects out: written aside, verified on the way, then put in place by one rename.

Nothing is ever written through a symbolic link: a tree is built in a new directory of ours, directories
first, then files, each of which must be new, then links.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from modelver import files
from modelver.domain.text import printable
from modelver.errors import Conflict, Damaged, NotFound
from modelver.storage.hashing import hash_descriptor
from modelver.storage.ingest import Reader, flush_drafts, side_by_side
from modelver.storage.pump import CHUNK
from modelver.storage.trees import Entry, Manifest

ASIDE = ".modelver-"  # how the name of a staging directory begins that lies in the work tree


@contextmanager
def opened(place: Path, digest: str) -> Iterator[int]:
    """An object's descriptor; `NotFound` without it, `Damaged` when there is something else in its place."""
    try:
        descriptor = files.open_file(place)
    except FileNotFoundError:
        raise missing(digest) from None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise Damaged(f"object {digest} is a symbolic link") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Damaged(f"object {digest} is not a regular file")
        yield descriptor
    finally:
        os.close(descriptor)


def missing(digest: str) -> NotFound:
    """The error for an object that is not on this machine."""
    return NotFound(f"object {digest} is not here", hint="copy it from .git/modelver/objects of a clone that has it")


def mismatch(digest: str, found: str) -> Damaged:
    """The error for bytes that are not those of their digest."""
    return Damaged(f"object {digest} is damaged: its bytes are those of {found}")


def copy_out(place: Path, digest: str, draft: Path, *, executable: bool, reader: Reader, hardlink: bool) -> None:
    """Write an object's bytes to a new file `draft`; `Damaged` when they are the wrong ones.

    Mode 0644 or 0755 less the umask; a hard link shares the object's own mode, 0444.
    """
    with opened(place, digest) as descriptor:
        size = os.fstat(descriptor).st_size
        if hardlink and not executable and _linked(place, draft):
            found = hash_descriptor(descriptor, size).digest
        else:
            found = reader.copy(descriptor, size, draft, mode=0o777 if executable else 0o666).digest
        if found != digest:
            raise mismatch(digest, found)


def _linked(place: Path, draft: Path) -> bool:
    try:
        os.link(place, draft, follow_symlinks=False)
    except OSError:
        return False
    return True


def build_tree(manifest: Manifest, root: Path, copy: Callable[[Entry, Path], None]) -> None:
    """Make a directory at `root`, which must be new, durable and complete, from a manifest."""
    with files.FlushTogether(root.parent) as together:
        directories = [root, *(root / name for name in _directories(manifest))]
        for directory in directories:
            with _one_name(directory, root):
                directory.mkdir()
        jobs = [(entry, root / entry.path) for entry in manifest.entries if entry.kind == "file"]
        _copy_all(jobs, root, copy)
        for entry in manifest.entries:
            if entry.kind == "link":
                with _one_name(root / entry.path, root):
                    os.symlink(entry.target, root / entry.path)
        flush_drafts([place for _, place in jobs], together)
        for directory in reversed(directories):
            files.flush_directory(directory)


def _copy_all(jobs: list[tuple[Entry, Path]], root: Path, copy: Callable[[Entry, Path], None]) -> None:
    def one(job: tuple[Entry, Path]) -> None:
        with _one_name(job[1], root):
            copy(*job)

    for _ in side_by_side(one, [job for job in jobs if job[0].size <= CHUNK]):
        pass
    for job in jobs:
        if job[0].size > CHUNK:
            one(job)


def _directories(manifest: Manifest) -> list[str]:
    """All directories of a manifest, parents first."""
    found: set[str] = set()
    for entry in manifest.entries:
        parent = entry.path.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return sorted(found)


@contextmanager
def _one_name(place: Path, root: Path) -> Iterator[None]:
    """A manifest names nothing twice; what is there already is the same name to this file system."""
    try:
        yield
    except FileExistsError:
        name = printable(place.relative_to(root).as_posix())
        raise Conflict(f"{name} is the same name as another one of the directory on this file system") from None


def put_in_place(made: Path, target: Path, *, replace: bool) -> None:
    """Give what was `made` aside its name; what was there is swapped out, and goes with the staging."""
    if not made.is_dir():
        try:
            made.replace(target)
        except IsADirectoryError:
            raise Conflict(f"{printable(str(target))} is a directory") from None
    elif not os.path.lexists(target):
        made.rename(target)
    elif replace:
        files.exchange(made, target)
    else:
        raise in_the_way(target)
    files.flush_directory(target.parent)


def in_the_way(target: Path) -> Conflict:
    """The error for a directory that would have to be replaced."""
    return Conflict(f"{printable(str(target))} exists already")
