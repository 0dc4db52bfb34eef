"""From entries of Git's trees to parsed records, each checked against the place where it lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from modelver.domain.records import Archive, Label, LineageNode, Link, Note, StagePointer, Version
from modelver.domain.text import printable
from modelver.errors import Damaged
from modelver.git.repository import Entry, Repository
from modelver.records import layout

RECORD_LIMIT = 256 * 1024
"""Bytes of the largest record (rule C4)."""

_MANY = 50
"""From this number of records on, looking them up in the cache is faster than parsing them."""

Record = TypeVar("Record", Version, Label, StagePointer, Archive, Note, LineageNode, Link)
Cached = TypeVar("Cached", Version, Label, Archive, Note)


def parsed(
    repository: Repository, entries: Sequence[Entry], paths: Sequence[str], parse: Callable[[bytes, str], Record]
) -> list[Record]:
    """The records at some entries; raises `Damaged` for one that is malformed or lies at another's path."""
    data = contents(repository, entries, paths)
    records = [parse(each, path) for each, path in zip(data, paths, strict=True)]
    for record, path in zip(records, paths, strict=True):
        _check_place(record, path)
    return records


def cached(
    repository: Repository,
    entries: Sequence[Entry],
    paths: Sequence[str],
    parse: Callable[[bytes, str], Cached],
    kind: type[Cached],
) -> list[Cached]:
    """Like `parsed`, but many records are looked up in the cache, and only new ones parsed."""
    if len(entries) < _MANY:
        return parsed(repository, entries, paths, parse)
    from modelver.records.cache import RecordCache

    cache = RecordCache(repository.home / "cache")
    known = cache.load([entry.oid for entry in entries], kind)
    new = [(entry, path) for entry, path in zip(entries, paths, strict=True) if entry.oid not in known]
    fresh = parsed(repository, [entry for entry, _ in new], [path for _, path in new], parse)
    made = {entry.oid: record for (entry, _), record in zip(new, fresh, strict=True)}
    if made:
        cache.save(made)
    known |= made
    for entry, path in zip(entries, paths, strict=True):
        _check_place(known[entry.oid], path)
    return [known[entry.oid] for entry in entries]


def contents(repository: Repository, entries: Sequence[Entry], paths: Sequence[str]) -> list[bytes]:
    """The bytes of files; raises `Damaged` for one that is too large for a record."""
    blobs = repository.blobs(entries, limit=RECORD_LIMIT)
    for blob, path in zip(blobs, paths, strict=True):
        if blob is None:
            raise Damaged(f"{printable(path)}: over {RECORD_LIMIT // 1024} KiB, too large for a record")
    return [blob for blob in blobs if blob is not None]


def _check_place(record: Version | Label | StagePointer | Archive | Note | LineageNode | Link, path: str) -> None:
    """A record has to say the same of itself as its path says."""
    if isinstance(record, LineageNode | Link):
        own = (
            layout.node_path(record.kind, layout.slug(record.id))
            if isinstance(record, LineageNode)
            else layout.link_path(layout.link_name(record.down, record.relation, record.up))
        )
        if own != path:
            raise Damaged(f"{path}: by what it says it belongs at {own}")
        return
    place = layout.parse_path(path)
    for key in ("model", "version", "label", "stage"):
        expected = getattr(place, key, None)
        found = getattr(record, key, expected) if expected is not None else None
        if found != expected:
            raise Damaged(f"{path}: {key}: expected {expected!r} by the file's name, found {found!r}")
