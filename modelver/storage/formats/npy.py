"""npy: one array of numpy's; a magic number, and the text of a Python dictionary as header.

`{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`: patterns read it, since `ast.literal_eval` can exhaust
the interpreter's stack.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import IO, BinaryIO

from modelver.domain.text import quoted
from modelver.errors import Damaged
from modelver.storage.formats.tensor import Tensor, shape_of, size_of, take

NAME = "array"  # what the one array is called, since the file has no name for it
MAX_TEXT = 10_000  # bytes of the dictionary; numpy refuses more, too

# The number 10 is `10L` where Python 2 wrote the file.
_ITEM = re.compile(
    rb"\s*(?P<quote>['\"])(?P<key>descr|fortran_order|shape)(?P=quote)\s*:\s*"
    rb"(?:'(?P<descr>[^'\\]*)'|\"(?P<descr2>[^\"\\]*)\"|(?P<fields>\[.*\])|True|False|\((?P<shape>[0-9L,\s]*)\))"
    rb"\s*(?:,|(?=\}))",
    re.DOTALL,
)
_DIMENSION = re.compile(rb"\s*([0-9]{1,19})L?\s*")
_DESCR = re.compile(
    r"[<>|=]?(?:(?P<plain>[biufc][0-9]{1,2})|(?P<object>O)[0-9]?|(?P<long>[SaUV])(?P<length>[0-9]{1,10})"
    r"|(?P<time>[Mm])8(?P<unit>\[[0-9a-zA-Z/]{1,30}\])?)"
)
_PLAIN = {
    "b1": "bool",
    **{f"i{size}": f"int{8 * size}" for size in (1, 2, 4, 8)},
    **{f"u{size}": f"uint{8 * size}" for size in (1, 2, 4, 8)},
    **{f"f{size}": f"float{8 * size}" for size in (2, 4, 8, 12, 16)},
    **{f"c{size}": f"complex{8 * size}" for size in (8, 16, 24, 32)},
}
_LONG = {"S": ("bytes", 1), "a": ("bytes", 1), "U": ("str", 4), "V": ("void", 1)}  # a name, bytes a character
_TIMES = {"M": "datetime64", "m": "timedelta64"}


def read(stream: BinaryIO) -> Iterator[Tensor]:
    """The one array, called `array`; raises `Damaged`."""
    yield described(NAME, stream, size_of(stream))


def described(name: str, stream: IO[bytes], size: int) -> Tensor:
    """The array that begins where `stream` stands and has `size` bytes with its header; raises `Damaged`.

    Arrays of Python objects are pickles behind the same header, so only their header is true.
    """
    start = take(stream, 8)
    if not start.startswith(b"\x93NUMPY") or start[6] not in (1, 2, 3):
        raise Damaged(f"{quoted(name)} does not begin as numpy's arrays of the versions 1 to 3 do")
    width = 2 if start[6] == 1 else 4
    length = int.from_bytes(take(stream, width), "little")
    if length > MAX_TEXT:
        raise Damaged(f"the header of {quoted(name)} is said to have {length:,} bytes; at most {MAX_TEXT:,} are read")
    shape, dtype, item = _parse(name, take(stream, length))
    room = size - 8 - width - length
    if math.prod(shape) * item > room:
        raise Damaged(f"{quoted(name)} has {max(room, 0):,} bytes for a {dtype} of the shape {quoted(str(shape))}")
    return Tensor(name, shape, dtype)


def _parse(name: str, text: bytes) -> tuple[tuple[int, ...], str, int]:
    """Shape, dtype and the bytes of an item at least, from the dictionary's text."""
    found: dict[bytes, re.Match[bytes]] = {}
    at = len(text) - len(text.lstrip())
    begins, at = text[at : at + 1] == b"{", at + 1
    while item := _ITEM.match(text, at):
        if item["key"] in found:
            raise Damaged(f"the header of {quoted(name)} says {item['key'].decode()} twice")
        found[item["key"]] = item
        at = item.end()
    if not begins or text[at:].strip() != b"}" or len(found) < 3:
        raise Damaged(f"the header of {quoted(name)} is {_shown(text)}")
    dimensions = found[b"shape"]["shape"]
    if dimensions is None or found[b"fortran_order"].group("descr", "descr2", "fields", "shape") != (None,) * 4:
        raise Damaged(f"the header of {quoted(name)} is {_shown(text)}")
    return (_shape(name, dimensions), *_dtype(name, found[b"descr"]))


def _shape(name: str, text: bytes) -> tuple[int, ...]:
    parts = text.split(b",")
    if not parts[-1].strip():
        parts.pop()
    matches = [_DIMENSION.fullmatch(part) for part in parts]
    return shape_of([int(match[1]) if match else None for match in matches], name)


def _dtype(name: str, item: re.Match[bytes]) -> tuple[str, int]:
    """The dtype's name, as numpy's, and the bytes of an item; of fields, and of objects, nobody knows how many."""
    if item["fields"] is not None:
        return "structured", 0
    descr = (item["descr"] or item["descr2"] or b"").decode("latin-1")
    match = _DESCR.fullmatch(descr)
    if match and match["plain"] in _PLAIN:
        return _PLAIN[match["plain"]], int(match["plain"][1:])
    if match and match["object"]:
        return "object", 0
    if match and match["long"]:
        kind, character = _LONG[match["long"]]
        length = int(match["length"]) * character
        return f"{kind}{8 * length}" if length else kind, length
    if match and match["time"]:
        return f"{_TIMES[match['time']]}{match['unit'] or ''}", 8
    raise Damaged(f"the dtype of {quoted(name)} is {quoted(descr)}")


def _shown(text: bytes) -> str:
    return quoted(text[:100].decode("latin-1"))
