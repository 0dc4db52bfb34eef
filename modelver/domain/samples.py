"""Samples: what a version predicted for each of many examples, and what two versions' samples tell together.

The values alone; `modelver/storage/predictions.py` reads them from a file, `modelver/domain/performance.py` makes
metrics of them, and `modelver/domain/statistics.py` has the intervals and tests. No NumPy here: it is slow to import.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from modelver.domain.metrics import Goal
from modelver.domain.text import quoted
from modelver.errors import CannotTell

Truth = str | float
"""What is true of a sample, or predicted: a class by its name, or a number; true is 1.0 and false 0.0."""

GOALS: Mapping[str, Goal] = {
    "accuracy": Goal(direction="maximize"),
    "log_loss": Goal(direction="minimize"),
    "brier": Goal(direction="minimize"),
    "mae": Goal(direction="minimize"),
    "rmse": Goal(direction="minimize"),
    "r2": Goal(direction="maximize"),
}
"""The metrics that are made of samples, in their order, and where each should go by its definition."""

_NAMED = 3  # ids that an error names of each kind
_SAME = "write the samples of both versions with the same columns, for the same data"


@dataclass(frozen=True, kw_only=True)
class Samples:
    """The samples of one version, row by row; each list is as long as `ids`, and no id is there twice.

    `classes` is true where truths are classes and not quantities. `probabilities` are those of class 1.
    """

    ids: Sequence[str]
    truths: Sequence[Truth]
    classes: bool
    predictions: Sequence[Truth] | None = None
    probabilities: Sequence[float] | None = None
    slices: Sequence[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """The samples of two versions joined by id, in the order of the ids; what only one of them has is None."""

    truths: Sequence[Truth]
    classes: bool
    predictions: tuple[Sequence[Truth], Sequence[Truth]] | None
    probabilities: tuple[Sequence[float], Sequence[float]] | None
    slices: Sequence[str] | None


@dataclass(frozen=True, kw_only=True)
class PairedMetric:
    """One metric of both versions on the same samples; `diff` is b − a, `low` and `high` its 95 % interval.

    `p_value` is that of no difference, found by `method`; `goal` says which way is better.
    """

    a: float
    b: float
    diff: float
    low: float
    high: float
    p_value: float
    method: str
    goal: Goal


@dataclass(frozen=True, kw_only=True)
class Flips:
    """How many samples b answers rightly that a does not (`fixed`), the other way round (`broken`), and the rest."""

    fixed: int
    broken: int
    both_right: int
    both_wrong: int


@dataclass(frozen=True, kw_only=True)
class SliceChange:
    """One metric on the samples of one slice; `p_value` is corrected for the number of slices (Holm)."""

    name: str
    n: int
    metric: str
    a: float
    b: float
    diff: float
    p_value: float
    goal: Goal


@dataclass(frozen=True, kw_only=True)
class PerformanceDelta:
    """What `n` samples tell of b against a.

    `mean_residual_change` is the mean of (y − ŷ_b) − (y − ŷ_a): a bias and no quality, None where predictions are no
    numbers. `metrics` stand in the order accuracy, log_loss, brier, mae, rmse, r2. `slices` are the worst of those in
    which b is worse, of which there are `slices_worse`; `slices_left_out` counts those with too few samples to tell.
    """

    n: int
    task: Literal["classification", "regression"]
    mean_residual_change: float | None
    metrics: Mapping[str, PairedMetric]
    flips: Flips | None
    slices: tuple[SliceChange, ...] = ()
    slices_worse: int = 0
    slices_left_out: int = 0


def pair(a: Samples, b: Samples) -> Pairs:
    """Join the samples of two versions by id.

    The order of rows does not matter, and an exchange of `a` and `b` exchanges what they predicted and nothing else.
    Raises `CannotTell` where the two are not about the same samples, or predict nothing that both do.
    """
    order_a, order_b = (sorted(range(len(each.ids)), key=each.ids.__getitem__) for each in (a, b))
    ids = [a.ids[row] for row in order_a]
    if ids != [b.ids[row] for row in order_b]:
        raise _different_ids(set(a.ids), set(b.ids))
    if a.classes != b.classes:
        kinds = ("classes", "quantities") if a.classes else ("quantities", "classes")
        raise CannotTell(f"the truths of a are {kinds[0]} and those of b {kinds[1]}", hint=_SAME)
    truths = [a.truths[row] for row in order_a]
    _need_same("truth", ids, truths, [b.truths[row] for row in order_b])
    slices_a = a.slices and [a.slices[row] for row in order_a]
    slices_b = b.slices and [b.slices[row] for row in order_b]
    if slices_a and slices_b:
        _need_same("slice", ids, slices_a, slices_b)
    predictions = probabilities = None
    if a.predictions is not None and b.predictions is not None:
        predictions = [a.predictions[row] for row in order_a], [b.predictions[row] for row in order_b]
    if a.probabilities is not None and b.probabilities is not None:
        probabilities = [a.probabilities[row] for row in order_a], [b.probabilities[row] for row in order_b]
    if predictions is None and not (probabilities and a.classes and is_binary(truths)):
        raise CannotTell("a and b have neither predictions nor probabilities of class 1 in common", hint=_SAME)
    return Pairs(
        truths=truths,
        classes=a.classes,
        predictions=predictions,
        probabilities=probabilities,
        slices=slices_a or slices_b,
    )


def is_binary(truths: Sequence[Truth]) -> bool:
    """Whether all truths are the numbers 0 and 1, so that a probability of class 1 can be judged."""
    return all(truth in (0, 1) for truth in truths)


def _different_ids(a: set[str], b: set[str]) -> CannotTell:
    sides = ((sorted(one - other), name) for one, other, name in ((a, b, "a"), (b, a, "b")))
    said = [f"{len(ids)} only in {name} ({_some(map(quoted, ids))})" for ids, name in sides if ids]
    return CannotTell(f"the samples of a and b differ: {', '.join(said)}", hint=_SAME)


def _need_same(what: str, ids: Sequence[str], a: Sequence[Truth], b: Sequence[Truth]) -> None:
    different = [row for row, (one, other) in enumerate(zip(a, b, strict=True)) if one != other]
    if different:
        told = (f"{quoted(ids[row])} is {_shown(a[row])} in a and {_shown(b[row])} in b" for row in different)
        raise CannotTell(f"the {what} differs for {len(different)} of {len(ids)} samples: {_some(told)}", hint=_SAME)


def _some(words: Iterable[str]) -> str:
    first = list(islice(words, _NAMED + 1))
    return ", ".join(first[:_NAMED]) + (", …" if len(first) > _NAMED else "")


def _shown(value: Truth) -> str:
    return quoted(value) if isinstance(value, str) else repr(value)
