"""`--at REV|DATE`: the registry as it was (rules B4 and L1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from worlds import World, Worlds, sha256

import modelver
from modelver.cli.app import COMMANDS
from modelver.errors import NotFound, UsageError

HOUR = "12:00:00Z"
"""When in a day each thing happened."""


def at(world: World, date: str, *words: str) -> Any:
    """A command's answer; its commit was made at noon of a day."""
    moment = f"{date}T{HOUR}"
    return world.cli("--json", *words, env={"GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment}).json


class Past:
    """A registry with a history: by day of 2024, what is true since then."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.git("commit", "-q", "--amend", "--no-edit", "--date=2024-01-01T12:00:00Z")
        at(world, "2024-01-10", "init")
        world.write("model.bin", "first")
        self.first = at(world, "2024-02-01", "add", "model.bin", "-n", "fraud", "--metric", "auc=0.5")["version"]
        at(world, "2024-02-10", "tag", "fraud", "1.0.0")
        self.promoted = at(world, "2024-03-01", "promote", "fraud", "production")["commit"]
        world.write("model.bin", "second")
        self.second = at(world, "2024-04-01", "add", "model.bin", "-n", "fraud", "--metric", "auc=0.9")["version"]
        self.displaced = at(world, "2024-05-01", "promote", "fraud", "production")["commit"]
        at(world, "2024-06-01", "archive", self.first)


@pytest.fixture(scope="module")
def past(worlds: Worlds, tmp_path_factory: pytest.TempPathFactory) -> Past:
    """Nobody changes it."""
    return Past(worlds.make(tmp_path_factory.mktemp("past") / "repo", "plain"))


def holder(world: World, moment: str) -> str | None:
    """Who held production at a moment, by the API."""
    with modelver.Registry(world.top, at=moment) as registry:
        models = registry.models().models
        return models[0].stages.get("production") if models else None


# ---- what names a moment -------------------------------------------------------------------------------------


def test_a_revision_of_any_kind(past: Past) -> None:
    """B4: a commit, a branch, a tag of Git or of ours, steps back."""
    git, first, second = past.world.git, past.first, past.second
    git("tag", "-f", "release", past.promoted)
    found = {
        "HEAD": second,
        "main": second,
        "HEAD~1": second,
        "HEAD~2": first,
        past.promoted: first,
        past.promoted[:10]: first,
        "release": first,
        past.displaced: second,
        f"{past.displaced}~1": first,
        second: first,  # the version's tag: at that commit its forerunner held the stage
        first: None,
        "fraud@v1.0.0": None,
        "fraud#production#2": first,
    }
    assert {moment: holder(past.world, moment) for moment in found} == found


def test_a_date_in_every_form(past: Past) -> None:
    """B4: ISO 8601, UTC where no zone is named; the commit of that very second counts."""
    first, second = past.first, past.second
    found = {
        "2024-02-20": None,
        "2024-03-01": None,
        "2024-03-01T11:59:59": None,
        "2024-03-01T12:00": first,
        "2024-03-01T12:00:00Z": first,
        "2024-03-01 12:00": first,
        "20240301T120000Z": first,
        "2024-03-01T13:00:00+01:00": first,
        "2024-03-01T12:59:59+01:00": None,
        "2024-03-01T07:00-05:00": first,
        "2024-03-01T06:59:59.999-05:00": None,
        "2024-04-30": first,
        "2024-05-01": first,
        "2024-05-02": second,
        "2099-12-31": second,
    }
    assert {moment: holder(past.world, moment) for moment in found} == found


def test_a_revision_is_tried_before_a_date(past: Past) -> None:
    """B4: a branch may be called like a day."""
    past.world.git("branch", "-f", "2024-03-02", "HEAD")
    assert holder(past.world, "2024-03-02") == past.second
    past.world.git("branch", "-D", "2024-03-02")
    assert holder(past.world, "2024-03-02") == past.first


@pytest.mark.parametrize(
    "moment",
    ["yesterday", "nobody", "2024-13-01", "2024-02-30", "", "HEAD~99", "-1", "--all", "2024-03-01T25:00", "a\nb"],
)
def test_what_is_neither(past: Past, moment: str) -> None:
    """B4: exit 2, with examples of both."""
    with pytest.raises(UsageError, match="is neither a revision nor a date") as caught:
        holder(past.world, moment)
    assert caught.value.hints == ["--at HEAD~3, --at v1.0.0, --at 2024-01-31"]


def test_what_is_neither_is_2(past: Past) -> None:
    """B4: on the command line, too."""
    error = past.world.cli("--json", "list", "--at", "last week", code=2).error
    assert "'last week' is neither a revision nor a date" in error["message"]


def test_before_the_beginning(past: Past) -> None:
    """B4: exit 3 where no commit is so old, and where one is but no registry was started."""
    assert "there is no commit before '2019-01-01'" in past.world.cli("list", "--at", "2019-01-01", code=3).err
    done = past.world.cli("list", "--at", "main~7", code=3)
    assert "this repository has no registry at main~7" in done.err
    assert "hint: choose a later moment with --at" in done.err
    assert "no model fraud" in past.world.cli("show", "fraud", "--at", "2024-01-15", code=3).err


@pytest.mark.parametrize("moment", ["1971-01-01", "1969-07-20", "0001-01-01"])
def test_long_before_the_beginning(past: Past, moment: str) -> None:
    """B4: no date is too old to be understood."""
    with pytest.raises(NotFound):
        holder(past.world, moment)


# ---- every command that reads ---------------------------------------------------------------------------------


def test_every_command_that_reads(past: Past, tmp_path: Path) -> None:
    """B4, L1: each answers by the records of that moment."""
    world, then = past.world, "2024-04-15"
    listed = world.json("list", "fraud", "--at", then)["versions"]
    assert [(line["version"], line["state"]) for line in listed] == [
        (past.second, "development"),
        (past.first, "staged"),
    ]
    assert world.json("list", "--at", then)["models"][0]["stages"] == {"production": past.first}
    assert world.json("show", "fraud@production", "--at", then)["stages"] == ["production"]
    log = world.json("log", "--at", then)
    assert log["total"] == 4
    assert sorted(event["op"] for event in log["events"]) == ["add", "add", "promote", "tag"]
    assert [event["commit"] for event in log["events"] if event["op"] == "promote"] == [past.promoted]
    answer = world.json("diff", "fraud", "--at", then)
    assert (answer["a"], answer["b"], answer["recommendation"]) == (past.first, past.second, "RECOMMEND_B")
    ranks = world.json("compare", "fraud", "fraud~1", "--at", then)["ranks"]
    assert [(each["rank"], each["version"]) for each in ranks] == [(1, past.second), (2, past.first)]
    assert world.json("lineage", "fraud@production", "--at", then)["node"] == past.first
    assert world.json("identify", sha256("second"), "--at", then)["stages"] == []
    assert world.cli("cat", "fraud@production", "--at", then).bytes == b"first"
    assert Path(world.cli("path", "fraud@production", "--at", then).out.strip()).read_bytes() == b"first"
    output = tmp_path / "then.bin"
    assert world.json("checkout", "fraud@production", "-o", output, "--at", then)["version"] == past.first
    assert output.read_bytes() == b"first"
    assert world.json("verify", "--at", "2024-02-05")["checked"]["versions"] == 1
    assert world.json("verify", "--at", then)["problems"] == []
    status = world.json("status", "--at", "2024-02-05")["artifacts"]
    assert [(line["version"], line["state"]) for line in status] == [(past.first, "modified")]


def test_every_reading_command_was_tried() -> None:
    """B4: the test above names each command that reads, and what writes has no --at."""
    assert {name for name, home in COMMANDS.items() if home.reads} == {
        *("list", "show", "log", "diff", "compare", "lineage", "status", "identify"),
        *("checkout", "cat", "path", "verify"),
    }


@pytest.mark.parametrize(
    "words",
    [
        ("init",),
        ("add", "model.bin"),
        ("tag", "fraud", "3.0.0"),
        ("promote", "fraud", "canary"),
        ("rollback", "fraud"),
        ("demote", "fraud", "production"),
        ("archive", "fraud"),
    ],
)
def test_what_writes_has_no_such_option(past: Past, words: tuple[str, ...]) -> None:
    """B4: nobody writes into the past."""
    before = past.world.git("for-each-ref")
    assert "No such option: --at" in past.world.cli(*words, "--at", "HEAD", code=2).err
    assert past.world.git("for-each-ref") == before


def test_an_id_is_found_at_any_moment(past: Past) -> None:
    """L1: an exact id looks at the tags, too; what stands beside it is told as it was."""
    shown = past.world.json("show", past.second, "--at", "2024-02-05")
    assert (shown["version"], shown["stages"], shown["state"]) == (past.second, [], "development")
    shown = past.world.json("show", past.first, "--at", "2024-02-05")
    assert (shown["labels"], shown["stages"]) == ([], [])


# ---- branches and clones -------------------------------------------------------------------------------------


def test_a_date_means_the_registrys_branch(past: Past, tmp_path: Path) -> None:
    """B4: whatever is checked out, and along the first parents alone."""
    past.world.git("clone", "-q", past.world.top, tmp_path / "clone")
    clone = World(tmp_path / "clone")
    clone.git("checkout", "-q", "-b", "work", f"{past.promoted}~1")
    at(clone, "2024-05-10", "promote", "fraud", "staging")
    for moment, version in (("2024-04-15", past.first), ("2024-05-12", past.second)):
        with modelver.Registry(clone.top, at=moment) as registry:
            assert registry.models().models[0].stages == {"production": version}
    clone.git("checkout", "-q", "main")
    clone.git("merge", "-q", "--no-edit", "work")
    with modelver.Registry(clone.top, at="2024-05-15") as registry:
        assert registry.models().models[0].stages == {"production": past.second}
    with modelver.Registry(clone.top) as registry:
        assert registry.models().models[0].stages == {"production": past.second, "staging": past.first}


def test_a_shallow_clone_reaches_as_far_as_it_goes(past: Past, tmp_path: Path) -> None:
    """B4: behind its boundary there is nothing, and the hint is to fetch it."""
    past.world.git("clone", "-q", "--depth", "2", f"file://{past.world.top}", tmp_path / "shallow")
    clone = World(tmp_path / "shallow")
    assert holder(clone, "2024-05-15") == past.second
    assert holder(clone, "HEAD~1") == past.second
    done = clone.cli("show", "fraud@production", "--at", "2024-04-15", code=3)
    assert "there is no commit before '2024-04-15'" in done.err
    assert "hint: git fetch --unshallow" in done.err
    clone.git("fetch", "-q", "--unshallow")
    assert holder(clone, "2024-04-15") == past.first
