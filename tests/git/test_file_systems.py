"""A work tree on one file system, the Git directory or the list of hidden paths on another; modes and line ends."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import faultlib
import opaque_write
import pytest
from writelib import assert_whole, everything, git, make, write, writer

from modelver.errors import Conflict, ProgramFailed
from modelver.git.change import Change, Snapshot


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Path]:
    """A directory on another file system."""
    place = Path("/dev/shm")
    if not os.access(place, os.W_OK) or place.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir=place) as name:
        yield Path(name)


@pytest.fixture
def apart(tmp_path: Path, other: Path) -> Path:
    """A repository whose Git directory lies on another file system."""
    return make(tmp_path / "apart", f"--separate-git-dir={other / 'git'}")


def leftovers(top: Path) -> list[Path]:
    return [path for path in top.rglob("*.modelver*") if path.name != ".modelver"]


def test_a_git_directory_on_another_file_system(apart):
    """W3: records are drafted beside their place, and no draft is left over."""
    write(apart, "first")
    write(apart)
    assert_whole(apart)
    assert git(apart, "status", "--porcelain") == ""
    assert not leftovers(apart)


def test_a_linked_work_tree_on_another_file_system(repo, other):
    """W3: its index lies with the repository, its files do not."""
    git(repo, "worktree", "add", "-q", "-b", "side", str(other / "linked"))
    write(other / "linked")
    assert_whole(other / "linked")
    assert not leftovers(other)


def test_a_list_of_hidden_paths_on_another_file_system(repo, other):
    """T1: the link to it stays, and so does what else is in it."""
    (other / "shared").write_text("*.log\n")
    (repo / ".git" / "info").mkdir(exist_ok=True)
    (repo / ".git" / "info" / "exclude").symlink_to(other / "shared")
    write(repo)
    assert (repo / ".git" / "info" / "exclude").is_symlink()
    assert "*.log\n" in (other / "shared").read_text()
    assert "/model.bin\n" in (other / "shared").read_text()
    assert not leftovers(other)


def test_a_draft_that_a_kill_left_in_the_work_tree_goes(apart, other):
    """W6: the journal's token is in its name, so recovery knows it, and nobody else's file is taken away."""
    program = (
        "import os, runpy, sys\nfrom modelver import files\n"
        "whole = files.replace_file\n"
        "def cut(path, data, *, draft):\n"
        "    if '.modelver-' in draft.name:\n"
        "        draft.write_bytes(data[:3]); os.kill(os.getpid(), 9)\n"
        "    whole(path, data, draft=draft)\n"
        "files.replace_file = cut\n"
        "sys.argv = ['write', 'rec', '.']\n"
        f"runpy.run_path({str(faultlib.HERE / 'opaque_write.py')!r}, run_name='__main__')\n"
    )
    before = git(apart, "status", "--porcelain=v2", "-uall")
    variables = os.environ | {"PYTHONPATH": str(faultlib.PROJECT)}
    done = subprocess.run([sys.executable, "-c", program], cwd=apart, env=variables, check=False)
    assert done.returncode == -9
    assert leftovers(apart)
    assert writer(apart).recover() == ["a write that was cut off has been undone"]
    assert not leftovers(apart)
    assert git(apart, "status", "--porcelain=v2", "-uall") == before
    write(apart)
    assert_whole(apart)


def test_the_list_of_hidden_paths_keeps_its_mode(repo):
    """T1: a list that a group may write stays so."""
    (repo / ".git" / "info").mkdir(exist_ok=True)
    exclude = repo / ".git" / "info" / "exclude"
    exclude.write_text("*.log\n")
    exclude.chmod(0o664)
    write(repo)
    assert "/model.bin\n" in exclude.read_text()
    assert stat.S_IMODE(exclude.stat().st_mode) == 0o664


def test_a_directory_that_a_group_shares(tmp_path):
    """S1: modelver's directory has the group's rights of the Git directory it lies in."""
    git(tmp_path, "init", "-q", "--shared=group", "repo")
    write(tmp_path / "repo")
    mode = (tmp_path / "repo" / ".git" / "modelver").stat().st_mode
    assert mode & stat.S_ISGID
    assert mode & stat.S_IRWXG == stat.S_IRWXG


# --- Files that are no records: Git may turn their line ends round --------------------------------


@pytest.fixture
def turned(repo: Path) -> Path:
    """A repository whose `.gitignore` has other line ends in the work tree than in the commit."""
    (repo / ".gitignore").write_bytes(b"*.log\n*.tmp\n")
    git(repo, "add", ".gitignore")
    git(repo, "commit", "-q", "-m", "ignore")
    git(repo, "config", "core.autocrlf", "true")
    (repo / ".gitignore").unlink()
    git(repo, "checkout", "-q", "--", ".gitignore")
    assert (repo / ".gitignore").read_bytes() == b"*.log\r\n*.tmp\r\n"
    return repo


def ignore(repo: Path, data: bytes) -> None:
    def plan(snapshot: Snapshot) -> Change:
        return Change({".gitignore": data, opaque_write.record("rec"): b"name: rec\n"}, "modelver: ignore")

    writer(repo).write(plan, watched=[".modelver", ".gitignore"])


def test_line_ends_that_git_turned_round_are_no_edit(turned):
    """W3: what the user did not change may be replaced; the new file has the line ends of the old one."""
    ignore(turned, b"*.log\n*.tmp\n*.bin\n")
    assert git(turned, "cat-file", "blob", "HEAD:.gitignore") == "*.log\n*.tmp\n*.bin\n"
    assert (turned / ".gitignore").read_bytes() == b"*.log\r\n*.tmp\r\n*.bin\r\n"
    assert (turned / opaque_write.record("rec")).read_bytes() == b"name: rec\n"
    assert git(turned, "status", "--porcelain") == ""


def test_an_edit_is_one_whatever_its_line_ends(turned):
    """W3: a line of the user's is not overwritten."""
    (turned / ".gitignore").write_bytes(b"*.log\r\nmine\r\n")
    before = everything(turned)
    with pytest.raises(Conflict, match="not committed"):
        ignore(turned, b"*.log\n*.tmp\n*.bin\n")
    assert everything(turned) == before


def test_line_ends_come_back_when_a_write_is_undone(turned, monkeypatch):
    """W6: the former file comes back byte for byte."""
    before = everything(turned)

    def refuse(*_: object) -> None:
        raise ProgramFailed("no")

    monkeypatch.setattr("modelver.git.index.publish", refuse)
    with pytest.raises(ProgramFailed):
        ignore(turned, b"*.log\n*.tmp\n*.bin\n")
    assert (turned / ".gitignore").read_bytes() == b"*.log\r\n*.tmp\r\n"
    assert everything(turned) == before
