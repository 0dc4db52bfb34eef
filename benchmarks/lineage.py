"""`modelver lineage` and `impact` in a chain of 10,000 versions: `python benchmarks/lineage.py`.

Needs modelver in the environment that runs it. Every version has three inputs: one of 1,000 data files, a program, and
the version before. Beside it stands what anybody could write: PyYAML with libyaml reads all records, networkx answers.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from measure import Meter, environment
from report import markdown

BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)
RECORD = """format: 1
model: chain
version: {version}
created_at: '{created_at}'
created_by: Bench <bench@example.com>
message: ''
artifact:
  path: m.bin
  kind: file
  digest: sha256:{number:08x}{rest}
  size: 1
  files: 1
inputs:
- kind: data
  id: data/{data}
  relation: trained-on
- kind: code
  id: train.py
  relation: trained-by
"""
PARENT = "- kind: model\n  id: {parent}\n  relation: fine-tuned-from\n"
PEER = """
import sys
from pathlib import Path
import networkx as nx
import yaml
graph = nx.DiGraph()
for path in Path(".modelver/models").rglob("versions/**/*.yaml"):
    record = yaml.load(path.read_bytes(), yaml.CSafeLoader)
    graph.add_edges_from((each["id"], record["version"]) for each in record["inputs"])
print(len(getattr(nx, sys.argv[1])(graph, sys.argv[2])))
"""


def main() -> None:
    """Write the records, measure and print."""
    parser = argparse.ArgumentParser(description="modelver lineage against PyYAML and networkx")
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, of which the median counts")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modelver-benchmark-") as name:
        folder = Path(name)
        meter = Meter(environment(folder) | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path[1:]))})
        modelver = (sys.executable, "-m", "modelver")
        meter.call(("git", "init", "-q", "."), folder)
        meter.call((*modelver, "init"), folder)
        last = write(folder, asked.versions)
        meter.call(("git", "add", ".modelver"), folder)
        meter.call(("git", "commit", "-qm", "chain"), folder)
        count = f"{asked.versions:,} versions"
        meter.time(f"{count}: lineage up, the first time", "modelver", [(*modelver, "lineage", last, "--up")], folder)
        for _ in range(asked.rounds):
            for work, words, peer in (
                ("lineage up", (last, "--up"), ("ancestors", last)),
                ("impact", ("impact", "train.py"), ("descendants", "train.py")),
            ):
                meter.time(f"{count}: {work}", "modelver", [(*modelver, "lineage", *words)], folder)
                meter.time(f"{count}: {work}", "PyYAML and networkx", [(sys.executable, "-c", PEER, *peer)], folder)
    print(markdown(meter.rows, {"rounds": str(asked.rounds), "processors": str(os.cpu_count())}), end="")


def write(folder: Path, count: int) -> str:
    """A chain of records, one a second, as `add` writes them; the last version."""
    versions = folder / ".modelver" / "models" / "chain" / "versions"
    version = ""
    for number in range(count):
        moment = BEGINNING + timedelta(seconds=number)
        parent, version = version, f"v{moment:%Y%m%d%H%M%S}_{number:08x}"
        known = {"version": version, "created_at": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "number": number, "rest": "a" * 56}
        text = RECORD.format(**known, data=number % 1000) + (PARENT.format(parent=parent) if parent else "")
        path = versions / f"{moment:%Y%m}" / f"{moment:%d}" / f"{version}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return version


if __name__ == "__main__":
    main()
