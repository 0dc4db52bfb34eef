"""`modelver demo`: a whole tour in a throw-away repository, with nobody's configuration and no network."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from modelver.demo.tour import _failure
from modelver.errors import Damaged, ProgramFailed

DEMO = [sys.executable, "-m", "modelver", "demo"]


def surroundings(place: Path, **more: str) -> dict[str, str]:
    """An environment without identity, whose temporary files lie in `place/tmp`."""
    (place / "tmp").mkdir(exist_ok=True)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "EMAIL", "XDG_"))}
    return kept | {"HOME": str(place), "TMPDIR": str(place / "tmp"), **more}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], str]:
    """The JSON document and the tour of one run, started where a hook's variables point to another repository."""
    place = tmp_path_factory.mktemp("demo")
    env = surroundings(place, GIT_DIR=str(place / "another"), GIT_INDEX_FILE=str(place / "index"))
    done = subprocess.run([*DEMO, "--json"], env=env, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def git(document: dict[str, object], *words: str) -> str:
    return subprocess.run(["git", *words], cwd=str(document["path"]), capture_output=True, text=True, check=True).stdout


def modelver(document: dict[str, object], *words: str) -> dict[str, Any]:
    call = [sys.executable, "-m", "modelver", *words, "--json"]
    return json.loads(subprocess.run(call, cwd=str(document["path"]), capture_output=True, check=True).stdout)


def test_with_json_stdout_is_one_document_and_the_tour_goes_to_stderr(told):
    document, tour = told
    assert set(document) == {"path", "versions", "labels", "stages", "seconds"}
    first, second = document["versions"]
    assert first < second
    assert document["labels"] == {"1.0.0": first, "1.1.0": second}
    assert document["stages"] == {"production": second}
    assert "$ modelver add model.safetensors -n iris" in tour


def test_every_command_is_printed_before_its_output(told):
    document, tour = told
    first, second = document["versions"]
    order = [
        "$ modelver init",
        "$ python train.py --lr 0.1",
        "accuracy 0.74",
        "$ modelver add",
        f"iris {first}",
        "$ modelver tag iris 1.0.0",
        f"iris {first} is 1.0.0",
        "$ modelver promote iris production",
        "tag iris#production#1",
        "$ python train.py --lr 0.5",
        "accuracy 0.96",
        "$ modelver add",
        f"iris {second}",
        "$ modelver diff iris",
        f"A  iris {first}",
        f"B  iris {second}",
        "50 samples",
        "RECOMMEND_B",
        "$ modelver promote iris@1.1.0 production --if-better",
        f"iris production: {second}, before: {first}",
        f"passed better than {first}",
        "$ modelver rollback iris",
        f"iris production: {first}, before: {second}",
        "$ modelver note iris@1.1.0 --kind approval",
        f"iris {second}: approval",
        '$ modelver promote iris@1.1.0 production --require "accuracy >= 0.9"',
        f"iris production: {second}, before: {first}",
        "passed accuracy >= 0.9",
        "$ modelver archive iris@1.0.0",
        "$ modelver list iris",
        "accuracy=0.96",
        "$ modelver show iris@production",
        "trained-on",
        "$ modelver checkout iris@1.0.0",
        f"{first}, 348 B, verified",
        "$ modelver status",
        "$ modelver verify",
        "2 versions, 4 objects, 11 tags: no problems",
        "$ modelver log",
        "strange answers since this morning",
        "$ git log --oneline --decorate",
        "modelver: init",
    ]
    at = 0
    for words in order:
        at = tour.index(words, at) + 1


def test_the_repository_is_left_whole(told):
    document, _ = told
    git(document, "fsck", "--strict")
    written = git(document, "status", "--porcelain").split("\n")
    assert written == ["?? metrics.json", "?? params.json", "?? predictions.csv", ""]
    assert git(document, "config", "--local", "user.email").strip() == "visitor@example.com"
    assert modelver(document, "verify")["problems"] == []


def test_git_has_a_commit_for_each_step_and_a_tag_for_each_announcement(told):
    document, _ = told
    first, second = document["versions"]
    assert git(document, "log", "--reverse", "--format=%s").splitlines() == [
        "train a classifier of iris flowers",
        "modelver: init",
        f"modelver: add iris {first}",
        f"modelver: tag iris {first} as 1.0.0",
        f"modelver: promote iris {first} to production",
        f"modelver: add iris {second} as 1.1.0",
        f"modelver: promote iris {second} to production",
        f"modelver: rollback iris {first} on production",
        f"modelver: note iris {second} with approval",
        f"modelver: promote iris {second} to production",
        f"modelver: archive iris {first}",
    ]
    tags = dict(line.split() for line in git(document, "tag", "--format=%(refname:short) %(*objectname)").splitlines())
    at = {version: git(document, "rev-parse", f"{version}^{{commit}}").strip() for version in (first, second)}
    of_first = [first, "iris@v1.0.0", *(f"iris#production{name}" for name in ("#1", "!#2", "#3", "!#4"))]
    of_second = [second, "iris@v1.1.0", *(f"iris#production{name}" for name in ("#2", "!#3", "#4"))]
    assert tags == {**dict.fromkeys(of_first, at[first]), **dict.fromkeys(of_second, at[second])}


def test_the_registry_knows_labels_stages_and_what_happened(told):
    document, _ = told
    first, second = document["versions"]
    newest, oldest = modelver(document, "list", "iris")["versions"]
    assert (newest["version"], newest["labels"], newest["stages"]) == (second, ["1.1.0"], ["production"])
    assert (oldest["version"], oldest["labels"], oldest["stages"]) == (first, ["1.0.0"], [])
    assert modelver(document, "show", "iris@production~1")["version"] == first
    events = modelver(document, "log")["events"]
    told_of = sorted(each["op"] for each in events)
    assert told_of == ["add"] * 2 + ["archive", "note"] + ["promote"] * 3 + ["rollback"] + ["tag"] * 2
    moves = [(each["op"], each["version"]) for each in events[::-1] if each["stage"]]
    assert moves == [("promote", first), ("promote", second), ("rollback", first), ("promote", second)]
    assert modelver(document, "diff", "iris@1.0.0", "iris@1.1.0")["recommendation"] == "RECOMMEND_B"


def test_the_first_model_lies_there_and_its_sha256_is_the_name_of_its_object(told):
    document, _ = told
    place = Path(document["path"])
    digest = hashlib.sha256((place / "model.safetensors").read_bytes()).hexdigest()
    assert document["versions"][0].endswith("_" + digest[:8])
    assert (place / ".modelver" / "objects" / digest[:2] / digest[2:]).is_file()


def test_the_metrics_are_those_that_the_training_measured(told):
    document, _ = told
    place = Path(document["path"])
    record = modelver(document, "show", "iris")
    assert record["metrics"] == json.loads((place / "metrics.json").read_text())
    assert record["params"] == json.loads((place / "params.json").read_text())
    assert [each["id"] for each in record["inputs"]] == ["iris.csv", "train.py"]


def test_it_takes_less_than_ten_seconds_of_processor_time(tmp_path):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*DEMO, "-q"], env=surroundings(tmp_path), cwd=tmp_path, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_dir()
    assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < 10


def test_it_asks_no_network(tmp_path):
    if not shutil.which("strace"):
        if os.environ.get("MODELVER_REQUIRE_ALL"):
            pytest.fail("strace is not installed")
        pytest.skip("strace is not installed")
    trace = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect,sendto", "-o", str(tmp_path / "calls")]
    done = subprocess.run([*trace, *DEMO, "-q"], env=surroundings(tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "AF_INET" not in (tmp_path / "calls").read_text()


def test_an_interruption_ends_with_130_and_leaves_nothing(tmp_path):
    running = subprocess.Popen(
        DEMO, env=surroundings(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )
    for line in running.stdout:
        if line.startswith("$ python"):
            break
    time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert err.strip() == "interrupted"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_without_git_it_says_so(tmp_path):
    done = subprocess.run(DEMO, env=surroundings(tmp_path, PATH=""), capture_output=True, text=True, check=False)
    assert done.returncode == 7
    assert done.stderr.startswith("error: git is not installed")
    assert str(tmp_path) in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("program", "code", "kind", "said", "why"),
    [
        ("modelver", 5, Damaged, "error: something is wrong\nhint: look\n", "something is wrong"),
        ("modelver", 70, ProgramFailed, "error: a bug in modelver\n", "a bug in modelver"),
        ("git", 5, ProgramFailed, "fatal: no\n", "fatal: no"),
        ("python", 1, ProgramFailed, "Traceback …\n  File …\nImportError: numpy\n", "ImportError: numpy"),
        ("python", 1, ProgramFailed, "", "exit code 1"),
    ],
)
def test_a_command_that_fails_ends_the_tour_with_the_exit_code_that_fits(program, code, kind, said, why):
    error = _failure(program, code, said)
    assert type(error) is kind
    assert error.message == f"the tour stopped, because {program} failed: {why}"
