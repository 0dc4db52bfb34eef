"""Which of two versions the numbers speak for, and why, in words.

Everything is symmetric: with A and B swapped, each sign turns and the recommendation names the other side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from modelver.domain.metrics import Goal, exact, gain, improvement, is_worse_by_more
from modelver.domain.samples import PairedMetric, PerformanceDelta
from modelver.domain.text import percent

RECOMMEND_A, RECOMMEND_B = "RECOMMEND_A", "RECOMMEND_B"
SIMILAR_PERFORMANCE, INSUFFICIENT_DATA = "SIMILAR_PERFORMANCE", "INSUFFICIENT_DATA"

Side = Literal["a", "b"]


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

    @property
    def counts(self) -> bool:
        """Whether it has a part in the mean gain."""
        return self.gain is not None and self.goal is not None and self.goal.weight > 0


@dataclass(frozen=True, kw_only=True)
class Guardrail:
    """How much worse in a metric (`limit`, a share of the holder's value) a stage lets a newcomer be.

    `holder` is the side that holds the stage. `regressed` is None where a value is missing or the goal unknown.
    """

    stage: str
    metric: str
    limit: float
    holder: Side
    held: int | float | None
    other: int | float | None
    regressed: bool | None


def guardrails(
    stages: Mapping[str, Mapping[str, float]], metrics: Iterable[MetricChange], holder: Side
) -> tuple[Guardrail, ...]:
    """What the stages of one side ask of the other: for each stage, how much worse it may be in which metrics."""
    known = {change.name: change for change in metrics}
    found = []
    for stage, limits in sorted(stages.items()):
        for name, limit in limits.items():
            change = known.get(name, MetricChange(name=name, a=None, b=None, goal=None))
            held, other = (change.a, change.b) if holder == "a" else (change.b, change.a)
            regressed = None
            if change.goal is not None and held is not None and other is not None:
                regressed = is_worse_by_more(change.goal, held, other, limit)
            found.append(
                Guardrail(
                    stage=stage, metric=name, limit=limit, holder=holder, held=held, other=other, regressed=regressed
                )
            )
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """The recommendation, the mean gain of b over a that it starts from (None without a ground), and the reasons."""

    value: str
    score: float | None
    reasons: tuple[str, ...]


def recommend(
    metrics: Sequence[MetricChange],
    threshold: float,
    *,
    delta: PerformanceDelta | None = None,
    unread: str | None = None,
    primary: str | None = None,
    rails: Sequence[Guardrail] = (),
) -> Recommendation:
    """Which version to take: by the weighted mean gain, then by the samples of one metric, then by guardrails.

    `threshold` is the relative difference that counts, 0.05 for 5 %. `primary` names the metric whose samples have
    to agree, by default the first that has some. `unread` says why samples that there are could not be read.
    """
    score = mean_gain(metrics)
    value = by_score(score, threshold)
    reasons = [_of_score(score, threshold, value, [change.name for change in metrics if change.counts])]
    if delta is not None:
        reasons += ["the samples' metrics count once they are recorded, too"] if score is None else []
        value, reason = _by_samples(value, threshold, delta, primary, metrics)
        reasons += reason
    if unread is not None:
        reasons.append(f"the samples of both were not asked: {unread}")
    for rail in rails:
        vetoed = rail.regressed and value == (RECOMMEND_B if rail.holder == "a" else RECOMMEND_A)
        value = SIMILAR_PERFORMANCE if vetoed else value
        so = f", so {'B' if rail.holder == 'a' else 'A'} is not recommended" if vetoed else ""
        reasons += [f"{reason}{so}" for reason in _of_guardrail(rail)]
    return Recommendation(value=value, score=None if score is None else float(score), reasons=tuple(reasons))


def mean_gain(metrics: Sequence[MetricChange]) -> Fraction | None:
    """The weighted mean gain over the metrics that both versions have and whose goal is known; None without one."""
    pairs = [(exact(each.goal.weight), each.gain) for each in metrics if each.goal and each.gain is not None]
    whole = sum((weight for weight, _ in pairs), Fraction(0))
    return sum((weight * each for weight, each in pairs), Fraction(0)) / whole if whole else None


def bound(threshold: float) -> Fraction:
    """t/(1+t), which the score has to pass: for one positive metric to maximise that is b > (1+t)·a.

    >>> bound(0.25)
    Fraction(1, 5)
    """
    return exact(threshold) / (1 + exact(threshold))


def by_score(score: Fraction | None, threshold: float) -> str:
    """The recommendation of a mean gain alone.

    >>> by_score(gain(Goal(direction="maximize"), 1.0, 1.06), 0.05), by_score(None, 0.05)
    ('RECOMMEND_B', 'INSUFFICIENT_DATA')
    """
    if score is None:
        return INSUFFICIENT_DATA
    if abs(score) <= bound(threshold):
        return SIMILAR_PERFORMANCE
    return RECOMMEND_B if score > 0 else RECOMMEND_A


def primary_of(delta: PerformanceDelta, wanted: str | None, metrics: Sequence[MetricChange]) -> str | None:
    """The metric whose samples have to agree: the configured one, else the first with samples.

    Those that count for the score come first. None where samples do not give the configured one.
    """
    if wanted is not None:
        return wanted if wanted in delta.metrics else None
    counted = {change.name for change in metrics if change.counts}
    return next((name for name in delta.metrics if name in counted), next(iter(delta.metrics), None))


def side_of(paired: PairedMetric) -> Side | None:
    """The side that an interval speaks for; None where it holds zero, or where a target lies between both values.

    There the difference of the values is not that of their distances to the target, and the interval is of the former.
    """
    if paired.low <= 0 <= paired.high:
        return None
    if paired.goal.direction != "target":
        return "b" if improvement(paired.goal, 0, paired.low) > 0 else "a"
    target = paired.goal.target or 0
    if min(paired.a, paired.b) < target < max(paired.a, paired.b):
        return None
    return "b" if improvement(paired.goal, paired.a, paired.b) > 0 else "a"


def is_wide(paired: PairedMetric, threshold: float) -> bool:
    """Whether an interval reaches beyond ±threshold of the larger value, so that no difference is not shown."""
    largest = max(abs(exact(paired.low)), abs(exact(paired.high)))
    return largest > exact(threshold) * max(abs(exact(paired.a)), abs(exact(paired.b)))


def _by_samples(
    scored: str, threshold: float, delta: PerformanceDelta, wanted: str | None, metrics: Sequence[MetricChange]
) -> tuple[str, list[str]]:
    """The recommendation once the samples of the primary metric were heard."""
    name = primary_of(delta, wanted, metrics)
    if name is None:
        return scored, [
            f"the samples do not give {wanted}, the primary metric" if wanted else "the samples give no metric"
        ]
    paired = delta.metrics[name]
    interval = f"95 % interval {paired.low:+.4g} to {paired.high:+.4g}"
    found = f"{name}: {paired.diff:+.4g} on {delta.n:,} samples, {interval}"
    side = side_of(paired)
    if side is None and is_wide(paired, threshold):
        return INSUFFICIENT_DATA, [f"{found}: it holds zero and is wider than ±{percent(threshold)}, so it cannot tell"]
    if side is None:
        return _unless_unknown(scored), [f"{found}: it holds zero and lies within ±{percent(threshold)}"]
    if scored == (RECOMMEND_A if side == "b" else RECOMMEND_B):
        return SIMILAR_PERFORMANCE, [f"{found}: it speaks for {side.upper()}, against the score"]
    return scored, [f"{found}: it speaks for {side.upper()}"]


def _unless_unknown(scored: str) -> str:
    return scored if scored == INSUFFICIENT_DATA else SIMILAR_PERFORMANCE


def _of_score(score: Fraction | None, threshold: float, value: str, counted: Sequence[str]) -> str:
    if score is None:
        return "no metric with a known goal and a weight is in both"
    sign = {RECOMMEND_B: "above", RECOMMEND_A: "below −", SIMILAR_PERFORMANCE: "within ±"}[value]
    limit = f"{sign}{'' if sign[-1] in '−±' else ' '}{float(bound(threshold)):.2%}"
    return f"the mean gain of B is {float(score):+.2%} over {', '.join(counted)}: {limit}"


def _of_guardrail(rail: Guardrail) -> list[str]:
    rule = f"{rail.stage} lets {rail.metric} be at most {percent(rail.limit)} worse than its holder's"
    if rail.regressed is None:
        return [f"{rule}: that cannot be told, because a value or the goal is missing"]
    return [f"{rule}: {rail.other} is too much after {rail.held}"] if rail.regressed else []
