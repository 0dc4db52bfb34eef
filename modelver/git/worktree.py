"""Record files in the user's work tree: put in place, and taken out again, never over an edit of the user's."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from modelver import files
from modelver.errors import Conflict, Damaged
from modelver.git.batch import object_id
from modelver.git.journal import RecordFile
from modelver.git.repository import Repository


def refuse_obstacles(repository: Repository, paths: Iterable[RecordFile]) -> None:
    """Raise before anything is written where a record's place is not as the commit has it.

    `Damaged` for a symbolic link or a file among its parents, because writing would go through it;
    `Conflict` for an edit that is not committed.
    """
    files = list(paths)
    refuse_links(repository, (file.path for file in files))
    for file in files:
        if not file.outside and not holds(repository, file.path, file.old, file.new):
            raise Conflict(
                f"{file.path} has changes that are not committed",
                hint="commit them, or take them back with `git restore --staged --worktree` and that path",
            )


def refuse_links(repository: Repository, paths: Iterable[str], *, going: Collection[str] = ()) -> None:
    """Raise `Damaged` where a parent of a path is no directory of the work tree, but a link or a file.

    One that is `going` makes room first.
    """
    for path in paths:
        _refuse_links(repository, path, going)


def _refuse_links(repository: Repository, path: str, going: Collection[str]) -> None:
    assert repository.work_tree is not None
    place = repository.work_tree
    for part in path.split("/")[:-1]:
        place = place / part
        if going and place.relative_to(repository.work_tree).as_posix() in going:
            return
        try:
            mode = place.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(mode):
            kind = "a symbolic link" if stat.S_ISLNK(mode) else "no directory"
            raise Damaged(f"{place} is {kind}; records are not written through it", hint=f"remove {place}")


def place(repository: Repository, contents: Mapping[str, bytes | None], staging: Path, token: str) -> None:
    """Put files in place, each in one step; None removes.

    `token` is the journal's: by it `sweep` knows the drafts that a kill leaves in the work tree.
    """
    assert repository.work_tree is not None
    for number, (path, data) in enumerate(contents.items()):
        target = repository.work_tree / path
        if data is None:
            target.unlink(missing_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = staging / f"record-{number}"
        draft.unlink(missing_ok=True)
        files.write_file(draft, _with_line_ends(target, path, data))
        try:
            os.replace(draft, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            files.replace_file(target, draft.read_bytes(), draft=_beside(target, token))


def _beside(target: Path, token: str) -> Path:
    return target.with_name(f"{target.name}.modelver-{token}")


def _with_line_ends(target: Path, path: str, data: bytes) -> bytes:
    """For a file that is no record: the new bytes with the line ends that Git has given the old ones."""
    if _is_record(path) or b"\r\n" in data or not target.is_file() or b"\r\n" not in target.read_bytes():
        return data
    return data.replace(b"\n", b"\r\n")


def sweep(repository: Repository, changed: Iterable[RecordFile], token: str) -> None:
    """Remove the drafts that a kill left in a work tree on another file system."""
    assert repository.work_tree is not None
    for file in changed:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            _beside(repository.work_tree / file.path, token).unlink()


def take_back(repository: Repository, changed: Iterable[RecordFile], staging: Path, token: str) -> None:
    """Undo `place`: where a file still holds our bytes, the former ones come back."""
    assert repository.work_tree is not None
    mine = [file for file in changed if not file.outside and file.new != file.old]
    former: dict[str, bytes | None] = {}
    for file in mine:
        if holds(repository, file.path, file.new):
            former[file.path] = repository.batch.contents([file.old])[0][1] if file.old else None
    place(repository, former, staging, token)
    for file in mine:
        if file.old is None:
            remove_empty_parents(repository.work_tree, file.path)


def remove_empty_parents(top: Path, path: str) -> None:
    """Remove the directories above a path that have nothing in them."""
    for parent in (top / path).parents:
        if parent == top:
            return
        with contextlib.suppress(OSError):
            parent.rmdir()


def holds(repository: Repository, path: str, *blobs: str | None) -> bool:
    """Whether a file of the work tree is one of some blobs (None: there is no file).

    Records are compared byte for byte; any other file also as Git would take it in, with line ends turned round.
    """
    content = _content(repository, path)
    found = None if content is None else object_id(repository.algorithm, "blob", content)
    if found in blobs or content is None or _is_record(path):
        return found in blobs
    answer = repository.git.run("hash-object", f"--path={path}", "--stdin", input=content, end=b"\n")
    return answer.out.decode("ascii").strip() in blobs


def _is_record(path: str) -> bool:
    return path.startswith(".modelver/")


def _content(repository: Repository, path: str) -> bytes | None:
    assert repository.work_tree is not None
    try:
        descriptor = os.open(repository.work_tree / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Damaged(
            f"{path} in the work tree cannot be read: {error.strerror}", hint=f"git restore {path}"
        ) from error
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read()
