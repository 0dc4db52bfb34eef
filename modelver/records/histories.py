"""The records that have a history: who holds a stage, and whether a version is retired."""

from __future__ import annotations

from itertools import pairwise

from modelver.domain.records import Archive, ArchiveEntry, StageEntry, StagePointer
from modelver.records import yaml
from modelver.records.nodes import Fields, Node, Wrong
from modelver.records.shape import ordered, parsed
from modelver.records.values import (
    model_name,
    moment,
    moment_text,
    one_of,
    optional,
    positive,
    stage_name,
    text,
    truth,
    version_name,
)

_MOST_CHANGES = 999_999_999
"""As many as the name of a promotion's tag is read with."""

_STAGE_OPS = ("promote", "rollback", "demote")
_ARCHIVE_OPS = {"archive": "archived", "restore": "restored"}


def parse_stage(data: bytes, name: str) -> StagePointer:
    """The stage that the file `name` records."""
    return parsed(data, name, _stage)


def dump_stage(pointer: StagePointer) -> bytes:
    """The file of a stage."""
    return yaml.write(
        {
            "format": pointer.format,
            "model": pointer.model,
            "stage": pointer.stage,
            "version": pointer.version,
            "number": pointer.number,
            "history": [
                {
                    "number": entry.number,
                    "op": entry.op,
                    "version": entry.version,
                    "at": moment_text(entry.at),
                    "by": entry.by,
                    "message": entry.message,
                    **({"withdrawn": True} if entry.withdrawn else {}),
                    **ordered(entry.more),
                }
                for entry in pointer.history
            ],
            **ordered(pointer.more),
        }
    )


def _stage(fields: Fields) -> StagePointer:
    pointer = StagePointer(
        model=fields.need("model", model_name),
        stage=fields.need("stage", stage_name),
        version=fields.need("version", optional(version_name)),
        number=fields.need("number", _change_number),
        history=fields.each("history", _stage_entry),
        more=fields.rest(),
    )
    order = [entry.number for entry in pointer.history]
    if not order:
        fields.wrong("history", "expected at least the change that made the record")
    elif None not in order:
        if any(newer <= older for newer, older in pairwise(order)):
            fields.wrong("history", "expected the newest change first, each with a number of its own")
        if order[0] != pointer.number:
            fields.wrong("number", f"expected the number of the newest change, {order[0]}")
        if pointer.history[0].version != pointer.version:
            fields.wrong("version", "expected the version of the newest change")
    return pointer


def _change_number(node: Node) -> int:
    """The number of a change, counted from 1."""
    if positive(node) > _MOST_CHANGES:
        raise Wrong(f"the number of a change, at most {_MOST_CHANGES}")
    return positive(node)


def _stage_entry(fields: Fields) -> StageEntry:
    return StageEntry(
        number=fields.need("number", _change_number),
        op=fields.need("op", one_of(*_STAGE_OPS)),
        version=fields.need("version", optional(version_name)),
        at=fields.need("at", moment),
        by=fields.need("by", text),
        message=fields.may("message", text, ""),
        withdrawn=fields.may("withdrawn", truth, False),
        more=fields.rest(),
    )


def parse_archive(data: bytes, name: str) -> Archive:
    """Whether a version is retired, as the file `name` records it."""
    return parsed(data, name, _archive)


def dump_archive(archive: Archive) -> bytes:
    """The file that tells whether a version is retired."""
    return yaml.write(
        {
            "format": archive.format,
            "model": archive.model,
            "version": archive.version,
            "state": archive.state,
            "history": [
                {
                    "op": entry.op,
                    "at": moment_text(entry.at),
                    "by": entry.by,
                    "message": entry.message,
                    **ordered(entry.more),
                }
                for entry in archive.history
            ],
            **ordered(archive.more),
        }
    )


def _archive(fields: Fields) -> Archive:
    archive = Archive(
        model=fields.need("model", model_name),
        version=fields.need("version", version_name),
        state=fields.need("state", one_of(*_ARCHIVE_OPS.values())),
        history=fields.each("history", _archive_entry),
        more=fields.rest(),
    )
    newest = archive.history[0].op if archive.history else None
    if newest is not None and archive.state is not None and _ARCHIVE_OPS[newest] != archive.state:
        fields.wrong("state", f"expected {_ARCHIVE_OPS[newest]}, as the newest change says")
    return archive


def _archive_entry(fields: Fields) -> ArchiveEntry:
    return ArchiveEntry(
        op=fields.need("op", one_of(*_ARCHIVE_OPS)),
        at=fields.need("at", moment),
        by=fields.need("by", text),
        message=fields.may("message", text, ""),
        more=fields.rest(),
    )
