"""Take back the last operation, as long as nobody else can know of it (rule B8)."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence

from modelver.catalog import Catalog
from modelver.domain.text import quoted
from modelver.errors import Conflict, ModelverError
from modelver.git import branches, history
from modelver.git.change import Move, Snapshot, Tag
from modelver.git.journal import Journal
from modelver.git.replay import RecordCommit, read
from modelver.git.repository import Repository
from modelver.git.trailers import is_operation, trailers
from modelver.operations import hiding
from modelver.operations.announce import Announcement
from modelver.operations.branch import RegistryBranch
from modelver.operations.tag_check import tag_of_version, wanted_by
from modelver.operations.together import Undone
from modelver.operations.workspace import Workspace
from modelver.records import layout

_BY_HAND = (layout.ConfigFile, layout.CardFile, type(None))
"""What people write below `.modelver`."""
_MAKES_ANY = {"init", "restore"}
"""The operations that also write what else only people do."""
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
    newer: list[str] = []

    def plan(snapshot: Snapshot) -> Move:
        commit = _last(repository, snapshot.head.commit)
        _refuse_foreign(repository, commit, writer.identity.name)
        _refuse_staged(repository, commit)
        newer[:] = itertools.islice(_newer(repository, snapshot.head.ref, commit), 1)
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
    told = dict(reversed(trailers(found[0].message)))  # of several operations the first is the commit's own
    return Undone(
        op=told.get("Op", ""),
        model=told.get("Model"),
        version=told.get("Version"),
        commit=found[0].id,
        tags=tuple(gone),
        remarks=(*remarks, *newer, *hiding.renew(workspace)),
    )


def _finished(repository: Repository, journal: Journal) -> RecordCommit | None:
    """The commit that a former `undo` took back, which was cut off when the branch had moved already."""
    if not journal.moved or journal.old is None or repository.head().commit != journal.commit:
        return None
    commit = _operation(repository, journal.old)
    return commit if commit is not None and commit.parent == journal.commit else None


def _short(ref: str) -> str:
    return ref.removeprefix("refs/").partition("/")[2]


def _operation(repository: Repository, commit: str) -> RecordCommit | None:
    """A commit as an operation; None where there is anything in it that such an operation never writes."""
    found = read(repository, commit, functools.partial(hiding.gitignored_by, repository))
    if found is None or {value for key, value in trailers(found.message) if key == "Op"} & _MAKES_ANY:
        return found
    records = [change.path for change in found.changes if change.path.startswith(f"{layout.ROOT}/")]
    return None if any(isinstance(layout.parse_path(path), _BY_HAND) for path in records) else found


def _last(repository: Repository, head: str | None) -> RecordCommit:
    """The newest commit as an operation."""
    if head is None:
        raise Conflict("there is no commit yet, so there is nothing to take back")
    commit = _operation(repository, head)
    if commit is not None:
        return commit
    if head in repository.boundary:
        message = f"the history that is here begins with {head[:10]}, so there is nothing to go back to"
        raise Conflict(message, hint="git fetch --deepen=1")
    body = repository.batch.contents([head])[0][1]
    if is_operation(body) and b"\nparent " not in body.partition(b"\n\n")[0]:
        raise Conflict(f"{head[:10]} is the first commit of all, so there is nothing to go back to")
    older = history.newest_with(repository, "^Modelver-Op: ", head)
    operation = _operation(repository, older) if older else None
    hints = _ways(repository, head, operation) if operation else []
    raise Conflict(f"the newest commit {head[:10]} is no operation of modelver's that can be taken back", hint=hints)


def _refuse_staged(repository: Repository, commit: RecordCommit) -> None:
    """Raise where records wait in the index: they were made from those that would go, and may point at them."""
    words = ("diff-index", "--cached", "--exit-code", "--name-only", "--no-renames", "-z")
    answer = repository.git.run(*words, commit.id, "--", layout.ROOT, accept=(0, 1), end=b"\0")
    if answer.code:
        first = os.fsdecode(answer.out).partition("\0")[0]
        raise Conflict(
            f"changes of yours are in the way: {quoted(first)} is staged, but not committed",
            hint=f"git restore --staged --worktree {layout.ROOT}    drops what is not committed there",
        )


def _refuse_foreign(repository: Repository, commit: RecordCommit, me: str) -> None:
    """Raise where others made the commit, or may have seen it."""
    if _MAIL.findall(commit.author) != _MAIL.findall(me):
        author = commit.author.rpartition(" <")[0]
        raise Conflict(f"the last operation {commit.id[:10]} is by {author}", hint=_ways(repository, commit.id, commit))
    remote = history.holding(repository, commit.id, "refs/remotes")
    if remote is not None:
        place = remote.removeprefix("refs/remotes/")
        raise Conflict(f"the last operation {commit.id[:10]} is on {place}", hint=_ways(repository, commit.id, commit))


def _newer(repository: Repository, here: str, commit: RecordCommit) -> Iterator[str]:
    """What to say of other branches that end with an operation which came later and is as much one's own.

    It may be the one that was meant, because `--branch` writes where nobody stands.
    """
    for name, tip, second in branches.tips(repository):
        if second < commit.second:
            return
        if f"refs/heads/{name}" == here or (later := _operation(repository, tip)) is None:
            continue
        if _MAIL.findall(later.author) != _MAIL.findall(commit.author) or repository.is_ancestor(tip, commit.id):
            continue
        if history.holding(repository, tip, "refs/remotes") is None:
            subject = later.message.partition("\n")[0].removeprefix("modelver: ")
            branch, ref = shlex.quote(name), shlex.quote(f"refs/heads/{name}")
            yield (
                f"the branch {name} has a newer operation, which stays: {subject}; to take that one back, "
                f"`git switch {branch}` and `modelver undo`, or `git update-ref {ref} {later.parent[:10]} {tip[:10]}`, "
                f"or `git branch -D {branch}` for all that the branch has"
            )


# ---- taking back what others know of -----------------------------------------------------------------------------


def _ways(repository: Repository, head: str, commit: RecordCommit) -> list[str]:
    """How an operation is taken back for everybody, from what `head` has.

    A stage goes on by another change. Reverting its commit would cut its history, which nobody may (rule C1).
    """
    now, revert = Catalog(repository, head), f"git revert {commit.id[:10]}"
    locations = [(layout.parse_path(change.path), change) for change in commit.changes]
    stages = [location for location, _ in locations if isinstance(location, layout.StageFile)]
    if stages:
        before = Catalog(repository, commit.parent)
        ways = [way for each in stages if (way := _way_of_stage(now, before, each))]
        return [*ways, f"not `{revert}`: the history of a stage only grows"]
    added = [each for each, change in locations if isinstance(each, layout.VersionFile) and change.old is None]
    for each in added:
        if _is_named(now, each, {change.path for change in commit.changes}):
            way = f"modelver note {each.version} --kind yank -m WHY    withdraws it for everybody"
            return [way, f"not `{revert}`: later records name {each.version}"]
    labels = [each for each, change in locations if isinstance(each, layout.LabelFile) and change.old is None]
    return [
        f"{revert}    takes it back in a commit of its own",
        *(way for each in labels for way in _ways_of_tag(repository, commit, each)),
    ]


def _is_named(now: Catalog, version: layout.VersionFile, but: Collection[str]) -> bool:
    """Whether a record that stands at none of some paths names a version."""
    model, found = version.model, set[str]()
    with contextlib.suppress(ModelverError):  # a malformed record names nothing
        found |= {layout.label_path(model, each) for each, v in now.labels(model).items() if v == version.version}
        for stage, pointer in now.pointers(model).items():
            if any(entry.version == version.version for entry in pointer.history):
                found.add(layout.stage_path(model, stage))
        found |= {layout.note_path(model, each.version, each.name) for each in now.notes(model, version.version)}
        found |= {layout.archive_path(model, version.version)} if now.archive(model, version.version) else set()
    return not found <= {*but}


def _way_of_stage(now: Catalog, before: Catalog, stage: layout.StageFile) -> str | None:
    """The command that gives a stage back to who held it before its last change; None where nobody would get it."""
    with contextlib.suppress(ModelverError):  # a malformed record has no way back but the editor
        pointer, former = (catalog.stage(stage.model, stage.stage) for catalog in (now, before))
        if pointer is None or not pointer.history:
            return None
        words = f"{stage.model} {stage.stage}    for everybody"
        if pointer.history[0].op == "rollback" and former is not None and former.version is not None:
            return f"modelver promote {former.version} {stage.stage}    for everybody"
        if pointer.former_holders():
            return f"modelver rollback {words}"
        if pointer.version is not None:
            return f"modelver demote {words}"
    return None


def _ways_of_tag(repository: Repository, commit: RecordCommit, label: layout.LabelFile) -> Iterator[str]:
    """What is left of a label when its record is gone: its tag, here and where it was pushed."""
    for ref, each in _called_for(repository, commit.id, commit).items():
        if (each.model, each.label) == (label.model, label.label) and repository.commit(ref):
            yield f"git update-ref -d '{ref}'    removes its tag, which stays otherwise"
            yield f"git push REMOTE ':{ref}'    removes it where it was pushed"


# ---- tags --------------------------------------------------------------------------------------------------------


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
