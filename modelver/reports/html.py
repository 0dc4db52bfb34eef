"""A comparison as a page: one file that loads nothing and runs nothing, to be sent, kept or attached to a build."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element  # nothing is parsed here

from modelver.domain.comparison import Comparison
from modelver.domain.recommendation import RECOMMEND_A, RECOMMEND_B, Guardrail
from modelver.domain.samples import PerformanceDelta
from modelver.domain.similarity import Similarity
from modelver.domain.text import counted
from modelver.operations.compared import Difference, Side
from modelver.reports import words
from modelver.reports.markup import element
from modelver.reports.page import (
    Cell,
    bar,
    bullets,
    counts,
    cut,
    facts,
    figure,
    folded,
    page,
    quiet,
    section,
    table,
    verdict,
)


def difference(result: Difference) -> str:
    """A page that tells how B differs from A."""
    title = words.headline(result.comparison)
    return page(f"{title} – {_name(result.a)}, {_name(result.b)}", _parts(result, title))


def _parts(result: Difference, title: str) -> Iterator[Element]:
    found = result.comparison
    gain = words.mean_gain(found)
    yield element(
        "header",
        element("p", "modelver comparison", class_="what"),
        element("h1", title),
        quiet(gain) if gain else None,
    )
    chosen = {RECOMMEND_A: "A", RECOMMEND_B: "B"}.get(found.recommendation)
    sides = (("A", result.a), ("B", result.b))
    yield element("div", *(_side(sign, side, sign == chosen) for sign, side in sides), class_="sides")
    if found.reasons:
        yield section("Reasons", bullets(found.reasons))
    if found.metrics:
        yield section("Metrics", _metrics(found))
    if found.delta:
        yield section(f"The same {counted(found.delta.n, 'sample')}", *_samples(found.delta))
    if found.guardrails:
        yield section("Guardrails", _guardrails(found.guardrails))
    if found.parameters:
        yield _parameters(found)
    yield folded(f"Similarity: {words.percent(found.similarity.overall)}", *_similarity(found.similarity))
    yield folded(f"Importance: {words.importance(found.importance)}", *_importance(found))
    if notes := [
        f"{metric} of {sign}: note {note}" for sign, side in sides for metric, note in words.from_notes(side).items()
    ]:
        yield folded("Metrics that come from notes", bullets(notes))
    if result.remarks:
        yield section("Remarks", bullets(result.remarks))


# ---- the sections ------------------------------------------------------------------------------------------------


def _name(side: Side) -> str:
    return f"{side.model} {side.version}" if side.model is not None else side.name


def _side(sign: str, side: Side, chosen: bool) -> Element:
    told = (
        ("version", None if side.version else "not registered"),
        ("created", f"{side.created_at:%Y-%m-%d %H:%M} UTC" if side.created_at else None),
        ("labels", ", ".join(side.labels)),
        ("stages", ", ".join(side.stages)),
        ("artifact", side.artifact.path),
        ("size", words.artifact(side)),
        ("sha256", side.artifact.digest.removeprefix("sha256:")[:16] + "…"),
        ("message", words.first_line(side.message)),
    )
    badge = element("span", "recommended", class_="badge") if chosen else None
    head = element("h2", element("span", sign, class_="sign"), element("span", cut(_name(side))), badge)
    return element("article", head, facts(told), class_="chosen" if chosen else "side")


def _metrics(found: Comparison) -> Element:
    rows = [
        (
            Cell(each.name),
            verdict(words.verdict(each)),
            figure(words.number(each.a)),
            figure(words.number(each.b)),
            figure(words.signed(each.diff)),
            Cell(words.goal(each.goal)),
        )
        for each in found.metrics
    ]
    return table("Metrics", ("metric", "B is", "A", "B", "change", "goal"), rows)


def _samples(delta: PerformanceDelta) -> Iterator[Element]:
    rows = [
        (
            Cell(name),
            verdict(words.verdict_of_samples(each)),
            *map(figure, (words.number(each.a), words.number(each.b), words.signed(each.diff))),
            bar(name, each),
            figure(words.interval(each.low, each.high)),
            figure(words.p_value(each.p_value)),
        )
        for name, each in delta.metrics.items()
    ]
    if rows:
        head = ("metric", "B is", "A", "B", "difference", "around zero", "95 % interval", "p")
        yield table("Metrics of the samples", head, rows)
        methods = "; ".join(f"{method} ({', '.join(names)})" for method, names in words.methods(delta).items())
        yield quiet(f"p: {methods}. A bar that crosses the dashed line, zero, leaves it undecided.")
    if delta.flips:
        yield counts(words.flip_counts(delta.flips))
    if delta.mean_residual_change is not None:
        yield quiet(f"Mean change of the residual: {words.signed(delta.mean_residual_change)}")
    yield from _slices(delta)


def _slices(delta: PerformanceDelta) -> Iterator[Element]:
    rows = [
        (
            Cell(each.name),
            figure(f"{each.n:,}"),
            Cell(each.metric),
            *map(figure, (words.number(each.a), words.number(each.b), words.signed(each.diff))),
            figure(words.p_value(each.p_value)),
        )
        for each in delta.slices
    ]
    if rows:
        yield element("h3", "Slices in which B is worse")
        yield table("Slices", ("slice", "samples", "metric", "A", "B", "difference", "p"), rows)
        yield quiet("The worst first; p is corrected for the number of slices (Holm).")
    yield from map(quiet, words.slices_not_shown(delta))


def _guardrails(rails: Sequence[Guardrail]) -> Element:
    rows = [
        (
            Cell(rail.stage),
            Cell(rail.metric),
            verdict(words.verdict_of_guardrail(rail)),
            figure(f"{words.percent(rail.limit)} worse"),
            Cell(words.values(rail)),
        )
        for rail in rails
    ]
    return table("Guardrails", ("stage", "metric", "it is", "at most", "values"), rows)


def _parameters(found: Comparison) -> Element:
    changed = [each for each in found.parameters if not each.same]
    title = f"Parameters: {len(changed)} of {len(found.parameters)} differ"
    if not changed:
        return folded(title, element("p", "All are the same."))
    cells = [
        (Cell(each.name), *(Cell(words.NONE if value is None else value) for value in words.parameter(each)))
        for each in changed
    ]
    return folded(title, table("Parameters", ("parameter", "A", "B"), cells))


def _similarity(found: Similarity) -> Iterator[Element]:
    for name, each in found.aspects.items():
        if each.value is not None:
            yield element("h3", f"{name}: {words.percent(each.value)}")
            if lines := [f"only {sign}: {line}" for sign, line in words.lines(each)]:
                yield bullets(lines)
    if unknown := [name for name, each in found.aspects.items() if each.value is None]:
        yield quiet(f"Not to be compared: {', '.join(unknown)}")


def _importance(found: Comparison) -> Iterator[Element]:
    rows = [
        (Cell(name), *(figure(words.number(value)) for value in (each.weight, each.per, each.a, each.b, each.value)))
        for name, each in found.importance.terms.items()
    ]
    if rows:
        yield table("Importance", ("metric", "weight", "per", "A", "B", "adds"), rows)
    if found.importance.missing:
        yield quiet(f"Not in both: {', '.join(found.importance.missing)}")
