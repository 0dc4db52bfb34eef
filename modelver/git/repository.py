"""Discover a repository and read it: head, refs, trees, blobs, configuration, identity."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from modelver import files
from modelver.errors import Conflict, Damaged, NotFound, ProgramFailed, UsageError
from modelver.git.batch import Batch, object_id
from modelver.git.configuration import Configuration, Identity, now, without_crud
from modelver.git.process import LAST_SETTING, Git

DIRECTORY = "40000"
FILE = "100644"
_GITLINK = "160000"

_UNDER_WAY = {
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase or `git am`",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "sequencer": "a cherry-pick or revert of several commits",
    "BISECT_LOG": "a bisect",
}


@dataclass(frozen=True)
class Entry:
    """One line of a Git tree."""

    mode: str
    name: str
    oid: str

    @property
    def is_directory(self) -> bool:
        """Whether the entry is itself a tree."""
        return self.mode == DIRECTORY


@dataclass(frozen=True)
class Head:
    """Where `HEAD` stands: `ref` is the branch, or `HEAD` where it is detached; `commit` None where unborn.

    A `new` branch is one that is yet to be made at that commit.
    """

    ref: str
    commit: str | None
    new: bool = False


@dataclass(frozen=True)
class Repository:
    """One Git repository as seen from one of its work trees; all paths are absolute.

    `work_tree` is None in a bare repository and below a Git directory. `git_dir` is this work tree's own,
    `common_dir` the one that all work trees share; `index` is the index file in use.
    """

    git: Git
    git_dir: Path
    common_dir: Path
    index: Path
    work_tree: Path | None
    algorithm: str

    @classmethod
    def discover(cls, directory: Path) -> Repository:
        """The repository that `directory` lies in; one process.

        Raises `NotFound` where there is none, and `ProgramFailed` with Git's words where Git refuses it.
        """
        git = Git(directory)
        words = ["--git-dir", "--git-common-dir", "--git-path", "index", "--show-object-format", "--show-toplevel"]
        answer = git.run("rev-parse", "--path-format=absolute", *words, accept=(0, 128), end=b"\n")
        if not answer.out:
            if "not a git repository" in answer.words:
                raise NotFound(f"{directory} is not in a Git repository", hint="git init && modelver init")
            raise ProgramFailed(f"git refused this repository: {answer.words}")
        lines = os.fsdecode(answer.out).removesuffix("\n").split("\n")
        expected = 5 if answer.code == 0 else 4
        if len(lines) < expected:
            raise Git.cut_short(["rev-parse"])
        if len(lines) > expected:
            raise ProgramFailed(
                f"the path of the repository holds a line break: {str(directory)!r}", hint="rename the directory"
            )
        git_dir, common_dir, index = (Path(line) for line in lines[:3])
        work_tree = Path(lines[4]) if answer.code == 0 else None
        return cls._at(git, git_dir, common_dir, index, work_tree, lines[3])

    @classmethod
    def _at(
        cls, git: Git, git_dir: Path, common_dir: Path, index: Path, work_tree: Path | None, algorithm: str
    ) -> Repository:
        variables = {"GIT_DIR": str(git_dir), "GIT_INDEX_FILE": str(index)}
        if work_tree is not None:
            variables["GIT_WORK_TREE"] = str(work_tree)
        git = dataclasses.replace(git, directory=work_tree or git_dir, variables=variables)
        return cls(git, git_dir, common_dir, index, work_tree, algorithm)

    def elsewhere(self, git_dir: Path, index: Path, work_tree: Path | None) -> Repository:
        """The same repository seen from another of its work trees."""
        return self._at(self.git, git_dir, self.common_dir, index, work_tree, self.algorithm)

    def inherited(self, descriptor: int) -> Repository:
        """The same repository, whose Git processes that write also hold an open descriptor."""
        other = dataclasses.replace(self, git=dataclasses.replace(self.git, descriptors=(descriptor,)))
        other.__dict__["batch"] = self.batch
        return other

    @property
    def home(self) -> Path:
        """Where modelver keeps objects, cache, staging, lock and journal (rule S1)."""
        return self.common_dir / "modelver"

    @property
    def shallow(self) -> bool:
        """Whether history ends before its beginning."""
        return (self.common_dir / "shallow").exists()

    @property
    def boundary(self) -> list[str]:
        """The commits at which a shallow history ends."""
        path = self.common_dir / "shallow"
        return path.read_text("ascii").split() if path.exists() else []

    @property
    def null(self) -> str:
        """The object id of nothing."""
        return "0" * (64 if self.algorithm == "sha256" else 40)

    @cached_property
    def batch(self) -> Batch:
        """The conversation through which objects are read."""
        return Batch(self.git, self.algorithm)

    def close(self) -> None:
        """End the processes that were started to read."""
        self.batch.close_quietly()

    def head(self) -> Head:
        """The branch that is checked out, and its commit."""
        ref = self._head_ref()
        return Head(ref, self.commit(ref))

    def _head_ref(self) -> str:
        # The file is read first because a process costs more; a link or a stub is left to Git.
        path = self.git_dir / "HEAD"
        if not path.is_symlink():
            text = path.read_text("utf-8", "surrogateescape").strip()
            if not text.startswith("ref: "):
                return "HEAD"
            if text != "ref: refs/heads/.invalid":
                return text.removeprefix("ref: ").strip()
        answer = self.git.run("symbolic-ref", "-q", "HEAD", accept=(0, 1))
        return os.fsdecode(answer.out).strip() or "HEAD"

    def commit(self, name: str) -> str | None:
        """The commit that a ref or object id names, None where there is none."""
        header = self.batch.headers([f"{name}^{{commit}}"])[0]
        return header.oid if header and header.type == "commit" else None

    def root(self, commit: str) -> str:
        """The tree of a commit."""
        type, data = self.batch.contents([commit])[0]
        if type != "commit" or not data.startswith(b"tree "):
            raise Damaged(f"{commit} is no commit", hint="git fsck")
        return data[5 : data.index(b"\n")].decode("ascii")

    def trees(self, oids: Sequence[str]) -> list[list[Entry]]:
        """The entries of several trees, in Git's order."""
        new = [oid for oid in dict.fromkeys(oids) if oid not in self._trees]
        for oid, (type, data) in zip(new, self.batch.contents(new), strict=True):
            self._trees[oid] = self.parse_tree(oid, type, data)
        return [self._trees[oid] for oid in oids]

    @cached_property
    def _trees(self) -> dict[str, list[Entry]]:
        return {}

    def parse_tree(self, oid: str, type: str, data: bytes) -> list[Entry]:
        """The entries of a tree whose bytes are given."""
        if type != "tree":
            raise Damaged(f"{oid} is a {type}, not a tree", hint="git fsck")
        width = len(self.null) // 2
        entries, at = [], 0
        while at < len(data):
            end = data.index(b"\0", at)
            mode, name = data[at:end].split(b" ", 1)
            at = end + 1 + width
            entries.append(Entry(mode.decode("ascii"), os.fsdecode(name), data[end + 1 : at].hex()))
        return entries

    def entry(self, root: str, path: str) -> Entry | None:
        """What lies at `path` below a tree, None where there is nothing."""
        found: Entry | None = Entry(DIRECTORY, "", root)
        for part in path.split("/"):
            if found is None or not found.is_directory:
                return None
            found = next((entry for entry in self.trees([found.oid])[0] if entry.name == part), None)
        return found

    def blobs(self, entries: Sequence[Entry], *, limit: int) -> list[bytes | None]:
        """The bytes of files, None for one of more than `limit` bytes, which is not read at all."""
        headers = self.batch.headers([entry.oid for entry in entries])
        small = [header.oid for header in headers if header is not None and header.size <= limit]
        for entry, header in zip(entries, headers, strict=True):
            if header is None:
                raise Damaged(f"Git has no object {entry.oid} for {entry.name!r}", hint="git fsck")
            if header.type != "blob":
                raise Damaged(f"{entry.name!r} is a {header.type}, not a file")
        found = {oid: data for oid, (_, data) in zip(small, self.batch.contents(small), strict=True)}
        return [found.get(entry.oid) for entry in entries]

    def refs(self, *prefixes: str) -> dict[str, str]:
        """Object ids by full ref name, of the refs below each prefix (`refs/tags/v` as a pattern `refs/tags/v*`)."""
        answer = self.git.run("for-each-ref", "--format=%(objectname) %(refname)", *prefixes, end=b"\n")
        lines = os.fsdecode(answer.out).splitlines()
        return {name: oid for oid, _, name in (line.partition(" ") for line in lines)}

    def tag_targets(self, *prefixes: str) -> dict[str, str]:
        """The object that each ref below the prefixes comes to once its tag objects are peeled."""
        form = "--format=%(objectname) %(*objectname) %(refname)"
        answer = self.git.run("for-each-ref", form, *prefixes, end=b"\n")
        lines = (line.split(" ", 2) for line in os.fsdecode(answer.out).splitlines())
        return {name: peeled or oid for oid, peeled, name in lines}

    def transact(self, lines: Sequence[str], *options: str) -> None:
        """Change refs, all or none, by the lines of `git update-ref --stdin`."""
        words = ("update-ref", *options, "--stdin")
        text = "\n".join(["start", *lines, "prepare", "commit", ""])
        answer = self.git.run(*words, input=text.encode("utf-8", "surrogateescape"))
        if not answer.out.endswith(b"commit: ok\n"):
            raise Git.cut_short(words)

    def indexed(self, *paths: str) -> dict[str, tuple[str, str, int]]:
        """Mode, object id and stage of each index entry at or below the paths; of a conflict the last stage."""
        answer = self.git.run("ls-files", "-s", "-z", "--full-name", "--", *paths, end=b"\0")
        entries = {}
        for line in os.fsdecode(answer.out).split("\0")[:-1]:
            facts, path = line.split("\t", 1)
            mode, oid, stage = facts.split(" ")
            entries[path] = (mode, oid, int(stage))
        return entries

    def configuration(self) -> Configuration:
        """Git's configuration, all its files together; one process."""
        values: dict[str, list[str]] = {}
        answer = self.git.run("config", "-z", "--list", end=LAST_SETTING)
        for pair in answer.out.decode("utf-8", "surrogateescape").split("\0")[:-1]:
            key, has_value, value = pair.partition("\n")
            values.setdefault(key, []).append(value if has_value else "true")
        return Configuration(values)

    def set_option(self, key: str, value: str) -> None:
        """Add a value to a key of this repository's configuration."""
        self.git.run("config", "--local", "--add", key, value)

    def identity(self, configuration: Configuration) -> Identity:
        """Who writes, as Git sees it; without a process where name and mail are set.

        Raises `UsageError` with Git's advice where Git knows no name or mail (rule W9).
        """
        author, committer = (self._person(configuration, role) for role in ("author", "committer"))
        return Identity(author, committer)

    def _person(self, configuration: Configuration, role: str) -> str:
        environment = os.environ
        upper = f"GIT_{role.upper()}"
        name = environment.get(f"{upper}_NAME") or configuration.last(f"{role}.name", "user.name")
        mail = environment.get(f"{upper}_EMAIL") or configuration.last(f"{role}.email", "user.email")
        name, mail = without_crud(name or ""), without_crud(mail or "")
        if name and mail and f"{upper}_DATE" not in environment:
            return f"{name} <{mail}> {now()}"
        answer = self.git.run("var", f"{upper}_IDENT", accept=(0, 128))
        if answer.code:
            raise UsageError(
                f"Git does not know who you are ({answer.reason})",
                hint=['git config --global user.name "Your Name"', "git config --global user.email you@example.com"],
            )
        return answer.out.decode("utf-8", "surrogateescape").strip()

    def default_branch(self) -> str | None:
        """The default branch of the remote `origin`, or of the only one, as this clone knows it."""
        answer = self.git.run("for-each-ref", "--format=%(symref)", "refs/remotes/*/HEAD")
        heads = [line.removeprefix("refs/remotes/") for line in os.fsdecode(answer.out).splitlines() if line]
        of_origin = [head for head in heads if head.startswith("origin/")] or (heads if len(heads) == 1 else [])
        return of_origin[0].partition("/")[2] if of_origin else None

    def refuse_under_way(self) -> None:
        """Raise `Conflict` during an operation of Git's whose abort would lose a commit made meanwhile (W7)."""
        self.refuse_foreign_index()
        for name, words in _UNDER_WAY.items():
            if (self.git_dir / name).exists():
                raise Conflict(
                    f"{words} is in progress, and aborting it would lose what is recorded now",
                    hint="finish it or abort it, as `git status` says, then run the command again",
                )

    def refuse_foreign_index(self) -> None:
        """Raise `Conflict` below a hook of a `git commit` that has an index of its own.

        `git commit -a` and `git commit PATH` fill a new index and rename it over the old one at their end, so
        our entries would be gone then, and the user's next commit would drop the records.
        """
        if self.index.name.endswith(".lock"):
            raise Conflict(
                f"a `git commit` is under way (GIT_INDEX_FILE is {self.index}), "
                "and what is written now would be lost with it",
                hint="run it before or after the commit, or from the hook post-commit",
            )

    def make_home(self) -> None:
        """Make modelver's directory, with the rights of a Git directory that a group shares."""
        with files.disk_errors("write to the repository"):
            files.make_directory(self.home)

    def submodule_of(self, path: str, root: str | None) -> str | None:
        """The submodule or other repository that `path` lies in, None where it is this repository's own.

        It is looked for in the tree `root` and in the work tree; no process.
        """
        assert self.work_tree is not None
        for parent in list(reversed(PurePosixPath(path).parents))[1:]:
            entry = self.entry(root, str(parent)) if root else None
            if (entry and entry.mode == _GITLINK) or os.path.lexists(self.work_tree / parent / ".git"):
                return str(parent)
        return None

    def ignored(self, path: str) -> bool:
        """Whether Git's lists of ignored files name a path of the work tree, tracked or not; one process."""
        # This command knows no literal pathspecs; behind `./` no letter has a meaning to it.
        words = ("check-ignore", "-q", "--no-index", "--", f"./{path}")
        return self.git.run(*words, accept=(0, 1), variables={"GIT_LITERAL_PATHSPECS": "0"}).code == 0

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether the history of `newer` contains `older`, which may be the same commit."""
        return older == newer or self.git.run("merge-base", "--is-ancestor", older, newer, accept=(0, 1)).code == 0

    def dirty(self, path: str) -> bool:
        """Whether Git has no copy of what lies at a path of the work tree: changed, or not tracked; one process."""
        words = ("status", "--porcelain", "-z", "--ignored=matching", "--untracked-files=all", "--", path)
        return bool(self.git.run(*words).out)

    def patch(self, commit: str, *, without: str) -> bytes:
        """The patch that makes of a commit's files those of the work tree, as far as Git tracks them.

        What lies at `without` is left out. The user's way of showing differences does not count: `git apply` reads it.
        """
        words = ("diff", "--binary", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames")
        prefixes = ("--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules=all")
        only = (":(top)", f":(top,exclude){without}")
        return self.git.run(*words, *prefixes, commit, "--", *only, variables={"GIT_LITERAL_PATHSPECS": "0"}).out

    def differs(self, path: str, commit: str | None) -> bool:
        """Whether a small file of the work tree has other bytes than in a commit."""
        assert self.work_tree is not None
        entry = self.entry(self.root(commit), path) if commit else None
        return entry is None or object_id(self.algorithm, "blob", (self.work_tree / path).read_bytes()) != entry.oid

    def heads(self) -> list[str]:
        """The commits checked out in all work trees of this repository."""
        names = ["main-worktree/HEAD"]
        folder = self.common_dir / "worktrees"
        if folder.is_dir():
            names += [f"worktrees/{path.name}/HEAD" for path in sorted(folder.iterdir())]
        commits = [self.commit(name) for name in names if "\n" not in name]
        return list(dict.fromkeys(commit for commit in commits if commit))
