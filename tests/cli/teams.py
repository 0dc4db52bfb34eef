"""A team in one call: a bare repository that all push to, and as many clones of it as a test wants."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from worlds import Ran, World, Worlds, shown

from modelver.cli.run import run
from modelver.operations.results import as_json
from modelver.registry import Registry


class Team:
    """One bare repository, `hub`, and clones of it that lie beside it."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.hub = World(top / "hub.git")
        self._clones = 0

    @classmethod
    def of(cls, top: Path, kind: str, worlds: Worlds) -> Team:
        """A team whose hub starts from a world of a kind."""
        start = worlds.make(top / "start", kind)
        start.git("clone", "-q", "--bare", start.top, top / "hub.git")
        shutil.rmtree(start.top)
        return cls(top)

    def copy(self, top: Path) -> Team:
        """Another team with a hub like this one's."""
        shutil.copytree(self.hub.top, top / "hub.git")
        return Team(top)

    def clone(self, name: str = "", *options: str) -> World:
        """A clone, of whoever is called so; versions that it adds by the API are at minutes of their own."""
        self._clones += 1
        name = name or f"clone{self._clones}"
        # By the transport, because Git copies all of a repository that has a plain path, also for --depth.
        self.hub.git("clone", "-q", "--template=", *options, f"file://{self.hub.top}", self.top / name)
        clone = World(self.top / name)
        clone.git("config", "user.name", name.capitalize())
        clone._minutes = 100 * self._clones  # so that no two clones make one id
        return clone

    def hook(self, name: str, script: str) -> None:
        """A hook of the hub's."""
        path = self.hub / f"hooks/{name}"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def log_pushes(self) -> None:
        """Have `pushes` tell of all from now on."""
        log = self.top / "pushes"
        self.hook("post-receive", f'line=""; while read old new ref; do line="$line $ref"; done; echo $line >> {log}')

    def pushes(self) -> list[list[str]]:
        """The refs of each push that came in, by their short names."""
        log = self.top / "pushes"
        lines = log.read_text().splitlines() if log.exists() else []
        return [[ref.removeprefix("refs/").partition("/")[2] for ref in line.split()] for line in lines]

    def protect(self, branch: str = "main") -> None:
        """Let nobody push to a branch but the forge itself, which merges pull requests."""
        script = f'while read old new ref; do [ $ref = refs/heads/{branch} ] && [ ! "$FORGE" ] && '
        self.hook("pre-receive", f"{script}echo $ref is protected && exit 1; done; exit 0")

    def refs(self) -> dict[str, str]:
        """What the hub has."""
        lines = self.hub.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split() for line in lines)

    def tags(self) -> set[str]:
        """The tags that the hub has."""
        return set(self.hub.git("tag").split())

    def head(self, branch: str = "main") -> str:
        """The hub's commit of a branch."""
        return self.hub.git("rev-parse", f"refs/heads/{branch}").strip()


def tags(world: World) -> dict[str, str]:
    """The tags of a clone, each with the commit that it comes to."""
    form = "--format=%(refname:strip=2) %(objectname) %(*objectname)"
    lines = (line.split() for line in world.git("for-each-ref", form, "refs/tags").splitlines())
    return {name: oids[-1] for name, *oids in lines}


def head(world: World, name: str = "HEAD") -> str:
    """The commit that a name comes to."""
    return world.git("rev-parse", f"{name}^{{commit}}").strip()


def announcements(names: Iterable[str]) -> set[str]:
    """Of some tags, those of labels and stages."""
    return {name for name in names if "@" in name or "#" in name}


def names(synced: Any) -> list[str]:
    """What an answer of `sync` calls new, by name."""
    return [each["tag"] for each in synced["new"]]


def quick(world: World, *words: str | Path, code: int | None = 0) -> Ran:
    """Like `World.cli`, in this process: a start of the interpreter for each would be most of the time."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        ended = run(["-C", str(world.top), *map(str, words)])
    said = (stream.buffer.getvalue() for stream in (out, err))  # type: ignore[attr-defined]
    ran = Ran(ended, next(said), next(said).decode("utf-8", "surrogateescape"))
    assert code is None or ran.code == code, shown(f"modelver {words}: {ran.code}\n{ran.out}{ran.err}")
    return ran


def answer(world: World, *words: str | Path, code: int = 0) -> Any:
    """Like `World.json`, in this process."""
    return quick(world, "--json", *words, code=code).json


def to(world: World, branch: str) -> Registry:
    """The Python API that writes to a branch which is not checked out."""
    return Registry(world.top, branch=branch)


def synced(world: World, *, push: bool = True) -> dict[str, Any]:
    """What `sync` answers, by the API, which is quicker than another start of the program."""
    with world.registry as registry:
        return dict(as_json(registry.sync(push=push)))


def promote(world: World, ref: str = "fraud", stage: str = "production") -> None:
    with world.registry as registry:
        registry.promote(ref, stage)


def label(world: World, ref: str, name: str) -> None:
    with world.registry as registry:
        registry.tag(ref, name)


def unmoved(world: World) -> dict[str, object]:
    """All that must stay where a push is refused: refs, index, work tree."""
    kept = {
        path: content
        for path, content in world.everything(but=[".git/objects", ".git/modelver", ".git/refs/remotes"]).items()
        if not path.startswith(".git/logs") and path != ".git/packed-refs"
    }
    return kept | {"refs": world.git("for-each-ref", "refs/heads", "refs/tags", "refs/modelver")}


def refused(world: World, code: int, *words: str) -> str:
    """What `sync --push` says that ends so and moves nothing."""
    before = unmoved(world)
    err = quick(world, "sync", "--push", code=code).err
    assert unmoved(world) == before
    assert all(word in err for word in words), err
    return err
