"""`sync --push`: which remote it is, what it says, and what a hostile one gets (rule B7)."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from teams import Team, announcements, head, names, quick, refused, synced, unmoved
from worlds import World

NOTHING = {"new": [], "wrong": [], "pushed": [], "replayed": 0}


# ---- which remote, and what it says --------------------------------------------------------------------------


def test_where_there_is_no_remote(fraud: World) -> None:
    """B7: exit 3 with the command that adds one."""
    assert "hint: git remote add origin URL" in refused(fraud, 3, "there is no Git remote")


def test_which_remote_it_is(team: Team, tmp_path: Path) -> None:
    """B7: the upstream's, else `origin`, else the only one; of several others exit 3."""
    ann = team.clone("ann")
    ann.git("remote", "rename", "origin", "one")
    ann.git("branch", "-q", "--unset-upstream")
    ann.add("a fourth")
    ann.git("remote", "add", "two", "https://nobody.invalid/x.git")
    refused(ann, 3, "which of one, two is meant")
    ann.git("remote", "remove", "two")
    assert synced(ann)["pushed"][0] == "main"
    ann.git("remote", "add", "origin", "https://nobody.invalid/x.git")
    ann.git("branch", "-q", "--set-upstream-to", "one/main")
    ann.add("a fifth")
    assert synced(ann)["pushed"][0] == "main"


def test_a_remote_that_is_an_address(team: Team) -> None:
    """B7: where the branch is configured so, there are no remote-tracking branches, and none are needed."""
    ann, bob = team.clone("ann"), team.clone("bob")
    ann.git("config", "branch.main.remote", f"file://{team.hub.top}")
    ann.git("remote", "remove", "origin")
    ann.git("config", "branch.main.remote", f"file://{team.hub.top}")
    ann.git("config", "branch.main.merge", "refs/heads/main")
    bob.add("by bob")
    synced(bob)
    new = ann.add("by ann").version
    told = synced(ann)
    assert (told["pushed"], told["replayed"]) == (["main", new], 1)
    assert synced(ann) == NOTHING


def test_a_remote_that_cannot_be_reached(team: Team) -> None:
    """B7: exit 7 with Git's words, and nothing moved."""
    ann = team.clone("ann")
    ann.add("a fourth")
    ann.git("remote", "set-url", "origin", f"file://{team.top}/nowhere.git")
    refused(ann, 7, "git ls-remote failed with the remote origin", "does not appear to be a git repository")


@pytest.mark.parametrize("hook", ["pre-receive", "update"])
def test_a_remote_that_refuses(team: Team, hook: str) -> None:
    """B7: a protected branch is exit 7 with the remote's words and the way by a pull request; nothing arrives."""
    team.hook(hook, "echo main is protected by policy; exit 1")
    ann = team.clone("ann")
    ann.add("a fourth", label="1.0.0")
    before = team.refs()
    refused(ann, 7, "main is protected by policy", "modelver … --branch NAME")
    assert team.refs() == before


def test_a_push_is_all_or_nothing(team: Team) -> None:
    """B7: where one tag is refused, the branch does not arrive either."""
    team.hook("update", "case $1 in *@v1.0.0) echo no releases today; exit 1;; esac; exit 0")
    ann = team.clone("ann")
    ann.add("a fourth", label="1.0.0")
    before = team.refs()
    refused(ann, 7, "no releases today")
    assert team.refs() == before


def test_announcements_that_are_refused_are_pushed_later(found: Callable[..., Team]) -> None:
    """B7: the branch has arrived by then; the error is the remote's own, at once, and the next run goes on there."""
    team = found("announced")
    known = team.tags()
    for tag in known:
        team.hub.git("tag", "-d", tag)
    team.hook("update", "case $1 in *@v1.0.0) echo no releases today; exit 1;; esac; exit 0")
    job = team.clone("job")
    new = job.add("a fourth").version
    assert "no releases today" in quick(job, "sync", "--push", code=7).err
    assert team.head() == head(job)
    (team.hub / "hooks/update").unlink()
    assert announcements(names(synced(job))) | {new} <= team.tags() == known | {new}


@pytest.mark.parametrize("code", [0, 1])
def test_the_users_pre_push_hook(team: Team, code: int) -> None:
    """B7: it runs as in a push of his own, with his environment, and may refuse (exit 7)."""
    ann = team.clone("ann")
    ann.write(
        ".git/hooks/pre-push",
        f'#!/bin/sh\ncat > pushed; echo "$MINE" >> pushed; echo not today >&2; exit {code}\n',
        mode=0o755,
    )
    new = ann.add("a fourth").version
    before = team.refs()
    ran = ann.cli("sync", "--push", code=7 if code else 0, env={"MINE": "of mine", "GIT_TRACE": None})
    lines = (ann / "pushed").read_text().splitlines()
    assert {line.split()[2] for line in lines[:-1]} == {"refs/heads/main", f"refs/tags/{new}"}
    assert lines[-1] == "of mine"
    if code:
        assert "not today" in ran.err
        assert team.refs() == before


class _Refusing(http.server.BaseHTTPRequestHandler):
    """A forge that wants other credentials."""

    def do_GET(self) -> None:
        self.send_response(self.server.code)  # type: ignore[attr-defined]
        if self.server.code == 401:  # type: ignore[attr-defined]
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def forge() -> Iterator[http.server.HTTPServer]:
    """The address of such a forge."""
    server = http.server.HTTPServer(("127.0.0.1", 0), _Refusing)
    server.code = 401  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("code", [401, 403])
@pytest.mark.parametrize("as_address", [False, True])
def test_credentials_that_are_refused(team: Team, forge: Any, code: int, as_address: bool) -> None:
    """B7: exit 8 without a question to nobody; a password in the address is in no error, no hint and no JSON."""
    forge.code = code
    ann = team.clone("ann")
    ann.add("a fourth")
    url = f"http://ann:s3cret@127.0.0.1:{forge.server_port}/registry.git"
    if as_address:
        ann.git("remote", "remove", "origin")
        ann.git("config", "branch.main.remote", url)
    else:
        ann.git("remote", "set-url", "origin", url)
    ran = ann.cli("--json", "sync", "--push", "--debug", code=8)
    assert "s3cret" not in ran.err + ran.out
    document = ann.cli("--json", "sync", "--push", code=8).error
    assert "git ls-remote" in document["hint"]
    if not as_address:
        assert "git ls-remote origin" in document["hint"]


# ---- a hostile remote ----------------------------------------------------------------------------------------


def plant(world: World, lines: str) -> str:
    """A commit on top of HEAD whose tree also has such lines, made without Git's own checks; pushed to main."""
    tree = world.git("ls-tree", "HEAD") + lines
    entries = []
    for line in sorted(tree.splitlines(), key=lambda line: line.partition("\t")[2] + "/" * (" tree " in line)):
        facts, name = line.split("\t")
        mode, _, oid = facts.split(" ")
        entries.append(f"{mode.lstrip('0')} {name}".encode() + b"\0" + bytes.fromhex(oid))
    top = world.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", input=b"".join(entries)).strip()
    commit = world.git("commit-tree", "-p", "HEAD", "-m", "hostile", top).strip()
    world.git("push", "-q", "origin", f"{commit}:main")
    return commit


def blob(world: World, text: str) -> str:
    return world.git("hash-object", "-w", "--stdin", input=text).strip()


def tree(world: World, mode: str, oid: str, name: str) -> str:
    data = f"{mode} {name}".encode() + b"\0" + bytes.fromhex(oid)
    return world.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", input=data).strip()


@pytest.mark.parametrize("name", [".git", ".GIT", "git~1", ".."])
def test_a_tree_that_reaches_into_git_is_refused(pair: tuple[World, World], name: str) -> None:
    """B7, C5: nothing is written there or anywhere; exit 5."""
    ann, bob = pair
    ann.git("config", "core.protectNTFS", "true")
    ann.git("config", "core.protectHFS", "true")
    inner = tree(bob, "40000", tree(bob, "100755", blob(bob, "#!/bin/sh\n"), "x"), "hooks")
    plant(bob, f"040000 tree {inner}\t{name}\n")
    ann.add("by ann")
    refused(ann, 5, "has a path that no commit may have")
    assert not (ann / ".git/hooks/x").exists()
    assert not (ann.top.parent / "hooks").exists()


def test_a_tree_with_a_link_and_files_below_it_is_refused(pair: tuple[World, World], tmp_path: Path) -> None:
    """B7, C5: nothing is written through the link."""
    ann, bob = pair
    outside = tmp_path / "outside"
    outside.mkdir()
    inner = tree(bob, "100644", blob(bob, "planted\n"), "planted")
    plant(bob, f"120000 blob {blob(bob, str(outside))}\ta\n040000 tree {inner}\ta\n")
    ann.add("by ann")
    quick(ann, "sync", "--push", code=None)
    assert list(outside.iterdir()) == []


def test_a_link_of_the_users_is_not_written_through(pair: tuple[World, World], tmp_path: Path) -> None:
    """B7, C5: a directory that is a link in this work tree."""
    ann, bob = pair
    outside = tmp_path / "outside"
    outside.mkdir()
    bob.commit({"new/file.txt": "by bob\n"})
    synced(bob)
    ann.add("by ann")
    (ann / "new").symlink_to(outside)
    before = unmoved(ann)
    assert quick(ann, "sync", "--push", code=None).code in (4, 5)
    assert unmoved(ann) == before
    assert list(outside.iterdir()) == []
