"""Semantic versions 2.0 without build metadata: parse, order, bump, and npm's `^` and `~` ranges."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Literal

from modelver.errors import UsageError

Part = Literal["major", "minor", "patch"]

_NUMBER = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_PRE = rf"{_IDENTIFIER}(?:\.{_IDENTIFIER})*"
_SEMVER = re.compile(rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_PRE}))?")
_RANGE = re.compile(rf"([\^~])v?({_NUMBER})(?:\.({_NUMBER}|[xX*]))?(?:\.({_NUMBER}|[xX*]))?(?:-({_PRE}))?")


@functools.total_ordering
@dataclass(frozen=True, kw_only=True, slots=True)
class SemVer:
    """One semantic version; `pre` holds the identifiers of a pre-release, numbers as `int`."""

    major: int
    minor: int
    patch: int
    pre: tuple[int | str, ...] = ()

    @property
    def core(self) -> tuple[int, int, int]:
        """Major, minor, patch."""
        return self.major, self.minor, self.patch

    def __lt__(self, other: SemVer) -> bool:
        return self._key() < other._key()

    def __str__(self) -> str:
        core = f"{self.major}.{self.minor}.{self.patch}"
        return f"{core}-{'.'.join(map(str, self.pre))}" if self.pre else core

    def _key(self) -> tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]:
        # A release is above its pre-releases; numbers are below words, and fewer identifiers below more.
        pre = tuple((False, part, "") if isinstance(part, int) else (True, 0, part) for part in self.pre)
        return self.core, not self.pre, pre


ZERO = SemVer(major=0, minor=0, patch=0)


def read(text: str) -> SemVer | None:
    """The semantic version that `text` is, or None; a `v` before it or build metadata after it is not one.

    >>> str(read("1.2.0-rc.1"))
    '1.2.0-rc.1'
    >>> read("v1.2.0") is None
    True
    """
    match = _SEMVER.fullmatch(text)
    if match is None:
        return None
    major, minor, patch, pre = match.groups()
    return SemVer(major=int(major), minor=int(minor), patch=int(patch), pre=_identifiers(pre))


def parse(text: str) -> SemVer:
    """Like `read`, but anything else is a UsageError."""
    version = read(text)
    if version is None:
        raise UsageError(
            "expected a semantic version like 1.2.0 or 1.2.0-rc.1", excerpt=text, mark=(0, max(1, len(text)))
        )
    return version


def bump(version: SemVer, part: Part) -> SemVer:
    """The next version; as in npm a pre-release is bumped to the release that it led up to.

    >>> str(bump(read("1.2.3"), "minor"))
    '1.3.0'
    >>> str(bump(read("2.0.0-rc.1"), "major"))
    '2.0.0'
    """
    major, minor, patch = version.core
    leads = bool(version.pre)
    if part == "major":
        major, minor, patch = (major if leads and not minor and not patch else major + 1), 0, 0
    elif part == "minor":
        minor, patch = (minor if leads and not patch else minor + 1), 0
    else:
        patch = patch if leads else patch + 1
    return SemVer(major=major, minor=minor, patch=patch)


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """`^` or `~` with one to three numbers; `str` prints it in its shortest form."""

    operator: str
    numbers: tuple[int, ...]
    pre: tuple[int | str, ...] = ()

    @property
    def lowest(self) -> SemVer:
        """The lowest version that the range holds."""
        major, minor, patch = (*self.numbers, 0, 0)[:3]
        return SemVer(major=major, minor=minor, patch=patch, pre=self.pre)

    @property
    def end(self) -> tuple[int, int, int]:
        """Major, minor, patch of the first release, with its pre-releases, above the range."""
        numbers = self.numbers
        if self.operator == "~":
            kept = min(2, len(numbers))
        else:
            # `^` keeps the leftmost number that is not 0; where all are 0, all that were given.
            kept = next((place + 1 for place, number in enumerate(numbers) if number), len(numbers))
        major, minor, patch = (*numbers[: kept - 1], numbers[kept - 1] + 1, 0, 0)[:3]
        return major, minor, patch

    def holds(self, version: SemVer) -> bool:
        """Whether `version` is in the range; a pre-release only beside one that the range itself names."""
        if version < self.lowest or version.core >= self.end:
            return False
        return not version.pre or bool(self.pre and version.core == self.lowest.core)

    def __str__(self) -> str:
        pre = f"-{'.'.join(map(str, self.pre))}" if self.pre else ""
        return f"{self.operator}{'.'.join(map(str, self.numbers))}{pre}"


def read_range(text: str) -> Range | None:
    """The range that `text` is, or None.

    >>> str(read_range("^1.2.x")), read_range("^1.2").holds(read("1.9.0"))
    ('^1.2', True)
    """
    match = _RANGE.fullmatch(text)
    if match is None:
        return None
    operator, *given, pre = match.groups()
    words = [word for word in given if word is not None]
    numbers = [word for word in words if word.isdigit()]
    wild = len(numbers) < len(words)
    if words[: len(numbers)] != numbers or (pre is not None and (wild or len(words) < 3)):
        return None
    return Range(operator=operator, numbers=tuple(map(int, numbers)), pre=_identifiers(pre))


def _identifiers(text: str | None) -> tuple[int | str, ...]:
    return tuple(int(part) if part.isdigit() else part for part in text.split(".")) if text else ()
