"""Branches by their short names: one to write to that is not checked out, and which commits are on one."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import PurePosixPath

from modelver.errors import Conflict, UsageError
from modelver.git.repository import Head, Repository

_NOT_OURS = re.compile(r"@|[A-Z_]*HEAD|refs/.*|-.*", re.DOTALL)
"""Names that Git reads as something else: short for `HEAD`, files of its own beside it, full names, options."""


def chosen(repository: Repository, name: str, start: str | None = None) -> Head:
    """The branch that a person names: as it is, or yet to be made from `start` or `HEAD` (rule B5); two processes.

    Raises `UsageError` for what is no name of a branch, `Conflict` for one that another work tree has checked out.
    """
    ref = f"refs/heads/{name}"
    plain = name.isprintable() and not _NOT_OURS.fullmatch(name)
    if not plain or repository.git.run("check-ref-format", ref, accept=(0, 1)).code:
        raise UsageError(f"{name!r} is no name of a branch", hint="git check-ref-format --help    has the rules")
    head = repository.head()
    if head.ref == ref:
        return head
    answer = repository.git.run("for-each-ref", "--format=%(refname)%00%(worktreepath)", ref, end=b"\n")
    for line in os.fsdecode(answer.out).splitlines():
        found, _, place = line.partition("\0")
        if found == ref and place:
            raise Conflict(f"{name} is checked out in {place}", hint=f"modelver -C {_quoted(place)} …    writes there")
        if found != ref:
            raise _no_room(name, found)
    for above in list(PurePosixPath(ref).parents)[:-3]:
        if repository.commit(above.as_posix()):
            raise _no_room(name, above.as_posix())
    _refuse_rebased(repository, name, ref)
    commit = repository.commit(ref)
    if commit is None and start is None and "/" in name:
        _refuse_remote(repository, name)
    return Head(ref, commit or start or head.commit, new=commit is None)


def tracked(repository: Repository, name: str) -> list[str]:
    """The remote-tracking branches of a name, by their short names."""
    return [ref.removeprefix("refs/remotes/") for ref in repository.refs(f"refs/remotes/*/{name}")]


def beyond(repository: Repository, tip: str, remote: str | None, known: str | None) -> int:
    """How many commits of `tip` are on no branch that a remote is known to have, nor behind the commit `known`."""
    without = [*([f"--remotes={remote}"] if remote else []), *([known] if known else [])]
    return int(repository.git.run("rev-list", "--count", tip, "--not", *without, "--", end=b"\n").out)


def _refuse_remote(repository: Repository, name: str) -> None:
    """Raise `UsageError` for a new branch that would be called like a remote-tracking one, which stays another."""
    remotes = [line for line in os.fsdecode(repository.git.run("remote").out).splitlines() if line]
    for remote in remotes:
        own = name.removeprefix("remotes/").removeprefix(f"{remote}/")
        if own != name.removeprefix("remotes/"):
            raise UsageError(
                f"{name} is how Git calls the branch {own} of the remote {remote}",
                hint=f"--branch {_quoted(own)}",
            )


def tips(repository: Repository) -> list[tuple[str, str, int]]:
    """The local branches, the one with the newest commit first: short name, commit, and its second; one process."""
    form = "--format=%(committerdate:unix) %(objectname) %(refname)"
    answer = repository.git.run("for-each-ref", "--sort=-committerdate", form, "refs/heads", end=b"\n")
    lines = (line.split(" ", 2) for line in os.fsdecode(answer.out).splitlines())
    return [(ref.removeprefix("refs/heads/"), commit, int(second)) for second, commit, ref in lines]


def _refuse_rebased(repository: Repository, name: str, ref: str) -> None:
    """Raise `Conflict` for a branch that a rebase in some work tree has taken off and will put back."""
    for folder in (repository.common_dir, *(repository.common_dir / "worktrees").glob("*")):
        for kind in ("rebase-merge", "rebase-apply"):
            with contextlib.suppress(OSError):
                if os.fsdecode((folder / kind / "head-name").read_bytes()).strip() == ref:
                    raise Conflict(
                        f"{name} is being rebased in another work tree", hint="finish the rebase, or abort it"
                    )


def _no_room(name: str, other: str) -> Conflict:
    other = other.removeprefix("refs/heads/")
    ways = [f"git branch -m {_quoted(other)} NEW    makes room, where NEW is another name for it"]
    return Conflict(f"there is a branch {other}, so there can be none {name}", hint=ways)


def _quoted(word: str) -> str:
    """A word as a shell reads it; the module is loaded for an error alone, since every command loads this one."""
    import shlex

    return shlex.quote(word)
