"""A comparison as a comment on a pull request, for GitHub and GitLab; what `sync` did, for a job's summary.

Whatever people wrote stands in code spans, in which neither of the two looks for links, mentions, references, emoji
or formulas. A page takes only so many characters, so everything that may grow is cut and the rest counted.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from modelver.domain.comparison import Comparison
from modelver.domain.recommendation import Guardrail
from modelver.domain.samples import PerformanceDelta
from modelver.domain.similarity import Similarity
from modelver.domain.text import counted, printable, size
from modelver.operations.compared import Difference, Side
from modelver.operations.together import Synced
from modelver.reports import words

LIMIT = 65_536
"""The characters that GitHub takes for one comment."""

_ROWS, _LINES = 50, 20
_TEXT, _SENTENCE = 80, 400


def difference(result: Difference) -> str:
    """A comment that tells how B differs from A, with what is seldom looked at folded away."""
    found = result.comparison
    parts = [
        f"## {words.headline(found)}",
        _list([_side("A", result.a), _side("B", result.b)]),
        *_metrics(found),
        *(_samples(found.delta) if found.delta else ()),
        *_titled("Guardrails", map(_guardrail, found.guardrails)),
        *_titled("Reasons", (code(reason, _SENTENCE) for reason in found.reasons)),
        *_titled("Remarks", (code(remark, _SENTENCE) for remark in result.remarks)),
        *(
            f"<details>\n<summary>{summary}</summary>\n\n{_joined(body)}\n\n</details>"
            for summary, body in _details(result)
        ),
    ]
    lengths = itertools.accumulate(len(part) + 2 for part in parts)
    fitting = sum(length <= LIMIT - len(_LEFT_OUT) - 2 for length in lengths)
    return _joined([*parts[:fitting], _LEFT_OUT if fitting < len(parts) else ""]) + "\n"


def synced(result: Synced) -> str:
    """What `sync` made and what it found wrong, for the summary of a CI job."""
    new = [
        f"{code(each.tag)} {code(each.model)} {code(each.version)}" + (f" got {code(each.stage)}" if each.stage else "")
        for each in result.new
    ]
    wrong = [f"{code(each.tag)} {code(each.detail, _SENTENCE)}" for each in result.wrong]
    parts = [*_titled("New tags", new), *_titled("Wrong tags", wrong)]
    return _joined(parts or ["No new tags."]) + "\n"


_LEFT_OUT = "The rest is left out, because a comment takes no more."


def code(text: str, limit: int = _TEXT) -> str:
    """`text` as a code span, which shows it as it is; cut after `limit` characters.

    >>> code("auc"), code("a`b"), code("@team <b>")
    ('`auc`', '``a`b``', '`@team <b>`')
    """
    shown = printable(text) or " "  # an empty code span is none
    shown = shown if len(shown) <= limit else shown[: limit - 1] + "…"
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    # One space at each end is taken away again, unless there is nothing but spaces.
    pad = " " if shown.strip(" ") and (shown[0] in "` " or shown[-1] in "` ") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


# ---- what everybody reads ----------------------------------------------------------------------------------------


def _side(sign: str, side: Side) -> str:
    name = " ".join(code(each) for each in (side.model, side.version) if each is not None)
    facts = [
        name or "a file that is not registered",
        *(_names("label", side.labels)),
        *(_names("stage", side.stages)),
        f"{code(side.artifact.path)} ({size(side.artifact.size)})",
    ]
    message = words.first_line(side.message)
    return f"**{sign}**: {', '.join(facts)}" + (f"\\\n  {code(message, _SENTENCE)}" if message else "")


def _names(noun: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        yield f"{noun if len(names) == 1 else noun + 's'} " + " ".join(map(code, names[:_LINES])) + _more(names, _LINES)


def _metrics(found: Comparison) -> Iterator[str]:
    if not found.metrics:
        return
    yield "### Metrics"
    rows = [
        (
            code(each.name),
            words.number(each.a),
            words.number(each.b),
            words.signed(each.diff),
            words.marked(words.verdict(each)),
        )
        for each in found.metrics[:_ROWS]
    ]
    yield _table(("metric", "A", "B", "change", "B is"), rows)
    yield _more(found.metrics, _ROWS)
    assumed = words.goals_by_name(found.metrics)
    yield f"Goals by name: {', '.join(map(code, assumed[:_LINES]))}{_more(assumed, _LINES)}" if assumed else ""
    yield words.mean_gain(found) or ""


def _samples(delta: PerformanceDelta) -> Iterator[str]:
    yield f"### The same {counted(delta.n, 'sample')}"
    rows = [(code(name), *words.sampled(each)) for name, each in delta.metrics.items()]
    if rows:
        yield _table(("metric", "A", "B", "difference", "95 % interval", "p", "B is"), rows)
        methods = (f"{method} ({', '.join(map(code, names))})" for method, names in words.methods(delta).items())
        yield f"p: {'; '.join(methods)}"
    if delta.flips:
        yield f"Answers of B: {words.flips(delta.flips)}"
    if delta.mean_residual_change is not None:
        yield f"Mean change of the residual: {words.signed(delta.mean_residual_change)}"
    yield from _slices(delta)


def _slices(delta: PerformanceDelta) -> Iterator[str]:
    rows = [
        (
            code(each.name),
            f"{each.n:,}",
            code(each.metric),
            words.number(each.a),
            words.number(each.b),
            words.signed(each.diff),
            words.p_value(each.p_value),
        )
        for each in delta.slices
    ]
    if rows:
        yield "Slices in which B is worse, the worst first; p is corrected for their number (Holm):"
        yield _table(("slice", "samples", "metric", "A", "B", "difference", "p"), rows)
    yield from words.slices_not_shown(delta)


def _guardrail(rail: Guardrail) -> str:
    rule = f"{code(rail.stage)} lets {code(rail.metric)} be at most {words.percent(rail.limit)} worse"
    return f"**{words.verdict_of_guardrail(rail)}**: {rule}: {words.values(rail)}"


# ---- what is folded away -----------------------------------------------------------------------------------------


def _details(result: Difference) -> Iterator[tuple[str, list[str]]]:
    """Each folded part: its summary, in words of ours alone since it is HTML, and what is in it."""
    found = result.comparison
    changed = [each for each in found.parameters if not each.same]
    if found.parameters:
        rows = [
            (code(each.name), *(words.NONE if value is None else code(value) for value in words.parameter(each)))
            for each in changed[:_ROWS]
        ]
        body = [_table(("parameter", "A", "B"), rows) if rows else "All are the same.", _more(changed, _ROWS)]
        yield f"Parameters: {len(changed)} of {len(found.parameters)} differ", body
    yield f"Similarity: {words.percent(found.similarity.overall)}", list(_similarity(found.similarity))
    yield f"Importance: {words.importance(found.importance)}", list(_importance(found))
    notes = [
        f"{code(metric)} of {sign}: note {code(note)}"
        for sign, side in (("A", result.a), ("B", result.b))
        for metric, note in words.from_notes(side).items()
    ]
    if notes:
        yield "Metrics that come from notes", [_list(notes[:_ROWS]), _more(notes, _ROWS)]


def _similarity(found: Similarity) -> Iterator[str]:
    for name, each in found.aspects.items():
        if each.value is not None:
            lines = [f"only {sign}: {code(line)}" for sign, line in words.lines(each)]
            yield f"**{name}: {words.percent(each.value)}**"
            yield _list(lines[:_LINES])
            yield _more(lines, _LINES)
    if unknown := [name for name, each in found.aspects.items() if each.value is None]:
        yield f"Not to be compared: {', '.join(unknown)}"


def _importance(found: Comparison) -> Iterator[str]:
    rows = [
        (
            code(name),
            words.number(each.weight),
            words.number(each.per),
            *map(words.number, (each.a, each.b, each.value)),
        )
        for name, each in itertools.islice(found.importance.terms.items(), _ROWS)
    ]
    if rows:
        yield _table(("metric", "weight", "per", "A", "B", "adds"), rows)
    missing = found.importance.missing
    if missing:
        yield f"Not in both: {' '.join(map(code, missing[:_LINES]))}{_more(missing, _LINES)}"


# ---- Markdown ----------------------------------------------------------------------------------------------------


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(part.strip(" ") for part in parts if part)


def _titled(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield f"### {title}\n\n{_list(found[:_LINES])}"
        yield _more(found, _LINES)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a pipe would end a cell even in a code span."""
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _more(items: Sequence[object], limit: int) -> str:
    """How many are not shown; nothing where all are."""
    return f" and {len(items) - limit:,} more" if len(items) > limit else ""
