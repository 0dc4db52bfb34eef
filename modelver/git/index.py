"""Our entries in Git's index, one rewrite, made beside it by Git (rule W3)."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from modelver import files
from modelver.errors import Conflict
from modelver.git.objects import Draft
from modelver.git.repository import FILE, Repository


def rewrite(
    repository: Repository,
    draft: Path,
    *,
    files_at: Sequence[str] = (),
    outside: Mapping[str, str | None] | None = None,
    only: Mapping[str, str | None] | None = None,
) -> None:
    """Make a new index at `draft` in which only our entries differ.

    `files_at`: paths whose entries follow the work tree, with their stat data, gone where the file is gone.
    `outside`: entries outside the sparse checkout, by blob id, set `skip-worktree`; None removes.
    `only`: entries that change without their file, by blob id; None removes.
    """
    copy(repository.index, draft)
    git = dataclasses.replace(repository.git, variables={**repository.git.variables, "GIT_INDEX_FILE": str(draft)})
    entries = {**(outside or {}), **(only or {})}
    if entries:
        lines = (f"{FILE if oid else '0'} {oid or repository.null}\t{path}\0" for path, oid in entries.items())
        git.run("update-index", "-z", "--index-info", input=_encoded(lines))
    skipped = [f"{path}\0" for path, oid in (outside or {}).items() if oid]
    if skipped:
        git.run("update-index", "--skip-worktree", "-z", "--stdin", input=_encoded(skipped))
    if files_at:
        git.run("update-index", "--add", "--remove", "-z", "--stdin", input=_encoded(f"{path}\0" for path in files_at))
        _check_filters(dataclasses.replace(repository, git=git), files_at)


def copy(index: Path, draft: Path) -> None:
    """Copy the index with its time: by that, Git tells which entries may have changed since unnoticed.

    With a newer time an edit made in the second of the last `git add` would no longer be seen.
    """
    if index.exists():
        shutil.copyfile(index, draft)
        times = index.stat()
        os.utime(draft, ns=(times.st_atime_ns, times.st_mtime_ns))


def _check_filters(repository: Repository, paths: Sequence[str]) -> None:
    """`info/attributes` ranks above our own attributes and may ask for a filter on every file."""
    attributes = repository.common_dir / "info" / "attributes"
    if not attributes.exists() or not attributes.read_bytes().strip():
        return
    draft = Draft(repository.algorithm)
    records = [path for path in paths if path.startswith(".modelver/")]
    for path, (_, oid, _) in repository.indexed(*records).items():
        assert repository.work_tree is not None
        if draft.add("blob", (repository.work_tree / path).read_bytes()) != oid:
            raise Conflict(
                f"a filter set in {attributes} changes {path}",
                hint=f"append the line `.modelver/** -text -filter -ident -working-tree-encoding` to {attributes}",
            )


def _encoded(lines: Iterable[str]) -> bytes:
    return "".join(lines).encode("utf-8", "surrogateescape")


def publish(repository: Repository, draft: Path, previous: Path) -> None:
    """Put a new index in place; the former one stays at `previous`, so that going back needs no room on the disk."""
    if repository.index.exists():
        previous.unlink(missing_ok=True)
        files.link_exclusive(repository.index, previous)
    os.replace(draft, repository.index)
    files.flush_directory(repository.index.parent)


def outside_sparse_checkout(repository: Repository, tree: str, staging: Path) -> set[str]:
    """Which files of a tree the sparse checkout leaves out, by Git's own judgement.

    Git reads the tree into a scratch index with a scratch work tree and tells what it would skip.
    """
    scratch = staging / "sparse"
    scratch.mkdir()
    variables = {
        **repository.git.variables,
        "GIT_INDEX_FILE": str(staging / "sparse-index"),
        "GIT_WORK_TREE": str(scratch),
    }
    git = dataclasses.replace(repository.git, directory=scratch, variables=variables)
    git.run("read-tree", "-m", "-u", tree)
    lines = os.fsdecode(git.run("ls-files", "-t", "-z").out).split("\0")[:-1]
    return {line[2:] for line in lines if line.startswith("S ")}
