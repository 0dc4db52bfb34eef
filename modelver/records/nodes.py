"""A record's file as a tree that knows its lines, and typed getters that collect every fault of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from modelver.domain.records import Scalar, Value
from modelver.domain.text import printable, quoted
from modelver.errors import Damaged

T = TypeVar("T")
_KEY_SHOWN = 80  # characters


@dataclass(kw_only=True, slots=True)
class Node:
    """One value of a file, with its place: `line` counts from 1."""

    file: str
    line: int
    value: dict[str, Node] | list[Node] | Scalar
    parent: Node | None = field(default=None, repr=False)
    key: str | int = ""

    @property
    def path(self) -> str:
        """Where the value stands, like `artifact.size` or `inputs[0].id`; "" for the whole file."""
        # Put together when it is asked for: kept in each node, one long key would be copied thousands of times.
        if self.parent is None:
            return str(self.key)
        if isinstance(self.key, int):
            return f"{self.parent.path}[{self.key}]"
        key = printable(self.key if len(self.key) <= _KEY_SHOWN else self.key[:_KEY_SHOWN] + "…")
        before = self.parent.path
        return f"{before}.{key}" if before else key

    def plain(self) -> Value:
        """The value as Python's own mappings, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def shown(self) -> str:
        """The value as a message names it."""
        if isinstance(self.value, dict):
            return "a mapping"
        if isinstance(self.value, list):
            return "a list"
        if isinstance(self.value, str):
            return quoted(self.value)
        if self.value is None:
            return "nothing"
        return str(self.value).lower()


class Wrong(Exception):
    """What a converter expected instead, in words."""


Convert = Callable[[Node], T]


@dataclass(kw_only=True, slots=True)
class Faults:
    """Every fault of a file, in the order in which they were found."""

    lines: list[str] = field(default_factory=list)

    def add(self, node: Node, message: str, key: str = "") -> None:
        """One fault more, at the node or at the `key` that it should have."""
        path = ".".join(part for part in (node.path, key) if part)
        prefix = f"{path}: " if path else ""
        self.lines.append(f"{printable(node.file)}:{node.line}: {prefix}{message}")

    def check(self) -> None:
        """Raise Damaged with all of them, the first as its message."""
        if self.lines:
            raise Damaged(self.lines[0], hint=self.lines[1:])


class Fields:
    """The keys of a mapping, taken one by one; what nobody took is the `rest`.

    A getter whose value is wrong notes the fault and gives a stand-in of the wrong type. That is safe because
    `Faults.check` comes before anybody sees the record.
    """

    def __init__(self, node: Node, faults: Faults) -> None:
        self.node = node
        self.faults = faults
        self._left: dict[str, Node] = {}
        if isinstance(node.value, dict):
            self._left = dict(node.value)
        else:
            faults.add(node, f"expected a mapping, found {node.shown()}")

    def need(self, key: str, convert: Convert[T]) -> T:
        """The value of a key that has to be there."""
        child = self._left.pop(key, None)
        if child is None:
            if isinstance(self.node.value, dict):
                self.faults.add(self.node, "missing", key)
            return cast(T, None)
        return self._converted(child, convert)

    def may(self, key: str, convert: Convert[T], default: T) -> T:
        """The value of a key, or `default` where it is absent."""
        child = self._left.pop(key, None)
        return default if child is None else self._converted(child, convert)

    def each(self, key: str, make: Callable[[Fields], T]) -> tuple[T, ...]:
        """The records in the list at a key; none where it is absent."""
        child = self._left.pop(key, None)
        if child is None:
            return ()
        if not isinstance(child.value, list):
            self.faults.add(child, f"expected a list, found {child.shown()}")
            return ()
        return tuple(make(Fields(item, self.faults)) for item in child.value)

    def mapped(self, key: str, make: Callable[[Fields], T]) -> dict[str, T]:
        """The records in the mapping at a key, by name; none where it is absent."""
        child = self._left.pop(key, None)
        if child is None:
            return {}
        if not isinstance(child.value, dict):
            self.faults.add(child, f"expected a mapping, found {child.shown()}")
            return {}
        return {name: make(Fields(item, self.faults)) for name, item in child.value.items()}

    def table(self, key: str, convert: Convert[T]) -> dict[str, T]:
        """The values in the mapping at a key, by name; none where it is absent or null."""
        child = self._left.pop(key, None)
        if child is None or child.value is None:
            return {}
        if not isinstance(child.value, dict):
            self.faults.add(child, f"expected a mapping, found {child.shown()}")
            return {}
        return {name: self._converted(item, convert) for name, item in child.value.items()}

    def inside(self, key: str) -> Fields:
        """The fields of the mapping at a key that has to be there."""
        child = self._left.pop(key, None)
        if child is None:
            if isinstance(self.node.value, dict):
                self.faults.add(self.node, "missing", key)
            child = Node(file=self.node.file, line=self.node.line, value={})
            return Fields(child, Faults())  # its own faults would only repeat that it is missing
        return Fields(child, self.faults)

    def section(self, key: str) -> Fields:
        """The fields of the mapping at a key; none of them where it is absent or null."""
        child = self._left.pop(key, None)
        if child is None or child.value is None:
            child = Node(file=self.node.file, line=self.node.line, value={})
        return Fields(child, self.faults)

    def rest(self) -> dict[str, Value]:
        """What no getter took, by key."""
        left, self._left = self._left, {}
        return {key: node.plain() for key, node in left.items()}

    def left(self) -> dict[str, Node]:
        """The nodes that no getter took yet."""
        return dict(self._left)

    def wrong(self, key: str, message: str) -> None:
        """A fault in what two keys say together; it stands at `key`."""
        child = self.node.value.get(key) if isinstance(self.node.value, dict) else None
        self.faults.add(child or self.node, message)

    def _converted(self, node: Node, convert: Convert[T]) -> T:
        try:
            return convert(node)
        except Wrong as wrong:
            self.faults.add(node, f"expected {wrong}, found {node.shown()}")
            return cast(T, None)
