"""Converters: from a node of a file to a typed value, or `Wrong` with the words for what was expected."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from modelver.domain import names, paths
from modelver.domain.records import Value
from modelver.errors import Damaged
from modelver.records.nodes import Convert, Node, T, Wrong

FORMAT = 1

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
WORD = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
_MOMENT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")
_BIGGEST = 2**63 - 1  # bytes; what a file system can count


def text(node: Node) -> str:
    """Any string."""
    if not isinstance(node.value, str):
        raise Wrong("a string")
    return node.value


def word(node: Node) -> str:
    """A short string without spaces, like the name of a relation."""
    return _matching(node, WORD.fullmatch, "a word")


def truth(node: Node) -> bool:
    """true or false."""
    if not isinstance(node.value, bool):
        raise Wrong("true or false")
    return node.value


def natural(node: Node) -> int:
    """A whole number from 0 on."""
    if not isinstance(node.value, int) or isinstance(node.value, bool) or not 0 <= node.value <= _BIGGEST:
        raise Wrong("a whole number from 0 on")
    return node.value


def positive(node: Node) -> int:
    """A whole number from 1 on."""
    if natural(node) < 1:
        raise Wrong("a whole number from 1 on")
    return natural(node)


def format_number(node: Node) -> int:
    """The number of a format that this release knows."""
    if not isinstance(node.value, int) or isinstance(node.value, bool) or node.value != FORMAT:
        raise Wrong(f"format {FORMAT}, the one that this release of modelver knows")
    return node.value


def one_of(*words: str) -> Convert[str]:
    """One of a few words."""
    return lambda node: _matching(node, words.__contains__, " or ".join(words))


def optional(convert: Convert[T]) -> Convert[T | None]:
    """null, or what `convert` takes."""
    return lambda node: None if node.value is None else convert(node)


def digest(node: Node) -> str:
    """`sha256:` and 64 hexadecimal digits."""
    return _matching(node, _DIGEST.fullmatch, "sha256: and 64 hexadecimal digits")


def model_name(node: Node) -> str:
    """A model's name."""
    return _matching(node, names.is_model_name, "a model's name")


def stage_name(node: Node) -> str:
    """A stage's name."""
    return _matching(node, names.is_stage_name, "a stage's name")


def label_name(node: Node) -> str:
    """A label."""
    return _matching(node, names.is_label_name, "a label")


def version_name(node: Node) -> str:
    """A version's id."""
    return _matching(node, names.is_version_id, "a version's id")


def moment(node: Node) -> datetime:
    """A second in UTC."""
    match = _MOMENT.fullmatch(node.value) if isinstance(node.value, str) else None
    if match is not None:
        year, month, day, hour, minute, second = map(int, match.groups())
        try:
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            pass
    raise Wrong("a second in UTC like '2024-01-01T12:00:00Z'")


def moment_text(value: datetime) -> str:
    """The second of an aware moment as records write it, in UTC."""
    utc = value.astimezone(UTC)
    day = f"{utc.year:04}-{utc.month:02}-{utc.day:02}"
    return f"{day}T{utc.hour:02}:{utc.minute:02}:{utc.second:02}Z"


def relative_path(node: Node) -> str:
    """A path that may be written inside a work tree."""
    path = text(node)
    try:
        paths.check_relative(path)
    except Damaged as error:
        raise Wrong(f"a path inside the repository ({error.message.rpartition(': ')[2]})") from None
    return path


def mapping(node: Node) -> dict[str, Value]:
    """Keys and values of any kind."""
    plain = node.plain()
    if not isinstance(plain, dict):
        raise Wrong("a mapping")
    return plain


def finite(node: Node) -> int | float:
    """A number; the reader let no NaN and no infinity in."""
    if not isinstance(node.value, int | float) or isinstance(node.value, bool):
        raise Wrong("a finite number")
    return node.value


def _matching(node: Node, accept: Callable[[str], object], expected: str) -> str:
    if not isinstance(node.value, str) or not accept(node.value):
        raise Wrong(expected)
    return node.value
