"""Git's configuration and the identity that it gives, as values."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Configuration:
    """Git's configuration: every value of each key, in the order of precedence."""

    values: Mapping[str, list[str]]

    def last(self, *keys: str) -> str | None:
        """The value that counts, of the first of these keys that is set."""
        return next((self.values[key][-1] for key in keys if key in self.values), None)

    def flag(self, key: str) -> bool:
        """A boolean value, false where it is not set."""
        return (self.last(key) or "false").lower() in ("true", "yes", "on", "1")

    def below(self, *sections: str) -> dict[str, str]:
        """All settings of some sections, each with the value that counts."""
        prefixes = tuple(f"{section}." for section in sections)
        return {key: values[-1] for key, values in self.values.items() if key.startswith(prefixes)}


@dataclass(frozen=True)
class Identity:
    """Author and committer as `Name <mail> seconds zone`, the form of Git's objects."""

    author: str
    committer: str

    @property
    def name(self) -> str:
        """The author as `Name <mail>`."""
        return self.author.rsplit(" ", 2)[0]


def without_crud(text: str) -> str:
    """Strip from a name what Git strips: marks at the ends, angle brackets and line breaks within.

    >>> without_crud(' "A. <b>" ')
    'A. b'
    """
    crud = "".join(map(chr, range(33))) + ".,:;<>\"\\'"
    return "".join(letter for letter in text.strip(crud) if letter not in "<>\n")


def now() -> str:
    """This moment as Git writes it: seconds and zone."""
    now = time.time()
    offset = time.localtime(now).tm_gmtoff // 60
    sign = "-" if offset < 0 else "+"
    return f"{int(now)} {sign}{abs(offset) // 60:02d}{abs(offset) % 60:02d}"
