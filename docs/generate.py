"""Write what the documentation takes from the program: `python docs/generate.py`, or `make docs`.

The reference of commands and of exit codes is made anew. The examples in README.md, guide.md and teams.md are run; an
output that is no longer what the page shows is replaced. The picture of a session is drawn anew where it shows
something else. Tests fail where a page is not what this would write.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import examples
import record
import typer

from modelver import errors
from modelver.cli.app import COMMANDS, program
from modelver.cli.shared import with_shared_options

DOCS = Path(__file__).parent
RUN = (DOCS.parent / "README.md", DOCS / "guide.md", DOCS / "teams.md")
"""Pages whose examples are run."""

RESERVED = (6,)
"""Exit codes that no command ends with yet; a test looks whether that still holds."""


def pages() -> dict[Path, str]:
    """The pages that are wholly made here."""
    return {
        DOCS / "reference" / "commands.md": commands_page(),
        DOCS / "reference" / "exit-codes.md": exit_codes_page(),
    }


# ---- commands ----------------------------------------------------------------------------------------------------


def command_line() -> Any:
    """The program with all its commands, as its parser sees them."""
    return typer.main.get_command(program())


def commands_page() -> str:
    """The reference of commands, from what the parser knows; nothing depends on the terminal."""
    group = command_line()
    shared = [name for name in _shared() if name != "lock_timeout"]
    head = [
        "# Commands",
        "",
        "*Made by `make docs` from the program itself; `modelver COMMAND --help` says the same.*",
        "",
        " · ".join(f"[{name}](#{name})" for name in COMMANDS),
        "",
        "Every command takes these options, before or after its name:",
        "",
        *_options([each for each in group.params if each.name in shared]),
        "",
        "Those that may have to wait for another writer also take `--lock-timeout SECONDS`, 60 by default. How a",
        "version is named (`REF`) is told under [references](format.md#references), exit codes are on a",
        "[page of their own](exit-codes.md).",
    ]
    return "\n".join([*head, *(line for name in COMMANDS for line in _command(group.commands[name], shared)), ""])


def _shared() -> list[str]:
    """The names of the options that every command has."""

    def nothing(context: typer.Context) -> None: ...

    return [each.name for each in _parameters(with_shared_options(nothing, writes=True)) if each.name]


def _parameters(function: Any) -> list[Any]:
    app = typer.Typer(add_completion=False)
    app.command()(function)
    return list(typer.main.get_command(app).params)


def _command(command: Any, shared: list[str]) -> Iterator[str]:
    text, _, sample = command.help.partition("\b\n")
    own = [each for each in command.params if each.name not in [*shared, "lock_timeout"]]
    arguments = [each for each in own if each.param_type_name == "argument"]
    options = [each for each in own if each.param_type_name == "option"]
    usage = " ".join(["modelver", command.name, *(["[OPTIONS]"] if options else []), *map(_name, arguments)])
    yield from ("", f"## {command.name}", "", f"`{usage}`", "", text.strip())
    if any(each.name == "lock_timeout" for each in command.params):
        yield from ("", "Waits for other writers (`--lock-timeout`).")
    for title, group in (("argument", arguments), ("option", options)):
        if group:
            yield from ("", f"| {title} | |", "| --- | --- |", *map(_row, group))
    lines = [line.removeprefix("  ") for line in sample.strip().splitlines()[1:]]
    yield from ("", "```sh", *lines, "```")


def _options(group: list[Any]) -> Iterator[str]:
    yield from ("| option | |", "| --- | --- |", *map(_row, group))


def _row(parameter: Any) -> str:
    words = [_name(parameter)] if parameter.param_type_name == "argument" else parameter.opts
    value = f" {parameter.metavar}" if parameter.param_type_name == "option" and parameter.metavar else ""
    shown = ", ".join(f"`{word}{value}`" for word in words).replace("|", "\\|")
    again = " May be given several times." if parameter.multiple else ""
    return f"| {shown} | {parameter.help}{again} |"


def _name(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


# ---- exit codes --------------------------------------------------------------------------------------------------


def exit_codes_page() -> str:
    """The exit codes, from the tree of errors."""
    kinds = sorted(errors.ModelverError.__subclasses__(), key=lambda kind: kind.code)
    rows = [
        (0, "", "Done, or the check holds."),
        *((kind.code, f"`{kind.__name__}`", _meaning(kind)) for kind in kinds),
    ]
    rows += [(errors.BUG, "", "A bug in modelver."), (errors.INTERRUPTED, "", "Interrupted with Ctrl-C.")]
    return "\n".join(
        [
            "# Exit codes",
            "",
            "*Made by `make docs` from `modelver/errors.py`.*",
            "",
            "| code | Python | means |",
            "| --- | --- | --- |",
            *(f"| {code} | {name} | {meaning} |" for code, name, meaning in rows),
            "",
            "A process that a signal ends has 128 and the signal's number: 143 for `SIGTERM`, 141 when nobody reads",
            "its output any more.",
            "",
            "An error is one line on standard error that begins with `error:`, and lines that begin with `hint:` with",
            "what to type next. With `--json` it is one document there instead, and standard output stays empty:",
            '`{"error": {"code", "message", "hint"}}`, with `text` and `mark` where a part of a word is wrong, and',
            "`details`, a list of rows, where gates failed.",
            "`--debug` adds where in modelver it arose.",
            "",
            "In Python each is a class of `modelver.errors`, below `modelver.ModelverError`, with `code`, `message`",
            "and `hints`.",
            "",
        ]
    )


def _meaning(kind: type[errors.ModelverError]) -> str:
    first = (kind.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
    return f"{first} (Reserved: no command does this yet.)" if kind.code in RESERVED else first


# ---- main --------------------------------------------------------------------------------------------------------


def main() -> None:
    """Write every page that is not as it should be."""
    wanted = pages()
    for path in RUN:
        with tempfile.TemporaryDirectory(prefix="ada-") as home:
            wanted[path] = examples.refreshed(path.read_text("utf-8"), Path(home))
    for path, text in wanted.items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            print(re.sub(r".*/(?=docs/|README)", "", str(path)))
    record.main()


if __name__ == "__main__":
    main()
