"""Which format a model file has: its first and last few KiB and its suffix tell, nothing is executed.

The answer is a name for people and for who chooses a reader. It is a guess about bytes that may be
hostile, so readers check for themselves.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

from modelver import files

HEAD = 4096  # bytes
TAIL = 8192  # bytes; where a zip file lists its members

_MAGIC: tuple[tuple[int, bytes, str], ...] = (  # offset, bytes, name
    (0, b"GGUF", "gguf"),
    (0, b"\x93NUMPY", "npy"),
    (0, b"\x89HDF\r\n\x1a\n", "hdf5"),
    (4, b"TFL3", "tflite"),
    (0, b"PAR1", "parquet"),
    (0, b"ARROW1\0\0", "arrow"),
    (0, b"CBM1", "catboost"),
    (0, b"tree\nversion=", "lightgbm"),
    (257, b"ustar", "tar"),
    (0, b"\x1f\x8b\x08", "gzip"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\0", "xz"),
)
# What torch wrote before 1.6: a pickle of this number comes first.
_OLD_TORCH = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_COMPRESSED = ("gzip", "zstd", "bzip2", "xz")


def identify(path: Path) -> str | None:
    """The name of a file's format, as `safetensors`; None when it is unknown, or no regular file.

    Reads at most 12 KiB. `OSError` when the file cannot be read.
    """
    descriptor = files.open_file(path, follow=True)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        head = os.pread(descriptor, HEAD, 0)
        tail = b""
        if head.startswith(b"PK"):
            tail = os.pread(descriptor, TAIL, max(0, status.st_size - TAIL))
    finally:
        os.close(descriptor)
    return _name(head, tail, status.st_size, path.suffix.lower())


# What weights come in; the other formats hold anything. Of files in none of these a suffix tells.
_MODELS = "gguf npy npz hdf5 keras tflite catboost lightgbm torch safetensors onnx pickle joblib"
_WEIGHTS = (
    ".safetensors .gguf .ggml .onnx .pt .pth .ckpt .h5 .hdf5 .keras .pkl .pickle .joblib .npy .npz .tflite .pb .bin "
    ".weights .msgpack .model .cbm .ubj .pdparams .params .mlmodel .t7 .caffemodel .llamafile .engine"
)


def model_format(head: bytes, tail: bytes, size: int, name: str) -> str | None:
    """What kind of model file one with these first and last bytes is: its format, else its suffix; None for others.

    >>> model_format(b"GGUF", b"", 4, "weights"), model_format(b"text", b"", 4, "a/b.pt"), model_format(b"", b"", 0, "")
    ('gguf', '.pt', None)
    """
    suffix = Path(name).suffix.lower()
    found = _name(head, tail, size, suffix)
    if found in _MODELS.split():
        return found
    return suffix if suffix in _WEIGHTS.split() else None


def _name(head: bytes, tail: bytes, size: int, suffix: str) -> str | None:
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip(head, tail, suffix)
    for offset, magic, name in _MAGIC:
        if head.startswith(magic, offset):
            return _refined(name, suffix)
    tests: tuple[Callable[[bytes, int, str], str | None], ...] = (_safetensors, _pickle, _onnx, _text)
    for test in tests:
        found = test(head, size, suffix)
        if found is not None:
            return found
    return None


def _refined(name: str, suffix: str) -> str:
    """What a suffix adds to a magic number that several formats share."""
    if name == "hdf5" and suffix == ".keras":
        return "keras"
    if name in _COMPRESSED and suffix == ".joblib":
        return "joblib"
    return name


def _zip(head: bytes, tail: bytes, suffix: str) -> str:
    """A zip file by the names of its members, from its first entries and the list at its end."""
    names = {name for part in (head, tail) for name in _members(part)}
    last = {name.rpartition("/")[2] for name in names}
    if any(name.endswith("/data.pkl") or name == "data.pkl" for name in names):
        return "torch"
    if "config.json" in names and "model.weights.h5" in names:
        return "keras"
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    if "constants.pkl" in last:
        return "torch"
    return "keras" if suffix == ".keras" else "zip"


def _members(part: bytes) -> list[str]:
    """Names that follow a local header or an entry of the list; garbage gives garbage, never an error."""
    found = []
    for match in re.finditer(rb"PK(?:\x03\x04|\x01\x02)", part):
        local = match[0].endswith(b"\x04")
        length_at = match.start() + (26 if local else 28)
        begin = match.start() + (30 if local else 46)
        end = begin + int.from_bytes(part[length_at : length_at + 2], "little")
        if begin < end <= len(part):
            found.append(part[begin:end].decode("utf-8", "replace"))
    return found


def _safetensors(head: bytes, size: int, _suffix: str) -> str | None:
    length = int.from_bytes(head[:8], "little")
    return "safetensors" if head[8:9] == b"{" and 2 <= length <= min(size - 8, 100_000_000) else None


def _pickle(head: bytes, _size: int, suffix: str) -> str | None:
    if _OLD_TORCH in head[:16]:
        return "torch"
    if suffix == ".joblib" and (head.startswith((b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"ZF"))):
        return "joblib"
    if re.match(rb"\x80[\x02-\x05]", head):
        return "joblib" if suffix == ".joblib" or b"joblib.numpy_pickle" in head else "pickle"
    if suffix in (".pkl", ".pickle") and head[:1] in (b"(", b"]", b"}", b"c"):  # protocols 0 and 1
        return "pickle"
    return None


def _onnx(head: bytes, _size: int, suffix: str) -> str | None:
    """Protocol buffers have no magic number: the suffix, and a first field that ONNX has."""
    return "onnx" if suffix == ".onnx" and head[:1] in (b"\x08", b"\x12", b"\x3a") else None


def _text(head: bytes, size: int, suffix: str) -> str | None:
    begin = head.lstrip(b" \t\r\n\xef\xbb\xbf")[:1]
    if begin not in (b"{", b"[") or b"\0" in head:
        return None
    if suffix in (".json", ".ipynb"):
        return "json"
    if size > len(head):  # only the beginning is here: a key in quotes has to do
        return "json" if re.match(rb'\s*\{\s*"(?:[^"\\]|\\.)*"\s*:', head) else None
    try:
        json.loads(head)
    except (ValueError, RecursionError):
        return None
    return "json"
