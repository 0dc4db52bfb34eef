"""One write of a record that means nothing, and what is to be true after it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import faultlib
import opaque_write

from modelver.git.change import Written
from modelver.git.repository import Repository
from modelver.git.transaction import Writer


def git(repo: Path, *words: str, code: int = 0) -> str:
    """Ask the real Git."""
    done = subprocess.run([faultlib.REAL_GIT, *words], cwd=repo, capture_output=True, text=True, check=False)
    assert done.returncode == code, f"git {words}: {done.stdout}{done.stderr}"
    return done.stdout


def make(path: Path, *options: str) -> Path:
    git(path.parent, "init", "-q", "--template=", *options, str(path))
    (path / "kept.txt").write_text("kept\n")
    (path / "edited.txt").write_text("before\n")
    git(path, "add", ".")
    git(path, "commit", "-q", "-m", "first")
    return path


def writer(repo: Path, timeout: float = 5) -> Writer:
    repository = Repository.discover(repo)
    configuration = repository.configuration()
    return Writer(repository, configuration, repository.identity(configuration), timeout=timeout)


def write(repo: Path, name: str = "rec", timeout: float = 5) -> Written:
    """Write one record."""
    ours = writer(repo, timeout)
    change = lambda snapshot: opaque_write.change(snapshot, name, ours.identity)  # noqa: E731
    written = ours.write(change, watched=[".modelver", "model.bin"])
    assert written is not None
    return written


def everything(repo: Path) -> tuple[object, ...]:
    """What a refused write must leave as it was."""
    git_dir = Path(git(repo, "rev-parse", "--absolute-git-dir").strip())
    refs, seen = git(repo, "for-each-ref"), git(repo, "--no-optional-locks", "status", "--porcelain=v2", "-uall")
    exclude = git_dir / "info" / "exclude"
    leaves = sorted(str(path.relative_to(repo)) for path in repo.rglob("*") if ".git" not in path.parts)
    left = [path.name for path in (git_dir / "modelver").glob("journal*")]
    index = (git_dir / "index").read_bytes() if (git_dir / "index").exists() else b""
    return refs, seen, index, exclude.read_bytes() if exclude.exists() else b"", leaves, left


def assert_whole(repo: Path, name: str = "rec", *, file: bool = True) -> None:
    """The record is in the commit, the index and (`file`) the work tree; tags are there, nothing is left over."""
    path = opaque_write.record(name)
    assert git(repo, "show", f"HEAD:{path}") == f"name: {name}\n"
    assert git(repo, "diff-index", "--cached", "HEAD", "--", ".modelver") == ""
    assert git(repo, "--no-optional-locks", "diff-files", "--", ".modelver") == ""
    assert (repo / path).exists() is file
    for kind in ("one", "two"):
        assert git(repo, "rev-parse", f"refs/tags/{kind}/{name}^{{commit}}") == git(repo, "rev-parse", "HEAD")
        assert git(repo, "cat-file", "-t", f"refs/tags/{kind}/{name}") == "tag\n"
    git(repo, "fsck", "--strict", "--no-dangling")
    common = Path(git(repo, "rev-parse", "--path-format=absolute", "--git-common-dir").strip())
    assert not [*common.rglob("*.lock"), *common.glob("modelver/journal*"), *common.glob("modelver/tmp/*")]
