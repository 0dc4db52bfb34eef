"""Compare two versions: metrics with their goals, parameters, similarity, importance, and which of the two to take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from modelver.domain.importance import DEFAULT, Importance, Term, importance
from modelver.domain.metrics import Goal, goal_of
from modelver.domain.recommendation import Guardrail, MetricChange, guardrails, recommend
from modelver.domain.records import Value, Values
from modelver.domain.samples import PerformanceDelta
from modelver.domain.similarity import Characteristics, Similarity, similarity, value_key


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One side of a comparison: what is known of it, and for each stage that it holds what others may be worse in.

    `params` is None where nobody knows them, as of a file that is registered nowhere.
    """

    metrics: Mapping[str, int | float]
    params: Values | None
    characteristics: Characteristics = field(default_factory=dict)
    stages: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Criteria:
    """What a team compares by; `threshold` is the relative difference that counts, 0.05 for 5 %."""

    goals: Mapping[str, Goal] = field(default_factory=dict)
    threshold: float = 0.05
    primary: str | None = None
    importance: tuple[Term, ...] = DEFAULT


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
        return self.in_a and self.in_b and value_key(self.a) == value_key(self.b)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What `compare` found; `score` is the mean gain of b over a, None without a ground."""

    metrics: tuple[MetricChange, ...]
    parameters: tuple[ParameterChange, ...]
    similarity: Similarity
    importance: Importance
    delta: PerformanceDelta | None
    unread: str | None
    """Why the samples that both have could not be read."""
    guardrails: tuple[Guardrail, ...]
    score: float | None
    threshold: float
    recommendation: str
    reasons: tuple[str, ...]


def compare(
    a: Compared,
    b: Compared,
    criteria: Criteria,
    delta: PerformanceDelta | None = None,
    unread: str | None = None,
) -> Comparison:
    """Compare side `a` with side `b`; `delta` is what the samples of both tell, `unread` why they could not be read."""
    metrics = changes(a.metrics, b.metrics, criteria.goals)
    delta = None if delta is None else _with_goals(delta, criteria.goals)
    whole = [change for change in metrics if change.a is not None and change.b is not None]
    known = (*metrics, *_by_samples(delta), *whole)  # of one name, the last counts
    rails = (*guardrails(a.stages, known, "a"), *guardrails(b.stages, known, "b"))
    found = recommend(metrics, criteria.threshold, delta=delta, unread=unread, primary=criteria.primary, rails=rails)
    return Comparison(
        metrics=metrics,
        parameters=_parameters(a.params, b.params),
        similarity=similarity(a.characteristics, b.characteristics),
        importance=importance(a.metrics, b.metrics, criteria.importance),
        delta=delta,
        unread=unread,
        guardrails=rails,
        score=found.score,
        threshold=criteria.threshold,
        recommendation=found.value,
        reasons=found.reasons,
    )


def _with_goals(delta: PerformanceDelta, goals: Mapping[str, Goal]) -> PerformanceDelta:
    """The samples' metrics with the goals that are configured for them."""
    metrics = {name: replace(each, goal=goals.get(name, each.goal)) for name, each in delta.metrics.items()}
    return replace(delta, metrics=metrics)


def _by_samples(delta: PerformanceDelta | None) -> list[MetricChange]:
    found = delta.metrics.items() if delta else ()
    return [MetricChange(name=name, a=each.a, b=each.b, goal=each.goal) for name, each in found]


def changes(
    a: Mapping[str, int | float], b: Mapping[str, int | float], goals: Mapping[str, Goal]
) -> tuple[MetricChange, ...]:
    """Every metric that either side has, by name."""
    return tuple(
        MetricChange(name=name, a=a.get(name), b=b.get(name), goal=goal_of(name, goals)) for name in sorted({*a, *b})
    )


def _parameters(a: Values | None, b: Values | None) -> tuple[ParameterChange, ...]:
    if a is None or b is None:
        return ()
    return tuple(
        ParameterChange(name=name, a=a.get(name), b=b.get(name), in_a=name in a, in_b=name in b)
        for name in sorted({*a, *b})
    )
