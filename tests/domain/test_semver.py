"""Semantic versions and npm's ranges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.domain import semver
from modelver.errors import UsageError

NUMBERS = st.integers(0, 30)
IDENTIFIERS = st.one_of(NUMBERS, st.sampled_from(["alpha", "beta", "rc", "a-b", "0a", "-"]))
VERSIONS = st.builds(
    lambda major, minor, patch, pre: semver.SemVer(major=major, minor=minor, patch=patch, pre=tuple(pre)),
    *[NUMBERS] * 3,
    st.lists(IDENTIFIERS, max_size=3),
)


@given(VERSIONS)
def test_parse_undoes_print(version):
    """SemVer: what is printed is parsed to the same version."""
    assert semver.parse(str(version)) == version


@pytest.mark.parametrize(
    "text", ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "v1.2.3", "1.2.3+b"]
)
def test_what_is_no_version(text):
    """SemVer: leading zeros, missing numbers and build metadata are refused."""
    assert semver.read(text) is None
    with pytest.raises(UsageError):
        semver.parse(text)


def test_what_only_looks_like_digits_is_no_version():
    """SemVer: digits are those of ASCII, and nothing may follow, not even a newline."""
    assert semver.read("1.2.٣") is None
    assert semver.read("1.2.3\n") is None


def test_the_order_of_the_standard():
    """SemVer 11: the standard's own example, and numbers compared as numbers."""
    text = (
        "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.2.0 1.10.0"
    )
    versions = [semver.parse(word) for word in text.split()]
    assert sorted(versions, reverse=True)[::-1] == versions
    assert len(set(versions)) == len(versions)


@given(VERSIONS, st.sampled_from(["major", "minor", "patch"]))
def test_a_bump_goes_up_to_a_release(version, part):
    """SemVer: a bump is always higher, and never a pre-release."""
    bumped = semver.bump(version, part)
    assert bumped > version
    assert not bumped.pre


@pytest.mark.parametrize(
    ("old", "part", "new"),
    [
        ("0.0.0", "major", "1.0.0"),
        ("1.2.3", "major", "2.0.0"),
        ("1.2.3", "minor", "1.3.0"),
        ("1.2.3", "patch", "1.2.4"),
        ("2.0.0-rc.1", "major", "2.0.0"),
        ("2.1.0-rc.1", "major", "3.0.0"),
        ("2.1.0-rc.1", "minor", "2.1.0"),
        ("2.1.1-rc.1", "minor", "2.2.0"),
        ("2.1.1-rc.1", "patch", "2.1.1"),
    ],
)
def test_a_prerelease_is_bumped_to_its_release(old, part, new):
    """npm: `inc` gives the release that a pre-release led up to."""
    assert str(semver.bump(semver.parse(old), part)) == new


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("^1.2.3", "1.2.3 1.2.4 1.9.0", "1.2.2 2.0.0 1.2.3-rc.1 1.3.0-rc.1 2.0.0-rc.1"),
        ("^1.2", "1.2.0 1.9.9", "1.1.9 2.0.0 1.2.0-rc.1"),
        ("^1", "1.0.0 1.9.9", "0.9.9 2.0.0"),
        ("^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2"),
        ("^0.0.3", "0.0.3", "0.0.4 0.0.2"),
        ("^0.0", "0.0.0 0.0.9", "0.1.0"),
        ("^0", "0.0.0 0.9.9", "1.0.0"),
        ("^0.0.0", "0.0.0", "0.0.1"),
        ("^1.2.x", "1.2.0 1.9.9", "1.1.0 2.0.0"),
        ("^0.0.x", "0.0.7", "0.1.0"),
        ("^1.2.3-beta.2", "1.2.3-beta.2 1.2.3-beta.4 1.2.3 1.4.0", "1.2.3-beta.1 1.2.4-beta.2 2.0.0-beta"),
        ("~1.2.3", "1.2.3 1.2.9", "1.3.0 1.2.2 1.3.0-rc"),
        ("~1.2", "1.2.0 1.2.9", "1.3.0"),
        ("~1", "1.0.0 1.9.0", "2.0.0"),
        ("~0.2.3", "0.2.3 0.2.9", "0.3.0"),
        ("~0", "0.0.1 0.9.0", "1.0.0"),
        ("~1.2.3-beta.2", "1.2.3-beta.2 1.2.4", "1.2.4-beta.2 1.3.0-0"),
    ],
)
def test_ranges_hold_what_npm_says(text, inside, outside):
    """npm: the tables of caret and tilde ranges, and its rule for pre-releases."""
    found = semver.read_range(text)
    assert found is not None
    assert [word for word in inside.split() if not found.holds(semver.parse(word))] == []
    assert [word for word in outside.split() if found.holds(semver.parse(word))] == []
    assert semver.read_range(str(found)) == found


@pytest.mark.parametrize(
    "text", ["", "^", "~", "1.2", "^a", "^1.", "^1.x.2", "^1.2-rc", "^1.x-rc", "^01", "^1.2.3.4", ">=1", "^1 ", "^x"]
)
def test_what_is_no_range(text):
    """npm: only `^` and `~` with one to three numbers are ranges here."""
    assert semver.read_range(text) is None
