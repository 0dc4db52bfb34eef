"""Compare two versions: metrics with their goals, parameters, similarity, and which of the two to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from modelver.domain.metrics import Goal, exact, gain, goal_of
from modelver.domain.records import Value, Version

RECOMMEND_A, RECOMMEND_B = "RECOMMEND_A", "RECOMMEND_B"
SIMILAR_PERFORMANCE, INSUFFICIENT_DATA = "SIMILAR_PERFORMANCE", "INSUFFICIENT_DATA"


@dataclass(frozen=True, kw_only=True)
class MetricChange:
    """One metric in both versions, None where one lacks it; `diff` is b − a.

    `improved` is None where the values are as good, one is missing, or nobody knows the goal.
    """

    name: str
    a: int | float | None
    b: int | float | None
    goal: Goal | None

    @property
    def diff(self) -> float | None:
        """b − a, by the numbers as they were written."""
        if self.a is None or self.b is None:
            return None
        try:
            return float(exact(self.b) - exact(self.a))
        except OverflowError:
            return None

    @property
    def gain(self) -> Fraction | None:
        """How much better b is than a, relative to the larger; None where that cannot be said."""
        if self.goal is None or self.a is None or self.b is None:
            return None
        return gain(self.goal, self.a, self.b)

    @property
    def improved(self) -> bool | None:
        """Whether b is better."""
        return self.gain > 0 if self.gain else None


@dataclass(frozen=True, kw_only=True)
class ParameterChange:
    """One parameter in both versions; what one lacks is told by `in_a` and `in_b`, since null is a value."""

    name: str
    a: Value
    b: Value
    in_a: bool
    in_b: bool

    @property
    def same(self) -> bool:
        """Whether both have it with the same value."""
        return self.in_a and self.in_b and _key(self.a) == _key(self.b)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What `compare` found; `score` is the mean gain of b over a, both it and `similarity` None without a ground."""

    metrics: tuple[MetricChange, ...]
    parameters: tuple[ParameterChange, ...]
    similarity: float | None
    score: float | None
    threshold: float
    recommendation: str


def compare(a: Version, b: Version, goals: Mapping[str, Goal], threshold: float) -> Comparison:
    """Compare version `a` with version `b`; `threshold` is the relative difference that counts, 0.05 for 5 %."""
    names = [*a.metrics, *(name for name in b.metrics if name not in a.metrics)]
    metrics = tuple(
        MetricChange(name=name, a=a.metrics.get(name), b=b.metrics.get(name), goal=goal_of(name, goals))
        for name in sorted(names)
    )
    score = mean_gain(metrics)
    return Comparison(
        metrics=metrics,
        parameters=_parameters(a.params, b.params),
        similarity=similarity(a.params, b.params),
        score=None if score is None else float(score),
        threshold=threshold,
        recommendation=recommend(score, threshold),
    )


def mean_gain(metrics: Sequence[MetricChange]) -> Fraction | None:
    """The mean gain over the metrics that both versions have and whose goal is known; None without one."""
    gains = [change.gain for change in metrics if change.gain is not None]
    return sum(gains, Fraction(0)) / len(gains) if gains else None


def recommend(score: Fraction | None, threshold: float) -> str:
    """Which version to take by the mean gain of b over a.

    With the threshold t, b is recommended above t/(1+t) and a below −t/(1+t): for one positive metric to
    maximise this is b > (1+t)·a, and the other way round a > (1+t)·b.

    >>> recommend(gain(Goal(direction="maximize"), 1.0, 1.06), 0.05), recommend(None, 0.05)
    ('RECOMMEND_B', 'INSUFFICIENT_DATA')
    """
    if score is None:
        return INSUFFICIENT_DATA
    bound = exact(threshold) / (1 + exact(threshold))
    if abs(score) <= bound:
        return SIMILAR_PERFORMANCE
    return RECOMMEND_B if score > 0 else RECOMMEND_A


def similarity(a: Mapping[str, Value], b: Mapping[str, Value]) -> float | None:
    """|A ∩ B| / |A ∪ B| over the sets of (key, value), the index of Jaccard; None where both are empty.

    >>> similarity({"lr": 0.1, "epochs": 3}, {"lr": 0.1, "epochs": 5})
    0.3333333333333333
    """
    left, right = ({(name, _key(value)) for name, value in each.items()} for each in (a, b))
    return len(left & right) / len(left | right) if left | right else None


def _parameters(a: Mapping[str, Value], b: Mapping[str, Value]) -> tuple[ParameterChange, ...]:
    return tuple(
        ParameterChange(name=name, a=a.get(name), b=b.get(name), in_a=name in a, in_b=name in b)
        for name in sorted({*a, *b})
    )


def _key(value: Value) -> object:
    """A value as one that can stand in a set; 1 and 1.0 are the same number, 1 and true are not."""
    if isinstance(value, Mapping):
        return "map", tuple((key, _key(each)) for key, each in sorted(value.items()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "list", tuple(map(_key, value))
    return "truth" if isinstance(value, bool) else "", value
