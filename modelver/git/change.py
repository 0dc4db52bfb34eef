"""What one write does: a change of records, or a move from one commit to another; plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from modelver.git.repository import Head, Repository


@dataclass(frozen=True)
class Tag:
    """A tag to make: full ref name, tagger as Git writes it, message, and target (None: the new commit).

    `former` is the object that the ref names now, where the tag is made anew; None: there is none yet.
    """

    ref: str
    tagger: str
    message: str
    target: str | None = None
    former: str | None = None


@dataclass(frozen=True)
class Change:
    """What one write does: record files (None removes), the commit's message, tags, and paths to hide from Git.

    Without files there is no new commit, only tags. With `hooks` the user's `pre-commit` and `commit-msg` run as for
    a commit of his own, and may refuse it. `removed` are refs to take away, each with the object that it names now.
    """

    files: Mapping[str, bytes | None]
    message: str
    tags: Sequence[Tag] = ()
    hidden: Sequence[str] = ()
    hooks: bool = False
    removed: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Move:
    """From the commit that is checked out to another: branch, index and work tree, as `git read-tree -m -u` does.

    `tags` are made or made anew with it, `removed` refs are taken away; `message` is for the reflog.
    """

    commit: str
    message: str
    tags: Sequence[Tag] = ()
    removed: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Snapshot:
    """What a plan may build on, read under the lock: `root` is the tree at `head`, None where unborn.

    `head` is what is checked out, or the branch that is written to; `indexed` are the index entries below the
    watched paths: mode, object id, stage.
    """

    repository: Repository
    head: Head
    root: str | None
    indexed: Mapping[str, tuple[str, str, int]]


@dataclass(frozen=True)
class Written:
    """What a write made: the commit and the tags' object ids, what was told on the way, and which ref has moved.

    Where the records only wait in the index for a commit of the user's, `commit` is None.
    """

    commit: str | None
    tags: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    ref: str = ""


Plan = Callable[[Snapshot], Change | Move | None]
"""Makes the change from the state it is given; called again after a lost race. None: nothing to do."""
