"""Put commits of records on top of another commit, as a rebase does, without touching index or work tree (rule B7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from modelver.errors import Conflict
from modelver.git.configuration import Configuration, Identity
from modelver.git.moving import Difference, differences
from modelver.git.objects import Draft, commit_body, graft, send
from modelver.git.repository import FILE, Repository
from modelver.git.signatures import sign_commit
from modelver.git.trailers import is_operation

_BODY = re.compile(
    rb"tree [0-9a-f]+\nparent (?P<parent>[0-9a-f]+)\n(?P<more>parent )?.*?author (?P<author>[^\n]*)\n"
    rb"committer [^\n]* (?P<second>-?[0-9]+) [^\n]*\n(?:[^\n]+\n)*\n(?P<message>.*)",
    re.DOTALL,
)


class BothChanged(Conflict):
    """Both sides changed the file at `path`, each in its own way; `commit` is the one of ours that did."""

    def __init__(self, path: str, commit: str) -> None:
        super().__init__(f"{path} was changed there too, in another way")
        self.path = path
        self.commit = commit


@dataclass(frozen=True)
class RecordCommit:
    """A commit that changes records alone: its author as Git writes it, its message, and what it changes.

    `second` is when it was made, counted as Unix does.
    """

    id: str
    parent: str
    author: str
    second: int
    message: str
    changes: tuple[Difference, ...]


Ignored = Callable[[str, Sequence[Difference]], Collection[tuple[str, bytes]]]
"""Of a commit and its changes, the lines that it may add to a `.gitignore`: path of that file, and line."""


def read(repository: Repository, commit: str, ignored: Ignored | None = None) -> RecordCommit | None:
    """A commit of modelver's own; None for one that is more, or less: a merge, or one that changes other files.

    To a `.gitignore` it may only add the lines that are `ignored`; where nobody says which, such as mean one path
    beside it. Any other change of one is the user's.
    """
    body = repository.batch.contents([commit])[0][1]
    match = _BODY.fullmatch(body)
    if match is None or match["more"] or not is_operation(body) or commit in repository.boundary:
        return None
    parent = match["parent"].decode("ascii")
    changes = differences(repository, parent, commit)
    others = [change for change in changes if not change.path.startswith(".modelver/")]
    known = ignored(commit, changes) if ignored and others else None
    if not all(_is_plain(change) for change in changes):
        return None
    if not all(_hides(repository, change, known) for change in others):
        return None
    author, message = (match[part].decode("utf-8", "surrogateescape") for part in ("author", "message"))
    return RecordCommit(commit, parent, author, int(match["second"]), message, tuple(changes))


def _is_plain(change: Difference) -> bool:
    return all(side[0] == FILE for side in (change.old, change.new) if side)


def _hides(repository: Repository, change: Difference, known: Collection[tuple[str, bytes]] | None) -> bool:
    """Whether a change adds to a `.gitignore` the lines of artifacts, and does nothing else."""
    if PurePosixPath(change.path).name != ".gitignore" or change.new is None:
        return False
    old = _content(repository, change.old[1]) if change.old else b""
    start = old if not old or old.endswith(b"\n") else old + b"\n"
    new = _content(repository, change.new[1])
    if not new.startswith(start) or not new.endswith(b"\n"):
        return False
    added = new[len(start) :].split(b"\n")[:-1]
    return all(line.startswith(b"/") if known is None else (change.path, line) in known for line in added)


def replay(
    repository: Repository,
    commits: Sequence[RecordCommit],
    onto: str,
    identity: Identity,
    configuration: Configuration,
) -> dict[str, str]:
    """Make the same commits on top of `onto`, oldest first; the new commit for each, which Git has from now on.

    One that changes nothing there any more has none of its own. Raises `BothChanged` where both sides changed a file
    differently: a person has to decide.
    """
    draft = Draft(repository.algorithm)
    base = root = repository.root(onto)
    tip, made = onto, dict[str, str]()
    since: dict[str, str | None] = {}
    for commit in commits:
        files: dict[str, bytes | None] = {}
        for change in commit.changes:
            if change.path not in since:
                entry = repository.entry(base, change.path)
                since[change.path] = entry.oid if entry else None
            there, old, new = since[change.path], _oid(change.old), _oid(change.new)
            if there == new:
                continue
            data = _content(repository, new) if new else None
            if there != old:
                if not change.path.endswith(".gitignore") or change.new is None:
                    raise BothChanged(change.path, commit.id)
                data = _both(repository, change, there)
            files[change.path] = data
            since[change.path] = None if data is None else draft.add("blob", data)
        if files:
            root = graft(repository, draft, root, files)
            tip = _commit(repository, draft, root, tip, commit, identity, configuration)
        made[commit.id] = tip
    send(repository, draft)
    return made


def _commit(
    repository: Repository,
    draft: Draft,
    root: str,
    parent: str,
    commit: RecordCommit,
    identity: Identity,
    configuration: Configuration,
) -> str:
    if configuration.flag("commit.gpgsign"):
        send(repository, draft)
        return sign_commit(repository, root, parent, Identity(commit.author, identity.committer), commit.message)
    return draft.add("commit", commit_body(root, parent, commit.author, identity.committer, commit.message))


def _oid(side: tuple[str, str] | None) -> str | None:
    return side[1] if side else None


def _content(repository: Repository, oid: str) -> bytes:
    return repository.batch.contents([oid])[0][1]


def _both(repository: Repository, change: Difference, there: str | None) -> bytes:
    """A `.gitignore` that both sides extended, with the lines of both."""
    assert change.new is not None
    old = _content(repository, change.old[1]).splitlines() if change.old else []
    theirs = _content(repository, there) if there else b""
    added = [line for line in _content(repository, change.new[1]).splitlines() if line not in old]
    lines = [line for line in added if line not in theirs.splitlines()]
    between = b"" if not theirs or theirs.endswith(b"\n") else b"\n"
    return theirs + between + b"".join(line + b"\n" for line in lines)
