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
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelver import files
from modelver.errors import Conflict, ModelverError, ProgramFailed, UsageError
from modelver.git import exclude, index, moving, worktree
from modelver.git.change import Change, Move, Plan, Snapshot, Tag, Written
from modelver.git.configuration import Configuration, Identity
from modelver.git.journal import Journal
from modelver.git.locks import IndexLock, standing
from modelver.git.preparation import Preparation
from modelver.git.recovery import Settled, settle
from modelver.git.repository import Head, Repository


@dataclass(frozen=True)
class Writer:
    """Whoever writes: identity and configuration as Git has them, and how long to wait for locks, in seconds.

    `branch` is the full name of a branch that is written to instead of the one that is checked out; a new one is made
    from the commit `start`, by default `HEAD`'s. With `staged` the records wait in the index for a commit of the
    user's, and no commit and no tag is made. `tell` takes what people are to know besides.
    """

    repository: Repository
    configuration: Configuration
    identity: Identity
    timeout: float = 60.0
    branch: str | None = None
    start: str | None = None
    staged: bool = False
    tell: Callable[[str], None] | None = None

    def write(self, plan: Plan, *, watched: Sequence[str]) -> Written | None:
        """Do what `plan` says in one step on the current branch, or on the one that is chosen, or nothing at all.

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
            head = self._head()
            root = self.repository.root(head.commit) if head.commit else None
            snapshot = Snapshot(self.repository, head, root, self.repository.indexed(*watched))
            change = plan(snapshot)
            if change is None:
                if head.new and self.writer.tell:
                    self.writer.tell(f"nothing was written, so {head.ref.removeprefix('refs/heads/')} was not made")
                return None
            written = self._attempt(snapshot, change)
            if written is not None:
                return Written(written.commit, written.tags, tuple(remarks), head.ref)
            self._wait(head, change, deadline)

    def _head(self) -> Head:
        """Where the write goes: the chosen branch, one that is yet to be made from `HEAD`, or what is checked out."""
        head, branch = self.repository.head(), self.writer.branch
        if branch is None or branch == head.ref:
            return head
        commit = self.repository.commit(branch)
        return Head(branch, commit or self.writer.start or head.commit, new=commit is None)

    def _wait(self, head: Head, change: Change | Move, deadline: float) -> None:
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
        # Who only makes tags has no name of his own, and this is a commit.
        identity = self.repository.identity(self.writer.configuration)
        named = dataclasses.replace(self, writer=dataclasses.replace(self.writer, identity=identity))
        if named._attempt(snapshot, change) is None:
            raise Conflict(f"{head.ref} moved while records were brought back", hint="run the same command again")
        return f"a commit had dropped records that were written just before; {len(paths)} came back in a commit"

    def _attempt(self, snapshot: Snapshot, change: Change | Move) -> Written | None:
        """One try; None when the branch moved meanwhile and the next try may succeed."""
        with files.staging(self.repository.home / "tmp") as staging:
            preparation = self._preparation(snapshot, staging)
            if isinstance(change, Move):
                moving.reserve(self.repository, snapshot.head.commit or "", change.commit, staging / "reserve")
                journal = preparation.of_move(change)
            else:
                journal = preparation.of_change(change)
            try:
                journal.save(self.repository, staging)
                if isinstance(change, Move):
                    self._move(journal, change, staging)
                elif journal.aside:
                    journal = self._beside(preparation, journal, change, staging)
                else:
                    journal = self._forward(preparation, journal, change, staging)
            except BaseException as error:
                journal = Journal.load(self.repository) or journal
                self._restore(staging, journal)
                settled = settle(self.repository, journal, staging, timeout=self.writer.timeout)
                if settled.finished and not settled.lost and not isinstance(error, KeyboardInterrupt | SystemExit):
                    return Written(settled.commit, settled.tags)
                if isinstance(error, ModelverError) and self._may_try_again(snapshot, journal, error):
                    return None
                raise
            if not journal.aside:
                IndexLock(self.repository.index, journal.token).release()
            journal.drop(self.repository)
        return Written(journal.commit or None, {tag.ref: tag.oid for tag in journal.tags})

    def _preparation(self, snapshot: Snapshot, staging: Path) -> Preparation:
        writer = self.writer
        return Preparation(
            repository=self.repository,
            configuration=writer.configuration,
            identity=writer.identity,
            snapshot=snapshot,
            staging=staging,
            aside=writer.branch is not None and writer.branch != self.repository.head().ref,
            staged=writer.staged,
        )

    def _take_index(self, journal: Journal, staging: Path) -> None:
        IndexLock(self.repository.index, journal.token).take(staging / "lock", timeout=self.writer.timeout)
        if self.repository.head().ref != journal.branch:
            raise Conflict("another branch was checked out meanwhile", hint="run the same command again")

    def _forward(self, preparation: Preparation, journal: Journal, change: Change, staging: Path) -> Journal:
        """W3 and W4: the work tree, then the index, then the branch and the tags; the journal of what was made."""
        repository = self.repository
        self._take_index(journal, staging)
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
        if change.hooks and not self.writer.staged:
            self._run_hook("pre-commit", staging=staging)
            journal = self._with_message(preparation, journal, change, staging)
        index.publish(repository, staging / "new-index", staging / "index.previous")
        if not self.writer.staged:
            self._move_refs(journal, change.message)
        return journal

    def _beside(self, preparation: Preparation, journal: Journal, change: Change, staging: Path) -> Journal:
        """The refs alone; of the user's hooks, only the one that looks at the message has something to look at."""
        if journal.hidden:
            exclude.hide(self.repository, journal.hidden, staging=staging)
        if change.hooks and change.files:
            journal = self._with_message(preparation, journal, change, staging)
        self._move_refs(journal, change.message)
        return journal

    def _move(self, journal: Journal, move: Move, staging: Path) -> None:
        """Like `_forward`, with all files in which two commits differ."""
        self._take_index(journal, staging)
        old = journal.old or ""
        kept = moving.kept(self.repository, old, journal.commit)
        if kept != journal.kept:  # the user staged something before we had the lock
            journal = dataclasses.replace(journal, kept=kept)
            journal.save(self.repository, staging)
        moving.forward(self.repository, old, journal.commit, kept, staging)
        index.publish(self.repository, staging / "new-index", staging / "index.previous")
        self._move_refs(journal, move.message)

    def _with_message(self, preparation: Preparation, journal: Journal, change: Change, staging: Path) -> Journal:
        """Run `commit-msg`; where it changes the message, the commit is made again with it."""
        path, old = staging / "message", f"{change.message.rstrip()}\n".encode("utf-8", "surrogateescape")
        files.write_file(path, old)
        self._run_hook("commit-msg", "--", str(path), staging=staging)
        new = path.read_bytes()
        if new == old:
            return journal
        change = dataclasses.replace(change, message=new.decode("utf-8", "surrogateescape"))
        journal = preparation.again(journal, change)
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

    def _move_refs(self, journal: Journal, message: str) -> None:
        """One transaction; the branch's line is first, because Git renames in the order of the lines."""
        null = self.repository.null
        branch = f"update {journal.branch} {journal.commit} {journal.old or null}"
        lines = [
            *([branch] if journal.commit != journal.old else []),
            *(f"update {tag.ref} {tag.oid} {tag.former or null}" for tag in journal.tags),
            *(f"delete {ref} {oid}" for ref, oid in journal.removed),
        ]
        self.repository.transact(lines, "-m", message.split("\n", 1)[0])

    def _restore(self, staging: Path, journal: Journal) -> None:
        """Put the former index and list of hidden paths back, as long as nobody else could have written since.

        This needs no room, so it also works on a full disk; where it cannot, `settle` takes our entries out.
        """
        previous = staging / "index.previous"
        (staging / "reserve").unlink(missing_ok=True)
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
        if self._head() != snapshot.head:
            return True
        if isinstance(error, ProgramFailed) and journal.tags:
            for ref in self._in_the_way([tag.ref for tag in journal.tags if tag.former is None]):
                raise Conflict(
                    f"{ref} exists already and is in the way",
                    hint=[f"git show '{ref}'    tells whose it is", f"git update-ref -d '{ref}'    if nobody needs it"],
                )
        # The lock of the packed refs, which a deletion needs, Git does not call a ref's.
        locked = "cannot lock ref" in error.message or "packed-refs.lock'" in error.message
        return locked and ".lock': File exists" in error.message
