"""What is better in a metric: goals as configured, else by a word of the name, and how far a change goes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fractions import Fraction

Direction = Literal["maximize", "minimize", "target"]

_UP = frozenset(["accuracy", "auc", "f1", "precision", "recall", "bleu", "r2"])
_DOWN = frozenset(["loss", "error", "rmse", "mae", "perplexity", "latency", "size", "cost"])
_SPLIT = re.compile(r"[_\-./]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """Where a metric should go; `target` is set for that direction only, `unit` is for people.

    `weight`, from 0 on, is how much the metric counts in a mean over several. `assumed` is true where the goal
    comes from the metric's name and not from the configuration.
    """

    direction: Direction
    target: float | None = None
    unit: str | None = None
    weight: float = 1
    assumed: bool = False


def goal_of(name: str, configured: Mapping[str, Goal]) -> Goal | None:
    """The goal of a metric: the configured one, else by a word of its name; None where nobody knows.

    A name with words of both kinds says nothing.

    >>> goal_of("latency_ms", {}).direction, goal_of("val/loss", {}).direction, goal_of("epoch", {})
    ('minimize', 'minimize', None)
    """
    if name in configured:
        return configured[name]
    words = set(_SPLIT.split(name.lower()))
    up, down = bool(words & _UP), bool(words & _DOWN)
    if up == down:
        return None
    return Goal(direction="maximize" if up else "minimize", assumed=True)


def exact(value: float) -> Fraction:
    """A number as it was written: 0.1 is one tenth, so that a difference of 0.93 and 0.91 is 0.02.

    >>> float(exact(0.93) - exact(0.91))
    0.02
    """
    from fractions import Fraction  # the configuration, which every command reads, needs goals but no fractions

    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def improvement(goal: Goal, a: float, b: float) -> Fraction:
    """How much better `b` is than `a`, in the metric's own unit; negative where it is worse.

    >>> float(improvement(Goal(direction="minimize"), 0.5, 0.25))
    0.25
    """
    old, new = _towards(goal, a, b)
    return new - old if goal.direction == "maximize" else old - new


def gain(goal: Goal, a: float, b: float) -> Fraction:
    """How much better `b` is than `a`, from -2 to 2; 0 where both are as good.

    d = s·(b − a) / max(|a|, |b|), s = +1 to maximise and −1 to minimise; for a target x the distances to it are
    compared: d = (|a − x| − |b − x|) / max(|a − x|, |b − x|).

    >>> gain(Goal(direction="maximize"), 0.8, 1.0)
    Fraction(1, 5)
    """
    largest = max(map(abs, _towards(goal, a, b)))
    return improvement(goal, a, b) / largest if largest else exact(0)


def is_worse_by_more(goal: Goal, a: float, b: float, share: float) -> bool:
    """Whether `b` is worse than `a` by more than a share of |a|; for a target, of a's distance to it.

    >>> [is_worse_by_more(Goal(direction="minimize"), 20, latency, 0.1) for latency in (22, 23)]
    [False, True]
    """
    return -improvement(goal, a, b) > exact(share) * abs(_towards(goal, a, b)[0])


def _towards(goal: Goal, a: float, b: float) -> tuple[Fraction, Fraction]:
    """Both values as what the goal makes more or less of: themselves, or their distances to the target."""
    if goal.direction != "target":
        return exact(a), exact(b)
    target = exact(goal.target or 0)
    return abs(exact(a) - target), abs(exact(b) - target)
