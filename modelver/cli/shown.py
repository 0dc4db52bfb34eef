"""How each result is shown to people."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from modelver.cli.render import headline, table
from modelver.cli.shared import Choices
from modelver.domain.text import printable
from modelver.operations import results
from modelver.operations.results import moment

if TYPE_CHECKING:
    from modelver.domain.comparison import MetricChange, ParameterChange
    from modelver.domain.records import Artifact


_FEW = 10


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
    named = [*result.labels, *result.stages]
    if named:
        waits = "  (recorded; not announced yet)" if result.pending else ""
        print(f"  {', '.join(named)}{waits}")


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
    table(chosen, ("model", "versions", "latest", "stages"), rows)


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
    table(
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
        missing = _counted(len(result.missing_tags), "tag")
        print(f"{missing} not here; a fetch may bring them, unless nobody has made them yet")
        for name in result.missing_tags if chosen.verbose else result.missing_tags[:_FEW]:
            print(f"  {name}")
        if len(result.missing_tags) > _FEW and not chosen.verbose:
            print(f"  and {len(result.missing_tags) - _FEW} more, which -v names")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _labelled(result: results.Labelled, chosen: Choices) -> None:
    if chosen.quiet:
        print(result.label)
        return
    done = "is no longer" if result.deleted else "is" if result.created else "is already"
    print(f"{result.model} {result.version} {done} {result.label}" + _announced(result.tag, result.pending))


def _staged(result: results.Staged, chosen: Choices) -> None:
    if chosen.quiet:
        print(result.version or result.previous or "")
        return
    where = f"{result.model} {result.stage}"
    if result.version is None:
        who = f", {result.previous} held it" if result.previous else " already"
        print(f"{where}: held by nobody{who}" + _announced(result.tag, result.pending))
        return
    before = f", before: {result.previous}" if result.previous else "" if result.created else " already"
    print(f"{where}: {result.version}{before}" + _announced(result.tag, result.pending))


def _announced(tag: str | None, pending: bool) -> str:
    if pending:
        return "\n  recorded; its tag is still to be made"
    return f"\n  tag {tag}" if tag else ""


def _archived(result: results.Archived, chosen: Choices) -> None:
    if not chosen.quiet:
        print(f"{result.model} {result.version}: {result.state}" + ("" if result.created else " already"))


def _log(result: results.Log, chosen: Choices) -> None:
    if not result.events:
        print("nothing has happened yet")
        return
    rows = [
        (
            when(event.date),
            _deed(event),
            event.model,
            event.version or "-",
            event.author if chosen.verbose else event.author.partition(" <")[0],
            event.message.partition("\n")[0],
            *([event.commit or "-"] if chosen.verbose else ()),
        )
        for event in result.events
    ]
    more = ("commit",) if chosen.verbose else ()
    table(chosen, ("when (UTC)", "what", "model", "version", "who", "why", *more), rows)
    if result.total > len(result.events) and not chosen.quiet:
        print(f"{result.total - len(result.events)} more", file=sys.stderr)


def _deed(event: results.Event) -> str:
    links = {"promote": "to", "rollback": "on", "demote": "from"}
    words = [event.op, links.get(event.op, ""), event.label or event.stage or ""]
    return " ".join(filter(None, words)) + (" (withdrawn)" if event.withdrawn else "")


def _difference(result: results.Difference, chosen: Choices) -> None:
    found = result.comparison
    if chosen.quiet:
        print(found.recommendation)
        return
    for side, version in (("A", result.a), ("B", result.b)):
        headline(side, version.model, version.version, when(version.created_at), _first_line(version.message))
    if found.metrics:
        print()
        table(chosen, ("metric", "A", "B", "change", "B is"), [_metric_row(change) for change in found.metrics])
    if found.parameters:
        print()
        table(chosen, ("parameter", "A", "B", ""), [_parameter_row(change) for change in found.parameters])
    print()
    print(f"artifact        {_artifacts(result.a.artifact, result.b.artifact)}")
    share = "no parameters to compare" if found.similarity is None else f"{found.similarity:.0%} of the parameters"
    print(f"similarity      {share}")
    if found.score is not None:
        print(f"mean gain of B  {found.score:+.1%}  (threshold {found.threshold * 100:.3g}%)")
    print(f"recommendation  {found.recommendation}")


def _metric_row(change: MetricChange) -> tuple[str, ...]:
    a, b = ("-" if value is None else _number(value) for value in (change.a, change.b))
    difference = "" if change.diff is None else f"{change.diff:+.6g}"
    if change.improved is None:
        same = change.a is not None and change.a == change.b
        verdict = "the same" if same else "" if change.goal else "unknown goal"
    else:
        verdict = "better" if change.improved else "worse"
    return change.name, a, b, difference, verdict


def _parameter_row(change: ParameterChange) -> tuple[str, ...]:
    a = _plain(change.a) if change.in_a else "-"
    b = _plain(change.b) if change.in_b else "-"
    return change.name, a, b, "" if change.same else "differs"


def _artifacts(a: Artifact, b: Artifact) -> str:
    if a.digest == b.digest:
        return f"identical, {size(a.size)}"
    return f"{size(a.size)} → {size(b.size)}" + ("" if a.format == b.format else f", {a.format} → {b.format}")


def _first_line(text: str) -> str:
    return printable(text.partition("\n")[0])


SHOWN: dict[type, Callable[[Any, Choices], None]] = {
    results.Initialised: _initialised,
    results.Added: _added,
    results.ModelList: _models,
    results.VersionList: _versions,
    results.Shown: _shown,
    results.Status: _status,
    results.CheckedOut: _checked_out,
    results.Verified: _verified,
    results.Labelled: _labelled,
    results.Staged: _staged,
    results.Archived: _archived,
    results.Log: _log,
    results.Difference: _difference,
}
