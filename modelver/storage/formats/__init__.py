"""What a file's bytes tell: which format a model has, and what its tensors are called, shaped and made of.

Headers alone are read. Nothing is executed, no tensor is loaded, and every number in a file is a claim
until it was checked. A format whose tensors are read is a module with `read(stream) -> Iterator[Tensor]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import BinaryIO

from modelver.domain.text import quoted
from modelver.errors import Damaged
from modelver.storage.formats.identification import identify
from modelver.storage.formats.tensor import Tensor

__all__ = ["Tensor", "identify", "tensors"]

_READ = ("gguf", "npy", "npz", "safetensors")  # each is the name that `identify` gives, and a module of this package


def tensors(stream: BinaryIO, format: str) -> tuple[Tensor, ...] | None:
    """The tensors of a file in a format that `identify` named, sorted by name; None for a format that is not read.

    `stream` is seekable and buffered. Raises `Damaged` with what is wrong where the file is malformed or hostile,
    and `OSError` where it cannot be read.
    """
    if format not in _READ:
        return None
    read: Callable[[BinaryIO], Iterator[Tensor]] = import_module(f"{__name__}.{format}").read
    found: dict[str, Tensor] = {}
    try:
        for tensor in read(stream):
            if tensor.name in found:
                raise Damaged(f"two tensors are called {quoted(tensor.name)}")
            found[tensor.name] = tensor
    except Damaged as error:
        raise Damaged(f"cannot be read as {format}: {error.message}") from None
    return tuple(found[name] for name in sorted(found))
