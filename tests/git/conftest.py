"""For the tests of this room: a home with an identity, and a repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from writelib import make


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("GIT_", "MODELVER_", "XDG_")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\n\tname = A. User\n\temail = user@example.org\n[init]\n\tdefaultBranch = main\n"
        '[core]\n\tfsync = none\n[protocol "file"]\n\tallow = always\n[advice]\n\tdetachedHead = false\n'
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with one commit."""
    return make(tmp_path / "repo")
