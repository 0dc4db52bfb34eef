"""Name a version: `tag`, and taking a label back."""

from __future__ import annotations

from modelver.domain import lifecycle, names, semver
from modelver.domain.records import Label
from modelver.domain.references import Named, parse
from modelver.domain.resolution import Resolved
from modelver.domain.text import quoted
from modelver.errors import Conflict, NotFound, UsageError
from modelver.operations.announce import Announcement, of_label
from modelver.operations.results import Labelled
from modelver.operations.scene import Done, Part, Plan, Scene, carry_out
from modelver.operations.values import checked_text
from modelver.operations.workspace import Workspace
from modelver.records import layout, schema


def tag(
    workspace: Workspace, ref: str, label: str | None = None, *, bump: semver.Part | None = None, message: str = ""
) -> Labelled:
    """Label a version, by a given name or by the next semantic version; nothing where it has that label already.

    Raises `Conflict` where the label names another version, or a second SemVer label would stand on one.
    """
    if (label is None) == (bump is None):
        both = " and not both" if label is not None else ""
        ways = ["modelver tag REF 1.2.0", "modelver tag REF --bump minor"]
        raise UsageError(f"tag takes a label or --bump{both}", hint=ways)
    why = checked_text(message, "message")
    model = workspace.catalog.find(ref).model

    def plan(scene: Scene) -> Plan:
        found = scene.find(ref)
        part = label_part(scene, found, label=label, bump=bump, message=why)
        return Plan(model=found.model, version=found.version, part=part, message=why)

    return _labelled(carry_out(workspace, model, plan, watched=[f"{layout.model_directory(model)}/tags"]))


def untag(workspace: Workspace, ref: str) -> Labelled:
    """Take a label back, which only works while no remote-tracking branch holds its record.

    Raises `UsageError` for anything but MODEL@LABEL, `Conflict` for a label that others may know.
    """
    reference = parse(ref)
    if not isinstance(reference.place, Named) or reference.back or reference.model is None:
        raise UsageError(f"{quoted(ref)} names no label", hint="modelver tag --delete MODEL@LABEL")
    model, label = reference.model, names.plain_label(reference.place.word)
    path = layout.label_path(model, label)

    def plan(scene: Scene) -> Plan:
        scene.branch.refuse_behind()
        if scene.staged:
            raise UsageError("--delete takes the tag away with the record, in a commit", hint="leave out --no-commit")
        record = next((each for each in scene.catalog.label_records(model) if each.label == label), None)
        if record is None:
            raise NotFound(f"{model} has no label {label}", hint=f"modelver list {model}")
        _refuse_published(scene, path, label)
        scene.folded(ref, names.fold(ref))
        wanted = of_label(scene.catalog.config, record)
        part = Part(
            op="untag",
            name=label,
            files={path: None},
            wanted=(wanted,) if wanted else (),
            removed=_removable(scene, wanted, label) if wanted else (),
        )
        return Plan(model=model, version=record.version, part=part)

    return _labelled(carry_out(workspace, model, plan, watched=[path]), deleted=True)


def _removable(scene: Scene, wanted: Announcement, label: str) -> tuple[tuple[str, str], ...]:
    """The tag of a label that is taken back, with its object; none where it is not here, or is to stay."""
    catalog = scene.catalog
    # Asked of the one process that also says when a ref is not there: an empty list could be a cut one.
    tag = catalog.repository.batch.headers([wanted.ref])[0]
    if tag is None:
        return ()
    if catalog.repository.commit(wanted.ref) != catalog.tag_commit(wanted.version):
        scene.remarks.append(f"the tag {wanted.name} stays, because it is not at the commit of {wanted.version}")
        return ()
    elsewhere = scene.branch.announced if not scene.branch.on else None
    if elsewhere and label in elsewhere.labels(wanted.model):
        # It announces the record on the registry's branch, which loses it by a merge, if ever.
        scene.remarks.append(f"the tag {wanted.name} stays, because {scene.branch.name} has the label")
        return ()
    return ((wanted.ref, tag.oid),)


def label_part(scene: Scene, found: Resolved, *, label: str | None, bump: semver.Part | None, message: str) -> Part:
    """The event that gives a label to a version; without files where it has it."""
    scene.branch.refuse_behind()
    known = {record.label: record for record in scene.catalog.label_records(found.model)}
    numbered = next((e for e in known.values() if e.version == found.version and semver.read(e.label)), None)
    if label is not None:
        chosen = _checked(scene, found.model, label)
    else:
        if bump not in ("major", "minor", "patch"):
            raise UsageError(f"bump: expected major, minor or patch, found {quoted(str(bump))}")
        elsewhere = scene.branch.announced if not scene.branch.on else None
        others = elsewhere.labels(found.model) if elsewhere else {}
        chosen = lifecycle.next_label([*known, *others], bump)
    holder = known.get(chosen)
    if holder is not None and holder.version == found.version:
        wanted = of_label(scene.catalog.config, holder)
        return Part(op="tag", name=chosen, wanted=(wanted,) if wanted else ())
    if holder is not None:
        raise Conflict(
            f"{found.model}@{chosen} is {holder.version} already",
            hint=f"modelver tag {found.version} ANOTHER    a label is never moved",
        )
    if numbered is not None and semver.read(chosen) is not None:
        raise Conflict(
            f"{found.version} is {numbered.label} already, and a version has one SemVer label",
            hint="a label that is no semantic version, like nightly, can stand beside it",
        )
    record = Label(
        model=found.model,
        label=chosen,
        version=found.version,
        created_at=scene.moment(found.model),
        created_by=scene.by,
        message=message,
    )
    wanted = of_label(scene.catalog.config, record)
    announcements = (wanted,) if wanted else ()
    return Part(
        op="tag",
        name=chosen,
        files={layout.label_path(found.model, chosen): schema.dump_label(record)},
        wanted=announcements,
        tags=tuple(scene.tags(announcements)),
    )


def _checked(scene: Scene, model: str, label: str) -> str:
    stages, configured = scene.catalog.stages(model), scene.catalog.rules(model).stages or {}
    folded = names.plain_label(names.fold(label))
    chosen = names.parse_label(label, stages=[*stages, folded] if lifecycle.rule_of(folded, configured) else stages)
    if names.fold(label) != label:
        scene.folded(label, chosen)
    return chosen


def _refuse_published(scene: Scene, path: str, label: str) -> None:
    repository = scene.catalog.repository
    for ref, commit in repository.tag_targets("refs/remotes").items():
        if repository.commit(commit) and repository.entry(repository.root(commit), path) is not None:
            raise Conflict(
                f"{label} is on {ref.removeprefix('refs/remotes/')} already, so others may rely on it",
                hint="give the right version the next label; modelver archive REF retires the wrong one",
            )


def _labelled(done: Done, *, deleted: bool = False) -> Labelled:
    part, model = done.plan.part, done.plan.model
    label = part.name
    remarks = done.remarks
    if deleted and part.removed:
        remarks = (*remarks, f"if the tag was pushed, `git push REMOTE ':{part.removed[0][0]}'` removes it there")
    return Labelled(
        model=model,
        version=done.plan.version or "",
        label=label,
        tag=None if deleted else done.tag(),
        commit=done.commit(layout.label_path(model, label)),
        pending=not deleted and done.pending(),
        deleted=deleted,
        created=not deleted and done.written is not None,
        remarks=remarks,
    )
