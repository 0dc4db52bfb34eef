"""Git's answers for a hook that nobody must feel: to load `subprocess` would take as long as all of such a hook may.

The second door to Git's programs, with the environment of the first. It reads, and nothing else.
"""

from __future__ import annotations

import os

from modelver.errors import ProgramFailed
from modelver.git.environment import environment, options

TYPE_CHECKING = False  # see modelver/git/environment.py

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

HOOKS = ("pre-commit", "post-commit", "post-merge", "post-checkout")
"""The hooks that there are; here, because to load those that put them in place would be felt."""

_AT_ONCE = 200  # requests in flight: with their answers they fit the buffers of two pipes
_PIECE = 2**20  # bytes


class Asked:
    """A Git command that runs, and its answer; several may run at once."""

    def __init__(self, directory: str, *words: str) -> None:
        self._name = words[0]
        self._reader, writer = os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._process = _spawn(directory, words, nothing, writer)
        finally:
            os.close(nothing)
            os.close(writer)

    def answer(self, *, accept: Collection[int] = (0,)) -> str | None:
        """All that it prints; None where it ended with another exit code of `accept` than 0."""
        with open(self._reader, "rb") as stream:
            out = stream.read()
        code = os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])
        if code not in accept:
            raise ProgramFailed(f"git {self._name} failed with exit code {code}")
        return os.fsdecode(out) if code == 0 else None


def ask(directory: str, *words: str) -> str:
    """All that a Git command prints."""
    return Asked(directory, *words).answer() or ""


class Lookup:
    """A conversation with `git cat-file` about objects, ended by `close`."""

    def __init__(self, directory: str) -> None:
        reader, out = os.pipe()
        into, writer = os.pipe()
        try:
            self._process = _spawn(directory, ["cat-file", "--batch-command", "--buffer"], into, out)
        finally:
            os.close(out)
            os.close(into)
        self._reader, self._writer = os.fdopen(reader, "rb"), writer

    def close(self) -> None:
        """End the process."""
        self._reader.close()  # first, so that one that is cut off in the middle of a large object ends
        os.close(self._writer)
        os.waitpid(self._process, 0)

    def headers(self, names: Sequence[str]) -> Iterator[tuple[str, int] | None]:
        """Object id and size of what each name means, None where there is no such object."""
        for start in range(0, len(names), _AT_ONCE):
            part = names[start : start + _AT_ONCE]
            self._send("info", part)
            for _ in part:
                yield self._header()

    def pieces(self, oids: Sequence[str]) -> Iterator[Iterator[bytes]]:
        """For each object its bytes, piece by piece; each has to be read to its end before the next."""
        for start in range(0, len(oids), _AT_ONCE):
            part = oids[start : start + _AT_ONCE]
            self._send("contents", part)
            yield from map(self._pieces, part)

    def contents(self, oid: str, limit: int) -> bytes | None:
        """All bytes of an object; None of one with more than `limit`, which is not read."""
        header = next(self.headers([oid]))
        if header and header[1] > limit:
            return None
        return b"".join(next(self.pieces([oid])))

    def _pieces(self, oid: str) -> Iterator[bytes]:
        """What comes next, as the bytes of an object, whose number is checked."""
        header = self._header()
        left = header[1] if header else -1
        while left > 0 and (piece := self._reader.read(min(left, _PIECE))):
            yield piece
            left -= len(piece)
        if left or self._reader.read(1) != b"\n":
            raise ProgramFailed(f"git cat-file cut {oid} short", hint="git fsck")

    def _send(self, verb: str, names: Sequence[str]) -> None:
        # Git answers all at once when it is told to: to write each answer by itself would take it longer than to read.
        data = "".join([*(f"{verb} {name}\n" for name in names), "flush\n"]).encode()
        try:
            while data:
                data = data[os.write(self._writer, data) :]
        except BrokenPipeError as error:
            raise ProgramFailed("git cat-file ended early", hint="git fsck") from error

    def _header(self) -> tuple[str, int] | None:
        words = self._reader.readline().split()
        if words[-1:] in ([b"missing"], [b"ambiguous"]):
            return None
        if len(words) != 3:
            raise ProgramFailed("git cat-file ended early", hint="git fsck")
        return words[0].decode("ascii"), int(words[2])


def _spawn(directory: str, words: Sequence[str], stdin: int, stdout: int) -> int:
    actions = [
        (os.POSIX_SPAWN_DUP2, stdin, 0),
        (os.POSIX_SPAWN_DUP2, stdout, 1),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    command = ["git", "-C", directory, *options({}), *words]
    try:
        return os.posix_spawnp("git", command, environment(), file_actions=actions)
    except FileNotFoundError as error:
        raise ProgramFailed("git is not installed, or not on PATH", hint="install Git 2.36 or later") from error
