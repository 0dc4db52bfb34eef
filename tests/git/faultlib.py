"""Kill a command at every point, starve it of disk, cut its answers short; then judge what is left.

The command is a list of words, so that any command that writes can be put to the test: see `Command`.
Faults are injected by strace, and by a `git` on PATH (`wrapper.sh`) that runs the k-th Git process of the
command under strace, kills its parent, or cuts its answer short. strace counts each system call by its
name, so a point is a process, a name and an ordinal.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest

# Read at once, because the tests themselves see nothing of the developer's own variables.
FULL = os.environ.get("MODELVER_FAULTS") == "full"
REPORT = os.environ.get("MODELVER_FAULTS_REPORT")
REQUIRED = os.environ.get("MODELVER_REQUIRE_ALL")
HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
REAL_GIT = shutil.which("git") or "git"
STRACE = shutil.which("strace")
USERS = (".", ":!/.modelver", ":!/model.bin")
"""What of the work tree belongs to the user."""

SET = (
    "?write,?pwrite64,?writev,?pwritev,?copy_file_range,?sendfile,?rename,?renameat,?renameat2,?link,?linkat,"
    "?symlink,?symlinkat,?unlink,?unlinkat,?rmdir,?fsync,?fdatasync,?syncfs,?sync_file_range,?mkdir,?mkdirat,"
    "?ftruncate,?truncate,?utimensat"
)
"""The system calls that change files, as strace takes them: the mark lets it pass over those it does not know."""

CHANGING = SET.replace("?", "").split(",")
FILLING = ("write", "pwrite64", "writev", "pwritev", "copy_file_range", "sendfile", "mkdir", "link", "rename")
"""The calls that a full disk refuses."""
FLUSHING = ("fsync", "fdatasync")

_CALL = re.compile(r"^(\w+)\((.*)")
_ID = re.compile(r"v\d{14}_[0-9a-f]+")
_TIMEOUT = 60.0


@dataclass(frozen=True)
class Command:
    """A command that writes: its words, and which new record a tag at a new commit stands for.

    `shape` makes a path, ref or record comparable between two runs, where they hold a clock or chance; it is told
    which version ids were there before, and so are the same in both. `again` are the exit codes that the same
    command may end with once it has done its work, `refused` those where an answer of Git's was cut short; with
    `notes` it may tell something beside its success.
    """

    words: tuple[str, ...]
    shape: Callable[[str, Collection[str]], str] = lambda text, known: text
    owner: Callable[[str, str], bool] = lambda tag, path: Path(tag).name == Path(path).stem
    again: tuple[int, ...] = (0,)
    refused: tuple[int, ...] = (4, 7)
    notes: bool = False


def opaque(name: str, timeout: float = 30) -> Command:
    """The stand-in for a real command."""
    return Command((sys.executable, str(HERE / "opaque_write.py"), name, ".", str(timeout)))


def real(*words: str, again: tuple[int, ...] = (0,)) -> Command:
    """A command of modelver's own."""
    return Command((sys.executable, "-m", "modelver", *words), _without_chance, lambda tag, path: True, again)


def script(*lines: str) -> Command:
    """Some commands one after the other, in which `modelver` is our own."""
    function = f'modelver() {{ {shlex.quote(sys.executable)} -m modelver "$@"; }}'
    return Command(("sh", "-ec", "\n".join([function, *lines])))


def _without_chance(text: str, known: Collection[str]) -> str:
    chance = rf"{_ID.pattern}|/\d{{6}}/\d\d/|\d{{4}}-\d\d-\d\dT[\d:]+Z"
    return re.sub(chance, lambda match: match[0] if match[0] in known else "?", text)


@dataclass(frozen=True)
class Point:
    """Where a fault strikes: how, in which process (0: the program, k: its k-th Git process), at which call."""

    mode: str
    process: int
    call: str = ""
    ordinal: int = 0
    text: str = ""

    def __str__(self) -> str:
        where = f"git {self.process}" if self.process else "program"
        return f"{self.mode} {where} {self.call}#{self.ordinal} {self.text}"[:230]


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    code: int
    out: str
    err: str


@dataclass
class Report:
    """What a loop over points found."""

    points: Counter[str] = field(default_factory=Counter)
    journals: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, other: Report) -> None:
        """Take in the findings of another loop."""
        self.points.update(other.points)
        self.journals.update(other.journals)
        self.codes.update(other.codes)
        self.faults += other.faults

    def __str__(self) -> str:
        lines = [f"{mode}: {n} points, the journal existed at {self.journals[mode]}" for mode, n in self.points.items()]
        total = f"in all: {self.points.total()} points, the journal existed at {self.journals.total()}"
        return "\n".join([*lines, total, f"ends: {dict(self.codes)}"])


class World:
    """A repository with changes of every kind in it, and a `git` before the real one on PATH."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.repo = top / "repo"
        self.git_dir = self.repo / ".git"

    @classmethod
    def build(cls, top: Path, *, former: Command | None = None) -> World:
        """A new world; `former` is a write that has happened in it before."""
        world = cls(top)
        (top / "bin").mkdir(parents=True)
        (top / "fault").mkdir()
        shutil.copy(HERE / "wrapper.sh", top / "bin" / "git")
        (top / "bin" / "git").chmod(0o755)
        world.git("init", "-q", "-b", "main", "--template=", str(world.repo), cwd=top)
        for number in range(256):  # so that it does not hang on object ids which calls there are
            (world.git_dir / "objects" / f"{number:02x}").mkdir()
        for key, value in {"gc.auto": "0", "maintenance.auto": "false", "core.fsync": "none"}.items():
            world.git("config", key, value)
        (world.git_dir / "info").mkdir()
        (world.git_dir / "info" / "exclude").write_text("# the user's\n*.log\n")
        world._users_files(former)
        return world

    def _users_files(self, former: Command | None) -> None:
        lines = "".join(f"line {number}\n" for number in range(30))
        for name in ("kept.txt", "edited.txt", "both.txt", "dir/gone.txt"):
            self.write(name, f"{name}\n{lines}")
        self.git("add", ".")
        self.git("commit", "-q", "-m", "first")
        if former is not None:
            self.write("model.bin", "weights")
            outcome = self.run(former)
            assert outcome.code == 0, outcome
        self.write("edited.txt", f"edited\n{lines}")
        self.write("new.txt", "staged\n")
        self.write("both.txt", f"staged\n{lines}")
        self.git("add", "new.txt", "both.txt")
        self.write("both.txt", f"staged\n{lines}not staged\n")
        self.write("intended.txt", "later\n")
        self.git("add", "-N", "intended.txt")
        self.git("rm", "-q", "--cached", "dir/gone.txt")
        self.write("untracked.txt", "untracked\n")
        self.write("model.bin", "weights")

    def copy(self, top: Path) -> World:
        """The same world elsewhere."""
        subprocess.run(["cp", "-a", str(self.top), str(top)], check=True)
        world = World(top)
        shutil.rmtree(top / "fault")
        (top / "fault").mkdir()
        # The copies' inodes and change times are new, which says nothing about their content.
        with (world.git_dir / "config").open("a") as stream:
            stream.write("[core]\n\tcheckStat = minimal\n\ttrustctime = false\n")
        return world

    def write(self, path: str, text: str) -> None:
        """Put a file into the work tree."""
        place = self.repo / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def git(self, *words: str, cwd: Path | None = None, check: bool = True) -> str:
        """Ask the real Git."""
        done = subprocess.run(
            [REAL_GIT, *words],
            cwd=cwd or self.repo,
            env=environment(self.top),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"git {words}: {done.returncode} {done.stdout}{done.stderr}")
        return done.stdout + (done.stderr if done.returncode else "")

    def run(self, command: Command, *, prefix: Sequence[str] = (), **variables: str) -> Outcome:
        """Run a command, with files for its streams, so that an orphan does not keep us waiting."""
        fault = Path(variables.setdefault("FAULT_DIR", str(self.top / "fault")))
        for name in ("count", "out", "err", "journal"):
            (fault / name).unlink(missing_ok=True)
        with (fault / "out").open("wb") as out, (fault / "err").open("wb") as err:
            done = subprocess.run(
                [*prefix, *command.words],
                cwd=self.repo,
                env=environment(self.top) | variables,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                timeout=_TIMEOUT,
                check=False,
            )
        return Outcome(done.returncode, (fault / "out").read_text(), (fault / "err").read_text())

    def journal(self) -> bool:
        """Whether a write was cut off, or was under way when a fault struck its Git process."""
        return (self.git_dir / "modelver" / "journal").exists() or (self.top / "fault" / "journal").exists()

    def wait(self) -> None:
        """Wait for orphans: they hold the lock."""
        path = self.git_dir / "modelver" / "lock"
        if path.exists():
            with path.open("rb") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX)


def environment(top: Path) -> dict[str, str]:
    """Nothing of the developer's own world, and our `git` first on PATH."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "MODELVER_", "XDG_"))}
    return kept | {
        "PATH": f"{top / 'bin'}:{os.environ['PATH']}",
        "HOME": str(top),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "user.name",
        "GIT_CONFIG_VALUE_0": "A. User",
        "GIT_CONFIG_KEY_1": "user.email",
        "GIT_CONFIG_VALUE_1": "user@example.org",
        "GIT_OPTIONAL_LOCKS": "0",
        "PYTHONPATH": str(PROJECT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "FAULT_DIR": str(top / "fault"),
        "FAULT_SET": SET,
        "FAULT_GIT": REAL_GIT,
        "FAULT_PYTHON": sys.executable,
        "FAULT_CUTTER": str(HERE / "cutter.py"),
        "LC_ALL": "C",
    }


# --- Points ---------------------------------------------------------------------------------------


def _changes_a_file(call: str, rest: str) -> bool:
    """Whether a traced call changes a file: no pipe, no terminal, no stream of the program's own."""
    if call in ("write", "writev", "pwrite64", "pwritev", "fsync", "ftruncate"):
        descriptor = re.match(r"\d+<([^>]*)>", rest)
        return descriptor is not None and descriptor[1].startswith("/") and "/repo/" in descriptor[1]
    return True


def _calls(log: Path) -> list[Point]:
    """The calls of one traced process that change a file."""
    counted: Counter[str] = Counter()
    found = []
    for line in log.read_text(errors="replace").splitlines():
        match = _CALL.match(line)
        if match is None or match[1] not in CHANGING:
            continue
        counted[match[1]] += 1
        if _changes_a_file(match[1], match[2]):
            found.append(Point("", 0, match[1], counted[match[1]], line))
    return found


@dataclass(frozen=True)
class Map:
    """All points of one run: the calls of the program, and those of each of its Git processes."""

    program: list[Point]
    git: list[list[Point]]
    verbs: list[str]

    def points(self, mode: str) -> list[Point]:
        """The points of one mode."""
        if mode in ("program", "nospace", "flush"):
            inside = [Point(mode, 0, p.call, p.ordinal, p.text) for p in self.program]
            if mode == "program":
                return inside
        if mode in ("before", "after", "orphan", "orphan-pipe", "orphan-slow"):
            return [Point(mode, k + 1, text=self.verbs[k]) for k in range(len(self.git))]
        below = [Point(mode, k + 1, p.call, p.ordinal, p.text) for k, calls in enumerate(self.git) for p in calls]
        if mode in ("nospace", "flush"):
            wanted = FILLING if mode == "nospace" else FLUSHING
            return [point for point in inside + below if point.call in wanted]
        return below


def discover(world: World, command: Command) -> Map:
    """Run the command once, every process traced; the world is used up."""
    log = world.top / "fault" / "trace"
    outcome = world.run(command, prefix=_strace(log), FAULT_MODE="map")
    assert outcome.code in command.again, outcome
    logs = [log.with_name(f"trace.{k}") for k in range(1, count(world) + 1)]
    verbs = (world.top / "fault" / "verbs").read_text().splitlines()
    return Map(_calls(log), [_calls(each) for each in logs], verbs)


def count(world: World) -> int:
    """How many Git processes the last run started."""
    return int((world.top / "fault" / "count").read_text())


def _strace(log: Path, *options: str) -> list[str]:
    assert STRACE is not None
    return [STRACE, "-q", "-y", "-o", str(log), "-e", f"trace={SET}", *options]


def strike(world: World, command: Command, point: Point) -> Outcome:
    """Run the command with a fault at a point."""
    if point.process:
        variables = {
            "FAULT_MODE": point.mode,
            "FAULT_PROCESS": str(point.process),
            "FAULT_CALL": point.call,
            "FAULT_AT": str(point.ordinal),
        }
        return world.run(command, **variables)
    effect = {"nospace": "error=ENOSPC", "flush": "error=EIO"}.get(point.mode, "signal=SIGKILL")
    inject = f"inject={point.call}:{effect}:when={point.ordinal}"
    return world.run(command, prefix=_strace(world.top / "fault" / "trace", "-e", inject))


# --- Judging --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mine:
    """What belongs to the user: how Git sees it, and its bytes."""

    seen: tuple[str, ...]
    files: dict[str, bytes]

    @classmethod
    def of(cls, world: World) -> Mine:
        """As it is now."""
        words = (("status", "--porcelain=v2", "-uall"), ("diff",), ("diff", "--cached"), ("ls-files", "-s"))
        seen = tuple(world.git(*each, "--", *USERS) for each in words)
        return cls(seen, {path: data for path, data in files(world).items() if not path.startswith(".modelver/")})


def files(world: World) -> dict[str, bytes]:
    """All files of the work tree, and where its links lead."""
    found = {}
    for folder, names, leaves in os.walk(world.repo):
        if folder == str(world.repo):
            names.remove(".git")
        for path in (Path(folder, name) for name in [*names, *leaves]):
            if path.is_symlink():
                found[str(path.relative_to(world.repo))] = b"-> " + os.fsencode(os.readlink(path))
            elif path.is_file():
                found[str(path.relative_to(world.repo))] = path.read_bytes()
    return found


@dataclass(frozen=True)
class State:
    """All that a failed command must leave as it was."""

    head: str
    refs: str
    index: str
    exclude: bytes
    files: dict[str, bytes]
    directories: tuple[str, ...]
    locks: tuple[str, ...]

    @classmethod
    def of(cls, world: World) -> State:
        """As it is now."""
        exclude = world.git_dir / "info" / "exclude"
        directories = [str(path) for path in sorted((world.repo).glob("**/")) if ".git" not in path.parts]
        return cls(
            (world.git_dir / "HEAD").read_text(),
            world.git("for-each-ref"),
            world.git("ls-files", "-s", "-t", "--debug"),
            exclude.read_bytes() if exclude.exists() else b"",
            files(world),
            tuple(str(Path(path).relative_to(world.repo)) for path in directories),
            tuple(leftovers(world)),
        )

    def difference(self, other: State) -> list[str]:
        """Which parts differ."""
        return [
            f"{name}: {getattr(self, name)!r} -> {getattr(other, name)!r}"[:700]
            for name in self.__dataclass_fields__
            if getattr(self, name) != getattr(other, name)
        ]


def leftovers(world: World) -> list[str]:
    """Locks, journal and staging directories that are still there."""
    home = world.git_dir / "modelver"
    found = [
        *world.git_dir.glob("**/*.lock"),
        *world.git_dir.glob("packed-refs.new"),
        *home.glob("journal*"),
        *(home / "tmp").glob("*"),
    ]
    return [str(path.relative_to(world.git_dir)) for path in found]


def tree(world: World, commit: str = "HEAD") -> dict[str, str]:
    """Blob ids of the records in a commit."""
    lines = world.git("ls-tree", "-r", "-z", commit, "--", ".modelver").split("\0")[:-1]
    return {line.split("\t")[1]: line.split()[2] for line in lines}


def tags(world: World) -> dict[str, str]:
    """The commit of each tag."""
    words = ("for-each-ref", "--format=%(objectname) %(*objectname) %(refname)", "refs/tags", "refs/modelver")
    lines = (line.split(" ") for line in world.git(*words).splitlines())
    return {name: peeled or oid for oid, peeled, name in lines}


@dataclass(frozen=True)
class Judge:
    """Knows how the world was, and how it is after an undisturbed run."""

    before: Mine
    base: dict[str, str]
    history: frozenset[str]
    records: Counter[tuple[str, str]]
    tags: Counter[tuple[str, str]]
    commits: int
    exclude: bytes
    command: Command

    @classmethod
    def after(cls, world: World, *commands: Command) -> Judge:
        """Let the commands run undisturbed; the world is used up."""
        before, base = Mine.of(world), tree(world)
        start = world.git("rev-parse", "HEAD").strip()
        for command in commands:
            outcome = world.run(command)
            assert outcome.code == 0, outcome
        commits = int(world.git("rev-list", "--count", f"{start}..HEAD"))
        history = frozenset(world.git("rev-list", start).split())
        exclude = (world.git_dir / "info" / "exclude").read_bytes()
        judge = cls(before, base, history, Counter(), Counter(), commits, exclude, commands[0])
        judge.records.update(judge.shaped_records(world))
        judge.tags.update(judge.shaped_tags(world))
        assert judge.exclude.startswith(b"# the user's\n*.log\n")
        found = judge.faults(world, start)
        assert not found, found
        return judge

    def faults(self, world: World, start: str, *, committed: bool = False) -> list[str]:
        """All that is wrong in a world at the end; `committed`: the user's changes were committed on the way."""
        found = [*self._git_is_content(world), *self._records(world), *self._tags(world)]
        found += self._users(world, committed)
        found += [f"left over: {name}" for name in leftovers(world)]
        head = (world.git_dir / "HEAD").read_text()
        if head != "ref: refs/heads/main\n":
            found.append(f"HEAD is {head!r}")
        made = int(world.git("rev-list", "--count", f"{start}..HEAD"))
        if not committed and made != self.commits:
            found.append(f"{made} commits instead of {self.commits}")
        return found

    def shaped(self, text: str) -> str:
        """A text without what differs between two runs."""
        return self.command.shape(text, {each for path in self.base for each in _ID.findall(path)})

    def shaped_records(self, world: World) -> list[tuple[str, str]]:
        """Path and content of each record in the work tree."""
        there = {path: data for path, data in files(world).items() if path.startswith(".modelver/")}
        return [(self.shaped(path), self.shaped(data.decode())) for path, data in there.items()]

    def shaped_tags(self, world: World) -> list[tuple[str, str]]:
        """Each tag, and its commit where that was there before."""
        made = tags(world).items()
        return [(self.shaped(tag), commit if commit in self.history else "new") for tag, commit in made]

    def _git_is_content(self, world: World) -> list[str]:
        words = world.git("fsck", "--strict", "--no-dangling", "--no-progress", check=False)
        return [f"fsck: {words}"] if words.strip() else []

    def _records(self, world: World) -> list[str]:
        held = tree(world)
        found = []
        records = Counter(self.shaped_records(world))
        if records != self.records:
            found.append(f"records: missing {self.records - records}, too many {records - self.records}")
        if staged := world.git("diff-index", "--cached", "HEAD", "--", ".modelver"):
            found.append(f"index differs from HEAD: {staged}")
        if dirty := world.git("diff-files", "--", ".modelver"):
            found.append(f"index differs from the work tree: {dirty}")
        there = {path: data for path, data in files(world).items() if path.startswith(".modelver/")}
        there.pop(".modelver/objects", None)  # a link into the Git directory, which Git does not see
        if {path: _blob(data) for path, data in there.items()} != held:
            found.append(f"work tree differs from HEAD: {sorted(there)}")
        exclude = (world.git_dir / "info" / "exclude").read_bytes()
        if exclude != self.exclude:
            found.append(f"exclude: {exclude!r}")
        return found

    def _tags(self, world: World) -> list[str]:
        made, shaped = tags(world), Counter(self.shaped_tags(world))
        found = []
        if shaped != self.tags:
            found.append(f"tags: missing {self.tags - shaped}, too many {shaped - self.tags}")
        new = set(tree(world)) - set(self.base)
        for tag, commit in made.items():
            wanted = {path for path in new if self.command.owner(tag, path) and commit not in self.history}
            if not wanted <= set(tree(world, commit)):
                found.append(f"{tag} names {commit}, which lacks {wanted - set(tree(world, commit))}")
            if "is not" in world.git("merge-base", "--is-ancestor", commit, "HEAD", check=False):
                found.append(f"{tag} names a commit outside of the branch")
        return found

    def _users(self, world: World, committed: bool) -> list[str]:
        now = Mine.of(world)
        if not committed:
            return [] if now == self.before else [f"the user's changes: {self.before} -> {now}"]
        found = [] if now.files == self.before.files else ["the user's files differ"]
        for path in ("edited.txt", "new.txt", "both.txt", "intended.txt", "kept.txt"):
            if world.git("show", f"HEAD:{path}", check=False).encode() != self.before.files[path]:
                found.append(f"the user's commit lacks {path}")
        return found


def _blob(data: bytes) -> str:
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data, usedforsecurity=False).hexdigest()


# --- Trials ---------------------------------------------------------------------------------------


class Judging(Protocol):
    """Whoever says what is wrong in a world at the end."""

    def faults(self, world: World, start: str, *, committed: bool = False) -> list[str]:
        """See `Judge.faults`."""
        ...


@dataclass
class Trial:
    """A command put to the test in one world."""

    world: World
    command: Command
    place: Path
    judge: Judging
    map: Map

    @classmethod
    def prepare(cls, world: World, command: Command, place: Path) -> Trial:
        """Look at an undisturbed run first."""
        place.mkdir(parents=True)
        judge = Judge.after(world.copy(place / "judge"), command)
        return cls(world, command, place, judge, discover(world.copy(place / "map"), command))

    def _fresh(self, name: str = "trial") -> World:
        top = self.place / name
        shutil.rmtree(top, ignore_errors=True)
        return self.world.copy(top)

    def kill(self, points: Iterable[Point]) -> Report:
        """Kill at each point, and go on in three ways."""
        report = Report()
        for point in points:
            follow = self._follow_orphan if point.mode.startswith("orphan") else self._follow_dead
            journal, found = follow(point)
            report.points[point.mode] += 1
            report.journals[point.mode] += journal
            report.faults += [f"{point}\n    {fault}" for fault in found]
        return report

    def _follow_dead(self, point: Point) -> tuple[bool, list[str]]:
        world = self._fresh()
        start = world.git("rev-parse", "HEAD").strip()
        outcome = strike(world, self.command, point)
        found = self._check_struck(point, outcome)
        world.wait()
        journal = world.journal()
        for name, way in WAYS.items():
            shutil.rmtree(self.place / "copy", ignore_errors=True)
            subprocess.run(["cp", "-a", str(world.top), str(self.place / "copy")], check=True)
            found += [f"{name}: {fault}" for fault in self.go_on(World(self.place / "copy"), start, way)]
        return journal, found

    def _check_struck(self, point: Point, outcome: Outcome) -> list[str]:
        if point.mode == "kill":  # the program lives on and tells
            codes = (*self.command.again, 7)
            return (
                []
                if outcome.code in codes and _one_line(outcome, notes=self.command.notes)
                else [f"ended with {outcome}"]
            )
        return [] if outcome.code in (-9, 137) else [f"was not killed: {outcome}"]

    def _follow_orphan(self, point: Point) -> tuple[bool, list[str]]:
        """An orphan cannot be copied: it is met by each way at once, in a world of its own."""
        found, journal = [], False
        for name, way in WAYS.items():
            world = self._fresh()
            start = world.git("rev-parse", "HEAD").strip()
            found += self._check_struck(point, strike(world, self.command, point))
            journal = world.journal() or journal
            found += [f"{name}: {fault}" for fault in self.go_on(world, start, way)]
            world.wait()
        return journal, found

    def go_on(self, world: World, start: str, way: Callable[[World], bool]) -> list[str]:
        """What is wrong after one way to go on, and the same command again."""
        committed = way(world)
        outcome = world.run(self.command)
        if outcome.code not in self.command.again:
            return [f"the same command again: {outcome}"]
        return self.judge.faults(world, start, committed=committed)

    def kill_recovery(self, first: Point, points: Iterable[Point] | None = None, number: int = 0) -> Report:
        """Kill the command at `first`, then the same command again at each of its own points, then judge a third."""
        cut_off = self._fresh("cut-off")
        start = cut_off.git("rev-parse", "HEAD").strip()
        strike(cut_off, self.command, first)
        cut_off.wait()
        assert cut_off.journal(), first
        found = discover(self._copy(cut_off, "copy"), self.command)
        report = Report()
        for point in points or sample([*found.points("program"), *found.points("both"), *found.points("kill")], number):
            world = self._copy(cut_off, "copy")
            outcome = strike(world, self.command, point)
            wrong = self._check_struck(point, outcome)
            world.wait()
            report.points[f"recovery, {point.mode}"] += 1
            report.journals[f"recovery, {point.mode}"] += world.journal()
            wrong += self.go_on(world, start, WAYS["again"])
            report.faults += [f"{first}, then {point}\n    {fault}" for fault in wrong]
        return report

    def _copy(self, world: World, name: str) -> World:
        top = self.place / name
        shutil.rmtree(top, ignore_errors=True)
        subprocess.run(["cp", "-a", str(world.top), str(top)], check=True)
        return World(top)

    def kill_before_second(self, points: Iterable[Point], second: Command, judge: Judging) -> Report:
        """Kill the command while a second writer waits for the lock; afterwards both records are there."""
        report = Report()
        for point in points:
            world = self._fresh()
            start = world.git("rev-parse", "HEAD").strip()
            waiting = _holding_the_lock(world, second)
            outcome = strike(world, self.command, point)
            code = waiting.wait(timeout=_TIMEOUT)
            found = self._check_struck(point, outcome)
            if code:
                found.append(f"the second writer: {code} {(world.top / 'second').read_text()}")
            again = world.run(self.command)
            if again.code not in self.command.again:
                found.append(f"the same command again: {again}")
            report.points[f"second writer, {point.mode}"] += 1
            report.faults += [f"{point}\n    {fault}" for fault in [*found, *judge.faults(world, start)]]
        return report

    def fail(self, points: Iterable[Point]) -> Report:
        """A refused call, or an answer cut short: exit 7 and nothing has changed, or the command succeeds."""
        report = Report()
        for point in points:
            world = self._fresh()
            start = world.git("rev-parse", "HEAD").strip()
            before = State.of(world)
            outcome = strike(world, self.command, point)
            # A list that lacks its last lines looks like another state of things, which is refused too.
            codes = set(self.command.refused) if point.mode.startswith("cut") else {7}
            journal = world.journal()
            found = self.failed_cleanly(world, start, before, outcome, codes)
            report.points[point.mode] += 1
            report.journals[point.mode] += journal
            report.codes[f"{point.mode} exit {outcome.code}"] += 1
            report.faults += [f"{point}\n    {fault}" for fault in found]
        return report

    def full_disk(self, size: int) -> tuple[Outcome, list[str]]:
        """Run on a file system of which `size` bytes are free, and stay so; then again with room."""
        world = self._fresh()
        start, before = world.git("rev-parse", "HEAD").strip(), State.of(world)
        ballast = world.top / "ballast"
        free = os.statvfs(world.top)
        with ballast.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, max(free.f_bavail * free.f_frsize - size, 1))
        with tempfile.TemporaryDirectory() as elsewhere:
            outcome = world.run(self.command, FAULT_DIR=elsewhere)
        found = (
            [] if outcome.code in (0, 7) and _one_line(outcome, notes=self.command.notes) else [f"ended with {outcome}"]
        )
        left = self.changed(world, before) if outcome.code else []
        ballast.unlink()
        found += [f"with {size} bytes free: {fault}" for fault in left + self.go_on(world, start, WAYS["again"])]
        return outcome, found

    def changed(self, world: World, before: State) -> list[str]:
        """What a command that failed has changed, and must not."""
        return before.difference(State.of(world))

    def failed_cleanly(self, world: World, start: str, before: State, outcome: Outcome, codes: set[int]) -> list[str]:
        """All or nothing: exit 0 and all is there, or an error, one line, and all is as before; again succeeds."""
        found = []
        if outcome.code == 0:
            found += self.judge.faults(world, start)
        else:
            if outcome.code not in codes or not _one_line(outcome, notes=self.command.notes):
                found.append(f"ended with {outcome}")
            found += self.changed(world, before)
        return found + [f"again: {fault}" for fault in self.go_on(world, start, WAYS["again"])]

    def answers(self) -> list[Point]:
        """Where the answer of each Git process can be cut: at nothing, in its middle, before each line's end."""
        world = self._fresh("answers")
        outcome = world.run(self.command, FAULT_MODE="answers")
        assert outcome.code == 0, outcome
        points = []
        for k in range(1, count(world) + 1):
            text = (world.top / "fault" / f"answer.{k}").read_bytes()
            ends = [at + shift for at, byte in enumerate(text) if byte in b"\n\0" for shift in (0, 1)][:12]
            places = sorted({0, len(text) // 2, len(text) - 1, *ends} & set(range(len(text))))
            for mode, at in itertools.product(("cut", "cut-killed"), places):
                points.append(Point(mode, k, "", at, self.map.verbs[k - 1]))
        return points


def _holding_the_lock(world: World, command: Command) -> subprocess.Popen[bytes]:
    """Start a command that meets the first writer: it begins as soon as that one has the lock."""
    lock = world.git_dir / "modelver" / "lock"
    script = 'until [ -s "$0" ]; do sleep 0.005; done; exec "$@"'
    lock.parent.mkdir(exist_ok=True)
    lock.write_bytes(b"")
    variables = environment(world.top) | {"PATH": os.environ["PATH"]}
    with (world.top / "second").open("wb") as out:
        words = ["sh", "-c", script, str(lock), *command.words]
        return subprocess.Popen(words, cwd=world.repo, env=variables, stdout=out, stderr=out)


def _one_line(outcome: Outcome, *, notes: bool) -> bool:
    if outcome.code == 0:
        return all(notes and line.startswith("note: ") for line in outcome.err.splitlines())
    lines = outcome.err.splitlines()
    return (
        bool(lines)
        and lines[0].startswith("error: ")
        and not any("Traceback" in line for line in lines)
        and (len([line for line in lines if line.startswith("error:")]) == 1)
    )


def _again(world: World) -> bool:
    return False


def _commit(world: World) -> bool:
    """`git commit -a` straight away; whether Git let it."""
    before = world.git("rev-parse", "HEAD")
    words = world.git("commit", "-q", "-a", "-m", "user", check=False)
    made = "user" in world.git("log", "--format=%s", f"{before.strip()}..HEAD").splitlines()
    assert made or "lock" in words, words
    return made


def _unlock_and_commit(world: World) -> bool:
    (world.git_dir / "index.lock").unlink(missing_ok=True)
    return _commit(world)


WAYS: dict[str, Callable[[World], bool]] = {
    "again": _again,
    "commit -a": _commit,
    "unlock, commit -a": _unlock_and_commit,
}


def sample(points: Sequence[Point], number: int) -> list[Point]:
    """Some of the points, spread evenly, the first and the last among them."""
    if len(points) <= number:
        return list(points)
    step = (len(points) - 1) / max(number - 1, 1)
    return [points[round(place * step)] for place in range(number)]


def remove(place: Path) -> None:
    """Make room: take a world away."""
    shutil.rmtree(place)


def missing(what: str) -> None:
    """A test cannot run here: it is skipped, or fails where all have to run."""
    if REQUIRED:
        pytest.fail(what)
    pytest.skip(what)


def settle(report: Report) -> None:
    """Print the counts; any fault fails."""
    print(report)
    if REPORT:
        name = os.environ.get("PYTEST_CURRENT_TEST", "").split("::")[-1]
        with Path(REPORT).open("a") as stream:
            stream.write(f"{name}\n{report}\n\n")
    assert report.points
    assert not report.faults, f"{len(report.faults)} faults\n" + "\n".join(report.faults[:10])


def number(some: int) -> int:
    """How many points of a kind are tried."""
    return 100_000 if FULL else some
