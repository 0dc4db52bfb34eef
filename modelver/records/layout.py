"""Record <-> path under `.modelver/`. Paths are POSIX and relative to the repository's root."""

from __future__ import annotations

import re
from dataclasses import dataclass

from modelver.domain import names

ROOT = ".modelver"
CONFIG = ".modelver/config.yaml"
IGNORE = ".modelver/.gitignore"
ATTRIBUTES = ".modelver/.gitattributes"
OBJECTS = ".modelver/objects"
MODELS = ".modelver/models"
LINEAGE = ".modelver/lineage"

_NOT_PLAIN = re.compile(r"[^a-z0-9._-]")
_NODE = re.compile(rf"{re.escape(LINEAGE)}/(data|code|model)/([a-z0-9._-]{{0,48}}-[0-9a-f]{{8}})\.yaml")
_LINK = re.compile(rf"{re.escape(LINEAGE)}/links/([0-9a-f]{{16}})\.yaml")
_NOTE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The registry's configuration."""


@dataclass(frozen=True, slots=True)
class CardFile:
    """What people write about a model."""

    model: str


@dataclass(frozen=True, slots=True)
class VersionFile:
    """A version."""

    model: str
    version: str


@dataclass(frozen=True, slots=True)
class LabelFile:
    """A label."""

    model: str
    label: str


@dataclass(frozen=True, slots=True)
class StageFile:
    """A stage's pointer."""

    model: str
    stage: str


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """Whether a version is retired."""

    model: str
    version: str


@dataclass(frozen=True, slots=True)
class NoteFile:
    """A note on a version; `name` is the file's without its ending."""

    model: str
    version: str
    name: str


@dataclass(frozen=True, slots=True)
class NodeFile:
    """A node of the lineage; `slug` is the file's name without its ending."""

    kind: str
    slug: str


@dataclass(frozen=True, slots=True)
class LinkFile:
    """An edge of the lineage; `name` is the file's without its ending."""

    name: str


Location = ConfigFile | CardFile | VersionFile | LabelFile | StageFile | ArchiveFile | NoteFile | NodeFile | LinkFile


def model_directory(model: str) -> str:
    """Where the records of a model lie."""
    return f"{MODELS}/{model}"


def version_path(model: str, version: str) -> str:
    """The file of a version.

    >>> version_path("nlp/sentiment", "v20240101120000_abcd1234")
    '.modelver/models/nlp/sentiment/versions/202401/01/v20240101120000_abcd1234.yaml'
    """
    return f"{MODELS}/{model}/versions/{_day(version)}/{version}.yaml"


def label_path(model: str, label: str) -> str:
    """The file of a label."""
    return f"{MODELS}/{model}/tags/{label}.yaml"


def stage_path(model: str, stage: str) -> str:
    """The file of a stage."""
    return f"{MODELS}/{model}/stages/{stage}.yaml"


def archive_path(model: str, version: str) -> str:
    """The file that tells whether a version is retired."""
    return f"{MODELS}/{model}/archived/{_day(version)}/{version}.yaml"


def note_directory(model: str, version: str) -> str:
    """The directory of a version's notes."""
    return f"{MODELS}/{model}/notes/{_day(version)}/{version}"


def note_path(model: str, version: str, name: str) -> str:
    """The file of a note; `name` is `<time>_<8 hex>`."""
    return f"{note_directory(model, version)}/{name}.yaml"


def node_path(kind: str, slug: str) -> str:
    """The file of a node of the lineage.

    >>> node_path("data", slug("Data/Train.csv"))
    '.modelver/lineage/data/data-train.csv-66a86687.yaml'
    """
    return f"{LINEAGE}/{kind}/{slug}.yaml"


def link_path(name: str) -> str:
    """The file of an edge that was made after the record."""
    return f"{LINEAGE}/links/{name}.yaml"


def slug(id: str) -> str:
    """The name of a node's file: the id in what every file system takes, and 8 digits of its SHA-256."""
    from hashlib import sha256  # few commands write a node, and completion reads this module on every key

    digest = sha256(id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_NOT_PLAIN.sub('-', id.lower())[:48]}-{digest[:8]}"


def link_name(down: str, relation: str, up: str) -> str:
    """The name of an edge's file: 16 digits of the SHA-256 of the canonical JSON [down, relation, up]."""
    import json
    from hashlib import sha256

    data = json.dumps([down, relation, up], ensure_ascii=False, separators=(",", ":"))
    return sha256(data.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def card_path(model: str) -> str:
    """The card of a model, written by people."""
    return f"{MODELS}/{model}/model.yaml"


def parse_path(path: str) -> Location | None:
    """What the file at `path` records; None for a path at which no record of ours stands.

    `path` is the whole path from the repository's root; one that only looks like ours (a version in the folder of
    another day, a name that is none) is None too.
    """
    if path == CONFIG:
        return ConfigFile()
    if path.startswith(f"{LINEAGE}/"):
        return _of_lineage(path)
    if not path.startswith(".modelver/models/") or not path.endswith(".yaml"):
        return None
    parts = path[len(".modelver/models/") : -len(".yaml")].split("/")
    end = next((place for place, part in enumerate(parts) if part in names.RESERVED_PARTS), None)
    if end is None:
        model = "/".join(parts[:-1])
        return CardFile(model) if parts[-1] == "model" and names.is_model_name(model) else None
    model = "/".join(parts[:end])
    if not names.is_model_name(model):
        return None
    found = _found(model, parts[end], parts[end + 1 :])
    # Built again and compared: this holds the folders of month and day, and whatever a rule above may have missed.
    return found if found is not None and path_of(found) == path else None


def path_of(location: Location) -> str:
    """The path of a location; `parse_path` undoes it."""
    match location:
        case ConfigFile():
            return CONFIG
        case CardFile(model):
            return card_path(model)
        case VersionFile(model, version):
            return version_path(model, version)
        case LabelFile(model, label):
            return label_path(model, label)
        case StageFile(model, stage):
            return stage_path(model, stage)
        case ArchiveFile(model, version):
            return archive_path(model, version)
        case NoteFile(model, version, name):
            return note_path(model, version, name)
        case NodeFile(kind, slug):
            return node_path(kind, slug)
        case LinkFile(name):
            return link_path(name)


def _of_lineage(path: str) -> Location | None:
    if match := _LINK.fullmatch(path):
        return LinkFile(match[1])
    if match := _NODE.fullmatch(path):
        return NodeFile(match[1], match[2])
    return None


def _found(model: str, kind: str, rest: list[str]) -> Location | None:
    match kind, rest:
        case "versions", [_, _, version] if names.is_version_id(version):
            return VersionFile(model, version)
        case "archived", [_, _, version] if names.is_version_id(version):
            return ArchiveFile(model, version)
        case "notes", [_, _, version, name] if names.is_version_id(version) and _NOTE.fullmatch(name):
            return NoteFile(model, version, name)
        case "tags", [label] if names.is_label_name(label):
            return LabelFile(model, label)
        case "stages", [stage] if names.is_stage_name(stage):
            return StageFile(model, stage)
        case _:
            return None


def _day(version: str) -> str:
    return f"{version[1:7]}/{version[7:9]}"
