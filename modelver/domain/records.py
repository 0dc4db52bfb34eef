"""The records: what a registry knows, as values. How they stand in a file is told in `modelver/records/`.

`more` holds the keys of a file that this release does not know, so that a rewrite keeps them. Digests are written
`sha256:<64 hex>`, moments are whole seconds in UTC, sizes are bytes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import TypeAlias

Scalar = str | int | float | bool | None
Value: TypeAlias = "Scalar | Sequence[Value] | Mapping[str, Value]"
Values = Mapping[str, Value]


def _nothing() -> Values:
    return {}


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """The bytes of a version: where they lay, POSIX and relative to the repository's root, and what they are."""

    path: str
    kind: str
    digest: str
    size: int
    files: int
    format: str | None = None
    more: Values = field(default_factory=_nothing)


@dataclass(frozen=True, kw_only=True)
class Input:
    """A lineage edge that points upstream; `id` is a name and never opened as a path."""

    kind: str
    id: str
    relation: str
    digest: str | None = None
    commit: str | None = None
    dirty: bool | None = None
    more: Values = field(default_factory=_nothing)


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """An object that belongs to a version besides its artifact."""

    path: str
    digest: str
    size: int
    more: Values = field(default_factory=_nothing)


@dataclass(frozen=True, kw_only=True)
class Version:
    """One immutable registration of an artifact; `version` is its id, `created_at` the id's second."""

    model: str
    version: str
    created_at: datetime
    created_by: str
    artifact: Artifact
    message: str = ""
    metrics: Mapping[str, int | float] = field(default_factory=dict)
    params: Values = field(default_factory=_nothing)
    inputs: tuple[Input, ...] = ()
    environment: Values | None = None
    attachments: Mapping[str, Attachment] = field(default_factory=dict)
    meta: Values = field(default_factory=_nothing)
    format: int = 1
    more: Values = field(default_factory=_nothing)


@dataclass(frozen=True, kw_only=True)
class Label:
    """A person's name for a version; `op` is the operation that gave it."""

    model: str
    label: str
    version: str
    created_at: datetime
    created_by: str
    message: str = ""
    op: str | None = "tag"
    format: int = 1
    more: Values = field(default_factory=_nothing)


@dataclass(frozen=True, kw_only=True)
class StageEntry:
    """One change of a stage; `version` is the holder after it, None when it took the stage from everybody."""

    number: int
    op: str
    version: str | None
    at: datetime
    by: str
    message: str = ""
    withdrawn: bool = False
    more: Values = field(default_factory=_nothing)


@dataclass(frozen=True, kw_only=True)
class StagePointer:
    """Who holds a stage (None: nobody) after its change `number`, and how it came to that, newest first."""

    model: str
    stage: str
    version: str | None
    number: int
    history: tuple[StageEntry, ...] = ()
    format: int = 1
    more: Values = field(default_factory=_nothing)

    def former_holders(self) -> tuple[str, ...]:
        """The stack of former holders, its top first: the one that `rollback` would give the stage to (rule C1).

        Promote and demote push the holder, rollback pops down to the version that it names; withdrawn entries
        never happened, so a change that only takes them back moves nothing. A history that was cut at its old
        end gives the part of the stack that it still knows.
        """
        stack: list[str] = []
        holder: str | None = None
        takes_back = False
        for entry in reversed(self.history):
            if entry.withdrawn:
                takes_back = True
                continue
            if takes_back and entry.version == holder:
                pass
            elif entry.op == "rollback":
                while stack and stack.pop() != entry.version:
                    pass
            elif holder is not None:
                stack.append(holder)
            holder, takes_back = entry.version, False
        return tuple(reversed(stack))

    def given(self, number: int) -> str | None:
        """The version that got the stage by the change `number`; None when there is no such change."""
        return next((e.version for e in self.history if e.number == number and not e.withdrawn), None)

    def displaced(self, number: int) -> str | None:
        """The version that lost the stage by the change `number`; None when nobody did, or it is not known."""
        effective = [entry for entry in self.history if not entry.withdrawn]
        for entry, before in pairwise(effective):
            if entry.number == number:
                return before.version if before.version != entry.version else None
        return None


@dataclass(frozen=True, kw_only=True)
class ArchiveEntry:
    """One change of an archive record; `op` is `archive` or `restore`."""

    op: str
    at: datetime
    by: str
    message: str = ""
    more: Values = field(default_factory=_nothing)


@dataclass(frozen=True, kw_only=True)
class Archive:
    """Whether a version is retired: `state` is `archived` or `restored`; its history newest first."""

    model: str
    version: str
    state: str
    history: tuple[ArchiveEntry, ...] = ()
    format: int = 1
    more: Values = field(default_factory=_nothing)


@dataclass(frozen=True, kw_only=True)
class Note:
    """What became known of a version after its registration; append-only. `name` is that of its file."""

    model: str
    version: str
    kind: str
    created_at: datetime
    created_by: str
    name: str = ""
    message: str = ""
    metrics: Mapping[str, int | float] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()
    attachments: Mapping[str, Attachment] = field(default_factory=dict)
    meta: Values = field(default_factory=_nothing)
    format: int = 1
    more: Values = field(default_factory=_nothing)


@dataclass(frozen=True, kw_only=True)
class LineageNode:
    """A node of the lineage that `lineage add` wrote: data, code, or a model from elsewhere, with its own inputs."""

    kind: str
    id: str
    created_at: datetime
    created_by: str
    message: str = ""
    digest: str | None = None
    uri: str | None = None
    meta: Values = field(default_factory=_nothing)
    inputs: tuple[Input, ...] = ()
    format: int = 1
    more: Values = field(default_factory=_nothing)


@dataclass(frozen=True, kw_only=True)
class Link:
    """An edge of the lineage that was made after the record: `down` comes from `up`; both are ids of nodes."""

    down: str
    relation: str
    up: str
    created_at: datetime
    created_by: str
    message: str = ""
    format: int = 1
    more: Values = field(default_factory=_nothing)


def same_words(a: Note, b: Note) -> bool:
    """Whether `b` says of a version what `a` said already; when, and by whom, does not count."""
    return _said(a) == _said(b)


def same_content(a: Version, b: Version) -> bool:
    """Whether adding `b` after `a` would say nothing new (rule C2's *Unchanged*).

    Message, time, environment, and commit and state of the inputs' sources do not count, nor does the order in
    which inputs were given.
    """
    return _content(a) == _content(b)


def same_but_metrics(a: Version, b: Version) -> bool:
    """Whether `b` brings nothing new but metrics."""
    return a.metrics != b.metrics and same_content(dataclasses.replace(a, metrics=b.metrics), b)


def _content(version: Version) -> object:
    return version.artifact.digest, version.artifact.path, _typed(dict(version.params)), _facts(version)


def _said(note: Note) -> object:
    return note.version, note.kind, note.message, _facts(note)


def _facts(record: Version | Note) -> object:
    """What versions and notes both may say."""
    inputs = sorted((i.kind, i.id, i.relation, i.digest or "", repr(_typed(dict(i.more)))) for i in record.inputs)
    attachments = {name: (a.path, a.digest, a.size) for name, a in record.attachments.items()}
    return _typed(dict(record.metrics)), _typed(dict(record.meta)), attachments, inputs


def _typed(value: object) -> object:
    """`value` in a form in which True and 1 differ, as they do in a file; 1 and 1.0 are the same number."""
    if isinstance(value, Mapping):
        return {key: _typed(each) for key, each in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [_typed(each) for each in value]
    return ("bool", value) if isinstance(value, bool) else value
