"""Time whole processes from outside, in turn, and the floors under them."""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

KIB, MIB = 2**10, 2**20
Command = Sequence[str | Path]
T = TypeVar("T")

_PERSON = {"NAME": "Bench", "EMAIL": "bench@example.com"}


@dataclass(frozen=True)
class Run:
    """One measurement: wall time in seconds, and the peak memory of the largest process in bytes."""

    seconds: float
    peak: int


@dataclass
class Row:
    """All runs of one tool at one work; a floor is no tool, but the least that the work can cost."""

    work: str
    tool: str
    floor: bool
    runs: list[Run] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The median."""
        return statistics.median(run.seconds for run in self.runs)

    @property
    def spread(self) -> tuple[float, float]:
        """The shortest run and the longest."""
        return min(run.seconds for run in self.runs), max(run.seconds for run in self.runs)

    @property
    def peak(self) -> int:
        return max(run.peak for run in self.runs)


class Meter:
    """Runs programs in one environment, and keeps what they took by work and tool."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self._rows: dict[tuple[str, str], Row] = {}

    @property
    def rows(self) -> list[Row]:
        return list(self._rows.values())

    def time(self, work: str, tool: str, commands: Iterable[Command], where: Path, *, floor: bool = False) -> None:
        """Run commands one after the other and keep what they took together."""
        runs = [measured(command, where, self.environment) for command in commands]
        self._keep(work, tool, Run(sum(run.seconds for run in runs), max(run.peak for run in runs)), floor=floor)

    def floor(self, work: str, name: str, task: Callable[[], object]) -> None:
        """Time a piece of this program, as the least that the work can cost."""
        began = time.perf_counter()
        task()
        self._keep(work, name, Run(time.perf_counter() - began, 0), floor=True)

    def call(self, command: Command, where: Path) -> str:
        """Run a command that is not measured, and give what it prints."""
        done = subprocess.run(command, cwd=where, env=self.environment, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout

    def _keep(self, work: str, tool: str, run: Run, *, floor: bool) -> None:
        self._rows.setdefault((work, tool), Row(work, tool, floor)).runs.append(run)


def environment(folder: Path) -> dict[str, str]:
    """What every program is started with: nobody's own configuration, no reports home, no work in the background."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "DVC_", "GTO_", "MODELVER_"))
    }
    kept.pop("PYTHONPATH", None)
    kept |= {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _PERSON.items()}
    kept |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
    kept |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "gc.auto", "GIT_CONFIG_VALUE_0": "0"}
    return kept | {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(folder / "dvc-site")}


def measured(command: Command, where: Path, environment: dict[str, str]) -> Run:
    """Run a process to its end; the memory is that of the largest process below it."""
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=where, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        words = " ".join(map(str, command))
        raise SystemExit(f"{words}\nended with exit code {process.returncode}:\n{said.decode(errors='replace')}")
    return Run(seconds, usage.ru_maxrss * KIB)


def in_turn(tools: Sequence[T], number: int) -> list[T]:
    """The tools in the order of this round, so that each goes first equally often."""
    first = number % len(tools) if tools else 0
    return [*tools[first:], *tools[:first]]


def files_below(data: Path) -> list[Path]:
    """The file itself, or all files of a directory in a fixed order."""
    return [data] if data.is_file() else sorted(path for path in data.rglob("*") if path.is_file())


def settle(data: Path) -> str:
    """Let the disk come to rest, and have the data in memory; gives a digest of all of it."""
    os.sync()
    return digest(data)


def digest(data: Path) -> str:
    """One SHA-256 of a file or of all files of a directory with their paths."""
    whole = hashlib.sha256()
    for path in files_below(data):
        with path.open("rb") as source:
            whole.update(
                f"{path.relative_to(data.parent)} {hashlib.file_digest(source, 'sha256').hexdigest()}".encode()
            )
    return whole.hexdigest()


def copy(files: Sequence[Path], target: Path, *, flush: str = "no") -> None:
    """Copy files by the shortest program, one after the other; `flush` is no, each or together.

    The copies lie as objects would, in up to 256 directories; `target` must not be there yet.
    """
    for number in range(min(256, len(files))):
        (target / f"{number:02x}").mkdir(parents=True)
    for number, path in enumerate(files):
        with path.open("rb") as reader, (target / f"{number % 256:02x}" / path.name).open("wb") as writer:
            while os.sendfile(writer.fileno(), reader.fileno(), None, 2**30):
                pass
            if flush == "each":
                os.fsync(writer.fileno())
    if flush == "together":
        os.sync()


def hash_each(files: Sequence[Path]) -> None:
    """Read and hash files one after the other."""
    for path in files:
        with path.open("rb") as source:
            hashlib.file_digest(source, "sha256")


def remove(place: Path) -> None:
    """Remove a file or a tree with read-only files in it."""
    subprocess.run(["rm", "-rf", place], check=True)
