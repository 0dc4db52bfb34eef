"""What the user has changed stays as it is, whatever modelver does (rule W7)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from worlds import World, contents, environment, program

USERS = (".", ":!/.modelver", ":!/model.bin", ":!/second.bin", ":!/out.bin")
"""What of the work tree is neither modelver's nor an artifact."""
OURS = (".git", ".modelver", "model.bin", "second.bin", "out.bin")

READING = [
    ("list",),
    ("list", "fraud"),
    ("list", "fraud", "--all"),
    ("show", "fraud"),
    ("status",),
    ("cat", "fraud~1"),
    ("path", "fraud~1"),
    ("verify",),
    ("verify", "--objects", "fraud"),
]

STAGING = [
    ("tag", "fraud~1", "1.0.0"),
    ("tag", "fraud", "--bump", "minor"),
    ("promote", "fraud~2", "production"),
    ("promote", "fraud~1", "production"),
    ("add", "second.bin", "-n", "fraud", "--label", "2.0.0", "--stage", "production"),
    ("rollback", "fraud", "production"),
    ("demote", "fraud", "production"),
    ("archive", "fraud"),
    ("archive", "--undo", "fraud@2.0.0"),
    ("tag", "--delete", "fraud@1.0.0"),
]
"""Each of them makes one commit, in this order."""


def changed(world: World) -> World:
    """A work tree with every kind of change that a user can have."""
    tracked = ("edited", "staged", "partly", "gone", "removed", "former name", "mode", "both ways")
    world.commit({f"{name}.txt": f"{name}\nline\nline\n" for name in tracked}, "to be changed")
    world.write("edited.txt", "edited\nnot staged\n")
    world.write("staged.txt", "staged\nfor the next commit\n")
    world.write("partly.txt", "partly\nstaged\n")
    world.write("both ways.txt", "staged\n")
    world.write("new.txt", "new and staged\n")
    world.git("add", "staged.txt", "partly.txt", "new.txt", "both ways.txt")
    world.write("partly.txt", "partly\nstaged\nand more that is not\n")
    world.write("both ways.txt", "both ways\nline\nline\n")
    world.write("intended.txt", "added with -N\n")
    world.write("nothing yet.txt")
    world.git("add", "-N", "intended.txt", "nothing yet.txt")
    (world / "gone.txt").unlink()
    world.git("rm", "-q", "removed.txt")
    world.git("mv", "former name.txt", "new name.txt")
    (world / "mode.txt").chmod(0o755)
    world.write("untracked.txt", "untracked\n")
    world.write("folder/unträcked\n.txt", "untracked\n")
    return world


def merging(world: World) -> World:
    """The same in the middle of a merge with a conflict."""
    world.commit({"conflict.txt": "base\n", "merged.txt": "base\n"}, "base")
    world.git("checkout", "-q", "-b", "side")
    world.commit({"conflict.txt": "theirs\n", "merged.txt": "theirs\n"}, "theirs")
    world.git("checkout", "-q", "main")
    world.commit({"conflict.txt": "ours\n", "other.txt": "ours\n"}, "ours")
    world.git("merge", "-q", "side", code=1)
    assert world.git("ls-files", "-u").count("conflict.txt") == 3
    world.write("edited.txt", "edited\n")
    world.git("add", "-N", "edited.txt")
    world.write("other.txt", "ours, staged\n")
    world.git("add", "other.txt")
    world.write("other.txt", "ours, staged, edited\n")
    world.write("untracked.txt", "untracked\n")
    return world


def mine(world: World) -> tuple[object, ...]:
    """All that is the user's: what Git says of the work tree and the index, and the bytes."""
    return (
        world.git("status", "--porcelain=v2", "-uall", "--", *USERS),
        world.git("diff", "--", *USERS),
        world.git("diff", "--cached", "--", *USERS),
        world.git("ls-files", "--stage", "--debug", "-t", "--", *USERS),
        {name: contents(world.top / ".git").get(name) for name in ("MERGE_HEAD", "MERGE_MSG", "ORIG_HEAD", "config")},
        contents(world.top, but=OURS),
    )


STATES = pytest.mark.parametrize("state", [changed, merging])


@STATES
def test_init_and_add_leave_the_users_changes(plain: World, state: Callable[[World], World]) -> None:
    """W7: after `init` and each `add` Git says of the user's files, byte for byte, what it said before."""
    world = state(plain)
    before = mine(world)
    world.cli("init")
    assert mine(world) == before
    for name in ("model.bin", "second.bin", "model.bin"):
        world.write(name, f"weights of {name} {world.git('rev-parse', 'HEAD')}")
        world.cli("add", name, "-n", "fraud")
        assert mine(world) == before
    assert world.git("status", "--porcelain=v2", "--", ".modelver") == ""
    world.assert_sound()


@STATES
def test_labels_and_stages_leave_the_users_changes(fraud: World, state: Callable[[World], World]) -> None:
    """W7: the same after every command of labels and stages, and none of them commits anything but records."""
    world = state(fraud)
    world.write("second.bin", "second")
    start, before = world.git("rev-parse", "HEAD").strip(), mine(world)
    for words in STAGING:
        world.cli(*words)
        assert mine(world) == before, words
    assert world.git("status", "--porcelain=v2", "--", ".modelver") == ""
    assert world.git("rev-list", "--count", f"{start}..HEAD") == f"{len(STAGING)}\n"
    names = world.git("log", "--format=", "--name-only", f"{start}..HEAD").splitlines()
    assert len(names) == len(STAGING) + 2
    assert all(name.startswith(".modelver/models/fraud/") for name in names)
    world.assert_sound()


@STATES
def test_whole_status_differs_only_by_the_artifact(world: World, state: Callable[[World], World]) -> None:
    """W7, T1: of the whole of `git status --porcelain=v2 --ignored` one line changes: `?` becomes `!`."""
    state(world).write("model.bin", "weights")
    status = ("status", "--porcelain=v2", "-uall", "--ignored")
    before = world.git(*status)
    diffs = world.git("diff"), world.git("diff", "--cached")
    world.cli("add", "model.bin")
    assert "? model.bin\n" in before
    assert sorted(world.git(*status).splitlines()) == sorted(
        before.replace("? model.bin\n", "! model.bin\n").splitlines()
    )
    assert (world.git("diff"), world.git("diff", "--cached")) == diffs


@STATES
def test_checkout_and_repair_leave_the_users_changes(fraud: World, state: Callable[[World], World]) -> None:
    """W7: commands that write into the work tree touch nothing but the artifact."""
    world = state(fraud)
    before = mine(world), (world / ".git/index").read_bytes(), world.git("rev-parse", "HEAD")
    (world / "model.bin").unlink()
    for words in (("checkout", "fraud"), ("checkout", "fraud~1", "-o", "out.bin"), ("verify", "--repair")):
        world.cli(*words)
        assert (mine(world), (world / ".git/index").read_bytes(), world.git("rev-parse", "HEAD")) == before
    assert (world / "model.bin").read_text() == "fraud 3"


@STATES
def test_reading_changes_nothing(fraud: World, state: Callable[[World], World]) -> None:
    """W7, S1: commands that read leave every file of work tree and Git directory alone, but for their cache."""
    world = state(fraud)
    (world / ".modelver/objects").unlink()
    cache = (".git/modelver/cache",)
    before = mine(world), world.everything(but=cache)
    for words in READING:
        world.cli(*words)
        assert (mine(world), world.everything(but=cache)) == before, words


def test_the_merge_that_was_in_progress_can_be_committed(world: World) -> None:
    """W7: after an `add` in the middle of it the user's merge has its two parents and the record."""
    merging(world).write("model.bin", "weights")
    added = world.json("add", "model.bin")
    world.git("add", "-A")
    world.git("commit", "-q", "-m", "merged")
    parents = world.git("rev-list", "--parents", "-1", "HEAD").split()[1:]
    assert parents == [added["commit"], world.git("rev-parse", "side").strip()]
    assert world.json("show", "model")["version"] == added["version"]
    world.assert_sound()


def test_a_commit_of_ours_holds_nothing_of_the_user(plain: World) -> None:
    """W7: what is staged is in no commit of modelver's: `init` and `add` change files below .modelver alone."""
    world = changed(plain)
    start = world.git("rev-parse", "HEAD").strip()
    world.cli("init")
    world.write("model.bin", "weights")
    world.cli("add", "model.bin")
    names = world.git("diff", "--name-only", start, "HEAD").splitlines()
    assert len(names) == 4
    assert all(name.startswith(".modelver/") for name in names)


def test_a_failed_add_leaves_everything(fraud: World) -> None:
    """W7: a refused `add` leaves index, refs and files as they were, byte for byte."""
    world = changed(fraud)
    kept = (".git/modelver/cache", ".git/modelver/lock", ".git/modelver/objects")
    before = mine(world), world.everything(but=kept)
    world.cli("add", "staged.txt", "-n", "fraud", code=4)
    world.cli("add", "absent.bin", "-n", "fraud", code=2)
    world.cli("add", "untracked.txt", "-n", "fraud", "--metric", "auc=high", code=2)
    world.cli("add", "untracked.txt", "-n", "fraud", "--parent", "nobody", code=3)
    world.cli("add", "untracked.txt", "-n", "fraud", "--label", "1.0.0", "--stage", "Not A Stage", code=2)
    world.cli("tag", "fraud", "not a label", code=2)
    world.cli("tag", "--delete", "fraud@1.0.0", code=3)
    world.cli("promote", "fraud", "not a stage", code=2)
    world.cli("rollback", "fraud", "production", code=3)
    world.cli("demote", "fraud", "production", code=3)
    world.cli("archive", "fraud@9.9.9", code=3)
    assert (mine(world), world.everything(but=kept)) == before


def test_below_a_commit_with_an_index_of_its_own_nothing_is_written(fraud: World, tmp_path: Path) -> None:
    """W7: `git commit -a` gives its hooks an index that replaces the other: there `add` is exit 4, reading goes on."""
    hook = f"#!/bin/sh\n{' '.join(program())} add second.bin -n fraud 2>'{tmp_path}/err'\necho $? >'{tmp_path}/code'\n"
    fraud.write(".git/hooks/pre-commit", hook + f"{' '.join(program())} list >'{tmp_path}/list'\n", mode=0o755)
    fraud.write("second.bin", "second")
    fraud.write("README.md", "changed\n")
    subprocess.run(["git", "commit", "-q", "-a", "-m", "mine"], cwd=fraud.top, env=environment(), check=True)
    assert (tmp_path / "code").read_text() == "4\n"
    assert "git commit" in (tmp_path / "err").read_text()
    assert "fraud" in (tmp_path / "list").read_text()
    assert fraud.git("show", "--name-only", "--format=") == "README.md\n"
    assert fraud.git("status", "--porcelain") == "?? second.bin\n"
    fraud.cli("add", "second.bin", "-n", "fraud")
    fraud.assert_sound()
