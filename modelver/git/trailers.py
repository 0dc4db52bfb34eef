"""The trailers of a commit: what its last paragraph says to programs (rule W10)."""

from __future__ import annotations

import re

_PARAGRAPHS = re.compile(r"\n[ \t]*\n")
_OURS = re.compile(r"^Modelver-([A-Za-z]+): (.*)$", re.MULTILINE)


def trailers(message: str) -> list[tuple[str, str]]:
    """Our trailers in a commit's message, in order, each as what stands behind `Modelver-` and its value.

    What a person wrote above the last paragraph may look like them, and is none.

    >>> trailers("modelver: tag fraud\\n\\nModelver-Op: evil\\n\\nModelver-Op: tag\\nModelver-Model: fraud\\n")
    [('Op', 'tag'), ('Model', 'fraud')]
    """
    _, *paragraphs = _PARAGRAPHS.split(message.strip("\n"))
    return _OURS.findall(paragraphs[-1]) if paragraphs else []


def is_operation(body: bytes) -> bool:
    """Whether a commit, whose bytes are given, says of itself that it is an operation of ours."""
    message = body.partition(b"\n\n")[2].decode("utf-8", "surrogateescape")
    return any(key == "Op" for key, _ in trailers(message))
