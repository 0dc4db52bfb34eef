"""Check the tags of labels and stages against the records, and stages against their own past (rules I4, B3, C1)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from modelver.catalog import RECORD_LIMIT, Catalog
from modelver.domain import lifecycle, names
from modelver.domain.records import StagePointer
from modelver.errors import ModelverError
from modelver.git.history import changes
from modelver.git.repository import FILE, Entry
from modelver.operations.announce import Announcement, of_label, of_stage
from modelver.operations.branch import RegistryBranch
from modelver.operations.results import Problem
from modelver.records import layout, schema

_ENTRY = re.compile(rb"^- ", re.MULTILINE)
_PROMOTION = re.compile(r"(?P<model>[^#@]+)#(?P<stage>[^#!]+)!?#(?P<number>[1-9][0-9]{0,8})")
_KINDS = {"tag": "tags", "ref": "modelver"}
_LABEL = re.compile(r"(?P<model>[^#@]+)@(?P<label>[^#@]+)")


@dataclass
class AnnouncementCheck:
    """How many tags of labels and stages there are, which are missing, and which, by their names, are wrong."""

    tags: int = 0
    missing: list[Announcement] = field(default_factory=list)
    wrong: dict[str, Problem] = field(default_factory=dict)


def check_announcements(catalog: Catalog, branch: RegistryBranch, here: Mapping[str, str]) -> AnnouncementCheck:
    """Compare the tags that there are, each with its commit, with those that the registry's branch calls for.

    A branch that is not the registry's calls for none, and a detached head behind its tip has yet to see some.
    """
    found = AnnouncementCheck()
    at_tip = branch.announced
    base = catalog if branch.on and not branch.behind else at_tip
    wanted = {each.ref: each for each in (wanted_by(base) if base else ())}
    for ref, each in wanted.items():
        if ref not in here:
            found.missing.append(each)
            continue
        found.tags += 1
        right = tag_of_version(here, each.version)
        if right is not None and here[ref] != right:
            detail = f"{each.name} names {here[ref][:12]}, and the tag of its version {right[:12]}"
            found.wrong[each.name] = Problem(kind="tag", version=each.version, path=None, detail=detail)
    known = [each for each in (base, catalog, at_tip) if each is not None]
    called_for = {ref for each in known for ref in (a.ref for a in wanted_by(each))}
    for ref in sorted(here.keys() - called_for):
        kind, _, name = ref.removeprefix("refs/").partition("/")
        if any(_is_ours(each, kind, name) for each in known):
            detail = f"no record calls for the tag {name}"
            found.wrong[name] = Problem(kind="tag", version=None, path=None, detail=detail)
    return found


def tag_of_version(here: Mapping[str, str], version: str) -> str | None:
    """The commit of a version's tag, None where there is none."""
    return here.get(f"refs/tags/{version}") or here.get(f"refs/modelver/{version}")


def wanted_by(catalog: Catalog, models: Collection[str] | None = None) -> Iterator[Announcement]:
    """The tags that records call for, of all models or some; those of malformed ones, told elsewhere, left out."""
    for model in catalog.models():
        if models is not None and model not in models:
            continue
        try:
            labels, pointers = catalog.label_records(model), catalog.pointers(model)
        except ModelverError:
            continue
        for label in labels:
            if (announcement := of_label(catalog.config, label)) is not None:
                yield announcement
        for pointer in pointers.values():
            for entry in pointer.history:
                yield from of_stage(catalog.config, pointer, entry)


def _is_ours(catalog: Catalog, kind: str, name: str) -> bool:
    """Whether a tag's name is a label's or a promotion's of a model here, and one that its records still tell of.

    `kind` is where the tag lies: what the configuration has put elsewhere, or nowhere, before it was changed, stays.
    """
    tags = catalog.config.tags
    if kind == _KINDS.get(tags.promotions) and (match := _PROMOTION.fullmatch(name)) is not None:
        model, stage = match["model"], match["stage"]
        if model not in catalog.models() or not names.is_stage_name(stage):
            return False
        pointer = catalog.stage(model, stage)
        return pointer is None or int(match["number"]) > min((e.number for e in pointer.history), default=0)
    if kind == _KINDS.get(tags.labels) and (match := _LABEL.fullmatch(name)) is not None:
        return match["model"] in catalog.models() and names.is_label_name(names.plain_label(match["label"]))
    return False


def check_histories(catalog: Catalog, start: str | None) -> Iterator[Problem]:
    """Every state that a stage's record had on the registry's branch has to be continued by the one that it has now.

    `start` is the newest commit of that branch's own line that counts. What another branch had and gave up when it
    was merged was never announced, and counts for nothing.
    """
    if start is None:
        return
    repository = catalog.repository
    ever: dict[str, dict[str, str | None]] = {}
    for commit, changed in changes(repository, start, layout.MODELS):
        for path, oid in changed:
            if oid.strip("0") and isinstance(layout.parse_path(path), layout.StageFile):
                ever.setdefault(path, {}).setdefault(oid, commit)  # the newest first
    for path, commits in sorted(ever.items()):
        now = catalog.tree.at(path)
        former = [oid for oid in commits if now is None or oid != now.oid]
        if now is None:
            back = _way_back(commits[former[0]], path)
            yield Problem(kind="stage", version=None, path=path, detail=f"the record of the stage was removed; {back}")
            continue
        blobs = repository.blobs([now, *(Entry(FILE, path, oid) for oid in former)], limit=RECORD_LIMIT)
        current, *older = [data or b"" for data in blobs]
        for oid, data in zip(former, older, strict=True):
            lost = _lost(current, data, path)
            if lost is not None and not _is_of_another(catalog, lost):
                yield _dropped(lost, path, commits[oid])
                break


def _is_of_another(catalog: Catalog, pointer: StagePointer) -> bool:
    """Whether the number of a pointer's newest change was announced for another change: this one never was."""
    wanted = of_stage(catalog.config, pointer, pointer.history[0])
    if not wanted:
        return False
    target = catalog.repository.commit(wanted[-1].ref)
    return target is not None and target != catalog.tag_commit(wanted[-1].version)


def _way_back(commit: str | None, path: str) -> str:
    if commit is None:
        return "bring it back as it was"
    return f"git checkout {commit[:12]} -- {path} and a commit bring it back"


def _lost(now: bytes, former: bytes, path: str) -> StagePointer | None:
    """The former pointer, where the one of now does not go on from it.

    Compared as text first, entry by entry, since a history of a hundred entries takes its time to parse.
    """
    _, *new = _ENTRY.split(now)
    _, *old = _ENTRY.split(former)
    if old and old[0] in new:
        kept = new[new.index(old[0]) :]
        if kept == old[: len(kept)] and len(kept) == min(len(old), len(kept)):
            return None
    try:
        current, pointer = schema.parse_stage(now, path), schema.parse_stage(former, path)
    except ModelverError:
        return None  # a malformed record of now is told by itself; one of the past binds nobody
    return None if lifecycle.extends(current, pointer) else pointer


def _dropped(pointer: StagePointer, path: str, commit: str | None) -> Problem:
    newest = pointer.history[0]
    detail = (
        f"the history of stage {pointer.stage} does not go on from its change {newest.number} "
        f"({newest.op} of {newest.version or 'nobody'}), as after a `git revert` or a merge that took an old side; "
        f"{_way_back(commit, path)}, then modelver rollback takes the stage back for everybody"
    )
    return Problem(kind="stage", version=newest.version, path=path, detail=detail)
