"""`--branch NAME` and `--no-commit`: records for a pull request, or for a commit of the user's own (rule B5)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from teams import announcements, answer, head, names, quick, synced, tags
from worlds import World

REFS = [".git/refs", ".git/logs", ".git/objects", ".git/modelver", ".git/packed-refs", ".git/info/exclude"]


@pytest.fixture
def announced(make: Callable[..., World]) -> World:
    """Three versions, a label and four changes of a stage."""
    return make("announced")


def changed(world: World, base: str, branch: str) -> list[str]:
    """The paths in which two branches differ."""
    return world.git("diff", "--name-only", base, branch).split()


COMMANDS = {
    "add": ("add", "new.bin", "-n", "fraud", "--label", "2.0.0", "--stage", "staging"),
    "run": ("run", "-n", "fraud", "-o", "out.bin", "cp", "new.bin", "out.bin"),
    "tag": ("tag", "fraud", "3.0.0"),
    "tag --delete": ("tag", "--delete", "fraud@1.0.0"),
    "promote": ("promote", "fraud", "production"),
    "rollback": ("rollback", "fraud", "production"),
    "archive": ("archive", "fraud"),
    "note": ("note", "fraud", "--metric", "auc=0.5"),
    "lineage add": ("lineage", "add", "data", "s3://bucket/x"),
    "lineage link": ("lineage", "link", "fraud", "fraud~1"),
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_branch_is_written_and_nothing_else(announced: World, words: tuple[str, ...]) -> None:
    """B5: HEAD, index, work tree and main stay byte for byte; the branch is one commit of records ahead of HEAD."""
    announced.write("new.bin", "new weights")
    announced.write("out.bin", "new weights")
    announced.write("staged.txt", "staged\n")
    announced.git("add", "staged.txt")
    announced.write("src/train.py", "edited\n")
    before, main, known = announced.everything(but=REFS), head(announced), tags(announced)
    quick(announced, words[0], "--branch", "work", *words[1:])
    after = announced.everything(but=REFS)
    assert after == before
    assert head(announced) == head(announced, "main") == main
    assert head(announced, "work^") == main
    paths = changed(announced, "main", "work")
    assert paths
    assert all(path.startswith(".modelver/") for path in paths)
    assert announcements(tags(announced)) == announcements(known)
    assert head(announced, "work") in tags(announced).values() or words[0] not in ("add", "run")
    assert answer(announced, "verify")["problems"] == []
    announced.git("checkout", "-q", "work")
    assert answer(announced, "verify")["problems"] == []


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (("promote", "fraud", "production"), ("demote", "fraud", "production")),
        (("archive", "fraud@1.0.0"), ("archive", "--undo", "fraud@1.0.0")),
        (("lineage", "link", "fraud", "fraud~1"), ("lineage", "unlink", "fraud", "fraud~1")),
        (("tag", "fraud", "2.0.0"), ("note", "fraud@2.0.0", "-m", "read on that branch")),
    ],
)
def test_an_existing_branch_is_extended(announced: World, first: tuple[str, ...], words: tuple[str, ...]) -> None:
    """B5: references and stages are those of that branch, which need not contain HEAD."""
    quick(announced, *first, "--branch", "work")
    announced.commit({"other.txt": "work goes on"})
    main, tip = head(announced), head(announced, "work")
    quick(announced, *words, "--branch", "work")
    assert (head(announced), head(announced, "work^")) == (main, tip)
    assert announced.git("status", "--porcelain") == ""


def test_references_are_those_of_the_branch(fraud: World) -> None:
    """B5: a version that only the branch has is its newest one, here and there."""
    fraud.write("model.bin", "on work")
    new = answer(fraud, "add", "model.bin", "-n", "fraud", "--branch", "work")["version"]
    assert answer(fraud, "tag", "fraud", "1.0.0", "--branch", "work")["version"] == new
    assert answer(fraud, "tag", "fraud", "1.0.0")["version"] != new


def test_init_on_a_branch(plain: World) -> None:
    """B5: so that a registry, too, can come by a pull request."""
    before, main = plain.everything(but=REFS), head(plain)
    quick(plain, "init", "--branch", "registry")
    assert plain.everything(but=REFS) == before
    assert head(plain) == head(plain, "registry^") == main
    plain.write("model.bin", "weights")
    quick(plain, "add", "model.bin", code=3)
    quick(plain, "add", "model.bin", "--branch", "registry")
    assert plain.git("status", "--porcelain") == ""


def test_the_branch_that_is_checked_out(fraud: World) -> None:
    """B5: as without the option, index, work tree and announcement included."""
    done = answer(fraud, "promote", "fraud", "production", "--branch", "main")
    assert (done["tag"], done["pending"]) == ("fraud#production#1", False)
    assert fraud.git("status", "--porcelain") == ""
    fraud.assert_sound()


def test_the_registry_branch_from_another(fraud: World) -> None:
    """B3, B5: what is written to main is announced, wherever one stands."""
    fraud.git("checkout", "-q", "-b", "work")
    done = fraud.json("promote", "fraud", "production", "--branch", "main")
    assert (done["tag"], done["pending"]) == ("fraud#production#1", False)
    assert "fraud#production#1" in tags(fraud)
    assert head(fraud) == head(fraud, "main^")


def test_a_branch_of_another_work_tree(fraud: World, tmp_path: Path) -> None:
    """B5: exit 4 with the place where it can be written; its index would no longer fit its HEAD."""
    fraud.git("worktree", "add", "-q", "-b", "work", tmp_path / "a place")
    before = fraud.git("for-each-ref")
    err = quick(fraud, "promote", "fraud", "production", "--branch", "work", code=4).err
    assert f"work is checked out in {tmp_path}/a place" in err
    assert f"hint: modelver -C '{tmp_path}/a place' …" in err
    assert fraud.git("for-each-ref") == before


def test_a_branch_that_is_being_rebased(fraud: World, tmp_path: Path) -> None:
    """B5: exit 4; the rebase could not end over what was written meanwhile."""
    fraud.git("worktree", "add", "-q", "-b", "work", tmp_path / "linked")
    fraud.git("rebase", "-x", "false", "HEAD~1", at=tmp_path / "linked", code=1)
    assert "work is being rebased" in quick(fraud, "promote", "fraud", "production", "--branch", "work", code=4).err


@pytest.mark.parametrize(
    "name",
    [
        "-x",
        "a b",
        "HEAD",
        "FETCH_HEAD",
        "@",
        "a..b",
        "a\nb",
        "",
        "/a",
        "a/",
        "a.lock",
        "a~1",
        "a:b",
        "@{-1}",
        "refs/heads/x",
        "a\x1b[31m",
        "*",
    ],
)
def test_names_that_are_none(fraud: World, name: str) -> None:
    """B5: exit 2, nothing written, and nothing of it reaches a terminal raw."""
    before = fraud.git("for-each-ref")
    err = quick(fraud, "promote", "fraud", "production", f"--branch={name}", code=2).err
    assert "no name of a branch" in err
    assert "\x1b" not in err
    assert fraud.git("for-each-ref") == before


def test_a_name_that_has_no_room(fraud: World) -> None:
    """B5: exit 4 for a branch below or above another one, which Git cannot keep beside it."""
    fraud.git("branch", "team")
    fraud.git("branch", "one/two")
    words = ("promote", "fraud", "production", "--branch")
    err = quick(fraud, *words, "team/work", code=4).err
    assert "there is a branch team, so there" in err
    assert "hint: git branch -m team NEW" in err
    assert "there is a branch one/two, so there" in quick(fraud, *words, "one", code=4).err


def test_from_a_detached_head(fraud: World) -> None:
    """B5: the branch is made from it."""
    fraud.git("checkout", "-q", "--detach", "HEAD~1")
    quick(fraud, "promote", "fraud", "production", "--branch", "work")
    assert head(fraud, "work^") == head(fraud)
    fraud.git("symbolic-ref", "-q", "HEAD", code=1)


def test_before_the_first_commit(tmp_path: Path) -> None:
    """B5: `init` starts no branch beside the one that is yet unborn, because they would share no history."""
    World(tmp_path).git("init", "-q", "new")
    world = World(tmp_path / "new")
    refused = quick(world, "init", "--branch", "work", code=4)
    assert "there is no commit yet that work could start from" in refused.err
    assert "hint: or leave out --branch" in refused.err
    assert world.git("for-each-ref") == ""
    assert "a registry on branch main" in quick(world, "init", "--branch", "main").out
    assert world.git("rev-list", "--count", "main") == "1\n"


def test_where_nothing_is_to_be_written_no_branch_is_made(announced: World) -> None:
    """C2: and that is said, also with --json, since the next command may want the branch."""
    for words in (("tag", "fraud@1.0.0", "1.0.0"), ("init",), ("demote", "fraud", "production")):
        ran = quick(announced, "--json", *words, "--branch", "work")
        assert ran.err == "note: nothing was written, so work was not made\n"
    assert announced.git("branch", "--list", "work") == ""


def test_a_name_that_only_a_remote_has(fraud: World) -> None:
    """B5: a new branch starts from HEAD, as the option says; who expected the remote's is told."""
    fraud.git("remote", "add", "origin", "../hub")
    fraud.git("update-ref", "refs/remotes/origin/work", "HEAD~1")
    ran = quick(fraud, "promote", "fraud", "production", "--branch", "work")
    assert ran.err.count("note: work is new and starts from HEAD, not from origin/work\n") == 1
    assert head(fraud, "work^") == head(fraud)
    assert "not from" not in quick(fraud, "promote", "fraud", "staging", "--branch", "work").err


@pytest.mark.parametrize("name", ["origin/main", "remotes/origin/main"])
def test_the_name_of_a_remote_tracking_branch(fraud: World, name: str) -> None:
    """B5: exit 2 with the branch that is meant; a branch of that name could hardly be told from the remote's."""
    quick(fraud, "promote", "fraud", "production", "--branch", "origin/work")  # where no remote is called so
    fraud.git("remote", "add", "origin", "../hub")
    refused = quick(fraud, "promote", "fraud", "staging", "--branch", name, code=2)
    assert "the branch main of the remote origin" in refused.err
    assert "hint: --branch main\n" in refused.err
    quick(fraud, "promote", "fraud", "staging", "--branch", "origin/work")  # it is there


def test_the_file_stays_hidden(fraud: World) -> None:
    """B5, T1: also after a merge and a later `add` on main, which makes the lines anew."""
    fraud.write("models/new.bin", "on work")
    fraud.write("other.bin", "on another")
    quick(fraud, "add", "models/new.bin", "-n", "new", "--branch", "work")
    quick(fraud, "add", "other.bin", "-n", "other", "--branch", "other")
    assert fraud.git("status", "--porcelain") == ""
    fraud.git("merge", "-q", "other")
    fraud.add("a fourth")
    assert fraud.git("status", "--porcelain") == ""


def test_the_commit_msg_hook_sees_the_message(fraud: World) -> None:
    """W8, B5: with `commit: {hooks: true}`; no commit-msg hook's refusal leaves a branch behind."""
    fraud.commit({".modelver/config.yaml": "format: 1\nbranch: main\ncommit: {hooks: true}\n"})
    fraud.write(".git/hooks/commit-msg", "#!/bin/sh\necho no ticket; exit 1\n", mode=0o755)
    assert "no ticket" in quick(fraud, "promote", "fraud", "production", "--branch", "work", code=7).err
    assert fraud.git("branch", "--list", "work") == ""


def test_a_read_only_command_knows_no_branch(fraud: World) -> None:
    """B5: it is for writing; `--at` reads elsewhere."""
    quick(fraud, "show", "fraud", "--branch", "main", code=2)


# ---- --no-commit ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [w for k, w in COMMANDS.items() if k != "tag --delete"], ids=lambda words: words[0])
def test_records_wait_for_a_commit_of_the_users(announced: World, words: tuple[str, ...]) -> None:
    """B5: written and staged, no commit, no tag; after `git commit`, `sync` makes what is called for."""
    announced.write("new.bin", "new weights")
    announced.write("out.bin", "new weights")
    before = announced.git("for-each-ref")
    ran = quick(announced, "--json", words[0], "--no-commit", *words[1:])
    assert ran.json.get("pending", True) is True
    assert (ran.json.get("tag"), ran.json.get("commit")) == (None, None) or words[0] == "run"
    assert announced.git("for-each-ref") == before
    staged = announced.git("diff", "--cached", "--name-only").split()
    assert staged
    assert all(path.startswith(".modelver/") for path in staged)
    assert announced.git("diff-files", "--name-only") == ""
    announced.git("commit", "-q", "-m", "mine")
    made = names(synced(announced, push=False))
    assert bool(made) == (words[0] in ("add", "run", "tag", "promote", "rollback"))
    assert answer(announced, "verify")["missing_tags"] == []


def test_pending_is_said_to_people(fraud: World) -> None:
    """B5: with the command that makes the tags."""
    ran = quick(fraud, "promote", "fraud", "production", "--no-commit")
    assert "modelver sync" in ran.err
    fraud.git("commit", "-q", "-m", "with code of mine")
    assert quick(fraud, "sync").out.startswith("fraud#production#1")


def test_two_versions_wait_together(fraud: World) -> None:
    """B5, I2: their ids differ, and one commit brings both."""
    made = []
    for text in ("a fourth", "a fifth"):
        fraud.write("model.bin", text)
        made.append(answer(fraud, "add", "model.bin", "-n", "fraud", "--no-commit")["version"])
    fraud.git("commit", "-q", "-m", "both")
    assert set(names(synced(fraud, push=False))) == set(made)
    quick(fraud, "verify")


def test_a_second_change_of_what_waits(fraud: World) -> None:
    """B5: exit 4 with the command that takes the first one back; nothing is lost."""
    quick(fraud, "promote", "fraud", "production", "--no-commit")
    before = fraud.git("diff", "--cached")
    for more in ((), ("--no-commit",)):
        err = quick(fraud, "promote", "fraud~1", "production", *more, code=4).err
        assert "staged, but not committed" in err
        assert "hint: git restore --staged" in err
    assert fraud.git("diff", "--cached") == before


def test_undo_takes_nothing_from_under_what_waits(fraud: World) -> None:
    """B5, B8: exit 4 with the way out, and all is as it was."""
    with fraud.registry as registry:
        registry.tag("fraud", "1.0.0")
    quick(fraud, "promote", "fraud", "production", "--no-commit")
    assert "hint: git restore --staged" in quick(fraud, "undo", code=4).err
    assert fraud.git("diff", "--cached", "--name-only").split() == [".modelver/models/fraud/stages/production.yaml"]
    assert "fraud@v1.0.0" in tags(fraud)


def test_a_commit_of_ours_leaves_what_waits(fraud: World) -> None:
    """B5: another command's commit has its own record alone."""
    quick(fraud, "promote", "fraud", "production", "--no-commit")
    quick(fraud, "tag", "fraud", "1.0.0")
    assert fraud.git("show", "--name-only", "--format=").split() == [".modelver/models/fraud/tags/1.0.0.yaml"]
    assert fraud.git("diff", "--cached", "--name-only").split() == [".modelver/models/fraud/stages/production.yaml"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("promote", "fraud", "production", "--branch", "work", "--no-commit"), "give one of them"),
        (("tag", "--delete", "fraud@1.0.0", "--no-commit"), "leave out --no-commit"),
    ],
)
def test_what_makes_no_sense_together(announced: World, words: tuple[str, ...], message: str) -> None:
    """B5: exit 2, nothing written."""
    before = announced.git("for-each-ref")
    assert message in quick(announced, *words, code=2).err
    assert announced.git("for-each-ref") == before
    assert announced.git("status", "--porcelain") == ""


def test_init_waits_too(plain: World) -> None:
    """B5: the registry comes with a commit of the user's."""
    commit = head(plain)
    quick(plain, "init", "--no-commit")
    assert head(plain) == commit
    assert ".modelver/config.yaml" in plain.git("diff", "--cached", "--name-only").split()
    plain.git("commit", "-q", "-m", "start a registry")
    plain.write("model.bin", "weights")
    quick(plain, "add", "model.bin")
