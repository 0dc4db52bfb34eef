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
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from modelver.domain import paths
from modelver.domain.text import quoted
from modelver.errors import Conflict, Damaged
from modelver.git import index, worktree
from modelver.git.process import Git
from modelver.git.repository import Repository

_SUBMODULE = "160000"
_FILES = ("100644", "100755")


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


def refuse_hostile(repository: Repository, old: str, new: str) -> None:
    """Raise `Damaged` for a commit with files that would come to lie in `.git` or outside of the work tree."""
    for path in (each.path for each in differences(repository, old, new) if each.new):
        if any(part in ("", ".", "..") or paths.is_git(part) for part in path.split("/")):
            raise Damaged(f"{new[:10]} has a path that no commit may have: {quoted(path)}")


def forward(repository: Repository, old: str, new: str, staging: Path) -> None:
    """Put the files of `new` into the work tree and leave its index at `staging / "new-index"`, unpublished.

    Raises `Conflict` with Git's words, before anything has changed, where a change of the user's is in the way.
    """
    found = differences(repository, old, new)
    _refuse_blocked(repository, old, new, staging)
    _refuse_covered(repository, found)
    wanted = {each.path: each.new for each in found}
    outside = _outside(repository, wanted, staging)
    _place(repository, {path: entry for path, entry in wanted.items() if path not in outside}, new, staging)
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
    _place(repository, {path: found[path].old for path in as_new - as_old}, old, staging)
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


def _refuse_covered(repository: Repository, found: Sequence[Difference]) -> None:
    """Raise `Conflict` for files that come in where an ignored one lies, which Git would take for rubbish.

    It may be an artifact that nobody has registered yet.
    """
    assert repository.work_tree is not None
    known = {each.path for each in found if each.old}
    for path in (each.path for each in found if each.new and not each.old and each.new[0] != _SUBMODULE):
        place = repository.work_tree / path
        if place.is_dir() and not place.is_symlink():
            inside = (file for file in place.rglob("*") if file.is_symlink() or not file.is_dir())
            if all(file.relative_to(repository.work_tree).as_posix() in known for file in inside):
                continue
        elif not os.path.lexists(place) or repository.indexed(path):
            continue
        raise Conflict(f"{path} lies here untracked, and comes in from there", hint=f"mv {path} {path}.mine")


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


def _place(repository: Repository, entries: Mapping[str, tuple[str, str] | None], commit: str, staging: Path) -> None:
    """Make the work tree as a commit has it: all files aside, then what goes, then what comes, each in one step."""
    assert repository.work_tree is not None
    coming = {path: entry for path, entry in entries.items() if entry}
    going = entries.keys() - coming.keys()
    aside = _made(repository, {p: e for p, e in coming.items() if e[0] != _SUBMODULE}, commit, staging)
    worktree.refuse_links(repository, entries, going=going)
    for path in going:
        _remove(repository.work_tree, path)
    for path, entry in coming.items():
        _put(None if entry[0] == _SUBMODULE else aside / path, repository.work_tree / path)


def _made(repository: Repository, files: Mapping[str, tuple[str, str]], commit: str, staging: Path) -> Path:
    """Files of a commit as Git makes them, in a work tree of their own, where its attributes lie too."""
    aside = staging / "files"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    if files:
        attributes = _attributes(repository, files, commit)
        git = _scratch(repository, {**attributes, **files}, staging / "files-index")
        git = dataclasses.replace(git, directory=aside, variables={**git.variables, "GIT_WORK_TREE": str(aside)})
        for each in (attributes, files):
            words = ("checkout-index", "-q", "-f", "-z", "--stdin")
            git.run(*words, input=os.fsencode("".join(f"{path}\0" for path in each)))
    return aside


def _attributes(repository: Repository, files: Iterable[str], commit: str) -> dict[str, tuple[str, str]]:
    """The `.gitattributes` of a commit in and above the directories of some paths."""
    root = repository.root(commit)
    folders = {folder for path in files for folder in PurePosixPath(path).parents}
    found = {path: repository.entry(root, path) for path in ((each / ".gitattributes").as_posix() for each in folders)}
    return {path: (entry.mode, entry.oid) for path, entry in found.items() if entry and entry.mode in _FILES}


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


def sweep(repository: Repository, drafts: Sequence[str]) -> None:
    """Remove the drafts that a kill left in a work tree on another file system."""
    assert repository.work_tree is not None
    for path in drafts:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            (repository.work_tree / f"{path}.modelver-moving").unlink()
