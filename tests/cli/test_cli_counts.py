"""How much a command does, counted: processes started, modules loaded. Never by the clock."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from worlds import World, environment, program

needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None and not os.environ.get("MODELVER_REQUIRE_ALL"), reason="strace is not installed"
)


def processes(world: World, tmp_path: Path, *words: str) -> list[str]:
    """The programs that a command starts, itself left out, each with its first words."""
    log = tmp_path / "trace"
    world.cli(*words, before=["strace", "-f", "-qq", "-e", "trace=execve", "-e", "status=successful", "-o", str(log)])
    started = [line for line in log.read_text().splitlines() if "execve(" in line]
    return started[1:]


@needs_strace
def test_an_add_starts_at_most_eight_processes(world: World, tmp_path: Path) -> None:
    """W4: everything else happens in the program itself, whatever is given with it but code."""
    world.write("model.bin", "weights")
    world.write("data.csv", "1,2\n")
    found = processes(world, tmp_path, "add", "model.bin", "-n", "fraud", "--metric", "auc=0.9", "--data", "data.csv")
    assert 1 < len(found) <= 8, "\n".join(found)
    world.write("model.bin", "other weights")
    world.git("worktree", "add", "-q", str(tmp_path / "linked"))
    again = processes(world, tmp_path, "add", "model.bin", "-n", "fraud")
    assert len(again) <= 8, "\n".join(again)


@needs_strace
def test_a_status_starts_at_most_two_processes(fraud: World, tmp_path: Path) -> None:
    """L1: one finds the repository, one reads it."""
    found = processes(fraud, tmp_path, "status")
    assert 1 <= len(found) <= 2, "\n".join(found)


@needs_strace
def test_the_version_starts_no_process(plain: World, tmp_path: Path) -> None:
    """No Git is asked."""
    assert processes(plain, tmp_path, "--version") == []


def loaded(world: World, *words: str) -> set[str]:
    """The modules that a command loads."""
    done = subprocess.run(
        [program()[0], "-X", "importtime", *program()[1:], *words],
        cwd=world.top,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


HEAVY = {"typer", "click", "rich", "git", "networkx", "numpy", "yaml", "sqlite3"}


def test_the_version_loads_nothing_heavy(plain: World) -> None:
    """It is answered before Typer is imported."""
    modules = loaded(plain, "--version")
    assert "modelver" in modules
    assert not modules & HEAVY


def test_a_status_loads_only_what_it_needs(fraud: World) -> None:
    """Neither tables nor history nor arrays."""
    assert not loaded(fraud, "status") & (HEAVY - {"typer", "click", "yaml"})


def test_an_add_reads_no_other_record_but_the_newest(world: World, tmp_path: Path) -> None:
    """L1: the store's stat cache and the trees answer the rest."""
    world.versions(3)
    world.write("model.bin", "fraud 4")
    # A record that is not parsed may be malformed without anybody noticing.
    oldest = next((world / ".modelver/models/fraud/versions").rglob("v*1200*.yaml"))
    world.commit({str(oldest.relative_to(world.top)): "format: 1\nmodel: [\n"}, "damage")
    assert json.loads(world.cli("--json", "add", "model.bin").bytes)["created"] is True


def test_a_file_that_did_not_change_is_not_read_again(world: World, tmp_path: Path) -> None:
    """T2: the second add of the same bytes is one look at the file, not one reading."""
    if shutil.which("strace") is None and not os.environ.get("MODELVER_REQUIRE_ALL"):
        pytest.skip("strace is not installed")
    world.write("model.bin", os.urandom(3_000_000))
    os.utime(world / "model.bin", (1_700_000_000, 1_700_000_000))
    world.cli("add", "model.bin", "-n", "fraud")
    log = tmp_path / "trace"
    again = world.cli(
        "--json", "add", "model.bin", "-n", "fraud",
        before=["strace", "-f", "-qq", "-y", "-e", "trace=openat,read,pread64", "-o", str(log)],
    )  # fmt: skip
    assert again.json["created"] is False
    reads = [line for line in log.read_text().splitlines() if "model.bin>" in line and " openat(" not in line]
    # The header tells what kind of model it is.
    assert sum(int(line.rpartition(" = ")[2]) for line in reads) <= 16 * 1024


def test_the_interpreter_is_this_one() -> None:
    """The counts above are of the program that is tested."""
    assert program()[0] == sys.executable
