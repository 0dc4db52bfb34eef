"""Samples of two versions are joined by id, or an error says why they cannot be compared."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.domain.samples import Samples, pair
from modelver.errors import CannotTell

CATS = Samples(ids=["i2", "i1", "i3"], truths=["cat", "dog", "cat"], classes=True, predictions=["cat", "cat", "dog"])
PRICES = Samples(ids=["i1", "i2"], truths=[1.5, 2.0], classes=False, predictions=[1.0, 2.5])
RISKS = Samples(ids=["i1", "i2"], truths=[1.0, 0.0], classes=True, probabilities=[0.9, 0.2])


@st.composite
def samples(draw):
    """Two versions' samples of the same data, with rows in different orders, and what only one of them has."""
    ids = draw(st.lists(st.text(max_size=3), min_size=1, max_size=12, unique=True))
    n = len(ids)
    truths = draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=n, max_size=n))
    columns = {
        "predictions": st.lists(st.sampled_from([0.0, 1.0]), min_size=n, max_size=n),
        "probabilities": st.lists(st.floats(0, 1), min_size=n, max_size=n),
    }
    slices = draw(st.lists(st.sampled_from(["x", "y"]), min_size=n, max_size=n))
    sides = []
    for _ in range(2):
        own = {name: draw(column) for name, column in columns.items()}
        if draw(st.booleans()):
            own["slices"] = slices
        sides.append(shuffled(Samples(ids=ids, truths=truths, classes=True, **own), draw(st.randoms())))
    return sides


def shuffled(given, chance):
    order = list(range(len(given.ids)))
    chance.shuffle(order)
    lists = ("ids", "truths", "predictions", "probabilities", "slices")
    return replace(
        given, **{name: [getattr(given, name)[row] for row in order] for name in lists if getattr(given, name)}
    )


def refused(a, b):
    with pytest.raises(CannotTell) as caught:
        pair(a, b)
    assert caught.value.hints
    return caught.value.message


def test_samples_are_joined_by_id_and_ordered_by_it():
    b = Samples(ids=["i1", "i2", "i3"], truths=["dog", "cat", "cat"], classes=True, predictions=["dog", "cat", "cat"])
    pairs = pair(CATS, b)
    assert pairs.truths == ["dog", "cat", "cat"]
    assert pairs.predictions == (["cat", "cat", "dog"], ["dog", "cat", "cat"])
    assert (pairs.classes, pairs.probabilities, pairs.slices) == (True, None, None)


@given(samples(), st.randoms())
def test_the_order_of_rows_does_not_matter(sides, chance):
    a, b = sides
    assert pair(a, b) == pair(shuffled(a, chance), shuffled(b, chance))


@given(samples())
def test_an_exchange_of_the_versions_exchanges_what_they_predicted(sides):
    there, back = pair(*sides), pair(*reversed(sides))
    mirrored = replace(there, predictions=there.predictions[::-1], probabilities=there.probabilities[::-1])
    assert back == mirrored


def test_what_only_one_version_predicted_is_left_out():
    both = replace(RISKS, predictions=[1.0, 0.0])
    pairs = pair(both, RISKS)
    assert (pairs.predictions, pairs.probabilities) == (None, ([0.9, 0.2], [0.9, 0.2]))


def test_slices_that_only_one_version_has_are_taken():
    sliced = replace(PRICES, slices=["old", "new"])
    assert pair(PRICES, sliced).slices == pair(sliced, PRICES).slices == ["old", "new"]


def test_a_whole_number_is_the_same_truth_however_it_is_written():
    assert pair(RISKS, replace(RISKS, truths=[1, 0])).truths == [1, 0]


def test_different_ids_are_counted_on_each_side_and_the_first_are_named():
    many = [f"n{number}" for number in range(10)]
    b = Samples(ids=["i1", *many], truths=["dog"] * 11, classes=True, predictions=["dog"] * 11)
    message = "the samples of a and b differ: 2 only in a ('i2', 'i3'), 10 only in b ('n0', 'n1', 'n2', …)"
    assert refused(CATS, b) == message
    fewer = Samples(ids=["i1", "i2"], truths=["dog", "cat"], classes=True, predictions=["dog", "dog"])
    assert refused(fewer, CATS) == "the samples of a and b differ: 1 only in b ('i3')"


def test_different_truths_are_counted_and_the_first_are_told_with_both_values():
    b = replace(CATS, truths=["dog", "dog", "c\x1b[31m"])
    message = (
        "the truth differs for 2 of 3 samples: 'i2' is 'cat' in a and 'dog' in b,"
        r" 'i3' is 'cat' in a and 'c\x1b[31m' in b"
    )
    assert refused(CATS, b) == message
    assert "'i2' is 2.0 in a and 2.5 in b" in refused(PRICES, replace(PRICES, truths=[1.5, 2.5]))
    many = Samples(ids=list("abcdefgh"), truths=[0.5] * 8, classes=False, predictions=[0.5] * 8)
    message = refused(many, replace(many, truths=[1.5] * 8))
    assert message.startswith("the truth differs for 8 of 8 samples: 'a' is 0.5 in a and 1.5 in b, 'b'")
    assert message.endswith("'c' is 0.5 in a and 1.5 in b, …")


def test_classes_are_not_compared_with_quantities():
    numbers = replace(RISKS, classes=False, predictions=[1.0, 0.0])
    assert refused(RISKS, numbers) == "the truths of a are classes and those of b quantities"
    assert refused(numbers, RISKS) == "the truths of a are quantities and those of b classes"


def test_different_slices_are_counted_and_the_first_are_told():
    a, b = replace(PRICES, slices=["old", "new"]), replace(PRICES, slices=["old", "old"])
    assert refused(a, b) == "the slice differs for 1 of 2 samples: 'i2' is 'new' in a and 'old' in b"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (RISKS, replace(RISKS, probabilities=None, predictions=[1.0, 0.0])),
        (replace(RISKS, truths=["x", "y"]), replace(RISKS, truths=["x", "y"])),
        (replace(RISKS, classes=False), replace(RISKS, classes=False)),
    ],
    ids=["one predicts and one gives probabilities", "probabilities of no class 1", "probabilities of quantities"],
)
def test_without_anything_that_both_predict_nobody_can_tell(a, b):
    assert refused(a, b) == "a and b have neither predictions nor probabilities of class 1 in common"


def test_a_hundred_thousand_samples_are_joined():
    """By sorting: to look for each among all would take hours."""
    ids = [f"i{number}" for number in range(100_000)]
    a = Samples(
        ids=ids, truths=[1.0] * len(ids), classes=False, predictions=[float(number) for number in range(len(ids))]
    )
    pairs = pair(a, shuffled(a, random.Random(1)))
    assert pairs.predictions[0] == pairs.predictions[1]
