"""Prepare the pull request that promotes a version, instead of promoting it (rule B5)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from modelver.domain import forges, names
from modelver.domain.redaction import without_credentials
from modelver.errors import Conflict, ModelverError, UsageError
from modelver.git.remote import Remote
from modelver.operations.compared import Difference
from modelver.operations.diff import diff
from modelver.operations.gates import Asked
from modelver.operations.results import Staged
from modelver.operations.stages import promote
from modelver.operations.together import Requested
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

    The same request again goes on from that branch. `report` makes of the comparison with the present holder the text
    of the pull request. Raises as `promote` does, and `ProgramFailed` or `Denied` where the branch cannot be pushed.
    """
    if workspace.to is not None or workspace.staged:
        raise UsageError("--request has a branch of its own", hint="leave out --branch and --no-commit")
    base, tip = workspace.branch.name, workspace.branch.tip
    if base is None or tip is None:
        raise Conflict(
            "the registry's branch is not here, so a request cannot start from it",
            hint="set `branch:` in .modelver/config.yaml, and git fetch it",
        )
    at_base = dataclasses.replace(workspace, at=tip, told=[])
    found, name = at_base.catalog.find(ref), names.parse_stage(stage)
    pointer = at_base.catalog.stage(found.model, name)
    if pointer is not None and pointer.version == found.version:
        raise Conflict(f"{found.version} holds {name} on {base} already", hint=f"modelver show {found.model}@{name}")
    number = (pointer.number if pointer else 0) + 1
    branch = f"promote/{found.model.replace('/', '-')}-{name}-{number}-{found.version[-8:]}"
    aside = dataclasses.replace(workspace, to=branch, start=tip)
    staged = promote(aside, found.version, name, message=message, asked=asked)
    body = _body(at_base, staged, pointer.version if pointer else None, message, report)
    remarks = list(staged.remarks)
    url = _publish(workspace, staged, base, branch, body, remarks)
    facts = {each.name: getattr(staged, each.name) for each in dataclasses.fields(staged)}
    return Requested(**(facts | {"branch": branch, "compare_url": url, "body": body, "remarks": tuple(remarks)}))


def _title(staged: Staged) -> str:
    return f"Promote {staged.model} {staged.version} to {staged.stage}"


def _body(
    at_base: Workspace, staged: Staged, holder: str | None, message: str, report: Callable[[Difference], str]
) -> str:
    """Why, and what the comparison with the present holder says, in Markdown."""
    parts = [message] if message else []
    if holder is None:
        parts.append(f"Nobody holds {staged.stage} of {staged.model} yet.")
    else:
        model, version = staged.model, str(staged.version)
        try:
            parts.append(report(diff(at_base, f"{model}@{holder}", f"{model}@{version}")))
        except ModelverError as error:
            parts.append(f"It cannot be compared with {holder}, which holds {staged.stage}: {error.message}")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _publish(workspace: Workspace, staged: Staged, base: str, branch: str, body: str, remarks: list[str]) -> str | None:
    """Push the branch and open the pull request; the page of the comparison, None where the remote has no pages."""
    repository = workspace.repository
    try:
        remote = Remote.of(repository, workspace.configuration, base)
    except ModelverError as error:
        remarks.append(f"{branch} is prepared, and not pushed: {error.message}")
        return None
    try:
        _push(remote, branch)
    except ModelverError as error:
        error.message = without_credentials(error.message)
        error.hints.append(f"{branch} is prepared here; the same command again pushes it")
        raise
    home = forges.home_of(remote.url())
    if home is None:
        return None
    opened = open_request(
        PullRequest(host=home.host, path=home.path, base=base, branch=branch, title=_title(staged), body=body)
    )
    if opened is not None:
        remarks.append(without_credentials(f"opened {opened.url}" if opened.url else opened.why))
    return forges.compare_url(home, base, branch)


def _push(remote: Remote, branch: str) -> None:
    """Push a branch, where the remote does not have it so already."""
    ref = f"refs/heads/{branch}"
    if remote.state(branch).refs.get(ref) != remote.repository.commit(ref):
        failure = remote.push([f"{ref}:{ref}"]).error
        if failure is not None:
            raise failure
