"""What others know already: the records on the remote-tracking branches of this clone."""

from __future__ import annotations

from functools import cached_property

from modelver.catalog import Catalog
from modelver.domain import lifecycle
from modelver.errors import ModelverError
from modelver.git.repository import Repository
from modelver.operations.announce import Announcement


class Published:
    """The records that some remote-tracking branch holds."""

    def __init__(self, repository: Repository, mine: Catalog) -> None:
        self._repository = repository
        self._mine = mine

    def has(self, told: Announcement) -> bool:
        """Whether the record that calls for a tag is on one of these branches."""
        return any(self._holds(catalog, told) for catalog in self._catalogs)

    @cached_property
    def _catalogs(self) -> list[Catalog]:
        """One for each state of the records, since many branches have the same."""
        commits = self._repository.tag_targets("refs/remotes").values()
        catalogs = (Catalog(self._repository, commit) for commit in dict.fromkeys(commits))
        return list({catalog.models_tree: catalog for catalog in catalogs}.values())

    def _holds(self, catalog: Catalog, told: Announcement) -> bool:
        try:
            if told.stage is not None:
                return self._knows_change(catalog, told.model, told.stage, told.number)
            if told.label is not None:
                return told.label in catalog.label_names(told.model)
            return told.version in catalog.versions(told.model)
        except ModelverError:
            return False  # a malformed record there announces nothing

    def _knows_change(self, catalog: Catalog, model: str, stage: str, number: int) -> bool:
        theirs, ours = catalog.stage(model, stage), self._mine.stage(model, stage)
        if theirs is None or ours is None:
            return False
        same = {each.number: each for each in theirs.history}.get(number)
        entry = next((each for each in ours.history if each.number == number), None)
        return same is not None and entry is not None and lifecycle.same_change(same, entry)
