"""How alike versions are: sets of characteristics, aspect by aspect and over all; and the importance score."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.domain.importance import DEFAULT, Term, importance
from modelver.domain.records import Input
from modelver.domain.similarity import ASPECTS, of_files, of_inputs, of_values, of_words, similarity

WORDS = st.frozensets(st.sampled_from("abcdef"))
SIDES = st.fixed_dictionaries({}, optional={name: st.none() | WORDS.map(of_words) for name in ASPECTS})


def test_what_is_alike_and_what_differs():
    """Similarity: over all characteristics together, in each aspect, and what only one side has."""
    a = {"params": of_values({"lr": 0.1, "epochs": 3}), "format": of_words(["onnx"]), "meta": frozenset()}
    b = {"params": of_values({"lr": 0.1, "epochs": 5}), "format": of_words(["onnx"]), "meta": frozenset()}
    found = similarity(a, b)
    assert found.overall == 2 / 4
    assert found.aspects["params"].value == 1 / 3
    assert (found.aspects["params"].only_a, found.aspects["params"].only_b) == (("epochs=3",), ("epochs=5",))
    assert found.aspects["format"].value == 1
    assert found.aspects["meta"].value is None
    assert list(found.aspects) == list(ASPECTS)


def test_what_nobody_can_tell_does_not_count():
    """Similarity: tensors of absent bytes are not taken for none."""
    found = similarity(
        {"tensors": None, "format": of_words(["gguf"])}, {"tensors": of_words("ab"), "format": of_words([])}
    )
    assert found.aspects["tensors"].value is None
    assert found.aspects["tensors"].only_b == ()
    assert found.overall == 0
    assert similarity({}, {}).overall is None


@given(SIDES, SIDES)
def test_similarity_is_symmetric_and_a_share(a, b):
    """Similarity: |A ∩ B| / |A ∪ B| by a count of pairs of aspect and word."""
    there, back = similarity(a, b), similarity(b, a)
    assert there.overall == back.overall
    both = [name for name in ASPECTS if a.get(name) is not None and b.get(name) is not None]
    left, right = ({(name, each) for name in both for each in side[name]} for side in (a, b))
    expected = len(left & right) / len(left | right) if left | right else None
    assert there.overall == expected
    for name in ASPECTS:
        mine, theirs = there.aspects[name], back.aspects[name]
        assert mine.value == theirs.value
        assert mine.value is None or 0 <= mine.value <= 1
        assert (mine.only_a, mine.only_b) == (theirs.only_b, theirs.only_a)
    assert similarity(a, a).overall in (None, 1)


def test_what_makes_a_characteristic():
    """Similarity: an input by kind, id and digest; a file by path and digest; a relation does not count."""
    digest, other = "sha256:" + "a" * 64, "sha256:" + "b" * 64
    data = Input(kind="data", id="train.csv", relation="trained-on", digest=digest)
    same = Input(kind="data", id="train.csv", relation="evaluated-on", digest=digest)
    changed = Input(kind="data", id="train.csv", relation="trained-on", digest=other)
    assert of_inputs([data]) == of_inputs([same]) != of_inputs([changed])
    assert [each.text for each in of_inputs([data])] == ["data train.csv aaaaaaaaaaaa"]
    assert of_files([("a.bin", digest)]) != of_files([("b.bin", digest)])
    assert [each.text for each in of_files([("", digest)])] == ["the file aaaaaaaaaaaa"]


# ---- importance ----------------------------------------------------------------------------------------------


def test_the_usual_importance():
    """Importance: 0.7 × the change of accuracy − 0.3 × that of the latency in seconds."""
    found = importance({"accuracy": 0.9, "latency": 100}, {"accuracy": 0.92, "latency": 120}, DEFAULT)
    assert found.score == 0.008  # exactly: 0.7 × 0.02 − 0.3 × 20 / 1000
    assert (found.terms["accuracy"].value, found.terms["latency"].value) == (0.014, -0.006)
    assert found.missing == ()


def test_the_latency_may_be_called_by_its_unit():
    """Importance: without `latency` in either version, `latency_ms` is meant; never both, never another unit."""
    by_unit = importance({"accuracy": 0.9, "latency_ms": 100}, {"accuracy": 0.9, "latency_ms": 120}, DEFAULT)
    assert by_unit.score == -0.006
    half = importance({"accuracy": 0.9, "latency_ms": 100}, {"accuracy": 0.9, "latency": 120}, DEFAULT)
    assert half.missing == ("latency",)


@pytest.mark.parametrize(
    ("a", "b", "score", "missing"),
    [
        ({}, {}, None, ("accuracy", "latency")),
        ({"accuracy": 0.5}, {"accuracy": 0.6}, 0.07, ("latency",)),
        ({"accuracy": 0.5, "latency": 1}, {"accuracy": 0.6}, 0.07, ("latency",)),
        ({"latency": 1000}, {"latency": 0}, 0.3, ("accuracy",)),
        ({"accuracy": 1}, {"accuracy": 10**400}, None, ("latency",)),
    ],
)
def test_what_is_missing_is_named(a, b, score, missing):
    """Importance: never counted as zero without a word; without any term there is no score."""
    found = importance(a, b, DEFAULT)
    assert (found.score, found.missing) == (score, missing)


def test_weights_and_units_of_ones_own():
    """Importance: any metric, weight and unit; the sign of the weight is the direction."""
    terms = (Term(metric="f1", weight=2), Term(metric="size", weight=-1, per=10**6))
    found = importance({"f1": 0.5, "size": 3_000_000}, {"f1": 0.6, "size": 1_000_000}, terms)
    assert found.score == pytest.approx(2.2)
    assert importance({"f1": 1}, {"f1": 2}, ()).score is None
