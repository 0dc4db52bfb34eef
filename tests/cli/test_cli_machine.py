"""Random commands on a real repository with two branches, against a plain model of what must hold (S2, C1, C2, B3).

The model keeps facts by file, as Git merges them: each with a number that says which write made it, so that two
branches conflict where both changed one file.
"""

from __future__ import annotations

import copy
import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from worlds import World, Worlds

from modelver import Registry
from modelver.domain import lifecycle, semver
from modelver.errors import Conflict, ModelverError, NotFound

FULL = os.environ.get("MODELVER_FAULTS") == "full"
STAGES = ("production", "staging")
BRANCHES = st.sampled_from(["main", "work"])
SOME = st.integers(0, 3)
LABELS = ("1.0.0", "1.1.0", "2.0.0-rc.1", "nightly", "golden")


@dataclass(frozen=True)
class Change:
    """One change of a stage: which write made it, who holds the stage since then, and the stack of former holders."""

    made: int
    holder: str | None
    stack: tuple[str, ...]
    withdrawn: bool = False


@dataclass
class Facts:
    """What one branch says."""

    versions: set[str] = field(default_factory=set)
    labels: dict[str, tuple[int, str]] = field(default_factory=dict)
    stages: dict[str, tuple[Change, ...]] = field(default_factory=dict)
    archives: dict[str, tuple[int, bool]] = field(default_factory=dict)

    def holder(self, stage: str) -> str | None:
        return self.stages[stage][-1].holder if stage in self.stages else None

    def held(self, version: str) -> list[str]:
        return [stage for stage in STAGES if self.holder(stage) == version]

    def archived(self, version: str) -> bool:
        return self.archives.get(version, (0, False))[1] and not self.held(version)

    def labels_of(self, version: str) -> list[str]:
        return sorted(label for label, (_, holder) in self.labels.items() if holder == version)

    def numbered(self, version: str) -> bool:
        return any(semver.read(label) for label in self.labels_of(version))

    def wanted(self) -> dict[str, str]:
        """The tags that these facts call for, each with its version."""
        found = {}
        for label, (_, version) in self.labels.items():
            found[f"fraud@v{label}" if semver.read(label) else f"fraud@{label}"] = version
        for stage, changes in self.stages.items():
            before = None
            for number, change in enumerate(changes, 1):
                if not change.withdrawn:
                    if before is not None and before != change.holder:
                        found[f"fraud#{stage}!#{number}"] = before
                    if change.holder is not None:
                        found[f"fraud#{stage}#{number}"] = change.holder
                    before = change.holder
        return found

    def problems(self) -> list[tuple[str, str]]:
        """What clean merges may have broken."""
        found = [("archive", v) for v, (_, archived) in self.archives.items() if archived and self.held(v)]
        for version in self.versions:
            numbers = [label for label in self.labels_of(version) if semver.read(label)]
            found += [("label", version)] * (len(numbers) - 1)
        return sorted(found)


def files(facts: Facts) -> dict[tuple[str, str], Any]:
    """The facts as Git sees them."""
    return {
        **{("version", name): True for name in facts.versions},
        **{("label", name): fact for name, fact in facts.labels.items()},
        **{("stage", name): changes for name, changes in facts.stages.items()},
        **{("archive", name): fact for name, fact in facts.archives.items()},
    }


def merged(base: Facts, ours: Facts, theirs: Facts) -> Facts | None:
    """What a merge gives; None where it conflicts."""
    old, mine, other = files(base), files(ours), files(theirs)
    found = Facts()
    for key in {*mine, *other}:
        sides = {True: mine.get(key), False: other.get(key)}
        if mine.get(key) != other.get(key) and old.get(key) not in sides.values():
            return None
        kind, name = key
        fact = other.get(key) if mine.get(key) == old.get(key) else mine.get(key)
        if kind == "version":
            found.versions.add(name)
        else:
            getattr(found, f"{kind}s")[name] = fact
    return found


class Commands(RuleBasedStateMachine):
    """`main` is the registry's branch; what happens on `work` is announced nowhere."""

    world: World

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.branch = "main"
        self.facts = {"main": Facts(), "work": Facts()}
        self.at: dict[str, Facts] = {}
        self.tags: dict[str, str] = {}
        self.steps = itertools.count(1)
        self.registry = Registry(world.top)
        self.remember()

    def teardown(self) -> None:
        self.registry.close()
        self.world.assert_sound()

    # ---- the model -------------------------------------------------------------------------------------------

    @property
    def here(self) -> Facts:
        return self.facts[self.branch]

    def remember(self) -> None:
        commit = self.world.git("rev-parse", "HEAD").strip()
        self.at[commit] = copy.deepcopy(self.here)

    def announce(self, before: Facts) -> None:
        """What was written on the registry's branch has its tags; on another branch there is none."""
        if self.branch == "main":
            self.tags |= {tag: v for tag, v in self.here.wanted().items() if tag not in before.wanted()}
        self.remember()

    def pick(self, number: int) -> str:
        return sorted(self.here.versions)[number % len(self.here.versions)]

    def expect(self, fault: type[ModelverError] | None, command: Any, *words: Any, **named: Any) -> Any:
        """What a command answers, or None where it has to fail; one that fails or has nothing to do writes nothing."""
        before = self.world.git("for-each-ref")
        message = f"step {next(self.steps)}"
        if fault is not None:
            with pytest.raises(fault):
                command(*words, message=message, **named)
            assert self.world.git("for-each-ref") == before
            return None
        answer = command(*words, message=message, **named)
        if not answer.created:
            assert self.world.git("for-each-ref") == before
        return answer

    def move(self, stage: str, op: str, holder: str | None) -> None:
        """A change of a stage; those that `main` does not know are withdrawn by it."""
        known = self.facts["main"].stages.get(stage, ())
        changes = [
            copy.copy(each)
            if self.branch == "main" or (place < len(known) and known[place].made == each.made)
            else Change(each.made, each.holder, each.stack, withdrawn=True)
            for place, each in enumerate(self.here.stages.get(stage, ()))
        ]
        base = next((each for each in reversed(changes) if not each.withdrawn), Change(0, None, ()))
        if changes and changes[-1].withdrawn and base.holder == holder:
            stack = base.stack
        elif op == "rollback":
            stack = base.stack[: len(base.stack) - 1 - base.stack[::-1].index(holder)]
        else:
            stack = base.stack + ((base.holder,) if base.holder else ())
        self.here.stages[stage] = (*changes, Change(next(self.steps), holder, stack))

    # ---- commands --------------------------------------------------------------------------------------------

    @initialize(count=st.integers(2, 3), held=st.booleans())
    def versions(self, count: int, held: bool) -> None:
        for _ in range(count):
            self.add("main", "production" if held else None, False)
        self.world.git("branch", "-f", "work", "main")
        self.facts["work"] = copy.deepcopy(self.here)

    @rule(branch=BRANCHES, stage=st.none() | st.sampled_from(STAGES), bump=st.booleans())
    def add(self, branch: str, stage: str | None, bump: bool) -> None:
        self.go(branch)
        before, step = copy.deepcopy(self.here), next(self.steps)
        label = lifecycle.next_label(self.known_labels(), "minor") if bump else None
        self.world.write("model.bin", f"weights {step}")
        answer = self.registry.add(
            self.world / "model.bin", model="fraud", bump="minor" if bump else None, stage=stage, message=f"step {step}"
        )
        assert answer.created
        assert not before.versions or answer.version > max(before.versions)
        self.here.versions.add(answer.version)
        if label is not None:
            self.here.labels[label] = (step, answer.version)
        if stage is not None:
            self.move(stage, "promote", answer.version)
        assert answer.pending == (self.branch != "main" and (bump or stage is not None))
        self.announce(before)

    def known_labels(self) -> list[str]:
        return [*self.here.labels, *self.facts["main"].labels]

    @rule(branch=BRANCHES, number=SOME, label=st.sampled_from(LABELS))
    def tag(self, branch: str, number: int, label: str) -> None:
        self.go(branch)
        before, version = copy.deepcopy(self.here), self.pick(number)
        holder = self.here.labels.get(label, (0, None))[1]
        second = semver.read(label) is not None and self.here.numbered(version)
        fault = Conflict if holder not in (None, version) or (holder is None and second) else None
        answer = self.expect(fault, self.registry.tag, version, label)
        if answer is not None:
            assert answer.created == (holder is None)
            assert (answer.version, answer.label) == (version, label)
        if answer is not None and answer.created:
            self.here.labels[label] = (next(self.steps), version)
            self.announce(before)

    @rule(branch=BRANCHES, number=SOME, part=st.sampled_from(["major", "minor", "patch"]))
    def bump(self, branch: str, number: int, part: semver.Part) -> None:
        self.go(branch)
        before, version = copy.deepcopy(self.here), self.pick(number)
        fault = Conflict if self.here.numbered(version) else None
        expected = lifecycle.next_label(self.known_labels(), part)
        answer = self.expect(fault, self.registry.tag, version, bump=part)
        if answer is not None:
            assert answer.label == expected
            self.here.labels[expected] = (next(self.steps), version)
            self.announce(before)

    @rule(branch=BRANCHES, number=SOME, stage=st.sampled_from(STAGES))
    def promote(self, branch: str, number: int, stage: str) -> None:
        self.go(branch)
        before, version, holder = copy.deepcopy(self.here), self.pick(number), self.here.holder(stage)
        fault = Conflict if self.here.archived(version) else None
        answer = self.expect(fault, self.registry.promote, version, stage)
        if answer is not None:
            assert (answer.version, answer.created) == (version, holder != version)
            assert answer.previous == (holder if answer.created else None)
        if answer is not None and answer.created:
            self.move(stage, "promote", version)
            self.announce(before)

    @rule(branch=BRANCHES, stage=st.sampled_from(STAGES), to=st.none() | SOME)
    def rollback(self, branch: str, stage: str, to: int | None) -> None:
        self.go(branch)
        before, changes = copy.deepcopy(self.here), self.here.stages.get(stage, ())
        stack = changes[-1].stack if changes else ()
        wanted = self.pick(to) if to is not None else stack[-1] if stack else None
        fault: type[ModelverError] | None = None
        if not changes:
            fault = NotFound
        elif wanted is None or wanted not in stack or self.here.archived(wanted):
            fault = Conflict
        answer = self.expect(fault, self.registry.rollback, "fraud", stage, to=wanted if to is not None else None)
        if answer is not None:
            assert (answer.version, answer.previous) == (wanted, changes[-1].holder)
            self.move(stage, "rollback", wanted)
            self.announce(before)

    @rule(branch=BRANCHES, stage=st.sampled_from(STAGES))
    def demote(self, branch: str, stage: str) -> None:
        self.go(branch)
        before, holder = copy.deepcopy(self.here), self.here.holder(stage)
        answer = self.expect(None if stage in self.here.stages else NotFound, self.registry.demote, "fraud", stage)
        if answer is not None:
            assert (answer.version, answer.previous, answer.created) == (None, holder, holder is not None)
        if answer is not None and answer.created:
            self.move(stage, "demote", None)
            self.announce(before)

    @rule(branch=BRANCHES, number=SOME, undo=st.booleans())
    def archive(self, branch: str, number: int, undo: bool) -> None:
        self.go(branch)
        before, version = copy.deepcopy(self.here), self.pick(number)
        archived = self.here.archives.get(version, (0, False))[1]
        fault = Conflict if self.here.held(version) and not undo else None
        answer = self.expect(fault, self.registry.archive, version, undo=undo)
        if answer is not None and answer.created:
            assert archived == undo
            self.here.archives[version] = (next(self.steps), not undo)
            self.announce(before)
        elif answer is not None:
            assert archived != undo

    # ---- branches --------------------------------------------------------------------------------------------

    def go(self, branch: str) -> None:
        if branch != self.branch:
            self.world.git("checkout", "-q", branch)
            self.branch = branch

    @precondition(lambda self: files(self.facts["main"]) != files(self.facts["work"]))
    @rule(branch=BRANCHES)
    def merge(self, branch: str) -> None:
        self.go(branch)
        other = "work" if self.branch == "main" else "main"
        base = self.world.git("merge-base", "HEAD", other).strip()
        expected = merged(self.at[base], self.here, self.facts[other])
        self.world.git("merge", "-q", "--no-edit", other, code=0 if expected else 1)
        if expected is None:
            self.world.git("merge", "--abort")
        else:
            self.facts[self.branch] = expected
            self.remember()

    @rule(
        changes=st.lists(
            st.tuples(st.sampled_from(["promote", "back", "demote", "promote", "tag"]), SOME), min_size=1, max_size=3
        ),
        meanwhile=st.sampled_from(["nothing", "promote", "tag", "archive"]),
        number=SOME,
    )
    def pull_request(self, changes: list[tuple[str, int]], meanwhile: str, number: int) -> None:
        """Some changes on a branch, one of the other's, and a merge."""
        self.merge("work")
        for (op, which), branch in [*((change, "work") for change in changes), ((meanwhile, number), "main")]:
            if op == "promote":
                self.promote(branch, which, "production" if branch == "work" or which else "staging")
            elif op == "back":
                self.rollback(branch, "production", None)
            elif op == "demote":
                self.demote(branch, "production")
            elif op == "tag":
                self.tag(branch, which, LABELS[which])
            elif op == "archive":
                self.archive(branch, which, False)
        self.merge("main")

    # ---- what must hold --------------------------------------------------------------------------------------

    @invariant()
    def each_version_stands_as_it_should(self) -> None:
        facts = self.here
        if not facts.versions:
            return
        listed = self.registry.versions("fraud").versions
        assert [line.version for line in listed] == sorted(facts.versions, reverse=True)
        for line in listed:
            state = (
                "staged" if facts.held(line.version) else "archived" if facts.archived(line.version) else "development"
            )
            assert (list(line.stages), line.state) == (facts.held(line.version), state)
            assert list(line.labels) == facts.labels_of(line.version)
        newest = next((line for line in listed if line.state != "archived"), None)
        (model,) = self.registry.models().models
        assert model.latest == (newest.version if newest else None)
        assert model.stages == {stage: facts.holder(stage) for stage in STAGES if facts.holder(stage)}

    @invariant()
    def each_stage_knows_its_past(self) -> None:
        for stage, changes in self.here.stages.items():
            stack = changes[-1].stack
            for back in range(1, len(stack) + 2):
                try:
                    found = self.registry.show(f"fraud@{stage}~{back}").record.version
                except NotFound:
                    assert back == len(stack) + 1
                else:
                    assert found == stack[-back]

    @invariant()
    def announced_is_what_happened_on_the_registrys_branch(self) -> None:
        form = "--format=%(refname:short) %(*objectname)"
        here = dict(line.rsplit(" ", 1) for line in self.world.git("for-each-ref", form, "refs/tags").splitlines())
        ours = {tag: commit for tag, commit in here.items() if "@" in tag or "#" in tag}
        assert ours == {tag: here[version] for tag, version in self.tags.items()}

    @invariant()
    def verify_names_what_merges_broke_and_nothing_else(self) -> None:
        verified = self.registry.verify()
        assert sorted((each.kind, each.version) for each in verified.problems) == self.here.problems()
        assert set(verified.missing_tags) == self.facts["main"].wanted().keys() - self.tags.keys()


def test_random_commands(worlds: Worlds, tmp_path: Path) -> None:
    """S2, C1, C2, B3, I4: after any commands on two branches, records, tags and `verify` are as the model says."""
    numbers = itertools.count()

    class InAWorldOfItsOwn(Commands):
        def __init__(self) -> None:
            super().__init__(worlds.make(tmp_path / str(next(numbers)), "registry"))

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        InAWorldOfItsOwn,
        settings=settings(
            max_examples=100 if FULL else 12,
            stateful_step_count=40 if FULL else 16,
            derandomize=not FULL,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
