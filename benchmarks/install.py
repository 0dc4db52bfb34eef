"""Get the tools: each in a virtual environment of its own, in a cache outside of the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PEERS = {"dvc": "dvc==3.67.*", "gto": "gto==1.10.*"}
SOURCES = ("modelver", "pyproject.toml", "README.md", "LICENSE")


@dataclass(frozen=True)
class Programs:
    """Where the programs are; `lfs` is None where Git LFS is not installed."""

    modelver: Path
    python: Path
    """The Python that modelver is installed for."""
    dvc: Path
    gto: Path
    lfs: Path | None


def default_cache() -> Path:
    """Where the environments are kept from one run to the next."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modelver-benchmarks"


def install(cache: Path, source: Path = ROOT) -> Programs:
    """Install what is missing, and modelver when its sources have changed."""
    found = shutil.which("git-lfs")
    own = _modelver(cache / "modelver", source)
    return Programs(
        modelver=own / "bin" / "modelver",
        python=own / "bin" / "python",
        dvc=_peer(cache, "dvc"),
        gto=_peer(cache, "gto"),
        lfs=Path(found) if found else None,
    )


def _peer(cache: Path, name: str) -> Path:
    """A peer's program; its directory has the name of what was asked for, so another version is another one."""
    place = cache / PEERS[name].replace("==", "-").removesuffix(".*")
    program = place / "bin" / name
    if not program.exists():
        _environment(place, PEERS[name])
    return program


def _modelver(place: Path, source: Path) -> Path:
    """modelver as its users get it; built from a copy, so that no build directory comes into the repository."""
    stamp = place / "installed"
    parts = [path for name in SOURCES for path in [source / name, *(source / name).rglob("*")]]
    newest = max(path.stat().st_mtime for path in parts if "__pycache__" not in path.parts)
    if stamp.exists() and stamp.stat().st_mtime > newest and stamp.read_text() == str(source):
        return place
    with tempfile.TemporaryDirectory() as folder:
        for name in SOURCES:
            _copy(source / name, Path(folder) / name)
        _environment(place, folder)
    stamp.write_text(str(source))
    return place


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _environment(place: Path, requirement: str) -> None:
    """A new virtual environment with one thing in it; half an environment is never left behind."""
    print(f"installing {requirement} into {place}", file=sys.stderr)
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        subprocess.run([place / "bin" / "pip", "install", "-qq", requirement], check=True)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
