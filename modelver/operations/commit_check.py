"""What a commit must not take in: bytes that are a registered artifact, and large model files.

The hook `pre-commit` asks at every commit, most often in vain, so nothing is loaded or read before it is needed.
"""

from __future__ import annotations

from modelver.errors import ModelverError
from modelver.git.quick import Lookup
from modelver.git.staged import Index, StagedFile, below_tag, tags_ending_in, top_of
from modelver.records.defaults import MAX_SIZE

TYPE_CHECKING = False  # see modelver/git/environment.py

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from modelver.domain.records import Version
    from modelver.operations.together import Unfit

_MODELS = ".modelver/models"
_CONFIG = ".modelver/config.yaml"
_RECORD_LIMIT = 256 * 1024  # bytes
_END = 8192  # bytes at both ends of a file, by which its format is known
_LARGE = 2**20  # bytes from which on a file is also looked for among versions that only their tag knows


class _Blob:
    """A file of the commit as its bytes go by: both ends, size and SHA-256."""

    def __init__(self, file: StagedFile, size: int) -> None:
        self.file = file
        self.size = size
        self.digest = ""
        self.head = self.tail = b""


class _Check:
    """One look at a commit, with the conversation in which it is held."""

    def __init__(self, index: Index, lookup: Lookup) -> None:
        self.index = index
        self.lookup = lookup
        self.remarks: list[str] = []

    def run(self, files: Sequence[StagedFile]) -> Iterator[Unfit]:
        configuration, *headers = self.lookup.headers([f"HEAD:{_CONFIG}", *(file.oid for file in files)])
        blobs = [_Blob(file, header[1]) for file, header in zip(files, headers, strict=True) if header and header[1]]
        records = self._records()
        limit = self._limit(configuration)
        hidden = self._hidden(files)
        above = [_above(blob.file, hidden) for blob in blobs]
        outside = [blob for blob, artifact in zip(blobs, above, strict=True) if artifact is None]
        sizes = self._sizes(records, len(outside))
        self._read([blob for blob in outside if blob.size > min(limit, _LARGE - 1) or sizes(blob.size)], limit)
        for blob, artifact in zip(blobs, above, strict=True):
            if artifact:
                reason = f"lies in {artifact}, a registered artifact, which is kept from Git"
                yield _unfit(blob, reason, registered=True)
                continue
            versions = self._versions_of(blob, records)
            if not blob.file.is_new and any(version.artifact.path == blob.file.path for version in versions):
                continue  # registered where Git tracks it, as `add --allow-tracked` does
            if versions:
                reason = f"has the bytes of {versions[0].model} {versions[0].version}"
                yield _unfit(blob, reason, registered=True)
            elif blob.size > limit and (kind := _kind(blob)):
                reason = f"is a model file ({kind}) over the limit of {_size(limit)}"
                yield _unfit(blob, reason, registered=False)

    def _read(self, blobs: Sequence[_Blob], limit: int) -> None:
        """The digest of each, and the ends of those that are large enough to be asked for their format."""
        if not blobs:
            return
        import hashlib

        for blob, pieces in zip(blobs, self.lookup.pieces([blob.file.oid for blob in blobs]), strict=True):
            hashed = hashlib.sha256()
            for piece in pieces:
                hashed.update(piece)
                if blob.size > limit:
                    blob.head = blob.head or piece[:_END]
                    blob.tail = (blob.tail + piece[-_END:])[-_END:]
            blob.digest = hashed.hexdigest()

    # ---- what is registered ------------------------------------------------------------------------------------

    def _records(self) -> dict[str, list[tuple[str, str]]]:
        """Path and object id of the records in the index, by the first eight digits of the artifact."""
        found: dict[str, list[tuple[str, str]]] = {}
        for path, oid in self.index.records:
            if "/versions/" in path:
                found.setdefault(path.removesuffix(".yaml")[-8:], []).append((path, oid))
        return found

    def _sizes(self, records: dict[str, list[tuple[str, str]]], files: int) -> Callable[[int], bool]:
        """Whether an artifact may be of a size; with fewer files than records, to read those is no more work."""
        oids = [oid for found in records.values() for _, oid in found]
        if files <= len(oids):
            return lambda _: bool(oids)
        if any(header and header[1] > _RECORD_LIMIT for header in self.lookup.headers(oids)):
            return lambda _: True
        import re

        told = [re.findall(rb"\bsize\W{1,9}(\d+)", b"".join(pieces)) for pieces in self.lookup.pieces(oids)]
        if not all(told):
            return lambda _: True  # one that nobody can read may be of any size
        sizes = {int(size) for found in told for size in found}
        return lambda size: size in sizes

    def _versions_of(self, blob: _Blob, records: dict[str, list[tuple[str, str]]]) -> list[Version]:
        """The versions whose artifact a file is."""
        near = records.get(blob.digest[:8], [])
        if not near and blob.size >= _LARGE:
            near = self._tagged(blob.digest[:8])
        found = []
        for path, oid in near:
            from modelver.records.schema import parse_version

            data = self.lookup.contents(oid, _RECORD_LIMIT)
            if data is None:
                self.remarks.append(f"a record cannot be read: {path}: it has over {_RECORD_LIMIT} bytes")
                continue
            try:
                record = parse_version(data, path)
            except ModelverError as error:
                self.remarks.append(f"a record cannot be read: {error.message}")
                continue
            if record.artifact.digest == f"sha256:{blob.digest}":
                found.append(record)
        return found

    def _tagged(self, digits: str) -> list[tuple[str, str]]:
        """Path and object id of the records that only tags know, of versions whose id ends in some digits."""
        found = []
        for tag in tags_ending_in(self.index.directory, digits):
            found += below_tag(self.index.directory, tag, f"/{tag.rpartition('/')[2]}.yaml")
        return [(path, oid) for path, oid in found if "/versions/" in path]

    def _hidden(self, files: Sequence[StagedFile]) -> set[bytes]:
        """The lines that keep artifacts from Git, where a new file may lie below one."""
        if not any(file.is_new and "/" in file.path for file in files):
            return set()
        from modelver.git.block import split

        return set(split(self.index.ignore_list())[1])

    # ---- how large a model file may be -------------------------------------------------------------------------

    def _limit(self, configuration: tuple[str, int] | None) -> int:
        """The largest model file that may pass; the reader of YAML is loaded only where the configuration says so."""
        data = self.lookup.contents(configuration[0], _RECORD_LIMIT) if configuration else None
        if data is None or b"max_size" not in data:
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
    # Git starts a hook at the top; whoever names files stands anywhere.
    index = Index(directory, top_of(directory) if names else directory, _CONFIG, _MODELS)
    if not names and not index.is_ours:
        return [], []
    files = index.chosen(names) if names else index.staged()
    files = [file for file in files if not file.path.startswith(".modelver/")]
    if not files:
        return [], []
    lookup = Lookup(directory)
    try:
        look = _Check(index, lookup)
        return list(look.run(files)), look.remarks
    finally:
        lookup.close()


def _unfit(blob: _Blob, reason: str, *, registered: bool) -> Unfit:
    from modelver.operations.together import Unfit

    return Unfit(path=blob.file.path, size=blob.size, reason=reason, registered=registered)


def _above(file: StagedFile, hidden: set[bytes]) -> str | None:
    """The artifact that a new file lies in, by the list of what is hidden from Git."""
    if not hidden or not file.is_new:
        return None
    from modelver.git.block import pattern

    parts = file.path.split("/")
    above = ("/".join(parts[:count]) for count in range(1, len(parts)))
    return next((path for path in above if pattern(path) in hidden), None)


def _kind(blob: _Blob) -> str | None:
    from modelver.storage.formats.identification import model_format

    return model_format(blob.head, blob.tail, blob.size, blob.file.path)


def _size(count: int) -> str:
    from modelver.domain.text import size

    return size(count)
