"""What the Git hooks cost where they have nothing to do: `python benchmarks/hooks.py`.

Needs modelver in the environment that runs it. Beside each hook stand the floors under it: Python that does nothing,
started by a shell that does nothing else. The commit that is under way takes in one small file of text.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from measure import Meter, environment

BUILD = Path(__file__).with_name("build_registry.py")
FLOOR = ("sh", "-c", f'"{sys.executable}" -E -P -c pass')
HOOKS = {
    "pre-commit": (),
    "post-commit": (),
    "post-merge": ("0",),
    "post-checkout": ("HEAD", "HEAD~1", "1"),
}


def main() -> None:
    """Make a registry, measure in turn and print."""
    parser = argparse.ArgumentParser(description="Git hooks without work against Python's own start")
    parser.add_argument("--versions", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=30, help="runs of each, of which the median counts")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modelver-benchmark-") as name:
        folder = Path(name)
        meter = Meter(environment(folder) | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path[1:]))})
        prepare(meter, folder, asked.versions)
        for _ in range(asked.rounds):
            meter.time("Python alone", "floor", [FLOOR], folder)
            for hook, words in HOOKS.items():
                meter.time(hook, "modelver", [(folder / ".git" / "hooks" / hook, *words)], folder)
    floor = next(row for row in meter.rows if row.tool == "floor").seconds
    print(f"| {asked.versions} versions | time | over Python |\n| --- | ---: | ---: |")
    for row in meter.rows:
        print(f"| {row.work} | {row.seconds * 1000:.0f} ms | {(row.seconds - floor) * 1000:.0f} ms |")


def prepare(meter: Meter, folder: Path, versions: int) -> None:
    """A registry with hooks, whose newest commit has no records, and a file that is staged."""
    meter.call(("git", "init", "-q", "."), folder)
    meter.call((sys.executable, BUILD, folder, "1", str(versions), "--bare"), folder)
    (folder / "notes.txt").write_text("notes\n")
    meter.call(("git", "add", "notes.txt"), folder)
    meter.call(("git", "commit", "-q", "-m", "notes"), folder)
    meter.call(("git", "update-ref", "ORIG_HEAD", "HEAD~1"), folder)
    (folder / "notes.txt").write_text("more notes\n")
    meter.call(("git", "add", "notes.txt"), folder)
    meter.call((sys.executable, "-m", "modelver", "hooks", "install"), folder)


if __name__ == "__main__":
    main()
