"""How comparisons are shown to people: of two versions, of several, and of one metric over all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from modelver.cli.render import headline, room, rows, table
from modelver.cli.shared import Choices
from modelver.cli.shown import when
from modelver.domain.comparison import Comparison, ParameterChange
from modelver.domain.samples import PerformanceDelta
from modelver.domain.similarity import Similarity
from modelver.domain.text import counted, printable
from modelver.operations.compared import Difference, Leaderboard, Side, Trend
from modelver.reports import words

_FEW = 5
"""Differences of one aspect that are named; -v names all."""

_WIDEST = 60
"""Columns of a line of small bars."""


def _difference(result: Difference, chosen: Choices) -> None:
    found = result.comparison
    if chosen.quiet:
        print(found.recommendation)
        return
    _headline("A", result.a)
    _headline("B", result.b)
    if found.metrics:
        print()
        table(chosen, ("metric", "A", "B", "change", "B is"), list(_metrics(result)))
        assumed = words.goals_by_name(found.metrics)
        rows([("goals by name", ", ".join(assumed))] if assumed else [])
    if found.delta is not None:
        print()
        _samples(found.delta, chosen)
    if found.parameters:
        print()
        table(chosen, ("parameter", "A", "B", ""), [_parameter(change) for change in found.parameters])
    print()
    reasons = [("", reason) for reason in found.reasons]
    rows([*_facts(result, chosen), ("recommendation", found.recommendation), *reasons])


def _headline(sign: str, side: Side) -> None:
    if side.version is None:
        print(printable(f"{sign}  {side.artifact.path}  (not registered)"))
        return
    standing = ", ".join((*side.labels, *side.stages))
    created = when(side.created_at) if side.created_at else ""
    headline(sign, side.model or "", side.version, created, standing, printable(words.first_line(side.message)))


def _metrics(result: Difference) -> Iterator[tuple[str, ...]]:
    for change in result.comparison.metrics:
        values = (words.number(change.a), words.number(change.b), words.signed(change.diff))
        yield (change.name, *values, words.marked(words.verdict(change)))


def _parameter(change: ParameterChange) -> tuple[str, ...]:
    a, b = words.parameter(change)
    return change.name, a or words.NONE, b or words.NONE, "" if change.same else "differs"


def _samples(delta: PerformanceDelta, chosen: Choices) -> None:
    head = (counted(delta.n, "sample"), "A", "B", "change", "95 % interval", "p", "B is")
    lines = [(name, *words.sampled(each)) for name, each in delta.metrics.items()]
    table(chosen, head, lines)
    facts = [("answers", words.flips(delta.flips))] if delta.flips else []
    if delta.mean_residual_change is not None:
        facts.append(("mean residual", f"{words.signed(delta.mean_residual_change)} (a bias, not a quality)"))
    rows(facts)
    if delta.slices:
        print()
        worse = [
            (
                each.name,
                str(each.n),
                each.metric,
                words.number(each.a),
                words.number(each.b),
                words.signed(each.diff),
                words.p_value(each.p_value),
            )
            for each in delta.slices
        ]
        table(chosen, ("worse in slice", "samples", "metric", "A", "B", "change", "p (Holm)"), worse)
    for line in words.slices_not_shown(delta):
        print(line)


def _facts(result: Difference, chosen: Choices) -> Iterator[tuple[str, str]]:
    found = result.comparison
    a, b = result.a.artifact, result.b.artifact
    if a.digest == b.digest:
        yield "artifact", f"identical, {words.artifact(result.a)}"
    else:
        yield "artifact", f"{words.artifact(result.a)} → {words.artifact(result.b)}"
    alone = a.kind == b.kind == "file"  # then the digests in the line above tell all of the files
    yield from _similarity(found.similarity, chosen, but=("params", "files") if alone else ("params",))
    yield from _importance(found)
    for sign, side in (("A", result.a), ("B", result.b)):
        notes = [f"{metric} (note {name})" for metric, name in words.from_notes(side).items()]
        if notes:
            yield f"noted of {sign}", ", ".join(notes)
    for rail in found.guardrails:
        rule = f"{rail.metric} at most {words.percent(rail.limit)} worse than {rail.stage}"
        yield "guardrail", f"{rule}: {words.verdict_of_guardrail(rail)}"
    if (gain := words.mean_gain(found)) is not None:
        name, _, rest = gain.rpartition(" of B ")
        yield f"{name} of B", rest


def _similarity(found: Similarity, chosen: Choices, *, but: Collection[str]) -> Iterator[tuple[str, str]]:
    """How alike both are, and what differs in all aspects `but` those that are shown elsewhere."""
    if found.overall is None:
        yield "similarity", "nothing to compare"
        return
    parts = [f"{name} {words.percent(each.value)}" for name, each in found.aspects.items() if each.value is not None]
    yield "similarity", f"{words.percent(found.overall)}  ({', '.join(parts)})"
    for name, aspect in found.aspects.items():
        if name in but:
            continue
        for sign, only in (("A", aspect.only_a), ("B", aspect.only_b)):
            shown = only if chosen.verbose else only[:_FEW]
            more = f", and {len(only) - len(shown)} more" if len(only) > len(shown) else ""
            if shown:
                yield f"{name} of {sign} only", ", ".join(shown) + more


def _importance(found: Comparison) -> Iterator[tuple[str, str]]:
    score = found.importance
    if score.score is None:
        return
    missing = f"  (without {', '.join(score.missing)}, which is not in both)" if score.missing else ""
    yield "importance", words.importance(score) + missing


def _leaderboard(result: Leaderboard, chosen: Choices) -> None:
    if chosen.quiet:
        for each in result.ranks:
            print(each.version)
        return
    others = sorted({name for each in result.ranks for name in each.metrics if name != result.metric})
    lines = [
        (
            words.NONE if each.rank is None else str(each.rank),
            each.model,
            each.version,
            ", ".join((*each.labels, *each.stages)) or words.NONE,
            words.number(each.value) + ("" if each.source in (None, "record") else " (noted)"),
            *(words.number(each.metrics.get(name)) for name in others),
        )
        for each in result.ranks
    ]
    table(chosen, ("rank", "model", "version", "labels, stages", result.metric, *others), lines)
    if not chosen.json:
        print(printable(f"by {result.metric}: {words.goal(result.goal)}"))


def _trend(result: Trend, chosen: Choices) -> None:
    if not chosen.quiet:
        from modelver.reports import trend as charts

        values = [float(point.value) for point in result.points]
        print(charts.sparkline(values, min(room(), _WIDEST)))
        lowest, highest = (words.number(pick(point.value for point in result.points)) for pick in (min, max))
        print(printable(f"{result.metric}: {lowest} to {highest}, goal {words.goal(result.goal)}"))
        print()
    lines = [
        (
            point.version,
            when(point.created_at),
            ", ".join((*point.labels, *point.stages)) or words.NONE,
            words.number(point.value) + ("" if point.source == "record" else " (noted)"),
        )
        for point in result.points
    ]
    table(chosen, ("version", "created (UTC)", "labels, stages", result.metric), lines)


SHOWN: dict[type, Callable[[Any, Choices], None]] = {
    Difference: _difference,
    Leaderboard: _leaderboard,
    Trend: _trend,
}
