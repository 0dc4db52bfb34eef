"""The importance score: weights over the plain changes of a few metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelver.domain.metrics import exact

if TYPE_CHECKING:  # every command reads the configuration, which has terms, and few need exact numbers
    from fractions import Fraction


@dataclass(frozen=True, kw_only=True)
class Term:
    """One metric of the score: its change counts `weight` times for each `per` units.

    The sign of the weight is the direction: a negative one makes less of the metric better. `unless` is taken where
    neither version has the metric itself.
    """

    metric: str
    weight: float
    per: float = 1
    unless: str | None = None


DEFAULT = (
    Term(metric="accuracy", weight=0.7),
    Term(metric="latency", weight=-0.3, per=1000, unless="latency_ms"),
)
"""0.7 × (accuracy_b − accuracy_a) − 0.3 × (latency_b − latency_a) / 1000, the latency in milliseconds."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """One term with the values of both versions, None where one lacks the metric, and what it adds to the score."""

    weight: float
    per: float
    a: int | float | None
    b: int | float | None
    value: float | None


@dataclass(frozen=True, kw_only=True)
class Importance:
    """The sum of the terms whose metric both versions have, None without one; `missing` names the other metrics."""

    score: float | None
    terms: Mapping[str, Counted]
    missing: tuple[str, ...]


def importance(a: Mapping[str, int | float], b: Mapping[str, int | float], terms: Sequence[Term]) -> Importance:
    """Σ weight · (b − a) / per, by the numbers as they were written.

    >>> importance({"accuracy": 0.9, "latency": 100}, {"accuracy": 0.92, "latency": 120}, DEFAULT).score
    0.008
    """
    total, counted, missing = exact(0), {}, []
    for term in terms:
        absent = term.metric not in a and term.metric not in b
        name = (
            term.unless
            if term.unless is not None and absent and (term.unless in a or term.unless in b)
            else term.metric
        )
        old, new = a.get(name), b.get(name)
        value = None
        if old is None or new is None:
            missing.append(name)
        else:
            value = exact(term.weight) * (exact(new) - exact(old)) / exact(term.per)
            total += value
        counted[name] = Counted(weight=term.weight, per=term.per, a=old, b=new, value=_number(value))
    return Importance(
        score=_number(total) if len(missing) < len(counted) else None, terms=counted, missing=tuple(missing)
    )


def _number(value: Fraction | None) -> float | None:
    try:
        return None if value is None else float(value)
    except OverflowError:  # whole numbers of a hundred digits are metrics, too
        return None
