"""Add what became known of a version after its registration: an evaluation, an approval, a withdrawal."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from modelver.domain.records import Note, Value, same_words
from modelver.domain.text import quoted
from modelver.errors import UsageError
from modelver.operations import predictions
from modelver.operations.inputs import Data, edges
from modelver.operations.results import Noted
from modelver.operations.scene import Part, Plan, Scene, carry_out
from modelver.operations.values import checked_metrics, checked_text, from_files, plain_mapping
from modelver.operations.workspace import Workspace
from modelver.records import layout, schema
from modelver.storage.hashing import digest_of_bytes

_KIND = re.compile(r"[0-9a-z][0-9a-z._-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class NoteRequest:
    """What is to be noted. Without `kind` it is an evaluation where there are numbers, else a comment."""

    kind: str | None = None
    metrics: Mapping[str, Value] = field(default_factory=dict)
    metrics_files: Sequence[str] = ()
    data: Sequence[Data] = ()
    predictions: str | None = None
    meta: Mapping[str, Value] = field(default_factory=dict)
    message: str = ""


def note(workspace: Workspace, ref: str, request: NoteRequest) -> Noted:
    """Note something on a version, in one commit; nothing where the same is noted already.

    Raises `UsageError` for a note that says nothing.
    """
    metrics = checked_metrics({**from_files(workspace, request.metrics_files, "--metrics"), **request.metrics})
    meta = plain_mapping(request.meta, "meta")
    message = checked_text(request.message, "message")
    kind = _kind(request.kind, numbers=bool(metrics) or request.predictions is not None)
    says = request.kind not in (None, "evaluation", "comment")  # an approval, a yank: the kind itself is the word
    if not (metrics or meta or message or request.data or request.predictions or says):
        raise UsageError("a note has to say something", hint=f"modelver note {ref} -m TEXT    or --metric K=V")
    inputs = edges(workspace, request.data, of_data="evaluated-on")
    attachments = predictions.taken(workspace, request.predictions)
    model = workspace.catalog.find(ref).model
    noted: list[Note] = []

    def plan(scene: Scene) -> Plan:
        found = scene.find(ref)
        notes = scene.catalog.notes(found.model, found.version)
        # Later notes override earlier ones, so no two of a version are of one second.
        after = [each.created_at + timedelta(seconds=1) for each in notes]
        new = Note(
            model=found.model,
            version=found.version,
            kind=kind,
            created_at=max([scene.moment(found.model), *after]),
            created_by=scene.by,
            message=message,
            metrics=metrics,
            inputs=inputs,
            attachments=attachments,
            meta=meta,
        )
        known = next((each for each in notes if same_words(each, new)), None)
        files: dict[str, bytes | None] = {}
        if known is None:
            data = schema.dump_note(new)
            name = f"{new.created_at:%Y%m%d%H%M%S}_{digest_of_bytes(data)[7:15]}"
            known = dataclasses.replace(new, name=name)
            files[layout.note_path(found.model, found.version, name)] = data
            record = scene.catalog.record(found)
            scene.remarks += [
                f"{name} stays {record.metrics[name]}, which the record says; --data names data of the note's own"
                for name in new.metrics
                if name in record.metrics and not new.inputs
            ]
        noted[:] = [known]
        return Plan(
            model=found.model, version=found.version, part=Part(op="note", name=kind, files=files), message=message
        )

    done = carry_out(workspace, model, plan, watched=[f"{layout.model_directory(model)}/notes"])
    made = noted[0]
    return Noted(
        op="note",
        model=made.model,
        version=made.version,
        kind=kind,
        note=made.name,
        date=made.created_at,
        metrics=made.metrics,
        message=made.message,
        commit=done.commit(layout.note_path(made.model, made.version, made.name)),
        created=done.written is not None,
        remarks=done.remarks,
    )


def _kind(typed: str | None, *, numbers: bool) -> str:
    if typed is None:
        return "evaluation" if numbers else "comment"
    if not _KIND.fullmatch(typed):
        known = "evaluation, approval, scan, comment, yank"
        raise UsageError(f"{quoted(typed)} is no kind of note", hint=f"a word in lower case, usually one of {known}")
    return typed
