"""What every operation starts from: a repository, its catalog and store, and the directory a person stands in."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from modelver.catalog import Catalog
from modelver.domain import paths
from modelver.domain.resolution import Resolved
from modelver.domain.text import moment_of, quoted
from modelver.errors import NotFound, UsageError
from modelver.git.branches import chosen, tracked
from modelver.git.configuration import Configuration, Identity
from modelver.git.history import newest_before
from modelver.git.repository import Head, Repository
from modelver.operations.branch import RegistryBranch, stage_remark, yank_remark
from modelver.records import layout
from modelver.storage.hashing import StatCache
from modelver.storage.objects import ObjectStore

if TYPE_CHECKING:
    from modelver.git.transaction import Writer

LOCK_TIMEOUT = 60.0
"""Seconds to wait for a lock of somebody else's, unless said otherwise."""


def with_registry(catalog: Catalog, at: str | None = None) -> Catalog:
    """The catalog itself; raises `NotFound` where no registry was started at its commit."""
    if not catalog.initialised:
        hint = "modelver init" if at is None else "choose a later moment with --at"
        raise NotFound(f"this repository has no registry at {at or 'HEAD'}", hint=hint)
    return catalog


@dataclass(frozen=True)
class Workspace:
    """One repository as seen from one directory; `settings` are the choices of this machine, by their key.

    Options rank before the environment, the environment before Git's configuration, and that before the
    committed file. `at` is the revision or date whose records are read, None for `HEAD`. `to` is a branch that is
    read and written instead of what is checked out, and made from the commit `start`, by default `HEAD`'s, where it is
    new; with `staged`, records wait in the index for a commit of the
    user's (rule B5). What is to be told besides a result is added to `told`.
    """

    repository: Repository
    directory: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    at: str | None = None
    to: str | None = None
    start: str | None = None
    staged: bool = False
    told: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, directory: Path, settings: Mapping[str, str]) -> Workspace:
        """The workspace of the repository that `directory` lies in."""
        return cls(Repository.discover(directory), directory, settings)

    @property
    def root(self) -> Path:
        """The top of the work tree; raises `UsageError` in a bare repository."""
        if self.repository.work_tree is None:
            raise UsageError("this repository has no work tree, so it can only be read", hint="git worktree add PATH")
        return self.repository.work_tree

    @cached_property
    def configuration(self) -> Configuration:
        """Git's configuration."""
        return self.repository.configuration()

    @cached_property
    def head(self) -> Head:
        """What is checked out, or the branch that was chosen instead."""
        if self.to is None:
            return self.repository.head()
        head = chosen(self.repository, self.to, self.start)
        if head.new and self.start is None and (others := tracked(self.repository, self.to)):
            self.tell(f"{self.to} is new and starts from HEAD, not from {' or '.join(others)}")
        return head

    @cached_property
    def at_head(self) -> Catalog:
        """The records at `head`, none where no registry was started; what tags know is there all the same."""
        return Catalog(self.repository, self.head.commit)

    @cached_property
    def chosen(self) -> Catalog:
        """The records that are read: those at `HEAD`, or at the chosen revision or date."""
        return self.at_head if self.at is None else Catalog(self.repository, self._chosen_commit(self.at))

    @property
    def catalog(self) -> Catalog:
        """The records that are read; raises `NotFound` where no registry was started."""
        return with_registry(self.chosen, self.at)

    @cached_property
    def branch(self) -> RegistryBranch:
        """The registry's branch as seen from `head`."""
        name = self.at_head.config.branch
        return RegistryBranch(self.repository, lambda: self.configuration, self.head, name)

    def tell(self, remark: str) -> None:
        """Have people told something besides the result, once."""
        if remark not in self.told:
            self.told.append(remark)

    def find(self, ref: str) -> Resolved:
        """The version that a person's words mean; an id also at a commit from before `init`, by its tag (rule L1)."""
        try:
            found = self.chosen.find(ref)
        except NotFound:
            return self.catalog.find(ref)  # raises again, and first of all where there is no registry
        if self.at is None and (remark := stage_remark(self.branch, self.chosen, ref, found)):
            self.told.append(remark)
        if remark := yank_remark(self.chosen, found):
            self.tell(remark)
        return found

    def _chosen_commit(self, text: str) -> str:
        """The commit of `--at`: a revision, else the newest of the registry's branch before a date (rule B4).

        Raises `UsageError` for what is neither, and `NotFound` where history does not reach so far back.
        """
        if "\n" not in text and (commit := self.repository.commit(text)):
            return commit
        moment = moment_of(text)
        if moment is None:
            message = f"--at: {quoted(text)} is neither a revision nor a date in ISO 8601"
            raise UsageError(message, hint="--at HEAD~3, --at v1.0.0, --at 2024-01-31")
        tip = self.branch.tip if self.branch.name else None
        if tip is None:
            tip = self.at_head.commit
            self.told.append("the registry's branch is not here, so the history of HEAD was searched")
        found = newest_before(self.repository, tip, moment) if tip else None
        if found is None:
            shallow = "git fetch --unshallow    brings older history" if self.repository.shallow else None
            raise NotFound(f"there is no commit before {quoted(text)}", hint=shallow)
        return found

    @cached_property
    def store(self) -> ObjectStore:
        """The objects on this machine."""
        return ObjectStore(self.repository.home)

    @cached_property
    def stat_cache(self) -> StatCache:
        """The digests of files that have not changed since they were hashed."""
        return StatCache(self.repository.home / "cache" / "stat")

    @property
    def timeout(self) -> float:
        """Seconds to wait for locks of others."""
        text = self.settings.get("lock-timeout") or self.configuration.last("modelver.locktimeout")
        try:
            seconds = float(text) if text is not None else LOCK_TIMEOUT
        except ValueError:
            seconds = math.nan
        if not math.isfinite(seconds) or seconds < 0:
            raise UsageError(f"lock timeout: expected seconds, found {quoted(text or '')}")
        return seconds

    @property
    def link(self) -> str:
        """How objects and the work tree share bytes: reflink, copy or hardlink."""
        chosen = self.settings.get("objects.link") or self.configuration.last("modelver.objects.link")
        if chosen not in (None, "reflink", "copy", "hardlink"):
            raise UsageError(f"objects.link: expected reflink, copy or hardlink, found {quoted(chosen or '')}")
        return chosen or self.at_head.config.objects.link

    @property
    def hiding(self) -> str:
        """Where artifacts are hidden from Git: exclude or gitignore."""
        chosen = self.settings.get("ignore") or self.configuration.last("modelver.ignore")
        if chosen not in (None, "exclude", "gitignore"):
            raise UsageError(f"ignore: expected exclude or gitignore, found {quoted(chosen or '')}")
        return chosen or self.at_head.config.ignore

    def writer(self, *, anonymous: bool = False) -> Writer:
        """Whoever writes; raises `UsageError` where Git knows no identity, before anything is written (W9).

        An `anonymous` one makes no commits: tags are made in the name of who made the records.
        """
        from modelver.git.transaction import Writer

        if self.at is not None:
            raise UsageError("the registry at another moment can only be read", hint="leave out --at")
        if self.to is not None and self.staged:
            raise UsageError("--branch makes a commit, and --no-commit makes none", hint="give one of them")
        identity = Identity("", "") if anonymous else self.repository.identity(self.configuration)
        self.repository.refuse_under_way()
        self.repository.make_home()
        branch = self.head.ref if self.to is not None else None
        return Writer(
            self.repository,
            self.configuration,
            identity,
            self.timeout,
            branch=branch,
            start=self.start,
            staged=self.staged,
            tell=self.tell,
        )

    def unread_configuration(self, catalog: Catalog, model: str | None = None) -> list[str]:
        """What to say where `config.yaml` or a model's card has edits that no commit has, since those do not count."""
        if self.repository.work_tree is None or self.at is not None:
            return []
        paths = [layout.CONFIG, *([layout.card_path(model)] if model else [])]
        edited = [path for path in paths if (self.root / path).is_file()]
        return [
            f"{path} has changes that are not committed, so they do not count yet"
            for path in edited
            if self.repository.differs(path, catalog.commit)
        ]

    def typed(self, path: str) -> Path:
        """The absolute path that a person means, from where they stand.

        Nothing in it is resolved but what stands before a `..`, which leads up from where a link really leads.
        """
        if not path or "\0" in path:
            raise UsageError(f"{quoted(path)} is no path")
        try:
            path.encode("utf-8")
        except UnicodeEncodeError as error:
            raise UsageError(f"the path {quoted(path)} is not UTF-8", hint="rename the file") from error
        whole = self.directory / path
        if ".." in whole.parts:
            whole = Path(os.path.realpath(whole.parent)) / whole.name if whole.name != ".." else whole.resolve()
        return Path(os.path.normpath(whole))

    def relative(self, path: Path) -> str | None:
        """The path from the repository's root, POSIX, None for one that lies elsewhere.

        Links above the last component are followed, because that is where the file really lies.
        """
        real = Path(os.path.realpath(path.parent)) / path.name
        try:
            inside = real.relative_to(os.path.realpath(self.root))
        except ValueError:
            return None
        return inside.as_posix()

    def inside(self, path: Path, typed: str) -> str:
        """The path from the repository's root; raises `UsageError` for one that lies elsewhere or is Git's or ours."""
        inside = self.relative(path)
        if inside == ".":
            raise UsageError(f"{quoted(typed)} is the whole repository", hint="give a file or a directory in it")
        if inside is None:
            raise UsageError(
                f"{quoted(typed)} does not lie inside this repository ({self.root})",
                hint="move or copy it into the repository; Git records paths from its root",
            )
        paths.check_typed(inside)
        return inside

    def link_objects(self) -> str | None:
        """Make `.modelver/objects` lead to the objects, for people; says what stands in its place, if anything (S1)."""
        folder = self.root / layout.ROOT
        place, target = self.root / layout.OBJECTS, os.path.relpath(self.repository.home / "objects", folder)
        if not folder.is_dir() or folder.is_symlink():
            return None
        try:
            if place.is_symlink():
                if os.readlink(place) == target:
                    return None
                if self.repository.indexed(layout.OBJECTS):
                    return f"Git tracks {layout.OBJECTS}, which leads elsewhere; it was left as it is"
                place.unlink()
            elif place.exists():
                return f"{layout.OBJECTS} is no link to the objects; it was left as it is"
            place.symlink_to(target)
        except OSError:
            return None  # a convenience: where there are no links, nothing else changes
        return None
