"""The tags that the records call for and that are not there yet, and where each belongs (rules B2, B3, B6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modelver.catalog import Catalog
from modelver.domain.records import Version
from modelver.errors import NotFound
from modelver.git.change import Tag
from modelver.git.history import changes
from modelver.git.objects import Draft, commit_body, ident, send
from modelver.operations.announce import Announcement, commit_message, of_version
from modelver.operations.branch import RegistryBranch
from modelver.operations.published import Published
from modelver.operations.tag_check import check_announcements, check_histories, tag_of_version
from modelver.operations.together import NewTag, WrongTag
from modelver.records import layout

MENDED = (
    "a wrong tag of this clone alone goes with `git tag -d TAG`, and sync makes it anew; one that the remote has goes "
    "there with `git push REMOTE :refs/tags/TAG`, by whoever may",
)
"""What is told where a tag is wrong."""


@dataclass(frozen=True, kw_only=True)
class Due:
    """Tags to make, of versions and then of what happened to them, in that order; and those that are wrong."""

    versions: tuple[Announcement, ...]
    events: tuple[Announcement, ...]
    wrong: tuple[WrongTag, ...]


def due(head: Catalog, branch: RegistryBranch, here: Mapping[str, str], published: Published | None = None) -> Due:
    """What the records at `head` and on the registry's branch call for, beside the tags that are `here`.

    Those of versions are made on any branch, the others on the registry's alone. Where `published` has a record, it
    counts as announced. No tag is made for a stage whose history was broken (rule C1).
    """
    base = _base(head, branch)
    catalogs = [each for each in (base, head) if each is not None]
    versions, wrong = _versions(catalogs, here)
    checked = check_announcements(head, branch, here)
    wrong += [WrongTag(tag=tag, detail=problem.detail) for tag, problem in checked.wrong.items()]
    events = sorted(checked.missing, key=lambda each: each.at)
    if published is not None:
        versions = [each for each in versions if not published.has(each)]
        events = [each for each in events if not published.has(each)]
    if base is not None and any(each.stage for each in events):
        broken = {problem.path for problem in check_histories(base, base.commit)}
        events = [e for e in events if not e.stage or layout.stage_path(e.model, e.stage) not in broken]
    return Due(versions=tuple(versions), events=tuple(events), wrong=tuple(wrong))


def _base(head: Catalog, branch: RegistryBranch) -> Catalog | None:
    """The records on the registry's branch, as far as they are known here."""
    return head if branch.on and not branch.behind else branch.announced


def _versions(catalogs: Iterable[Catalog], here: Mapping[str, str]) -> tuple[list[Announcement], list[WrongTag]]:
    """Versions without a tag, and those whose tag names a commit that is here and does not hold the record."""
    missing: dict[str, Announcement] = {}
    wrong: dict[str, WrongTag] = {}
    right: set[str] = set()
    for catalog in catalogs:
        for model in catalog.models():
            absent = []
            for version in catalog.versions(model):
                commit = tag_of_version(here, version)
                if commit is None:
                    absent.append(version)
                elif version in right or catalog.repository.commit(commit) is None:
                    continue
                elif catalog.same_record(model, version, commit):
                    right.add(version)
                else:
                    detail = f"{version} names {commit[:12]}, which does not hold the record of {model}"
                    wrong[version] = WrongTag(tag=version, detail=detail)
            for record in catalog.records(model, absent):
                missing.setdefault(record.version, of_version(catalog.config, record))
    return list(missing.values()), [each for version, each in wrong.items() if version not in right]


def told(made: Iterable[Announcement]) -> tuple[NewTag, ...]:
    """What is new to whoever reads it; that a version left a stage is told by the one that came."""
    return tuple(
        NewTag(
            tag=each.name,
            model=each.model,
            version=each.version,
            kind="promotion" if each.stage else "label" if each.label else "version",
            stage=each.stage,
            label=each.label,
        )
        for each in made
        if not each.left
    )


@dataclass(frozen=True, kw_only=True)
class Placed:
    """The tags to make, each at its commit; the versions whose commit a shallow history lacks; what cannot be right."""

    pairs: tuple[tuple[Announcement, Tag], ...]
    beyond: tuple[str, ...]
    wrong: tuple[WrongTag, ...]

    @property
    def remarks(self) -> list[str]:
        """What people are told of tags that were left out."""
        few = ", ".join(self.beyond[:3]) + (", …" if len(self.beyond) > 3 else "")
        told = f"no tag was made for {few}: the commits are not in this shallow history; git fetch --unshallow"
        return [told] if self.beyond else []


def place(due: Due, head: Catalog, branch: RegistryBranch, here: Mapping[str, str]) -> Placed:
    """Find the commit for each tag.

    A version whose commit lies at or behind a shallow boundary is left out. Raises `NotFound` where that commit is
    needed for a label or a stage.
    """
    found: dict[str, str] = {}
    catalogs = list(dict.fromkeys(each for each in (_base(head, branch), head) if each is not None))
    for catalog in catalogs:
        found |= _places(catalog, [each for each in due.versions if each.version not in found])
    pairs = [(each, each.tag(found[each.version])) for each in due.versions if each.version in found]
    wrong = []
    for each in due.events:
        target = tag_of_version(here, each.version) or found.get(each.version)
        if target is not None:
            pairs.append((each, each.tag(target)))
        elif any(each.version in catalog.versions(each.model) for catalog in catalogs):
            raise NotFound(
                f"{each.name} is to be made, and the commit of {each.version} is not in this shallow history",
                hint=["git fetch --unshallow", "git fetch --tags    where others have made the tag of the version"],
            )
        else:
            detail = f"{each.name} is called for, and its version {each.version} is not here"
            wrong.append(WrongTag(tag=each.name, detail=detail))
    beyond = tuple(each.version for each in due.versions if each.version not in found)
    return Placed(pairs=tuple(pairs), beyond=beyond, wrong=tuple(wrong))


def _places(catalog: Catalog, wanted: Iterable[Announcement]) -> dict[str, str]:
    """The commits for versions without a tag: the first-parent one that brought the record.

    Where that brought several versions of one model, the older ones get a commit made from the record alone, since
    GTO reads no repository with two labels of a model on one commit.
    """
    models = {each.model for each in wanted if each.version in catalog.versions(each.model)}
    if not models or catalog.commit is None:
        return {}
    repository, versions = catalog.repository, {each.version for each in wanted}
    brought: dict[tuple[str, str], str | None] = {}
    folders = [f"{layout.model_directory(model)}/versions" for model in sorted(models)]
    for commit, changed in changes(repository, catalog.commit, *folders):
        for path, oid in changed:
            location = layout.parse_path(path)
            if isinstance(location, layout.VersionFile) and oid.strip("0"):
                brought.setdefault((location.model, location.version), commit)
    together: dict[tuple[str, str], list[str]] = {}
    for (model, version), commit in brought.items():
        if commit is not None and version in catalog.versions(model):
            together.setdefault((model, commit), []).append(version)
    draft, found = Draft(repository.algorithm), dict[str, str]()
    for (model, commit), several in together.items():
        newest = max(several)
        if newest in versions:
            found[newest] = commit
        older = [version for version in several if version != newest and version in versions]
        for record in catalog.records(model, older):
            found[record.version] = draft.add("commit", _commit_of(catalog, record, commit))
    send(repository, draft)
    return found


def _commit_of(catalog: Catalog, record: Version, commit: str) -> bytes:
    """A commit that says of one version what the record says, on top of the one that brought several."""
    who = ident(record.created_by, record.created_at)
    message = commit_message(catalog.config, ["add"], record.model, record.version, message=record.message)
    return commit_body(catalog.repository.root(commit), commit, who, who, message)
