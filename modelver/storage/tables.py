"""The rows of a file of predictions as they stand there, column by column: CSV, JSON Lines or Parquet.

What the cells mean is the business of `modelver/storage/predictions.py`. Every file is hostile until it is read: sizes
and counts are checked before they cost memory, and foreign errors become `Wrong`.
"""

from __future__ import annotations

import csv
import io
import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from operator import itemgetter
from typing import Any, BinaryIO

from modelver.domain.text import printable, quoted
from modelver.errors import UsageError

COLUMNS = ("id", "y_true", "y_pred", "y_prob", "slice")

MAX_BYTES = 1 << 30  # of a file, and of what a Parquet file says that it is when unpacked
MAX_ROWS = 5_000_000
MAX_LINE = 1 << 20  # characters of a line of text

SHOWN = 5  # places that a message names
_CHUNK = 500  # rows that are turned into columns at once; more would fall out of the processor's cache
_HEAD = 65_536  # bytes that have to tell the format

_NEEDED = "a file of predictions has the columns id, y_true, and y_pred or y_prob or both; slice may be there too"
_WAYS = "write predictions as CSV in UTF-8, as JSON Lines or as Parquet"
_PLAIN = {"bool", "null", "halffloat", "float", "double", "string", "large_string", "string_view"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}

Cell = Any
"""What a row has in a column: text in CSV, any JSON value in JSON Lines, a scalar in Parquet."""


class Wrong(Exception):
    """What is wrong with the content of a file, in words that follow the file's name; it never leaves this room."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, kw_only=True)
class Table:
    """Those of `COLUMNS` that a file has, each as long as `places`, which is not empty.

    `typed` is true where the format tells numbers from text. `places` are the lines on which the rows begin, or for
    Parquet the numbers of the rows, both from 1; `place` is the word for them.
    """

    columns: Mapping[str, Sequence[Cell]]
    places: Sequence[int]
    place: str = "line"
    typed: bool

    def fault(self, what: str, rows: Sequence[int], column: str | None = None, hint: str | None = None) -> Wrong:
        """That `what` is wrong in some rows, counted from 0, with what the first few have in `column`."""
        faults = Faults(place=self.place, count=len(rows) - len(rows[:SHOWN]))
        for row in rows[:SHOWN]:
            faults.add(self.places[row], shown(self.columns[column][row]) if column else "")
        return faults.wrong(what, hint)


@dataclass(kw_only=True)
class Faults:
    """Rows in which the same is wrong: all are counted, the first few kept."""

    place: str = "line"
    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, place: int, detail: str) -> None:
        """One more row, and what is there."""
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(f"{self.place} {place}" + (f" ({detail})" if detail else ""))

    def wrong(self, what: str, hint: str | None = None) -> Wrong:
        """That `what` is wrong in all of them."""
        rows = "1 row" if self.count == 1 else f"{self.count:,} rows"
        more = ", …" if self.count > len(self.first) else ""
        return Wrong(f"{what} in {rows}: {', '.join(self.first)}{more}", hint)


def shown(cell: Cell) -> str:
    """A cell for a message; of a list or an object only what it is, since it may be of any size and depth."""
    if isinstance(cell, str):
        return quoted(cell, 40)
    return str(cell)[:40] if isinstance(cell, bool | int | float) else "null" if cell is None else type(cell).__name__


def read_table(stream: BinaryIO) -> Table:
    """All rows of a file, from its beginning; `Wrong` when it is malformed, too big, or a column is missing."""
    if stream.seek(0, io.SEEK_END) > MAX_BYTES:
        raise Wrong(f"is larger than {MAX_BYTES:,} bytes")
    stream.seek(0)
    head = stream.read(_HEAD)
    stream.seek(0)
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not begin and len(head) < _HEAD:
        raise Wrong("is empty", _NEEDED)
    if begin.startswith(b"[{"):
        raise Wrong("is one JSON array", "write JSON Lines: one object a line, without brackets and commas around them")
    table = _read_parquet(stream) if head.startswith(b"PAR1") else _read_text(stream, begin.startswith(b"{"))
    if not table.places:
        raise Wrong("has no rows", _NEEDED)
    return table


def _read_text(stream: BinaryIO, is_json: bool) -> Table:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        return _read_json(_lines(text)) if is_json else _read_csv(_lines(text))
    finally:
        text.detach()  # or the stream would be closed, which is not ours


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    number = 0
    try:
        for number, line in enumerate(iter(partial(text.readline, MAX_LINE + 1), ""), 1):
            if len(line) > MAX_LINE:
                raise Wrong(f"line {number} has more than {MAX_LINE:,} characters")
            yield line
    except UnicodeDecodeError as error:  # of a block of bytes that begins in the line after the last whole one
        number += 1 + bytes(error.object[: error.start]).count(b"\n")
        raise Wrong(f"line {number} is not UTF-8", _WAYS) from error


def _read_csv(lines: Iterator[str]) -> Table:
    first = next(lines, "")
    delimiter = max(",;\t", key=lambda each: len(set(COLUMNS) & set(_header(first, each))))
    reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
    places, faults = array("I"), Faults()
    try:
        header = [name.strip() for name in next(reader, [])]
        names = _needed(header)
        rows = map(itemgetter(*map(header.index, names)), _csv_rows(reader, len(header), places, faults))
        columns = _gathered(names, rows)
    except csv.Error as error:
        raise Wrong(f"line {reader.line_num} is malformed CSV: {printable(str(error))}", _WAYS) from error
    if faults.count:
        raise faults.wrong(f"other than {len(header)} cells")
    return Table(columns=columns, places=places, typed=False)


def _header(line: str, delimiter: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _csv_rows(reader: Any, width: int, places: array[int], faults: Faults) -> Iterator[list[str]]:
    begin = reader.line_num + 1
    for row in reader:
        if len(row) == width:
            places.append(begin)
            yield row
        elif row:  # a blank line has no cell at all
            faults.add(begin, str(len(row)))
        begin = reader.line_num + 1


def _read_json(lines: Iterator[str]) -> Table:
    places, faults = array("I"), Faults()
    columns = _gathered(COLUMNS, _json_rows(lines, places, faults))
    if faults.count:
        raise faults.wrong("no JSON object", "write one JSON object a line")
    names = _needed([name for name, cells in columns.items() if any(cell is not None for cell in cells)])
    return Table(columns={name: columns[name] for name in names}, places=places, typed=True)


def _json_rows(lines: Iterator[str], places: array[int], faults: Faults) -> Iterator[tuple[Cell, ...]]:
    """The cells of each row in the order of `COLUMNS`, None where it has no such key."""
    decode = json.JSONDecoder(object_pairs_hook=_object).decode
    for number, line in enumerate(lines, 1):
        if line.isspace():
            continue
        try:
            row = decode(line)
        except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError, too
            faults.add(number, getattr(error, "msg", str(error)))
            continue
        if type(row) is not dict:
            faults.add(number, shown(row))
            continue
        places.append(number)
        get = row.get
        yield get("id"), get("y_true"), get("y_pred"), get("y_prob"), get("slice")


def _object(pairs: list[tuple[str, Cell]]) -> dict[str, Cell]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a key is there twice")
    return row


def _read_parquet(stream: BinaryIO) -> Table:
    try:
        import pyarrow.parquet  # heavy, and an extra
    except ImportError as error:
        raise UsageError(
            "pyarrow, which reads Parquet, is not installed", hint="pip install 'modelver[parquet]'"
        ) from error
    try:
        return _parquet_table(stream, pyarrow.parquet.ParquetFile)
    except Wrong:
        raise
    except Exception as error:  # besides its own, pyarrow raises half of Python's errors for bytes that are no Parquet
        raise Wrong(f"is malformed Parquet: {quoted(str(error), 200)}", _WAYS) from error


def _parquet_table(stream: BinaryIO, parquet_file: Any) -> Table:
    file = parquet_file(stream)
    names = _needed(file.schema_arrow.names)
    kinds = {name: _kind(file, name) for name in names}
    for name, kind in kinds.items():
        if kind not in _PLAIN and not kind.startswith("decimal"):
            raise Wrong(f"column {name} is of type {quoted(kind)}, neither text nor numbers nor booleans")
    _check_unpacked(file.metadata)
    # One text of a megabyte that a million rows share is small in the file, and stays so as a dictionary.
    texts = [name for name in names if "string" in kinds[name]]
    table = parquet_file(stream, metadata=file.metadata, read_dictionary=texts).read(columns=names)
    columns = {name: [cell for chunk in table[name].chunks for cell in _cells(chunk)] for name in names}
    for name, kind in kinds.items():
        if kind.startswith("decimal"):
            columns[name] = [cell if cell is None else float(cell) for cell in columns[name]]
    return Table(columns=columns, places=range(1, table.num_rows + 1), place="row", typed=True)


def _kind(file: Any, name: str) -> str:
    kind = file.schema_arrow.field(name).type
    return str(getattr(kind, "value_type", kind) if str(kind).startswith("dictionary") else kind)


def _check_unpacked(metadata: Any) -> None:
    """By the row groups, which are what is read; negative sizes of a hostile footer make no room for others.

    A footer that lies about sizes costs memory, nothing else. The metadata of single columns would be more exact, but
    for some malformed ones pyarrow ends the process (an exception of C++ that it does not catch).
    """
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    _check_count(sum(abs(group.num_rows) for group in groups))
    if sum(abs(group.total_byte_size) for group in groups) > MAX_BYTES:
        raise Wrong(f"has more than {MAX_BYTES:,} bytes when unpacked", "leave out the columns that are not needed")


def _cells(chunk: Any) -> list[Cell]:
    if str(chunk.type).startswith("dictionary"):
        names = [*_cells(chunk.dictionary), None]
        return [names[-1 if index is None else index] for index in _cells(chunk.indices)]
    # By way of an array ten times as fast; but an array has no nulls.
    cells: list[Cell] = chunk.to_pylist() if chunk.null_count else chunk.to_numpy(zero_copy_only=False).tolist()
    return cells


def _needed(found: Sequence[str]) -> list[str]:
    """Those of `COLUMNS` that are there; `Wrong` when one is missing, or there twice."""
    twice = [name for name in COLUMNS if found.count(name) > 1]
    if twice:
        raise Wrong(f"has more than one column {', '.join(twice)}", _NEEDED)
    missing = [name for name in ("id", "y_true") if name not in found]
    if "y_pred" not in found and "y_prob" not in found:
        missing.append("y_pred or y_prob")
    if missing:
        there = ", ".join(quoted(name, 30) for name in found[:SHOWN]) + (", …" if len(found) > SHOWN else "")
        raise Wrong(f"has no column {', '.join(missing)}" + (f", only {there}" if there else ""), _NEEDED)
    return [name for name in COLUMNS if name in found]


def _gathered(names: Sequence[str], rows: Iterator[tuple[Cell, ...]]) -> dict[str, list[Cell]]:
    """The columns of rows; `Wrong` as soon as there are too many."""
    columns: dict[str, list[Cell]] = {name: [] for name in names}
    while chunk := list(islice(rows, _CHUNK)):
        for column, cells in zip(columns.values(), zip(*chunk, strict=True), strict=True):
            column.extend(cells)
        _check_count(len(columns[names[0]]))
    return columns


def _check_count(rows: int) -> None:
    if rows > MAX_ROWS:
        raise Wrong(f"has more than {MAX_ROWS:,} rows")
