"""Gates: what `promote` and `add --stage` ask of a version, by the command line and by the configuration."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from worlds import World

import modelver
from modelver.errors import CannotTell, CheckFailed


def ids(world: World) -> list[str]:
    """The ids of the versions of fraud, oldest first."""
    return [line["version"] for line in reversed(world.json("list", "fraud")["versions"])]


def configure(world: World, *lines: str) -> None:
    """Commit a configuration."""
    world.commit({".modelver/config.yaml": "\n".join(["format: 1", *lines, ""])}, "configure")


def samples(world: World, name: str, right: Sequence[bool]) -> str:
    """A file of predictions of 0/1, right or wrong as told."""
    rows = [f"{n},{n % 2},{n % 2 if good else 1 - n % 2}" for n, good in enumerate(right)]
    world.write(name, "\n".join(["id,y_true,y_pred", *rows, ""]))
    return name


@pytest.fixture
def held(fraud: World) -> World:
    """The first of three versions (auc 0.81, 0.82, 0.83) holds production."""
    fraud.cli("promote", "fraud~2", "production")
    return fraud


def refused(world: World, code: int, *words: str) -> dict:
    """The error of a promotion that changes nothing."""
    before = world.everything(but=[".git/modelver", ".git/objects"])
    error = world.cli("--json", "promote", *words, code=code).error
    assert world.everything(but=[".git/modelver", ".git/objects"]) == before
    return error


# ---- --require -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("auc >= 0.83", 0),
        ("auc > 0.83", 1),
        ("auc >= 83% and auc < 1", 0),
        ("f1 > 0.5", 9),
        ("f1 > 0.5 or auc > 0.8", 0),
        ("f1 > 0.5 and auc > 0.9", 1),
        ("similarity >= 0", 0),
        ("similarity > 0.99", 1),
        ("brier < 0.1", 9),
    ],
)
def test_requirements(held: World, expression: str, code: int) -> None:
    """Gates: met, not met (1), not to be told (9); nothing changes unless they are met."""
    if code:
        error = refused(held, code, "fraud", "production", "--require", expression)
        (row,) = error["details"]
        assert (row["condition"], row["source"], row["holds"]) == (
            expression,
            "--require",
            None if code == 9 else False,
        )
    else:
        gates = held.json("promote", "fraud", "production", "--require", expression)["gates"]
        assert [gate["holds"] for gate in gates] == [True]
    assert held.json("show", "fraud")["stages"] == ([] if code else ["production"])


def test_a_wrong_expression_is_pointed_at(held: World) -> None:
    """Gates: exit 2 before anything is judged, with a mark under what is wrong, also where another gate fails."""
    ran = held.cli("promote", "fraud", "production", "--require", "auc > 2", "--require", "auc >= 0.9 & f1", code=2)
    _, text, mark, *_ = ran.err.split("\n")
    assert text[mark.index("^") : mark.index("^") + mark.count("^")] == "&"


def test_all_that_fails_stands_in_one_table(held: World) -> None:
    """Gates: what does not hold and what cannot be told, with what was found; what holds is left out."""
    words = ("--require", "auc > 0.9", "--require", "f1 > 0.5", "--require", "auc > 0.1", "--if-better")
    ran = held.cli("promote", "fraud", "production", *words, code=1)
    error, head, *rows, hint, _ = ran.err.split("\n")
    assert error == f"error: {ids(held)[2]} does not meet 2 gates of production"
    assert head.split() == ["condition", "source", "found", "holds"]
    assert [row.split("  ")[1] for row in rows] == [f"better than {ids(held)[0]}", "auc > 0.9", "f1 > 0.5"]
    assert [row.endswith(("  no", "  cannot tell")) for row in rows] == [True] * 3
    assert hint == f"hint: modelver diff fraud@production {ids(held)[2]}"
    assert refused(held, 1, "fraud", "canary", "--require", "auc > 0.9")["hint"] == ""  # nobody to compare with


def test_gates_are_judged_also_where_nothing_would_change(held: World) -> None:
    """Gates: for the holder itself as well; met, it is exit 0 and nothing is written."""
    holder = ids(held)[0]
    refused(held, 1, holder, "production", "--require", "auc > 0.9")
    refused(held, 2, holder, "production", "--require", "auc >")
    before = held.git("rev-parse", "HEAD")
    answer = held.json("promote", holder, "production", "--require", "auc > 0.8", "--if-better")
    assert (answer["version"], answer["number"], len(answer["gates"])) == (holder, 1, 1)
    assert held.git("rev-parse", "HEAD") == before


# ---- --if-better ---------------------------------------------------------------------------------------------


def test_better_than_nobody(fraud: World) -> None:
    """Gates: where nobody holds the stage it passes, and says so."""
    ran = fraud.cli("promote", "fraud", "production", "--if-better")
    assert "note: nobody else holds production, so there is none to be better than\n" in ran.err
    assert fraud.json("show", "fraud")["stages"] == ["production"]


def test_better_means_recommended(held: World) -> None:
    """Gates: RECOMMEND_B, by the team's threshold; insufficient data is 9."""
    assert refused(held, 1, "fraud", "production", "--if-better")["details"][0]["found"].startswith(
        "SIMILAR_PERFORMANCE"
    )
    configure(held, "comparison: {threshold: 1%}")
    held.cli("promote", "fraud", "production", "--if-better")
    held.add("fourth", metrics={"f1": 0.5})
    assert refused(held, 9, "fraud", "production", "--if-better")["details"][0]["holds"] is None


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 0),
        (("--min-delta", "0.0199"), 0),
        (("--min-delta", "0.02"), 1),
        (("--min-delta", "-1"), 2),
        (("--min-delta", "nan"), 2),
    ],
)
def test_better_in_a_metric(held: World, words: tuple[str, ...], code: int) -> None:
    """Gates: 0.83 after 0.81 is 0.02 more, by the numbers as written."""
    held.cli("promote", "fraud", "production", "--if-better", "--metric", "auc", *words, code=code)
    assert (held.json("show", "fraud@production")["version"] == ids(held)[-1]) == (code == 0)


def test_better_in_what_nobody_knows_the_goal_of(fraud: World) -> None:
    """Gates: unknown goal or missing metric is 9, and the table says which."""
    fraud.add("a", metrics={"drift": 1}, path="a.bin")
    fraud.cli("promote", "fraud", "production")
    fraud.add("b", metrics={"drift": 2}, path="b.bin")
    goal = refused(fraud, 9, "fraud", "production", "--if-better", "--metric", "drift")["details"][0]
    assert goal["found"] == "2 after 1, and the goal of drift is not known"
    missing = refused(fraud, 9, "fraud", "production", "--if-better", "--metric", "f1")["details"][0]
    assert missing["found"] == "the holder and the version have no f1"


@pytest.mark.parametrize(
    ("old", "new", "count", "code"),
    [
        (range(0, 1000, 4), range(0), 1000, 0),  # a quarter fixed
        (range(0, 1000, 4), range(1, 1000, 4), 1000, 9),  # as many fixed as broken: nobody can tell
        (range(0, 20, 4), range(0, 20, 5), 20, 9),
    ],
)
def test_samples_have_to_agree(held: World, old: range, new: range, count: int, code: int) -> None:
    """Gates: where both have samples for the metric, its interval has to lie above zero."""
    before = samples(held, "old.csv", [n not in old for n in range(count)])
    after = samples(held, "new.csv", [n not in new for n in range(count)])
    held.add("old", path="old.bin", metrics={"accuracy": 0.7}, predictions=held / before)
    held.cli("promote", "fraud", "production")
    held.add("new", path="new.bin", metrics={"accuracy": 0.8}, predictions=held / after)
    held.cli("promote", "fraud", "production", "--if-better", "--metric", "accuracy", code=code)
    assert (held.json("show", "fraud@production")["version"] == ids(held)[-1]) == (code == 0)


def test_a_metric_that_samples_alone_give(held: World) -> None:
    """Gates: it is taken from them; without samples on one side nobody can tell."""
    good = samples(held, "good.csv", [True] * 50)
    held.add("next", path="next.bin", predictions=held / good)
    gate = held.json("promote", "fraud", "production", "--require", "accuracy == 1")["gates"][0]
    assert gate["found"] == "accuracy is 1.0 (samples)"
    held.add("last", path="last.bin")
    error = refused(held, 9, "fraud", "production", "--if-better", "--metric", "accuracy")
    assert error["details"][0]["found"] == "the version has no accuracy"


def test_a_machine_without_the_bytes_cannot_tell(held: World, tmp_path: Path) -> None:
    """Gates: what needs samples, or files, that are on another machine is 9 there, and says why; the rest is judged."""
    for name, right in (("old", [n % 4 > 0 for n in range(400)]), ("new", [True] * 400)):
        file = held / samples(held, f"{name}.csv", right)
        held.add(name, path=f"{name}.bin", metrics={"accuracy": sum(right) / 400}, predictions=file)
        if name == "old":
            held.cli("promote", "fraud", "production")
    held.cli("promote", "fraud", "canary", "--require", "similarity >= 0 and accuracy > 0.9")
    held.git("clone", "-q", ".", tmp_path / "clone")
    clone = World(tmp_path / "clone")
    for words in (("--if-better",), ("--if-better", "--metric", "accuracy")):
        error = refused(clone, 9, "fraud", "production", *words)
        assert "is not here" in error["hint"] + error["details"][0]["found"]
    clone.cli("diff", "fraud", "--fail-if-worse", code=9)
    clone.cli("diff", "fraud", "--fail-if-worse", "--no-samples")
    clone.cli("promote", "fraud", "production", "--require", "accuracy > 0.9")
    held.cli("promote", "fraud", "production", "--if-better", "--metric", "accuracy")


def test_values_of_one_kind_are_compared(held: World) -> None:
    """Gates: a number that the holder's record has is not compared with one that the other's samples give."""
    for name, right, known in (("old", 0.7, {"accuracy": 0.99}), ("new", 0.9, {})):
        file = held / samples(held, f"{name}.csv", [n % 100 < 100 * right for n in range(1000)])
        held.add(name, path=f"{name}.bin", metrics=known, predictions=file)
        if name == "old":
            held.cli("promote", "fraud", "production")
    gate = held.json("promote", "fraud", "production", "--if-better", "--metric", "accuracy")["gates"][0]
    assert gate["found"].startswith("0.9 after 0.7, ")


def test_a_table_keeps_to_the_terminal(held: World) -> None:
    """Gates: where the table is too wide for the terminal, each fact has a line of its own."""
    import pty
    import subprocess

    from worlds import environment, program

    ours, theirs = pty.openpty()
    words = [*program(), "promote", "fraud", "production", "--if-better", "--require", "auc > 0.9 and auc > 0.8"]
    env = environment({"COLUMNS": "50", "TERM": "xterm"})
    assert subprocess.run(words, cwd=held.top, env=env, stdin=theirs, stdout=theirs, stderr=theirs).returncode == 1
    shown = os.read(ours, 65536).decode().replace("\r\n", "\n").split("\n")
    table = [line for line in shown if line.startswith("  ")]
    assert table
    assert max(map(len, table)) <= 50


def test_samples_that_do_not_belong_together(held: World) -> None:
    """Gates: another set of ids is 9 where the gate needs the samples, and does not matter to any other gate."""
    for name, count in (("one", 40), ("two", 50)):
        held.add(name, path=f"{name}.bin", metrics={"auc": 0.9}, predictions=held / samples(held, name, [True] * count))
        if name == "one":
            held.cli("promote", "fraud", "production")
    assert "10" in refused(held, 9, "fraud", "production", "--if-better")["message"]
    held.cli("promote", "fraud", "production", "--require", "similarity >= 0 and auc > 0.8")


# ---- the configuration ---------------------------------------------------------------------------------------


def test_the_configuration_asks_everyone(fraud: World) -> None:
    """Gates: `require` of a stage, also of a pattern, holds for promote and for add --stage alike."""
    configure(fraud, "stages:", "  prod*: {require: ['auc >= 0.83', 'auc < 1']}", "  canary:")
    error = refused(fraud, 1, "fraud~1", "production")
    assert error["details"][0]["source"] == "stages.production.require"
    assert len(fraud.json("promote", "fraud", "production")["gates"]) == 2
    fraud.cli("promote", "fraud~1", "canary")
    fraud.write("model.bin", "worse")
    before = fraud.everything(but=[".git/modelver", ".git/objects"])
    failed = fraud.cli("--json", "add", "model.bin", "--metric", "auc=0.5", "--stage", "production", code=1).error
    assert failed["hint"] == "leave out --stage, and promote the version once it is registered"
    assert fraud.everything(but=[".git/modelver", ".git/objects"]) == before
    added = fraud.json("add", "model.bin", "--metric", "auc=0.9", "--stage", "production")
    assert added["stages"] == ["production"]
    fraud.cli("rollback", "fraud", "production")  # goes back to what passed once, and asks nobody's leave


def test_nothing_may_get_worse_than_the_stage_allows(fraud: World) -> None:
    """Guardrails: promote is 1, diff does not recommend, --fail-if-worse is 1; unknown is 9."""
    configure(fraud, "stages:", "  production: {must_not_regress: {latency_ms: 10%}}")
    fraud.add("a", metrics={"auc": 0.5, "latency_ms": 10})
    assert fraud.json("promote", "fraud", "production")["gates"] == []
    fraud.add("b", metrics={"auc": 0.9, "latency_ms": 11})
    fraud.cli("promote", "fraud", "production")
    slower = fraud.add("c", metrics={"auc": 1.9, "latency_ms": 12.2}).version
    row = refused(fraud, 1, slower, "production")["details"][0]
    assert (row["condition"], row["found"]) == ("latency_ms at most 10 % worse", "12.2 after 11")
    answer = fraud.json("diff", "fraud@production", slower)
    assert answer["recommendation"] == "SIMILAR_PERFORMANCE"
    assert answer["guardrails"] == [
        {
            "stage": "production",
            "metric": "latency_ms",
            "limit": 0.1,
            "holder": "a",
            "a": 11,
            "b": 12.2,
            "regressed": True,
        }
    ]
    assert json.loads(fraud.cli("--json", "diff", "fraud@production", slower, "--fail-if-worse", code=1).out) == answer
    fraud.cli("diff", slower, "fraud@production", "--fail-if-worse")  # no reason to prefer the slower one
    unknown = fraud.add("d", metrics={"auc": 1.9}).version
    assert refused(fraud, 9, unknown, "production")["details"][0]["found"] == "unknown after 11"
    fraud.cli("diff", unknown, "--fail-if-worse", code=9)
    fraud.cli("note", unknown, "--metric", "latency_ms=9")
    fraud.cli("promote", unknown, "production")


def test_fail_if_worse(fraud: World) -> None:
    """`diff --fail-if-worse`: 0 for better or alike, 1 for worse, 9 where nobody can tell; it prints as without."""
    configure(fraud, "comparison: {threshold: 1%}")
    fraud.cli("diff", "fraud~1", "fraud", "--fail-if-worse")
    fraud.cli("diff", "fraud", "fraud", "--fail-if-worse")
    ran = fraud.cli("diff", "fraud", "fraud~1", "--fail-if-worse", code=1)
    assert ran.out == fraud.cli("diff", "fraud", "fraud~1").out
    assert ran.err.startswith(f"error: {ids(fraud)[1]} does not meet 1 gate of --fail-if-worse\n")
    assert "A is not recommended" in ran.err
    fraud.add("d", metrics={"x": 1})
    fraud.cli("diff", "fraud~1", "fraud", "--fail-if-worse", code=9)


def test_gates_of_the_api(held: World) -> None:
    """Python: the same words, and an error whose class says which kind."""
    with held.registry as registry:
        with pytest.raises(CheckFailed) as caught:
            registry.promote("fraud", "production", require=["auc > 0.9"])
        assert caught.value.details[0]["found"] == "auc is 0.83"
        with pytest.raises(CannotTell):
            registry.promote("fraud", "production", if_better=True, metric="f1")
        with pytest.raises(modelver.ModelverError):
            registry.promote("fraud", "production", require="auc >")
        staged = registry.promote("fraud", "production", if_better=True, metric="auc", min_delta=0.01)
        assert [gate.condition for gate in staged.gates] == [f"auc better than {ids(held)[0]}'s by more than 0.01"]


def test_a_stage_without_gates_loads_none(fraud: World) -> None:
    """Fast: a promotion that nobody asks anything of pays for no statistics and no grammar."""
    import subprocess

    from worlds import environment, program

    words = [program()[0], "-X", "importtime", *program()[1:], "promote", "fraud", "production"]
    done = subprocess.run(words, cwd=fraud.top, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "modelver.operations.stages" in loaded
    assert not loaded & {"numpy", "fractions", "modelver.domain.expressions", "modelver.domain.comparison"}
