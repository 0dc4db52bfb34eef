"""Check that the registry is whole: records, objects, tags, and what merges can break."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from modelver.catalog import Catalog
from modelver.domain import semver
from modelver.domain.records import StagePointer, Version
from modelver.errors import Damaged, ModelverError, NotFound
from modelver.operations import hiding
from modelver.operations.results import Problem, Verified
from modelver.operations.tag_check import check_announcements, check_histories
from modelver.operations.wholeness import is_whole, take_anew
from modelver.operations.workspace import Workspace
from modelver.records import layout
from modelver.storage.objects import ObjectStore

BROKEN = ("record", "object")
"""Kinds of problems in which bytes or records are not what they should be: exit 5; all others exit 1."""


@dataclass
class _Findings:
    problems: list[Problem] = field(default_factory=list)
    missing_tags: list[str] = field(default_factory=list)
    absent: int = 0
    versions: int = 0
    objects: int = 0
    tags: int = 0

    def add(self, kind: str, detail: str, *, version: str | None = None, path: str | None = None) -> None:
        self.problems.append(Problem(kind=kind, version=version, path=path, detail=detail))


def verify(workspace: Workspace, refs: Sequence[str] = (), *, objects: bool = False, repair: bool = False) -> Verified:
    """Read every record, every object that is here and every tag of ours, or those of some versions only.

    With `objects`, bytes that are not here at all are problems too. With `repair`, a write that was cut off
    is finished or undone, damaged and absent objects are taken anew from the work tree where the right bytes
    lie there, and the link for people is made again.
    """
    remarks = tuple(_repair(workspace)) if repair else ()
    findings = _Findings()
    catalog = workspace.catalog
    chosen = (catalog.record(workspace.find(ref)) for ref in refs)
    versions = list(chosen if refs else _records(catalog, findings))
    findings.versions = len(versions)
    _check_tags(catalog, versions, findings, every=not refs)
    _check_objects(workspace, versions, findings, objects=objects, every=not refs)
    if not refs:
        _check_facts(catalog, findings)
        _check_lineage(catalog, findings)
        if workspace.at is None:
            _check_announcements(workspace, catalog, findings)
    broken = any(problem.kind in BROKEN for problem in findings.problems)
    return Verified(
        checked={"versions": findings.versions, "objects": findings.objects, "tags": findings.tags},
        absent=findings.absent,
        missing_tags=tuple(findings.missing_tags),
        problems=tuple(findings.problems),
        remarks=(*remarks, *_warnings(catalog)),
        code=5 if broken else 1 if findings.problems else 0,
    )


def _repair(workspace: Workspace) -> Iterator[str]:
    yield from workspace.writer().recover()
    catalog = workspace.catalog
    remark = workspace.link_objects()
    yield from [remark] if remark else ()
    yield from hiding.renew(workspace)
    store = workspace.store
    lying: dict[str, str | None] = {}
    for version in catalog.sound_versions():
        artifact = version.artifact
        place, directory = workspace.root / artifact.path, artifact.kind == "directory"
        if is_whole(store, artifact.digest, directory=directory):
            continue
        if artifact.path not in lying:
            lying[artifact.path] = _digest_at(store, place)
        if lying[artifact.path] == artifact.digest:
            take_anew(store, artifact.digest, place, directory=directory)
            yield f"the bytes of {version.version} were taken anew from {artifact.path}"


def _digest_at(store: ObjectStore, place: Path) -> str | None:
    """The digest of what lies at a path, read anew; None where that is nothing that can be an artifact."""
    try:
        return store.digest_of(place)
    except ModelverError:
        return None


def _records(catalog: Catalog, findings: _Findings) -> Iterator[Version]:
    """All version records; each malformed record of any kind is a problem of its own."""
    for path, error in catalog.strays():
        findings.add("record", error, path=path)
    for model in catalog.models():
        versions = catalog.versions(model)
        try:
            yield from catalog.records(model, versions, fresh=True)
            continue
        except ModelverError:
            pass  # at least one is malformed: look at each by itself
        for version in versions:
            try:
                yield catalog.records(model, [version])[0]
            except ModelverError as error:
                detail = "; ".join([error.message, *error.hints])
                findings.add("record", detail, version=version, path=layout.version_path(model, version))


def _check_tags(catalog: Catalog, versions: Sequence[Version], findings: _Findings, *, every: bool) -> None:
    """A tag is right when the commit that it names holds the version's record with the same bytes (rule B2)."""
    owners: dict[str, list[str]] = {}
    for record in versions:
        owners.setdefault(record.version, []).append(record.model)
    for version, models in owners.items():
        if len(models) > 1:
            shown = ", ".join(models)
            findings.add("id", f"one id for several models ({shown}); MODEL@ID names one", version=version)
        commit = catalog.version_tags.get(version)
        if commit is None:
            findings.missing_tags.append(version)
            continue
        findings.tags += 1
        if not any(catalog.same_record(model, version, commit) for model in models):
            findings.add("tag", f"the tag names {commit[:12]}, which does not hold this record", version=version)
    for version in sorted(catalog.version_tags.keys() - owners.keys()) if every else ():
        findings.tags += 1
        if not catalog.holders(version) and not catalog.tagged(version):
            findings.add("tag", "the tag names nothing that holds a record of this version", version=version)


def _check_objects(
    workspace: Workspace, versions: Sequence[Version], findings: _Findings, *, objects: bool, every: bool
) -> None:
    store = workspace.store
    noted = _noted(workspace.catalog, {version.model for version in versions})
    bad: dict[str, str] = {}
    checked: set[str] = set()

    def check(digest: str) -> bool:
        if digest not in checked:
            checked.add(digest)
            try:
                store.verify(digest)
            except NotFound:
                return False
            except ModelverError as error:
                bad[digest] = error.message
        return store.has(digest)

    for version in versions:
        artifact = version.artifact
        attached = [each.digest for each in version.attachments.values()]
        parts = [artifact.digest, *attached, *noted.get((version.model, version.version), ())]
        if check(artifact.digest) and artifact.kind == "directory" and artifact.digest not in bad:
            try:
                parts += store.manifest(artifact.digest).digests
            except Damaged as error:
                bad[artifact.digest] = error.message
        missing = [digest for digest in parts if not check(digest)]
        findings.absent += bool(missing)
        if missing and objects:
            findings.add("absent", f"{missing[0]} is not here", version=version.version, path=artifact.path)
        for digest in sorted(bad.keys() & set(parts)):
            findings.add("object", bad.pop(digest), version=version.version, path=artifact.path)
    for digest in store.list() if every else ():
        check(digest)
    for detail in bad.values():
        findings.add("object", detail)
    findings.objects = sum(store.has(digest) for digest in checked)


def _noted(catalog: Catalog, models: Iterable[str]) -> dict[tuple[str, str], list[str]]:
    """The objects that notes name, by model and version."""
    found: dict[tuple[str, str], list[str]] = {}
    for model in models:
        with contextlib.suppress(ModelverError):  # a malformed note is named by itself
            for note in catalog.notes(model):
                digests = [each.digest for each in note.attachments.values()]
                found.setdefault((model, note.version), []).extend(digests)
    return found


def _warnings(catalog: Catalog) -> tuple[str, ...]:
    """What the configuration warns of; a malformed one is a problem that is told already."""
    try:
        return catalog.config.warnings
    except Damaged:
        return ()


def _check_announcements(workspace: Workspace, catalog: Catalog, findings: _Findings) -> None:
    """The tags of labels and stages; at another moment than now they are those of now, and say nothing."""
    try:
        here = workspace.repository.tag_targets("refs/tags", "refs/modelver")
        checked = check_announcements(catalog, workspace.branch, here)
    except Damaged:
        return  # the configuration says which tags there are to be; that it is malformed is told above
    findings.tags += checked.tags
    findings.missing_tags += [each.name for each in checked.missing]
    met = workspace.branch.met if catalog.commit else None
    findings.problems += [*checked.wrong.values(), *check_histories(catalog, met)]


def _check_facts(catalog: Catalog, findings: _Findings) -> None:
    """What a clean merge, or a hand, can break (rules S2 and C1)."""
    for model in sorted(catalog.tree.models):  # also those of which every version is gone
        try:
            known = set(catalog.versions(model))
            pointers, labels, archives = catalog.pointers(model), catalog.labels(model), catalog.archives(model)
            notes = catalog.notes(model)
        except ModelverError:
            continue  # named above
        _check_stages(model, pointers, known, findings)
        _check_labels(model, labels, pointers, known, findings)
        for note in notes:
            if note.version not in known:
                path = layout.note_path(model, note.version, note.name)
                findings.add("note", "a note on a version that is not here", version=note.version, path=path)
        held = {pointer.version for pointer in pointers.values()}
        for archive in archives:
            path = layout.archive_path(model, archive.version)
            if archive.version not in known:
                findings.add("archive", "archives a version that is not here", version=archive.version, path=path)
            elif archive.state == "archived" and archive.version in held:
                findings.add("archive", "archived, but it holds a stage", version=archive.version, path=path)


def _check_stages(model: str, pointers: Mapping[str, StagePointer], known: set[str], findings: _Findings) -> None:
    for name, pointer in pointers.items():
        path = layout.stage_path(model, name)
        for detail in _faults_of(pointer, known):
            findings.add("stage", detail, version=pointer.version, path=path)


def _check_labels(
    model: str, labels: Mapping[str, str], stages: Collection[str], known: set[str], findings: _Findings
) -> None:
    numbered: dict[str, str] = {}
    for label, version in labels.items():
        path = layout.label_path(model, label)
        if label in stages:
            detail = f"{label} is a label and a stage of {model}; {model}@{label} means the stage"
            findings.add("label", detail, version=version, path=path)
        if version not in known:
            findings.add("label", f"label {label} names a version that is not here", version=version, path=path)
        if semver.read(label) is not None and (other := numbered.setdefault(version, label)) != label:
            findings.add("label", f"{version} has two SemVer labels, {other} and {label}", version=version, path=path)


def _check_lineage(catalog: Catalog, findings: _Findings) -> None:
    """Cycles, which no command makes and a merge can; without an edge made by hand there is none to look for."""
    if "lineage" not in catalog.tree.top:
        return
    from modelver.operations.lineage import cycles

    for circle in cycles(catalog):
        findings.add("lineage", f"{' → '.join(circle)}: each comes from the one before, so all from themselves")


def _faults_of(pointer: StagePointer, known: set[str]) -> Iterator[str]:
    if pointer.version is not None and pointer.version not in known:
        yield f"stage {pointer.stage} is held by a version that is not here"
    if pointer.version is None and not known:
        yield f"stage {pointer.stage} is of {pointer.model}, of which no version is here"
    newest = pointer.history[0] if pointer.history else None
    if newest and not newest.withdrawn and (newest.number, newest.version) != (pointer.number, pointer.version):
        yield f"stage {pointer.stage} says number {pointer.number}, its history says {newest.number}"
    for entry, before in pairwise(pointer.history):
        if entry.number != before.number + 1:
            yield f"the history of stage {pointer.stage} goes from number {before.number} to {entry.number}"
