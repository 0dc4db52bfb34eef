"""Metrics, params and metadata as a person gives them: `K=V` words and files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from modelver.domain.records import Value
from modelver.domain.text import quoted
from modelver.errors import Damaged, UsageError
from modelver.operations.workspace import Workspace
from modelver.records import yaml

_LIMIT = 16 * 1024 * 1024
_DEEPEST = 12
"""Levels of nesting; the file of a record may have a few more."""


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


def checked_metrics(values: Mapping[str, Any]) -> dict[str, int | float]:
    """The values, which all have to be finite numbers (numpy's too); raises `UsageError` naming those that are not."""
    found: dict[str, int | float] = {}
    for key, value in plain_mapping(values, "metric").items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UsageError(
                f"metric {quoted(key)} is {quoted(str(value))}, and a metric is a finite number",
                hint="give what is no number with --param or --meta",
            )
        found[key] = value
    return found


def usable_metrics(values: Mapping[str, Any]) -> tuple[dict[str, int | float], list[str]]:
    """Those of the values that are metrics, and what to say of the others: a training is not lost for one of them."""
    found: dict[str, int | float] = {}
    told = []
    for key, value in plain_mapping(values, "metric").items():
        try:
            found |= checked_metrics({key: value})
        except UsageError as error:
            told.append(f"left out: {error.message}")
    return found, told


def plain_mapping(values: Mapping[str, Any], what: str) -> dict[str, Value]:
    """Values of a program as a record can hold them; raises `UsageError` for keys or values that it cannot."""
    found: dict[str, Value] = {}
    for key, value in values.items():
        if not isinstance(key, str) or not key:
            raise UsageError(f"{what}: a name has to be text, and not empty, but one is {quoted(repr(key))}")
        found[key] = _plain(value, f"{what} {quoted(key)}")
    return found


def checked_text(text: str | None, what: str) -> str:
    """A text of the user's that Git and YAML can hold; raises `UsageError` for NUL and for what is not UTF-8."""
    words = text or ""
    if not isinstance(words, str) or "\0" in words:
        raise UsageError(f"{what}: expected text without NUL, found {quoted(repr(words))}")
    try:
        words.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(f"{what}: {quoted(words)} is not UTF-8") from error
    return words.replace("\r\n", "\n").strip()


def from_files(workspace: Workspace, files: Iterable[str], option: str) -> dict[str, Value]:
    """The mappings in JSON, YAML, TOML or CSV (its last row) files together, what is nested under dotted keys."""
    found: dict[str, Value] = {}
    for typed in files:
        found.update(_read(workspace.typed(typed), typed, option))
    return found


def _read(path: Path, typed: str, option: str) -> dict[str, Value]:
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
    return _flat(value, f"{option}: {quoted(typed)}")


def _parsed(path: Path, data: bytes, typed: str) -> object:
    if path.suffix == ".json":
        return json.loads(data)
    if path.suffix == ".toml":
        import tomllib

        return tomllib.loads(data.decode())
    if path.suffix == ".csv":
        return _last_row(data)
    return yaml.read(data, name=typed).plain()


def _last_row(data: bytes) -> dict[str, Value]:
    """The last row of a table, as a training writes one a step; empty cells are left out."""
    import csv

    try:
        rows = list(csv.DictReader(data.decode("utf-8-sig").splitlines()))
    except csv.Error as error:
        raise ValueError(str(error)) from error
    if not rows:
        raise ValueError("it has no row below its head")
    if None in rows[-1]:
        raise ValueError("its last row has more cells than its head")
    return {name.strip(): _number(cell) for name, cell in rows[-1].items() if (cell or "").strip()}


def _number(cell: str) -> Value:
    """A cell as a number where it is one, also nan and inf, which a table may hold."""
    try:
        return int(cell)
    except ValueError:
        pass
    try:
        return float(cell)
    except ValueError:
        return _scalar(cell.strip())


def _flat(values: Mapping[str, Any], what: str) -> dict[str, Value]:
    found: dict[str, Value] = {}
    level: list[tuple[str, Any]] = list(values.items())
    while level:
        name, value = level.pop()
        if isinstance(value, dict) and name.count(".") < _DEEPEST:
            level += [(f"{name}.{key}", each) for key, each in value.items()]
            continue
        if not name or name in found:
            raise UsageError(f"{what}: the name {quoted(name)} " + ("is there twice" if name else "is empty"))
        found[name] = _plain(value, what)
    return dict(sorted(found.items()))


def _plain(value: Any, what: str, depth: int = 0) -> Value:
    if value is None or type(value) in (str, int, float, bool):
        return cast(Value, value)
    if depth > _DEEPEST:
        raise UsageError(f"{what}: nested deeper than a record can hold")
    if isinstance(value, Mapping):
        return {str(key): _plain(each, what, depth + 1) for key, each in value.items()}
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        return _plain(value.tolist(), what, depth + 1)
    if isinstance(value, list | tuple):
        return [_plain(each, what, depth + 1) for each in value]
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    return str(value)
