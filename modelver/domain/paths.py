"""Which relative paths may be written inside a work tree (rule C5); pure, no file is looked at."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from modelver.domain.text import quoted
from modelver.errors import Damaged, UsageError

# Code points that HFS+ ignores when it compares names, so that `.g<U+200C>it` opens `.git`; the list is Git's.
_HFS_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_DRIVE = re.compile(r"[A-Za-z]:")
_FORBIDDEN = re.compile("[\\\\\x00\ud800-\udfff]")
_LONGEST = 4096  # characters; no kernel takes more
_CHARACTERS = {"\\": "a backslash is a separator on Windows", "\x00": "no file's name holds NUL"}


def check_relative(path: str, *, root: bool = True) -> None:
    """Refuse, with Damaged, a path from a record or manifest that may not be written.

    POSIX, relative to the repository's root; where `root` is false, to a directory below it, which may hold
    an entry `.modelver` of its own. Spaces, newlines, a leading `-` and Unicode are legal.

    >>> check_relative("models/fraud v2.safetensors")
    """
    if (fault := _fault(path, root)) is not None:
        raise Damaged(f"the path {quoted(path)} is refused: {fault[0]}")


def check_typed(path: str, *, root: bool = True) -> None:
    """The same for a path that a person typed: UsageError, with a mark under the wrong part."""
    if (fault := _fault(path, root)) is not None:
        raise UsageError(f"the path {quoted(path)} is refused: {fault[0]}", excerpt=path, mark=fault[1])


def fault(path: str) -> str | None:
    """Why a path inside a directory artifact is refused, None when it may be written.

    >>> fault("a/b.bin"), fault("a/../b")
    (None, 'it leads out of its directory')
    """
    found = _fault(path, root=False)
    return found[0] if found else None


def is_git(component: str) -> bool:
    """Whether some file system takes this name for Git's own directory.

    >>> [is_git(name) for name in (".git", ".GIT", "git~1", ".git. .", ".git::$INDEX_ALLOCATION", ".gitignore")]
    [True, True, True, True, True, False]
    """
    return fold_component(component) in (".git", "git~1")


def _fault(path: str, root: bool) -> tuple[str, tuple[int, int]] | None:
    """Why `path` is refused, and the half-open range that is to blame; None when it may be written."""
    if not path:
        return "it is empty", (0, 0)
    if len(path) > _LONGEST:
        return f"it is longer than {_LONGEST} characters", (_LONGEST, len(path))
    if path.startswith("/"):
        return "it is absolute", (0, 1)
    if _DRIVE.match(path):
        return "it names a drive", (0, 2)
    if (wrong := _FORBIDDEN.search(path)) is not None:
        return _CHARACTERS.get(wrong[0], "it is not UTF-8"), wrong.span()
    start = 0
    for part in path.split("/"):
        span = (start, max(start + 1, start + len(part)))
        if part in ("", "."):
            return "a part of it is empty or '.'", span
        if part == "..":
            return "it leads out of its directory", span
        folded = fold_component(part)
        if is_git(part):
            return "a part of it is Git's own directory on some file system", span
        if folded == "..":
            return "it leads out of its directory on some file system", span
        if root and start == 0 and folded == ".modelver":
            return "it lies in .modelver, which holds the registry's records", span
        start += len(part) + 1
    return None


@lru_cache(maxsize=65536)  # the same few directories stand before thousands of files
def fold_component(part: str) -> str:
    """One component as the most forgiving of HFS+ and NTFS sees it: `.GIT. `, `.git::$INDEX_ALLOCATION` → `.git`."""
    visible = unicodedata.normalize("NFC", _HFS_IGNORED.sub("", part)).casefold()
    stem = visible.partition(":")[0]
    bare = stem.rstrip(". ")
    return bare or (".." if stem.startswith("..") else stem)
