"""What a commit must not take in: bytes that are a registered artifact, and large model files.

The hook `pre-commit` asks at every commit, most often in vain, so nothing is loaded or read before it is needed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelver.errors import ModelverError
from modelver.git.block import pattern, split
from modelver.git.process import Git
from modelver.git.staged import Place, StagedFile, batch, chosen, indexed, place, staged
from modelver.records.defaults import MAX_SIZE

TYPE_CHECKING = False  # see modelver/git/process.py

if TYPE_CHECKING:
    from modelver.domain.records import Version
    from modelver.git.batch import Batch

_RECORD = re.compile(r"\.modelver/models/.*/versions/[0-9]{6}/[0-9]{2}/v[0-9]{14}_([0-9a-f]{8})\.yaml", re.DOTALL)
_CONFIG = ".modelver/config.yaml"
_RECORD_LIMIT = 256 * 1024  # bytes
_END = 8192  # bytes at both ends of a file, by which its format is known
_LARGE = 2**20  # bytes from which on a file is also looked for among versions that only their tag knows


@dataclass(frozen=True)
class Unfit:
    """A file that must not go into the commit, and why; `registered` where its bytes are in the registry already."""

    path: str
    size: int
    reason: str
    registered: bool


class _Blob:
    """A file of the commit as its bytes go by: both ends, size and SHA-256."""

    def __init__(self, file: StagedFile, size: int) -> None:
        self.file = file
        self.size = size
        self.digest = ""
        self.head = self.tail = b""


class _Check:
    """One look at a commit, with the conversation in which it is held; no dataclass, since that takes a millisecond."""

    def __init__(self, git: Git, place: Place, batch: Batch) -> None:
        self.git = git
        self.place = place
        self.batch = batch
        self.remarks: list[str] = []

    def run(self, files: Sequence[StagedFile]) -> Iterator[Unfit]:
        sizes = self.batch.headers([file.oid for file in files])
        blobs = [_Blob(file, header.size) for file, header in zip(files, sizes, strict=True) if header and header.size]
        records = self._records()
        limit = self._limit()
        hidden = set(split(self.place.ignore_list())[1])
        for blob in blobs:
            if artifact := _above(blob.file, hidden):
                reason = f"lies in {artifact}, a registered artifact, which is kept from Git"
                yield Unfit(blob.file.path, blob.size, reason, registered=True)
                continue
            if records or blob.size > min(limit, _LARGE):
                self._read(blob)
            versions = self._versions_of(blob, records)
            if not blob.file.is_new and any(version.artifact.path == blob.file.path for version in versions):
                continue  # registered where Git tracks it, as `add --allow-tracked` does
            if versions:
                reason = f"has the bytes of {versions[0].model} {versions[0].version}"
                yield Unfit(blob.file.path, blob.size, reason, registered=True)
            elif blob.size > limit and (kind := _kind(blob)):
                reason = f"is a model file ({kind}) over the limit of {_size(limit)}"
                yield Unfit(blob.file.path, blob.size, reason, registered=False)

    def _read(self, blob: _Blob) -> None:
        import hashlib

        hashed = hashlib.sha256()

        def take(piece: bytes) -> None:
            hashed.update(piece)
            blob.head = blob.head or piece[:_END]
            blob.tail = (blob.tail + piece[-_END:])[-_END:]

        self.batch.pour(blob.file.oid, take)
        blob.digest = hashed.hexdigest()

    # ---- what is registered ------------------------------------------------------------------------------------

    def _records(self) -> dict[str, list[tuple[str, str]]]:
        """Path and object id of the records in the index, by the first eight digits of the artifact."""
        found: dict[str, list[tuple[str, str]]] = {}
        for path, oid in indexed(self.git, ".modelver/models"):
            if match := _RECORD.fullmatch(path):
                found.setdefault(match[1], []).append((path, oid))
        return found

    def _versions_of(self, blob: _Blob, records: dict[str, list[tuple[str, str]]]) -> list[Version]:
        """The versions whose artifact a file is."""
        near = records.get(blob.digest[:8], [])
        if not near and blob.size >= _LARGE:
            near = self._tagged(blob.digest[:8])
        found = []
        for path, oid in near:
            from modelver.records.schema import parse_version

            try:
                record = parse_version(self.batch.contents([oid])[0][1], path)
            except ModelverError as error:
                self.remarks.append(f"{path} cannot be read: {error.message}")
                continue
            if record.artifact.digest == f"sha256:{blob.digest}":
                found.append(record)
        return found

    def _tagged(self, digits: str) -> list[tuple[str, str]]:
        """Path and object id of the records that only tags know, of versions whose id ends in some digits."""
        words = ("--format=%(refname)", f"refs/tags/v*_{digits}", f"refs/modelver/v*_{digits}")
        refs = self.git.run("for-each-ref", *words, end=b"\n").out.decode("ascii", "replace").splitlines()
        found = []
        for ref in refs:
            version = ref.rpartition("/")[2]
            day = f"versions/{version[1:7]}/{version[7:9]}/{version}.yaml"
            listed = self.git.run("ls-tree", "-r", "-z", "--full-tree", ref, "--", ".modelver/models", accept=(0, 128))
            for line in os.fsdecode(listed.out).split("\0")[:-1]:
                facts, path = line.split("\t", 1)
                if path.endswith(f"/{day}"):
                    found.append((path, facts.split(" ")[2]))
        return found

    # ---- how large a model file may be -------------------------------------------------------------------------

    def _limit(self) -> int:
        """The largest model file that may pass; the reader of YAML is loaded only where the configuration says so."""
        header = self.batch.headers([f"HEAD:{_CONFIG}"])[0]
        if header is None or header.size > _RECORD_LIMIT:
            return MAX_SIZE
        data = self.batch.contents([header.oid])[0][1]
        if b"max_size" not in data:
            return MAX_SIZE
        from modelver.records.config import parse_config

        try:
            return parse_config(data, _CONFIG).hooks.max_size
        except ModelverError as error:
            self.remarks.append(f"{error.message}; so the limit is {_size(MAX_SIZE)}")
            return MAX_SIZE


def check(directory: str, names: Sequence[str] = ()) -> tuple[list[Unfit], list[str]]:
    """Look at what the next commit takes in, or at the files of these names as they are in the index.

    What must not go in, and remarks. Where modelver was never used, the next commit is no business of ours.
    """
    git = Git(directory)
    here = place(git)
    if names:
        files = chosen(git, names)
    elif here.has_registry or indexed(git, _CONFIG):
        files = staged(git, merging=here.merging)
    else:
        return [], []
    files = [file for file in files if not file.path.startswith(".modelver/")]
    if not files:
        return [], []
    conversation = batch(git, here.algorithm)
    try:
        look = _Check(git, here, conversation)
        return list(look.run(files)), look.remarks
    finally:
        conversation.close_quietly()


def _above(file: StagedFile, hidden: set[bytes]) -> str | None:
    """The artifact that a new file lies in, by the list of what is hidden from Git."""
    parts = file.path.split("/")
    above = ("/".join(parts[:count]) for count in range(1, len(parts)))
    return next((path for path in above if pattern(path) in hidden), None) if hidden and file.is_new else None


def _kind(blob: _Blob) -> str | None:
    from modelver.storage.formats.identification import model_format

    return model_format(blob.head, blob.tail, blob.size, blob.file.path)


def _size(count: int) -> str:
    from modelver.domain.text import size

    return size(count)
