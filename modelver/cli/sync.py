"""Commands for working with others: sync, undo."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from modelver.cli import github
from modelver.cli.render import present
from modelver.cli.shared import registry


def sync(
    context: typer.Context,
    push: Annotated[
        bool, typer.Option("--push", help="Also bring branch and tags to the remote, on top of what others pushed.")
    ] = False,
    ci: Annotated[
        bool,
        typer.Option("--ci", help="Also write the summary and outputs of a GitHub job, where its files are named."),
    ] = False,
) -> None:
    """Make the tags that the records call for.

    After a merge, or a commit of records by hand, those of versions, labels and stages that are not there yet are
    made where they belong, and tags that are wrong are named; then the exit code is 1. Without --push no network is
    asked.

    With --push the branch that is checked out goes to the remote together with the tags that the remote lacks. Where
    others have pushed meanwhile, your own commits of records are put on top of theirs; lost races are run again. With
    --json the new labels and stages are named, so that a CI job can go on with them.

    \b
    Examples:
      modelver sync
      modelver sync --push
      modelver sync --push --json
    """
    synced = registry(context).sync(push=push)
    present(context, synced)
    if ci:
        github.report_sync(synced, os.environ)
    raise typer.Exit(synced.code)


def undo(context: typer.Context) -> None:
    """Take back the last operation on the branch that is checked out.

    Works while its commit is the newest one there, your own, and on no remote that this clone knows: branch and tags go
    back, and so do the records in index and work tree; changes of yours stay. The bytes stay in the store. Where
    records wait in the index for a commit of yours, nothing is taken back. What --branch wrote is taken back on its
    branch. A stage that others know of is given back by rollback or demote, anything else by git revert.

    \b
    Examples:
      modelver undo
    """
    present(context, registry(context).undo())
