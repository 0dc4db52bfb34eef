"""Comparisons in which every place that people fill has one text, and what the judges of a report find in it."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import strategies as st

from modelver.domain.comparison import Compared, Criteria, compare
from modelver.domain.importance import Term
from modelver.domain.metrics import Goal
from modelver.domain.records import Artifact
from modelver.domain.samples import Flips, PairedMetric, PerformanceDelta, SliceChange
from modelver.domain.similarity import of_files, of_values
from modelver.operations.compared import Difference, Side

REQUIRED = bool(os.environ.get("MODELVER_REQUIRE_ALL"))  # read now, since no test sees the developer's variables

UP, DOWN = Goal(direction="maximize"), Goal(direction="minimize")

HOSTILE = [
    "<script>window.hit = 1</script>",
    "<img src=x onerror='window.hit = 1'>",
    '"><svg onload=window.hit=1>',
    "</code></td></table></details></style></title>",
    "<!-- ",
    "` <b>`` </b> ```",
    "`",
    "``|``",
    "a|b\\|c\\\\|d|",
    "\\",
    "\\`",
    "[a](javascript:window.hit=1)",
    "![a](https://example.org/a.png)",
    "<https://example.org> https://example.org www.example.org a@example.org",
    "@everyone #123 !123 ~label %1 $x^2$ $`x`$ :smile: owner/repo#1 abcd1234abcd1234abcd1234abcd1234abcd1234",
    "# a\n\n- b\n\n---\n\n| c |\n| --- |\n| d |",
    "line\r\nline\u2028line\x85line",
    "&lt;b&gt; &amp; &#60;",
    "\x00\x1b[31m\x7f\ud800\ufffe\uffff",
    "\u202eevil\u2066",
    "*a* _b_ ~~c~~ **d**",
    "",
    " ",
    "   ",
    " a",
    "a ",
    "-",
    "=1+1",
    "\xa0é漢🎉",
]

TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.lists(st.sampled_from([*"`|\\<>&\"'$@#!~:*_[](){}=-+ \n\r\taz1/.;", "http://", "www.a.com", "<b>", "\\|"])).map(
        lambda parts: "".join(parts)[:60]
    ),
    st.text(st.characters(exclude_categories=()), max_size=60),
)


def difference(text: str = "x", count: int = 1) -> Difference:
    """A comparison that has everything, with `text` in every place; `count` times where there may be many."""
    names = [text if count == 1 else f"{number}{text}" for number in range(count)]
    goals = {name: Goal(direction="minimize", unit=text) for name in names}
    a, b = ({name: [text, number] for name in names} for number in (1, 2))
    first = Compared(
        metrics=dict.fromkeys(names, 1.0),
        params=a,
        characteristics={
            "params": of_values(a),
            "files": of_files([(name or "x", "sha256:" + "a" * 64) for name in names]),
        },
        stages={text: dict.fromkeys(names, 0.1)},
    )
    second = Compared(
        metrics=dict.fromkeys(names, 2.0),
        params=b,
        characteristics={
            "params": of_values(b),
            "files": of_files([(name or "x", "sha256:" + "b" * 64) for name in names]),
        },
    )
    terms = tuple(Term(metric=name, weight=1) for name in names)
    return Difference(
        a=side(text, sources=dict.fromkeys(names, text)),
        b=side(text, sources=dict.fromkeys(names, text)),
        comparison=compare(
            first, second, Criteria(goals=goals, importance=(*terms, Term(metric=text + "!", weight=1))), delta(text)
        ),
        remarks=(text,) * count,
    )


def side(text: str = "x", **known) -> Side:
    return Side(
        model=text,
        version=text,
        created_at=datetime(2024, 1, 1, 12, tzinfo=UTC),
        message="m" + text,
        artifact=Artifact(path=text, kind="file", digest="sha256:" + "a" * 64, size=1_234_567, files=1, format="onnx"),
        labels=(text, text),
        stages=(text,),
        **known,
    )


def paired(goal: Goal = UP, low: float = 0.01, high: float = 0.03) -> PairedMetric:
    middle = (low + high) / 2
    return PairedMetric(
        a=0.9, b=0.9 + middle, diff=middle, low=low, high=high, p_value=0.012, method="exact McNemar", goal=goal
    )


def delta(text: str = "x") -> PerformanceDelta:
    return PerformanceDelta(
        n=1234,
        task="classification",
        mean_residual_change=0.001,
        metrics={text: paired(), text + "2": paired(), text + "3": paired(DOWN, -0.01, 0.02)},
        flips=Flips(fixed=40, broken=15, both_right=1100, both_wrong=79),
        slices=(SliceChange(name=text, n=120, metric=text, a=0.9, b=0.8, diff=-0.1, p_value=0.01, goal=UP),),
        slices_left_out=3,
    )


def peer(name: str):
    """A package that judges; where it is not installed the tests that need it are skipped."""
    return importlib.import_module(name) if REQUIRED else pytest.importorskip(name)


@dataclass
class Seen(HTMLParser):
    """What a page is made of: its tags in order with the names of their attributes, the texts of code, and the rest."""

    tags: list[tuple[str, ...]] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    rest: str = ""
    inside: bool = False

    def __post_init__(self):
        super().__init__()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, *(name for name, _ in attributes)))
        if tag == "code":
            self.inside = True
            self.code.append("")

    def handle_endtag(self, tag):
        self.tags.append((f"/{tag}",))
        self.inside = self.inside and tag != "code"

    def handle_data(self, data):
        if self.inside:
            self.code[-1] += data
        else:
            self.rest += data


def seen(page: str) -> Seen:
    parser = Seen()
    parser.feed(page)
    parser.close()
    return parser
