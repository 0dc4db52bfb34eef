"""The Git hooks: put in place, taken away, and what each of them does."""

from __future__ import annotations

from modelver.errors import ModelverError, NotFound, UsageError
from modelver.git.quick import HOOKS

TYPE_CHECKING = False  # see modelver/git/environment.py

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from modelver.files import Lock
    from modelver.operations.together import HooksPlaced, HooksRemoved, Unfit
    from modelver.operations.workspace import Workspace

REFUSED = 4
"""The exit code by which a hook refuses; any other lets Git go on."""

_TIMEOUT = "5"
"""Seconds that a hook waits for another writer, since a person waits for it; the next sync makes up for it."""


def run(directory: str, hook: str, words: Sequence[str], settings: Mapping[str, str]) -> tuple[list[Unfit], list[str]]:
    """Do what a hook does: what must not go into the commit, and what there is to tell. Its failures stop nobody.

    `words` are what Git gives to the hook; for `pre-commit` also files, which are checked as they are in the index.
    """
    if hook not in HOOKS:
        raise UsageError(f"there is no hook {hook}", hint=f"one of {', '.join(HOOKS)}")
    patient = {"lock-timeout": _TIMEOUT, **settings}
    try:
        if hook == "pre-commit":
            from modelver.operations.commit_check import check

            return check(directory, words)
        from modelver.operations.follow_up import follow_up

        return [], follow_up(directory, hook, words, patient)
    except (ModelverError, OSError) as error:
        if isinstance(error, NotFound) and hook == "pre-commit" and words:
            raise  # a file that somebody named, which is no failure of the hook's
        return [], [f"{hook} was passed over: {error}"]


def install(workspace: Workspace, python: str) -> HooksPlaced:
    """Put the hooks where Git looks for them, before those that are there already; `python` has modelver."""
    from modelver.git import hooks
    from modelver.operations.together import HookPlaced, HooksPlaced
    from modelver.operations.workspace import with_registry

    with_registry(workspace.at_head)
    folder = hooks.usable(workspace.repository)
    remarks = list(_remarks(workspace, folder))
    with _lock(workspace):
        changed, placed = hooks.install(folder, python)
    return HooksPlaced(
        directory=str(folder),
        changed=changed,
        hooks=tuple(HookPlaced(name=each.name, chained=each.chained) for each in placed),
        remarks=tuple(remarks),
    )


def uninstall(workspace: Workspace) -> HooksRemoved:
    """Take the hooks away, from where Git looks now and from where it looks by default."""
    from modelver.git import hooks
    from modelver.operations.together import HooksRemoved

    gone, remarks = [], []
    usual = workspace.repository.common_dir / "hooks"
    folder = hooks.directory(workspace.repository) or usual
    with _lock(workspace):
        for place in dict.fromkeys([folder, usual]):
            removed, told = hooks.uninstall(place)
            gone += [each.name for each in removed]
            remarks += told
    return HooksRemoved(directory=str(folder), hooks=tuple(dict.fromkeys(gone)), remarks=tuple(remarks))


def _lock(workspace: Workspace) -> Lock:
    from modelver.files import Lock

    return Lock(workspace.repository.home / "lock", timeout=workspace.timeout, what="the registry")


def _remarks(workspace: Workspace, folder: Path) -> Iterator[str]:
    """What else the place of the hooks touches."""
    from modelver.domain.text import printable

    real = folder.resolve()
    if workspace.repository.work_tree is not None and real.is_relative_to(root := workspace.root.resolve()):
        inside = real.relative_to(root).as_posix()
        if workspace.repository.indexed(inside):
            yield f"Git tracks {printable(inside)}, so these hooks show as changes; elsewhere they use modelver of PATH"
    elif not real.is_relative_to(workspace.repository.common_dir.resolve()):
        yield f"{printable(str(real))} is not this repository's own: whoever else uses it runs these hooks, too"
    if (folder / "h").is_file() and folder.name == "_":
        yield "husky writes its hooks anew at each `npm install`; run `modelver hooks install` after it"
