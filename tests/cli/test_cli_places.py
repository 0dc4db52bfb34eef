"""Wherever the artifact lies and whatever kind of repository it is, the commands work (rules W7, W9, T1)."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from worlds import World, Worlds, contents, sha256

STAGING = [
    ("tag", "fraud", "2.0.0"),
    ("tag", "fraud", "--bump", "minor"),
    ("tag", "--delete", "fraud@1.0.0"),
    ("promote", "fraud", "production"),
    ("rollback", "fraud", "production"),
    ("demote", "fraud", "production"),
    ("archive", "fraud"),
]
"""What writes about versions that are there: `fraud` with the label 1.0.0, whose stage two versions have held."""

# ---- names ---------------------------------------------------------------------------------------------------

NAMES = [
    # The artifact's path, and a neighbour that a careless ignore line would hide as well.
    ("a model.bin", "a  model.bin"),
    ("žluť 模型 \u00e9.bin", "žluť 模型 e\u0301.bin"),
    ("-rf.bin", "rf.bin"),
    ("two\nlines.bin", "two lines.bin"),
    ("tab\tand\x7fdelete.bin", "tab and delete.bin"),
    ("[abc]*?.bin", "axyz.bin"),
    ("model.bin ", "model.bin"),
    ("two spaces  ", "two spaces "),
    ("#hash.bin", "hash.bin"),
    ("!bang.bin", "bang.bin"),
    ("**", "anything"),
    ("a/[b]/c d/-e.bin", "a/b/c d/-e.bin"),
    ("model.bin\n", "model.bin"),
    ("quo\"te's.bin", "quotes.bin"),
]


@pytest.mark.parametrize(("name", "neighbour"), NAMES)
def test_any_name_is_added_hidden_and_brought_back(world: World, name: str, neighbour: str) -> None:
    """T1, W7: whatever the path, `add` takes it, Git offers it no more but its neighbours, `checkout` finds it."""
    others = [neighbour, f"elsewhere/{name}", f"{name}x", f"x{name}"]
    for path in [name, *others]:
        world.write(path, f"bytes of {path}")
    added = world.json("add", "-n", "odd", "--", name)
    assert added["path"] == name
    offered = world.git("status", "--porcelain", "-z", "-uall").split("\0")[:-1]
    assert sorted(offered) == sorted(f"?? {path}" for path in others)
    (world / name).unlink()
    with world.registry as registry:
        assert registry.checkout("odd").changed
        assert (world / name).read_text() == f"bytes of {name}"
        assert [(line.path, line.state) for line in registry.status().artifacts] == [(name, "unchanged")]
        assert registry.verify().code == 0


def test_a_directory_is_hidden_with_all_in_it(world: World) -> None:
    """T1: of a directory artifact Git offers nothing, of a directory with a longer name everything."""
    for path in ("out [1]/a.bin", "out [1]/deep/b.bin", "out [1]x/a.bin", "out 1/a.bin"):
        world.write(path, path)
    world.cli("add", "out [1]", "-n", "odd")
    offered = world.git("status", "--porcelain", "-z", "-uall").split("\0")[:-1]
    assert sorted(offered) == ["?? out 1/a.bin", "?? out [1]x/a.bin"]


def test_what_the_user_wrote_into_the_exclude_file_stays(world: World) -> None:
    """T1: only the marked block of `info/exclude` is modelver's; every byte around it is kept."""
    exclude = world / ".git/info/exclude"
    exclude.write_bytes(b"# mine\r\n*.tmp\n" + exclude.read_bytes() + b"\n\n/after \xff without end")
    before, _, rest = exclude.read_bytes().partition(b"# modelver: begin")
    after = rest.partition(b"# modelver: end\n")[2]
    world.write("model.bin", "weights")
    world.cli("add", "model.bin")
    now = exclude.read_bytes()
    assert b"\n/model.bin\n" in now
    assert now.startswith(before)
    assert now.rstrip(b"\n").endswith(b"# modelver: end\n" + after)


def test_a_tracked_file_is_refused_with_the_command_that_untracks_it(world: World) -> None:
    """T1: what Git tracks is refused, exit 4; the hint's command works as it stands, and then `add` does."""
    world.commit({"my model.bin": "weights"})
    error = world.cli("add", "my model.bin", "-n", "fraud", "--json", code=4).error
    assert "my model.bin" in error["message"]
    command = error["hint"].splitlines()[0].partition("    ")[0]
    subprocess.run(["sh", "-ec", command.replace("git commit", "git commit -qm untracked")], cwd=world.top, check=True)
    world.cli("add", "my model.bin", "-n", "fraud")
    assert (world / "my model.bin").read_text() == "weights"


def test_a_tracked_file_is_taken_on_request(world: World) -> None:
    """T1: with `--allow-tracked` the file is registered, and Git goes on tracking it."""
    world.commit({"model.bin": "weights"})
    world.cli("add", "model.bin", "--allow-tracked")
    assert world.git("ls-files", "model.bin") == "model.bin\n"
    assert world.git("status", "--porcelain") == ""


def test_ignore_gitignore_writes_the_line_into_the_same_commit(world: World) -> None:
    """T1: with `ignore: gitignore` the line goes into the `.gitignore` beside the file, below the user's lines."""
    world.commit({"out/.gitignore": "*.tmp", ".modelver/config.yaml": "format: 1\nbranch: main\nignore: gitignore\n"})
    world.write("out/my model.bin", "weights")
    commit = world.json("add", "out/my model.bin", "-n", "fraud")["commit"]
    assert world.record("out/.gitignore") == "*.tmp\n/my model.bin\n"
    assert "out/.gitignore" in world.git("show", "--name-only", "--format=", commit).splitlines()
    assert b"my model" not in (world / ".git/info/exclude").read_bytes()
    assert world.git("status", "--porcelain") == ""


@pytest.mark.parametrize("kind", ["link", "large"])
def test_a_gitignore_that_cannot_be_extended_is_left(world: World, kind: str) -> None:
    """T1: with `ignore: gitignore` a `.gitignore` that is a link, or is huge, is exit 4 and stays as it is."""
    world.git("config", "modelver.ignore", "gitignore")
    if kind == "link":
        (world / ".gitignore").symlink_to("README.md")
    else:
        world.write(".gitignore", "#" * 1_100_000)
    world.git("add", ".gitignore")
    world.git("commit", "-q", "-m", "rules")
    world.write("model.bin", "weights")
    before = world.everything(but=[".git/modelver"])
    world.cli("add", "model.bin", code=4)
    assert world.everything(but=[".git/modelver"]) == before


# ---- where a person stands -----------------------------------------------------------------------------------


def test_paths_are_those_of_where_one_stands(world: World) -> None:
    """W7: in a subdirectory PATH and `-o` are relative to it, records are relative to the root."""
    world.write("src/here.bin", "here")
    world.write("out/there.bin", "there")
    src = world / "src"
    assert world.json("add", "here.bin", at=src)["path"] == "src/here.bin"
    assert world.json("add", "../out/there.bin", at=src)["path"] == "out/there.bin"
    (world / "out/there.bin").unlink()
    world.cli("checkout", "there", at=src)
    assert (world / "out/there.bin").read_text() == "there"
    world.cli("checkout", "there", "-o", "copy.bin", at=src)
    assert (src / "copy.bin").read_text() == "there"
    assert {each["state"] for each in world.json("status", at=src)["artifacts"]} == {"unchanged"}


def test_c_acts_in_another_directory(world: World, tmp_path: Path) -> None:
    """`-C DIR` is as if started there, so a path after it is relative to DIR."""
    world.write("src/model.bin", "weights")
    assert world.json("add", "model.bin", "-C", world / "src", at=tmp_path)["path"] == "src/model.bin"
    assert world.json("-C", "repo/src", "list", at=tmp_path)["models"][0]["name"] == "model"
    assert "no directory" in world.cli("list", "-C", "nowhere", at=tmp_path, code=2).err


def test_outside_of_a_repository(tmp_path: Path) -> None:
    """Exit 3 with what to do where there is no repository, and where it has no registry."""
    nowhere = World(tmp_path)
    assert "hint: git init" in nowhere.cli("list", code=3).err
    nowhere.git("init", "-q")
    assert "hint: modelver init" in nowhere.cli("list", code=3).err


@pytest.mark.parametrize("path", ["../outside.bin", "/etc/hostname", ".git/config", ".modelver/config.yaml", "."])
def test_an_artifact_has_to_lie_in_the_repository(world: World, path: str) -> None:
    """C5: a typed PATH outside of the repository, in `.git` or in `.modelver` is exit 2, and nothing is written."""
    (world.top.parent / "outside.bin").write_text("outside")
    before = world.git("rev-parse", "HEAD")
    world.cli("add", path, "-n", "fraud", code=2)
    assert world.git("rev-parse", "HEAD") == before


# ---- kinds of repositories -----------------------------------------------------------------------------------


def assert_works(world: World) -> None:
    """`init` and `add` work here, everything reads back, and Git finds nothing changed or wrong."""
    before = world.git("status", "--porcelain=v2", "-uall")
    if "config.yaml" not in world.git("ls-files", ".modelver"):
        world.cli("init")
    world.write("model.bin", "weights")
    added = world.json("add", "model.bin", "-n", "fraud", "--metric", "auc=0.91")
    assert added["commit"] == world.git("rev-parse", "HEAD").strip()
    assert added["commit"] == world.git("rev-parse", f"{added['version']}^{{commit}}").strip()
    (world / "model.bin").unlink()
    world.cli("checkout", "fraud")
    assert (world / "model.bin").read_text() == "weights"
    with world.registry as registry:
        assert registry.show("fraud").commit == added["commit"]
        assert [line.state for line in registry.status().artifacts if line.model == "fraud"] == ["unchanged"]
        verified = registry.verify()
    assert (verified.problems, verified.missing_tags, verified.absent) == ((), (), 0)
    assert world.git("status", "--porcelain=v2", "-uall") == before
    world.assert_sound()


def assert_stages_work(world: World, path: str = "model.bin") -> None:
    """Each command of labels and stages works on the newest `fraud`: one commit, and its tags at the right versions."""
    status = world.git("status", "--porcelain=v2", "-uall")
    first = world.json("show", "fraud")["version"]
    at = functools.partial(world.git, "for-each-ref", "--format=%(refname:short) %(*objectname)", "refs/tags")

    def brings(*words: str, **tags: str) -> Any:
        """Run a command; `tags` are the versions that new tags name. What it printed."""
        before, head = set(at().splitlines()), world.git("rev-parse", "HEAD").strip()
        document = world.json(*words)
        assert world.git("rev-parse", "HEAD", "HEAD~1").split() == [document["commit"], head]
        wanted = {name: document["version"] if version == "new" else version for name, version in tags.items()}
        lines = {
            f"{name} {world.git('rev-parse', f'{version}^{{commit}}').strip()}" for name, version in wanted.items()
        }
        new = {line for line in at().splitlines() if line.split()[0] != document["version"]} - before
        assert new == lines - before
        return document

    brings("tag", "fraud", "1.0.0", **{"fraud@v1.0.0": first})
    brings("promote", "fraud", "production", **{"fraud#production#1": first})
    world.write(path, "the next weights")
    words = ("add", path, "-n", "fraud", "--label", "1.1.0", "--stage", "production")
    tags = {"fraud@v1.1.0": "new", "fraud#production!#2": first, "fraud#production#2": "new"}
    second = brings(*words, **tags)["version"]
    brings("rollback", "fraud", "production", **{"fraud#production!#3": second, "fraud#production#3": first})
    brings("demote", "fraud", "production", **{"fraud#production!#4": first})
    brings("archive", second)
    assert world.json("show", "fraud")["version"] == first
    brings("archive", "--undo", second)
    brings("tag", "--delete", "fraud@1.1.0")
    assert world.git("tag", "--list", "fraud@*") == "fraud@v1.0.0\n"
    world.cli("verify")
    assert world.git("status", "--porcelain=v2", "-uall") == status
    world.assert_sound()


def test_an_unborn_branch(tmp_path: Path) -> None:
    """W7: in a repository without a commit `init` makes the first one."""
    World(tmp_path).git("init", "-q", "--template=", "new")
    world = World(tmp_path / "new")
    assert not (world / ".git/info").exists()
    assert_works(world)
    assert world.git("rev-list", "--count", "HEAD") == "2\n"


def test_a_detached_head(plain: World) -> None:
    """W7: with a detached head the commits go on top of it, and no branch moves."""
    plain.git("checkout", "-q", "--detach")
    main = plain.git("rev-parse", "main")
    assert_works(plain)
    assert_stages_work(plain)
    assert plain.git("rev-parse", "main") == main
    plain.git("symbolic-ref", "-q", "HEAD", code=1)


@pytest.mark.parametrize("bare", [False, True])
def test_a_linked_work_tree(plain: World, tmp_path: Path, bare: bool) -> None:
    """W7, S1: in a linked work tree, also of a bare repository, objects lie with what all work trees share."""
    home = plain
    if bare:
        plain.git("clone", "-q", "--bare", ".", tmp_path / "bare.git")
        home = World(tmp_path / "bare.git")
    home.git("worktree", "add", "-q", "-b", "side", tmp_path / "linked")
    before = contents(plain.top, but=[".git"])
    linked = World(tmp_path / "linked")
    assert_works(linked)
    assert (linked / ".modelver/objects").resolve() == home.home / "objects"
    assert home.object(sha256("weights")).read_text() == "weights"
    assert_stages_work(linked)
    assert contents(plain.top, but=[".git"]) == before
    if not bare:
        assert plain.git("status", "--porcelain") == ""


def test_two_work_trees_hide_each_others_artifacts(fraud: World, tmp_path: Path) -> None:
    """T1: the lines of `info/exclude` come from the heads of all work trees, so `add` here hides nothing away there."""
    fraud.git("worktree", "add", "-q", "-b", "side", tmp_path / "linked")
    side = World(tmp_path / "linked")
    side.write("side.bin", "side")
    side.cli("add", "side.bin")
    fraud.write("other.bin", "other")
    fraud.cli("add", "other.bin")
    assert fraud.git("status", "--porcelain") == ""
    assert side.git("status", "--porcelain") == ""


def test_a_submodule(plain: World, make: Callable[..., World]) -> None:
    """W7: in a submodule the registry is the submodule's own, and the repository around it sees a new commit."""
    inner = make("plain", "inner")
    plain.git("submodule", "add", "-q", inner.top, "inner")
    plain.git("commit", "-q", "-m", "with a submodule")
    assert_works(World(plain / "inner"))
    assert_stages_work(World(plain / "inner"))
    assert plain.git("status", "--porcelain") == " M inner\n"


def test_a_shallow_clone(fraud: World, tmp_path: Path) -> None:
    """W7: in a shallow clone `add` goes on top of a commit whose parents are not there."""
    fraud.git("clone", "-q", "--depth=1", f"file://{fraud.top}", tmp_path / "shallow")
    world = World(tmp_path / "shallow")
    world.write("model.bin", "weights")
    added = world.json("add", "model.bin", "-n", "fraud")
    assert world.git("rev-list", "--count", "HEAD") == "2\n"
    assert world.json("list", "fraud")["versions"][0]["version"] == added["version"]
    world.cli("verify")
    world.assert_sound()
    assert_stages_work(world)


def test_a_partial_clone(fraud: World, tmp_path: Path) -> None:
    """W7: in a clone without the blobs of history labels and stages are written as elsewhere."""
    fraud.git("config", "uploadpack.allowFilter", "true")
    fraud.git("clone", "-q", "--filter=blob:none", f"file://{fraud.top}", tmp_path / "partial")
    assert_stages_work(World(tmp_path / "partial"))


@pytest.mark.parametrize(
    "options",
    [["--cone", "src"], ["--no-cone", "/src/"], ["--cone", "--sparse-index", "src"], ["--cone", "src", ".modelver"]],
)
def test_a_sparse_checkout(fraud: World, options: list[str]) -> None:
    """W3, S1: outside of the cone records are in the commit and the index alone, and objects are found."""
    fraud.commit({"other/file.txt": "left out\n"})
    fraud.git("sparse-checkout", "set", *options)
    assert not (fraud / "other").exists()
    fraud.write("src/model.bin", "weights")
    added = fraud.json("add", "src/model.bin", "-n", "fraud")
    assert fraud.git("status", "--porcelain") == ""
    record = fraud.git("ls-tree", "-r", "--name-only", "HEAD", ".modelver").splitlines()[-1]
    assert added["version"] in record
    assert (fraud / record).exists() is (".modelver" in options)
    assert fraud.git("ls-files", "-t", record).startswith("H" if ".modelver" in options else "S")
    assert fraud.cli("cat", "fraud").out == "weights"
    assert [line["state"] for line in fraud.json("status")["artifacts"]] == ["unchanged", "unchanged"]
    assert fraud.registry.verify().code == 0
    assert_stages_work(fraud, "src/model.bin")
    assert (fraud / ".modelver/models/fraud/stages/production.yaml").exists() is (".modelver" in options)
    fraud.git("sparse-checkout", "disable")
    assert (fraud / record).read_text() == fraud.record(record)
    assert fraud.git("status", "--porcelain") == ""


def test_a_sha256_repository(tmp_path: Path) -> None:
    """W7: where Git's own ids have 64 digits all is as elsewhere."""
    World(tmp_path).git("init", "-q", "--object-format=sha256", "long")
    world = World(tmp_path / "long")
    world.commit({"README.md": "long\n"})
    assert_works(world)
    assert len(world.json("show", "fraud")["commit"]) == 64
    assert_stages_work(world)


@pytest.mark.parametrize(
    ("attributes", "settings"),
    [
        ("", {"core.autocrlf": "true", "core.safecrlf": "true"}),
        ("* text eol=crlf\n", {}),
        ("*.yaml filter=loud ident\n", {"filter.loud.clean": "tr a-z A-Z", "filter.loud.smudge": "tr A-Z a-z"}),
        ("*.yaml working-tree-encoding=UTF-16LE\n", {}),
        ("*.yaml filter=lfs diff=lfs merge=lfs -text\n", {"filter.lfs.clean": "false", "filter.lfs.required": "true"}),
    ],
    ids=["autocrlf", "eol", "filter", "encoding", "required"],
)
def test_no_conversion_touches_records(plain: World, attributes: str, settings: dict[str, str]) -> None:
    """W7: whatever the user's attributes say of `*.yaml`, a record's bytes are the same in commit and work tree."""
    for key, value in settings.items():
        plain.git("config", key, value)
    plain.commit({".gitattributes": attributes})
    assert_works(plain)
    records = plain.git("ls-files", ".modelver/models").split()
    assert len(records) == 1
    data = (plain / records[0]).read_bytes()
    assert data.startswith(b"format: 1\nmodel: fraud\n")
    assert b"\r" not in data
    assert plain.record(records[0]).encode() == data
    plain.git("rm", "-q", "-r", "--cached", ".modelver")
    plain.git("add", ".modelver")
    assert plain.git("status", "--porcelain") == ""


def test_a_filter_in_info_attributes_is_named(world: World) -> None:
    """W7: `info/attributes` ranks above the registry's attributes: exit 4 with the line to append, which helps."""
    world.git("config", "filter.loud.clean", "tr a-z A-Z")
    attributes = world.write(".git/info/attributes", "*.yaml filter=loud\n")
    world.write("model.bin", "weights")
    error = world.cli("add", "model.bin", "--json", code=4).error
    assert world.git("status", "--porcelain") == "?? model.bin\n"
    line = re.search(r"`(.*?)`", error["hint"])
    assert line is not None
    (world / "model.bin").unlink()
    attributes.write_text(f"*.yaml filter=loud\n{line[1]}\n")
    assert_works(world)


def test_a_bare_repository_is_read(fraud: World, tmp_path: Path) -> None:
    """W7: in a bare repository everything reads, and what needs a work tree says so with exit 2."""
    fraud.cli("tag", "fraud~1", "1.0.0")
    fraud.cli("promote", "fraud~2", "production")
    bare = World(tmp_path / "bare.git")
    (fraud / ".git").rename(bare.top)
    bare.git("config", "core.bare", "true")
    assert bare.json("-C", bare.top, "list", at=tmp_path)["models"][0]["versions"] == 3
    newest = bare.json("show", "fraud", "-C", "bare.git", at=tmp_path)
    assert newest["present"]
    assert bare.cli("-C", "bare.git", "cat", "fraud", at=tmp_path).out == "fraud 3"
    assert Path(bare.cli("path", "fraud").out.strip()).read_text() == "fraud 3"
    assert bare.json("verify")["checked"] == {"versions": 3, "objects": 3, "tags": 5}
    assert (bare.cli("cat", "fraud@1.0.0").out, bare.cli("cat", "fraud@production").out) == ("fraud 2", "fraud 1")
    bare.cli("checkout", "fraud~1", "-o", tmp_path / "out.bin")
    assert (tmp_path / "out.bin").read_text() == "fraud 2"
    for words in (
        ("add", tmp_path / "out.bin"),
        ("init",),
        ("checkout", "fraud"),
        ("status",),
        ("verify", "--repair"),
        *STAGING,
    ):
        assert "no work tree" in bare.cli(*words, code=2).err


# ---- what is under way, and who writes -----------------------------------------------------------------------


def conflict(world: World) -> None:
    """Two branches that change one line."""
    world.git("checkout", "-q", "-b", "side")
    world.commit({"README.md": "theirs\n"}, "theirs")
    world.git("checkout", "-q", "main")
    world.commit({"README.md": "ours\n"}, "ours")


@pytest.mark.parametrize(
    "words", [("rebase", "main", "side"), ("cherry-pick", "side"), ("rebase", "--apply", "main", "side")]
)
def test_nothing_is_written_during_a_rebase(fraud: World, words: tuple[str, ...]) -> None:
    """W7: during a rebase or cherry-pick what writes is exit 4 and writes nothing; reading goes on, all works after."""
    fraud.cli("tag", "fraud~1", "1.0.0")
    fraud.cli("promote", "fraud~2", "production")
    fraud.cli("promote", "fraud~1", "production")
    conflict(fraud)
    fraud.git(*words, code=1)
    fraud.write("second.bin", "second")
    before = fraud.everything(but=[".git/modelver/cache"])
    for command in (("add", "second.bin", "-n", "fraud", "--label", "3.0.0", "--stage", "production"), *STAGING):
        assert "in progress" in fraud.cli(*command, "--json", code=4).error["message"]
        assert fraud.everything(but=[".git/modelver/cache"]) == before
    assert fraud.json("list")["models"][0]["versions"] == 3
    fraud.git(words[0], "--abort")
    fraud.cli("add", "second.bin", "-n", "fraud", "--label", "3.0.0", "--stage", "production")


def test_labels_and_stages_during_a_merge(fraud: World) -> None:
    """W7: in the middle of a merge they are written as at any time, and the merge can be committed with its parents."""
    conflict(fraud)
    fraud.git("merge", "-q", "side", code=1)
    assert_stages_work(fraud)
    head = fraud.git("rev-parse", "HEAD").strip()
    fraud.git("add", "README.md")
    fraud.git("commit", "-q", "-m", "merged")
    parents = fraud.git("rev-list", "--parents", "-1", "HEAD").split()[1:]
    assert parents == [head, fraud.git("rev-parse", "side").strip()]
    fraud.cli("verify")
    fraud.assert_sound()


def test_without_an_identity_nothing_is_written(plain: World, tmp_path: Path) -> None:
    """W9: with no `user.email` the error is Git's with its advice, and not one file is there that was not before."""
    (tmp_path / "nobody").write_text("[user]\n\tname = A. User\n\tuseConfigOnly = true\n")
    env = {"GIT_CONFIG_GLOBAL": str(tmp_path / "nobody")}
    before = plain.everything()
    ran = plain.cli("init", code=2, env=env)
    assert ran.err.startswith("error: Git does not know who you are")
    assert "hint: git config --global user.email" in ran.err
    assert plain.everything() == before
    plain.cli("init")
    plain.write("model.bin", "weights")
    before = plain.everything()
    plain.cli("add", "model.bin", code=2, env=env)
    assert plain.everything() == before


def test_author_and_committer_are_gits(world: World) -> None:
    """W9: `GIT_AUTHOR_*` and `GIT_COMMITTER_*` count as for `git commit`; the record names the author."""
    world.write("model.bin", "weights")
    env = {"GIT_AUTHOR_NAME": "Ä. Thor", "GIT_AUTHOR_EMAIL": "thor@example.org", "GIT_AUTHOR_DATE": "@1700000000 +0230"}
    world.cli("add", "model.bin", env=env)
    people = world.git("log", "-1", "--format=%an <%ae> %ad|%cn <%ce>", "--date=raw").strip()
    assert people == "Ä. Thor <thor@example.org> 1700000000 +0230|A. User <user@example.org>"
    assert world.json("show", "model")["created_by"] == "Ä. Thor <thor@example.org>"


def sign(world: World, tmp_path: Path) -> None:
    """Have all commits and tags signed by an SSH key."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    (tmp_path / "signers").write_text(f"user@example.org {(tmp_path / 'key.pub').read_text()}")
    for key, value in {
        "gpg.format": "ssh",
        "user.signingKey": str(tmp_path / "key.pub"),
        "gpg.ssh.allowedSignersFile": str(tmp_path / "signers"),
        "commit.gpgSign": "true",
        "tag.gpgSign": "true",
    }.items():
        world.git("config", key, value)


@pytest.mark.parametrize("format", ["sha1", "sha256"])
def test_signed_with_an_ssh_key(tmp_path: Path, format: str) -> None:
    """W9: with `commit.gpgsign` and SSH keys `git verify-commit` and `git verify-tag` pass for all that is made."""
    World(tmp_path).git("init", "-q", f"--object-format={format}", "repo")
    world = World(tmp_path / "repo")
    sign(world, tmp_path)
    assert_works(world)
    assert_stages_work(world)
    commits, tags = world.git("rev-list", "HEAD").split(), world.git("tag").split()
    assert (len(commits), len(tags)) == (10, 9)
    world.git("verify-commit", *commits)
    world.git("verify-tag", *tags)


def test_signed_behind_a_hook_that_changes_the_message(world: World, tmp_path: Path) -> None:
    """W8, W9: with `hooks: true` and signatures labels and stages are one commit, signed as the hook left it."""
    sign(world, tmp_path)
    world.commit({".modelver/config.yaml": "format: 1\nbranch: main\ncommit: {hooks: true}\n"})
    world.write(".git/hooks/commit-msg", '#!/bin/sh\necho "Ticket: 7" >>"$1"\n', mode=0o755)
    assert_works(world)
    assert_stages_work(world)
    commits, tags = world.git("rev-list", "HEAD~9..").split(), world.git("tag").split()
    assert world.git("log", "--format=%B", "HEAD~9..").splitlines().count("Ticket: 7") == len(commits) == len(tags) == 9
    world.git("verify-commit", *commits)
    world.git("verify-tag", *tags)


@pytest.mark.parametrize("hook", ["pre-commit", "commit-msg"])
def test_a_hook_may_refuse_labels_and_stages(fraud: World, hook: str) -> None:
    """W8: with `hooks: true` a hook that refuses is exit 7, and no ref, record or index entry has changed."""
    fraud.cli("tag", "fraud~1", "1.0.0")
    fraud.cli("promote", "fraud~2", "production")
    fraud.cli("promote", "fraud~1", "production")
    fraud.commit({".modelver/config.yaml": "format: 1\nbranch: main\ncommit: {hooks: true}\n"})
    fraud.write(f".git/hooks/{hook}", "#!/bin/sh\nexit 1\n", mode=0o755)
    kept = [".git/objects", ".git/modelver/cache", ".git/modelver/lock"]
    before = fraud.everything(but=kept)
    for command in STAGING:
        assert f"the hook {hook} refused" in fraud.cli(*command, code=7).err
        assert fraud.everything(but=kept) == before
    (fraud / ".git/hooks" / hook).unlink()
    for command in STAGING[1:-1]:
        fraud.cli(*command)
    fraud.assert_sound()


def test_a_signature_that_cannot_be_made_leaves_nothing(world: World, tmp_path: Path) -> None:
    """W9: where Git cannot sign, the command fails with exit 7 and Git's words; branch and index are as before."""
    for key, value in {"gpg.format": "ssh", "user.signingKey": str(tmp_path / "none"), "commit.gpgSign": "1"}.items():
        world.git("config", key, value)
    world.write("model.bin", "weights")
    before = world.git("status", "--porcelain=v2", "-uall"), world.git("for-each-ref")
    assert "none" in world.cli("add", "model.bin", code=7).err
    assert (world.git("status", "--porcelain=v2", "-uall"), world.git("for-each-ref")) == before


def test_the_users_hooks_do_not_run(world: World) -> None:
    """W8: no hook of the user's runs, unless `commit: {hooks: true}` asks for it; then it may refuse."""
    for hook in ("pre-commit", "commit-msg", "post-commit", "reference-transaction", "post-index-change"):
        world.write(f".git/hooks/{hook}", f"#!/bin/sh\ntouch '{world.top}/ran-{hook}'\nexit 1\n", mode=0o755)
    world.write("model.bin", "weights")
    world.cli("add", "model.bin")
    assert not list(world.top.glob("ran-*"))
    for hook in ("reference-transaction", "post-index-change", "post-commit"):
        (world / f".git/hooks/{hook}").unlink()
    config = "format: 1\nbranch: main\ncommit: {hooks: true}\n"
    world.write(".modelver/config.yaml", config)
    world.git("commit", "-q", "-n", "-m", "hooks", ".modelver/config.yaml")
    world.write("model.bin", "other weights")
    before = world.git("rev-parse", "HEAD")
    assert "the hook" in world.cli("add", "model.bin", code=7).err
    assert world.git("rev-parse", "HEAD") == before
    assert list(world.top.glob("ran-*"))
    world.assert_sound()


# ---- 100,000 files -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def huge(worlds: Worlds, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A repository with 100,000 tracked files, of which a few thousand are there, and are older than the index."""
    world = worlds.make(tmp_path_factory.mktemp("huge") / "repo")
    blob = world.git("hash-object", "-w", "--stdin").strip()
    names = [f"user/{folder:03}/user-{number:03}.txt" for folder in range(400) for number in range(250)]
    world.git("update-index", "--index-info", input="".join(f"100644 {blob}\t{name}\n" for name in names))
    world.git("commit", "-q", "-m", "100,000 files")
    for name in names[:2000]:
        os.utime(world.write(name), (1_700_000_000, 1_700_000_000))
    world.git("update-index", "-z", "--skip-worktree", "--stdin", input="".join(f"{name}\0" for name in names[2000:]))
    world.git("update-index", "-q", "--refresh")
    assert world.git("status", "--porcelain") == ""
    return world


def test_of_100_000_files_none_is_looked_at(huge: World, tmp_path: Path) -> None:
    """W3: one `add` renames the index into place once, and no file of the user's is opened or even asked about."""
    huge.write("model.bin", "weights")
    log = tmp_path / "strace"
    huge.cli("add", "model.bin", before=["strace", "-f", "-qq", "-e", "trace=%file,getdents64", "-o", str(log)])
    calls = log.read_text().splitlines()
    assert any('"model.bin' in call or "/model.bin" in call for call in calls)
    assert [call for call in calls if "user" in call and re.search(r'"[^"]*user[-/][^"]*"', call)] == []
    index = str(huge / ".git/index")
    renames = [call for call in calls if re.search(r"\brename", call)]
    assert len([call for call in renames if f'"{index}"' in call.rpartition(", ")[2]]) == 1
    assert len([call for call in calls if re.search(r"O_(WRONLY|RDWR)", call) and f'"{index}"' in call]) == 0
    assert huge.git("status", "--porcelain") == ""


def test_a_hundred_thousand_files_stay_in_the_index(huge: World) -> None:
    """W7: after an `add` the index holds every one of the user's entries, with flags and stat data as before."""
    shown = ("ls-files", "--stage", "--debug", "-t", "user")
    before = huge.git(*shown)
    huge.write("other.bin", "other")
    huge.cli("add", "other.bin")
    assert huge.git(*shown) == before
