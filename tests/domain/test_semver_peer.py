"""Order, bumps and ranges of semantic versions against node-semver from PyPI, a port of npm's own."""

import os
import random

import pytest

from modelver.domain import semver

try:
    import nodesemver as peer
except ImportError:
    if os.environ.get("MODELVER_REQUIRE_ALL"):
        raise
    pytest.skip("node-semver is not installed", allow_module_level=True)

CASES = 10_000
CORE = [0, 0, 1, 2, 3, 10]
# The peer reads a range whose pre-release begins with a hyphen, like ~1.2.3--, as if it were the exact version;
# npm and SemVer 9 take the second hyphen for the identifier. So none begins with one here.
FIRST = [0, 1, 2, 11, "alpha", "beta", "rc", "a-b", "0a", "X1"]
MORE = [*FIRST, "-", "-1"]


def number(chance):
    return chance.choice(CORE)


def pre(chance):
    return ".".join(map(str, [chance.choice(FIRST), *chance.choices(MORE, k=chance.randint(0, 2))]))


def version(chance):
    return f"{number(chance)}.{number(chance)}.{number(chance)}" + (f"-{pre(chance)}" if chance.random() < 0.4 else "")


def range_of(chance):
    """A range of every form that we read: one to three numbers, wild cards, `v`, a pre-release after three."""
    numbers = [str(number(chance)) for _ in range(chance.randint(1, 3))]
    if len(numbers) < 3:
        numbers += chance.choices("xX*", k=chance.randint(0, 3 - len(numbers)))
    full = len(numbers) == 3 and numbers[-1].isdigit()
    end = f"-{pre(chance)}" if full and chance.random() < 0.5 else ""
    return chance.choice("^~") + chance.choice(["", "", "v"]) + ".".join(numbers) + end


def near(chance, range):
    """A version that is likely to be about where a range begins or ends."""
    lowest = range.lowest
    core = list(chance.choice([lowest.core, lowest.core, range.end]))
    core[chance.randrange(3)] += chance.choice([0, 0, 1])
    ending = ".".join(map(str, lowest.pre)) if lowest.pre and chance.random() < 0.3 else pre(chance)
    return ".".join(map(str, core)) + (f"-{ending}" if chance.random() < 0.5 else "")


def cases(seed):
    chance = random.Random(seed)
    for _ in range(CASES):
        yield chance


def test_the_order_is_npms():
    """SemVer 11: which of two labels is higher, and that equal ones are equal."""
    seen = set()
    for chance in cases(1):
        a = version(chance)
        b = chance.choice([version(chance), a.partition("-")[0], f"{a.partition('-')[0]}-{pre(chance)}"])
        ours, theirs = semver.parse(a), semver.parse(b)
        found = (ours > theirs) - (ours < theirs)
        assert found == peer.compare(a, b, False), (a, b)
        assert (ours == theirs) == (found == 0) == (a == b)
        seen.add((found, bool(ours.pre), bool(theirs.pre)))
    assert len(seen) == 10  # equal only where both or neither is a pre-release


def test_a_bump_is_npms():
    """The grammar of references: --bump gives what `npm version` would."""
    for chance in cases(2):
        text = version(chance)
        for part in ("major", "minor", "patch"):
            assert str(semver.bump(semver.parse(text), part)) == peer.inc(text, part, False), (text, part)


def test_a_range_holds_what_npms_holds():
    """The grammar of references: `^` and `~`, and a pre-release only beside one that the range names."""
    held = {}
    for chance in cases(3):
        text = range_of(chance)
        wanted = semver.read_range(text)
        assert wanted is not None, text
        label = near(chance, wanted)
        found = wanted.holds(semver.parse(label))
        assert found == peer.satisfies(label, text, False), (label, text)
        assert peer.satisfies(label, str(wanted), False) == found, (label, text, str(wanted))
        kind = found, "-" in label, bool(wanted.pre), text[0]
        held[kind] = held.get(kind, 0) + 1
    kinds = {(f, p, r, o) for f in (True, False) for p in (True, False) for r in (True, False) for o in "^~"}
    # A range that names no pre-release holds none.
    assert held.keys() == kinds - {(True, True, False, "^"), (True, True, False, "~")}
    assert min(held.values()) > 50


def test_what_is_a_version_is_one_to_npm():
    """SemVer 9: also when it is mutilated; build metadata and a `v` are npm's to take and not ours."""
    accepted = 0
    for chance in cases(4):
        text = list(version(chance))
        for _ in range(chance.randint(0, 2)):
            text[chance.randrange(len(text))] = chance.choice("0019a.--A~_")
        word = "".join(text)
        theirs = peer.valid(word, False)
        assert (semver.read(word) is None) == (theirs is None), word
        assert theirs is None or str(semver.read(word)) == str(theirs) == word
        accepted += theirs is not None
    assert 2000 < accepted < 8000
