"""`modelver add` against `dvc add`, in turn, in one run: `python benchmarks/add.py [--full]`.

One large file, and a directory of many small ones. Each run begins with a new repository, data in memory and an
idle disk, and is measured from outside: time of the whole process, and the peak memory of the largest process of it.
modelver's time includes the flush to the disk, the commit and the tag; DVC's does not, as it makes none.

DVC comes into a virtual environment of its own, made at the first run. Prints Markdown.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PEER = ROOT / ".venv" / "dvc"
MODELVER: tuple[str | Path, ...] = (sys.executable, "-m", "modelver")
KIB, MIB = 2**10, 2**20


@dataclass(frozen=True)
class Run:
    """One process: wall time in seconds, peak memory in bytes."""

    seconds: float
    peak: int


@dataclass(frozen=True)
class Row:
    """One line of the result: medians of some runs, and all of them."""

    work: str
    tool: str
    seconds: float
    peak: int
    runs: tuple[Run, ...]

    @classmethod
    def of(cls, work: str, tool: str, runs: Sequence[Run]) -> Row:
        seconds = statistics.median(run.seconds for run in runs)
        return cls(work, tool, seconds, max(run.peak for run in runs), tuple(runs))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="modelver add against dvc add")
    parser.add_argument("--full", action="store_true", help="a file of 2 GiB and 10,000 files, else 256 MiB and 1,000")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, of which the median counts")
    parser.add_argument(
        "--dir", type=Path, default=Path(tempfile.gettempdir()), help="where the data and repositories go"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single run there")
    asked = parser.parse_args()

    dvc = install_dvc()
    with tempfile.TemporaryDirectory(prefix="modelver-benchmark-", dir=asked.dir) as folder:
        bench = Bench(Path(folder), dvc, asked.rounds)
        rows = [*bench.file(2048 * MIB if asked.full else 256 * MIB), *bench.tree(10_000 if asked.full else 1_000)]
        started = bench.processes_of_one_add()
        facts = machine(Path(folder), dvc)
    print(report(rows, started, facts))
    if asked.json:
        document = {"machine": facts, "processes": started, "rows": [asdict(row) for row in rows]}
        asked.json.write_text(json.dumps(document, indent=2) + "\n")


def install_dvc() -> Path:
    """DVC's program, in a virtual environment of its own."""
    program = PEER / "bin" / "dvc"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", PEER], check=True)
        subprocess.run([PEER / "bin" / "pip", "install", "-qq", "dvc"], check=True)
    return program


class Bench:
    """Makes data and repositories in a folder, and runs both tools on them in turn."""

    def __init__(self, folder: Path, dvc: Path, rounds: int) -> None:
        self.folder = folder
        self.rounds = rounds
        self.dvc = dvc
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "DVC_", "MODELVER_"))},
            "PYTHONPATH": str(ROOT),
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(folder / "dvc-site"),
            **{f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _PERSON.items()},
        }
        for program in ([*MODELVER, "-h"], [dvc, "version"]):  # what Python compiles at the first start
            self.call(*program, where=folder)

    def file(self, size: int) -> Iterator[Row]:
        """One large file."""
        data = self.folder / "model.bin"
        with data.open("wb") as target:
            for _ in range(size // MIB):
                target.write(os.urandom(MIB))
        work = f"one file of {size // MIB} MiB"
        yield from self.both(work, data)
        yield self.floor(work, "SHA-256 alone", lambda: hash_file(data))
        data.unlink()

    def tree(self, count: int) -> Iterator[Row]:
        """Many small files."""
        data = self.folder / "model"
        data.mkdir()
        sizes = random.Random(0)
        for number in range(count):
            place = data / f"{number % 100:02}"
            place.mkdir(exist_ok=True)
            (place / f"{number}.bin").write_bytes(os.urandom(sizes.randint(1 * KIB, 64 * KIB)))
        work = f"{count:,} files of 1 to 64 KiB"
        yield from self.both(work, data)
        yield self.floor(
            work, "copied, all flushed at once", lambda: copy_tree(data, self.folder / "floor", each=False)
        )
        yield self.floor(work, "copied, each flushed", lambda: copy_tree(data, self.folder / "floor", each=True))
        shutil.rmtree(data)

    def both(self, work: str, data: Path) -> Iterator[Row]:
        """Both tools in turn; who begins changes from round to round."""
        runs: dict[str, list[Run]] = {"modelver": [], "dvc": []}
        for number in range(self.rounds):
            for tool in sorted(runs, reverse=bool(number % 2)):
                runs[tool].append(self.add(tool, data))
        for tool, done in runs.items():
            yield Row.of(work, tool, done)

    def add(self, tool: str, data: Path) -> Run:
        """One run in a new repository; the data is moved in and out again, so it is not copied."""
        repository = self.repository(tool)
        inside = data.rename(repository / data.name)
        settle(inside)
        words: list[str | Path]
        words = (
            [*MODELVER, "add", "--quiet", inside.name]
            if tool == "modelver"
            else [self.dvc, "add", "--quiet", inside.name]
        )
        run = measured(words, repository, self.environment)
        inside.rename(data)
        remove(repository)
        return run

    def repository(self, tool: str) -> Path:
        place = Path(tempfile.mkdtemp(prefix=f"{tool}-", dir=self.folder))
        self.call("git", "init", "-q", "-b", "main", where=place)
        self.call("git", "commit", "-q", "--allow-empty", "-m", "start", where=place)
        self.call(*(MODELVER if tool == "modelver" else [self.dvc]), "init", "--quiet", where=place)
        return place

    def floor(self, work: str, name: str, task: Callable[[], None]) -> Row:
        """What cannot be had for less: the same bytes, by the shortest program."""
        runs = []
        for _ in range(self.rounds):
            settle(self.folder)
            began = time.perf_counter()
            task()
            runs.append(Run(time.perf_counter() - began, 0))
            shutil.rmtree(self.folder / "floor", ignore_errors=True)
        return Row.of(work, f"*{name}*", runs)

    def processes_of_one_add(self) -> int | None:
        """How many programs one `modelver add` of a small file starts, None without strace."""
        if not shutil.which("strace"):
            return None
        repository = self.repository("modelver")
        (repository / "model.bin").write_bytes(b"model")
        log = self.folder / "programs"
        trace: list[str | Path]
        trace = ["strace", "-f", "-qq", "-e", "trace=execve", "-e", "status=successful", "-e", "signal=none", "-o", log]
        self.call(*trace, *MODELVER, "add", "--quiet", "model.bin", where=repository)
        return log.read_text().count("execve(") - 1  # the first is the command itself

    def call(self, *words: str | Path, where: Path) -> None:
        subprocess.run(words, cwd=where, env=self.environment, check=True, stdout=subprocess.DEVNULL)


_PERSON = {"NAME": "Bench", "EMAIL": "bench@example.com"}


def measured(words: Sequence[str | Path], where: Path, environment: dict[str, str]) -> Run:
    """Run a process to its end; the memory is that of the largest process below it."""
    began = time.perf_counter()
    process = subprocess.Popen(words, cwd=where, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{words} ended with exit code {process.returncode}")
    return Run(seconds, usage.ru_maxrss * KIB)


def settle(data: Path) -> None:
    """Let the disk come to rest, and have the data in memory."""
    os.sync()
    for path in [data] if data.is_file() else (path for path in data.rglob("*") if path.is_file()):
        hash_file(path)


def hash_file(path: Path) -> None:
    with path.open("rb") as source:
        hashlib.file_digest(source, "sha256")


def copy_tree(source: Path, target: Path, *, each: bool) -> None:
    """Copy small files as objects would lie, and have them on the disk when this returns."""
    for number in range(256):
        (target / f"{number:02x}").mkdir(parents=True)
    for number, path in enumerate(path for path in source.rglob("*") if path.is_file()):
        descriptor = os.open(target / f"{number % 256:02x}" / path.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(descriptor, path.read_bytes())
        if each:
            os.fsync(descriptor)
        os.close(descriptor)
    if not each:
        os.sync()


def remove(place: Path) -> None:
    """Remove a tree with read-only files in it."""
    subprocess.run(["rm", "-rf", place], check=True)


def machine(place: Path, dvc: Path) -> dict[str, str]:
    """What the figures depend on."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores",
        "memory": f"{memory / 2**30:.0f} GiB",
        "file system": said("df", "--output=fstype", str(place)).split()[-1],
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Git": said("git", "--version").removeprefix("git version "),
        "DVC": said(str(dvc), "--version"),
    }


def said(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def report(rows: Sequence[Row], started: int | None, facts: dict[str, str]) -> str:
    """The result in Markdown; a ratio is to modelver's time for the same work."""
    lines = ["| work | by | median | range | to modelver | peak memory |", "| --- | --- | ---: | ---: | ---: | ---: |"]
    base = {row.work: row.seconds for row in rows if row.tool == "modelver"}
    for row in rows:
        spread = sorted(run.seconds for run in row.runs)
        memory = f"{row.peak / 1e6:.0f} MB" if row.peak else ""
        cells = [row.work, row.tool, f"{row.seconds:.2f} s", f"{spread[0]:.2f} to {spread[-1]:.2f}"]
        lines.append(f"| {' | '.join([*cells, f'{row.seconds / base[row.work]:.2f}', memory])} |")
    if started is not None:
        lines += ["", f"Programs that one `modelver add` of a small file starts: {started}."]
    return "\n".join([*lines, "", "; ".join(f"{name}: {fact}" for name, fact in facts.items()) + "."])


if __name__ == "__main__":
    main()
