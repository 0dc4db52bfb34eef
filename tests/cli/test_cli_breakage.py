"""What people and machines do wrong, each once: a clear error, the right code, and nothing lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from worlds import World, environment, program, sha256

import modelver
from modelver.errors import ModelverError, UsageError


def test_an_add_without_a_registry_writes_nothing(plain: World) -> None:
    """W5: neither on a branch nor on one that has no commit yet."""
    plain.write("model.bin", "weights")
    unseen = [".git/modelver"]
    before = plain.everything(but=unseen)
    assert "hint: modelver init" in plain.cli("add", "model.bin", "-n", "fraud", code=3).err
    assert plain.everything(but=unseen) == before
    plain.git("checkout", "-q", "--orphan", "new")
    plain.cli("add", "model.bin", "-n", "fraud", code=3)
    assert plain.git("for-each-ref", "refs/heads/new") == ""


def test_a_checkout_never_takes_the_last_good_copy(fraud: World) -> None:
    """T3: the bytes that it replaces are stored anew where the store has lost or damaged them."""
    fraud.object(sha256("fraud 3")).unlink()
    fraud.cli("checkout", "fraud~1")
    assert fraud.cli("cat", "fraud").out == "fraud 3"
    fraud.cli("checkout", "fraud")
    place = fraud.object(sha256("fraud 3"))
    place.chmod(0o644)
    place.write_bytes(b"fraud X")
    place.chmod(0o444)
    fraud.cli("checkout", "fraud~1")
    assert fraud.cli("cat", "fraud").out == "fraud 3"


def test_a_checkout_keeps_what_a_manifest_leaves_out(world: World) -> None:
    """T3: a directory with a Git repository of its own in it, or an empty directory, is not replaced."""
    world.write("hub/weights", "1")
    first = world.json("add", "hub", "-n", "hub")["version"]
    world.write("hub/weights", "2")
    subprocess.run(["git", "init", "-q", "hub"], cwd=world.top, check=True)
    world.cli("add", "hub", "-n", "hub")
    assert "hub" in world.cli("checkout", first, code=4).err
    assert (world / "hub/.git/HEAD").exists()
    world.cli("checkout", first, "--force")
    assert sorted(os.listdir(world / "hub")) == ["weights"]


def test_threads_share_a_registry(fraud: World) -> None:
    """The process that reads is asked by one at a time."""
    with fraud.registry as registry, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: str(registry.show("fraud")), range(24)))
    assert len(set(found)) == 1
    assert threading.active_count() < 10


def test_numbers_of_numpy_are_numbers(world: World) -> None:
    """C3: what a training script has at hand."""
    world.write("model.bin", "weights")
    with world.registry as registry:
        added = registry.add(
            "model.bin",
            model="fraud",
            metrics={"auc": np.float64(0.5), "n": np.int64(3)},
            params={"shape": np.array([1, 2]), "rate": np.float32(0.5)},
        )
        record = registry.show(added).record
    assert record.metrics == {"auc": 0.5, "n": 3}
    assert record.params == {"shape": [1, 2], "rate": 0.5}


@pytest.mark.parametrize(
    "given",
    [
        {"metrics": {"auc": "high"}},
        {"metrics": {"auc": float("nan")}},
        {"metrics": {1: 2.0}},
        {"params": {"": 1}},
        {"params": {"a": [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}},
        {"message": "a\0b"},
        {"message": 7},
        {"inputs": ["data.csv"]},
        {"inputs": [modelver.Data("absent.csv")]},
        {"inputs": [modelver.Data("s3://user:secret@bucket/x")]},
        {"model": "../x"},
    ],
)
def test_what_a_program_gives_wrong_is_a_wrong_use(world: World, given: dict[str, object]) -> None:
    """Exit 2 on the command line, `UsageError` here; nothing is registered."""
    world.write("model.bin", "weights")
    before = world.git("for-each-ref")
    with world.registry as registry, pytest.raises(UsageError) as caught:
        registry.add("model.bin", **{"model": "fraud", **given})  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)
    assert world.git("for-each-ref") == before


@pytest.mark.parametrize("place", ["README.md", "x\0", "nowhere", "n" * 300])
def test_what_is_no_directory_is_told(world: World, place: str) -> None:
    """The API's first call."""
    with pytest.raises(UsageError, match="no directory"):
        modelver.open(place if "\0" in place else world / place)


@pytest.mark.parametrize("words", [["list"], ["cat", "fraud"], ["path", "fraud"], ["show", "fraud", "--json"]])
def test_an_output_that_cannot_be_written_is_no_bug(fraud: World, words: list[str]) -> None:
    """Exit 7 on a full device; a closed standard output is none at all."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*program(), *words], cwd=fraud.top, env=environment(), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, b"cannot" in done.stderr) == (7, True)
    closed = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *program(), *words], cwd=fraud.top, env=environment(), check=False
    )
    assert closed.returncode in (0, 7)


@pytest.mark.parametrize(
    "words",
    [
        ["add", "n" * 300],
        ["add", "n" * 300 + "/model.bin"],
        ["checkout", "fraud", "-o", "n" * 300],
        ["-C", "n" * 300, "list"],
        ["add", "model.bin", "--data", "n" * 300],
        ["add", "model.bin", "--metrics", "n" * 300],
    ],
)
def test_a_name_that_is_too_long_is_no_bug(fraud: World, words: list[str]) -> None:
    """Exit 2 or 7, with the reason."""
    assert fraud.cli(*words, code=None).code in (2, 7)


def test_a_folder_without_a_version_is_no_model(world: World) -> None:
    """L1: whatever lies in it."""
    world.commit({".modelver/models/x/versions/README": "nothing\n"})
    world.write("model.bin", "weights")
    assert world.json("list") == {"models": []}
    assert world.cli("show", "x", code=3).err.startswith("error: there is no model x")
    assert world.json("add", "model.bin")["model"] == "model"


def test_one_malformed_record_does_not_stop_the_others(fraud: World) -> None:
    """C4: `status` and `add` go on, and say or leave to `verify` what is wrong."""
    damaged = next((fraud / ".modelver/models/fraud/versions").rglob("v*120000*.yaml"))
    fraud.commit({str(damaged.relative_to(fraud.top)): "format: 1\nmodel: [\n"}, "damage")
    ran = fraud.cli("status")
    assert "model.bin" in ran.out
    assert "malformed records: 1" in ran.err
    fraud.write("other.bin", "weights")
    assert fraud.json("add", "other.bin")["created"] is True
    fraud.cli("verify", code=5)


def test_hostile_patterns_take_no_time(plain: World) -> None:
    """`init` looks at files of other people; a pattern that would never end is matched in one pass."""
    plain.write(".github/workflows/a.yml", f"on:\n  push:\n    tags: ['{'**' * 40}x']\n")
    plain.write(".github/workflows/b.yml", f"on:\n  push:\n    tags: ['{'[a-z]?' * 90}', 'v+++++']\n")
    plain.write(".gitlab-ci.yml", "- " + "v " * 200_000 + "\n")
    assert plain.json("init")["proposals"] == []


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59Z", "0001-01-01", "0001-01-01T00:00:00+14:00", "yesterday"])
def test_a_time_at_the_end_of_days_is_refused(world: World, time: str) -> None:
    """I2: what Git could not date is no version's second."""
    world.write("model.bin", "weights")
    error = world.cli("add", "model.bin", "-n", "fraud", "--time", time, "--json", code=2).error
    assert time[:10] in error["message"]
    assert world.json("list")["models"] == []


def test_an_artifact_that_git_offers_all_the_same_is_told(world: World) -> None:
    """T1: a `.gitignore` of the user's can take our line back."""
    world.commit({".gitignore": "!*.bin\n"})
    world.write("model.bin", "weights")
    assert "!" in world.cli("add", "model.bin", "-n", "fraud").err
    world.write("model.pt", "weights")
    assert "offers" not in world.cli("add", "model.pt", "-n", "other").err


def test_an_artifact_in_another_repository_is_refused(world: World) -> None:
    """T1: a submodule has its own list of what it hides."""
    subprocess.run(["git", "init", "-q", "sub"], cwd=world.top, check=True)
    world.write("sub/model.bin", "weights")
    assert "another Git repository" in world.cli("add", "sub/model.bin", "-n", "fraud", code=2).err


def test_show_prints_what_was_given(world: World) -> None:
    """A backslash is a backslash, and a line is a line."""
    world.write("model.bin", "weights")
    world.cli("add", "model.bin", "-n", "fraud", "--param", r"p=C:\new\dir", "-m", "first\nsecond \x1b[31m")
    out = world.cli("show", "fraud").out
    assert r"C:\new\dir" in out
    assert "first\n" in out
    assert r"second \x1b[31m" in out


def test_a_path_is_printed_byte_for_byte(fraud: World, tmp_path: Path) -> None:
    """A program opens it, also in a directory whose name is no UTF-8."""
    odd = os.fsencode(tmp_path) + b"/r\xe9po"
    os.rename(os.fsencode(fraud.top), odd)
    done = subprocess.run([*program(), "path", "fraud"], cwd=odd, env=environment(), capture_output=True, check=True)
    assert Path(os.fsdecode(done.stdout.removesuffix(b"\n"))).read_bytes() == b"fraud 3"


def test_two_dots_lead_up_from_where_a_link_leads(world: World) -> None:
    """As in a shell's `cat`."""
    world.write("sub/deep/x")
    world.write("sub/model.bin", "real")
    world.write("model.bin", "other")
    (world / "L").symlink_to("sub/deep")
    assert world.json("add", "L/../model.bin", "-n", "fraud")["path"] == "sub/model.bin"
    assert world.cli("cat", "fraud").out == "real"


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "soon"])
def test_a_lock_timeout_is_a_number_of_seconds(fraud: World, seconds: str) -> None:
    """It never means for ever."""
    fraud.cli("checkout", "fraud", "--lock-timeout", seconds, code=None)
    fraud.write("model.bin", "fraud 4")
    fraud.cli("add", "model.bin", "-n", "fraud", "--lock-timeout", seconds, code=2)


def test_a_part_of_a_directory_is_named_in_any_spelling(world: World) -> None:
    """`REF:.` is all of it."""
    world.write("d/s/f", "1")
    world.cli("add", "d", "-n", "d")
    assert world.cli("cat", "d:/s//f").out == "1"
    world.cli("checkout", "d:s/", "-o", "part")
    assert (world / "part/f").read_text() == "1"
    assert world.json("checkout", "d:.")["changed"] is False


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a.b": 1, "a": {"b": 2}}', '{"": 1}', '{"auc": "x"}', "[1]", '{"a": ' * 50 + "1" + "}" * 50],
)
def test_a_file_of_metrics_that_is_none_is_refused(world: World, text: str) -> None:
    """Exit 2, and the file is named or the metric is."""
    world.write("model.bin", "weights")
    world.write("metrics.json", text)
    error = world.cli("add", "model.bin", "-n", "fraud", "--metrics", "metrics.json", "--json", code=2).error
    assert re.search("metrics.json|auc|a[.]b|metric", error["message"])
    assert world.json("list")["models"] == []


def test_a_detached_head_is_told(world: World) -> None:
    """B2: the version's tag keeps it, but no branch has it."""
    world.git("checkout", "-q", "--detach")
    world.write("model.bin", "weights")
    ran = world.cli("add", "model.bin", "-n", "fraud")
    assert "detached" in ran.err
    world.git("checkout", "-q", "main")
    assert json.loads(world.cli("show", ran.out.split()[1], "--json").bytes)["model"] == "fraud"


def test_every_error_of_the_api_is_ours(fraud: World) -> None:
    """`ModelverError` is all that a program has to catch."""
    with fraud.registry as registry:
        for call in (
            lambda: registry.show(""),
            lambda: registry.show("fraud@"),
            lambda: registry.checkout("fraud", "n" * 300),
            lambda: registry.versions("Not A Name"),
            lambda: registry.add(b"no.bin"),  # type: ignore[arg-type]
            lambda: registry.cat("fraud:part"),
        ):
            with pytest.raises(ModelverError):
                call()


def test_adding_again_heals_a_damaged_object(fraud: World) -> None:
    """W1: bytes that were hashed just now replace those that lie under their name."""
    place = fraud.object(sha256("fraud 3"))
    place.chmod(0o644)
    place.write_bytes(b"fraud X")
    place.chmod(0o444)
    os.utime(fraud / "model.bin")
    fraud.cli("add", "model.bin", "-n", "fraud", "--metric", "x=1")
    assert fraud.cli("cat", "fraud").out == "fraud 3"
    fraud.cli("verify")


def test_ctrl_c_while_another_holds_the_index(fraud: World) -> None:
    """W5: the terminal interrupts Git's processes too; what was begun is undone all the same, exit 130."""
    lock = fraud / ".git/index.lock"
    lock.touch()
    words = [*program(), "promote", "fraud", "production"]
    quiet = subprocess.DEVNULL
    running = subprocess.Popen(words, cwd=fraud.top, env=environment(None), stdout=quiet, stderr=quiet, process_group=0)
    while not (fraud.home / "journal").exists():
        assert running.poll() is None
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait() == 130
    lock.unlink()
    fraud.assert_sound()
    assert fraud.json("promote", "fraud", "production")["number"] == 1
