"""Starting a registry: its own files and nothing else, once; and what it proposes (rules S1, B1, I4)."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from worlds import World

FILES = [".modelver/.gitattributes", ".modelver/.gitignore", ".modelver/config.yaml"]


def test_one_commit_with_three_files(plain: World) -> None:
    """S1: `init` commits `.gitattributes`, `.gitignore` and `config.yaml` below .modelver, and says in which commit."""
    head = plain.git("rev-parse", "HEAD")
    made = plain.json("init")
    assert made == {"created": True, "commit": made["commit"], "branch": "main", "proposals": [], "hooks": None}
    assert plain.git("rev-parse", "HEAD", "HEAD~1") == f"{made['commit']}\n{head}"
    assert plain.git("show", "--name-only", "--format=%s", "HEAD").split("\n") == ["modelver: init", "", *FILES, ""]
    assert plain.git("log", "-1", "--format=%(trailers:key=Modelver-Op,valueonly)").strip() == "init"
    assert plain.record(".modelver/config.yaml") == "format: 1\nbranch: main\n"
    assert plain.record(".modelver/.gitignore") == "/objects\n"
    assert "-text -filter -ident -working-tree-encoding" in plain.record(".modelver/.gitattributes")
    assert plain.git("check-attr", "merge", ".modelver/models/a/b/stages/x.yaml").endswith("merge: unset\n")
    assert plain.git("status", "--porcelain") == ""
    assert (plain / ".modelver/objects").is_symlink()


def test_again_it_changes_nothing(plain: World) -> None:
    """`init` run again is exit 0, changes no file anywhere, and says that there is a registry."""
    plain.cli("init")
    but = [".git/modelver/cache", ".git/modelver/lock"]
    before = plain.everything(but=but)
    ran = plain.cli("init")
    assert "already" in ran.out
    assert plain.json("init")["created"] is False
    assert plain.everything(but=but) == before


def test_what_a_person_changed_in_the_registrys_files_stays(world: World) -> None:
    """A configuration that was edited and committed is not written anew; a file that is missing comes back."""
    world.commit({".modelver/config.yaml": "format: 1\nbranch: trunk\n# ours\n"})
    world.git("rm", "-q", ".modelver/.gitignore")
    world.git("commit", "-q", "-m", "gone")
    assert world.json("init")["branch"] == "trunk"
    assert world.git("show", "--name-only", "--format=", "HEAD") == ".modelver/.gitignore\n"
    assert world.record(".modelver/config.yaml") == "format: 1\nbranch: trunk\n# ours\n"


def test_nothing_works_before_it(plain: World) -> None:
    """Before `init` every other command is exit 3 with the hint, whatever is configured, and writes nothing."""
    plain.write("model.bin", "weights")
    plain.git("config", "modelver.objects.link", "copy")
    plain.git("config", "modelver.ignore", "exclude")
    before = plain.everything(but=[".git/modelver"])
    for words in (
        ("list",),
        ("show", "fraud"),
        ("status",),
        ("checkout", "fraud"),
        ("verify",),
        ("verify", "--repair"),
    ):
        assert "hint: modelver init" in plain.cli(*words, code=3).err
    assert "hint: modelver init" in plain.cli("add", "model.bin", "-n", "fraud", code=3).err
    assert plain.everything(but=[".git/modelver"]) == before


# ---- the registry's branch -----------------------------------------------------------------------------------


def test_the_branch_is_the_current_one(plain: World) -> None:
    """B1: without a remote the registry's branch is the one that is checked out."""
    plain.git("checkout", "-q", "-b", "feature/1e5")
    plain.git("checkout", "-q", "-b", "1e5")
    assert plain.json("init")["branch"] == "1e5"
    assert plain.record(".modelver/config.yaml") == "format: 1\nbranch: '1e5'\n"


def test_the_branch_is_the_remotes_default(plain: World, tmp_path: Path) -> None:
    """B1: in a clone it is the remote's default branch, whichever is checked out; `origin` before another remote."""
    plain.git("branch", "-m", "trunk/one")
    plain.git("clone", "-q", plain.top, tmp_path / "clone")
    clone = World(tmp_path / "clone")
    clone.git("checkout", "-q", "-b", "side")
    clone.git("remote", "add", "another", plain.top)
    clone.git("symbolic-ref", "refs/remotes/another/HEAD", "refs/remotes/another/else")
    clone.git("fetch", "-q", "another")
    assert clone.json("init")["branch"] == "trunk/one"


def test_the_branch_of_a_detached_head(plain: World) -> None:
    """B1: with a detached head and no remote it is Git's configured default."""
    plain.git("checkout", "-q", "--detach")
    plain.git("config", "init.defaultBranch", "trunk")
    assert plain.json("init")["branch"] == "trunk"


# ---- files of the user's in the way --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["untracked", "staged", "edited", "file", "ignored"])
def test_files_of_the_users_in_the_way(plain: World, kind: str) -> None:
    """S1: what lies in the place of the registry's files is not overwritten: exit 4 or 5, and all is as it was."""
    path = ".modelver/config.yaml"
    match kind:
        case "untracked":
            plain.write(path, "mine")
        case "staged":
            plain.write(path, "mine")
            plain.git("add", path)
        case "edited":
            plain.commit({".modelver/.gitignore": "mine\n"})
            plain.write(path, "mine")
        case "file":
            plain.write(".modelver", "mine")
        case "ignored":
            plain.commit({".gitignore": ".modelver\n"})
            plain.write(path, "mine")
    but = [".git/modelver"]
    before = plain.everything(but=but), plain.git("status", "--porcelain=v2", "-uall", "--ignored")
    ran = plain.cli("init", code=None)
    assert ran.code in (4, 5)
    assert ".modelver" in ran.err
    assert (plain.everything(but=but), plain.git("status", "--porcelain=v2", "-uall", "--ignored")) == before


def test_a_repository_that_ignores_everything(plain: World) -> None:
    """S1: records are committed also where the user's own rules ignore dot files, or all files."""
    plain.commit({".gitignore": "*\n"})
    plain.cli("init")
    plain.write("model.bin", "weights")
    version = plain.json("add", "model.bin")["version"]
    assert version in plain.git("ls-tree", "-r", "--name-only", "HEAD")
    assert plain.git("status", "--porcelain") == ""
    plain.git("clone", "-q", ".", "../clone")
    assert World(plain.top.parent / "clone").json("show", "model")["version"] == version


# ---- proposals -----------------------------------------------------------------------------------------------


def workflow(tags: str) -> str:
    """A workflow of GitHub's that runs on tags."""
    return f"name: release\non:\n  push:\n    tags: {tags}\njobs: {{}}\n"


PROPOSALS = [
    ("pyproject.toml", '[build-system]\nrequires = ["setuptools>=64", "setuptools-scm>=8"]\n', "setuptools-scm", "ref"),
    ("setup.py", "from setuptools import setup\nsetup(use_scm_version=True, setup_requires=['setuptools_scm'])\n",
     "setuptools-scm", "ref"),
    ("pyproject.toml", '[build-system]\nrequires = ["hatchling", "hatch-vcs"]\n', "hatch-vcs", "ref"),
    ("pyproject.toml", '[build-system]\nrequires = ["hatchling"]\n', "hatchling", "exclude = ["),
    ("Dockerfile", "FROM scratch\nCOPY . /\n", "Dockerfile", ".dockerignore"),
    (".github/workflows/release.yml", workflow("['v*']"), ".github/workflows/release.yml", "v[0-9]+.[0-9]+.*"),
    (".github/workflows/all.yaml", workflow("\n      - 'v**'"), ".github/workflows/all.yaml", "versions: ref"),
    (".github/workflows/any.yml", workflow('"*"'), ".github/workflows/any.yml", "versions: ref"),
    (".github/workflows/digits.yml", workflow("['v[0-9]*']"), ".github/workflows/digits.yml", "versions: ref"),
    (".github/workflows/many.yml", workflow("[ 'a', '!v1', 'v[0-9]+*' ]"), "workflows/many.yml", "versions: ref"),
    (".github/workflows/last.yml", workflow("['!v2*', 'v*']"), ".github/workflows/last.yml", "versions: ref"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text", "names", "remedy"), PROPOSALS, ids=[f"{x[0]}-{x[2]}" for x in PROPOSALS])
def test_a_proposal(plain: World, path: str, text: str, names: str, remedy: str) -> None:
    """I4, T1: `init` names what does not go well with version tags or large files, and what to do about it."""
    plain.commit({path: text})
    with plain.registry as registry:
        found = registry.init().proposals
    assert any(names in each and remedy in each for each in found), found
    assert len(found) == (2 if "hatch-vcs" in text else 1)


SILENT = [
    ("pyproject.toml", '[build-system]\nrequires = ["setuptools>=64"]\n'),
    ("pyproject.toml", '[build-system]\nrequires = ["flit_core"]\n# not hatched\n'),
    (".github/workflows/semver.yml", workflow("['v[0-9]+.[0-9]+.*']")),
    (".github/workflows/release.yml", workflow("['release-*', 'V*']")),
    (".github/workflows/but.yml", workflow("['v*', '!v[0-9]*_*']")),
    (".github/workflows/one.yml", workflow("\n    - 'v1.*'\n    - v[13].x")),
    (".github/workflows/push.yml", "on:\n  push:\n    branches: ['v*']\njobs: {}\n"),
    (".github/workflows/odd.yml", "on: [\n"),
    ("docs/Dockerfile", "FROM scratch\n"),
]


@pytest.mark.parametrize(("path", "text"), SILENT)
def test_no_proposal(plain: World, path: str, text: str) -> None:
    """Silence where nothing applies, also where a proposal was followed already."""
    plain.commit({path: text})
    with plain.registry as registry:
        assert registry.init().proposals == ()


def test_proposals_are_shown_and_go_when_they_are_followed(plain: World) -> None:
    """Each proposal is a line on stderr and an entry in the JSON; once followed it is not made again."""
    plain.commit(
        {
            "Dockerfile": "FROM scratch\n",
            "pyproject.toml": 'requires = ["hatchling", "hatch-vcs"]\n',
            ".github/workflows/x.yml": workflow("['v*']"),
        }
    )
    ran = plain.cli("init")
    assert len([line for line in ran.err.splitlines() if line.startswith("note: ")]) == 4
    assert "note: " not in plain.cli("init", "-q").err
    assert len(plain.json("init")["proposals"]) == 4
    plain.commit(
        {
            ".dockerignore": ".git\n.modelver/objects\n",
            "pyproject.toml": '[tool.hatch.build]\nexclude = ["/.modelver/objects"]\n[x]\nrequires = ["hatchling"]\n',
            ".modelver/config.yaml": "format: 1\nbranch: main\ntags: {versions: ref}\n",
        }
    )
    assert plain.json("init")["proposals"] == []
    assert plain.cli("init").err == ""


def test_versions_as_refs_are_no_tags(plain: World, make: Callable[..., World]) -> None:
    """I4: with `tags: {versions: ref}` a tag lies under refs/modelver/, where `git describe` and `git tag` see none."""
    plain.cli("init")
    plain.commit({".modelver/config.yaml": "format: 1\nbranch: main\ntags: {versions: ref}\n"})
    plain.write("model.bin", "weights")
    added = plain.json("add", "model.bin")
    assert plain.git("tag") == ""
    plain.git("describe", "--tags", code=128)
    assert plain.git("rev-parse", f"refs/modelver/{added['version']}^{{commit}}").strip() == added["commit"]
    assert plain.json("show", added["version"])["commit"] == added["commit"]
    assert plain.json("verify")["missing_tags"] == []


# ---- Git alone -----------------------------------------------------------------------------------------------


def test_git_alone_tells_the_history(plain: World) -> None:
    """W10, I4: `git log`, `git show v…`, `git tag -n` and `git diff` tell it all without modelver installed."""
    plain.cli("init")
    plain.write("model.bin", "weights")
    first = plain.json("add", "model.bin", "-n", "fraud", "--metric", "auc=0.9", "-m", "first baseline")
    plain.write("model.bin", "better weights")
    second = plain.json("add", "model.bin", "-n", "fraud", "--metric", "auc=0.95", "-m", "more data\n\nand care")
    subjects = plain.git("log", "--format=%s").splitlines()
    assert subjects == [
        f"modelver: add fraud {second['version']}",
        f"modelver: add fraud {first['version']}",
        "modelver: init",
        "first",
    ]
    body = plain.git("log", "-1", "--format=%B", second["commit"]).strip()
    assert body == textwrap.dedent(f"""\
        modelver: add fraud {second["version"]}

        more data

        and care

        Modelver-Op: add
        Modelver-Model: fraud
        Modelver-Version: {second["version"]}""")
    keys = "%(trailers:key=Modelver-Version,valueonly)"
    assert plain.git("log", "-1", f"--format={keys}").strip() == second["version"]
    shown = plain.git("show", second["version"])
    assert f"tag {second['version']}\nTagger: A. User <user@example.org>" in shown
    assert "more data" in shown
    assert "+  auc: 0.95" in shown
    assert first["version"] in plain.git("tag", "-n")
    diff = plain.git("diff", "--no-index", *sorted(map(str, plain.top.rglob("versions/**/v*.yaml"))), code=1)
    assert "-  auc: 0.9\n+  auc: 0.95" in diff


def test_tag_objects_are_the_same_on_two_machines(make: Callable[..., World]) -> None:
    """I4: a tag object is made from commit and record alone: tagger, second, zone and message come from there."""
    world = make("fraud")
    version = world.registry.show("fraud~1").record.version
    assert world.git("cat-file", "-p", version) == textwrap.dedent(f"""\
        object {world.registry.show("fraud~1").commit}
        type commit
        tag {version}
        tagger A. User <user@example.org> 1704110460 +0000

        {version}

        attempt 2
        """)
