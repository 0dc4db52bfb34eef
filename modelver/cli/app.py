"""The program: which commands there are, and where each is made."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from modelver.cli.shared import with_shared_options


@dataclass(frozen=True)
class _Home:
    module: str
    function: str
    writes: bool = False
    reads: bool = False
    records: bool = False


COMMANDS = {
    "init": _Home("write", "init", writes=True, records=True),
    "add": _Home("write", "add", writes=True, records=True),
    "run": _Home("write", "run", writes=True, records=True),
    "tag": _Home("stages", "tag", writes=True, records=True),
    "promote": _Home("stages", "promote", writes=True, records=True),
    "rollback": _Home("stages", "rollback", writes=True, records=True),
    "demote": _Home("stages", "demote", writes=True, records=True),
    "archive": _Home("stages", "archive", writes=True, records=True),
    "note": _Home("write", "note", writes=True, records=True),
    "undo": _Home("sync", "undo", writes=True),
    "sync": _Home("sync", "sync", writes=True),
    "list": _Home("look", "list_", reads=True),
    "show": _Home("look", "show", reads=True),
    "log": _Home("look", "log", reads=True),
    "diff": _Home("compare", "diff", reads=True),
    "compare": _Home("compare", "compare", reads=True),
    "lineage": _Home("lineage", "lineage", writes=True, reads=True, records=True),
    "status": _Home("look", "status", reads=True),
    "identify": _Home("look", "identify", reads=True),
    "checkout": _Home("retrieve", "checkout", writes=True, reads=True),
    "cat": _Home("retrieve", "cat", reads=True),
    "path": _Home("retrieve", "path", reads=True),
    "verify": _Home("look", "verify", writes=True, reads=True),
    "hooks": _Home("hooks", "hooks", writes=True),
    "demo": _Home("demo", "demo"),
}
"""All commands, in the order of the help."""


def program(words: Sequence[str] = ()) -> typer.Typer:
    """The program with all commands, or with those that the words of a command line can mean.

    To make a command costs a millisecond or more, so the others are left out where the line names one.
    """
    app = typer.Typer(
        name="modelver",
        no_args_is_help=True,
        add_completion=False,  # ours is in `complete.py`: Typer's takes `MODEL@STAGE` for two words in bash
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(with_shared_options(_program, writes=True))
    for name in _meant(words):
        home = COMMANDS[name]
        kinds = {"writes": home.writes, "reads": home.reads, "records": home.records}
        app.command(name)(with_shared_options(function_of(name), **kinds))
    return app


def function_of(name: str) -> Callable[..., None]:
    """The function that a command is made of."""
    home = COMMANDS[name]
    function: Callable[..., None] = getattr(importlib.import_module(f"modelver.cli.{home.module}"), home.function)
    return function


class Shell(StrEnum):
    """The shells that there is a script for."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


def _install(context: typer.Context, shell: Shell | None) -> None:
    if shell is not None and not context.resilient_parsing:
        from modelver.cli.shells import install

        typer.echo(f"{shell} completion installed in {install(shell)}; it takes effect in a new shell")
        raise typer.Exit


def _show(context: typer.Context, shell: Shell | None) -> None:
    if shell is not None and not context.resilient_parsing:
        from modelver.cli.shells import SCRIPTS

        typer.echo(SCRIPTS[shell])
        raise typer.Exit


def _program(
    context: typer.Context,
    install_completion: Annotated[
        Shell | None,
        typer.Option(is_eager=True, callback=_install, help="Install completion; by default for this shell."),
    ] = None,
    show_completion: Annotated[
        Shell | None,
        typer.Option(is_eager=True, callback=_show, help="Print the script that completes, to put it elsewhere."),
    ] = None,
) -> None:
    """Your Git repository is the model registry.

    Start with: modelver demo. In a repository of your own: modelver init, then modelver add PATH.
    """


def _meant(words: Sequence[str]) -> list[str]:
    # Any word may be the command, since one before it may be the value of an option. A first word that is
    # none gets the full list, for the proposal of a near one.
    named = [name for name in COMMANDS if name in words]
    first_is_unknown = bool(words) and not words[0].startswith("-") and words[0] not in COMMANDS
    return list(COMMANDS) if first_is_unknown or not named else named
