"""Results for people and for machines; the only place that prints.

Everything that comes from a record, a file name or an error passes through `printable`, so no escape
sequence of somebody else's reaches the terminal.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from modelver.cli.shared import Choices, choices
from modelver.domain.text import printable
from modelver.errors import ModelverError
from modelver.operations import results
from modelver.operations.results import as_json, moment

# What JSON leaves as it is but a terminal may act on: C1 controls, and marks that turn the writing direction.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def present(context: typer.Context, result: Any) -> None:
    """Show a result as the shared options ask for it."""
    chosen = choices(context)
    if chosen.json:
        document = {"path": str(result)} if isinstance(result, Path) else as_json(result)
        print(as_text(document))
        return
    if isinstance(result, Path):
        if sys.stdout.isatty():
            print(printable(str(result)))
        else:  # byte for byte, since a program opens it
            sys.stdout.buffer.write(os.fsencode(result) + b"\n")
        return
    _SHOWN[type(result)](result, chosen)
    sys.stdout.flush()  # so that notes come after what they belong to, also in one pipe
    if not chosen.quiet:
        for remark in getattr(result, "remarks", ()):
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
        print(as_text({"error": facts}), file=sys.stderr)
        return
    print(f"error: {printable(error.message)}", file=sys.stderr)
    if error.excerpt is not None and error.mark is not None and len(error.excerpt) <= 200:
        start, end = error.mark
        before, marked = printable(error.excerpt[:start]), printable(error.excerpt[start:end])
        print(f"  {printable(error.excerpt)}", file=sys.stderr)
        print(f"  {' ' * len(before)}{'^' * max(1, len(marked))}", file=sys.stderr)
    for hint in error.hints:
        print(f"hint: {printable(hint)}", file=sys.stderr)


def show_trace(error: BaseException) -> None:
    """Where in modelver an error arose; its words are somebody else's, so they are made printable too."""
    import traceback

    for line in "".join(traceback.format_exception(error)).split("\n"):
        print(printable(line), file=sys.stderr)


def size(count: int) -> str:
    """A number of bytes as people read it, in powers of 1000.

    >>> size(999), size(90868376)
    ('999 B', '90.9 MB')
    """
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} PB"


def when(value: datetime) -> str:
    """A moment as people read it, in UTC as the ids are."""
    return value.strftime("%Y-%m-%d %H:%M")


def _initialised(result: results.Initialised, chosen: Choices) -> None:
    if chosen.quiet:
        return
    if result.created:
        print(f"a registry on branch {printable(result.branch)}, in commit {(result.commit or '')[:10]}")
        print("next: modelver add PATH -n MODEL")
    else:
        print(f"there is a registry already, on branch {printable(result.branch)}")
    sys.stdout.flush()
    for proposal in result.proposals:
        print(f"note: {printable(proposal)}", file=sys.stderr)


def _added(result: results.Added, chosen: Choices) -> None:
    if chosen.quiet:
        print(result.version)
        return
    print(f"{result.model} {result.version}" + ("" if result.created else "  unchanged, nothing was registered"))
    commit = f"commit {result.commit if chosen.verbose else result.commit[:10]}" if result.commit else "no commit"
    digest = result.hash if chosen.verbose else f"{result.hash[:12]}…"
    print(f"  {printable(result.path)}  {size(result.size)}  sha256:{digest}  {commit}")


def _models(result: results.ModelList, chosen: Choices) -> None:
    if not result.models:
        print("no models yet" if chosen.quiet else "no models yet; next: modelver add PATH -n MODEL")
        return
    rows = [
        (
            line.name,
            str(line.versions),
            line.latest or "-",
            ", ".join(f"{stage}: {version}" for stage, version in line.stages.items()) or "-",
        )
        for line in result.models
    ]
    _table(chosen, ("model", "versions", "latest", "stages"), rows)


def _versions(result: results.VersionList, chosen: Choices) -> None:
    rows = []
    for line in result.versions:
        standing = ", ".join(line.stages) or line.state
        metrics = "  ".join(f"{name}={_number(value)}" for name, value in line.metrics.items())
        where = "" if line.merged else " (not merged)"
        rows.append(
            (
                line.version,
                when(line.created_at),
                ", ".join(line.labels) or "-",
                standing + where,
                size(line.size),
                metrics,
                *([line.hash] if chosen.verbose else ()),
            )
        )
    _table(
        chosen,
        ("version", "created (UTC)", "labels", "stage", "size", "metrics", *(["sha256"] if chosen.verbose else ())),
        rows,
    )
    if result.total > len(result.versions) and not chosen.quiet:
        print(f"{result.total - len(result.versions)} more", file=sys.stderr)


def _number(value: float) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _shown(result: results.Shown, chosen: Choices) -> None:
    record, artifact = result.record, result.record.artifact
    lines = [
        ("model", record.model),
        ("version", record.version),
        ("state", ", ".join(result.stages) or result.state),
        ("labels", ", ".join(result.labels)),
        ("created", f"{moment(record.created_at)} by {record.created_by}"),
        ("commit", result.commit or "none"),
        ("message", record.message),
        ("artifact", f"{artifact.path}, {size(artifact.size)}" + _kind(artifact.kind, artifact.files, artifact.format)),
        ("digest", artifact.digest + ("" if result.present else "  (its bytes are not on this machine)")),
    ]
    lines += [(f"metric {name}", _number(value)) for name, value in record.metrics.items()]
    lines += [(f"param {name}", _plain(value)) for name, value in record.params.items()]
    lines += [(each.relation, f"{each.id}  {_origin(each.digest, each.commit, each.dirty)}") for each in record.inputs]
    lines += [(f"attachment {name}", f"{each.path}, {size(each.size)}") for name, each in record.attachments.items()]
    lines += [(f"meta {name}", _plain(value)) for name, value in record.meta.items()]
    width = max(len(printable(name)) for name, _ in lines)
    for name, value in lines:
        if value:
            first, *rest = map(printable, value.split("\n"))
            print(f"{printable(name):<{width}}  {first}".rstrip())
            for line in rest:
                print(f"{'':<{width}}  {line}")


def _kind(kind: str, files: int, format: str | None) -> str:
    if kind == "directory":
        return f" in {files} files"
    return f", {format}" if format else ""


def _origin(digest: str | None, commit: str | None, dirty: bool | None) -> str:
    parts = [
        f"{digest[:19]}…" if digest else "",
        f"at {commit[:10]}" if commit else "",
        "changed since" if dirty else "",
    ]
    return " ".join(part for part in parts if part)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _status(result: results.Status, chosen: Choices) -> None:
    if not result.artifacts:
        print("no artifacts yet" if chosen.quiet else "no artifacts yet; next: modelver add PATH -n MODEL")
    for line in result.artifacts:
        print(f"{line.state:<9}  {printable(line.path)}  ({line.model} {line.version})")
    if result.only_here and not chosen.quiet:
        noun = "version's bytes are" if result.only_here == 1 else "versions' bytes are"
        print(f"{result.only_here} {noun} on this machine only")


def _checked_out(result: results.CheckedOut, chosen: Choices) -> None:
    if not chosen.quiet:
        done = "" if result.changed else "  (it was there already)"
        name = os.path.relpath(result.path)
        shown = result.path if name.startswith("..") else name
        print(f"{printable(shown)}  {result.model} {result.version}, {size(result.size)}, verified{done}")


def _verified(result: results.Verified, chosen: Choices) -> None:
    for problem in result.problems:
        where = " ".join(part for part in (problem.version, problem.path) if part)
        print(printable(f"{problem.kind}: {where}: {problem.detail}" if where else f"{problem.kind}: {problem.detail}"))
    if chosen.quiet:
        return
    counts = ", ".join(_counted(number, name.removesuffix("s")) for name, number in result.checked.items())
    print(f"{counts}: {_counted(len(result.problems), 'problem') if result.problems else 'no problems'}")
    if result.absent:
        print(f"the bytes of {_counted(result.absent, 'version')} are not on this machine")
    if result.missing_tags:
        missing = _counted(len(result.missing_tags), "version")
        print(f"without a tag here: {missing}; a fetch may bring the tags")
        for version in result.missing_tags if chosen.verbose else ():
            print(f"  {version}")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _table(chosen: Choices, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table as wide as the terminal; in a pipe there is no width to keep to, and a cut id is of no use."""
    cells = [[printable(text) for text in row] for row in rows]
    if not sys.stdout.isatty():
        widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
        for row in (head, *cells):
            print("  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in head:
        table.add_column(name, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    Console(no_color=chosen.no_color or None, highlight=False).print(table)


_SHOWN: dict[type, Callable[[Any, Choices], None]] = {
    results.Initialised: _initialised,
    results.Added: _added,
    results.ModelList: _models,
    results.VersionList: _versions,
    results.Shown: _shown,
    results.Status: _status,
    results.CheckedOut: _checked_out,
    results.Verified: _verified,
}
