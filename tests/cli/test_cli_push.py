"""`sync --push`: branch and tags together, or nothing; from clones of every kind, and many at once (rule B7)."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
from teams import Team, announcements, answer, head, names, promote, quick, refused, synced, tags
from worlds import PROJECT, World

NOTHING = {"new": [], "wrong": [], "pushed": [], "replayed": 0}


# ---- what goes along -----------------------------------------------------------------------------------------


def test_branch_and_tags_go_together(team: Team) -> None:
    """B7: one push, with the user's own commits on the way; `pushed` names all, a second time there is nothing."""
    team.log_pushes()
    ann = team.clone("ann")
    ann.commit({"src/train.py": "print('better')\n"})
    new = ann.add("a fourth", label="1.0.0").version
    ann.commit({"README.md": "more words\n"})
    answer = ann.json("sync", "--push")
    assert names(answer) == [new, "fraud@v1.0.0"]
    assert answer["pushed"] == ["main", new, "fraud@v1.0.0"]
    assert [set(push) for push in team.pushes()] == [{"main", new, "fraud@v1.0.0"}]
    assert team.head() == head(ann) == head(ann, "origin/main")
    assert ann.json("sync", "--push") == NOTHING
    assert len(team.pushes()) == 1


def test_a_clone_without_tags_announces_nothing_twice(found: Callable[..., Team]) -> None:
    """B7: new is what the remote lacks, not what this clone lacks."""
    team = found("announced")
    job = team.clone("job", "--no-tags")
    assert answer(job, "sync", "--push") == NOTHING
    assert tags(job) == {}


def test_at_most_three_announcements_in_a_push(found: Callable[..., Team]) -> None:
    """B7: the large forges start no job for more; the branch and the versions go first, on their own."""
    team = found("announced")
    known = announcements(team.tags())
    for tag in team.tags():
        team.hub.git("tag", "-d", tag)
    team.log_pushes()
    job = team.clone("job")
    new = job.add("a fourth").version
    told = synced(job)
    first, *others = team.pushes()
    assert set(first) == {"main", *(team.tags() - known)}
    assert new in first
    assert all(len(push) <= 3 for push in others)
    assert {tag for push in others for tag in push} == known == announcements(told["pushed"])
    assert [tag for push in others for tag in push] == [each for each in told["pushed"] if each in known]


def test_three_tags_go_with_the_branch(team: Team) -> None:
    """B7: so the usual `add --label --stage` is one push, that is there as a whole or not at all."""
    team.log_pushes()
    ann = team.clone("ann")
    new = ann.add("a fourth", label="1.0.0", stage="production").version
    synced(ann)
    assert [set(push) for push in team.pushes()] == [{"main", new, "fraud@v1.0.0", "fraud#production#1"}]


def test_a_feature_branch_goes_with_its_versions_alone(team: Team) -> None:
    """B3, B7: nothing of it is announced, and nothing of the registry's branch that is not pushed yet."""
    ann = team.clone("ann")
    promote(ann)
    ann.git("checkout", "-q", "-b", "work", "origin/main")
    new = ann.add("a fourth", label="2.0.0", stage="staging").version
    told = answer(ann, "sync", "--push")
    assert (names(told), told["pushed"], told["wrong"]) == ([new], ["work", new], [])
    assert announcements(team.tags()) == set()
    assert team.head("work") == head(ann)
    assert answer(ann, "sync", "--push") == NOTHING


def test_a_feature_branch_announces_nothing_of_main(found: Callable[..., Team]) -> None:
    """B3, B7: what was merged there waits for somebody on it, such as its CI job."""
    team = found("announced")
    known = announcements(team.tags())
    for tag in known:
        team.hub.git("tag", "-d", tag)
    ann = team.clone("ann")
    ann.git("checkout", "-q", "-b", "work")
    new = ann.add("a fourth").version
    assert synced(ann)["pushed"] == ["work", new]
    assert announcements(team.tags()) == set()
    ann.git("checkout", "-q", "main")
    assert announcements(names(synced(ann))) | {"fraud#production!#2"} <= known == announcements(team.tags())


def test_a_new_branch_and_an_empty_hub(world: World, tmp_path: Path) -> None:
    """B7: a branch that the remote lacks is made there, also the first one of all, with `origin` as remote."""
    world.git("init", "-q", "--bare", tmp_path / "hub.git")
    world.git("remote", "add", "origin", tmp_path / "hub.git")
    new = world.add("weights", stage="production").version
    assert synced(world)["pushed"] == ["main", new, "fraud#production#1"]
    hub = World(tmp_path / "hub.git")
    assert head(hub, "main") == head(world)


def test_what_was_pushed_by_hand_is_not_pushed_again(pair: tuple[World, World], tmp_path: Path) -> None:
    """B7: whatever of it; the rest goes."""
    ann, _ = pair
    new = ann.add("a fourth", label="1.0.0").version
    ann.git("push", "-q", "origin", "fraud@v1.0.0")
    told = synced(ann)
    assert told["pushed"] == ["main", new]
    assert names(told) == [new]


@pytest.mark.parametrize("own", [False, True])
def test_a_detached_head_pushes_the_registry_branch(team: Team, own: bool) -> None:
    """B7: as a CI job stands; own record commits on top go along."""
    job = team.clone("job")
    job.git("checkout", "-q", "--detach")
    job.git("branch", "-q", "-D", "main")
    if own:
        promote(job)
    other = team.clone("other")
    new = other.add("meanwhile").version
    synced(other)
    told = synced(job)
    if own:
        assert told["pushed"] == ["main", "fraud#production#1"]
        assert told["replayed"] == 1
        assert team.head() == head(job)
        job.git("symbolic-ref", "-q", "HEAD", code=1)
        with job.registry as registry:
            assert registry.versions("fraud").versions[0].version == new
    else:
        assert told == NOTHING


def test_a_detached_head_elsewhere_is_refused(team: Team) -> None:
    """B7: there is no branch that it could mean."""
    ann = team.clone("ann")
    ann.git("checkout", "-q", "-b", "work")
    ann.commit({"other.txt": "work"})
    ann.git("checkout", "-q", "--detach")
    assert "git switch" in refused(ann, 4, "HEAD is detached")


# ---- clones of every kind, and many at once ------------------------------------------------------------------


def test_a_shallow_clone_registers_on_top_of_others(team: Team) -> None:
    """B7: as a CI job does; its history is not fetched for that, and what is announced is right."""
    job, other = team.clone("job", "--depth", "1", "--no-tags"), team.clone("other")
    other.add("meanwhile")
    synced(other)
    new = job.add("by the job", label="1.0.0").version
    with job.registry as registry:
        registry.promote("fraud~3", "production")
    told = synced(job)
    assert names(told) == [new, "fraud@v1.0.0", "fraud#production#1"]
    assert told["replayed"] == 2
    assert job.git("rev-list", "--count", "HEAD") == "4\n"
    after = team.clone("after")
    with after.registry as registry:
        assert registry.verify().problems == ()
        assert registry.verify().missing_tags == ()


def test_a_shallow_clone_fetches_a_version_without_what_was_before_it(team: Team) -> None:
    """B7: the tag of a version that is announced comes with its commit alone."""
    job = team.clone("job", "--depth", "1", "--no-tags")
    with job.registry as registry:
        oldest = registry.versions("fraud").versions[-1].version
        registry.promote(oldest, "production")
    assert names(synced(job)) == ["fraud#production#1"]
    assert job.git("rev-list", "--count", oldest) == "1\n"
    assert job.git("rev-list", "--count", "HEAD") == "2\n"


def test_eight_clones_register_at_once(tmp_path: Path) -> None:
    """B7: 8 x 3 versions, each with a label and a `sync --push` of its own; all are there, nothing by hand."""
    spec = importlib.util.spec_from_file_location("benchmark", PROJECT / "benchmarks" / "teams.py")
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    figures = benchmark.run(tmp_path, 8, 3, labels=True)
    assert (figures["versions"], figures["tags"], figures["merges"]) == (24, 56, 0)
    assert figures["pushes tried"] >= figures["pushes taken"] >= 24


def overtaken_by(ann: World, bob: World, command: str, times: int = 1000) -> None:
    """Have Bob push something right before each push of Ann's arrives, some times."""
    script = f"""#!/bin/sh
unset $(git rev-parse --local-env-vars)
cd {bob.top}
[ "$(wc -l < .git/times)" -lt {times} ] || exit 0
echo >> .git/times
{command}
git push -q origin main
"""
    bob.write(".git/times", "")
    ann.write(".git/hooks/pre-push", script, mode=0o755)


def test_a_lost_race_is_run_again(team: Team, pair: tuple[World, World]) -> None:
    """B7: whatever Git calls it; twice overtaken, what Ann registers comes on top of both, and is told once."""
    ann, bob = pair
    overtaken_by(ann, bob, "git commit -q --allow-empty -m more", 2)
    new = ann.add("by ann", label="1.0.0").version
    told = synced(ann)
    assert told == {**told, "pushed": ["main", new, "fraud@v1.0.0"], "replayed": 1}
    assert names(told) == [new, "fraud@v1.0.0"]
    assert head(ann, "HEAD~2") == head(bob, "HEAD~1")
    assert team.head() == head(ann)


def test_a_race_that_stays_lost(pair: tuple[World, World]) -> None:
    """B7: exit 4 after the time of `--lock-timeout`, and the next run does it."""
    ann, bob = pair
    overtaken_by(ann, bob, "git commit -q --allow-empty -m more")
    ann.add("by ann")
    err = quick(ann, "sync", "--push", "--lock-timeout", "0.5", code=4).err
    assert "others kept pushing first for 0.5 s" in err
    assert "hint: run the same command again" in err
    (ann / ".git/hooks/pre-push").unlink()
    assert len(names(synced(ann))) == 1


def test_a_race_for_one_stage(team: Team, pair: tuple[World, World]) -> None:
    """B7: who came first holds it; the other is told, and has announced nothing."""
    ann, bob = pair
    promote(bob, "fraud~1")
    overtaken_by(ann, bob, "git push -q origin 'fraud#production#1'", 1)
    promote(ann)
    assert "the stage production of fraud was moved there too" in quick(ann, "sync", "--push", code=4).err
    assert team.head() == head(bob)
    assert team.refs()["refs/tags/fraud#production#1"] == bob.git("rev-parse", "fraud#production#1").strip()
