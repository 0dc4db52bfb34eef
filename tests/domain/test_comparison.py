"""Which of two versions is better: goals of metrics, how far a change goes, and how alike parameters are."""

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from modelver.domain.comparison import Compared, Criteria, compare
from modelver.domain.metrics import Goal, gain, goal_of
from modelver.domain.recommendation import (
    INSUFFICIENT_DATA,
    RECOMMEND_A,
    RECOMMEND_B,
    SIMILAR_PERFORMANCE,
    MetricChange,
)
from modelver.domain.similarity import of_values
from modelver.domain.similarity import similarity as of_sets

UP, DOWN = Goal(direction="maximize"), Goal(direction="minimize")
HUGE = 10**99
SWAPPED = {
    RECOMMEND_A: RECOMMEND_B,
    RECOMMEND_B: RECOMMEND_A,
    SIMILAR_PERFORMANCE: SIMILAR_PERFORMANCE,
    INSUFFICIENT_DATA: INSUFFICIENT_DATA,
}

NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-HUGE, HUGE),
    st.sampled_from([0, 0.0, -0.0, 1, 1.05, 0.95, 5e-324, 1.7976931348623157e308, HUGE]),
)
GOALS = st.one_of(
    st.just(UP), st.just(DOWN), st.builds(lambda target: Goal(direction="target", target=target), st.floats(-9, 9))
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.floats(-1, 1), st.sampled_from(["", "1", "true"]))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner)
)
PARAMETERS = st.dictionaries(st.sampled_from(["lr", "epochs", "seed"]), VALUES)


def side(metrics=None, params=None):
    return Compared(metrics=metrics or {}, params=params or {}, characteristics={"params": of_values(params or {})})


def compared(a, b, goals=None, threshold=0.05):
    return compare(a, b, Criteria(goals=goals or {}, threshold=threshold))


def recommended(a, b, goals=None, threshold=0.05):
    return compared(side(a), side(b), goals, threshold).recommendation


def similarity(a, b):
    return of_sets({"params": of_values(a)}, {"params": of_values(b)}).overall


# ---- which way is better -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        "accuracy auc f1 precision recall bleu r2",
        "AUC val_auc val/auc val.f1 top-1-accuracy test/ROC.AUC",
    ],
)
def test_more_is_better_by_a_word_of_the_name(names):
    """Principle 6: a word between separators tells, whatever its capitals; that it was guessed is told."""
    for name in names.split():
        assert goal_of(name, {}) == Goal(direction="maximize", assumed=True)


@pytest.mark.parametrize(
    "names",
    [
        "loss error rmse mae perplexity latency size cost",
        "latency_ms val_loss val/loss model.size Mean-Error",
    ],
)
def test_less_is_better_by_a_word_of_the_name(names):
    """Principle 6: likewise."""
    for name in names.split():
        assert goal_of(name, {}) == Goal(direction="minimize", assumed=True)


@pytest.mark.parametrize(
    "name",
    ["epoch", "temperature", "", "lossless", "f11", "aucs", "valloss", "loss auc", "precision_loss", "recall/cost"],
)
def test_a_name_that_says_nothing(name):
    """Principle 6: a part of a word is none, and a name with words of both kinds is ambiguous."""
    assert goal_of(name, {}) is None


def test_what_is_configured_ranks_before_the_name():
    """Configuration: also against the word, and with a target."""
    goals = {"val_loss": UP, "temperature": Goal(direction="target", target=0.7)}
    assert goal_of("val_loss", goals) == UP
    assert goal_of("temperature", goals) == Goal(direction="target", target=0.7)
    assert goal_of("auc", goals) == Goal(direction="maximize", assumed=True)


# ---- how far a change goes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("goal", "a", "b", "expected"),
    [
        (UP, 0.8, 1.0, Fraction(1, 5)),
        (UP, 1.0, 0.8, Fraction(-1, 5)),
        (DOWN, 0.8, 1.0, Fraction(-1, 5)),
        (DOWN, 100, 50, Fraction(1, 2)),
        (UP, 0, 0.0, 0),
        (UP, 0, 0.001, 1),
        (UP, 0, -7, -1),
        (UP, -2, -1, Fraction(1, 2)),
        (UP, -1, 1, 2),
        (DOWN, -1, 1, -2),
        (UP, 0.91, 0.93, Fraction(2, 93)),
        (UP, 5e-324, 1.7976931348623157e308, 1 - Fraction("5e-324") / Fraction("1.7976931348623157e308")),
        (UP, HUGE, HUGE + 1, Fraction(1, HUGE + 1)),
        (Goal(direction="target", target=0.7), 0.5, 0.6, Fraction(1, 2)),
        (Goal(direction="target", target=0.7), 0.5, 0.9, 0),
        (Goal(direction="target", target=0.7), 0.7, 0.8, -1),
        (Goal(direction="target", target=0.7), 0.7, 0.7, 0),
        (Goal(direction="target", target=-3), 3, -2, Fraction(5, 6)),
        (Goal(direction="target", target=0), -4, 1, Fraction(3, 4)),
    ],
)
def test_the_gain(goal, a, b, expected):
    """d = s·(b − a) / max(|a|, |b|), for a target by the distances to it; exact for numbers as they were written."""
    assert gain(goal, a, b) == expected


@given(GOALS, NUMBERS, NUMBERS)
def test_the_gain_of_a_over_b_is_the_loss_of_b_over_a(goal, a, b):
    """d is antisymmetric and between -2 and 2 for all numbers that a record may hold."""
    assert gain(goal, a, b) == -gain(goal, b, a)
    assert -2 <= gain(goal, a, b) <= 2
    assert gain(goal, a, a) == 0


def test_the_difference_is_that_of_the_numbers_as_written():
    """0.93 − 0.91 is 0.02; a difference that no double holds is none."""

    def diff(a, b):
        return MetricChange(name="auc", a=a, b=b, goal=UP).diff

    assert diff(0.91, 0.93) == 0.02
    assert diff(0.1, 0.3) == 0.2
    assert diff(3, 1) == -2
    assert diff(-1.7976931348623157e308, 1.7976931348623157e308) is None
    assert diff(10**99, 10**99 + 1) == 1
    assert diff(None, 1) is diff(1, None) is None


def test_what_is_better_is_said_only_where_it_is_known():
    """`improved` is null where values are as good, one is missing, or nobody knows the goal."""

    def improved(goal, a, b):
        return MetricChange(name="x", a=a, b=b, goal=goal).improved

    assert [improved(UP, 1, 2), improved(UP, 2, 1), improved(DOWN, 1, 2), improved(DOWN, 2, 1)] == [
        True,
        False,
        False,
        True,
    ]
    assert improved(UP, 1, 1.0) is improved(UP, None, 1) is improved(UP, 1, None) is improved(None, 1, 2) is None


# ---- which to take -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1.0, 1.05, SIMILAR_PERFORMANCE),
        (1.0, 1.0500000000000003, RECOMMEND_B),
        (0.8, 0.84, SIMILAR_PERFORMANCE),
        (0.8, 0.8400000000000001, RECOMMEND_B),
        (1.05, 1.0, SIMILAR_PERFORMANCE),
        (1.0500000000000003, 1.0, RECOMMEND_A),
        (1.0, 1.0, SIMILAR_PERFORMANCE),
        (0, 0, SIMILAR_PERFORMANCE),
        (0, 1e-300, RECOMMEND_B),
        (-1.0, -0.9, RECOMMEND_B),
        (-1.0, 1.0, RECOMMEND_B),
        (1e308, 1.2e308, RECOMMEND_B),
        (HUGE, HUGE + 1, SIMILAR_PERFORMANCE),
    ],
)
def test_the_threshold(a, b, expected):
    """One positive metric to maximise: b is recommended exactly where b > 1.05·a, and a where a > 1.05·b."""
    assert recommended({"auc": a}, {"auc": b}) == expected
    assert recommended({"loss": a}, {"loss": b}) == SWAPPED[expected]


@given(
    st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 4), st.sampled_from([0.0, 0.01, 0.05, 0.1, 0.5, 2.0])
)
def test_the_threshold_is_a_factor(a, b, digits, threshold):
    """The same for any threshold, decided on the decimal numbers as written."""
    scale, factor = 10**digits, 1 + Fraction(repr(threshold))
    expected = RECOMMEND_B if b > factor * a else RECOMMEND_A if a > factor * b else SIMILAR_PERFORMANCE
    assert recommended({"auc": a / scale}, {"auc": b / scale}, threshold=threshold) == expected


@given(
    st.dictionaries(st.sampled_from(["auc", "loss", "x", "t"]), NUMBERS),
    st.dictionaries(st.sampled_from(["auc", "loss", "x", "t"]), NUMBERS),
    PARAMETERS,
    PARAMETERS,
)
def test_a_comparison_is_symmetric_under_swapping(a, b, left, right):
    """Whichever is called A: the other recommendation, the opposite score, the same similarity."""
    goals = {"t": Goal(direction="target", target=1.0)}
    there = compared(side(a, left), side(b, right), goals)
    back = compared(side(b, right), side(a, left), goals)
    assert back.recommendation == SWAPPED[there.recommendation]
    assert back.similarity.overall == there.similarity.overall
    assert (back.score is None) == (there.score is None)
    assert back.score is None or back.score == -there.score
    assert [change.name for change in there.metrics] == sorted({*a, *b}) == [change.name for change in back.metrics]


def test_the_recommendation_goes_by_the_mean():
    """Over the metrics that both have and whose goal is known; each counts as much."""
    assert recommended({"auc": 0.5, "loss": 1.0}, {"auc": 1.0, "loss": 2.0}) == SIMILAR_PERFORMANCE
    assert recommended({"auc": 0.5, "loss": 1.0}, {"auc": 1.0, "loss": 1.5}) == RECOMMEND_B
    assert recommended({"auc": 0.9, "x": 1}, {"auc": 0.8, "x": 100}) == RECOMMEND_A
    assert recommended({"auc": 0.9, "f1": 0.1}, {"auc": 0.8, "recall": 0.9}) == RECOMMEND_A
    found = compared(side({"auc": 0.5, "loss": 1.0}), side({"auc": 1.0, "loss": 1.5}))
    assert found.score == pytest.approx((1 / 2 - 1 / 3) / 2)


@pytest.mark.parametrize(
    ("a", "b"), [({}, {}), ({"auc": 1}, {}), ({"auc": 1}, {"loss": 1}), ({"x": 1, "epoch": 2}, {"x": 5, "epoch": 1})]
)
def test_insufficient_data(a, b):
    """No metric that both have and whose goal is known: nothing is recommended."""
    found = compared(side(a), side(b))
    assert (found.recommendation, found.score) == (INSUFFICIENT_DATA, None)


def test_a_configured_goal_turns_the_recommendation():
    """Configuration: minimize for what the name would maximise, a target, a goal for what has no word."""
    assert recommended({"auc": 1}, {"auc": 2}, {"auc": DOWN}) == RECOMMEND_A
    assert recommended({"x": 1}, {"x": 2}, {"x": UP}) == RECOMMEND_B
    target = {"temperature": Goal(direction="target", target=0.7)}
    assert recommended({"temperature": 0.6}, {"temperature": 0.9}, target) == RECOMMEND_A
    assert recommended({"temperature": 0.6}, {"temperature": 0.8}, target) == SIMILAR_PERFORMANCE


# ---- how alike parameters are ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ({}, {}, None),
        ({"lr": 1}, {}, 0),
        ({"lr": 1}, {"lr": 1}, 1),
        ({"lr": 1}, {"lr": 2}, 0),
        ({"lr": 1, "epochs": 3}, {"lr": 1, "epochs": 5}, 1 / 3),
        ({"lr": 1, "epochs": 3}, {"lr": 1}, 1 / 2),
        ({"lr": 1}, {"lr": 1.0}, 1),
        ({"lr": 1}, {"lr": True}, 0),
        ({"lr": 0}, {"lr": False}, 0),
        ({"lr": 1}, {"lr": "1"}, 0),
        ({"lr": None}, {}, 0),
        ({"lr": None}, {"lr": None}, 1),
        ({"lr": [1, 2]}, {"lr": [1, 2]}, 1),
        ({"lr": [1, 2]}, {"lr": [2, 1]}, 0),
        ({"lr": []}, {"lr": {}}, 0),
        ({"lr": {"a": 1, "b": [True]}}, {"lr": {"b": [True], "a": 1}}, 1),
        ({"lr": {"a": 1, "b": [True]}}, {"lr": {"b": [1], "a": 1}}, 0),
    ],
)
def test_similarity_counts_keys_with_their_values(a, b, expected):
    """|A ∩ B| / |A ∪ B| over (key, value), null for two empty ones."""
    assert similarity(a, b) == similarity(b, a) == expected


@given(PARAMETERS, PARAMETERS)
def test_similarity_against_a_count_by_hand(a, b):
    """Each parameter that both have with one value counts once in both sets, any other once for each side."""
    assume(a or b)
    changes = compared(side(params=a), side(params=b)).parameters
    assert [change.name for change in changes] == sorted({*a, *b})
    both = sum(change.same for change in changes)
    assert similarity(a, b) == both / (len(a) + len(b) - both)
    for change in changes:
        assert (change.in_a, change.in_b) == (change.name in a, change.name in b)
        assert (change.a, change.b) == (a.get(change.name), b.get(change.name))
