"""Everything that differs between operating systems: locks, flushing, renaming, cloning.

No other module calls a function that only POSIX has. Nothing here knows what the bytes mean.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import functools
import mmap
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from modelver.errors import Conflict, ProgramFailed

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
BLOCK = 4096  # bytes; length and address that writing past the page cache asks for

_FICLONE = 0x40049409
_SYNC_FILE_RANGE_WRITE = 2
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


@contextlib.contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Turn the disk's own errors into ours; the only gate for them.

    `what` completes the sentence "cannot …", for example "store model.bin".
    """
    try:
        yield
    except OSError as error:
        raise disk_error(what, error) from error


def disk_error(what: str, error: OSError) -> ProgramFailed:
    """The error that says why the disk refused `what`."""
    if error.errno in NO_SPACE:
        return ProgramFailed(
            f"cannot {what}: the disk is full ({error.strerror})",
            hint="free some space and run the same command again; nothing was changed",
        )
    place = f": {os.fsdecode(error.filename)}" if error.filename else ""
    return ProgramFailed(f"cannot {what}: {error.strerror or error}{place}")


def flush_directory(path: Path) -> None:
    """Make the names in a directory durable, where the system can."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:  # some network file systems refuse to flush a directory
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def write_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a new file and flush it; an existing one is an error (`FileExistsError`)."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: bytes, *, draft: Path) -> None:
    """Put `data` at `path` in one step, by way of `draft`, and make the name durable.

    A file that is there hands on its mode; a new one is shared as its directory is.
    """
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    write_file(draft, data)
    _hand_on_mode(path, draft)
    os.replace(draft, path)
    flush_directory(path.parent)


def _hand_on_mode(former: Path, draft: Path) -> None:
    try:
        status = former.lstat()
    except FileNotFoundError:
        share(draft, like=former.parent)
        return
    if stat.S_ISREG(status.st_mode):
        draft.chmod(stat.S_IMODE(status.st_mode) & 0o777)


def share(new: Path | int, *, like: Path) -> None:
    """Let a group that may write to the directory `like` write to a file or directory of ours, too.

    A directory that is setgid and writable for its group is what `core.sharedRepository` looks like on
    the disk, so nothing has to be configured; anywhere else this does nothing.
    """
    above = like.stat().st_mode
    if not (above & stat.S_ISGID and above & stat.S_IWGRP):
        return
    status = os.stat(new)
    group = above & stat.S_IRWXG
    wanted = stat.S_ISGID | group if stat.S_ISDIR(status.st_mode) else group & ~stat.S_IXGRP
    if status.st_uid == os.geteuid() and status.st_mode & wanted != wanted:
        os.chmod(new, stat.S_IMODE(status.st_mode) | wanted)


def make_directory(path: Path) -> None:
    """Make a directory and those above it, where they are missing, each shared as the one that it is in."""
    try:
        path.mkdir()
    except FileExistsError:
        if not path.is_dir():
            raise
    except FileNotFoundError:
        make_directory(path.parent)
        make_directory(path)
    else:
        share(path, like=path.parent)


class Lock:
    """An exclusive lock on a file, let go when the last process that inherited it ends.

    `descriptor` is handed to child processes on purpose: a child that outlives a killed parent still
    holds the lock, so nobody starts while it writes.
    """

    def __init__(self, path: Path, *, timeout: float, what: str) -> None:
        self.path = path
        self.timeout = timeout
        self.what = what
        self.descriptor = -1

    def __enter__(self) -> Lock:
        make_directory(self.path.parent)
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            share(self.descriptor, like=self.path.parent)
            self._wait()
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, f"{os.getpid()}\n".encode(), 0)
        except BaseException:
            os.close(self.descriptor)
            raise
        return self

    def _wait(self) -> None:
        deadline = time.monotonic() + self.timeout
        while not try_lock(self.descriptor):
            if time.monotonic() >= deadline:
                holder = os.pread(self.descriptor, 32, 0).decode("ascii", "replace").strip()
                raise Conflict(
                    f"{self.what} is locked by process {holder or 'unknown'} since more than {self.timeout:g} s",
                    hint="wait for it to end, or give it longer with --lock-timeout SECONDS",
                )
            time.sleep(0.01)

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)


def try_lock(descriptor: int) -> bool:
    """Take the exclusive lock of an open file if nobody holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def link_exclusive(draft: Path, target: Path) -> bool:
    """Give a finished file a second name in one step; False where that name is taken."""
    try:
        os.link(draft, target)
    except FileExistsError:
        return False
    return True


@contextlib.contextmanager
def staging(parent: Path, *, prefix: str = "") -> Iterator[Path]:
    """A new directory below `parent` for unfinished files, removed at the end.

    It is locked while it is in use: an unlocked one is what a killed process left, and
    `remove_leftovers` takes it away.
    """
    make_directory(parent)
    path, descriptor = _locked_directory(parent, prefix)
    try:
        yield path
    finally:
        _remove_tree(path)
        os.close(descriptor)


def _locked_directory(parent: Path, prefix: str) -> tuple[Path, int]:
    while True:
        path = parent / (prefix + secrets.token_hex(8))
        path.mkdir()
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        # Between mkdir and the lock it looked like a leftover: somebody may have taken it away.
        if try_lock(descriptor) and path.exists():
            with contextlib.suppress(FileNotFoundError):
                share(path, like=parent)  # so that another member of the group can clear it away
            return path, descriptor
        os.close(descriptor)


def remove_leftovers(parent: Path, *, prefix: str = "") -> None:
    """Take away the staging directories whose process is gone, and nothing that has another kind of name."""
    try:
        names = os.listdir(parent)
    except (FileNotFoundError, PermissionError):
        return
    ours = re.compile(re.escape(prefix) + "[0-9a-f]{16}")
    for name in filter(ours.fullmatch, names):
        path = parent / name
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if try_lock(descriptor):
                _remove_tree(path)
        finally:
            os.close(descriptor)


def _remove_tree(path: Path) -> None:
    """Remove a directory, also one that holds directories which may not be written to; what cannot go stays."""
    shutil.rmtree(path, ignore_errors=True)
    if not path.is_dir():
        return
    _open_up(path)
    for above, names, _ in os.walk(path):  # top down: what is opened up here is listed next
        for name in names:
            _open_up(Path(above, name))
    shutil.rmtree(path, ignore_errors=True)


def _open_up(directory: Path) -> None:
    with contextlib.suppress(OSError):
        if not directory.is_symlink():
            directory.chmod(0o700)


def open_file(path: Path | str, *, follow: bool = False) -> int:
    """Open a file for reading, by default not through a link in its last step; never waits for a pipe."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    return os.open(path, flags if follow else flags | os.O_NOFOLLOW)


class FrontToBack:
    """Reads an open file of `size` bytes once, from where it stands.

    One that lies in memory already is read from there. Any other is read past the page cache, which
    does not push out what others keep there: 2 GiB took 5.7 s through it where we measured, 1.6 s past it.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._direct = not _in_memory(descriptor, size) and set_direct(descriptor, True)
        if not self._direct:
            with contextlib.suppress(OSError, AttributeError):
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)

    def into(self, view: memoryview) -> int:
        """Fill `view`, which begins a page; less than its length only at the end of the file."""
        count = 0
        while count < len(view):
            try:
                got = os.readv(self._descriptor, [view[count:]])
            except OSError as error:
                if not self._direct or error.errno != errno.EINVAL:
                    raise
                self._direct = set_direct(self._descriptor, False)
                continue
            if not got:
                break
            count += got
            if self._direct and count % BLOCK:  # the end, or else no place for it to go on from
                self._direct = set_direct(self._descriptor, False)
        return count


def _in_memory(descriptor: int, size: int) -> bool:
    """Whether most of a file is in the page cache, by eight samples; True where one cannot tell.

    Asking for a page brings it in: at fixed places the second reader would take the whole file for cached.
    """
    here = 0
    for _ in range(8):
        try:
            os.preadv(descriptor, [bytearray(1)], secrets.randbelow(size), os.RWF_NOWAIT)
            here += 1
        except BlockingIOError:
            pass
        except (OSError, AttributeError):
            return True
    return here >= 4


def set_direct(descriptor: int, on: bool) -> bool:
    """Switch going past the page cache; whether it is on now."""
    direct = getattr(os, "O_DIRECT", 0)
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL) & ~direct
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | direct if on else flags)
    except OSError:
        return False
    return on and bool(direct)


def buffer(size: int) -> memoryview:
    """Memory at the start of a page, which a `Draft` can hand to the disk without copying it."""
    return memoryview(mmap.mmap(-1, size))


class Draft:
    """A new file, written once from front to back; `FileExistsError` when there is one.

    A `large` one goes past the page cache: 2 GiB written through it cost 1.0 to 7.7 s of processor time
    in the kernel where we measured, past it 0.4 s, and a flush finds nothing left to do. Where the
    file system refuses that, write-back is started at each block, to the same end.
    """

    def __init__(self, path: Path | str, *, mode: int, large: bool = False) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self.descriptor = os.open(path, flags, mode)
        self._large = large
        self._direct = False
        self._begun = False

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def write(self, data: memoryview) -> None:
        """Append `data`, all of it; `OSError` as the disk gives it."""
        if not self._begun:
            self._begun, self._direct = True, self._large and set_direct(self.descriptor, True)
        while data:
            part = data[: len(data) - len(data) % BLOCK] if self._direct else data
            if not part:  # the file's tail is no whole block
                self._direct = set_direct(self.descriptor, False)
                continue
            try:
                data = data[os.write(self.descriptor, part) :]
            except OSError as error:
                if not self._direct or error.errno != errno.EINVAL:
                    raise
                self._direct = set_direct(self.descriptor, False)
        if self._large and not self._direct:
            _start_writeback(self.descriptor)

    def clone(self, source: int) -> bool:
        """Share the bytes of an open file (a reflink); False where the file system cannot."""
        try:
            fcntl.ioctl(self.descriptor, _FICLONE, source)
        except OSError as error:
            if error.errno in NO_SPACE:
                raise
            return False
        return True

    def make_read_only(self) -> None:
        """Mode 0444, whatever the umask is."""
        os.fchmod(self.descriptor, 0o444)


def flush_file(path: Path) -> None:
    """Make the bytes of a file durable."""
    descriptor = open_file(path)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FlushTogether:
    """Make all that is written below a directory from now on durable in one step.

    Opened before the writing, because the system tells a descriptor only of errors since it was opened.
    """

    def __init__(self, directory: Path) -> None:
        self._descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> FlushTogether:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def flush(self) -> bool:
        """False where the system has no such call; then flush each file."""
        call = getattr(_libc(), "syncfs", None)
        if call is None:
            return False
        if call(self._descriptor) != 0:
            code = ctypes.get_errno()
            if code == errno.ENOSYS:
                return False
            raise OSError(code, os.strerror(code))
        return True


def exchange(one: Path, other: Path) -> None:
    """Let two names of one file system, of any kind, change places, in one step where the system can."""
    call = getattr(_libc(), "renameat2", None)
    if call is not None:
        if call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
            return
        code = ctypes.get_errno()
        if code not in (errno.ENOSYS, errno.EINVAL):
            raise OSError(code, os.strerror(code), os.fspath(other))
    aside = one.with_name(one.name + ".aside")
    other.rename(aside)
    try:
        one.rename(other)
    except OSError:
        aside.rename(other)
        raise
    aside.rename(one)


def same_file_system(one: Path, other: Path) -> bool:
    """Whether a file can be renamed from one directory to the other, as far as one can tell."""
    try:
        return one.stat().st_dev == other.stat().st_dev and os.access(one, os.W_OK | os.X_OK)
    except OSError:
        return False


def is_executable(status: os.stat_result) -> bool:
    """Whether the owner may run the file."""
    return bool(status.st_mode & stat.S_IXUSR)


def is_writable(status: os.stat_result) -> bool:
    """Whether anybody at all may write to the file."""
    return bool(status.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _start_writeback(descriptor: int) -> None:
    call = getattr(_libc(), "sync_file_range", None)
    if call is not None:  # advice only: what it cannot do, the flush at the end does
        call(descriptor, ctypes.c_int64(0), ctypes.c_int64(0), _SYNC_FILE_RANGE_WRITE)
