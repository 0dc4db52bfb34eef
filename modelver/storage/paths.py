"""Paths within a directory artifact: where symbolic links lead, and which names some disks hold for one (C5).

Pure functions on strings; nothing here looks at the disk.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from itertools import accumulate

from modelver.domain.text import printable

Links = Mapping[str, str]  # path of a link -> its target

MAX_HOPS = 40  # links on one way; the kernel gives up there, so nothing that it follows escapes us
MAX_LENGTH = 4096  # characters of a path or target; no kernel takes more
MAX_PARTS = 256  # of a path, and of all targets on one way: a hostile manifest must not cost hours
MAX_WARNINGS = 100


class Ways:
    """Where the links of one directory lead, on disks that fold names and on those that do not."""

    def __init__(self, links: Links) -> None:
        self._as_written = _Disk(links)
        folded = {fold(path): fold(target) for path, target in links.items()}
        # A disk that takes `A` for `a` finds other ways: one may lead out only there.
        self._folded = _Disk(folded) if folded != dict(links) else None

    def lead_out(self, link: str) -> str | None:
        """Why the link at `link` may not be kept, or None when it stays inside, also by way of other links.

        It need not lead to anything that is there.

        >>> Ways({"a/x": "../b"}).lead_out("a/x"), Ways({"x": "../b"}).lead_out("x")
        (None, 'it leads out of the directory')
        """
        if link.count("/") >= MAX_PARTS:
            return f"it lies more than {MAX_PARTS} directories deep"
        return self._as_written.walk(link) or (self._folded.walk(fold(link)) if self._folded else None)


class _Disk:
    """The links as one kind of file system finds them.

    A place is known by a number made from that of the place above it, so that a step costs the same however
    long the path is; only where the number is that of a link is the path put together and looked up.
    """

    def __init__(self, links: Links) -> None:
        self._links = links
        self._marks = {_marks(path.split("/"))[-1] for path in links if path.count("/") < MAX_PARTS}

    def walk(self, link: str) -> str | None:
        """Go where a link leads; why that may not be, or None."""
        here = link.split("/")
        marks = _marks(here)
        rest: list[str] = []
        steps = 0
        for _hop in range(MAX_HOPS + 1):
            target = self._links["/".join(here)]
            steps += target.count("/") + 1
            fault = _fault_of_target(target, steps)
            if fault is not None:
                return fault
            del here[-1], marks[-1]
            rest.extend(reversed(target.split("/")))
            if not self._follow(rest, here, marks):
                return "it leads out of the directory"
            if not self._is_link(here, marks):
                return None
        return "it leads round in a circle"

    def _follow(self, rest: list[str], here: list[str], marks: list[int]) -> bool:
        """Take steps off `rest` until it is empty or there is a link; False where one leads out."""
        while rest and (marks[-1] not in self._marks or not self._is_link(here, marks)):  # a call costs twice a step
            part = rest.pop()
            if part == "..":
                if not here:
                    return False
                del here[-1], marks[-1]
            elif part not in ("", "."):
                here.append(part)
                marks.append(hash((marks[-1], part)))
        return True

    def _is_link(self, here: list[str], marks: list[int]) -> bool:
        return marks[-1] in self._marks and "/".join(here) in self._links


def _marks(parts: list[str]) -> list[int]:
    """A number for each place on the way, that of the directory itself first."""
    return list(accumulate(parts, lambda mark, part: hash((mark, part)), initial=0))


def _fault_of_target(target: str, steps: int) -> str | None:
    if target.startswith("/"):
        return "it leads to an absolute path"
    if not target or "\0" in target or len(target) > MAX_LENGTH:
        return "it leads nowhere"
    if steps > MAX_PARTS:
        return f"its way has more than {MAX_PARTS} parts"
    return None


def folding_warnings(paths: Iterable[str]) -> list[str]:
    """A line for names that differ, but are one after NFC and case folding: not every disk keeps them apart.

    Directories count too: `A/x` and `a/y` meet in one directory there.
    """
    seen: dict[str, str] = {}
    told: list[str] = []
    for path in paths:
        for end in [index for index, character in enumerate(path) if character == "/"] + [len(path)]:
            name = path[:end]
            other = seen.setdefault(fold(name), name)
            if other != name and len(told) < MAX_WARNINGS:
                told.append(f"{printable(other)} and {printable(name)} are one name where the disk folds case")
    return list(dict.fromkeys(told))


def fold(path: str) -> str:
    """The key under which a file system that folds names would find `path`."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
