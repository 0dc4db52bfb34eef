"""Metrics, params and metadata as a person gives them: `K=V` words and files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelver.domain.records import Value
from modelver.domain.text import quoted
from modelver.errors import Damaged, UsageError
from modelver.operations.workspace import Workspace
from modelver.records import yaml

_LIMIT = 16 * 1024 * 1024


def pairs(words: Iterable[str], option: str) -> dict[str, Value]:
    """`K=V` words as a mapping: V is a JSON scalar where it parses as one, else a string (rule C4).

    >>> pairs(["lr=1e-4", "name=base", "bias=true"], "--param")
    {'lr': 0.0001, 'name': 'base', 'bias': True}
    """
    found: dict[str, Value] = {}
    for word in words:
        key, separator, text = word.partition("=")
        if not separator or not key.strip():
            raise UsageError(f"{option}: expected KEY=VALUE, found {quoted(word)}", excerpt=word, mark=(0, len(word)))
        if key.strip() in found:
            raise UsageError(f"{option}: {quoted(key)} is given twice")
        found[key.strip()] = _scalar(text)
    return found


def _scalar(text: str) -> Value:
    try:
        value = json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, dict | list) else value


def checked_metrics(values: Mapping[str, Value]) -> dict[str, int | float]:
    """The values, which all have to be finite numbers; raises `UsageError` naming those that are not."""
    found: dict[str, int | float] = {}
    for key, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UsageError(
                f"metric {quoted(key)} is {_shown(value)}, and a metric is a finite number",
                hint="give what is no number with --param or --meta",
            )
        found[key] = value
    return found


def _shown(value: object) -> str:
    return quoted(value) if isinstance(value, str) else json.dumps(value)[:60]


def from_files(workspace: Workspace, files: Iterable[str], option: str) -> dict[str, Value]:
    """The mappings in JSON, YAML or TOML files together, what is nested under dotted keys."""
    found: dict[str, Value] = {}
    for typed in files:
        found.update(_flat(_read(workspace.typed(typed), typed, option)))
    return found


def _read(path: Path, typed: str, option: str) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > _LIMIT:
            raise UsageError(
                f"{option}: {quoted(typed)} has over {_LIMIT // 2**20} MiB; it is hardly a file of numbers"
            )
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{option}: {quoted(typed)} cannot be read: {error.strerror}") from error
    try:
        value = _parsed(path, data, typed)
    except (ValueError, RecursionError, Damaged) as error:
        raise UsageError(f"{option}: {quoted(typed)} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise UsageError(f"{option}: {quoted(typed)} holds no mapping of names to values")
    return value


def _parsed(path: Path, data: bytes, typed: str) -> object:
    if path.suffix == ".json":
        return json.loads(data)
    if path.suffix == ".toml":
        import tomllib

        return tomllib.loads(data.decode())
    return yaml.read(data, name=typed).plain()


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Value]:
    found: dict[str, Value] = {}
    for key, value in values.items():
        name = f"{before}{key}"
        if isinstance(value, dict):
            found.update(_flat(value, f"{name}."))
        else:
            found[name] = _plain(value)
    return found


def _plain(value: Any) -> Value:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Sequence):
        return [_plain(each) for each in value]
    return str(value)
