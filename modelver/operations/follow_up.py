"""What follows a commit, a merge or a change of branches: tags, what is stale now, what Git must not offer.

Where the records are the same before and after, there is nothing to do, and nothing is loaded.
"""

from __future__ import annotations

from modelver.errors import Conflict, ModelverError
from modelver.git.staged import same_records

TYPE_CHECKING = False  # see modelver/git/environment.py

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modelver.catalog import Catalog
    from modelver.domain.records import Version
    from modelver.operations.workspace import Workspace


def follow_up(directory: str, hook: str, words: Sequence[str], settings: Mapping[str, str]) -> list[str]:
    """Do what a hook does after Git's own work; what there is to tell."""
    if hook == "post-checkout":
        return _after_checkout(directory, settings, words)
    if hook == "post-merge" and words[:1] == ["1"]:
        return []  # a squash, which has no commit yet
    return _new_records(directory, settings, "ORIG_HEAD" if hook == "post-merge" else "HEAD^1")


def _new_records(directory: str, settings: Mapping[str, str], before: str) -> list[str]:
    if same_records(directory, before, "HEAD"):
        return []
    workspace = _open(directory, settings)
    try:
        workspace.repository.refuse_under_way()
    except Conflict:
        return []  # a rebase brings its commits one by one; it is no moment to make tags
    try:
        return [*_announced(workspace), *_stale(workspace, workspace.repository.commit(before))]
    finally:
        workspace.repository.close()


def _open(directory: str, settings: Mapping[str, str]) -> Workspace:
    from pathlib import Path

    from modelver.operations.workspace import Workspace

    return Workspace.open(Path(directory).absolute(), settings)


def _announced(workspace: Workspace) -> Iterator[str]:
    """Make the tags of records that nobody else has yet."""
    from modelver.operations.sync import sync

    if not workspace.at_head.initialised:
        return
    try:
        synced = sync(workspace, unpublished=True)
    except ModelverError as error:
        yield f"no tags were made: {error.message}; then: modelver sync"
        return
    yield from (f"made the tag {each.tag}" for each in synced.new)
    yield from synced.remarks


def _stale(workspace: Workspace, before: str | None) -> Iterator[str]:
    """Artifacts in the work tree that are an older version than one that has come now."""
    from modelver.catalog import Catalog

    catalog, former = workspace.at_head, Catalog(workspace.repository, before)
    for path, versions in _by_path(catalog).items():
        newest = versions[-1]
        if newest.version in former.versions(newest.model):
            continue
        held = _held(workspace, path, versions)
        if held is not None and held.version < newest.version and held.artifact.digest != newest.artifact.digest:
            yield f"{path} is {held.model} {held.version}; newer is: modelver checkout {newest.version}"


def _after_checkout(directory: str, settings: Mapping[str, str], words: Sequence[str]) -> list[str]:
    """The hook `post-checkout`: of files alone there is nothing to do."""
    before, after, of_branch = [*words, "", "", ""][:3]
    if of_branch != "1" or before == after or same_records(directory, before, after):
        return []
    workspace = _open(directory, settings)
    try:
        return [*_hidden(workspace), *_put_in_place(workspace, workspace.repository.commit(before))]
    finally:
        workspace.repository.close()


def _hidden(workspace: Workspace) -> list[str]:
    from modelver.operations import hiding

    return [] if hiding.is_current(workspace) else hiding.renew(workspace)


def _put_in_place(workspace: Workspace, before: str | None) -> Iterator[str]:
    """Each path's newest version, where that is configured, its bytes are here, and nothing of the user's is there."""
    from modelver.operations import retrieve

    catalog = workspace.at_head
    if not catalog.initialised or not catalog.config.hooks.checkout:
        return
    for path, versions in _by_path(catalog).items():
        newest = versions[-1]
        if not workspace.store.has(newest.artifact.digest) or workspace.repository.indexed(path):
            continue
        try:
            done = retrieve.checkout(workspace, newest.version, former=before)
        except ModelverError as error:
            yield f"{path} was left as it is: {error.message}"
            continue
        if done.changed:
            yield f"{path} is {newest.model} {newest.version} now"
        yield from done.remarks


def _by_path(catalog: Catalog) -> dict[str, list[Version]]:
    """The versions at each path, oldest first; archived and yanked ones only where there is no other."""
    found: dict[str, list[Version]] = {}
    for record in catalog.sound_versions():
        found.setdefault(record.artifact.path, []).append(record)
    return {path: sorted(records, key=lambda each: _rank(catalog, each)) for path, records in sorted(found.items())}


def _rank(catalog: Catalog, record: Version) -> tuple[bool, str]:
    return record.version not in catalog.retired(record.model), record.version


def _held(workspace: Workspace, path: str, versions: Sequence[Version]) -> Version | None:
    """The newest version whose bytes lie at a path; no file is read whose size is that of none."""
    place = workspace.root / path
    sizes = {record.artifact.size for record in versions}
    if place.is_symlink() or (place.is_file() and place.stat().st_size not in sizes):
        return None
    try:
        digest = workspace.store.digest_of(place, cache=workspace.stat_cache, name=path)
    except ModelverError:
        return None
    here = [record for record in versions if record.artifact.digest == digest]
    return max(here, key=lambda record: record.version, default=None)
