"""Move a stage: promote, rollback, demote (rule C1)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from modelver.catalog import Catalog
from modelver.domain import lifecycle, names
from modelver.domain.records import StagePointer, Values, Version
from modelver.domain.resolution import Resolved
from modelver.domain.text import nearest, printable, quoted
from modelver.errors import CannotTell, CheckFailed, Conflict, NotFound, UsageError
from modelver.operations.announce import of_stage
from modelver.operations.branch import differing
from modelver.operations.gates import Asked, Candidate, Gatekeeper
from modelver.operations.results import Staged
from modelver.operations.scene import Done, Part, Plan, Scene, carry_out
from modelver.operations.values import checked_text
from modelver.operations.workspace import Workspace
from modelver.records import layout, schema

if TYPE_CHECKING:
    from modelver.domain.gates import Gate

_LATER = "leave out --stage, and promote the version once it is registered"


def promote(workspace: Workspace, ref: str, stage: str, *, message: str = "", asked: Asked | None = None) -> Staged:
    """Give a stage to a version that passes the gates; nothing more where it holds it already.

    Raises `CheckFailed` where a gate of the command or of the configuration is not met and `CannotTell` where nobody
    can say, `Conflict` for an archived version, and where the configuration asks for another stage first.
    """
    why = checked_text(message, "message")
    name = names.parse_stage(stage)
    first = workspace.catalog.find(ref)
    keeper = Gatekeeper(workspace, asked or Asked())
    # Before the lock, because files of predictions take their time; what was read is kept.
    keeper.check(
        workspace.catalog, Candidate(found=first, stage=name, rules=_rules(workspace.catalog, first, name)), []
    )
    passed: list[Gate] = []

    def plan(scene: Scene) -> Plan:
        found = scene.find(ref)
        scene.folded(stage, name)
        part, passed[:] = promotion_part(scene, found, name, why, keeper)
        return Plan(model=found.model, version=found.version, part=part, message=why)

    return dataclasses.replace(_change(workspace, first.model, name, plan), gates=tuple(passed))


def promotion_part(
    scene: Scene, found: Resolved, stage: str, message: str, keeper: Gatekeeper, new: Version | None = None
) -> tuple[Part, tuple[Gate, ...]]:
    """The event that gives a stage to a version, without files where it holds it, and the gates that it passed.

    `new` is the record of a version that the same commit brings.
    """
    scene.branch.refuse_behind()
    catalog, model = scene.catalog, found.model
    rules = _rules(catalog, found, stage)
    try:
        gates = keeper.check(catalog, Candidate(found=found, stage=stage, rules=rules, new=new), scene.remarks)
    except (CheckFailed, CannotTell) as error:
        error.hints += [_LATER] if new is not None else []
        raise
    pointers = catalog.pointers(model)
    pointer = pointers.get(stage)
    if pointer is not None and pointer.version == found.version:
        wanted = tuple(of_stage(catalog.config, pointer, pointer.history[0]))
        return Part(op="promote", name=stage, wanted=wanted), gates
    stages = catalog.rules(model).stages
    if stage in catalog.label_names(model):
        raise Conflict(
            f"{stage} is a label of {model}, so {model}@{stage} could mean two versions",
            hint=f"choose another stage, or modelver tag --delete {model}@{stage}",
        )
    lifecycle.refuse_archived(found.version, catalog.archived(model))
    try:
        lifecycle.check_promotion(found.version, stage, stages, pointers)
    except Conflict as error:
        if scene.new:
            error.hints[-1:] = [_LATER]
        raise
    start = pointer or StagePointer(model=model, stage=stage, version=None, number=0)
    changed = lifecycle.promote(start, found.version, _act(scene, model, message))
    assert changed is not None
    return _moved(scene, changed), gates


def _rules(catalog: Catalog, found: Resolved, stage: str) -> Values:
    """The rules of a stage, which has to be one; who holds it already keeps it when the stages change."""
    stages, pointer = catalog.rules(found.model).stages, catalog.stage(found.model, stage)
    holds = pointer is not None and pointer.version == found.version
    if holds and lifecycle.rule_of(stage, stages or {}) is None:
        return {}
    return lifecycle.check_stage(stage, stages)


def rollback(
    workspace: Workspace, model: str, stage: str | None = None, *, to: str | None = None, message: str = ""
) -> Staged:
    """Give a stage, the only one held by default, back to its former holder, or down the stack of them to `to`.

    Raises `Conflict` where there is no former holder, `to` is none, or the one that would get it is archived.
    """
    why = checked_text(message, "message")
    name = _known_model(workspace, model, "rollback")
    held = names.parse_stage(stage) if stage is not None else _only_stage(workspace, name)

    def plan(scene: Scene) -> Plan:
        scene.folded(model, name)
        scene.folded(stage or held, held)
        pointer = _pointer(scene, name, held)
        wanted = scene.find(to) if to is not None else None
        if wanted is not None and wanted.model != name:
            raise UsageError(f"{quoted(to or '')} is a version of {wanted.model}, not of {name}")
        changed = lifecycle.rollback(pointer, wanted.version if wanted else None, _act(scene, name, why))
        version = changed.version or ""
        scene.need(Resolved(model=name, version=version))
        archived = scene.catalog.archived(name)
        try:
            lifecycle.refuse_archived(version, archived)
        except Conflict as error:
            others = [each for each in pointer.former_holders() if each not in archived]
            error.hints += [f"modelver rollback {name} {held} --to {each}" for each in others[:1]]
            raise
        return Plan(model=name, version=version, part=_moved(scene, changed), message=why)

    return _change(workspace, name, held, plan)


def demote(workspace: Workspace, model: str, stage: str, *, message: str = "") -> Staged:
    """Take a stage from its holder; nothing where nobody holds it."""
    why = checked_text(message, "message")
    name, held = _known_model(workspace, model, "demote"), names.parse_stage(stage)

    def plan(scene: Scene) -> Plan:
        scene.folded(model, name)
        scene.folded(stage, held)
        pointer = _pointer(scene, name, held)
        changed = lifecycle.demote(pointer, _act(scene, name, why))
        if changed is None:
            part = Part(
                op="demote", name=held, wanted=tuple(of_stage(scene.catalog.config, pointer, pointer.history[0]))
            )
            return Plan(model=name, version=None, part=part)
        return Plan(model=name, version=pointer.version, part=_moved(scene, changed), message=why)

    return _change(workspace, name, held, plan)


def _change(workspace: Workspace, model: str, stage: str, plan: Callable[[Scene], Plan]) -> Staged:
    path = layout.stage_path(model, stage)
    done = carry_out(workspace, model, plan, watched=[path])
    return _staged(done, model, stage, path)


def _staged(done: Done, model: str, stage: str, path: str) -> Staged:
    part, version = done.plan.part, done.plan.version
    before = done.scene.catalog.stage(model, stage)
    previous = before.version if before and done.written else None
    return Staged(
        op=part.op,
        model=model,
        stage=stage,
        version=None if part.op == "demote" else version,
        previous=previous,
        number=(before.number if before else 0) + (done.written is not None),
        commit=done.commit(path),
        tag=done.tag(),
        pending=done.pending(),
        created=done.written is not None,
        remarks=done.remarks,
    )


def _act(scene: Scene, model: str, message: str) -> lifecycle.Act:
    scene.branch.refuse_behind()
    return lifecycle.Act(by=scene.by, at=scene.moment(model, of_stage=True), message=message)


def _moved(scene: Scene, changed: StagePointer) -> Part:
    """The event of a pointer's newest change."""
    if not scene.branch.on:
        announced = scene.branch.announced
        if announced is None:
            scene.remarks.append(f"the registry's branch {scene.branch.name} is not here, so HEAD is taken for it")
            announced = scene.catalog
        changed = lifecycle.withdrawn(changed, announced.stage(changed.model, changed.stage))
    wanted = tuple(of_stage(scene.catalog.config, changed, changed.history[0]))
    return Part(
        op=changed.history[0].op,
        name=changed.stage,
        files={layout.stage_path(changed.model, changed.stage): schema.dump_stage(changed)},
        wanted=wanted,
        tags=tuple(scene.tags(wanted)),
    )


def _pointer(scene: Scene, model: str, stage: str) -> StagePointer:
    pointer = scene.catalog.stage(model, stage)
    if pointer is None:
        near = nearest(stage, scene.catalog.stages(model))
        hint = f"did you mean {' or '.join(near)}?" if near else f"modelver promote {model} {stage}"
        raise NotFound(f"no version of {model} ever held {stage}", hint=hint)
    if remark := differing(scene.branch, scene.catalog, model, stage):
        scene.remarks.append(remark)
    return pointer


def _known_model(workspace: Workspace, text: str, command: str) -> str:
    if "@" in text:
        model, _, stage = text.partition("@")
        message = f"{command} takes the model and the stage as two words, found {quoted(text)}"
        raise UsageError(message, hint=f"modelver {command} {printable(model)} {printable(stage)}")
    if names.is_version_id(names.fold(text)):
        model = workspace.catalog.find(text).model
        message = f"{command} takes a model, and {text} is a version of {model}"
        raise UsageError(message, hint=f"modelver {command} {model} STAGE")
    model = names.parse_model(text)
    if model not in workspace.catalog.models():
        workspace.catalog.find(model)  # raises with the nearest names
        raise NotFound(f"there is no model {model}", hint="modelver list shows the models")
    return model


def _only_stage(workspace: Workspace, model: str) -> str:
    held = [name for name, pointer in workspace.catalog.pointers(model).items() if pointer.version is not None]
    if len(held) == 1:
        return held[0]
    if not held:
        ways = [f"modelver rollback {model} {name}" for name in workspace.catalog.stages(model)]
        raise NotFound(f"no stage of {model} is held", hint=ways or f"modelver promote {model} STAGE")
    raise UsageError(
        f"{model} holds several stages: {', '.join(held)}", hint=[f"modelver rollback {model} {name}" for name in held]
    )
