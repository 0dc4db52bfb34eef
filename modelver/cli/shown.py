"""How each result is shown to people."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from modelver.cli.render import table
from modelver.cli.shared import Choices
from modelver.domain.records import Note
from modelver.domain.text import printable, size
from modelver.operations import results
from modelver.operations.results import moment

_FEW = 10


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
    if result.hooks is not None:
        from modelver.cli.shown_together import hooks_placed

        hooks_placed(result.hooks, chosen)
    sys.stdout.flush()
    for proposal in (*result.proposals, *(result.hooks.remarks if result.hooks else ())):
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
        where = ("" if line.merged else " (not merged)") + (" (yanked)" if line.yanked else "")
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
        ("state", (", ".join(result.stages) or result.state) + (", yanked" if result.yanked else "")),
        ("labels", ", ".join(result.labels)),
        ("created", f"{moment(record.created_at)} by {record.created_by}"),
        ("commit", result.commit or "none"),
        ("message", record.message),
        ("artifact", f"{artifact.path}, {size(artifact.size)}" + _kind(artifact.kind, artifact.files, artifact.format)),
        ("digest", artifact.digest + ("" if result.present else "  (its bytes are not on this machine)")),
    ]
    lines += [(f"metric {name}", _measured(result, name)) for name in result.metrics]
    lines += [(f"param {name}", _plain(value)) for name, value in record.params.items()]
    lines += [(each.relation, f"{each.id}  {_origin(each.digest, each.commit, each.dirty)}") for each in record.inputs]
    lines += [(f"attachment {name}", f"{each.path}, {size(each.size)}") for name, each in record.attachments.items()]
    lines += [(f"meta {name}", _plain(value)) for name, value in record.meta.items()]
    environment = {name: value for name, value in (record.environment or {}).items() if name != "locks"}
    lines += [(f"trained {name}" if name == "command" else name, _plain(value)) for name, value in environment.items()]
    lines += [(f"note {note.kind}", _told(note)) for note in result.notes]
    lines += [("package", line) for line in result.packages or ()]
    width = max(len(printable(name)) for name, _ in lines)
    for name, value in lines:
        if value:
            first, *rest = map(printable, value.split("\n"))
            print(f"{printable(name):<{width}}  {first}".rstrip())
            for line in rest:
                print(f"{'':<{width}}  {line}")


def _measured(result: results.Shown, name: str) -> str:
    """A metric's value; where it comes from a note, that one's name."""
    source = result.sources[name]
    value = _number(result.metrics[name])
    if source == "record":
        return value
    before = f", instead of {_number(result.record.metrics[name])}" if name in result.record.metrics else ""
    return f"{value}  (note {source}{before})"


def _told(note: Note) -> str:
    """What a note tells, on what data, who wrote it and when."""
    numbers = "  ".join(f"{name}={_number(value)}" for name, value in note.metrics.items())
    data = "".join(f"  on {each.id}" for each in note.inputs)
    files = "".join(f"  with {each.path}" for each in note.attachments.values())
    values = "  ".join(f"{name}={_plain(value)}" for name, value in note.meta.items())
    told = "  ".join(filter(None, (note.message.partition("\n")[0], numbers + data + files, values)))
    return f"{told}  ({note.created_by.partition(' <')[0]}, {when(note.created_at)}, {note.name})".lstrip()


def _noted(result: results.Noted, chosen: Choices) -> None:
    if chosen.quiet:
        print(result.note)
        return
    done = "" if result.created else "  (it was noted already)"
    numbers = "".join(f"  {name}={_number(value)}" for name, value in result.metrics.items())
    print(printable(f"{result.model} {result.version}: {result.kind}{numbers}{done}"))
    print(f"  note {result.note}")


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


def _identified(result: results.Identified, chosen: Choices) -> None:
    if chosen.quiet:
        print(result.version)
        return
    print(f"{result.model} {result.version}")
    standing = (("labels", result.labels), ("stages", result.stages), ("formerly", result.former_stages))
    for name, values in standing:
        if values:
            print(f"  {name:<8}  {', '.join(values)}")
    for each in result.promotions:
        why = f": {each.message.partition(chr(10))[0]}" if each.message else ""
        print(printable(f"  {each.op} to {each.stage}, {when(each.date)} by {each.author.partition(' <')[0]}{why}"))
    for other in result.others:
        print(f"  also {other}")


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
        print(f"{missing} not here; git fetch --tags may bring them, or modelver sync makes them")
        for name in result.missing_tags if chosen.verbose else result.missing_tags[:_FEW]:
            print(f"  {name}")
        if len(result.missing_tags) > _FEW and not chosen.verbose:
            print(f"  and {len(result.missing_tags) - _FEW} more, which -v names")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _trained(result: results.Trained, chosen: Choices) -> None:
    _added(result.added, chosen)


def _labelled(result: results.Labelled, chosen: Choices) -> None:
    if chosen.quiet:
        print(result.label)
        return
    done = "is no longer" if result.deleted else "is" if result.created else "is already"
    print(f"{result.model} {result.version} {done} {result.label}" + _announced(result.tag, result.pending))


def staged(result: results.Staged, chosen: Choices) -> None:
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
    for gate in result.gates:
        print(printable(f"  passed {gate.condition}" + (f": {gate.found}" if chosen.verbose else "")))


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
    words = [event.op, links.get(event.op, ""), event.label or event.stage or event.kind or ""]
    return " ".join(filter(None, words)) + (" (withdrawn)" if event.withdrawn else "")


SHOWN: dict[type, Callable[[Any, Choices], None]] = {
    results.Initialised: _initialised,
    results.Added: _added,
    results.Trained: _trained,
    results.ModelList: _models,
    results.VersionList: _versions,
    results.Shown: _shown,
    results.Status: _status,
    results.CheckedOut: _checked_out,
    results.Verified: _verified,
    results.Identified: _identified,
    results.Labelled: _labelled,
    results.Staged: staged,
    results.Archived: _archived,
    results.Log: _log,
    results.Noted: _noted,
}
