"""What the next commit takes in, and where a commit stands: as few processes as a hook may start.

Git is asked with the hook's own environment, in which `git commit -a` and `git commit PATH` name an index of their own.
"""

from __future__ import annotations

import os

from modelver.errors import NotFound, ProgramFailed
from modelver.git.quick import Asked, Lookup, ask

TYPE_CHECKING = False  # see modelver/git/environment.py

if TYPE_CHECKING:
    from collections.abc import Sequence

_FILES = ("100644", "100755")


class StagedFile:
    """A file as the index has it; `is_new` where `HEAD` has none at its path. No dataclass: that is slow to load."""

    def __init__(self, path: str, oid: str, is_new: bool) -> None:
        self.path = path
        self.oid = oid
        self.is_new = is_new


class Index:
    """The index that a hook is given, asked for all that a hook wants at once; `top` is where the work tree begins."""

    def __init__(self, directory: str, top: str, *records: str) -> None:
        self.directory = directory
        place = Asked(directory, "rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir")
        differing = _ask_differing(directory, "HEAD")
        listed = _ask_listed(top, *records)
        lines = (place.answer() or "").removesuffix("\n").split("\n")
        self._differing = _files(differing)
        self.records = _entries(listed.answer())
        """Path and object id of the files at or below `records`."""
        if len(lines) != 2:
            raise ProgramFailed("the path of the repository holds a line break", hint="rename the directory")
        self.git_dir, self.common_dir = lines
        if self._differing is None and Asked(directory, "rev-parse", "-q", "--verify", "HEAD").answer(accept=(0, 1)):
            raise ProgramFailed("git diff-index failed", hint="git status")  # and not for want of a commit

    @property
    def is_ours(self) -> bool:
        """Whether modelver was ever used here."""
        return bool(self.records) or os.path.isdir(f"{self.common_dir}/modelver")

    def staged(self) -> list[StagedFile]:
        """The files that the next commit adds or changes; those that a merge brings as they are do not count."""
        if self._differing is None:
            return [StagedFile(path, oid, True) for path, oid in _entries(_ask_listed(self.directory).answer())]
        merging = os.path.exists(f"{self.git_dir}/MERGE_HEAD")
        brought = _files(_ask_differing(self.directory, "MERGE_HEAD")) if merging else None
        return [file for path, file in self._differing.items() if brought is None or path in brought]

    def chosen(self, paths: Sequence[str]) -> list[StagedFile]:
        """The files of the index at or below some paths, staged or not; raises `NotFound` where there is none."""
        found = self._differing
        new = None if found is None else {path for path, file in found.items() if file.is_new}
        words = ("ls-files", "-s", "-z", "--full-name", "--error-unmatch", "--")
        answer = Asked(self.directory, *words, *paths).answer(accept=(0, 1))
        if answer is None:
            missing = [path for path in paths if Asked(self.directory, *words, path).answer(accept=(0, 1)) is None]
            raise NotFound(f"not in the index: {', '.join(missing)}", hint="git add, before their check")
        listed = _entries(answer)
        return [StagedFile(path, oid, new is None or path in new) for path, oid in listed]

    def ignore_list(self) -> bytes:
        """The repository's own list of ignored files; nothing where there is none."""
        try:
            with open(f"{self.common_dir}/info/exclude", "rb") as stream:
                return stream.read()
        except OSError:
            return b""


def top_of(directory: str) -> str:
    """Where the work tree begins that a directory lies in."""
    return f"{directory}/{ask(directory, 'rev-parse', '--show-cdup').removesuffix(chr(10))}"


def below_tag(directory: str, tag: str, end: str) -> list[tuple[str, str]]:
    """Path and object id of the files below the models at a tag whose path ends in some words."""
    words = ("ls-tree", "-r", "-z", "--full-tree", tag, "--", ".modelver/models")
    lines = (Asked(directory, *words).answer(accept=(0, 128)) or "").split("\0")[:-1]
    pairs = [line.split("\t", 1) for line in lines]
    return [(path, facts.split(" ")[2]) for facts, path in pairs if path.endswith(end)]


def tags_ending_in(directory: str, digits: str) -> list[str]:
    """The tags of versions whose id ends in some digits."""
    patterns = (f"refs/tags/v*_{digits}", f"refs/modelver/v*_{digits}")
    return ask(directory, "for-each-ref", "--format=%(refname)", *patterns).splitlines()


def same_records(directory: str, one: str, other: str) -> bool:
    """Whether two commits, which need not be there, have the same files of the registry; one process."""
    lookup = Lookup(directory)
    try:
        old, new = lookup.headers([f"{one}:.modelver", f"{other}:.modelver"])
    finally:
        lookup.close()
    return old == new


def _ask_listed(directory: str, *paths: str) -> Asked:
    return Asked(directory, "ls-files", "-s", "-z", "--full-name", "--", *paths)


def _entries(listed: str | None) -> list[tuple[str, str]]:
    entries = []
    for line in (listed or "").split("\0")[:-1]:
        facts, path = line.split("\t", 1)
        mode, oid, _ = facts.split(" ")
        if mode in _FILES:
            entries.append((path, oid))
    return entries


def _ask_differing(directory: str, commit: str) -> Asked:
    words = ("--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--diff-filter=AMT", commit, "--")
    return Asked(directory, "diff-index", *words)


def _files(differing: Asked) -> dict[str, StagedFile] | None:
    """The files of the index that are new or other than in a commit, by path; None where there is no such commit."""
    answer = differing.answer(accept=(0, 128))
    if answer is None:
        return None
    fields = iter(answer.split("\0"))
    found = {}
    for facts in fields:
        path = next(fields, None)
        if path is not None:
            _, mode, _, oid, kind = facts.split(" ")
            if mode in _FILES:
                found[path] = StagedFile(path, oid, kind == "A")
    return found
