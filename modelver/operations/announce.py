"""The words of commits and tags: how a change is told to people, to programs, and to GTO (rules W10, I4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from modelver.domain import names
from modelver.domain.records import Label, StageEntry, StagePointer, Version
from modelver.git.change import Tag
from modelver.git.objects import ident
from modelver.records.config import Config

_TRAILER = re.compile(r"[A-Za-z0-9-]+: ")


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """A tag that a record calls for: its ref, and the version whose commit it stands at.

    It tells of a `label`, of a change (by its `number`) of a `stage`, which the version got or `left`, or, with
    neither, of the version itself.
    """

    ref: str
    model: str
    version: str
    by: str
    at: datetime
    message: str
    label: str | None = None
    stage: str | None = None
    number: int = 0
    left: bool = False

    @property
    def name(self) -> str:
        """The tag's short name."""
        return self.ref.split("/", 2)[2]

    def tag(self, target: str | None) -> Tag:
        """The tag on the commit `target` (None: the one that is made): name, then what the record says."""
        text = f"{self.name}\n\n{self.message}" if self.message else self.name
        return Tag(self.ref, ident(self.by, self.at), text, target)


def commit_message(
    config: Config, ops: Sequence[str], model: str, version: str | None, what: str = "", message: str = ""
) -> str:
    """The message of a commit: a subject for people, what they said, trailers for programs.

    The first of `ops` is the subject's verb. What the configuration asks for, such as [skip ci], stands before the
    trailers, unless it is one: Git reads them from the last paragraph alone.
    """
    subject = " ".join(part for part in ("modelver:", ops[0], model, version or "", what) if part)
    trailers = [*(f"Modelver-Op: {op}" for op in ops), *([f"Modelver-Model: {model}"] if model else [])]
    trailers += [f"Modelver-Version: {version}"] if version else []
    more = config.commit.trailer
    if _TRAILER.match(more):
        trailers, more = [*trailers, more], ""
    parts = [subject, message, more, "\n".join(trailers)]
    return "\n\n".join(part for part in parts if part)


def of_version(config: Config, version: Version) -> Announcement:
    """The tag of a version."""
    kind = "tags" if config.tags.versions == "tag" else "modelver"
    return Announcement(
        ref=f"refs/{kind}/{names.version_tag(version.version)}",
        model=version.model,
        version=version.version,
        by=version.created_by,
        at=version.created_at,
        message=version.message,
    )


def of_label(config: Config, label: Label) -> Announcement | None:
    """The tag of a label; None where the configuration wants none."""
    kind = {"tag": "tags", "ref": "modelver"}.get(config.tags.labels)
    if kind is None:
        return None
    return Announcement(
        ref=f"refs/{kind}/{names.label_tag(label.model, label.label)}",
        model=label.model,
        version=label.version,
        by=label.created_by,
        at=label.created_at,
        message=label.message,
        label=label.label,
    )


def of_stage(config: Config, pointer: StagePointer, entry: StageEntry) -> list[Announcement]:
    """The tags of one change of a stage: of the version that left it, then of the one that got it.

    A withdrawn change has none. The first is dated a second before the other, because GTO sorts by date.
    """
    if config.tags.promotions == "off" or entry.withdrawn:
        return []
    model, stage, number = pointer.model, pointer.stage, entry.number
    left = pointer.displaced(number)
    # Nothing is before the first year that there is.
    sooner = entry.at - timedelta(seconds=1) if entry.version is not None and entry.at.year > 1 else entry.at
    found = [
        (names.displacement_tag(model, stage, number), left, sooner, True),
        (names.promotion_tag(model, stage, number), entry.version, entry.at, False),
    ]
    return [
        Announcement(
            ref=f"refs/tags/{name}",
            model=model,
            version=version,
            by=entry.by,
            at=at,
            message=entry.message,
            stage=stage,
            number=number,
            left=gone,
        )
        for name, version, at, gone in found
        if version is not None
    ]
