"""The JSON documents, the exit codes, the shared options, and the Python API that they mirror."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from worlds import World, environment, program, sha256

import modelver
from modelver.errors import Damaged, NotFound
from modelver.operations.results import as_json

VERSION = {"version", "created_at", "state", "stages", "labels", "metrics", "size", "hash"}


def test_add_tells_what_it_made(world: World) -> None:
    """The contract of `add`, also where nothing new is registered."""
    world.write("models/m.bin", "weights")
    words = ("add", "models/m.bin", "-n", "fraud", "--metric", "auc=0.91", "--time", "2024-01-01T12:00:00Z")
    document = world.json(*words)
    assert document == {
        "version": f"v20240101120000_{sha256('weights')[:8]}",
        "model": "fraud",
        "commit": world.git("rev-parse", "HEAD").strip(),
        "hash": sha256("weights"),
        "timestamp": "2024-01-01T12:00:00Z",
        "path": "models/m.bin",
        "size": 7,
        "labels": [],
        "stages": [],
        "created": True,
    }
    again = world.json("add", "models/m.bin", "-n", "fraud", "--metric", "auc=0.91", "-m", "only a message")
    assert again == {**document, "created": False}


def test_list_and_show_tell_the_same_of_a_version(fraud: World) -> None:
    """The contracts of `list`, `list MODEL` and `show`."""
    models = fraud.json("list")
    versions = fraud.json("list", "fraud")["versions"]
    assert models == {"models": [{"name": "fraud", "latest": versions[0]["version"], "versions": 3, "stages": {}}]}
    assert [line["created_at"] for line in versions] == [f"2024-01-01T12:0{minute}:00Z" for minute in (2, 1, 0)]
    assert all(set(line) >= VERSION for line in versions)
    shown = fraud.json("show", "fraud")
    assert {key: shown[key] for key in VERSION - {"metrics", "created_at"}} == {
        key: versions[0][key] for key in VERSION - {"metrics", "created_at"}
    }
    assert shown["metrics"] == versions[0]["metrics"] == {"auc": 0.8 + 3 / 100}
    assert shown["artifact"]["digest"] == f"sha256:{shown['hash']}"
    assert shown["commit"] == fraud.git("rev-list", "-1", shown["version"]).strip()
    assert shown["state"] == "development"
    assert shown["message"] == "attempt 3"
    assert len(fraud.json("list", "fraud", "--limit", "2")["versions"]) == 2


def test_status_tells_the_state_of_each_path(fraud: World) -> None:
    """The contract of `status`: the version whose bytes lie there, else the newest."""
    newest, middle, oldest = (line["version"] for line in fraud.json("list", "fraud")["versions"])

    def state() -> list[object]:
        document = fraud.json("status")
        assert document["only_here"] == 3
        return document["artifacts"]

    line = {"path": "model.bin", "model": "fraud"}
    assert state() == [{**line, "version": newest, "state": "unchanged"}]
    fraud.write("model.bin", "fraud 1")
    assert state() == [{**line, "version": oldest, "state": "unchanged"}]
    fraud.write("model.bin", "another")
    assert state() == [{**line, "version": newest, "state": "modified"}]
    (fraud / "model.bin").unlink()
    assert state() == [{**line, "version": newest, "state": "missing"}]
    assert middle not in str(state())


def test_verify_counts_and_lists(fraud: World) -> None:
    """The contract of `verify`: a missing tag is no problem, and neither are bytes that are not here."""
    version = fraud.json("show", "fraud")["version"]
    checked = {"versions": 3, "objects": 3, "tags": 3}
    assert fraud.json("verify") == {"checked": checked, "absent": 0, "missing_tags": [], "problems": []}
    fraud.git("tag", "-d", version)
    fraud.object(sha256("fraud 1")).unlink()
    document = fraud.json("verify")
    assert (document["absent"], document["missing_tags"], document["problems"]) == (1, [version], [])
    absent = fraud.json("verify", "--objects", code=1)
    assert [problem["kind"] for problem in absent["problems"]] == ["absent"]
    assert set(absent["problems"][0]) == {"kind", "version", "path", "detail"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["show", "nobody"], 3),
        (["show", "fraud@@"], 2),
        (["add", "nothing.bin"], 2),
        (["add", "README.md", "-n", "m"], 4),
        (["frobnicate"], 2),
        (["list", "--limit", "none"], 2),
        (["-C", "nowhere", "list"], 2),
        (["cat", "fraud"], 2),
    ],
)
def test_an_error_is_one_document_on_standard_error(fraud: World, words: list[str], code: int) -> None:
    """The code in the document is the exit code; standard output is empty."""
    error = fraud.cli(*words, "--json", code=code).error
    assert error["code"] == code
    assert error["message"]
    assert isinstance(error["hint"], str)


def test_an_error_for_people_is_a_line_and_its_hints(fraud: World) -> None:
    """With the user's text and a mark under the wrong part of it."""
    ran = fraud.cli("show", "fraud@^x", code=2)
    lines = ran.err.splitlines()
    assert lines[0].startswith("error: ")
    assert lines[1:3] == ["  fraud@^x", "        ^^"]
    assert all(line.startswith("hint: ") for line in lines[3:])
    assert ran.out == ""


def test_damage_is_exit_code_five(fraud: World) -> None:
    """Bytes that are not those of their digest are never given out."""
    place = fraud.object(sha256("fraud 3"))
    place.chmod(0o644)
    place.write_bytes(b"fraud X")
    for words in (["cat", "fraud"], ["path", "fraud"], ["checkout", "fraud", "-o", "out.bin"], ["verify"]):
        assert fraud.cli(*words, code=5).bytes.strip() in (b"",) or words == ["verify"]
    assert not (fraud / "out.bin").exists()


def test_an_interruption_is_exit_code_130(fraud: World) -> None:
    """And leaves the repository as it was, without a traceback."""
    unseen = [".git/modelver", ".git/objects"]
    before = fraud.everything(but=unseen)
    fraud.write("model.bin", os.urandom(1000))
    lock = fraud / ".git" / "index.lock"
    lock.touch()
    process = subprocess.Popen(
        [*program(), "add", "model.bin", "-n", "fraud"], cwd=fraud.top, env=environment(), stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 30
    while not (fraud / ".git/modelver/journal").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    lock.unlink()
    assert (process.returncode, err) == (130, b"interrupted\n")
    fraud.write("model.bin", "fraud 3")
    assert fraud.everything(but=unseen) == before
    fraud.assert_sound()


def test_shared_options_stand_before_or_after_the_command(fraud: World, tmp_path: Path) -> None:
    """`--json`, `-C` and the others mean the same in both places."""
    first = fraud.cli("--json", "-C", str(fraud.top), "list", at=tmp_path).bytes
    assert first == fraud.cli("list", "--json", "-C", str(fraud.top), at=tmp_path).bytes
    assert fraud.cli("--version").out == fraud.cli("list", "--version").out == f"modelver {modelver.__version__}\n"
    assert fraud.cli("list", "-h").out == fraud.cli("list", "--help").out
    assert fraud.cli().out == fraud.cli("--help").out


def test_quiet_prints_only_what_was_asked_for(fraud: World) -> None:
    """So a shell can take the id of a new version."""
    fraud.write("model.bin", "fraud 4")
    ran = fraud.cli("add", "model.bin", "-q", "-n", "FRAUD")
    assert ran.out.strip() == fraud.json("show", "fraud")["version"]
    assert ran.err == ""
    fraud.write("model.bin", "fraud 5")
    assert "lower case" in fraud.cli("add", "model.bin", "-n", "FRAUD").err
    assert fraud.cli("checkout", "fraud~1", "-q").out == ""


def test_every_line_in_a_pipe_is_whole_and_plain(fraud: World) -> None:
    """No colour and no cut id where nobody looks at a terminal."""
    for words in (["list"], ["list", "fraud"], ["show", "fraud"], ["status"], ["--help"]):
        ran = fraud.cli(*words, env={"COLUMNS": "20", "TERM": "xterm-256color", "FORCE_COLOR": None})
        assert "\x1b" not in ran.out
    versions = [line["version"] for line in fraud.json("list", "fraud")["versions"]]
    assert [line.split()[0] for line in fraud.cli("list", "fraud").out.splitlines()[1:]] == versions


def test_a_closed_pipe_is_no_error(fraud: World) -> None:
    """Whoever reads only the head of a list has all that he wants."""
    process = subprocess.Popen(
        [*program(), "cat", "fraud"], cwd=fraud.top, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait() == 128 + signal.SIGPIPE


CALLS: list[tuple[list[str], Callable[[modelver.Registry], object]]] = [
    (["list"], lambda registry: registry.models()),
    (["list", "fraud"], lambda registry: registry.versions("fraud")),
    (["list", "fraud", "--limit", "1", "--all"], lambda registry: registry.versions("fraud", limit=1, every=True)),
    (["show", "fraud~1"], lambda registry: registry.show("fraud~1")),
    (["status"], lambda registry: registry.status()),
    (["verify"], lambda registry: registry.verify()),
    (["verify", "fraud", "--objects"], lambda registry: registry.verify(["fraud"], objects=True)),
    (["init"], lambda registry: registry.init()),
    (["add", "model.bin", "-n", "fraud"], lambda registry: registry.add("model.bin", model="fraud")),
    (["checkout", "fraud"], lambda registry: registry.checkout("fraud")),
    (["path", "fraud"], lambda registry: {"path": str(registry.path("fraud"))}),
]


@pytest.mark.parametrize(("words", "call"), CALLS, ids=[" ".join(words) for words, _ in CALLS])
def test_the_document_is_the_result_of_the_api(
    fraud: World, words: list[str], call: Callable[[modelver.Registry], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One shape for both; each of these commands can be repeated."""
    if words[0] == "add":
        fraud.cli(*words)
    monkeypatch.chdir(fraud.top)
    with modelver.open() as registry:
        assert as_json(call(registry)) == fraud.json(*words)


def test_a_result_stands_for_its_version(world: World) -> None:
    """What one call gives, another takes."""
    world.write("model.bin", "weights")
    with world.registry as registry:
        added = registry.add("model.bin", model="fraud", metrics={"auc": 0.9}, inputs=[modelver.Data("README.md")])
        assert registry.show(added).record.metrics == {"auc": 0.9}
        assert registry.cat(added) == b"weights"
        assert registry.checkout(added, "copy.bin").changed
        assert (world / "copy.bin").read_bytes() == registry.path(added).read_bytes() == b"weights"
        world.write("model.bin", "better")
        tuned = registry.add("model.bin", model="fraud", inputs=[modelver.Parent(added)])
        assert registry.show(tuned).record.inputs[0].id == added.version


def test_the_store_can_be_used_by_itself(world: World) -> None:
    """I1: put a path or bytes, open, verify; what is missing is named by its digest."""
    with world.registry as registry:
        store = registry.objects
        digest = store.put_bytes(b"weights")
        assert digest == f"sha256:{sha256('weights')}"
        assert store.put(world.write("m.bin", "weights")).digest == digest
        with store.open(digest) as stream:
            assert stream.read() == b"weights"
        store.verify(digest)
        absent = f"sha256:{sha256('other')}"
        for ask in (store.open, store.verify):
            with pytest.raises(NotFound, match=absent):
                ask(absent)
        store.path(digest).chmod(0o644)
        store.path(digest).write_bytes(b"weighty")
        with pytest.raises(Damaged):
            store.verify(digest)


def test_no_registry_is_told_with_the_way_to_one(plain: World) -> None:
    """Every command but `init` and `demo` needs one."""
    for words in (["list"], ["status"], ["add", "README.md"], ["verify"], ["show", "fraud"]):
        assert "hint: modelver init" in plain.cli(*words, code=3).err
