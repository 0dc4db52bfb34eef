"""How many processes a command starts, and what it imports: the counts that keep it fast."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from worlds import World, environment

pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None and not os.environ.get("MODELVER_REQUIRE_ALL"), reason="strace is not installed"
)


def started(world: World, *words: str) -> Counter[str]:
    """The programs that a run starts, by Git command; the interpreter itself is not counted."""
    log = world.top.parent / "strace"
    world.cli(*words, before=["strace", "-f", "-qq", "-s", "200", "-e", "trace=execve", "-o", str(log)])
    lines = [line for line in log.read_text().splitlines() if line.endswith(" = 0") and "execve(" in line]
    assert "modelver" in lines[0]
    found: Counter[str] = Counter()
    for line in lines[1:]:
        argv = re.findall(r'"((?:[^"\\]|\\.)*)"', line)[1:]
        while len(argv) > 2 and argv[1] == "-c":
            del argv[1:3]
        found[argv[1] if argv[0] == "git" else argv[0]] += 1
    return found


def _first(world: World) -> tuple[str, ...]:
    return ("-n", "fraud")


def _next(world: World) -> tuple[str, ...]:
    world.add("a former version")
    world.write("model.bin", "weights")
    return ("--metric", "auc=0.9", "-m", "next")


def _unchanged(world: World) -> tuple[str, ...]:
    world.cli("add", "model.bin")
    return ()


def _another_branch(world: World) -> tuple[str, ...]:
    world.add("a former version", "other", "other.bin")
    world.git("checkout", "-q", "-b", "side", "HEAD~1")
    return ("-n", "fraud")


def _with_inputs(world: World) -> tuple[str, ...]:
    world.write("data.csv", "1,2")
    version = world.add("parent", "parent", "parent.bin").version
    return ("--data", "data.csv", "--parent", version, "--param", "lr=1")


def _two_work_trees(world: World) -> tuple[str, ...]:
    world.add("a former version")
    world.write("model.bin", "weights")
    world.git("worktree", "add", "-q", world.top.parent / "linked")
    return ("-n", "fraud")


def _detached(world: World) -> tuple[str, ...]:
    world.git("checkout", "-q", "--detach")
    return ("-n", "fraud")


CASES = [_first, _next, _unchanged, _another_branch, _with_inputs, _two_work_trees, _detached]


@pytest.mark.parametrize("case", CASES)
def test_one_add_starts_at_most_eight_processes(world: World, case: Callable[[World], tuple[str, ...]]) -> None:
    """One `add` starts at most eight processes, none of them anything but Git.

    Where an artifact's line would go with the branch that was left, one more asks which branches there are.
    """
    world.write("model.bin", "weights")
    found = started(world, "add", "model.bin", *case(world))
    assert found.total() <= 8 + (case is _another_branch), found
    assert found["update-ref"] == (0 if case is _unchanged else 1)
    assert not [name for name in found if "/" in name]


def test_each_code_costs_one_process(world: World) -> None:
    """Each `--code` may cost one more, to ask Git whether it was changed."""
    world.write("model.bin", "weights")
    words = ("add", "model.bin", "--code", "src/train.py", "--code", "README.md")
    found = started(world, *words)
    assert found["status"] == 2
    assert found.total() <= 8 + 2, found


@pytest.mark.parametrize("words", [("status",), ("list",), ("list", "fraud"), ("show", "fraud"), ("cat", "fraud")])
def test_reading_starts_few_processes(fraud: World, words: tuple[str, ...]) -> None:
    """`status` in a small repository starts at most two processes; the other reading commands no more than four."""
    found = started(fraud, *words)
    assert found.total() <= (2 if words == ("status",) else 4), found


def imported(world: World, *words: str) -> set[str]:
    """The packages that a run of the program imports, by the first part of their name."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "modelver", *words],
        cwd=world.top,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "modelver" in names
    return names


def test_an_add_reads_no_record_but_the_newest(fraud: World) -> None:
    """L1: `add` costs the same however many versions there are: an older record may be malformed unnoticed."""
    oldest = min(fraud.git("ls-files", ".modelver/models").splitlines())
    fraud.commit({oldest: "format: 1\nmodel: [\n"}, "damage")
    fraud.write("model.bin", "more")
    assert fraud.json("add", "model.bin")["created"] is True


def test_a_file_that_did_not_change_is_not_read_again(world: World) -> None:
    """T2: of a file that was stored before only the head is read, which tells what kind of model it is."""
    model = world.write("model.bin", os.urandom(3_000_000))
    os.utime(model, (1_700_000_000, 1_700_000_000))
    read = []
    for created in (True, False):
        log = world.top.parent / "strace"
        trace = ["strace", "-f", "-qq", "-y", "-e", "trace=read,readv,pread64,preadv,preadv2,mmap", "-o", str(log)]
        assert world.cli("--json", "add", "model.bin", before=trace).json["created"] is created
        calls = [line for line in log.read_text().splitlines() if f"<{model}>" in line and " = 0x" not in line]
        read.append(sum(max(0, int(line.rpartition(" = ")[2].split()[0])) for line in calls))
    assert 3_000_000 <= read[0] <= 3_000_000 + 64 * 1024
    assert read[1] <= 16 * 1024


HEAVY = {"typer", "click", "rich", "git", "gitdb", "networkx", "numpy", "yaml", "safetensors", "sqlite3"}


def test_the_version_is_answered_before_anything_is_loaded(tmp_path: Path) -> None:
    """`modelver --version` imports none of typer, rich, git, networkx, numpy, yaml, and starts no process."""
    assert imported(World(tmp_path), "--version") & HEAVY == set()
    assert started(World(tmp_path), "--version").total() == 0


def test_what_commands_load(fraud: World) -> None:
    """`status` needs neither rich nor numpy nor GitPython; `add` and `show` neither rich nor numpy."""
    fraud.write("second.bin", "second")
    assert imported(fraud, "status") & HEAVY <= {"typer", "click", "yaml"}
    assert imported(fraud, "add", "second.bin") & HEAVY <= {"typer", "click", "yaml"}
    assert imported(fraud, "show", "fraud", "--json") & HEAVY <= {"typer", "click", "yaml"}
