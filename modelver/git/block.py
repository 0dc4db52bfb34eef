"""The marked block of ignore lines that is modelver's own, as text: its lines, and the line for a path (rule T1)."""

from __future__ import annotations

import re

BEGIN = b"# modelver: begin (made from the records; what is changed between these lines gets lost)"
END = b"# modelver: end"
_SPECIAL = re.compile(r"([\\*?\[\]!#])")


def pattern(path: str) -> bytes:
    r"""The anchored gitignore line that means exactly this path.

    A control character cannot stand in a line of its own file, so any one is matched in its place.

    >>> pattern("models/a b[1].bin ")
    b'/models/a b\\[1\\].bin\\ '
    """
    line = "/" + _SPECIAL.sub(r"\\\1", path)
    line = re.sub(r" $", r"\\ ", line)
    line = re.sub(r"[\x00-\x1f\x7f]", "[[:cntrl:]]", line)
    return line.encode("utf-8", "surrogateescape")


def split(content: bytes) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """The lines before, within and after the block; a block without an end ends with the file."""
    lines = content.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    if BEGIN not in lines:
        return lines, [], []
    begin = lines.index(BEGIN)
    end = lines.index(END, begin) if END in lines[begin:] else len(lines)
    return lines[:begin], lines[begin + 1 : end], lines[end + 1 :]
