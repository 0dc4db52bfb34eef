"""`sync`: the tags that the records call for, made where they belong, and nothing else (rules B2, B3, B6, C1)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from teams import Team, announcements, answer, head, names, quick, synced, tags
from worlds import World

from modelver.operations.sync import sync
from modelver.operations.workspace import Workspace

NOTHING = {"new": [], "wrong": [], "pushed": [], "replayed": 0}


def without_tags(world: World) -> dict[str, str]:
    """Take all tags away; which they were."""
    known = tags(world)
    world.git("tag", "-d", *known)
    return known


def versions(world: World) -> list[str]:
    """The ids of the model `fraud`, oldest first."""
    with world.registry as registry:
        return [line.version for line in reversed(registry.versions("fraud").versions)]


@pytest.fixture
def announced(make: Callable[..., World]) -> World:
    """Three versions, a label and four changes of a stage."""
    return make("announced")


def test_what_sync_answers(fraud: World) -> None:
    """B6: `new` with tag, model, version, kind, stage and label; `wrong`; `pushed`; `replayed`."""
    with fraud.registry as registry:
        registry.promote("fraud", "production")
        registry.tag("fraud", "1.0.0")
    version = versions(fraud)[-1]
    fraud.git("tag", "-d", "fraud#production#1", "fraud@v1.0.0", version)
    fraud.git("tag", "-a", "-m", "by hand", "fraud@v9.0.0")
    common = {"model": "fraud", "version": version}
    assert fraud.json("sync", code=1) == {
        "new": [
            {"tag": version, **common, "kind": "version", "stage": None, "label": None},
            {"tag": "fraud#production#1", **common, "kind": "promotion", "stage": "production", "label": None},
            {"tag": "fraud@v1.0.0", **common, "kind": "label", "stage": None, "label": "1.0.0"},
        ],
        "wrong": [{"tag": "fraud@v9.0.0", "detail": "no record calls for the tag fraud@v9.0.0"}],
        "pushed": [],
        "replayed": 0,
    }


def test_tags_come_back_object_for_object(announced: World) -> None:
    """I4, B6: each at the commit that brought its version, told by the records alone; a second time nothing is made."""
    before = announced.git("for-each-ref", "refs/tags")
    without_tags(announced)
    told = quick(announced, "sync").out
    assert announced.git("for-each-ref", "refs/tags") == before
    assert f"fraud#production#3  fraud {versions(announced)[1]} got production" in told
    assert quick(announced, "sync").out == "all tags that the records call for are there\n"
    assert answer(announced, "verify")["missing_tags"] == []


def squashed(world: World) -> str:
    """Bring the branch that is checked out to main in one commit, and forget branch and tags; that commit."""
    world.git("checkout", "-q", "-B", "work")
    world.git("checkout", "-q", "main")
    world.git("merge", "-q", "--squash", "work")
    world.git("commit", "-q", "-m", "all at once")
    world.git("branch", "-q", "-D", "work")
    without_tags(world)
    return head(world)


def test_several_versions_of_a_squash_have_commits_of_their_own(world: World) -> None:
    """B6: the newest at the squash, older ones at commits made from the record alone, the same in each clone."""
    world.git("checkout", "-q", "-b", "work")
    world.versions(3)
    world.versions(1, "churn", "churn.bin")
    commit = squashed(world)
    synced(world, push=False)
    where = tags(world)
    first, second, third = versions(world)
    with world.registry as registry:
        assert where[third] == where[registry.show("churn").record.version] == commit
    for version in (first, second):
        facts = world.git("show", "-s", "--format=%T %P|%an <%ae>|%cI|%s", where[version]).strip()
        tree, who, date, subject = facts.split("|")
        assert tree == world.git("show", "-s", f"--format=%T {commit}", commit).strip()
        assert who == "A. User <user@example.org>"
        assert date == world.git("show", "-s", "--format=%cI", where[version]).strip()
        assert subject == f"modelver: add fraud {version}"
    assert len(set(where.values())) == 3
    quick(world, "verify")
    without_tags(world)
    world.git("config", "user.name", "Another")
    synced(world, push=False)
    assert tags(world) == where


@pytest.mark.parametrize("way", ["merge", "squash", "rebase"])
def test_tags_after_a_merge(fraud: World, way: str) -> None:
    """B3, B6: what waited on the branch is announced, at the commits of the versions' own tags."""
    fraud.git("checkout", "-q", "-b", "work")
    new = fraud.add("a fourth", label="2.0.0", stage="production").version
    where = tags(fraud)[new]
    fraud.git("checkout", "-q", "main")
    fraud.commit({"other.txt": "meanwhile"})
    if way == "rebase":
        fraud.git("rebase", "-q", "main", "work")
        fraud.git("checkout", "-q", "main")
    fraud.git("merge", "-q", *(["--squash"] if way == "squash" else ["--no-edit"]), "work")
    if way == "squash":
        fraud.git("commit", "-q", "-m", "squashed")
    assert sorted(names(synced(fraud, push=False))) == ["fraud#production#1", "fraud@v2.0.0"]
    assert {tags(fraud)[tag] for tag in ("fraud#production#1", "fraud@v2.0.0")} == {where}
    quick(fraud, "verify")


def test_only_versions_off_the_registry_branch(fraud: World) -> None:
    """B3: label and stage of an unmerged branch are announced by no `sync`."""
    fraud.git("checkout", "-q", "-b", "work")
    new = fraud.add("a fourth", label="2.0.0", stage="production").version
    fraud.git("tag", "-d", new)
    assert names(synced(fraud, push=False)) == [new]
    assert announcements(tags(fraud)) == set()


def test_the_tags_of_the_registry_branch_are_made_from_another(announced: World) -> None:
    """B6: whatever is checked out."""
    announced.git("checkout", "-q", "-b", "work", "main~6")
    known = without_tags(announced)
    synced(announced, push=False)
    assert tags(announced) == known


@pytest.mark.parametrize("tag", ["version", "label", "promotion", "nobody's"])
def test_wrong_tags_are_named_and_stay(announced: World, tag: str) -> None:
    """B6: exit 1 with the tag's name and why; a tag that stands somewhere else is never moved."""
    name = {
        "version": versions(announced)[0],
        "label": "fraud@v1.0.0",
        "promotion": "fraud#production#2",
        "nobody's": "fraud#production#7",
    }[tag]
    announced.git("tag", "-f", "-a", "-m", "moved", name, "main~8")
    before = announced.git("for-each-ref")
    ran = quick(announced, "--json", "sync", code=1)
    assert [each["tag"] for each in ran.json["wrong"]] == [name]
    shown = quick(announced, "sync", code=1)
    assert "wrong: " in shown.out
    assert name in shown.out
    assert "git tag -d TAG" in shown.err
    assert announced.git("for-each-ref") == before


def test_nothing_is_announced_of_a_broken_stage(fraud: World) -> None:
    """C1: after a revert and another promotion the history does not go on; other stages are announced."""
    with fraud.registry as registry:
        registry.promote("fraud~2", "production")
        registry.promote("fraud~1", "production")
    fraud.git("revert", "--no-edit", "HEAD")
    fraud.git("tag", "-d", *announcements(tags(fraud)))
    with fraud.registry as registry:
        registry.promote("fraud", "staging")
    fraud.git("tag", "-d", "fraud#staging#1")
    assert names(synced(fraud, push=False)) == ["fraud#staging#1"]
    assert "does not go on" in quick(fraud, "verify", code=1).out


@pytest.mark.parametrize("depth", [1, 3])
def test_what_lies_behind_a_shallow_boundary_is_not_made(fraud: World, tmp_path: Path, depth: int) -> None:
    """B6: a commit at the boundary looks as if it had brought everything; no tag is made there."""
    fraud.git("clone", "-q", "--no-tags", f"--depth={depth}", f"file://{fraud.top}", tmp_path / "shallow")
    shallow = World(tmp_path / "shallow")
    known = versions(fraud)
    made = synced(shallow, push=False)
    assert names(made) == known[len(known) - depth + 1 :]
    assert tags(shallow).items() <= tags(fraud).items()


def test_a_tag_that_is_needed_lies_behind_the_boundary(announced: World, tmp_path: Path) -> None:
    """B6: exit 3 with the command that brings the history, and nothing made."""
    announced.git("clone", "-q", "--no-tags", "--depth=1", f"file://{announced.top}", tmp_path / "shallow")
    shallow = World(tmp_path / "shallow")
    assert "hint: git fetch --unshallow" in quick(shallow, "sync", code=3).err
    assert tags(shallow) == {}


@pytest.mark.parametrize(
    ("setting", "refs"),
    [
        ("versions: ref", {"modelver": 3, "tags": 5}),
        ("versions: ref, labels: ref", {"modelver": 4, "tags": 4}),
        ("labels: off", {"tags": 7}),
        ("promotions: off", {"tags": 4}),
        ("versions: ref, labels: off, promotions: off", {"modelver": 3}),
    ],
)
def test_where_the_configuration_wants_tags(fraud: World, setting: str, refs: dict[str, int]) -> None:
    """I4: `ref` writes below refs/modelver/, `off` nothing."""
    fraud.commit({".modelver/config.yaml": f"format: 1\nbranch: main\ntags: {{{setting}}}\n"})
    with fraud.registry as registry:
        registry.tag("fraud~1", "1.0.0")
        registry.promote("fraud~1", "production")
        registry.promote("fraud", "production")
        registry.demote("fraud", "production")
    for ref in fraud.git("for-each-ref", "--format=%(refname)", "refs/tags", "refs/modelver").split():
        fraud.git("update-ref", "-d", ref)
    synced(fraud, push=False)
    found = fraud.git("for-each-ref", "--format=%(refname)", "refs/tags", "refs/modelver").split()
    kinds = [ref.split("/")[1] for ref in found]
    assert {kind: kinds.count(kind) for kind in kinds} == refs
    assert synced(fraud, push=False) == NOTHING


def test_no_network_without_push(announced: World) -> None:
    """B6: a remote that cannot be reached is not asked."""
    announced.git("remote", "add", "origin", "https://nobody.invalid/registry.git")
    without_tags(announced)
    assert answer(announced, "sync")["new"]


def test_nothing_is_written_where_nothing_is_missing(announced: World) -> None:
    """B6: not a byte, and no lock stays."""
    before = announced.everything(but=[".git/modelver/lock"])
    quick(announced, "sync")
    assert announced.everything(but=[".git/modelver/lock"]) == before


def test_sync_needs_no_identity(announced: World) -> None:
    """W9: tags are made in the name of who made the records."""
    known = announced.git("for-each-ref", "refs/tags")
    without_tags(announced)
    announced.cli("sync", env={"GIT_CONFIG_GLOBAL": "/dev/null"})
    assert announced.git("for-each-ref", "refs/tags") == known


def test_signed_tags(announced: World, tmp_path: Path) -> None:
    """I4, B6: with `tag.gpgSign` those that `sync` makes are signed, and verify."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    (tmp_path / "allowed").write_text(f"user@example.org {(tmp_path / 'key.pub').read_text()}")
    for name, value in (
        ("gpg.format", "ssh"),
        ("user.signingKey", key),
        ("tag.gpgSign", "true"),
        ("gpg.ssh.allowedSignersFile", tmp_path / "allowed"),
    ):
        announced.git("config", name, value)
    known = without_tags(announced)
    synced(announced, push=False)
    assert tags(announced) == known
    announced.git("verify-tag", *known)


def test_only_what_nobody_has_published(found: Callable[..., Team]) -> None:
    """B6: by the API with `unpublished`, no tag for records that a remote-tracking branch holds: others announce it."""
    team = found()
    ann = team.clone("ann")
    with ann.registry as registry:
        registry.promote("fraud", "production")
        registry.tag("fraud", "1.0.0")
    ann.git("push", "-q", "origin", "main")
    with ann.registry as registry:
        registry.promote("fraud~1", "production")
    ann.git("tag", "-d", *announcements(tags(ann)))
    workspace = Workspace.open(ann.top, {})
    made = sync(workspace, unpublished=True)
    workspace.repository.close()
    assert [each.tag for each in made.new] == ["fraud#production#2"]


def test_staged_records_have_no_tags_yet(fraud: World) -> None:
    """B5, B6: what waits in the index is no record of any commit."""
    fraud.write("model.bin", "a fourth")
    quick(fraud, "add", "model.bin", "-n", "fraud", "--no-commit")
    assert synced(fraud, push=False) == NOTHING


def test_records_that_a_merge_brought_from_a_branch_with_several(world: World) -> None:
    """B6: a true merge brings several versions in one first-parent commit, too."""
    world.git("checkout", "-q", "-b", "work")
    world.versions(2)
    world.git("checkout", "-q", "main")
    world.git("merge", "-q", "--no-ff", "--no-edit", "work")
    without_tags(world)
    synced(world, push=False)
    where = tags(world)
    first, second = versions(world)
    assert where[second] == head(world)
    assert head(world, f"{where[first]}^") == head(world)
    quick(world, "verify")
