"""Predictions of a version, sample by sample, from a file: what its cells mean, and whether they can be believed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from modelver.domain.samples import Samples, Truth
from modelver.domain.text import printable
from modelver.errors import ModelverError, UsageError
from modelver.storage.tables import MAX_BYTES, Cell, Table, Wrong, read_table

LIMIT = MAX_BYTES
"""Bytes of a file of predictions; a longer one is refused."""

MAX_NAME = 1_000  # characters of an id, a class or a slice
MAX_CLASSES = 20  # that are whole numbers; more of them are quantities

_WORDS = {"true": True, "false": False}
_UNFIT = re.compile("[\0\ud800-\udfff]")  # JSON can say both; no output takes half of a surrogate pair
_QUOTE = "if these are names of classes, write JSON Lines or Parquet, which tell text from numbers"


def read_predictions(stream: BinaryIO, *, name: str, error: type[ModelverError] = UsageError) -> Samples:
    """The samples of a file with the columns id, y_true, y_pred and/or y_prob, and perhaps slice.

    `stream` can seek; it is read from its beginning and stays open. `name` is for messages only: content tells the
    format. `error` is raised when the file is malformed or too big, `UsageError` in any case when pyarrow is not
    installed and is needed; `OSError` as the disk gives it.

    Ids and slices are text, numbers as they are written. y_true and y_pred are understood together:

    - true and false, as booleans or as words, are classes, 1.0 and 0.0; 0 and 1 may stand among them.
    - Numbers are classes where there is y_prob, and then must be 0 or 1. Without it they are classes when all of both
      columns are whole and there are at most 20 different truths; otherwise they are quantities. So whole truths of a
      small regression are quantities as soon as one prediction is not whole.
    - Text is the name of a class. In JSON Lines and Parquet text stays text even if it looks like a number, and
      numbers beside text are an error. CSV has only text: there numerals count as names beside other names, unless
      they look like quantities, which is an error. No class is called nan: that is how a missing one gets written.
    """
    try:
        return _samples(read_table(stream))
    except Wrong as wrong:
        raise error(f"{printable(name)}: {wrong}", hint=wrong.hint) from wrong


def _samples(table: Table) -> Samples:
    ids = _ids(table)
    probabilities = _probabilities(table) if "y_prob" in table.columns else None
    answers, classes = _answers(table)
    return Samples(
        ids=ids,
        truths=answers["y_true"],
        classes=classes,
        predictions=answers.get("y_pred"),
        probabilities=probabilities,
        slices=_named(table, "slice") if "slice" in table.columns else None,
    )


def _ids(table: Table) -> Sequence[str]:
    ids = _named(table, "id")
    if len(set(ids)) < len(ids):
        first = {each: row for row, each in reversed(list(enumerate(ids)))}
        raise table.fault("id is there before", [row for row, each in enumerate(ids) if first[each] != row], "id")
    return ids


def _named(table: Table, column: str) -> Sequence[str]:
    """A column of names, none of which is empty."""
    names = cells = table.columns[column]
    if set(map(type, cells)) != {str}:
        rows = [row for row, cell in enumerate(cells) if cell is not None and type(cell) not in (str, int, float, bool)]
        if rows:
            raise table.fault(f"{column} is neither text nor a number", rows, column)
        names = ["" if cell is None or cell != cell else str(cell) for cell in cells]
    rows = [row for row, name in enumerate(names) if not name or name.isspace()]
    if rows:
        raise table.fault(f"{column} is empty", rows)
    _check_names(table, column, names)
    return names


def _check_names(table: Table, column: str, names: Sequence[str]) -> None:
    if max(map(len, names)) > MAX_NAME:
        rows = [row for row, name in enumerate(names) if len(name) > MAX_NAME]
        raise table.fault(f"{column} has more than {MAX_NAME:,} characters", rows, column)
    together = "".join(set(names))
    if not together.isascii() or "\0" in together:
        rows = [row for row, name in enumerate(names) if _UNFIT.search(name)]
        if rows:
            raise table.fault(f"{column} has a NUL or half a character", rows, column)


def _probabilities(table: Table) -> list[float]:
    cells = _present(table, "y_prob")
    if set(map(type, cells)) != {float}:
        rows = [row for row, cell in enumerate(cells) if type(cell) is not float]
        raise table.fault("y_prob is no number", rows, "y_prob")
    if min(cells) < 0 or max(cells) > 1:
        rows = [row for row, cell in enumerate(cells) if not 0 <= cell <= 1]
        raise table.fault("y_prob is outside 0 to 1", rows, "y_prob")
    return cells


def _answers(table: Table) -> tuple[dict[str, Sequence[Truth]], bool]:
    """y_true and, where it is there, y_pred, by the rules of `read_predictions`; and whether they are classes."""
    answers = {column: _present(table, column) for column in ("y_true", "y_pred") if column in table.columns}
    kinds = {kind for cells in answers.values() for kind in set(map(type, cells))}
    binary = "y_prob" in table.columns or (bool in kinds and str not in kinds)
    if binary:
        _check_binary(table, answers)
    elif str in kinds:
        _check_unmixed(table, answers)
        return {column: table.columns[column] for column in answers}, True
    numbers = {column: list(map(float, cells)) for column, cells in answers.items()}
    few = len(set(numbers["y_true"])) <= MAX_CLASSES
    return dict(numbers), binary or (few and all(all(map(float.is_integer, each)) for each in numbers.values()))


def _check_binary(table: Table, answers: Mapping[str, Sequence[Cell]]) -> None:
    beside = "y_prob, the probability of class 1," if "y_prob" in table.columns else "true and false"
    for column, cells in answers.items():
        if not set(cells) <= {0.0, 1.0}:
            rows = [row for row, cell in enumerate(cells) if cell not in (0.0, 1.0)]
            hint = "write probabilities as y_prob" if column == "y_pred" else None
            raise table.fault(f"{column} beside {beside} is neither 0 nor 1", rows, column, hint)


def _check_unmixed(table: Table, answers: Mapping[str, Sequence[Cell]]) -> None:
    """Names in both columns, as far as one can tell; `answers` are the same cells understood one by one."""
    if table.typed:
        mixed = any(set(map(type, table.columns[column])) != {str} for column in answers)
    else:
        numbers = {cell for cells in answers.values() for cell in cells if type(cell) is float}
        mixed = len(numbers) > MAX_CLASSES or not all(map(float.is_integer, numbers))
    for column, cells in answers.items():
        rows = [row for row, cell in enumerate(cells) if type(cell) is str] if mixed else []
        if rows:
            raise table.fault(f"{column} is text beside numbers", rows, column, None if table.typed else _QUOTE)
    for column in answers:
        _check_names(table, column, table.columns[column])


def _present(table: Table, column: str) -> list[Cell]:
    """A column of y values, understood; `Wrong` where one is missing, not finite, or nothing that can be one."""
    cells = _understood(table.columns[column], table.typed)
    if set(map(type, cells)) == {float} and all(map(math.isfinite, cells)):
        return cells
    rows = [row for row, cell in enumerate(cells) if cell is None or (type(cell) is float and not math.isfinite(cell))]
    if rows:
        raise table.fault(f"{column} is missing, NaN or infinite", rows, column)
    rows = [row for row, cell in enumerate(cells) if type(cell) not in (float, str, bool)]
    if rows:
        raise table.fault(f"{column} is neither text nor a number nor a boolean", rows, column)
    return cells


def _understood(cells: Sequence[Cell], typed: bool) -> list[Cell]:
    """Each cell as float, boolean, text, or None where there is none; what else JSON has stays as it is."""
    if not typed or set(map(type, cells)) <= {int, float}:
        try:
            numbers = list(map(float, cells))
            if typed or "_" not in "".join(cells):  # Python takes 1_000 for a number, nobody's CSV does
                return numbers
        except (ValueError, OverflowError):
            pass
    meant = {cell: _meaning(cell, typed) for cell in {cell for cell in cells if type(cell) is str}}
    return [meant[cell] if type(cell) is str else _float(cell) if type(cell) is int else cell for cell in cells]


def _meaning(text: str, typed: bool) -> Cell:
    word = text.strip().lower()
    if word in ("", "nan"):
        return None
    if word in _WORDS:
        return _WORDS[word]
    if typed or "_" in word:
        return text
    try:
        return float(word)
    except ValueError:
        return text


def _float(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf
