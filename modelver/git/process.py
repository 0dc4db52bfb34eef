"""The door to Git's programs: an environment that we chose, and answers that are checked.

Rule W8. Every Git process runs without the user's hooks and file-system monitor, with its writes
flushed, and with only those `GIT_*` variables that name the repository, the identity, configuration or
transport. It inherits the descriptors that it is given, so that an orphan still holds modelver's lock.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelver.errors import ProgramFailed
from modelver.git.environment import environment, options

LAST_SETTING = b"core.quotepath\nfalse\0"
"""How a whole list of the configuration ends, since Git names what `-c` sets last."""


@dataclass(frozen=True)
class Answer:
    """What a Git process said: its exit code and its two streams."""

    code: int
    out: bytes
    err: bytes

    @property
    def words(self) -> str:
        """Git's own explanation in one line."""
        lines = [line.strip() for line in self.err.decode("utf-8", "replace").splitlines() if line.strip()]
        return "; ".join(lines[:6]) or f"exit code {self.code}"

    @property
    def reason(self) -> str:
        """The line in which Git says why it gave up, without its advice."""
        lines = self.err.decode("utf-8", "replace").splitlines()
        fatal = [line.removeprefix("fatal: ").strip() for line in lines if line.startswith("fatal: ")]
        return fatal[-1] if fatal else self.words


@dataclass(frozen=True)
class Git:
    """Starts Git processes in one directory with one environment.

    `variables` are added to the chosen environment, `descriptors` are inherited by every process,
    `settings` are configuration that holds for these processes only. One that runs `as_user` starts the user's
    hooks, which get his own environment.
    """

    directory: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    as_user: bool = False

    def run(
        self,
        *words: str | bytes,
        input: bytes = b"",
        accept: Iterable[int] = (0,),
        end: bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> Answer:
        """Run one Git command to its end.

        Raises `ProgramFailed` with Git's words when the exit code is not one of `accept`, and when there is
        an answer that does not end in `end`. A process that is interrupted here has ended before the
        interruption goes on.
        """
        process = self.start(*words, variables=variables, err=subprocess.PIPE)
        try:
            out, err = process.communicate(input)
        except BaseException:
            process.kill()
            process.wait()
            raise
        answer = Answer(process.returncode, out, err)
        if answer.code == -signal.SIGINT:
            raise KeyboardInterrupt  # from the terminal, which asks all of us to end, and Git was faster
        if answer.code not in accept:
            raise self.failure(words, answer)
        if answer.out and not answer.out.endswith(end):
            raise self.cut_short(words)
        return answer

    def start(
        self,
        *words: str | bytes,
        variables: Mapping[str, str] | None = None,
        err: int = subprocess.DEVNULL,
        apart: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start a Git process with pipes on its input and output.

        One that is `apart` gets no signal of the terminal's, so that it still answers while an interrupted write
        is undone; it ends when its input does.
        """
        before = [] if self.as_user else options(self.settings)
        try:
            return subprocess.Popen(
                ["git", *before, *words],
                cwd=self.directory,
                env=self.environment() | dict(variables or {}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=err,
                pass_fds=self.descriptors,
                process_group=0 if apart and os.name == "posix" else None,
            )
        except FileNotFoundError as error:
            if not self.directory.is_dir():
                raise ProgramFailed(f"there is no directory {self.directory}") from error
            raise ProgramFailed("git is not installed, or not on PATH", hint="install Git 2.36 or later") from error

    def environment(self) -> dict[str, str]:
        """The environment of every Git process."""
        if self.as_user:  # Git's words in English, and nothing that would change what a hook does
            return {**os.environ, "LANGUAGE": "en", **self.variables}
        return environment() | dict(self.variables)

    def run_hook(self, name: str, *words: str, variables: Mapping[str, str], errors: Path) -> Answer:
        """Run one of the user's hooks if there is one, as Git would: in his environment, and to its end.

        It inherits neither the lock nor a pipe, so that what it starts in the background keeps nobody
        waiting; what it prints goes to the file `errors`.
        """
        with errors.open("wb") as stream:
            done = subprocess.run(
                ["git", "hook", "run", "--ignore-missing", name, *words],
                cwd=self.directory,
                env=dict(os.environ) | dict(self.variables) | dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                check=False,
            )
        return Answer(done.returncode, b"", errors.read_bytes())

    @staticmethod
    def cut_short(words: Iterable[str | bytes]) -> ProgramFailed:
        """The error for an answer that is not whole."""
        name = os.fsdecode(next(iter(words)))
        return ProgramFailed(f"the answer of git {name} was cut short", hint="run the same command again")

    @staticmethod
    def failure(words: Iterable[str | bytes], answer: Answer) -> ProgramFailed:
        """The error for a Git command that ended with an unexpected exit code."""
        name = os.fsdecode(next(iter(words)))
        if answer.code < 0:
            return ProgramFailed(f"git {name} was killed by signal {-answer.code}", hint="run the same command again")
        if "No space left on device" in answer.words:
            return ProgramFailed(
                f"git {name} failed: the disk is full ({answer.words})",
                hint="free some space and run the same command again; nothing was changed",
            )
        return ProgramFailed(f"git {name} failed: {answer.words}")
