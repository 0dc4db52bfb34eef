"""The command for the Git hooks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from modelver.cli.render import present
from modelver.cli.shared import choices, registry
from modelver.errors import NotFound, UsageError


def hooks(
    context: typer.Context,
    words: Annotated[
        list[str], typer.Argument(metavar="WORD...", help="install; uninstall; or run NAME and the words for it.")
    ],
) -> None:
    """Let Git keep model files out of commits, and make tags when records arrive.

    `install` adds four hooks to this clone. pre-commit refuses bytes that are a registered artifact, and model files
    over 10 MB (hooks: {max_size: 50MB} in the configuration). post-commit and post-merge make the tags of records
    that nobody else has yet, as `sync` does without network, and name artifacts that have become stale. post-checkout
    renews the list of what Git does not offer, and with hooks: {checkout: true} puts artifacts in place. Hooks that
    are there run first, with their exit codes, also those of the pre-commit framework and of husky, and where
    core.hooksPath leads. Where modelver is missing or fails, Git goes on.

    `uninstall` brings back what was there, byte for byte. `run` is what the hooks call; run pre-commit FILE... checks
    these files as they are staged, with exit code 4 where one must not be committed, and run pre-push is verify, but
    passes where HEAD has no registry.

    \b
    Examples:
      modelver hooks install
      modelver hooks run pre-commit model.bin
      modelver hooks uninstall
    """
    match words:
        case ["install"]:
            present(context, registry(context).hooks_install())
        case ["uninstall"]:
            present(context, registry(context).hooks_uninstall())
        case ["run", "pre-push", *_]:
            _verify(context)
        case ["run", name, *rest]:
            from modelver.cli.hook import tell
            from modelver.cli.machine import environment
            from modelver.git.repository import Repository
            from modelver.operations.hooks import REFUSED, run
            from modelver.operations.together import HookRan

            directory = choices(context).directory or "."
            root = Repository.discover(Path(directory).absolute()).work_tree
            unfit, told = run(directory, name, rest, environment())
            if choices(context).json:
                present(context, HookRan(hook=name, refused=tuple(unfit), told=tuple(told)))
            else:
                inside = os.path.relpath(directory, root) if root is not None else ""
                tell(unfit, told, os.environ.get("GIT_PREFIX") or inside)
            if unfit:
                raise typer.Exit(REFUSED)
        case _:
            usage = ["install", "uninstall", "run NAME [WORD]..."]
            raise UsageError("hooks takes other words", hint=[f"modelver hooks {each}" for each in usage])


def _verify(context: typer.Context) -> None:
    """Verify, unless the branch that is checked out is from before the registry."""
    from modelver.git.repository import Repository

    Repository.discover(Path(choices(context).directory or ".").absolute())
    try:
        result = registry(context).verify()
    except NotFound:
        return
    present(context, result)
    raise typer.Exit(result.code)
