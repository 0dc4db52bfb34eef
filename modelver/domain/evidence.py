"""What is known of a version: its record, and the notes that came later, read together with their sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modelver.domain.records import Attachment, Note, Version

RECORD = "record"
"""The source of what the version's own record says; every other source is the name of a note."""

PREDICTIONS = "predictions"
"""The name of the attachment that holds what a version predicted, sample by sample."""

YANK = "yank"
"""The kind of note that withdraws a version."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A version with all that is known of it; `notes` stand oldest first.

    `sources` tells for each metric where its value comes from: `record`, or the name of a note.
    """

    version: Version
    notes: tuple[Note, ...]
    metrics: Mapping[str, int | float]
    sources: Mapping[str, str]
    predictions: Attachment | None
    """The file of predictions that counts."""


def gather(version: Version, notes: Iterable[Note]) -> Evidence:
    """Record and notes of one version together.

    A later note overrides an earlier one. What the record says is overridden only by a note that names its own
    data, because a number that was measured on nobody knows what replaces none that came with the model.
    """
    ordered = tuple(sorted(notes, key=lambda note: (note.created_at, note.name)))
    metrics = dict(version.metrics)
    sources = dict.fromkeys(metrics, RECORD)
    predictions = version.attachments.get(PREDICTIONS)
    for note in ordered:
        own_data = any(each.kind == "data" for each in note.inputs)
        for name, value in note.metrics.items():
            if own_data or name not in version.metrics:
                metrics[name], sources[name] = value, note.name
        if PREDICTIONS in note.attachments and (own_data or PREDICTIONS not in version.attachments):
            predictions = note.attachments[PREDICTIONS]
    return Evidence(version=version, notes=ordered, metrics=metrics, sources=sources, predictions=predictions)


def yank_of(notes: Iterable[Note]) -> Note | None:
    """The note that withdraws a version, the first of them; None where there is none."""
    return min(
        (note for note in notes if note.kind == YANK), key=lambda note: (note.created_at, note.name), default=None
    )
