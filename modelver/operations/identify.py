"""Which version is this? A file, a directory or a digest, looked up among all that is registered in the repository."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from modelver.catalog import Catalog
from modelver.domain.records import Version
from modelver.domain.resolution import Resolved
from modelver.domain.text import nearest, quoted
from modelver.errors import ModelverError, NotFound, UsageError
from modelver.operations.results import Identified, Promotion
from modelver.operations.standing import labels_of, stages_of
from modelver.operations.workspace import Workspace

_DIGEST = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")


def identify(workspace: Workspace, typed: str) -> Identified:
    """The newest version that has these bytes, and the others that have them.

    Versions of branches that were never merged are looked at, too. Raises `NotFound` for bytes that are registered
    nowhere, with the versions whose files are called alike.
    """
    catalog = workspace.catalog
    match = _DIGEST.fullmatch(typed)
    digest = f"sha256:{match[1].lower()}" if match and not os.path.lexists(workspace.typed(typed)) else None
    digest = digest or _digest_of(workspace, typed)
    records = sorted(_every(catalog), key=lambda record: record.version, reverse=True)
    same = [record for record in records if record.artifact.digest == digest]
    if not same:
        raise _unknown(typed, records, by_digest=match is not None)
    newest, *others = same
    model, version = newest.model, newest.version
    promotions = _promotions(catalog, model, version)
    elsewhere = version not in catalog.versions(model)
    remark = f"{version} is on another branch, whose labels and stages are not looked at; git log {version}"
    held = stages_of(catalog, model, version)
    return Identified(
        version=version,
        model=model,
        hash=digest.removeprefix("sha256:"),
        labels=labels_of(catalog, model, version),
        stages=held,
        former_stages=tuple(sorted({each.stage for each in promotions} - set(held))),
        promotions=promotions,
        others=tuple(f"{record.model}@{record.version}" for record in others),
        remarks=(*([remark] if elsewhere else []), *catalog.config.warnings),
    )


def _digest_of(workspace: Workspace, typed: str) -> str:
    path = workspace.typed(typed)
    if not os.path.lexists(path):
        hint = "give a file, a directory, or the 64 digits of a SHA-256"
        raise UsageError(f"{quoted(typed)} is not there, and no digest", hint=hint)
    inside = workspace.relative(path) if workspace.repository.work_tree is not None else None
    return workspace.store.digest_of(Path(os.path.realpath(path)), cache=workspace.stat_cache, name=inside or typed)


def _every(catalog: Catalog) -> Iterator[Version]:
    """All versions of this commit, then those that only their tag knows."""
    yield from catalog.sound_versions()
    for version, model in catalog.tagged(""):
        try:
            yield catalog.record(Resolved(model=model, version=version))
        except ModelverError:
            continue  # `verify` names what is wrong with it


def _promotions(catalog: Catalog, model: str, version: str) -> tuple[Promotion, ...]:
    """Each time that the version got a stage, the newest first."""
    found = [
        Promotion(stage=name, op=entry.op, date=entry.at, author=entry.by, message=entry.message, number=entry.number)
        for name, pointer in catalog.pointers(model).items()
        for entry in pointer.history
        if entry.version == version and not entry.withdrawn
    ]
    return tuple(sorted(found, key=lambda each: (each.date, each.number), reverse=True))


def _unknown(typed: str, records: list[Version], *, by_digest: bool) -> NotFound:
    if by_digest:
        return NotFound(f"no version has the digest {quoted(typed, 80)}", hint="git fetch --tags    may bring more")
    name = os.path.basename(os.path.normpath(typed))
    known = {os.path.basename(record.artifact.path): record for record in reversed(records)}
    path = typed if os.path.isabs(typed) or typed.startswith(".") else f"./{typed}"
    hints = [
        f"{record.artifact.path} is another file: modelver diff {record.model}@{record.version} {path}"
        for record in (known[each] for each in nearest(name, known))
    ]
    return NotFound(f"no version has the bytes of {quoted(typed)}", hint=hints or "modelver list shows the models")
