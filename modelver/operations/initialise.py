"""Start a registry in a repository."""

from __future__ import annotations

from modelver.catalog import Catalog
from modelver.errors import Conflict
from modelver.git.change import Change, Snapshot
from modelver.git.repository import Head, Repository
from modelver.operations import hiding
from modelver.operations.proposals import proposals
from modelver.operations.results import Initialised
from modelver.operations.workspace import Workspace
from modelver.records import layout
from modelver.records.writer import write

_IGNORE = b"/objects\n"
# Records are compared byte for byte, so Git must not convert them; a stage that two branches moved is decided
# by a person, so Git must not merge it line by line.
_ATTRIBUTES = b"* -text -filter -ident -working-tree-encoding\nmodels/**/stages/* -merge\n"


def initialise(workspace: Workspace) -> Initialised:
    """Commit the registry's own files, those that are missing; nothing when all are there (rule S1).

    Raises `UsageError` where there is no identity or no work tree, `Conflict` where files of the user's are
    in the way, and where a chosen branch is new before the first commit: it would share no history with what comes.
    """
    root = workspace.root
    repository = workspace.repository
    if workspace.head.new and workspace.head.commit is None:
        raise Conflict(
            f"there is no commit yet that {workspace.to} could start from",
            hint=["git commit --allow-empty -m first    makes one", "or leave out --branch"],
        )
    branch = _branch(repository, workspace)

    def plan(snapshot: Snapshot) -> Change | None:
        wanted = {
            layout.ATTRIBUTES: _ATTRIBUTES,
            layout.IGNORE: _IGNORE,
            layout.CONFIG: write({"format": 1, "branch": branch}),
        }
        missing = {path: data for path, data in wanted.items() if not _is_there(snapshot, path)}
        if not missing:
            return None
        return Change(missing, "modelver: init\n\nModelver-Op: init", hidden=(layout.OBJECTS,))

    written = workspace.writer().write(plan, watched=[layout.ROOT])
    catalog = Catalog(repository, (written and written.commit) or repository.head().commit)
    remark = workspace.link_objects() or _fetch_refs(workspace, catalog)
    remarks = [*(written.remarks if written else ()), *([remark] if remark else []), *hiding.renew(workspace)]
    return Initialised(
        created=written is not None,
        commit=written.commit if written else None,
        branch=catalog.config.branch or branch,
        proposals=proposals(root, catalog.config),
        remarks=(*remarks, *catalog.config.warnings),
    )


def _fetch_refs(workspace: Workspace, catalog: Catalog) -> str | None:
    """Where versions are kept under refs/modelver/, have Git fetch them, which it does not by itself (rule I4)."""
    refspec = "+refs/modelver/*:refs/modelver/*"
    remotes = [key for key in workspace.configuration.values if key.startswith("remote.") and key.endswith(".fetch")]
    if catalog.config.tags.versions != "ref" or not remotes:
        return None
    key = "remote.origin.fetch" if "remote.origin.fetch" in remotes else remotes[0]
    if refspec in workspace.configuration.values[key]:
        return None
    workspace.repository.set_option(key, refspec)
    return f"`git fetch` now also brings versions from the remote: {key} = {refspec}"


def _is_there(snapshot: Snapshot, path: str) -> bool:
    return snapshot.root is not None and snapshot.repository.entry(snapshot.root, path) is not None


def _branch(repository: Repository, workspace: Workspace) -> str:
    """The registry's branch: the remote's default one where it is known, else the current one (rule B1)."""
    head = repository.head()
    default = repository.default_branch()
    if default:
        return default
    return short(head) or workspace.configuration.last("init.defaultbranch") or "main"


def short(head: Head) -> str | None:
    """The branch that is checked out, by its short name; None where the head is detached."""
    return head.ref.removeprefix("refs/heads/") if head.ref.startswith("refs/heads/") else None
