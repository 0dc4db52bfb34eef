"""Many clones register at once: `python benchmarks/teams.py [CLONES] [VERSIONS]`, by default 8 x 25.

Each clone adds its versions one after the other and brings each to one branch of one bare repository with
`modelver sync --push`, as jobs of CI do. Told are the time, and how many pushes were tried and how many came in.
Fails where a version or a tag is missing, or anything had to be done by hand.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

JOB = """
import pathlib, sys
from modelver.cli.run import run
name, count, label = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "label"
for number in range(count):
    path = pathlib.Path(f"{name}.bin")
    path.write_text(f"{name} {number}")
    more = ["--label", f"{number}.0.{name}"] if label else []
    more += ["--stage", f"job-{name}"] if label and number == count - 1 else []
    for words in (["add", str(path), "-n", "fraud", *more], ["sync", "--push"]):
        code = run(["-q", "--lock-timeout", "600", *words])
        if code:
            sys.exit(code)
"""
"""Runs whole command lines one after the other: a start of the interpreter for each would be most of the time."""


def git(top: Path, *words: str) -> str:
    """What Git says."""
    return subprocess.run(["git", *words], cwd=top, check=True, capture_output=True, text=True).stdout


def found(top: Path) -> Path:
    """A bare repository with a registry, whose hook writes down each push that comes in."""
    hub, first = top / "hub.git", top / "first"
    git(top, "init", "-q", "--bare", "-b", "main", str(hub))
    git(top, "clone", "-q", str(hub), str(first))
    git(first, "checkout", "-q", "-B", "main")
    git(first, "commit", "-q", "--allow-empty", "-m", "first")
    subprocess.run([sys.executable, "-m", "modelver", "init", "-q"], cwd=first, check=True)
    git(first, "push", "-q", "origin", "main")
    place = hub / "hooks" / "post-receive"
    place.write_text(f"#!/bin/sh\necho x >> {top}/pushes\n")
    place.chmod(0o755)
    return hub


def run(top: Path, clones: int, versions: int, *, labels: bool) -> dict[str, float]:
    """The figures of one run; raises where something is lost or refused."""
    hub = found(top)
    places = [top / f"clone{number}" for number in range(clones)]
    for place in places:
        git(top, "clone", "-q", f"file://{hub}", str(place))
    began = time.perf_counter()
    running = [
        subprocess.Popen(
            [sys.executable, "-c", JOB, str(number), str(versions), "label" if labels else ""],
            cwd=place,
            env=os.environ | {"GIT_TRACE": f"{top}/trace{number}"},
            stdout=subprocess.DEVNULL,
        )
        for number, place in enumerate(places)
    ]
    codes = [process.wait() for process in running]
    took = time.perf_counter() - began
    if any(codes):
        raise SystemExit(f"exit codes {codes}")
    tags = git(hub, "tag").split()
    check = top / "check"
    git(top, "clone", "-q", f"file://{hub}", str(check))
    subprocess.run([sys.executable, "-m", "modelver", "verify", "-q"], cwd=check, check=True)
    records = [line for line in git(check, "ls-files", ".modelver").split() if "/versions/" in line]
    expected = clones * (2 * versions + 1) if labels else clones * versions
    merges = int(git(check, "rev-list", "--count", "--min-parents=2", "HEAD"))
    figures = {
        "seconds": took,
        "versions": len(records),
        "tags": len(tags),
        "pushes tried": sum(trace.read_text().count("built-in: git push") for trace in top.glob("trace*")),
        "pushes taken": len((top / "pushes").read_text().split()),
        "merges": merges,
    }
    if (figures["versions"], figures["tags"], merges) != (clones * versions, expected, 0):
        raise SystemExit(f"something is lost: {figures}")
    return figures


def main() -> None:
    """Print the figures of one run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clones", type=int, nargs="?", default=8)
    parser.add_argument("versions", type=int, nargs="?", default=25)
    parser.add_argument("--labels", action="store_true", help="with labels, and a stage for the last of each clone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modelver-teams-") as top:
        for name, value in run(Path(top), options.clones, options.versions, labels=options.labels).items():
            print(f"{name:16} {value:.1f}" if isinstance(value, float) else f"{name:16} {value}")


if __name__ == "__main__":
    main()
