"""The strict YAML of the records: `read` trusts nothing (rule C4); `write` is in `writer.py` (rule C3).

The reader builds its tree from parser events, because PyYAML's composer overflows the process's stack on deep
nesting and its resolver takes `1e-4` for a string, `no` for false and `1:30` for 90.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from modelver.domain.records import Scalar
from modelver.domain.text import printable, quoted
from modelver.errors import Damaged
from modelver.records.nodes import Node
from modelver.records.writer import DEPTH_LIMIT, DIGIT_LIMIT, EVENT_LIMIT, SIZE_LIMIT, scalar, write

if TYPE_CHECKING:
    from yaml.events import Event

__all__ = ["DEPTH_LIMIT", "DIGIT_LIMIT", "EVENT_LIMIT", "SIZE_LIMIT", "read", "scalar", "write"]

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"-?Infinity|NaN|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: dict[str, Scalar] = {"": None, "null": None, "true": True, "false": False}
# What libyaml refuses too; asked here first, because its answer does not tell the line.
_UNREADABLE = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def read(data: bytes, *, name: str) -> Node:
    """The mapping that the file `name` holds; Damaged, `<name>:<line>: …`, when rule C4 does not allow it.

    An empty file is an empty mapping. In the tree keys are strings, values JSON's.
    """
    if len(data) > SIZE_LIMIT:
        raise _damaged(name, 1, f"the file has {len(data)} bytes, over {SIZE_LIMIT}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _damaged(name, data.count(b"\n", 0, error.start) + 1, "not UTF-8") from None
    if (wrong := _UNREADABLE.search(text)) is not None:
        raise _damaged(name, text.count("\n", 0, wrong.start()) + 1, f"the character {ord(wrong[0]):#x} is not allowed")
    builder = _Builder(name)
    for event in _events(data, name):
        builder.take(event)
    return builder.root or Node(file=name, line=1, value={})


def _events(data: bytes, name: str) -> Iterator[Event]:
    """The parser's events, and its errors as ours."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        yield from yaml.parse(data, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = [printable(word) for word in (error.context, error.problem) if word]
        raise _damaged(name, 1 if mark is None else mark.line + 1, f"no YAML: {', '.join(words)}") from None
    # The parsers let a few of Python's own errors out, e.g. for "\U99999999" in PyYAML's.
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise _damaged(name, 1, f"no YAML: {quoted(str(error))}") from None


class _Builder:
    """Builds the tree event by event, on a stack of its own, and stops at the first thing that is not allowed."""

    def __init__(self, name: str) -> None:
        self.root: Node | None = None
        self._name = name
        self._stack: list[Node] = []
        self._keys: list[str | None] = []  # of each mapping on the stack: the key that waits for its value
        self._events = 0
        self._documents = 0

    def take(self, event: Event) -> None:
        """One event more; Damaged when it may not be there."""
        self._events += 1
        line = 1 if event.start_mark is None else event.start_mark.line + 1
        if self._events > EVENT_LIMIT:
            raise _damaged(self._name, line, f"over {EVENT_LIMIT} events of YAML")
        kind = type(event).__name__
        if kind == "AliasEvent":
            raise _damaged(self._name, line, "aliases are not allowed")
        if getattr(event, "anchor", None) is not None:
            raise _damaged(self._name, line, "anchors are not allowed")
        if getattr(event, "tag", None) is not None:
            raise _damaged(self._name, line, "tags are not allowed")
        if kind == "DocumentStartEvent":
            self._document(event, line)
        elif kind == "ScalarEvent":
            self._scalar(event, line)
        elif kind == "MappingStartEvent":
            self._open({}, line)
        elif kind == "SequenceStartEvent":
            self._open([], line)
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            self._stack.pop()
            self._keys.pop()

    def _document(self, event: Any, line: int) -> None:
        self._documents += 1
        if self._documents > 1:
            raise _damaged(self._name, line, "a second document is not allowed")
        if event.version or event.tags:
            raise _damaged(self._name, line, "directives are not allowed")

    def _scalar(self, event: Any, line: int) -> None:
        text: str = event.value
        if not text.isascii() and _SURROGATE.search(text):
            raise _damaged(self._name, line, "half a surrogate pair is no character")
        if self._stack and isinstance(self._stack[-1].value, dict) and self._keys[-1] is None:
            if text in self._stack[-1].value:
                raise _damaged(self._name, line, f"the key {quoted(text)} stands twice")
            self._keys[-1] = text
            return
        plain = bool(event.implicit[0])
        self._place(self._plain(text, line) if plain else text, line)

    def _plain(self, text: str, line: int) -> Scalar:
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            if len(text.lstrip("-")) > DIGIT_LIMIT:
                raise _damaged(self._name, line, f"a whole number of over {DIGIT_LIMIT} digits")
            return int(text)
        if _FLOAT.fullmatch(text):
            number = float(text)
            if math.isinf(number):
                raise _damaged(self._name, line, f"{quoted(text)} is too large a number")
            return number
        if _NOT_FINITE.fullmatch(text):
            raise _damaged(self._name, line, f"{text} is no finite number; a string is put in quotes")
        return text

    def _open(self, value: dict[str, Node] | list[Node], line: int) -> None:
        if self._stack and isinstance(self._stack[-1].value, dict) and self._keys[-1] is None:
            raise _damaged(self._name, line, "a key has to be a string")
        if len(self._stack) >= DEPTH_LIMIT:
            raise _damaged(self._name, line, f"nested deeper than {DEPTH_LIMIT}")
        self._stack.append(self._place(value, line))
        self._keys.append(None)

    def _place(self, value: dict[str, Node] | list[Node] | Scalar, line: int) -> Node:
        """Put a value where the stack says that it belongs."""
        if not self._stack:
            if not isinstance(value, dict):
                raise _damaged(self._name, line, "expected a mapping")
            self.root = Node(file=self._name, line=line, value=value)
            return self.root
        parent = self._stack[-1]
        if isinstance(parent.value, dict):
            key = self._keys[-1] or ""
            node = Node(file=self._name, line=line, value=value, parent=parent, key=key)
            parent.value[key] = node
            self._keys[-1] = None
        else:
            items: list[Node] = parent.value  # type: ignore[assignment]
            node = Node(file=self._name, line=line, value=value, parent=parent, key=len(items))
            items.append(node)
        return node


def _damaged(name: str, line: int, message: str) -> Damaged:
    return Damaged(f"{printable(name)}:{line}: {message}")
