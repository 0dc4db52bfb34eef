"""The language of gates: what has to hold of a version's metrics before a stage takes it.

    expression := term { 'or' term }
    term       := factor { 'and' factor }
    factor     := '(' expression ')' | comparison
    comparison := operand operator operand               operator: >= > <= < == !=
    operand    := number [ '%' ] | name | '"' any name '"'

A name is a metric's; `similarity` without quotes is that of the version to the stage's present holder. There is no
`not`, because every operator has its opposite. So one comparison more that passes never makes a gate fail, and what is
about a holder can pass where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from modelver.domain.metrics import exact
from modelver.domain.text import quoted
from modelver.errors import UsageError

LIMIT = 1000
"""Characters of an expression; spaces do not count, so that what is printed is never too long to be read again."""

NESTING = 20
"""Parentheses inside each other."""

Operator = Literal[">=", ">", "<=", "<", "==", "!="]

_SIGNS = {">=": (0, 1), ">": (1,), "<=": (-1, 0), "<": (-1,), "==": (0,), "!=": (-1, 1)}
"""Each operator, with the signs of the difference of left and right for which it holds."""

_MEANT = {
    **{"=": "==", "===": "==", "=>": ">=", "=<": "<=", "<>": "!=", "!==": "!=", "≥": ">=", "≤": "<=", "≠": "!="},
    **{"&&": "and", "&": "and", "||": "or", "|": "or"},
}
_WORDS = ("and", "or", "not")
_SIMILARITY = "similarity"
_NAME = re.compile(r"[^\W\d][\w./-]*")
_NUMBER = re.compile(r"[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_TOKEN = re.compile(
    rf"""\s*(?:
    (?P<name>{_NAME.pattern})
  | (?P<nameless>"")
  | (?P<quoted>"(?:[^"\\]|\\["\\])*")
  | "(?:[^"\\]|\\["\\])*(?P<escape>\\[^"\\])
  | (?P<number>[+-]?\.?[0-9][\w./+-]*)      # what begins like a number; whether it is one is looked at later
  | (?P<operator>[<>=!&|≥≤≠]+)
  | (?P<sign>[()%])
  | (?P<unclosed>".*)
  | (?P<single>'[^']*'?)
  | (?P<end>\Z)
  | (?P<other>.))""",
    re.VERBOSE | re.DOTALL,
)

_OPERATORS = " ".join(_SIGNS)
_EXAMPLE = "a comparison is written like auc >= 0.9"
_NUMBERS = "a number is written like 0.9, -20, 1e-3 or 90%"


@dataclass(frozen=True, slots=True)
class Number:
    """A number and how it was written; `90%` has the value that `0.90` has."""

    value: int | float
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Metric:
    """The metric of that name, which may be any text that is not empty."""

    name: str

    def __str__(self) -> str:
        plain = _NAME.fullmatch(self.name) and self.name != _SIMILARITY and self.name.lower() not in _WORDS
        return self.name if plain else _in_quotes(self.name)


@dataclass(frozen=True, slots=True)
class Similarity:
    """How alike the version and the stage's present holder are."""

    def __str__(self) -> str:
        return _SIMILARITY


Operand = Number | Metric | Similarity


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two operands, at most one of them a number, and how they have to lie to each other."""

    left: Operand
    operator: Operator
    right: Operand

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right}"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Two or more parts, all of which have to hold; none is an AllOf itself."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, AnyOf) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Two or more parts, one of which has to hold; none is an AnyOf itself."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts))


Expression: TypeAlias = Comparison | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class NothingToCompare:
    """Instead of a value: the comparison is about the stage's holder, and there is none."""


NOTHING_TO_COMPARE = NothingToCompare()


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A comparison with the values that were found for its sides, and whether it holds; None where nobody knows.

    It holds with a value of None only where there was nothing to compare.
    """

    comparison: Comparison
    left: int | float | None
    right: int | float | None
    holds: bool | None

    @property
    def text(self) -> str:
        """The comparison as it is printed."""
        return str(self.comparison)

    @property
    def missing(self) -> tuple[str, ...]:
        """The operands, as they are printed, whose values are needed to tell."""
        sides = ((self.comparison.left, self.left), (self.comparison.right, self.right))
        return tuple(str(operand) for operand, value in sides if value is None and self.holds is None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """Whether an expression holds, None where nobody knows, and each of its comparisons in the order of the text.

    `missing` has the operands, as they are printed, that could change an answer of None; else it is empty.
    """

    holds: bool | None
    comparisons: tuple[Judged, ...]
    missing: tuple[str, ...]


ValueOf = Callable[[Metric | Similarity], int | float | NothingToCompare | None]
"""What tells finite values, None for unknown ones. It may be asked for one operand more than once."""


def judge(expression: Expression, value_of: ValueOf) -> Judgement:
    """Whether the expression holds for these values, by Kleene's logic of three values.

    Numbers are compared as they were written, and a comparison with `NOTHING_TO_COMPARE` passes.

    >>> judge(parse("auc >= 90% and latency_ms < 20"), {Metric("auc"): 0.9}.get)  # doctest: +ELLIPSIS
    Judgement(holds=None, ..., missing=('latency_ms',))
    """
    comparisons: list[Judged] = []
    holds, missing = _judge(expression, value_of, comparisons)
    return Judgement(holds=holds, comparisons=tuple(comparisons), missing=tuple(dict.fromkeys(missing)))


def parse(text: str) -> Expression:
    """The expression that `text` is; UsageError, with a mark under the wrong part, when it is none.

    >>> str(parse('AUC>=90% AND ("p95 ms"<20 or similarity>0.5)'))
    'AUC >= 90% and ("p95 ms" < 20 or similarity > 0.5)'
    """
    counted = [place for place, character in enumerate(text) if not character.isspace()]
    if len(counted) > LIMIT:
        message = f"an expression has at most {LIMIT:,} characters without spaces, and this one {len(counted):,}"
        raise _wrong(text, counted[LIMIT], len(text), message)
    tokens = _Tokens(text)
    expression = _expression(tokens)
    if tokens.kind != "end":
        raise tokens.unexpected("'and' or 'or'")
    return expression


class _Tokens:
    """A text, read a token at a time; `kind`, `word`, `start` and `end` are those of the next one.

    What is never right, wherever it stands, is refused as soon as it is the next.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.depth = 0
        self.kind = self.word = ""
        self.start = self.end = self.last = 0
        self.advance()

    def advance(self) -> str:
        """The next token's word, which is then behind us and ends at `last`."""
        word, self.last = self.word, self.end
        match = _TOKEN.match(self.text, self.end)
        assert match is not None
        assert match.lastgroup is not None
        self.kind, self.word = match.lastgroup, match[match.lastgroup]
        self.start, self.end = match.span(match.lastgroup)
        if self.kind == "name" and self.word.lower() in _WORDS:
            self.kind = self.word.lower()
        elif self.kind == "sign":
            self.kind = self.word
        if (fault := _fault(self.kind, self.word)) is not None:
            raise _wrong(self.text, self.start, self.end, *fault)
        return word

    def take(self, kind: str) -> bool:
        """Whether the next token is of that kind; then it is behind us."""
        if self.kind != kind:
            return False
        self.advance()
        return True

    def unexpected(self, expected: str, hint: str | None = None) -> UsageError:
        found = quoted(self.word) if self.word else "nothing"
        return _wrong(self.text, self.start, self.end, f"expected {expected}, found {found}", hint)


def _fault(kind: str, word: str) -> tuple[str, str | None] | None:
    """What is wrong with a token that is never right, and what to do; None for all others."""
    match kind:
        case "operator" if word in _MEANT:
            return f"{quoted(word)} is no operator; did you mean '{_MEANT[word]}'?", None
        case "operator" if word not in _SIGNS and word != "!":
            return f"{quoted(word)} is no operator", f"use one of {_OPERATORS}"
        case "not" | "operator" if word not in _SIGNS:
            return f"there is no {quoted(word)}", "use the opposite: < for >=, <= for >, != for =="
        case "number" if not _NUMBER.fullmatch(word):
            named = f"a name that begins with a digit is quoted: {_in_quotes(word)}"
            return f"{quoted(word)} is no number", named if re.search(r"[^\W\d_]", word) else _NUMBERS
        case "nameless":
            return "expected a metric's name between the quotes", None
        case "escape":
            return f"{quoted(word)} is no escape", 'in quotes write \\\\ for a backslash and \\" for a quote'
        case "unclosed":
            return "these quotes are not closed", None
        case "single":
            name = word.strip("'")
            return "names are quoted with double quotes", f"write {_in_quotes(name)}" if name else None
    return None


def _expression(tokens: _Tokens) -> Expression:
    """expression := term { 'or' term }"""
    terms = [_term(tokens)]
    while tokens.take("or"):
        terms.append(_term(tokens))
    flat = [part for term in terms for part in (term.parts if isinstance(term, AnyOf) else [term])]
    return AnyOf(tuple(flat)) if len(flat) > 1 else flat[0]


def _term(tokens: _Tokens) -> Expression:
    """term := factor { 'and' factor }"""
    factors = [_factor(tokens)]
    while tokens.take("and"):
        factors.append(_factor(tokens))
    flat = [part for factor in factors for part in (factor.parts if isinstance(factor, AllOf) else [factor])]
    return AllOf(tuple(flat)) if len(flat) > 1 else flat[0]


def _factor(tokens: _Tokens) -> Expression:
    """factor := '(' expression ')' | comparison"""
    if tokens.kind != "(":
        return _comparison(tokens)
    start = tokens.start
    if tokens.depth == NESTING:
        raise _wrong(tokens.text, start, start + 1, f"there are more than {NESTING} parentheses inside each other")
    tokens.depth += 1
    tokens.advance()
    inside = _expression(tokens)
    if tokens.kind == "end":
        raise _wrong(tokens.text, start, start + 1, "this parenthesis is not closed")
    if tokens.kind != ")":
        raise tokens.unexpected("'and', 'or' or ')'")
    tokens.depth -= 1
    tokens.advance()
    return inside


def _comparison(tokens: _Tokens) -> Comparison:
    """comparison := operand operator operand"""
    start = tokens.start
    left = _operand(tokens)
    if tokens.kind in ("end", "and", "or", ")"):
        bare = tokens.text[start : tokens.last]
        raise _wrong(tokens.text, start, tokens.last, f"{quoted(bare)} is compared with nothing", _EXAMPLE)
    if tokens.kind != "operator":
        both = tokens.text[start : tokens.end]
        named = tokens.kind == "name" and '"' not in both
        hint = f"a name with spaces is quoted: {_in_quotes(both)}" if named else _EXAMPLE
        raise tokens.unexpected(f"one of {_OPERATORS}", hint)
    operator = _operator(tokens)
    right = _operand(tokens)
    if tokens.kind == "operator":
        at, end = tokens.start, tokens.end
        second, third = _operator(tokens), _operand(tokens)
        hint = f"write {left} {operator} {right} and {right} {second} {third}"
        raise _wrong(tokens.text, at, end, "a comparison has one operator", hint)
    if isinstance(left, Number) and isinstance(right, Number):
        message = "two numbers are compared, so there is nothing to check"
        raise _wrong(tokens.text, start, tokens.last, message, _EXAMPLE)
    return Comparison(left, operator, right)


def _operator(tokens: _Tokens) -> Operator:
    """operator := '>=' | '>' | '<=' | '<' | '==' | '!='"""
    return cast(Operator, tokens.advance())


def _operand(tokens: _Tokens) -> Operand:
    """operand := number [ '%' ] | name | '"' any name '"'"""
    start = tokens.start
    match tokens.kind:
        case "name":
            name = tokens.advance()
            return Similarity() if name == _SIMILARITY else Metric(name)
        case "quoted":
            return Metric(re.sub(r'\\(["\\])', r"\1", tokens.advance()[1:-1]))
        case "number":
            written = tokens.advance()
            percent = tokens.take("%")
            value = _value(written, percent)
            if abs(value) == float("inf"):
                raise _wrong(tokens.text, start, tokens.last, "that number is too large")
            return Number(value, written + "%" * percent)
    word = tokens.kind in _WORDS
    hint = f"a metric of that name is quoted: {_in_quotes(tokens.word)}" if word else _EXAMPLE
    raise tokens.unexpected("a metric or a number", hint)


def _value(written: str, percent: bool) -> int | float:
    """The number, in per cent with an exponent that is smaller by two: so 12.3% and 0.123 are the same float."""
    mantissa, _, exponent = written.lower().partition("e")
    if percent:
        return float(f"{mantissa}e{int(exponent or 0) - 2}")
    return float(written) if exponent or "." in mantissa else int(written)


def _in_quotes(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _judge(expression: Expression, value_of: ValueOf, comparisons: list[Judged]) -> tuple[bool | None, list[str]]:
    """Whether the expression holds, and which operands could change an answer of None."""
    if isinstance(expression, Comparison):
        judged = _compared(expression, value_of)
        comparisons.append(judged)
        return judged.holds, list(judged.missing)
    decisive = isinstance(expression, AnyOf)  # the answer of one part that settles the whole
    parts = [_judge(part, value_of, comparisons) for part in expression.parts]
    answers = [answer for answer, _ in parts]
    if decisive in answers:
        return decisive, []
    missing = [operand for _, missing in parts for operand in missing]
    return None if None in answers else not decisive, missing


def _compared(comparison: Comparison, value_of: ValueOf) -> Judged:
    sides = (comparison.left, comparison.right)
    found = [side.value if isinstance(side, Number) else value_of(side) for side in sides]
    left, right = (None if isinstance(value, NothingToCompare) else value for value in found)
    holds: bool | None = None
    if NOTHING_TO_COMPARE in found:
        holds = True
    elif left is not None and right is not None:
        a, b = exact(left), exact(right)
        holds = (a > b) - (a < b) in _SIGNS[comparison.operator]
    return Judged(comparison=comparison, left=left, right=right, holds=holds)


def _wrong(text: str, start: int, end: int, message: str, hint: str | None = None) -> UsageError:
    """An error about the half-open range of `text`, widened to one place where nothing stands."""
    return UsageError(message, hint=hint, excerpt=text, mark=(start, max(start + 1, end)))
