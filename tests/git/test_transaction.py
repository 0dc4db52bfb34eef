"""One write into repositories of every kind, with Git itself as the judge."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import faultlib
import opaque_write
import pytest
from writelib import assert_whole, everything, git, make, write, writer

from modelver.errors import Conflict, Damaged, ModelverError, ProgramFailed, UsageError
from modelver.git.change import Change, Snapshot, Tag

# --- W3: the index --------------------------------------------------------------------------------


def test_git_still_sees_an_edit_in_the_second_of_the_last_add(repo):
    """W3: the new index keeps the old one's time, or an edit of the same size in the same second would be lost."""
    file = repo / "edited.txt"
    for number in range(5):
        file.write_text(f"aaaaaa{number}\n")
        git(repo, "add", "edited.txt")
        file.write_text(f"bbbbbb{number}\n")
        write(repo, f"rec{number}")
        assert git(repo, "diff", "--name-only") == "edited.txt\n"
        assert git(repo, "show", ":edited.txt") == f"aaaaaa{number}\n"


def test_head_and_index_agree_straight_after_a_write(repo):
    """W3: `git diff-index --quiet HEAD` needs no refresh first."""
    write(repo)
    git(repo, "--no-optional-locks", "diff-index", "--quiet", "HEAD", "--", ".modelver")


def test_changes_of_the_user_stay_as_they_are(tmp_path):
    """W7: staged, partly staged, unstaged, intended and untracked changes are the same after a write."""
    world = faultlib.World.build(tmp_path / "world")
    before = faultlib.Mine.of(world)
    write(world.repo)
    assert faultlib.Mine.of(world) == before
    assert_whole(world.repo)


def test_a_split_index_is_read_and_written(repo):
    """W7: core.splitIndex keeps most entries in a shared file, which the new index still finds."""
    git(repo, "config", "core.splitIndex", "true")
    git(repo, "update-index", "--split-index")
    (repo / "staged.txt").write_text("staged\n")
    git(repo, "add", "staged.txt")
    write(repo, "first")
    write(repo)
    assert_whole(repo)
    assert git(repo, "status", "--porcelain") == "A  staged.txt\n"


# --- W7: kinds of repositories --------------------------------------------------------------------


def test_the_first_commit_of_an_unborn_branch(tmp_path):
    """W7: what is staged stays staged, and is not in our commit."""
    repo = tmp_path / "new"
    git(tmp_path, "init", "-q", str(repo))
    (repo / "mine.txt").write_text("mine\n")
    git(repo, "add", "mine.txt")
    write(repo)
    assert_whole(repo)
    assert git(repo, "status", "--porcelain") == "A  mine.txt\n"
    assert git(repo, "rev-list", "--count", "HEAD") == "1\n"


def test_an_unborn_branch_without_an_index(tmp_path):
    """W7: there is no index file before the first `git add`."""
    git(tmp_path, "init", "-q", "new")
    write(tmp_path / "new")
    assert_whole(tmp_path / "new")
    assert git(tmp_path / "new", "status", "--porcelain") == ""


def test_a_detached_head(repo):
    """W7: HEAD moves and no branch does."""
    git(repo, "checkout", "-q", "--detach")
    before = git(repo, "rev-parse", "main")
    write(repo)
    assert_whole(repo)
    assert git(repo, "rev-parse", "main") == before
    git(repo, "symbolic-ref", "-q", "HEAD", code=1)


@pytest.mark.parametrize("bare", [False, True])
def test_a_linked_work_tree(repo, tmp_path, bare):
    """W7: a linked work tree has its own HEAD and index, also where the repository itself is bare."""
    if bare:
        git(tmp_path, "clone", "-q", "--bare", str(repo), "bare.git")
        repo = tmp_path / "bare.git"
    git(repo, "worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    write(tmp_path / "linked")
    assert_whole(tmp_path / "linked")
    assert git(repo, "rev-parse", "side") != git(repo, "rev-parse", "main")
    if not bare:
        assert git(repo, "status", "--porcelain") == ""


def test_a_submodule(repo, tmp_path):
    """W7: its Git directory lies elsewhere, and `.git` is a file."""
    git(repo, "submodule", "add", "-q", str(make(tmp_path / "inner")), "inner")
    write(repo / "inner")
    assert_whole(repo / "inner")
    assert git(repo / "inner", "status", "--porcelain") == ""


def test_a_shallow_clone(repo, tmp_path):
    """W7: the commit's parent is the one whose own parents are not there."""
    write(repo, "first")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repo}", "shallow")
    write(tmp_path / "shallow")
    assert_whole(tmp_path / "shallow")


def test_a_bare_repository_can_only_be_read(repo, tmp_path):
    """W7: without a work tree there is no place for records."""
    git(tmp_path, "clone", "-q", "--bare", str(repo), "bare.git")
    with pytest.raises(UsageError, match="no work tree"):
        write(tmp_path / "bare.git")


@pytest.mark.parametrize("former", [False, True])
@pytest.mark.parametrize(
    ("options", "file"),
    [
        (["set", "--cone", "dir"], False),
        (["set", "--cone", "dir", ".modelver"], True),
        (["set", "--no-cone", "/dir/"], False),
        (["set", "--no-cone", "/*", "!/kept.txt"], True),
        (["set", "--cone", "--sparse-index", "dir"], False),
        (["set", "--cone", "--sparse-index", "dir", ".modelver"], True),
    ],
)
def test_a_sparse_checkout(repo, options, file, former):
    """W3: outside of the cone a record has an index entry with `skip-worktree`, and no file."""
    for name in ("dir", "other"):
        (repo / name).mkdir()
        (repo / name / "a.txt").write_text("a\n")
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "second")
    if former:
        write(repo, "former")
    git(repo, "sparse-checkout", *options)
    (repo / "dir" / "a.txt").write_text("edited\n")
    write(repo)
    assert_whole(repo, file=file)
    flag = git(repo, "ls-files", "-t", opaque_write.record("rec")).split()[0]
    assert flag == ("H" if file else "S")
    assert git(repo, "status", "--porcelain") == " M dir/a.txt\n"
    assert git(repo, "ls-files", "-t", "other/a.txt").split()[0] == "S" or "!/kept.txt" in options


def test_a_sha256_repository(tmp_path):
    """W7: all object ids are longer."""
    repo = make(tmp_path / "long", "--object-format=sha256")
    assert len(write(repo).commit) == 64
    assert_whole(repo)


def test_line_ends_are_left_alone(repo):
    """W7: with core.autocrlf Git would turn line ends round; `.modelver/.gitattributes` keeps it from records."""
    git(repo, "config", "core.autocrlf", "true")
    write(repo)
    assert_whole(repo)
    assert (repo / opaque_write.record("rec")).read_bytes() == b"name: rec\n"


def test_filters_are_kept_from_records(repo):
    """W7: a filter or an encoding that the user set for YAML files does not touch records."""
    (repo / ".gitattributes").write_text("*.yaml filter=upper working-tree-encoding=UTF-16\n")
    git(repo, "config", "filter.upper.clean", "tr a-z A-Z")
    git(repo, "config", "filter.upper.smudge", "tr A-Z a-z")
    git(repo, "config", "filter.upper.required", "true")
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "attributes")
    write(repo)
    assert_whole(repo)


def test_a_filter_from_info_attributes_is_named(repo):
    """W3: `info/attributes` ranks above ours; where it changes a record the write is refused, and undone."""
    (repo / ".git" / "info").mkdir(exist_ok=True)
    (repo / ".git" / "info" / "attributes").write_text("*.yaml filter=upper\n")
    git(repo, "config", "filter.upper.clean", "tr a-z A-Z")
    before = everything(repo)
    with pytest.raises(Conflict, match="info/attributes"):
        write(repo)
    assert everything(repo) == before


def test_a_merge_in_progress_goes_on(repo):
    """W7: MERGE_HEAD and the conflicted entries are there after a write."""
    git(repo, "checkout", "-q", "-b", "side")
    (repo / "kept.txt").write_text("theirs\n")
    git(repo, "commit", "-q", "-a", "-m", "theirs")
    git(repo, "checkout", "-q", "main")
    (repo / "kept.txt").write_text("ours\n")
    git(repo, "commit", "-q", "-a", "-m", "ours")
    git(repo, "merge", "side", code=1)
    unmerged = git(repo, "ls-files", "-u")
    write(repo)
    assert_whole(repo)
    assert unmerged
    assert git(repo, "ls-files", "-u") == unmerged
    (repo / "kept.txt").write_text("both\n")
    git(repo, "commit", "-q", "-a", "-m", "merged")
    assert git(repo, "rev-list", "--parents", "-1", "HEAD").count(" ") == 2
    assert git(repo, "show", f"HEAD:{opaque_write.record('rec')}")


def _rebase(repo: Path) -> None:
    git(repo, "rebase", "main", "side", code=1)


def _pick(repo: Path) -> None:
    git(repo, "cherry-pick", "side", code=1)


def _revert(repo: Path) -> None:
    git(repo, "revert", "--no-edit", "HEAD~1", code=1)


def _bisect(repo: Path) -> None:
    git(repo, "bisect", "start", "HEAD", "HEAD~1")


@pytest.mark.parametrize("begin", [_rebase, _pick, _revert, _bisect])
def test_nothing_is_written_during_an_operation_whose_abort_would_lose_it(repo, begin: Callable[[Path], None]):
    """W7: rebase, cherry-pick, revert, bisect: exit 4, and the repository is as it was."""
    git(repo, "branch", "side")
    for branch in ("main", "side"):
        git(repo, "checkout", "-q", branch)
        for number in range(2):
            (repo / "kept.txt").write_text(f"{branch} {number}\n")
            git(repo, "commit", "-q", "-a", "-m", f"{branch} {number}")
    git(repo, "checkout", "-q", "main")
    begin(repo)
    before = everything(repo)
    with pytest.raises(Conflict, match="in progress"):
        write(repo)
    assert everything(repo) == before


# --- W9: identity and signing ---------------------------------------------------------------------


def test_without_an_identity_nothing_is_written(repo, tmp_path):
    """W9: Git's advice comes before anything is written."""
    (tmp_path / "home" / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    before = everything(repo)
    with pytest.raises(UsageError, match="who you are"):
        write(repo)
    assert everything(repo) == before
    assert not (repo / ".git" / "modelver").exists()


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
@pytest.mark.parametrize("hooks", [False, True])
def test_commits_and_tags_are_signed(repo, tmp_path, hooks):
    """W9: commit.gpgsign and tag.gpgsign with ssh keys, also for a message that a hook changes; Git itself verifies."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    (tmp_path / "signers").write_text(f"user@example.org {key.with_suffix('.pub').read_text()}")
    settings = {
        "gpg.format": "ssh",
        "user.signingKey": str(key),
        "commit.gpgSign": "true",
        "tag.gpgSign": "true",
        "gpg.ssh.allowedSignersFile": str(tmp_path / "signers"),
    }
    for name, value in settings.items():
        git(repo, "config", name, value)
    (repo / ".git" / "hooks").mkdir()
    (repo / ".git" / "hooks" / "commit-msg").write_text('#!/bin/sh\necho changed >>"$1"\n')
    (repo / ".git" / "hooks" / "commit-msg").chmod(0o755)
    ours = writer(repo)

    def plan(snapshot: Snapshot) -> Change:
        change = opaque_write.change(snapshot, "rec", ours.identity)
        assert change is not None
        return dataclasses.replace(change, hooks=hooks)

    ours.write(plan, watched=[".modelver"])
    assert_whole(repo)
    assert git(repo, "log", "-1", "--format=%B").strip().endswith("changed") is hooks
    git(repo, "verify-commit", "HEAD")
    git(repo, "verify-tag", "one/rec", "two/rec")


# --- What stands in the way -----------------------------------------------------------------------


def test_a_link_among_the_parents_is_refused(repo, tmp_path):
    """W3: records are not written through a symbolic link, and nothing at all is written."""
    (tmp_path / "elsewhere").mkdir()
    (repo / ".modelver").symlink_to(tmp_path / "elsewhere")
    before = everything(repo)
    with pytest.raises(Damaged, match="symbolic link"):
        write(repo)
    assert everything(repo) == before
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_record_that_the_user_has_edited_is_not_overwritten(repo):
    """W3: exit 4, and the edit stays."""
    write(repo, "first")
    (repo / opaque_write.FOLDER / "list.yaml").write_text("mine\n")
    before = everything(repo)
    with pytest.raises(Conflict, match="not committed"):
        write(repo)
    assert everything(repo) == before


def test_a_foreign_index_lock_is_waited_for(repo):
    """W6: a lock that goes in time is no error."""
    lock = repo / ".git" / "index.lock"
    lock.touch()
    timer = threading.Timer(0.3, lock.unlink)
    timer.start()
    write(repo)
    timer.join()
    assert_whole(repo)


@pytest.mark.parametrize("name", ["index.lock", "refs/heads/main.lock", "refs/tags/one/rec.lock"])
def test_a_foreign_lock_that_stays_is_named(repo, name):
    """W6: exit 4 with the holder; the lock stays and all is as it was."""
    lock = repo / ".git" / name
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text("somebody else's\n")
    before = everything(repo)
    with pytest.raises(Conflict) as caught:
        write(repo, timeout=0.3)
    assert str(lock) in caught.value.message
    assert lock.exists()
    assert everything(repo) == before


def test_a_tag_in_the_way_is_named(repo):
    """W4: with one tag refused neither the branch nor the other tag is there."""
    git(repo, "tag", "two/rec")
    before = everything(repo)
    with pytest.raises(Conflict, match="refs/tags/two/rec"):
        write(repo)
    assert everything(repo) == before


def test_a_commit_beneath_is_raced_again(repo):
    """W6: a race for the branch that was lost is run again from the new head."""
    calls: list[str | None] = []
    ours = writer(repo)

    def plan(snapshot: Snapshot) -> Change | None:
        calls.append(snapshot.head.commit)
        if len(calls) == 1:
            git(repo, "commit", "-q", "--allow-empty", "-m", "theirs")
        return opaque_write.change(snapshot, "rec", ours.identity)

    ours.write(plan, watched=[".modelver"])
    assert len(calls) == 2
    assert_whole(repo)
    assert git(repo, "log", "--format=%s").splitlines() == ["modelver: add rec", "theirs", "first"]


def test_a_branch_checked_out_beneath_is_followed(repo):
    """W6: the write goes to the branch that is checked out when it happens."""
    git(repo, "branch", "side")
    calls: list[str] = []
    ours = writer(repo)

    def plan(snapshot: Snapshot) -> Change | None:
        calls.append(snapshot.head.ref)
        if len(calls) == 1:
            git(repo, "checkout", "-q", "side")
        return opaque_write.change(snapshot, "rec", ours.identity)

    ours.write(plan, watched=[".modelver"])
    assert calls == ["refs/heads/main", "refs/heads/side"]
    assert_whole(repo)


def test_a_plan_that_finds_nothing_to_do_changes_nothing(repo):
    """The same write again is none."""
    write(repo)
    before = everything(repo)
    ours = writer(repo)
    assert ours.write(lambda s: opaque_write.change(s, "rec", ours.identity), watched=[".modelver"]) is None
    assert everything(repo) == before


def test_an_error_of_the_plan_leaves_no_trace(repo):
    """What a plan raises goes through."""

    def plan(snapshot: Snapshot) -> Change | None:
        raise ProgramFailed("no")

    before = everything(repo)
    with pytest.raises(ModelverError, match="no"):
        writer(repo).write(plan, watched=[".modelver"])
    assert everything(repo) == before


def test_records_are_changed_and_removed_in_one_commit(repo):
    """None takes a file out of the commit, the index and the work tree, and empty directories are no matter."""
    write(repo, "first")
    ours = writer(repo)
    gone, changed = opaque_write.record("first"), f"{opaque_write.FOLDER}/list.yaml"
    tag = Tag("refs/tags/gone", ours.identity.committer, "gone")
    ours.write(lambda s: Change({gone: None, changed: b"[]\n"}, "modelver: drop first", [tag]), watched=[".modelver"])
    assert git(repo, "show", "--name-status", "--format=%s") == f"modelver: drop first\n\nM\t{changed}\nD\t{gone}\n"
    assert git(repo, "status", "--porcelain") == ""
    assert not (repo / gone).exists()


# --- W6: where a write was cut off ----------------------------------------------------------------


def cut_off(repo: Path, call: str, name: str = "rec") -> None:
    """Kill a write just before it calls a function for the first time."""
    program = (
        "import os, runpy, sys\n"
        f"import modelver.git.{call.split('.')[0]} as module\n"
        f"module.{call.split('.', 1)[1]} = lambda *_, **__: os.kill(os.getpid(), 9)\n"
        f"sys.argv = ['write', {name!r}, '.']\n"
        f"runpy.run_path({str(faultlib.HERE / 'opaque_write.py')!r}, run_name='__main__')\n"
    )
    variables = os.environ | {"PYTHONPATH": str(faultlib.PROJECT)}
    done = subprocess.run([sys.executable, "-c", program], cwd=repo, env=variables, check=False)
    assert done.returncode == -9
    assert (repo / ".git" / "modelver" / "journal").exists()


BEFORE_REFS = "repository.Repository.transact"
BEFORE_INDEX = "index.publish"


def test_records_that_the_user_committed_on_another_branch_are_tagged_there(repo):
    """W6: the index had our records when another branch was made and committed: that is where they are now."""
    cut_off(repo, BEFORE_REFS)
    (repo / ".git" / "index.lock").unlink()
    git(repo, "checkout", "-q", "-b", "side")
    git(repo, "commit", "-q", "-a", "-m", "user")
    assert writer(repo).recover() == ["a write that was cut off has been finished"]
    assert_whole(repo)
    assert git(repo, "status", "--porcelain") == ""
    assert git(repo, "ls-tree", "-r", "--name-only", "main", ".modelver") == ""


def test_a_commit_with_half_of_our_records_gets_the_other_half(repo):
    """W6: `git commit -a` takes a changed file along, not a new one; the tags name the commit that has them all."""
    write(repo, "former")
    cut_off(repo, BEFORE_INDEX)
    (repo / ".git" / "index.lock").unlink()
    git(repo, "commit", "-q", "-a", "-m", "user")
    (remark,) = writer(repo).recover()
    assert "came back" in remark
    assert_whole(repo)
    assert len(git(repo, "log", "--format=%s").splitlines()) == 4


def test_half_of_our_records_on_another_branch_wait_for_it(repo):
    """W6: what is to be brought back goes to its branch, not to the one that happens to be checked out."""
    write(repo, "former")
    cut_off(repo, BEFORE_INDEX)
    (repo / ".git" / "index.lock").unlink()
    git(repo, "commit", "-q", "-a", "-m", "user")
    git(repo, "checkout", "-q", "-b", "side", "HEAD~2")
    with pytest.raises(Conflict, match="main"):
        write(repo, "other")
    assert git(repo, "rev-parse", "side") == git(repo, "rev-parse", "main~2")
    git(repo, "checkout", "-q", "main")
    write(repo, "other")
    assert_whole(repo, "other")
    assert git(repo, "show", f"one/rec^{{commit}}:{opaque_write.record('rec')}")


def test_what_the_user_changed_since_is_not_brought_back(repo):
    """W6: a record that is neither as before nor as we wrote it is somebody else's by now."""
    write(repo, "former")
    cut_off(repo, "journal.Journal.drop")
    (repo / opaque_write.FOLDER / "list.yaml").write_text("merged\n")
    git(repo, "commit", "-q", "-a", "-m", "user")
    assert writer(repo).recover() == ["a write that was cut off has been finished"]
    assert git(repo, "show", f"HEAD:{opaque_write.FOLDER}/list.yaml") == "merged\n"


def test_an_unchanged_file_does_not_make_a_write_look_begun(repo):
    """W6: only files that a write changes tell whether the branch has it."""
    write(repo, "former")
    before = everything(repo)[:2]
    cut_off(repo, BEFORE_INDEX)
    assert writer(repo).recover() == ["a write that was cut off has been undone"]
    assert everything(repo)[:2] == before


# --- Many at once, and how many processes ---------------------------------------------------------


def test_eight_processes_write_to_one_clone(tmp_path):
    """W2: they wait for each other: one line of commits, all records, all tags."""
    world = faultlib.World.build(tmp_path / "world")
    names = [[f"p{process}w{number}" for number in range(3)] for process in range(8)]
    running = [
        subprocess.Popen(
            ["sh", "-ec", 'program=$1; shift; for name; do "$PYTHON" "$program" $name . 60; done', "sh",
             str(faultlib.HERE / "opaque_write.py"), *mine],
            cwd=world.repo,
            env=faultlib.environment(world.top) | {"PATH": os.environ["PATH"], "PYTHON": sys.executable},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for mine in names
    ]  # fmt: skip
    for process in running:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    wanted = {name for mine in names for name in mine}
    assert {Path(path).stem for path in faultlib.tree(world) if "/versions/" in path} == wanted
    assert set(faultlib.tags(world)) == {f"refs/tags/{kind}/{name}" for kind in ("one", "two") for name in wanted}
    assert world.git("rev-list", "--count", "HEAD") == "25\n"
    assert world.git("rev-list", "--count", "--min-parents=2", "HEAD") == "0\n"
    assert world.git("fsck", "--strict", "--no-dangling") == ""
    assert not faultlib.leftovers(world)


def test_a_write_takes_few_processes(tmp_path):
    """Discovery, configuration and the write itself take eight Git processes at most."""
    world = faultlib.World.build(tmp_path / "world", former=faultlib.opaque("former"))
    assert world.run(faultlib.opaque("rec")).code == 0
    assert faultlib.count(world) <= 8
