"""Record <-> file: what keys a record has, in which order they stand, and what their values have to be.

Every `parse_…` takes the file's bytes and its name and gives the record. All faults of the file are collected and
raised as one Damaged, each as `file:line: key: expected …, found …`. Every `dump_…` gives the bytes of the file.
"""

from __future__ import annotations

from typing import Any

from modelver.domain import names
from modelver.domain.records import Artifact, Attachment, Input, Label, Note, Version
from modelver.records import yaml
from modelver.records.histories import dump_archive, dump_stage, parse_archive, parse_stage
from modelver.records.nodes import Fields
from modelver.records.shape import filled, ordered, parsed, said
from modelver.records.values import (
    digest,
    finite,
    label_name,
    mapping,
    model_name,
    moment,
    moment_text,
    natural,
    one_of,
    optional,
    relative_path,
    text,
    truth,
    version_name,
    word,
)

__all__ = [
    "dump_archive",
    "dump_label",
    "dump_note",
    "dump_stage",
    "dump_version",
    "input_mapping",
    "note_mapping",
    "parse_archive",
    "parse_label",
    "parse_note",
    "parse_stage",
    "parse_version",
    "read_input",
]

_KINDS = ("file", "directory")


# ---- versions ----------------------------------------------------------------------------------------------------


def parse_version(data: bytes, name: str) -> Version:
    """The version that the file `name` records."""
    return parsed(data, name, _version)


def version_mapping(version: Version) -> dict[str, Any]:
    """The keys of a version's file, in their order."""
    return {
        "format": version.format,
        "model": version.model,
        "version": version.version,
        "created_at": moment_text(version.created_at),
        "created_by": version.created_by,
        "message": version.message,
        "artifact": _artifact_map(version.artifact),
        **filled(
            metrics=ordered(version.metrics),
            params=ordered(version.params),
            inputs=[input_mapping(each) for each in version.inputs],
            environment=ordered(version.environment or {}),
            attachments={key: _attachment_map(each) for key, each in sorted(version.attachments.items())},
            meta=ordered(version.meta),
        ),
        **ordered(version.more),
    }


def dump_version(version: Version) -> bytes:
    """The file of a version."""
    return yaml.write(version_mapping(version))


def _version(fields: Fields) -> Version:
    version = Version(
        model=fields.need("model", model_name),
        version=fields.need("version", version_name),
        created_at=fields.need("created_at", moment),
        created_by=fields.need("created_by", text),
        message=fields.may("message", text, ""),
        artifact=_artifact(fields.inside("artifact")),
        metrics=fields.table("metrics", finite),
        params=fields.may("params", mapping, {}),
        inputs=fields.each("inputs", read_input),
        environment=fields.may("environment", optional(mapping), None),
        attachments=fields.mapped("attachments", _attachment),
        meta=fields.may("meta", mapping, {}),
        more=fields.rest(),
    )
    # What two keys say together is looked at only where each of them can be read.
    if version.version is not None:
        if version.created_at is not None and version.created_at != names.version_moment(version.version):
            fields.wrong("created_at", "expected the second that the version's id names")
        if version.artifact.digest is not None and version.artifact.digest[7:15] != version.version[-8:]:
            fields.wrong("version", "expected an id that ends in the first 8 digits of the artifact's digest")
    return version


def _artifact(fields: Fields) -> Artifact:
    return Artifact(
        path=fields.need("path", relative_path),
        kind=fields.need("kind", one_of(*_KINDS)),
        digest=fields.need("digest", digest),
        size=fields.need("size", natural),
        files=fields.need("files", natural),
        format=fields.may("format", optional(text), None),
        more=fields.rest(),
    )


def _artifact_map(artifact: Artifact) -> dict[str, Any]:
    return {
        "path": artifact.path,
        "kind": artifact.kind,
        "digest": artifact.digest,
        "size": artifact.size,
        "files": artifact.files,
        **said(format=artifact.format),
        **ordered(artifact.more),
    }


def read_input(fields: Fields) -> Input:
    """One input of a record."""
    return Input(
        kind=fields.need("kind", word),
        id=fields.need("id", text),
        digest=fields.may("digest", optional(digest), None),
        commit=fields.may("commit", optional(word), None),
        dirty=fields.may("dirty", optional(truth), None),
        relation=fields.need("relation", word),
        more=fields.rest(),
    )


def input_mapping(each: Input) -> dict[str, Any]:
    """The keys of one input, in their order."""
    return {
        "kind": each.kind,
        "id": each.id,
        **said(digest=each.digest, commit=each.commit, dirty=each.dirty),
        "relation": each.relation,
        **ordered(each.more),
    }


def _attachment(fields: Fields) -> Attachment:
    return Attachment(
        path=fields.need("path", relative_path),
        digest=fields.need("digest", digest),
        size=fields.need("size", natural),
        more=fields.rest(),
    )


def _attachment_map(each: Attachment) -> dict[str, Any]:
    return {"path": each.path, "digest": each.digest, "size": each.size, **ordered(each.more)}


# ---- labels and notes --------------------------------------------------------------------------------------------


def parse_label(data: bytes, name: str) -> Label:
    """The label that the file `name` records."""
    return parsed(data, name, _label)


def dump_label(label: Label) -> bytes:
    """The file of a label."""
    return yaml.write(
        {
            "format": label.format,
            "model": label.model,
            "label": label.label,
            "version": label.version,
            **said(op=label.op),
            "created_at": moment_text(label.created_at),
            "created_by": label.created_by,
            "message": label.message,
            **ordered(label.more),
        }
    )


def _label(fields: Fields) -> Label:
    return Label(
        model=fields.need("model", model_name),
        label=fields.need("label", label_name),
        version=fields.need("version", version_name),
        op=fields.may("op", optional(word), None),
        created_at=fields.need("created_at", moment),
        created_by=fields.need("created_by", text),
        message=fields.may("message", text, ""),
        more=fields.rest(),
    )


def parse_note(data: bytes, name: str) -> Note:
    """The note that the file `name` records."""
    return parsed(data, name, _note)


def note_mapping(note: Note) -> dict[str, Any]:
    """The keys of a note's file, in their order."""
    return {
        "format": note.format,
        "model": note.model,
        "version": note.version,
        "kind": note.kind,
        "created_at": moment_text(note.created_at),
        "created_by": note.created_by,
        "message": note.message,
        **filled(
            metrics=ordered(note.metrics),
            inputs=[input_mapping(each) for each in note.inputs],
            attachments={key: _attachment_map(each) for key, each in sorted(note.attachments.items())},
            meta=ordered(note.meta),
        ),
        **ordered(note.more),
    }


def dump_note(note: Note) -> bytes:
    """The file of a note."""
    return yaml.write(note_mapping(note))


def _note(fields: Fields) -> Note:
    return Note(
        model=fields.need("model", model_name),
        version=fields.need("version", version_name),
        kind=fields.need("kind", word),
        created_at=fields.need("created_at", moment),
        created_by=fields.need("created_by", text),
        message=fields.may("message", text, ""),
        metrics=fields.table("metrics", finite),
        inputs=fields.each("inputs", read_input),
        attachments=fields.mapped("attachments", _attachment),
        meta=fields.may("meta", mapping, {}),
        more=fields.rest(),
    )
