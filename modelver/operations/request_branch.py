"""The branch of a request: what it is called, and how it goes on where it is there already, here or on the remote."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from modelver.catalog import Catalog
from modelver.domain.records import StageEntry
from modelver.domain.resolution import Resolved
from modelver.domain.text import shell_word
from modelver.errors import Conflict
from modelver.git.branches import chosen
from modelver.git.history import commits_between
from modelver.git.remote import Remote
from modelver.git.replay import read
from modelver.git.repository import Repository
from modelver.records import layout


@dataclass(frozen=True, kw_only=True)
class RequestBranch:
    """The branch on which a version gets a stage, as its change `number`; `start` is a commit of `base`.

    The name says all of it, so whoever asks for the same has the same branch, and nobody else has.
    """

    repository: Repository
    base: str
    start: str
    found: Resolved
    stage: str
    number: int

    @property
    def name(self) -> str:
        """The short name; the model's slashes stay, since a hyphen for them would make one name of two."""
        return f"promote/{self.found.model}-{self.stage}-{self.number}-{self.found.version}"

    @property
    def ref(self) -> str:
        """The full name."""
        return f"refs/heads/{self.name}"

    @property
    def commit(self) -> str | None:
        """Where the branch is in this clone."""
        return self.repository.commit(self.ref)

    def entry(self, commit: str) -> StageEntry | None:
        """What a commit records of the promotion; None where it does not hold it."""
        pointer = Catalog(self.repository, commit).stage(self.found.model, self.stage)
        if pointer is None or (pointer.version, pointer.number) != (self.found.version, self.number):
            return None
        return pointer.history[0]

    def follow(self, remote: Remote, theirs: str) -> None:
        """Bring the branch as the remote has it, where somebody has asked for the same there.

        Raises `Conflict` where one of the two branches is something else than this request.
        """
        name, ours = self.name, self.commit
        place = shell_word(remote.name) if remote.tracked else "REMOTE"  # an address may hold a password
        if ours == theirs:
            return
        remote.fetch([name])
        if self.repository.commit(theirs) is None:
            raise Conflict(f"{name} moves on {remote.label} right now", hint="run the same command again")
        if ours is not None and self.repository.is_ancestor(theirs, ours):
            return  # with commits that are yet to be pushed
        if self.entry(theirs) is None:
            raise Conflict(
                f"{remote.label} has a branch {name}, and it does not give {self.stage} to {self.found.version}",
                hint=f"git push {place} --delete {name}    if nobody needs it",
            )
        if ours is not None and not (self.repository.is_ancestor(ours, theirs) or self._holds_only_this(ours)):
            raise Conflict(
                f"{name} has commits here that {remote.label} lacks, and the other way round",
                hint=f"git fetch {place} && git branch -D {name}    goes on from the one there",
            )
        self._refuse_checked_out()
        line = f"update {self.ref} {theirs} {ours or self.repository.null}"
        self.repository.transact([line], "-m", "modelver: the request as the remote has it")

    def outdated(self, message: str) -> str | None:
        """The branch's commit where it is to be made anew: it was never pushed, is older than `start` or says another
        reason, and has nothing but the promotion. Raises `Conflict` where it is no branch of this request.
        """
        ours = self.commit
        if ours is None:
            return None
        entry = self.entry(ours)
        if entry and message in ("", entry.message) and self.repository.is_ancestor(self.start, ours):
            return None
        if self._holds_only_this(ours):
            self._refuse_checked_out()
            return ours
        if entry is None:
            raise Conflict(
                f"there is a branch {self.name}, and it does not give {self.stage} to {self.found.version}",
                hint=f"git branch -D {self.name}    if nobody needs it",
            )
        return None

    def _holds_only_this(self, ours: str) -> bool:
        """Whether a commit has nothing that would be lost if the promotion were recorded anew."""
        beyond = commits_between(self.repository, self.start, ours)
        record = read(self.repository, ours) if beyond == [ours] else None
        path = layout.stage_path(self.found.model, self.stage)
        return not beyond or (record is not None and [change.path for change in record.changes] == [path])

    def _refuse_checked_out(self) -> None:
        """Raise `Conflict` where files and index of a work tree would no longer fit the branch."""
        if chosen(self.repository, self.name, self.start) == self.repository.head():
            raise Conflict(
                f"{self.name} is checked out, and would have to be made anew",
                hint=f"git checkout {shell_word(self.base)}",
            )


@contextlib.contextmanager
def set_aside(repository: Repository, ref: str, commit: str | None) -> Iterator[None]:
    """Take a branch away, if there is one, while it is made anew; where that fails, it is there again."""
    if commit is None:
        yield
        return
    repository.transact([f"delete {ref} {commit}"])
    try:
        yield
    except BaseException:
        if repository.commit(ref) is None:
            repository.transact([f"create {ref} {commit}"])
        raise
