"""A small real repository in one call, and the real program to try on it."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import modelver
from modelver.operations.results import Added

PROJECT = Path(__file__).parent.parent
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
"""The second of the first version that `World.add` makes; each further one is a minute later."""

GLOBAL = """\
[user]
	name = A. User
	email = user@example.org
[init]
	defaultBranch = main
[core]
	fsync = none
[gc]
	auto = 0
[protocol "file"]
	allow = always
[advice]
	detachedHead = false
	addEmbeddedRepo = false
"""
"""What the user of every world has configured."""


@dataclass(frozen=True)
class Ran:
    """How a run of the program ended."""

    code: int
    bytes: bytes
    err: str

    @property
    def out(self) -> str:
        """Standard output as text."""
        return self.bytes.decode("utf-8", "surrogateescape")

    @property
    def json(self) -> Any:
        """Standard output as its one JSON document."""
        return json.loads(self.bytes)

    @property
    def error(self) -> dict[str, Any]:
        """The error object on standard error, which holds nothing else."""
        document = json.loads(self.err)
        assert list(document) == ["error"]
        assert not self.bytes
        return dict(document["error"])


class World:
    """One repository; `top` is where commands run unless `at` says otherwise."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self._minutes = 0

    def __truediv__(self, path: str) -> Path:
        return self.top / path

    # ---- the programs ----------------------------------------------------------------------------------------

    def git(self, *words: str | Path, code: int = 0, at: Path | None = None, input: str | bytes = "") -> str:
        """What Git says; the exit code has to be `code`. Never refreshes the index on the way."""
        done = subprocess.run(
            ["git", *map(str, words)],
            cwd=at or self.top,
            input=input.encode("utf-8", "surrogateescape") if isinstance(input, str) else input,
            capture_output=True,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
            check=False,
        )
        out, err = (stream.decode("utf-8", "surrogateescape") for stream in (done.stdout, done.stderr))
        assert done.returncode == code, shown(f"git {words}: {done.returncode}\n{out}{err}")
        return out

    def cli(
        self,
        *words: str | Path,
        code: int | None = 0,
        at: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        before: Iterable[str] = (),
    ) -> Ran:
        """Run the program to its end; the exit code has to be `code` (None: any), a traceback comes only on request.

        `env` adds variables, None takes one away; `before` are words before the interpreter, like strace's.
        """
        done = subprocess.run(
            [*before, *program(), *map(str, words)],
            cwd=at or self.top,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        ran = Ran(done.returncode, done.stdout, done.stderr.decode("utf-8", "surrogateescape"))
        assert code is None or ran.code == code, shown(f"modelver {words}: {ran.code}\n{ran.out}{ran.err}")
        assert "Traceback" not in ran.err or "--debug" in words
        return ran

    def json(self, *words: str | Path, code: int = 0, at: Path | None = None) -> Any:
        """The program's JSON document."""
        return self.cli("--json", *words, code=code, at=at).json

    @property
    def registry(self) -> modelver.Registry:
        """The Python API, opened anew."""
        return modelver.open(self.top)

    # ---- files -----------------------------------------------------------------------------------------------

    def write(self, path: str, content: str | bytes = "", *, mode: int | None = None) -> Path:
        """Put a file into the work tree."""
        target = self.top / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        if mode is not None:
            target.chmod(mode)
        return target

    def commit(self, files: Mapping[str, str | bytes], message: str = "by hand") -> str:
        """Commit some files, and nothing else that may be staged; the commit."""
        for path, content in files.items():
            self.write(path, content)
        self.git("add", "-f", "--", *files)
        self.git("commit", "-q", "-m", message, "--", *files)
        return self.git("rev-parse", "HEAD").strip()

    def record(self, path: str) -> str:
        """A record as it stands in the commit that is checked out."""
        return self.git("show", f"HEAD:{path}")

    # ---- versions --------------------------------------------------------------------------------------------

    def add(self, content: str | bytes = "", model: str = "fraud", path: str = "model.bin", **more: Any) -> Added:
        """Register a version by the API, at a moment of its own unless `time` names one."""
        if content or not (self.top / path).exists():
            self.write(path, content or f"weights {self._minutes}")
        more.setdefault("time", NOON + timedelta(minutes=self._minutes))
        self._minutes += 1
        with self.registry as registry:
            return registry.add(self.top / path, model=model, **more)

    def versions(self, count: int, model: str = "fraud", path: str = "model.bin") -> list[str]:
        """The ids of some new versions of a model, oldest first, each of bytes of its own."""
        return [self.add(f"{model} {self._minutes + 1}", model, path).version for _ in range(count)]

    @property
    def home(self) -> Path:
        """Where objects, cache and lock lie."""
        return Path(self.git("rev-parse", "--path-format=absolute", "--git-common-dir").strip()) / "modelver"

    def object(self, digest: str) -> Path:
        """Where the object of a digest lies, with or without `sha256:` before it."""
        digits = digest.removeprefix("sha256:")
        return self.home / "objects" / digits[:2] / digits[2:]

    # ---- what must stay --------------------------------------------------------------------------------------

    def everything(self, *, but: Iterable[str] = ()) -> dict[str, object]:
        """All that lies in the work tree and in the Git directory, but for what is below some paths."""
        return contents(self.top, but=but)

    def assert_sound(self) -> None:
        """Git finds nothing wrong, our files are as in the commit, and nothing is left over from the writing."""
        assert self.git("fsck", "--strict", "--no-dangling", "--no-progress") == ""
        assert self.git("diff-index", "--cached", "HEAD", "--", ".modelver") == ""
        assert self.git("diff-files", "--", ".modelver") == ""
        common = self.home.parent
        assert not [*common.rglob("*.lock"), *self.home.glob("journal*"), *self.home.glob("tmp/*")]


def shown(text: str) -> str:
    """What a failure says; with half a character in it the report could not be sent from process to process."""
    return text[:4000].encode("utf-8", "backslashreplace").decode()


def program() -> list[str]:
    """The words that start the program."""
    return [sys.executable, "-m", "modelver"]


def installed(folder: Path) -> Path:
    """A new Python environment in which this project is installed, by a line that leads here; its interpreter.

    For programs that are started without PYTHONPATH, as Git hooks start modelver.
    """
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    packages = folder / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    packages.mkdir(parents=True)
    shared = [path for path in sys.path if path.endswith("-packages")]
    (packages / "project.pth").write_text("\n".join([str(PROJECT), *shared, ""]))
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
    (folder / "bin").mkdir()
    (folder / "bin/python").symlink_to(base)
    return folder / "bin/python"


def environment(more: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """The environment of a run: ours, this project, and what is asked for."""
    values = {**os.environ, "PYTHONPATH": str(PROJECT), **(more or {})}
    return {name: value for name, value in values.items() if value is not None}


def contents(top: Path, *, but: Iterable[str] = ()) -> dict[str, object]:
    """By path: mode and bytes of each file, mode and target of each link, mode of each directory below `top`."""
    hidden = tuple(but)
    found: dict[str, object] = {}
    for folder, folders, files in os.walk(top):
        for name in [*folders, *files]:
            path = Path(folder) / name
            inside = path.relative_to(top).as_posix()
            if not any(inside == each or inside.startswith(f"{each}/") for each in hidden):
                found[inside] = _content(path)
    return found


def _content(path: Path) -> object:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return "link", os.readlink(path)
    if stat.S_ISREG(mode):
        return stat.S_IMODE(mode), path.read_bytes()
    return stat.S_IMODE(mode) if stat.S_ISDIR(mode) else stat.S_IFMT(mode)


def sha256(data: str | bytes) -> str:
    """64 hexadecimal digits."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


class Worlds:
    """Makes worlds: each kind is built once in a run, and copied."""

    def __init__(self, models: Path) -> None:
        self._models = models

    def make(self, top: Path, kind: str = "registry") -> World:
        """A new world at `top`: `plain` (one commit), `registry` (after init), or one that is told of below."""
        model = self._model(kind)
        shutil.copytree(model, top, symlinks=True, dirs_exist_ok=True)
        world = World(top)
        world._minutes = 3 if kind == "fraud" else 0
        # A copy has other inodes, so the index knows none of its files.
        subprocess.run(["git", "update-index", "-q", "--refresh"], cwd=top, check=True)
        return world

    @functools.cache  # noqa: B019  there is one for the whole run
    def _model(self, kind: str) -> Path:
        top = self._models / kind
        _KINDS[kind](self, top)
        return top

    def plain(self, top: Path) -> None:
        """One commit with two files in it."""
        subprocess.run(["git", "init", "-q", "--template=", str(top)], check=True)
        (top / ".git" / "info").mkdir()
        world = World(top)
        world.commit({"README.md": "a repository\n", "src/train.py": "print('training')\n"}, "first")

    def with_registry(self, top: Path) -> None:
        """After `modelver init`."""
        with self.make(top, "plain").registry as registry:
            registry.init()

    def fraud(self, top: Path) -> None:
        """Three versions of one model, each of bytes of its own, at 12:00, 12:01 and 12:02."""
        world = self.make(top, "registry")
        for number in (1, 2, 3):
            world.add(f"fraud {number}", metrics={"auc": (80 + number) / 100}, message=f"attempt {number}")

    def announced(self, top: Path) -> None:
        """Three versions, the second of which is 1.0.0, and four changes of the stage `production`."""
        with self.make(top, "fraud").registry as registry:
            registry.tag("fraud~1", "1.0.0")
            registry.promote("fraud~1", "production", message="first")
            registry.promote("fraud", "production")
            registry.rollback("fraud", "production")
            registry.demote("fraud", "production")


_KINDS: dict[str, Callable[[Worlds, Path], None]] = {
    "plain": Worlds.plain,
    "registry": Worlds.with_registry,
    "fraud": Worlds.fraud,
    "announced": Worlds.announced,
}
