"""What `add` is pointed at: a path inside the repository, the model it is of, and what lies there."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from modelver.catalog import Catalog
from modelver.domain import names
from modelver.domain.records import Artifact
from modelver.domain.text import quoted
from modelver.errors import Conflict, Damaged, UsageError
from modelver.operations.workspace import Workspace
from modelver.storage import formats
from modelver.storage.objects import Stored


def locate(workspace: Workspace, typed: str, *, follow_symlinks: bool) -> tuple[Path, str]:
    """The absolute path of what a person typed, and its path from the repository's root; raises `UsageError`."""
    path = workspace.typed(typed)
    if not os.path.lexists(path):
        raise UsageError(f"{quoted(typed)} is not there", hint="modelver add PATH    a file or a directory")
    if path.is_symlink() and not follow_symlinks:
        raise UsageError(
            f"{quoted(typed)} is a symbolic link",
            hint="give the path that it leads to, or --follow-symlinks to store what is there under this name",
        )
    name = workspace.inside(path, typed)
    head = workspace.at_head.commit
    other = workspace.repository.submodule_of(name, workspace.repository.root(head) if head else None)
    if other is not None:
        raise UsageError(
            f"{quoted(typed)} lies in another Git repository, {quoted(other)}",
            hint=f"modelver add -C {shlex.quote(other)} …",
        )
    return path, name


def refuse_tracked(name: str, indexed: Iterable[str], *, directory: bool) -> None:
    """Raise `Conflict` where Git tracks the artifact at `name`, or something below it, among the `indexed` paths."""
    below = name + "/"
    tracked = [path for path in indexed if path == name or path.startswith(below)]
    if tracked:
        flag = "-r " if directory else ""
        raise Conflict(
            f"Git tracks {quoted(tracked[0])}, so its bytes would be kept twice",
            hint=[
                f"git rm {flag}--cached -- {shlex.quote(name)} && git commit    untracks it and keeps the file",
                "or go on with --allow-tracked",
            ],
        )


def model_of(workspace: Workspace, typed: str | None, name: str, remarks: list[str]) -> str:
    """The model's name as typed, else the one that has this path already, else the file's own."""
    if typed is not None:
        model = names.parse_model(typed)
        if model != typed:
            remarks.append(f"names are lower case: {quoted(typed)} is {model}")
        return model
    catalog = workspace.catalog
    known = [each for each in catalog.models() if _newest_path(catalog, each) == name]
    if len(known) == 1:
        return known[0]
    stem = names.fold(PurePosixPath(name).stem)
    proposed = stem if names.is_model_name(stem) else names.propose(stem, "model", names.model_fault)
    if len(known) > 1 or proposed is None:
        several = f" ({', '.join(known[:5])} have versions of it)" if known else ""
        raise UsageError(f"which model is {quoted(name)} a version of?{several}", hint="modelver add PATH -n MODEL")
    remarks.append(f"the model is called {proposed} after its file; -n gives it another name")
    return proposed


def _newest_path(catalog: Catalog, model: str) -> str | None:
    """Where the newest version of a model was registered; None where its record is malformed, which `verify` names."""
    try:
        return catalog.records(model, catalog.versions(model)[-1:])[0].artifact.path
    except Damaged:
        return None


def artifact_of(path: Path, name: str, stored: Stored) -> Artifact:
    """The stored bytes as a record tells of them."""
    return Artifact(
        path=name,
        kind=stored.kind,
        digest=stored.digest,
        size=stored.size,
        files=stored.files,
        format=formats.identify(path) if stored.kind == "file" else None,
    )
