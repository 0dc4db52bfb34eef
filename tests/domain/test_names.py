"""Names, ids and tags (rules I2, I3, I4)."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.domain import names
from modelver.domain.text import printable
from modelver.errors import Conflict, UsageError

DIGEST = "sha256:abcd1234" + "0" * 56
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


NO_STAGES = "latest highest created deprecated development archived a/b v2024 ^1 1.2.0 v1.2.0 con 1.x -a"
NO_IDS = """
v20241301000000_abcd1234 v20240101120000_ABCD1234 v20240101120000_abcd123 v00000101000000_abcd1234
20240101120000_abcd1234 v2024010112000٠_abcd1234 v20240101240000_abcd1234
"""


def refusal(parse, text, **more) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse(text, **more)
    assert caught.value.code == 2
    assert caught.value.excerpt == text
    return caught.value


@pytest.mark.parametrize(
    "text", ["fraud", "nlp/sentiment", "a", "0", "a.b_c-d", "a/b/c", "v1", "v202", "x" * 64, "console"]
)
def test_models_that_are_taken(text):
    """I3: parts of letters, digits and . _ - are a model's name."""
    assert names.parse_model(text) == text
    assert names.is_model_name(text)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("", (0, 0)),
        ("fraud model", (5, 6)),
        ("nlp//x", (4, 5)),
        ("/x", (0, 1)),
        ("x/", (2, 3)),
        ("nlp/-x", (4, 5)),
        ("nlp/x.", (5, 6)),
        ("a..b", (1, 3)),
        ("x.lock", (1, 6)),
        ("a/x.yaml", (3, 8)),
        ("con", (0, 3)),
        ("a/nul.txt", (2, 5)),
        ("com1", (0, 4)),
        ("v2024", (0, 5)),
        ("nlp/v20240101120000_abcd1234", (4, 28)),
        ("versions", (0, 8)),
        ("x/tags/y", (2, 6)),
        ("x" * 65, (64, 65)),
        ("fraud\n", (5, 6)),
        ("fr\u00e4ud", (2, 3)),
        ("\u212aelvin", (0, 1)),
        ("fraud@1", (5, 6)),
        ("a\\b", (1, 2)),
        ("../x", (0, 1)),
    ],
)
def test_models_that_are_refused(text, mark):
    """I3: what Git, Windows or our own layout would trip over is refused with a mark under the wrong part."""
    error = refusal(names.parse_model, text)
    assert error.mark == mark
    assert not names.is_model_name(text)


@given(st.text(max_size=80))
def test_what_is_proposed_is_a_name(text):
    """I3: a refusal proposes a name that would be taken."""
    for kind, check in (("model", names.model_fault), ("stage", names.stage_fault), ("label", names.label_fault)):
        proposal = names.propose(names.fold(text), kind, check)
        assert proposal is None or check(proposal) is None


def test_capitals_are_folded():
    """I3: capitals are made small, and comparing with what was typed tells that they were."""
    assert names.parse_model("NLP/Sentiment") == "nlp/sentiment"
    assert names.parse_stage("Production-EU") == "production-eu"
    assert names.parse_label("Nightly") == "nightly"


@pytest.mark.parametrize(
    "text",
    [
        "a b",
        "",
        *[
            "latest",
            "highest",
            "created",
            "deprecated",
            "development",
            "archived",
            "a/b",
            "v2024",
            "^1",
            "1.2.0",
            "v1.2.0",
            "con",
            "1.x",
            "-a",
        ],
        "x" * 33,
    ],
)
def test_stages_that_are_refused(text):
    """I3: a stage is one part, and no word that means something else after `@`."""
    refusal(names.parse_stage, text)


@pytest.mark.parametrize("text", ["production", "production-eu", "staging", "canary.2", "1", "tags"])
def test_stages_that_are_taken(text):
    """I3: any other part is a stage."""
    assert names.parse_stage(text) == text


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("1.2.0", "1.2.0"),
        ("v1.2.0", "1.2.0"),
        ("V1.2.0-RC.1", "1.2.0-rc.1"),
        ("v2024.1.0", "2024.1.0"),
        ("nightly", "nightly"),
        ("v1", "v1"),
        ("v202", "v202"),
        ("1.2", "1.2"),
        ("2024-01-01", "2024-01-01"),
        ("a_", "a_"),
        ("archived", "archived"),
        ("x" * 64, "x" * 64),
    ],
)
def test_labels_that_are_taken(text, label):
    """I3: a label keeps its letters, without the `v` before SemVer."""
    assert names.parse_label(text) == label
    assert names.parse_label(label) == label


@pytest.mark.parametrize(
    ("text", "mark", "hint"),
    [
        ("", (0, 0), "use 1.0.0"),
        ("1.2.0+build.5", (5, 13), "use 1.2.0"),
        ("v1.2.0+b", (6, 8), "use 1.2.0"),
        ("^1.2", (0, 4), "use 1.2.0"),
        ("1.x", (0, 3), "use 1.0.0"),
        (">=1.2", (0, 5), "use 1.2.0"),
        ("latest", (0, 6), "use latest-label"),
        ("v2024", (0, 5), "use v2024-label"),
        ("v20240101120000_abcd1234", (0, 24), "use label-v20240101120000_abcd1234"),
        ("a..b", (1, 3), "use a.b"),
        ("a.", (1, 2), "use a"),
        ("a.lock", (1, 6), "use a"),
        ("con", (0, 3), "use con-label"),
        ("_a", (0, 1), "use a"),
        ("my label", (2, 3), "use my-label"),
        ("production", (0, 10), "use production-label"),
        ("x" * 65, (64, 65), "use " + "x" * 64),
    ],
)
def test_labels_that_are_refused(text, mark, hint):
    """I3: what means something else, or no tag could be named after, is refused with a proposal."""
    error = refusal(names.parse_label, text, stages=["production"])
    assert (error.mark, error.hints) == (mark, [hint])


def test_a_refusal_shows_no_control_characters():
    """I3: what was typed is echoed with its control characters written out."""
    assert "\x1b" not in refusal(names.parse_model, "a\x1b[31m").message
    assert printable("a\n\x1b\x7f\x9b\u202e\ud800") == "a\\n\\x1b\\x7f\\x9b\\u202e\\ud800"


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_ids_sort_as_their_seconds(one, other):
    """I2: the order of ids is the order of their seconds, and an id tells its second."""
    first, second = names.version_id(one, DIGEST), names.version_id(other, DIGEST)
    assert names.is_version_id(first)
    assert names.version_moment(first) == one.replace(microsecond=0)
    if one.replace(microsecond=0) < other.replace(microsecond=0):
        assert first < second


def test_an_id_is_in_utc():
    """I2: the second of an id is UTC's, whatever the zone of the clock."""
    local = datetime(2024, 1, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    assert names.version_id(local, DIGEST) == names.version_id(NOON, "abcd1234") == "v20240101120000_abcd1234"


@pytest.mark.parametrize(
    "text",
    ["", "v20240101120000_abcd1234\n", *NO_IDS.split()],
)
def test_what_is_no_id(text):
    """I2: an id has 14 digits that are a second, and 8 hexadecimal ones."""
    assert not names.is_version_id(text)
    with pytest.raises(UsageError):
        names.version_moment(text)


def test_the_next_second_is_later_than_the_newest():
    """I2: many versions at once get seconds that run ahead of the clock."""
    now = NOON.replace(microsecond=999_999)
    assert names.next_moment(now, None) == NOON
    assert names.next_moment(now, "v20240101115959_abcd1234") == NOON
    assert names.next_moment(now, "v20240101120000_abcd1234") == NOON + timedelta(seconds=1)
    assert names.next_moment(now, "v20240102120000_abcd1234") == NOON + timedelta(days=1, seconds=1)


def test_a_newest_version_far_ahead_of_the_clock_is_refused():
    """I2: over a day ahead is exit 4, because somebody's clock is wrong."""
    with pytest.raises(Conflict) as caught:
        names.next_moment(NOON, "v20240102120001_abcd1234")
    assert caught.value.code == 4


def test_tags_are_named_as_gto_names_them():
    """I4: SemVer labels with `v`, promotions and displacements with the number of the change."""
    assert names.version_tag("v20240101120000_abcd1234") == "v20240101120000_abcd1234"
    assert names.label_tag("fraud", "1.2.0") == "fraud@v1.2.0"
    assert names.label_tag("nlp/x", "nightly") == "nlp/x@nightly"
    assert names.promotion_tag("fraud", "production", 3) == "fraud#production#3"
    assert names.displacement_tag("fraud", "production", 3) == "fraud#production!#3"


def test_a_slug_is_short_safe_and_distinct():
    """I3: ids that differ in what a file's name cannot hold still get files of their own."""
    slugs = {
        names.slug(text) for text in ("data/A b.csv", "data/a-b.csv", "data/a_b.csv", "x" * 99, "x" * 98, "\ud800")
    }
    assert len(slugs) == 6
    assert names.slug("data/A b.csv").startswith("data-a-b.csv-")
    assert all(len(slug) <= 57 for slug in slugs)
