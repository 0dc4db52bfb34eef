"""All records of one commit, by reference (rules L1, B4).

A catalog reads Git trees and blobs, never the work tree. What it has read is kept by object id while the
process runs, and parsed version records beyond that, in a cache that anybody may delete. A record that is
malformed raises where it is needed; `verify` looks at all of them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import TypeVar, cast

from modelver.catalog.reading import cached, contents, parsed
from modelver.catalog.tree import RecordTree
from modelver.domain import names
from modelver.domain.evidence import YANK, Evidence, gather, yank_of
from modelver.domain.records import Archive, Label, Note, StagePointer, Version
from modelver.domain.references import parse
from modelver.domain.resolution import Resolved, resolve
from modelver.errors import Damaged, ModelverError, NotFound
from modelver.git.repository import Entry, Repository
from modelver.records import layout, schema
from modelver.records.config import Config, parse_config
from modelver.records.rules import Rules, parse_card

_TRAILER = re.compile(r"^Modelver-(Op|Version): (\S+)$", re.MULTILINE)
_VERSION_REFS = ("refs/tags/v*", "refs/modelver/v*")

_Kept = TypeVar("_Kept")


class Catalog:
    """The records in the tree of one commit (None: there is no commit yet), and the versions known by their tag."""

    def __init__(self, repository: Repository, commit: str | None) -> None:
        self.repository = repository
        self.commit = commit
        self.tree = RecordTree(repository, commit)
        self._memory: dict[tuple[str, str], object] = {}

    # ---- the tree --------------------------------------------------------------------------------------------

    @cached_property
    def initialised(self) -> bool:
        """Whether this commit has a registry."""
        return "config.yaml" in self.tree.top

    @cached_property
    def config(self) -> Config:
        """The configuration, its defaults where there is none."""
        entry = self.tree.top.get("config.yaml")
        if entry is None:
            return parse_config(b"format: 1\n", layout.CONFIG)
        return parse_config(contents(self.repository, [entry], [layout.CONFIG])[0], layout.CONFIG)

    @property
    def models_tree(self) -> str:
        """The id of the tree that holds all models, empty where there is none."""
        entry = self.tree.top.get("models")
        return entry.oid if entry else ""

    # ---- what references are resolved by -----------------------------------------------------------------------

    def models(self) -> list[str]:
        """The names of the models that have a version here, sorted."""
        return sorted(model for model in self.tree.models if self._version_entries(model))

    def versions(self, model: str) -> list[str]:
        """The ids of a model's versions, oldest first."""
        return list(self._version_entries(model))

    def _version_entries(self, model: str) -> dict[str, Entry]:
        return self._kept("versions", model, lambda: self.tree.dated(model, "versions"))

    def retired(self, model: str) -> Collection[str]:
        """The versions that are archived and hold no stage (rule S2), or yanked."""
        return self._kept("retired", model, lambda: self._retired(model))

    def _retired(self, model: str) -> set[str]:
        held = {pointer.version for pointer in self.pointers(model).values()}
        archived = {record.version for record in self.archives(model) if record.state == "archived"}
        yanked = {note.version for note in self.notes(model) if note.kind == YANK}
        return (archived - held) | yanked

    def archived(self, model: str) -> Collection[str]:
        """The versions whose state is archived; a held stage wins over it."""
        held = {pointer.version for pointer in self.pointers(model).values()}
        return {record.version for record in self.archives(model) if record.state == "archived"} - held

    def labels(self, model: str) -> Mapping[str, str]:
        """The version of each label."""
        records = self._kept("labels", model, lambda: self.label_records(model))
        return {record.label: record.version for record in records}

    def label_names(self, model: str) -> Collection[str]:
        """The labels by themselves, for which no record is read."""
        return self.tree.flat(model, "tags", names.is_label_name).keys()

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
        """The version that a label's or promotion's tag names: the one whose own tag is on the same commit.

        A CI job that a tag started has no other tag; then it is the one that the commit says to have added.
        """
        commit = next(iter(self.repository.tag_targets(f"refs/tags/{tag}", f"refs/modelver/{tag}").values()), None)
        model = tag.partition("#")[0].partition("@")[0]
        here = [version for version, other in self.version_tags.items() if other == commit]
        at_commit = self._at(commit)
        if not here and at_commit.commit is not None:
            here = self._added(at_commit.commit)
        return next((version for version in here if model in at_commit.holders(version)), None)

    def _added(self, commit: str) -> list[str]:
        """The version that a commit's trailers name as added; none where they name several, as after a squash."""
        ((_, body),) = self.repository.batch.contents([commit])
        trailers = set(_TRAILER.findall(body.decode("utf-8", "surrogateescape")))
        versions = [value for key, value in trailers if key == "Version" and names.is_version_id(value)]
        return versions if len(versions) == 1 and ("Op", "add") in trailers else []

    # ---- records -----------------------------------------------------------------------------------------------

    def pointers(self, model: str) -> Mapping[str, StagePointer]:
        """All stage pointers of a model."""

        def read() -> dict[str, StagePointer]:
            found = self.tree.flat(model, "stages", names.is_stage_name)
            paths = [layout.stage_path(model, name) for name in found]
            records = parsed(self.repository, list(found.values()), paths, schema.parse_stage)
            return dict(zip(found, records, strict=True))

        return self._kept("stages", model, read)

    def archives(self, model: str) -> list[Archive]:
        """The archive records of a model."""

        def read() -> list[Archive]:
            found = self.tree.dated(model, "archived")
            paths = [layout.archive_path(model, version) for version in found]
            return cached(self.repository, list(found.values()), paths, schema.parse_archive, Archive)

        return self._kept("archives", model, read)

    def archive(self, model: str, version: str) -> Archive | None:
        """The archive record of one version."""
        return next((record for record in self.archives(model) if record.version == version), None)

    def notes(self, model: str, version: str | None = None) -> list[Note]:
        """All notes on a model's versions, or on one of them."""

        def read() -> list[Note]:
            found = dict(self.tree.notes(model, version))
            notes = cached(self.repository, list(found.values()), list(found), schema.parse_note, Note)
            return [replace(note, name=PurePosixPath(path).stem) for note, path in zip(notes, found, strict=True)]

        if version is not None and ("notes", model) in self._memory:
            return [note for note in self.notes(model) if note.version == version]
        return self._kept("notes", model if version is None else f"{model}@{version}", read)

    def evidence(self, record: Version) -> Evidence:
        """A version's record with the notes on it that are here."""
        return gather(record, self.notes(record.model, record.version))

    def evidences(self, model: str, versions: Sequence[str]) -> list[Evidence]:
        """What is known of some versions of a model, which are here."""
        notes: dict[str, list[Note]] = {}
        for note in self.notes(model):
            notes.setdefault(note.version, []).append(note)
        return [gather(record, notes.get(record.version, ())) for record in self.records(model, versions)]

    def yank(self, found: Resolved) -> Note | None:
        """The note that withdraws a version, None where none does."""
        return yank_of(self.notes(found.model, found.version))

    def label_records(self, model: str) -> list[Label]:
        """The records of a model's labels, by label."""
        found = self.tree.flat(model, "tags", names.is_label_name)
        paths = [layout.label_path(model, name) for name in found]
        return cached(self.repository, list(found.values()), paths, schema.parse_label, Label)

    def rules(self, model: str) -> Rules:
        """What the team decided about stages and metrics of a model: its card's word before the configuration's."""
        path = layout.card_path(model)
        entry = self.tree.at(path)
        if entry is None:
            return self.config.rules
        return parse_card(contents(self.repository, [entry], [path])[0], path).over(self.config.rules)

    def records(self, model: str, versions: Sequence[str], *, fresh: bool = False) -> list[Version]:
        """The records of some versions of a model, which are here; `fresh` ones are read and checked anew."""
        entries = [self._version_entries(model)[version] for version in versions]
        paths = [layout.version_path(model, version) for version in versions]
        if fresh:
            return parsed(self.repository, entries, paths, schema.parse_version)
        return cached(self.repository, entries, paths, schema.parse_version, Version)

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
        return parsed(self.repository, [entry], [path], schema.parse_version)[0]

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
        from modelver.catalog.strays import strays

        return strays(self.tree)

    def every_version(self) -> Iterator[Version]:
        """All version records of all models."""
        for model in self.models():
            yield from self.records(model, self.versions(model))

    def sound_versions(self, *, without: Collection[tuple[str, str]] = ()) -> Iterator[Version]:
        """All version records but for the malformed ones, for what must not fail because of those.

        Those of model and version in `without` are not read.
        """
        for model in self.models():
            versions = [each for each in self.versions(model) if (model, each) not in without]
            try:
                yield from self.records(model, versions)
            except ModelverError:
                for version in versions:
                    with contextlib.suppress(ModelverError):
                        yield from self.records(model, [version])

    def holders(self, version: str) -> list[str]:
        """The models that have a version of this id here: one, unless a merge brought an id twice."""
        root = self.tree.top.get("models")
        if root is None:
            return []
        paths = {
            model: layout.version_path(model, version).removeprefix(f"{layout.MODELS}/") for model in self.tree.models
        }
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
