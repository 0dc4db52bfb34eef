"""The language of gates: what is written, what is meant by it, and what it says of a version's numbers."""

import itertools
import operator
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelver.domain.expressions import (
    LIMIT,
    NESTING,
    NOTHING_TO_COMPARE,
    AllOf,
    AnyOf,
    Comparison,
    Judged,
    Metric,
    Number,
    Similarity,
    judge,
    parse,
)
from modelver.errors import UsageError

AUC, LATENCY, SIMILARITY = Metric("auc"), Metric("latency_ms"), Similarity()
NINE = Number(0.9, "0.9")
GOOD, FAST, LIKE = (
    Comparison(AUC, ">=", NINE),
    Comparison(LATENCY, "<", Number(20, "20")),
    Comparison(SIMILARITY, ">", Number(0.5, "0.5")),
)
OPERATORS = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}


def left_of(text):
    expression = parse(text)
    assert isinstance(expression, Comparison)
    return expression.left


def outcome(text: str):
    """The expression that the text is, or the error that it raises."""
    try:
        return parse(text)
    except UsageError as error:
        return error


def failure(text: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert (caught.value.code, caught.value.excerpt) == (2, text)
    assert "\n" not in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    ("text", "expression", "printed"),
    [
        ("auc >= 0.9", GOOD, "auc >= 0.9"),
        ("auc>=0.9", GOOD, "auc >= 0.9"),
        ("\n auc\t>=\u00a00.9 ", GOOD, "auc >= 0.9"),
        ('"auc" >= 0.9', GOOD, "auc >= 0.9"),
        ("((auc >= 0.9))", GOOD, "auc >= 0.9"),
        (
            "auc >= 0.9 and latency_ms < 20 and similarity > 0.5",
            AllOf((GOOD, FAST, LIKE)),
            "auc >= 0.9 and latency_ms < 20 and similarity > 0.5",
        ),
        ("auc>=0.9 AND(latency_ms<20)", AllOf((GOOD, FAST)), "auc >= 0.9 and latency_ms < 20"),
        ("auc >= 0.9 Or latency_ms < 20", AnyOf((GOOD, FAST)), "auc >= 0.9 or latency_ms < 20"),
        (
            "auc >= 0.9 or latency_ms < 20 and similarity > 0.5",
            AnyOf((GOOD, AllOf((FAST, LIKE)))),
            "auc >= 0.9 or latency_ms < 20 and similarity > 0.5",
        ),
        (
            "(auc >= 0.9 or latency_ms < 20) and similarity > 0.5",
            AllOf((AnyOf((GOOD, FAST)), LIKE)),
            "(auc >= 0.9 or latency_ms < 20) and similarity > 0.5",
        ),
        (
            "auc >= 0.9 and (latency_ms < 20 and similarity > 0.5)",
            AllOf((GOOD, FAST, LIKE)),
            "auc >= 0.9 and latency_ms < 20 and similarity > 0.5",
        ),
        (
            "(auc >= 0.9 or latency_ms < 20) or similarity > 0.5",
            AnyOf((GOOD, FAST, LIKE)),
            "auc >= 0.9 or latency_ms < 20 or similarity > 0.5",
        ),
        ("0.9 != auc", Comparison(NINE, "!=", AUC), "0.9 != auc"),
        ("auc<=-1E+3", Comparison(AUC, "<=", Number(-1000.0, "-1E+3")), "auc <= -1E+3"),
        ("train/auc == val/auc", Comparison(Metric("train/auc"), "==", Metric("val/auc")), "train/auc == val/auc"),
        ("auc > 90 %", Comparison(AUC, ">", Number(0.9, "90%")), "auc > 90%"),
    ],
)
def test_every_form_of_the_grammar(text, expression, printed):
    """Each row of the table is parsed to what it means, and printed in one way."""
    assert parse(text) == expression
    assert str(expression) == printed
    assert parse(printed) == expression


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("top-1.accuracy", "top-1.accuracy"),
        ("_x", "_x"),
        ("précision", "précision"),
        ("android", "android"),
        ("nothing", "nothing"),
        ("Similarity", "Similarity"),
        ('"similarity"', "similarity"),
        ('"and"', "and"),
        ('"NOT"', "NOT"),
        ('"5xx rate"', "5xx rate"),
        (r'"a \"b\" \\"', 'a "b" \\'),
        ('"p(x) >= 1"', "p(x) >= 1"),
        ('"a\nb"', "a\nb"),
    ],
)
def test_names_stand_alone_or_in_quotes(word, name):
    """A name is printed as it has to be typed: with quotes where it could be taken for something else."""
    assert left_of(f"{word} > 1") == Metric(name)
    assert str(Metric(name)) == word


def test_similarity_alone_is_no_metric():
    assert left_of("similarity > 1") == Similarity()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20", 20),
        ("-0", 0),
        ("+1.50", 1.5),
        ("1e-3", 0.001),
        ("9" * 400, int("9" * 400)),
        ("90%", 0.9),
        ("12.3%", 0.123),
        ("29%", 0.29),
        ("-5e1%", -0.5),
        ("1e310%", 1e308),
        ("1e-999999999999", 0),
    ],
)
def test_numbers_are_those_of_json_or_percent(text, value):
    """A number in per cent is the same as the one with its point moved by two places."""
    number = left_of(f"{text} < auc")
    assert number == Number(value, text)
    assert type(number.value) is (int if text.lstrip("+-").isdigit() else float)


@pytest.mark.parametrize(
    ("text", "mark", "message", "hint"),
    [
        ("", "", "found nothing", "auc >= 0.9"),
        ("  ", "", "found nothing", "auc >= 0.9"),
        ("auc", "auc", "compared with nothing", "auc >= 0.9"),
        ("a > 1 and auc or b > 1", "auc", "compared with nothing", ""),
        ('(  "my auc" ) > 1', '"my auc"', "compared with nothing", ""),
        ("0.9", "0.9", "compared with nothing", ""),
        ("90 % and a > 1", "90 %", "compared with nothing", ""),
        ("auc = 0.9", "=", "did you mean '=='", ""),
        ("auc => 0.9", "=>", "did you mean '>='", ""),
        ("auc =< 0.9", "=<", "did you mean '<='", ""),
        ("auc <> 0.9", "<>", "did you mean '!='", ""),
        ("auc ≥ 0.9", "≥", "did you mean '>='", ""),
        ("auc >> 0.9", ">>", "'>>' is no operator", ">= > <= < == !="),
        ("a > 1 && b > 1", "&&", "did you mean 'and'", ""),
        ("a > 1 || b > 1", "||", "did you mean 'or'", ""),
        ("not a > 1", "not", "no 'not'", "opposite"),
        ("a > 1 and NOT (b > 1)", "NOT", "no 'NOT'", "opposite"),
        ("!a > 1", "!", "no '!'", "opposite"),
        ("auc >=", "", "expected a metric or a number, found nothing", ""),
        ("a > 1 and", "", "found nothing", ""),
        (">= 0.9", ">=", "expected a metric or a number", ""),
        ("a > and b > 1", "and", "found 'and'", '"and"'),
        ("OR >= 0.9", "OR", "found 'OR'", '"OR"'),
        ("a > (b)", "(", "found '('", ""),
        ("()", ")", "found ')'", ""),
        ("a > - 5", "-", "found '-'", ""),
        ("a < b < c", "<", "one operator", "write a < b and b < c"),
        ("0.5 < auc <= 90 % and b > 1", "<=", "one operator", "write 0.5 < auc and auc <= 90%"),
        ("a < b <", "", "found nothing", ""),
        ("auc 0.9", "0.9", "expected one of >=", ""),
        ("my auc > 0.9", "auc", "expected one of >=", '"my auc"'),
        ('"my" auc > 0.9', "auc", "expected one of >=", "auc >= 0.9"),
        ("auc % 2 == 1", "%", "expected one of >=", ""),
        ("auc + 1 > 2", "+", "expected one of >=", ""),
        ("a > 1 b > 2", "b", "expected 'and' or 'or', found 'b'", ""),
        ("a > 1)", ")", "expected 'and' or 'or', found ')'", ""),
        ("a > 1, b > 2", ",", "expected 'and' or 'or'", ""),
        ("a > 90%%", "%", "expected 'and' or 'or'", ""),
        ("(a > 1) > 2", ">", "expected 'and' or 'or'", ""),
        ("(a > 1 b > 2)", "b", "expected 'and', 'or' or ')'", ""),
        ("b > 1 and (a > 1", "(", "not closed", ""),
        ("((a > 1) or b > 1", "(", "not closed", ""),
        ('a > 1 and "my auc > 2', '"my auc > 2', "not closed", ""),
        (r'"a\" > 1', r'"a\" > 1', "not closed", ""),
        (r'"a\\b\nc" > 1', r"\n", "no escape", r"\\"),
        ('"" > 1', '""', "name between the quotes", ""),
        ("'my auc' > 1", "'my auc'", "double quotes", '"my auc"'),
        ("a > 1 or 0.5 > 90 % or b > 1", "0.5 > 90 %", "nothing to check", ""),
        ("a > 007", "007", "'007' is no number", "0.9"),
        ("a > .5", ".5", "'.5' is no number", "0.9"),
        ("a > 1/2", "1/2", "'1/2' is no number", "0.9"),
        ("a > 1e", "1e", "'1e' is no number", ""),
        ("5xx_rate < 1", "5xx_rate", "is no number", '"5xx_rate"'),
        ("a > 1e999", "1e999", "too large", ""),
        ("a > -1e999 %", "-1e999 %", "too large", ""),
        ("__import__('os')", "(", "expected one of >=", ""),
    ],
)
def test_the_mark_stands_under_the_wrong_part(text, mark, message, hint):
    """What is wrong is exit 2, marked, said in words, and followed by what to write instead."""
    error = failure(text)
    start, end = error.mark
    assert (text[start:end], message in error.message, hint in "\n".join(error.hints)) == (mark, True, True)
    if not mark:
        assert start == len(text)


def test_the_second_of_two_like_marks_is_told_from_the_first():
    """Where the wrong word stands in the text twice, the mark is under the wrong one."""
    assert failure("a < b < c").mark == (6, 7)
    assert failure("(a > 1 and (b > 1)").mark == (0, 1)
    assert failure("(a > 1) and ((b > 1)").mark == (12, 13)


def test_an_expression_has_at_most_a_thousand_characters():
    """Spaces do not count, so no expression is too long once it is printed."""
    fits = " or ".join(["a>1"] * 200)
    assert len("".join(fits.split())) == LIMIT - 2
    assert parse(str(parse(fits + "0"))) == parse(fits + "0")
    assert parse(fits + "00" + " " * LIMIT)
    error = failure(fits + "000 ")
    assert "1,000" in error.message
    assert error.mark == (len(fits) + 2, len(fits) + 4)


def test_parentheses_nest_to_a_limit():
    """Nesting is bounded by a rule and not by Python's stack, and only what is open counts."""
    deepest = "(" * NESTING + "auc >= 0.9" + ")" * NESTING
    assert parse(deepest) == GOOD
    assert parse(f"{deepest} and {deepest}") == AllOf((GOOD, GOOD))
    assert failure(f"({deepest})").mark == (NESTING, NESTING + 1)
    assert failure("(" * LIMIT).mark == (NESTING, NESTING + 1)


NAMES = st.one_of(
    st.sampled_from(["auc", "val/auc", "similarity", "Similarity", "and", "OR", "Not", "1st", "a b", '"', "\\", "\\n"]),
    st.text(st.sampled_from("ab1_./-\"\\ '\n()=é²") | st.characters(), min_size=1, max_size=8),
)
NUMBERS = st.one_of(
    st.integers(-(10**30), 10**30).map(lambda value: Number(value, str(value))),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda value: Number(value, repr(value))),
    st.integers(-1000, 1000).map(lambda value: Number(value / 100, f"{value}%")),
)
READINGS = st.builds(Metric, NAMES) | st.just(SIMILARITY)


def expressions(readings, numbers, size=12):
    """Expressions as they are parsed: no AllOf directly in an AllOf, no AnyOf in an AnyOf."""
    sides = st.tuples(readings, readings | numbers).flatmap(st.permutations)
    leaves = st.builds(lambda pair, sign: Comparison(pair[0], sign, pair[1]), sides, st.sampled_from(list(OPERATORS)))

    def joined(kind, parts):
        flat = [part for each in parts for part in (each.parts if isinstance(each, kind) else [each])]
        return kind(tuple(flat))

    def grown(inner):
        parts = st.lists(inner, min_size=2, max_size=3)
        return st.builds(joined, st.sampled_from([AllOf, AnyOf]), parts)

    return st.recursive(leaves, grown, max_leaves=size)


@given(expressions(READINGS, NUMBERS))
@settings(max_examples=500)
def test_parse_undoes_print(expression):
    """An expression that is printed and parsed again is the same, whatever its metrics are called."""
    assert parse(str(expression)) == expression


WORDS = ["auc", "a", "0.9", "90", "%", "1e9", '"x y"', '"', "'", "\\", "(", ")", " and ", " or ", "not ", ">", "=", "<"]
PIECES = st.sampled_from(WORDS)


@given(st.lists(PIECES | st.just(" ") | st.characters(), max_size=12).map("".join))
@settings(max_examples=1000)
def test_any_text_is_an_expression_or_marked(text):
    """Whatever is typed is an expression, or an error with a mark in the text."""
    found = outcome(text)
    if isinstance(found, UsageError):
        start, end = found.mark
        assert found.excerpt == text
        assert 0 <= start < end <= len(text) + 1
    else:
        assert parse(str(found)) == found


def holds(text, **values):
    return judge(parse(text), lambda operand: values.get(str(operand))).holds


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("auc >= 0.9", 0.9),
        ("auc == 0.91", 0.91),
        ("auc == 90%", 0.9),
        ("auc == 12.3%", 0.123),
        ("auc == 1", 1.0),
        ("auc == 1.0", 1),
        ("auc == 0.30000000000000004", 0.1 + 0.2),
        ("auc != 0.3", 0.1 + 0.2),
        ("auc > 9007199254740992", 2**53 + 1),
        ("auc != 1e23", 10**23 + 1),
        ("auc == 1e23", 10**23),
        ("auc < 1e308", -(10**400)),
        ("auc == -0.0", 0),
        ("auc > 0", 5e-324),
    ],
)
def test_numbers_are_compared_as_they_were_written(text, value):
    """No digit is lost on the way: 1e23 is a power of ten, which no float is, and whole numbers may be huge."""
    assert holds(text, auc=value) is True


def test_a_judgement_tells_of_every_comparison():
    """All comparisons are judged in the order of the text, also those that are not needed any more."""
    found = judge(parse("auc > 1 and (similarity >= 50% or loss < auc)"), {AUC: 0.5, SIMILARITY: 0.75}.get)
    assert (found.holds, found.missing) == (False, ())
    assert [(each.text, each.left, each.right, each.holds, each.missing) for each in found.comparisons] == [
        ("auc > 1", 0.5, 1, False, ()),
        ("similarity >= 50%", 0.75, 0.5, True, ()),
        ("loss < auc", None, 0.5, None, ("loss",)),
    ]


def test_only_what_could_change_the_answer_is_missing():
    """An unknown metric beside an alternative that holds is not asked for; each other one is, once."""
    text = '(auc > 0 or speed > 1) and (auc < 0 or "my loss" < similarity) and "my loss" < 2'
    found = judge(parse(text), {AUC: 0.5}.get)
    assert found.holds is None
    assert found.missing == ('"my loss"', "similarity")


def test_where_nobody_holds_the_stage_a_comparison_with_the_holder_passes():
    """It passes with any operator and beside an unknown metric, and it stands out as one without a value."""
    nobody = {SIMILARITY: NOTHING_TO_COMPARE, AUC: 0.5}
    for sign in OPERATORS:
        assert judge(parse(f"similarity {sign} 0.5"), nobody.get).holds is True
        assert judge(parse(f"loss {sign} similarity"), nobody.get).holds is True
    found = judge(parse("similarity > 0.5 and auc > 0.9"), nobody.get)
    assert found.holds is False
    first = found.comparisons[0]
    assert first == Judged(comparison=first.comparison, left=None, right=0.5, holds=True)
    assert first.missing == ()


VARIABLES = [Metric("a"), Metric("b c"), SIMILARITY]
SMALL = expressions(st.sampled_from(VARIABLES), st.integers(-2, 2).map(lambda n: Number(n, str(n))), size=6)
TRUTH = {True: 2, None: 1, False: 0}


def reference(expression, values):
    """Kleene's truth as 2, 1 or 0: `and` is the least of its parts, `or` the greatest."""
    if isinstance(expression, Comparison):
        sides = [
            each.value if isinstance(each, Number) else values[each] for each in (expression.left, expression.right)
        ]
        if NOTHING_TO_COMPARE in sides:
            return 2
        return 1 if None in sides else 2 * OPERATORS[expression.operator](*sides)
    return (min if isinstance(expression, AllOf) else max)(reference(part, values) for part in expression.parts)


@given(SMALL, st.tuples(*[st.none() | st.integers(-2, 2) | st.just(NOTHING_TO_COMPARE)] * 3))
@settings(max_examples=500)
def test_judgement_follows_kleene(expression, drawn):
    """The answer is the one of a second, simpler reading of the rules; the unknown are named just where it is None."""
    values = dict(zip(VARIABLES, drawn, strict=True))
    found = judge(expression, values.get)
    assert TRUTH[found.holds] == reference(expression, values)
    assert bool(found.missing) == (found.holds is None)
    assert {*found.missing} <= {str(each) for each in VARIABLES if values[each] is None}


@given(SMALL, st.tuples(*[st.none() | st.integers(-1, 1)] * 3))
def test_a_known_answer_stays_whatever_the_unknown_is(expression, drawn):
    """Where a gate answers without a value, no value would have changed it; a missing holder never fails it."""
    values = dict(zip(VARIABLES, drawn, strict=True))
    answer = judge(expression, values.get).holds
    if answer is None:
        return
    unknown = [each for each in VARIABLES if values[each] is None]
    for chosen in itertools.product(range(-3, 4), repeat=len(unknown)):
        assert judge(expression, (values | dict(zip(unknown, chosen, strict=True))).get).holds is answer
    if answer:
        assert judge(expression, (values | {SIMILARITY: NOTHING_TO_COMPARE}).get).holds is True


@given(st.sampled_from(list(OPERATORS)), *[st.integers() | st.floats(allow_nan=False, allow_infinity=False)] * 2)
def test_comparisons_agree_with_python_on_written_numbers(sign, left, right):
    """As fractions of what is written, by Python's own operators."""
    written = OPERATORS[sign](Fraction(repr(left)), Fraction(repr(right)))
    assert judge(Comparison(AUC, sign, LATENCY), {AUC: left, LATENCY: right}.get).holds is written
