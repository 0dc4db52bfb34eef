"""Train a classifier of iris flowers: softmax regression by gradient descent.

Writes model.safetensors, params.json and, of flowers that the training did not see, metrics.json and predictions.csv.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

Floats = NDArray[np.float64]
Labels = NDArray[np.intp]

SPECIES = ("setosa", "versicolor", "virginica")


def main() -> None:
    """Train with the parameters that were given, and write the four files."""
    parser = argparse.ArgumentParser(description="Train a classifier of iris flowers.")
    parser.add_argument("--lr", type=float, default=0.1, help="step of the gradient descent")
    parser.add_argument("--epochs", type=int, default=100, help="passes over the data")
    parser.add_argument("--seed", type=int, default=0, help="of the split into training and test")
    params = vars(parser.parse_args())

    measures, labels = read(Path("iris.csv"))
    test = np.random.default_rng(params["seed"]).permutation(len(labels)) < 50
    mean, deviation = measures[~test].mean(axis=0), measures[~test].std(axis=0)
    scaled = (measures - mean) / deviation
    weight, bias = train(scaled[~test], labels[~test], params["lr"], params["epochs"])

    probabilities = softmax(scaled[test] @ weight + bias)
    metrics = judge(probabilities, labels[test])
    tensors = {"weight": weight, "bias": bias, "mean": mean, "deviation": deviation}
    save_file({name: values.astype(np.float32) for name, values in tensors.items()}, "model.safetensors")
    Path("metrics.json").write_text(json.dumps(metrics) + "\n")
    Path("params.json").write_text(json.dumps(params) + "\n")
    write(Path("predictions.csv"), np.flatnonzero(test), labels[test], probabilities.argmax(axis=1))
    print(f"accuracy {metrics['accuracy']:.2f}, log loss {metrics['log_loss']:.3f} on {test.sum()} unseen flowers")


def read(path: Path) -> tuple[Floats, Labels]:
    """The measures and the species of each flower."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    measures = [[float(value) for key, value in row.items() if key != "species"] for row in rows]
    return np.array(measures), np.array([SPECIES.index(row["species"]) for row in rows])


def write(path: Path, flowers: Labels, labels: Labels, answers: Labels) -> None:
    """What is true of each flower, and what the model says."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "y_true", "y_pred"))
        names = np.array(SPECIES)
        rows.writerows(zip(flowers, names[labels], names[answers], strict=True))


def train(measures: Floats, labels: Labels, lr: float, epochs: int) -> tuple[Floats, Floats]:
    """Weights and biases after `epochs` steps down the gradient of the log loss, each over all flowers."""
    weight, bias = np.zeros((measures.shape[1], len(SPECIES))), np.zeros(len(SPECIES))
    wanted = np.eye(len(SPECIES))[labels]
    for _ in range(epochs):
        error = (softmax(measures @ weight + bias) - wanted) / len(labels)
        weight -= lr * measures.T @ error
        bias -= lr * error.sum(axis=0)
    return weight, bias


def softmax(scores: Floats) -> Floats:
    """Probabilities of the species, a row a flower."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def judge(probabilities: Floats, labels: Labels) -> dict[str, float]:
    """Accuracy and log loss."""
    hits = probabilities.argmax(axis=1) == labels
    of_truth = probabilities[np.arange(len(labels)), labels]
    return {
        "accuracy": round(float(hits.mean()), 4),
        "log_loss": round(float(-np.log(of_truth).mean()), 4),
    }


if __name__ == "__main__":
    main()
