"""Look at the registry: all models, the versions of one, one version, the work tree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from modelver.catalog import Catalog
from modelver.domain import names
from modelver.domain.evidence import Evidence, yank_of
from modelver.domain.records import Version
from modelver.domain.resolution import Resolved
from modelver.errors import ModelverError, NotFound
from modelver.git.history import brought
from modelver.git.journal import Journal
from modelver.operations.characteristics import packages
from modelver.operations.results import ArtifactState, ModelLine, ModelList, Shown, Status, VersionLine, VersionList
from modelver.operations.standing import labels_of, stages_of, state_of
from modelver.operations.workspace import Workspace
from modelver.records import layout, schema


def list_models(workspace: Workspace, *, limit: int | None = None) -> ModelList:
    """All models, by name; `limit` of them."""
    catalog = workspace.catalog
    lines = []
    for model in catalog.models()[:limit]:
        versions = catalog.versions(model)
        retired = catalog.retired(model)
        held = {name: pointer.version for name, pointer in sorted(catalog.pointers(model).items())}
        lines.append(
            ModelLine(
                name=model,
                latest=next((each for each in reversed(versions) if each not in retired), None),
                versions=len(versions),
                stages={name: version for name, version in held.items() if version is not None},
            )
        )
    return ModelList(models=tuple(lines))


def list_versions(workspace: Workspace, model: str, *, limit: int | None = None, every: bool = False) -> VersionList:
    """The versions of a model, newest first; with `every` also those that only their tag knows (rule B4)."""
    catalog = workspace.catalog
    name = names.parse_model(model)
    here = [(version, True) for version in catalog.versions(name)]
    elsewhere = [(version, False) for version, owner in (catalog.tagged("") if every else ()) if owner == name]
    if not here and not elsewhere:
        catalog.find(name)  # raises with the nearest names
        raise NotFound(f"{name} has no versions", hint="modelver list")
    ids = sorted([*here, *elsewhere], reverse=True)
    chosen = ids[:limit]
    merged = [version for version, is_here in chosen if is_here]
    known = {each.version.version: each for each in catalog.evidences(name, merged)}
    lines = [
        _line(
            catalog,
            known.get(version) or catalog.evidence(catalog.record(Resolved(model=name, version=version))),
            is_here,
        )
        for version, is_here in chosen
    ]
    return VersionList(model=name, versions=tuple(lines), total=len(ids))


def _line(catalog: Catalog, known: Evidence, merged: bool) -> VersionLine:
    record = known.version
    return VersionLine(
        version=record.version,
        created_at=record.created_at,
        state=state_of(catalog, record.model, record.version),
        stages=stages_of(catalog, record.model, record.version),
        labels=labels_of(catalog, record.model, record.version),
        metrics=known.metrics,
        size=record.artifact.size,
        hash=record.artifact.digest.removeprefix("sha256:"),
        merged=merged,
        yanked=yank_of(known.notes) is not None,
    )


def show(workspace: Workspace, ref: str, *, environment: bool = False) -> Shown:
    """One version with all that is known of it; with `environment` also the packages that trained it.

    Raises `NotFound` where their list is asked for and is not on this machine.
    """
    catalog = workspace.chosen
    found = workspace.find(ref)
    record = catalog.record(found)
    known = catalog.evidence(record)
    return Shown(
        record=record,
        commit=commit_of(catalog, found),
        labels=labels_of(catalog, found.model, found.version),
        stages=stages_of(catalog, found.model, found.version),
        state=state_of(catalog, found.model, found.version),
        present=workspace.store.has(record.artifact.digest),
        fields=schema.version_mapping(record),
        metrics=known.metrics,
        sources=known.sources,
        notes=known.notes,
        note_fields=tuple({"name": note.name, **schema.note_mapping(note)} for note in known.notes),
        yanked=yank_of(known.notes) is not None,
        packages=_packages(workspace, record) if environment else None,
    )


def _packages(workspace: Workspace, record: Version) -> tuple[str, ...]:
    digest = (record.environment or {}).get("packages")
    return tuple(sorted(packages(workspace.store, digest))) if digest is not None else ()


def commit_of(catalog: Catalog, found: Resolved) -> str | None:
    """The commit of a version: its tag's, else the first-parent one that brought its record, else None (rule B4)."""
    tagged = catalog.tag_commit(found.version)
    if tagged is not None and found.version in Catalog(catalog.repository, tagged).versions(found.model):
        return tagged
    if catalog.commit is None:
        return None
    return brought(catalog.repository, layout.version_path(found.model, found.version), catalog.commit)


def status(workspace: Workspace) -> Status:
    """How each artifact's path in the work tree stands to the versions that were registered there."""
    root, catalog = workspace.root, workspace.catalog
    by_path: dict[str, list[Version]] = {}
    only_here = 0
    for record in catalog.sound_versions():
        by_path.setdefault(record.artifact.path, []).append(record)
        only_here += workspace.store.has(record.artifact.digest)
    states = tuple(_artifact_state(workspace, root, path, records) for path, records in sorted(by_path.items()))
    total = sum(len(catalog.versions(model)) for model in catalog.models())
    malformed = total - sum(map(len, by_path.values()))
    remarks = [f"malformed records: {malformed}; modelver verify names them"] if malformed else []
    return Status(artifacts=states, only_here=only_here, remarks=(*remarks, *_remarks(workspace, catalog)))


def _artifact_state(workspace: Workspace, root: Path, path: str, records: list[Version]) -> ArtifactState:
    newest = max(records, key=lambda record: record.version)
    try:
        digest = workspace.store.digest_of(root / path, cache=workspace.stat_cache, name=path)
    except NotFound:
        return ArtifactState(path=path, model=newest.model, version=newest.version, state="missing")
    except ModelverError:
        digest = None  # something that cannot be an artifact, like a pipe, lies there now
    here = [record for record in records if record.artifact.digest == digest]
    found = max(here, key=lambda record: record.version) if here else newest
    state = "unchanged" if here else "modified"
    return ArtifactState(path=path, model=found.model, version=found.version, state=state)


def _remarks(workspace: Workspace, catalog: Catalog) -> Iterator[str]:
    if Journal.load(workspace.repository) is not None:
        yield "a write was cut off; the next command that writes, or `modelver verify --repair`, puts it right"
    yield from workspace.unread_configuration(catalog)
    yield from catalog.config.warnings
