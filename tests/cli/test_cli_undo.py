"""`undo`: the last operation as if it had never been, as long as nobody else can know of it (rule B8)."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable

import pytest
from teams import Team, answer, head, quick, synced, tags
from worlds import World, sha256

HIDDEN = [".git/objects", ".git/modelver", ".git/logs", ".git/index", ".modelver"]


def state(world: World) -> dict[str, object]:
    """All that an operation changes: refs, index entries, records, the list of hidden paths."""
    found = world.everything(but=HIDDEN)
    found = {path: each for path, each in found.items() if not path.startswith((".git/refs", ".git/packed-refs"))}
    return found | {
        "refs": world.git("for-each-ref"),
        "index": world.git("ls-files", "-s"),
        "status": world.git("status", "--porcelain", "--untracked-files=all"),
        "records": {
            path: each
            for path, each in world.everything(but=[".git"]).items()
            if path.startswith(".modelver/") and not isinstance(each, int)
        },
    }


def refused(world: World, *words: str) -> str:
    """What `undo` says that is refused and moves nothing."""
    before = state(world)
    err = quick(world, "undo", code=4).err
    assert state(world) == before
    assert all(word in err for word in words), err
    return err


@pytest.fixture
def announced(make: Callable[..., World]) -> World:
    """Three versions, a label and four changes of a stage."""
    return make("announced")


OPERATIONS = {
    "add": ("add", "new.bin", "-n", "fraud"),
    "add of a new model": ("add", "new.bin", "-n", "churn"),
    "add with label and stage": ("add", "new.bin", "-n", "fraud", "--label", "2.0.0", "--stage", "staging"),
    "tag": ("tag", "fraud", "3.0.0"),
    "tag --delete": ("tag", "--delete", "fraud@1.0.0"),
    "promote": ("promote", "fraud", "production"),
    "promote to a new stage": ("promote", "fraud", "canary"),
    "rollback": ("rollback", "fraud", "production"),
    "archive": ("archive", "fraud"),
    "note": ("note", "fraud", "--metric", "auc=0.5"),
    "yank": ("note", "fraud", "--kind", "yank"),
    "lineage add": ("lineage", "add", "data", "s3://bucket/x"),
    "lineage link": ("lineage", "link", "fraud", "fraud~1"),
}


@pytest.mark.parametrize("words", OPERATIONS.values(), ids=OPERATIONS)
def test_every_operation_is_taken_back(announced: World, words: tuple[str, ...]) -> None:
    """B8: branch, tags, index, records, hidden paths are as before; the user's changes stay, and so do objects."""
    announced.write("new.bin", "new weights")
    announced.write("src/train.py", "edited\n")
    announced.write("staged.txt", "staged\n")
    announced.git("add", "staged.txt")
    before = state(announced)
    done = quick(announced, *words, "--json").json
    assert state(announced) != before
    commit = head(announced)
    undone = answer(announced, "undo")
    assert state(announced) == before
    assert list(undone) == ["op", "model", "version", "commit", "tags"]
    assert undone["commit"] == commit
    assert undone["version"] == done.get("version", undone["version"])
    assert announced.object(sha256("new weights")).exists() == (words[0] == "add")
    announced.assert_sound()
    assert answer(announced, "verify")["problems"] == []


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (("promote", "fraud", "production"), ("demote", "fraud", "production")),
        (("archive", "fraud@1.0.0"), ("archive", "--undo", "fraud@1.0.0")),
        (("lineage", "link", "fraud", "fraud~1"), ("lineage", "unlink", "fraud", "fraud~1")),
    ],
)
def test_what_follows_something_is_taken_back(announced: World, first: tuple[str, ...], words: tuple[str, ...]) -> None:
    """B8: demote, restore, unlink; a second `undo` takes back what was before them."""
    start = state(announced)
    quick(announced, *first)
    before = state(announced)
    quick(announced, *words)
    quick(announced, "undo")
    assert state(announced) == before
    quick(announced, "undo")
    assert state(announced) == start


def test_what_undo_answers(fraud: World) -> None:
    """B8: op, model, version, the commit that it had been, and the tags that went."""
    fraud.write("model.bin", "a fourth")
    added = fraud.json("add", "model.bin", "-n", "fraud", "--label", "1.0.0", "--stage", "production")
    undone = fraud.json("undo")
    gone = {"fraud#production#1", "fraud@v1.0.0", added["version"]}
    assert {**undone, "tags": set(undone["tags"])} == {
        "op": "add",
        "model": "fraud",
        "version": added["version"],
        "commit": added["commit"],
        "tags": gone,
    }
    fraud.cli("tag", "fraud", "2.0.0")
    assert fraud.cli("undo").out.startswith(f"undone: tag fraud {fraud.registry.show('fraud').record.version}")


def test_the_file_is_offered_again(world: World) -> None:
    """B8, T1: after its first `add` is undone, Git shows it as untracked."""
    world.add("weights")
    assert world.git("status", "--porcelain") == ""
    quick(world, "undo")
    assert world.git("status", "--porcelain") == "?? model.bin\n"
    world.add("weights")
    assert world.git("status", "--porcelain") == ""


def test_the_gitignore_of_an_add_goes_too(world: World) -> None:
    """B8, T1: with `ignore: gitignore`, where it came with the version."""
    world.git("config", "modelver.ignore", "gitignore")
    world.add("weights", path="models/model.bin")
    quick(world, "undo")
    assert not (world / "models/.gitignore").exists()
    assert world.git("status", "--porcelain") == "?? models/\n"


def test_init_is_taken_back(plain: World) -> None:
    """B8: it is an operation like any other."""
    before = plain.git("status", "--porcelain")
    commit = head(plain)
    quick(plain, "init")
    quick(plain, "undo")
    assert (head(plain), plain.git("status", "--porcelain")) == (commit, before)


def test_on_a_detached_head(fraud: World) -> None:
    """B8: HEAD goes back, no branch does."""
    fraud.git("checkout", "-q", "--detach")
    before = state(fraud)
    fraud.write("model.bin", "a fourth")
    quick(fraud, "add", "model.bin", "-n", "fraud")
    quick(fraud, "undo")
    fraud.write("model.bin", "fraud 3")
    assert state(fraud) == before


def test_another_label_is_announced_again(fraud: World) -> None:
    """B8: undoing `tag --delete` brings the tag back, object for object."""
    with fraud.registry as registry:
        registry.tag("fraud", "1.0.0", message="first")
    before = fraud.git("rev-parse", "fraud@v1.0.0")
    with fraud.registry as registry:
        registry.untag("fraud@1.0.0")
        registry.undo()
    assert fraud.git("rev-parse", "fraud@v1.0.0") == before


def test_a_newer_operation_on_another_branch_is_told(fraud: World) -> None:
    """B5, B8: the branch that is checked out is the one that goes back; a note says how the other would."""
    quick(fraud, "tag", "fraud", "1.0.0")
    quick(fraud, "promote", "fraud", "production", "--branch", "rel")
    tip = head(fraud, "rel")
    ran = quick(fraud, "undo")
    assert ran.out.startswith("undone: tag fraud")
    assert head(fraud, "rel") == tip
    assert "note: the branch rel has a newer operation, which stays: promote fraud" in ran.err
    assert f"`git update-ref refs/heads/rel {head(fraud, 'rel~1')[:10]} {tip[:10]}`" in ran.err
    assert "`git branch -D rel`" in ran.err


def code(world: World) -> None:
    """A commit of code on another branch."""
    world.git("switch", "-q", "-c", "rel")
    world.commit({"other.txt": "more"})
    world.git("switch", "-q", "main")


def pushed(world: World) -> None:
    """An operation on another branch, which a remote has."""
    quick(world, "tag", "fraud", "nightly", "--branch", "rel")
    world.git("push", "-q", "origin", "rel")
    world.git("reset", "-q", "--hard", "main~1")
    quick(world, "tag", "fraud", "9.0.1")


def same(world: World) -> None:
    """Branches that have nothing more than the one that is checked out."""
    world.git("branch", "rel")
    world.git("branch", "before", "HEAD~1")


def older(world: World) -> None:
    """An operation on another branch from before the one here."""
    quick(world, "tag", "fraud", "nightly", "--branch", "rel")
    time.sleep(1.1)  # Git counts in seconds
    quick(world, "note", "fraud", "--metric", "auc=0.5")


def of_another(world: World) -> None:
    """What somebody else did on another branch."""
    mail = world.git("config", "user.email").strip()
    world.git("config", "user.email", "another@example.org")
    quick(world, "tag", "fraud", "nightly", "--branch", "rel")
    world.git("config", "user.email", mail)


@pytest.mark.parametrize("go_on", [code, pushed, same, older, of_another])
def test_what_another_branch_has_otherwise_is_not_told(team: Team, go_on: Callable[[World], None]) -> None:
    """B8: commits of code, what a remote has, what is here too, what is older, and what others did."""
    ann = team.clone("ann")
    quick(ann, "tag", "fraud", "9.0.0")
    go_on(ann)
    assert "newer operation" not in quick(ann, "undo").err


# ---- refused -------------------------------------------------------------------------------------------------


def test_the_newest_commit_is_no_operation(fraud: World) -> None:
    """B8: exit 4 with the line that takes back the last one."""
    commit = head(fraud)
    fraud.commit({"other.txt": "more"})
    refused(fraud, f"hint: git revert {commit[:10]}")


@pytest.mark.parametrize(
    "words",
    [
        ("tag", "fraud", "nightly"),
        ("promote", "fraud", "production"),
        ("archive", "fraud"),
        ("note", "fraud", "--metric", "auc=0.5"),
    ],
)
def test_a_version_that_a_commit_of_the_users_own_names(world: World, words: tuple[str, ...]) -> None:
    """B8: a revert would leave records of nothing, so it is what not to do; the version is withdrawn instead."""
    added = world.add("weights")
    quick(world, *words, "--no-commit")
    world.git("commit", "-q", "-m", "mine")
    way = f"modelver note {added.version} --kind yank -m WHY"
    err = refused(world, f"hint: {way}", f"hint: not `git revert {(added.commit or '')[:10]}`")
    assert "hint: git revert" not in err
    quick(world, *way.split()[1:])
    assert answer(world, "verify")["problems"] == []


def test_what_a_person_wrote_is_no_trailer(world: World) -> None:
    """B8, W10: what was done stands in the last paragraph of the commit's message; any other is for people."""
    world.write("model.bin", "weights")
    quick(world, "add", "model.bin", "-n", "fraud", "-m", "x\n\nModelver-Op: evil\nModelver-Model: zzz")
    assert quick(world, "undo").out.startswith("undone: add fraud v")
    world.commit({"other.txt": "more"}, "mine\n\nModelver-Op: evil\n\nwhich is what I write about")
    refused(world, "is no operation")


def test_where_there_never_was_an_operation(plain: World) -> None:
    """B8: exit 4 as well, and no line that could not work."""
    assert "hint" not in refused(plain, "is no operation")


def test_the_first_commit_of_all(tmp_path_factory: pytest.TempPathFactory) -> None:
    """B8: there is nothing before it."""
    world = World(tmp_path_factory.mktemp("new"))
    world.git("init", "-q")
    quick(world, "init")
    commit = head(world)
    assert "hint" not in refused(world, f"{commit[:10]} is the first commit of all")


def test_where_there_is_no_commit(tmp_path_factory: pytest.TempPathFactory) -> None:
    """B8: exit 4 in words that name no commit."""
    world = World(tmp_path_factory.mktemp("new"))
    world.git("init", "-q")
    assert "there is no commit yet" in quick(world, "undo", code=4).err


def test_where_the_history_that_is_here_begins(team: Team) -> None:
    """B8: what a shallow clone begins with has a commit before it, which is not here."""
    shallow = team.clone("ann", "--depth=1")
    refused(shallow, "begins with", "hint: git fetch --deepen=1")


def test_an_operation_of_another_person(fraud: World) -> None:
    """B8: exit 4 with his name and the line that takes it back for everybody."""
    commit = head(fraud)
    fraud.git("config", "user.email", "another@example.org")
    refused(fraud, "is by A. User", f"hint: git revert {commit[:10]}")


MOVED: dict[str, tuple[list[tuple[str, ...]], str]] = {
    "the first of all": ([("promote", "fraud", "new")], "modelver demote fraud new"),
    "after another": (
        [("promote", "fraud~1", "new"), ("promote", "fraud", "new")],
        "modelver rollback fraud new",
    ),
    "a rollback": (
        [("promote", "fraud~1", "new"), ("promote", "fraud", "new"), ("rollback", "fraud", "new")],
        "modelver promote {fraud} new",
    ),
    "a demotion": ([("promote", "fraud", "new"), ("demote", "fraud", "new")], "modelver rollback fraud new"),
}


@pytest.mark.parametrize("kind", MOVED)
def test_a_stage_that_a_remote_has(team: Team, kind: str) -> None:
    """B8, C1: exit 4 with the command that gives it back to who held it, which works; a revert would be damage."""
    ann = team.clone("ann")
    words, way = MOVED[kind]
    way = way.format(fraud=ann.registry.show("fraud").record.version)
    for each in words:
        held = holder(ann)
        quick(ann, *each)
    ann.git("push", "-q", "origin", "HEAD:other")
    err = refused(
        ann, "is on origin/other", f"hint: {way}    for everybody", f"hint: not `git revert {head(ann)[:10]}`"
    )
    assert "hint: git revert" not in err
    quick(ann, *way.removeprefix("modelver ").split())
    assert holder(ann) == held


def holder(world: World) -> str | None:
    """Who holds the stage `new`, None where nobody does or ever did."""
    ran = quick(world, "show", "fraud@new", "--json", code=None)
    return None if ran.code else str(ran.json["version"])


def test_a_label_that_a_remote_has(team: Team) -> None:
    """B8: exit 4 with the line that takes the record back, and those for the tag, which would be left."""
    ann = team.clone("ann")
    quick(ann, "tag", "fraud", "9.0.0")
    synced(ann)
    refused(
        ann,
        "is on origin/main",
        f"hint: git revert {head(ann)[:10]}",
        "hint: git update-ref -d 'refs/tags/fraud@v9.0.0'",
        "hint: git push REMOTE ':refs/tags/fraud@v9.0.0'",
    )


def test_after_a_pull(team: Team) -> None:
    """B8: what others brought is not one's own to take back."""
    ann, bob = team.clone("ann"), team.clone("bob")
    bob.add("by bob")
    synced(bob)
    ann.git("pull", "-q")
    refused(ann, "is on origin/main")


@pytest.mark.parametrize("setting", ["exclude", "gitignore"])
@pytest.mark.parametrize("lines", ["secret\n", "/secret\n", "/model.bin\nsecret\n", "/model.bin\n/secret\n"])
def test_a_gitignore_of_the_users_own_stays(world: World, setting: str, lines: str) -> None:
    """B8, T1: a commit that was amended with lines of his is no operation any more."""
    world.git("config", "modelver.ignore", setting)
    world.add("weights")
    world.write(".gitignore", lines)
    world.git("add", ".gitignore")
    world.git("commit", "-q", "--amend", "--no-edit")
    refused(world, "is no operation")


@pytest.mark.parametrize("path", [".modelver/config.yaml", ".modelver/models/fraud/model.yaml", ".modelver/mine.txt"])
def test_what_people_write_into_the_registry_stays(fraud: World, path: str) -> None:
    """B8: a commit that was amended with it is no operation any more."""
    quick(fraud, "tag", "fraud", "1.0.0")
    place = fraud / path
    fraud.write(path, (place.read_text() if place.exists() else "") + "# mine\n")
    fraud.git("add", path)
    fraud.git("commit", "-q", "--amend", "--no-edit")
    refused(fraud, "is no operation")


@pytest.mark.parametrize("kind", ["code", "merge"])
def test_a_commit_that_is_more_than_an_operation(fraud: World, kind: str) -> None:
    """B8: amended with code of the user's, or a merge."""
    fraud.git("branch", "side")
    fraud.add("a fourth")
    if kind == "code":
        fraud.write("src/train.py", "mine\n")
        fraud.git("commit", "-q", "-a", "--amend", "--no-edit")
    else:
        fraud.git("checkout", "-q", "side")
        fraud.add("on the side")
        fraud.git("merge", "-q", "--no-ff", "-m", "merge\n\nModelver-Op: add", "main")
    refused(fraud, "is no operation")


@pytest.mark.parametrize("staged", [False, True])
def test_edits_of_the_record_are_in_the_way(fraud: World, staged: bool) -> None:
    """B8: they would be lost."""
    with fraud.registry as registry:
        registry.promote("fraud", "production")
    path = ".modelver/models/fraud/stages/production.yaml"
    fraud.write(path, (fraud / path).read_text() + "mine: true\n")
    if staged:
        fraud.git("add", path)
    refused(fraud, "changes of yours are in the way", path)


def test_records_that_wait_for_a_commit_are_in_the_way(world: World) -> None:
    """B8: they may point at those that would go, so they go first."""
    world.add("weights")
    quick(world, "promote", "fraud", "production", "--no-commit")
    err = refused(world, "changes of yours are in the way", "stages/production.yaml' is staged")
    way = "git restore --staged --worktree .modelver"
    assert f"hint: {way}" in err
    world.git(*way.split()[1:])
    quick(world, "undo")
    assert world.git("status", "--porcelain") == "?? model.bin\n"


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, who gives up his rights")
@pytest.mark.parametrize("words", [("tag", "fraud", "1.0.0"), ("note", "fraud", "--metric", "auc=0.5")])
def test_in_a_directory_that_nobody_may_write_to(fraud: World, words: tuple[str, ...]) -> None:
    """B8: exit 7 with the file that could not go; nothing has moved."""
    quick(fraud, *words)
    before = state(fraud)
    folders = [fraud / ".modelver", *(path for path in (fraud / ".modelver").rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    rights = "-dac_override,-dac_read_search"
    ran = fraud.cli("undo", code=7, before=["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"])
    for folder in folders:
        folder.chmod(0o755)
    assert "Permission denied" in ran.err
    assert state(fraud) == before
    fraud.assert_sound()
    quick(fraud, "undo")


def test_a_tag_of_the_users_own_stays(fraud: World) -> None:
    """B8: on the commit, but not one that its records call for."""
    fraud.add("a fourth")
    fraud.git("tag", "-a", "-m", "mine", "my-tag")
    quick(fraud, "undo")
    assert "my-tag" in tags(fraud)
