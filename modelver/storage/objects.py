"""The content-addressed store: the bytes of this machine's artifacts, by digest.

Invariant (W1): what has a name below `objects/` is complete, durable, read-only and the bytes of that
name. So bytes are written to `tmp/` while they are hashed, flushed, and only then renamed; the objects
of a directory come first, its manifest last.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from modelver import files
from modelver.domain.text import printable
from modelver.errors import Damaged, ModelverError, UsageError
from modelver.storage import export, ingest
from modelver.storage.hashing import Known, StatCache, digest_of_bytes, hash_descriptor, is_digest
from modelver.storage.ingest import Reader, Taken
from modelver.storage.scan import Found, Scan, scan
from modelver.storage.trees import MAX_BYTES, Entry, Manifest

_PREFIX = re.compile(r"[0-9a-f]{2}")
_REST = re.compile(r"[0-9a-f]{62}")

_Entries = list[Entry]  # the class has a method of the name


@dataclass(frozen=True, slots=True)
class Stored:
    """What `put` stored: `size` in bytes, `kind` file or directory, `warnings` whole lines for people."""

    digest: str
    size: int
    files: int
    kind: str
    warnings: tuple[str, ...] = ()


class ObjectStore:
    """Objects in `root/objects`, unfinished files in `root/tmp`; safe with several processes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.objects = root / "objects"
        self.tmp = root / "tmp"
        self._objects = str(self.objects)

    # What is here

    def path(self, digest: str) -> Path:
        """Where an object lies, or would lie; `Damaged` when `digest` has not the form of one."""
        if not is_digest(digest):
            raise Damaged(f"{printable(str(digest))} is no digest")
        return self.objects / digest[7:9] / digest[9:]

    def _place(self, digest: str) -> str:
        """`path` for what is a digest: asked 10,000 times for a directory, a `Path` takes twice the time."""
        return f"{self._objects}/{digest[7:9]}/{digest[9:]}"

    def size(self, digest: str) -> int | None:
        """Bytes of an object, None when it is not here (or is no regular file)."""
        if not is_digest(digest):
            return None
        try:
            status = os.lstat(self._place(digest))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise files.disk_error(f"read object {digest}", error) from error
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def has(self, digest: str) -> bool:
        """Whether an object is here; its bytes are not looked at."""
        return self.size(digest) is not None

    def open(self, digest: str) -> BinaryIO:
        """An object's bytes, not verified; `NotFound` when it is not here."""
        with files.disk_errors(f"read object {digest}"), export.opened(self.path(digest), digest) as descriptor:
            return os.fdopen(os.dup(descriptor), "rb")

    def list(self) -> Iterator[str]:
        """The digests of all objects, in order."""
        for prefix in _names(self.objects, _PREFIX):
            for rest in _names(self.objects / prefix, _REST):
                yield f"sha256:{prefix}{rest}"

    def verify(self, digest: str) -> None:
        """`Damaged` unless an object is a read-only regular file of the right bytes; `NotFound` without it."""
        with files.disk_errors(f"read object {digest}"), export.opened(self.path(digest), digest) as descriptor:
            status = os.fstat(descriptor)
            found = hash_descriptor(descriptor, status.st_size).digest
        if found != digest:
            raise export.mismatch(digest, found)
        if files.is_writable(status):
            raise Damaged(
                f"object {digest} can be written to (mode {stat.S_IMODE(status.st_mode):04o})",
                hint=f"chmod 0444 {self.path(digest)}",
            )

    def manifest(self, digest: str) -> Manifest:
        """A directory's manifest, its bytes verified; `Damaged` when it is hostile or no manifest."""
        with self.open(digest) as source, files.disk_errors(f"read object {digest}"):
            data = source.read(MAX_BYTES + 1)
        if len(data) <= MAX_BYTES and digest_of_bytes(data) != digest:
            raise export.mismatch(digest, digest_of_bytes(data))
        return Manifest.parse(data)

    def remove(self, digest: str) -> None:
        """Take an object away; one that is not here is no error."""
        with files.disk_errors(f"remove object {digest}"):
            self.path(digest).unlink(missing_ok=True)

    def remove_leftovers(self) -> None:
        """Take away what killed processes left in `tmp`; what another process works on stays."""
        files.remove_leftovers(self.tmp)

    # In

    def put(
        self,
        path: Path,
        *,
        link: str = "reflink",
        follow_symlinks: bool = False,
        cache: StatCache | None = None,
        name: str | None = None,
    ) -> Stored:
        """Store a file or a directory; reads each byte once and writes it at most once.

        `link` is reflink, copy or hardlink (T2). With a `cache` and the artifact's `name`, its path
        relative to the work tree, unchanged files whose objects are here are not read at all: of those
        objects only the size is looked at, where reading the file would heal an object that is damaged.
        `NotFound` without anything at `path`, `UsageError` for what cannot be kept, `Conflict` when it
        changes while it is read, `ProgramFailed` when the disk refuses; then nothing is stored.
        """
        with files.disk_errors(f"store {printable(str(path))}"):
            tree = scan(path, follow_symlinks=follow_symlinks)
            known = cache.load(name) if cache is not None and name is not None else Known()
            entries = self._entries(tree, known, lambda found: self._ingest(found, Reader(link)), self._is_stored)
            if cache is not None and name is not None:
                cache.save(name, known)
            size = sum(entry.size for entry in entries)
            if tree.kind == "file":
                return Stored(entries[0].digest, size, 1, "file")
            digest = self.put_bytes(Manifest.of(entries + tree.links).to_bytes())
            return Stored(digest, size, len(entries), "directory", tuple(tree.warnings))

    def put_bytes(self, data: bytes) -> str:
        """Store bytes in memory; their digest."""
        digest = digest_of_bytes(data)
        if self._is_right(digest):
            return digest
        with files.disk_errors("store an object"), files.staging(self.tmp) as place:
            draft = place / "0"
            with files.FlushTogether(place) as together:
                with files.Draft(draft, mode=0o444) as target:
                    target.make_read_only()
                    target.write(memoryview(data))
                self._publish({digest: draft}, together)
        return digest

    def digest_of(
        self,
        path: Path,
        *,
        follow_symlinks: bool = False,
        cache: StatCache | None = None,
        name: str | None = None,
    ) -> str:
        """The digest that `put` would give, with the same errors, storing nothing.

        Other things may lie in a directory of the digest: `left_out` names them.
        """
        with files.disk_errors(f"read {printable(str(path))}"):
            return _digest(*self._hashed(scan(path, follow_symlinks=follow_symlinks), cache, name))

    def look(
        self, path: Path, *, cache: StatCache | None = None, name: str | None = None
    ) -> tuple[Stored, tuple[Entry, ...]]:
        """What `put` would give, with the same errors, storing nothing; and the entries of a directory.

        A file has one entry, whose path is empty.
        """
        with files.disk_errors(f"read {printable(str(path))}"):
            tree, entries = self._hashed(scan(path), cache, name)
            size = sum(entry.size for entry in entries)
            stored = Stored(_digest(tree, entries), size, len(entries), tree.kind, tuple(tree.warnings))
            return stored, (*entries, *tree.links)

    def left_out(self, path: Path) -> tuple[str, ...]:
        """What lies in a directory, but in no object of it: the first 100 paths, with the errors of `put`.

        Git's own directories and empty directories; nothing for a file. No file is read.
        """
        return tuple(scan(path).left_out)

    def holds_only(self, path: Path, digest: str, *, cache: StatCache | None = None, name: str | None = None) -> bool:
        """Whether the object `digest` has all that lies at `path`, so that replacing `path` by it loses nothing.

        For a file: its bytes are the object's. For a directory: its manifest is, and nothing is left out.
        False for what can be no artifact, like a link or a pipe; other errors as `digest_of` has them.
        That the object is in the store is not looked at.
        """
        with files.disk_errors(f"read {printable(str(path))}"):
            try:
                tree = scan(path)
                return not tree.left_out and _digest(*self._hashed(tree, cache, name)) == digest
            except UsageError:
                return False

    def _hashed(self, tree: Scan, cache: StatCache | None, name: str | None) -> tuple[Scan, _Entries]:
        """A tree with an entry for each of its files; only those that the cache does not know are read."""
        known = cache.load(name) if cache is not None and name is not None else Known()
        reader = Reader("copy")
        entries = self._entries(
            tree, known, lambda found: ingest.take_all(found, reader, None), lambda _digest, _size: True
        )
        if cache is not None and name is not None:
            cache.save(name, known)
        return tree, entries

    def _is_stored(self, digest: str, size: int) -> bool:
        return self.size(digest) == size

    def _is_right(self, digest: str) -> bool:
        try:
            self.verify(digest)
        except ModelverError:
            return False
        return True

    def _entries(
        self,
        tree: Scan,
        known: Known,
        take: Callable[[Sequence[Found]], Sequence[Taken]],
        is_good: Callable[[str, int], bool],
    ) -> _Entries:
        """An entry for each file: from the cache where it is `is_good`, the others by `take`."""
        entries, rest = [], []
        for found in tree.files:
            digest = known.get(found.name, found.status)
            if digest is not None and is_good(digest, found.status.st_size):
                entries.append(_entry(found, found.status, digest))
            else:
                rest.append(found)
        for taken in take(rest):
            known.note(taken.found.name, taken.status, taken.digest, taken.began)
            entries.append(_entry(taken.found, taken.status, taken.digest))
        return entries

    def _ingest(self, found: Sequence[Found], reader: Reader) -> Sequence[Taken]:
        """Read files into objects, durable when this returns."""
        if not found:
            return []
        self.remove_leftovers()
        with files.staging(self.tmp) as place, files.FlushTogether(place) as together:
            taken = [self._linked(one, place) for one in ingest.take_all(found, reader, place)]
            self._publish({one.digest: one.draft for one in taken if one.draft is not None}, together)
        return taken

    def _linked(self, taken: Taken, place: Path) -> Taken:
        """Make the hard link that stands for a file which was only hashed so far, or a copy instead."""
        if not taken.linked or taken.draft is None:
            return taken
        if self._is_right(taken.digest):
            return Taken(taken.found, taken.status, taken.digest, taken.began, None)
        status = ingest.link_work_file(taken, taken.draft)
        if status is None:
            return Reader("copy").take(taken.found, taken.draft)
        return Taken(taken.found, status, taken.digest, taken.began, taken.draft)

    def _publish(self, drafts: dict[str, Path], together: files.FlushTogether) -> None:
        """Rename drafts to objects, also over one that is here: its bytes may be damaged, the draft's are not."""
        ingest.flush_drafts(list(drafts.values()), together)
        prefixes = sorted({digest[7:9] for digest in drafts})
        self._make(prefixes)
        for digest, draft in drafts.items():
            os.replace(draft, self._place(digest))
        ingest.flush_directories([self.objects / prefix for prefix in prefixes], together)

    def _make(self, prefixes: Sequence[str]) -> None:
        """Make directories of objects, durable before anything is in them."""
        missing = [prefix for prefix in prefixes if not (self.objects / prefix).is_dir()]
        for prefix in missing:
            files.make_directory(self.objects / prefix)
        if missing:
            files.flush_directory(self.objects)
            files.flush_directory(self.root)

    # Out

    def export(self, digest: str, target: Path, *, executable: bool = False, link: str = "reflink") -> None:
        """Copy an object to `target`, in place of a file or link that is there.

        `Damaged` when the bytes are wrong, and then `target` is as it was. Whether it may be replaced,
        and whether its parents are links, is for the caller to look at (T3, C5).
        """
        reader, hardlink = Reader(link), link == "hardlink"

        def build(place: Path) -> Path:
            draft = place / "0"
            source = self.path(digest)
            export.copy_out(source, digest, draft, executable=executable, reader=reader, hardlink=hardlink)
            files.flush_file(draft)
            return draft

        self._aside(target, build, replace=True)

    def export_tree(
        self, digest: str | Manifest, target: Path, *, replace: bool = False, link: str = "reflink"
    ) -> None:
        """Copy a directory to `target`, all of it or nothing; a part of one is given as a `Manifest`.

        `Conflict` when `target` exists and may not be replaced, `Damaged` when any bytes are wrong.
        """
        manifest = self.manifest(digest) if isinstance(digest, str) else Manifest.of(digest.entries)
        if os.path.lexists(target) and not replace:
            raise export.in_the_way(target)
        reader, hardlink = Reader(link), link == "hardlink"

        def copy(entry: Entry, draft: Path) -> None:
            source = self.path(entry.digest)
            export.copy_out(source, entry.digest, draft, executable=entry.executable, reader=reader, hardlink=hardlink)

        def build(place: Path) -> Path:
            export.build_tree(manifest, place / "tree", copy)
            return place / "tree"

        self._aside(target, build, replace=replace)

    def _aside(self, target: Path, build: Callable[[Path], Path], *, replace: bool) -> None:
        """Build in `tmp`, where a killed process leaves nothing to see, else next to the target."""
        with files.disk_errors(f"write {printable(str(target))}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            if files.same_file_system(self.root, target.parent):
                try:
                    with files.staging(self.tmp) as place:
                        return export.put_in_place(build(place), target, replace=replace)
                except OSError as error:
                    if error.errno != errno.EXDEV:  # a bind mount looks like the same file system
                        raise
            files.remove_leftovers(target.parent, prefix=export.ASIDE)
            with files.staging(target.parent, prefix=export.ASIDE) as place:
                return export.put_in_place(build(place), target, replace=replace)


def _digest(tree: Scan, entries: _Entries) -> str:
    return entries[0].digest if tree.kind == "file" else Manifest.of(entries + tree.links).digest


def _entry(found: Found, status: os.stat_result, digest: str) -> Entry:
    return Entry("file", found.name, digest, status.st_size, files.is_executable(status))


def _names(directory: Path, pattern: re.Pattern[str]) -> list[str]:
    try:
        names = os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise files.disk_error("list the objects", error) from error
    return sorted(name for name in names if pattern.fullmatch(name))
