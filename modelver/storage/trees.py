"""Directories as manifests (I1): the canonical text of a directory, and the strict reader of it.

A manifest comes from other machines, so `Manifest.parse` takes it for hostile. Canonical JSON of a known
shape is a regular language: it is read entry by entry with one pattern, without a JSON parser, and
memory is bounded by the number of entries.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from modelver.domain import paths
from modelver.domain.text import printable
from modelver.errors import Damaged, NotFound, UsageError
from modelver.storage.hashing import digest_of_bytes
from modelver.storage.paths import MAX_PARTS, Links, Ways

MAX_ENTRIES = 1_000_000
MAX_BYTES = 512 << 20

_HEAD = b'{"entries":['
_TAIL = b'],"format":1}'
_TEXT = rb'"((?:[^"\\\x00-\x1f]++|\\["\\bfnrt]|\\u00[01][0-9a-f])*+)"'
_FILE = re.compile(
    rb'\{"digest":"(sha256:[0-9a-f]{64})","executable":(true|false),"kind":"file","path":'
    + _TEXT
    + rb',"size":(0|[1-9][0-9]{0,17})\}'
)
_LINK = re.compile(rb'\{"kind":"link","path":' + _TEXT + rb',"target":' + _TEXT + rb"\}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or symbolic link of a directory artifact.

    `path` is POSIX and relative to the artifact; `size` in bytes, 0 for a link; `digest` is empty for a
    link, `target` for a file.
    """

    kind: str
    path: str
    digest: str = ""
    size: int = 0
    executable: bool = False
    target: str = ""

    def to_json(self) -> dict[str, object]:
        """The mapping that stands in the manifest."""
        if self.kind == "link":
            return {"kind": "link", "path": self.path, "target": self.target}
        return {
            "digest": self.digest,
            "executable": self.executable,
            "kind": "file",
            "path": self.path,
            "size": self.size,
        }


@dataclass(frozen=True)
class Manifest:
    """The files and links of a directory, sorted by the UTF-8 bytes of their paths."""

    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Manifest:
        """A manifest of entries in any order; `UsageError` for what `parse` would refuse."""
        made = cls(tuple(sorted(entries, key=lambda entry: entry.path.encode())))
        fault = _fault(made.entries)
        if fault is not None:
            raise UsageError(fault)
        return made

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """The manifest that `data` is the canonical text of; `Damaged` with the path at fault otherwise."""
        if len(data) > MAX_BYTES:
            raise Damaged(f"the manifest is too large: {len(data)} bytes, at most {MAX_BYTES} are read")
        made = cls(tuple(_entries(data)))
        fault = _fault(made.entries)
        if fault is not None:
            raise Damaged(f"the manifest is not usable: {fault}")
        return made

    def to_bytes(self) -> bytes:
        """The canonical text: keys sorted, no spaces, no needless escapes, no final newline."""
        content = {"entries": [entry.to_json() for entry in self.entries], "format": 1}
        return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    @property
    def digest(self) -> str:
        """The digest of the directory, which is that of its text."""
        return digest_of_bytes(self.to_bytes())

    @property
    def size(self) -> int:
        """Bytes of all files, each counted as often as it stands here."""
        return sum(entry.size for entry in self.entries)

    @property
    def files(self) -> int:
        """How many files there are; links do not count."""
        return sum(entry.kind == "file" for entry in self.entries)

    @property
    def digests(self) -> dict[str, int]:
        """The objects of the files, each once, with its size in bytes."""
        return {entry.digest: entry.size for entry in self.entries if entry.kind == "file"}

    @cached_property
    def _by_path(self) -> dict[str, Entry]:
        return {entry.path: entry for entry in self.entries}

    def lookup(self, path: str) -> Entry | Manifest:
        """The entry at `path`, or the sub-directory there as a manifest of its own.

        `NotFound` when there is neither; `UsageError` when a link of the sub-directory leads out of it,
        because that part cannot stand alone. Links are not followed.
        """
        wanted = path.strip("/")
        if wanted in ("", "."):
            return self
        if wanted in self._by_path:
            return self._by_path[wanted]
        below = wanted + "/"
        found = [_moved(entry, len(below)) for entry in self.entries if entry.path.startswith(below)]
        if not found:
            raise NotFound(f"the directory holds no {printable(path)}")
        return Manifest.of(found)


def _moved(entry: Entry, cut: int) -> Entry:
    return Entry(entry.kind, entry.path[cut:], entry.digest, entry.size, entry.executable, entry.target)


def _entries(data: bytes) -> Iterator[Entry]:
    """Read the text entry by entry; `Damaged` at the first byte that is not canonical."""
    if not data.startswith(_HEAD):
        raise Damaged("the manifest does not begin as one of format 1")
    at, count = len(_HEAD), 0
    while data[at : at + 1] == b"{":
        entry, at = _entry(data, at)
        count += 1
        if count > MAX_ENTRIES:
            raise Damaged(f"the manifest has more than {MAX_ENTRIES} entries")
        yield entry
        if data[at : at + 2] != b",{":
            break
        at += 1
    if data[at:] != _TAIL:
        raise _not_canonical(data, at)


def _entry(data: bytes, at: int) -> tuple[Entry, int]:
    match = _FILE.match(data, at)
    if match is not None:
        digest, executable, path, size = match.groups()
        found = Entry("file", _text(path, data, at), digest.decode(), int(size), executable == b"true")
        return found, match.end()
    match = _LINK.match(data, at)
    if match is None:
        raise _not_canonical(data, at)
    path, target = match.groups()
    return Entry("link", _text(path, data, at), target=_text(target, data, at)), match.end()


def _text(raw: bytes, data: bytes, at: int) -> str:
    """A JSON string without its quotes; the one way to write it is the only one that is read."""
    try:
        if b"\\" not in raw:
            return raw.decode()
        text: str = json.loads(b'"' + raw + b'"')
        if json.dumps(text, ensure_ascii=False).encode()[1:-1] == raw:
            return text
    except ValueError:
        pass
    raise _not_canonical(data, at)


def _not_canonical(data: bytes, at: int) -> Damaged:
    excerpt = printable(data[at : at + 200].decode("utf-8", "backslashreplace"))
    return Damaged(f"the manifest is not canonical at byte {at}: {excerpt or 'it ends there'}")


def _fault(entries: tuple[Entry, ...]) -> str | None:
    """Why these entries are no directory that can be written out safely, or None."""
    if len(entries) > MAX_ENTRIES:
        return f"it has {len(entries)} entries, at most {MAX_ENTRIES} are kept"
    links: Links = {entry.path: entry.target for entry in entries if entry.kind == "link"}
    return _fault_of_paths(entries) or _fault_of_links(links)


def _fault_of_paths(entries: tuple[Entry, ...]) -> str | None:
    """In the order of their bytes, what lies below a path comes after it, before all that does not begin with it."""
    above: list[str] = []
    before = b""
    for entry in entries:
        while above and not entry.path.startswith(above[-1]):
            above.pop()
        reason = paths.fault(entry.path)
        if reason is None and entry.path.encode() <= before:
            reason = "it is there twice, or not in its place"
        if reason is None and above and entry.path[len(above[-1])] == "/":
            reason = "it lies below a file or a link"
        if reason is None and entry.path.count("/") >= MAX_PARTS:
            reason = f"it lies more than {MAX_PARTS} directories deep"
        if reason is not None:
            return f"{printable(entry.path)}: {reason}"
        before = entry.path.encode()
        above.append(entry.path)
    return None


def _fault_of_links(links: Links) -> str | None:
    ways = Ways(links)
    for path in links:
        reason = ways.lead_out(path)
        if reason is not None:
            return f"{printable(path)}: {reason}"
    return None
