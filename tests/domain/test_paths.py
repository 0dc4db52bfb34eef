"""Paths that may be written (rule C5)."""

import pytest

from modelver.domain.paths import check_relative, check_typed
from modelver.errors import Damaged, UsageError

REFUSED = r"""
/a .. ../a a/../b . ./a a//b a/ a\b \a C: c:\a c:a .git/config .GIT/x a/.git git~1 GIT~1/x .git./x
.git::$INDEX_ALLOCATION/x .modelver .modelver/config.yaml .MODELVER/x .modelver./x
"""
ODD = ["", "a\x00", "\ud800", ".git /x", ".git. . /x", ".. /x", ".g\u200cit/x", "\ufeff.git", ".git\u200d./x"]
ODD += [".model\u200cver/x", "..\u200c/x"]


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "a/b.bin",
        "a b",
        "-a",
        "a\nb",
        "日本/é",
        "..a",
        "a..",
        "a/.modelver",
        ".gitignore",
        ".github",
        "git",
        "ab:c",
    ],
)
def test_paths_that_are_taken(path):
    """C5: any name that leads nowhere else is legal, however odd."""
    check_relative(path)
    check_typed(path)


@pytest.mark.parametrize(
    "path",
    [*REFUSED.split(), *ODD],
)
def test_paths_that_are_refused(path):
    """C5: no record can write outside the repository, into Git's directory or into our records."""
    with pytest.raises(Damaged):
        check_relative(path)
    with pytest.raises(UsageError) as caught:
        check_typed(path)
    assert caught.value.excerpt == path


def test_the_mark_stands_under_the_component():
    """C5: an error about a typed path points at the part that is refused."""
    with pytest.raises(UsageError) as caught:
        check_typed("models/.GIT./config")
    assert caught.value.mark == (7, 12)


def test_a_directory_below_the_root_may_hold_modelver():
    """C5: only the first component of the repository's own paths is ours."""
    check_relative(".modelver/x", root=False)
    with pytest.raises(Damaged):
        check_relative(".git/x", root=False)
