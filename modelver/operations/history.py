"""What happened to models and versions, told from their records (rules W10 and B4)."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from modelver.catalog import RECORD_LIMIT, Catalog
from modelver.domain import names
from modelver.domain.records import StagePointer
from modelver.errors import NotFound, UsageError
from modelver.git.history import changes
from modelver.git.repository import FILE, Entry
from modelver.operations.results import Event, Log
from modelver.operations.workspace import Workspace
from modelver.records import layout

_ORDER = ("add", "tag", "note", "archive", "restore", "promote", "rollback", "demote")
"""Events of one commit, in the order in which one command makes them."""

_UNKNOWN = (-1, "")
"""The place in the branch's line of commits, and the commit, of what lies before the history that is here."""

_NUMBER = re.compile(rb"^number: ([0-9]{1,9})\r?$", re.MULTILINE)
_ENTRY = re.compile(rb"^- op: ", re.MULTILINE)


@dataclass(frozen=True)
class _Told:
    """An event, and what leads to its commit: the record's path and the event's place in its history, from 1."""

    event: Event
    path: str
    place: int = 1

    @property
    def key(self) -> tuple[str, int]:
        """What no other event has."""
        return self.path, self.place


def log(workspace: Workspace, ref: str | None = None, *, limit: int | None = None) -> Log:
    """What happened, newest first: to all models, to one, or to one version; `limit` events of it.

    Everything comes from records, so it is there in a shallow clone too; Git's history only adds the commits.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"limit: expected a number from 1 on, found {limit}")
    catalog = workspace.catalog
    model, version = _subject(workspace, ref)
    found = [told for name in ([model] if model else catalog.models()) for told in _of_model(catalog, name)]
    if version is not None:
        found = [told for told in found if told.event.version == version]
    line = _line(catalog, found, model)
    found.sort(
        key=lambda told: (told.event.date, line.get(told.key, _UNKNOWN), _ORDER.index(told.event.op), told.place)
    )
    shown = found[::-1][:limit]
    events = [dataclasses.replace(told.event, commit=line.get(told.key, _UNKNOWN)[1] or None) for told in shown]
    return Log(events=tuple(events), total=len(found))


def _subject(workspace: Workspace, ref: str | None) -> tuple[str | None, str | None]:
    """The model and the version that are asked for; a model's bare name means the model and not its newest version."""
    if ref is None:
        return None, None
    if names.fold(ref) in workspace.catalog.models():
        return names.fold(ref), None
    found = workspace.find(ref)
    if found.version not in workspace.catalog.versions(found.model):
        raise NotFound(f"the record of {found.version} is not on this branch", hint=f"modelver show {found.version}")
    return found.model, found.version


def _of_model(catalog: Catalog, model: str) -> Iterator[_Told]:
    for record in catalog.records(model, catalog.versions(model)):
        event = _event("add", model, record.version, record.created_by, record.created_at, record.message)
        yield _Told(event, layout.version_path(model, record.version))
    for label in catalog.label_records(model):
        event = _event("tag", model, label.version, label.created_by, label.created_at, label.message)
        yield _Told(dataclasses.replace(event, label=label.label), layout.label_path(model, label.label))
    for pointer in catalog.pointers(model).values():
        yield from _of_stage(pointer)
    for archive in catalog.archives(model):
        for place, entry in enumerate(reversed(archive.history), 1):
            event = _event(entry.op, model, archive.version, entry.by, entry.at, entry.message)
            yield _Told(event, layout.archive_path(model, archive.version), place)
    for note in catalog.notes(model):
        event = _event("note", model, note.version, note.created_by, note.created_at, note.message)
        yield _Told(dataclasses.replace(event, kind=note.kind), layout.note_path(model, note.version, note.name))


def _of_stage(pointer: StagePointer) -> Iterator[_Told]:
    path = layout.stage_path(pointer.model, pointer.stage)
    for entry in pointer.history:
        # A demotion is told of the version that lost the stage.
        version = entry.version or pointer.displaced(entry.number)
        event = _event(entry.op, pointer.model, version, entry.by, entry.at, entry.message)
        event = dataclasses.replace(event, stage=pointer.stage, withdrawn=entry.withdrawn)
        yield _Told(event, path, entry.number)


def _event(op: str, model: str, version: str | None, by: str, at: datetime, message: str) -> Event:
    return Event(
        op=op, model=model, version=version, stage=None, label=None, commit=None, author=by, date=at, message=message
    )


def _line(catalog: Catalog, told: Sequence[_Told], model: str | None) -> Mapping[tuple[str, int], tuple[int, str]]:
    """For each event's path and place in the record's history: the commit that brought it, and that one's own place."""
    if catalog.commit is None or not told:
        return {}
    wanted: dict[str, list[int]] = {}
    for each in told:
        wanted.setdefault(each.path, []).append(each.place)
    below = sorted(wanted) if len(wanted) < 20 else [layout.model_directory(model) if model else layout.MODELS]
    history = [
        (number, commit, path, oid)
        for number, (commit, changed) in enumerate(reversed(changes(catalog.repository, catalog.commit, *below)))
        for path, oid in changed
        if path in wanted and oid.strip("0")
    ]
    lengths = _lengths(catalog, [(path, oid) for _, _, path, oid in history])
    found: dict[tuple[str, int], tuple[int, str]] = {}
    for number, commit, path, oid in history:
        # What the record holds from this commit on, and did not before, came with it.
        place = (number, commit) if commit else _UNKNOWN
        found |= {(path, n): place for n in wanted[path] if n <= lengths[oid] and (path, n) not in found}
    return found


def _lengths(catalog: Catalog, files: Sequence[tuple[str, str]]) -> Mapping[str, int]:
    """How many events each file holds, by the number or the entries that stand in it; it need not be well-formed."""
    many = [(path, oid) for path, oid in files if "/stages/" in path or "/archived/" in path]
    blobs = catalog.repository.blobs([Entry(FILE, path, oid) for path, oid in many], limit=RECORD_LIMIT)
    lengths = {oid: 1 for _, oid in files}
    for (_, oid), data in zip(many, blobs, strict=True):
        number = _NUMBER.search(data or b"")
        lengths[oid] = int(number[1]) if number else len(_ENTRY.findall(data or b""))
    return lengths
