"""`modelver init`: what it writes, and what it proposes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from worlds import World

OURS = [".modelver/.gitattributes", ".modelver/.gitignore", ".modelver/config.yaml"]


def test_init_commits_its_own_files_and_nothing_else(plain: World) -> None:
    """S1: three small files in one commit, although the user has something staged."""
    plain.write("staged.txt", "mine\n")
    plain.git("add", "staged.txt")
    document = plain.json("init")
    assert document == {
        "created": True,
        "commit": plain.git("rev-parse", "HEAD").strip(),
        "branch": "main",
        "proposals": [],
    }
    assert plain.git("show", "--format=%s", "--name-only").split() == ["modelver:", "init", *OURS]
    assert plain.git("status", "--porcelain") == "A  staged.txt\n"
    plain.assert_sound()


def test_init_again_changes_nothing(world: World) -> None:
    """S1: idempotent, and says so."""
    lock = [".git/modelver/lock"]
    before = world.everything(but=lock)
    assert world.json("init")["created"] is False
    assert "already" in world.cli("init").out
    assert world.everything(but=lock) == before


def test_init_makes_again_what_was_deleted(world: World) -> None:
    """S1: only the file that is missing in the commit."""
    world.git("rm", "-q", ".modelver/.gitattributes")
    world.git("commit", "-q", "-m", "away with it")
    assert world.json("init")["created"] is True
    assert world.git("show", "--format=", "--name-only").split() == [".modelver/.gitattributes"]


def test_records_are_never_converted(world: World) -> None:
    """S1: attributes switch off what a user has switched on for all files."""
    attributes = world.git("check-attr", "text", "filter", "merge", "--", ".modelver/models/m/stages/p.yaml")
    assert [line.rpartition(": ")[2] for line in attributes.splitlines()] == ["unset", "unset", "unset"]
    assert world.git("check-attr", "merge", "--", ".modelver/models/m/tags/p.yaml").endswith(": unspecified\n")


def test_the_branch_is_the_remotes_default_one(plain: World, tmp_path: Path) -> None:
    """B1: where a remote tells its default branch, not the one that is checked out."""
    clone = World(tmp_path / "clone")
    plain.git("clone", "-q", str(plain.top), str(clone.top))
    clone.git("checkout", "-q", "-b", "topic")
    assert clone.json("init")["branch"] == "main"
    assert "branch: main\n" in clone.record(".modelver/config.yaml")


def test_without_a_remote_the_branch_is_the_current_one(plain: World) -> None:
    """B1: also one with a slash, and one that YAML would read as something else."""
    plain.git("checkout", "-q", "-b", "1e5")
    assert plain.json("init")["branch"] == "1e5"
    assert "branch: '1e5'\n" in plain.record(".modelver/config.yaml")


def test_init_works_before_the_first_commit(make: Callable[..., World], tmp_path: Path) -> None:
    """W7: the registry's commit is then the first."""
    (tmp_path / "new").mkdir()
    world = World(tmp_path / "new")
    world.git("init", "-q")
    world.cli("init")
    assert world.git("rev-list", "--count", "HEAD") == "1\n"
    world.assert_sound()


def test_a_file_of_the_users_in_the_way_is_kept(plain: World) -> None:
    """W7: it is named, and nothing is written."""
    plain.write(".modelver/config.yaml", "mine: true\n")
    before = plain.everything(but=[".git/modelver"])
    ran = plain.cli("init", code=4)
    assert ".modelver/config.yaml" in ran.err
    assert plain.everything(but=[".git/modelver"]) == before


def test_outside_a_repository_the_error_says_what_to_type(tmp_path: Path) -> None:
    """The first thing that a newcomer may see."""
    ran = World(tmp_path).cli("init", code=3)
    assert ran.err.startswith("error: ")
    assert "hint: git init" in ran.err


@pytest.mark.parametrize(
    ("path", "content", "word"),
    [
        ("pyproject.toml", '[build-system]\nrequires = ["setuptools_scm>=8"]\n', "setuptools-scm"),
        ("pyproject.toml", '[build-system]\nrequires = ["hatchling", "hatch-vcs"]\n', "hatch-vcs"),
        ("pyproject.toml", '[build-system]\nrequires = ["hatchling"]\n', "hatchling"),
        ("Dockerfile", "FROM scratch\nCOPY . .\n", ".dockerignore"),
        (".github/workflows/release.yml", "on:\n  push:\n    tags: ['v*']\n", "release.yml"),
        (".github/workflows/release.yaml", "on:\n  push:\n    tags:\n      - 'v*'\n", "release.yaml"),
        (".github/workflows/class.yml", "on:\n  push:\n    tags: [ 'a', 'v[0-9]+*' ]\n", "class.yml"),
        (".github/workflows/all.yml", "on:\n  push:\n    tags:\n    - '**'\n", "all.yml"),
    ],
)
def test_init_names_what_does_not_go_with_it(plain: World, path: str, content: str, word: str) -> None:
    """I4: each with what to do about it; on standard error for people, in the document for machines."""
    plain.write(path, content)
    assert any(word in proposal for proposal in plain.json("init")["proposals"])
    assert f"note: {word}" in (err := plain.cli("init").err) or word in err


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("pyproject.toml", '[build-system]\nrequires = ["setuptools"]\n'),
        (".github/workflows/release.yml", "on:\n  push:\n    tags: ['v[0-9]+.[0-9]+.*', 'release-*']\n"),
        (".github/workflows/release.yml", "on:\n  push:\n    tags: ['v*', '!v[0-9]*_*']\n"),
        (".github/workflows/release.yml", "on:\n  push:\n    tags:\n    - 'v1.*'\n    - v[12].x\n"),
        (".github/workflows/test.yml", "on:\n  push:\n    branches: [main]\n"),
    ],
)
def test_init_is_silent_where_nothing_applies(plain: World, path: str, content: str) -> None:
    """A proposal that nobody needs would teach people to read none."""
    plain.write(path, content)
    assert plain.json("init")["proposals"] == []


def test_a_dockerignore_is_enough(plain: World) -> None:
    """Whoever has one has thought about it."""
    plain.write("Dockerfile", "FROM scratch\n")
    plain.write(".dockerignore", ".git\n")
    assert plain.json("init")["proposals"] == []


def test_version_tags_as_refs_need_no_proposal(plain: World) -> None:
    """I4: with `tags: {versions: ref}` no tool trips over them, and none is made under refs/tags."""
    plain.write("pyproject.toml", 'requires = ["setuptools_scm"]\n')
    plain.json("init")
    plain.commit({".modelver/config.yaml": "format: 1\nbranch: main\ntags: {versions: ref}\n"}, "refs")
    assert plain.json("init")["proposals"] == []
    plain.write("model.bin", "weights")
    version = plain.json("add", "model.bin", "-n", "fraud")["version"]
    assert plain.git("tag") == ""
    assert plain.git("for-each-ref", "--format=%(refname)", "refs/modelver").strip() == f"refs/modelver/{version}"
    assert plain.json("verify")["missing_tags"] == []
    assert plain.json("show", version)["commit"] == plain.git("rev-parse", "HEAD").strip()
