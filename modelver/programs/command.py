"""Run a command of the user's to its end, as if he had typed it himself, and measure it.

It gets our terminal, our three streams, our other inherited descriptors and our environment; no shell reads its words.

Where the system can, a small interpreter stands between us and the command. A process counts as its own peak memory
what the process had that it was forked from: started by a notebook that holds 10 GB, `true` would have taken 10 GB.
That interpreter has 10 MB, starts the command, waits for it and reports.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

from modelver.domain.text import printable, quoted
from modelver.errors import ProgramFailed, UsageError

_KILOBYTE = 1 if sys.platform == "darwin" else 1024
"""Bytes in the unit of `ru_maxrss`."""

# What it writes, a JSON array a line: the command's process or why there is none; then how it ended. The signals that
# ask to end are blocked in it from its start, as they were in us, and not in the command. Python ignores two more.
_WATCHER = """
import os, signal, sys, time
report, blocked, words = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
os.set_inheritable(report, False)
started, begin = time.time_ns(), time.monotonic()
try:
    process = os.posix_spawnp(words[0], words, os.environ, setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
                              setsigmask=[int(number) for number in blocked.split()])
except OSError as error:
    os.write(report, b"[0, %d]\\n" % error.errno)
    sys.exit()
os.write(report, b"[%d, 0]\\n" % process)
_, status, used = os.wait4(process, 0)
ending = [os.waitstatus_to_exitcode(status), started, time.monotonic() - begin, used.ru_utime + used.ru_stime,
          used.ru_maxrss]
os.write(report, f"{ending}\\n".encode())
"""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended, and what it took.

    `code` is as a shell gives it: 128 and the number of the signal that it was ended by, which is `signal`. `started`
    is in nanoseconds since the epoch. `seconds` is wall time. CPU time, of user and system, and peak memory are those
    of the command and of every descendant that was waited for, None where the system does not tell; the peak is that
    of the largest one process. `asked_to_end` is the last SIGINT, SIGTERM or SIGHUP that came to us meanwhile, also
    when the command took no notice.
    """

    code: int
    signal: int | None
    started: int
    seconds: float
    cpu_seconds: float | None
    peak_bytes: int | None
    asked_to_end: int | None


def run(words: Sequence[str], *, cwd: Path, stdout_to_stderr: bool = False) -> Ended:
    """Run a command in the directory `cwd` to its end, whatever signals come meanwhile.

    Ctrl-C is between the command and its terminal; a SIGINT that came another way, SIGTERM and SIGHUP are passed on.
    What it leaves in the background is not waited for. Raises `UsageError` when the command is not there or not
    executable (126 and 127 in a shell), `ProgramFailed` when it cannot be started for another reason.
    """
    if not words or not words[0]:
        raise UsageError("there is no command to run", hint="put it after --, like: -- python train.py")
    if any("\0" in word for word in words):
        raise UsageError("a word of the command holds a NUL character")
    watched = hasattr(os, "wait4") and hasattr(os, "posix_spawnp") and bool(sys.executable)
    return (_run_watched if watched else _run_plainly)(words, cwd, 2 if stdout_to_stderr else None)


def _run_watched(words: Sequence[str], cwd: Path, stdout: int | None) -> Ended:
    """The one place that calls what only POSIX has."""
    reading, writing = os.pipe()
    with open(reading, "rb") as report, _Signals() as signals:
        try:
            os.set_inheritable(writing, True)
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signals.known)
            try:
                mask = " ".join(str(int(number)) for number in blocked)
                watcher = [sys.executable, "-I", "-S", "-c", _WATCHER, str(writing), mask, *words]
                process = _start(watcher, words, cwd, stdout)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        finally:
            os.close(writing)
        command, fault = _line(report) or (0, 0)
        if fault:
            process.wait()
            raise _failure(words, cwd, OSError(fault, os.strerror(fault)))
        if command:
            signals.pass_on_to(lambda number: os.kill(command, number))
        ending = _line(report)
        process.wait()
    if ending is None:
        raise ProgramFailed(f"lost sight of {quoted(words[0])}: the process that watched over it was ended")
    code, started, seconds, cpu_seconds, peak = ending
    return _ended(code, started, seconds, cpu_seconds, peak * _KILOBYTE, signals)


def _run_plainly(words: Sequence[str], cwd: Path, stdout: int | None) -> Ended:
    with _Signals() as signals:
        started, begin = time.time_ns(), time.monotonic()
        process = _start(words, words, cwd, stdout)
        signals.pass_on_to(process.send_signal)
        code = process.wait()
        return _ended(code, started, time.monotonic() - begin, None, None, signals)


def _start(program: Sequence[str], words: Sequence[str], cwd: Path, stdout: int | None) -> subprocess.Popen[bytes]:
    """Start `program` for `words`; with what a shell gave us beside the streams, such as the pipe of `<(zcat data)`."""
    try:
        return subprocess.Popen(program, cwd=cwd, stdout=stdout, close_fds=False)
    except OSError as error:
        raise _failure(words, cwd, error) from error


def _line(report: BinaryIO) -> list[Any] | None:
    """The next line of a watcher's report; None where there is no whole one, because its writer is gone."""
    line = report.readline()
    return list(json.loads(line)) if line.endswith(b"\n") else None


def _ended(
    code: int, started: int, seconds: float, cpu_seconds: float | None, peak_bytes: int | None, signals: _Signals
) -> Ended:
    return Ended(
        code=code if code >= 0 else 128 - code,
        signal=-code if code < 0 else None,
        started=started,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        peak_bytes=peak_bytes,
        asked_to_end=signals.last,
    )


class _Signals:
    """While it is entered, signals that ask us to end are heard, and passed on, and end nothing here.

    One that is ignored stays so, for us and for the command: `nohup` means both. Outside of the main thread Python
    hears none.
    """

    def __init__(self) -> None:
        self.known = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
        hears = threading.current_thread() is threading.main_thread()
        self._ours = [n for n in self.known if hears and signal.getsignal(n) not in (signal.SIG_IGN, None)]
        self.last: int | None = None
        self._to_pass_on: int | None = None
        self._send: Callable[[int], None] | None = None

    def __enter__(self) -> _Signals:
        self._former = {number: signal.signal(number, self._hear) for number in self._ours}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def pass_on_to(self, send: Callable[[int], None]) -> None:
        """Send what came already and what comes from now on."""
        self._send = send
        self._pass_on()

    def _hear(self, number: int, _: FrameType | None) -> None:
        self.last = number
        if number != signal.SIGINT or not _is_typed():
            self._to_pass_on = number
            self._pass_on()

    def _pass_on(self) -> None:
        number, send = self._to_pass_on, self._send
        if number is not None and send is not None:
            self._to_pass_on = None
            with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended, or is somebody else's
                send(number)


def _is_typed() -> bool:
    """Whether a SIGINT is the terminal's, which sent it to the command as well; a second one would mean "at once"."""
    if not hasattr(os, "tcgetpgrp"):
        return True
    try:
        with open("/dev/tty", "rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


def _failure(words: Sequence[str], cwd: Path, error: OSError) -> UsageError | ProgramFailed:
    """Why a command could not be started."""
    if not cwd.is_dir():
        return ProgramFailed(f"there is no directory {printable(str(cwd))}")
    name = words[0]
    what, here, is_path = f"cannot run {quoted(name)}", cwd / name, os.path.basename(name) != name
    found = (str(here) if here.exists() else None) if is_path else shutil.which(name, mode=os.F_OK)
    if found is None and error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
        typed = f"python {shlex.quote(name)}" if name.endswith(".py") else shlex.quote(f"./{name}")
        hint = f"a file of that name is here, so perhaps: {typed}" if name and here.is_file() else None
        return UsageError(f"{what}: there is no such {'file' if is_path else 'command on PATH'}", hint=hint)
    if found is not None and error.errno == errno.ENOENT:
        return UsageError(f"{what}: the interpreter that its first line names is not there")
    if found is not None and Path(found).is_dir():
        return UsageError(f"{what}: it is a directory")
    if found is not None and error.errno == errno.EACCES:
        return UsageError(f"{what}: it is not executable", hint=f"chmod +x {shlex.quote(printable(found))}")
    if error.errno == errno.ENOEXEC:
        return UsageError(f"{what}: it is no program", hint="begin a script with a line like #!/bin/sh")
    return ProgramFailed(f"{what}: {error.strerror or error}")
