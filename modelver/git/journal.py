"""What a write is about to do, on disk before it does it (rule W2).

The journal is one file, replaced in one step; it is there exactly while a write is under way or was cut
off. Its paths are relative, because repositories get moved and copied.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path

from modelver import files
from modelver.errors import Damaged
from modelver.git.repository import Repository


@dataclass(frozen=True)
class RecordFile:
    """A file of the commit: its path in the work tree, and its blob before and after (None: no file)."""

    path: str
    old: str | None
    new: str | None
    outside: bool = False
    """Outside the sparse checkout: no file in the work tree, only an index entry."""


@dataclass(frozen=True)
class NewTag:
    """A tag to make: its ref, what its object says, the object's id, and what it names (None: the commit).

    `former` is the object that the ref named before (None: there was no such ref).
    """

    ref: str
    oid: str
    tagger: str
    message: str
    target: str | None = None
    former: str | None = None

    @property
    def name(self) -> str:
        """The tag's short name."""
        return self.ref.removeprefix("refs/tags/").removeprefix("refs/modelver/")


@dataclass(frozen=True)
class Journal:
    """One write: where (`git_dir`, `work_tree` relative to the common directory), and from what to what.

    Where records only wait in the index for a commit of the user's, `commit` is empty.
    """

    token: str
    git_dir: str
    work_tree: str
    index: str
    branch: str
    old: str | None
    commit: str
    files: tuple[RecordFile, ...]
    tags: tuple[NewTag, ...]
    hidden: tuple[str, ...]
    signed: bool
    removed: tuple[tuple[str, str], ...] = ()
    """Refs to take away, and the object that each names."""
    aside: bool = False
    """Index and work tree have no part in it."""
    moved: bool = False
    """Index and work tree go from the commit `old` to `commit` with all files, which are not listed here."""
    kept: tuple[str, ...] = ()
    """Of these files, those that a move leaves alone."""

    @classmethod
    def path(cls, repository: Repository) -> Path:
        """Where a repository's journal lies."""
        return repository.home / "journal"

    @classmethod
    def load(cls, repository: Repository) -> Journal | None:
        """The journal of a write that was cut off, None where there is none."""
        path = cls.path(repository)
        try:
            facts = json.loads(path.read_bytes())
            facts["files"] = tuple(RecordFile(**file) for file in facts["files"])
            facts["tags"] = tuple(NewTag(**tag) for tag in facts["tags"])
            facts["hidden"] = tuple(facts["hidden"])
            facts["removed"] = tuple((str(ref), str(oid)) for ref, oid in facts.get("removed", ()))
            facts["kept"] = tuple(facts.get("kept", ()))
            return cls(**facts)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise Damaged(
                f"{path} cannot be read ({error}); a write was cut off there",
                hint="see `git status`, put right what it shows under .modelver, then remove that file",
            ) from error

    def save(self, repository: Repository, staging: Path) -> None:
        """Put the journal in place, durable."""
        text = json.dumps(dataclasses.asdict(self), indent=1)
        files.replace_file(self.path(repository), text.encode(), draft=staging / "journal")

    def drop(self, repository: Repository) -> None:
        """The write is settled; there is nothing left to finish.

        One that comes back after a power failure does no harm, so a flush that fails is no error.
        """
        self.path(repository).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            files.flush_directory(repository.home)

    def place(self, repository: Repository) -> Repository | None:
        """The repository as seen from the work tree of this write, None where that is gone."""
        git_dir = Path(os.path.normpath(repository.common_dir / self.git_dir))
        if git_dir == repository.git_dir:
            return repository
        work_tree = Path(os.path.normpath(repository.common_dir / self.work_tree))
        if not git_dir.is_dir() or not work_tree.is_dir():
            return None
        return repository.elsewhere(git_dir, git_dir / self.index, work_tree)
