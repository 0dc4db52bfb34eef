"""The Git hooks by themselves: put in place, taken away, what they refuse, let pass, and do after Git's own work."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from worlds import World, environment, sha256

import modelver

NAMES = ("pre-commit", "post-commit", "post-merge", "post-checkout")
MODEL = b"GGUF" + bytes(11_000_000)
"""A model file over the limit that holds where nothing is configured."""


@pytest.fixture(autouse=True)
def _modelver_for_hooks(python: Path) -> None:
    """Let the interpreter that a hook starts find this project."""


def git(
    world: World, *words: str | Path, at: Path | None = None, code: int | None = 0
) -> subprocess.CompletedProcess[str]:
    """Run Git as a person does, with hooks; what it printed is read on standard error, where hooks print."""
    done = subprocess.run(
        ["git", *map(str, words)], cwd=at or world.top, env=environment(), capture_output=True, text=True, check=False
    )
    assert code is None or done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def commit(world: World, *words: str | Path, code: int = 0, at: Path | None = None) -> str:
    """Commit; what was printed on standard error."""
    return git(world, "commit", "-q", "-m", "by hand", *words, code=code, at=at).stderr


@pytest.fixture
def hooked(fraud: World) -> World:
    """Three versions of a model, and the hooks."""
    fraud.cli("hooks", "install")
    return fraud


# ---- put in place and taken away -----------------------------------------------------------------------------------


def test_hooks_are_put_in_place_and_taken_away_without_a_trace(fraud: World) -> None:
    """`uninstall` leaves every file, mode and directory as it was before `install`, also the missing directory."""
    before = fraud.everything()
    placed = fraud.json("hooks", "install")
    assert placed == {
        "op": "install",
        "directory": str(fraud / ".git/hooks"),
        "changed": True,
        "hooks": [{"name": name, "chained": False} for name in NAMES],
    }
    assert all(os.access(fraud / ".git/hooks" / name, os.X_OK) for name in NAMES)
    removed = fraud.json("hooks", "uninstall")
    assert removed == {"op": "uninstall", "directory": str(fraud / ".git/hooks"), "hooks": list(NAMES)}
    assert fraud.everything(but=[".git/modelver/lock"]) == {
        path: content for path, content in before.items() if path != ".git/modelver/lock"
    }


def test_an_empty_directory_of_hooks_stays(fraud: World) -> None:
    """A directory that was there before the hooks is there after them."""
    (fraud / ".git/hooks").mkdir()
    fraud.cli("hooks", "install")
    fraud.cli("hooks", "uninstall")
    assert list((fraud / ".git/hooks").iterdir()) == []


def test_a_second_install_changes_nothing(fraud: World) -> None:
    """Hooks that stand are left as they are, and no hook is chained with itself."""
    fraud.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 0\n", mode=0o755)
    fraud.cli("hooks", "install")
    before = fraud.everything()
    again = fraud.json("hooks", "install")
    assert (again["changed"], again["hooks"][0]) == (False, {"name": "pre-commit", "chained": True})
    assert fraud.everything(but=[".git/modelver/lock"]) == {
        path: content for path, content in before.items() if path != ".git/modelver/lock"
    }


def test_uninstall_without_hooks_does_nothing(fraud: World) -> None:
    """There is nothing to take away, and that is no error."""
    before = fraud.everything(but=[".git/modelver/lock"])
    assert "no hooks" in fraud.cli("hooks", "uninstall").out
    assert fraud.everything(but=[".git/modelver/lock"]) == before


def test_init_puts_the_hooks_in_place(plain: World) -> None:
    """`init --hooks` is `init` and `hooks install`; run again it changes nothing."""
    document = plain.json("init", "--hooks")
    assert [each["name"] for each in document["hooks"]["hooks"]] == list(NAMES)
    assert plain.json("init", "--hooks")["hooks"]["changed"] is False
    assert plain.json("init")["hooks"] is None


def test_a_repository_without_a_registry_gets_no_hooks(plain: World) -> None:
    """The error names the command that makes both."""
    error = plain.cli("--json", "hooks", "install", code=3).error
    assert error["hint"] == "modelver init"
    assert not (plain / ".git/hooks").exists()


def test_a_failure_half_way_leaves_all_as_it_was(fraud: World) -> None:
    """All hooks are put in place or none: a directory that cannot be replaced stops the last one."""
    fraud.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 0\n", mode=0o755)
    fraud.write(".git/hooks/post-checkout.modelver-draft/in-the-way")
    before = fraud.everything(but=[".git/modelver/lock"])
    fraud.cli("hooks", "install", code=7)
    assert fraud.everything(but=[".git/modelver/lock"]) == before


def test_other_words_are_explained(fraud: World) -> None:
    """What `hooks` takes is said where it is given something else."""
    assert "modelver hooks install" in fraud.cli("hooks", "instal", code=2).err
    assert "post-merge" in fraud.cli("hooks", "run", "pre-rebase", code=2).err


def test_the_python_api_has_the_same(fraud: World) -> None:
    """`hooks_install` and `hooks_uninstall` are the commands."""
    with modelver.open(fraud.top) as registry:
        assert [hook.name for hook in registry.hooks_install().hooks] == list(NAMES)
        assert registry.hooks_uninstall().hooks == NAMES


# ---- what pre-commit refuses ---------------------------------------------------------------------------------------


def test_bytes_of_a_registered_artifact_are_refused_under_any_name(hooked: World) -> None:
    """The refusal names the file, the version and the command that takes the file out; the commit is not made."""
    version = hooked.json("show", "fraud")["version"]
    head = hooked.git("rev-parse", "HEAD")
    shutil.copy(hooked / "model.bin", hooked / "my copy.txt")
    hooked.git("add", "my copy.txt")
    said = commit(hooked, code=1)
    assert f"my copy.txt  7 B  has the bytes of fraud {version}" in said
    assert "hint: git rm --cached -- 'my copy.txt'" in said
    assert "modelver add" not in said
    assert hooked.git("rev-parse", "HEAD") == head
    hooked.git("rm", "-q", "--cached", "--", "my copy.txt")
    commit(hooked, "--allow-empty")


def test_every_way_to_commit_is_checked(hooked: World) -> None:
    """`commit`, `commit -a`, `commit PATH` and `commit --amend` have indexes of their own, and all are looked at."""
    hooked.commit({"notes.txt": "notes"})
    hooked.write("notes.txt", (hooked / "model.bin").read_bytes())
    assert "has the bytes of fraud" in commit(hooked, "-a", code=1)
    assert "has the bytes of fraud" in commit(hooked, "notes.txt", code=1)
    hooked.git("add", "notes.txt")
    assert "has the bytes of fraud" in commit(hooked, code=1)
    assert "has the bytes of fraud" in commit(hooked, "--amend", code=1)
    commit(hooked, "--no-verify")


def test_what_is_not_in_the_commit_is_not_looked_at(hooked: World) -> None:
    """`commit PATH` leaves what else is staged out, and so does its check."""
    shutil.copy(hooked / "model.bin", hooked / "copy.bin")
    hooked.git("add", "copy.bin")
    hooked.commit({"notes.txt": "notes"})
    hooked.write("notes.txt", "more notes")
    commit(hooked, "notes.txt")
    commit(hooked, code=1)


def test_a_model_file_over_the_limit_is_refused_and_other_large_files_are_not(hooked: World) -> None:
    """Format or suffix tell a model file; a table of the same size passes."""
    hooked.write("net", MODEL)
    hooked.write("weights.pt", bytes(10_000_001))
    hooked.write("table.csv", b"1,2\n" * 3_000_000)
    hooked.git("add", "net", "weights.pt", "table.csv")
    said = commit(hooked, code=1)
    assert "net  11.0 MB  is a model file (gguf) over the limit of 10.0 MB" in said
    assert "weights.pt  10.0 MB  is a model file (.pt)" in said
    assert "hint: modelver add net" in said
    assert "table.csv" not in said
    hooked.git("rm", "-q", "--cached", "net", "weights.pt")
    commit(hooked)


@pytest.mark.parametrize(("limit", "code"), [("1kB", 1), ("2 KiB", 0), ("1024", 1), ("20MB", 0)])
def test_the_limit_is_configured(hooked: World, limit: str, code: int) -> None:
    """`hooks: {max_size: …}` counts as it is at HEAD."""
    hooked.commit({".modelver/config.yaml": f"format: 1\nbranch: main\nhooks: {{max_size: {limit}}}\n"})
    hooked.write("small.onnx", b"\x08" * 1500)
    hooked.git("add", "small.onnx")
    commit(hooked, code=code)


def test_a_damaged_configuration_is_told_and_the_limit_is_the_usual_one(hooked: World) -> None:
    """What nobody can read must not stop a commit, nor switch the check off."""
    hooked.commit({".modelver/config.yaml": "format: 1\nhooks: {max_size: much}\n"})
    hooked.write("small.onnx", b"\x08" * 1500)
    hooked.git("add", "small.onnx")
    assert "expected a size like 10MB" in commit(hooked)
    hooked.write("net", MODEL)
    hooked.git("add", "net")
    commit(hooked, code=1)


def test_a_file_that_git_tracks_where_it_was_registered_passes(hooked: World) -> None:
    """`add --allow-tracked` is a choice; elsewhere the same bytes are refused."""
    hooked.commit({"tracked.bin": "tracked 1"})
    hooked.write("tracked.bin", "tracked 2")
    hooked.cli("add", "--allow-tracked", "tracked.bin", "-n", "tracked")
    commit(hooked, "tracked.bin")
    hooked.commit({"other.bin": "something"})
    hooked.write("other.bin", "tracked 2")
    assert "has the bytes of tracked" in commit(hooked, "other.bin", code=1)


def test_files_below_a_directory_artifact_are_refused(hooked: World) -> None:
    """Its members are objects, so the path tells, by the list of what is hidden from Git."""
    hooked.write("out/a b/weights.txt", "1")
    hooked.cli("add", "out", "-n", "big")
    hooked.git("add", "-f", "out/a b/weights.txt")
    assert "out/a b/weights.txt  1 B  lies in out, a registered artifact" in commit(hooked, code=1)


def test_a_version_that_only_its_tag_knows_is_found(hooked: World) -> None:
    """Large bytes registered on another branch are refused on one that has no record of them."""
    hooked.git("checkout", "-q", "-b", "side")
    hooked.add(bytes(2_000_000), "other", "other.bin")
    hooked.git("checkout", "-q", "main")
    hooked.git("add", "-f", "other.bin")
    assert "has the bytes of other v" in commit(hooked, code=1)


def test_an_unborn_branch_is_checked_and_can_be_begun(hooked: World) -> None:
    """Without a commit the whole index is what the next one takes in."""
    hooked.git("checkout", "-q", "--orphan", "new")
    shutil.copy(hooked / "model.bin", hooked / "copy.bin")
    hooked.git("add", "copy.bin")
    assert "copy.bin" in commit(hooked, code=1)
    hooked.git("rm", "-q", "--cached", "copy.bin")
    commit(hooked)


def test_what_a_merge_brings_is_no_new_file(hooked: World) -> None:
    """A file that the other side has committed already is in the history, whatever the hook says of it."""
    hooked.git("checkout", "-q", "-b", "side")
    hooked.write("net", MODEL)
    hooked.git("add", "net")
    commit(hooked, "--no-verify")
    hooked.commit({"notes.txt": "theirs"})
    hooked.git("checkout", "-q", "main")
    hooked.commit({"notes.txt": "ours"})
    git(hooked, "merge", "-q", "side", code=1)
    hooked.write("notes.txt", "both")
    hooked.git("add", "notes.txt")
    commit(hooked)
    assert len(hooked.git("rev-list", "--parents", "-1", "HEAD").split()) == 3


def test_a_new_large_file_in_a_merge_is_refused(hooked: World) -> None:
    """What is on neither side is new."""
    hooked.git("checkout", "-q", "-b", "side")
    hooked.commit({"notes.txt": "theirs"})
    hooked.git("checkout", "-q", "main")
    hooked.commit({"notes.txt": "ours"})
    git(hooked, "merge", "-q", "side", code=1)
    hooked.write("notes.txt", "both")
    hooked.write("net", MODEL)
    hooked.git("add", "notes.txt", "net")
    commit(hooked, code=1)


@pytest.mark.parametrize("name", ["a b.bin", "-rf", "it's", "a\nb", "\x1b[31m", "caf\udce9", "é"])
def test_odd_names_are_shown_safely_and_the_command_works_as_it_is_shown(hooked: World, name: str) -> None:
    """The line that takes the file out of the commit does so in bash when it is copied."""
    shutil.copy(hooked / "model.bin", os.fsencode(hooked.top) + b"/" + os.fsencode(name))
    hooked.git("add", ".")
    said = commit(hooked, code=1)
    assert not re.search("[\x00-\x09\x0b-\x1f]", said)
    command = re.search(r"^hint: (git rm .*)$", said, re.MULTILINE)
    assert command
    subprocess.run(["bash", "-c", command[1]], cwd=hooked.top, check=True, capture_output=True)
    assert hooked.git("diff", "--cached", "--name-only") == ""


def test_paths_are_shown_from_where_the_person_stands(hooked: World) -> None:
    """Below the top, the command is one to copy there."""
    shutil.copy(hooked / "model.bin", hooked / "src/copy.bin")
    hooked.git("add", "src/copy.bin")
    assert "hint: git rm --cached -- copy.bin" in commit(hooked, code=1, at=hooked / "src")


def test_empty_files_links_and_records_pass(hooked: World) -> None:
    """An artifact without bytes makes no other empty file one; a link is no file; records are ours."""
    hooked.write("nothing.bin", b"")
    hooked.cli("add", "nothing.bin", "-n", "nothing")
    hooked.write("src/__init__.py", b"")
    (hooked / "link").symlink_to("model.bin")
    hooked.git("add", "src/__init__.py", "link")
    commit(hooked)


def test_a_repository_where_modelver_was_never_used_is_left_alone(plain: World) -> None:
    """A hook in a directory that many repositories share is no business of theirs."""
    plain.write("net", MODEL)
    plain.git("add", "net")
    assert plain.json("hooks", "run", "pre-commit")["refused"] == []


def test_named_files_are_checked_as_they_are_in_the_index(fraud: World) -> None:
    """`hooks run pre-commit FILE` is for other tools: it exits with 4, and its document lists the files."""
    fraud.write("net", MODEL)
    fraud.write("copy.bin", "fraud 2")
    error = fraud.cli("--json", "hooks", "run", "pre-commit", "net", "copy.bin", "README.md", code=3).error
    assert error["message"] == "not in the index: net, copy.bin"
    (fraud / "link").symlink_to("net")
    fraud.git("add", "link")
    assert fraud.json("hooks", "run", "pre-commit", "link", "README.md")["refused"] == []
    fraud.git("rm", "-q", "--cached", "link")
    fraud.git("add", "net", "copy.bin")
    commit(fraud)
    document = fraud.json("hooks", "run", "pre-commit", "net", "copy.bin", "README.md", code=4)
    assert [(each["path"], each["registered"]) for each in document["refused"]] == [("copy.bin", True), ("net", False)]
    assert "is a model file" in fraud.cli("hooks", "run", "pre-commit", "net", code=4).err
    assert (
        "--cached -- ../copy.bin"
        in fraud.cli("hooks", "run", "pre-commit", "../copy.bin", at=fraud / "src", code=4).err
    )
    assert "not in a Git repository" in fraud.cli("hooks", "run", "pre-commit", at=fraud.top.parent, code=3).err


def damage(world: World, content: bytes) -> str:
    """Commit something else in the place of the newest version's record; its path."""
    version = world.json("show", "fraud")["version"]
    path = next(path for path in world.git("ls-files", ".modelver/models").split() if f"/{version}.yaml" in path)
    world.commit({path: content})
    return path


@pytest.mark.parametrize(
    ("content", "said"), [(b"format: 1\nmodel: [\n", ":"), (b"#" * 300_000, ": it has over 262144 bytes\n")]
)
def test_a_record_that_cannot_be_read_is_told_once(fraud: World, content: bytes, said: str) -> None:
    """Its path stands there once; one that is too large is not read."""
    shutil.copy(fraud / "model.bin", fraud / "copy.bin")
    path = damage(fraud, content)
    fraud.cli("hooks", "install")
    fraud.git("add", "copy.bin")
    told = commit(fraud).splitlines()[0] + "\n"
    assert told.startswith(f"modelver: a record cannot be read: {path}{said}")
    assert told.count(path) == 1


def test_many_files_are_read_in_one_go(hooked: World) -> None:
    """The answers are for the files that were asked for, however many and large they are."""
    for number in range(450):
        hooked.write(f"data/{number:03}", f"row {number}\n" * (20_000 if number % 100 == 7 else 1))
    hooked.write("data/201", "fraud 1")
    hooked.write("data/449", "fraud 2")
    hooked.write("net", MODEL)
    hooked.git("add", "data", "net")
    refused = hooked.json("hooks", "run", "pre-commit", code=4)["refused"]
    assert [each["path"] for each in refused] == ["data/201", "data/449", "net"]
    damage(hooked, b"format: 1\nmodel: [\n")  # a record that does not tell the size of its artifact hides no other
    again = hooked.json("hooks", "run", "pre-commit", code=4)["refused"]
    assert [each["path"] for each in again] == ["data/201", "data/449", "net"]


def test_before_a_push_a_registry_is_verified_where_there_is_one(fraud: World) -> None:
    """The pre-commit framework asks so: a branch from before the registry passes, a damaged record does not."""
    fraud.cli("hooks", "run", "pre-push", "-q")
    assert fraud.json("hooks", "run", "pre-push") == fraud.json("verify")
    damage(fraud, b"format: 1\nmodel: [\n")
    fraud.cli("hooks", "run", "pre-push", "-q", code=5)
    fraud.git("checkout", "-q", fraud.git("rev-list", "--max-parents=0", "HEAD").strip())
    assert fraud.cli("hooks", "run", "pre-push", "-q").err == ""
    fraud.cli("hooks", "run", "pre-push", at=fraud.top.parent, code=3)


@pytest.mark.parametrize("word", ["install", "uninstall"])
def test_two_that_change_the_hooks_wait_for_each_other(fraud: World, word: str) -> None:
    """Both take the lock of the registry."""
    fraud.cli("hooks", "install")
    with (fraud / ".git/modelver/lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "is locked" in fraud.cli("--lock-timeout", "0", "hooks", word, code=4).err


@pytest.mark.parametrize("place", ["it's a repo", "linked", "sub"])
def test_odd_places(make: Callable[..., World], place: str, tmp_path: Path) -> None:
    """The hooks work in a path with spaces and quotes, in a linked work tree, and by `git -C` from elsewhere."""
    world = make("fraud", place)
    world.cli("hooks", "install")
    at = world.top
    if place == "linked":
        at = tmp_path / "tree"
        world.git("worktree", "add", "-q", at)
    shutil.copy(world / "model.bin", at / "copy.bin")
    git(world, "-C", at, "add", "copy.bin", at=tmp_path)
    said = git(world, "-C", at, "commit", "-m", "x", at=tmp_path, code=1).stderr
    assert "has the bytes of fraud" in said


def test_hooks_of_a_bare_repository_serve_its_work_trees(fraud: World, tmp_path: Path) -> None:
    """Some keep a bare repository and work in linked work trees alone."""
    fraud.git("clone", "-q", "--bare", fraud.top, tmp_path / "bare.git")
    fraud.cli("hooks", "install", at=tmp_path / "bare.git")
    fraud.git("worktree", "add", "-q", tmp_path / "tree", "main", at=tmp_path / "bare.git")
    shutil.copy(fraud / "model.bin", tmp_path / "tree/copy.bin")
    git(fraud, "add", "copy.bin", at=tmp_path / "tree")
    assert "has the bytes of fraud" in commit(fraud, at=tmp_path / "tree", code=1)


# ---- after Git's own work ------------------------------------------------------------------------------------------


def test_a_commit_with_records_makes_their_tags(hooked: World) -> None:
    """What `add --no-commit` left to the user's own commit gets its tag there, and the line tells."""
    hooked.write("model.bin", "fraud 4")
    version = hooked.json("add", "model.bin", "--no-commit")["version"]
    assert version not in hooked.git("tag")
    assert commit(hooked) == f"modelver: made the tag {version}\n"
    assert hooked.git("rev-parse", f"{version}^{{commit}}") == hooked.git("rev-parse", "HEAD")
    assert commit(hooked, "--amend") == ""
    assert commit(hooked, "--allow-empty") == ""


def test_a_merge_makes_the_tags_that_wait_for_it(hooked: World) -> None:
    """A label from another branch is announced when the registry's branch gets it, also by a fast-forward."""
    hooked.git("checkout", "-q", "-b", "side")
    hooked.cli("tag", "fraud", "1.0.0")
    hooked.git("checkout", "-q", "main")
    assert git(hooked, "merge", "-q", "side").stderr == "modelver: made the tag fraud@v1.0.0\n"
    hooked.git("checkout", "-q", "side")
    hooked.cli("promote", "fraud", "production")
    hooked.git("checkout", "-q", "main")
    assert "fraud#production#1" in git(hooked, "merge", "-q", "--no-ff", "-m", "merge", "side").stderr
    hooked.assert_sound()


def test_records_that_a_remote_has_are_not_announced_again(hooked: World, tmp_path: Path) -> None:
    """A clone without tags makes none: whoever pushed the record makes its tags."""
    hooked.git("clone", "-q", "--no-tags", hooked.top, tmp_path / "clone")
    clone = World(tmp_path / "clone")
    clone.cli("hooks", "install")
    hooked.add("fraud 4")
    git(clone, "pull", "-q", "--ff-only", "--no-tags")
    assert clone.git("tag") == ""


def test_a_lock_of_somebody_else_is_not_waited_for_long(hooked: World) -> None:
    """The commit stands, and the line names the command that makes up for it."""
    version = hooked.json("add", hooked.write("new.bin", "new"), "--no-commit", "-n", "new")["version"]
    with (hooked / ".git/modelver/lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            ["git", "commit", "-q", "-m", "x"],
            cwd=hooked.top,
            env=environment({"MODELVER_LOCK_TIMEOUT": "0"}),
            capture_output=True,
            text=True,
            check=True,
        )
    assert re.fullmatch(r"modelver: no tags were made: .* is locked by .*; then: modelver sync\n", done.stderr)
    hooked.cli("sync")
    assert version in hooked.git("tag")


def test_a_merge_that_brings_a_newer_version_names_the_stale_file(hooked: World, tmp_path: Path) -> None:
    """The line ends in the command that brings the newer bytes; without new versions nothing is said."""
    hooked.git("clone", "-q", hooked.top, tmp_path / "clone")
    clone = World(tmp_path / "clone")
    clone.git("config", "pull.rebase", "false")
    clone.write("model.bin", "fraud 3")
    clone.cli("hooks", "install")
    newest = hooked.add("fraud 4").version
    said = git(clone, "pull", "-q").stderr
    assert re.search(rf"^modelver: model.bin is fraud v\w+; newer is: modelver checkout {newest}$", said, re.MULTILINE)
    hooked.commit({"notes.txt": "notes"})
    assert git(clone, "pull", "-q").stderr == ""


def test_changed_bytes_are_not_called_stale(hooked: World, tmp_path: Path) -> None:
    """What belongs to no version is the user's work in progress."""
    hooked.git("clone", "-q", hooked.top, tmp_path / "clone")
    clone = World(tmp_path / "clone")
    clone.write("model.bin", "fraud X")
    clone.cli("hooks", "install")
    hooked.add("fraud 4")
    assert "newer" not in git(clone, "pull", "-q", "--ff-only").stderr


def test_a_change_of_branches_renews_the_list_of_what_is_hidden(hooked: World, tmp_path: Path) -> None:
    """Artifacts of a branch that somebody else made are not offered by Git as soon as it is checked out."""
    hooked.git("clone", "-q", hooked.top, tmp_path / "clone")
    hooked.git("checkout", "-q", "-b", "side")
    hooked.add("other", "other", "other.bin")
    clone = World(tmp_path / "clone")
    clone.cli("hooks", "install")
    clone.write("other.bin", "other")
    git(clone, "fetch", "-q")
    assert "other.bin" in clone.git("status", "--porcelain")
    assert git(clone, "checkout", "-q", "side").stderr == ""
    assert clone.git("status", "--porcelain") == ""


def test_a_change_of_branches_puts_artifacts_in_place_where_that_is_configured(hooked: World) -> None:
    """With `hooks: {checkout: true}`; bytes that are of no registered version stay (rule T3), and that is said."""
    hooked.commit({".modelver/config.yaml": "format: 1\nbranch: main\nhooks: {checkout: true}\n"})
    hooked.git("checkout", "-q", "-b", "side")
    newest = hooked.add("fraud 4").version
    said = git(hooked, "checkout", "-q", "main").stderr
    assert "modelver: model.bin is fraud v" in said
    assert (hooked / "model.bin").read_text() == "fraud 3"
    assert f"model.bin is fraud {newest} now" in git(hooked, "checkout", "-q", "side").stderr
    assert (hooked / "model.bin").read_text() == "fraud 4"
    hooked.write("model.bin", "mine")
    assert "model.bin was left as it is" in git(hooked, "checkout", "-q", "main").stderr
    assert (hooked / "model.bin").read_text() == "mine"


def test_a_change_of_branches_leaves_artifacts_alone_by_default(hooked: World) -> None:
    """Bytes move only where the team decided so."""
    hooked.git("checkout", "-q", "-b", "side")
    hooked.add("fraud 4")
    assert git(hooked, "checkout", "-q", "main").stderr == ""
    assert (hooked / "model.bin").read_text() == "fraud 4"


def test_a_rebase_and_a_cherry_pick_are_not_disturbed(hooked: World) -> None:
    """Commits with records are made anew without a word, and without tags on commits that are on their way."""
    hooked.git("checkout", "-q", "-b", "side")
    hooked.add("other", "other", "other.bin")
    hooked.git("checkout", "-q", "main")
    hooked.commit({"notes.txt": "notes"})
    hooked.git("checkout", "-q", "side")
    tags = hooked.git("tag")
    assert "modelver" not in git(hooked, "rebase", "-q", "main").stderr
    git(hooked, "checkout", "-q", "main")
    git(hooked, "cherry-pick", "side")
    assert hooked.git("tag") == tags
    hooked.assert_sound()


# ---- what a hook without work costs --------------------------------------------------------------------------------


def run_hook(world: World, *words: str, code: str = "main()") -> str:
    """Run what the hooks run, in a process that then tells which modules it has loaded."""
    program = (
        "import atexit, sys; atexit.register(lambda: print(*sorted(sys.modules)))\n"
        f"from modelver.cli.hook import main; {code}"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, *words], cwd=world.top, env=environment(), capture_output=True, check=True
    )
    assert done.stderr == b""
    return done.stdout.decode()


@pytest.mark.parametrize(
    "words", [("pre-commit",), ("post-commit",), ("post-merge", "0"), ("post-checkout", "HEAD", "HEAD~1", "1")]
)
def test_a_hook_without_work_loads_little(hooked: World, words: tuple[str, ...]) -> None:
    """None of the slow modules, which would cost more than the hook's whole time."""
    hooked.commit({"notes.txt": "notes"})
    hooked.git("update-ref", "ORIG_HEAD", "HEAD~1")
    hooked.write("notes.txt", "more")
    hooked.git("add", "notes.txt")
    loaded = run_hook(hooked, *words).split()
    slow = {
        "typer",
        "click",
        "rich",
        "yaml",
        "sqlite3",
        "git",
        "typing",
        "pathlib",
        "json",
        "ctypes",
        "shutil",
        "numpy",
    }
    assert not slow & set(loaded)
    assert not {"modelver.git.repository", "modelver.operations.workspace", "modelver.registry"} & set(loaded)


@pytest.mark.skipif(
    shutil.which("strace") is None and not os.environ.get("MODELVER_REQUIRE_ALL"), reason="strace is not installed"
)
@pytest.mark.parametrize(
    ("words", "most"),
    [
        (("pre-commit",), 4),
        (("post-commit",), 1),
        (("post-merge", "0"), 1),
        (("post-checkout", "HEAD", "HEAD~1", "1"), 1),
    ],
)
def test_a_hook_without_work_starts_few_processes(hooked: World, words: tuple[str, ...], most: int) -> None:
    """Each costs some milliseconds."""
    hooked.commit({"notes.txt": "notes"})
    hooked.git("update-ref", "ORIG_HEAD", "HEAD~1")
    hooked.write("notes.txt", "more")
    hooked.git("add", "notes.txt")
    log = hooked.top.parent / "strace"
    trace = ["strace", "-f", "-qq", "-s", "40", "-e", "trace=execve", "-o", str(log)]
    subprocess.run(
        [*trace, hooked / ".git/hooks" / words[0], *words[1:]], cwd=hooked.top, env=environment(), check=True
    )
    started = [line for line in log.read_text().splitlines() if line.endswith(" = 0") and '["git"' in line]
    assert len(started) <= most


def test_a_checkout_of_files_starts_nothing(hooked: World) -> None:
    """`git checkout -- FILE` runs post-checkout too, and people do that often."""
    hook = hooked / ".git/hooks/post-checkout"
    hook.write_text(re.sub(r"(?m)^python=.*$", "python=/bin/false", hook.read_text()))
    hooked.write("README.md", "edited")
    assert "modelver" not in git(hooked, "checkout", "--", "README.md").stderr
    assert "modelver: post-checkout ended with exit code 1" in git(hooked, "checkout", "-q", "-b", "new").stderr


def test_results_are_documents(hooked: World) -> None:
    """`hooks run --json` prints one document, also where it refuses."""
    hooked.write("copy.bin", "fraud 1")
    hooked.git("add", "copy.bin")
    ran = hooked.cli("--json", "hooks", "run", "pre-commit", code=4)
    document = json.loads(ran.out)
    assert document["op"] == "run"
    assert document["hook"] == "pre-commit"
    assert document["refused"][0]["size"] == len("fraud 1")
    assert sha256("fraud 1")[:8] in document["refused"][0]["reason"]
    assert ran.err == ""
