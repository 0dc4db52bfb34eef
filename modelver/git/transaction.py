"""Files and refs in, one commit out (rules W1 to W7).

The invariants, and where they are kept:

- The branch is the commit point: before it moves, all can be undone; after, all can be finished.
- The index holds our records before the branch does, so no commit of the user's can drop them.
- The journal is on the disk before the first change that others can see, and goes last.
- The lock is inherited by every Git process that writes, so an orphan cannot meet the next writer.
"""

from __future__ import annotations

import dataclasses
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelver import files
from modelver.errors import Conflict, ModelverError, ProgramFailed, UsageError
from modelver.git import exclude, index, worktree
from modelver.git.configuration import Configuration, Identity
from modelver.git.journal import Journal, NewTag, RecordFile
from modelver.git.locks import IndexLock, standing
from modelver.git.objects import Draft, commit_body, graft, tag_body
from modelver.git.recovery import Settled, settle
from modelver.git.repository import Head, Repository
from modelver.git.signatures import sign_commit, sign_tag


@dataclass(frozen=True)
class Tag:
    """A tag to make: full ref name, tagger as Git writes it, message, and target (None: the new commit)."""

    ref: str
    tagger: str
    message: str
    target: str | None = None


@dataclass(frozen=True)
class Change:
    """What one write does: record files (None removes), the commit's message, tags, and paths to hide from Git.

    With `hooks` the user's `pre-commit` and `commit-msg` run as for a commit of his own, and may refuse it.
    `removed` are refs to take away, each with the object that it names now.
    """

    files: Mapping[str, bytes | None]
    message: str
    tags: Sequence[Tag] = ()
    hidden: Sequence[str] = ()
    hooks: bool = False
    removed: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Snapshot:
    """What a plan may build on, read under the lock: `root` is the tree at `HEAD`, None where unborn.

    `indexed` are the index entries below the watched paths: mode, object id, stage.
    """

    repository: Repository
    head: Head
    root: str | None
    indexed: Mapping[str, tuple[str, str, int]]


@dataclass(frozen=True)
class Written:
    """What a write made: the commit and the tags' object ids, what was told on the way, and which ref has moved."""

    commit: str
    tags: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    ref: str = ""


Plan = Callable[[Snapshot], Change | None]
"""Makes the change from the state it is given; called again after a lost race. None: nothing to do."""


@dataclass(frozen=True)
class Writer:
    """Whoever writes: identity and configuration as Git has them, and how long to wait for locks, in seconds."""

    repository: Repository
    configuration: Configuration
    identity: Identity
    timeout: float = 60.0

    def write(self, plan: Plan, *, watched: Sequence[str]) -> Written | None:
        """Do what `plan` says in one commit on the current branch, or nothing at all.

        `watched` are the paths at or below which the plan reads the index or writes. Returns None when the
        plan has nothing to do. Raises `Conflict` when a lock or the race for the branch stays lost.
        """
        if self.repository.work_tree is None:
            raise UsageError("this repository has no work tree, so it can only be read", hint="git worktree add PATH")
        self.repository.refuse_foreign_index()
        home = self.repository.home
        with files.disk_errors("write to the repository"):
            self.repository.make_home()
        with (
            files.disk_errors("write to the repository"),
            files.Lock(home / "lock", timeout=self.timeout, what="the registry") as lock,
        ):
            return _Write(self, self.repository.inherited(lock.descriptor)).run(plan, watched)

    def recover(self) -> list[str]:
        """Finish or undo a write that was cut off; says what was done."""
        home = self.repository.home
        if Journal.load(self.repository) is None:
            return []
        self.repository.refuse_foreign_index()
        with (
            files.disk_errors("finish the write that was cut off"),
            files.Lock(home / "lock", timeout=self.timeout, what="the registry") as lock,
        ):
            return _Write(self, self.repository.inherited(lock.descriptor)).recover()


@dataclass(frozen=True)
class _Write:
    """One write under the lock."""

    writer: Writer
    repository: Repository

    def run(self, plan: Plan, watched: Sequence[str]) -> Written | None:
        remarks = self.recover()
        self.repository.refuse_under_way()
        deadline = time.monotonic() + self.writer.timeout
        while True:
            head = self.repository.head()
            root = self.repository.root(head.commit) if head.commit else None
            snapshot = Snapshot(self.repository, head, root, self.repository.indexed(*watched))
            change = plan(snapshot)
            if change is None:
                return None
            written = self._attempt(snapshot, change)
            if written is not None:
                return Written(written.commit, written.tags, tuple(remarks), head.ref)
            self._wait(head, change, deadline)

    def _wait(self, head: Head, change: Change, deadline: float) -> None:
        """Wait for others' locks on our refs before the next try."""
        common, own = self.repository.common_dir, self.repository.git_dir
        refs = (head.ref, *(tag.ref for tag in change.tags), *(ref for ref, _ in change.removed))
        places = [own / "HEAD.lock", *(common / f"{ref}.lock" for ref in refs)]
        if change.removed:
            places.append(common / "packed-refs.lock")
        while locks := standing(places):
            if time.monotonic() >= deadline:
                raise Conflict(
                    f"another Git process holds {locks[0]} since more than {self.writer.timeout:g} s",
                    hint="wait for it to end; if no Git process runs here, remove that file",
                )
            time.sleep(0.02)
        if time.monotonic() >= deadline:
            raise Conflict(f"{head.ref} keeps moving", hint="run the same command again")
        time.sleep(0.02)

    def recover(self) -> list[str]:
        """Settle the write that a kill cut off, if there is one."""
        files.remove_leftovers(self.repository.home / "tmp")
        journal = Journal.load(self.repository)
        if journal is None:
            return []
        with files.staging(self.repository.home / "tmp") as staging:
            settled = settle(self.repository, journal, staging, timeout=self.writer.timeout)
        if not settled.lost:
            return [f"a write that was cut off has been {'finished' if settled.finished else 'undone'}"]
        return [self._bring_back(settled, journal)]

    def _bring_back(self, settled: Settled, journal: Journal) -> str:
        head = self.repository.head()
        if settled.branch != head.ref or journal.place(self.repository) != self.repository:
            branch = settled.branch.removeprefix("refs/heads/")
            raise Conflict(
                f"a write to {branch} was cut off and waits", hint=f"check {branch} out and run it again there"
            )
        root = self.repository.root(head.commit) if head.commit else None
        paths = list(settled.lost)
        message = "modelver: bring back records that a commit dropped\n\nModelver-Op: restore"
        tags = [Tag(tag.ref, tag.tagger, tag.message, tag.target) for tag in settled.untagged]
        change = Change(settled.lost, message, tags)
        snapshot = Snapshot(self.repository, head, root, self.repository.indexed(*paths))
        if self._attempt(snapshot, change) is None:
            raise Conflict(f"{head.ref} moved while records were brought back", hint="run the same command again")
        return f"a commit had dropped records that were written just before; {len(paths)} came back in a commit"

    def _attempt(self, snapshot: Snapshot, change: Change) -> Written | None:
        """One try; None when the branch moved meanwhile and the next try may succeed."""
        with files.staging(self.repository.home / "tmp") as staging:
            journal = self._prepare(snapshot, change, staging)
            try:
                journal.save(self.repository, staging)
                journal = self._forward(snapshot, change, journal, staging)
            except BaseException as error:
                journal = Journal.load(self.repository) or journal
                self._restore(staging, journal)
                settled = settle(self.repository, journal, staging, timeout=self.writer.timeout)
                if settled.finished and not settled.lost and not isinstance(error, KeyboardInterrupt | SystemExit):
                    return Written(settled.commit, settled.tags)
                if isinstance(error, ModelverError) and self._may_try_again(snapshot, journal, error):
                    return None
                raise
            IndexLock(self.repository.index, journal.token).release()
            journal.drop(self.repository)
        return Written(journal.commit, {tag.ref: tag.oid for tag in journal.tags})

    def _prepare(self, snapshot: Snapshot, change: Change, staging: Path) -> Journal:
        """Make all objects; nothing points at them yet."""
        repository = self.repository
        draft = Draft(repository.algorithm)
        tree = graft(repository, draft, snapshot.root, change.files)
        outside = self._outside(change, staging)
        records = tuple(self._record(snapshot, draft, path, data, outside) for path, data in change.files.items())
        worktree.refuse_obstacles(repository, records)
        journal = Journal(
            token=secrets.token_hex(16),
            git_dir=os.path.relpath(repository.git_dir, repository.common_dir),
            work_tree=os.path.relpath(repository.work_tree or repository.git_dir, repository.common_dir),
            index=os.path.relpath(repository.index, repository.git_dir),
            branch=snapshot.head.ref,
            old=snapshot.head.commit,
            commit="",
            files=records,
            tags=(),
            hidden=self._newly_hidden(change),
            removed=tuple(change.removed),
            signed=self.writer.configuration.flag("tag.gpgsign"),
        )
        return self._committed(journal, draft, tree, change, staging)

    def _committed(self, journal: Journal, draft: Draft, tree: str, change: Change, staging: Path) -> Journal:
        """Make the commit and the tags; all that is in the draft goes to Git."""
        repository, identity, parent = self.repository, self.writer.identity, journal.old
        if self.writer.configuration.flag("commit.gpgsign"):
            repository.git.run("unpack-objects", "-q", input=draft.pack())
            draft.objects.clear()
            commit = sign_commit(repository, tree, parent, identity, change.message)
        else:
            body = commit_body(tree, parent, identity.author, identity.committer, change.message)
            commit = draft.add("commit", body)
        if journal.signed and draft.objects:
            repository.git.run("unpack-objects", "-q", input=draft.pack())
            draft.objects.clear()
        tags = tuple(self._tag(tag, commit, draft, staging, journal.signed) for tag in change.tags)
        if draft.objects:
            repository.git.run("unpack-objects", "-q", input=draft.pack())
        return dataclasses.replace(journal, commit=commit, tags=tags)

    def _outside(self, change: Change, staging: Path) -> set[str]:
        if not self.writer.configuration.flag("core.sparsecheckout"):
            return set()
        draft = Draft(self.repository.algorithm)
        tree = graft(self.repository, draft, None, {path: data or b"" for path, data in change.files.items()})
        self.repository.git.run("unpack-objects", "-q", input=draft.pack())
        return index.outside_sparse_checkout(self.repository, tree, staging)

    def _record(self, snapshot: Snapshot, draft: Draft, path: str, data: bytes | None, outside: set[str]) -> RecordFile:
        entry = self.repository.entry(snapshot.root, path) if snapshot.root else None
        old = entry.oid if entry else None
        indexed = snapshot.indexed.get(path)
        if indexed and indexed[2]:
            raise Conflict(
                f"{path} is in conflict, and a person has to decide which side holds",
                hint=[
                    f"take the side of the registry's branch: git checkout --theirs -- {path} where you merge it in,",
                    "--ours where you are on it",
                    f"git add {path} && git commit, then run the command again",
                ],
            )
        if (indexed[1] if indexed else None) != old:
            raise Conflict(
                f"{path} has changes that are staged, but not committed", hint=f"git restore --staged {path}"
            )
        new = None if data is None else draft.add("blob", data)
        return RecordFile(path, old, new, path in outside)

    def _tag(self, tag: Tag, commit: str, draft: Draft, staging: Path, signed: bool) -> NewTag:
        target = tag.target or commit
        new = NewTag(tag.ref, "", tag.tagger, tag.message, tag.target)
        if signed:
            configuration = self.writer.configuration
            oid = sign_tag(
                self.repository, new.name, target, tag.tagger, tag.message, staging=staging, configuration=configuration
            )
        else:
            oid = draft.add("tag", tag_body(target, new.name, tag.tagger, tag.message))
        return NewTag(tag.ref, oid, tag.tagger, tag.message, tag.target)

    def _newly_hidden(self, change: Change) -> tuple[str, ...]:
        return exclude.unhidden(self.repository, change.hidden)

    def _forward(self, snapshot: Snapshot, change: Change, journal: Journal, staging: Path) -> Journal:
        """W3 and W4: the work tree, then the index, then the branch and the tags; the journal of what was made."""
        repository = self.repository
        IndexLock(repository.index, journal.token).take(staging / "lock", timeout=self.writer.timeout)
        if repository.head().ref != snapshot.head.ref:
            raise Conflict("another branch was checked out meanwhile", hint="run the same command again")
        inside = {file.path: change.files[file.path] for file in journal.files if not file.outside}
        worktree.place(repository, inside, staging, journal.token)
        if journal.hidden:
            exclude.hide(repository, journal.hidden, staging=staging)
        index.rewrite(
            repository,
            staging / "new-index",
            files_at=list(inside),
            outside={file.path: file.new for file in journal.files if file.outside},
        )
        if change.hooks:
            journal = self._through_hooks(journal, change, staging)
        index.publish(repository, staging / "new-index", staging / "index.previous")
        self._move_refs(journal, change)
        return journal

    def _through_hooks(self, journal: Journal, change: Change, staging: Path) -> Journal:
        """Run the hooks in Git's order; where `commit-msg` changes the message, the commit is made again with it."""
        self._run_hook("pre-commit", staging=staging)
        path, old = staging / "message", f"{change.message.rstrip()}\n".encode("utf-8", "surrogateescape")
        files.write_file(path, old)
        self._run_hook("commit-msg", "--", str(path), staging=staging)
        new = path.read_bytes()
        if new == old:
            return journal
        change = dataclasses.replace(change, message=new.decode("utf-8", "surrogateescape"))
        tree, draft = self.repository.root(journal.commit), Draft(self.repository.algorithm)
        journal = self._committed(journal, draft, tree, change, staging)
        journal.save(self.repository, staging)
        return journal

    def _run_hook(self, name: str, *words: str, staging: Path) -> None:
        variables = {"GIT_INDEX_FILE": str(staging / "new-index")}
        answer = self.repository.git.run_hook(name, *words, variables=variables, errors=staging / "hook-output")
        if answer.code:
            raise ProgramFailed(
                f"the hook {name} refused the commit: {answer.words}",
                hint="hooks run because .modelver/config.yaml says `commit: {hooks: true}`",
            )

    def _move_refs(self, journal: Journal, change: Change) -> None:
        """One transaction; the branch's line is first, because Git renames in the order of the lines."""
        lines = [
            f"update {journal.branch} {journal.commit} {journal.old or self.repository.null}",
            *(f"create {tag.ref} {tag.oid}" for tag in journal.tags),
            *(f"delete {ref} {oid}" for ref, oid in journal.removed),
        ]
        self.repository.transact(lines, "-m", change.message.split("\n", 1)[0])

    def _restore(self, staging: Path, journal: Journal) -> None:
        """Put the former index and list of hidden paths back, as long as nobody else could have written since.

        This needs no room, so it also works on a full disk; where it cannot, `settle` takes our entries out.
        """
        previous = staging / "index.previous"
        if self.repository.commit(journal.branch) != journal.old:
            return
        exclude.go_back(self.repository, staging=staging)
        if previous.exists() and IndexLock(self.repository.index, journal.token).is_ours():
            os.replace(previous, self.repository.index)

    def _in_the_way(self, wanted: Sequence[str]) -> list[str]:
        """The refs that are there of those wanted, or above or below one, where Git has no room for both."""
        above = {"/".join(ref.split("/")[:depth]) for ref in wanted for depth in range(3, ref.count("/") + 1)}
        found = self.repository.refs(*wanted, *above)
        return [ref for ref in found if ref in above or any(f"{ref}/".startswith(f"{each}/") for each in wanted)]

    def _may_try_again(self, snapshot: Snapshot, journal: Journal, error: ModelverError) -> bool:
        """Whether the failure was a lost race; a ref in the way is named instead."""
        head = self.repository.head()
        if head != snapshot.head:
            return True
        if isinstance(error, ProgramFailed) and journal.tags:
            for ref in self._in_the_way([tag.ref for tag in journal.tags]):
                raise Conflict(
                    f"{ref} exists already and is in the way",
                    hint=[f"git show '{ref}'    tells whose it is", f"git update-ref -d '{ref}'    if nobody needs it"],
                )
        # The lock of the packed refs, which a deletion needs, Git does not call a ref's.
        locked = "cannot lock ref" in error.message or "packed-refs.lock'" in error.message
        return locked and ".lock': File exists" in error.message
