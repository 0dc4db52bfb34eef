"""`sync --push` where the remote has moved on: own records on top, and files of others (rule B7)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from teams import Team, announcements, answer, head, names, promote, quick, refused, synced, tags
from worlds import World, Worlds

NOTHING = {"new": [], "wrong": [], "pushed": [], "replayed": 0}


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
    told = answer(ann, "sync", "--push")
    assert told["replayed"] == 3
    assert set(names(told)) == {*mine, "fraud@v1.1.0", "fraud#production#1"}
    assert team.head() == head(ann)
    assert ann.git("rev-list", "--merges", "HEAD") == ""
    assert ann.git("log", "-3", "--format=%an %ae %ad%n%B", "--date=raw") == authored
    assert ann.git("status", "--porcelain") == before
    assert (ann / "src/more.py").read_text() == "print()\n"
    assert (ann / "src/train.py").read_text() == "edited\n"
    where = tags(ann)
    assert [where[version] for version in mine] == [head(ann, "HEAD~2"), head(ann, "HEAD~1")]
    assert where["fraud#production#1"] == where[mine[0]]
    quick(ann, "verify")
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
    quick(ann, "verify")


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
    quick(bob, *theirs)
    synced(bob)
    quick(ann, *mine)
    refused(ann, 4, "main has moved on origin", "modelver undo", *words)


def test_two_histories_of_one_stage_go_on_after_undo(pair: tuple[World, World]) -> None:
    """B7, B8: the way out that the message names."""
    ann, bob = pair
    promote(bob, "fraud~1")
    synced(bob)
    promote(ann)
    err = refused(ann, 4)
    assert "modelver undo" in err
    quick(ann, "undo")
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
    quick(linked, "add", "model.bin", "-n", "fraud")
    bob.commit({"other.txt": "work goes on"})
    synced(bob)
    assert synced(linked)["pushed"][0] == "work"
    linked.git("checkout", "-q", "-b", "more")
    ann.git("checkout", "-q", "--detach")
    linked.git("checkout", "-q", "main")
    linked.write("model.bin", "once more")
    quick(linked, "add", "model.bin", "-n", "fraud")
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


def test_tags_of_other_packages_stay(team: Team, pair: tuple[World, World]) -> None:
    """B7: a name like a label's, of no model here, is the user's: not fetched over, not moved, not pushed."""
    ann, bob = pair
    for each in pair:
        each.add(f"by {each.top.name}")
        each.git("tag", "-a", "-m", each.top.name, "package@1.0.0")
        each.git("tag", "-a", "-m", each.top.name, "issue#12")
    bob.git("push", "-q", "origin", "package@1.0.0", "issue#12")
    synced(bob)
    before = {name: ann.git("rev-parse", name) for name in ("package@1.0.0", "issue#12")}
    assert synced(ann)["replayed"] == 1
    assert {name: ann.git("rev-parse", name) for name in before} == before


def test_what_is_not_pushed_is_not_announced_from_elsewhere(team: Team) -> None:
    """B3, B7: a detached head behind the own branch: the promotion waits there for its push."""
    ann = team.clone("ann")
    promote(ann)
    ann.git("checkout", "-q", "--detach", "origin/main")
    assert synced(ann) == NOTHING
    assert announcements(team.tags()) == set()


def test_the_remotes_tag_wins(team: Team, pair: tuple[World, World]) -> None:
    """B6, B7: over one that was made here for the same record, object for object."""
    ann, bob = pair
    with bob.registry as registry:
        registry.tag("fraud", "1.0.0")
    bob.git("tag", "-f", "-a", "-m", "other words", "fraud@v1.0.0", "fraud@v1.0.0^{commit}")
    synced(bob)
    ann.git("fetch", "-q", "--no-tags")
    ann.git("merge", "-q", "origin/main")
    assert names(synced(ann, push=False)) == ["fraud@v1.0.0"]
    assert synced(ann) == NOTHING
    assert ann.git("rev-parse", "fraud@v1.0.0") == bob.git("rev-parse", "fraud@v1.0.0")


# ---- files of others -----------------------------------------------------------------------------------------


def replayed(ann: World, bob: World) -> None:
    """Bob pushes what he has committed, and Ann's own record comes on top of it."""
    synced(bob)
    ann.add(f"on top of {head(bob)}")
    assert synced(ann)["replayed"] == 1
    assert ann.git("status", "--porcelain") == ""
    assert ann.git("diff-files", "--name-only") == ""


def commit_all(world: World, message: str = "by bob") -> None:
    world.git("add", "-A")
    world.git("commit", "-q", "-m", message)


def same_files(one: World, other: World) -> bool:
    """Whether two work trees have the same files, kind for kind and mode for mode."""
    hidden = [".git", ".modelver", "model.bin"]
    return one.everything(but=hidden) == other.everything(but=hidden)


def test_files_of_every_kind(pair: tuple[World, World]) -> None:
    """B7: executable bits, links, renames, deletions, a file that becomes a directory, and back, names of any bytes."""
    ann, bob = pair
    bob.write("tool.sh", "#!/bin/sh\n", mode=0o755)
    bob.write("becomes/directory", "a file\n")
    bob.write("link-to-be", "a file\n")
    (bob / "file-to-be").symlink_to("README.md")
    (bob / "folder-to-be").symlink_to("src")
    commit_all(bob)
    synced(bob)
    ann.git("pull", "-q")
    bob.git("mv", "src/train.py", "src/renamed.py")
    bob.git("rm", "-q", "README.md")
    (bob / "tool.sh").chmod(0o644)
    (bob / "becomes/directory").unlink()
    bob.write("becomes/directory/inside", "now a directory\n")
    for name in ("link-to-be", "file-to-be", "folder-to-be"):
        (bob / name).unlink()
    (bob / "link-to-be").symlink_to("nowhere")
    bob.write("file-to-be", "a file\n")
    bob.write("folder-to-be/file", "in a directory\n")
    bob.write(os.fsdecode(b"caf\xe9 \n.txt"), "latin\n")
    bob.write("run.sh", "#!/bin/sh\n", mode=0o755)
    commit_all(bob)
    replayed(ann, bob)
    assert same_files(ann, bob)
    bob.git("pull", "-q")
    bob.git("revert", "--no-edit", "HEAD~1")
    replayed(ann, bob)
    assert same_files(ann, bob)


def test_line_ends_and_filters_of_the_commit_itself(pair: tuple[World, World]) -> None:
    """B7: attributes that come in with the files count, as in a checkout by Git; so does the user's own filter."""
    ann, bob = pair
    for each in pair:
        each.git("config", "filter.shout.smudge", "tr a-z A-Z")
        each.git("config", "filter.shout.clean", "tr A-Z a-z")
    bob.commit({"sub/.gitattributes": "*.txt text eol=crlf\n*.loud filter=shout\n"})
    bob.write("sub/a.txt", "one\r\ntwo\r\n")
    bob.write("sub/deep/b.loud", "LOUD\n")
    commit_all(bob)
    replayed(ann, bob)
    assert (ann / "sub/a.txt").read_bytes() == b"one\r\ntwo\r\n"
    assert (ann / "sub/deep/b.loud").read_bytes() == b"LOUD\n"
    assert same_files(ann, bob)
    bob.git("pull", "-q")
    bob.write("sub/deep/c.txt", "three\r\n")
    commit_all(bob)
    replayed(ann, bob)
    assert (ann / "sub/deep/c.txt").read_bytes() == b"three\r\n"


def test_a_filter_that_fails_moves_nothing(pair: tuple[World, World]) -> None:
    """B7: as where Git LFS has no network; before anything has changed."""
    ann, bob = pair
    bob.commit({".gitattributes": "*.big filter=broken\n", "x.big": "pointer\n", "a.txt": "more\n"})
    synced(bob)
    ann.git("config", "filter.broken.smudge", "false")
    ann.git("config", "filter.broken.required", "true")
    ann.add("by ann")
    refused(ann, 7, "x.big")
    assert not (ann / "a.txt").exists()


def test_a_submodule_that_comes_in(pair: tuple[World, World], worlds: Worlds, tmp_path: Path) -> None:
    """B7: an empty directory, as after a pull."""
    ann, bob = pair
    inner = worlds.make(tmp_path / "inner", "plain")
    bob.git("submodule", "--quiet", "add", inner.top, "lib/inner")
    commit_all(bob)
    replayed(ann, bob)
    assert list((ann / "lib/inner").iterdir()) == []
    ann.git("submodule", "--quiet", "update", "--init")
    bob.git("pull", "-q")
    bob.git("rm", "-q", "lib/inner")
    commit_all(bob)
    synced(bob)
    ann.add("once more")
    synced(ann)
    assert ann.git("status", "--porcelain", "--untracked-files=no") == ""
    assert (ann / "lib/inner/README.md").exists()


@pytest.mark.parametrize("cone", ["--cone", "--no-cone"])
def test_a_sparse_checkout(pair: tuple[World, World], cone: str) -> None:
    """B7: what others put outside of it stays outside."""
    ann, bob = pair
    ann.git("sparse-checkout", "set", cone, "src" if cone == "--cone" else "/src/")
    bob.commit({"data/table.csv": "1,2\n", "src/more.py": "print()\n"})
    replayed(ann, bob)
    assert not (ann / "data").exists()
    assert (ann / "src/more.py").exists()
    assert ann.git("ls-files", "-t", "data") == "S data/table.csv\n"
    ann.git("sparse-checkout", "disable")
    assert ann.git("status", "--porcelain") == ""
    assert same_files(ann, bob)


def test_sha256_repositories(tmp_path: Path) -> None:
    """W7, B7: object ids of either length."""
    for words in (["--bare", "hub.git"], ["first"]):
        World(tmp_path).git("init", "-q", "--object-format=sha256", *words)
    first, team = World(tmp_path / "first"), Team(tmp_path)
    first.git("commit", "-q", "--allow-empty", "-m", "first")
    first.git("remote", "add", "origin", team.hub.top)
    quick(first, "init")
    synced(first)
    ann, bob = team.clone("ann"), team.clone("bob")
    for each in (ann, bob):
        each.add(each.top.name, stage=each.top.name)
    bob.commit({"src/train.py": "print()\n"})
    synced(bob)
    assert synced(ann)["replayed"] == 1
    assert len(team.tags()) == 4
    assert ann.git("status", "--porcelain") == ""


def test_an_edit_within_the_second_is_seen(pair: tuple[World, World]) -> None:
    """W3, B7: the index keeps its time, or an edit of the same size straight after the last `git add` would be lost."""
    ann, bob = pair
    bob.commit({"other.txt": "by bob\n"})
    synced(bob)
    ann.add("by ann")
    ann.write("src/train.py", "aaaa\n")
    ann.git("add", "src/train.py")
    ann.write("src/train.py", "bbbb\n")
    synced(ann)
    assert ann.git("diff", "--name-only") == "src/train.py\n"
    assert ann.git("show", ":src/train.py") == "aaaa\n"
