"""Results for people and for machines; the only place that prints.

Everything that comes from a record, a file name or an error passes through `printable`, so no escape
sequence of somebody else's reaches the terminal.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from modelver.cli.shared import Choices, choices
from modelver.domain.text import printable
from modelver.errors import ModelverError

# What JSON leaves as it is but a terminal may act on: C1 controls, and marks that turn the writing direction.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def present(context: typer.Context, result: Any) -> None:
    """Show a result as the shared options ask for it."""
    chosen = choices(context)
    _show(result, chosen)
    show_remarks(context)


def present_as(context: typer.Context, result: Any, format: str) -> None:
    """Show a result as `--format` asks for it; `text` and `json` are what every command has."""
    chosen = choices(context)
    if chosen.json or format == "text":
        present(context, result)
        return
    from modelver.cli.documents import document

    # Documents are for files and other programs, which want UTF-8 and no carriage returns.
    sys.stdout.buffer.write(document(result, str(format)).encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()
    _show_own_remarks(result, chosen)
    show_remarks(context)


def show_remarks(context: typer.Context) -> None:
    """What the registry had to tell besides a result, on standard error, also with --json."""
    chosen = choices(context)
    sys.stdout.flush()
    for remark in chosen.opened.remarks if chosen.opened and not chosen.quiet else ():
        print(f"note: {printable(remark)}", file=sys.stderr)


def _show(result: Any, chosen: Choices) -> None:
    if chosen.json:
        from modelver.operations.results import as_json

        document = {"path": str(result)} if isinstance(result, Path) else as_json(result)
        print(as_text(document))
        return
    if isinstance(result, Path):
        if sys.stdout.isatty():
            print(printable(str(result)))
        else:  # byte for byte, since a program opens it
            sys.stdout.buffer.write(os.fsencode(result) + b"\n")
        return
    _shower(type(result))(result, chosen)
    sys.stdout.flush()  # so that notes come after what they belong to, also in one pipe
    _show_own_remarks(result, chosen)


def _shower(kind: type) -> Callable[[Any, Choices], None]:
    """What shows a kind of result; what comparisons and the lineage need is loaded for them alone."""
    if kind.__module__ == "modelver.operations.together":
        from modelver.cli import shown_together

        return shown_together.SHOWN[kind]
    if kind.__module__ == "modelver.operations.compared":
        from modelver.cli import shown_compared

        return shown_compared.SHOWN[kind]
    if kind.__module__ == "modelver.operations.traced":
        from modelver.cli import shown_lineage

        return shown_lineage.SHOWN[kind]
    from modelver.cli.shown import SHOWN

    return SHOWN[kind]


def _show_own_remarks(result: Any, chosen: Choices) -> None:
    for remark in getattr(result, "remarks", ()) if not chosen.quiet else ():
        print(f"note: {printable(remark)}", file=sys.stderr)


def as_text(document: Any) -> str:
    """A JSON document that is safe to print."""
    text = json.dumps(document, ensure_ascii=False, indent=2)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def show_error(error: ModelverError, *, with_json: bool) -> None:
    """One line on standard error, the user's text with a mark under the wrong part, and what to do next."""
    if with_json:
        facts: dict[str, Any] = {"code": error.code, "message": error.message, "hint": "\n".join(error.hints)}
        if error.excerpt is not None and error.mark is not None:
            facts |= {"text": error.excerpt, "mark": list(error.mark)}
        if error.details:
            facts["details"] = error.details
        if error.source is not None:
            facts["source"] = error.source
        print(as_text({"error": facts}), file=sys.stderr)
        return
    print(f"error: {printable(error.message)}", file=sys.stderr)
    if error.excerpt is not None and error.mark is not None and len(error.excerpt) <= 200:
        start, end = error.mark
        before, marked = printable(error.excerpt[:start]), printable(error.excerpt[start:end])
        print(f"  {printable(error.excerpt)}", file=sys.stderr)
        print(f"  {' ' * len(before)}{'^' * max(1, len(marked))}", file=sys.stderr)
    _show_details(error.details)
    for hint in error.hints:
        print(f"hint: {printable(hint)}", file=sys.stderr)


def _show_details(rows: Sequence[Mapping[str, object]]) -> None:
    """The rows of an error, as a table whose last column may be long."""
    words = {None: "cannot tell", True: "yes", False: "no"}
    told = [
        {name: printable(words[each] if isinstance(each, bool | None) else str(each)) for name, each in row.items()}
        for row in rows
    ]
    lines = list(_lines(list(told[0]), [list(row.values()) for row in told])) if told else []
    columns = shutil.get_terminal_size().columns if sys.stderr.isatty() else sys.maxsize
    if max(map(len, lines), default=0) + 2 > columns:
        facts = (f"{name}: {text}" for row in told for name, text in row.items())
        lines = [line for fact in facts for line in textwrap.wrap(fact, columns - 2, subsequent_indent="  ")]
    for line in lines:
        print(f"  {line}", file=sys.stderr)


def show_trace(error: BaseException) -> None:
    """Where in modelver an error arose; its words are somebody else's, so they are made printable too."""
    import traceback

    for line in "".join(traceback.format_exception(error)).split("\n"):
        print(printable(line), file=sys.stderr)


_STYLES = {"▲": "green", "▼": "red"}
"""The colours of what begins with a sign that says the same without them."""

_ID = re.compile(r"v[0-9]{14}_[0-9a-f]{8}")
_NAME = 24
"""Characters of a long name that are shown where there is little room; a version's id has as many."""


def table(chosen: Choices, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table as wide as the terminal: long names are cut in the middle, and where that is not enough each row is
    a block of lines. In a pipe there is no width to keep to, and nothing is cut.
    """
    head, cells = [printable(name) for name in head], [[printable(text) for text in row] for row in rows]
    if not sys.stdout.isatty():
        for line in _lines(head, cells):
            print(line)
        return
    if _width(head, cells) > room():
        cells = [[text if _ID.search(text) else middle(text, _NAME) for text in row] for row in cells]
    if _width(head, cells) > room():
        _blocks(head, cells)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in head:
        grid.add_column(Text(name), no_wrap=True)
    for row in cells:
        grid.add_row(*(Text(text, style=_STYLES.get(text[:1], "")) for text in row))
    Console(no_color=chosen.no_color or None, highlight=False).print(grid)


def headline(sign: str, name: str, id: str, *more: str) -> None:
    """A line with a sign, a name, an id and more; where the terminal has no room for it, in parts below each other."""
    line = "  ".join(filter(None, (sign, f"{name} {id}", *more)))
    if len(line) <= room():
        print(line)
        return
    indent = " " * (len(sign) + 2)
    print(f"{sign}  {middle(name, max(_NAME, room() - len(indent) - len(id) - 1))} {id}")
    _wrapped(indent, "  ".join(filter(None, more)), indent)


def rows(facts: Sequence[tuple[str, str]]) -> None:
    """Names and what there is to say of them, one below the other; long texts go on below their beginning."""
    width = max((len(printable(name)) for name, _ in facts), default=0)
    indent = " " * (width + 2)
    for name, text in facts:
        start = f"{printable(name):<{width}}  "
        if len(start) + len(text) <= room():
            print(f"{start}{printable(text)}")
        else:
            words = (middle(word, max(_NAME, room() - len(indent))) for word in printable(text).split(" "))
            _wrapped(start, " ".join(words), indent)


def room() -> int:
    """The columns that there are; a pipe has no width to keep to."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize


def _wrapped(start: str, text: str, indent: str) -> None:
    """Text behind `start`, parted between words where the terminal ends; a word is never cut."""
    lines = textwrap.wrap(text, max(_NAME, room() - len(indent)), break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines):
        print(f"{indent if number else start}{line}")


def middle(text: str, limit: int) -> str:
    """`text` with what is too much taken out of its middle, since both ends tell names apart.

    >>> middle("nlp/sentiment/german/large-uncased", 20)
    'nlp/sentim…e-uncased'
    """
    if len(text) <= limit:
        return text
    end = (limit - 1) // 2
    return f"{text[: limit - 1 - end]}…{text[-end:]}"


def _width(head: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    return sum(max(map(len, column)) for column in zip(head, *cells, strict=True)) + 2 * (len(head) - 1)


def _lines(head: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table whose columns are as wide as they have to be."""
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    for row in (head, *cells):
        yield "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()


def _blocks(head: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    width = max(map(len, head[1:]), default=0)
    indent = " " * (width + 4)
    for first, *others in cells:
        print(first)
        for name, text in zip(head[1:], others, strict=True):
            if text not in ("", "-"):
                _wrapped(f"  {name:<{width}}  ", text, indent)
