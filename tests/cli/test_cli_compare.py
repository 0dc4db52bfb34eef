"""`diff` with files, formats and CI; `compare`, a leaderboard; `log --metric`, one metric over all versions."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from worlds import World, sha256


def ids(world: World) -> list[str]:
    """The ids of the versions of fraud, oldest first."""
    return [line["version"] for line in reversed(world.json("list", "fraud")["versions"])]


# ---- what is inside ------------------------------------------------------------------------------------------


def tensors(world: World, name: str, **shapes: tuple[int, ...]) -> Path:
    """A file of tensors of zeros."""
    path = world / name
    path.parent.mkdir(exist_ok=True)
    save_file({key: np.zeros(shape, "float32") for key, shape in shapes.items()}, path)
    return path


def test_similarity_looks_inside_the_files(world: World) -> None:
    """Similarity: tensors by name, shape and type, and the format; values do not count."""
    tensors(world, "a.safetensors", w=(2, 3), b=(3,), head=(3, 2))
    world.json("add", "a.safetensors", "-n", "fraud", "--param", "lr=1", "--data", "README.md", "--code", "src")
    tensors(world, "a.safetensors", w=(2, 3), b=(3,), head=(3, 4))
    world.json("add", "a.safetensors", "-n", "fraud", "--param", "lr=1", "--data", "README.md", "--code", "src")
    found = world.json("diff", "fraud~1", "fraud")["similarity"]
    assert found["aspects"] == {
        "params": 1,
        "inputs": 1,
        "code": 1,
        "environment": None,
        "files": 0,
        "format": 1,
        "tensors": 0.5,
        "meta": None,
    }
    assert found["overall"] == (1 + 1 + 1 + 0 + 1 + 2) / (1 + 1 + 1 + 2 + 1 + 4)
    assert found["differences"]["tensors"] == {"only_a": ["head 3×2 float32"], "only_b": ["head 3×4 float32"]}
    shown = " ".join(world.cli("diff", "fraud~1", "fraud").out.split())
    assert "tensors of A only head 3×2 float32 tensors of B only head 3×4 float32" in shown


def test_similarity_of_directories(world: World) -> None:
    """Similarity: file by file, and the tensors of all of them; an absent object is told and counts for nothing."""
    tensors(world, "net/one.safetensors", w=(2,))
    tensors(world, "net/two.safetensors", v=(2,))
    world.write("net/config.json", "{}")
    world.json("add", "net", "-n", "fraud")
    tensors(world, "net/two.safetensors", v=(3,))
    np.save(world / "net/bias.npy", np.zeros(4))
    world.json("add", "net", "-n", "fraud")
    found = world.json("diff", "fraud~1", "fraud")["similarity"]
    assert (found["aspects"]["files"], found["aspects"]["tensors"]) == (2 / 5, 1 / 4)
    assert found["differences"]["tensors"]["only_b"] == ["bias.npy 4 float64", "v 3 float32"]
    world.object(sha256((world / "net/two.safetensors").read_bytes())).unlink()
    answer = world.json("diff", "fraud~1", "fraud")
    assert answer["similarity"]["aspects"]["tensors"] is None
    assert any("the tensors of" in each for each in answer["remarks"])
    assert answer["similarity"]["aspects"]["files"] == 2 / 5
    world.json("promote", "fraud~1", "production")
    error = world.cli("--json", "promote", "fraud", "production", "--require", "similarity > 0", code=9).error
    assert "the tensors of" in error["hint"]


def test_a_hostile_model_file_ends_no_comparison(world: World) -> None:
    """Similarity: a header that lies is told; all else is compared."""
    for number in range(2):
        world.write("a.safetensors", (2**20).to_bytes(8, "little") + b"{" + bytes([number]) * 2**20)
        world.json("add", "a.safetensors", "-n", "fraud", "--metric", f"auc={number}")
    answer = world.json("diff", "fraud~1", "fraud")
    assert answer["recommendation"] == "RECOMMEND_B"
    assert answer["similarity"]["aspects"]["tensors"] is None
    assert "cannot be read as safetensors" in " ".join(answer["remarks"])


# ---- a file that is registered nowhere -----------------------------------------------------------------------


def test_a_version_against_a_file(world: World) -> None:
    """`diff REF ./file`: its bytes, its format, its tensors; nothing is stored or registered, nothing is guessed."""
    tensors(world, "a.safetensors", w=(2, 3), b=(3,))
    added = world.json("add", "a.safetensors", "-n", "fraud", "--metric", "auc=0.9", "--param", "lr=1")
    new = tensors(world, "b.safetensors", w=(2, 3))
    before = world.everything(but=[".git/modelver/cache"])
    answer = world.json("diff", "fraud", "./b.safetensors")
    assert world.everything(but=[".git/modelver/cache"]) == before
    assert (answer["a"], answer["b"], answer["models"]) == (added["version"], None, {"a": "fraud", "b": None})
    assert answer["artifacts"]["b"]["hash"] == sha256(new.read_bytes())
    assert answer["artifacts"]["b"]["path"] == "b.safetensors"
    known = {name: value for name, value in answer["similarity"]["aspects"].items() if value is not None}
    assert known == {"files": 0, "format": 1, "tensors": 0.5}
    assert (answer["parameters"], answer["recommendation"]) == ({}, "INSUFFICIENT_DATA")
    assert world.json("diff", "./b.safetensors", "fraud")["b"] == added["version"]
    same = world.json("diff", "fraud", "./a.safetensors")
    assert same["artifacts"]["identical"] is True
    assert same["remarks"] == [f"'a.safetensors' has the bytes of {added['version']}"]
    assert "b.safetensors  (not registered)" in world.cli("diff", "fraud", "./b.safetensors").out


def test_a_version_against_a_directory(world: World) -> None:
    """`diff REF ./directory`: likewise."""
    tensors(world, "net/one.safetensors", w=(2,))
    world.json("add", "net", "-n", "fraud")
    world.write("net/more.txt", "x")
    answer = world.json("diff", "fraud", "./net")
    assert answer["artifacts"]["b"]["files"] == 2
    assert (answer["similarity"]["aspects"]["files"], answer["similarity"]["aspects"]["tensors"]) == (0.5, 1)


# ---- formats and CI ------------------------------------------------------------------------------------------


def test_formats(fraud: World) -> None:
    """`--format`: json is --json, md and html are documents on standard output, remarks stay on standard error."""
    words = ("diff", "fraud~1", "fraud")
    assert fraud.cli(*words, "--format", "json").out == fraud.cli(*words, "--json").out
    markdown = fraud.cli(*words, "--format", "md").out
    assert "| `auc` | 0.82 | 0.83 | +0.01 | ▲ better |" in markdown
    page = fraud.cli(*words, "--format", "html").out
    assert page.lower().startswith("<!doctype html>")
    assert ids(fraud)[2] in page
    assert "note: compared with" in fraud.cli("diff", "fraud", "--format", "md").err
    fraud.cli(*words, "--format", "pdf", code=2)


def test_json_means_json(fraud: World) -> None:
    """`--format json`: errors too; together with another format --json is refused."""
    error = fraud.cli("diff", "fraud@9.9.9", "fraud", "--format", "json", code=3).error
    assert error["code"] == 3
    assert fraud.cli("diff", "fraud", "--format=json", "--metric", "x", code=2).error["code"] == 2
    assert "two forms of one answer" in fraud.cli("diff", "fraud", "--json", "--format", "md", code=2).error["message"]


def test_a_job_is_told_of_samples_that_do_not_fit(fraud: World, tmp_path: Path) -> None:
    """--ci: the outputs are there also where nothing could be compared."""
    for name, id in (("a", "1"), ("b", "2")):
        fraud.write(f"{name}.csv", f"id,y_true,y_pred\n{id},0,0\n")
        fraud.add(name, predictions=fraud / f"{name}.csv")
    env = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), "GITHUB_OUTPUT": str(tmp_path / "output")}
    fraud.cli("diff", "fraud~1", "fraud", "--ci", env=env, code=9)
    assert (tmp_path / "output").read_text() == "recommendation=INSUFFICIENT_DATA\nversion=\nimproved=false\n"
    assert "only in a" in (tmp_path / "summary").read_text()


def test_models_with_different_cards(fraud: World) -> None:
    """Recommendation: symmetric also between two models; where their cards differ, the configuration's rules count."""
    fraud.add("x", "churn", "churn.bin", metrics={"auc": 0.99})
    fraud.commit({".modelver/models/churn/model.yaml": "format: 1\nmetrics: {auc: minimize}\n"})
    there, back = fraud.json("diff", "fraud", "churn"), fraud.json("diff", "churn", "fraud")
    assert (there["recommendation"], back["recommendation"]) == ("RECOMMEND_B", "RECOMMEND_A")
    assert there["remarks"] == ["the models have different rules on their cards, so those of config.yaml count"]
    for words in (("fraud", "churn"), ("churn", "fraud")):
        assert fraud.json("compare", *words)["ranks"][0]["model"] == "churn"


def test_a_job_of_github_actions(fraud: World, tmp_path: Path) -> None:
    """--ci: appends to the files that the variables name; without them, or without --ci, nothing is written."""
    summary, output = tmp_path / "summary.md", tmp_path / "output"
    summary.write_text("before\n")
    output.write_text("other=1\n")
    env = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output)}
    plain = fraud.cli("diff", "fraud~1", "fraud", env=env)
    assert (summary.read_text(), output.read_text()) == ("before\n", "other=1\n")
    assert fraud.cli("diff", "fraud~1", "fraud", "--ci").out == plain.out
    assert fraud.cli("diff", "fraud~1", "fraud", "--ci", env=env).out == plain.out
    assert summary.read_text().startswith("before\n## ")
    values = f"recommendation=SIMILAR_PERFORMANCE\nversion={ids(fraud)[2]}\nimproved=false\n"
    assert output.read_text() == "other=1\n" + values
    fraud.commit({".modelver/config.yaml": "format: 1\ncomparison: {threshold: 1%}\n"})
    fraud.cli("diff", "fraud~1", "fraud", "--ci", "--json", env=env)
    assert output.read_text().endswith("improved=true\n")
    fraud.cli("diff", "fraud~1", "fraud", "--ci", env={"GITHUB_OUTPUT": str(tmp_path)}, code=7)


def test_injection_reaches_no_output(world: World, tmp_path: Path) -> None:
    """Safe: names, metrics, messages, labels are inert in the terminal, in Markdown, HTML and outputs."""
    evil = "<img src=x onerror=alert(1)>|@everyone [x](http://e.vil) \x1b[31m\u202e `${{ secrets.X }}`"
    for number in range(2):
        world.add(f"{number}", metrics={evil: number, "auc": number}, params={evil: number}, message=f"{evil}\n::set x")
    for format in ("text", "md", "html", "json"):
        out = world.cli("diff", "fraud~1", "fraud", "--format", format).out
        assert "\x1b" not in out
        assert "\u202e" not in out
        assert format in ("text", "md", "json") or "<img" not in out
    for words in (("compare", "fraud", "fraud~1", "--metric", evil), ("log", "fraud", "--metric", evil)):
        out = world.cli(*words).out
        assert "\x1b" not in out
        assert "\u202e" not in out
    output = tmp_path / "output"
    world.cli("diff", "fraud~1", "fraud", "--ci", env={"GITHUB_OUTPUT": str(output)})
    assert [line.partition("=")[0] for line in output.read_text().splitlines()] == [
        "recommendation",
        "version",
        "improved",
    ]


# ---- a leaderboard -------------------------------------------------------------------------------------------


def test_what_compare_answers(fraud: World) -> None:
    """`compare`: metric, goal, and the versions, the best first; versions that are as good share a rank."""
    first, second, third = ids(fraud)
    fraud.add("fourth", metrics={"auc": 0.82, "loss": 1.5})
    fraud.add("fifth", metrics={"loss": 0.5})
    fraud.json("tag", second, "1.0.0")
    answer = fraud.json("compare", "fraud~4", "fraud~3", "fraud~2", "fraud~1", "fraud", "--metric", "auc")
    assert (answer["metric"], answer["goal"], answer["goal_assumed"]) == ("auc", "maximize", True)
    assert [(each["rank"], each["version"], each["value"]) for each in answer["ranks"]] == [
        (1, third, 0.83),
        (2, second, 0.82),
        (2, fraud.json("show", "fraud~1")["version"], 0.82),
        (4, first, 0.81),
        (None, fraud.json("show", "fraud")["version"], None),
    ]
    assert answer["ranks"][1] | {"metrics": {}} == {
        "rank": 2,
        "model": "fraud",
        "version": second,
        "created_at": "2024-01-01T12:01:00Z",
        "value": 0.82,
        "source": "record",
        "labels": ["1.0.0"],
        "stages": [],
        "metrics": {},
        "size": 7,
    }
    least = fraud.json("compare", "fraud~1", "fraud", "--metric", "loss")
    assert [each["value"] for each in least["ranks"]] == [0.5, 1.5]
    assert fraud.json("compare", "fraud~4", "fraud~4", "fraud~3")["ranks"][1]["rank"] == 2


def test_which_metric_ranks(fraud: World) -> None:
    """`compare`: the primary one, else the first that all have; one of unknown goal ranks nobody."""
    assert fraud.json("compare", "fraud", "fraud~1")["metric"] == "auc"
    fraud.add("x", metrics={"drift": 2, "auc": 0.5})
    fraud.add("y", metrics={"drift": 1, "auc": 0.4})
    assert fraud.json("compare", "fraud", "fraud~1")["metric"] == "auc"
    fraud.commit({".modelver/config.yaml": "format: 1\ncomparison: {primary: drift}\n"})
    ran = fraud.cli("compare", "fraud", "fraud~1")
    assert "the goal of drift is not known" in ran.err
    ranks = fraud.json("compare", "fraud", "fraud~1")["ranks"]
    assert [(each["rank"], each["value"]) for each in ranks] == [(None, 2), (None, 1)]
    fraud.add("z", metrics={"a": 2})
    fraud.commit({".modelver/config.yaml": "format: 1\n"})
    assert "all of these are one" in fraud.cli("compare", "fraud", "fraud", code=2).err
    assert "no metric with a known goal" in fraud.cli("compare", "fraud", "fraud~1", code=2).err


# ---- one metric over all versions ----------------------------------------------------------------------------


def test_what_log_of_a_metric_answers(fraud: World) -> None:
    """`log --metric`: model, metric, goal, the points oldest first, and how many versions lack it."""
    first, _, third = ids(fraud)
    fraud.add("x")
    fraud.json("promote", third, "production")
    answer = fraud.json("log", "fraud", "--metric", "auc")
    assert {key: answer[key] for key in ("model", "metric", "goal", "missing")} == {
        "model": "fraud",
        "metric": "auc",
        "goal": "maximize",
        "missing": 1,
    }
    assert answer["points"][0] == {
        "version": first,
        "created_at": "2024-01-01T12:00:00Z",
        "value": 0.81,
        "source": "record",
        "labels": [],
        "stages": [],
    }
    assert [each["value"] for each in answer["points"]] == [0.81, 0.82, 0.83]
    assert [each["value"] for each in fraud.json("log", "fraud", "--metric", "auc", "--limit", "2")["points"]] == [
        0.82,
        0.83,
    ]


def test_how_log_of_a_metric_is_shown(fraud: World) -> None:
    """`log --metric`: a line of bars, CSV and SVG."""
    assert fraud.cli("log", "fraud", "--metric", "auc").out.startswith("▁")
    rows = list(csv.DictReader(io.StringIO(fraud.cli("log", "fraud", "--metric", "auc", "--format", "csv").out)))
    assert [(row["version"], row["value"]) for row in rows] == list(
        zip(ids(fraud), ("0.81", "0.82", "0.83"), strict=True)
    )
    drawing = ET.fromstring(fraud.cli("log", "fraud", "--metric", "auc", "--format", "svg").out)
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    assert fraud.cli("log", "fraud", "--metric", "auc", "--format", "json").json["metric"] == "auc"


@pytest.mark.parametrize("words", [("log", "fraud", "--metric", "auc"), ("compare", "fraud", "fraud~1")])
def test_they_can_look_back(fraud: World, words: tuple[str, ...]) -> None:
    """B4: --at reads the registry as it was."""
    then = fraud.git("rev-parse", "HEAD").strip()
    before = fraud.json(*words)
    fraud.add("x", metrics={"auc": 0.99})
    assert fraud.json(*words, "--at", then) == before
