"""Bring the branch and the tags that the records call for to the Git remote, on top of what others pushed (rule B7).

One round: ask the remote, fetch what is new there, put own commits of records on it, make the tags that it lacks,
push. A round that was overtaken by somebody else's push is done again. Whatever a round has done when it is cut off,
the next one finds and goes on from: what is new is what the remote lacks.
"""

from __future__ import annotations

import functools
import itertools
import random
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from modelver.catalog import Catalog
from modelver.domain import names
from modelver.errors import Conflict, ModelverError
from modelver.git.change import Change, Move, Snapshot, Tag
from modelver.git.history import commits_between
from modelver.git.objects import tag_of
from modelver.git.remote import Pushed, Remote, State
from modelver.git.replay import BothChanged, RecordCommit, read, replay
from modelver.git.repository import Head, Repository
from modelver.operations import hiding
from modelver.operations.announce import Announcement
from modelver.operations.branch import RegistryBranch
from modelver.operations.due import MENDED, Due, Placed, due, place, told
from modelver.operations.results import as_json
from modelver.operations.tag_check import wanted_by
from modelver.operations.together import NewTag, Synced
from modelver.operations.workspace import Workspace, with_registry
from modelver.records import layout

AT_ONCE = 3
"""Tags in a push that has some to announce: for more, the large forges start no job."""

MOST = 1000
"""Tags in any other push: they are words of a command line, which has its bounds."""

_SHAPED = re.compile(r"refs/(?:tags|modelver)/(?:v\d{14}_[0-9a-f]{8}|[^#@]+[#@].+)")
"""How the names of our tags look; others have such names too: `package@1.0.0` in a repository of many packages."""


def _parts(whole: Sequence[Announcement], size: int) -> list[Sequence[Announcement]]:
    return [whole[start : start + size] for start in range(0, len(whole), size)]


_LOCKED = re.compile(r"cannot lock ref|failed to (update|lock) ref|\.lock'|atomic transaction failed")
_BUSY = 12
"""So many pushes may meet a ref that somebody else's push has locked, before that is told as the remote's fault."""


class _LostRace(Exception):
    """Somebody else's push came first."""


@dataclass
class _Tally:
    """What all rounds together did."""

    pushed: list[str] = field(default_factory=list)
    new: dict[str, Announcement] = field(default_factory=dict)
    replayed: int = 0
    refused: int = 0
    remarks: list[str] = field(default_factory=list)


def push(workspace: Workspace) -> Synced:
    """Push what the remote lacks of branch and tags; lost races are run again until the lock's time is over.

    Raises `Conflict`, with nothing moved, where commits that are no records of ours cannot go along, or both sides
    changed the same stage or label; `ProgramFailed` or `Denied` where the remote refuses.
    """
    deadline = time.monotonic() + workspace.timeout
    tally = _Tally()
    for times in itertools.count(1):
        try:
            found, left = _Round(workspace, tally).run()
            break
        except _LostRace as lost:
            if time.monotonic() >= deadline:
                message = f"others kept pushing first for {workspace.timeout:g} s"
                raise Conflict(message, hint="run the same command again") from lost
            # Apart, or the same ones would meet again; the more there are, the more. Chance is good enough for that.
            time.sleep(random.uniform(0.02, 0.3 * min(times, 10)))  # noqa: S311
        except ModelverError as error:
            if tally.pushed:  # what is there already is no longer new to the next run
                error.details += [_row(each) for each in told(tally.new.values())]
                error.hints.append(f"pushed before that: {', '.join(tally.pushed)}")
            raise
    if tally.replayed:  # with the records of others came the paths of their artifacts
        tally.remarks += hiding.renew(workspace)
    wrong = (*found.wrong, *left.wrong)
    return Synced(
        new=told(tally.new.values()),
        wrong=wrong,
        beyond=left.beyond,
        pushed=tuple(tally.pushed),
        replayed=tally.replayed,
        remarks=(*tally.remarks, *left.remarks, *(MENDED if wrong else ())),
    )


def _row(new: NewTag) -> dict[str, object]:
    """What is new, as a row of the error that came after it was pushed."""
    return {name: value or "" for name, value in as_json(new).items()}


class _Round:
    """One attempt, from what the remote has now."""

    def __init__(self, workspace: Workspace, tally: _Tally) -> None:
        self.workspace = workspace
        self.repository: Repository = workspace.repository
        self.tally = tally
        tally.remarks += workspace.writer(anonymous=True).recover()  # before anything is read of what it may change
        head = self.repository.head()
        catalog = with_registry(Catalog(self.repository, head.commit))
        self.registry = catalog.config.branch
        self.state = State({}, {})
        self.left = Placed(pairs=(), beyond=(), wrong=())
        self.branch = self._branch(head, catalog)
        own = self.branch if head.ref == "HEAD" else head.ref.removeprefix("refs/heads/")
        self.remote = Remote.of(self.repository, workspace.configuration, own)
        branches = dict.fromkeys([self.branch, *([self.registry] if self.registry else [])])
        self.state = self.remote.state(*branches)
        self._fetch_branches([each for each in branches if f"refs/heads/{each}" in self.state.refs])

    def _branch(self, head: Head, catalog: Catalog) -> str:
        """The branch on the remote: of the same name, unless `push.default` says upstream; detached the registry's."""
        if head.ref != "HEAD":
            name, configured = head.ref.removeprefix("refs/heads/"), self.workspace.configuration.last
            upstream = configured("push.default") in ("upstream", "tracking")
            merge = configured(f"branch.{name}.merge") if upstream else None
            return merge.removeprefix("refs/heads/") if merge else name
        if not self._registry_branch(head, catalog).on or self.registry is None:
            raise Conflict(
                f"HEAD is detached, and not on the registry's branch {self.registry or ''}".rstrip(),
                hint="git switch BRANCH",
            )
        return self.registry

    def _registry_branch(self, head: Head, catalog: Catalog) -> RegistryBranch:
        """The registry's branch as the remote has it: what waits here for a push of its own is not announced yet."""
        name = catalog.config.branch
        at = self.state.refs.get(f"refs/heads/{name}")
        return RegistryBranch(self.repository, lambda: self.workspace.configuration, head, name, at)

    @property
    def tip(self) -> str | None:
        """The remote's commit of the branch."""
        return self.state.refs.get(f"refs/heads/{self.branch}")

    # ---- what is there ---------------------------------------------------------------------------------------

    def _fetch_branches(self, branches: Sequence[str]) -> None:
        """Bring what the remote has newer."""
        commit, refs = self.repository.commit, self.state.refs
        lacking = [
            each
            for each in branches
            if (commit(self.remote.tracking(each)) if self.remote.tracked else commit(refs[f"refs/heads/{each}"]))
            != refs[f"refs/heads/{each}"]
        ]
        self.remote.fetch(lacking)

    def _fetch_over(self, catalog: Catalog, branch: RegistryBranch) -> None:
        """Bring the remote's tags of ours over those that are otherwise here."""
        here, there = self.repository.refs("refs/tags", "refs/modelver"), self.state.refs
        other = self._ours((ref for ref, oid in here.items() if there.get(ref, oid) != oid), catalog, branch)
        self.remote.fetch([], other)
        self.tally.remarks += [f"{ref.split('/', 2)[2]} is now as {self.remote.label} has it" for ref in other]

    def _ours(self, refs: Iterable[str], *known: Catalog | RegistryBranch) -> list[str]:
        """Those of some tags that the records call for, and no other tag of the user's, however it is named."""
        shaped = [ref for ref in refs if _SHAPED.fullmatch(ref)]
        catalogs = [each.announced if isinstance(each, RegistryBranch) else each for each in known] if shaped else []
        called = {each.ref for catalog in catalogs if catalog for each in wanted_by(catalog)}
        return [
            ref
            for ref in shaped
            if ref in called
            or (
                names.is_version_id(version := ref.rpartition("/")[2])
                and any(catalog.holders(version) for catalog in catalogs if catalog)
            )
        ]

    def _fetch_targets(self, found: Due) -> None:
        """Bring the tags of versions that something is to be announced of, where only the remote has them."""
        wanted = {f"refs/{kind}/{each.version}" for each in found.events for kind in ("tags", "modelver")}
        here = self.repository.refs(*wanted) if wanted else {}
        self._fetch_tags(sorted(ref for ref in wanted & self.state.refs.keys() if ref not in here))

    def _fetch_tags(self, refs: Sequence[str]) -> None:
        """Bring tags; where this clone is shallow, not all of the history that it left out with them."""
        known = [ref for ref in refs if self.repository.commit(self.state.commits[ref])]
        self.remote.fetch([], known)
        self.remote.fetch([], [ref for ref in refs if ref not in known], alone=True)

    # ---- one round -------------------------------------------------------------------------------------------

    def run(self) -> tuple[Due, Placed]:
        """Replay, make tags, push; what is wrong on the remote, and what was left out, is in the answer."""
        self._rebase()
        head = self.repository.head()
        catalog = with_registry(Catalog(self.repository, head.commit))
        branch = self._registry_branch(head, catalog)
        self._fetch_over(catalog, branch)
        found = self._due(catalog, branch)
        self._fetch_targets(found)
        made = self._make_tags(found)
        self._push(head.commit or "", made)
        return found, self.left

    def _due(self, catalog: Catalog, branch: RegistryBranch) -> Due:
        """What the remote lacks; of a branch that is not the registry's, its own versions."""
        found = due(catalog, branch, self.state.commits)
        if branch.on:
            return found
        own = tuple(each for each in found.versions if each.version in catalog.versions(each.model))
        return Due(versions=own, events=(), wrong=found.wrong)

    def _rebase(self) -> None:
        """Put own commits on the remote's tip where that is no part of what is here."""
        tip = self.tip
        if tip is None:
            return
        apart: list[str] = []

        def plan(snapshot: Snapshot) -> Move | None:
            here = snapshot.head.commit
            if here is None or here == tip or self.repository.is_ancestor(tip, here):
                return None
            apart[:] = own = commits_between(self.repository, tip, here)
            if not own:
                if not self.repository.is_ancestor(here, tip):
                    raise self.repository.git.cut_short(["rev-list"])
                return None
            writer = self.workspace.writer()
            made = replay(self.repository, self._read(own, here, tip), tip, writer.identity, writer.configuration)
            self.tally.replayed = max(self.tally.replayed, len(own))
            message = f"modelver: sync: {len(own)} on top of {self.remote.label}/{self.branch}"
            return Move(made[own[-1]], message, list(self._moved_tags(made, Catalog(self.repository, here))))

        try:
            self.workspace.writer(anonymous=True).write(plan, watched=[layout.CONFIG])
        except Conflict as error:
            if isinstance(error, BothChanged):
                self._explain(error, apart[-1])
            if apart:
                error.message = f"{self.branch} has moved on {self.remote.label}, and {error.message}"
            raise

    @property
    def _pull(self) -> str:
        """How the user brings both sides together himself."""
        return f"git pull --rebase {self.remote.name} {self.branch}" if self.remote.tracked else "git pull --rebase"

    def _explain(self, error: BothChanged, newest: str) -> None:
        """Name what both sides changed, and the way out."""
        location = layout.parse_path(error.path)
        if isinstance(location, layout.StageFile):
            error.message = f"the stage {location.stage} of {location.model} was moved there too"
        elif isinstance(location, layout.LabelFile):
            error.message = f"the label {location.label} of {location.model} was given there too"
        error.hints = [f"git diff HEAD {self.tip} -- {error.path}    shows both sides"]
        pull = self._pull
        if error.commit == newest:
            error.hints.append(f"modelver undo    takes yours back; then {pull}, and decide again")
        else:
            error.hints.append(f"{pull}    stops at {error.commit[:10]} and lets you decide")

    def _read(self, own: Sequence[str], here: str, tip: str) -> list[RecordCommit]:
        """The commits from the remote's to the one that is `here`, as records.

        Raises `Conflict` where one of them is the user's own work.
        """
        commits = []
        for each in own:
            commit = read(self.repository, each, functools.partial(hiding.gitignored_by, self.repository))
            if commit is None:
                raise Conflict(
                    f"{each[:10]} here is no commit of records alone, so it is yours to bring together",
                    hint=f"{self._pull}    then modelver sync --push",
                )
            commits.append(commit)
        # A list that lacks some would leave these behind.
        parents = [commit.parent for commit in commits]
        if parents[1:] != list(own[:-1]) or own[-1] != here or not self.repository.is_ancestor(parents[0], tip):
            raise self.repository.git.cut_short(["rev-list"])
        return commits

    def _moved_tags(self, made: Mapping[str, str], catalog: Catalog) -> Iterator[Tag]:
        """The tags of ours on commits that were made anew, as far as the remote does not have them."""
        refs = self.repository.refs("refs/tags", "refs/modelver")
        targets = self.repository.tag_targets("refs/tags", "refs/modelver")
        if not refs.keys() <= targets.keys():
            raise _LostRace  # somebody takes tags away right now
        moving = (ref for ref in refs if targets[ref] in made and ref not in self.state.refs)
        for ref in self._ours(moving, catalog):
            tag = tag_of(self.repository, refs[ref])
            if tag is not None:
                yield Tag(ref, tag.tagger, tag.message, made[targets[ref]], refs[ref])

    def _make_tags(self, found: Due) -> list[Announcement]:
        """Make those that the remote lacks and that are not right here; all that are to be pushed."""
        repository, made = self.repository, list[Announcement]()

        def plan(snapshot: Snapshot) -> Change | None:
            head = with_registry(Catalog(repository, snapshot.head.commit))
            here = repository.tag_targets("refs/tags", "refs/modelver")
            right = {v.ref: here[v.ref] for v in found.versions if self._is_right(head, v, here.get(v.ref))}
            known = {**here, **self.state.commits, **right}
            lacking = Due(
                versions=tuple(each for each in found.versions if each.ref not in right),
                events=found.events,
                wrong=(),
            )
            for each in lacking.versions:
                known.pop(each.ref, None)
            placed = place(lacking, head, self._registry_branch(snapshot.head, head), known)
            pairs, self.left = placed.pairs, placed
            made[:] = [each for each in found.versions if each.ref in right] + [each for each, _ in pairs]
            objects = repository.refs(*(tag.ref for _, tag in pairs)) if pairs else {}
            tags = [
                Tag(tag.ref, tag.tagger, tag.message, tag.target, objects.get(tag.ref))
                for _, tag in pairs
                if here.get(tag.ref) != tag.target
            ]
            return Change({}, "modelver: sync", tags) if tags else None

        self.workspace.writer(anonymous=True).write(plan, watched=[layout.CONFIG])
        return made

    def _is_right(self, head: Catalog, version: Announcement, commit: str | None) -> bool:
        return commit is not None and head.same_record(version.model, version.version, commit)

    def _push(self, commit: str, made: Sequence[Announcement]) -> None:
        """Branch and tags of versions together; what is announced in pushes of a few tags."""
        branch = f"refs/heads/{self.branch}"
        ahead = commit != self.tip and (self.tip is None or self.repository.is_ancestor(self.tip, commit))
        first = [f"{commit}:{branch}"] if ahead else []
        versions = [each for each in made if not (each.stage or each.label)]
        events = [each for each in made if each.stage or each.label]
        if len(made) <= AT_ONCE:
            pushes = [(first, made)]
        else:
            along, *more = _parts(versions, MOST) or [[]]
            pushes = [(first, along), *(([], part) for part in [*more, *_parts(events, AT_ONCE)])]
        for specs, tags in pushes:
            if specs or tags:
                self._push_at_once([*specs, *(f"{each.ref}:{each.ref}" for each in tags)], tags)

    def _push_at_once(self, specs: Sequence[str], tags: Sequence[Announcement]) -> None:
        pushed = self.remote.push(specs)
        refs = [spec.partition(":")[2] for spec in specs]
        if pushed.error is not None:
            self._refuse(pushed, specs)
        self._track(specs)
        heads = {ref: oid for oid, ref in (spec.split(":", 1) for spec in specs) if ref.startswith("refs/heads/")}
        self.state = State({**self.state.refs, **heads}, self.state.commits)
        # What was there by then is somebody else's to tell of; where Git could not say, it was ours.
        ours = refs if pushed.error is not None else [ref for ref in refs if ref in pushed.taken]
        self.tally.pushed += [ref.removeprefix("refs/").partition("/")[2] for ref in ours]
        self.tally.new.update({each.ref: each for each in tags if each.ref in ours})

    def _refuse(self, pushed: Pushed, specs: Sequence[str]) -> None:
        """Raise for a push that failed, unless the remote has taken it and nobody heard of that."""
        assert pushed.error is not None
        wanted = {ref: source for source, ref in (spec.split(":", 1) for spec in specs)}
        refs = list(wanted)
        now, here = self.remote.state(self.branch), self.repository.refs(*refs)
        has_all = all(now.refs.get(ref) == here.get(source, source) for ref, source in wanted.items())
        if has_all and not pushed.refused:
            return
        busy = self.tally.refused < _BUSY and _LOCKED.search(pushed.error.message)
        self.tally.refused += 1
        if busy or now.differs(self.state, f"refs/heads/{self.branch}", *refs):
            raise _LostRace
        if any("remote rejected" in why for why in pushed.refused.values()) and f"refs/heads/{self.branch}" in refs:
            pushed.error.hints.append(
                f"where {self.branch} is protected, a pull request brings it: modelver … --branch NAME"
            )
        raise pushed.error

    def _track(self, specs: Sequence[str]) -> None:
        """Let this clone know what the remote has: where Git could not note that, `undo` would take it back."""
        commit, _, ref = specs[0].partition(":")
        tracking = self.remote.tracking(self.branch)
        if ref == f"refs/heads/{self.branch}" and self.repository.commit(tracking) != commit:
            self.repository.transact([f"update {tracking} {commit}"], "-m", "update by push")
