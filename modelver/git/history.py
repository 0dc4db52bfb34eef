"""History: which commit brought or changed something, and which commits one has and another has not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime

from modelver.errors import ProgramFailed
from modelver.git.repository import Repository


def brought(repository: Repository, path: str, tip: str) -> str | None:
    """The newest first-parent commit that added a path, None where history does not reach it."""
    return _newest(repository, path, tip, "--diff-filter=A")


def touched(repository: Repository, path: str, tip: str) -> str | None:
    """The newest first-parent commit that changed a path, None where history does not reach it."""
    return _newest(repository, path, tip)


def _newest(repository: Repository, path: str, tip: str, *options: str) -> str | None:
    import git as gitpython

    words = ("--max-count=1", "--first-parent", "--no-show-signature", "--no-follow", "--root", "--format=%H")
    with gitpython.Repo(repository.git_dir) as repo:
        repo.git.update_environment(**repository.git.environment())
        try:
            found = str(repo.git.log(*words, *options, tip, "--", path))
        except gitpython.GitCommandError as error:
            raise ProgramFailed(f"git log failed: {str(error.stderr).strip()}") from error
    # At a shallow boundary a commit looks as if it had brought every file.
    return found if found and found not in repository.boundary else None


def first_parents(repository: Repository, tip: str, *, without: Sequence[str]) -> list[str]:
    """The first-parent commits of `tip`, newest first, that none of the others contains."""
    answer = repository.git.run("rev-list", "--first-parent", tip, "--not", *without, end=b"\n")
    return answer.out.decode("ascii").split()


def commits_between(repository: Repository, older: str, newer: str) -> list[str]:
    """The commits of `newer` that `older` does not contain, parents before their children."""
    answer = repository.git.run("rev-list", "--topo-order", "--reverse", newer, f"^{older}", "--", end=b"\n")
    return answer.out.decode("ascii").split()


def newest_with(repository: Repository, pattern: str, tip: str) -> str | None:
    """The newest first-parent commit of `tip` with a line in its message that matches; None where there is none."""
    words = ("rev-list", "--first-parent", "--max-count=1", "--extended-regexp", f"--grep={pattern}", tip, "--")
    return repository.git.run(*words, end=b"\n").out.decode("ascii").strip() or None


def holding(repository: Repository, commit: str, *prefixes: str) -> str | None:
    """A ref below the prefixes whose history contains a commit, None where there is none."""
    words = ("for-each-ref", f"--contains={commit}", "--format=%(refname) %(symref)", *prefixes)
    lines = os.fsdecode(repository.git.run(*words, end=b"\n").out).splitlines()
    return next((line.strip() for line in lines if line.endswith(" ")), None)  # not origin/HEAD, which is another


def newest_before(repository: Repository, tip: str, moment: datetime) -> str | None:
    """The newest first-parent commit of `tip` that was made until a moment."""
    seconds = int(moment.timestamp())
    if seconds < 0:
        return None
    # Without `@`, Git takes few digits for something else than seconds.
    until = f"--before=@{seconds} +0000"
    answer = repository.git.run("rev-list", "--first-parent", "--max-count=1", until, tip, end=b"\n")
    return answer.out.decode("ascii").strip() or None


def changes(repository: Repository, tip: str, *paths: str) -> list[tuple[str | None, list[tuple[str, str]]]]:
    """The first-parent commits that changed something at or below the paths, newest first; one process.

    Each with the path and the new object id (all zeros: removed) of what it changed. A commit at which a
    shallow history ends is None, since it looks as if it had brought everything.
    """
    words = ("log", "--first-parent", "--diff-merges=first-parent", "--root", "--raw", "-z", "--no-abbrev")
    form = ("--no-renames", "--no-show-signature", "--format=%x00%H")
    answer = repository.git.run(*words, *form, tip, "--", *paths)
    found: list[tuple[str | None, list[tuple[str, str]]]] = []
    boundary = repository.boundary
    fields = iter(os.fsdecode(answer.out).split("\0"))
    for field in fields:
        line = field.strip("\n")
        if line.startswith(":"):
            found[-1][1].append((next(fields, ""), line.split(" ")[3]))
        elif line:
            found.append((None if line in boundary else line, []))
    return found
