"""Which of two versions is recommended: weights, the word of the samples, guardrails; and the reasons for it."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.domain.comparison import Compared, Criteria, compare
from modelver.domain.gates import better, not_worse, outcome
from modelver.domain.metrics import Goal
from modelver.domain.recommendation import (
    INSUFFICIENT_DATA,
    RECOMMEND_A,
    RECOMMEND_B,
    SIMILAR_PERFORMANCE,
    is_wide,
    primary_of,
    side_of,
)
from modelver.domain.samples import PairedMetric, PerformanceDelta

UP, DOWN = Goal(direction="maximize"), Goal(direction="minimize")
SWAPPED = {
    RECOMMEND_A: RECOMMEND_B,
    RECOMMEND_B: RECOMMEND_A,
    SIMILAR_PERFORMANCE: SIMILAR_PERFORMANCE,
    INSUFFICIENT_DATA: INSUFFICIENT_DATA,
}


def paired(a, b, low, high, goal=UP):
    return PairedMetric(a=a, b=b, diff=b - a, low=low, high=high, p_value=0.5, method="a test", goal=goal)


def delta(**metrics):
    return PerformanceDelta(n=100, task="classification", mean_residual_change=None, metrics=metrics, flips=None)


def swapped(found):
    turned = {
        name: dataclasses.replace(each, a=each.b, b=each.a, diff=-each.diff, low=-each.high, high=-each.low)
        for name, each in found.metrics.items()
    }
    return dataclasses.replace(found, metrics=turned)


def decided(a, b, found=None, *, goals=None, primary=None, a_asks=None, b_asks=None):
    left = Compared(metrics=a, params={}, stages=a_asks or {})
    right = Compared(metrics=b, params={}, stages=b_asks or {})
    criteria = Criteria(goals=goals or {}, primary=primary)
    there = compare(left, right, criteria, found)
    back = compare(right, left, criteria, swapped(found) if found else None)
    assert back.recommendation == SWAPPED[there.recommendation]  # whatever a test is about, it is symmetric
    return there


# ---- weights -------------------------------------------------------------------------------------------------


def test_the_score_is_a_weighted_mean():
    """Recommendation: a metric counts as often as its weight says, and not at all with the weight 0."""
    a, b = {"auc": 0.5, "loss": 1.0}, {"auc": 1.0, "loss": 2.0}
    assert decided(a, b).recommendation == SIMILAR_PERFORMANCE
    heavy = {"auc": Goal(direction="maximize", weight=3)}
    assert decided(a, b, goals=heavy).score == pytest.approx((3 * 0.5 - 0.5) / 4)
    assert decided(a, b, goals=heavy).recommendation == RECOMMEND_B
    assert decided(a, b, goals={"auc": Goal(direction="maximize", weight=0)}).recommendation == RECOMMEND_A
    nothing = {name: Goal(direction="maximize", weight=0) for name in a}
    assert decided(a, b, goals=nothing).recommendation == INSUFFICIENT_DATA


@given(
    st.integers(-1000, 1000),
    st.integers(-1000, 1000),
    st.integers(1, 10**6),
    st.sampled_from([UP, DOWN, Goal(direction="target", target=0)]),
)
def test_scaling_a_metric_leaves_the_recommendation(a, b, factor, goal):
    """Recommendation: a metric in milliseconds or in seconds, in shares or in per cent, decides alike."""
    goals = {"x": goal}
    scaled = decided({"x": a * factor}, {"x": b * factor}, goals=goals)
    assert scaled.recommendation == decided({"x": a}, {"x": b}, goals=goals).recommendation


# ---- samples -------------------------------------------------------------------------------------------------

BETTER = ({"accuracy": 0.8}, {"accuracy": 0.9})  # scored: RECOMMEND_B
ALIKE = ({"accuracy": 0.8}, {"accuracy": 0.81})


@pytest.mark.parametrize(
    ("low", "high", "expected", "reason"),
    [
        (0.01, 0.2, RECOMMEND_B, "it speaks for B"),
        (-0.2, -0.01, SIMILAR_PERFORMANCE, "it speaks for A, against the score"),
        (-0.04, 0.04, SIMILAR_PERFORMANCE, "it holds zero and lies within ±5 %"),
        (-0.04, 0.06, INSUFFICIENT_DATA, "it holds zero and is wider than ±5 %"),
        (0.0, 0.2, INSUFFICIENT_DATA, "it holds zero and is wider"),
        (0.0, 0.0, SIMILAR_PERFORMANCE, "it holds zero and lies within"),
    ],
)
def test_the_samples_have_to_agree_with_the_score(low, high, expected, reason):
    """Recommendation: without significance there is similarity only where the interval is narrow."""
    found = decided(*BETTER, delta(accuracy=paired(0.8, 0.9, low, high)))
    assert found.recommendation == expected
    assert reason in found.reasons[1]


def test_an_interval_is_read_in_the_direction_of_the_goal():
    """Recommendation: of a loss, less is better; the interval below zero speaks for B."""
    a, b = {"log_loss": 0.5}, {"log_loss": 0.4}
    assert decided(a, b, delta(log_loss=paired(0.5, 0.4, -0.2, -0.01, DOWN))).recommendation == RECOMMEND_B
    assert decided(a, b, delta(log_loss=paired(0.5, 0.4, 0.01, 0.2, DOWN))).recommendation == SIMILAR_PERFORMANCE


def test_samples_alone_recommend_nothing():
    """Recommendation: no metric in common is insufficient, whatever the samples say; a small difference stays small."""
    strong = delta(accuracy=paired(0.8, 0.9, 0.05, 0.15))
    assert decided({}, {}, strong).recommendation == INSUFFICIENT_DATA
    assert decided({}, {}, delta(accuracy=paired(0.8, 0.8, -0.01, 0.01))).recommendation == INSUFFICIENT_DATA
    assert decided(*ALIKE, strong).recommendation == SIMILAR_PERFORMANCE
    assert decided(*ALIKE, delta(accuracy=paired(0.8, 0.81, -0.1, 0.1))).recommendation == INSUFFICIENT_DATA


def test_which_metric_has_to_agree():
    """Recommendation: the primary one; else the first that counts and has samples, else the first with samples."""
    both = delta(mae=paired(1, 1, -0.01, 0.01, DOWN), rmse=paired(2, 1, -2, -0.5, DOWN))
    assert primary_of(both, None, ()) == "mae"
    assert primary_of(both, "rmse", ()) == "rmse"
    assert primary_of(both, "f1", ()) is None
    by_rmse = ({"rmse": 2.0}, {"rmse": 1.0})
    assert decided(*by_rmse, both).recommendation == RECOMMEND_B
    assert decided(*by_rmse, both, primary="mae").recommendation == SIMILAR_PERFORMANCE
    silent = decided(*by_rmse, both, primary="f1")
    assert silent.recommendation == RECOMMEND_B
    assert silent.reasons[1] == "the samples do not give f1, the primary metric"


def test_samples_follow_the_configured_goal():
    """Recommendation: a goal of the team's own counts for what samples give, too, and a target by its distance."""
    found = delta(accuracy=paired(0.5, 0.6, 0.05, 0.15))
    less = decided({"x": 1.0}, {"x": 2.0}, found, goals={"x": UP, "accuracy": DOWN}, primary="accuracy")
    assert less.recommendation == SIMILAR_PERFORMANCE
    assert less.delta.metrics["accuracy"].goal == DOWN
    near = decided({"x": 1.0}, {"x": 2.0}, found, goals={"x": UP, "accuracy": target(0.6)}, primary="accuracy")
    assert near.recommendation == RECOMMEND_B
    assert side_of(paired(0.5, 0.7, 0.1, 0.3, target(0.6))) is None


def target(value):
    return Goal(direction="target", target=value)


def test_samples_that_cannot_be_read_are_told():
    """Recommendation: it stays as scored, and a reason says that nobody asked them."""
    left, right = (Compared(metrics=each, params={}) for each in BETTER)
    found = compare(left, right, Criteria(), unread="object sha256:… is not here")
    assert found.recommendation == RECOMMEND_B
    assert found.reasons[1] == "the samples of both were not asked: object sha256:… is not here"
    assert better(found, "v1").holds is None
    assert outcome(not_worse(found)) is None


def test_a_metric_without_weight_decides_nothing():
    """Recommendation: it is not named as counted, nor are its samples asked first."""
    goals = {"accuracy": Goal(direction="maximize", weight=0)}
    a, b = {"accuracy": 0.9, "rmse": 2.0}, {"accuracy": 0.1, "rmse": 1.0}
    found = decided(a, b, goals=goals)
    assert found.recommendation == RECOMMEND_B
    assert " over rmse: " in found.reasons[0]
    both = delta(accuracy=paired(0.9, 0.1, -1, -0.5), rmse=paired(2, 1, -2, -0.5, DOWN))
    assert primary_of(both, None, found.metrics) == "rmse"


def test_how_wide_is_too_wide():
    """Recommendation: within ±t of the larger value, the bound included."""
    assert not is_wide(paired(0.8, 1.0, -0.05, 0.05), 0.05)
    assert is_wide(paired(0.8, 1.0, -0.0500001, 0.01), 0.05)
    assert side_of(paired(0, 0, -0.0, 0.0)) is None


# ---- guardrails ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("latency", "expected"), [(11.0, RECOMMEND_B), (11.1, SIMILAR_PERFORMANCE)])
def test_a_guardrail_takes_the_recommendation_back(latency, expected):
    """Guardrails: worse than the holder by more than the stage allows, and the newcomer is not recommended."""
    goals = {"latency_ms": Goal(direction="minimize", weight=0)}
    a, b = {"auc": 0.5, "latency_ms": 10}, {"auc": 0.9, "latency_ms": latency}
    found = decided(a, b, goals=goals, a_asks={"production": {"latency_ms": 0.1}})
    assert found.recommendation == expected
    (rail,) = found.guardrails
    assert (rail.stage, rail.holder, rail.held, rail.other) == ("production", "a", 10, latency)
    assert rail.regressed == (expected == SIMILAR_PERFORMANCE)
    assert any("production lets latency_ms be at most 10 % worse" in each for each in found.reasons) == rail.regressed
    assert found.reasons[-1].endswith(", so B is not recommended") == rail.regressed


def test_a_guardrail_stops_only_the_newcomer():
    """Guardrails: the holder may be recommended all the same."""
    a, b = {"auc": 0.9, "latency_ms": 10}, {"auc": 0.5, "latency_ms": 20}
    assert decided(a, b, a_asks={"production": {"latency_ms": 0.1}}).recommendation == RECOMMEND_A
    assert decided(b, a, a_asks={"production": {"auc": 0.0}}).recommendation == RECOMMEND_B


@pytest.mark.parametrize(("a", "b"), [({}, {"x": 1}), ({"x": 1}, {}), ({"x": 1}, {"x": 2})])
def test_a_guardrail_that_nobody_can_judge_says_so(a, b):
    """Guardrails: a value is missing, or nobody knows which way is better."""
    found = decided({"auc": 0.5, **a}, {"auc": 0.9, **b}, a_asks={"production": {"x": 0.1}})
    assert [rail.regressed for rail in found.guardrails] == [None]
    assert found.recommendation == RECOMMEND_B
    assert "cannot be told" in found.reasons[-1]


def test_a_guardrail_may_go_by_samples():
    """Guardrails: of a metric that only the samples give."""
    asks = {"production": {"brier": 0.1}}
    found = decided(*BETTER, delta(brier=paired(0.1, 0.12, 0.01, 0.03, DOWN)), a_asks=asks, primary="accuracy")
    assert [rail.regressed for rail in found.guardrails] == [True]


@pytest.mark.parametrize(
    ("goal", "held", "other", "regressed"),
    [
        (UP, 0.0, -0.001, True),
        (UP, 0.0, 0.0, False),
        (UP, -1.0, -1.1, False),
        (UP, -1.0, -1.11, True),
        (Goal(direction="target", target=1.0), 0.5, 1.55, False),
        (Goal(direction="target", target=1.0), 0.5, 1.56, True),
    ],
)
def test_a_share_is_one_of_what_the_holder_has(goal, held, other, regressed):
    """Guardrails: of |a|, for a target of a's distance to it; from zero nothing may get worse."""
    found = decided({"x": held}, {"x": other}, goals={"x": goal}, a_asks={"production": {"x": 0.1}})
    assert [rail.regressed for rail in found.guardrails] == [regressed]
