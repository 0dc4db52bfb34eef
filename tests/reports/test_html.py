"""The page: it needs nothing but itself, fits on a phone, and shows what people wrote without acting on it."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from differences import HOSTILE, REQUIRED, TEXTS, UP, difference, paired, peer, seen
from hypothesis import given, settings

from modelver.domain.comparison import Compared, Criteria, compare
from modelver.operations.compared import Difference
from modelver.reports import html
from modelver.reports.markup import plain
from modelver.reports.page import bar

CHROMIUM = Path("/usr/bin/chromium")
QUIET = [f"--disable-{what}" for what in ("gpu", "quic", "background-networking", "component-update", "sync")]


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM.exists() and not REQUIRED:
        pytest.skip("chromium is not installed")
    with peer("playwright.sync_api").sync_playwright() as started:
        running = started.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--no-first-run", *QUIET]
        )
        yield running
        running.close()


@pytest.fixture
def opened(browser, tmp_path):
    """`opened(page, width)`: the page in a browser, all of it unfolded, and what it asked for and complained of."""
    pages = []

    def opening(text, width, scheme="light"):
        path = tmp_path / "page.html"
        path.write_text(text, "utf-8")
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        pages.append(page)
        page.asked, page.complaints = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(path.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert page.asked == [path.as_uri()]
        return page

    yield opening
    for page in pages:
        page.close()


WIDE = ["x", "production/" * 20, "W" * 1000, "漢" * 300]


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("text", WIDE, ids=["short", "path", "word", "han"])
def test_the_page_never_scrolls_sideways(opened, width, text):
    page = opened(html.difference(difference(text, count=3)), width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.complaints == []


@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_wrote_is_shown_and_never_run(opened, text):
    """Nothing runs, nothing is asked for, and the policy had nothing to stop, since the text is a text."""
    page = opened(html.difference(difference(text)), 1400)
    assert page.complaints == []
    assert page.evaluate("typeof window.hit") == "undefined"
    assert page.locator("script, img, a, iframe, link, object").count() == 0
    cells = page.evaluate("[...document.querySelectorAll('tbody th, tbody td')].map(each => each.textContent)")
    assert cells.count(plain(text)) >= 6


@given(text=TEXTS)
@settings(max_examples=150, deadline=None)
def test_a_text_changes_no_tag_of_the_page(text):
    """Labels, stages and messages that are empty are not shown, so the text is never empty here."""
    page, harmless = seen(html.difference(difference("y" + text))), seen(html.difference(difference("x")))
    assert page.tags == harmless.tags
    assert plain("y" + text) in page.rest


def test_light_and_dark_are_told_apart_by_the_browsers_wish(opened):
    page = html.difference(difference())
    colours = {
        opened(page, 1400, scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    }
    assert len(colours) == 2


def test_the_page_forbids_itself_to_load_anything():
    page = html.difference(difference())
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert not re.search(r"https?://|url\(|@import|<script", page)


def test_headings_go_down_one_step_at_a_time():
    levels = [int(tag[1]) for tag, *_ in seen(html.difference(difference())).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_bar_of_an_interval_stands_around_zero_and_says_so_in_words():
    """Zero is in the middle, at 80 of 160; a hollow dot stands for an interval with zero in it."""
    sure, unsure = bar("auc", paired()).content, bar("auc", paired(low=-0.01, high=0.02)).content
    assert sure.get("aria-label") == "auc: 95 % interval +0.01 to +0.03, B is better"
    assert unsure.get("aria-label") == "auc: 95 % interval -0.01 to +0.02, B is undecided"
    assert [(line.get("x1"), line.get("x2")) for line in sure.findall("line")[:2]] == [("80", "80"), ("104.0", "152.0")]
    assert [(line.get("x1"), line.get("x2")) for line in unsure.findall("line")[:2]] == [
        ("80", "80"),
        ("44.0", "152.0"),
    ]
    assert "open" not in sure.find("circle").get("class")
    assert "open" in unsure.find("circle").get("class")


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (-1.7e308, 1.7e308), (5e-324, 5e-324)])
def test_a_bar_of_any_interval_stays_in_its_box(low, high):
    for line in bar("auc", paired(UP, low, high)).content.findall("line"):
        assert 0 <= float(line.get("x1")) <= float(line.get("x2")) <= 160


def test_long_lists_are_counted():
    nothing = Compared(metrics={}, params={})
    told = Difference(
        a=difference().a,
        b=difference().b,
        comparison=compare(nothing, nothing, Criteria()),
        remarks=("x",) * 1234,
    )
    page = html.difference(told)
    assert page.count("<li>x</li>") == 500
    assert "and 734 more" in page
