"""Make Git objects: trees with some files changed, commits, tags; all sent in one pack.

Formats: gitformat-pack(5), and the tree, commit and tag bodies as `git cat-file -p` shows them.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from modelver.errors import Damaged
from modelver.git.batch import object_id
from modelver.git.configuration import without_crud
from modelver.git.repository import DIRECTORY, FILE, Entry, Repository

_PACK_TYPES = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}


@dataclass
class Draft:
    """New objects that Git does not have yet, by their ids."""

    algorithm: str
    objects: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def add(self, type: str, data: bytes) -> str:
        """Take an object in and return its id."""
        oid = object_id(self.algorithm, type, data)
        self.objects[oid] = (type, data)
        return oid

    def pack(self) -> bytes:
        """All objects as one pack stream."""
        body = b"PACK" + struct.pack(">II", 2, len(self.objects))
        body += b"".join(_pack_header(type, len(data)) + zlib.compress(data) for type, data in self.objects.values())
        return body + hashlib.new(self.algorithm, body, usedforsecurity=False).digest()


def _pack_header(type: str, size: int) -> bytes:
    """Type and size: four bits in the first byte, seven in each that follows, low ones first."""
    first, size = _PACK_TYPES[type] << 4 | size & 15, size >> 4
    header = bytearray()
    while size:
        header.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    header.append(first)
    return bytes(header)


def send(repository: Repository, draft: Draft) -> None:
    """Give Git all objects of a draft, which is empty then; one process, none where it was empty."""
    if draft.objects:
        repository.git.run("unpack-objects", "-q", input=draft.pack())
        draft.objects.clear()


def graft(repository: Repository, draft: Draft, root: str | None, files: Mapping[str, bytes | None]) -> str:
    """A tree like `root` with some files replaced, added, or (None) removed; returns its id.

    Raises `Damaged` where a directory is wanted and the tree has a file or a link.
    """
    return _graft(repository, draft, root, "", files) or draft.add("tree", b"")


def _graft(
    repository: Repository, draft: Draft, oid: str | None, where: str, files: Mapping[str, bytes | None]
) -> str | None:
    entries = {entry.name: entry for entry in _entries(repository, draft, oid)} if oid else {}
    below: dict[str, dict[str, bytes | None]] = {}
    for path, data in files.items():
        name, _, rest = path.partition("/")
        if rest:
            below.setdefault(name, {})[rest] = data
        elif data is None:
            entries.pop(name, None)
        else:
            entries[name] = Entry(FILE, name, draft.add("blob", data))
    for name, changes in below.items():
        old = entries.pop(name, None)
        if old is not None and not old.is_directory:
            raise Damaged(f"{where}{name} is no directory in the commit that is checked out")
        new = _graft(repository, draft, old.oid if old else None, f"{where}{name}/", changes)
        if new is not None:
            entries[name] = Entry(DIRECTORY, name, new)
    return draft.add("tree", _tree_bytes(entries)) if entries else None


def _entries(repository: Repository, draft: Draft, oid: str) -> list[Entry]:
    """What a tree has that Git may not have yet."""
    new = draft.objects.get(oid)
    return repository.parse_tree(oid, *new) if new else repository.trees([oid])[0]


def _tree_bytes(entries: Mapping[str, Entry]) -> bytes:
    # Git sorts a directory as if its name ended in a slash.
    lines = sorted(
        (entry.name.encode("utf-8", "surrogateescape") + (b"/" if entry.is_directory else b""), entry)
        for entry in entries.values()
    )
    return b"".join(
        entry.mode.encode() + b" " + name.removesuffix(b"/") + b"\0" + bytes.fromhex(entry.oid) for name, entry in lines
    )


def ident(person: str, moment: datetime) -> str:
    """Who and when, as Git's objects have it, of a person that a record names as `Name <mail>`.

    What a record says may be anybody's words, and Git refuses objects without a name, a mail or a date of its own.

    >>> ident("Ada <ada@example.org>", datetime.fromisoformat('2024-01-01T00:00Z'))
    'Ada <ada@example.org> 1704067200 +0000'
    """
    name, _, mail = person.partition("<")
    plain = (without_crud(" ".join(part.replace("\0", "").split())) for part in (name, mail.partition(">")[0]))
    name, mail = plain
    return f"{name or mail or 'somebody'} <{mail}> {max(0, int(moment.timestamp()))} +0000"


def commit_body(tree: str, parent: str | None, author: str, committer: str, message: str) -> bytes:
    """The bytes of a commit; `author` and `committer` in Git's form `Name <mail> seconds zone`."""
    parents = f"parent {parent}\n" if parent else ""
    head = f"tree {tree}\n{parents}author {author}\ncommitter {committer}\n"
    return f"{head}\n{message.rstrip()}\n".encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class TagText:
    """What an annotated tag says besides what it names."""

    tagger: str
    message: str


_TAG = re.compile(
    rb"object [0-9a-f]+\ntype commit\ntag [^\n]*\ntagger (?P<tagger>[^\n]*)\n\n(?P<message>.*)", re.DOTALL
)
_SIGNATURE = re.compile(r"^-----BEGIN (PGP|SSH) ", re.MULTILINE)


def tag_of(repository: Repository, oid: str) -> TagText | None:
    """What an annotated tag of a commit says, without its signature; None for anything else."""
    type, data = repository.batch.contents([oid])[0]
    match = _TAG.fullmatch(data) if type == "tag" else None
    if match is None:
        return None
    tagger, message = (match[part].decode("utf-8", "surrogateescape") for part in ("tagger", "message"))
    signature = _SIGNATURE.search(message)
    return TagText(tagger, message[: signature.start()] if signature else message)


def tag_body(target: str, name: str, tagger: str, message: str) -> bytes:
    """The bytes of an annotated tag of a commit (rule I4)."""
    head = f"object {target}\ntype commit\ntag {name}\ntagger {tagger}\n"
    return f"{head}\n{message.rstrip()}\n".encode("utf-8", "surrogateescape")
