"""Take back the last operation, as long as nobody else can know of it (rule B8)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from modelver.catalog import Catalog
from modelver.errors import Conflict
from modelver.git import history
from modelver.git.change import Move, Snapshot, Tag
from modelver.git.journal import Journal
from modelver.git.replay import RecordCommit, read
from modelver.git.repository import Repository
from modelver.operations import hiding
from modelver.operations.announce import Announcement
from modelver.operations.branch import RegistryBranch
from modelver.operations.tag_check import tag_of_version, wanted_by
from modelver.operations.together import Undone
from modelver.operations.workspace import Workspace
from modelver.records import layout

_TRAILER = re.compile(r"^Modelver-(Op|Model|Version): (.*)$", re.MULTILINE)
_MAIL = re.compile(r"<([^>]*)>")


def undo(workspace: Workspace) -> Undone:
    """Go back to before the last operation: branch, tags, index and work tree; the objects stay.

    Raises `Conflict` where the newest commit is no operation, somebody else's, or on a remote, and where edits of the
    user's are in the way.
    """
    writer = workspace.writer()
    repository = workspace.repository
    found: list[RecordCommit] = []
    gone: list[str] = []

    def plan(snapshot: Snapshot) -> Move:
        head = snapshot.head
        commit = _last(repository, head.commit)
        _refuse_foreign(repository, commit, writer.identity.name)
        removed, tags = _tags(workspace, snapshot, commit)
        found[:], gone[:] = [commit], [_short(ref) for ref in removed]
        subject = commit.message.partition("\n")[0].removeprefix("modelver: ")
        return Move(commit.parent, f"modelver: undo {subject}", tags, tuple(removed.items()))

    cut_off = Journal.load(repository)
    remarks = writer.recover()
    finished = _finished(repository, cut_off) if cut_off is not None else None
    if cut_off is not None and finished is not None:  # what was asked for is done, and nothing else was
        found, gone = [finished], [_short(ref) for ref, _ in cut_off.removed]
    else:
        written = writer.write(plan, watched=[layout.CONFIG])
        assert written is not None
        remarks += written.remarks
    told = dict(reversed(_TRAILER.findall(found[0].message)))  # of several operations the first is the commit's own
    return Undone(
        op=told.get("Op", ""),
        model=told.get("Model"),
        version=told.get("Version"),
        commit=found[0].id,
        tags=tuple(gone),
        remarks=(*remarks, *hiding.renew(workspace)),
    )


def _finished(repository: Repository, journal: Journal) -> RecordCommit | None:
    """The commit that a former `undo` took back, which was cut off when the branch had moved already."""
    if not journal.moved or journal.old is None or repository.head().commit != journal.commit:
        return None
    commit = read(repository, journal.old)
    return commit if commit is not None and commit.parent == journal.commit else None


def _short(ref: str) -> str:
    return ref.removeprefix("refs/").partition("/")[2]


def _last(repository: Repository, head: str | None) -> RecordCommit:
    """The newest commit as an operation."""
    commit = read(repository, head) if head else None
    if head is None or commit is None:
        older = history.newest_with(repository, "^Modelver-Op: ", head) if head else None
        hint = [f"git revert {older[:10]}    takes the last operation back in a commit of its own"] if older else []
        raise Conflict(
            f"the newest commit {(head or '')[:10]} is no operation of modelver's that can be taken back", hint=hint
        )
    return commit


def _refuse_foreign(repository: Repository, commit: RecordCommit, me: str) -> None:
    """Raise where others made the commit, or may have seen it."""
    hints = [f"git revert {commit.id[:10]}    takes it back in a commit of its own"]
    told = dict(_TRAILER.findall(commit.message))
    if told.get("Op") in ("promote", "rollback", "demote"):
        stage = next((change.path.rpartition("/")[2] for change in commit.changes if "/stages/" in change.path), "")
        hints = [f"modelver rollback {told.get('Model')} {stage.removesuffix('.yaml')}    for everybody", *hints]
    if _MAIL.findall(commit.author) != _MAIL.findall(me):
        raise Conflict(f"the last operation {commit.id[:10]} is by {commit.author.rpartition(' <')[0]}", hint=hints)
    remote = history.holding(repository, commit.id, "refs/remotes")
    if remote is not None:
        raise Conflict(f"the last operation {commit.id[:10]} is on {remote.removeprefix('refs/remotes/')}", hint=hints)


def _tags(workspace: Workspace, snapshot: Snapshot, commit: RecordCommit) -> tuple[Mapping[str, str], list[Tag]]:
    """The tags that go, each with its object, and those that come back, as for a label that was taken back."""
    repository = workspace.repository
    now, then = (_called_for(repository, each, commit) for each in (commit.id, commit.parent))
    locations = (layout.parse_path(change.path) for change in commit.changes)
    versions = {location.version for location in locations if isinstance(location, layout.VersionFile)}
    versions |= {each.version for each in then.values()}
    # One by one, because a list of Git's that was cut short would leave tags behind.
    names = [*now, *then, *(f"refs/{kind}/{version}" for version in versions for kind in ("tags", "modelver"))]
    objects, here = _named(repository, names), _named(repository, names, "^{}")
    removed = {ref: objects[ref] for ref in now.keys() - then.keys() if ref in objects}
    for change in commit.changes:
        location = layout.parse_path(change.path)
        if isinstance(location, layout.VersionFile) and change.old is None:
            refs = (f"refs/{kind}/{location.version}" for kind in ("tags", "modelver"))
            removed |= {ref: objects[ref] for ref in refs if here.get(ref) == commit.id}
    catalog = Catalog(repository, commit.parent)
    branch = RegistryBranch(repository, lambda: workspace.configuration, snapshot.head, catalog.config.branch)
    back = [each for ref, each in then.items() if ref not in now and ref not in here] if branch.on else []
    return removed, [e.tag(target) for e in back if (target := tag_of_version(here, e.version))]


def _named(repository: Repository, refs: Sequence[str], peel: str = "") -> dict[str, str]:
    """The object that each ref names, or with `peel` comes to; without those that are not there."""
    headers = repository.batch.headers([f"{ref}{peel}" for ref in refs])
    return {ref: header.oid for ref, header in zip(refs, headers, strict=True) if header}


def _called_for(repository: Repository, at: str, commit: RecordCommit) -> dict[str, Announcement]:
    """The tags that the models which a commit touched call for at another one."""
    return {each.ref: each for each in wanted_by(Catalog(repository, at), set(_models(commit)))}


def _models(commit: RecordCommit) -> Iterator[str]:
    for change in commit.changes:
        location = layout.parse_path(change.path)
        if location is not None and hasattr(location, "model"):
            yield location.model
