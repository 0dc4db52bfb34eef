"""Run a command line: signals, errors and broken pipes become exit codes here and nowhere else."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from types import FrameType
from typing import TextIO

import typer

from modelver.cli.app import program
from modelver.errors import INTERRUPTED, ModelverError, ProgramFailed, UsageError

# Typer carries its own copy of Click or uses the real one, depending on its release.
_TyperError: type[Exception] = typer.BadParameter.__mro__[2]
_PIPE_CLOSED = 128 + signal.SIGPIPE


class _Ended(BaseException):
    """A signal asked the process to end; a `BaseException`, so that nobody takes it for an error."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def run(words: Sequence[str]) -> int:
    """Run one command line; returns the exit code."""
    sys.stdout, sys.stderr = sys.stdout or _nowhere(), sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        # A name that this terminal cannot show is shown escaped, not a crash.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    try:
        with _ending_by_signal():
            return _run(words)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except _Ended as ended:
        return 128 + ended.number
    except BrokenPipeError:
        # Whoever read our output has enough. Nothing more may be written, also not when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED


def _run(words: Sequence[str]) -> int:
    options = words[: words.index("--")] if "--" in words else words
    with_json, debug = _asks_for_json(options), ("--debug" in options)
    try:
        _invoke(words)
        sys.stdout.flush()
        return 0
    except ModelverError as error:
        failure = error
    except typer.Abort:
        raise KeyboardInterrupt from None
    except typer.Exit as ending:
        return ending.exit_code
    except _TyperError as error:
        failure = _usage_error(error)
    except BrokenPipeError:
        raise
    except OSError as error:
        # The registry lets none out, so it was the output that could not be written.
        failure = ProgramFailed(f"cannot write the output: {error.strerror}")
        failure.__cause__ = error
        sys.stdout = _nowhere()
    except Exception as error:
        failure = _bug(error)
        failure.__cause__ = error
    from modelver.cli.render import show_error, show_trace

    if debug:
        show_trace(failure)
    show_error(failure, with_json=with_json)
    return failure.code


def _asks_for_json(options: Sequence[str]) -> bool:
    """Whether errors are to be JSON, which has to be known also where the words cannot be understood."""
    return bool({"--json", "--format=json"} & set(options)) or ("--format", "json") in pairwise(options)


def _nowhere() -> TextIO:
    return open(os.devnull, "w")


def _invoke(words: Sequence[str]) -> None:
    if list(words) in (["--install-completion"], ["--show-completion"]):
        from modelver.cli.shells import shell

        words = [*words, shell()]
    command = typer.main.get_command(program(words))
    # Not `main`, which has its own way with interruptions and closed pipes.
    with command.make_context("modelver", list(words) or ["--help"]) as context:
        command.invoke(context)


def _usage_error(error: Exception) -> UsageError:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "modelver"
    format_message = getattr(error, "format_message", lambda: str(error))
    message = " ".join(format_message().split())
    return UsageError(message.rstrip("."), hint=f"{command} --help")


def _bug(error: Exception) -> ModelverError:
    return ModelverError(
        f"a bug in modelver: {type(error).__name__}: {error}",
        hint="run the same command with --debug and report what it prints",
    )


@contextlib.contextmanager
def _ending_by_signal() -> Iterator[None]:
    """Let a request to end unwind the work under way, so that a write is undone or finished first."""

    def end(number: int, _: FrameType | None) -> None:
        raise _Ended(number)

    # One that is ignored stays so: `nohup` means it, for a training above all.
    heard = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is not signal.SIG_IGN]
    former = {number: signal.signal(number, end) for number in heard}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
