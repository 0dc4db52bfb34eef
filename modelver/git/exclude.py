"""The marked block in `info/exclude` that keeps Git from offering artifacts (rule T1).

The block belongs to modelver; every byte outside of it is the user's and is kept.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from modelver import files
from modelver.git.block import BEGIN, END, pattern, split
from modelver.git.repository import Repository

_OBJECTS = ".modelver/objects"


def hides(repository: Repository, path: str) -> bool:
    """Whether the block has a line for this path."""
    return pattern(path) in _lines(repository)


def unhidden(repository: Repository, paths: Iterable[str]) -> tuple[str, ...]:
    """What is to be added to hide these paths; with the first one come the objects in the work tree."""
    wanted = list(paths)
    lines = _lines(repository)
    return tuple(path for path in [_OBJECTS, *wanted] if wanted and pattern(path) not in lines)


def hide(repository: Repository, paths: Iterable[str], *, staging: Path) -> None:
    """Add lines to the block; the former list stays at hand for `go_back`."""
    with contextlib.suppress(OSError):
        files.link_exclusive(_path(repository), staging / "exclude.previous")
    _write(repository, [*_lines(repository), *map(pattern, paths)], staging)


def go_back(repository: Repository, *, staging: Path) -> None:
    """Undo `hide`; this needs no room on the disk, where `show` does."""
    previous = staging / "exclude.previous"
    if previous.exists():
        os.replace(previous, _path(repository))


def show(repository: Repository, paths: Iterable[str], *, staging: Path) -> None:
    """Take lines out of the block again; an empty block goes."""
    gone = {pattern(path) for path in paths}
    lines = _lines(repository)
    if gone & set(lines):
        _write(repository, [line for line in lines if line not in gone], staging)


def has_more(repository: Repository, paths: Iterable[str]) -> bool:
    """Whether the block has lines for other paths than these."""
    return not set(_lines(repository)) <= {pattern(path) for path in [_OBJECTS, *paths]}


def replace(repository: Repository, paths: Iterable[str], *, staging: Path) -> None:
    """Make the whole block anew."""
    _write(repository, map(pattern, [_OBJECTS, *paths]), staging)


def sweep(repository: Repository) -> None:
    """Remove the draft that a kill left beside the list, where that lies on another file system."""
    path = _path(repository)
    path.with_name(f"{path.name}.modelver").unlink(missing_ok=True)


def _lines(repository: Repository) -> list[bytes]:
    return split(_content(repository))[1]


def _write(repository: Repository, lines: Iterable[bytes], staging: Path) -> None:
    old = _content(repository)
    before, _, after = split(old)
    block = list(dict.fromkeys(lines))
    marked = [BEGIN, *block, END] if block else []
    new = b"\n".join([*before, *marked, *after, b""])
    if new == old:
        return
    path = _path(repository)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = staging if files.same_file_system(staging, path.parent) else path.parent
    draft = aside / f"{path.name}.modelver"
    files.replace_file(path, new, draft=draft)


def _path(repository: Repository) -> Path:
    # A link to a shared list of the user's own stays a link.
    return (repository.common_dir / "info" / "exclude").resolve()


def _content(repository: Repository) -> bytes:
    with contextlib.suppress(FileNotFoundError):
        return _path(repository).read_bytes()
    return b""
