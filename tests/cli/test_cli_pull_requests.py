"""Pull requests, end to end: records come in by any kind of merge, and `sync --push` announces them (B2 to B7)."""

from __future__ import annotations

from pathlib import Path

import pytest
from teams import Team, announcements, names, synced, tags, to
from test_cli_gto import held, needs_gto, seen
from worlds import World, Worlds

# ---- the way from a branch to the announcement ---------------------------------------------------------------


def merge(team: Team, forge: World, branch: str, way: str) -> None:
    """What the button of a forge does with a pull request."""
    forge.git("fetch", "-q", "--no-tags", "origin")
    forge.git("checkout", "-q", "-B", "main", "origin/main")
    if way == "squash":
        forge.git("merge", "-q", "--squash", f"origin/{branch}")
        forge.git("commit", "-q", "-m", f"{branch} (#1)")
    elif way == "rebase":
        forge.git("checkout", "-q", "--detach", f"origin/{branch}")
        forge.git("-c", "rebase.backend=apply", "rebase", "-q", "--no-ff", "main")
        forge.git("checkout", "-q", "-B", "main")
    else:
        forge.git("merge", "-q", "--no-ff", "-m", f"Merge {branch}", f"origin/{branch}")
    forge.git("push", "-q", "--receive-pack", "FORGE=1 git-receive-pack", "origin", "main")


@pytest.fixture(scope="module")
def merged_requests(worlds: Worlds, tmp_path_factory: pytest.TempPathFactory) -> Team:
    """After three pull requests: a version with a label each by squash and by rebase, then a promotion, merged."""
    team = Team.of(tmp_path_factory.mktemp("requested"), "registry", worlds)
    team.protect()
    ann, bob, forge = team.clone("ann"), team.clone("bob"), team.clone("forge", "--no-tags")
    forge.commit({"README.md": "work goes on\n"})
    forge.git("push", "-q", "--receive-pack", "FORGE=1 git-receive-pack", "origin", "main")
    ann.write("model.bin", "one")
    ann.cli("add", "model.bin", "-n", "fraud", "--label", "1.0.0", "--branch", "one", "--time", "2024-01-01")
    ann.git("push", "-q", "--follow-tags", "origin", "one")
    bob.git("checkout", "-q", "-b", "two")
    bob.write("model.bin", "two")
    bob.cli("add", "model.bin", "-n", "fraud", "--label", "1.1.0", "--time", "2024-01-02")
    bob.cli("sync", "--push")
    merge(team, forge, "one", "squash")
    merge(team, forge, "two", "rebase")
    ann.git("pull", "-q")
    with to(ann, "three") as registry:
        registry.promote("fraud@1.0.0", "production")
        registry.promote("fraud@1.1.0", "staging")
    ann.git("push", "-q", "origin", "three")
    merge(team, forge, "three", "merge")
    return team


@pytest.fixture
def requested(merged_requests: Team, tmp_path: Path) -> Team:
    """A copy for each test."""
    return merged_requests.copy(tmp_path)


@pytest.mark.parametrize("kind", ["full", "detached", "shallow"])
def test_records_that_came_by_pull_requests_are_announced(requested: Team, kind: str) -> None:
    """B2, B6, B7: in a fresh clone, one without a branch, and one without history or tags; nothing by hand."""
    assert announcements(requested.tags()) == set()
    job = requested.clone("job", *(["--depth", "1", "--no-tags"] if kind == "shallow" else []))
    if kind == "detached":
        job.git("checkout", "-q", "--detach")
        job.git("branch", "-q", "-D", "main")
    answer = job.json("sync", "--push")
    expected = {"fraud@v1.0.0", "fraud@v1.1.0", "fraud#production#1", "fraud#staging#1"}
    assert announcements(names(answer)) == announcements(requested.tags()) == expected
    assert answer["wrong"] == []
    after = requested.clone("after")
    with after.registry as registry:
        for stage, label in (("production", "1.0.0"), ("staging", "1.1.0")):
            version = registry.show(f"fraud@{label}").record.version
            where = tags(after)
            assert where[version] == where[f"fraud@v{label}"] == where[f"fraud#{stage}#1"]
            assert registry.show(f"fraud#{stage}#1").record.version == version
        verified = registry.verify()
    assert (verified.problems, verified.missing_tags) == ((), ())
    assert synced(job) == {"new": [], "wrong": [], "pushed": [], "replayed": 0}


@pytest.mark.parametrize("options", [[], ["--no-tags"]], ids=["tags", "no-tags"])
def test_two_clones_make_the_same_tags(requested: Team, options: list[str]) -> None:
    """I4, B6: object for object, so it does not matter whose come first."""
    one, two = requested.clone("one", *options), requested.clone("two", *options)
    one.cli("sync")
    two.git("config", "user.name", "Somebody Else")
    synced(two, push=False)
    assert one.git("for-each-ref", "refs/tags") == two.git("for-each-ref", "refs/tags")
    assert len(tags(one)) == 6
    assert synced(one, push=False) == {"new": [], "wrong": [], "pushed": [], "replayed": 0}


def test_tags_made_without_asking_give_way_to_those_of_the_remote(requested: Team) -> None:
    """B6, B7: without tags they stood at the merges; the remote knows better, and what is new goes where it says."""
    job = requested.clone("job", "--no-tags")
    synced(job, push=False)
    where = {name: oid for name, oid in requested.refs().items() if name.startswith("refs/tags/v")}
    assert announcements(names(synced(job))) == announcements(requested.tags())
    assert len(announcements(requested.tags())) == 4
    assert where.items() <= requested.refs().items()
    after = tags(requested.clone("after"))
    assert after == tags(job)
    assert len(set(after.values())) == 2


def test_promotions_from_two_branches_conflict(requested: Team) -> None:
    """S2: the second of two requests that move one stage needs a person; the first is announced as it is."""
    ann, forge = requested.clone("ann"), requested.clone("forge")
    for branch, version in (("left", "fraud@1.1.0"), ("right", "fraud@1.1.0")):
        with to(ann, branch) as registry:
            registry.promote(version, "production", message=branch)
    ann.git("push", "-q", "origin", "left", "right")
    merge(requested, forge, "left", "squash")
    forge.git("fetch", "-q")
    forge.git("merge", "-q", "--no-edit", "origin/right", code=1)
    forge.git("merge", "--abort")
    assert "fraud#production#2" in names(synced(forge))


def test_a_version_whose_tag_nobody_pushed_needs_the_history(requested: Team) -> None:
    """B6: exit 3 with the command that brings it, nothing announced; after it all is."""
    for tag in requested.tags():
        requested.hub.git("tag", "-d", tag)
    job = requested.clone("job", "--depth", "1", "--no-tags")
    assert "hint: git fetch --unshallow" in job.cli("sync", code=3).err
    assert "hint: git fetch --unshallow" in job.cli("sync", "--push", code=3).err
    assert requested.tags() == set()
    job.git("fetch", "-q", "--unshallow")
    assert len(names(job.json("sync", "--push"))) == 6


@needs_gto
def test_gto_agrees(requested: Team) -> None:
    """I4, B6: on who holds which stage, after a squash, a rebase and a merge."""
    job = requested.clone("job")
    synced(job)
    assert seen(job) == held(job) == {"fraud": ("v1.1.0", {"production": "v1.0.0", "staging": "v1.1.0"})}


@needs_gto
def test_gto_reads_several_versions_of_one_squash(world: World) -> None:
    """B6: two labels of a model on one commit are what it cannot read; each version has a commit of its own."""
    world.git("checkout", "-q", "-b", "work")
    for label in ("1.0.0", "1.1.0", "1.2.0"):
        world.add(label, label=label)
    with world.registry as registry:
        registry.promote("fraud@1.1.0", "production")
    world.git("checkout", "-q", "main")
    world.git("merge", "-q", "--squash", "work")
    world.git("commit", "-q", "-m", "all at once")
    world.git("branch", "-D", "work")
    world.git("tag", "-d", *tags(world))
    synced(world, push=False)
    assert seen(world) == held(world) == {"fraud": ("v1.2.0", {"production": "v1.1.0"})}
