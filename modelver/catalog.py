"""All records of one commit, by reference (rules L1, B4).

A catalog reads Git trees and blobs, never the work tree. What it has read is kept by object id while the
process runs, and parsed version records beyond that, in a cache that anybody may delete. A record that is
malformed raises where it is needed; `verify` looks at all of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar, cast

from modelver.domain import names
from modelver.domain.records import Archive, Label, Note, StagePointer, Version
from modelver.domain.references import parse
from modelver.domain.resolution import Resolved, resolve
from modelver.domain.text import printable
from modelver.errors import Damaged, ModelverError, NotFound
from modelver.git.repository import Entry, Repository
from modelver.records import layout, schema, yaml
from modelver.records.config import Config, parse_config
from modelver.records.nodes import Node

RECORD_LIMIT = 256 * 1024
"""Bytes of the largest record (rule C4)."""

_MANY = 50
"""From this number of records on, looking them up in the cache is faster than parsing them."""

_DEEPEST = 40
"""Slashes in the longest path of a record: a model's name has at most 64 characters."""

_VERSION_REFS = ("refs/tags/v*", "refs/modelver/v*")
_KINDS = ("versions", "tags", "stages", "archived", "notes")

_Kept = TypeVar("_Kept")
Record = TypeVar("Record", Version, Label, StagePointer, Archive, Note)


class Catalog:
    """The records in the tree of one commit (None: there is no commit yet), and the versions known by their tag."""

    def __init__(self, repository: Repository, commit: str | None) -> None:
        self.repository = repository
        self.commit = commit
        self._memory: dict[tuple[str, str], object] = {}

    # ---- the tree --------------------------------------------------------------------------------------------

    @cached_property
    def _root(self) -> dict[str, Entry]:
        if self.commit is None:
            return {}
        top = self.repository.entry(self.repository.root(self.commit), layout.ROOT)
        return self._children(top) if top else {}

    def _children(self, *folders: Entry) -> dict[str, Entry]:
        """The entries of one or more folders together; anything but a folder has none."""
        oids = [folder.oid for folder in folders if folder.is_directory]
        return {entry.name: entry for tree in self.repository.trees(oids) for entry in tree}

    @cached_property
    def initialised(self) -> bool:
        """Whether this commit has a registry."""
        return "config.yaml" in self._root

    @cached_property
    def config(self) -> Config:
        """The configuration, its defaults where there is none."""
        entry = self._root.get("config.yaml")
        if entry is None:
            return parse_config(b"format: 1\n", layout.CONFIG)
        return parse_config(self._bytes([entry], [layout.CONFIG])[0], layout.CONFIG)

    @property
    def models_tree(self) -> str:
        """The id of the tree that holds all models, empty where there is none."""
        entry = self._root.get("models")
        return entry.oid if entry else ""

    @cached_property
    def _models(self) -> dict[str, dict[str, Entry]]:
        """For each folder that holds records of a model, its folders by kind."""
        found: dict[str, dict[str, Entry]] = {}
        level = [("", self._root["models"])] if "models" in self._root else []
        while level:
            trees = self.repository.trees([folder.oid for _, folder in level])
            below = []
            for (model, _), tree in zip(level, trees, strict=True):
                kinds = {entry.name: entry for entry in tree if entry.is_directory and entry.name in _KINDS}
                if kinds and names.is_model_name(model):
                    found[model] = kinds
                deeper = (entry for entry in tree if entry.is_directory and entry.name not in _KINDS)
                below += [(f"{model}/{entry.name}".lstrip("/"), entry) for entry in deeper]
            # A model's name has at most 64 characters, so at most 32 parts.
            level = [(model, entry) for model, entry in below if len(model) <= names.MODEL_LIMIT]
        return found

    def _days(self, model: str, kind: str) -> list[Entry]:
        folder = self._models.get(model, {}).get(kind)
        months = self._children(folder).values() if folder else ()
        oids = [month.oid for month in months if month.is_directory]
        return [day for tree in self.repository.trees(oids) for day in tree if day.is_directory]

    def _dated(self, model: str, kind: str) -> dict[str, Entry]:
        """Entries by version id, of a kind that lies in folders by month and day."""
        trees = self.repository.trees([day.oid for day in self._days(model, kind)])
        entries = ((entry.name.removesuffix(".yaml"), entry) for tree in trees for entry in tree)
        return {name: entry for name, entry in sorted(entries) if names.is_version_id(name)}

    # ---- what references are resolved by -----------------------------------------------------------------------

    def models(self) -> list[str]:
        """The names of the models that have a version here, sorted."""
        return sorted(model for model in self._models if self._version_entries(model))

    def versions(self, model: str) -> list[str]:
        """The ids of a model's versions, oldest first."""
        return list(self._version_entries(model))

    def _version_entries(self, model: str) -> dict[str, Entry]:
        return self._kept("versions", model, lambda: self._dated(model, "versions"))

    def retired(self, model: str) -> Collection[str]:
        """The versions that are archived and hold no stage (rule S2), or yanked."""
        return self._kept("retired", model, lambda: self._retired(model))

    def _retired(self, model: str) -> set[str]:
        held = {pointer.version for pointer in self.pointers(model).values()}
        archived = {record.version for record in self.archives(model) if record.state == "archived"}
        yanked = {note.version for note in self.notes(model) if note.kind == "yank"}
        return (archived - held) | yanked

    def archived(self, model: str) -> Collection[str]:
        """The versions whose state is archived; a held stage wins over it."""
        held = {pointer.version for pointer in self.pointers(model).values()}
        return {record.version for record in self.archives(model) if record.state == "archived"} - held

    def labels(self, model: str) -> Mapping[str, str]:
        """The version of each label."""
        return self._kept("labels", model, lambda: {record.label: record.version for record in self._labels(model)})

    def stage(self, model: str, name: str) -> StagePointer | None:
        """Who holds a stage, and its history."""
        return self.pointers(model).get(name)

    def stages(self, model: str) -> Collection[str]:
        """The names of the stages that a model has ever had."""
        return self.pointers(model).keys()

    def tagged(self, prefix: str) -> Sequence[tuple[str, str]]:
        """Id and model of the versions known only by their tag, whose id or hash begins with `prefix`."""
        found = []
        for version, commit in sorted(self._targets(prefix).items()):
            if not (version.startswith(prefix) or version.rpartition("_")[2].startswith(prefix)):
                continue
            if not self.holders(version):
                found += [(version, model) for model in self._at(commit).holders(version)]
        return found

    def _targets(self, prefix: str) -> Mapping[str, str]:
        """What the tags name whose versions `prefix` may mean; that of an exact id costs no process."""
        if not names.is_version_id(prefix):
            return self.version_tags
        commit = self.tag_commit(prefix)
        return {prefix: commit} if commit else {}

    def _at(self, target: str | None) -> Catalog:
        """The records at the commit that a tag names; none where it names something else."""
        return Catalog(self.repository, self.repository.commit(target) if target else None)

    def named(self, tag: str) -> str | None:
        """The version that a label's or promotion's tag names: the one whose own tag is on the same commit."""
        targets = self.repository.tag_targets(f"refs/tags/{tag}")
        commit = targets.get(f"refs/tags/{tag}")
        model = tag.partition("#")[0].partition("@")[0]
        here = [version for version, other in self.version_tags.items() if other == commit]
        at_commit = self._at(commit)
        return next((version for version in here if model in at_commit.holders(version)), None)

    # ---- records -----------------------------------------------------------------------------------------------

    def pointers(self, model: str) -> Mapping[str, StagePointer]:
        """All stage pointers of a model."""

        def read() -> dict[str, StagePointer]:
            found = self._flat(model, "stages", names.is_stage_name)
            paths = [layout.stage_path(model, name) for name in found]
            records = self._parsed(list(found.values()), paths, schema.parse_stage)
            return dict(zip(found, records, strict=True))

        return self._kept("stages", model, read)

    def archives(self, model: str) -> list[Archive]:
        """The archive records of a model."""
        found = self._dated(model, "archived")
        paths = [layout.archive_path(model, version) for version in found]
        return self._parsed(list(found.values()), paths, schema.parse_archive)

    def notes(self, model: str) -> list[Note]:
        """All notes on a model's versions."""
        entries, paths = [], []
        for day in self._days(model, "notes"):
            for version, folder in self._children(day).items():
                for name, entry in self._children(folder).items():
                    path = layout.note_path(model, version, name.removesuffix(".yaml"))
                    if layout.parse_path(path) is not None:
                        entries.append(entry)
                        paths.append(path)
        return self._parsed(entries, paths, schema.parse_note)

    def _labels(self, model: str) -> list[Label]:
        found = self._flat(model, "tags", names.is_label_name)
        return self._parsed(
            list(found.values()), [layout.label_path(model, name) for name in found], schema.parse_label
        )

    def _flat(self, model: str, kind: str, valid: Callable[[str], bool]) -> dict[str, Entry]:
        folder = self._models.get(model, {}).get(kind)
        entries = self._children(folder) if folder else {}
        stems = {name.removesuffix(".yaml"): entry for name, entry in entries.items() if name.endswith(".yaml")}
        return {stem: entry for stem, entry in sorted(stems.items()) if valid(stem)}

    def records(self, model: str, versions: Sequence[str], *, fresh: bool = False) -> list[Version]:
        """The records of some versions of a model, which are here; `fresh` ones are read and checked anew."""
        entries = [self._version_entries(model)[version] for version in versions]
        paths = [layout.version_path(model, version) for version in versions]
        if fresh or len(entries) < _MANY:
            return self._parsed(entries, paths, schema.parse_version)
        return self._cached(entries, paths)

    def _cached(self, entries: Sequence[Entry], paths: Sequence[str]) -> list[Version]:
        from modelver.records.cache import RecordCache

        cache = RecordCache(self.repository.home / "cache")
        known = cache.load([entry.oid for entry in entries])
        new = [(entry, path) for entry, path in zip(entries, paths, strict=True) if entry.oid not in known]
        parsed = self._parsed([entry for entry, _ in new], [path for _, path in new], schema.parse_version)
        made = {entry.oid: record for (entry, _), record in zip(new, parsed, strict=True)}
        if made:
            cache.save(made)
        known |= made
        for entry, path in zip(entries, paths, strict=True):
            _check_place(known[entry.oid], path)
        return [known[entry.oid] for entry in entries]

    def record(self, found: Resolved) -> Version:
        """The record of one version: of this commit's tree, else of the commit that its tag names.

        Raises `Damaged` where both have one and they differ: a version never changes.
        """
        mine = self._version_entries(found.model).get(found.version)
        path = layout.version_path(found.model, found.version)
        tagged = self.tag_commit(found.version)
        theirs = self.repository.entry(self.repository.root(tagged), path) if tagged else None
        if mine is not None and theirs is not None and mine.oid != theirs.oid:
            raise Damaged(
                f"{path}: differs from the record that the tag {found.version} names",
                hint=[f"git diff {found.version} HEAD -- {path}", "modelver verify"],
            )
        entry = mine or theirs
        if entry is None:
            raise NotFound(f"no record of {found.version}", hint="git fetch --tags")
        return self._parsed([entry], [path], schema.parse_version)[0]

    def tag_commit(self, version: str) -> str | None:
        """The commit that a version's tag names, None where there is no such tag."""
        found = (self.repository.commit(f"refs/{kind}/{version}") for kind in ("tags", "modelver"))
        return next((commit for commit in found if commit), None)

    def same_record(self, model: str, version: str, commit: str) -> bool:
        """Whether a commit, which need not be one, holds the same record of a version as this one."""
        named = self.repository.commit(commit)
        if named is None:
            return False
        path = layout.version_path(model, version)
        theirs = self.repository.entry(self.repository.root(named), path)
        mine = self._version_entries(model).get(version)
        return theirs is not None and (mine is None or mine.oid == theirs.oid)

    def strays(self) -> Iterator[tuple[str, str]]:
        """Path and fault of everything that is no well-formed record, but for version records."""
        if "config.yaml" in self._root and (fault := self._stray(layout.CONFIG, self._root["config.yaml"])):
            yield layout.CONFIG, fault
        level = [(layout.MODELS, self._root["models"])] if "models" in self._root else []
        while level:
            trees = self.repository.trees([folder.oid for _, folder in level])
            items = [
                (f"{path}/{entry.name}", entry) for (path, _), tree in zip(level, trees, strict=True) for entry in tree
            ]
            level = [(path, entry) for path, entry in items if entry.is_directory and path.count("/") < _DEEPEST]
            for path, entry in items:
                if not entry.is_directory and (fault := self._stray(path, entry)):
                    yield path, fault

    def _stray(self, path: str, entry: Entry) -> str | None:
        place = layout.parse_path(path)
        if place is None:
            return "no record has such a path"
        if entry.mode not in ("100644", "100755"):
            return "a record has to be a plain file"
        parse = _PARSERS.get(type(place))
        try:
            if parse is not None:
                self._parsed([entry], [path], parse)
        except ModelverError as error:
            return "; ".join([error.message, *error.hints])
        return None

    def every_version(self) -> Iterator[Version]:
        """All version records of all models."""
        for model in self.models():
            yield from self.records(model, self.versions(model))

    def sound_versions(self) -> Iterator[Version]:
        """All version records but for the malformed ones, for what must not fail because of those."""
        for model in self.models():
            versions = self.versions(model)
            try:
                yield from self.records(model, versions)
            except ModelverError:
                for version in versions:
                    with contextlib.suppress(ModelverError):
                        yield from self.records(model, [version])

    def holders(self, version: str) -> list[str]:
        """The models that have a version of this id here: one, unless a merge brought an id twice."""
        root = self._root.get("models")
        if root is None:
            return []
        paths = {model: layout.version_path(model, version).removeprefix(f"{layout.MODELS}/") for model in self._models}
        return sorted(model for model, path in paths.items() if self.repository.entry(root.oid, path))

    # ---- tags --------------------------------------------------------------------------------------------------

    @cached_property
    def tag_names(self) -> Collection[str]:
        """The versions that have a tag; what it names is not looked at, which would cost an object each."""
        short = {ref.rpartition("/")[2] for ref in self.repository.refs(*_VERSION_REFS)}
        return {name for name in short if names.is_version_id(name)}

    @cached_property
    def version_tags(self) -> Mapping[str, str]:
        """For each version's tag the object that it names, a commit if all is well."""
        refs = self.repository.tag_targets(*_VERSION_REFS)
        short = ((ref.rpartition("/")[2], oid) for ref, oid in refs.items())
        return {name: oid for name, oid in short if names.is_version_id(name)}

    def find(self, text: str) -> Resolved:
        """The version that a person's words mean.

        Raises `NotFound`; in a clone that lacks tags the error says how to get them.
        """
        try:
            return resolve(parse(text), self)
        except NotFound as error:
            if not self.tag_names or self.repository.shallow:
                error.hints.append("git fetch --tags    brings versions of branches that are not here")
            raise

    # ---- reading -----------------------------------------------------------------------------------------------

    def _kept(self, kind: str, model: str, make: Callable[[], _Kept]) -> _Kept:
        if (kind, model) not in self._memory:
            self._memory[kind, model] = make()
        return cast(_Kept, self._memory[kind, model])

    def _parsed(
        self, entries: Sequence[Entry], paths: Sequence[str], parse: Callable[[bytes, str], Record]
    ) -> list[Record]:
        data = self._bytes(entries, paths)
        records = [parse(each, path) for each, path in zip(data, paths, strict=True)]
        for record, path in zip(records, paths, strict=True):
            _check_place(record, path)
        return records

    def _bytes(self, entries: Sequence[Entry], paths: Sequence[str]) -> list[bytes]:
        blobs = self.repository.blobs(entries, limit=RECORD_LIMIT)
        for blob, path in zip(blobs, paths, strict=True):
            if blob is None:
                raise Damaged(f"{printable(path)}: over {RECORD_LIMIT // 1024} KiB, too large for a record")
        return [blob for blob in blobs if blob is not None]


def _parse_card(data: bytes, name: str) -> Node:
    return yaml.read(data, name=name)  # what a card says counts for nothing yet, but it has to be readable


_PARSERS: dict[type, Callable[[bytes, str], Any]] = {
    layout.ConfigFile: parse_config,
    layout.CardFile: _parse_card,
    layout.LabelFile: schema.parse_label,
    layout.StageFile: schema.parse_stage,
    layout.ArchiveFile: schema.parse_archive,
    layout.NoteFile: schema.parse_note,
}


def _check_place(record: Version | Label | StagePointer | Archive | Note, path: str) -> None:
    """A record has to say the same of itself as its path says."""
    place = layout.parse_path(path)
    for key in ("model", "version", "label", "stage"):
        expected = getattr(place, key, None)
        found = getattr(record, key, expected) if expected is not None else None
        if found != expected:
            raise Damaged(f"{path}: {key}: expected {expected!r} by the file's name, found {found!r}")
