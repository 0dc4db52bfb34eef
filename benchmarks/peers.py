"""modelver against DVC, Git LFS and GTO, on the same work, in turn, in one run: `python benchmarks/peers.py [--full]`.

The first run installs modelver, DVC and GTO, each into a virtual environment of its own, below ~/.cache. Git LFS is
taken from the system, and left out where it is not there. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import artifacts
import registries
from install import ROOT, default_cache, install
from measure import MIB, Meter, environment
from report import document, facts_of, markdown

FULL = "a file of 2 GiB, 10,000 files and 1,000 versions; else 256 MiB, 1,000 files and 300 versions"
WORKS = ("start", "file", "directory", "registry")


def main() -> None:
    """Install, measure and print."""
    asked = _asked()
    programs = install(asked.cache, asked.source.resolve())
    if programs.lfs is None:
        print("Git LFS is not here, so it is left out; to have it: apt install git-lfs", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="modelver-benchmark-", dir=asked.dir) as name:
        folder = Path(name)
        meter = Meter(environment(folder))
        facts = facts_of(programs, folder, asked.rounds)
        for program in (programs.modelver, programs.dvc, programs.gto):
            meter.call([program, "--help"], folder)  # what Python compiles at the first start
        if "start" in asked.only:
            artifacts.start_up(meter, programs, folder, asked.rounds)
        if "file" in asked.only:
            artifacts.one_file(meter, programs, folder, (2048 if asked.full else 256) * MIB, asked.rounds)
        if "directory" in asked.only:
            artifacts.many_files(meter, programs, folder, 10_000 if asked.full else 1_000, asked.rounds)
            started = artifacts.programs_of_one_add(meter, programs, folder)
            facts |= {"programs that one `modelver add` of a small file starts": str(started or "unknown")}
        for count in (10, 1_000 if asked.full else 300) if "registry" in asked.only else ():
            registries.registry(meter, programs, folder, count, asked.rounds)
    text = markdown(meter.rows, facts)
    print(text, end="")
    if asked.markdown:
        asked.markdown.write_text(text)
    if asked.json:
        asked.json.write_text(json.dumps(document(meter.rows, facts), indent=2) + "\n")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="modelver against DVC, Git LFS and GTO")
    parser.add_argument("--full", action="store_true", help=FULL)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, of which the median counts")
    parser.add_argument("--only", nargs="+", choices=WORKS, default=WORKS, help="only these works")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single run there")
    parser.add_argument(
        "--dir", type=Path, default=Path(tempfile.gettempdir()), help="where the data and repositories go"
    )
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where the tools are installed")
    parser.add_argument("--source", type=Path, default=ROOT, help="the modelver to install, by default this repository")
    return parser.parse_args()


if __name__ == "__main__":
    main()
