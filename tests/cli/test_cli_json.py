"""What machines rely on: JSON documents, exit codes, options, signals; and the API that gives the same."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import byhand
import pytest
from worlds import PROJECT, World, environment, program, sha256

import modelver
from modelver.errors import Damaged, NotFound
from modelver.operations.results import as_json

# ---- the documents -------------------------------------------------------------------------------------------


def test_what_add_answers(world: World) -> None:
    """`add`: version, model, commit, hash, timestamp, path, size, labels, stages, created, pending."""
    world.write("out/model.bin", "weights")
    words = ("add", "out/model.bin", "-n", "NLP/Fraud", "--time", "2024-01-02T03:04:05+01:00")
    added = world.json(*words)
    assert added == {
        "version": f"v20240102020405_{sha256('weights')[:8]}",
        "model": "nlp/fraud",
        "commit": world.git("rev-parse", "HEAD").strip(),
        "hash": sha256("weights"),
        "timestamp": "2024-01-02T02:04:05Z",
        "path": "out/model.bin",
        "size": 7,
        "labels": [],
        "stages": [],
        "created": True,
        "pending": False,
    }
    byhand.label(world, "1.0.0", added["version"], "nlp/fraud")
    byhand.stage(world, "production", ("promote", added["version"]), model="nlp/fraud")
    before = world.git("rev-parse", "HEAD")
    again = world.json("add", "out/model.bin", "-m", "the same once more")
    assert again == added | {"created": False, "labels": ["1.0.0"], "stages": ["production"]}
    assert world.git("rev-parse", "HEAD") == before


def test_what_counts_as_unchanged(world: World) -> None:
    """C2: message and time do not make a version new; a metric, a param, metadata, an input or a path do."""
    world.write("model.bin", "weights")
    world.write("data.csv", "1,2\n")
    registry = world.registry
    first = registry.add("model.bin", model="fraud", metrics={"auc": 0.5})
    assert not registry.add("model.bin", model="fraud", metrics={"auc": 0.5}, message="other words").created
    created = [
        registry.add("model.bin", model="fraud", metrics={"auc": 0.6}),
        registry.add("model.bin", model="fraud", metrics={"auc": 0.6}, params={"lr": 0.1}),
        registry.add("model.bin", model="fraud", metrics={"auc": 0.6}, params={"lr": 0.1}, meta={"a": "b"}),
        registry.add("model.bin", model="fraud", inputs=[modelver.Data("data.csv")]),
        registry.add("model.bin", model="fraud", inputs=[modelver.Data("data.csv"), modelver.Parent(first)]),
        registry.add("model.bin", model="fraud", metrics={"auc": 0.5}),
    ]
    assert [each.created for each in created] == [True] * 6
    world.write("other.bin", "weights")
    assert registry.add("other.bin", model="fraud", metrics={"auc": 0.5}).created
    registry.close()


def test_what_list_answers(fraud: World) -> None:
    """`list`: name, latest, versions, stages of each model; by name, and no more than `--limit`."""
    newest = fraud.add("b", "asset", "asset.bin")
    byhand.stage(fraud, "production", ("promote", newest.version), model="asset")
    byhand.stage(fraud, "canary", ("demote", None), ("promote", newest.version), model="asset")
    ids = [line.version for line in fraud.registry.versions("fraud").versions]
    asset = {
        "name": "asset",
        "latest": newest.version,
        "versions": 1,
        "stages": {"production": newest.version},
    }
    assert fraud.json("list") == {"models": [asset, {"name": "fraud", "latest": ids[0], "versions": 3, "stages": {}}]}
    assert fraud.json("list", "--limit", "1") == {"models": [asset]}
    assert fraud.cli("list", "--json", "-q").json == fraud.json("list")


def test_what_list_of_a_model_answers(fraud: World) -> None:
    """`list MODEL`: version, created_at, state, stages, labels, metrics, size, hash of each version, newest first."""
    ids = [line.version for line in reversed(fraud.registry.versions("fraud").versions)]
    byhand.label(fraud, "1.0.0", ids[2])
    byhand.stage(fraud, "production", ("promote", ids[2]))
    byhand.archive(fraud, ids[0])
    listed = fraud.json("list", "FRAUD")
    assert listed["model"] == "fraud"
    assert [line["version"] for line in listed["versions"]] == ids[::-1]
    assert listed["versions"][0] == {
        "version": ids[2],
        "created_at": "2024-01-01T12:02:00Z",
        "state": "staged",
        "stages": ["production"],
        "labels": ["1.0.0"],
        "metrics": {"auc": 0.83},
        "size": 7,
        "hash": sha256("fraud 3"),
        "merged": True,
        "yanked": False,
    }
    assert [line["state"] for line in listed["versions"]] == ["staged", "development", "archived"]
    limited = fraud.cli("list", "fraud", "--limit", "2", "--json").json
    assert ([line["version"] for line in limited["versions"]], limited["total"]) == (ids[:0:-1], 3)


def test_what_show_answers(world: World) -> None:
    """`show`: the record's own keys and values, and hash, size, commit, labels, stages, state at the top."""
    world.write("model.bin", "weights")
    world.write("train.csv", "1,2\n")
    world.write("metrics.json", '{"val": {"auc": 0.9}, "loss": 1e-4}')
    world.write("params.toml", "lr = 0.001\n[net]\nlayers = [1, 2]\nname = 'on'\n")
    world.write("src/train.py", "print('changed')\n")
    words = "--metric auc=0.91 --metrics metrics.json --params params.toml --param epochs=3 --meta ticket=ML-42"
    inputs = "--data train.csv --data s3://bucket/x.parquet --code src/train.py --code README.md"
    added = world.json(
        "add",
        "model.bin",
        "-n",
        "fraud",
        *words.split(),
        *inputs.split(),
        "-m",
        "first\n\nbaseline",
        "--meta",
        "on=yes",
    )
    shown = world.json("show", "fraud")
    text = (world / byhand.version_path(added["version"])).read_text()
    assert shown == {
        "format": 1,
        "model": "fraud",
        "version": added["version"],
        "created_at": added["timestamp"],
        "created_by": "A. User <user@example.org>",
        "message": "first\n\nbaseline",
        "artifact": {
            "path": "model.bin",
            "kind": "file",
            "digest": f"sha256:{sha256('weights')}",
            "size": 7,
            "files": 1,
        },
        "metrics": {"auc": 0.91, "loss": 0.0001, "val.auc": 0.9},
        "params": {"epochs": 3, "lr": 0.001, "net.layers": [1, 2], "net.name": "on"},
        "inputs": [
            {
                "kind": "data",
                "id": "train.csv",
                "digest": f"sha256:{sha256('1,2' + chr(10))}",
                "relation": "trained-on",
            },
            {"kind": "data", "id": "s3://bucket/x.parquet", "relation": "trained-on"},
            code_input(world, "src/train.py", dirty=True),
            code_input(world, "README.md", dirty=False),
        ],
        **({"environment": shown["environment"]} if "environment" in shown else {}),
        "meta": {"on": "yes", "ticket": "ML-42"},
        "hash": sha256("weights"),
        "size": 7,
        "commit": added["commit"],
        "labels": [],
        "stages": [],
        "state": "development",
        "present": True,
        "sources": dict.fromkeys(("auc", "loss", "val.auc"), "record"),
        "notes": [],
        "yanked": False,
    }
    assert list(shown)[: len(shown) - 10] == [
        line.split(":")[0] for line in text.splitlines() if line and line[0] not in " -"
    ]


def code_input(world: World, path: str, *, dirty: bool) -> dict[str, object]:
    """What a record says of a file of code; the commit is the one before `add`."""
    return {
        "kind": "code",
        "id": path,
        "digest": f"sha256:{sha256((world / path).read_bytes())}",
        "commit": world.git("rev-parse", "HEAD~1").strip(),
        "dirty": dirty,
        "relation": "trained-by",
    }


def test_what_status_answers(fraud: World) -> None:
    """`status`: path, model, version, state of each artifact; the version that lies there, else the newest."""
    ids = [line.version for line in reversed(fraud.registry.versions("fraud").versions)]

    def state() -> dict[str, str]:
        document = fraud.json("status")
        assert document["only_here"] == 3
        (line,) = document["artifacts"]
        return dict(line)

    same = {"path": "model.bin", "model": "fraud"}
    assert state() == same | {"version": ids[2], "state": "unchanged"}
    fraud.write("model.bin", "fraud 2")
    assert state() == same | {"version": ids[1], "state": "unchanged"}
    fraud.write("model.bin", "fraud 9")
    assert state() == same | {"version": ids[2], "state": "modified"}
    (fraud / "model.bin").unlink()
    assert state() == same | {"version": ids[2], "state": "missing"}


def test_what_verify_answers(fraud: World) -> None:
    """`verify`: checked, absent, missing_tags, problems with kind, version, path and detail."""
    version = fraud.registry.show("fraud").record.version
    assert fraud.json("verify") == {
        "checked": {"versions": 3, "objects": 3, "tags": 3},
        "absent": 0,
        "missing_tags": [],
        "problems": [],
    }
    fraud.object(sha256("fraud 3")).unlink()
    assert fraud.json("verify", "fraud", "--objects", code=1) == {
        "checked": {"versions": 1, "objects": 0, "tags": 1},
        "absent": 1,
        "missing_tags": [],
        "problems": [
            {
                "kind": "absent",
                "version": version,
                "path": "model.bin",
                "detail": f"sha256:{sha256('fraud 3')} is not here",
            }
        ],
    }


def test_api_and_json_are_equal(fraud: World, tmp_path: Path) -> None:
    """For every command the API's result, as JSON, is what the program prints with `--json`."""
    ids = [line.version for line in fraud.registry.versions("fraud").versions]
    byhand.label(fraud, "1.0.0", ids[0])
    byhand.stage(fraud, "production", ("promote", ids[1]))
    out = str(tmp_path / "out.bin")
    with fraud.registry as registry:
        registry.sync()
        pairs = [
            (("list",), registry.models()),
            (("list", "--limit", "1"), registry.models(limit=1)),
            (("list", "fraud"), registry.versions("fraud")),
            (("list", "fraud", "--all", "--limit", "2"), registry.versions("fraud", every=True, limit=2)),
            (("show", "fraud@production"), registry.show("fraud@production")),
            (("status",), registry.status()),
            (("verify",), registry.verify()),
            (("sync",), registry.sync()),
            (("init",), registry.init()),
            (("add", "model.bin", "--metric", "auc=0.83"), registry.add("model.bin", metrics={"auc": 0.83})),
            (("checkout", "fraud"), registry.checkout("fraud")),
        ]
        for words, result in pairs:
            assert fraud.json(*words) == json.loads(json.dumps(as_json(result))), words
        assert fraud.json("path", "fraud") == {"path": str(registry.path("fraud"))}
        assert fraud.cli("cat", "fraud~1").bytes == registry.cat("fraud~1")
        assert fraud.json("checkout", "fraud~2", "-o", out) == as_json(registry.checkout("fraud~2", out)) | {
            "changed": True
        }


# ---- the API -------------------------------------------------------------------------------------------------


def test_results_stand_for_their_version(fraud: World, tmp_path: Path) -> None:
    """Wherever a version is asked for, the result of another call does; paths count from the opened directory."""
    with modelver.open(fraud / "src") as registry:
        fraud.write("src/here.bin", "here")
        added = registry.add("here.bin", model="here")
        assert added.path == "src/here.bin"
        assert registry.cat(added) == b"here"
        assert registry.show(registry.versions("here").versions[0]).record.version == added.version
        assert registry.path(registry.show(added)).read_bytes() == b"here"
        child = registry.add("../model.bin", model="child", inputs=[modelver.Parent(added)])
        assert [each.id for each in registry.show(child).record.inputs] == [added.version]
        assert registry.checkout(added, "copy.bin").path == str(fraud / "src/copy.bin")
        assert registry.verify([added, child]).checked["versions"] == 2
    with pytest.raises(modelver.ModelverError) as caught:
        modelver.open(tmp_path)
    assert caught.value.code == 3


def test_the_store_by_itself(world: World, tmp_path: Path) -> None:
    """`registry.objects`: a path or bytes in, a digest out; open and verify; a missing one is named by its digest."""
    objects = world.registry.objects
    digest = objects.put_bytes(b"bytes")
    assert digest == f"sha256:{sha256('bytes')}"
    (tmp_path / "file.bin").write_text("bytes")
    assert objects.put(tmp_path / "file.bin").digest == digest
    with objects.open(digest) as stream:
        assert stream.read() == b"bytes"
    objects.verify(digest)
    missing = f"sha256:{sha256('nobody has this')}"
    for ask in (objects.open, objects.verify, objects.manifest):
        with pytest.raises(NotFound, match=missing):
            ask(missing)
    with pytest.raises(Damaged):
        objects.verify("sha256:short")
    world.object(digest).chmod(0o644)
    world.object(digest).write_text("other")
    with pytest.raises(Damaged, match=digest):
        objects.verify(digest)


# ---- errors and exit codes -----------------------------------------------------------------------------------

ERRORS = [
    (("show", "nobody"), 3, "there is no model"),
    (("show",), 2, "Missing argument"),
    (("list", "--limit", "0"), 2, "limit"),
    (("lst",), 2, "No such command"),
    (("list", "--nothing"), 2, "No such option"),
    (("add", "absent.bin"), 2, "absent.bin"),
    (("add", "model.bin", "--metric", "auc"), 2, "KEY=VALUE"),
    (("add", "model.bin", "--metric", "auc=NaN"), 2, "finite number"),
    (("add", "model.bin", "--metric", "auc=true"), 2, "finite number"),
    (("add", "model.bin", "--metric", "auc=1", "--metric", "auc=2"), 2, "given twice"),
    (("add", "model.bin", "--data", "s3://user:secret@host/x"), 2, "holds credentials"),
    (("add", "model.bin", "--params", "README.md"), 2, "README.md"),
    (("add", "model.bin", "-n", "Fraud Model"), 2, "cannot be the name of a model"),
    (("add", "README.md"), 4, "Git tracks"),
    (("cat", "fraud", "--json"), 2, "no --json"),
    (("checkout", "fraud:part"), 3, "one file"),
    (("add", "model.bin", "--lock-timeout", "soon"), 2, "seconds"),
]


@pytest.mark.parametrize(("words", "code", "message"), ERRORS)
def test_an_error_is_one_object_on_stderr(fraud: World, words: tuple[str, ...], code: int, message: str) -> None:
    """With `--json` an error is `{"error": {"code", "message", "hint"}}` on stderr, its code the exit code."""
    error = fraud.cli(*words, *([] if "--json" in words else ["--json"]), code=code).error
    assert error["code"] == code
    assert message in error["message"]
    assert "\n" not in error["message"]
    assert isinstance(error["hint"], str)
    assert "secret" not in str(error)


def test_an_error_for_people(fraud: World) -> None:
    """One line `error: …`, then `hint: …` lines, on stderr; nothing on stdout; `--debug` adds where it arose."""
    ran = fraud.cli("show", "farud", code=3)
    assert ran.err == "error: there is no model farud\n  farud\n  ^^^^^\nhint: did you mean fraud?\n"
    assert ran.out == ""
    debug = fraud.cli("show", "farud", "--debug", code=3).err
    assert debug.startswith("Traceback")
    assert debug.endswith(ran.err)


def test_words_after_two_dashes_are_no_options(fraud: World) -> None:
    """A file called `--json` or `--debug` does not change how an error is shown."""
    assert fraud.cli("add", "--", "--json", code=2).err.startswith("error: '--json' is not there")
    assert fraud.cli("add", "--", "--debug", code=2).err.startswith("error: '--debug' is not there")


def test_a_proposal_for_a_command_and_a_name(fraud: World) -> None:
    """A mistyped command and a refused name come with what may have been meant."""
    assert "status" in fraud.cli("statsu", code=2).err
    assert "hint: use fraud-model" in fraud.cli("add", "model.bin", "-n", "fraud model", code=2).err


def test_git_that_fails_is_7(fraud: World, tmp_path: Path) -> None:
    """Git failing is exit 7 with its words, and so is Git not being there."""
    bin = tmp_path / "bin"
    bin.mkdir()
    assert "not installed" in fraud.cli("list", code=7, env={"PATH": str(bin)}).err
    (bin / "git").write_text("#!/bin/sh\necho 'fatal: on strike' >&2\nexit 128\n")
    (bin / "git").chmod(0o755)
    assert "on strike" in fraud.cli("list", code=7, env={"PATH": f"{bin}:{os.environ['PATH']}"}).err


def test_a_bug_is_70(fraud: World) -> None:
    """What nobody expected is exit 70 in one line with what to do; with `--debug` also where it arose."""
    broken = "import modelver.operations.look as look, sys\ndef boom(*_): raise KeyError('\\x1b[31mboom')\n"
    script = f"{broken}look.status = boom\nfrom modelver.cli.run import run\nsys.exit(run(sys.argv[1:]))"
    for more, first in (((), "error: a bug in modelver: KeyError"), (("--debug",), "Traceback")):
        done = subprocess.run(
            [sys.executable, "-c", script, "status", *more],
            cwd=fraud.top,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 70
        assert done.stderr.startswith(first)
        assert done.stderr.splitlines()[-1].startswith("hint: ")
        assert "\x1b" not in done.stderr


# ---- options -------------------------------------------------------------------------------------------------


def test_shared_options_stand_before_and_after_the_command(fraud: World, tmp_path: Path) -> None:
    """`--json`, `-q`, `-C` mean the same before the command's name and after it."""
    expected = fraud.json("list")
    for words in (("--json", "-C", fraud.top, "list"), ("list", "-C", fraud.top, "--json"), ("-C", fraud.top, "list")):
        ran = fraud.cli(*words, at=tmp_path)
        assert "fraud" in ran.out
        assert "--json" not in words or ran.json == expected
    assert fraud.cli("-q", "status").out == fraud.cli("status", "--quiet").out != fraud.cli("status").out


def test_quiet_prints_only_what_was_asked_for(world: World) -> None:
    """`-q`: `add` prints the version alone, `checkout` nothing, and no remarks on stderr."""
    world.write("Model File.bin", "weights")
    ran = world.cli("add", "Model File.bin", "-q")
    assert (ran.out, ran.err) == (f"{world.registry.show('model-file').record.version}\n", "")
    loud = world.cli("add", "Model File.bin", "-n", "Other")
    assert "note: " in loud.err
    assert world.cli("checkout", "other", "-q").out == ""


def test_the_version_and_the_help(tmp_path: Path) -> None:
    """`--version` and `-h` work anywhere; the help of each command has examples and its options."""
    nowhere = World(tmp_path)
    assert nowhere.cli("--version").out == f"modelver {modelver.__version__}\n"
    assert nowhere.cli("list", "--version").out == f"modelver {modelver.__version__}\n"
    help = nowhere.cli("-h").out
    assert nowhere.cli().out == help
    for command in ("init", "add", "list", "show", "status", "checkout", "cat", "path", "verify", "demo"):
        assert command in help
    for command in ("add", "checkout"):
        assert f"modelver {command}" in nowhere.cli(command, "--help").out.partition("Examples:")[2]


def read_all(descriptor: int) -> bytes:
    """What comes from a terminal until nobody holds its other end."""
    parts = []
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def in_terminal(world: World, *words: str, **env: str) -> bytes:
    """Standard output of a run whose streams are a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*program(), *words],
        cwd=world.top,
        env=environment({"TERM": "xterm-256color", **env}),
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = read_all(ours)
    os.close(ours)
    assert process.wait() == 0
    return shown


def test_colour_only_in_a_terminal_and_only_if_wanted(fraud: World) -> None:
    """Tables have style in a terminal, but not with `--no-color` or `NO_COLOR`, and never in a pipe."""
    assert b"\x1b[" in in_terminal(fraud, "list")
    colour = (b"\x1b[3", b"\x1b[9", b"\x1b[4", b"\x1b[38")
    assert not any(code in in_terminal(fraud, "list", "--no-color") for code in colour)
    assert not any(code in in_terminal(fraud, "list", NO_COLOR="1") for code in colour)
    assert "\x1b" not in fraud.cli("list", env={"FORCE_COLOR": None}).out


def test_nothing_is_asked_without_a_terminal(fraud: World) -> None:
    """What would lose bytes is refused, not asked about: nobody waits for a standard input that stays silent."""
    fraud.write("model.bin", "edited")
    silent, kept_open = os.pipe()
    words = [*program(), "checkout", "fraud"]
    done = subprocess.run(
        words, cwd=fraud.top, env=environment(), stdin=silent, capture_output=True, timeout=30, check=False
    )
    os.close(silent)
    os.close(kept_open)
    assert done.returncode == 4


def test_a_table_in_a_pipe_is_not_cut(fraud: World) -> None:
    """In a pipe no id is cut or wrapped, however narrow the terminal is said to be."""
    lines = fraud.cli("list", "fraud", env={"COLUMNS": "20"}).out.splitlines()
    assert len(lines) == 4
    assert fraud.registry.show("fraud").record.version in lines[1]


def test_machine_settings_come_from_option_environment_and_git(fraud: World) -> None:
    """Configuration: option before environment before Git's configuration; a wrong one is exit 2 and named."""
    fraud.write("model.bin", "other")
    with open(fraud.home / "lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        fraud.git("config", "modelver.lockTimeout", "0.1")
        assert "0.1 s" in fraud.cli("add", "model.bin", code=4).err
        env = {"MODELVER_LOCK_TIMEOUT": "0.2"}
        assert "0.2 s" in fraud.cli("add", "model.bin", code=4, env=env).err
        ran = fraud.cli("add", "model.bin", "--lock-timeout", "0.3", code=4, env=env)
        assert "0.3 s" in ran.err
        assert "hint: wait" in ran.err
    assert "objects.link" in fraud.cli("add", "model.bin", code=2, env={"MODELVER_OBJECTS_LINK": "magic"}).err
    fraud.cli("add", "model.bin")


# ---- signals and pipes ---------------------------------------------------------------------------------------


def _heed_interruptions() -> None:
    # Tests that run in the background of a shell inherit from it that interruptions are ignored.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def waiting(fraud: World) -> Iterator[tuple[World, subprocess.Popen[str]]]:
    """An `add` that waits for modelver's lock, which somebody else holds."""
    fraud.write("model.bin", "other")
    with open(fraud.home / "lock", "r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [*program(), "add", "model.bin"],
            cwd=fraud.top,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_heed_interruptions,
        )
        deadline = time.monotonic() + 30
        while not fraud.object(sha256("other")).exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.1)
        yield fraud, process
    process.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_and_leaves_nothing(
    waiting: tuple[World, subprocess.Popen[str]], number: int, code: int
) -> None:
    """An interruption is exit 130 with one word, no traceback and nothing written; SIGTERM and SIGHUP likewise."""
    world, process = waiting
    head = world.git("rev-parse", "HEAD")
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert process.returncode == code
    assert "Traceback" not in err
    assert out == ""
    assert len(err.splitlines()) <= 1
    assert world.git("rev-parse", "HEAD") == head
    assert world.git("status", "--porcelain") == ""
    assert not list(world.home.glob("journal*"))


def test_an_interruption_in_the_middle_of_a_write_takes_it_back(fraud: World) -> None:
    """W5: SIGINT while Git's index lock is waited for: exit 130, and index, refs and work tree are as before."""
    unseen = [".git/modelver", ".git/objects"]
    before = fraud.everything(but=unseen)
    fraud.write("model.bin", "other")
    lock = fraud / ".git/index.lock"
    lock.touch()
    process = subprocess.Popen(
        [*program(), "add", "model.bin"],
        cwd=fraud.top,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_interruptions,
    )
    deadline = time.monotonic() + 30
    while not (fraud.home / "journal").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=30)[1]
    lock.unlink()
    assert (process.returncode, err) == (130, "interrupted\n")
    fraud.write("model.bin", "fraud 3")
    assert fraud.everything(but=unseen) == before
    fraud.assert_sound()


def test_a_closed_pipe_is_no_error(fraud: World) -> None:
    """`modelver cat REF | head -c 1` ends without a word about it, as if by SIGPIPE, like `cat` itself."""
    fraud.write("large.bin", b"x" * 3_000_000)
    fraud.cli("add", "large.bin")
    for words in (["cat", "large"], ["list", "--json"]):
        process = subprocess.Popen(
            [*program(), *words], cwd=fraud.top, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.close()
        assert process.communicate()[1] == b""
        assert process.returncode == 128 + signal.SIGPIPE


def test_a_terminal_that_knows_no_unicode(fraud: World) -> None:
    """A name that standard output cannot show is escaped there, no crash."""
    fraud.write("modèle.bin", "weights")
    assert "mod\\xe8le.bin" in fraud.cli("add", "modèle.bin", "-n", "m", env={"PYTHONIOENCODING": "ascii"}).out


def test_it_runs_from_the_projects_own_source() -> None:
    """These tests try the project that they stand in."""
    assert Path(modelver.__file__).is_relative_to(PROJECT)
