"""`sync --push`: branch and tags together on top of what others pushed, or nothing (rule B7)."""

from __future__ import annotations

import http.server
import importlib.util
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from teams import Team, announcements, answer, head, names, quick, synced, tags
from worlds import PROJECT, World, Worlds

NOTHING = {"new": [], "wrong": [], "pushed": [], "replayed": 0}


@pytest.fixture
def pair(team: Team) -> tuple[World, World]:
    """Two clones of one hub."""
    return team.clone("ann"), team.clone("bob")


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


# ---- what goes along -----------------------------------------------------------------------------------------


def test_branch_and_tags_go_together(team: Team) -> None:
    """B7: one push, with the user's own commits on the way; `pushed` names all, a second time there is nothing."""
    team.log_pushes()
    ann = team.clone("ann")
    ann.commit({"src/train.py": "print('better')\n"})
    new = ann.add("a fourth", label="1.0.0").version
    ann.commit({"README.md": "more words\n"})
    answer = ann.json("sync", "--push")
    assert names(answer) == [new, "fraud@v1.0.0"]
    assert answer["pushed"] == ["main", new, "fraud@v1.0.0"]
    assert [set(push) for push in team.pushes()] == [{"main", new, "fraud@v1.0.0"}]
    assert team.head() == head(ann) == head(ann, "origin/main")
    assert ann.json("sync", "--push") == NOTHING
    assert len(team.pushes()) == 1


def test_a_clone_without_tags_announces_nothing_twice(found: Callable[..., Team]) -> None:
    """B7: new is what the remote lacks, not what this clone lacks."""
    team = found("announced")
    job = team.clone("job", "--no-tags")
    assert answer(job, "sync", "--push") == NOTHING
    assert tags(job) == {}


def test_at_most_three_announcements_in_a_push(found: Callable[..., Team]) -> None:
    """B7: the large forges start no job for more; the branch and the versions go first, on their own."""
    team = found("announced")
    known = announcements(team.tags())
    for tag in team.tags():
        team.hub.git("tag", "-d", tag)
    team.log_pushes()
    job = team.clone("job")
    new = job.add("a fourth").version
    told = synced(job)
    first, *others = team.pushes()
    assert set(first) == {"main", *(team.tags() - known)}
    assert new in first
    assert all(len(push) <= 3 for push in others)
    assert {tag for push in others for tag in push} == known == announcements(told["pushed"])
    assert [tag for push in others for tag in push] == [each for each in told["pushed"] if each in known]


def test_three_tags_go_with_the_branch(team: Team) -> None:
    """B7: so the usual `add --label --stage` is one push, that is there as a whole or not at all."""
    team.log_pushes()
    ann = team.clone("ann")
    new = ann.add("a fourth", label="1.0.0", stage="production").version
    synced(ann)
    assert [set(push) for push in team.pushes()] == [{"main", new, "fraud@v1.0.0", "fraud#production#1"}]


def test_a_feature_branch_goes_with_its_versions_alone(team: Team) -> None:
    """B3, B7: nothing of it is announced, and nothing of the registry's branch that is not pushed yet."""
    ann = team.clone("ann")
    promote(ann)
    ann.git("checkout", "-q", "-b", "work", "origin/main")
    new = ann.add("a fourth", label="2.0.0", stage="staging").version
    told = answer(ann, "sync", "--push")
    assert (names(told), told["pushed"], told["wrong"]) == ([new], ["work", new], [])
    assert announcements(team.tags()) == set()
    assert team.head("work") == head(ann)
    assert answer(ann, "sync", "--push") == NOTHING


def test_a_feature_branch_announces_nothing_of_main(found: Callable[..., Team]) -> None:
    """B3, B7: what was merged there waits for somebody on it, such as its CI job."""
    team = found("announced")
    known = announcements(team.tags())
    for tag in known:
        team.hub.git("tag", "-d", tag)
    ann = team.clone("ann")
    ann.git("checkout", "-q", "-b", "work")
    new = ann.add("a fourth").version
    assert synced(ann)["pushed"] == ["work", new]
    assert announcements(team.tags()) == set()
    ann.git("checkout", "-q", "main")
    assert announcements(names(synced(ann))) | {"fraud#production!#2"} <= known == announcements(team.tags())


def test_a_new_branch_and_an_empty_hub(world: World, tmp_path: Path) -> None:
    """B7: a branch that the remote lacks is made there, also the first one of all, with `origin` as remote."""
    world.git("init", "-q", "--bare", tmp_path / "hub.git")
    world.git("remote", "add", "origin", tmp_path / "hub.git")
    new = world.add("weights", stage="production").version
    assert synced(world)["pushed"] == ["main", new, "fraud#production#1"]
    hub = World(tmp_path / "hub.git")
    assert head(hub, "main") == head(world)


def test_what_was_pushed_by_hand_is_not_pushed_again(pair: tuple[World, World], tmp_path: Path) -> None:
    """B7: whatever of it; the rest goes."""
    ann, _ = pair
    new = ann.add("a fourth", label="1.0.0").version
    ann.git("push", "-q", "origin", "fraud@v1.0.0")
    told = synced(ann)
    assert told["pushed"] == ["main", new]
    assert names(told) == [new]


@pytest.mark.parametrize("own", [False, True])
def test_a_detached_head_pushes_the_registry_branch(team: Team, own: bool) -> None:
    """B7: as a CI job stands; own record commits on top go along."""
    job = team.clone("job")
    job.git("checkout", "-q", "--detach")
    job.git("branch", "-q", "-D", "main")
    if own:
        promote(job)
    other = team.clone("other")
    new = other.add("meanwhile").version
    synced(other)
    told = synced(job)
    if own:
        assert told["pushed"] == ["main", "fraud#production#1"]
        assert told["replayed"] == 1
        assert team.head() == head(job)
        job.git("symbolic-ref", "-q", "HEAD", code=1)
        with job.registry as registry:
            assert registry.versions("fraud").versions[0].version == new
    else:
        assert told == NOTHING


def test_a_detached_head_elsewhere_is_refused(team: Team) -> None:
    """B7: there is no branch that it could mean."""
    ann = team.clone("ann")
    ann.git("checkout", "-q", "-b", "work")
    ann.commit({"other.txt": "work"})
    ann.git("checkout", "-q", "--detach")
    assert "git switch" in refused(ann, 4, "HEAD is detached")


# ---- the remote moved on -------------------------------------------------------------------------------------


def test_record_commits_are_put_on_those_of_others(team: Team, pair: tuple[World, World]) -> None:
    """B7: author and message kept, tags moved with them, files of others there; staged and unstaged changes stay."""
    ann, bob = pair
    theirs = bob.add("by bob", label="1.0.0").version
    bob.commit({"src/more.py": "print()\n"})
    synced(bob)
    mine = [ann.add("one", message="first\n\nwords").version, ann.add("two", label="1.1.0").version]
    promote(ann, mine[0])
    authored = ann.git("log", "-3", "--format=%an %ae %ad%n%B", "--date=raw")
    ann.write("src/train.py", "edited\n")
    ann.write("staged.txt", "staged\n")
    ann.git("add", "staged.txt")
    ann.write("intended.txt", "later\n")
    ann.git("add", "-N", "intended.txt")
    before = ann.git("status", "--porcelain")
    told = answer(ann, "sync", "--push")
    assert told["replayed"] == 3
    assert set(names(told)) == {*mine, "fraud@v1.1.0", "fraud#production#1"}
    assert team.head() == head(ann)
    assert ann.git("rev-list", "--merges", "HEAD") == ""
    assert ann.git("log", "-3", "--format=%an %ae %ad%n%B", "--date=raw") == authored
    assert ann.git("status", "--porcelain") == before
    assert (ann / "src/more.py").read_text() == "print()\n"
    assert (ann / "src/train.py").read_text() == "edited\n"
    where = tags(ann)
    assert [where[version] for version in mine] == [head(ann, "HEAD~2"), head(ann, "HEAD~1")]
    assert where["fraud#production#1"] == where[mine[0]]
    quick(ann, "verify")
    after = tags(team.clone("after"))
    assert after.items() >= where.items()
    assert after[theirs] == after["fraud@v1.0.0"]
    ann.git("diff-index", "--cached", "--quiet", "HEAD", "--", ".modelver")


@pytest.mark.parametrize("kind", ["code", "merge", "amended", "mixed"])
def test_other_commits_are_the_users_to_bring_together(pair: tuple[World, World], kind: str) -> None:
    """B7: exit 4 with Git's advice, nothing moved; that advice works."""
    ann, bob = pair
    bob.add("by bob")
    synced(bob)
    new = ann.add("by ann").version
    if kind == "code":
        ann.commit({"src/train.py": "mine\n"})
    elif kind == "merge":
        ann.git("checkout", "-q", "-b", "side", "HEAD~1")
        ann.add("on the side")
        ann.git("checkout", "-q", "main")
        ann.git("merge", "-q", "--no-edit", "side")
    else:
        ann.write("src/train.py", "mine\n")
        ann.git("add", "src/train.py")
        ann.git("commit", "-q", "--amend", "--no-edit")
    err = refused(ann, 4, "git pull --rebase origin main", "main has moved on origin")
    ann.git(*err.partition("hint: git ")[2].partition("    ")[0].split())
    assert new in names(synced(ann))
    quick(ann, "verify")


@pytest.mark.parametrize("kind", ["edited", "staged", "untracked", "ignored"])
def test_a_file_in_the_way(pair: tuple[World, World], kind: str) -> None:
    """B7: a change of the user's at a path that others changed is exit 4, named, nothing moved."""
    ann, bob = pair
    path = {"edited": "src/train.py", "staged": "src/train.py"}.get(kind, "new.txt")
    bob.commit({path: "by bob\n"})
    bob.add("by bob")
    synced(bob)
    ann.add("by ann")
    if kind == "ignored":
        ann.write(".git/info/exclude", (ann / ".git/info/exclude").read_bytes() + b"new.txt\n")
    ann.write(path, "mine\n")
    if kind == "staged":
        ann.git("add", path)
    refused(ann, 4, path, "main has moved on origin")
    assert (ann / path).read_text() == "mine\n"


@pytest.mark.parametrize(
    ("mine", "theirs", "words"),
    [
        (("promote", "fraud", "production"), ("promote", "fraud~1", "production"), ("production of fraud",)),
        (("tag", "fraud", "1.0.0"), ("tag", "fraud~1", "1.0.0"), ("1.0.0 of fraud",)),
        (("archive", "fraud"), ("archive", "fraud", "-m", "why"), ("fraud",)),
    ],
)
def test_what_both_sides_changed(
    pair: tuple[World, World], mine: tuple[str, ...], theirs: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """B7, S2: a person decides; the stage or the label is named, nothing is moved."""
    ann, bob = pair
    quick(bob, *theirs)
    synced(bob)
    quick(ann, *mine)
    refused(ann, 4, "main has moved on origin", "modelver undo", *words)


def test_two_histories_of_one_stage_go_on_after_undo(pair: tuple[World, World]) -> None:
    """B7, B8: the way out that the message names."""
    ann, bob = pair
    promote(bob, "fraud~1")
    synced(bob)
    promote(ann)
    err = refused(ann, 4)
    assert "modelver undo" in err
    quick(ann, "undo")
    ann.git("pull", "-q")
    promote(ann)
    assert "fraud#production#2" in names(synced(ann))


def test_both_did_the_same(team: Team, pair: tuple[World, World]) -> None:
    """B7: a commit that changes nothing any more is left out."""
    ann, bob = pair
    for each in pair:
        with each.registry as registry:
            registry.add_node("data", "s3://bucket/x")
    path = ann.git("diff-tree", "-r", "--name-only", "--no-commit-id", "HEAD").split()[0]
    bob.write(path, (ann / path).read_bytes())
    bob.git("commit", "-q", "-a", "--amend", "--no-edit")
    bob.commit({"other.txt": "more"})
    synced(bob)
    synced(ann)
    assert head(ann) == head(bob) == team.head()
    assert ann.git("status", "--porcelain") == ""


def test_gitignore_has_the_lines_of_both(pair: tuple[World, World]) -> None:
    """B7, T1: with `ignore: gitignore` both sides extend one file, which is no conflict."""
    ann, bob = pair
    for each, name in ((bob, "b.bin"), (ann, "a.bin")):
        each.git("config", "modelver.ignore", "gitignore")
        each.add(name, name[0], f"models/{name}")
        if each is bob:
            synced(each)
    assert synced(ann)["replayed"] == 1
    assert set((ann / "models/.gitignore").read_text().split()) == {"/a.bin", "/b.bin"}
    assert ann.git("status", "--porcelain") == ""


def test_a_branch_that_another_work_tree_has(team: Team, tmp_path: Path) -> None:
    """B7: it is the one that is checked out there; here the own branch goes."""
    ann, bob = team.clone("ann"), team.clone("bob")
    ann.git("worktree", "add", "-q", "-b", "work", tmp_path / "linked")
    linked = World(tmp_path / "linked")
    linked.write("model.bin", "linked")
    quick(linked, "add", "model.bin", "-n", "fraud")
    bob.commit({"other.txt": "work goes on"})
    synced(bob)
    assert synced(linked)["pushed"][0] == "work"
    linked.git("checkout", "-q", "-b", "more")
    ann.git("checkout", "-q", "--detach")
    linked.git("checkout", "-q", "main")
    linked.write("model.bin", "once more")
    quick(linked, "add", "model.bin", "-n", "fraud")
    assert synced(linked)["replayed"] == 1
    assert team.head() == head(linked)
    assert linked.git("status", "--porcelain") == ""


def test_a_rewritten_remote(team: Team, pair: tuple[World, World]) -> None:
    """B7: what others took away by force is not brought back unasked: the user's own are his, and so is the advice."""
    ann, bob = pair
    bob.commit({"wrong.txt": "to be taken away"})
    synced(bob)
    ann.git("pull", "-q")
    bob.git("reset", "-q", "--hard", "HEAD~1")
    bob.add("instead")
    bob.git("push", "-q", "--force", "origin", "main")
    ann.add("by ann")
    refused(ann, 4, "git pull --rebase origin main")


def test_tags_of_other_packages_stay(team: Team, pair: tuple[World, World]) -> None:
    """B7: a name like a label's, of no model here, is the user's: not fetched over, not moved, not pushed."""
    ann, bob = pair
    for each in pair:
        each.add(f"by {each.top.name}")
        each.git("tag", "-a", "-m", each.top.name, "package@1.0.0")
        each.git("tag", "-a", "-m", each.top.name, "issue#12")
    bob.git("push", "-q", "origin", "package@1.0.0", "issue#12")
    synced(bob)
    before = {name: ann.git("rev-parse", name) for name in ("package@1.0.0", "issue#12")}
    assert synced(ann)["replayed"] == 1
    assert {name: ann.git("rev-parse", name) for name in before} == before


def test_what_is_not_pushed_is_not_announced_from_elsewhere(team: Team) -> None:
    """B3, B7: a detached head behind the own branch: the promotion waits there for its push."""
    ann = team.clone("ann")
    promote(ann)
    ann.git("checkout", "-q", "--detach", "origin/main")
    assert synced(ann) == NOTHING
    assert announcements(team.tags()) == set()


def test_the_remotes_tag_wins(team: Team, pair: tuple[World, World]) -> None:
    """B6, B7: over one that was made here for the same record, object for object."""
    ann, bob = pair
    with bob.registry as registry:
        registry.tag("fraud", "1.0.0")
    bob.git("tag", "-f", "-a", "-m", "other words", "fraud@v1.0.0", "fraud@v1.0.0^{commit}")
    synced(bob)
    ann.git("fetch", "-q", "--no-tags")
    ann.git("merge", "-q", "origin/main")
    assert names(synced(ann, push=False)) == ["fraud@v1.0.0"]
    assert synced(ann) == NOTHING
    assert ann.git("rev-parse", "fraud@v1.0.0") == bob.git("rev-parse", "fraud@v1.0.0")


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


# ---- files of others -----------------------------------------------------------------------------------------


def replayed(ann: World, bob: World) -> None:
    """Bob pushes what he has committed, and Ann's own record comes on top of it."""
    synced(bob)
    ann.add(f"on top of {head(bob)}")
    assert synced(ann)["replayed"] == 1
    assert ann.git("status", "--porcelain") == ""
    assert ann.git("diff-files", "--name-only") == ""


def commit_all(world: World, message: str = "by bob") -> None:
    world.git("add", "-A")
    world.git("commit", "-q", "-m", message)


def same_files(one: World, other: World) -> bool:
    """Whether two work trees have the same files, kind for kind and mode for mode."""
    hidden = [".git", ".modelver", "model.bin"]
    return one.everything(but=hidden) == other.everything(but=hidden)


def test_files_of_every_kind(pair: tuple[World, World]) -> None:
    """B7: executable bits, links, renames, deletions, a file that becomes a directory, and back, names of any bytes."""
    ann, bob = pair
    bob.write("tool.sh", "#!/bin/sh\n", mode=0o755)
    bob.write("becomes/directory", "a file\n")
    bob.write("link-to-be", "a file\n")
    (bob / "file-to-be").symlink_to("README.md")
    (bob / "folder-to-be").symlink_to("src")
    commit_all(bob)
    synced(bob)
    ann.git("pull", "-q")
    bob.git("mv", "src/train.py", "src/renamed.py")
    bob.git("rm", "-q", "README.md")
    (bob / "tool.sh").chmod(0o644)
    (bob / "becomes/directory").unlink()
    bob.write("becomes/directory/inside", "now a directory\n")
    for name in ("link-to-be", "file-to-be", "folder-to-be"):
        (bob / name).unlink()
    (bob / "link-to-be").symlink_to("nowhere")
    bob.write("file-to-be", "a file\n")
    bob.write("folder-to-be/file", "in a directory\n")
    bob.write(os.fsdecode(b"caf\xe9 \n.txt"), "latin\n")
    bob.write("run.sh", "#!/bin/sh\n", mode=0o755)
    commit_all(bob)
    replayed(ann, bob)
    assert same_files(ann, bob)
    bob.git("pull", "-q")
    bob.git("revert", "--no-edit", "HEAD~1")
    replayed(ann, bob)
    assert same_files(ann, bob)


def test_line_ends_and_filters_of_the_commit_itself(pair: tuple[World, World]) -> None:
    """B7: attributes that come in with the files count, as in a checkout by Git; so does the user's own filter."""
    ann, bob = pair
    for each in pair:
        each.git("config", "filter.shout.smudge", "tr a-z A-Z")
        each.git("config", "filter.shout.clean", "tr A-Z a-z")
    bob.commit({"sub/.gitattributes": "*.txt text eol=crlf\n*.loud filter=shout\n"})
    bob.write("sub/a.txt", "one\r\ntwo\r\n")
    bob.write("sub/deep/b.loud", "LOUD\n")
    commit_all(bob)
    replayed(ann, bob)
    assert (ann / "sub/a.txt").read_bytes() == b"one\r\ntwo\r\n"
    assert (ann / "sub/deep/b.loud").read_bytes() == b"LOUD\n"
    assert same_files(ann, bob)
    bob.git("pull", "-q")
    bob.write("sub/deep/c.txt", "three\r\n")
    commit_all(bob)
    replayed(ann, bob)
    assert (ann / "sub/deep/c.txt").read_bytes() == b"three\r\n"


def test_a_filter_that_fails_moves_nothing(pair: tuple[World, World]) -> None:
    """B7: as where Git LFS has no network; before anything has changed."""
    ann, bob = pair
    bob.commit({".gitattributes": "*.big filter=broken\n", "x.big": "pointer\n", "a.txt": "more\n"})
    synced(bob)
    ann.git("config", "filter.broken.smudge", "false")
    ann.git("config", "filter.broken.required", "true")
    ann.add("by ann")
    refused(ann, 7, "x.big")
    assert not (ann / "a.txt").exists()


def test_a_submodule_that_comes_in(pair: tuple[World, World], worlds: Worlds, tmp_path: Path) -> None:
    """B7: an empty directory, as after a pull."""
    ann, bob = pair
    inner = worlds.make(tmp_path / "inner", "plain")
    bob.git("submodule", "--quiet", "add", inner.top, "lib/inner")
    commit_all(bob)
    replayed(ann, bob)
    assert list((ann / "lib/inner").iterdir()) == []
    ann.git("submodule", "--quiet", "update", "--init")
    bob.git("pull", "-q")
    bob.git("rm", "-q", "lib/inner")
    commit_all(bob)
    synced(bob)
    ann.add("once more")
    synced(ann)
    assert ann.git("status", "--porcelain", "--untracked-files=no") == ""
    assert (ann / "lib/inner/README.md").exists()


@pytest.mark.parametrize("cone", ["--cone", "--no-cone"])
def test_a_sparse_checkout(pair: tuple[World, World], cone: str) -> None:
    """B7: what others put outside of it stays outside."""
    ann, bob = pair
    ann.git("sparse-checkout", "set", cone, "src" if cone == "--cone" else "/src/")
    bob.commit({"data/table.csv": "1,2\n", "src/more.py": "print()\n"})
    replayed(ann, bob)
    assert not (ann / "data").exists()
    assert (ann / "src/more.py").exists()
    assert ann.git("ls-files", "-t", "data") == "S data/table.csv\n"
    ann.git("sparse-checkout", "disable")
    assert ann.git("status", "--porcelain") == ""
    assert same_files(ann, bob)


def test_sha256_repositories(tmp_path: Path) -> None:
    """W7, B7: object ids of either length."""
    for words in (["--bare", "hub.git"], ["first"]):
        World(tmp_path).git("init", "-q", "--object-format=sha256", *words)
    first, team = World(tmp_path / "first"), Team(tmp_path)
    first.git("commit", "-q", "--allow-empty", "-m", "first")
    first.git("remote", "add", "origin", team.hub.top)
    quick(first, "init")
    synced(first)
    ann, bob = team.clone("ann"), team.clone("bob")
    for each in (ann, bob):
        each.add(each.top.name, stage=each.top.name)
    bob.commit({"src/train.py": "print()\n"})
    synced(bob)
    assert synced(ann)["replayed"] == 1
    assert len(team.tags()) == 4
    assert ann.git("status", "--porcelain") == ""


def test_an_edit_within_the_second_is_seen(pair: tuple[World, World]) -> None:
    """W3, B7: the index keeps its time, or an edit of the same size straight after the last `git add` would be lost."""
    ann, bob = pair
    bob.commit({"other.txt": "by bob\n"})
    synced(bob)
    ann.add("by ann")
    ann.write("src/train.py", "aaaa\n")
    ann.git("add", "src/train.py")
    ann.write("src/train.py", "bbbb\n")
    synced(ann)
    assert ann.git("diff", "--name-only") == "src/train.py\n"
    assert ann.git("show", ":src/train.py") == "aaaa\n"


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


# ---- clones of every kind, and many at once ------------------------------------------------------------------


def test_a_shallow_clone_registers_on_top_of_others(team: Team) -> None:
    """B7: as a CI job does; its history is not fetched for that, and what is announced is right."""
    job, other = team.clone("job", "--depth", "1", "--no-tags"), team.clone("other")
    other.add("meanwhile")
    synced(other)
    new = job.add("by the job", label="1.0.0").version
    with job.registry as registry:
        registry.promote("fraud~3", "production")
    told = synced(job)
    assert names(told) == [new, "fraud@v1.0.0", "fraud#production#1"]
    assert told["replayed"] == 2
    assert job.git("rev-list", "--count", "HEAD") == "4\n"
    after = team.clone("after")
    with after.registry as registry:
        assert registry.verify().problems == ()
        assert registry.verify().missing_tags == ()


def test_a_shallow_clone_fetches_a_version_without_what_was_before_it(team: Team) -> None:
    """B7: the tag of a version that is announced comes with its commit alone."""
    job = team.clone("job", "--depth", "1", "--no-tags")
    with job.registry as registry:
        oldest = registry.versions("fraud").versions[-1].version
        registry.promote(oldest, "production")
    assert names(synced(job)) == ["fraud#production#1"]
    assert job.git("rev-list", "--count", oldest) == "1\n"
    assert job.git("rev-list", "--count", "HEAD") == "2\n"


def test_eight_clones_register_at_once(tmp_path: Path) -> None:
    """B7: 8 x 3 versions, each with a label and a `sync --push` of its own; all are there, nothing by hand."""
    spec = importlib.util.spec_from_file_location("benchmark", PROJECT / "benchmarks" / "teams.py")
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    figures = benchmark.run(tmp_path, 8, 3, labels=True)
    assert (figures["versions"], figures["tags"], figures["merges"]) == (24, 56, 0)
    assert figures["pushes tried"] >= figures["pushes taken"] >= 24


def overtaken_by(ann: World, bob: World, command: str, times: int = 1000) -> None:
    """Have Bob push something right before each push of Ann's arrives, some times."""
    script = f"""#!/bin/sh
unset $(git rev-parse --local-env-vars)
cd {bob.top}
[ "$(wc -l < .git/times)" -lt {times} ] || exit 0
echo >> .git/times
{command}
git push -q origin main
"""
    bob.write(".git/times", "")
    ann.write(".git/hooks/pre-push", script, mode=0o755)


def test_a_lost_race_is_run_again(team: Team, pair: tuple[World, World]) -> None:
    """B7: whatever Git calls it; twice overtaken, what Ann registers comes on top of both, and is told once."""
    ann, bob = pair
    overtaken_by(ann, bob, "git commit -q --allow-empty -m more", 2)
    new = ann.add("by ann", label="1.0.0").version
    told = synced(ann)
    assert told == {**told, "pushed": ["main", new, "fraud@v1.0.0"], "replayed": 1}
    assert names(told) == [new, "fraud@v1.0.0"]
    assert head(ann, "HEAD~2") == head(bob, "HEAD~1")
    assert team.head() == head(ann)


def test_a_race_that_stays_lost(pair: tuple[World, World]) -> None:
    """B7: exit 4 after the time of `--lock-timeout`, and the next run does it."""
    ann, bob = pair
    overtaken_by(ann, bob, "git commit -q --allow-empty -m more")
    ann.add("by ann")
    err = quick(ann, "sync", "--push", "--lock-timeout", "0.5", code=4).err
    assert "others kept pushing first for 0.5 s" in err
    assert "hint: run the same command again" in err
    (ann / ".git/hooks/pre-push").unlink()
    assert len(names(synced(ann))) == 1


def test_a_race_for_one_stage(team: Team, pair: tuple[World, World]) -> None:
    """B7: who came first holds it; the other is told, and has announced nothing."""
    ann, bob = pair
    promote(bob, "fraud~1")
    overtaken_by(ann, bob, "git push -q origin 'fraud#production#1'", 1)
    promote(ann)
    assert "the stage production of fraud was moved there too" in quick(ann, "sync", "--push", code=4).err
    assert team.head() == head(bob)
    assert team.refs()["refs/tags/fraud#production#1"] == bob.git("rev-parse", "fraud#production#1").strip()
