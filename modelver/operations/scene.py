"""What a change of the registry is planned from, under the lock, and how it is carried out in one commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from modelver.catalog import Catalog
from modelver.domain import lifecycle, names
from modelver.domain.resolution import Resolved
from modelver.domain.text import quoted
from modelver.errors import Conflict, ModelverError
from modelver.git.change import Change, Snapshot, Tag, Written
from modelver.git.history import touched
from modelver.git.transaction import Writer
from modelver.operations import hiding
from modelver.operations.announce import Announcement, commit_message
from modelver.operations.branch import RegistryBranch, stage_remark, yank_remark
from modelver.operations.workspace import Workspace, with_registry


@dataclass
class Scene:
    """The records and the branch that one write stands on; `new` is the version that its commit brings.

    Where the records are `staged` for a commit of the user's, that commit is yet to come, and so are the tags.
    """

    catalog: Catalog
    branch: RegistryBranch
    by: str
    now: datetime
    remarks: list[str] = field(default_factory=list)
    new: str | None = None
    staged: bool = False

    @classmethod
    def of(cls, workspace: Workspace, writer: Writer, snapshot: Snapshot, now: datetime | None = None) -> Scene:
        """The scene of a snapshot; raises `NotFound` where no registry was started."""
        known = workspace.at_head
        head = snapshot.head
        catalog = with_registry(known if known.commit == head.commit else Catalog(snapshot.repository, head.commit))
        branch = RegistryBranch(snapshot.repository, lambda: writer.configuration, head, catalog.config.branch)
        moment = now or datetime.now(UTC)
        return cls(catalog, branch, writer.identity.name, moment, staged=writer.staged)

    def find(self, ref: str) -> Resolved:
        """The version that a person's words mean; raises `Conflict` where no record of it is on this branch."""
        found = self.catalog.find(ref)
        self.need(found)
        remarks = (stage_remark(self.branch, self.catalog, ref, found), yank_remark(self.catalog, found))
        self.remarks += filter(None, remarks)
        return found

    def folded(self, typed: str, name: str) -> None:
        """Say so where capitals of a name were made small (rule I3)."""
        if typed != name:
            self.remarks.append(f"names are lower case: {quoted(typed)} is {name}")

    def need(self, found: Resolved) -> None:
        """Raise `Conflict` for a version whose record is not on this branch, where nothing may point at it."""
        if found.version not in self.catalog.versions(found.model):
            known = self.catalog.tag_commit(found.version) is not None
            merge = f"git merge {found.version}    brings it, with all that its branch has up to there"
            ways = (
                [merge] if known else ["git fetch --tags    may bring it", "modelver verify    names what is missing"]
            )
            raise Conflict(f"the record of {found.version} is not on this branch", hint=ways)

    def moment(self, model: str, *, of_stage: bool = False) -> datetime:
        """The moment of the model's next event: now, but never before what is recorded of it already."""
        apart = lifecycle.APART if of_stage else timedelta(seconds=1)
        moment = lifecycle.event_moment(self.now, self.catalog.pointers(model).values(), apart=apart)
        return max(moment, names.version_moment(self.new)) if self.new else moment

    def tags(self, announcements: Sequence[Announcement]) -> list[Tag]:
        """The tags to make: none off the registry's branch, and none at a version whose own tag is not here."""
        if not self.branch.on or self.staged:
            return []
        made = []
        for each in announcements:
            if each.version == self.new:
                made.append(each.tag(None))
                continue
            target = self.catalog.tag_commit(each.version)
            if target is not None and self.catalog.same_record(each.model, each.version, target):
                made.append(each.tag(target))
                continue
            ways = "`git fetch --tags` may bring it, `modelver sync --push` makes both"
            fault = f"is not here; {ways}" if target is None else "is wrong; see modelver verify"
            self.remarks.append(f"{each.name} is not announced, because the tag of {each.version} {fault}")
        return made


STAGED = "staged for a commit of yours; `modelver sync` makes the tags then"
"""What is told where the records wait in the index."""

_LINKS = {
    "tag": "as",
    "untag": "from",
    "promote": "to",
    "rollback": "on",
    "demote": "from",
    "note": "with",
    "lineage": "",
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """One event of a commit: its verb, the record files, the tags that it calls for, and those that go."""

    op: str
    name: str = ""
    """The label or the stage."""
    files: dict[str, bytes | None] = field(default_factory=dict)
    wanted: tuple[Announcement, ...] = ()
    tags: tuple[Tag, ...] = ()
    removed: tuple[tuple[str, str], ...] = ()

    @property
    def what(self) -> str:
        """How the subject of a commit goes on behind the version."""
        return f"{_LINKS[self.op]} {self.name}".strip() if self.name else ""

    @property
    def announced(self) -> str | None:
        """The tag that tells of this event, the last of those called for, if it is made."""
        made = {tag.ref for tag in self.tags}
        return self.wanted[-1].name if self.wanted and self.wanted[-1].ref in made else None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a change does to one model; without files it does nothing, because it is so already."""

    model: str
    version: str | None
    part: Part
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Done:
    """A change that was carried out, or was not needed (`written` is None)."""

    scene: Scene
    plan: Plan
    written: Written | None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What people are told besides the result."""
        told = [*(self.written.remarks if self.written else ()), *self.scene.remarks]
        return (*told, *self.scene.catalog.config.warnings)

    def commit(self, path: str) -> str | None:
        """The commit of the change, else the one that brought the record at `path` as it is."""
        if self.written:
            return self.written.commit
        catalog = self.scene.catalog
        return touched(catalog.repository, path, catalog.commit) if catalog.commit else None

    def tag(self) -> str | None:
        """The tag that tells of the change, if it is there."""
        part = self.plan.part
        if self.written:
            return part.announced
        if not part.wanted:
            return None
        catalog, last = self.scene.catalog, part.wanted[-1]
        there = catalog.repository.tag_targets(last.ref).get(last.ref)
        return last.name if there is not None and there == catalog.tag_commit(last.version) else None

    def pending(self) -> bool:
        """Whether the change, or the tag that tells of it, has yet to reach the registry's branch."""
        waits = self.written is not None and (self.scene.staged or not self.scene.branch.on)
        return waits or (bool(self.plan.part.wanted) and self.tag() is None)


def carry_out(workspace: Workspace, model: str, plan: Callable[[Scene], Plan], *, watched: Sequence[str]) -> Done:
    """Write what `plan` says of a model in one commit, or nothing where it says that all is so already."""
    writer = workspace.writer()
    last: list[tuple[Scene, Plan]] = []
    hidden_known = hiding.is_current(workspace)

    def change(snapshot: Snapshot) -> Change | None:
        scene = Scene.of(workspace, writer, snapshot)
        scene.remarks += (unread := workspace.unread_configuration(scene.catalog, model))
        try:
            planned = plan(scene)
        except ModelverError as error:
            error.hints += unread
            raise
        last[:] = [(scene, planned)]
        part, config = planned.part, scene.catalog.config
        if not part.files:
            return None
        message = commit_message(config, [part.op], planned.model, planned.version, part.what, planned.message)
        return Change(part.files, message, part.tags, hooks=config.commit.hooks, removed=part.removed)

    written = writer.write(change, watched=watched)
    scene, planned = last[0]
    scene.remarks += [STAGED] if written is not None and scene.staged else []
    if written is not None and hidden_known:
        scene.remarks += hiding.renew(workspace, added=True)  # the same artifacts as before
    if written is not None and written.ref == "HEAD" and scene.branch.on and scene.branch.name:
        scene.remarks.append(f"HEAD is detached; `git push REMOTE HEAD:{scene.branch.name}` brings this to the branch")
    return Done(scene=scene, plan=planned, written=written)
