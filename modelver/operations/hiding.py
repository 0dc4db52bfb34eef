"""Keep Git from offering artifacts: the lines in `info/exclude`, made from the records (rule T1)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from modelver import files
from modelver.catalog import Catalog
from modelver.errors import Conflict, ModelverError
from modelver.git import exclude
from modelver.git.block import pattern
from modelver.git.repository import FILE, Repository
from modelver.operations.workspace import Workspace
from modelver.records import layout

if TYPE_CHECKING:
    from modelver.git.change import Snapshot
    from modelver.git.moving import Difference


def is_current(workspace: Workspace) -> bool:
    """Whether the lines were made from the records as they are now."""
    try:
        return (workspace.repository.home / "cache" / "hidden").read_text("ascii") == _source(workspace)
    except (OSError, UnicodeDecodeError):
        return False


def renew(workspace: Workspace, *, added: bool = False) -> list[str]:
    """Make the lines from the records at the heads of all work trees; `added` where only their source has changed.

    Comes after the work proper, so a failure is a remark and no error.
    """
    try:
        if not added:
            _make(workspace)
        _note(workspace)
    except (OSError, ModelverError) as error:
        return [f"the artifacts' lines in info/exclude were not renewed: {error}"]
    return []


def offered(workspace: Workspace, path: str) -> list[str]:
    """A remark where Git offers an artifact all the same, because a `.gitignore` of the user's takes it back.

    Git is asked only where such a file has a line that can.
    """
    folders = [workspace.root / parent for parent in PurePosixPath(path).parents]
    if not any(_takes_back(folder / ".gitignore") for folder in folders) or workspace.repository.ignored(path):
        return []
    return [f"Git still offers {path}, because a .gitignore takes the line in info/exclude back with `!`"]


def _takes_back(place: Path) -> bool:
    try:
        with place.open("rb") as stream:
            return any(line.startswith(b"!") for line in stream.read(2**20).splitlines())
    except OSError:
        return False


def _source(workspace: Workspace) -> str:
    """What the lines are made from: the models in the heads of all work trees."""
    repository = workspace.repository
    return " ".join(Catalog(repository, commit).models_tree for commit in repository.heads())


def _make(workspace: Workspace) -> None:
    repository, home = workspace.repository, workspace.repository.home
    with (
        files.Lock(home / "lock", timeout=workspace.timeout, what="the registry"),
        files.staging(home / "tmp") as staging,
    ):
        paths = dict.fromkeys(_paths(repository, repository.heads()))
        if exclude.has_more(repository, paths):
            # A record on a branch that is not checked out keeps its line (rule B5); Git is asked only then.
            with contextlib.suppress(ModelverError):  # what is malformed there is told when it is checked out
                paths |= dict.fromkeys(_paths(repository, repository.refs("refs/heads").values()))
        exclude.replace(repository, paths, staging=staging)


def _paths(repository: Repository, commits: Iterable[str]) -> Iterator[str]:
    """Where the artifacts of some commits lie."""
    seen: set[tuple[str, str]] = set()
    for commit in commits:
        catalog = Catalog(repository, commit)
        if catalog.initialised and catalog.config.ignore == "exclude":
            for version in catalog.sound_versions(without=seen):
                seen.add((version.model, version.version))
                yield version.artifact.path


def _note(workspace: Workspace) -> None:
    """Remember what the lines were made from."""
    folder = workspace.repository.home / "cache"
    files.make_directory(folder)
    draft = folder / f"hidden-{os.getpid()}"
    try:
        draft.write_text(_source(workspace), "ascii")
        os.replace(draft, folder / "hidden")
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def gitignore_path(name: str) -> str:
    """The `.gitignore` beside an artifact."""
    return (PurePosixPath(name).parent / ".gitignore").as_posix()


def gitignored(snapshot: Snapshot, name: str) -> dict[str, bytes | None]:
    """The `.gitignore` beside the artifact with its line, where it lacks that, for the same commit (rule T1)."""
    path = gitignore_path(name)
    entry = snapshot.repository.entry(snapshot.root, path) if snapshot.root else None
    old = snapshot.repository.blobs([entry], limit=2**20)[0] if entry else b""
    if old is None or (entry is not None and entry.mode != FILE):
        raise Conflict(f"{path} is no plain file of a size that can be extended", hint="ignore: exclude")
    line = pattern(PurePosixPath(name).name)
    if line in old.split(b"\n"):
        return {}
    return {path: old + (b"" if not old or old.endswith(b"\n") else b"\n") + line + b"\n"}


def gitignored_by(repository: Repository, commit: str, changes: Sequence[Difference]) -> set[tuple[str, bytes]]:
    """The lines that a commit may have added with the versions that it brought: which `.gitignore`, and the line."""
    catalog, found = Catalog(repository, commit), set()
    for change in changes:
        location = layout.parse_path(change.path)
        if isinstance(location, layout.VersionFile) and change.old is None:
            with contextlib.suppress(ModelverError):  # a malformed record accounts for no line
                name = catalog.records(location.model, [location.version])[0].artifact.path
                found.add((gitignore_path(name), pattern(PurePosixPath(name).name)))
    return found
