"""What all records share: how a file is parsed, and how a mapping of a record is put in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modelver.records import yaml
from modelver.records.nodes import Faults, Fields, T
from modelver.records.values import format_number


def parsed(data: bytes, name: str, make: Callable[[Fields], T]) -> T:
    """The record that `make` reads from a file; Damaged with all faults of the file."""
    faults = Faults()
    fields = Fields(yaml.read(data, name=name), faults)
    fields.need("format", format_number)
    faults.check()  # nothing else can be said about a format that is not known
    record = make(fields)
    faults.check()
    return record


def said(**values: str | bool | None) -> dict[str, Any]:
    """Those of the keys that have a value."""
    return {key: value for key, value in values.items() if value is not None}


def filled(**values: Mapping[str, Any] | Sequence[Any]) -> dict[str, Any]:
    """Those of the maps and lists that are not empty."""
    return {key: value for key, value in values.items() if value}


def ordered(values: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping of the user, its keys and those of the mappings in it sorted."""
    return {key: _inner(values[key]) for key in sorted(values)}


def _inner(value: Any) -> Any:
    if isinstance(value, Mapping):
        return ordered(value)
    return [_inner(each) for each in value] if isinstance(value, list | tuple) else value
