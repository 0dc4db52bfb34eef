"""Bytes back: checkout, cat, path. Everything is verified against its digest before anybody sees it."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from modelver import files
from modelver.catalog import Catalog
from modelver.domain import paths
from modelver.domain.records import Version
from modelver.domain.references import split_path
from modelver.domain.text import quoted
from modelver.errors import Conflict, Damaged, ModelverError, NotFound, UsageError
from modelver.operations import hiding
from modelver.operations.results import CheckedOut
from modelver.operations.wholeness import is_whole, take_anew
from modelver.operations.workspace import Workspace
from modelver.records import layout
from modelver.storage.trees import Manifest


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """What REF[:PATH] means: a version, and the object of it that is wanted."""

    record: Version
    inner: str | None
    digest: str
    size: int
    kind: str
    executable: bool = False
    tree: Manifest | None = None


def checkout(
    workspace: Workspace, ref: str, output: str | None = None, *, force: bool = False, former: str | None = None
) -> CheckedOut:
    """Put a version's artifact, or a part of it, into the work tree or at `output`.

    Never writes over bytes that are those of no registered version, unless `force` (rule T3). Versions that the
    commit `former` has are registered, too.
    """
    chosen = _choose(workspace, ref)
    target, name = _target(workspace, chosen, output)
    there = _lies_there(workspace, target, name)
    changed = there != chosen.digest
    if changed:
        if not force:
            _refuse_tracked(workspace, chosen, name, typed=output is not None)
            _refuse_to_overwrite(workspace, target, there, former)
            _refuse_to_lose_more(workspace, target)
            _keep(workspace, target, there)
        with files.disk_errors(f"write {quoted(str(target))}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            _put(workspace, chosen, target)
    remarks = []
    if workspace.repository.work_tree is not None:
        remark = workspace.link_objects()
        remarks = [remark] if remark else []
        if not hiding.is_current(workspace):
            remarks += hiding.renew(workspace)
    return CheckedOut(
        model=chosen.record.model,
        version=chosen.record.version,
        path=str(target),
        hash=chosen.digest.removeprefix("sha256:"),
        size=chosen.size,
        changed=changed,
        remarks=tuple(remarks),
    )


def _put(workspace: Workspace, chosen: _Chosen, target: Path) -> None:
    if chosen.kind == "directory":
        workspace.store.export_tree(chosen.tree or chosen.digest, target, replace=True, link=workspace.link)
        return
    if os.path.isdir(target) and not target.is_symlink():
        workspace.store.verify(chosen.digest)
        shutil.rmtree(target)  # its bytes are those of a registered version, or it may go
    workspace.store.export(chosen.digest, target, executable=chosen.executable, link=workspace.link)


def cat(workspace: Workspace, ref: str, write: Callable[[bytes], object]) -> None:
    """Give an object's bytes to `write`, after they were verified; a directory without `:PATH` is a `UsageError`."""
    chosen = _choose_file(workspace, ref, "cat")
    with workspace.store.open(chosen.digest) as stream:
        workspace.store.verify(chosen.digest)
        for chunk in iter(lambda: stream.read(2**20), b""):
            write(chunk)


def path(workspace: Workspace, ref: str) -> Path:
    """The absolute path of an object, verified, for reading without a copy."""
    chosen = _choose_file(workspace, ref, "path")
    workspace.store.verify(chosen.digest)
    return workspace.store.path(chosen.digest)


def _choose_file(workspace: Workspace, ref: str, command: str) -> _Chosen:
    chosen = _choose(workspace, ref)
    if chosen.kind == "directory":
        raise UsageError(
            f"{quoted(ref)} is a directory; {command} takes one file of it",
            hint=f"modelver {command} REF:PATH, or modelver checkout REF for all of it",
        )
    return chosen


def _choose(workspace: Workspace, ref: str) -> _Chosen:
    text, inner = split_path(ref)
    if inner is not None:
        inner = "/".join(part for part in inner.split("/") if part not in ("", ".")) or None
    record = workspace.chosen.record(workspace.find(text))
    artifact = record.artifact
    whole = _Chosen(record=record, inner=None, digest=artifact.digest, size=artifact.size, kind=artifact.kind)
    if artifact.kind == "file":
        if inner is not None:
            raise NotFound(f"{record.version} is one file, so there is no {quoted(inner)} in it")
        return whole
    if inner is None:
        return whole
    found = workspace.store.manifest(artifact.digest).lookup(inner)
    if isinstance(found, Manifest):
        return dataclasses.replace(whole, inner=inner, digest=found.digest, size=found.size, tree=found)
    if found.kind == "link":
        raise UsageError(f"{quoted(inner)} is a link to {quoted(found.target or '')}", hint="give the path it leads to")
    return dataclasses.replace(
        whole, inner=found.path, digest=found.digest, size=found.size, kind="file", executable=found.executable
    )


def _target(workspace: Workspace, chosen: _Chosen, output: str | None) -> tuple[Path, str | None]:
    """Where the bytes go, and that path from the root if it lies in the work tree; checked by rule C5."""
    recorded = chosen.record.artifact.path
    if output is None:
        inside = f"{recorded}/{chosen.inner}" if chosen.inner else recorded
        paths.check_relative(inside)
        target = workspace.root / inside
    else:
        target = workspace.typed(output)
        if chosen.kind == "file" and os.path.isdir(target):
            target = target / PurePosixPath(chosen.inner or recorded).name
        if workspace.repository.work_tree is None:
            return target, None
        name = workspace.relative(target)
        if name is None:
            return target, None
        inside = name
        paths.check_typed(inside)
    _refuse_links(workspace.root, inside, chosen, typed=output is not None)
    return target, inside


def _refuse_links(root: Path, inside: str, chosen: _Chosen, *, typed: bool) -> None:
    for parent in reversed(PurePosixPath(inside).parents):
        if (root / parent).is_symlink():
            message = f"{quoted(str(parent))} is a symbolic link; nothing is written through it"
            if typed:
                raise UsageError(message, hint="use -o PATH")
            raise Damaged(f"{_where(chosen)}: {message}", hint="use -o PATH")


def _where(chosen: _Chosen) -> str:
    """The file and key that a version's path comes from."""
    return f"{layout.version_path(chosen.record.model, chosen.record.version)}: artifact.path"


def _lies_there(workspace: Workspace, target: Path, name: str | None) -> str | None:
    """The digest of what lies at the target now, None where nothing does or what does can be no artifact."""
    if not os.path.lexists(target) or target.is_symlink():
        return None
    cache = workspace.stat_cache if name is not None else None
    try:
        return workspace.store.digest_of(target, cache=cache, name=name)
    except ModelverError:
        return None


def _refuse_tracked(workspace: Workspace, chosen: _Chosen, name: str | None, *, typed: bool) -> None:
    """No record may change what Git tracks, like a workflow, also where the file itself is gone (rule C5)."""
    if name is None or not workspace.repository.indexed(name):
        return
    message = f"Git tracks {quoted(name)}"
    hint = "modelver checkout REF -o ANOTHER, or --force to write over it"
    if typed:
        raise UsageError(message, hint=hint)
    raise Damaged(f"{_where(chosen)}: {message}", hint=hint)


def _refuse_to_overwrite(workspace: Workspace, target: Path, there: str | None, former: str | None) -> None:
    if not os.path.lexists(target):
        return
    known = [workspace.at_head, *([Catalog(workspace.repository, former)] if former else [])]
    if there is None or not any(_is_registered(catalog, there) for catalog in known):
        raise Conflict(
            f"{quoted(_shown(workspace, target), 200)} holds bytes that are those of no registered version",
            hint=["modelver add it first, or move it away", "or --force to lose them"],
        )


def _refuse_to_lose_more(workspace: Workspace, target: Path) -> None:
    """A directory can hold what no manifest keeps: a Git repository of its own, an empty directory."""
    for inner in workspace.store.left_out(target) if os.path.lexists(target) else ():
        raise Conflict(
            f"{quoted(_shown(workspace, target / inner), 200)} is in no version, and would be lost with the directory",
            hint=["move it away, or use -o ANOTHER", "or --force to lose it"],
        )


def _keep(workspace: Workspace, target: Path, there: str | None) -> None:
    """Before bytes of a registered version are replaced: see that the store has them whole, else store them."""
    if there is not None and not is_whole(workspace.store, there, directory=os.path.isdir(target)):
        take_anew(workspace.store, there, target, directory=os.path.isdir(target))


def _shown(workspace: Workspace, target: Path) -> str:
    """A path as seen from where the person stands, as long as that is no detour."""
    seen = os.path.relpath(target, workspace.directory)
    return str(target) if seen.startswith("..") else seen


def _is_registered(catalog: Catalog, digest: str) -> bool:
    """Whether some version's artifact has this digest; ids end in its first eight digits, so few are read."""
    suffix = "_" + digest.removeprefix("sha256:")[:8]
    for model in catalog.models():
        near = [version for version in catalog.versions(model) if version.endswith(suffix)]
        if any(record.artifact.digest == digest for record in catalog.records(model, near)):
            return True
    return False
