"""Index and work tree from one commit to another, and back, as `git read-tree -m -u` does it (rule B7).

Git judges first whether anything of the user's is in the way. Then each file goes into place in one step, so that
a kill leaves the former or the new one and never a part; by that `back` knows what is ours. Files are made by Git,
with the user's filters, modes and links, and Git makes the index.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelver.errors import Conflict
from modelver.git import index, worktree
from modelver.git.process import Git
from modelver.git.repository import Repository

_SUBMODULE = "160000"


@dataclass(frozen=True)
class Difference:
    """A path in which two commits differ: mode and object id before and after, None where there is no file."""

    path: str
    old: tuple[str, str] | None
    new: tuple[str, str] | None


def differences(repository: Repository, old: str, new: str) -> list[Difference]:
    """The paths in which two commits differ, one that was renamed as two; one process."""
    answer = repository.git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", old, new, end=b"\0")
    fields = os.fsdecode(answer.out).split("\0")[:-1]
    found = []
    for facts, path in zip(fields[::2], fields[1::2], strict=True):
        mode, new_mode, oid, new_oid, _ = facts.removeprefix(":").split(" ")
        before = (mode, oid) if oid.strip("0") else None
        found.append(Difference(path, before, (new_mode, new_oid) if new_oid.strip("0") else None))
    return found


def forward(repository: Repository, old: str, new: str, staging: Path) -> None:
    """Put the files of `new` into the work tree and leave its index at `staging / "new-index"`, unpublished.

    Raises `Conflict` with Git's words, before anything has changed, where a change of the user's is in the way.
    """
    _refuse_blocked(repository, old, new, staging)
    found = differences(repository, old, new)
    wanted = {each.path: each.new for each in found}
    outside = _outside(repository, wanted, staging)
    _place(repository, {path: entry for path, entry in wanted.items() if path not in outside}, staging)
    draft = staging / "new-index"
    index.copy(repository.index, draft)
    git = _with_index(repository, draft)
    git.run("read-tree", "-m", "-i", old, new)
    skipped = "".join(f"{path}\0" for path in outside if wanted[path])
    if skipped:
        git.run("update-index", "--skip-worktree", "-z", "--stdin", input=os.fsencode(skipped))
    git.run("update-index", "-q", "--refresh", accept=(0, 1))


def back(repository: Repository, old: str, new: str, staging: Path) -> None:
    """Undo `forward`, whatever of it was done: what is as `new` has it becomes as `old` has it, nothing else."""
    found = {each.path: each for each in differences(repository, old, new)}
    as_new = _matching(repository, {path: each.new for path, each in found.items()}, staging)
    as_old = _matching(repository, {path: each.old for path, each in found.items()}, staging)
    _place(repository, {path: found[path].old for path in as_new - as_old}, staging)
    entries = repository.indexed(*(found if len(found) < 500 else ()))
    lines = []
    for path, each in found.items():
        mode, oid, _ = entries.get(path, ("", "", 0))
        if ((mode, oid) if oid else None) == each.new:
            before = each.old or ("0", repository.null)
            lines.append(f"{before[0]} {before[1]}\t{path}\0")
    if lines:
        draft = staging / "back-index"
        index.copy(repository.index, draft)
        git = _with_index(repository, draft)
        git.run("update-index", "-z", "--index-info", input=os.fsencode("".join(lines)))
        git.run("update-index", "-q", "--refresh", accept=(0, 1))
        index.publish(repository, draft, staging / "back-previous")


def _refuse_blocked(repository: Repository, old: str, new: str, staging: Path) -> None:
    """Ask Git whether it would do it; the index is looked at in a copy, since the question refreshes it."""
    draft = staging / "trial-index"
    index.copy(repository.index, draft)
    git = _with_index(repository, draft)
    git.run("update-index", "-q", "--refresh", accept=(0, 1))
    answer = git.run("read-tree", "-m", "-u", "-n", old, new, accept=(0, 128))
    if answer.code:
        raise Conflict(
            f"changes of yours are in the way: {answer.words.removeprefix('error: ').removeprefix('fatal: ')}",
            hint="commit them, or put them aside with `git stash -u`, then run the command again",
        )


def _with_index(repository: Repository, place: Path) -> Git:
    return dataclasses.replace(repository.git, variables={**repository.git.variables, "GIT_INDEX_FILE": str(place)})


def _scratch(repository: Repository, entries: Mapping[str, tuple[str, str] | None], place: Path) -> Git:
    """Git with a new index that has these entries alone."""
    place.unlink(missing_ok=True)
    git = _with_index(repository, place)
    lines = (f"{entry[0]} {entry[1]}\t{path}\0" for path, entry in entries.items() if entry)
    git.run("update-index", "-z", "--index-info", input=os.fsencode("".join(lines)))
    return git


def _outside(repository: Repository, entries: Mapping[str, tuple[str, str] | None], staging: Path) -> Collection[str]:
    """The paths that a sparse checkout leaves out."""
    if not (repository.git_dir / "info" / "sparse-checkout").exists():
        return ()
    if not repository.configuration().flag("core.sparsecheckout"):
        return ()
    git = _scratch(repository, entries, staging / "sparse-entries")
    tree = git.run("write-tree", "--missing-ok", end=b"\n").out.decode("ascii").strip()
    return index.outside_sparse_checkout(repository, tree, staging)


def _matching(repository: Repository, entries: Mapping[str, tuple[str, str] | None], staging: Path) -> set[str]:
    """Those paths at which the work tree is as the entries say, by Git's own judgement."""
    assert repository.work_tree is not None
    git = _scratch(repository, entries, staging / "matching-index")
    git.run("update-index", "-q", "--refresh", accept=(0, 1))
    answer = git.run("diff-files", "--name-only", "-z", "--ignore-submodules=all", end=b"\0")
    other = set(os.fsdecode(answer.out).split("\0"))
    present = {path for path, entry in entries.items() if entry and path not in other}
    return present | {
        path for path, entry in entries.items() if not entry and not os.path.lexists(repository.work_tree / path)
    }


def _place(repository: Repository, entries: Mapping[str, tuple[str, str] | None], staging: Path) -> None:
    """Make the work tree so: first all files aside, then what goes, then what comes, each in one step."""
    assert repository.work_tree is not None
    files = {path: entry for path, entry in entries.items() if entry and entry[0] != _SUBMODULE}
    aside = staging / "files"
    shutil.rmtree(aside, ignore_errors=True)
    git = _scratch(repository, files, staging / "files-index")
    words = ("checkout-index", "-q", "-f", "-z", "--stdin", f"--prefix={aside}/")
    git.run(*words, input=os.fsencode("".join(f"{path}\0" for path in files)))
    worktree.refuse_links(repository, entries)
    for path, entry in entries.items():
        if entry is None:
            _remove(repository.work_tree, path)
    for path, entry in entries.items():
        if entry is not None:
            _put(aside / path if path in files else None, repository.work_tree / path)


def _remove(top: Path, path: str) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        try:
            (top / path).unlink()
        except (IsADirectoryError, PermissionError):  # a submodule's, which stays if there is anything in it
            with contextlib.suppress(OSError):
                (top / path).rmdir()
    worktree.remove_empty_parents(top, path)


def _put(source: Path | None, target: Path) -> None:
    """Put a file into place in one step; without a source an empty directory, as Git does for a submodule."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source is None:
        target.mkdir(exist_ok=True)
        return
    with contextlib.suppress(OSError):
        target.rmdir()  # an empty directory, which Git takes for nothing
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = target.with_name(f"{target.name}.modelver-moving")
        shutil.copy2(source, beside, follow_symlinks=False)
        os.replace(beside, target)


def sweep(repository: Repository, paths: Sequence[str]) -> None:
    """Remove the drafts that a kill left in a work tree on another file system."""
    assert repository.work_tree is not None
    for path in paths:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            (repository.work_tree / f"{path}.modelver-moving").unlink()
