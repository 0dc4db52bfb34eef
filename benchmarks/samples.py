"""`modelver diff` of two versions with 20,000 samples, against SciPy doing the same: `python benchmarks/samples.py`.

Needs modelver and SciPy in the environment that runs it (the extra `test` has both). Accuracy, log loss and Brier score
each with 10,000 paired bootstrap resamples, and for the two losses as many random sign flips. Whole processes, in turn.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from measure import Meter, environment
from report import markdown

PEER = """
import csv, sys
import numpy as np
from scipy import stats
def read(path):
    with open(path, newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["id"])
    return [np.array([float(row[name]) for row in rows]) for name in ("y_true", "y_pred", "y_prob")]
(truth, labels_a, a), (_, labels_b, b) = read(sys.argv[1]), read(sys.argv[2])
loss = lambda p: -np.log(np.clip(np.where(truth == 1, p, 1 - p), 2**-52, 1))
differences = {
    "accuracy": (labels_b == truth).astype(float) - (labels_a == truth),
    "log_loss": loss(b) - loss(a),
    "brier": (b - truth) ** 2 - (a - truth) ** 2,
}
for name, each in differences.items():
    often = {"n_resamples": 10_000, "batch": 100, "rng": 0}
    found = stats.bootstrap([each], np.mean, method="percentile", **often)
    print(name, each.mean(), *found.confidence_interval)
    if name != "accuracy":
        print(stats.permutation_test([each], np.mean, permutation_type="samples", **often).pvalue)
"""


def main() -> None:
    """Make the samples, register two versions, measure and print."""
    parser = argparse.ArgumentParser(description="modelver diff against SciPy")
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=1, help="runs of each, of which the median counts")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modelver-benchmark-") as name:
        folder = Path(name)
        meter = Meter(environment(folder) | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path[1:]))})
        modelver = (sys.executable, "-m", "modelver")
        meter.call(("git", "init", "-q", "."), folder)
        meter.call((*modelver, "init"), folder)
        for side, noise in (("a", 0.20), ("b", 0.19)):
            write(folder / f"{side}.csv", asked.samples, noise)
            (folder / "model.bin").write_text(side)
            words = (
                "add",
                "model.bin",
                "-n",
                "model",
                "--metric",
                f"accuracy={1 - noise}",
                "--predictions",
                f"{side}.csv",
            )
            meter.call((*modelver, *words), folder)
        work = f"compare {asked.samples:,} samples"
        for _ in range(asked.rounds):
            meter.time(work, "modelver", [(*modelver, "diff", "model~1", "model")], folder)
            meter.time(work, "SciPy", [(sys.executable, "-c", PEER, "a.csv", "b.csv")], folder)
    print(markdown(meter.rows, {"rounds": str(asked.rounds), "processors": str(os.cpu_count())}), end="")


def write(path: Path, count: int, noise: float) -> None:
    """Predictions of 0/1 of which a share is wrong."""
    import numpy as np

    generator = np.random.default_rng(int(noise * 100))
    truth = np.arange(count) % 2
    chance = np.where(generator.random(count) < noise, 1 - truth, truth) * 0.8 + 0.1 * generator.random(count)
    rows = (f"{n},{truth[n]},{int(chance[n] > 0.5)},{chance[n]:.4f}\n" for n in range(count))
    path.write_text("id,y_true,y_pred,y_prob\n" + "".join(rows))


if __name__ == "__main__":
    main()
