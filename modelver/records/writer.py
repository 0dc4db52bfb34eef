"""Writing the YAML of the records (rule C3): stable, and read alike by YAML 1.1, 1.2 and JSON.

Needs no PyYAML, which costs some 20 ms to import and whose dumper leaves `12e34567` plain.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from modelver.domain.records import Scalar
from modelver.domain.text import quoted
from modelver.errors import UsageError

SIZE_LIMIT = 256 * 1024  # bytes
DEPTH_LIMIT = 16  # the mapping of the record is the first
EVENT_LIMIT = 20_000
DIGIT_LIMIT = 100

# Whatever starts like this and has no other character anywhere is written plain, unless a reader would take it for
# something else. A colon or number sign stands only where it cannot begin a value or a comment.
_PLAIN = re.compile(r"(?!\.\.\.)[\w./(<^+$;\\](?:[ \w./()<>@+\-*=~^$%&!?;,'\"\[\]{}|\\]|:(?!\s|$)|(?<! )#)*")
_AMBIGUOUS = re.compile(
    r"""(?ix)
    ~ | null | true | false | yes | no | on | off | y | n | = | <<
    | [-+]? \.? (?: inf | nan | infinity )
    | [-+]? 0 [box] [0-9a-f_.p+-]*                                   # other bases, hexadecimal floats
    | [-+]? (?= [_,.]* [0-9] ) [0-9_,]* (?: \. [0-9_,]* )? (?: e [-+]? [0-9_]* )?      # with what groups digits
    | [-+._,]+
    | [-+]? [0-9_,]+ (?: : [0-9_]+ )+ (?: \. [0-9_]* )?              # 1:30 is 90 in YAML 1.1
    | [0-9]{4} - [0-9]{1,2} - [0-9]{1,2} .*                          # dates, with or without a time
    """
)
# Not in a file as they are: controls, what a reader takes for the end of a line, what changes the order in which
# a line is shown or is not shown at all, what libyaml refuses.
_HIDDEN = (
    "\x00-\x1f\x7f-\xa0\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\U000e0000-\U000e0fff"
)
_ESCAPING = re.compile(f"[{_HIDDEN}]")
_ESCAPED = re.compile(f'["\\\\{_HIDDEN}]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_SURROGATE = re.compile("[\ud800-\udfff]")
_KEY_LIMIT = 900  # characters; libyaml looks for the colon of a plain key in the next 1,024


def write(mapping: Mapping[str, Any]) -> bytes:
    """The file that holds `mapping`: block style, keys in their order, LF, UTF-8.

    Raises UsageError for what `read` would refuse: NaN, infinity, numbers too long, keys that are no strings,
    values of other types, too much or too deep.
    """
    writer = _Writer()
    writer.mapping(mapping, "", 1)
    data = ("".join(writer.parts) if mapping else "{}\n").encode("utf-8")
    if len(data) > SIZE_LIMIT:
        raise UsageError(f"a record of {len(data)} bytes is too large; at most {SIZE_LIMIT} are kept")
    return data


def scalar(value: Scalar) -> str:
    """A scalar as it stands in a file, on one line.

    >>> scalar(1e-5), scalar("no"), scalar("1.2.0"), scalar(None)
    ('1.0e-05', "'no'", '1.2.0', 'null')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return _float(value)
    if not isinstance(value, str):
        raise UsageError(f"a value of the type {type(value).__name__} cannot be kept in a record")
    if _SURROGATE.search(value):
        raise UsageError(f"{quoted(value)} is not UTF-8")
    if _ESCAPING.search(value):
        return f'"{_ESCAPED.sub(_escape, value)}"'
    if _PLAIN.fullmatch(value) and not value.endswith(" ") and not _AMBIGUOUS.fullmatch(value):
        return value
    return "'" + value.replace("'", "''") + "'"


def _integer(value: int) -> str:
    # Compared first: Python refuses to print numbers of thousands of digits.
    if abs(value) >= 10**DIGIT_LIMIT:
        raise UsageError(f"a whole number of over {DIGIT_LIMIT} digits cannot be kept")
    return int.__repr__(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise UsageError(f"{float.__repr__(value)} is no finite number and cannot be kept")
    mantissa, exponent, power = float.__repr__(value).partition("e")
    # YAML 1.1 knows no float without a point: 1e-05 would be a string.
    return mantissa + ("" if "." in mantissa or not exponent else ".0") + exponent + power


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if (short := _SHORT.get(match[0])) is not None:
        return short
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class _Writer:
    """Collects lines, and counts what the reader will count."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._events = 4  # begin and end of stream and document

    def mapping(self, mapping: Mapping[Any, Any], indent: str, depth: int, first: str | None = None) -> None:
        """The lines of a mapping; the first begins with `first` instead of `indent`."""
        self._enter(depth)
        for key, value in mapping.items():
            if not isinstance(key, str):
                raise UsageError(f"the key {quoted(str(key))} is no string")
            self._count(1)
            word = scalar(key)
            start = indent if first is None else first
            first = None
            if len(word) > _KEY_LIMIT:
                self.parts.append(f"{start}? {word}\n")
                start, word = indent, ""
            self._value(value, f"{start}{word}:", indent, depth)

    def _sequence(self, items: list[Any] | tuple[Any, ...], indent: str, depth: int, first: str | None = None) -> None:
        self._enter(depth)
        for item in items:
            start = (indent if first is None else first) + "-"
            first = None
            if isinstance(item, Mapping) and item:
                self.mapping(item, indent + "  ", depth + 1, f"{start} ")
            elif isinstance(item, list | tuple) and item:
                self._sequence(item, indent + "  ", depth + 1, f"{start} ")
            else:
                self._value(item, start, indent, depth)

    def _value(self, value: Any, start: str, indent: str, depth: int) -> None:
        """What follows a key or a dash; `start` is the line so far."""
        if isinstance(value, Mapping) and value:
            self.parts.append(f"{start}\n")
            self.mapping(value, indent + "  ", depth + 1)
        elif isinstance(value, list | tuple) and value:
            self.parts.append(f"{start}\n")
            self._sequence(value, indent, depth + 1)
        elif isinstance(value, Mapping | list | tuple):
            self._enter(depth + 1)
            self.parts.append(f"{start} {'{}' if isinstance(value, Mapping) else '[]'}\n")
        else:
            self._count(1)
            block = _block(value, indent + "  ") if isinstance(value, str) and "\n" in value else None
            self.parts.append(f"{start} {scalar(value) if block is None else block}\n")

    def _enter(self, depth: int) -> None:
        if depth > DEPTH_LIMIT:
            raise UsageError(f"values nested deeper than {DEPTH_LIMIT} cannot be kept")
        self._count(2)

    def _count(self, events: int) -> None:
        self._events += events
        if self._events > EVENT_LIMIT:
            raise UsageError(f"a record of over {EVENT_LIMIT // 2} values cannot be kept")


def _block(text: str, indent: str) -> str | None:
    """A text of several lines as a literal block, where nothing in it is of the kind that readers disagree on."""
    lines = text.split("\n")
    keep = "" if lines[-1] == "" else "-"
    lines = lines if keep else lines[:-1]
    if not lines[0] or not lines[-1] or lines[0].startswith(" "):
        return None
    if any(line.endswith(" ") or _ESCAPING.search(line) for line in lines) or _SURROGATE.search(text):
        return None
    return f"|{keep}\n" + "\n".join(indent + line if line else "" for line in lines)
