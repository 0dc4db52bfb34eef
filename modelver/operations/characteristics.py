"""What makes versions alike: their characteristics, from the record and from the bytes that are here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO

from modelver.domain import similarity
from modelver.domain.records import Artifact, Value, Version
from modelver.domain.similarity import Characteristic, Characteristics
from modelver.domain.text import quoted
from modelver.errors import Damaged, ModelverError
from modelver.storage import formats
from modelver.storage.objects import ObjectStore
from modelver.storage.trees import Entry

_SUFFIXES = {".safetensors": "safetensors", ".npz": "npz", ".npy": "npy", ".gguf": "gguf"}
"""The files of a directory whose tensors are looked at."""

_MOST_PACKAGES = 1 << 20  # bytes of the list of packages

Open = Callable[[Entry], BinaryIO]


def of_version(store: ObjectStore, record: Version, told: list[str]) -> Characteristics:
    """All characteristics of a version; what cannot be read is None, and `told` gets why."""
    artifact = record.artifact
    try:
        entries: Sequence[Entry] = [Entry("file", "", artifact.digest)]
        if artifact.kind == "directory":
            entries = store.manifest(artifact.digest).entries
        of_bytes = of_artifact(artifact, entries, lambda entry: store.open(entry.digest), record.version, told)
    except ModelverError as error:
        told.append(f"the files of {record.version} are not compared: {error.message}")
        of_bytes = {"files": None, "format": _format(artifact), "tensors": None}
    return {
        "params": similarity.of_values(record.params),
        "inputs": similarity.of_inputs(each for each in record.inputs if each.kind != "code"),
        "code": similarity.of_inputs(each for each in record.inputs if each.kind == "code"),
        "environment": _environment(store, record, told),
        "meta": similarity.of_values(record.meta),
        **of_bytes,
    }


def of_artifact(
    artifact: Artifact, entries: Sequence[Entry], opened: Open, name: str, told: list[str]
) -> Characteristics:
    """What the bytes alone tell: files, format, tensors. The one entry of an artifact that is a file has no path."""
    return {
        "files": similarity.of_files((entry.path, entry.digest or f"link to {entry.target}") for entry in entries),
        "format": _format(artifact),
        "tensors": _tensors(artifact, entries, opened, name, told),
    }


def _format(artifact: Artifact) -> frozenset[Characteristic]:
    return similarity.of_words([artifact.format] if artifact.format else [])


def _tensors(
    artifact: Artifact, entries: Sequence[Entry], opened: Open, name: str, told: list[str]
) -> frozenset[Characteristic] | None:
    """Name, shape and type of every tensor; None where no file is of a format that is read."""
    files = [(entry, _format_of(entry, artifact)) for entry in entries if entry.kind == "file"]
    readable = [(entry, format) for entry, format in files if format is not None]
    try:
        found = [each for entry, format in readable for each in _of_file(entry, format, opened)]
    except ModelverError as error:
        told.append(f"the tensors of {name} are not compared: {error.message}")
        return None
    return frozenset(found) if readable else None


def _format_of(entry: Entry, artifact: Artifact) -> str | None:
    if not entry.path:
        return artifact.format if artifact.format in _SUFFIXES.values() else None
    return _SUFFIXES.get("." + entry.path.rpartition(".")[2])


def _of_file(entry: Entry, format: str, opened: Open) -> Iterator[Characteristic]:
    with opened(entry) as stream:
        for tensor in formats.tensors(stream, format) or ():
            name = entry.path if format == "npy" and entry.path else tensor.name  # such a file is one nameless array
            shape = "×".join(map(str, tensor.shape)) or "scalar"
            yield Characteristic((name, tensor.shape, tensor.dtype), f"{name} {shape} {tensor.dtype}")


def _environment(store: ObjectStore, record: Version, told: list[str]) -> frozenset[Characteristic] | None:
    """Python, platform and whatever else is recorded, and each package with its version."""
    environment = dict(record.environment or {})
    listed = environment.pop("packages", None)
    found = similarity.of_values(environment)
    if listed is None:
        return found
    try:
        return found | similarity.of_words(packages(store, listed))
    except ModelverError as error:
        told.append(f"the packages of {record.version} are not compared: {error.message}")
        return None


def packages(store: ObjectStore, digest: Value) -> Iterable[str]:
    """The lines of the list of packages, `name==version` each."""
    if not isinstance(digest, str):
        raise Damaged(f"packages: expected a digest, found {quoted(str(digest))}")
    with store.open(digest) as stream:
        data = stream.read(_MOST_PACKAGES + 1)
    if len(data) > _MOST_PACKAGES:
        raise Damaged("the list of packages is over 1 MiB")
    return filter(None, map(str.strip, data.decode("utf-8", "replace").splitlines()))
