"""npz: a zip file, an npy file a member."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from modelver.domain.text import quoted
from modelver.errors import Damaged
from modelver.storage.formats import npy
from modelver.storage.formats.tensor import Tensor, size_of

MAX_MEMBERS = 100_000
MAX_LIST = 16 * 2**20  # bytes of the list of members, which `zipfile` takes as a whole
MEMBER = 16 * 2**10  # bytes; what the beginning of a member may cost: no header is longer, packed or not
_ENTRY = b"PK\x01\x02"  # begins each entry of the list


def read(stream: BinaryIO) -> Iterator[Tensor]:
    """The arrays, called as `numpy.load` calls them; raises `Damaged`. What is no `.npy` is passed over."""
    bounded = _Bounded(stream)
    try:
        with zipfile.ZipFile(bounded) as archive:
            for member in archive.infolist():
                bounded.left += MEMBER
                if member.filename.endswith(".npy"):
                    yield _described(archive, member, bounded.size)
    # All that `zipfile` raises for hostile bytes in one place or the other; a disk's own error goes its way.
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, _Outside) as error:
        raise Damaged(f"the zip file is malformed: {quoted(str(error), 200)}") from None


def _described(archive: zipfile.ZipFile, member: zipfile.ZipInfo, size: int) -> Tensor:
    name = member.filename.removesuffix(".npy")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # numpy writes no other; and LZMA would take as much memory as the file asks for.
        raise Damaged(f"{quoted(name)} is compressed by method {member.compress_type}, which is not read")
    stored = member.compress_type == zipfile.ZIP_STORED
    if member.header_offset + member.compress_size > size or (stored and member.compress_size != member.file_size):
        raise Damaged(f"{quoted(name)} is said to have {member.compress_size:,} bytes, {member.file_size:,} unpacked")
    with archive.open(member) as content:
        return npy.described(name, content, member.file_size)


class _Outside(OSError):
    """A place before or behind the file; an `OSError` because `zipfile` looks for one."""


class _Bounded:
    """A file of which only so many bytes may be read, and that claims no more members than allowed.

    It stands between `zipfile` and hostile numbers: the length of the list, and members that unpack to nothing.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size = size_of(stream)
        self.left = MAX_LIST

    def read(self, count: int | None = -1) -> bytes:
        wanted = self.left + 1 if count is None or count < 0 else min(count, self.left + 1)
        data = self._stream.read(wanted)
        self.left -= len(data)
        if self.left < 0:
            raise Damaged("more of the zip file would have to be read than its arrays' headers can need")
        if data.count(_ENTRY) > MAX_MEMBERS:
            raise Damaged(f"it has more than {MAX_MEMBERS:,} members")
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        place = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self.size}[whence] + offset
        if not 0 <= place <= self.size:
            raise _Outside(f"the file has no byte {place:,}")
        return self._stream.seek(place)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True
