"""GGUF, versions 2 and 3, little endian: counts, pairs of key and value, what each tensor is, and the tensors' bytes.

A file of big-endian numbers looks like one of version 50,331,648, and is not read.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from modelver.domain.text import quoted
from modelver.errors import Damaged
from modelver.storage.formats.tensor import MAX_HEADER, MAX_TENSORS, Tensor, shape_of, size_of

MAX_PAIRS = 100_000
MAX_ARRAYS = 200_000  # those in pairs, and those in other arrays
MAX_DIMENSIONS = 8  # twice as many as ggml has
MAX_NESTING = 4  # arrays in arrays; no writer makes them, though the specification allows it
CHUNK = 2**20  # bytes

_START = struct.Struct("<4sIQQ")  # magic number, version, tensors, pairs
_LENGTH = struct.Struct("<Q")
_KIND = struct.Struct("<I")
_ARRAY = struct.Struct("<IQ")  # kind and number of the elements
_TENSOR = [struct.Struct(f"<{dimensions}QIQ") for dimensions in range(MAX_DIMENSIONS + 1)]  # …, type, offset
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # kind of a value: bytes
_STRING, _NESTED = 8, 9

_TYPES = {  # ggml's number: name, elements and bytes of a block
    0: ("float32", 1, 4),
    1: ("float16", 1, 2),
    2: ("q4_0", 32, 18),
    3: ("q4_1", 32, 20),
    6: ("q5_0", 32, 22),
    7: ("q5_1", 32, 24),
    8: ("q8_0", 32, 34),
    9: ("q8_1", 32, 40),
    10: ("q2_k", 256, 84),
    11: ("q3_k", 256, 110),
    12: ("q4_k", 256, 144),
    13: ("q5_k", 256, 176),
    14: ("q6_k", 256, 210),
    15: ("q8_k", 256, 292),
    16: ("iq2_xxs", 256, 66),
    17: ("iq2_xs", 256, 74),
    18: ("iq3_xxs", 256, 98),
    19: ("iq1_s", 256, 50),
    20: ("iq4_nl", 32, 18),
    21: ("iq3_s", 256, 110),
    22: ("iq2_s", 256, 82),
    23: ("iq4_xs", 256, 136),
    24: ("int8", 1, 1),
    25: ("int16", 1, 2),
    26: ("int32", 1, 4),
    27: ("int64", 1, 8),
    28: ("float64", 1, 8),
    29: ("iq1_m", 256, 56),
    30: ("bfloat16", 1, 2),
    34: ("tq1_0", 256, 54),
    35: ("tq2_0", 256, 66),
    39: ("mxfp4", 32, 17),
    40: ("nvfp4", 64, 36),
    41: ("q1_0", 128, 18),
}


def read(stream: BinaryIO) -> Iterator[Tensor]:
    """The tensors in the order of the file; raises `Damaged`.

    GGUF writes the innermost dimension first; shapes are turned round here, so that they read as everywhere else.
    """
    header = _Header(stream)
    magic, version, count, pairs = header.unpack(_START)
    if magic != b"GGUF" or version not in (2, 3):
        raise Damaged(f"it begins with {quoted(repr(magic))} and version {version:,}; 2 and 3 are read")
    if count > MAX_TENSORS or pairs > MAX_PAIRS:
        raise Damaged(f"it is said to have {count:,} tensors and {pairs:,} pairs of key and value")
    for _ in range(pairs):
        header.skip_strings(1)
        (kind,) = header.unpack(_KIND)
        _skip(header, kind, 1)
    furthest = 0
    for _ in range(count):
        tensor, end = _tensor(header)
        furthest = max(furthest, end)
        yield tensor
    # Not to the byte: the tensors begin at the next multiple of what a pair may say.
    if header.at + furthest > header.size:
        room = header.size - header.at
        raise Damaged(f"its tensors are said to end {furthest:,} bytes behind its header, the file has {room:,} there")


def _skip(header: _Header, kind: int, count: int, nesting: int = 0) -> None:
    """Pass over `count` values of one kind."""
    if kind in _SIZES:
        header.skip(_SIZES[kind] * count)
    elif kind == _STRING:
        header.skip_strings(count)
    elif kind == _NESTED and nesting < MAX_NESTING:
        header.arrays += count
        if header.arrays > MAX_ARRAYS:
            raise Damaged(f"it is said to have {header.arrays:,} arrays and more")
        for _ in range(count):
            inner, length = header.unpack(_ARRAY)
            _skip(header, inner, length, nesting + 1)
    else:
        raise Damaged(f"there is a value of kind {kind:,} in {nesting} arrays")


def _tensor(header: _Header) -> tuple[Tensor, int]:
    """What the file says about one tensor, and where that ends, in bytes from the first tensor's."""
    name = header.string()
    (dimensions,) = header.unpack(_KIND)
    if dimensions > MAX_DIMENSIONS:
        raise Damaged(f"{quoted(name)} is said to have {dimensions:,} dimensions")
    *innermost_first, kind, offset = header.unpack(_TENSOR[dimensions])
    shape = shape_of(innermost_first[::-1], name)
    # A type that came after this release is no damage; only how long its tensors are is unknown.
    dtype, elements, size = _TYPES.get(kind, (f"ggml_{kind}", 1, 0))
    if (shape[-1] if shape else 1) % elements:
        raise Damaged(f"{quoted(name)} of the shape {quoted(str(shape))} has no whole blocks of {dtype}")
    return Tensor(name, shape, dtype), offset + math.prod(shape) // elements * size


class _Header:
    """The beginning of a file, read as far as somebody asks, and a place in it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.size = size_of(stream)
        self.at = 0
        self.arrays = 0  # that were met
        self._stream = stream
        self._bytes = bytearray()

    def unpack(self, form: struct.Struct) -> tuple[Any, ...]:
        begin = self.at
        self.skip(form.size)
        return form.unpack_from(self._bytes, begin)

    def string(self) -> str:
        begin = self.at + _LENGTH.size
        self.skip_strings(1)
        try:
            return self._bytes[begin : self.at].decode()
        except UnicodeDecodeError:
            raise Damaged(f"the name at byte {begin:,} is not UTF-8") from None

    def skip_strings(self, count: int) -> None:
        """Pass over strings; a model's vocabulary has hundreds of thousands, so the loop does no more than it must."""
        at, have, length_at = self.at, len(self._bytes), _LENGTH.unpack_from
        for _ in range(count):
            if at + 8 > have:
                self._fill(at + 8)
                have = len(self._bytes)
            at += 8 + length_at(self._bytes, at)[0]
        self.skip(at - self.at)

    def skip(self, count: int) -> None:
        self._fill(self.at + count)
        self.at += count

    def _fill(self, end: int) -> None:
        if end > min(self.size, MAX_HEADER):
            raise Damaged(f"its header is said to have {end:,} bytes and more, the file has {self.size:,}")
        while len(self._bytes) < end:
            chunk = self._stream.read(CHUNK)
            if not chunk:
                raise Damaged("it became shorter while it was read")
            self._bytes += chunk
