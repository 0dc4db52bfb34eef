"""Where the records of one commit lie: Git's trees, read as far as somebody asks (rule L1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

from modelver.domain import names
from modelver.git.repository import Entry, Repository
from modelver.records import layout

_KINDS = ("versions", "tags", "stages", "archived", "notes")


class RecordTree:
    """The tree below `.modelver` of one commit (None: there is no commit yet)."""

    def __init__(self, repository: Repository, commit: str | None) -> None:
        self.repository = repository
        self.commit = commit

    @cached_property
    def top(self) -> dict[str, Entry]:
        """What lies in `.modelver`, by name."""
        if self.commit is None:
            return {}
        top = self.repository.entry(self.repository.root(self.commit), layout.ROOT)
        return self._children(top) if top else {}

    def at(self, path: str) -> Entry | None:
        """What lies at the path of a record."""
        first, _, rest = path.removeprefix(f"{layout.ROOT}/").partition("/")
        entry = self.top.get(first)
        return self.repository.entry(entry.oid, rest) if entry and rest and entry.is_directory else entry

    def _children(self, *folders: Entry) -> dict[str, Entry]:
        """The entries of one or more folders together; anything but a folder has none."""
        oids = [folder.oid for folder in folders if folder.is_directory]
        return {entry.name: entry for tree in self.repository.trees(oids) for entry in tree}

    @cached_property
    def models(self) -> dict[str, dict[str, Entry]]:
        """For each folder that holds records of a model, its folders by kind."""
        found: dict[str, dict[str, Entry]] = {}
        level = [("", self.top["models"])] if "models" in self.top else []
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

    def dated(self, model: str, kind: str) -> dict[str, Entry]:
        """Entries by version id, of a kind that lies in folders by month and day."""
        trees = self.repository.trees([day.oid for day in self._days(model, kind)])
        entries = ((entry.name.removesuffix(".yaml"), entry) for tree in trees for entry in tree)
        return {name: entry for name, entry in sorted(entries) if names.is_version_id(name)}

    def flat(self, model: str, kind: str, valid: Callable[[str], bool]) -> dict[str, Entry]:
        """Entries by name, of a kind that lies in one folder."""
        folder = self.models.get(model, {}).get(kind)
        entries = self._children(folder) if folder else {}
        stems = {name.removesuffix(".yaml"): entry for name, entry in entries.items() if name.endswith(".yaml")}
        return {stem: entry for stem, entry in sorted(stems.items()) if valid(stem)}

    def notes(self, model: str, version: str | None = None) -> Iterator[tuple[str, Entry]]:
        """Path and entry of each note on a model's versions, or on one of them."""
        if "notes" not in self.models.get(model, {}):
            return
        folders = self._noted(model) if version is None else {version: self.at(layout.note_directory(model, version))}
        there = {name: folder for name, folder in folders.items() if folder is not None and folder.is_directory}
        trees = self.repository.trees([folder.oid for folder in there.values()])
        for name, tree in zip(there, trees, strict=True):
            for entry in tree:
                path = layout.note_path(model, name, entry.name.removesuffix(".yaml"))
                if entry.name.endswith(".yaml") and layout.parse_path(path) is not None:
                    yield path, entry

    def _noted(self, model: str) -> dict[str, Entry | None]:
        """The folders of notes by version."""
        days = self.repository.trees([day.oid for day in self._days(model, "notes")])
        return {entry.name: entry for day in days for entry in day}

    def _days(self, model: str, kind: str) -> list[Entry]:
        folder = self.models.get(model, {}).get(kind)
        months = self._children(folder).values() if folder else ()
        oids = [month.oid for month in months if month.is_directory]
        return [day for tree in self.repository.trees(oids) for day in tree if day.is_directory]
