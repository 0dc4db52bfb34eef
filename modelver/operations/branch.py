"""The registry's branch: whether one stands on it, and what is to be read there (rules B1 and B3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from modelver.catalog import Catalog
from modelver.domain.references import Named, parse
from modelver.domain.resolution import Resolved
from modelver.errors import Conflict
from modelver.git.configuration import Configuration
from modelver.git.history import first_parents
from modelver.git.repository import Head, Repository
from modelver.git.trailers import is_operation


class RegistryBranch:
    """The registry's branch as seen from one `HEAD`; without a configured name, whatever is checked out is it.

    `at` is the commit at which it is read, where that is known better than this clone knows it.
    """

    def __init__(
        self,
        repository: Repository,
        configuration: Callable[[], Configuration],
        head: Head,
        name: str | None,
        at: str | None = None,
    ) -> None:
        self._repository = repository
        self._configuration = configuration
        self._head = head
        self._at = at
        self.name = name

    @cached_property
    def on(self) -> bool:
        """Whether what is committed here is announced by tags.

        A detached head counts as on the branch when the branch or its remote-tracking one contains it; own
        record commits on top do not count.
        """
        if self.name is None or self._head.ref == f"refs/heads/{self.name}":
            return True
        return self._head.ref == "HEAD" and self._base is not None

    @cached_property
    def behind(self) -> bool:
        """Whether a detached head that counts as on the branch lacks commits of its tip."""
        if self._head.ref != "HEAD" or not self.on or self.tip is None or self._head.commit is None:
            return False
        return not self._repository.is_ancestor(self.tip, self._head.commit)

    @cached_property
    def tip(self) -> str | None:
        """The commit at which the branch is read: its remote-tracking one's unless the local one contains that.

        None where neither is here.
        """
        if self._at is not None:
            return self._at
        local, remote = self._local, self.remote
        if local is None or remote is None:
            return local or remote
        return local if self._repository.is_ancestor(remote, local) else remote

    @cached_property
    def met(self) -> str | None:
        """The newest commit of the branch's own line, by first parents, that `HEAD` contains; None where there is none.

        Where the branch is not here, the line of `HEAD` is taken for it.
        """
        head, tip = self._head.commit, self.tip
        if head is None or tip is None or (self.on and not self.behind):
            return head
        above = first_parents(self._repository, tip, without=[head])
        return self._repository.commit(f"{above[-1]}^") if above else tip

    @cached_property
    def announced(self) -> Catalog | None:
        """The records on the branch, None where it is not here."""
        return Catalog(self._repository, self.tip) if self.tip else None

    def refuse_behind(self) -> None:
        """Raise `Conflict` where an announcement would leave out what the branch already has."""
        if self.behind:
            raise Conflict(
                f"HEAD is detached behind {self.name}, which has changes that this one would not know",
                hint=f"git checkout {self.name}",
            )

    @cached_property
    def _local(self) -> str | None:
        return self._repository.commit(f"refs/heads/{self.name}") if self.name else None

    @cached_property
    def remote(self) -> str | None:
        """The remote-tracking branch: of the configured upstream, else of `origin`, else of the only remote."""
        if self.name is None:
            return None
        configuration, commit = self._configuration(), self._repository.commit
        remote = configuration.last(f"branch.{self.name}.remote")
        merge = configuration.last(f"branch.{self.name}.merge")
        if remote and merge and (found := commit(f"refs/remotes/{remote}/{merge.removeprefix('refs/heads/')}")):
            return found
        if found := commit(f"refs/remotes/origin/{self.name}"):
            return found
        remotes = {key.split(".", 1)[1].rpartition(".")[0] for key in configuration.values if key.startswith("remote.")}
        return commit(f"refs/remotes/{remotes.pop()}/{self.name}") if len(remotes) == 1 else None

    @cached_property
    def _base(self) -> str | None:
        """Where a detached head leaves the branch, None where it does not meet it by record commits of ours alone."""
        tips = [tip for tip in (self._local, self.remote) if tip is not None]
        if not tips or self._head.commit is None:
            return None
        above = first_parents(self._repository, self._head.commit, without=tips)
        if not above:
            return self._head.commit
        bodies = [data for _, data in self._repository.batch.contents(above)]
        meets = b"\nparent " in bodies[-1] and above[-1] not in self._repository.boundary
        return above[-1] if meets and all(is_operation(body) for body in bodies) else None


def stage_remark(branch: RegistryBranch, catalog: Catalog, text: str, found: Resolved) -> str | None:
    """What to say where a reference goes by a stage that stands otherwise on the registry's branch (rule B3)."""
    place = parse(text).place
    if not isinstance(place, Named) or (branch.on and not branch.behind):
        return None
    if place.word not in catalog.stages(found.model):
        return None
    return differing(branch, catalog, found.model, place.word)


def yank_remark(catalog: Catalog, found: Resolved) -> str | None:
    """What to say of a version that was withdrawn and is still found by its exact name."""
    note = catalog.yank(found)
    if note is None:
        return None
    why = note.message.partition("\n")[0]
    return f"{found.version} is yanked" + (f": {why}" if why else "")


def differing(branch: RegistryBranch, catalog: Catalog, model: str, stage: str) -> str | None:
    """What to say of a stage whose pointer is another one on the registry's branch; None on that branch itself."""
    if branch.on and not branch.behind:
        return None
    if branch.announced is None:
        return f"the registry's branch {branch.name} is not here, so {stage} is read from HEAD"
    theirs = branch.announced.stage(model, stage)
    if catalog.stage(model, stage) == theirs:
        return None
    there = f"{theirs.version} holds it" if theirs and theirs.version else "nobody holds it"
    return f"{stage} of {model} is read from HEAD; on {branch.name} {there}"
