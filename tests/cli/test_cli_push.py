"""`sync --push`: branch and tags together on top of what others pushed, or nothing (rule B7)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from teams import Team, announcements, head, names, synced, tags
from worlds import World

NOTHING = {"new": [], "wrong": [], "pushed": [], "replayed": 0}


@pytest.fixture
def pair(team: Team) -> tuple[World, World]:
    """Two clones of one hub."""
    return team.clone("ann"), team.clone("bob")


def promote(world: World, ref: str = "fraud", stage: str = "production") -> None:
    with world.registry as registry:
        registry.promote(ref, stage)


def label(world: World, ref: str, name: str) -> None:
    with world.registry as registry:
        registry.tag(ref, name)


def unmoved(world: World) -> dict[str, object]:
    """All that must stay where a push is refused: refs, index, work tree."""
    kept = {
        path: content
        for path, content in world.everything(but=[".git/objects", ".git/modelver", ".git/refs/remotes"]).items()
        if not path.startswith(".git/logs") and path != ".git/packed-refs"
    }
    return kept | {"refs": world.git("for-each-ref", "refs/heads", "refs/tags", "refs/modelver")}


def refused(world: World, code: int, *words: str) -> str:
    """What `sync --push` says that ends so and moves nothing."""
    before = unmoved(world)
    err = world.cli("sync", "--push", code=code).err
    assert unmoved(world) == before
    assert all(word in err for word in words), err
    return err


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
    assert job.json("sync", "--push") == NOTHING
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
    answer = synced(job)
    first, *others = team.pushes()
    assert set(first) == {"main", *(team.tags() - known)}
    assert new in first
    assert all(len(push) <= 3 for push in others)
    assert {tag for push in others for tag in push} == known == announcements(answer["pushed"])
    assert [tag for push in others for tag in push] == [each for each in answer["pushed"] if each in known]


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
    answer = ann.json("sync", "--push")
    assert (names(answer), answer["pushed"], answer["wrong"]) == ([new], ["work", new], [])
    assert announcements(team.tags()) == set()
    assert team.head("work") == head(ann)
    assert ann.json("sync", "--push") == NOTHING


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
    answer = synced(ann)
    assert answer["pushed"] == ["main", new]
    assert names(answer) == [new]


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
    answer = synced(job)
    if own:
        assert answer["pushed"] == ["main", "fraud#production#1"]
        assert answer["replayed"] == 1
        assert team.head() == head(job)
        job.git("symbolic-ref", "-q", "HEAD", code=1)
        with job.registry as registry:
            assert registry.versions("fraud").versions[0].version == new
    else:
        assert answer == NOTHING


def test_a_detached_head_elsewhere_is_refused(team: Team) -> None:
    """B7: there is no branch that it could mean."""
    ann = team.clone("ann")
    ann.git("checkout", "-q", "-b", "work")
    ann.commit({"other.txt": "work"})
    ann.git("checkout", "-q", "--detach")
    assert "git switch" in refused(ann, 4, "HEAD is detached")


# ---- the remote moved on -------------------------------------------------------------------------------------


def test_record_commits_are_put_on_those_of_others(team: Team, pair: tuple[World, World]) -> None:
    """B7: author and message kept, tags moved with them, files of others there; staged and unstaged changes stay."""
    ann, bob = pair
    theirs = bob.add("by bob", label="1.0.0").version
    bob.commit({"src/more.py": "print()\n"})
    synced(bob)
    mine = [ann.add("one", message="first\n\nwords").version, ann.add("two", label="1.1.0").version]
    promote(ann, mine[0])
    authored = ann.git("log", "-3", "--format=%an %ae %ad%n%B", "--date=raw")
    ann.write("src/train.py", "edited\n")
    ann.write("staged.txt", "staged\n")
    ann.git("add", "staged.txt")
    ann.write("intended.txt", "later\n")
    ann.git("add", "-N", "intended.txt")
    before = ann.git("status", "--porcelain")
    answer = ann.json("sync", "--push")
    assert answer["replayed"] == 3
    assert set(names(answer)) == {*mine, "fraud@v1.1.0", "fraud#production#1"}
    assert team.head() == head(ann)
    assert ann.git("rev-list", "--merges", "HEAD") == ""
    assert ann.git("log", "-3", "--format=%an %ae %ad%n%B", "--date=raw") == authored
    assert ann.git("status", "--porcelain") == before
    assert (ann / "src/more.py").read_text() == "print()\n"
    assert (ann / "src/train.py").read_text() == "edited\n"
    where = tags(ann)
    assert [where[version] for version in mine] == [head(ann, "HEAD~2"), head(ann, "HEAD~1")]
    assert where["fraud#production#1"] == where[mine[0]]
    ann.cli("verify")
    after = tags(team.clone("after"))
    assert after.items() >= where.items()
    assert after[theirs] == after["fraud@v1.0.0"]
    ann.git("diff-index", "--cached", "--quiet", "HEAD", "--", ".modelver")


@pytest.mark.parametrize("kind", ["code", "merge", "amended", "mixed"])
def test_other_commits_are_the_users_to_bring_together(pair: tuple[World, World], kind: str) -> None:
    """B7: exit 4 with Git's advice, nothing moved; that advice works."""
    ann, bob = pair
    bob.add("by bob")
    synced(bob)
    new = ann.add("by ann").version
    if kind == "code":
        ann.commit({"src/train.py": "mine\n"})
    elif kind == "merge":
        ann.git("checkout", "-q", "-b", "side", "HEAD~1")
        ann.add("on the side")
        ann.git("checkout", "-q", "main")
        ann.git("merge", "-q", "--no-edit", "side")
    else:
        ann.write("src/train.py", "mine\n")
        ann.git("add", "src/train.py")
        ann.git("commit", "-q", "--amend", "--no-edit")
    err = refused(ann, 4, "git pull --rebase origin main", "main has moved on origin")
    ann.git(*err.partition("hint: git ")[2].partition("    ")[0].split())
    assert new in names(synced(ann))
    ann.cli("verify")


@pytest.mark.parametrize("kind", ["edited", "staged", "untracked", "ignored"])
def test_a_file_in_the_way(pair: tuple[World, World], kind: str) -> None:
    """B7: a change of the user's at a path that others changed is exit 4, named, nothing moved."""
    ann, bob = pair
    path = {"edited": "src/train.py", "staged": "src/train.py"}.get(kind, "new.txt")
    bob.commit({path: "by bob\n"})
    bob.add("by bob")
    synced(bob)
    ann.add("by ann")
    if kind == "ignored":
        ann.write(".git/info/exclude", (ann / ".git/info/exclude").read_bytes() + b"new.txt\n")
    ann.write(path, "mine\n")
    if kind == "staged":
        ann.git("add", path)
    refused(ann, 4, path, "main has moved on origin")
    assert (ann / path).read_text() == "mine\n"


@pytest.mark.parametrize(
    ("mine", "theirs", "words"),
    [
        (("promote", "fraud", "production"), ("promote", "fraud~1", "production"), ("production of fraud",)),
        (("tag", "fraud", "1.0.0"), ("tag", "fraud~1", "1.0.0"), ("1.0.0 of fraud",)),
        (("archive", "fraud"), ("archive", "fraud", "-m", "why"), ("fraud",)),
    ],
)
def test_what_both_sides_changed(
    pair: tuple[World, World], mine: tuple[str, ...], theirs: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """B7, S2: a person decides; the stage or the label is named, nothing is moved."""
    ann, bob = pair
    bob.cli(*theirs)
    synced(bob)
    ann.cli(*mine)
    refused(ann, 4, "main has moved on origin", "modelver undo", *words)


def test_two_histories_of_one_stage_go_on_after_undo(pair: tuple[World, World]) -> None:
    """B7, B8: the way out that the message names."""
    ann, bob = pair
    promote(bob, "fraud~1")
    synced(bob)
    promote(ann)
    err = refused(ann, 4)
    assert "modelver undo" in err
    ann.cli("undo")
    ann.git("pull", "-q")
    promote(ann)
    assert "fraud#production#2" in names(synced(ann))


def test_both_did_the_same(team: Team, pair: tuple[World, World]) -> None:
    """B7: a commit that changes nothing any more is left out."""
    ann, bob = pair
    for each in pair:
        with each.registry as registry:
            registry.add_node("data", "s3://bucket/x")
    path = ann.git("diff-tree", "-r", "--name-only", "--no-commit-id", "HEAD").split()[0]
    bob.write(path, (ann / path).read_bytes())
    bob.git("commit", "-q", "-a", "--amend", "--no-edit")
    bob.commit({"other.txt": "more"})
    synced(bob)
    synced(ann)
    assert head(ann) == head(bob) == team.head()
    assert ann.git("status", "--porcelain") == ""


def test_gitignore_has_the_lines_of_both(pair: tuple[World, World]) -> None:
    """B7, T1: with `ignore: gitignore` both sides extend one file, which is no conflict."""
    ann, bob = pair
    for each, name in ((bob, "b.bin"), (ann, "a.bin")):
        each.git("config", "modelver.ignore", "gitignore")
        each.add(name, name[0], f"models/{name}")
        if each is bob:
            synced(each)
    assert synced(ann)["replayed"] == 1
    assert set((ann / "models/.gitignore").read_text().split()) == {"/a.bin", "/b.bin"}
    assert ann.git("status", "--porcelain") == ""


def test_a_branch_that_another_work_tree_has(team: Team, tmp_path: Path) -> None:
    """B7: it is the one that is checked out there; here the own branch goes."""
    ann, bob = team.clone("ann"), team.clone("bob")
    ann.git("worktree", "add", "-q", "-b", "work", tmp_path / "linked")
    linked = World(tmp_path / "linked")
    linked.write("model.bin", "linked")
    linked.cli("add", "model.bin", "-n", "fraud")
    bob.commit({"other.txt": "work goes on"})
    synced(bob)
    assert synced(linked)["pushed"][0] == "work"
    linked.git("checkout", "-q", "-b", "more")
    ann.git("checkout", "-q", "--detach")
    linked.git("checkout", "-q", "main")
    linked.write("model.bin", "once more")
    linked.cli("add", "model.bin", "-n", "fraud")
    assert synced(linked)["replayed"] == 1
    assert team.head() == head(linked)
    assert linked.git("status", "--porcelain") == ""


def test_a_rewritten_remote(team: Team, pair: tuple[World, World]) -> None:
    """B7: what others took away by force is not brought back unasked: the user's own are his, and so is the advice."""
    ann, bob = pair
    bob.commit({"wrong.txt": "to be taken away"})
    synced(bob)
    ann.git("pull", "-q")
    bob.git("reset", "-q", "--hard", "HEAD~1")
    bob.add("instead")
    bob.git("push", "-q", "--force", "origin", "main")
    ann.add("by ann")
    refused(ann, 4, "git pull --rebase origin main")
