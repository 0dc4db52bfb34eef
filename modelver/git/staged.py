"""What the next commit takes in, and where a commit stands: as few processes as a hook may start.

A hook runs at every commit, so nothing here loads more than it needs. Git is asked with the hook's own environment,
in which `git commit -a` and `git commit PATH` name an index of their own.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from modelver.errors import ProgramFailed
from modelver.git.batch import Batch
from modelver.git.process import Git

_FILES = ("100644", "100755")


@dataclass(frozen=True)
class StagedFile:
    """A file as the index has it; `is_new` where `HEAD` has none at its path."""

    path: str
    oid: str
    is_new: bool


@dataclass(frozen=True)
class Place:
    """The Git directories that a process stands in: this work tree's own, and the one that all share."""

    git_dir: str
    common_dir: str
    algorithm: str

    @property
    def has_registry(self) -> bool:
        """Whether modelver ever wrote here."""
        return os.path.isdir(f"{self.common_dir}/modelver")

    @property
    def merging(self) -> bool:
        """Whether the next commit is that of a merge."""
        return os.path.exists(f"{self.git_dir}/MERGE_HEAD")

    def ignore_list(self) -> bytes:
        """The repository's own list of ignored files; nothing where there is none."""
        try:
            with open(f"{self.common_dir}/info/exclude", "rb") as stream:
                return stream.read()
        except OSError:
            return b""


def place(git: Git) -> Place:
    """Where a process stands; one process."""
    words = ("--path-format=absolute", "--git-dir", "--git-common-dir", "--show-object-format")
    lines = os.fsdecode(git.run("rev-parse", *words, end=b"\n").out).removesuffix("\n").split("\n")
    if len(lines) != 3:
        raise ProgramFailed("the path of the repository holds a line break", hint="rename the directory")
    return Place(*lines)


def batch(git: Git, algorithm: str = "sha1") -> Batch:
    """A conversation in which blobs and trees are looked up; for headers alone the algorithm does not matter."""
    return Batch(git, algorithm)


def staged(git: Git, *, merging: bool) -> list[StagedFile]:
    """The files that the next commit adds or changes; those that a merge brings as they are do not count."""
    found = _differing(git, "HEAD")
    if found is None:
        return [StagedFile(path, oid, True) for path, oid in indexed(git)]
    brought = _differing(git, "MERGE_HEAD") if merging else None
    return [file for path, file in found.items() if brought is None or path in brought]


def chosen(git: Git, paths: Sequence[str]) -> list[StagedFile]:
    """The files of the index at or below some paths, staged or not."""
    found = _differing(git, "HEAD")
    new = None if found is None else {path for path, file in found.items() if file.is_new}
    return [StagedFile(path, oid, new is None or path in new) for path, oid in indexed(git, *paths)]


def indexed(git: Git, *paths: str) -> list[tuple[str, str]]:
    """Path and object id of the files that the index has at or below some paths, all without any; one process."""
    answer = git.run("ls-files", "-s", "-z", "--full-name", "--", *paths, end=b"\0")
    entries = []
    for line in os.fsdecode(answer.out).split("\0")[:-1]:
        facts, path = line.split("\t", 1)
        mode, oid, _ = facts.split(" ")
        if mode in _FILES:
            entries.append((path, oid))
    return entries


def _differing(git: Git, commit: str) -> dict[str, StagedFile] | None:
    """The files of the index that are new or other than in a commit, by path; None where there is no such commit."""
    words = ("--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--diff-filter=AMT", commit, "--")
    answer = git.run("diff-index", *words, accept=(0, 128))
    if answer.code:
        if git.run("rev-parse", "-q", "--verify", commit, accept=(0, 1, 128)).code == 0:
            raise Git.failure(["diff-index"], answer)
        return None
    fields = iter(os.fsdecode(answer.out).split("\0"))
    found = {}
    for facts in fields:
        path = next(fields, None)
        if path is not None:
            _, mode, _, oid, kind = facts.split(" ")
            if mode in _FILES:
                found[path] = StagedFile(path, oid, kind == "A")
    return found


def same_records(git: Git, one: str, other: str) -> bool:
    """Whether two commits, which need not be there, have the same files of the registry; one process."""
    conversation = batch(git)
    try:
        old, new = conversation.headers([f"{one}:.modelver", f"{other}:.modelver"])
    finally:
        conversation.close_quietly()
    return (old.oid if old else None) == (new.oid if new else None)
