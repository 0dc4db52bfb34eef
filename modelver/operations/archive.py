"""Retire a version, and bring it back."""

from __future__ import annotations

from modelver.domain import lifecycle
from modelver.errors import Conflict
from modelver.operations.results import Archived
from modelver.operations.scene import Part, Plan, Scene, carry_out
from modelver.operations.standing import stages_of
from modelver.operations.values import checked_text
from modelver.operations.workspace import Workspace
from modelver.records import layout, schema


def archive(workspace: Workspace, ref: str, *, undo: bool = False, message: str = "") -> Archived:
    """Retire a version, or with `undo` bring it back; nothing where it is so already.

    Raises `Conflict` while the version holds a stage.
    """
    why = checked_text(message, "message")
    first = workspace.catalog.find(ref)

    def plan(scene: Scene) -> Plan:
        found = scene.find(ref)
        held = stages_of(scene.catalog, found.model, found.version)
        if held and not undo:
            raise Conflict(
                f"{found.version} holds {', '.join(held)}",
                hint=[f"modelver demote {found.model} {name}" for name in held],
            )
        act = lifecycle.Act(by=scene.by, at=scene.moment(found.model), message=why)
        former = scene.catalog.archive(found.model, found.version)
        changed = lifecycle.archive(former, found.model, found.version, act, undo=undo)
        path = layout.archive_path(found.model, found.version)
        part = Part(op="restore" if undo else "archive", files={path: schema.dump_archive(changed)} if changed else {})
        return Plan(model=found.model, version=found.version, part=part, message=why)

    done = carry_out(workspace, first.model, plan, watched=[layout.archive_path(first.model, first.version)])
    model, version = done.plan.model, done.plan.version or ""
    return Archived(
        op=done.plan.part.op,
        model=model,
        version=version,
        state=_state(done.scene, model, version, undo=undo),
        commit=done.commit(layout.archive_path(model, version)),
        created=done.written is not None,
        remarks=done.remarks,
    )


def _state(scene: Scene, model: str, version: str, *, undo: bool) -> str:
    """The state that the version has now."""
    if stages_of(scene.catalog, model, version):
        return "staged"
    return "development" if undo else "archived"
