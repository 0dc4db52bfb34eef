"""What promote, rollback, demote and archive may do, against a plain list (rules C1, I4, B3)."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.domain import lifecycle
from modelver.domain.lifecycle import HISTORY, Act
from modelver.domain.records import StageEntry, StagePointer
from modelver.errors import Conflict, UsageError

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
A, B, C, D = VERSIONS = [f"v2024010{n}120000_abcd1234" for n in range(1, 5)]
NOBODY = StagePointer(model="fraud", stage="production", version=None, number=0)
ACT = Act(by="A. User <user@example.org>", at=NOON, message="why")

CHANGES = st.one_of(
    st.tuples(st.just("promote"), st.sampled_from(VERSIONS)),
    st.tuples(st.just("rollback"), st.none() | st.sampled_from(VERSIONS)),
    st.tuples(st.just("demote"), st.none()),
)
HISTORIES = st.lists(CHANGES, max_size=25)


class Plain:
    """A stage as a person would keep it: who holds it, and a list of who held it before, the latest last."""

    def __init__(self, holder=None, stack=()):
        self.holder = holder
        self.stack = list(stack)

    def change(self, op, version):
        """Carry the change out; False where it may not or need not be done."""
        if op == "rollback":
            wanted = version or (self.stack[-1] if self.stack else None)
            if wanted is None or wanted not in self.stack:
                return False
            while self.stack.pop() != wanted:
                pass
            self.holder = wanted
            return True
        if self.holder == version:
            return False
        self.stack += [self.holder] if self.holder else []
        self.holder = version
        return True


def change(pointer, op, version, act=ACT):
    """The pointer after a change, or the same where it may not or need not be done."""
    try:
        if op == "promote":
            changed = lifecycle.promote(pointer, version, act)
        elif op == "demote":
            changed = lifecycle.demote(pointer, act)
        else:
            changed = lifecycle.rollback(pointer, version, act)
    except Conflict:
        return pointer
    return changed or pointer


def after(*changes, pointer=NOBODY):
    for op, version in changes:
        pointer = change(pointer, op, version)
    return pointer


# ---- the stack -----------------------------------------------------------------------------------------------


@given(HISTORIES)
def test_a_stage_is_its_holder_and_a_stack(changes):
    """C1: promote and demote push the holder, rollback pops, --to pops down; each change counts one, no other does."""
    pointer, plain = NOBODY, Plain()
    for op, version in changes:
        changed = change(pointer, op, version)
        if plain.change(op, version):
            newest, *older = changed.history
            assert (newest.number, newest.op, newest.version) == (pointer.number + 1, op, plain.holder)
            assert (newest.by, newest.at, newest.message) == (ACT.by, ACT.at, ACT.message)
            assert tuple(older) == pointer.history
            assert changed.number == pointer.number + 1
        else:
            assert changed is pointer
        assert changed.version == plain.holder
        assert list(reversed(changed.former_holders())) == plain.stack
        pointer = changed


def test_a_second_rollback_goes_further_back_and_never_forth():
    """C1: the version that was rolled back is no former holder; with the stack empty it ends in a conflict."""
    pointer = after(("promote", A), ("promote", B), ("promote", C))
    holders = []
    for _ in range(2):
        pointer = lifecycle.rollback(pointer, None, ACT)
        holders.append(pointer.version)
    assert holders == [B, A]
    with pytest.raises(Conflict, match="no former holder") as caught:
        lifecycle.rollback(pointer, None, ACT)
    assert caught.value.hints == ["modelver log fraud    shows who held it"]


def test_a_rollback_gives_a_demoted_stage_back():
    """C1: demote pushes the holder too."""
    assert lifecycle.rollback(after(("promote", A), ("demote", None)), None, ACT).version == A


@pytest.mark.parametrize("changes", [[("promote", A), ("promote", C)], [("promote", C)]])
@pytest.mark.parametrize("to", [C, D])
def test_a_rollback_to_what_never_held_the_stage(changes, to):
    """C1: neither the holder itself nor a stranger is a former holder; the hint is to promote it."""
    pointer = after(*changes)
    with pytest.raises(Conflict, match=to) as caught:
        lifecycle.rollback(pointer, to, ACT)
    assert caught.value.hints == [f"modelver promote {to} production"]


def test_to_pops_all_that_is_above():
    """C1: what held the stage in between is no former holder any more; of two turns of one version the later counts."""
    pointer = after(*(("promote", version) for version in (A, B, A, C, D)))
    assert lifecycle.rollback(pointer, B, ACT).former_holders() == (A,)
    assert lifecycle.rollback(pointer, A, ACT).former_holders() == (B, A)


def test_what_is_already_is_no_change():
    """C2: a stage for its holder, nobody for nobody."""
    pointer = after(("promote", A))
    assert lifecycle.promote(pointer, A, ACT) is None
    assert lifecycle.demote(NOBODY, ACT) is None
    assert lifecycle.demote(after(("promote", A), ("demote", None)), ACT) is None


# ---- how long a history gets ----------------------------------------------------------------------------------


def test_a_history_is_cut_at_a_hundred():
    """C1: at most 100 entries, the newest; the number goes on counting."""
    pointer = after(*(("promote", VERSIONS[n % 4]) for n in range(130)))
    assert (HISTORY, len(pointer.history), pointer.number) == (100, 100, 130)
    assert [entry.number for entry in pointer.history] == list(range(130, 30, -1))
    assert len(pointer.former_holders()) == 99


@pytest.mark.parametrize("seed", range(5))
def test_a_cut_history_knows_the_top_of_the_stack(seed):
    """C1: what was cut off is missing at the bottom and nowhere else."""
    chance, pointer, plain, cut = random.Random(seed), NOBODY, Plain(), False
    for _ in range(400):
        op = chance.choice(["promote", "promote", "promote", "rollback", "demote"])
        version = chance.choice(VERSIONS) if op == "promote" else None
        if op == "rollback" and not pointer.former_holders():
            continue
        pointer = change(pointer, op, version)
        plain.change(op, version)
        known = list(reversed(pointer.former_holders()))
        assert pointer.version == plain.holder
        assert plain.stack[len(plain.stack) - len(known) :] == known
        cut = cut or len(known) < len(plain.stack)
    assert cut


def test_long_messages_leave_room_for_fewer_entries():
    """C1, C4: a record has to stay below the size that a reader takes; the newest entry always stays."""
    pointer = NOBODY
    for number in range(10):
        pointer = change(pointer, "promote", VERSIONS[number % 4], replace(ACT, message="x" * 20_000))
    assert [entry.number for entry in pointer.history] == [10, 9, 8]
    longest = change(pointer, "promote", A, replace(ACT, message="x" * 200_000))
    assert [entry.number for entry in longest.history] == [11]


# ---- dates ---------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-5, 5)), max_size=20))
def test_dates_of_a_models_changes_strictly_increase(steps):
    """I4: over all stages, by two seconds, since the tag of a displacement is a second before its promotion's."""
    pointers = [replace(NOBODY, stage=name) for name in ("a", "b", "c")]
    newest = None
    for number, (which, seconds) in enumerate(steps):
        now = NOON + timedelta(seconds=seconds, microseconds=999_999)
        at = lifecycle.event_moment(now, pointers)
        expected = now.replace(microsecond=0)
        assert at == (expected if newest is None else max(expected, newest + timedelta(seconds=2)))
        pointers[which] = change(pointers[which], "promote", f"{VERSIONS[0][:-4]}{number:04}", replace(ACT, at=at))
        newest = at


# ---- pending changes -----------------------------------------------------------------------------------------


@given(HISTORIES, st.lists(CHANGES, min_size=1, max_size=8))
def test_on_a_branch_only_the_last_change_counts(before, pending):
    """B3: each change withdraws the pending one before it; the stack is that of the registry's branch and the last."""
    announced = after(*before)
    base = Plain(announced.version, reversed(announced.former_holders()))
    pointer, plain = announced, Plain(base.holder, base.stack)
    for op, version in pending:
        changed = change(pointer, op, version)
        if changed is pointer:
            continue
        takes_back = pointer is not announced and changed.version == base.holder
        pointer = lifecycle.withdrawn(changed, announced)
        plain = Plain(base.holder, base.stack)
        if not takes_back:
            assert plain.change(op, pointer.version)
        assert (pointer.version, list(reversed(pointer.former_holders()))) == (plain.holder, plain.stack)
    fresh = pointer.number - announced.number
    assert [entry.withdrawn for entry in pointer.history[:fresh]] == [False] * (fresh > 0) + [True] * (fresh - 1)
    assert pointer.history[fresh:] == announced.history
    assert lifecycle.extends(pointer, announced)


def test_withdrawn_changes_gave_and_took_nothing():
    """B3, I4: they call for no tag."""
    announced = after(("promote", A))
    pointer = lifecycle.withdrawn(after(("promote", B), pointer=announced), announced)
    pointer = lifecycle.withdrawn(after(("promote", C), pointer=pointer), announced)
    assert [(pointer.given(n), pointer.displaced(n)) for n in (1, 2, 3)] == [(A, None), (None, None), (C, A)]
    back = lifecycle.withdrawn(after(("rollback", None), pointer=pointer), announced)
    assert (back.given(4), back.displaced(4)) == (A, None)  # it never left


def test_a_stage_that_the_registrys_branch_lacks():
    """B3: all changes but the newest are withdrawn; the newest never is."""
    pointer = lifecycle.withdrawn(after(("promote", A), ("promote", B), ("promote", C)), None)
    assert [entry.withdrawn for entry in pointer.history] == [False, True, True]
    assert pointer.former_holders() == ()


def test_a_change_that_the_branch_has_differently_is_withdrawn():
    """B3: the same number with another version is another change."""
    announced = after(("promote", A), ("promote", B))
    ours = after(("promote", A), ("promote", C), ("promote", D))
    assert [entry.withdrawn for entry in lifecycle.withdrawn(ours, announced).history] == [False, True, False]


# ---- a history goes on ---------------------------------------------------------------------------------------


@given(HISTORIES, HISTORIES)
def test_every_later_pointer_extends_every_former_one(before, more):
    """C1: and a former one extends a later one only where nothing was changed in between."""
    former = after(*before)
    later = after(*more, pointer=former)
    assert lifecycle.extends(later, former)
    assert lifecycle.extends(former, later) == (later.number == former.number)


def test_a_cut_history_extends_a_former_one():
    """C1: what was cut off is not missing."""
    former = after(("promote", A), ("promote", B))
    pointer = after(*(("promote", VERSIONS[n % 4]) for n in range(150)), pointer=former)
    assert pointer.history[-1].number > former.number
    assert lifecycle.extends(pointer, former)
    assert not lifecycle.extends(former, pointer)


@pytest.mark.parametrize(
    "damage",
    [
        {"version": D},
        {"op": "rollback"},
        {"message": "other words"},
        {"by": "somebody else"},
        {"at": NOON + timedelta(seconds=1)},
    ],
)
def test_a_change_that_was_rewritten_breaks_the_history(damage):
    """C1: an entry never changes, but for being withdrawn."""
    pointer = after(("promote", A), ("promote", B), ("promote", C))
    newest, middle, oldest = pointer.history
    assert not lifecycle.extends(replace(pointer, history=(newest, replace(middle, **damage), oldest)), pointer)
    taken_back = replace(pointer, history=(newest, replace(middle, withdrawn=True), oldest))
    assert lifecycle.extends(taken_back, pointer)
    assert not lifecycle.extends(pointer, taken_back)


def test_a_change_that_is_missing_breaks_the_history():
    """C1: in the middle as at the end."""
    pointer = after(("promote", A), ("promote", B), ("promote", C))
    newest, _, oldest = pointer.history
    assert not lifecycle.extends(replace(pointer, history=(newest, oldest)), pointer)
    assert not lifecycle.extends(replace(pointer, number=2), pointer)


# ---- what may be promoted ------------------------------------------------------------------------------------


def test_any_name_is_a_stage_where_none_are_configured():
    """I3: that is what the missing section says; an empty one allows none."""
    assert lifecycle.check_stage("anything", None) == {}
    with pytest.raises(UsageError):
        lifecycle.check_stage("anything", {})


def test_configured_stages_and_patterns():
    """I3: a name of its own ranks before a pattern, and a pattern before those that follow it."""
    rules = {
        "production-*": {"from": "first"},
        "production-eu": {"from": "exact"},
        "prod*": {"from": "second"},
        "canary-?": {},
    }
    found = {
        stage: lifecycle.check_stage(stage, rules).get("from")
        for stage in ("production-eu", "production-us", "prod", "production", "canary-1")
    }
    assert found == {
        "production-eu": "exact",
        "production-us": "first",
        "prod": "second",
        "production": "second",
        "canary-1": None,
    }
    nearest = {"staging": [], "canary-12": ["canary-?"], "xproduction-eu": ["production-eu", "production-*"]}
    for unknown, near in nearest.items():
        with pytest.raises(UsageError, match=unknown) as caught:
            lifecycle.check_stage(unknown, rules)
        proposal = [f"did you mean {' or '.join(near)}?"] if near else []
        assert caught.value.hints == [*proposal, "stages: production-*, production-eu, prod*, canary-?"]


def staging(*changes, **more):
    return {"staging": replace(after(*changes), stage="staging", **more)}


ORDER = {"production": {"from": "staging"}, "staging": {"from": "dev"}, "dev": {}}


def test_a_stage_that_comes_after_another():
    """C1's order, from: whoever has been there may come, also one that has left it since."""
    for pointers in (
        staging(("promote", A)),
        staging(("promote", A), ("promote", B)),
        staging(("promote", A), ("demote", None)),
    ):
        lifecycle.check_promotion(A, "production", ORDER, pointers)
    for pointers in ({}, staging(("promote", B)), {"canary": after(("promote", A))}):
        with pytest.raises(Conflict, match="comes after staging") as caught:
            lifecycle.check_promotion(A, "production", ORDER, pointers)
        assert caught.value.hints == ["the order is dev → staging → production", f"modelver promote {A} staging"]


def test_an_order_that_goes_in_a_circle_is_told_once():
    """Configuration: a mistake of the team's is no endless loop."""
    circle = {"a": {"from": "b"}, "b": {"from": "a"}, "c": {"from": "gone"}}
    for stage, order in (("a", "b → a"), ("c", "gone → c")):
        with pytest.raises(Conflict) as caught:
            lifecycle.check_promotion(A, stage, circle, {})
        assert caught.value.hints[0] == f"the order is {order}"


def test_a_withdrawn_turn_is_none():
    """B3: it never happened."""
    entry = StageEntry(number=1, op="promote", version=A, at=NOON, by="x", withdrawn=True)
    with pytest.raises(Conflict, match="has not been there"):
        lifecycle.check_promotion(A, "production", ORDER, staging(history=(entry,)))


def test_an_archived_version_gets_no_stage():
    """S2: the hint says how to bring it back."""
    with pytest.raises(Conflict, match="is archived") as caught:
        lifecycle.refuse_archived(A, {A, B})
    assert caught.value.hints == [f"modelver archive --undo {A}"]
    lifecycle.refuse_archived(A, {B})


# ---- archive and label ---------------------------------------------------------------------------------------


@given(st.lists(st.booleans(), max_size=10))
def test_a_version_is_archived_or_not(undos):
    """C2: each entry changes the state, and what is so already adds none; the newest stands first."""
    record, archived, ops = None, False, []
    for undo in undos:
        changed = lifecycle.archive(record, "fraud", A, ACT, undo=undo)
        assert (changed is None) == (archived != undo)
        if changed is not None:
            archived, record = not undo, changed
            ops.insert(0, "restore" if undo else "archive")
            assert (record.model, record.version) == ("fraud", A)
            assert record.state == ("restored" if undo else "archived")
            assert [entry.op for entry in record.history] == ops
            assert (record.history[0].by, record.history[0].at, record.history[0].message) == (ACT.by, NOON, "why")


@pytest.mark.parametrize(
    ("labels", "major", "minor", "patch"),
    [
        ([], "1.0.0", "0.1.0", "0.0.1"),
        (["nightly", "2024"], "1.0.0", "0.1.0", "0.0.1"),
        (["1.9.0", "1.10.0", "0.99.0"], "2.0.0", "1.11.0", "1.10.1"),
        (["1.0.0", "2.0.0-rc.1"], "2.0.0", "2.0.0", "2.0.0"),
        (["1.2.3-rc.1"], "2.0.0", "1.3.0", "1.2.3"),
    ],
)
def test_the_next_label(labels, major, minor, patch):
    """The grammar of references: --bump counts from the highest of all, from 0.0.0 where there is none."""
    found = [lifecycle.next_label(labels, part) for part in ("major", "minor", "patch")]
    assert found == [major, minor, patch]
