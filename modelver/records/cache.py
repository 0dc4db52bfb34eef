"""Parsed records by the object id of their file, so that thousands are not parsed again and again.

A cache: it lies beside Git's own files, anybody may delete it, and it is never the reason of an error. Only
records that were read and checked by the schema go in.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from modelver import files
from modelver.domain.records import Archive, ArchiveEntry, Artifact, Attachment, Input, Label, Note, Version

_FORMAT = 2
"""Grows when the form of the rows changes; the file of another format is left alone."""

_BATCH = 500


Kind = TypeVar("Kind", Version, Label, Archive, Note)


class RecordCache:
    """Versions, labels, archive records and notes by object id, in one SQLite file in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / f"records-{_FORMAT}.sqlite"

    def load(self, oids: Sequence[str], kind: type[Kind]) -> dict[str, Kind]:
        """Those of the records that are known, all of one kind."""
        found: dict[str, Kind] = {}
        with contextlib.suppress(sqlite3.Error, OSError, ValueError, TypeError, KeyError), self._open() as database:
            for start in range(0, len(oids), _BATCH):
                part = oids[start : start + _BATCH]
                marks = ",".join("?" * len(part))
                rows = database.execute(f"SELECT oid, record FROM records WHERE oid IN ({marks})", part)  # noqa: S608
                found |= {oid: _record(json.loads(record), kind) for oid, record in rows}
        return found

    def save(self, records: Mapping[str, Kind]) -> None:
        """Remember records; when the file cannot be written, nothing is remembered."""
        rows = [(oid, json.dumps(asdict(record), default=_text)) for oid, record in records.items()]
        with contextlib.suppress(sqlite3.Error, OSError), self._open() as database:
            database.executemany("INSERT OR IGNORE INTO records VALUES (?, ?)", rows)

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        files.make_directory(self._path.parent)
        # Nobody waits for a cache: where another process writes just now, this one goes on without.
        database = sqlite3.connect(self._path, timeout=0)
        try:
            database.execute("CREATE TABLE IF NOT EXISTS records (oid TEXT PRIMARY KEY, record TEXT) WITHOUT ROWID")
            with database:
                yield database
        finally:
            database.close()


def _text(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()


def _record(row: dict[str, Any], kind: type[Kind]) -> Kind:
    if kind is Archive:
        row["history"] = tuple(ArchiveEntry(**(entry | {"at": _moment(entry["at"])})) for entry in row["history"])
        return kind(**row)
    row["created_at"] = _moment(row["created_at"])
    if kind is Version:
        row["artifact"] = Artifact(**row["artifact"])
    if kind is Version or kind is Note:
        row["inputs"] = tuple(Input(**each) for each in row["inputs"])
        row["attachments"] = {name: Attachment(**each) for name, each in row["attachments"].items()}
    return kind(**row)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
