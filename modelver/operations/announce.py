"""The words of commits and tags: how a change is told to people, to programs, and to GTO (rules W10, I4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from modelver.domain import names
from modelver.domain.records import Label, StageEntry, StagePointer, Version
from modelver.git.transaction import Tag
from modelver.records.config import Config


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """A tag that a record calls for: its ref, and the version whose commit it stands at."""

    ref: str
    version: str
    by: str
    at: datetime
    message: str

    @property
    def name(self) -> str:
        """The tag's short name."""
        return self.ref.split("/", 2)[2]

    def tag(self, target: str | None) -> Tag:
        """The tag on the commit `target` (None: the one that is made): name, then what the record says."""
        text = f"{self.name}\n\n{self.message}" if self.message else self.name
        return Tag(self.ref, f"{self.by} {int(self.at.timestamp())} +0000", text, target)


def commit_message(
    config: Config, ops: Sequence[str], model: str, version: str | None, what: str = "", message: str = ""
) -> str:
    """The message of a commit: a subject for people, what they said, trailers for programs.

    The first of `ops` is the subject's verb; what the configuration asks for stands at the end.
    """
    subject = " ".join(part for part in ("modelver:", ops[0], model, version or "", what) if part)
    trailers = [*(f"Modelver-Op: {op}" for op in ops), f"Modelver-Model: {model}"]
    trailers += [f"Modelver-Version: {version}"] if version else []
    parts = [subject, message, "\n".join(trailers), config.commit.trailer]
    return "\n\n".join(part for part in parts if part)


def of_version(config: Config, version: Version) -> Announcement:
    """The tag of a version."""
    kind = "tags" if config.tags.versions == "tag" else "modelver"
    name = names.version_tag(version.version)
    return _announcement(kind, name, version.version, version.created_by, version.created_at, version.message)


def of_label(config: Config, label: Label) -> Announcement | None:
    """The tag of a label; None where the configuration wants none."""
    kind = {"tag": "tags", "ref": "modelver"}.get(config.tags.labels)
    if kind is None:
        return None
    name = names.label_tag(label.model, label.label)
    return _announcement(kind, name, label.version, label.created_by, label.created_at, label.message)


def of_stage(config: Config, pointer: StagePointer, entry: StageEntry) -> list[Announcement]:
    """The tags of one change of a stage: of the version that left it, then of the one that got it.

    A withdrawn change has none. The first is dated a second before the other, because GTO sorts by date.
    """
    if config.tags.promotions == "off" or entry.withdrawn:
        return []
    found = []
    left = pointer.displaced(entry.number)
    if left is not None:
        name = names.displacement_tag(pointer.model, pointer.stage, entry.number)
        at = entry.at - timedelta(seconds=1) if entry.version is not None else entry.at
        found.append(_announcement("tags", name, left, entry.by, at, entry.message))
    if entry.version is not None:
        name = names.promotion_tag(pointer.model, pointer.stage, entry.number)
        found.append(_announcement("tags", name, entry.version, entry.by, entry.at, entry.message))
    return found


def _announcement(kind: str, name: str, version: str, by: str, at: datetime, message: str) -> Announcement:
    return Announcement(ref=f"refs/{kind}/{name}", version=version, by=by, at=at, message=message)
