"""Everything below `.modelver` that is no well-formed record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from modelver.catalog.reading import contents, parsed
from modelver.catalog.tree import RecordTree
from modelver.errors import ModelverError
from modelver.git.repository import Entry, Repository
from modelver.records import layout, lineage, schema
from modelver.records.config import parse_config
from modelver.records.rules import parse_card

_DEEPEST = 40
"""Slashes in the longest path of a record: a model's name has at most 64 characters."""

_RECORDS: dict[type, Callable[[bytes, str], Any]] = {
    layout.LabelFile: schema.parse_label,
    layout.StageFile: schema.parse_stage,
    layout.ArchiveFile: schema.parse_archive,
    layout.NoteFile: schema.parse_note,
    layout.NodeFile: lineage.parse_node,
    layout.LinkFile: lineage.parse_link,
}
_BY_HAND: dict[type, Callable[[bytes, str], object]] = {layout.ConfigFile: parse_config, layout.CardFile: parse_card}


def strays(tree: RecordTree) -> Iterator[tuple[str, str]]:
    """Path and fault of everything that is no well-formed record, but for version records."""
    repository = tree.repository
    if "config.yaml" in tree.top and (fault := _fault(repository, layout.CONFIG, tree.top["config.yaml"])):
        yield layout.CONFIG, fault
    tops = ((layout.MODELS, "models"), (layout.LINEAGE, "lineage"))
    level = [(path, tree.top[name]) for path, name in tops if name in tree.top]
    while level:
        trees = repository.trees([folder.oid for _, folder in level])
        items = [
            (f"{path}/{entry.name}", entry) for (path, _), each in zip(level, trees, strict=True) for entry in each
        ]
        level = [(path, entry) for path, entry in items if entry.is_directory and path.count("/") < _DEEPEST]
        for path, entry in items:
            if not entry.is_directory and (fault := _fault(repository, path, entry)):
                yield path, fault


def _fault(repository: Repository, path: str, entry: Entry) -> str | None:
    place = layout.parse_path(path)
    if place is None:
        return "no record has such a path"
    if entry.mode not in ("100644", "100755"):
        return "a record has to be a plain file"
    try:
        if (parse := _RECORDS.get(type(place))) is not None:
            parsed(repository, [entry], [path], parse)
        if (read := _BY_HAND.get(type(place))) is not None:
            read(contents(repository, [entry], [path])[0], path)
    except ModelverError as error:
        return "; ".join([error.message, *error.hints])
    return None
