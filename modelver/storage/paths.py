"""Paths within a directory artifact: where symbolic links lead, and which names some disks hold for one (C5).

Pure functions on strings; nothing here looks at the disk.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping

from modelver.domain.text import printable

Links = Mapping[str, str]  # path of a link -> its target

MAX_HOPS = 40  # links on one way; the kernel gives up there, so nothing that it follows escapes us
MAX_LENGTH = 4096  # characters of a path or target; no kernel takes more
MAX_WARNINGS = 100


def leads_out(link: str, links: Links, folded: Links | None = None) -> str | None:
    """Why the link at `link` may not be kept, or None when it stays inside, also by way of other links.

    It need not lead to anything that is there. `folded` is `fold_links(links)`, where many are asked for.

    >>> leads_out("a/x", {"a/x": "../b"}), leads_out("x", {"x": "../b"})
    (None, 'it leads out of the directory')
    """
    return _walk(link, links, str) or _walk(link, fold_links(links) if folded is None else folded, fold)


def fold_links(links: Links) -> Links:
    """The links as a file system finds them that takes `A` for `a`: a way may lead out only there."""
    return {fold(path): target for path, target in links.items()}


def _walk(link: str, links: Links, key: Callable[[str], str]) -> str | None:
    """Go where a link leads, as a file system does that compares names by their `key`."""
    here = link.split("/")
    rest: list[str] = []
    for _hop in range(MAX_HOPS + 1):
        target = links.get(key("/".join(here)))
        if target is not None:
            fault = _fault_of_target(target)
            if fault is not None:
                return fault
            here.pop()
            rest.extend(reversed(target.split("/")))
        while rest and key("/".join(here)) not in links:
            part = rest.pop()
            if part == "..":
                if not here:
                    return "it leads out of the directory"
                here.pop()
            elif part not in ("", "."):
                here.append(part)
        if not rest and key("/".join(here)) not in links:
            return None
    return "it leads round in a circle"


def _fault_of_target(target: str) -> str | None:
    if target.startswith("/"):
        return "it leads to an absolute path"
    if not target or "\0" in target or len(target) > MAX_LENGTH:
        return "it leads nowhere"
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
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
