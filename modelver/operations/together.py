"""The results of what people do together: of sync, undo and requests, and of the Git hooks."""

from __future__ import annotations

from dataclasses import dataclass

from modelver.operations.results import Staged, told


@dataclass(frozen=True, kw_only=True)
class NewTag:
    """A tag that tells of something new: of a version, of its label, or of a stage that it got."""

    tag: str
    model: str
    version: str
    kind: str
    stage: str | None
    label: str | None


@dataclass(frozen=True, kw_only=True)
class WrongTag:
    """A tag that is not what the records call for, and why."""

    tag: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Synced:
    """What `sync` made and pushed; what a version got that is not new to the remote is not `new`.

    `pushed` are the branch and the tags, by their short names; `replayed` counts the commits that were put on those
    of others.
    """

    new: tuple[NewTag, ...]
    wrong: tuple[WrongTag, ...]
    pushed: tuple[str, ...] = ()
    replayed: int = 0
    beyond: tuple[str, ...] = told()
    """Versions without a tag, because a shallow history does not reach their commits."""
    remarks: tuple[str, ...] = told()

    @property
    def code(self) -> int:
        """The exit code that it calls for: 1 where a tag is wrong."""
        return 1 if self.wrong else 0


@dataclass(frozen=True, kw_only=True)
class Undone:
    """An operation that was taken back: which, the commit that it had been, and the tags that went with it."""

    op: str
    model: str | None
    version: str | None
    commit: str
    tags: tuple[str, ...]
    remarks: tuple[str, ...] = told()


@dataclass(frozen=True, kw_only=True)
class Requested(Staged):
    """A promotion that waits on a branch of its own for its pull request.

    `compare_url` is the page on which the Git host opens one, None where the remote has no pages; `body` is its text,
    in Markdown.
    """

    branch: str
    compare_url: str | None
    body: str

    def __str__(self) -> str:
        return f"{self.model}@{self.stage}"


@dataclass(frozen=True, kw_only=True)
class HookPlaced:
    """One Git hook of modelver's; `chained` where another runs before it."""

    name: str
    chained: bool


@dataclass(frozen=True, kw_only=True)
class HooksPlaced:
    """The Git hooks that stand; `changed` is false where they stood before."""

    op: str = "install"
    directory: str
    changed: bool
    hooks: tuple[HookPlaced, ...]
    remarks: tuple[str, ...] = told()


@dataclass(frozen=True, kw_only=True)
class HooksRemoved:
    """The Git hooks that were taken away."""

    op: str = "uninstall"
    directory: str
    hooks: tuple[str, ...]
    remarks: tuple[str, ...] = told()


@dataclass(frozen=True, kw_only=True)
class Unfit:
    """A file that must not go into a commit, and why; `registered` where its bytes are in the registry already."""

    path: str
    size: int
    reason: str
    registered: bool


@dataclass(frozen=True, kw_only=True)
class HookRan:
    """What a Git hook found in a commit, and what it has to tell."""

    op: str = "run"
    hook: str
    refused: tuple[Unfit, ...] = ()
    told: tuple[str, ...] = ()
