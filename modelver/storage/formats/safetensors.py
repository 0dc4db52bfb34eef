"""safetensors: the header's length in eight bytes, the header in JSON, and the tensors' bytes.

`{"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}`, and `__metadata__`, a map of text to text.
The header is taken apart entry by entry: a whole one of hostile JSON would need twenty times its size in memory.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

from modelver.domain.text import quoted
from modelver.errors import Damaged
from modelver.storage.formats.tensor import MAX_HEADER, MAX_TENSORS, Tensor, shape_of, size_of, take

MAX_ENTRY = 10_000  # characters of what a header says about one tensor

_DTYPES = {  # the format's name: ours, bits
    "BOOL": ("bool", 8),
    "F4": ("float4_e2m1fn", 4),
    "F6_E2M3": ("float6_e2m3fn", 6),
    "F6_E3M2": ("float6_e3m2fn", 6),
    "F8_E4M3": ("float8_e4m3fn", 8),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", 8),
    "F8_E5M2": ("float8_e5m2", 8),
    "F8_E5M2FNUZ": ("float8_e5m2fnuz", 8),
    "F8_E8M0": ("float8_e8m0fnu", 8),
    "BF16": ("bfloat16", 16),
    "C64": ("complex64", 64),
    **{f"F{bits}": (f"float{bits}", bits) for bits in (16, 32, 64)},
    **{f"I{bits}": (f"int{bits}", bits) for bits in (8, 16, 32, 64)},
    **{f"U{bits}": (f"uint{bits}", bits) for bits in (8, 16, 32, 64)},
}
_SPACES = " \t\n\r"
_MANY_SPACES = re.compile(f"[{_SPACES}]*")


def read(stream: BinaryIO) -> Iterator[Tensor]:
    """The tensors in the order of the header; raises `Damaged`."""
    size = size_of(stream)
    length = int.from_bytes(take(stream, 8), "little")
    if length > min(size - 8, MAX_HEADER):
        raise Damaged(f"its header is said to have {length:,} bytes, the file has {size:,}")
    header = _Header(take(stream, length))
    for name in header.members():
        if name == "__metadata__":
            header.skip_metadata()
        else:
            yield _tensor(name, header.entry(), size - 8 - length)
    header.end()


def _tensor(name: str, entry: dict[str, Any], room: int) -> Tensor:
    """One entry, checked; `room` is the bytes behind the header."""
    shape = shape_of(entry.get("shape"), name)
    written = entry.get("dtype")
    if not isinstance(written, str) or not re.fullmatch("[A-Za-z0-9_]{1,40}", written):
        raise Damaged(f"the dtype of {quoted(name)} is {quoted(str(written))}")
    # A dtype that came after this release is no damage; only how long its tensors are is unknown.
    dtype, bits = _DTYPES.get(written, (written.lower(), None))
    offsets = entry.get("data_offsets")
    if (
        not isinstance(offsets, list)
        or [type(each) for each in offsets] != [int, int]
        or not 0 <= offsets[0] <= offsets[1] <= room
    ):
        raise Damaged(f"the bytes of {quoted(name)} are {quoted(str(offsets))} of {room:,}")
    length = offsets[1] - offsets[0]
    if bits is not None and math.prod(shape) * bits != length * 8:
        raise Damaged(f"{quoted(name)} of {length:,} bytes is no {dtype} of the shape {quoted(str(shape))}")
    return Tensor(name, shape, dtype)


class _Header:
    """A place in the header's text, which moves on with what is read."""

    def __init__(self, header: bytes) -> None:
        try:
            self._text = header.decode()
        except UnicodeDecodeError as error:
            raise Damaged(f"its header is not UTF-8 at byte {error.start:,}") from None
        self._at = 0
        self._decoder = json.JSONDecoder(object_pairs_hook=_unique)

    def members(self) -> Iterator[str]:
        """The keys of the object that begins here. Who takes one reads its value before the next."""
        self._expect("{")
        if self._next() == "}":
            self._at += 1
            return
        seen: set[str] = set()
        while True:
            key = self.string()
            if key in seen:
                raise Damaged(f"the key {quoted(key)} is there twice")
            if len(seen) > MAX_TENSORS:
                raise Damaged(f"its header has more than {MAX_TENSORS:,} keys")
            seen.add(key)
            self._expect(":")
            yield key
            if self._next() == "}":
                self._at += 1
                return
            self._expect(",")

    def string(self) -> str:
        if self._next() != '"':
            self._fail()
        try:
            value, self._at = self._decoder.raw_decode(self._text, self._at)
            value.encode()  # an escape may make half a character, which nobody can write down
        except ValueError:
            self._fail()
        return str(value)

    def entry(self) -> dict[str, Any]:
        """The object that begins here; it holds no other object."""
        self._next()
        end = self._text.find("}", self._at, self._at + MAX_ENTRY) + 1
        try:
            value, length = self._decoder.raw_decode(self._text[self._at : end])
        except (ValueError, RecursionError):
            self._fail()
        if not isinstance(value, dict):
            self._fail()
        self._at += length
        return value

    def skip_metadata(self) -> None:
        for _ in self.members():
            self.string()

    def end(self) -> None:
        if self._next():
            self._fail()

    def _next(self) -> str:
        """The next character that is no space, empty at the end."""
        if self._text[self._at : self._at + 1] in _SPACES and (spaces := _MANY_SPACES.match(self._text, self._at)):
            self._at = spaces.end()
        return self._text[self._at : self._at + 1]

    def _expect(self, character: str) -> None:
        if self._next() != character:
            self._fail()
        self._at += 1

    def _fail(self) -> NoReturn:
        raise Damaged(f"its header is malformed at character {self._at:,}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found
