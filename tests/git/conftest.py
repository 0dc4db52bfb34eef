"""For the tests of this room: a home with an identity, and a repository."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import faultlib
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


@pytest.fixture
def tracer() -> None:
    """Processes can be traced here."""
    if faultlib.STRACE is None:
        faultlib.missing("strace is not installed")
    probe = subprocess.run([faultlib.STRACE or "", "-q", "-o", "/dev/null", "true"], capture_output=True, check=False)
    if probe.returncode:
        faultlib.missing(f"strace may not trace here: {probe.stderr.decode().strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB; only the administrator can make one."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=24m", "modelver-test", str(place)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        faultlib.missing("a small file system cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)
