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
import shlex
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
_BLOCK = 4096
_ARGUMENTS = 500
"""More paths than these do not go on a command line."""


@dataclass(frozen=True)
class Difference:
    """A path in which two commits differ: mode and object id before and after, None where there is no file."""

    path: str
    old: tuple[str, str] | None
    new: tuple[str, str] | None


def differences(repository: Repository, old: str, new: str) -> list[Difference]:
    """The paths in which two commits differ, one that was renamed as two.

    Made from trees that are hashed again: a list of Git's that was cut short would leave files behind.
    """
    return list(_between(repository, "", repository.root(old), repository.root(new)))


def _between(repository: Repository, where: str, old: str | None, new: str | None) -> Iterator[Difference]:
    before, after = ({entry.name: entry for entry in repository.trees([oid])[0]} if oid else {} for oid in (old, new))
    for name in sorted(before.keys() | after.keys()):
        sides = before.get(name), after.get(name)
        if sides[0] == sides[1]:
            continue
        folders = [side.oid if side and side.is_directory else None for side in sides]
        files = [(_mode(side.mode), side.oid) if side and not side.is_directory else None for side in sides]
        if any(folders):
            yield from _between(repository, f"{where}{name}/", *folders)
        if files[0] != files[1]:
            yield Difference(f"{where}{name}", *files)


def _mode(mode: str) -> str:
    """A mode as the index has it: old trees know more of them."""
    number = int(mode, 8)
    return mode if not stat.S_ISREG(number) else _FILES[1] if number & 0o100 else _FILES[0]


def refuse_hostile(repository: Repository, old: str, new: str) -> None:
    """Raise `Damaged` for a commit with files that would come to lie in `.git` or outside of the work tree."""
    for path in (each.path for each in differences(repository, old, new) if each.new):
        if any(part in ("", ".", "..") or paths.is_git(part) for part in path.split("/")):
            raise Damaged(f"{new[:10]} has a path that no commit may have: {quoted(path)}")


def kept(repository: Repository, old: str, new: str) -> tuple[str, ...]:
    """The paths that the index has, or lacks, as `new` does: the user's own doing, which a move leaves alone."""
    found = differences(repository, old, new)
    entries = _entries(repository, found)
    return tuple(each.path for each in found if entries.get(each.path) == each.new)


def reserve(repository: Repository, old: str, new: str, place: Path) -> None:
    """Take the room on the disk that `back` will need; who goes back removes the file first."""
    oids = [each.old[1] for each in differences(repository, old, new) if each.old and each.old[0] != _SUBMODULE]
    sizes = [header.size for header in repository.batch.headers(oids) if header]
    entries = repository.index.stat().st_size if repository.index.exists() else 0
    size = 4 * entries + sum(sizes) + 2 * _BLOCK * len(sizes) + 16 * _BLOCK
    with place.open("wb") as stream:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(stream.fileno(), 0, size)
        else:
            stream.write(bytes(size))


def forward(repository: Repository, old: str, new: str, kept: Collection[str], staging: Path) -> None:
    """Put the files of `new` into the work tree and leave its index at `staging / "new-index"`, unpublished.

    Raises `Conflict` with Git's words, before anything has changed, where a change of the user's is in the way.
    """
    found = differences(repository, old, new)
    _refuse_blocked(repository, old, new, staging)
    _refuse_occupied(repository, found, kept)
    found = [each for each in found if each.path not in kept]
    wanted = {each.path: each.new for each in found}
    outside = _outside(repository, wanted, staging)
    _place(repository, {path: entry for path, entry in wanted.items() if path not in outside}, new, staging)
    draft = staging / "new-index"
    index.copy(repository.index, draft)
    git = _with_index(repository, draft)
    git.run("read-tree", "-m", "-i", old, new)
    _skip(git, (path for path in outside if wanted[path]))
    git.run("update-index", "-q", "--refresh", accept=(0, 1))


def back(repository: Repository, old: str, new: str, kept: Collection[str], staging: Path) -> None:
    """Undo `forward`, whatever of it was done: what is as `new` has it becomes as `old` has it, nothing else.

    Where the user has gone on meanwhile, what his commit has otherwise than `old` is his and stays.
    """
    head = repository.head().commit
    his = {each.path for each in differences(repository, old, head)} if head and head != old else set()
    found = {each.path: each for each in differences(repository, old, new) if each.path not in {*kept, *his}}
    outside = _outside(repository, {path: each.old for path, each in found.items()}, staging)
    inside = {path: each for path, each in found.items() if path not in outside}
    as_new = _matching(repository, {path: each.new for path, each in inside.items()}, staging)
    as_old = _matching(repository, {path: each.old for path, each in inside.items()}, staging)
    files = {path: found[path].old for path in as_new - as_old}
    going = {path for path, entry in files.items() if entry is None}
    yielding = {path: e for path, e in files.items() if not (e and _holds(repository, path, going))}
    _place(repository, yielding, old, staging)
    entries = _entries(repository, found.values())
    changed = [each for each in found.values() if entries.get(each.path) == each.new]
    if changed:
        draft = staging / "back-index"
        index.copy(repository.index, draft)
        git = _with_index(repository, draft)
        lines = (f"{' '.join(each.old or ('0', repository.null))}\t{each.path}\0" for each in changed)
        git.run("update-index", "-z", "--index-info", input=os.fsencode("".join(lines)))
        _skip(git, (each.path for each in changed if each.path in outside and each.old))
        git.run("update-index", "-q", "--refresh", accept=(0, 1))
        index.publish(repository, draft, staging / "back-previous")


def _entries(repository: Repository, found: Collection[Difference]) -> dict[str, tuple[str, str]]:
    """Mode and object id of those entries of the index in which two commits differ."""
    paths = [each.path for each in found] if len(found) < _ARGUMENTS else []
    return {path: entry[:2] for path, entry in repository.indexed(*paths).items()} if found else {}


def _skip(git: Git, paths: Iterable[str]) -> None:
    skipped = "".join(f"{path}\0" for path in paths)
    if skipped:
        git.run("update-index", "--skip-worktree", "-z", "--stdin", input=os.fsencode(skipped))


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


def _refuse_occupied(repository: Repository, found: Collection[Difference], kept: Collection[str]) -> None:
    """Git takes files that it ignores for nothing; among them are artifacts, which may be nowhere else."""
    going = {each.path for each in found if each.new is None}
    entries = _entries(repository, found)
    for each in found:
        gone = each.path not in entries or (each.path in kept and each.new is None)
        if gone and _occupied(repository, each.path, going if each.new else ()):
            comes = "comes in from there" if each.new else "goes there"
            raise Conflict(f"{each.path} lies here untracked, and {comes}", hint=f"mv {each.path} {each.path}.mine")


def _occupied(repository: Repository, path: str, going: Collection[str]) -> bool:
    """Whether something lies at a path that has no file of Git's, not counting files that go."""
    assert repository.work_tree is not None
    return (path not in going and _is_file(repository.work_tree / path)) or _holds(repository, path, going)


def _holds(repository: Repository, path: str, going: Collection[str]) -> bool:
    """Whether a path is a directory that has files in it, not counting those that go."""
    assert repository.work_tree is not None
    place = repository.work_tree / path
    held = (Path(folder, name) for folder, _, names in os.walk(place) for name in names)
    return not place.is_symlink() and any(
        file.relative_to(repository.work_tree).as_posix() not in going for file in held
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
    # An entry behind all others without a file: only a whole list ends with it.
    last = f"{max(entries, key=os.fsencode, default='')}.modelver-last"
    git = _scratch(repository, {**entries, last: (_FILES[0], "1" * len(repository.null))}, staging / "matching-index")
    git.run("update-index", "-q", "--refresh", accept=(0, 1))
    answer = git.run("diff-files", "--name-only", "-z", "--ignore-submodules=all", end=os.fsencode(f"{last}\0"))
    if not answer.out:
        raise git.cut_short(["diff-files"])
    other = set(os.fsdecode(answer.out).split("\0"))
    present = {path for path, entry in entries.items() if entry and path not in other}
    top = repository.work_tree
    return present | {path for path, entry in entries.items() if not entry and not _is_file(top / path)}


def _is_file(place: Path) -> bool:
    return os.path.lexists(place) and (place.is_symlink() or not place.is_dir())


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
        variables = {**git.variables, "GIT_WORK_TREE": str(aside)}
        git = dataclasses.replace(git, directory=aside, variables=variables, settings=_filters(repository))
        for each in (attributes, files):
            words = ("checkout-index", "-q", "-f", "-z", "--stdin")
            git.run(*words, input=os.fsencode("".join(f"{path}\0" for path in each)))
    return aside


def _filters(repository: Repository) -> dict[str, str]:
    """The user's filters, run where Git runs them: a command may be relative to the top of the work tree."""
    here = f"cd {shlex.quote(str(repository.work_tree))} && "
    commands = repository.configuration().below("filter")
    return {key: here + command for key, command in commands.items() if key.endswith((".smudge", ".process"))}


def _attributes(repository: Repository, files: Iterable[str], commit: str) -> dict[str, tuple[str, str]]:
    """The `.gitattributes` of a commit in and above the directories of some paths."""
    root = repository.root(commit)
    folders = {folder for path in files for folder in PurePosixPath(path).parents}
    found = {path: repository.entry(root, path) for path in ((each / ".gitattributes").as_posix() for each in folders)}
    return {path: (entry.mode, entry.oid) for path, entry in found.items() if entry and entry.mode in _FILES}


def _remove(top: Path, path: str) -> None:
    if any((top / parent).is_symlink() for parent in PurePosixPath(path).parents):
        return  # what lies behind a link of the user's is not Git's
    place = top / path
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if not stat.S_ISDIR(place.lstat().st_mode):
            place.unlink()
        else:  # a submodule's, which stays if there is anything in it
            with contextlib.suppress(OSError):
                place.rmdir()
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
