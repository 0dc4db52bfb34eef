"""A version's record and the notes on it, read together; and gates judged on what they say."""

from datetime import UTC, datetime, timedelta

import pytest

from modelver.domain.comparison import Compared, Criteria, compare
from modelver.domain.evidence import gather, yank_of
from modelver.domain.expressions import NOTHING_TO_COMPARE, Metric, parse
from modelver.domain.gates import better, better_in, kept, not_worse, outcome, required
from modelver.domain.metrics import Goal
from modelver.domain.recommendation import Guardrail
from modelver.domain.records import Artifact, Attachment, Input, Note, Version
from modelver.domain.samples import PairedMetric

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
DATA = Input(kind="data", id="february.csv", relation="evaluated-on", digest="sha256:" + "d" * 64)
UP, DOWN = Goal(direction="maximize"), Goal(direction="minimize")


def version(metrics=None, attachments=None):
    return Version(
        model="fraud",
        version="v20240101120000_abcd1234",
        created_at=NOON,
        created_by="A. User <user@example.org>",
        artifact=Artifact(path="model.bin", kind="file", digest="sha256:" + "a" * 64, size=1, files=1),
        metrics=metrics or {},
        attachments=attachments or {},
    )


def note(minute, metrics=None, *, kind="evaluation", inputs=(), attachments=None, message=""):
    return Note(
        model="fraud",
        version="v20240101120000_abcd1234",
        kind=kind,
        created_at=NOON + timedelta(minutes=minute),
        created_by="A. User <user@example.org>",
        name=f"note-{minute}",
        metrics=metrics or {},
        inputs=inputs,
        attachments=attachments or {},
        message=message,
    )


def test_a_note_adds_what_the_record_lacks():
    """Notes: a later one overrides an earlier one, in whatever order they are read."""
    found = gather(version({"auc": 0.9}), [note(2, {"f1": 0.8}), note(1, {"f1": 0.7, "recall": 0.5})])
    assert found.metrics == {"auc": 0.9, "f1": 0.8, "recall": 0.5}
    assert found.sources == {"auc": "record", "f1": "note-2", "recall": "note-1"}
    assert [each.name for each in found.notes] == ["note-1", "note-2"]


def test_the_record_yields_only_to_a_note_with_its_own_data():
    """Notes: a number that nobody knows the data of replaces none that came with the model."""
    assert gather(version({"auc": 0.9}), [note(1, {"auc": 0.1})]).metrics == {"auc": 0.9}
    found = gather(version({"auc": 0.9}), [note(1, {"auc": 0.8}, inputs=(DATA,)), note(2, {"auc": 0.1})])
    assert (found.metrics, found.sources) == ({"auc": 0.8}, {"auc": "note-1"})


def test_predictions_follow_the_same_rule():
    """Notes: predictions that came with the version yield to those of a note with its own data alone."""
    mine, theirs = (Attachment(path=f"{name}.csv", digest="sha256:" + name * 64, size=1) for name in "ab")
    later = {"predictions": theirs}
    assert gather(version(), [note(1, attachments=later)]).predictions == theirs
    own = version(attachments={"predictions": mine})
    assert gather(own, [note(1, attachments=later)]).predictions == mine
    assert gather(own, [note(1, attachments=later, inputs=(DATA,))]).predictions == theirs
    assert gather(version(), []).predictions is None


def test_the_first_yank_counts():
    """Notes: who withdrew it first said why."""
    first, second = note(1, kind="yank", message="leaked"), note(2, kind="yank", message="again")
    assert yank_of([second, note(0), first]) == first
    assert yank_of([note(0)]) is None


# ---- gates ---------------------------------------------------------------------------------------------------


def compared(a, b, a_asks=None):
    return compare(Compared(metrics=a, params={}, stages=a_asks or {}), Compared(metrics=b, params={}), Criteria())


@pytest.mark.parametrize(
    ("a", "b", "holds"),
    [
        ({"auc": 0.8}, {"auc": 0.9}, True),
        ({"auc": 0.8}, {"auc": 0.81}, False),
        ({"auc": 0.9}, {"auc": 0.8}, False),
        ({"auc": 0.9}, {"x": 0.8}, None),
    ],
)
def test_better_means_recommended(a, b, holds):
    """Gates: RECOMMEND_B passes, insufficient data cannot tell."""
    assert better(compared(a, b), "v1").holds is holds


def paired(low, high, goal=UP):
    return PairedMetric(a=0.8, b=0.9, diff=0.1, low=low, high=high, p_value=0.5, method="a test", goal=goal)


@pytest.mark.parametrize(
    ("values", "goal", "samples", "at_least", "holds"),
    [
        ((0.8, 0.9), UP, None, 0, True),
        ((0.8, 0.8), UP, None, 0, False),
        ((0.9, 0.8), DOWN, None, 0, True),
        ((0.8, 0.9), UP, None, 0.1, False),
        ((0.8, 0.9), UP, None, 0.0999, True),
        ((0.5, 0.8), Goal(direction="target", target=0.7), None, 0.05, True),
        ((None, 0.9), UP, None, 0, None),
        ((0.8, None), UP, None, 0, None),
        ((0.8, 0.9), None, None, 0, None),
        ((0.8, 0.9), UP, paired(0.01, 0.2), 0, True),
        ((0.8, 0.9), UP, paired(-0.2, -0.01), 0, False),
        ((0.8, 0.9), UP, paired(-0.01, 0.01), 0, False),
        ((0.8, 0.9), UP, paired(-0.01, 0.2), 0, None),
        ((0.9, 0.8), UP, paired(-0.01, 0.2), 0, False),
        ((0.9, 0.8), DOWN, paired(-0.2, -0.1, DOWN), 0, True),
    ],
)
def test_better_in_one_metric(values, goal, samples, at_least, holds):
    """Gates: above --min-delta in the direction of the goal, and by the interval where both have samples."""
    gate = better_in("auc", values, goal, samples, holder="v1", at_least=at_least, threshold=0.05)
    assert gate.holds is holds


def test_a_requirement_names_what_it_found():
    """Gates: the values, what is unknown, and a stage that nobody holds."""
    values = {Metric("auc"): 0.95}
    gate = required(parse("auc >= 0.9 and f1 > 0.5"), values.get, "--require")
    assert (gate.condition, gate.found, gate.holds) == ("auc >= 0.9 and f1 > 0.5", "auc is 0.95, f1 is unknown", None)
    alone = required(parse("similarity > 0.5"), lambda _: NOTHING_TO_COMPARE, "--require")
    assert (alone.found, alone.holds) == ("nobody to compare with", True)


@pytest.mark.parametrize(
    ("held", "other", "regressed"), [(10, 12, True), (10, 11, False), (None, 1, None), (1, 2, None)]
)
def test_a_guardrail_as_a_gate(held, other, regressed):
    """Gates: kept, broken, or not to be told."""
    rail = Guardrail(stage="production", metric="x", limit=0.1, holder="a", held=held, other=other, regressed=regressed)
    gate = kept(rail, "stages.production.must_not_regress")
    assert gate.holds is (None if regressed is None else not regressed)
    assert gate.condition == "x at most 10 % worse"
    assert ("goal" in gate.found) == (regressed is None and held is not None)


@pytest.mark.parametrize(
    ("a", "b", "asks", "holds"),
    [
        ({"auc": 0.8}, {"auc": 0.9}, {}, True),
        ({"auc": 0.8}, {"auc": 0.8}, {}, True),
        ({"auc": 0.9}, {"auc": 0.8}, {}, False),
        ({"auc": 0.9}, {}, {}, None),
        ({"auc": 0.8, "size": 1}, {"auc": 0.9, "size": 2}, {"production": {"size": 0.1}}, False),
        ({"auc": 0.8}, {"auc": 0.9}, {"production": {"size": 0.1}}, None),
        ({"auc": 0.9}, {"auc": 0.8}, {"production": {"size": 0.1}}, False),
    ],
)
def test_not_worse(a, b, asks, holds):
    """Gates: --fail-if-worse fails where A is recommended or a guardrail is broken, and else where nobody can tell."""
    assert outcome(not_worse(compared(a, b, asks))) is holds


def test_one_gate_that_fails_is_enough():
    """Gates: what does not hold outweighs what cannot be told."""

    def gates(*answers):
        return [better_in("x", (0, answer), UP, None, holder="v", at_least=0, threshold=0) for answer in answers]

    assert outcome(gates(1, 1)) is True
    assert outcome([]) is True
    assert outcome(gates(1, None)) is None
    assert outcome(gates(None, -1)) is False
