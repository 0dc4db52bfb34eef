"""For all tests: nobody's home, nobody's Git configuration, and a world in one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from worlds import GLOBAL, World, Worlds

_OURS = ("GIT_", "MODELVER_", "XDG_", "EMAIL", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "VIRTUAL_ENV", "CONDA_")
"""How variables begin that would make a test another one on another machine."""


@pytest.fixture(scope="session", autouse=True)
def _no_world_but_ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Empty `HOME`, no `GIT_*` of the developer's, and a Git configuration that is the same everywhere."""
    home = tmp_path_factory.mktemp("home")
    (home / "gitconfig").write_text(GLOBAL)
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(
                ("GIT_", "MODELVER_", "XDG_", "EMAIL", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "VIRTUAL_ENV", "CONDA_")
            ):
                patch.delenv(name)
        patch.setenv("HOME", str(home / "nobody"))
        (home / "nobody").mkdir()
        patch.setenv("GIT_CONFIG_GLOBAL", str(home / "gitconfig"))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("LC_ALL", "C.UTF-8")
        patch.setenv("TZ", "UTC")
        yield


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory, _no_world_but_ours: None) -> Worlds:
    """Makes worlds of every kind."""
    return Worlds(tmp_path_factory.mktemp("worlds"))


@pytest.fixture
def make(worlds: Worlds, tmp_path: Path) -> Callable[..., World]:
    """`make(kind, name)`: a world of a kind below this test's own directory."""

    def made(kind: str = "registry", name: str = "repo") -> World:
        return worlds.make(tmp_path / name, kind)

    return made


@pytest.fixture
def plain(make: Callable[..., World]) -> World:
    """A repository with one commit and no registry."""
    return make("plain")


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    """A repository with a registry and no model."""
    return make("registry")


@pytest.fixture
def fraud(make: Callable[..., World]) -> World:
    """A repository with three versions of the model `fraud` at `model.bin`, the newest of which lies there."""
    return make("fraud")
