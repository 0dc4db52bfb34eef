"""Shell completion: what may stand at the cursor, and the scripts through which bash, zsh and fish ask.

A script runs `modelver` with `_MODELVER_COMPLETE` set and hands the line up to the cursor over. It gets lines
back: `values`, `files` or `directories` (which the shell completes itself), then the values; for zsh and fish each
with a tab and what it is. No script evaluates an answer, and a value that a shell could take for more than a word
is never offered. All run the `modelver` of `PATH`: a key that is pressed behind `./modelver` must not start what
lies in somebody's repository. Which values a parameter takes is told by its metavar, so commands load nothing here.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import typer
from typer._completion_classes import BashComplete  # for what all shells share: which parameter is meant

from modelver.domain import names, semver
from modelver.domain.text import printable
from modelver.errors import ModelverError
from modelver.git.process import Git
from modelver.records import layout

_WORD = re.compile(r"[A-Za-z0-9._/@:=+-]+")
_ID_BEGINS = re.compile(r"v[0-9]")
# As `records/writer.py` writes it: to load a reader of YAML would take longer than the rest.
_HOLDER = re.compile(rb"^version: (v[0-9]{14}_[0-9a-f]{8})$", re.MULTILINE)
_LIMIT = 256 * 1024  # bytes of the largest record
_OFFLINE = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none", "GIT_TERMINAL_PROMPT": "0"}


class Item(NamedTuple):
    """One value that may stand at the cursor, and what it is."""

    value: str
    help: str = ""


FILES, DIRECTORIES = Item("files"), Item("directories")
"""What the shell completes itself."""


# ---- answering ---------------------------------------------------------------------------------------------------


def answer(words: Sequence[str]) -> None:
    """Print what may stand at the cursor, nothing where anything is wrong; never fails."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    lines: list[str] = []
    with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
        shell = os.environ["_MODELVER_COMPLETE"]
        if shell == "bash":
            line, word = os.environ["_MODELVER_LINE"], os.environ["_MODELVER_WORD"]
            lines = _for_bash(split(line)[1:], split(word)[-1])
        else:
            *before, typed = words[1:]  # behind `--`
            typed = split(typed)[-1] if shell == "fish" else typed  # fish leaves an open quote where it is
            lines = ["\t".join(filter(None, item)) for item in completions([*before, typed])]
    with contextlib.suppress(Exception):
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()


def _for_bash(words: Sequence[str], word: str) -> list[str]:
    """The lines of an answer, without what bash, which parts words at `@`, `:` and `=`, does not replace."""
    kept = len(words[-1]) - len(word)
    if not words[-1].endswith(word):
        return []
    kind, *items = completions(words)
    return [kind.value, *(value[kept:] for value, _ in items)]


def split(line: str) -> list[str]:
    """The words of a line up to the cursor, of which the last, perhaps empty or in an open quote, stands at it.

    >>> split("modelver show 'fraud@"), split("modelver show ")
    (['modelver', 'show', 'fraud@'], ['modelver', 'show', ''])
    """
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    try:
        words.extend(lexer)
    except ValueError:  # an open quote, or a backslash at the end
        return [*words, lexer.token]
    return [*words, ""] if not line or line[-1].isspace() else words


def completions(words: Sequence[str]) -> list[Item]:
    """The kind of an answer as its first item, then what may stand in place of the last word."""
    from modelver.cli.app import COMMANDS, program

    *before, typed = words
    # Where no command is named, any one serves to make the program.
    root: Any = typer.main.get_command(program([word for word in before if word in COMMANDS] or ["status"]))
    options = root.shell_complete
    root.shell_complete = lambda context, typed: options(context, typed) if typed[:1] == "-" else commands()
    for parameter in [*root.params, *(each for command in root.commands.values() for each in command.params)]:
        if parameter.metavar in VALUES:
            parameter.shell_complete = _completer(VALUES[parameter.metavar])
    items: list[Any] = BashComplete(root, {}, "modelver", "").get_completions(before, typed)
    if items and (items[0] is FILES or items[0] is DIRECTORIES):
        return [items[0]]
    option = typed[: typed.find("=") + 1] if typed.startswith("--") else ""  # `--name=fr` is one word
    found = [Item(option + each.value, printable(each.help or "")) for each in items]
    return [Item("values"), *(item for item in found if item.value.startswith(typed) and _WORD.fullmatch(item.value))]


def _completer(source: Callable[[Lookup, str], Iterable[Item]]) -> Callable[[typer.Context, str], list[Item]]:
    return lambda context, typed: list(source(Lookup(context), typed))


def commands() -> list[Item]:
    """All commands and what they do; none of them is made for it."""
    from modelver.cli.app import COMMANDS, function_of

    return [Item(name, (function_of(name).__doc__ or "").partition("\n")[0]) for name in COMMANDS]


# ---- values ------------------------------------------------------------------------------------------------------


class Lookup:
    """What the rest of a command line says, and the records that it is about, asked of Git at once and offline."""

    def __init__(self, context: typer.Context) -> None:
        self.command = context.info_name
        chain: list[Mapping[str, Any]] = [context.parent.params if context.parent else {}, context.params]
        self.given = {name: value for given in chain for name, value in given.items() if value}
        self.git = Git(Path(self.given.get("directory", ".")).expanduser().absolute(), _OFFLINE)
        self.commit = str(self.given.get("at", "HEAD"))
        if self.commit.startswith("-"):
            raise ValueError("Git would take it for an option")

    @cache  # noqa: B019  it lives as long as the process
    def paths(self, below: str) -> list[str]:
        """All files below a directory of the commit."""
        words = ("ls-tree", "-r", "-z", "--full-tree", "--name-only", self.commit, "--", below)
        return os.fsdecode(self.git.run(*words, end=b"\0").out).split("\0")[:-1]

    def records(self, kind: str, model: str = "") -> Iterator[Any]:
        """Where the records of a kind stand (`versions`, `tags`, `stages`), of one model or of all."""
        for path in self.paths(layout.model_directory(model) if model else layout.MODELS):
            place: Any = layout.parse_path(path) if f"/{kind}/" in path else None
            if place is not None and model in ("", place.model):
                yield place

    def branches(self) -> list[str]:
        """The short names of all branches."""
        return os.fsdecode(self.git.run("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads").out).splitlines()

    def contents(self, *paths: str) -> list[bytes]:
        """The bytes of files, empty for one that is not to be had or is too large for a record."""
        found: list[bytes] = []
        with contextlib.suppress(OSError), self.git.start("cat-file", "--batch") as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for path in paths:
                process.stdin.write(os.fsencode(f"{self.commit}:{path}\n"))
                process.stdin.flush()
                header = process.stdout.readline().split()
                size = int(header[2]) if len(header) == 3 else None
                if size is not None and size > _LIMIT:
                    process.kill()
                    break
                found.append(b"" if size is None else process.stdout.read(size + 1))
        return found + [b""] * (len(paths) - len(found))


def models(known: Lookup, _: str) -> Iterator[Item]:
    """All models that have a version."""
    inside = (path.removeprefix(f"{layout.MODELS}/") for path in known.paths(layout.MODELS) if "/versions/" in path)
    found = sorted({path.partition("/versions/")[0] for path in inside})
    yield from (Item(name, "model") for name in found if names.is_model_name(name))


def references(known: Lookup, typed: str) -> Iterator[Item]:
    """Models, or ids where the beginning of one is typed; behind MODEL@ its stages, labels and ids."""
    if known.command == "tag" and known.given.get("delete"):
        yield from labels(known, typed)
        return
    model, sign, word = typed.partition("@")
    if sign and names.is_model_name(model):
        yield from (Item(f"{model}@{value}", help) for value, help in _places(known, model, word))
    elif not sign:
        yield from models(known, typed)
        yield from _versions(known, typed)


def _places(known: Lookup, model: str, word: str) -> Iterator[Item]:
    own = [place.label for place in known.records("tags", model)]
    numbered = [label for label in own if semver.read(label)]
    if next(known.records("versions", model), None):
        yield Item("latest", "newest version")
    if numbered:
        yield Item("highest", "highest label")
    yield from (Item(label, "label") for label in own)
    yield from (Item(f"v{label}", "label") for label in numbered if word.startswith("v"))
    yield from _versions(known, word, model)
    yield from _held(known, model)


def labels(known: Lookup, typed: str) -> Iterator[Item]:
    """The labels of all models as MODEL@LABEL."""
    yield from (Item(f"{place.model}@{place.label}", "label") for place in known.records("tags"))


def branches(known: Lookup, _: str) -> Iterator[Item]:
    """The branches of this clone."""
    yield from (Item(name, "branch") for name in known.branches())


def stages(known: Lookup, _: str) -> Iterator[Item]:
    """The stages of the model that are held; where a stage is given, all that it had or may have."""
    model = str(known.given.get("model") or "")
    if known.command in ("rollback", "demote"):
        yield from _held(known, model)
        return
    if ref := str(known.given.get("ref") or ""):
        model = next((item.help for item in _versions(known, ref)), re.split("[@~#]", ref)[0])
    found = {place.stage for place in known.records("stages", model)} if names.is_model_name(model) else set()
    with contextlib.suppress(ModelverError):
        from modelver.records.config import parse_config
        from modelver.records.rules import parse_card

        config, card = known.contents(layout.CONFIG, layout.card_path(model))
        rules = parse_card(card, "").over(parse_config(config, "").rules)
        found |= {name for name in rules.stages or () if names.is_stage_name(name)}  # the others are patterns
    yield from (Item(name, "stage") for name in sorted(found))


def remotes(known: Lookup, _: str) -> Iterator[Item]:
    """The remotes that are configured."""
    from modelver.records.config import parse_config

    yield from (Item(name, "remote") for name in parse_config(known.contents(layout.CONFIG)[0], "").remotes)


def _versions(known: Lookup, typed: str, model: str = "") -> Iterator[Item]:
    if _ID_BEGINS.match(typed):
        found = (place for place in known.records("versions", model) if place.version.startswith(typed))
        yield from (Item(place.version, place.model) for place in found)


def _held(known: Lookup, model: str) -> Iterator[Item]:
    if names.is_model_name(model) and (found := [place.stage for place in known.records("stages", model)]):
        records = known.contents(*(layout.stage_path(model, name) for name in found))
        for name, record in zip(found, records, strict=True):
            if holder := _HOLDER.search(record):
                yield Item(name, f"stage of {holder[1].decode()}")


VALUES: Mapping[str | None, Callable[[Lookup, str], Iterable[Item]]] = {
    **dict.fromkeys(("MODEL", "[MODEL]"), models),
    **dict.fromkeys(("REF", "[REF]...", "[MODEL|REF]", "REF...", "REF|WORD...", "REF[:PATH]", "[A]", "B"), references),
    **dict.fromkeys(("STAGE", "[STAGE]"), stages),
    "BRANCH": branches,
    **dict.fromkeys(("PATH", "FILE", "FILE|DIGEST", "PATH|URI"), lambda *_: [FILES]),
    "REMOTE": remotes,
    "WORD...": lambda *_: [Item("install", "hooks"), Item("uninstall", "hooks"), Item("run", "what a hook calls")],
    "DIR": lambda *_: [DIRECTORIES],
}
"""Where the values of a parameter come from, by its metavar."""
