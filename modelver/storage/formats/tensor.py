"""A tensor as its file's header describes it, and the checks that all formats share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO

from modelver.domain.text import quoted
from modelver.errors import Damaged

MAX_TENSORS = 1_000_000
MAX_HEADER = 100_000_000  # bytes; the limit of safetensors' own library, good enough for the others
MAX_DIMENSIONS = 64  # as in numpy; no library makes more


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor's name, its shape with the outermost dimension first, and what its numbers are.

    `dtype` is one vocabulary for all formats, without byte order: that of numpy and of `ml_dtypes`, as `float32`,
    `bfloat16` and `float8_e4m3fn`, and GGUF's quantised types by their own names, as `q4_k`.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


def size_of(stream: IO[bytes]) -> int:
    """The bytes that a file has; it stands at its beginning afterwards."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    return size


def take(stream: IO[bytes], count: int) -> bytes:
    """The next `count` bytes; raises `Damaged` where fewer are left."""
    data = stream.read(count)
    if len(data) < count:
        raise Damaged("it ends in the middle of its header")
    return data


def shape_of(values: object, name: str) -> tuple[int, ...]:
    """`values`, claimed to be the shape of the tensor `name`; raises `Damaged` where they are none."""
    if (
        isinstance(values, list | tuple)
        and len(values) <= MAX_DIMENSIONS
        and all(type(value) is int and 0 <= value < 2**63 for value in values)
    ):
        return tuple(values)
    raise Damaged(f"the shape of {quoted(name)} is {quoted(str(values))}")
