"""A conversation with `git cat-file`: many objects, one process, every answer checked.

An object's bytes are hashed again and compared with the id that was asked for: a process that is
killed half-way has been seen to give a short tree, and what is built on that loses files.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelver.errors import Damaged, ProgramFailed
from modelver.git.process import Git

# Requests in flight: their names and the headers that come back fit the pipes' buffers.
_BATCH = 200

_CONVERSATIONS: weakref.WeakSet[Batch] = weakref.WeakSet()


@dataclass(frozen=True)
class Header:
    """The id, type and size in bytes of an object."""

    oid: str
    type: str
    size: int


def object_id(algorithm: str, type: str, data: bytes) -> str:
    """Git's name for an object: the hash of its type, size and bytes.

    >>> object_id("sha1", "blob", b"")
    'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
    """
    hashed = hashlib.new(algorithm, f"{type} {len(data)}\0".encode(), usedforsecurity=False)
    hashed.update(data)
    return hashed.hexdigest()


class Batch:
    """Reads objects through one `git cat-file` process, started at the first question.

    Threads take turns; after a fork the child has a conversation of its own.
    """

    def __init__(self, git: Git, algorithm: str) -> None:
        self._git = git
        self._algorithm = algorithm
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()
        _CONVERSATIONS.add(self)

    def headers(self, names: Sequence[str]) -> list[Header | None]:
        """Id, type and size of each named object, None for one that is not there."""
        return [header for header, _ in self._ask("info", names)]

    def contents(self, oids: Sequence[str]) -> list[tuple[str, bytes]]:
        """Type and bytes of each object; all must be there and be what their id says."""
        answers = []
        for oid, (header, data) in zip(oids, self._ask("contents", oids), strict=True):
            if header is None:
                raise Damaged(f"Git has no object {oid}", hint="git fsck")
            if object_id(self._algorithm, header.type, data) != oid:
                raise ProgramFailed(f"git cat-file gave wrong bytes for {oid}", hint="git fsck")
            answers.append((header.type, data))
        return answers

    def close(self) -> None:
        """End the process."""
        with self._turn:
            self._end()

    def close_quietly(self) -> None:
        """End the process, also when its pipes are broken."""
        with self._turn:
            self._end_quietly()

    def leave_to_parent(self) -> None:
        """After a fork: let the parent's process go, so that it can end, and start another at the next question."""
        process, self._process = self._process, None
        self._turn = threading.Lock()
        if process is None:
            return
        process.returncode = 0  # it is no child of ours, so there is nothing to wait for
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            os.dup2(nothing, stream.fileno(), inheritable=False)
        os.close(nothing)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            process.stdout.close()
            process.wait()

    def _ask(self, verb: str, names: Sequence[str]) -> Iterator[tuple[Header | None, bytes]]:
        for start in range(0, len(names), _BATCH):
            part = names[start : start + _BATCH]
            yield from self._exchange(verb, part)

    def _exchange(self, verb: str, names: Sequence[str]) -> list[tuple[Header | None, bytes]]:
        with self._turn:
            return self._ask_and_read(verb, names)

    def _ask_and_read(self, verb: str, names: Sequence[str]) -> list[tuple[Header | None, bytes]]:
        if self._process is None:
            self._process = self._git.start("cat-file", "--batch-command", apart=True)
        process = self._process
        assert process.stdin is not None
        try:
            process.stdin.write(b"".join(f"{verb} {name}\n".encode() for name in names))
            process.stdin.flush()
            return [self._answer(process, name, verb == "contents") for name in names]
        except BaseException as error:
            # The conversation is out of step now; the next question starts a new one.
            process.kill()
            self._end_quietly()
            if isinstance(error, OSError):
                raise ProgramFailed("git cat-file ended early", hint="run the same command again") from error
            raise

    def _end_quietly(self) -> None:
        process = self._process
        try:
            self._end()
        except OSError:
            assert process is not None
            process.wait()

    def _answer(self, process: subprocess.Popen[bytes], name: str, with_bytes: bool) -> tuple[Header | None, bytes]:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.endswith(b"\n"):
            raise ProgramFailed("git cat-file ended early", hint="run the same command again")
        if line.endswith((b" missing\n", b" ambiguous\n")):
            return None, b""
        oid, type, size = line.decode("utf-8", "replace").split()
        header = Header(oid, type, int(size))
        if not with_bytes:
            return header, b""
        data = process.stdout.read(header.size + 1)
        if len(data) != header.size + 1:
            raise ProgramFailed(f"git cat-file cut {name} short", hint="run the same command again")
        return header, data[:-1]


def _after_fork() -> None:
    for batch in list(_CONVERSATIONS):
        batch.leave_to_parent()


os.register_at_fork(after_in_child=_after_fork)
