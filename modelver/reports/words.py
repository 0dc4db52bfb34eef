"""What all ways of showing a comparison share: how numbers are written, and what each finding is called.

Nothing here makes text safe to show: what comes from people passes through as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from modelver.domain import text
from modelver.domain.evidence import RECORD
from modelver.domain.recommendation import (
    INSUFFICIENT_DATA,
    RECOMMEND_A,
    RECOMMEND_B,
    SIMILAR_PERFORMANCE,
    MetricChange,
    bound,
    side_of,
)
from modelver.domain.similarity import value_text
from modelver.domain.text import counted, size

if TYPE_CHECKING:
    from fractions import Fraction

    from modelver.domain.comparison import Comparison, ParameterChange
    from modelver.domain.importance import Importance
    from modelver.domain.metrics import Goal
    from modelver.domain.recommendation import Guardrail
    from modelver.domain.samples import Flips, PairedMetric, PerformanceDelta
    from modelver.domain.similarity import Aspect
    from modelver.operations.compared import Side

NONE = "-"
"""What is shown where there is nothing."""

BETTER, WORSE, SAME, AS_GOOD = "better", "worse", "the same", "as good"
UNDECIDED, UNKNOWN_GOAL = "undecided", "goal unknown"
REGRESSED, KEPT, CANNOT_TELL = "regressed", "kept", "cannot tell"

MARKS: Mapping[str, str] = {BETTER: "▲", WORSE: "▼", SAME: "=", AS_GOOD: "="}
"""A sign for each verdict that has one: up is better, whichever way the number went."""

HEADLINES: Mapping[str, str] = {
    RECOMMEND_A: "A is recommended",
    RECOMMEND_B: "B is recommended",
    SIMILAR_PERFORMANCE: "A and B perform alike",
    INSUFFICIENT_DATA: "Not enough data to recommend A or B",
}
"""Each recommendation in words."""

NEITHER = "Neither is recommended"
"""In the place of the second where something spoke against what the score alone recommends."""

_WHOLE = 10**15  # longer whole numbers are not read digit by digit


def number(value: float | Fraction | None, digits: int = 6) -> str:
    """A number with so many significant digits; whole ones of at most 15 digits as they are.

    >>> number(0.123456789), number(12345678), number(None), number(10**20)
    ('0.123457', '12345678', '-', '1e+20')
    """
    if value is None:
        return NONE
    if isinstance(value, int) and abs(value) < _WHOLE:
        return str(value)
    return f"{float(value):.{digits}g}"


def signed(value: float | None) -> str:
    """A difference with its sign.

    >>> signed(0.02), signed(-3), signed(0.0), signed(None)
    ('+0.02', '-3', '0', '-')
    """
    if value == 0:
        return "0"
    return f"+{number(value)}" if value is not None and value > 0 else number(value)


def percent(share: float | None) -> str:
    """A share of 1 in per cent.

    >>> percent(0.05), percent(1.0), percent(None)
    ('5 %', '100 %', '-')
    """
    return NONE if share is None else text.percent(share)


def interval(low: float, high: float) -> str:
    """An interval of differences.

    >>> interval(-0.01, 0.03)
    '-0.01 to +0.03'
    """
    return f"{signed(low)} to {signed(high)}"


def p_value(p: float) -> str:
    """A p-value.

    >>> p_value(0.04321), p_value(1.0), p_value(0.00001)
    ('0.0432', '1', '< 0.0001')
    """
    return "< 0.0001" if p < 0.0001 else f"{p:.3g}"


def first_line(text: str) -> str:
    """The first line of a message."""
    return text.lstrip().partition("\n")[0].rstrip()


def goal(value: Goal | None) -> str:
    """Where a metric should go.

    >>> from modelver.domain.metrics import Goal
    >>> goal(Goal(direction="minimize", unit="ms")), goal(Goal(direction="target", target=0.5)), goal(None)
    ('minimize, in ms', 'target 0.5', 'unknown')
    """
    if value is None:
        return "unknown"
    aim = f"target {number(value.target or 0)}" if value.direction == "target" else value.direction
    return aim + (f", in {value.unit}" if value.unit else "") + (" (by its name)" if value.assumed else "")


def verdict(change: MetricChange) -> str:
    """What B is in a metric, in a word or two."""
    if change.a is None or change.b is None:
        return "only in B" if change.a is None else "only in A"
    if change.a == change.b:
        return SAME
    if change.goal is None:
        return UNKNOWN_GOAL
    return AS_GOOD if change.improved is None else BETTER if change.improved else WORSE


def sampled(paired: PairedMetric) -> tuple[str, ...]:
    """A metric of samples: A, B, difference, interval, p, and what B is."""
    return (
        number(paired.a),
        number(paired.b),
        signed(paired.diff),
        interval(paired.low, paired.high),
        p_value(paired.p_value),
        marked(verdict_of_samples(paired)),
    )


def verdict_of_samples(paired: PairedMetric) -> str:
    """What B is in a metric of samples, as far as the interval tells."""
    if paired.low == paired.high == 0:
        return SAME
    return {"b": BETTER, "a": WORSE, None: UNDECIDED}[side_of(paired)]


def verdict_of_guardrail(rail: Guardrail) -> str:
    """Whether a guardrail holds."""
    return CANNOT_TELL if rail.regressed is None else REGRESSED if rail.regressed else KEPT


def values(rail: Guardrail) -> str:
    """What the holder of the stage has in the metric, and what the other side has."""
    other = "B" if rail.holder == "a" else "A"
    told = ((rail.held, rail.holder.upper()), (rail.other, other))
    return ", ".join(f"{side} has {'no value' if value is None else number(value)}" for value, side in told)


def marked(word: str) -> str:
    """A verdict with its sign before it, where it has one.

    >>> marked("better"), marked("goal unknown")
    ('▲ better', 'goal unknown')
    """
    return f"{MARKS[word]} {word}" if word in MARKS else word


def headline(found: Comparison) -> str:
    """The recommendation in words."""
    scored = found.score is not None and abs(found.score) > bound(found.threshold)
    if found.recommendation == SIMILAR_PERFORMANCE and scored:
        return NEITHER
    return HEADLINES[found.recommendation]


def goals_by_name(changes: Sequence[MetricChange]) -> list[str]:
    """The metrics whose goal comes from their name, each with what that is."""
    return [f"{each.name} ({each.goal.direction})" for each in changes if each.goal and each.goal.assumed]


def mean_gain(found: Comparison) -> str | None:
    """The mean gain of B; None where there is none."""
    return (
        None
        if found.score is None
        else f"mean gain of B {found.score * 100:+.2f} %, threshold {percent(found.threshold)}"
    )


def parameter(change: ParameterChange) -> tuple[str | None, str | None]:
    """The values of a parameter in A and in B as people read them; None where one lacks it."""
    return value_text(change.a) if change.in_a else None, value_text(change.b) if change.in_b else None


def artifact(side: Side) -> str:
    """The size and kind of a side's bytes."""
    found = side.artifact
    kind = f"directory of {counted(found.files, 'file')}" if found.kind == "directory" else found.format
    return ", ".join(filter(None, (size(found.size), kind)))


def flips(found: Flips) -> str:
    """What became of the answers, in a line."""
    return ", ".join(f"{name} {count:,}" for name, count in flip_counts(found))


def flip_counts(found: Flips) -> tuple[tuple[str, int], ...]:
    """What became of the answers, each with how many."""
    return (
        ("fixed", found.fixed),
        ("broken", found.broken),
        ("both right", found.both_right),
        ("both wrong", found.both_wrong),
    )


def lines(aspect: Aspect) -> list[tuple[str, str]]:
    """What only one of the two has in an aspect, each with `A` or `B`."""
    return [("A", each) for each in aspect.only_a] + [("B", each) for each in aspect.only_b]


def slices_not_shown(delta: PerformanceDelta) -> list[str]:
    """What there is to say of slices that are not listed."""
    more, left_out = delta.slices_worse - len(delta.slices), delta.slices_left_out
    told = [f"B is worse in {counted(more, 'slice')} more"] if more else []
    return told + ([f"{counted(left_out, 'slice')} with too few samples to tell"] if left_out else [])


def methods(delta: PerformanceDelta) -> dict[str, list[str]]:
    """The metrics whose p-value was found by each method."""
    found: dict[str, list[str]] = {}
    for name, paired in delta.metrics.items():
        found.setdefault(paired.method, []).append(name)
    return found


def importance(found: Importance) -> str:
    """The importance score."""
    return "no metric of it is in both" if found.score is None else signed(found.score)


def from_notes(side: Side) -> dict[str, str]:
    """The metrics of a side that come from a note, each with the note's name."""
    return {metric: source for metric, source in side.sources.items() if source != RECORD}
