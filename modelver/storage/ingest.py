"""Reading an artifact's files once: their digests, and drafts of their objects where wanted (W1).

Figures of one machine (2 cores, ext4), for who wants to change this. A file of 2 GiB: 1.6 s, where
hashing alone takes 1.5 s. 10,000 files of 1 to 64 KiB, 333 MB: the floor, a bare loop of the same system
calls, is 1.6 s with two threads (reading and hashing 0.35 s, the flush for all 0.25 s, renaming 0.1 s, the
rest drafts: the kernel finds them memory and inodes). A flush a file took 2.5 s with 8 threads, 6.3 s with
one; starting write-back a file, 1.7 s. Freshly deleted inodes make ext4 slower for minutes: measure in a
new directory, and do not delete the last one before.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from modelver import files
from modelver.storage.hashing import Hashed, changed, check_unchanged, hash_descriptor, now
from modelver.storage.pump import CHUNK
from modelver.storage.scan import Found

WORKERS = min(4, os.cpu_count() or 1)
GROUP = 64  # files that a worker takes at once; also where one flush for all begins to pay

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that was read: `began` is when, in ns; `draft` holds its bytes, unless only hashed."""

    found: Found
    status: os.stat_result
    digest: str
    began: int
    draft: Path | None
    linked: bool = False


class Reader:
    """Reads files for one operation; `link` is reflink, copy or hardlink (T2)."""

    def __init__(self, link: str = "reflink") -> None:
        self._hardlinks = link == "hardlink"
        self._clones = link != "copy"  # until a file system says no

    def take(self, found: Found, draft: Path | None = None) -> Taken:
        """Read one file; `Conflict` when it changes meanwhile, and then the draft is worthless."""
        began = now()
        try:
            descriptor = files.open_file(found.place)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP):  # gone, or a link by now
                raise changed(found.place) from None
            raise
        try:
            before = os.fstat(descriptor)
            if (before.st_ino, before.st_mode) != (found.status.st_ino, found.status.st_mode):
                raise changed(found.place)
            linked = draft is not None and self._may_link(found, before)
            hashed = self.copy(descriptor, before.st_size, None if linked else draft, mode=0o444)
            _check(found, before, hashed.size)
        finally:
            os.close(descriptor)
        return Taken(found, before, hashed.digest, began, draft, linked)

    def copy(self, descriptor: int, size: int, draft: Path | None, *, mode: int) -> Hashed:
        """Hash `size` bytes of an open file and, in the same pass, write them to a new `draft`."""
        if draft is None:
            return hash_descriptor(descriptor, size)
        with files.Draft(draft, mode=mode, large=size > CHUNK) as target:
            if mode == 0o444:
                target.make_read_only()
            if self._clones:
                if target.clone(descriptor):
                    return hash_descriptor(target.descriptor, size)
                self._clones = False
            return hash_descriptor(descriptor, size, target.write)

    def _may_link(self, found: Found, status: os.stat_result) -> bool:
        """A hard link shares its mode: an executable would lose its bit, so it is copied."""
        return self._hardlinks and not found.followed and not files.is_executable(status)


def _check(found: Found, before: os.stat_result, read: int) -> None:
    try:
        after = os.stat(found.place, follow_symlinks=False)
    except FileNotFoundError:
        raise changed(found.place) from None
    check_unchanged(found.place, before, after, read)


def link_work_file(taken: Taken, draft: Path) -> os.stat_result | None:
    """Make `draft` a hard link of the work file and that read-only; None where links are not to be had.

    Only after the file was read: one that turns out to be stored already is left as it is.
    """
    place, mode = taken.found.place, taken.status.st_mode & 0o7777
    try:
        os.link(place, draft, follow_symlinks=False)
    except OSError as error:
        if error.errno in files.NO_SPACE:
            raise
        return None
    draft.chmod(0o444)
    status = draft.lstat()
    before = taken.status
    if (status.st_ino, status.st_size, status.st_mtime_ns) != (before.st_ino, before.st_size, before.st_mtime_ns):
        draft.chmod(mode)
        raise changed(place)
    return status


def take_all(found: Sequence[Found], reader: Reader, drafts: Path | None) -> list[Taken]:
    """Read many files: small ones side by side, large ones one by one, each with threads of its own."""
    jobs = [(file, None if drafts is None else drafts / str(number)) for number, file in enumerate(found)]
    small = [job for job in jobs if job[0].status.st_size <= CHUNK]
    taken = list(side_by_side(lambda job: reader.take(*job), small))
    taken += [reader.take(*job) for job in jobs if job[0].status.st_size > CHUNK]
    return taken


def flush_drafts(drafts: Sequence[Path], together: files.FlushTogether) -> None:
    """Make drafts durable: all in one step when they are many, which also waits for others' writes."""
    if len(drafts) >= GROUP and together.flush():
        return
    for _ in side_by_side(files.flush_file, drafts, workers=16):
        pass


def flush_directories(directories: Sequence[Path], together: files.FlushTogether) -> None:
    """Make the names in directories durable."""
    if len(directories) >= GROUP and together.flush():
        return
    for directory in directories:
        files.flush_directory(directory)


def side_by_side(
    function: Callable[[Item], Result], items: Sequence[Item], *, workers: int = WORKERS
) -> Iterator[Result]:
    """Results in order, from several threads; after an error or an interruption no new item is begun."""
    if len(items) < 4 or workers == 1:
        yield from map(function, items)
        return
    stop = threading.Event()

    def run(group: Sequence[Item]) -> list[Result]:
        return [function(item) for item in group if not stop.is_set()]

    step = max(1, min(GROUP, len(items) // workers))
    pool = ThreadPoolExecutor(workers)
    try:
        for results in pool.map(run, [items[at : at + step] for at in range(0, len(items), step)]):
            yield from results
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
