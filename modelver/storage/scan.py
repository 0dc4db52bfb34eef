"""What lies at a path: the files and links of an artifact, before any of them is read (T2).

Symbolic links that stay inside are kept as links, those that lead out are refused or followed. What is
followed is a region of its own: its links are judged by where its directory begins.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from modelver import files
from modelver.domain import paths
from modelver.domain.text import printable
from modelver.errors import ModelverError, NotFound, UsageError
from modelver.storage.hashing import changed
from modelver.storage.paths import MAX_WARNINGS, Links, Ways, folding_warnings
from modelver.storage.trees import MAX_ENTRIES, Entry

_KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


@dataclass(frozen=True, slots=True)
class Found:
    """A file to read: its path in the artifact (empty for a file artifact), where it lies, how it looked.

    `followed` when a link led to it: then it is somebody else's and never made read-only.
    """

    name: str
    place: str
    status: os.stat_result
    followed: bool = False


@dataclass
class Scan:
    """The content of an artifact: `kind` is file or directory; warnings are whole lines for people.

    `left_out` are the first 100 paths that no manifest keeps: Git's own directories, and empty ones.
    """

    kind: str
    files: list[Found] = field(default_factory=list)
    links: list[Entry] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def scan(path: Path, *, follow_symlinks: bool = False) -> Scan:
    """Look at a file or a directory, reading no file.

    `NotFound` when there is nothing; `UsageError` for names that are not UTF-8, links that lead out (or,
    when followed, nowhere or round in a circle), pipes, sockets and devices; `ProgramFailed` when the disk
    refuses.
    """
    with files.disk_errors(f"read {printable(str(path))}"):
        return _scan(*_start(path, follow_symlinks), follow_symlinks)


def _start(path: Path, follow_symlinks: bool) -> tuple[Path, os.stat_result]:
    """Where the artifact itself lies, and how it looks."""
    try:
        status = path.lstat()
        if not stat.S_ISLNK(status.st_mode):
            return path, status
        if not follow_symlinks:
            raise _refused_link(str(path), "it is a symbolic link itself")
        path = Path(os.path.realpath(path, strict=True))
        return path, path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"there is no file or directory {printable(str(path))}") from None


def _scan(path: Path, status: os.stat_result, follow_symlinks: bool) -> Scan:
    if stat.S_ISREG(status.st_mode):
        return Scan("file", [Found("", str(path), status)])
    if not stat.S_ISDIR(status.st_mode):
        raise _other_kind(str(path), status)
    found = Scan("directory")
    _Walker(found, follow_symlinks).region("", str(path), ())
    if found.links or follow_symlinks:
        found.files.sort(key=lambda file: file.name.encode())
    names = sorted([file.name for file in found.files] + [link.path for link in found.links])
    found.warnings += folding_warnings(names)
    return found


class _Walker:
    """Fills a `Scan`, region by region."""

    def __init__(self, found: Scan, follow: bool) -> None:
        self.found = found
        self.follow = follow
        self.told = 0

    def _leave_out(self, whole: str) -> None:
        if len(self.found.left_out) < MAX_WARNINGS:
            self.found.left_out.append(whole)

    def region(self, name: str, place: str, above: tuple[tuple[int, int], ...]) -> None:
        """Walk a directory whose links are judged from here; `above` are the directories that led here."""
        links: dict[str, str] = {}
        places: dict[str, tuple[str, tuple[tuple[int, int], ...]]] = {}
        pending = [("", place, above)]
        while pending:
            inner, directory, chain = pending.pop()
            chain = (*chain, _mark(directory, name, inner, chain))
            items = _items(directory)
            if inner and not items:
                self._leave_out(f"{name}/{inner}" if name else inner)
            for item in items:
                path = f"{inner}/{item.name}" if inner else item.name
                whole = f"{name}/{path}" if name else path
                status = self._look(item, whole)
                if status is None:
                    continue
                if stat.S_ISDIR(status.st_mode):
                    pending.append((path, item.path, chain))
                elif stat.S_ISLNK(status.st_mode):
                    links[path], places[path] = os.readlink(item.path), (item.path, chain)
                else:
                    self._file(Found(whole, item.path, status, followed=bool(name)))
        self._links(name, links, places)

    def _look(self, item: os.DirEntry[str], whole: str) -> os.stat_result | None:
        """The kind of a directory's item; None for what is left out."""
        try:
            whole.encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"the name {printable(whole)} is not UTF-8",
                hint="rename it: a directory artifact has to be the same on every machine",
            ) from None
        if paths.is_git(item.name):
            self._leave_out(whole)
            self.told += 1
            if self.told <= MAX_WARNINGS:
                self.found.warnings.append(f"{printable(whole)} is left out: Git's own directory is no part of a model")
            return None
        if (reason := paths.fault(item.name)) is not None:
            raise UsageError(f"the name {printable(whole)} is refused: {reason}", hint="rename it")
        try:
            return item.stat(follow_symlinks=False)
        except FileNotFoundError:
            raise changed(item.path) from None

    def _file(self, file: Found) -> None:
        if not stat.S_ISREG(file.status.st_mode):
            raise _other_kind(file.name, file.status)
        self.found.files.append(file)
        if len(self.found.files) + len(self.found.links) > MAX_ENTRIES:
            raise UsageError(f"the directory holds more than {MAX_ENTRIES} files")

    def _links(self, name: str, links: Links, places: dict[str, tuple[str, tuple[tuple[int, int], ...]]]) -> None:
        ways = Ways(links)
        for path, target in links.items():
            whole = f"{name}/{path}" if name else path
            reason = ways.lead_out(path)
            try:
                target.encode()
            except UnicodeEncodeError:
                reason = "its target is not UTF-8"
            if reason is None:
                self.found.links.append(Entry("link", whole, target=target))
            elif self.follow:
                self._follow(whole, *places[path])
            else:
                raise _refused_link(whole, reason)

    def _follow(self, whole: str, place: str, above: tuple[tuple[int, int], ...]) -> None:
        try:
            real = os.path.realpath(place, strict=True)
            status = os.lstat(real)
        except OSError as error:
            raise UsageError(f"the link {printable(whole)} cannot be followed: {error.strerror}") from None
        if stat.S_ISDIR(status.st_mode):
            self.region(whole, real, above)
        else:
            self._file(Found(whole, real, status, followed=True))


def _items(directory: str) -> list[os.DirEntry[str]]:
    with os.scandir(directory) as items:
        return sorted(items, key=lambda item: item.name)


def _mark(directory: str, name: str, inner: str, chain: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    """What tells a directory from all others; refused when it is one of those that led to it."""
    status = os.stat(directory, follow_symlinks=False)
    mark = (status.st_dev, status.st_ino)
    if mark in chain:
        shown = printable(f"{name}/{inner}".strip("/"))
        raise UsageError(f"the link {shown} leads round in a circle", hint="take it out of the directory")
    return mark


def _refused_link(path: str, reason: str) -> ModelverError:
    return UsageError(
        f"the link {printable(path)} cannot be kept: {reason}",
        hint="add --follow-symlinks to store what it leads to, or take it out",
    )


def _other_kind(path: str, status: os.stat_result) -> ModelverError:
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "no regular file")
    return UsageError(f"{printable(path)} is {kind}: only files, directories and links can be stored")
