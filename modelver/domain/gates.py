"""What is asked of a version before it gets a stage, judged: pure rules on facts that were gathered before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from modelver.domain.comparison import Comparison
from modelver.domain.expressions import Expression, Metric, NothingToCompare, Similarity, judge
from modelver.domain.metrics import Goal, exact, improvement
from modelver.domain.recommendation import INSUFFICIENT_DATA, RECOMMEND_A, RECOMMEND_B, Guardrail, is_wide, side_of
from modelver.domain.samples import PairedMetric
from modelver.domain.text import counted, percent
from modelver.errors import CannotTell, CheckFailed, ModelverError


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One condition, who set it, what was found, and whether it holds; None where nobody can tell."""

    condition: str
    source: str
    found: str
    holds: bool | None


def better(comparison: Comparison, holder: str) -> Gate:
    """Whether side b is recommended over the holder, which is side a."""
    value = comparison.recommendation
    untold = value == INSUFFICIENT_DATA or (value == RECOMMEND_B and comparison.unread is not None)
    return Gate(
        condition=f"better than {holder}",
        source="--if-better",
        found=f"{value}: {'; '.join(comparison.reasons)}",
        holds=None if untold else value == RECOMMEND_B,
    )


def better_in(
    metric: str,
    values: tuple[int | float | None, int | float | None],
    goal: Goal | None,
    paired: PairedMetric | None,
    *,
    holder: str,
    at_least: float,
    threshold: float,
    unread: str | None = None,
) -> Gate:
    """Whether one metric is better than the holder's by more than `at_least`, in its own unit.

    `values` are the holder's and the newcomer's. Where both have samples for the metric, the interval of the
    difference has to say so as well; one that holds zero and is wider than ±threshold cannot tell, nor can samples
    that are there and could not be read (`unread` says why).
    """
    margin = f" by more than {at_least:g}" if at_least else ""
    gate = f"{metric} better than {holder}'s{margin}"
    found, holds = _better_in(metric, values, goal, paired, at_least, threshold)
    if holds and unread is not None:
        found, holds = f"{found}, and the samples of both cannot be read: {unread}", None
    return Gate(condition=gate, source="--if-better", found=found, holds=holds)


def _better_in(
    metric: str,
    values: tuple[int | float | None, int | float | None],
    goal: Goal | None,
    paired: PairedMetric | None,
    at_least: float,
    threshold: float,
) -> tuple[str, bool | None]:
    old, new = values
    if old is None or new is None:
        missing = [name for name, value in (("the holder", old), ("the version", new)) if value is None]
        return f"{' and '.join(missing)} {'has' if len(missing) == 1 else 'have'} no {metric}", None
    if goal is None:
        return f"{new} after {old}, and the goal of {metric} is not known", None
    found = f"{new} after {old}"
    if improvement(goal, old, new) <= exact(at_least):
        return found, False
    if paired is None:
        return found, True
    found += f", 95 % interval of the change {paired.low:+.4g} to {paired.high:+.4g}"
    side = side_of(paired)
    if side is not None:
        return found, side == "b"
    return found, None if is_wide(paired, threshold) else False


def required(
    expression: Expression,
    value_of: Callable[[Metric | Similarity], int | float | NothingToCompare | None],
    source: str,
    origin_of: Callable[[Metric | Similarity], str] = lambda _: "",
) -> Gate:
    """Whether an expression holds of the version; `origin_of` tells where a value comes from, in words."""
    judged = judge(expression, value_of)
    found = [
        f"{operand} is {_shown(operand, value)}{origin_of(operand)}"
        for each in judged.comparisons
        for operand, value in ((each.comparison.left, each.left), (each.comparison.right, each.right))
        if isinstance(operand, Metric | Similarity)
        if value is not None or each.holds is None
    ]
    return Gate(
        condition=str(expression),
        source=source,
        found=", ".join(dict.fromkeys(found)) or "nobody to compare with",
        holds=judged.holds,
    )


def _shown(operand: Metric | Similarity, value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:.4g}" if isinstance(operand, Similarity) else str(value)


def kept(rail: Guardrail, source: str) -> Gate:
    """Whether the version is at most so much worse than the holder as the stage lets it be."""
    found = f"{'unknown' if rail.other is None else rail.other} after {'unknown' if rail.held is None else rail.held}"
    told = rail.regressed is not None or rail.held is None or rail.other is None
    return Gate(
        condition=f"{rail.metric} at most {percent(rail.limit)} worse",
        source=source,
        found=found if told else f"{found}, and its goal is not known",
        holds=None if rail.regressed is None else not rail.regressed,
    )


def not_worse(comparison: Comparison) -> tuple[Gate, ...]:
    """Whether side b is not worse than side a: neither is a recommended, nor does b break what a's stages ask."""
    value = comparison.recommendation
    untold = value == INSUFFICIENT_DATA or (value != RECOMMEND_A and comparison.unread is not None)
    recommended = Gate(
        condition="A is not recommended",
        source="--fail-if-worse",
        found=f"{value}: {'; '.join(comparison.reasons)}",
        holds=None if untold else value != RECOMMEND_A,
    )
    rails = (rail for rail in comparison.guardrails if rail.holder == "a")
    return (recommended, *(kept(rail, f"stages.{rail.stage}.must_not_regress") for rail in rails))


def refuse(gates: Sequence[Gate], who: str, of: str, hints: Sequence[str] = ()) -> None:
    """Raise `CheckFailed` where a gate does not hold, else `CannotTell` where one cannot be told, with a table of them.

    `who` has to meet the gates, `of` says whose they are.
    """
    answer = outcome(gates)
    if answer is True:
        return
    kind, verb = (CheckFailed, "does not meet") if answer is False else (CannotTell, "cannot be told to meet")
    guilty = counted(sum(gate.holds is answer for gate in gates), "gate")
    error: ModelverError = kind(f"{who} {verb} {guilty} of {of}", hint=[*hints])
    error.details = [asdict(gate) for gate in gates if gate.holds is not True]
    raise error


def outcome(gates: Iterable[Gate]) -> bool | None:
    """Whether all hold: False where one does not, else None where one cannot be told."""
    answers = [gate.holds for gate in gates]
    return False if False in answers else None if None in answers else True
