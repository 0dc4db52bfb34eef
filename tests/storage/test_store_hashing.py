"""Digests and the stat cache."""

from __future__ import annotations

import doctest
import os
import subprocess
import time
from pathlib import Path

import pytest

from modelver.errors import UsageError
from modelver.storage import hashing, paths
from modelver.storage.hashing import Known, StatCache, hash_file
from modelver.storage.objects import ObjectStore
from modelver.storage.pump import CHUNK, pump


def settle(path: Path) -> None:
    """Wait until an edit of the file must show in its times."""
    while not hashing.is_settled(path.stat(), hashing.now()):
        time.sleep(0.005)


@pytest.mark.parametrize("module", [hashing, paths])
def test_the_examples_in_the_docstrings_run(module):
    """What a docstring promises is what the function does."""
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("size", [0, 1, 4095, CHUNK - 1, CHUNK, CHUNK + 1, 9 * CHUNK, 11 * CHUNK + 4097])
def test_the_digest_is_what_sha256sum_gives(tmp_path, size):
    """I1: at every size around the buffers' edges."""
    path = tmp_path / "model.bin"
    path.write_bytes(os.urandom(size))
    expected = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout[:64]
    assert hash_file(path) == (f"sha256:{expected}", size)


def test_a_large_file_that_is_not_in_memory_is_hashed_the_same(tmp_path):
    """I1: reading past the page cache gives the same bytes, to the odd last one."""
    path = tmp_path / "model.bin"
    path.write_bytes(os.urandom(5 * CHUNK + 777))
    warm = hash_file(path)
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    assert hash_file(path) == warm


def test_a_pipe_is_refused_at_once(tmp_path):
    """T2: nothing waits for a writer that never comes."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="not a regular file"):
        hash_file(tmp_path / "pipe")


def test_an_error_of_one_consumer_reaches_the_caller(tmp_path):
    """W1: a disk that is full stops the reading, and no thread is left waiting."""
    path = tmp_path / "big"
    path.write_bytes(bytes(40 * CHUNK))

    def full(_view):
        raise OSError(28, "No space left on device")

    seen = []
    with path.open("rb") as file, pytest.raises(OSError, match="No space"):
        pump(file.fileno(), path.stat().st_size, [full, lambda view: seen.append(len(view))])
    assert sum(seen) < path.stat().st_size


def world(tmp_path: Path) -> tuple[ObjectStore, StatCache, Path]:
    path = tmp_path / "model.bin"
    path.write_bytes(b"one")
    return ObjectStore(tmp_path / "root"), StatCache(tmp_path / "root/cache/stat"), path


def test_an_unchanged_file_is_not_read_again(tmp_path, monkeypatch):
    """S1: the stat cache answers, and no file is opened for it."""
    store, cache, path = world(tmp_path)
    settle(path)
    digest = store.put(path, cache=cache, name="model.bin").digest
    opened = []
    monkeypatch.setattr("modelver.files.open_file", lambda *words, **_: opened.append(words))
    assert store.put(path, cache=cache, name="model.bin").digest == digest
    assert store.digest_of(path, cache=cache, name="model.bin") == digest
    assert opened == []


@pytest.mark.parametrize("edit", ["same size", "same size and mtime", "other file of the same name"])
def test_an_edit_is_seen(tmp_path, edit):
    """S1: size and mtime may be forged; ctime and inode may not."""
    store, cache, path = world(tmp_path)
    settle(path)
    first = store.put(path, cache=cache, name="model.bin").digest
    before = path.stat()
    if edit == "other file of the same name":
        (tmp_path / "other").write_bytes(b"two")
        (tmp_path / "other").replace(path)
    else:
        path.write_bytes(b"two")
    if edit != "same size":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.digest_of(path, cache=cache, name="model.bin") != first


def test_a_file_that_was_just_written_is_not_trusted(tmp_path):
    """S1: an edit within the same tick of the clock would not show (Git calls it racy)."""
    path = tmp_path / "model.bin"
    path.write_bytes(b"one")
    status = path.stat()
    known = Known()
    known.note("", status, hash_file(path).digest, status.st_ctime_ns + 1_000_000)
    assert known.get("", status) is None
    assert known.rows is None


def test_whole_seconds_are_trusted_only_after_two(tmp_path):
    """S1: a file system that counts seconds hides edits for longer."""
    second = 1_000_000_000
    values = list(os.stat(tmp_path))
    status = os.stat_result(values, {"st_mtime_ns": 100 * second, "st_ctime_ns": 100 * second})
    assert not hashing.is_settled(status, 101 * second)
    assert hashing.is_settled(status, 102 * second)


@pytest.mark.parametrize("damage", ["cut", "flip", "foreign", "empty", "json", "deep"])
def test_a_damaged_cache_is_as_good_as_none(tmp_path, damage):
    """S1: the cache is never an error and never a wrong answer."""
    store, cache, path = world(tmp_path)
    settle(path)
    digest = store.put(path, cache=cache, name="model.bin").digest
    place = next(cache.directory.iterdir())
    data = place.read_bytes()
    flipped = bytearray(data)
    flipped[-10] ^= 1
    place.write_bytes(
        {
            "cut": data[:-5],
            "flip": bytes(flipped),
            "foreign": b"\x80\x04K\x01.",
            "empty": b"",
            "json": b"x\n{}",
            "deep": b"x\n" + b"[" * 100_000,
        }[damage]
    )
    assert cache.load("model.bin").get("", path.stat()) is None
    assert store.put(path, cache=cache, name="model.bin").digest == digest
    assert cache.load("model.bin").get("", path.stat()) == digest


def test_a_cache_of_another_artifact_is_not_taken_for_ours(tmp_path):
    """S1: each file of the cache says whose it is."""
    store, cache, path = world(tmp_path)
    settle(path)
    store.put(path, cache=cache, name="model.bin")
    place = next(cache.directory.iterdir())
    place.rename(place.with_name(hashing.hashlib.sha256(b"other.bin").hexdigest()))
    assert cache.load("other.bin").get("", path.stat()) is None


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    """S1: losing the cache costs time, nothing else."""
    store, _, path = world(tmp_path)
    settle(path)
    (tmp_path / "file").write_text("")
    cache = StatCache(tmp_path / "file" / "stat")
    assert store.put(path, cache=cache, name="model.bin").size == 3


def test_a_known_file_whose_object_is_gone_is_stored_again(tmp_path):
    """W1: the cache saves reading, never storing."""
    store, cache, path = world(tmp_path)
    settle(path)
    digest = store.put(path, cache=cache, name="model.bin").digest
    store.remove(digest)
    assert store.put(path, cache=cache, name="model.bin").digest == digest
    store.verify(digest)


def test_only_what_changed_in_a_directory_is_read(tmp_path, monkeypatch):
    """S1: one edited file of many is one file read."""
    store, cache, _ = world(tmp_path)
    directory = tmp_path / "model"
    directory.mkdir()
    for number in range(20):
        (directory / f"{number}.bin").write_bytes(bytes([number]))
    settle(directory / "19.bin")
    first = store.put(directory, cache=cache, name="model")
    (directory / "7.bin").write_bytes(b"new")
    opened = []
    real = hashing.files.open_file

    def watched(path, **words):
        opened.append(os.fspath(path))
        return real(path, **words)

    monkeypatch.setattr("modelver.files.open_file", watched)
    assert store.digest_of(directory, cache=cache, name="model") != first.digest
    assert opened == [str(directory / "7.bin")]
