"""The lineage that the records of one commit tell: nodes and edges, read once for each state of the records.

What is read from thousands of records is kept beside Git's own files until the records change; anybody may delete it.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import Any

from modelver import files
from modelver.catalog.reading import parsed
from modelver.catalog.records import Catalog
from modelver.domain import names
from modelver.domain.records import Input, LineageNode, Link, Version
from modelver.errors import ModelverError
from modelver.git.repository import Entry
from modelver.records import layout, lineage
from modelver.records.values import moment_text

_FORMAT = 2
"""Grows when what is kept changes its form."""

Key = tuple[str, str]
"""Kind and id of a node: of a model the version's id, of data and code the name alone."""


@dataclass
class Facts:
    """Nodes by key with what is known of them, and edges: down, up, relation, digest of what is up."""

    nodes: dict[Key, dict[str, Any]] = field(default_factory=dict)
    edges: list[tuple[Key, Key, str, str | None]] = field(default_factory=list)

    def add(self, record: Version, notes_inputs: tuple[Input, ...] = ()) -> None:
        """What a version's record, and the notes on it, tell."""
        key = ("model", record.version)
        told = {
            "model": record.model,
            "created_at": moment_text(record.created_at),
            "message": record.message,
            "commit": _commit(record),
        }
        self.nodes[key] = {name: value for name, value in told.items() if value}
        self._inputs(key, (*record.inputs, *notes_inputs))

    def add_node(self, node: LineageNode) -> None:
        """What `lineage add` wrote of a node."""
        key = (node.kind, node.id)
        if names.is_version_id(node.id):
            return  # what a version is, its record says
        told = {**node.meta, **node.more, "digest": node.digest, "uri": node.uri, "message": node.message}
        self.nodes.setdefault(key, {}).update({name: each for name, each in told.items() if each})
        self._inputs(key, node.inputs)

    def add_link(self, link: Link) -> None:
        """An edge between two nodes, each known by its id; of an unknown one the kind is taken for data."""
        down, up = self.key(link.down), self.key(link.up)
        for key in (down, up):
            self.nodes.setdefault(key, {})
        self.edges.append((down, up, link.relation, None))

    def key(self, id: str) -> Key:
        """The node of an id, whichever its kind; as for a file, data where nothing is known."""
        if names.is_version_id(id):
            return "model", id
        return next(((kind, id) for kind in lineage.NODE_KINDS if (kind, id) in self.nodes), ("data", id))

    def _inputs(self, key: Key, inputs: tuple[Input, ...]) -> None:
        for each in inputs:
            self.nodes.setdefault((each.kind, each.id), {})
            self.edges.append((key, (each.kind, each.id), each.relation, each.digest))


def _commit(record: Version) -> str | None:
    """The commit that has the code of a version; None where it is not known, or not all of the code was committed."""
    code = [each for each in record.inputs if each.kind == "code"]
    commits = {None if each.dirty else each.commit for each in code}
    return commits.pop() if len(commits) == 1 else None


def facts(catalog: Catalog) -> Facts:
    """All nodes and edges. Malformed records are left out; `verify` names them."""
    place = catalog.repository.home / "cache" / "lineage.json"
    trees = [catalog.tree.top[name].oid if name in catalog.tree.top else "" for name in ("models", "lineage")]
    key = [_FORMAT, *trees]
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(place.read_bytes())
        if kept["key"] == key:
            nodes = {(kind, id): told for kind, id, told in kept["nodes"]}
            return Facts(nodes, [((a, b), (c, d), relation, digest) for a, b, c, d, relation, digest in kept["edges"]])
    found = _read(catalog)
    document = {
        "key": key,
        "nodes": [[*node, told] for node, told in found.nodes.items()],
        "edges": [[*down, *up, relation, digest] for down, up, relation, digest in found.edges],
    }
    with contextlib.suppress(OSError, ModelverError):
        files.make_directory(place.parent)
        files.replace_file(place, json.dumps(document).encode(), draft=place.with_suffix(".new"))
    return found


def _read(catalog: Catalog) -> Facts:
    found = Facts()
    noted: dict[tuple[str, str], list[Input]] = {}
    for model in catalog.models():
        with contextlib.suppress(ModelverError):
            for note in catalog.notes(model):
                noted.setdefault((model, note.version), []).extend(note.inputs)
    for record in catalog.sound_versions():
        found.add(record, tuple(noted.get((record.model, record.version), ())))
    for node in nodes(catalog):
        found.add_node(node)
    for link in links(catalog):
        found.add_link(link)
    return found


def nodes(catalog: Catalog) -> list[LineageNode]:
    """What `lineage add` wrote; malformed ones are left out."""
    return [
        record
        for kind in lineage.NODE_KINDS
        for path, entry in _entries(catalog, kind)
        for record in _sound(catalog, path, entry, lineage.parse_node)
    ]


def links(catalog: Catalog) -> list[Link]:
    """The edges that were made after a record; malformed ones are left out."""
    return [
        record
        for path, entry in _entries(catalog, "links")
        for record in _sound(catalog, path, entry, lineage.parse_link)
    ]


def _entries(catalog: Catalog, folder: str) -> list[tuple[str, Entry]]:
    """Path and entry of each record in a folder of the lineage."""
    top = catalog.tree.at(f"{layout.LINEAGE}/{folder}") if "lineage" in catalog.tree.top else None
    if top is None or not top.is_directory:
        return []
    found = [(f"{layout.LINEAGE}/{folder}/{entry.name}", entry) for entry in catalog.repository.trees([top.oid])[0]]
    return [(path, entry) for path, entry in found if layout.parse_path(path) is not None]


def _sound(catalog: Catalog, path: str, entry: Entry, parse: Any) -> list[Any]:
    try:
        return parsed(catalog.repository, [entry], [path], parse)
    except ModelverError:
        return []
