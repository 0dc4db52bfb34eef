"""For the tests of the program: a team in one call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import worlds as worlds_module
from teams import Team
from worlds import World, Worlds, installed


@pytest.fixture(scope="session")
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("installed"))


@pytest.fixture
def python(_installed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An interpreter that has this project without any variable; worlds start the program with it."""
    monkeypatch.setattr(worlds_module, "program", lambda: [str(_installed), "-m", "modelver"])
    return _installed


@pytest.fixture
def found(worlds: Worlds, tmp_path: Path) -> Callable[..., Team]:
    """`found(kind)`: a team whose hub starts from a world of a kind."""

    def team(kind: str = "fraud") -> Team:
        return Team.of(tmp_path, kind, worlds)

    return team


@pytest.fixture
def team(found: Callable[..., Team]) -> Team:
    """A team whose hub has three versions of the model `fraud`."""
    return found()


@pytest.fixture
def pair(team: Team) -> tuple[World, World]:
    """Two clones of one hub."""
    return team.clone("ann"), team.clone("bob")
