"""Many writers, many branches, many clones: ids stay unique and ordered, all see the same (rules I2, S2, B2, B4)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from worlds import World, environment

from modelver.operations.add import Request, add
from modelver.operations.results import Added
from modelver.operations.workspace import Workspace

# ---- many processes ------------------------------------------------------------------------------------------

WRITER = """
import pathlib, sys
from modelver.cli.run import run
process, count = sys.argv[1], int(sys.argv[2])
for number in range(count):
    path = pathlib.Path(f"{process}.bin")
    path.write_text(f"{process} {number}")
    code = run(["add", str(path), "-n", f"model{int(process) % 2}", "-q"])
    if code:
        sys.exit(code)
"""
"""Runs whole command lines one after the other: 200 starts of the interpreter would take a minute."""


def test_eight_processes_add_200_versions_to_one_clone(world: World) -> None:
    """W2, I2: 8 x 25 `add`s at once give 200 versions, 200 tags and one line of commits; no error, no id twice."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(process), "25"],
            cwd=world.top,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for process in range(8)
    ]
    printed: list[str] = []
    for process in running:
        out, err = process.communicate(timeout=300)
        assert (process.returncode, err) == (0, "")
        printed += out.split()
    assert len(set(printed)) == 200
    listed = {model: world.json("list", model)["versions"] for model in ("model0", "model1")}
    assert [len(lines) for lines in listed.values()] == [100, 100]
    ids = [line["version"] for lines in listed.values() for line in lines]
    assert sorted(ids) == sorted(printed)
    assert sorted(world.git("tag", "--list").split()) == sorted(ids)
    assert world.git("rev-list", "--count", "HEAD") == "202\n"
    assert world.git("rev-list", "--count", "--min-parents=2", "HEAD") == "0\n"
    for model in listed:
        subjects = world.git("log", "--format=%s", f"--grep=^modelver: add {model} ").splitlines()
        newest_first = [subject.split()[-1] for subject in subjects]
        assert newest_first == sorted(newest_first, reverse=True)
    assert world.git("status", "--porcelain") == ""
    world.cli("verify", "--objects")
    world.assert_sound()


# ---- many branches -------------------------------------------------------------------------------------------


def clone(world: World, top: Path, *options: str) -> World:
    """A clone of a world, with a name of its own for whoever works there."""
    world.git("clone", "-q", *options, f"file://{world.top}", top)
    return World(top)


def test_twenty_branches_of_two_clones_merge_without_conflict(fraud: World, tmp_path: Path) -> None:
    """S2: versions added on twenty branches of two clones merge one after the other, none of them with a conflict."""
    branches = []
    for number, other in enumerate([clone(fraud, tmp_path / "one"), clone(fraud, tmp_path / "two")]):
        other._minutes = 100 * (number + 1)
        for count in range(10):
            branch = f"branch-{number}-{count}"
            other.git("checkout", "-q", "-b", branch, "origin/main")
            other.add(f"{number} {count}", metrics={"auc": count / 10})
            other.add(f"{number} {count}", f"only/{branch}", f"{branch}.bin")
            branches.append(branch)
        other.git("push", "-q", "--tags", "origin", "refs/heads/branch-*")
    for branch in branches:
        fraud.git("merge", "-q", "--no-edit", branch)
    assert len(fraud.json("list", "fraud")["versions"]) == 23
    assert len(fraud.json("list")["models"]) == 21
    verified = fraud.json("verify")
    assert (verified["problems"], verified["missing_tags"], verified["checked"]["tags"]) == ([], [], 43)
    assert verified["absent"] == 40


def test_two_branches_that_add_at_once_merge(make: Callable[..., World], tmp_path: Path) -> None:
    """S2, B2: two clones that each add on the common branch merge, and `pull` brings the other's tag along."""
    origin = make("fraud", "origin")
    origin.git("config", "receive.denyCurrentBranch", "updateInstead")
    here, there = clone(origin, tmp_path / "here"), clone(origin, tmp_path / "there")
    here.write("model.bin", "from here")
    mine = here.json("add", "model.bin", "-n", "fraud")
    there.write("model.bin", "from there")
    theirs = there.json("add", "model.bin", "-n", "fraud")
    there.git("push", "-q", "--follow-tags")
    here.git("pull", "-q", "--no-rebase", "--no-edit")
    versions = [line["version"] for line in here.json("list", "fraud")["versions"]]
    assert set(versions[:2]) == {mine["version"], theirs["version"]}
    here.cli("verify")
    assert here.json("show", theirs["version"])["commit"] == theirs["commit"]


# ---- history that people rewrite -----------------------------------------------------------------------------


def answers(world: World) -> tuple[Any, ...]:
    """What `list` and `show` say of all versions, but for the commit and whether bytes are on this machine."""
    with world.registry as registry:
        lines = registry.versions("fraud").versions
        shown = [registry.show(line.version).document() for line in lines]
    for each in shown:
        del each["commit"], each["present"]
    return lines, shown


def content(world: World, *, missing: int = 0) -> None:
    """`list` and `show` of the program work, and `verify` finds no problem; some tags may not be here."""
    listed = world.json("list", "fraud")["versions"]
    assert world.json("show", "fraud")["version"] == listed[0]["version"]
    verified = world.json("verify")
    assert (verified["problems"], len(verified["missing_tags"])) == ([], missing)


@pytest.fixture
def side(fraud: World) -> World:
    """Three versions on `main` and two more on the branch `side`, which is checked out."""
    fraud.git("checkout", "-q", "-b", "side")
    fraud.add("side 1", metrics={"auc": 0.9})
    fraud.add("side 2", message="two\nlines")
    return fraud


def _amend(world: World) -> None:
    world.git("commit", "-q", "--amend", "-m", "my own words")


def _squash(world: World) -> None:
    world.git("checkout", "-q", "main")
    world.git("merge", "-q", "--squash", "side")
    world.git("commit", "-q", "-m", "squashed")


def _squash_and_delete(world: World) -> None:
    _squash(world)
    world.git("branch", "-q", "-D", "side")
    world.git("reflog", "expire", "--expire=now", "--all")
    world.git("gc", "-q", "--prune=now")


def _cherry_pick(world: World) -> None:
    world.git("checkout", "-q", "main")
    world.commit({"README.md": "meanwhile\n"})
    world.git("cherry-pick", "main..side")


def _rebase(world: World) -> None:
    world.git("checkout", "-q", "main")
    world.commit({"README.md": "meanwhile\n"})
    world.git("checkout", "-q", "side")
    world.git("rebase", "-q", "main")


def _merge(world: World) -> None:
    world.git("checkout", "-q", "main")
    world.git("merge", "-q", "--no-ff", "--no-edit", "side")


@pytest.mark.parametrize("rewrite", [_amend, _squash, _squash_and_delete, _cherry_pick, _rebase, _merge])
def test_rewritten_history_answers_the_same(side: World, rewrite: Callable[[World], None]) -> None:
    """B2: after it `list` and `show` answer as before, `verify` is content, and a version's commit is its tag's."""
    before = answers(side)
    commits = {line.version: side.registry.show(line.version).commit for line in before[0]}
    rewrite(side)
    assert answers(side) == before
    content(side)
    assert {version: side.registry.show(version).commit for version in commits} == commits


def test_pull_with_rebase_answers_the_same(make: Callable[..., World], tmp_path: Path) -> None:
    """B2: after `git pull --rebase` onto another's version both are there, and each tag still names its record."""
    origin = make("fraud", "origin")
    here = clone(origin, tmp_path / "here")
    mine = here.add("from here", time=datetime(2024, 1, 2, tzinfo=UTC))
    theirs = origin.add("from there", time=datetime(2024, 1, 3, tzinfo=UTC))
    here.git("pull", "-q", "--rebase")
    assert [line["version"] for line in here.json("list", "fraud")["versions"]][:2] == [theirs.version, mine.version]
    assert here.json("show", mine.version)["commit"] == mine.commit
    assert here.git("merge-base", "--is-ancestor", str(mine.commit), "HEAD", code=1) == ""
    content(here)


@pytest.mark.parametrize(
    ("options", "missing"),
    [(["--depth", "1"], 2), (["--single-branch", "--no-tags"], 3), (["--filter=blob:none"], 0), (["--no-tags"], 3)],
    ids=["depth", "single-branch", "partial", "no-tags"],
)
def test_clones_answer_the_same(fraud: World, tmp_path: Path, options: list[str], missing: int) -> None:
    """B4: a shallow, partial or single-branch clone answers as the origin does; a missing tag is no problem."""
    fraud.git("config", "uploadpack.allowFilter", "true")
    other = clone(fraud, tmp_path / "clone", *options)
    assert answers(other) == answers(fraud)
    content(other, missing=missing)
    assert other.json("verify")["absent"] == 3


def test_the_commit_of_a_version_without_its_tag(fraud: World, tmp_path: Path) -> None:
    """B4: without the tag it is the first-parent commit that brought the record."""
    versions = [line["version"] for line in fraud.json("list", "fraud")["versions"]]
    commits = {version: fraud.registry.show(version).commit for version in versions}
    bare = clone(fraud, tmp_path / "tagless", "--no-tags")
    assert {version: bare.registry.show(version).commit for version in versions} == commits
    assert all(commits.values())


def test_the_commit_of_a_version_behind_a_shallow_boundary(fraud: World, tmp_path: Path) -> None:
    """B4: where history does not reach the commit that brought a record, and its tag is not here, it is null."""
    newest = fraud.json("show", "fraud")
    shallow = clone(fraud, tmp_path / "shallow", "--depth", "2", "--no-tags")
    assert shallow.json("show", "fraud")["commit"] == newest["commit"]
    assert shallow.json("show", "fraud~2")["commit"] is None


def test_a_version_that_was_never_merged_is_found_by_its_id(side: World) -> None:
    """B4, L1: its exact id works through its tag, and `list --all` has it, also when its branch is gone."""
    newest = side.json("show", "fraud")
    side.git("checkout", "-q", "main")
    side.git("branch", "-q", "-D", "side")
    assert side.json("list", "fraud")["versions"][0]["version"] != newest["version"]
    every = side.json("list", "fraud", "--all")["versions"]
    assert [(line["version"], line["merged"]) for line in every[:3]] == [
        (newest["version"], False),
        (every[1]["version"], False),
        (every[2]["version"], True),
    ]
    assert side.json("show", newest["version"]) == newest
    assert side.cli("cat", newest["version"]).out == "side 2"
    assert side.json("verify")["problems"] == []


def test_not_found_in_a_clone_without_tags_says_how_to_get_them(side: World, tmp_path: Path) -> None:
    """B4: what only a tag could tell is exit 3 with `git fetch --tags`, and after that it is found."""
    version = side.json("show", "fraud")["version"]
    side.git("checkout", "-q", "main")
    other = clone(side, tmp_path / "clone", "--single-branch", "--no-tags")
    assert "hint: git fetch --tags" in other.cli("show", version, code=3).err
    other.git("fetch", "-q", "--tags")
    assert other.json("show", version)["version"] == version


# ---- clocks --------------------------------------------------------------------------------------------------

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


def add_at(world: World, now: datetime, path: str = "model.bin", model: str = "fraud", **more: Any) -> Added:
    """Register a version while the clock shows `now`."""
    with world.registry as registry:
        workspace = Workspace.open(registry._directory, {})
        try:
            return add(workspace, Request(path=path, model=model, now=lambda: now, **more))
        finally:
            workspace.repository.close()


def test_the_same_bytes_in_the_same_second(world: World) -> None:
    """I2: versions of the same bytes in one second get ids one second apart each, in order, `created_at` alike."""
    world.write("model.bin", "weights")
    made = [add_at(world, NOW, metrics={"auc": number}) for number in range(5)]
    assert [each.timestamp for each in made] == [NOW + timedelta(seconds=number) for number in range(5)]
    ids = [each.version for each in made]
    assert ids == sorted(set(ids))
    assert ids[4].startswith("v20250601120004_")
    assert [line["version"] for line in world.json("list", "fraud")["versions"]] == ids[::-1]


def test_two_models_of_the_same_bytes_in_the_same_second(world: World) -> None:
    """I2: an id is unique in the repository, so of two models with equal bytes the second one's is a second later."""
    world.write("model.bin", "weights")
    made = [add_at(world, NOW, model=model) for model in ("one", "two", "three")]
    assert len({each.version for each in made}) == 3
    assert len({each.hash for each in made}) == 1
    for each in made:
        assert world.json("show", each.version)["model"] == each.model
    assert world.json("verify")["problems"] == []


def test_a_clock_that_goes_back(world: World) -> None:
    """I2: when the clock went back by hours, the next version still sorts after the one before."""
    world.write("model.bin", "first")
    first = add_at(world, NOW)
    world.write("model.bin", "second")
    second = add_at(world, NOW - timedelta(hours=23))
    assert second.timestamp == first.timestamp + timedelta(seconds=1)
    assert world.json("show", "fraud")["version"] == second.version
    assert world.json("show", "fraud")["created_at"] == "2025-06-01T12:00:01Z"


def test_a_newest_version_over_a_day_ahead_is_refused(world: World) -> None:
    """I2: exit 4 with the hint `--time`, which sets the second by hand, also before the newest version."""
    world.write("model.bin", "future")
    ahead = datetime.now(UTC) + timedelta(days=1, minutes=1)
    world.cli("add", "model.bin", "--time", ahead.isoformat())
    world.write("model.bin", "now")
    before = world.git("rev-parse", "HEAD")
    assert "--time" in world.cli("add", "model.bin", "--json", code=4).error["hint"]
    assert world.git("rev-parse", "HEAD") == before
    by_hand = world.json("add", "model.bin", "--time", "2024-05-06 07:08:09+02:00")
    assert by_hand["version"].startswith("v20240506050809_")
    assert by_hand["timestamp"] == "2024-05-06T05:08:09Z"
    assert world.json("show", "model~1")["version"] == by_hand["version"]


def test_a_second_by_hand_that_is_taken_is_refused(world: World) -> None:
    """I2: `--time` with a second in which these bytes have an id already is exit 4, also when it is another model's."""
    world.write("model.bin", "weights")
    world.cli("add", "model.bin", "--time", "2024-05-06T07:08:09Z")
    world.cli("add", "model.bin", "-n", "other", "--time", "2024-05-06T07:08:09Z", code=4)
    assert "ISO 8601" in world.cli("add", "model.bin", "--time", "yesterday", code=2).err


def test_a_version_on_another_branch_counts(side: World) -> None:
    """I2: the next version is later than the newest of the model that any tag knows, merged or not."""
    newest = side.json("show", "fraud")["version"]
    side.git("checkout", "-q", "main")
    side.write("model.bin", "back on main")
    added = add_at(side, datetime(2024, 1, 1, 12, 0, 0, tzinfo=UTC))
    assert added.version > newest
    assert added.timestamp == datetime(2024, 1, 1, 12, 4, 1, tzinfo=UTC)


def test_a_version_that_is_only_staged_counts(fraud: World, tmp_path: Path) -> None:
    """I2: a record in the index, of a merge in progress, is as good as one in `HEAD`."""
    other = clone(fraud, tmp_path / "clone")
    other.git("tag", "-d", *other.git("tag").split())
    other.git("checkout", "-q", "-b", "side")
    theirs = other.add("theirs", time=datetime(2024, 1, 5, tzinfo=UTC))
    fraud.git("pull", "-q", "--no-tags", "--no-rebase", "--no-commit", "--no-ff", other.top, "side")
    assert theirs.version in fraud.git("ls-files", ".modelver")
    fraud.write("model.bin", "mine")
    added = add_at(fraud, datetime(2024, 1, 4, tzinfo=UTC))
    assert added.timestamp == datetime(2024, 1, 5, 0, 0, 1, tzinfo=UTC)
