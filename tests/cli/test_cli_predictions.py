"""Real models on real data: what `diff` says of their predictions, checked against scikit-learn's own numbers."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import datasets, linear_model, metrics, model_selection, tree
from worlds import World, sha256


@dataclass
class Trained:
    """A world with two versions, trained on the same data and tried on the same unseen rows."""

    world: World
    truth: Any
    labels: list[Any]
    probabilities: list[Any]

    @property
    def answer(self) -> Any:
        """What `diff` says."""
        return self.world.json("diff", "cancer~1", "cancer")


def write(path: Path, columns: dict[str, Any]) -> Path:
    """A CSV as pandas or anybody else writes one."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


@pytest.fixture(scope="module")
def cancer(worlds: Any, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Breast cancer: a tree, then a logistic regression, on 284 unseen rows."""
    world = worlds.make(tmp_path_factory.mktemp("cancer") / "repo", "registry")
    features, truth = datasets.load_breast_cancer(return_X_y=True)
    known, unseen, learned, truth = model_selection.train_test_split(features, truth, test_size=0.5, random_state=0)
    labels, probabilities = [], []
    for number, model in enumerate(
        (tree.DecisionTreeClassifier(max_depth=2, random_state=0), linear_model.LogisticRegression(max_iter=10_000))
    ):
        model.fit(known, learned)
        labels.append(model.predict(unseen))
        probabilities.append(model.predict_proba(unseen)[:, 1])
        slices = np.where(unseen[:, 0] > 14, "large", "small")
        columns = {"id": np.arange(len(truth)), "y_true": truth, "y_pred": labels[-1], "y_prob": probabilities[-1]}
        file = write(world / f"predictions-{number}.csv", columns | {"slice": slices})
        accuracy = float(metrics.accuracy_score(truth, labels[-1]))
        world.add(f"model {number}", "cancer", metrics={"accuracy": accuracy}, predictions=file)
    return Trained(world, truth, labels, probabilities)


def test_the_numbers_are_those_of_scikit_learn(cancer: Trained) -> None:
    """Performance delta: accuracy, log loss and Brier score of both, and their difference."""
    delta = cancer.answer["performance_delta"]
    assert (delta["n"], delta["task"]) == (len(cancer.truth), "classification")
    by_hand = {
        "accuracy": [metrics.accuracy_score(cancer.truth, each) for each in cancer.labels],
        "log_loss": [metrics.log_loss(cancer.truth, each) for each in cancer.probabilities],
        "brier": [metrics.brier_score_loss(cancer.truth, each) for each in cancer.probabilities],
    }
    assert list(delta["metrics"]) == list(by_hand)
    for name, (a, b) in by_hand.items():
        found = delta["metrics"][name]
        assert [found["a"], found["b"], found["diff"]] == pytest.approx([a, b, b - a], abs=1e-12)
        assert found["ci"][0] <= found["diff"] <= found["ci"][1]
        assert 0 < found["p_value"] <= 1


def test_what_became_of_the_answers(cancer: Trained) -> None:
    """Performance delta: fixed, broken, both right, both wrong, from scikit-learn's own table of two models."""
    right = [np.asarray(each == cancer.truth) for each in cancer.labels]
    table = metrics.confusion_matrix(right[0], right[1])
    flips = cancer.answer["performance_delta"]["flips"]
    assert flips == {
        "fixed": table[0, 1],
        "broken": table[1, 0],
        "both_right": table[1, 1],
        "both_wrong": table[0, 0],
    }


def test_the_mean_change_of_the_residual(cancer: Trained) -> None:
    """Performance delta: (1/n) Σ [(y − ŷ_new) − (y − ŷ_old)], named a bias and not a quality."""
    old, new = ((cancer.truth - each).mean() for each in cancer.labels)
    assert cancer.answer["performance_delta"]["mean_residual_change"] == pytest.approx(new - old, abs=1e-12)
    assert "(a bias, not a quality)" in cancer.world.cli("diff", "cancer~1", "cancer").out


def test_swapped_versions_give_the_mirrored_answer(cancer: Trained) -> None:
    """Performance delta: every difference and interval with the other sign, every p-value the same."""
    there, back = cancer.answer, cancer.world.json("diff", "cancer", "cancer~1")
    for name, found in there["performance_delta"]["metrics"].items():
        other = back["performance_delta"]["metrics"][name]
        assert other["ci"] == [-found["ci"][1], -found["ci"][0]]
        assert (other["diff"], other["p_value"]) == (-found["diff"], found["p_value"])
    assert back["performance_delta"]["flips"]["fixed"] == there["performance_delta"]["flips"]["broken"]
    swapped = {"RECOMMEND_A": "RECOMMEND_B", "RECOMMEND_B": "RECOMMEND_A"}
    assert back["recommendation"] == swapped.get(there["recommendation"], there["recommendation"])


def test_the_same_numbers_every_time(cancer: Trained) -> None:
    """Performance delta: seeded, so that two machines and two days say the same."""
    assert cancer.answer == cancer.answer


def test_regression_on_real_data(world: World) -> None:
    """Performance delta: MAE, RMSE and R² of two regressions on the diabetes data."""
    features, truth = datasets.load_diabetes(return_X_y=True)
    answers = []
    for number, columns in enumerate((slice(0, 3), slice(0, 10))):
        model = linear_model.LinearRegression().fit(features[:200, columns], truth[:200])
        answers.append(model.predict(features[200:, columns]))
        rows = {"id": range(200, len(truth)), "y_true": truth[200:], "y_pred": answers[-1]}
        file = write(world / f"{number}.csv", rows)
        error = float(metrics.root_mean_squared_error(truth[200:], answers[-1]))
        world.add(f"model {number}", predictions=file, metrics={"rmse": error})
    answer = world.json("diff", "fraud~1", "fraud")
    delta = answer["performance_delta"]
    by_hand = {
        "mae": metrics.mean_absolute_error,
        "rmse": metrics.root_mean_squared_error,
        "r2": metrics.r2_score,
    }
    assert (delta["task"], delta["flips"], list(delta["metrics"])) == ("regression", None, list(by_hand))
    for name, count in by_hand.items():
        found = delta["metrics"][name]
        expected = [count(truth[200:], each) for each in answers]
        assert [found["a"], found["b"]] == pytest.approx(expected, rel=1e-12)
    assert delta["mean_residual_change"] == pytest.approx((answers[0] - answers[1]).mean(), rel=1e-9)
    assert answer["recommendation"] == "RECOMMEND_B"


# ---- the file ------------------------------------------------------------------------------------------------


def test_what_the_record_keeps(fraud: World, tmp_path: Path) -> None:
    """`--predictions`: an attachment, an object of the store; of a file from elsewhere its name alone."""
    text = "id,y_true,y_pred\n1,0,0\n"
    outside = tmp_path / "elsewhere" / "preds.csv"
    outside.parent.mkdir()
    outside.write_text(text)
    fraud.write("out/preds.csv", text)
    fraud.write("model.bin", "a")
    fraud.json("add", "model.bin", "--predictions", "out/preds.csv")
    kept = {"digest": f"sha256:{sha256(text)}", "size": len(text)}
    assert fraud.json("show", "fraud")["attachments"] == {"predictions": {"path": "out/preds.csv", **kept}}
    assert fraud.object(sha256(text)).read_text() == text
    assert not fraud.json("add", "model.bin", "--predictions", "out/preds.csv")["created"]
    fraud.write("model.bin", "b")
    fraud.json("add", "model.bin", "--predictions", outside)
    assert fraud.json("show", "fraud")["attachments"] == {"predictions": {"path": "preds.csv", **kept}}
    fraud.object(sha256(text)).chmod(0o644)
    fraud.object(sha256(text)).write_text("damaged")
    assert fraud.json("verify", code=5)["problems"][0]["kind"] == "object"
    assert fraud.cli("--json", "diff", "fraud~1", "fraud", code=5).error["code"] == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,y_true,y_pred\n1,0,0\n1,1,1\n", "1"),
        ("id,y_true,y_pred\n1,0,nan\n", "y_pred"),
        ("id,y_true\n1,0\n", "y_pred"),
        ("id,y_true,y_prob\n1,0,1.5\n", "y_prob"),
        ("", ""),
    ],
)
def test_what_cannot_be_samples_is_refused(fraud: World, text: str, words: str) -> None:
    """`--predictions`: exit 2 before anything is stored or registered."""
    fraud.write("preds.csv", text)
    fraud.write("model.bin", "new")
    before = fraud.everything()
    error = fraud.cli("--json", "add", "model.bin", "--predictions", "preds.csv", code=2).error
    assert "preds.csv" in error["message"]
    assert words in error["message"]
    assert fraud.everything() == before
    assert fraud.cli("--json", "add", "model.bin", "--predictions", "nothing.csv", code=2).error


def test_predictions_of_a_note(fraud: World) -> None:
    """Notes: samples that came later serve where the record has none."""
    for ref in ("fraud", "fraud~1"):
        fraud.write("preds.jsonl", "".join(json.dumps({"id": n, "y_true": 1.5, "y_pred": n}) + "\n" for n in range(9)))
        fraud.cli("note", ref, "--predictions", "preds.jsonl", "-m", ref)
    delta = fraud.json("diff", "fraud~1", "fraud")["performance_delta"]
    assert (delta["n"], delta["metrics"]["mae"]["diff"], delta["metrics"]["mae"]["ci"]) == (9, 0, [0, 0])


def test_samples_that_do_not_belong_together(fraud: World) -> None:
    """Performance delta: an error that counts and names the first few; --no-samples goes on without."""
    for name, ids in (("a", "123"), ("b", "1245")):
        rows = "".join(f"{each},0,0\n" for each in ids)
        fraud.write(f"{name}.csv", "id,y_true,y_pred\n" + rows)
        fraud.add(name, metrics={"auc": 0.9}, predictions=fraud / f"{name}.csv")
    error = fraud.cli("--json", "diff", "fraud~1", "fraud", code=9).error
    assert "--no-samples" in error["hint"]
    assert "3" in error["message"]
    assert fraud.json("diff", "fraud~1", "fraud", "--no-samples")["performance_delta"] is None


def test_samples_whose_bytes_are_elsewhere(fraud: World) -> None:
    """Performance delta: in a clone without objects the recorded numbers are compared, and it says so."""
    fraud.write("preds.csv", "id,y_true,y_pred\n1,0,0\n")
    for name in "ab":
        fraud.add(name, metrics={"auc": 0.9}, predictions=fraud / "preds.csv")
    fraud.object(sha256("id,y_true,y_pred\n1,0,0\n")).unlink()
    answer = fraud.json("diff", "fraud~1", "fraud")
    assert answer["performance_delta"] is None
    assert answer["remarks"][0].startswith("samples are not compared: ")
    assert "note: samples are not compared: " in fraud.cli("diff", "fraud~1", "fraud").err


def test_a_hundred_thousand_samples(world: World) -> None:
    """Performance delta: all metrics of 100,000 samples, blockwise, agree with counting; the time is printed."""
    generator = np.random.default_rng(7)
    truth = generator.integers(0, 2, 100_000)
    accuracies = []
    for number, noise in enumerate((0.20, 0.19)):
        probability = np.clip(np.where(generator.random(truth.size) < noise, 1 - truth, truth) * 0.8 + 0.1, 0, 1)
        labels = (probability > 0.5).astype(int)
        accuracies.append((labels == truth).mean())
        columns = {"id": np.arange(truth.size), "y_true": truth, "y_pred": labels, "y_prob": probability}
        world.add(
            f"model {number}", predictions=write(world / f"{number}.csv", columns), metrics={"accuracy": accuracies[-1]}
        )
    began = time.perf_counter()
    delta = world.json("diff", "fraud~1", "fraud")["performance_delta"]
    print(f"diff of 100,000 samples: {time.perf_counter() - began:.2f} s")
    found = delta["metrics"]["accuracy"]
    assert [found["a"], found["b"]] == pytest.approx(accuracies)
    spread = np.sqrt(delta["flips"]["fixed"] + delta["flips"]["broken"]) / truth.size
    assert found["ci"] == pytest.approx([found["diff"] - 1.96 * spread, found["diff"] + 1.96 * spread], abs=spread / 5)
    assert list(delta["metrics"]) == ["accuracy", "log_loss", "brier"]
