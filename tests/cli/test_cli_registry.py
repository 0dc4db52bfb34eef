"""Labels, stages and the archive: what `tag`, `promote`, `rollback`, `demote`, `archive`, `log` and `diff` answer."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import byhand
import pytest
from worlds import World, sha256

CONFIG = ".modelver/config.yaml"
STAGE = ".modelver/models/fraud/stages/{}.yaml"
LABEL = ".modelver/models/fraud/tags/{}.yaml"
USER = "A. User <user@example.org>"


def ids(world: World, model: str = "fraud") -> list[str]:
    """The versions, oldest first."""
    return [line.version for line in reversed(world.registry.versions(model).versions)]


def head(world: World) -> str:
    return world.git("rev-parse", "HEAD").strip()


def at(world: World, tag: str) -> str:
    """The commit that a tag names."""
    return world.git("rev-parse", f"refs/tags/{tag}^{{commit}}").strip()


def promote(world: World, *versions: str, stage: str = "production") -> None:
    """Give a stage to some versions, one after the other."""
    with world.registry as registry:
        for version in versions:
            registry.promote(version, stage)


def configure(world: World, more: str) -> None:
    world.commit({CONFIG: f"format: 1\nbranch: main\n{more}\n"}, "configure")


def archived_path(version: str) -> str:
    return f".modelver/models/fraud/archived/{version[1:7]}/{version[7:9]}/{version}.yaml"


def everything(world: World) -> dict[str, object]:
    """All that a command could have written, but for what it may remember."""
    return world.everything(but=[".git/modelver/cache", ".git/modelver/lock"])


# ---- the documents -------------------------------------------------------------------------------------------


def test_what_tag_answers(fraud: World) -> None:
    """`tag`: model, version, label, tag, commit, pending; `--delete` says that it is deleted and names no tag."""
    _, second, third = ids(fraud)
    answer = fraud.json("tag", "fraud~1", "V1.2.0-RC.1", "-m", "try it")
    expected = {"model": "fraud", "version": second, "label": "1.2.0-rc.1", "tag": "fraud@v1.2.0-rc.1"}
    assert answer == expected | {"commit": head(fraud), "pending": False, "deleted": False}
    assert fraud.json("tag", third, "nightly")["tag"] == "fraud@nightly"
    gone = fraud.json("tag", "--delete", "FRAUD@Nightly")
    expected = {"model": "fraud", "version": third, "label": "nightly", "tag": None}
    assert gone == expected | {"commit": head(fraud), "pending": False, "deleted": True}


def test_what_promote_rollback_and_demote_answer(fraud: World) -> None:
    """C1: model, stage, version, previous, number, commit, tag, pending; `previous` is the displaced holder or null."""
    first, second, _ = ids(fraud)
    steps = [
        (("promote", "fraud~2", "Production"), "promote", first, None, "fraud#production#1"),
        (("promote", "fraud~1", "production"), "promote", second, first, "fraud#production#2"),
        (("rollback", "fraud"), "rollback", first, second, "fraud#production#3"),
        (("demote", "fraud", "production"), "demote", None, first, "fraud#production!#4"),
        (("rollback", "fraud", "production"), "rollback", first, None, "fraud#production#5"),
        (("promote", second, "production"), "promote", second, first, "fraud#production#6"),
        (("rollback", "fraud", "production", "--to", first), "rollback", first, second, "fraud#production#7"),
    ]
    for number, (words, op, version, previous, tag) in enumerate(steps, 1):
        answer = fraud.json(*words)
        expected = {"op": op, "model": "fraud", "stage": "production", "version": version, "previous": previous}
        expected |= {"number": number, "commit": head(fraud), "tag": tag, "pending": False, "gates": []}
        assert answer == expected, words
    fraud.assert_sound()
    assert fraud.json("verify")["problems"] == []


def test_what_archive_answers(fraud: World) -> None:
    """`archive`: model, version, state, commit; the state is the one that the version has now."""
    first, second, _ = ids(fraud)
    answer = fraud.json("archive", "fraud~2", "-m", "withdrawn data")
    expected = {"op": "archive", "model": "fraud", "version": first, "state": "archived", "commit": head(fraud)}
    assert answer == expected
    assert fraud.json("show", first)["state"] == "archived"
    assert fraud.json("archive", first) == expected
    answer = fraud.json("archive", "--undo", first)
    assert answer == expected | {"op": "restore", "state": "development", "commit": head(fraud)}
    assert fraud.json("show", first)["state"] == "development"
    never = fraud.json("archive", "--undo", second)
    assert (never["version"], never["state"], never["commit"]) == (second, "development", None)


def test_what_log_answers(fraud: World) -> None:
    """`log`: op, model, version, stage, label, commit, author, date, message of each event, newest first."""
    first, second, third = ids(fraud)
    adds = fraud.git("log", "-n", "3", "--format=%H").split()
    steps = [
        (("tag", first, "1.0.0", "-m", "a label"), ("tag", first, None, "1.0.0", "a label")),
        (("promote", first, "production", "-m", "up"), ("promote", first, "production", None, "up")),
        (("promote", third, "production"), ("promote", third, "production", None, "")),
        (("rollback", "fraud", "-m", "down"), ("rollback", first, "production", None, "down")),
        (("demote", "fraud", "production"), ("demote", first, "production", None, "")),
    ]
    commits = [fraud.json(*words)["commit"] for words, _ in steps]
    log = fraud.json("log")
    keys = ("op", "version", "stage", "label", "message")
    expected = [told for _, told in reversed(steps)]
    expected += [("add", each, None, None, f"attempt {n}") for n, each in ((3, third), (2, second), (1, first))]
    assert [tuple(event[key] for key in keys) for event in log["events"]] == expected
    assert [event["commit"] for event in log["events"]] == [*reversed(commits), *adds]
    assert {event["model"] for event in log["events"]} == {"fraud"}
    assert {event["author"] for event in log["events"]} == {USER}
    dates = [event["date"] for event in log["events"]]
    assert dates == sorted(dates, reverse=True)
    assert dates[-3:] == [f"2024-01-01T12:0{n}:00Z" for n in (2, 1, 0)]
    assert log["total"] == 8
    assert fraud.json("log", "--limit", "2") == {"events": log["events"][:2], "total": 8}
    of_one = [event for event in log["events"] if event["version"] == first]
    assert fraud.json("log", "fraud@1.0.0") == {"events": of_one, "total": 5}


def test_log_of_a_model_and_of_a_version(fraud: World) -> None:
    """`log MODEL` is the model's, not its newest version's; an archive and its undoing are told with their commits."""
    other = fraud.add("b", "churn", "churn.bin").version
    third = ids(fraud)[2]
    commits = [fraud.json("archive", third)["commit"], fraud.json("archive", "--undo", third)["commit"]]
    assert [event["model"] for event in fraud.json("log", "Churn")["events"]] == ["churn"]
    assert {event["version"] for event in fraud.json("log", "fraud")["events"]} == set(ids(fraud))
    told = fraud.json("log", third)["events"]
    assert [(event["op"], event["commit"]) for event in told[:2]] == [("restore", commits[1]), ("archive", commits[0])]
    assert len(told) == 3
    assert fraud.json("log", "churn@latest")["events"][0]["version"] == other
    assert fraud.cli("log", "nobody", code=3).err.startswith("error: there is no model nobody\n")


def test_a_withdrawn_change_is_told_as_such(fraud: World) -> None:
    """B3: `log` has it, and says so to people too."""
    fraud.git("checkout", "-q", "-b", "work")
    fraud.cli("promote", "fraud~1", "production")
    fraud.cli("promote", "fraud", "production")
    told = fraud.json("log", "--limit", "2")["events"]
    assert [event["withdrawn"] for event in told] == [False, True]
    assert fraud.cli("log").out.count("(withdrawn)") == 1


def test_what_diff_answers(world: World) -> None:
    """`diff`: a, b, metrics, parameters, artifacts, similarity, recommendation."""
    configure(world, "metrics: {temperature: {target: 0.7}}")
    a = world.add("a", metrics={"auc": 0.8, "latency_ms": 10, "old": 1, "temperature": 0.5}, params={"lr": 1, "n": 1})
    b = world.add("bb", metrics={"auc": 0.9, "latency_ms": 10, "x": 2, "temperature": 0.9}, params={"lr": 1, "n": True})
    answer = world.json("diff", "fraud~1", "fraud")
    assert (answer["a"], answer["b"]) == (a.version, b.version)
    shown = {
        name: [line[k] for k in ("a", "b", "diff", "improved", "goal")] for name, line in answer["metrics"].items()
    }
    assert shown == {
        "auc": [0.8, 0.9, 0.1, True, "maximize"],
        "latency_ms": [10, 10, 0.0, None, "minimize"],
        "old": [1, None, None, None, None],
        "temperature": [0.5, 0.9, 0.4, None, "target"],
        "x": [None, 2, None, None, None],
    }
    same = {"a": 1, "b": 1, "same": True, "only": None}
    assert answer["parameters"] == {"lr": same, "n": same | {"b": True, "same": False}}
    sides = {name: (line["size"], line["hash"]) for name, line in answer["artifacts"].items() if name != "identical"}
    assert sides == {"a": (1, sha256("a")), "b": (2, sha256("bb"))}
    assert answer["artifacts"]["identical"] is False
    unlike = {"a": sha256("a")[:12], "b": sha256("bb")[:12]}
    assert answer["similarity"] == {
        "overall": 1 / 5,
        "aspects": {
            **dict.fromkeys(("inputs", "code", "environment", "format", "tensors", "meta")),
            "params": 1 / 3,
            "files": 0.0,
        },
        "differences": {
            "params": {"only_a": ["n=1"], "only_b": ["n=true"]},
            "files": {f"only_{side}": [f"the file {digest}"] for side, digest in unlike.items()},
        },
    }
    assert answer["importance"] == {
        "score": 0.0,
        "terms": {
            "accuracy": {"weight": 0.7, "per": 1, "a": None, "b": None, "value": None},
            "latency_ms": {"weight": -0.3, "per": 1000, "a": 10, "b": 10, "value": 0.0},
        },
        "missing": ["accuracy"],
    }
    assert (answer["performance_delta"], answer["guardrails"]) == (None, [])
    assert answer["metrics"]["auc"]["sources"] == {"a": "record", "b": "record"}
    (reason,) = answer["reasons"]
    assert reason == "the mean gain of B is +3.70% over auc, latency_ms, temperature: within ±4.76%"
    assert answer["recommendation"] == "SIMILAR_PERFORMANCE"  # 1/9, 0 and 0 make less than 5 %
    assert world.json("diff", "fraud", "fraud")["artifacts"]["identical"] is True


def test_what_one_version_is_compared_with(fraud: World) -> None:
    """`diff B`: with the holder of production, else with the version before that is not archived."""
    first, second, third = ids(fraud)
    answer = fraud.json("diff", "fraud")
    assert (answer["a"], answer["b"]) == (second, third)
    assert f"note: compared with {second}\n" in fraud.cli("diff", "fraud").err
    with fraud.registry as registry:
        registry.archive(second)
        assert registry.diff("fraud").a.version == first
        registry.promote(third, "production")
        assert registry.diff(third).a.version == first
        assert registry.diff(first).a.version == third
        registry.demote("fraud", "production")
    assert "no version of fraud before" in fraud.cli("diff", first, code=3).err


def test_goals_and_the_threshold_are_those_of_the_model(fraud: World) -> None:
    """Configuration: the model's card ranks before `config.yaml`."""
    assert fraud.json("diff", "fraud~1", "fraud")["recommendation"] == "SIMILAR_PERFORMANCE"
    configure(fraud, "comparison: {threshold: 1%}")
    assert fraud.json("diff", "fraud~1", "fraud")["recommendation"] == "RECOMMEND_B"
    fraud.commit({".modelver/models/fraud/model.yaml": "format: 1\nmetrics: {auc: minimize}\n"})
    answer = fraud.json("diff", "fraud~1", "fraud")
    assert (answer["recommendation"], answer["metrics"]["auc"]["improved"]) == ("RECOMMEND_A", False)
    assert answer["metrics"]["auc"]["goal_assumed"] is False
    assert fraud.cli("-q", "diff", "fraud~1", "fraud").out == "RECOMMEND_A\n"


# ---- exit codes ----------------------------------------------------------------------------------------------

REFUSED = [
    (("tag", "fraud"), 2, "tag takes a label or --bump", "modelver tag REF 1.2.0\nmodelver tag REF --bump minor"),
    (("tag", "fraud", "2.0.0", "--bump", "minor"), 2, "or --bump", "modelver tag REF 1.2.0"),
    (("tag", "fraud", "--bump", "huge"), 2, "'huge' is not one of", ""),
    (("tag", "fraud", "latest"), 2, "'latest'", "use"),
    (("tag", "fraud", "1.0.0+build"), 2, "build metadata is not kept", "1.0.0"),
    (("tag", "fraud", "^1.2"), 2, "it is a range of versions", ""),
    (("tag", "fraud", "v2024"), 2, "it looks like a version's id", ""),
    (("tag", "fraud", "production"), 2, "'production' is a stage of the model", ""),
    (("tag", "nobody", "1.0.0"), 3, "there is no model nobody", "modelver list"),
    (("tag", "fraud@9.9.9", "2.0.0"), 3, "fraud has no stage and no label 9.9.9", ""),
    (("tag", "fraud", "1.0.0"), 4, "fraud@1.0.0 is v20240101120000_", "a label is never moved"),
    (("tag", "fraud~2", "1.0.1"), 4, "is 1.0.0 already, and a version has one SemVer label", "nightly"),
    (("tag", "fraud~2", "--bump", "minor"), 4, "is 1.0.0 already, and a version has one SemVer label", "nightly"),
    (("tag", "--delete", "fraud@1.0.0", "x"), 2, "--delete takes MODEL@LABEL", "modelver tag --delete MODEL@LABEL"),
    (("tag", "--delete", "fraud~1"), 2, "'fraud~1' names no label", "modelver tag --delete MODEL@LABEL"),
    (("tag", "--delete", "fraud@3.0.0"), 3, "fraud has no label 3.0.0", "modelver list fraud"),
    (("promote", "fraud"), 2, "Missing argument", ""),
    (("promote", "fraud", "a b"), 2, "cannot be the name of a stage", "use a-b"),
    (("promote", "fraud", "archived"), 2, "has a meaning of its own", ""),
    (("promote", "fraud", "1.0.0"), 2, "a semantic version, which is a label", ""),
    (("promote", "nobody", "production"), 3, "there is no model nobody", "modelver list"),
    (("promote", "fraud@canary", "production"), 3, "no stage and no label canary", ""),
    (("promote", "fraud", "nightly"), 4, "nightly is a label of fraud", "choose another stage"),
    (
        ("promote", "{retired}", "staging"),
        4,
        "is archived, so it is given no stage",
        "modelver archive --undo {retired}",
    ),
    (("rollback", "fraud", "--to", "fraud~1"), 4, "is no former holder of fraud@production", "modelver promote"),
    (("rollback", "fraud", "--to", "fraud@9.9.9"), 3, "no label 9.9.9", ""),
    (("rollback", "fraud", "--to", "churn"), 2, "is a version of churn, not of fraud", ""),
    (("rollback", "fraud"), 4, "fraud@production has no former holder", "modelver log fraud"),
    (("rollback", "fraud", "prodction"), 3, "no version of fraud ever held prodction", "did you mean production?"),
    (("rollback", "churn"), 3, "no stage of churn is held", "modelver promote churn STAGE"),
    (("rollback", "nobody"), 3, "there is no model nobody", "modelver list"),
    (("demote", "fraud"), 2, "Missing argument", ""),
    (("demote", "fraud", "canary"), 3, "no version of fraud ever held canary", "modelver promote fraud canary"),
    (("demote", "nobody", "production"), 3, "there is no model nobody", "modelver list"),
    (("archive", "fraud@production"), 4, "holds production", "modelver demote fraud production"),
    (("archive", "nobody"), 3, "there is no model nobody", "modelver list"),
    (("log", "--limit", "0"), 2, "limit", ""),
    (("diff",), 2, "Missing argument", ""),
    (("diff", "fraud", "nobody"), 3, "there is no model nobody", "modelver list"),
    (("diff", "fraud", "./nothing.bin"), 2, "'./nothing.bin' is not there", "give a file"),
    (("diff", "./model.bin"), 2, "which version is './model.bin' compared with?", "modelver diff REF ./model.bin"),
    (("compare", "fraud"), 2, "compare takes two or more versions", ""),
    (("compare", "fraud", "fraud~1", "--metric", "aux"), 3, "no version has the metric 'aux'", "did you mean auc?"),
    (("log", "fraud", "--metric", "aux"), 3, "no version has the metric 'aux'", "did you mean auc?"),
    (("log", "--metric", "auc"), 2, "--metric takes a model", "modelver log MODEL --metric auc"),
    (("log", "fraud", "--format", "svg"), 2, "--format svg shows a metric", "modelver log MODEL --metric NAME"),
    (("note", "fraud"), 2, "a note has to say something", "modelver note fraud -m TEXT"),
    (("note", "fraud", "--kind", "Bad Kind", "-m", "x"), 2, "'Bad Kind' is no kind of note", "evaluation, approval"),
    (("note", "nobody", "-m", "x"), 3, "there is no model nobody", "modelver list"),
    (("note", "fraud", "--metric", "auc=high"), 2, "a metric is a finite number", ""),
    (("promote", "fraud", "x", "--metric", "auc"), 2, "--metric says in what to be better", "--if-better"),
    (("promote", "fraud", "x", "--if-better", "--min-delta", "1"), 2, "--min-delta is a difference of one metric", ""),
    (("promote", "fraud", "x", "--require", "auc >"), 2, "", ""),
    (("add", "model.bin", "-n", "fraud", "--label", "3.0.0", "--bump", "minor"), 2, "two ways to say one thing", ""),
    (("add", "model.bin", "-n", "fraud", "--metric", "auc=1", "--label", "1.0.0"), 4, "is v20240101120000_", ""),
    (("add", "model.bin", "-n", "fraud", "--metric", "auc=1", "--stage", "nightly"), 4, "is a label of fraud", ""),
]


@pytest.fixture(scope="module")
def busy(worlds: Any, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Nobody changes it: of four versions the first is 1.0.0, nightly and in production, the last is archived."""
    world = worlds.make(tmp_path_factory.mktemp("busy") / "repo", "fraud")
    with world.registry as registry:
        registry.tag("fraud~2", "1.0.0")
        registry.tag("fraud~2", "nightly")
        registry.promote("fraud~2", "production")
    world.add("a fourth")
    with world.registry as registry:
        registry.archive("fraud")
    world.add("b", "churn", "churn.bin")
    return world


@pytest.mark.parametrize(("words", "code", "message", "hint"), REFUSED, ids=[" ".join(each[0]) for each in REFUSED])
def test_what_is_refused_says_what_to_do(
    busy: World, words: tuple[str, ...], code: int, message: str, hint: str
) -> None:
    """Exit codes: 2 for wrong words, 3 for what is not there, 4 for what stands against it; nothing is written."""
    retired = ids(busy)[3]
    unseen = [".git/modelver", ".git/objects"]  # bytes of what was not registered may stay there
    before = busy.everything(but=unseen)
    error = busy.cli("--json", *(word.format(retired=retired) for word in words), code=code).error
    assert error["code"] == code
    assert message in error["message"]
    assert hint.format(retired=retired) in error["hint"]
    assert busy.everything(but=unseen) == before


# ---- what is already -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("tag", "fraud~1", "v1.0.0"), LABEL.format("1.0.0")),
        (("tag", "fraud@1.0.0", "NIGHTLY"), LABEL.format("nightly")),
        (("promote", "fraud@1.0.0", "production"), STAGE.format("production")),
        (("demote", "fraud", "staging"), STAGE.format("staging")),
        (("archive", "{first}"), "archived"),
    ],
)
def test_asking_for_what_is_changes_nothing(fraud: World, words: tuple[str, ...], path: str) -> None:
    """C2: exit 0, nothing written, the commit is the one that brought the record, and the tag is the one that tells."""
    first, second, _ = ids(fraud)
    with fraud.registry as registry:
        registry.tag(second, "1.0.0")
        registry.tag(second, "nightly")
        registry.promote(second, "production")
        registry.promote(second, "staging")
        registry.demote("fraud", "staging")
        registry.archive(first)
    fraud.commit({"other.txt": "more"})
    before = everything(fraud)
    answer = fraud.json(*(word.format(first=first) for word in words))
    assert everything(fraud) == before
    path = archived_path(first) if path == "archived" else path
    assert answer["commit"] == fraud.git("log", "-n", "1", "--format=%H", "--", path).strip() != head(fraud)
    tags = {"v1.0.0": "fraud@v1.0.0", "NIGHTLY": "fraud@nightly", "production": "fraud#production#1"}
    assert answer.get("tag") == tags.get(words[-1], "fraud#staging!#2" if words[0] == "demote" else None)
    assert answer.get("pending", False) is False
    assert answer.get("previous") is None
    assert "already" in fraud.cli(*(word.format(first=first) for word in words)).out


# ---- labels --------------------------------------------------------------------------------------------------


def test_a_label_is_found_however_it_was_typed(fraud: World) -> None:
    """I3, R1: capitals are folded and told, a `v` before SemVer is dropped; exact label, range, highest, tag's name."""
    first, second, third = ids(fraud)
    loud = fraud.cli("tag", first, "V1.2.0")
    assert "note: names are lower case: 'V1.2.0' is 1.2.0" in loud.err
    assert fraud.cli("tag", second, "1.10.0").err == ""
    fraud.cli("tag", third, "v2.0.0-RC.1")
    fraud.cli("tag", third, "vNightly")
    expected = {
        first: ["1.2.0", "v1.2.0", "V1.2.0", "~1.2", "~1.2.0", "~V1.2.X"],
        second: ["1.10.0", "V1.10.0", "^1.2", "^1", "~1", "highest", "HIGHEST", "^V1.X"],
        third: ["2.0.0-rc.1", "V2.0.0-RC.1", "^2.0.0-rc", "~2.0.0-0", "vnightly", "VNIGHTLY", "latest"],
    }
    with fraud.registry as registry:
        for version, words in expected.items():
            for word in words:
                assert registry.show(f"fraud@{word}").record.version == version, word
    assert fraud.git("ls-files", ".modelver/models/fraud/tags").split() == sorted(
        LABEL.format(label) for label in ("1.10.0", "1.2.0", "2.0.0-rc.1", "vnightly")
    )
    assert {"fraud@v1.2.0", "fraud@v1.10.0", "fraud@v2.0.0-rc.1", "fraud@vnightly"} <= set(fraud.git("tag").split())
    assert "no label in ^3" in fraud.cli("show", "fraud@^3", code=3).err


def test_ranges_and_highest_pass_an_archived_version_by(fraud: World) -> None:
    """The grammar of references: it is no range's and not the highest, but its label still finds it."""
    first, second, _ = ids(fraud)
    with fraud.registry as registry:
        registry.tag(first, "1.0.0")
        registry.tag(second, "1.1.0")
        registry.archive(second)
        for ref, version in (("@^1", first), ("@highest", first), ("~1", first), ("@1.1.0", second)):
            assert registry.show(f"fraud{ref}").record.version == version
    assert f"fraud@1.1.0 ({second})" in fraud.cli("show", "fraud@~1.1", code=3).err
    assert fraud.json("tag", "fraud", "--bump", "minor")["label"] == "1.2.0"  # counts from the highest of all


def test_references_by_stage_and_event(fraud: World) -> None:
    """The grammar of references: the holder, the one that rollback would give, and who got and lost it by a change."""
    first, second, third = ids(fraud)
    promote(fraud, first, second, third)
    found = {
        "fraud@production": third,
        "fraud@production~": second,
        "fraud@production~1": second,
        "fraud@PRODUCTION~2": first,
        "fraud#production#1": first,
        "Fraud#production#2": second,
        "fraud#production!#2": first,
        "fraud#production!#3": second,
    }
    with fraud.registry as registry:
        assert {ref: registry.show(ref).record.version for ref in found} == found
        assert registry.rollback("fraud").version == found["fraud@production~1"]
        assert registry.show("fraud@production~1").record.version == first
    for ref, message in (
        ("fraud@production~2", "production of fraud has 1 former holder"),
        ("fraud#production#5", "no change 5 gave production of fraud to a version"),
        ("fraud#production!#1", "no change 1 took production of fraud from a version"),
        ("fraud#production#0", None),
    ):
        assert (message or "counted from 1") in fraud.cli("show", ref, code=3 if message else 2).err, ref
    fraud.cli("demote", "fraud", "production")
    assert "no version of fraud holds production" in fraud.cli("show", "fraud@production", code=3).err
    with fraud.registry as registry:
        assert registry.show("fraud#production!#5").record.version == second
        assert registry.show("fraud@production~1").record.version == second


def test_a_label_is_no_stage_and_a_stage_no_label(fraud: World) -> None:
    """I3: neither may hide the other, whether the stage was ever held or is only configured."""
    fraud.cli("promote", "fraud", "canary")
    fraud.cli("demote", "fraud", "canary")
    assert "is a stage of the model" in fraud.cli("tag", "fraud", "canary", code=2).err
    fraud.cli("tag", "fraud", "beta")
    assert "is a label of fraud" in fraud.cli("promote", "fraud", "BETA", code=4).err
    configure(fraud, "stages: {beta: {}, gold: {}, canary: {}}")
    assert "is a stage of the model" in fraud.cli("tag", "fraud", "Gold", code=2).err
    assert "is a label of fraud" in fraud.cli("promote", "fraud", "beta", code=4).err


def test_one_semver_label_a_version(fraud: World) -> None:
    """I3: free labels may stand beside it, as many as one likes."""
    fraud.cli("tag", "fraud", "nightly")
    fraud.cli("tag", "fraud", "1.0.0")
    fraud.cli("tag", "fraud", "2024-01")
    assert "is 1.0.0 already" in fraud.cli("tag", "fraud", "1.0.1", code=4).err
    assert fraud.json("show", "fraud")["labels"] == ["1.0.0", "2024-01", "nightly"]


def test_bump_goes_on_from_the_highest(fraud: World) -> None:
    """`--bump`: from 0.0.0 where there is no label, from the highest of all else, also of `add`."""
    assert fraud.json("tag", "fraud~2", "--bump", "patch")["label"] == "0.0.1"
    assert fraud.json("tag", "fraud", "--bump", "major")["label"] == "1.0.0"
    assert fraud.json("tag", "fraud~1", "--bump", "minor")["label"] == "1.1.0"
    fraud.write("model.bin", "a fourth")
    assert fraud.json("add", "model.bin", "--bump", "minor")["labels"] == ["1.2.0"]
    fraud.write("model.bin", "a fifth")
    assert fraud.json("add", "model.bin", "--label", "2.0.0-rc.1")["labels"] == ["2.0.0-rc.1"]
    fraud.write("model.bin", "a sixth")
    assert fraud.json("add", "model.bin", "--bump", "patch")["labels"] == ["2.0.0"]


def test_a_label_that_is_taken_back_is_gone(fraud: World) -> None:
    """`tag --delete`: from records and tags; the number is free again, the other labels stay."""
    _, second, third = ids(fraud)
    for label in ("1.0.0", "nightly"):
        fraud.cli("tag", third, label)
    done = fraud.cli("tag", "--delete", "fraud@v1.0.0")
    assert "git push REMOTE ':refs/tags/fraud@v1.0.0'" in done.err
    assert fraud.git("ls-files", ".modelver/models/fraud/tags").split() == [LABEL.format("nightly")]
    assert not (fraud / LABEL.format("1.0.0")).exists()
    assert "fraud@v1.0.0" not in fraud.git("tag").split()
    assert "fraud@nightly" in fraud.git("tag").split()
    assert "no label 1.0.0" in fraud.cli("tag", "--delete", "fraud@1.0.0", code=3).err
    fraud.assert_sound()
    assert fraud.json("verify")["problems"] == []
    assert fraud.json("tag", second, "1.0.0")["tag"] == "fraud@v1.0.0"
    assert at(fraud, "fraud@v1.0.0") == at(fraud, second)


def test_a_label_that_others_have_is_not_taken_back(fraud: World, tmp_path: Path) -> None:
    """`tag --delete`: refused once any remote-tracking branch holds its record."""
    fraud.cli("tag", "fraud~1", "nightly")
    fraud.git("clone", "-q", "--bare", fraud.top, tmp_path / "bare.git")
    fraud.git("remote", "add", "elsewhere", tmp_path / "bare.git")
    fraud.git("fetch", "-q", "elsewhere")
    fraud.cli("tag", "fraud", "1.0.0")
    fraud.cli("tag", "--delete", "fraud@1.0.0")
    before = everything(fraud)
    done = fraud.cli("tag", "--delete", "fraud@nightly", code=4)
    assert "nightly is on elsewhere/main already, so others may rely on it" in done.err
    assert everything(fraud) == before


def test_a_label_taken_back_on_a_branch_stays_announced(fraud: World) -> None:
    """B3: the tag is that of the registry's branch as long as the record stands there; what is only here goes."""
    fraud.cli("tag", "fraud", "1.0.0")
    fraud.git("checkout", "-q", "-b", "work")
    fraud.cli("tag", "fraud~1", "nightly")
    fraud.cli("tag", "--delete", "fraud@nightly")
    done = fraud.cli("tag", "--delete", "fraud@1.0.0")
    assert "git push" not in done.err
    assert "fraud@v1.0.0" in fraud.git("tag").split()
    assert fraud.json("list", "fraud")["versions"][0]["labels"] == []
    fraud.git("checkout", "-q", "main")
    verified = fraud.json("verify")
    assert (verified["problems"], verified["missing_tags"]) == ([], [])


# ---- add --label --stage -------------------------------------------------------------------------------------


def test_add_with_label_and_stage_is_one_commit_of_three_events(fraud: World) -> None:
    """C2: one commit, three events, three tags at it, and trailers that name them."""
    before = head(fraud)
    fraud.write("model.bin", "a fourth")
    answer = fraud.json("add", "model.bin", "--bump", "minor", "--stage", "Staging", "-m", "all at once")
    assert (answer["labels"], answer["stages"], answer["pending"]) == (["0.1.0"], ["staging"], False)
    assert answer["commit"] == head(fraud)
    assert fraud.git("rev-parse", "HEAD~1").strip() == before
    for tag in (answer["version"], "fraud@v0.1.0", "fraud#staging#1"):
        assert at(fraud, tag) == answer["commit"]
    told = fraud.json("log", "--limit", "3")["events"]
    assert [event["op"] for event in told] == ["promote", "tag", "add"]
    assert {(event["commit"], event["version"], event["message"]) for event in told} == {
        (answer["commit"], answer["version"], "all at once")
    }
    body = fraud.git("log", "-n", "1", "--format=%B").splitlines()
    assert [line for line in body if line.startswith("Modelver-Op: ")] == [
        "Modelver-Op: add",
        "Modelver-Op: tag",
        "Modelver-Op: promote",
    ]
    fraud.assert_sound()


def test_add_of_what_is_there_labels_and_promotes_it(fraud: World) -> None:
    """C2: nothing is registered, label and stage go to the newest version; once more, and nothing is written at all."""
    third = ids(fraud)[2]
    words = ("add", "model.bin", "--metric", "auc=0.83", "--label", "1.0.0", "--stage", "production")
    answer = fraud.json(*words)
    assert (answer["version"], answer["created"]) == (third, False)
    assert (answer["labels"], answer["stages"], answer["pending"]) == (["1.0.0"], ["production"], False)
    assert answer["commit"] == at(fraud, third) == at(fraud, "fraud@v1.0.0") == at(fraud, "fraud#production#1")
    assert ids(fraud)[2:] == [third]
    assert [event["op"] for event in fraud.json("log", "--limit", "2")["events"]] == ["promote", "tag"]
    before = everything(fraud)
    assert fraud.json(*words) == answer
    assert everything(fraud) == before


# ---- tags ----------------------------------------------------------------------------------------------------


def raw(world: World, tag: str) -> str:
    """An annotated tag as Git keeps it."""
    assert world.git("cat-file", "-t", f"refs/tags/{tag}").strip() == "tag"
    return world.git("cat-file", "tag", f"refs/tags/{tag}")


def second_of(date: str) -> int:
    return int(datetime.fromisoformat(date).timestamp())


def test_tags_are_made_from_the_record_alone(fraud: World) -> None:
    """I4: annotated, at the version's commit, tagger and date of the record at +0000, name and message."""
    first, second, _ = ids(fraud)
    fraud.git("config", "user.name", "Ada")
    words = {"TZ": "Asia/Tokyo"}
    fraud.cli("tag", first, "1.0.0", "-m", "the first\nrelease", env=words)
    fraud.cli("promote", first, "production", "-m", "why not", env=words)
    fraud.cli("promote", second, "production", env=words)
    fraud.cli("demote", "fraud", "production", "-m", "off", env=words)
    log = {(event["op"], event["version"]): second_of(event["date"]) for event in fraud.json("log")["events"]}
    up, over, off = log["promote", first], log["promote", second], log["demote", second]
    for tag, version, date, message in (
        ("fraud@v1.0.0", first, log["tag", first], "\n\nthe first\nrelease"),
        ("fraud#production#1", first, up, "\n\nwhy not"),
        ("fraud#production!#2", first, over - 1, ""),
        ("fraud#production#2", second, over, ""),
        ("fraud#production!#3", second, off, "\n\noff"),
    ):
        assert raw(fraud, tag) == (
            f"object {at(fraud, version)}\ntype commit\ntag {tag}\n"
            f"tagger Ada <user@example.org> {date} +0000\n\n{tag}{message}\n"
        )
    assert up < over - 1 < over < off


@pytest.mark.parametrize(
    ("labels", "promotions", "ref"), [("off", "off", None), ("ref", "tag", "refs/modelver/fraud@v1.0.0")]
)
def test_where_tags_of_labels_and_promotions_go(fraud: World, labels: str, promotions: str, ref: str | None) -> None:
    """I4: `off` makes none and waits for none, `ref` makes it where a plain fetch does not look."""
    configure(fraud, f"tags: {{labels: {labels}, promotions: {promotions}}}")
    third = ids(fraud)[2]
    labelled = fraud.json("tag", "fraud", "1.0.0")
    assert (labelled["tag"], labelled["pending"]) == ("fraud@v1.0.0" if ref else None, False)
    assert fraud.json("tag", "fraud", "1.0.0") == labelled
    promoted = fraud.json("promote", "fraud", "production")
    name = "fraud#production#1" if promotions == "tag" else None
    assert (promoted["tag"], promoted["pending"]) == (name, False)
    assert fraud.json("promote", "fraud", "production")["tag"] == name
    refs = {ref} - {None} | ({"refs/tags/fraud#production#1"} if name else set())
    here = set(fraud.git("for-each-ref", "--format=%(refname)", "refs/tags/fraud*", "refs/modelver").split())
    assert here == refs
    for each in refs:
        assert fraud.git("rev-parse", f"{each}^{{commit}}").strip() == at(fraud, third)
    verified = fraud.json("verify")
    assert (verified["problems"], verified["missing_tags"]) == ([], [])
    fraud.cli("tag", "--delete", "fraud@1.0.0")
    assert "fraud@v1.0.0" not in fraud.git("for-each-ref")


def test_a_ref_in_the_way_is_named(fraud: World) -> None:
    """I4: a tag by hand, on another commit, is exit 4; nothing is written."""
    fraud.git("tag", "fraud#production#1", "HEAD~1")
    unseen = [".git/modelver", ".git/objects"]
    before = fraud.everything(but=unseen)
    assert "fraud#production#1" in fraud.cli("promote", "fraud", "production", code=4).err
    assert fraud.everything(but=unseen) == before


# ---- stages --------------------------------------------------------------------------------------------------


def test_stages_that_the_team_configured(fraud: World) -> None:
    """Configuration: only those, in their order, patterns too; the error names the stage that comes before."""
    configure(fraud, "stages: {staging: {}, production: {from: staging}, 'production-*': {from: production}}")
    first, second, third = ids(fraud)
    done = fraud.cli("promote", "fraud", "production", code=4)
    assert f"production comes after staging, and {third} has not been there" in done.err
    assert f"hint: modelver promote {third} staging" in done.err
    assert "hint: stages: staging, production, production-*" in fraud.cli("promote", "fraud", "canary", code=2).err
    promote(fraud, third, second, stage="staging")
    promote(fraud, third)
    assert "comes after production" in fraud.cli("promote", second, "production-eu", code=4).err
    assert fraud.json("promote", third, "Production-EU")["stage"] == "production-eu"
    assert "comes after staging" in fraud.cli("promote", first, "production", code=4).err
    fraud.write("model.bin", "a fourth")
    before = head(fraud)
    assert "has not been there" in fraud.cli("add", "model.bin", "--stage", "production", code=4).err
    assert head(fraud) == before
    fraud.cli("demote", "fraud", "staging")
    assert fraud.json("show", "fraud")["stages"] == ["production", "production-eu"]


def test_the_models_own_stages_rank_before_the_teams(fraud: World) -> None:
    """Configuration: `stages` of the model's card, as a whole."""
    configure(fraud, "stages: {staging: {}, production: {from: staging}}")
    fraud.commit({".modelver/models/fraud/model.yaml": "format: 1\nstages: {gold: {}, production: {}}\n"})
    fraud.cli("promote", "fraud", "production")
    assert "stages: gold, production" in fraud.cli("promote", "fraud", "staging", code=2).err


def test_rollback_without_a_stage(fraud: World) -> None:
    """C1: the only stage held; with several, exit 2 and a line for each; one held by nobody does not count."""
    first, second, third = ids(fraud)
    promote(fraud, first, stage="staging")
    promote(fraud, first, second)
    done = fraud.cli("rollback", "fraud", code=2)
    assert "fraud holds several stages: production, staging" in done.err
    assert "hint: modelver rollback fraud production\nhint: modelver rollback fraud staging\n" in done.err
    fraud.cli("demote", "fraud", "staging")
    assert fraud.json("rollback", "fraud")["version"] == first
    fraud.cli("promote", third, "production")
    assert fraud.json("rollback", "fraud", "--to", first)["version"] == first


def test_a_second_rollback_goes_further_back(fraud: World) -> None:
    """C1: never forth; the third finds nobody, and the holder stays."""
    first, second, third = ids(fraud)
    promote(fraud, first, second, third)
    assert [fraud.json("rollback", "fraud")["version"] for _ in range(2)] == [second, first]
    assert "has no former holder" in fraud.cli("rollback", "fraud", code=4).err
    assert fraud.json("show", "fraud@production")["version"] == first
    assert "is no former holder" in fraud.cli("rollback", "fraud", "--to", third, code=4).err


def test_the_first_in_production_can_go(fraud: World) -> None:
    """C1, S2: with nobody before it: demoted, then archived; then it comes back by neither rollback nor promote."""
    first = ids(fraud)[0]
    fraud.cli("promote", first, "production")
    assert "hint: modelver demote fraud production\n" in fraud.cli("archive", first, code=4).err
    assert fraud.json("demote", "fraud", "production")["previous"] == first
    assert fraud.json("archive", first)["state"] == "archived"
    for words in (("rollback", "fraud", "production"), ("promote", first, "production")):
        assert f"hint: modelver archive --undo {first}\n" in fraud.cli(*words, code=4).err
    fraud.cli("archive", "--undo", first)
    assert fraud.json("rollback", "fraud", "production")["version"] == first


def test_what_a_branch_took_back_displaced_nobody(fraud: World) -> None:
    """I4, B3: the holder never left, so no tag says so once the branch is merged."""
    second, third = ids(fraud)[1:]
    promote(fraud, second)
    fraud.git("checkout", "-q", "-b", "work")
    promote(fraud, third)
    fraud.cli("rollback", "fraud", "production", "--to", second)
    fraud.git("checkout", "-q", "main")
    fraud.git("merge", "-q", "work")
    assert fraud.json("verify")["missing_tags"] == ["fraud#production#3"]
    assert "no change 3 took production" in fraud.cli("show", "fraud#production!#3", code=3).err


def test_a_held_stage_wins_over_archived(fraud: World) -> None:
    """S2: archived on one branch, promoted on the other: a clean merge, which `verify` names until it is mended."""
    third = ids(fraud)[2]
    fraud.git("checkout", "-q", "-b", "work")
    fraud.cli("archive", third)
    fraud.git("checkout", "-q", "main")
    fraud.cli("promote", third, "production")
    fraud.git("merge", "-q", "--no-edit", "work")
    assert [each["kind"] for each in fraud.json("verify", code=1)["problems"]] == ["archive"]
    assert fraud.json("show", "fraud")["state"] == "staged"
    assert fraud.json("archive", "--undo", third)["state"] == "staged"
    assert fraud.json("verify")["problems"] == []


# ---- elsewhere -----------------------------------------------------------------------------------------------


def test_a_shallow_clone_knows_stages_and_their_past(fraud: World, tmp_path: Path) -> None:
    """C1: stages, ~1, log and rollback need no Git history; commits that are not here are null."""
    first, second, third = ids(fraud)
    promote(fraud, first, second, third)
    fraud.cli("tag", second, "1.0.0")
    told = fraud.json("log")["events"]
    fraud.git("clone", "-q", "--depth", "1", f"file://{fraud.top}", tmp_path / "shallow")
    clone = World(tmp_path / "shallow")
    assert clone.json("list")["models"][0]["stages"] == {"production": third}
    assert clone.json("show", "fraud@production~1")["version"] == second
    assert clone.json("show", "fraud#production!#2")["version"] == first
    events = clone.json("log")["events"]
    assert events == [event | {"commit": None} for event in told]
    done = clone.cli("rollback", "fraud", "-m", "from afar")
    assert (
        f"fraud#production#4 is not announced, because the tag of {second} is not here; `git fetch --tags`" in done.err
    )
    again = clone.json("promote", second, "production")
    assert (again["number"], again["tag"], again["pending"]) == (4, None, True)
    newest, *others = clone.json("log")["events"]
    assert (newest["op"], newest["message"], newest["commit"]) == ("rollback", "from afar", head(clone))
    assert others == events
    clone.git("fetch", "-q", "--tags")
    done = clone.json("rollback", "fraud")
    assert (done["version"], done["tag"]) == (first, "fraud#production#5")
    assert clone.json("verify")["problems"] == []


def test_a_version_that_only_its_tag_knows_is_not_pointed_at(fraud: World) -> None:
    """S2, B4: found by its id, but no label, stage or archive record of this branch may name it."""
    fraud.cli("promote", "fraud", "production")
    fraud.git("checkout", "-q", "-b", "work")
    version = fraud.add("elsewhere").version
    fraud.cli("promote", version, "production")
    fraud.git("checkout", "-q", "main")
    assert fraud.json("show", version)["version"] == version
    before = everything(fraud)
    for words in (
        ("tag", version, "1.0.0"),
        ("promote", version, "staging"),
        ("archive", version),
        ("rollback", "fraud", "--to", version),
    ):
        assert f"hint: git merge {version} " in fraud.cli(*words, code=4).err, words
    assert everything(fraud) == before
    fraud.git("merge", "-q", version)
    assert fraud.json("tag", version, "1.0.0")["tag"] == "fraud@v1.0.0"


def test_what_a_person_added_by_hand_counts(fraud: World) -> None:
    """Read as any record: a stage and a label that no command wrote go on from there."""
    first, second, third = ids(fraud)
    byhand.stage(fraud, "production", ("promote", second), ("promote", first))
    byhand.label(fraud, "1.0.0", first)
    answer = fraud.json("promote", third, "production")
    assert (answer["previous"], answer["number"], answer["tag"]) == (second, 3, "fraud#production#3")
    assert fraud.json("tag", third, "--bump", "patch")["label"] == "1.0.1"
    assert fraud.json("verify")["missing_tags"] == [
        "fraud@v1.0.0",
        "fraud#production!#2",
        "fraud#production#2",
        "fraud#production#1",
    ]
