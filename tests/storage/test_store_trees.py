"""Directories as manifests: what is kept, what is refused, and hostile manifests."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from modelver.domain.paths import fault, is_git
from modelver.errors import Damaged, NotFound, UsageError
from modelver.storage import trees
from modelver.storage.hashing import digest_of_bytes
from modelver.storage.objects import ObjectStore
from modelver.storage.scan import scan
from modelver.storage.trees import Entry, Manifest

ZERO = "sha256:" + "0" * 64


def file(path: str, digest: str = ZERO, size: int = 0, executable: bool = False) -> dict[str, object]:
    return {"digest": digest, "executable": executable, "kind": "file", "path": path, "size": size}


def link(path: str, target: str) -> dict[str, object]:
    return {"kind": "link", "path": path, "target": target}


def text(*entries: dict[str, object], version: object = 1) -> bytes:
    """A manifest as somebody else may have written it: nothing is checked."""
    content = {"entries": list(entries), "format": version}
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


@pytest.fixture
def store(tmp_path):
    return ObjectStore(tmp_path / "root")


@pytest.fixture
def model(tmp_path):
    """A directory artifact with a bit of everything that is kept."""
    root = tmp_path / "model"
    (root / "sub/deep").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "weights.bin").write_bytes(b"weights")
    (root / "sub/run.sh").write_bytes(b"#!/bin/sh\n")
    (root / "sub/run.sh").chmod(0o755)
    (root / 'sub/deep/ü \n".json').write_bytes(b"{}")
    (root / "sub/latest").symlink_to("../weights.bin")
    return root


def test_the_manifest_is_the_canonical_text_that_the_rule_gives(store, model):
    """I1: keys sorted, no spaces, no needless escapes, no final newline, sorted by UTF-8 bytes."""
    stored = store.put(model)
    expected = (
        '{"entries":['
        '{"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","executable":false,'
        '"kind":"file","path":"sub/deep/ü \\n\\".json","size":2},'
        '{"kind":"link","path":"sub/latest","target":"../weights.bin"},'
        f'{{"digest":"{digest_of_bytes(b"#!/bin/sh" + bytes([10]))}","executable":true,'
        '"kind":"file","path":"sub/run.sh","size":10},'
        f'{{"digest":"{digest_of_bytes(b"weights")}","executable":false,'
        '"kind":"file","path":"weights.bin","size":7}'
        '],"format":1}'
    ).encode()
    with store.open(stored.digest) as source:
        assert source.read() == expected
    assert stored.digest == digest_of_bytes(expected)
    assert (stored.size, stored.files, stored.kind) == (19, 3, "directory")


def test_storing_nothing_gives_the_same_digest(store, model):
    """I1: `digest_of` is `put` without the objects."""
    digest = store.digest_of(model)
    assert list(store.list()) == []
    assert store.put(model).digest == digest


def test_entries_are_sorted_by_bytes_and_not_by_directory():
    """I1: `a-b` comes before `a/b`, and U+FFFD before U+1F600, which UTF-16 would swap."""
    manifest = Manifest.of([Entry("file", path, ZERO) for path in ("a/b", "a-b", "\U0001f600", "�")])
    assert [entry.path for entry in manifest.entries] == ["a-b", "a/b", "�", "\U0001f600"]


def test_empty_directories_are_not_kept(store, model):
    """I1: they are no content."""
    before = store.digest_of(model)
    (model / "empty").rmdir()
    assert store.digest_of(model) == before


def test_a_git_directory_is_left_out_and_told(store, model):
    """I1: also one that only some file systems take for it."""
    before = store.digest_of(model)
    for name in (".git", "sub/.GIT", "sub/git~1"):
        (model / name).mkdir()
        (model / name / "config").write_text("[core]")
    stored = store.put(model)
    assert stored.digest == before
    assert [warning.split(" is ")[0] for warning in stored.warnings] == [".git", "sub/.GIT", "sub/git~1"]


def test_a_name_that_is_not_utf8_is_refused(store, model):
    """I1: it could not be written down, and is shown without bytes that a terminal acts on."""
    (model / os.fsdecode(b"bad\xff\x1b")).write_bytes(b"")
    with pytest.raises(UsageError, match=r"bad\\udcff\\x1b is not UTF-8"):
        store.put(model)


def test_names_that_some_disks_take_for_one_are_told(store, model):
    """I1: after NFC and case folding, directories too; they are stored all the same."""
    for name in ("README", "readme", "caf\u00e9", "cafe\u0301"):
        (model / name).write_text(name)
    (model / "SUB").mkdir()
    (model / "SUB/other").write_text("")
    stored = store.put(model)
    assert len(stored.warnings) == 3
    assert stored.files == 8


@pytest.mark.parametrize("target", ["../outside", "sub/../../outside", "/etc/passwd", "sub/up/../.."])
def test_a_link_that_leads_out_is_refused(store, model, target):
    """T2: lexically, absolutely, or by way of another link."""
    (model / "sub/up").symlink_to("..")
    (model / "escape").symlink_to(target)
    with pytest.raises(UsageError, match=r"escape cannot be kept") as caught:
        store.put(model)
    assert "--follow-symlinks" in caught.value.hints[0]
    assert list(store.list()) == []


def test_a_link_that_leads_out_can_be_followed(store, model, tmp_path):
    """T2: its target is stored in its place; links within what was followed stay links."""
    outside = tmp_path / "outside"
    (outside / "in").mkdir(parents=True)
    (outside / "in/data").write_bytes(b"data")
    (outside / "alias").symlink_to("in/data")
    (outside / "back").symlink_to("../model/weights.bin")
    (model / "escape").symlink_to("../outside")
    (model / "one").symlink_to(outside / "in/data")
    manifest = store.manifest(store.put(model, follow_symlinks=True).digest)
    shown = {entry.path: entry.target or entry.size for entry in manifest.entries}
    assert shown["escape/in/data"] == 4
    assert shown["escape/alias"] == "in/data"
    assert shown["escape/back"] == 7
    assert shown["one"] == 4
    assert shown["sub/latest"] == "../weights.bin"


def test_following_links_round_in_a_circle_ends(store, model, tmp_path):
    """T2: a link to a directory above is an error, not an endless walk."""
    (model / "up").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="round in a circle"):
        store.put(model, follow_symlinks=True)


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_other_kinds_of_file_are_refused(store, model, kind, monkeypatch):
    """T2: and nobody waits for the other end of a pipe."""
    monkeypatch.chdir(model)
    if kind == "pipe":
        os.mkfifo("sub/other")
    else:
        socket.socket(socket.AF_UNIX).bind("sub/other")
    with pytest.raises(UsageError, match=rf"sub/other is a {kind}"):
        store.put(model)


def test_nothing_at_a_path_is_not_found(store, tmp_path):
    """Exit 3, with the path as it was typed."""
    with pytest.raises(NotFound, match="nowhere"):
        store.put(tmp_path / "nowhere")


def test_a_device_is_refused(store):
    """T2: a device has no end."""
    with pytest.raises(UsageError, match="a device"):
        store.put(Path("/dev/zero"))


HOSTILE = {
    "absolute": text(file("/etc/cron.d/x")),
    "parent": text(file("../x")),
    "parent inside": text(file("a/../../x")),
    "dot": text(file("./x")),
    "empty": text(file("")),
    "empty part": text(file("a//x")),
    "trailing slash": text(file("a/")),
    "nul": text(file("a\0b")),
    "twice": text(file("x"), file("x")),
    "unsorted": text(file("b"), file("a")),
    "below a file": text(file("a"), file("a/b")),
    "below a link": text(link("a", "b"), file("a/b")),
    "deep below a link": text(link("a", "b"), file("a/b/c/d")),
    "git": text(file(".git/hooks/post-checkout")),
    "git folded": text(file("sub/.GiT/config")),
    "git ntfs": text(file("GIT~1/config")),
    "git dots": text(file(".git. ./config")),
    "git stream": text(file(".git::$INDEX_ALLOCATION/config")),
    "git hfs": text(file(".g\u200cit/config")),
    "git backslash": text(file("a\\.git\\config")),
    "link absolute": text(link("x", "/etc")),
    "link out": text(link("x", "../..")),
    "link out by a link": text(link("a/l", "../b"), link("x", "a/l/../..")),
    "link out where case folds": text(link("p/q/r/A", "../../../z"), link("x", "p/q/r/a/../../../..")),
    "link round": text(link("a", "b"), link("b", "a")),
    "link nowhere": text(link("x", "")),
    "link nul": text(link("x", "a\0")),
    "long path": text(file("a/" * 3000 + "b")),
    "deep path": text(file("a/" * 256 + "b")),
    "deep link": text(link("a/" * 256 + "b", "c")),
    "link of many parts": text(link("x", "a/../" * 200)),
    "links of many parts": text(link("x", "a/../" * 100 + "y"), link("y", "a/../" * 100)),
    "link of many characters": text(link("x", "a" * 4097)),
    "below a file among others": text(file("a"), file("a-b"), file("a-c"), file("a/b")),
    "size negative": text(file("x", size=-1)),
    "size float": text(file("x", size=1.5)),
    "size text": text(file("x", size="1")),
    "size huge": text(file("x", size=10**30)),
    "size bool": text(file("x", size=True)),
    "executable number": text(file("x", executable=1)),
    "digest short": text(file("x", digest="sha256:00")),
    "digest capitals": text(file("x", digest="sha256:" + "A" * 64)),
    "digest path": text(file("x", digest="sha256:../" + "0" * 61)),
    "path number": text(file(5)),
    "surplus key": text({**file("x"), "mode": 511}),
    "missing key": text({"kind": "file", "path": "x"}),
    "other kind": text({"kind": "device", "path": "x"}),
    "other format": text(version=2),
    "format text": text(version="1"),
    "list": b"[]",
    "null": b"null",
    "nothing": b"",
    "newline": text(file("x")) + b"\n",
    "spaces": json.dumps({"entries": [], "format": 1}).encode(),
    "needless escape": text(file("ü")).replace("ü".encode(), b"\\u00fc"),
    "needless slash escape": text(file("a/b")).replace(b"a/b", b"a\\/b"),
    "surrogate": text(file("x")).replace(b'"x"', b'"\\ud800"'),
    "not utf8": text(file("x")).replace(b'"x"', b'"\xff"'),
    "duplicate key": text(file("x")).replace(b'"path":"x"', b'"path":"x","path":"y"'),
    "deep": b'{"entries":[' + b"[" * 1_000_000,
    "open text": b'{"entries":[{"kind":"link","path":"' + b"a" * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_manifest_is_damage(name):
    """I1, C5: exit 5, on one line that no terminal acts on."""
    with pytest.raises(Damaged) as caught:
        Manifest.parse(HOSTILE[name])
    assert caught.value.code == 5
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("target", ["a/../" * 127, "l000000", "b/" * 255 + "b", "Ä/../" * 127])
def test_a_hostile_manifest_of_many_links_is_read_in_seconds(target):
    """I1: the cost of a link does not grow with the length of its way so far."""
    links = [link(f"{'d' * 200}/l{number:06}", target) for number in range(20_000)]
    links[0]["target"] = "x/../" * 120 + "y"
    data = text(*links)
    began = time.process_time()
    with contextlib.suppress(Damaged):
        Manifest.parse(data)
    assert time.process_time() - began < 20


def test_many_deep_paths_need_little_memory():
    """I1: what lies above them is not written down for each."""
    data = text(*[file(f"{number:05}/" + "a/" * 250 + "b") for number in range(4_000)])
    tracemalloc.start()
    try:
        Manifest.parse(data)
        assert tracemalloc.get_traced_memory()[1] < 30 << 20
    finally:
        tracemalloc.stop()


def test_the_path_at_fault_is_named_and_escaped():
    """C5: who reads the error sees where, and not what the path would do to the terminal."""
    with pytest.raises(Damaged, match=r"\.\./\\x1b\[31m: it leads out"):
        Manifest.parse(text(file("../\x1b[31m")))


def test_too_many_entries_are_refused(monkeypatch):
    """I1: a manifest cannot fill the memory."""
    monkeypatch.setattr(trees, "MAX_ENTRIES", 3)
    Manifest.parse(text(*[file(str(number)) for number in range(3)]))
    with pytest.raises(Damaged, match="more than 3 entries"):
        Manifest.parse(text(*[file(str(number)) for number in range(4)]))


def test_too_large_a_manifest_is_refused(monkeypatch):
    """I1: before anything of it is looked at."""
    monkeypatch.setattr(trees, "MAX_BYTES", 100)
    with pytest.raises(Damaged, match="too large"):
        Manifest.parse(text(file("x")))


def test_names_that_are_no_git_directory_are_kept():
    """C5: only what some file system takes for `.git` is refused."""
    for name in (".gitignore", "git", ".gitx", "git~2", "x.git", ".git x", "..git", "a~1", "a\nb", "con"):
        assert not is_git(name), name
        assert fault(name) is None, name


_component = st.text(min_size=1, max_size=8).filter(
    lambda name: "/" not in name and name not in (".", "..") and not is_git(name) and fault(name) is None
)
_paths = st.lists(st.lists(_component, min_size=1, max_size=3).map("/".join), unique=True, max_size=8)


def _encodable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _entries(names: list[str]) -> list[Entry]:
    kept: list[str] = []
    for name in sorted(filter(_encodable, names), key=len):
        if not any(name.startswith(other + "/") or other.startswith(name + "/") for other in kept):
            kept.append(name)
    return [Entry("file", name, ZERO, len(name), len(name) % 2 == 0) for name in kept]


@given(_paths)
@settings(max_examples=150, deadline=None)
def test_parse_undoes_to_bytes(names):
    """I1: for any names that a file system can have."""
    manifest = Manifest.of(_entries(names))
    data = manifest.to_bytes()
    assert Manifest.parse(data) == manifest
    assert json.loads(data)["format"] == 1
    assert data == text(*json.loads(data)["entries"])


SAMPLE = text(file("a\nb", size=5), link("c/x", "../a"), file("c/ü", executable=True), file("d"))


_change = st.tuples(st.integers(0, len(SAMPLE) - 1), st.sampled_from(["set", "del", "dup"]), st.binary(max_size=4))


@given(st.lists(_change))
@settings(max_examples=300, deadline=None)
def test_a_changed_manifest_is_read_as_it_stands_or_is_damage(changes):
    """I1: nothing but `Damaged` comes out of the reader, and what it reads is what was written."""
    data = bytearray(SAMPLE)
    for at, what, new in changes:
        at = min(at, len(data))
        if what == "del":
            del data[at : at + 3]
        elif what == "dup":
            data[at:at] = data[at : at + 40]
        else:
            data[at : at + len(new)] = new
    try:
        manifest = Manifest.parse(bytes(data))
    except Damaged:
        return
    assert manifest.to_bytes() == data


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_other_bytes_are_damage(data):
    """I1: random bytes after a good beginning."""
    assume(data != b'],"format":1}')
    with pytest.raises(Damaged):
        Manifest.parse(b'{"entries":[' + data)


def test_a_file_or_a_part_of_a_directory_can_be_looked_up():
    """I1: a sub-directory is a manifest of its own, with its own digest."""
    manifest = Manifest.of(
        [Entry("file", "a/b/c", ZERO, 3), Entry("file", "a/d", ZERO, 4), Entry("link", "a/l", target="b/c")]
    )
    found = manifest.lookup("a/b/c")
    assert isinstance(found, Entry)
    assert found.size == 3
    part = manifest.lookup("a/")
    assert isinstance(part, Manifest)
    assert [entry.path for entry in part.entries] == ["b/c", "d", "l"]
    assert (part.size, part.files) == (7, 2)
    with pytest.raises(NotFound):
        manifest.lookup("a/x")


def test_a_part_whose_links_lead_out_of_it_cannot_stand_alone():
    """C5: what was inside the whole would be outside the part."""
    manifest = Manifest.of([Entry("file", "top", ZERO), Entry("link", "a/l", target="../top")])
    with pytest.raises(UsageError, match="leads out"):
        manifest.lookup("a")


def test_every_file_is_scanned_once(tmp_path):
    """I1: whatever order the disk gives them in."""
    for number in range(50):
        (tmp_path / f"{number * 7 % 50}").write_bytes(b"")
    names = [found.name for found in scan(tmp_path).files]
    assert Manifest.of([Entry("file", name, ZERO) for name in names]).files == 50
