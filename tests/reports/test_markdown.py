"""The comment on a pull request: what it tells, and that what people wrote is shown and never acted on."""

import functools
import re

import pytest
from differences import HOSTILE, TEXTS, UP, difference, peer, seen, side
from hypothesis import example, given, settings

from modelver.domain.comparison import Compared, Criteria, compare
from modelver.domain.records import Artifact
from modelver.domain.text import printable
from modelver.operations.compared import Difference, Side
from modelver.reports import markdown


def github(text, unsafe):
    options = peer("cmarkgfm.cmark").Options.CMARK_OPT_UNSAFE if unsafe else 0
    return peer("cmarkgfm").github_flavored_markdown_to_html(text, options)


RENDERERS = {
    "GitHub's": lambda text: github(text, unsafe=False),
    "GitHub's with HTML": lambda text: github(text, unsafe=True),
    "markdown-it": lambda text: peer("markdown_it").MarkdownIt("js-default", {"html": True}).render(text),
    "markdown-it without HTML": lambda text: peer("markdown_it").MarkdownIt("js-default").render(text),
}


@functools.cache
def harmless(renderer):
    return seen(RENDERERS[renderer](markdown.difference(difference("x"))))


def shown(text):
    safe = printable(text) or " "
    return safe if len(safe) <= 80 else safe[:79] + "…"


@pytest.mark.parametrize("renderer", RENDERERS)
@given(text=TEXTS)
@example("@all")
@settings(max_examples=100, deadline=None)
def test_what_people_wrote_is_inert_wherever_it_stands(renderer, text):
    """The page has the same tags and the same words of ours as for a harmless text, and the text stands in code."""
    render = RENDERERS[renderer]
    page = seen(render(markdown.difference(difference(text))))
    assert page.tags == harmless(renderer).tags
    assert page.rest == harmless(renderer).rest
    assert shown(text) in page.code
    assert not {tag for tag, *_ in page.tags} & {"a", "img", "script", "b", "em", "svg"}


@pytest.mark.parametrize("text", HOSTILE)
def test_each_known_attack_is_shown_as_it_is(text):
    for render in RENDERERS.values():
        page = seen(render(markdown.difference(difference(text))))
        assert page.code.count(shown(text)) >= 20
        assert not {tag for tag, *_ in page.tags} & {"a", "img", "script", "svg"}


@pytest.mark.parametrize("text", ["a@example.org" * 9_000, "`" * 9_000, "|" * 9_000, "\n" * 9_000, "漢" * 9_000])
@pytest.mark.parametrize("count", [1, 300])
def test_it_is_never_longer_than_a_comment_may_be(text, count):
    """Whatever has no room is left out whole, so that no table and no details stay open."""
    comment = markdown.difference(difference(text, count))
    assert len(comment) <= markdown.LIMIT
    assert comment.count("<details>") == comment.count("</details>")
    assert ("The rest is left out" in comment) or comment.rstrip().endswith("</details>")


def test_long_lists_are_counted():
    """50 rows a table and 20 lines an aspect; how many are not shown is told."""
    comment = markdown.difference(difference("x", 120))
    assert comment.count("and 70 more") == 2  # metrics and parameters
    section = comment.partition("**files: 0 %**")[2].partition("</details>")[0]
    assert section.count("- only") == 20
    assert "and 220 more" in section


def test_it_tells_which_of_the_two_is_better_in_each_metric():
    a = Compared(metrics={"auc": 0.9, "loss": 1, "f1": 0.5, "epoch": 3, "recall": 0.1}, params={})
    b = Compared(metrics={"auc": 0.95, "loss": 2, "f1": 0.5, "epoch": 4, "mae": 7}, params={})
    comment = markdown.difference(Difference(a=side(), b=side(), comparison=compare(a, b, Criteria())))
    rows = [line for line in comment.split("\n") if line.startswith("| `")]
    assert rows[:6] == [
        "| `auc` | 0.9 | 0.95 | +0.05 | ▲ better |",
        "| `epoch` | 3 | 4 | +1 | goal unknown |",
        "| `f1` | 0.5 | 0.5 | 0 | = the same |",
        "| `loss` | 1 | 2 | +1 | ▼ worse |",
        "| `mae` | - | 7 | - | only in B |",
        "| `recall` | 0.1 | - | - | only in A |",
    ]


def test_the_samples_stand_with_interval_p_and_method():
    comment = markdown.difference(difference("x"))
    assert "### The same 1,234 samples" in comment
    assert "| `x` | 0.9 | 0.92 | +0.02 | +0.01 to +0.03 | 0.012 | ▼ worse |" in comment  # it is configured so
    assert "| `x2` | 0.9 | 0.92 | +0.02 | +0.01 to +0.03 | 0.012 | ▲ better |" in comment
    assert "| `x3` | 0.9 | 0.905 | +0.005 | -0.01 to +0.02 | 0.012 | undecided |" in comment
    assert "p: exact McNemar (`x`, `x2`, `x3`)" in comment
    assert "fixed 40, broken 15, both right 1,100, both wrong 79" in comment
    assert "| `x` | 120 | `x` | 0.9 | 0.8 | -0.1 | 0.01 |" in comment
    assert "3 slices with too few samples to tell" in comment


def test_guardrails_importance_and_sources_are_told():
    comment = markdown.difference(difference("x"))
    assert "- **regressed**: `x` lets `x` be at most 10 % worse: A has 1, B has 2" in comment
    assert "Not in both: `x!`" in comment
    assert "- `x` of A: note `x`" in comment
    assert re.search(r"^## .*A", comment)


def test_two_files_that_nobody_knows_make_a_comment():
    """Without metrics, samples and parameters only what there is to say is said."""
    nothing = Compared(metrics={}, params={})
    file = Artifact(path="a.bin", kind="file", digest="sha256:" + "a" * 64, size=1, files=1)
    unknown = Side(model=None, version=None, created_at=None, message="", artifact=file)
    comment = markdown.difference(Difference(a=unknown, b=unknown, comparison=compare(nothing, nothing, Criteria())))
    assert comment.startswith(
        "## Not enough data to recommend A or B\n\n- **A**: a file that is not registered, `a.bin` (1 B)\n- **B**"
    )
    assert "### Metrics" not in comment
    assert UP.direction not in comment
