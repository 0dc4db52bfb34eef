"""The store: what has a name is complete, durable and right, whatever goes wrong on the way."""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from modelver import files
from modelver.errors import Conflict, Damaged, ModelverError, NotFound, UsageError
from modelver.storage.objects import ObjectStore
from modelver.storage.pump import CHUNK
from modelver.storage.scan import scan
from modelver.storage.trees import Entry, Manifest

LARGE = 9 * CHUNK + 12345  # bytes; more than the ring of buffers holds

DRIVER = """
import contextlib, os, sys
from pathlib import Path
from modelver.errors import ModelverError
from modelver.storage.objects import ObjectStore
store = ObjectStore(Path(sys.argv[1]))
try:
    if sys.argv[2] == "put":
        print(store.put(Path(sys.argv[3])).digest)
    else:
        store.export(sys.argv[2], Path(sys.argv[3]))
except ModelverError as error:
    with contextlib.suppress(OSError):  # a disk that is full by decree takes no message either
        os.write(2, error.message.encode())
    os._exit(error.code)
"""


@pytest.fixture
def store(tmp_path):
    return ObjectStore(tmp_path / "root")


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large.bin"
    path.write_bytes(random.Random(1).randbytes(LARGE))
    return path


def make_tree(root: Path, count: int = 12) -> Path:
    """A directory of small files in sub-directories, a large one, a link and an executable."""
    for number in range(count):
        place = root / f"part{number % 3}" / f"{number}.bin"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(f"file {number}".encode())
    (root / "large.bin").write_bytes(random.Random(2).randbytes(CHUNK + 1))
    (root / "run").write_bytes(b"#!")
    (root / "run").chmod(0o755)
    (root / "link").symlink_to("part0/0.bin")
    return root


def command(*words: object) -> list[str]:
    return [sys.executable, "-c", DRIVER, *map(str, words)]


def traced(*options: str) -> list[str]:
    """strace, which tells what a process asked of the system, or lets some of it fail."""
    if shutil.which("strace") is None:
        assert not os.environ.get("MODELVER_REQUIRE_ALL"), "strace is missing"
        pytest.skip("strace is missing")
    return ["strace", "-f", "-qq", *options]


def all_files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() or path.is_symlink()}


def no_leftovers(store: ObjectStore) -> bool:
    return not store.tmp.exists() or not any(store.tmp.iterdir())


# In


@pytest.mark.parametrize("size", [0, 1, 4096, CHUNK, CHUNK + 1, LARGE])
@pytest.mark.parametrize("link", ["reflink", "copy", "hardlink"])
def test_an_object_is_the_files_bytes_under_their_digest(store, tmp_path, size, link):
    """I1, W1: read-only, below its first two digits."""
    path = tmp_path / "model.bin"
    path.write_bytes(random.Random(size).randbytes(size))
    stored = store.put(path, link=link)
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (stored.digest, stored.size, stored.files, stored.kind) == (f"sha256:{expected}", size, 1, "file")
    place = store.objects / expected[:2] / expected[2:]
    assert place == store.path(stored.digest)
    assert place.read_bytes() == path.read_bytes()
    assert stat.S_IMODE(place.stat().st_mode) == 0o444
    assert list(store.list()) == [stored.digest]
    store.verify(stored.digest)
    assert no_leftovers(store)


def test_the_work_file_is_left_as_it_is(store, large):
    """T2: a copy shares nothing with it, so that an edit in place harms no object."""
    before = large.stat()
    digest = store.put(large).digest
    assert (large.stat().st_mode, large.stat().st_nlink) == (before.st_mode, 1)
    with large.open("r+b") as file:
        file.write(b"edited")
    store.verify(digest)


def test_a_hard_link_makes_the_work_file_read_only(store, large):
    """T2: it is the object, so it must not be edited."""
    digest = store.put(large, link="hardlink").digest
    assert large.samefile(store.path(digest))
    assert stat.S_IMODE(large.stat().st_mode) == 0o444


def test_a_hard_link_of_an_executable_is_a_copy(store, tmp_path):
    """I1: the manifest would say executable, and the file would have lost its bit."""
    tree = make_tree(tmp_path / "model")
    first = store.put(tree, link="hardlink")
    assert os.access(tree / "run", os.X_OK)
    assert (tree / "large.bin").stat().st_nlink == 2
    assert store.digest_of(tree) == first.digest


def test_a_hard_link_of_what_is_stored_already_is_not_made(store, large):
    """T2: the file is nobody's object, so it may stay writable."""
    store.put(large)
    store.put(large, link="hardlink")
    assert large.stat().st_nlink == 1
    assert files.is_writable(large.stat())


@pytest.mark.parametrize("damage", ["shorter", "other bytes", "none"])
def test_an_object_that_is_here_gives_way_to_bytes_that_were_just_hashed(store, large, damage):
    """W1: whatever lay under the name, the right bytes lie there afterwards, read-only."""
    digest = store.put(large).digest
    place = store.path(digest)
    if damage != "none":
        place.chmod(0o644)
        place.write_bytes(b"" if damage == "shorter" else bytes(place.stat().st_size))
        place.chmod(0o444)
    assert store.put(large).digest == digest
    store.verify(digest)


@pytest.mark.parametrize("link", ["reflink", "copy", "hardlink"])
@pytest.mark.parametrize("kind", ["file", "directory"])
def test_damage_that_keeps_the_size_is_healed(store, large, tmp_path, kind, link):
    """W1: the good bytes are at hand, so storing them again puts every object right, the manifest too."""
    source = large if kind == "file" else make_tree(tmp_path / "model")
    digest = store.put(source).digest
    for object_ in store.list():
        place = store.path(object_)
        place.chmod(0o644)
        place.write_bytes(bytes(place.stat().st_size))
    assert store.put(source, link=link).digest == digest
    for object_ in store.list():
        store.verify(object_)


def test_a_file_that_is_its_own_object_stays_so(store, large):
    """T2: storing a hard link again makes no second copy of it."""
    place = store.path(store.put(large, link="hardlink").digest)
    store.put(large, link="hardlink")
    assert large.samefile(place)
    store.verify(next(store.list()))


def test_a_directory_is_stored_with_its_manifest_last(store, tmp_path):
    """W1: who finds a manifest finds all that it names."""
    tree = make_tree(tmp_path / "model")
    blocked = store.objects
    stored = store.put(tree)
    manifest = store.manifest(stored.digest)
    assert set(store.list()) == {*manifest.digests, stored.digest}
    newest = max(blocked.rglob("*"), key=lambda path: (path.is_file(), path.stat().st_ctime_ns))
    assert newest == store.path(stored.digest)


def test_many_small_files_are_stored(store, tmp_path):
    """W1: also when they are flushed in one step for all."""
    tree = make_tree(tmp_path / "model", count=300)
    stored = store.put(tree)
    for digest in store.list():
        store.verify(digest)
    assert stored.files == 302


def test_bytes_in_memory_can_be_stored(store):
    """I1: as with a file."""
    digest = store.put_bytes(b"packages")
    assert digest == f"sha256:{hashlib.sha256(b'packages').hexdigest()}"
    with store.open(digest) as source:
        assert source.read() == b"packages"
    assert store.put_bytes(b"packages") == digest


def test_a_symbolic_link_in_place_of_the_artifact_is_refused(store, large, tmp_path):
    """T2: it leads out of what was named, unless it is to be followed."""
    (tmp_path / "alias").symlink_to(large)
    with pytest.raises(UsageError, match="is a symbolic link itself"):
        store.put(tmp_path / "alias")
    assert store.put(tmp_path / "alias", follow_symlinks=True).size == LARGE


class _Writer(threading.Thread):
    """Edits a file as soon as the store has begun to read it."""

    def __init__(self, store: ObjectStore, edit) -> None:
        super().__init__()
        self.store, self.edit = store, edit

    def run(self) -> None:
        while not any(self.store.tmp.glob("*/0")):
            pass
        self.edit()


@pytest.mark.parametrize("how", ["append", "overwrite", "truncate", "replace", "remove"])
def test_a_file_that_changes_while_it_is_read_is_a_conflict(store, tmp_path, how):
    """W1: exit 4, and nothing is stored."""
    path = tmp_path / "model.bin"
    path.write_bytes(bytes(30 * CHUNK))

    def edit() -> None:
        if how == "replace":
            (tmp_path / "other").write_bytes(b"other")
            (tmp_path / "other").replace(path)
        elif how == "truncate":
            os.truncate(path, 100)
        elif how == "remove":
            path.unlink()
        else:
            with path.open("ab" if how == "append" else "r+b") as file:
                file.write(b"edit")

    writer = _Writer(store, edit)
    writer.start()
    with pytest.raises(Conflict, match="changed while it was read") as caught:
        store.put(path)
    writer.join()
    assert caught.value.code == 4
    assert list(store.list()) == []
    assert no_leftovers(store)


@pytest.mark.parametrize("after", [0, 0.002, 0.01])
def test_an_interruption_stops_the_threads_and_leaves_nothing(store, tmp_path, after):
    """Exit 130: no thread goes on, staging is removed. `after` in seconds."""
    path = tmp_path / "model.bin"
    path.write_bytes(bytes(30 * CHUNK))
    before = threading.active_count()
    writer = _Writer(store, lambda: (time.sleep(after), os.kill(os.getpid(), signal.SIGINT)))
    writer.start()
    with pytest.raises(KeyboardInterrupt):
        store.put(path)
    writer.join()
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        pass
    assert threading.active_count() == before
    assert list(store.list()) == []
    assert no_leftovers(store)


@pytest.mark.parametrize("kind", ["file", "directory"])
@pytest.mark.parametrize("when", [1, 2, 5])
def test_a_full_disk_leaves_nothing_behind(store, large, tmp_path, when, kind):
    """Exit 7, with the reason; neither an object nor a draft stays."""
    source = large if kind == "file" else make_tree(tmp_path / "model", count=60)
    inject = traced("-o", "/dev/null", "-e", f"inject=write,pwrite64,writev:error=ENOSPC:when={when}")
    done = subprocess.run([*inject, *command(store.root, "put", source)], capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert when == 1 or "the disk is full" in done.stderr  # the first write of the main thread is the message
    assert all_files(store.root) == set()
    assert no_leftovers(store)


def test_a_flush_that_fails_stores_nothing(store, large):
    """W1: what is not durable gets no name."""
    inject = traced("-o", "/dev/null", "-e", "inject=fsync,syncfs:error=EIO:when=1")
    done = subprocess.run([*inject, *command(store.root, "put", large)], capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert list(store.list()) == []


def test_a_killed_process_leaves_only_staging_that_the_next_one_clears(store, tmp_path):
    """W1: no object, and `remove_leftovers` takes what is there, but not what is in use."""
    path = tmp_path / "model.bin"
    path.write_bytes(bytes(100 * CHUNK))
    process = subprocess.Popen(command(store.root, "put", path), stdout=subprocess.DEVNULL)
    while not any(store.tmp.glob("*/0")):
        assert process.poll() is None
    store.remove_leftovers()
    assert not no_leftovers(store)
    process.kill()
    process.wait()
    assert list(store.list()) == []
    assert not no_leftovers(store)
    store.remove_leftovers()
    assert no_leftovers(store)


def test_several_processes_store_the_same_at_once(store, tmp_path):
    """W1: whoever comes second finds it there."""
    tree = make_tree(tmp_path / "model", count=100)
    running = [subprocess.Popen(command(store.root, "put", tree), stdout=subprocess.PIPE, text=True) for _ in range(3)]
    digests = {process.communicate()[0].strip() for process in running}
    assert digests == {store.digest_of(tree)}
    for digest in store.list():
        store.verify(digest)
    assert no_leftovers(store)


# How much is read and written

_CALL = re.compile(r"(p?readv?2?(?:64)?|p?writev?(?:64)?)\(\d+<([^>]*)>.*= (\d+)$")


def moved(trace: Path, base: Path) -> dict[tuple[str, str], int]:
    """Bytes read and written, by file below `base`."""
    total: dict[tuple[str, str], int] = {}
    for line in re.sub(r" <unfinished \.\.\.>\n\d+ +<\.\.\. \w+ resumed>", "", trace.read_text()).splitlines():
        found = _CALL.search(line)
        if found and found[2].startswith(str(base)):
            key = ("read" if "read" in found[1] else "write", found[2])
            total[key] = total.get(key, 0) + int(found[3])
    return total


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_each_byte_is_read_once_and_written_once(store, large, tmp_path, kind):
    """W1: one pass, as the system sees it."""
    source = large if kind == "file" else make_tree(tmp_path / "model")
    trace = tmp_path / "trace"
    options = ["-ff", "-y", "-s", "0", "-o", str(trace), "-e", "trace=read,readv,pread64,write,writev,pwrite64"]
    subprocess.run([*traced(*options), *command(store.root, "put", source)], check=True, stdout=subprocess.DEVNULL)
    total: dict[tuple[str, str], int] = {}
    for part in tmp_path.glob("trace.*"):
        for key, count in moved(part, tmp_path).items():
            total[key] = total.get(key, 0) + count
    sources = [path for path in [large, *(tmp_path / "model").rglob("*")] if path.is_file() and not path.is_symlink()]
    for path in sources if kind == "directory" else [large]:
        if path != large or kind == "file":
            assert total["read", str(path)] == path.stat().st_size, path
    written = sum(count for (what, _), count in total.items() if what == "write")
    assert written == sum((store.size(digest) or 0) for digest in store.list())


def test_memory_stays_small(store, tmp_path):
    """W1: 300 MB pass through with less than 60 MB in all."""
    path = tmp_path / "model.bin"
    block = os.urandom(1 << 20)
    with path.open("wb") as file:
        for _ in range(300):
            file.write(block)
    # not `getrusage`, which counts the parent before the exec, too
    measure = DRIVER + "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    words = [sys.executable, "-c", "import re" + measure, str(store.root), "put", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) < 60_000, "KiB"


# Verify and out


def test_every_flipped_bit_is_found_and_never_gets_out(store, tmp_path):
    """Exit 5: by verify, and by export before the target is touched."""
    chance = random.Random(7)
    digest = store.put_bytes(chance.randbytes(3000))
    place, target = store.path(digest), tmp_path / "out/model.bin"
    place.chmod(0o644)
    good = place.read_bytes()
    for _ in range(200):
        bit = chance.randrange(len(good) * 8)
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        place.write_bytes(bad)
        for action in (lambda: store.verify(digest), lambda: store.export(digest, target)):
            with pytest.raises(Damaged, match=digest) as caught:
                action()
            assert caught.value.code == 5
        assert not any(target.parent.iterdir())
        assert no_leftovers(store)


def test_what_stood_at_the_target_stays_when_the_object_is_damaged(store, large, tmp_path):
    """W1: the old file is replaced by verified bytes or not at all."""
    digest = store.put(large).digest
    store.path(digest).chmod(0o644)
    with store.path(digest).open("r+b") as file:
        file.seek(LARGE - 1)
        file.write(b"\0\0")
    target = tmp_path / "model.bin"
    target.write_text("old")
    with pytest.raises(Damaged):
        store.export(digest, target)
    assert target.read_text() == "old"


@pytest.mark.parametrize("kind", ["link", "directory", "pipe", "writable"])
def test_what_is_no_object_of_ours_is_damage(store, tmp_path, kind):
    """W1: right bytes behind a link, or in a file that may be edited, are not good enough."""
    digest = store.put_bytes(b"model")
    place = store.path(digest)
    if kind == "writable":
        place.chmod(0o644)
    else:
        place.unlink()
    if kind == "link":
        (tmp_path / "elsewhere").write_bytes(b"model")
        place.symlink_to(tmp_path / "elsewhere")
    elif kind == "directory":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    with pytest.raises(Damaged):
        store.verify(digest)
    if kind != "writable":
        assert not store.has(digest)
        with pytest.raises(Damaged):
            store.export(digest, tmp_path / "out")


def test_an_object_that_is_not_here_is_not_found(store, tmp_path):
    """Exit 3, naming the digest."""
    digest = "sha256:" + "1" * 64
    actions = [store.open, store.verify, store.manifest, lambda digest: store.export(digest, tmp_path / "out")]
    for action in actions:
        with pytest.raises(NotFound, match=digest):
            action(digest)
    assert not store.has(digest)
    store.remove(digest)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("digest", ["", "sha256:..", "sha256:" + "/" * 64, "sha256:" + "A" * 64, "md5:" + "0" * 64])
def test_what_is_no_digest_never_becomes_a_path(store, digest):
    """C5: records name digests, and records may be hostile."""
    with pytest.raises(Damaged, match="is no digest"):
        store.path(digest)
    assert not store.has(digest)


@pytest.mark.parametrize("link", ["reflink", "copy", "hardlink"])
@pytest.mark.parametrize("size", [0, 5, LARGE])
def test_an_export_is_the_objects_bytes(store, tmp_path, size, link):
    """C5: writable for its owner and never executable, unless it is asked for."""
    path, target = tmp_path / "model.bin", tmp_path / "new/place/model.bin"
    path.write_bytes(random.Random(3).randbytes(size))
    digest = store.put(path).digest
    store.export(digest, target, link=link)
    assert target.read_bytes() == path.read_bytes()
    assert stat.S_IMODE(target.stat().st_mode) == (0o444 if link == "hardlink" else 0o644)
    store.export(digest, target, link=link, executable=True)
    assert stat.S_IMODE(target.stat().st_mode) == 0o755
    store.verify(digest)


def test_the_umask_is_respected(store, tmp_path):
    """C5: what the user keeps to himself stays so; objects are 0444 all the same (W1)."""
    former = os.umask(0o077)
    try:
        digest = store.put_bytes(b"model")
        store.export(digest, tmp_path / "model.bin")
    finally:
        os.umask(former)
    assert stat.S_IMODE((tmp_path / "model.bin").stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path(digest).stat().st_mode) == 0o444


def test_an_export_replaces_a_link_and_does_not_follow_it(store, tmp_path):
    """C5: what the link leads to is not touched."""
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "model.bin").symlink_to("precious")
    store.export(store.put_bytes(b"model"), tmp_path / "model.bin")
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (tmp_path / "model.bin").is_symlink()


def test_an_export_never_replaces_a_directory(store, tmp_path):
    """T3: exit 4, and it is as it was."""
    (tmp_path / "model").mkdir()
    with pytest.raises(Conflict, match="is a directory"):
        store.export(store.put_bytes(b"model"), tmp_path / "model")


def test_a_full_disk_at_export_leaves_the_target_as_it_was(store, large, tmp_path):
    """Exit 7, and nothing lies next to the target."""
    digest = store.put(large).digest
    target = tmp_path / "out/model.bin"
    inject = traced("-o", "/dev/null", "-e", "inject=write:error=ENOSPC:when=3+")
    words = [*inject, *command(store.root, digest, target)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert not any(target.parent.iterdir())


def test_an_export_to_another_file_system_is_written_next_to_the_target(store, large):
    """W1: a rename does not cross file systems."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == large.stat().st_dev:
        pytest.skip("there is no other file system")
    target = shared / f"modelver-test-{os.getpid()}" / "model.bin"
    try:
        store.export(store.put(large).digest, target)
        assert target.read_bytes() == large.read_bytes()
        assert list(target.parent.iterdir()) == [target]
    finally:
        shutil.rmtree(target.parent, ignore_errors=True)


def test_a_directory_comes_back_as_it_went(store, tmp_path):
    """I1: bytes, links and executable bits, of many files."""
    tree = make_tree(tmp_path / "model", count=100)
    stored = store.put(tree)
    target = tmp_path / "out/model"
    store.export_tree(stored.digest, target)
    assert store.digest_of(target) == stored.digest
    assert os.readlink(target / "link") == "part0/0.bin"
    assert os.access(target / "run", os.X_OK)
    assert not os.access(target / "part0/0.bin", os.X_OK)
    assert list(target.parent.iterdir()) == [target]


def test_a_part_of_a_directory_can_be_exported(store, tmp_path):
    """I1: a sub-directory alone."""
    stored = store.put(make_tree(tmp_path / "model"))
    part = store.manifest(stored.digest).lookup("part1")
    assert isinstance(part, Manifest)
    store.export_tree(part, tmp_path / "part")
    assert all_files(tmp_path / "part") == {"1.bin", "4.bin", "7.bin", "10.bin"}


def test_a_directory_in_the_way_is_replaced_only_when_asked(store, tmp_path):
    """T3: then in one step, and nothing of the old one is mixed in."""
    stored = store.put(make_tree(tmp_path / "model"))
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(Conflict, match="exists already"):
        store.export_tree(stored.digest, target)
    assert all_files(target) == {"old"}
    store.export_tree(stored.digest, target, replace=True)
    assert store.digest_of(target) == stored.digest
    assert no_leftovers(store)


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_is_no_directory_is_replaced_and_not_followed(store, tmp_path, kind):
    """C5: a link at the target gives way; where it led stays as it was."""
    stored = store.put(make_tree(tmp_path / "model"))
    (tmp_path / "precious").mkdir()
    target = tmp_path / "target"
    if kind == "link":
        target.symlink_to("precious")
    else:
        target.write_text("old")
    store.export_tree(stored.digest, target, replace=True)
    assert store.digest_of(target) == stored.digest
    assert not any((tmp_path / "precious").iterdir())


@pytest.mark.parametrize("fault", ["flipped", "gone"])
def test_one_bad_file_keeps_the_whole_directory_back(store, tmp_path, fault):
    """W1: all of it or nothing."""
    tree = make_tree(tmp_path / "model")
    stored = store.put(tree)
    place = store.path(f"sha256:{hashlib.sha256(b'file 5').hexdigest()}")
    place.chmod(0o644)
    if fault == "gone":
        place.unlink()
    else:
        place.write_bytes(b"file 6")
    with pytest.raises(ModelverError) as caught:
        store.export_tree(stored.digest, tree, replace=True)
    assert caught.value.code == (3 if fault == "gone" else 5)
    assert (tree / "part2/5.bin").read_bytes() == b"file 5"
    assert not (tmp_path / "new").exists()
    assert no_leftovers(store)


def test_a_hostile_manifest_writes_nothing(store, tmp_path):
    """C5: its digest is right, its paths are not."""
    data = b'{"entries":[{"kind":"link","path":"a","target":"../.."}],"format":1}'
    digest = store.put_bytes(data)
    store.verify(digest)
    with pytest.raises(Damaged, match="leads out"):
        store.export_tree(digest, tmp_path / "out")
    with pytest.raises(UsageError, match="leads out"):
        store.export_tree(Manifest((Entry("file", "../x", digest),)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_leftovers_of_others_are_not_listed(store):
    """S1: `objects/pack/` is reserved, and people leave things lying about."""
    digest = store.put_bytes(b"model")
    (store.objects / "pack").mkdir()
    (store.objects / "pack/x").write_text("")
    (store.objects / "README").write_text("")
    (store.path(digest).parent / "note.txt").write_text("")
    assert list(store.list()) == [digest]


def test_two_names_change_places_also_without_the_systems_help(tmp_path, monkeypatch):
    """W1: the directory that was there is kept until the new one is in its place."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("")
    monkeypatch.setattr("modelver.files._libc", lambda: object())
    files.exchange(tmp_path / "one", tmp_path / "other")
    assert all_files(tmp_path) == {"one/other", "other/one"}


def test_without_one_flush_for_all_each_file_is_flushed(store, tmp_path, monkeypatch):
    """W1: as durable on systems that lack it."""
    monkeypatch.setattr("modelver.files._libc", lambda: object())
    stored = store.put(make_tree(tmp_path / "model", count=100))
    store.export_tree(stored.digest, tmp_path / "out")
    assert store.digest_of(tmp_path / "out") == stored.digest


def without_rights(*words: str) -> list[str]:
    """A command as somebody who is not above the permissions of files."""
    if os.geteuid() != 0:
        return list(words)
    if shutil.which("setpriv") is None:
        assert not os.environ.get("MODELVER_REQUIRE_ALL"), "setpriv is missing"
        pytest.skip("setpriv is missing")
    return ["setpriv", "--inh-caps=-all", "--bounding-set=-all", *words]


@pytest.mark.parametrize("kind", ["store", "target"])
def test_what_may_not_be_read_or_written_is_the_disks_error(store, large, tmp_path, kind):
    """Exit 7, with the path at fault."""
    digest = store.put(large).digest
    (tmp_path / "closed").mkdir(mode=0o555)
    (tmp_path / "secret").mkdir(mode=0o000)
    words = (store.root, "put", tmp_path / "secret") if kind == "store" else (store.root, digest, tmp_path / "closed/x")
    done = subprocess.run(without_rights(*command(*words)), capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert "Permission denied" in done.stderr
    assert str(words[2]) in done.stderr


@pytest.mark.parametrize("action", ["put", "digest_of", "left_out", "holds_only", "export", "export_tree", "scan"])
@pytest.mark.parametrize("name", ["x" * 256, "file/x", "x/" * 3000 + "x"])
def test_a_path_that_no_disk_takes_is_an_error_of_ours(store, tmp_path, action, name):
    """Exit 2, 3 or 7, and the name is told."""
    (tmp_path / "file").write_text("")
    digest = store.put_bytes(Manifest(()).to_bytes())
    path = tmp_path / name
    actions = {
        "export": lambda: store.export(digest, path),
        "export_tree": lambda: store.export_tree(digest, path),
        "holds_only": lambda: store.holds_only(path, digest),
        "scan": lambda: scan(path),
    }
    with pytest.raises(ModelverError) as caught:
        actions.get(action, lambda: getattr(store, action)(path))()
    assert caught.value.code in (2, 3, 7)
    assert name in caught.value.message


# What a digest does not tell


@pytest.mark.parametrize("extra", [".git", "sub/.git", "empty", "sub/a/b/empty", "gitfile"])
def test_a_directory_may_hold_more_than_its_digest_tells(store, tmp_path, extra):
    """T3: Git's own and empty directories are in no manifest, so putting one in place would lose them."""
    tree = make_tree(tmp_path / "model")
    digest = store.put(tree).digest
    assert store.holds_only(tree, digest)
    assert store.left_out(tree) == ()
    if extra == "gitfile":
        (tree / ".git").write_text("gitdir: elsewhere")
    else:
        (tree / extra).mkdir(parents=True)
    assert store.digest_of(tree) == digest
    assert not store.holds_only(tree, digest)
    assert store.left_out(tree) == (".git" if extra == "gitfile" else extra,)


def test_bytes_that_an_object_lacks_are_not_only_its_own(store, tmp_path):
    """T3: another file, another kind of thing, or a link in the directory's place."""
    tree = make_tree(tmp_path / "model")
    digest, single = store.put(tree).digest, store.put(tree / "run").digest
    assert store.holds_only(tree / "run", single)
    assert not store.holds_only(tree / "large.bin", single)
    assert not store.holds_only(tree, single)
    (tmp_path / "alias").symlink_to(tree)
    assert not store.holds_only(tmp_path / "alias", digest)
    os.mkfifo(tree / "pipe")
    assert not store.holds_only(tree, digest)


def test_an_empty_directory_in_itself_is_all_that_its_manifest_is(store, tmp_path):
    """T3: a checkout makes it, too."""
    (tmp_path / "model").mkdir()
    assert store.holds_only(tmp_path / "model", store.put(tmp_path / "model").digest)


# Leftovers


def test_leftovers_beside_a_target_go_with_the_next_export(store, large, tmp_path, monkeypatch):
    """W1: outside the store's file system a kill leaves one there; only unlocked ones of ours go."""
    monkeypatch.setattr("modelver.files.same_file_system", lambda *_: False)
    digest = store.put(large).digest
    out = tmp_path / "out"
    for name in (".modelver-0123456789abcdef", ".modelver-notes", "0123456789abcdef"):
        (out / name / "tree").mkdir(parents=True)
    with files.staging(out, prefix=".modelver-") as used:
        store.export(digest, out / "model.bin")
        assert {path.name for path in out.iterdir()} == {".modelver-notes", "0123456789abcdef", used.name, "model.bin"}


def test_read_only_directories_are_cleared_away(tmp_path):
    """W1: a replaced directory may hold some; their files go, links in them are not followed."""
    program = """
import sys
from pathlib import Path
from modelver import files
parent = Path(sys.argv[1])
def fill(place):
    (place / "tree/a/b").mkdir(parents=True)
    (place / "tree/a/b/x").write_text("")
    (place / "tree/out").symlink_to(sys.argv[2])
    for path in (place / "tree/a/b", place / "tree/a", place / "tree"):
        path.chmod(0o555 if path.name != "b" else 0)
with files.staging(parent) as place:
    fill(place)
fill(parent / "0123456789abcdef")
files.remove_leftovers(parent)
"""
    (tmp_path / "out").mkdir(mode=0o555)
    words = without_rights(sys.executable, "-c", program, str(tmp_path / "tmp"), str(tmp_path / "out"))
    subprocess.run(words, check=True)
    assert not any((tmp_path / "tmp").iterdir())
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o555


# Shared with a group


def modes(root: Path) -> set[str]:
    found = [path for path in root.rglob("*") if not path.is_symlink()]
    return {("d" if path.is_dir() else "f") + format(stat.S_IMODE(path.stat().st_mode), "o") for path in found}


def test_below_a_directory_of_a_group_all_is_the_groups(store, large, tmp_path):
    """C5: `core.sharedRepository` makes `.git` setgid and writable for the group, whatever the umask is."""
    store.root.mkdir()
    store.root.chmod(0o2770)
    former = os.umask(0o077)
    try:
        store.put(large)
        with files.Lock(store.root / "locks/lock", timeout=1, what="it"), files.staging(store.tmp) as place:
            (place / "kept").mkdir()
            assert stat.S_IMODE(place.stat().st_mode) == 0o2770
        files.replace_file(store.root / "journal", b"", draft=store.tmp / "journal")
        assert stat.S_IMODE((store.root / "locks/lock").stat().st_mode) == 0o660
        assert modes(store.root) == {"d2770", "f660", "f444"}
    finally:
        os.umask(former)


def test_elsewhere_only_the_umask_counts(store, large):
    """C5: nothing is opened to a group that may not write to the directory above."""
    store.put(large)
    with files.Lock(store.root / "lock", timeout=1, what="it"):
        assert modes(store.root) == {"d755", "f644", "f444"}


def test_a_replaced_file_keeps_its_mode(tmp_path):
    """C5: whoever could read or write it before can do so now, and nobody else."""
    for mode in (0o600, 0o664):
        path = tmp_path / f"{mode}"
        path.write_text("old")
        path.chmod(mode)
        files.replace_file(path, b"new", draft=tmp_path / "draft")
        assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", mode)
