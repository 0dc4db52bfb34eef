"""Bring a write to one of its two ends: all of it is there, or none of it (rule W6).

`settle` serves the write that fails and the next command after a kill alike, and can itself be cut off
and run again at any point. It looks at what the branch shows, never at how far the write had come:

- The branch holds our commit, or our records in a commit of the user's: what is missing is made.
- It does not: our index entries and files are taken out, nothing else.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass, field
from pathlib import Path

from modelver.git import exclude, history, index, moving, worktree
from modelver.git.journal import Journal, NewTag, RecordFile
from modelver.git.locks import IndexLock, clear_packed_locks, clear_ref_locks, standing
from modelver.git.objects import Draft, tag_body
from modelver.git.repository import Repository
from modelver.git.signatures import sign_tag


@dataclass(frozen=True)
class Settled:
    """How a write ended.

    `lost` are records that the branch lacks by accident: a later commit dropped them, or a commit of the
    user's took only some of ours along. `untagged` are the tags that wait for the commit that brings them.
    `branch` is where all this was found.
    """

    finished: bool
    commit: str
    tags: dict[str, str] = field(default_factory=dict)
    lost: dict[str, bytes | None] = field(default_factory=dict)
    untagged: tuple[NewTag, ...] = ()
    branch: str = ""


def settle(repository: Repository, journal: Journal, staging: Path, *, timeout: float) -> Settled:
    """Finish or undo a write whose processes are gone; drops the journal unless records got lost."""
    here = journal.place(repository)
    view = here or repository
    if journal.removed:
        at_our_refs = functools.partial(_was_deleting, view, journal)
        clear_packed_locks(view.common_dir, since=Journal.path(repository), holds_refs=at_our_refs)
    clear_ref_locks(_wanted(view, journal))
    exclude.sweep(repository)
    if here is not None:
        worktree.sweep(here, journal.files, journal.token)
    lock = IndexLock(view.index, journal.token)
    if journal.moved:
        return _settle_move(here, view, journal, lock, staging, timeout)
    # The user may have gone to another branch with our records in the index, and committed them there.
    for branch in dict.fromkeys([journal.branch, view.head().ref]):
        tip = view.commit(branch)
        reached = tip is not None and _contains(view, tip, journal.commit)
        held, dropped = _compare(view, journal, tip)
        if tip is not None and (reached or held):
            found = _finish(view, journal, tip, reached, held, dropped, staging)
            settled = dataclasses.replace(found, branch=branch)
            break
    else:
        _undo(here, repository, journal, lock, staging, timeout)
        settled = Settled(False, journal.commit)
    if here is not None:
        lock.release()
    if not settled.lost:
        journal.drop(repository)
    return settled


def _contains(repository: Repository, tip: str, commit: str) -> bool:
    return bool(commit) and (tip == commit or repository.is_ancestor(commit, tip))


def _settle_move(
    here: Repository | None, view: Repository, journal: Journal, lock: IndexLock, staging: Path, timeout: float
) -> Settled:
    """A move to another commit: where the branch is at the new one, or beyond, the tags are finished.

    Else all goes back to the old one, save what a commit of the user's made meanwhile took along.
    """
    tip, old = view.commit(journal.branch), journal.old or ""
    finished = tip is not None and tip != old and _contains(view, tip, journal.commit) and not _contains(view, tip, old)
    tags: dict[str, str] = {}
    if finished:
        _remove_refs(view, journal)
        tags = _make_tags(view, journal, journal.commit, staging)
    elif here is not None:
        lock.take(staging / "lock", timeout=timeout)
        moving.sweep(here, [each.path for each in moving.differences(here, old, journal.commit)])
        moving.back(here, old, journal.commit, journal.kept, staging)
    if here is not None:
        lock.release()
    journal.drop(view)
    return Settled(finished, journal.commit, tags, branch=journal.branch)


def _finish(
    view: Repository, journal: Journal, tip: str, reached: bool, held: set[str], dropped: set[str], staging: Path
) -> Settled:
    """Make what the branch lacks; where records are missing, the tags wait for the commit that brings them."""
    if journal.hidden:
        exclude.hide(view, journal.hidden, staging=staging)
    lost = {file.path: _content(view, file.new) for file in journal.files if file.path in dropped}
    if lost and not reached:
        return Settled(True, tip, lost=lost, untagged=journal.tags)
    _remove_refs(view, journal)
    commit = journal.commit if reached else history.touched(view, min(held), tip) or tip
    return Settled(True, commit, _make_tags(view, journal, commit, staging), lost)


def _wanted(repository: Repository, journal: Journal) -> dict[Path, str | None]:
    """The ref files that our Git may have locked, and what it was to write there."""
    wanted: dict[Path, str | None] = {repository.git_dir / "HEAD": None}
    wanted |= {repository.common_dir / tag.ref: tag.oid for tag in journal.tags}
    wanted |= {repository.common_dir / ref: None for ref, _ in journal.removed}
    branch = repository.git_dir if journal.branch == "HEAD" else repository.common_dir
    wanted[branch / journal.branch] = journal.commit or None
    return wanted


def _was_deleting(repository: Repository, journal: Journal) -> bool:
    """Whether a lock of the packed refs can be our Git's: it locks a ref before them, and frees it a moment before.

    In that moment the refs are gone already; while they are there and free, somebody else is at work.
    """
    refs = [ref for ref, _ in journal.removed]
    locked = standing(repository.common_dir / f"{ref}.lock" for ref in refs)
    return bool(locked) or not any(repository.batch.headers(refs))


def _compare(repository: Repository, journal: Journal, tip: str | None) -> tuple[set[str], set[str]]:
    """Of the paths that the write changes: those that the branch holds as wanted, and those that are as before.

    What is neither has been changed by somebody else since, and is theirs. Removals count only beside others, or
    where the branch once had what they remove.
    """
    if tip is None:
        return set(), set()
    root = repository.root(tip)
    found = {file: repository.entry(root, file.path) for file in journal.files if file.new != file.old}
    ids = {file: entry.oid if entry else None for file, entry in found.items()}
    held = {file.path for file, oid in ids.items() if oid == file.new}
    if not any(file.new and oid == file.new for file, oid in ids.items()) and not (
        journal.old and not any(file.new for file in ids) and repository.is_ancestor(journal.old, tip)
    ):
        held = set()
    return held, {file.path for file, oid in ids.items() if oid == file.old}


def _content(repository: Repository, oid: str | None) -> bytes | None:
    return repository.batch.contents([oid])[0][1] if oid else None


def _make_tags(repository: Repository, journal: Journal, commit: str, staging: Path) -> dict[str, str]:
    """Make those tags that are not there, or still as before; another one that is there stays as it is."""
    present = repository.refs(*(tag.ref for tag in journal.tags)) if journal.tags else {}
    missing = [tag for tag in journal.tags if present.get(tag.ref) == tag.former]
    made = {tag.ref: _tag_object(repository, journal, tag, commit, staging) for tag in missing}
    if made:
        null = repository.null
        repository.transact([f"update {tag.ref} {made[tag.ref]} {tag.former or null}" for tag in missing])
    return {tag.ref: made.get(tag.ref) or present[tag.ref] for tag in journal.tags}


def _remove_refs(repository: Repository, journal: Journal) -> None:
    """Take away those refs that still name what they named; another object there is somebody else's."""
    headers = repository.batch.headers([ref for ref, _ in journal.removed])
    pairs = zip(journal.removed, headers, strict=True)
    lines = [f"delete {ref} {oid}" for (ref, oid), header in pairs if header and header.oid == oid]
    if lines:
        repository.transact(lines)


def _tag_object(repository: Repository, journal: Journal, tag: NewTag, commit: str, staging: Path) -> str:
    if commit == journal.commit or tag.target:
        header = repository.batch.headers([tag.oid])[0]
        if header is not None and header.type == "tag":
            return tag.oid
    target = tag.target or commit
    if journal.signed:
        configuration = repository.configuration()
        return sign_tag(
            repository, tag.name, target, tag.tagger, tag.message, staging=staging, configuration=configuration
        )
    draft = Draft(repository.algorithm)
    oid = draft.add("tag", tag_body(target, tag.name, tag.tagger, tag.message))
    repository.git.run("unpack-objects", "-q", input=draft.pack())
    return oid


def _undo(
    here: Repository | None,
    repository: Repository,
    journal: Journal,
    lock: IndexLock,
    staging: Path,
    timeout: float,
) -> None:
    """Take out our entries and files; the order does not matter, since each step looks for what is ours."""
    exclude.show(repository, journal.hidden, staging=staging)
    if here is None or not journal.files:
        return
    changed = _not_elsewhere(here, journal.files)
    # Without a trace of ours no lock is needed, and none is to be had on a full disk.
    if lock.is_ours() or _shows(here, changed):
        lock.take(staging / "lock", timeout=timeout)
        worktree.take_back(here, changed, staging, journal.token)
        _take_out_entries(here, changed, staging)


def _not_elsewhere(repository: Repository, changed: tuple[RecordFile, ...]) -> tuple[RecordFile, ...]:
    """Without those that we were to remove and that `HEAD` lacks: on another branch it is not we who took them away."""
    commit = repository.head().commit
    root = repository.root(commit) if commit else None
    return tuple(file for file in changed if file.new or (root and repository.entry(root, file.path)))


def _shows(repository: Repository, changed: tuple[RecordFile, ...]) -> bool:
    """Whether the work tree or the index has any of our files."""
    entries = repository.indexed(*(file.path for file in changed))
    mine = [file for file in changed if file.new != file.old]
    placed = (file for file in mine if not file.outside and worktree.holds(repository, file.path, file.new))
    return any(_id(entries.get(file.path)) == file.new for file in mine) or any(placed)


def _take_out_entries(repository: Repository, changed: tuple[RecordFile, ...], staging: Path) -> None:
    entries = repository.indexed(*(file.path for file in changed))
    mine = [file for file in changed if file.new != file.old and _id(entries.get(file.path)) == file.new]
    if not mine:
        return
    assert repository.work_tree is not None
    # An entry follows its file where the file is as before; where the user has put something else there
    # meanwhile, only the entry goes back.
    follows = [file.path for file in mine if not file.outside and _is_former(repository, file)]
    index.rewrite(
        repository,
        staging / "new-index",
        files_at=follows,
        outside={file.path: file.old for file in mine if file.outside},
        only={file.path: file.old for file in mine if not file.outside and file.path not in follows},
    )
    index.publish(repository, staging / "new-index", staging / "index.previous")


def _is_former(repository: Repository, file: RecordFile) -> bool:
    return worktree.holds(repository, file.path, file.old)


def _id(entry: tuple[str, str, int] | None) -> str | None:
    return entry[1] if entry else None
