"""Make the tags that the records call for (rule B6); with `push`, also on the remote (rule B7)."""

from __future__ import annotations

from modelver.catalog import Catalog
from modelver.git.change import Change, Snapshot
from modelver.operations.announce import Announcement
from modelver.operations.branch import RegistryBranch
from modelver.operations.due import Due, due, tags_of, told
from modelver.operations.published import Published
from modelver.operations.together import Synced
from modelver.operations.workspace import Workspace, with_registry
from modelver.records import layout


def sync(workspace: Workspace, *, push: bool = False, unpublished: bool = False) -> Synced:
    """Make the tags that are missing, of records here and on the registry's branch; name those that are wrong.

    Asks no network unless it is to `push`. With `unpublished`, only for records that no remote-tracking branch holds.
    """
    if push:
        from modelver.operations.push import push as pushed

        return pushed(workspace)
    repository = workspace.repository
    made: list[Announcement] = []
    found: list[Due] = []

    def plan(snapshot: Snapshot) -> Change | None:
        head = with_registry(Catalog(repository, snapshot.head.commit))
        branch = RegistryBranch(repository, lambda: workspace.configuration, snapshot.head, head.config.branch)
        here = repository.tag_targets("refs/tags", "refs/modelver")
        found[:] = [due(head, branch, here, Published(repository, head) if unpublished else None)]
        pairs = list(tags_of(found[0], head, branch, here))
        made[:] = [each for each, _ in pairs]
        return Change({}, "modelver: sync", [tag for _, tag in pairs]) if pairs else None

    writer = workspace.writer(anonymous=True)
    remarks = writer.recover()  # told also where there is nothing left to write
    writer.write(plan, watched=[layout.CONFIG])
    return Synced(new=told(made), wrong=found[0].wrong, remarks=tuple(remarks))
