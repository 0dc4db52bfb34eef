"""What a repository tells: history, who writes, other repositories within, what Git ignores."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from writelib import git, make, write

from modelver.errors import UsageError
from modelver.git import history
from modelver.git.repository import Repository


def test_history_is_found_with_relative_variables_below_the_top(repo, monkeypatch):
    """W8: GIT_DIR and GIT_WORK_TREE may be relative, and mean the same for every question."""
    write(repo)
    head = git(repo, "rev-parse", "HEAD~1").strip()
    (repo / "below").mkdir()
    monkeypatch.chdir(repo / "below")
    monkeypatch.setenv("GIT_DIR", "../.git")
    monkeypatch.setenv("GIT_WORK_TREE", "..")
    repository = Repository.discover(Path.cwd())
    assert history.brought(repository, "kept.txt", "HEAD") == head
    assert history.touched(repository, "edited.txt", "HEAD") == head
    assert history.touched(repository, "nowhere", "HEAD") is None


@pytest.mark.parametrize("setting", ["log.follow=true", "log.showRoot=false", "log.showSignature=true"])
def test_history_does_not_depend_on_how_the_user_likes_his_log(repo, setting):
    """W8: what `git log` shows to a person is no matter."""
    key, value = setting.split("=")
    git(repo, "config", key, value)
    assert history.brought(Repository.discover(repo), "kept.txt", "HEAD") == git(repo, "rev-parse", "HEAD").strip()


def test_without_an_identity_git_is_quoted_in_one_clause(repo, tmp_path):
    """W9: the reason alone, since the advice is in the hints."""
    (tmp_path / "home" / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    repository = Repository.discover(repo)
    with pytest.raises(UsageError) as caught:
        repository.identity(repository.configuration())
    assert caught.value.message.startswith("Git does not know who you are (no ")
    assert not {";", "*"} & set(caught.value.message)


def test_threads_take_turns(repo):
    """Several threads read through one conversation, and each gets its own answers."""
    repository = Repository.discover(repo)
    names = git(repo, "rev-parse", "HEAD", "HEAD^{tree}", "HEAD:kept.txt", "HEAD:edited.txt").split()
    wanted = {name: repository.batch.contents([name] * 50) for name in names}
    wrong: list[str] = []

    def read(name: str) -> None:
        for _ in range(20):
            if repository.batch.contents([name] * 50) != wanted[name]:
                wrong.append(name)

    threads = [threading.Thread(target=read, args=(name,), daemon=True) for name in names * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong


def test_after_a_fork_parent_and_child_have_their_own_conversations(repo):
    """The child starts a new process, and the parent can end its own while the child lives."""
    repository = Repository.discover(repo)
    head = repository.head()
    come, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(come, 1)
        same = all(repository.head() == head for _ in range(200))
        repository.close()
        os._exit(0 if same else 1)
    os.close(come)
    for _ in range(200):
        assert repository.head() == head
    closer = threading.Thread(target=repository.close, daemon=True)
    closer.start()
    closer.join(10)
    os.close(go)
    assert not closer.is_alive()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("committed", [True, False])
def test_a_submodule_is_known_by_the_commit_or_the_work_tree(repo, tmp_path, committed):
    """W7: a path below one is not this repository's."""
    git(repo, "submodule", "add", "-q", str(make(tmp_path / "inner")), "deep/inner")
    if committed:
        git(repo, "commit", "-q", "-m", "inner")
        git(repo, "submodule", "deinit", "-q", "-f", "deep/inner")
    repository = Repository.discover(repo)
    commit = repository.head().commit
    root = repository.root(commit) if commit else None
    assert repository.submodule_of("deep/inner/models/a.bin", root) == "deep/inner"
    assert repository.submodule_of("deep/other/a.bin", root) is None
    assert repository.submodule_of("a.bin", root) is None


@pytest.mark.parametrize("name", ["a.bin", ":(top)a.bin", "-a.bin", "a b[1]*.bin", "ü\udcff.bin", "deep/a.bin"])
def test_what_git_ignores(repo, name):
    """T1: also odd names, also what is tracked; a line that takes back counts."""
    repository = Repository.discover(repo)
    (repo / "deep").mkdir()
    (repo / name).write_text("weights")
    assert not repository.ignored(name)
    (repo / ".gitignore").write_text("*.bin\n")
    assert repository.ignored(name)
    git(repo, "--literal-pathspecs", "add", "-f", "--", name)
    assert repository.ignored(name)
    (repo / ".gitignore").write_text("*.bin\n!*.bin\n")
    assert not repository.ignored(name)
