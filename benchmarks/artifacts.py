"""Works on bytes: register them, register them again, ask how they are, and bring them back."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from install import Programs
from measure import KIB, MIB, Command, Meter, copy, digest, files_below, hash_each, in_turn, remove, settle


@dataclass(frozen=True)
class Keeper:
    """How one tool does the works; what makes a repository ready is not measured."""

    name: str
    ready: list[Command]
    add: list[Command]
    again: list[Command]
    status: list[Command]
    restore: list[Command]


def keepers(programs: Programs, data: str, pattern: str) -> list[Keeper]:
    """The tools with their defaults, for an artifact of this name; Git LFS finds it by the pattern."""
    modelver, dvc = programs.modelver, programs.dvc
    commit = ["git", "commit", "-q", "-m", "add the model"]
    found = [
        Keeper(
            name="modelver",
            ready=[[modelver, "init", "-q"]],
            add=[[modelver, "add", "-q", data]],
            again=[[modelver, "add", "-q", data]],
            status=[[modelver, "status"]],
            restore=[[modelver, "checkout", "-q", "model"]],
        ),
        Keeper(
            name="DVC",
            ready=[
                [dvc, "init", "-q"],
                [dvc, "config", "core.analytics", "false"],
                [dvc, "config", "core.check_update", "false"],
                ["git", "add", "-A"],
                commit,
            ],
            add=[[dvc, "add", "-q", data], ["git", "add", f"{data}.dvc", ".gitignore"], commit],
            again=[[dvc, "add", "-q", data]],
            status=[[dvc, "status"]],
            restore=[[dvc, "checkout", "-q", f"{data}.dvc"]],
        ),
    ]
    if programs.lfs:
        lfs = Keeper(
            name="Git LFS",
            ready=[
                ["git", "lfs", "install", "--local"],
                ["git", "lfs", "track", pattern],
                ["git", "add", "-A"],
                commit,
            ],
            add=[["git", "add", data], commit],
            again=[["git", "add", data]],
            status=[["git", "status", "--short"]],
            restore=[["git", "checkout", "-q", "--", data]],
        )
        found.append(lfs)
    return found


def start_up(meter: Meter, programs: Programs, folder: Path, rounds: int) -> None:
    """What each command costs before it does anything."""
    words: dict[str, Path] = {"modelver": programs.modelver, "DVC": programs.dvc, "GTO": programs.gto}
    if programs.lfs:
        words["Git LFS"] = programs.lfs
    for option in ("--version", "--help"):
        for number in range(rounds):
            for name, program in in_turn(list(words.items()), number):
                meter.time(f"`{option}`", name, [[program, option]], folder)
            meter.time(f"`{option}`", "an empty Python program", [[programs.python, "-c", "pass"]], folder, floor=True)


def one_file(meter: Meter, programs: Programs, folder: Path, size: int, rounds: int) -> None:
    """One file that no program can compress."""
    data = folder / "model.bin"
    with data.open("wb") as target:
        for _ in range(size // MIB):
            target.write(os.urandom(MIB))
    _rounds(meter, folder, keepers(programs, data.name, data.name), data, f"one file of {size // MIB:,} MiB", rounds)
    remove(data)


def many_files(meter: Meter, programs: Programs, folder: Path, count: int, rounds: int) -> None:
    """A directory of small files."""
    data = folder / "model"
    sizes = random.Random(0)
    for number in range(count):
        place = data / f"{number % 100:02}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.bin").write_bytes(os.urandom(sizes.randint(1 * KIB, 64 * KIB)))
    _rounds(meter, folder, keepers(programs, data.name, "model/**"), data, f"{count:,} files of 1 to 64 KiB", rounds)
    remove(data)


def programs_of_one_add(meter: Meter, programs: Programs, folder: Path) -> int | None:
    """How many programs one `modelver add` of a small file starts; None without strace."""
    if not shutil.which("strace"):
        return None
    repository = _repository(meter, folder, keepers(programs, "model.bin", "")[0])
    (repository / "model.bin").write_bytes(b"model")
    log = folder / "programs"
    trace: Command = ["strace", "-f", "-qq", "-e", "trace=execve", "-e", "status=successful", "-e", "signal=none"]
    meter.call([*trace, "-o", log, programs.modelver, "add", "-q", "model.bin"], repository)
    return log.read_text().count("execve(") - 1  # the first is the command itself


def _rounds(meter: Meter, folder: Path, tools: list[Keeper], data: Path, what: str, rounds: int) -> None:
    for number in range(rounds):
        for tool in in_turn(tools, number):
            _life(meter, folder, tool, data, what)
        _floors(meter, data, what)


def _life(meter: Meter, folder: Path, tool: Keeper, data: Path, what: str) -> None:
    """Each work once in a new repository; the data is moved in and out again, so it is not copied."""
    repository = _repository(meter, folder, tool)
    inside = data.rename(repository / data.name)
    before = settle(inside)
    meter.time(f"{what}: add", tool.name, tool.add, repository)
    settle(inside)
    meter.time(f"{what}: add again, unchanged", tool.name, tool.again, repository)
    meter.time(f"{what}: status", tool.name, tool.status, repository)
    remove(inside)
    os.sync()
    meter.time(f"{what}: restore", tool.name, tool.restore, repository)
    if digest(inside) != before:
        raise SystemExit(f"{tool.name} did not bring back {what}")
    inside.rename(data)
    remove(repository)


def _floors(meter: Meter, data: Path, what: str) -> None:
    """The least that each work can cost, on the same data in the same round, by one thread."""
    target = data.parent / "floor"
    files = files_below(data)
    copies = {"copied and flushed at once": ("add", "together"), "copied": ("restore", "no")}
    if len(files) > 1:
        copies["copied, each flushed"] = ("add", "each")
    settle(data)
    meter.floor(f"{what}: add", "SHA-256 alone", partial(hash_each, files))
    for work in ("add again, unchanged", "status"):
        meter.floor(f"{what}: {work}", "`stat` of each", lambda: [os.stat(path) for path in files])
    for name, (work, flush) in copies.items():
        settle(data)
        meter.floor(f"{what}: {work}", name, partial(copy, files, target, flush=flush))
        remove(target)


def _repository(meter: Meter, folder: Path, tool: Keeper) -> Path:
    place = Path(tempfile.mkdtemp(prefix="repository-", dir=folder))
    meter.call(["git", "init", "-q", "-b", "main"], place)
    meter.call(["git", "commit", "-q", "--allow-empty", "-m", "start"], place)
    for command in tool.ready:
        meter.call(command, place)
    return place
