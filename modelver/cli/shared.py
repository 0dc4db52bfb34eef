"""What every command has: the options that may stand before or after its name, and the registry it acts on."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from modelver.cli.machine import environment
from modelver.domain.text import moment_of
from modelver.errors import UsageError

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown or a word completed
    from modelver.registry import Registry


@dataclass
class Choices:
    """What the shared options say."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    no_color: bool = False
    directory: str | None = None
    lock_timeout: str | None = None
    at: str | None = None
    branch: str | None = None
    no_commit: bool = False
    opened: Registry | None = None


def _version(asked: bool) -> None:
    if asked:
        from modelver import __version__

        typer.echo(f"modelver {__version__}")
        raise typer.Exit


_SHARED: dict[str, Any] = {
    "directory": Annotated[str | None, typer.Option("-C", metavar="DIR", help="Act as if started in DIR.")],
    "json": Annotated[bool, typer.Option("--json", help="Print one JSON document for machines; errors too.")],
    "quiet": Annotated[bool, typer.Option("-q", "--quiet", help="Print only what was asked for, no remarks.")],
    "verbose": Annotated[bool, typer.Option("-v", "--verbose", help="Print more.")],
    "debug": Annotated[bool, typer.Option("--debug", help="On an error, print where in modelver it arose.")],
    "no_color": Annotated[bool, typer.Option("--no-color", help="No colour; the variable NO_COLOR does the same.")],
    "version": Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version of modelver.")
    ],
}
_WAITING: dict[str, Any] = {
    "lock_timeout": Annotated[
        str | None, typer.Option(metavar="SECONDS", help="How long to wait for another writer; 60 by default.")
    ],
}


_RECORDING: dict[str, Any] = {
    "branch": Annotated[
        str | None,
        typer.Option(metavar="BRANCH", help="Write to this branch, made from HEAD if it is new; nothing else changes."),
    ],
    "no_commit": Annotated[
        bool, typer.Option("--no-commit", help="Stage the records for a commit of yours; sync makes their tags then.")
    ],
}


_READING: dict[str, Any] = {
    "at": Annotated[
        str | None, typer.Option(metavar="REV|DATE", help="Read the registry as it was at a revision or date.")
    ],
}


def with_shared_options(
    function: Callable[..., None], *, writes: bool = False, reads: bool = False, records: bool = False
) -> Callable[..., None]:
    """A command that also takes the shared options.

    One that `writes` may have to wait for another writer; one that `reads` can do so as of another moment; one that
    `records` can do so on another branch, or leave the commit to the user.
    """
    shared = _SHARED | (_RECORDING if records else {}) | (_READING if reads else {}) | (_WAITING if writes else {})
    hints = get_type_hints(function, include_extras=True)
    own = [each.replace(annotation=hints[each.name]) for each in inspect.signature(function).parameters.values()]
    more = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None if name in _TEXTS else False, annotation=kind
        )
        for name, kind in shared.items()
    ]

    def command(**given: Any) -> None:
        chosen = choices(given["context"])
        for name in shared:
            value = given.pop(name)
            if value not in (None, False) and name != "version":  # an empty text is a mistake, and no omission
                setattr(chosen, name, value)
        function(**given)

    functools.update_wrapper(command, function)
    del command.__wrapped__  # type: ignore[attr-defined]
    command.__signature__ = inspect.Signature([*own, *more])  # type: ignore[attr-defined]
    command.__annotations__ = hints | shared
    return command


_TEXTS = ("directory", "lock_timeout", "at", "branch")


def choices(context: typer.Context) -> Choices:
    """What the shared options say."""
    return context.ensure_object(Choices)


def choose_format(context: typer.Context, format: str) -> None:
    """Let `--format json` be `--json`, errors included; raises `UsageError` for `--json` with another format."""
    chosen = choices(context)
    if chosen.json and format not in ("text", "json"):
        raise UsageError(f"--json and --format {format} are two forms of one answer", hint="give one of them")
    chosen.json = chosen.json or format == "json"


def registry(context: typer.Context) -> Registry:
    """The registry of the directory that the command acts in."""
    from modelver.registry import Registry

    chosen = choices(context)
    directory = Path(chosen.directory or ".")
    settings = {"lock-timeout": chosen.lock_timeout} if chosen.lock_timeout is not None else {}
    settings = {**environment(), **settings}
    opened = Registry(directory, settings, at=chosen.at, branch=chosen.branch, commit=not chosen.no_commit)
    chosen.opened = opened
    context.call_on_close(opened.close)
    return opened


def moment(text: str | None) -> datetime | None:
    """A moment as ISO 8601; UTC where it names no zone."""
    value = None if text is None else moment_of(text)
    if text is not None and value is None:
        raise UsageError(f"--time: {text!r} is no moment in ISO 8601", hint="--time 2024-01-31T12:00:00Z")
    return value
