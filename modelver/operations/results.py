"""The results of operations, one shape for the API, the terminal and `--json`.

The fields of a result are the keys of its JSON document, which is a contract: fields may be added, not
renamed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from modelver.domain.records import Note, Version

if TYPE_CHECKING:
    from modelver.domain.gates import Gate
    from modelver.operations.together import HooksPlaced


def moment(value: datetime) -> str:
    """A moment as ISO 8601 in UTC, to the second."""
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


def as_json(value: Any) -> Any:
    """A result as mappings, lists and scalars, in the form of its JSON document."""
    if hasattr(value, "document"):
        return as_json(value.document())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = [field.name for field in dataclasses.fields(value) if field.metadata.get("json", True)]
        return {name: as_json(getattr(value, name)) for name in shown}
    if isinstance(value, Mapping):
        return {key: as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    return moment(value) if isinstance(value, datetime) else value


def told(default: Any = ()) -> Any:
    """A field that is for people and not part of the JSON document."""
    return dataclasses.field(default=default, metadata={"json": False})


@dataclass(frozen=True, kw_only=True)
class Initialised:
    """A registry that stands; `proposals` are settings of this repository that want a second look."""

    created: bool
    commit: str | None
    branch: str
    proposals: tuple[str, ...]
    hooks: HooksPlaced | None = None
    """The Git hooks, where they were asked for."""
    remarks: tuple[str, ...] = told()


@dataclass(frozen=True, kw_only=True)
class Added:
    """A version that is registered; `created` is false where it was before. As a string it is a reference."""

    version: str
    model: str
    commit: str | None
    hash: str
    timestamp: datetime
    path: str
    size: int
    labels: tuple[str, ...]
    stages: tuple[str, ...]
    created: bool
    pending: bool = False
    """Whether a label's or stage's tag is still to be made."""
    remarks: tuple[str, ...] = told()

    def __str__(self) -> str:
        return f"{self.model}@{self.version}"


@dataclass(frozen=True, kw_only=True)
class ModelLine:
    """One model in the list of all."""

    name: str
    latest: str | None
    versions: int
    stages: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ModelList:
    """All models."""

    models: tuple[ModelLine, ...]


@dataclass(frozen=True, kw_only=True)
class VersionLine:
    """One version in the list of a model's; `merged` is false where only its tag knows it."""

    version: str
    created_at: datetime
    state: str
    stages: tuple[str, ...]
    labels: tuple[str, ...]
    metrics: Mapping[str, int | float]
    size: int
    hash: str
    merged: bool = True
    yanked: bool = False

    def __str__(self) -> str:
        return self.version


@dataclass(frozen=True, kw_only=True)
class VersionList:
    """The versions of one model, newest first; `total` counts also those beyond the limit."""

    model: str
    versions: tuple[VersionLine, ...]
    total: int


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One version with all that is known of it."""

    record: Version
    commit: str | None
    labels: tuple[str, ...]
    stages: tuple[str, ...]
    state: str
    present: bool
    """Whether its bytes are on this machine."""
    fields: Mapping[str, Any]
    """The record's own keys, as they stand in its file."""
    metrics: Mapping[str, int | float]
    """Those of the record and of the notes on it together."""
    sources: Mapping[str, str]
    """For each metric `record`, or the name of the note that it comes from."""
    notes: tuple[Note, ...]
    """What became known later, oldest first."""
    note_fields: tuple[Mapping[str, Any], ...]
    """The notes' own keys, as they stand in their files, with their names."""
    yanked: bool
    packages: tuple[str, ...] | None = None
    """What was installed where it was trained, where that was asked for and is here."""

    def document(self) -> dict[str, Any]:
        """The record's keys, with the metrics of its notes, and what is computed at the top."""
        artifact = self.record.artifact
        computed = {"hash": artifact.digest.removeprefix("sha256:"), "size": artifact.size, "commit": self.commit}
        standing = {"labels": self.labels, "stages": self.stages, "state": self.state, "present": self.present}
        later = {"metrics": self.metrics, "sources": self.sources, "notes": self.note_fields}
        packages = {} if self.packages is None else {"packages": self.packages}
        return {**self.fields, **computed, **standing, **later, "yanked": self.yanked, **packages}

    def __str__(self) -> str:
        return f"{self.record.model}@{self.record.version}"


@dataclass(frozen=True, kw_only=True)
class ArtifactState:
    """A path of the work tree at which an artifact was registered: `unchanged`, `modified` or `missing`."""

    path: str
    model: str
    version: str
    state: str


@dataclass(frozen=True, kw_only=True)
class Status:
    """How the work tree stands to the registry; `only_here` counts versions whose bytes are nowhere else."""

    artifacts: tuple[ArtifactState, ...]
    only_here: int
    remarks: tuple[str, ...] = told()


@dataclass(frozen=True, kw_only=True)
class CheckedOut:
    """Bytes that were brought back; `changed` is false where they lay there already."""

    model: str
    version: str
    path: str
    hash: str
    size: int
    changed: bool
    remarks: tuple[str, ...] = told()

    def __fspath__(self) -> str:
        return self.path


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that `verify` found."""

    kind: str
    version: str | None
    path: str | None
    detail: str


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What `verify` looked at and found."""

    checked: Mapping[str, int]
    absent: int
    missing_tags: tuple[str, ...]
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...] = told()
    code: int = told(0)
    """The exit code that the problems call for: 0, 1 or 5."""


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A label that a version has, or that was taken back (`deleted`); `tag` is the Git tag that tells of it, if made.

    `pending` is true where that tag is still to be made; `created` is false where nothing had to be written.
    """

    model: str
    version: str
    label: str
    tag: str | None
    commit: str | None
    pending: bool
    deleted: bool = False
    created: bool = told(True)
    remarks: tuple[str, ...] = told()

    def __str__(self) -> str:
        return f"{self.model}@{self.label}"


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A stage after `op`: its holder, and `previous`, who held it until then; `number` counts the stage's changes.

    `tag` and `pending` as in `Labelled`.
    """

    op: str
    model: str
    stage: str
    version: str | None
    previous: str | None
    number: int
    commit: str | None
    tag: str | None
    pending: bool
    gates: tuple[Gate, ...] = ()
    """What was asked of the version, all of which holds."""
    created: bool = told(True)
    remarks: tuple[str, ...] = told()

    def __str__(self) -> str:
        return f"{self.model}@{self.stage}"


@dataclass(frozen=True, kw_only=True)
class Noted:
    """A note on a version, by the name of its file; `created` is false where the same was noted before."""

    op: str
    model: str
    version: str
    kind: str
    note: str
    date: datetime
    metrics: Mapping[str, int | float]
    message: str
    commit: str | None
    created: bool = told(True)
    remarks: tuple[str, ...] = told()

    def __str__(self) -> str:
        return f"{self.model}@{self.version}"


@dataclass(frozen=True, kw_only=True)
class Archived:
    """A version that was retired or brought back by `op`, and its state now."""

    op: str
    model: str
    version: str
    state: str
    commit: str | None
    created: bool = told(True)
    remarks: tuple[str, ...] = told()

    def __str__(self) -> str:
        return f"{self.model}@{self.version}"


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened to a version; `commit` brought its record, None where history does not tell."""

    op: str
    model: str
    version: str | None
    stage: str | None
    label: str | None
    commit: str | None
    author: str
    date: datetime
    message: str
    withdrawn: bool = False
    kind: str | None = None
    """Of a note."""


@dataclass(frozen=True, kw_only=True)
class Log:
    """What happened, newest first; `total` counts also what lies beyond the limit."""

    events: tuple[Event, ...]
    total: int


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """One time that a version got a stage: by promotion, or back by a rollback."""

    stage: str
    op: str
    date: datetime
    author: str
    message: str
    number: int


@dataclass(frozen=True, kw_only=True)
class Identified:
    """The newest version that has some bytes, and the `others` that have them, as MODEL@ID, the newest first."""

    version: str
    model: str
    hash: str
    labels: tuple[str, ...]
    stages: tuple[str, ...]
    former_stages: tuple[str, ...]
    promotions: tuple[Promotion, ...]
    others: tuple[str, ...]
    remarks: tuple[str, ...] = told()

    def __str__(self) -> str:
        return f"{self.model}@{self.version}"


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a training command made, once it is registered; `promoted` is None where no stage was asked for.

    `command` is the command line without what looks secret, `seconds` how long it took.
    """

    added: Added
    command: str
    seconds: float
    promoted: bool | None

    def document(self) -> dict[str, Any]:
        """The keys of the version that was registered, and those of the run."""
        run = {"command": self.command, "seconds": self.seconds, "promoted": self.promoted}
        return {**as_json(self.added), **run}

    @property
    def remarks(self) -> tuple[str, ...]:
        """What people are told besides the result."""
        return self.added.remarks

    def __str__(self) -> str:
        return str(self.added)
