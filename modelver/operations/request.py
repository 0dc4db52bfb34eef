"""Prepare the pull request that promotes a version, instead of promoting it (rule B5)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from modelver.catalog import Catalog
from modelver.domain import forges, names
from modelver.domain.redaction import without_credentials
from modelver.domain.resolution import Resolved
from modelver.domain.text import counted
from modelver.errors import Conflict, ModelverError, NotFound, UsageError
from modelver.git.branches import beyond
from modelver.git.remote import Remote, State
from modelver.operations.compared import Difference
from modelver.operations.diff import diff
from modelver.operations.gates import Asked
from modelver.operations.request_branch import RequestBranch, set_aside
from modelver.operations.results import Staged
from modelver.operations.stages import promote
from modelver.operations.together import Requested
from modelver.operations.values import checked_text
from modelver.operations.workspace import Workspace
from modelver.programs.forge import PullRequest, open_request


def request(
    workspace: Workspace,
    ref: str,
    stage: str,
    *,
    message: str = "",
    asked: Asked | None = None,
    report: Callable[[Difference], str],
) -> Requested:
    """Promote on a branch of its own, made from the registry's, push it, and open the pull request or say where.

    The same request again, also after somebody else's, goes on from that branch. `report` makes of the comparison
    with the present holder the text of the pull request. Raises as `promote` does, and `ProgramFailed` or `Denied`
    where the remote does not answer or the branch cannot be pushed.
    """
    if workspace.to is not None or workspace.staged:
        raise UsageError("--request has a branch of its own", hint="leave out --branch and --no-commit")
    why = checked_text(message, "message")
    branch, holder = _branch(workspace, ref, stage)
    remote = _remote(workspace, branch)
    state = remote.state(branch.name, branch.base) if remote else State({}, {})
    theirs = state.refs.get(branch.ref)
    if remote and theirs:
        branch.follow(remote, theirs)
    with set_aside(branch.repository, branch.ref, None if theirs else branch.outdated(why)):
        staged = _promoted(workspace, branch, why, asked)
    entry = branch.entry(branch.commit or branch.start)
    recorded = entry.message if entry else why
    if why not in ("", recorded):
        workspace.tell(f"{branch.name} is there already with another reason, and stays as it is")
    body = _body(dataclasses.replace(workspace, at=branch.start, told=[]), staged, holder, recorded, report)
    if remote:
        _push(workspace, branch, remote, state)
    url = _open(workspace, branch, remote, _title(staged), body) if remote else None
    facts = {each.name: getattr(staged, each.name) for each in dataclasses.fields(staged)}
    return Requested(**(facts | {"branch": branch.name, "compare_url": url, "body": body}))


def _branch(workspace: Workspace, ref: str, stage: str) -> tuple[RequestBranch, str | None]:
    """The branch that the request goes on, and who holds the stage so far."""
    base, tip = workspace.branch.name, workspace.branch.tip
    if base is None or tip is None:
        raise Conflict(
            "the registry's branch is not here, so a request cannot start from it",
            hint="set `branch:` in .modelver/config.yaml, and git fetch it",
        )
    found = dataclasses.replace(workspace, at=tip, told=[]).catalog.find(ref)
    name, start = names.parse_stage(stage), _start(workspace, found, tip)
    pointer = Catalog(workspace.repository, start).stage(found.model, name)
    holder = pointer.version if pointer else None
    if holder == found.version:
        raise Conflict(f"{found.version} holds {name} on {base} already", hint=f"modelver show {found.model}@{name}")
    number = (pointer.number if pointer else 0) + 1
    repository = workspace.repository
    branch = RequestBranch(repository=repository, base=base, start=start, found=found, stage=name, number=number)
    return branch, holder


def _start(workspace: Workspace, found: Resolved, tip: str) -> str:
    """The remote-tracking branch, so that nothing else goes along; where only the local one has the version, that."""
    remote = workspace.branch.remote
    known = remote is not None and found.version in Catalog(workspace.repository, remote).versions(found.model)
    return remote if remote is not None and known else tip


def _remote(workspace: Workspace, branch: RequestBranch) -> Remote | None:
    try:
        return Remote.of(workspace.repository, workspace.configuration, branch.base)
    except NotFound as error:
        workspace.tell(f"{branch.name} is prepared, and not pushed: {error.message}")
        return None


def _promoted(workspace: Workspace, branch: RequestBranch, message: str, asked: Asked | None) -> Staged:
    """The promotion on the branch, made from its start where it is not there."""
    aside = dataclasses.replace(workspace, to=branch.name, start=branch.start)
    try:
        return promote(aside, branch.found.version, branch.stage, message=message, asked=asked)
    except ModelverError as error:
        if branch.start != workspace.branch.tip:
            error.hints.append(f"git push    first, if it needs what {branch.base} has here alone")
        raise


def _title(staged: Staged) -> str:
    return f"Promote {staged.model} {staged.version} to {staged.stage}"


def _body(
    at_start: Workspace, staged: Staged, holder: str | None, message: str, report: Callable[[Difference], str]
) -> str:
    """Why, and what the comparison with the present holder says, in Markdown."""
    parts = [message] if message else []
    if holder is None:
        parts.append(f"Nobody holds {staged.stage} of {staged.model} yet.")
    else:
        model, version = staged.model, str(staged.version)
        try:
            parts.append(report(diff(at_start, f"{model}@{holder}", f"{model}@{version}")))
        except ModelverError as error:
            parts.append(f"It cannot be compared with {holder}, which holds {staged.stage}: {error.message}")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _push(workspace: Workspace, branch: RequestBranch, remote: Remote, state: State) -> None:
    """Push the branch where the remote does not have it so already, and say what goes along with it."""
    if state.refs.get(branch.ref) == branch.commit:
        return
    base = branch.repository.commit(state.refs.get(f"refs/heads/{branch.base}", branch.repository.null))
    others = beyond(branch.repository, branch.ref, remote.name if remote.tracked else None, base) - 1
    if others > 0:
        workspace.tell(f"{counted(others, 'commit')} of {branch.base} that were not pushed yet went along")
    failure = remote.push([f"{branch.ref}:{branch.ref}"]).error
    if failure is not None:
        failure.hints.append(f"{branch.name} is prepared here; the same command again goes on from there")
        raise failure


def _open(workspace: Workspace, branch: RequestBranch, remote: Remote, title: str, body: str) -> str | None:
    """Open the pull request; the page of the comparison, None where the remote has no pages."""
    home = forges.home_of(remote.url())
    if home is None:
        return None
    wanted = PullRequest(host=home.host, path=home.path, base=branch.base, branch=branch.name, title=title, body=body)
    opened = open_request(wanted)
    if opened is not None:  # told besides the result, because with --json its own remarks are not shown
        workspace.tell(without_credentials(f"opened {opened.url}" if opened.url else opened.why))
    return forges.compare_url(home, branch.base, branch.name)
