"""As a CI job stands: no history, no tags, no branch. What is asked and done there needs the records alone (C1, B1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from worlds import World, Worlds


def past(world: World) -> World:
    """Labels, two stages with a past, a note, and one commit that is no record on top."""
    world.cli("tag", "fraud~2", "1.0.0")
    world.cli("tag", "fraud~1", "1.2.0")
    for version in ("fraud~2", "fraud~1", "fraud"):
        world.cli("promote", version, "production", "-m", f"{version} is next")
    world.cli("promote", "fraud", "staging")
    world.cli("note", "fraud@1.2.0", "--metric", "recall=0.7", "-m", "measured later")
    world.commit({"train.py": "print('more')\n"})
    return world


def fetched(origin: World, top: Path, ref: str = "refs/heads/main", into: str = "refs/remotes/origin/main") -> World:
    """What the runner of a forge makes: one commit of one ref, its head detached."""
    origin.git("init", "-q", "--template=", str(top))
    job = World(top)
    job.git("remote", "add", "origin", f"file://{origin.top}")
    job.git("fetch", "-q", "--no-tags", "--depth=1", "origin", f"+{ref}:{into}")
    job.git("checkout", "-q", "--detach", into)
    return job


@pytest.fixture(scope="module")
def read(worlds: Worlds, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, World]:
    """An origin, and a job for its registry's branch; for tests that only read."""
    origin = past(worlds.make(tmp_path_factory.mktemp("shallow") / "origin", "fraud"))
    return origin, fetched(origin, origin.top.parent / "job")


@pytest.fixture
def origin(fraud: World) -> World:
    return past(fraud)


@pytest.fixture
def job(origin: World, tmp_path: Path) -> World:
    return fetched(origin, tmp_path / "job")


def recorded(answer: Any) -> Any:
    """The answer without what is in no record: commits, and whether bytes are on this machine."""
    if isinstance(answer, dict):
        return {key: recorded(value) for key, value in answer.items() if key not in ("commit", "present")}
    return [recorded(each) for each in answer] if isinstance(answer, list) else answer


def test_the_job_has_one_commit_no_tag_and_no_branch(read: tuple[World, World]) -> None:
    """What the other tests start from; its bytes are elsewhere, too."""
    _, job = read
    assert job.git("rev-list", "--all", "--count") == "1\n"
    assert job.git("tag") == job.git("branch", "--show-current") == ""
    assert job.json("verify")["absent"] == 3


@pytest.mark.parametrize(
    "words",
    [
        "list",
        "list fraud",
        "show fraud",
        "show fraud~2",
        "show fraud@1.2.0",
        "show fraud@^1.0",
        "show fraud@highest",
        "show fraud@production",
        "show fraud@production~1",
        "show fraud@production~2",
        "show fraud@staging",
        "show fraud#production#2",
        "show fraud#production!#2",
        "show fraud@v1.0.0",
        "log",
        "log fraud@1.2.0",
        "diff fraud",
        "diff fraud@1.0.0 fraud@1.2.0",
        "compare fraud fraud@1.2.0",
        "lineage fraud",
    ],
)
def test_a_question_gets_the_answer_of_a_whole_clone(read: tuple[World, World], words: str) -> None:
    """C1, B4: all of it is in the records; only commits are not known, and bytes are not here."""
    origin, job = read
    assert recorded(job.json(*words.split())) == recorded(origin.json(*words.split()))


def test_what_changes_a_stage_there_writes_what_a_whole_clone_would(origin: World, job: World) -> None:
    """C1: promote, rollback, demote, labels and archive go on from the records."""
    for words in (
        ("rollback", "fraud", "production", "-m", "slow"),
        ("promote", "fraud@1.0.0", "canary", "-m", "again"),
        ("promote", "fraud@1.2.0", "canary", "-m", "and on"),
        ("demote", "fraud", "staging", "-m", "done"),
        ("rollback", "fraud", "canary", "-m", "back"),
        ("tag", "fraud", "2.0.0"),
        ("archive", "fraud", "-m", "too slow"),
    ):
        there, here = (world.json(*words) for world in (origin, job))
        for answer in (there, here):
            for key in ("commit", "tag", "pending", "at", "created_at"):
                answer.pop(key, None)
        assert here == there, words
    for ref in ("fraud", "fraud@production", "fraud@production~1", "fraud@canary"):
        assert job.json("show", ref)["version"] == origin.json("show", ref)["version"]
    words = ("--json", "archive", "fraud@1.2.0")
    assert job.cli(*words, code=4).error == origin.cli(*words, code=4).error
    assert job.json("verify")["problems"] == []
    job.assert_sound()


def test_an_event_whose_commit_is_not_there_is_announced_later(origin: World, job: World) -> None:
    """B6: the record is written at once; its tag stands at a commit that is not here, so it waits, and that is told."""
    assert "fraud#production#4 is not announced" in job.cli("rollback", "fraud", "production", "-m", "slow").err
    assert job.git("tag") == ""
    job.git("push", "-q", "origin", "HEAD:refs/heads/done")
    origin.git("merge", "-q", "done")
    assert origin.json("verify")["missing_tags"] == ["fraud#production!#4", "fraud#production#4"]


def test_a_version_that_the_job_makes_is_announced_at_once(job: World) -> None:
    """B1: on the registry's branch with its head detached: the commit of a new version is here."""
    job.write("model.bin", "a fourth")
    made = job.json("add", "model.bin", "-n", "fraud", "--bump", "minor", "--stage", "staging")
    assert (made["labels"], made["stages"]) == (["1.3.0"], ["staging"])
    assert {made["version"], "fraud@v1.3.0", "fraud#staging#2"} <= set(job.git("tag").split())
    assert job.json("show", "fraud@staging")["version"] == made["version"]


@pytest.mark.parametrize("tag", ["fraud#production#2", "fraud#production!#3", "fraud@v1.2.0"])
def test_a_job_that_a_tag_starts_finds_its_version(read: tuple[World, World], tmp_path: Path, tag: str) -> None:
    """R1: it stands at the commit of the version, before its promotion, and has that one tag, which tells enough."""
    origin, _ = read
    job = fetched(origin, tmp_path / "job", f"refs/tags/{tag}", f"refs/tags/{tag}")
    expected = origin.json("show", tag)
    found = job.json("show", tag)
    assert (found["version"], found["metrics"]) == (expected["version"], {"auc": 0.82})
    # What was said of the version later is on the branch.
    job.git("fetch", "-q", "--no-tags", "--depth=1", "origin", "+main:refs/remotes/origin/main")
    assert recorded(job.json("show", tag, "--at", "origin/main")) == recorded(expected)


def test_a_tag_at_a_commit_that_names_several_versions_is_no_guess(origin: World, tmp_path: Path) -> None:
    """R1: at a squash of two `add`s only the tag of a version tells which one is meant; the hint says how to get it."""
    origin.git("checkout", "-q", "-b", "work")
    first, second = origin.add("one more").version, origin.add("and another").version
    messages = origin.git("log", "--format=%B", "-2")
    origin.git("checkout", "-q", "main")
    origin.git("merge", "-q", "--squash", "work")
    origin.git("commit", "-q", "-m", f"two at once\n\n{messages}")
    origin.git("tag", "-d", first, second)
    tag = "fraud#qa#1"
    origin.git("tag", "-a", "-m", tag, tag)
    job = fetched(origin, tmp_path / "job", f"refs/tags/{tag}", f"refs/tags/{tag}")
    assert "git fetch --tags" in job.cli("show", tag, code=3).err
