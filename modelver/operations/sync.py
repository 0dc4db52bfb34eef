"""Make the tags that the records call for (rule B6); with `push`, also on the remote (rule B7)."""

from __future__ import annotations

from modelver.catalog import Catalog
from modelver.git.change import Change, Snapshot
from modelver.operations.branch import RegistryBranch
from modelver.operations.due import MENDED, Due, Placed, due, place, told
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
    found: list[tuple[Due, Placed]] = []

    def plan(snapshot: Snapshot) -> Change | None:
        head = with_registry(Catalog(repository, snapshot.head.commit))
        branch = RegistryBranch(repository, lambda: workspace.configuration, snapshot.head, head.config.branch)
        here = repository.tag_targets("refs/tags", "refs/modelver")
        lacking = due(head, branch, here, Published(repository, head) if unpublished else None)
        placed = place(lacking, head, branch, here)
        found[:] = [(lacking, placed)]
        return Change({}, "modelver: sync", [tag for _, tag in placed.pairs]) if placed.pairs else None

    writer = workspace.writer(anonymous=True)
    remarks = writer.recover()  # told also where there is nothing left to write
    writer.write(plan, watched=[layout.CONFIG])
    lacking, placed = found[0]
    wrong = (*lacking.wrong, *placed.wrong)
    return Synced(
        new=told(each for each, _ in placed.pairs),
        wrong=wrong,
        beyond=placed.beyond,
        remarks=(*remarks, *placed.remarks, *(MENDED if wrong else ())),
    )
