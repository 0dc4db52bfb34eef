"""A write below a hook of the user's, and the hooks that a write runs; with real hooks."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import time
from pathlib import Path

import faultlib
import opaque_write
import pytest
from writelib import assert_whole, everything, git, writer

from modelver.errors import ProgramFailed
from modelver.git.change import Change

HOOKS = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit")


def hook(repo: Path, name: str, *lines: str) -> None:
    """Make a hook of the user's."""
    path = repo / ".git" / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


def writes(repo: Path, name: str, verdict: str = "") -> None:
    """Let a hook write a record, and note how that ended; its own exit code is 0."""
    program = f"PYTHONPATH={faultlib.PROJECT} {sys.executable} {faultlib.HERE / 'opaque_write.py'}"
    hook(repo, name, f"{program} rec . 5 >>../said 2>&1; echo $? >>../codes", verdict)


def commit(repo: Path, *words: str) -> int:
    """Commit as the user does; whether that succeeds is for the test to say."""
    return subprocess.run(["git", "commit", "-q", *words], cwd=repo, capture_output=True, check=False).returncode


@pytest.mark.parametrize("name", HOOKS)
@pytest.mark.parametrize("words", [["-a", "-m", "user"], ["-m", "user", "edited.txt"], ["-a", "--amend", "-m", "user"]])
def test_a_write_below_a_commit_that_has_its_own_index(repo, name, words):
    """W3: before the commit it is refused at once, and nothing of it is there; after the commit it works."""
    writes(repo, name)
    (repo / "edited.txt").write_text("after the edit\n")
    assert commit(repo, *words) == 0
    code = (repo.parent / "codes").read_text()
    assert git(repo, "show", "HEAD:edited.txt") == "after the edit\n" or name == "post-commit"
    if name == "post-commit":
        assert code == "0\n"
        assert_whole(repo)
        assert git(repo, "status", "--porcelain") == ""
        return
    assert code == "4\n"
    assert "a `git commit` is under way" in (repo.parent / "said").read_text()
    assert git(repo, "status", "--porcelain") == ""
    assert not (repo / ".modelver").exists()
    assert not (repo / ".git" / "modelver").exists()


@pytest.mark.parametrize("name", HOOKS)
@pytest.mark.parametrize("words", [["-m", "user"], ["--amend", "-m", "user"]])
def test_a_write_below_a_commit_of_what_is_staged(repo, name, words):
    """W4: Git notices that the branch has moved and gives up its own commit; the record stays in the next one."""
    writes(repo, name)
    (repo / "edited.txt").write_text("after the edit\n")
    git(repo, "add", "edited.txt")
    code = commit(repo, *words)
    assert (repo.parent / "codes").read_text() == "0\n"
    assert_whole(repo)
    assert (code == 0) is (name == "post-commit")
    (repo / ".git" / "hooks" / name).unlink()
    if code:
        assert git(repo, "status", "--porcelain") == "M  edited.txt\n"
        git(repo, "commit", "-q", "-m", "user")
    assert git(repo, "show", f"HEAD:{opaque_write.record('rec')}") == "name: rec\n"
    assert git(repo, "status", "--porcelain") == ""


@pytest.mark.parametrize("name", ["pre-merge-commit", "commit-msg", "post-merge"])
def test_a_write_below_a_merge(repo, name):
    """W4: the record is in the branch, whether Git goes on with its merge or not."""
    git(repo, "checkout", "-q", "-b", "side")
    (repo / "kept.txt").write_text("theirs\n")
    git(repo, "commit", "-q", "-a", "-m", "theirs")
    git(repo, "checkout", "-q", "main")
    git(repo, "commit", "-q", "--allow-empty", "-m", "ours")
    writes(repo, name)
    subprocess.run(["git", "merge", "-q", "--no-edit", "side"], cwd=repo, capture_output=True, check=False)
    (repo / ".git" / "hooks" / name).unlink()
    codes = (repo.parent / "codes").read_text()
    assert codes in ("0\n", "4\n")
    if codes == "0\n":
        assert git(repo, "show", f"HEAD:{opaque_write.record('rec')}") == "name: rec\n"
        assert git(repo, "show", f":{opaque_write.record('rec')}") == "name: rec\n"


@pytest.mark.parametrize("words", [["-m", "user"], ["-a", "-m", "user"], ["-m", "user", "edited.txt"]])
def test_reading_below_a_commit(repo, words):
    """W1: whoever only reads can do so in every hook."""
    program = "from modelver.git.history import touched; from modelver.git.repository import Repository as R; "
    program += "from pathlib import Path; "
    program += "r = R.discover(Path('.')); print(len(r.indexed()), r.head().ref, bool(touched(r, 'kept.txt', 'HEAD')))"
    for name in HOOKS:
        hook(repo, name, f'PYTHONPATH={faultlib.PROJECT} {sys.executable} -c "{program}" >>../said 2>&1')
    (repo / "edited.txt").write_text("after the edit\n")
    git(repo, "add", "edited.txt")
    assert commit(repo, *words) == 0
    assert (repo.parent / "said").read_text() == "2 refs/heads/main True\n" * 4


def hooked(repo: Path) -> None:
    """Write one record with the user's hooks."""
    ours = writer(repo)

    def plan(snapshot: object) -> Change:
        return Change({opaque_write.record("rec"): b"name: rec\n"}, "modelver: add rec", hooks=True)

    ours.write(plan, watched=[".modelver"])


def test_hooks_run_in_gits_order_with_the_users_environment(repo, monkeypatch):
    """W8: pre-commit, then commit-msg; they see the index to be, the user's variables, and none of modelver's."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("MINE", "mine")
    for name in ("commit-msg", "pre-commit"):
        hook(repo, name, f"echo {name} $LC_ALL $MINE $GIT_LITERAL_PATHSPECS$GIT_NO_REPLACE_OBJECTS >>../said",
             "git diff --cached --name-only >>../said")  # fmt: skip
    hooked(repo)
    path = opaque_write.record("rec")
    assert (repo.parent / "said").read_text() == f"pre-commit C.UTF-8 mine\n{path}\ncommit-msg C.UTF-8 mine\n{path}\n"


def test_a_message_that_a_hook_changes_is_the_commits(repo):
    """W8: commit-msg may rewrite the message."""
    hook(repo, "commit-msg", 'echo "Reviewed-by: nobody" >>"$1"')
    hooked(repo)
    assert git(repo, "log", "-1", "--format=%B").strip().splitlines() == ["modelver: add rec", "Reviewed-by: nobody"]
    assert git(repo, "status", "--porcelain") == ""


@pytest.mark.parametrize("name", ["pre-commit", "commit-msg"])
def test_a_hook_that_refuses_is_quoted_and_leaves_no_trace(repo, name):
    """W8: what the hook says is in the error, and all is as it was."""
    hook(repo, name, "echo not today >&2", "exit 3")
    before = everything(repo)
    with pytest.raises(ProgramFailed, match=f"{name} refused the commit: not today"):
        hooked(repo)
    assert everything(repo) == before


def test_what_a_hook_leaves_running_keeps_nobody_waiting(repo):
    """W2: a program that a hook starts in the background has neither the lock nor a pipe of ours."""
    hook(repo, "pre-commit", "sleep 20 & echo $! >../sleeper")
    begun = time.monotonic()
    hooked(repo)
    assert time.monotonic() - begun < 15
    with (repo / ".git" / "modelver" / "lock").open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    subprocess.run(["kill", (repo.parent / "sleeper").read_text().strip()], check=True)
