"""Make a registry with many versions; runs by the Python that modelver is installed for.

`python build_registry.py DIRECTORY FIRST LAST [--bare]` registers versions FIRST to LAST of the model `fraud` in one
process. Version N has the label 1.N.0, and ten versions in equal distances were promoted to production, one after the
other. With `--bare` versions get neither.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import modelver

BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)
PROMOTIONS = 10


def main() -> None:
    """Register what is asked for."""
    directory, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    bare = "--bare" in sys.argv
    with modelver.open(directory) as registry:
        registry.init()
        for number in range(first, last + 1):
            (directory / "model.bin").write_bytes(f"model {number}".encode())
            due = not bare and number % max(1, last // PROMOTIONS) == 0
            registry.add(
                "model.bin",
                model="fraud",
                metrics={"auc": 0.5 + number / 10_000},
                params={"lr": 1e-4, "epochs": number},
                message=f"training {number}",
                time=BEGINNING + timedelta(hours=number),
                label=None if bare else f"1.{number}.0",
                stage="production" if due else None,
            )


if __name__ == "__main__":
    main()
