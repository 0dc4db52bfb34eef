"""`promote --request`: a pull request instead of a promotion (rules B3, B5), with a bare repository as the remote."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from worlds import World

GH = """\
#!/bin/sh
# Stands in for a program of a Git host, which no test can reach: notes what it is asked, and answers as told.
printf '%s\\n' "$0 $*" >>"$FORGE_LOG"
case $1 in
auth) exit "$FORGE_AUTH" ;;
*) cat >>"$FORGE_LOG"; echo "https://git.example.org/acme/fraud/pull/7"; exit "${FORGE_CODE:-0}" ;;
esac
"""


@pytest.fixture
def hub(fraud: World, tmp_path: Path) -> Path:
    """A bare repository that has all that the world has."""
    top = tmp_path / "hub.git"
    fraud.git("init", "-q", "--bare", "-b", "main", top)
    fraud.git("remote", "add", "origin", top)
    fraud.cli("promote", "fraud~2", "production")
    fraud.cli("sync", "--push")
    return top


@pytest.fixture
def ben(fraud: World, hub: Path, tmp_path: Path) -> World:
    """A second clone of the same repository."""
    fraud.git("clone", "-q", "--template=", f"file://{hub}", tmp_path / "ben")
    return World(tmp_path / "ben")


def branches(world: World, at: Path | None = None) -> list[str]:
    return world.git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", at=at).split()


def test_a_request_is_a_pushed_branch_with_a_name_of_its_own(fraud: World, hub: Path) -> None:
    """The record is on a branch named after model, stage, number and version; what is checked out stays."""
    fraud.write("src/train.py", "print('edited')\n")
    before = fraud.everything(but=[".git/refs", ".git/logs", ".git/objects", ".git/modelver"])
    told = fraud.json("promote", "fraud", "production", "--request", "-m", "better recall")
    assert fraud.everything(but=[".git/refs", ".git/logs", ".git/objects", ".git/modelver"]) == before
    branch = f"promote/fraud-production-2-{told['version']}"
    assert (told["branch"], told["pending"], told["tag"], told["number"]) == (branch, True, None, 2)
    assert branches(fraud) == branches(fraud, hub) == ["main", branch]
    assert fraud.git("log", "--format=%s", f"main..{branch}") == (
        f"modelver: promote fraud {told['version']} to production\n"
    )
    assert told["compare_url"] is None
    assert fraud.json("show", "fraud@production")["version"] != told["version"]


def test_the_text_of_the_request_is_why_and_the_comparison(fraud: World, hub: Path) -> None:
    """The body is what `diff --format md` says of holder and candidate, below the reason that was given."""
    told = fraud.json("promote", "fraud", "production", "--request", "-m", "better recall")
    holder = fraud.json("show", "fraud@production")["version"]
    report = fraud.cli("diff", f"fraud@{holder}", f"fraud@{told['version']}", "--format", "md").out
    assert told["body"] == f"better recall\n\n{report}"
    first = fraud.json("promote", "fraud", "staging", "--request")
    assert first["body"] == "Nobody holds staging of fraud yet.\n"


def test_the_same_request_again_changes_nothing(fraud: World, hub: Path) -> None:
    """C2: the branch is there, and is pushed again where the remote lost it."""
    told = fraud.json("promote", "fraud", "production", "--request")
    fraud.git("update-ref", "-d", f"refs/heads/{told['branch']}", at=hub)
    again = fraud.json("promote", "fraud", "production", "--request")
    assert again["branch"] == told["branch"]
    assert fraud.git("rev-list", "--count", f"main..{told['branch']}") == "1\n"
    assert told["branch"] in branches(fraud, hub)


def test_a_request_starts_from_the_registrys_branch(fraud: World, hub: Path) -> None:
    """What a feature branch has besides is no part of the request; a version only it has cannot be asked for."""
    fraud.git("checkout", "-q", "-b", "feature")
    fraud.commit({"half.py": "not yet\n"})
    added = fraud.add("only on the feature branch")
    told = fraud.json("promote", "fraud", "production", "--request")
    assert told["version"] != added.version
    assert fraud.git("merge-base", "main", told["branch"]) == fraud.git("rev-parse", "main")
    assert "half.py" not in fraud.git("ls-tree", "--name-only", told["branch"])
    refused = fraud.cli("promote", added.version, "production", "--request", code=4)
    assert f"the record of {added.version} is not on this branch" in refused.err


def test_two_requests_for_one_stage_conflict_in_git(fraud: World, hub: Path) -> None:
    """S2: whichever is merged second, a person has to decide."""
    one = fraud.json("promote", "fraud", "production", "--request")["branch"]
    two = fraud.json("promote", "fraud~1", "production", "--request")["branch"]
    fraud.git("merge", "-q", "--no-ff", "-m", "first", one)
    assert "CONFLICT" in fraud.git("merge", "-q", two, code=1)


def test_merged_in_any_way_the_promotion_is_announced_by_sync(fraud: World, hub: Path) -> None:
    """B3: the tag is made on the registry's branch, at the version's commit."""
    told = fraud.json("promote", "fraud", "production", "--request")
    fraud.git("merge", "-q", "--squash", told["branch"])
    fraud.git("commit", "-q", "-m", "squashed")
    new = fraud.json("sync", "--push")["new"]
    assert [(each["tag"], each["kind"], each["version"]) for each in new] == [
        ("fraud#production#2", "promotion", told["version"])
    ]
    assert fraud.json("verify")["problems"] == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("fraud~2", "production"), 4, "holds production on main already"),
        (("fraud", "production", "--branch", "mine"), 2, "a branch of its own"),
        (("fraud", "production", "--no-commit"), 2, "a branch of its own"),
        (("fraud", "production", "--if-better", "--metric", "auc", "--min-delta", "0.5"), 1, "auc"),
        (("fraud@9.9.9", "production"), 3, "9.9.9"),
    ],
)
def test_what_cannot_be_asked_for_leaves_no_branch(
    fraud: World, hub: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    """Gates hold for a request as for a promotion, and nothing is prepared or pushed where it is refused."""
    refused = fraud.cli("promote", *words, "--request", code=code)
    assert said in refused.err
    assert branches(fraud) == branches(fraud, hub) == ["main"]


def test_without_a_remote_the_branch_is_prepared_and_said_to_wait(fraud: World) -> None:
    """No remote is no error: whoever adds one pushes the branch."""
    done = fraud.cli("promote", "fraud", "production", "--request")
    assert "is prepared, and not pushed: there is no Git remote" in done.err
    assert len(branches(fraud)) == 2


def test_a_remote_that_does_not_answer_is_exit_7_and_nothing_is_prepared(
    fraud: World, hub: Path, tmp_path: Path
) -> None:
    """The remote is asked first, because somebody may have made the same request."""
    hub.rename(tmp_path / "away")
    fraud.cli("promote", "fraud", "production", "--request", code=7)
    assert branches(fraud) == ["main"]
    (tmp_path / "away").rename(hub)
    assert fraud.json("promote", "fraud", "production", "--request")["branch"] in branches(fraud, hub)


def refuse(hub: Path) -> Path:
    """Have the hub refuse every push, as long as the hook is there that is returned."""
    hook = hub / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho closed; exit 1\n")
    hook.chmod(0o755)
    return hook


def test_a_branch_that_cannot_be_pushed_waits(fraud: World, hub: Path) -> None:
    """Exit 7; the same command pushes it once the remote takes it."""
    hook = refuse(hub)
    failed = fraud.cli("promote", "fraud", "production", "--request", code=7)
    assert "the same command again goes on from there" in failed.err
    (waits,) = set(branches(fraud)) - {"main"}
    commit = fraud.git("rev-parse", waits)
    hook.unlink()
    assert fraud.json("promote", "fraud", "production", "--request")["branch"] == waits
    assert fraud.git("rev-parse", waits, at=hub) == commit


def test_two_people_who_ask_for_the_same(fraud: World, hub: Path, ben: World) -> None:
    """The second goes on from the branch of the first, whose reason it keeps, and writes nothing."""
    first = fraud.json("promote", "fraud", "production", "--request", "-m", "better recall")
    refs = fraud.git("for-each-ref", at=hub)
    done = ben.cli("--json", "promote", "fraud", "production", "--request")
    assert (done.json["branch"], done.err) == (first["branch"], "")
    assert done.json["body"] == first["body"]
    assert fraud.git("for-each-ref", at=hub) == refs
    assert ben.git("rev-parse", first["branch"]) == fraud.git("rev-parse", first["branch"])
    again = ben.cli("promote", "fraud", "production", "--request", "-m", "my own reason")
    assert "is there already with another reason, and stays as it is" in again.err
    assert fraud.git("for-each-ref", at=hub) == refs


def test_who_prepared_the_same_before_gives_way(fraud: World, hub: Path, ben: World) -> None:
    """What was not pushed for a while is the branch of the first once somebody was quicker."""
    hook = refuse(hub)
    ben.cli("promote", "fraud", "production", "--request", "-m", "mine", code=7)
    hook.unlink()
    first = fraud.json("promote", "fraud", "production", "--request", "-m", "better recall")
    assert ben.git("rev-parse", first["branch"]) != fraud.git("rev-parse", first["branch"])
    assert ben.json("promote", "fraud", "production", "--request")["body"] == first["body"]
    assert ben.git("rev-parse", first["branch"]) == fraud.git("rev-parse", first["branch"])


def test_what_others_put_on_the_branch_stays(fraud: World, hub: Path, ben: World) -> None:
    """Their commits are brought, and go along; ours on top of something else are exit 4 with the way out."""
    branch = fraud.json("promote", "fraud", "production", "--request")["branch"]
    ben.git("fetch", "-q")
    ben.git("checkout", "-q", branch)
    theirs = ben.commit({"why.md": "read this\n"})
    ben.git("push", "-q", "origin", branch)
    fraud.json("promote", "fraud", "production", "--request")
    assert fraud.git("rev-parse", branch) == f"{theirs}\n"
    fraud.git("checkout", "-q", "-B", branch, f"{branch}~1")
    mine = fraud.commit({"also.md": "and this\n"})
    refused = fraud.cli("promote", "fraud", "production", "--request", code=4)
    assert f"hint: git fetch origin && git branch -D {branch}" in refused.err
    assert fraud.git("rev-parse", branch) == f"{mine}\n"


def test_a_branch_of_that_name_that_is_something_else(fraud: World, hub: Path) -> None:
    """Exit 4 with the name, whether it is here or on the remote; nothing is moved."""
    branch = fraud.json("promote", "fraud", "production", "--request")["branch"]
    fraud.git("checkout", "-q", "-B", branch, "main~1")
    fraud.commit({"other.md": "something else\n"})
    fraud.git("push", "-q", "--force", "origin", branch)
    fraud.git("checkout", "-q", "main")
    fraud.git("branch", "-q", "-D", branch)
    refused = fraud.cli("promote", "fraud", "production", "--request", code=4)
    assert f"hint: git push origin --delete {branch}" in refused.err
    assert branches(fraud) == ["main"]
    fraud.git("branch", branch, f"origin/{branch}")
    fraud.git("push", "-q", "origin", "--delete", branch)
    refused = fraud.cli("promote", "fraud", "production", "--request", code=4)
    assert f"hint: git branch -D {branch}" in refused.err


def test_a_request_that_waits_is_made_anew(fraud: World, hub: Path) -> None:
    """With another reason, or once main has moved on: as long as nobody has seen it, and nothing else is on it."""
    hook = refuse(hub)
    fraud.cli("promote", "fraud", "production", "--request", "-m", "better", code=7)
    (branch,) = set(branches(fraud)) - {"main"}
    fraud.cli("promote", "fraud", "production", "--request", "-m", "better recall", code=7)
    assert "better recall" in fraud.git("log", "-1", "--format=%B", branch)
    assert fraud.git("rev-list", "--count", f"main..{branch}") == "1\n"
    hook.unlink()
    fraud.commit({"more.py": "main goes on\n"})
    fraud.git("push", "-q", "origin", "main")
    done = fraud.json("promote", "fraud", "production", "--request", "-m", "better recall")
    assert done["branch"] == branch
    assert fraud.git("rev-parse", f"{branch}^") == fraud.git("rev-parse", "main")


def test_a_request_that_is_refused_leaves_the_one_that_waits(fraud: World, hub: Path) -> None:
    """What was to be made anew is as it was where a gate is not met."""
    hook = refuse(hub)
    fraud.cli("promote", "fraud", "production", "--request", code=7)
    hook.unlink()
    before = fraud.git("for-each-ref")
    words = ("fraud", "production", "--request", "-m", "other words", "--require", "auc > 0.99")
    fraud.cli("promote", *words, code=1)
    assert fraud.git("for-each-ref") == before
    (branch,) = set(branches(fraud)) - {"main"}
    fraud.git("checkout", "-q", branch)
    refused = fraud.cli("promote", "fraud", "production", "--request", "-m", "other words", code=4)
    assert "is checked out, and would have to be made anew" in refused.err
    assert "hint: git checkout main" in refused.err


def test_names_are_kept_apart(fraud: World, hub: Path) -> None:
    """Versions of the same bytes, and models whose names differ in a slash, have branches of their own."""
    fraud.add("one", "a/b")
    fraud.add("one", "a-b")
    fraud.add("one", "a-b", params={"again": 1})
    fraud.cli("sync", "--push")
    refs = ("a/b", "a-b", "a-b~1")
    made = [fraud.json("promote", ref, "production", "--request")["branch"] for ref in refs]
    assert sorted(made) == sorted(set(branches(fraud, hub)) - {"main"})
    assert [fraud.git("rev-list", "--count", f"main..{name}") for name in made] == ["1\n"] * 3


def test_unpushed_commits_do_not_go_along(fraud: World, hub: Path) -> None:
    """A request starts from main on the remote; where only the local one has the version, what goes along is said."""
    fraud.commit({"secret.py": "not yet\n"})
    done = fraud.cli("--json", "promote", "fraud", "production", "--request")
    assert fraud.git("rev-parse", f"{done.json['branch']}^") == fraud.git("rev-parse", "origin/main")
    assert done.err == ""
    fraud.add("only here")
    done = fraud.cli("--json", "promote", "fraud", "production", "--request")
    assert fraud.git("rev-parse", f"{done.json['branch']}^") == fraud.git("rev-parse", "main")
    assert done.err == "note: 2 commits of main that were not pushed yet went along\n"


def test_a_promotion_that_was_not_pushed_can_be_asked_for(fraud: World, hub: Path) -> None:
    """Whoever promoted at first, and then saw that main is protected, asks for the same."""
    fraud.cli("promote", "fraud", "production")
    assert fraud.json("promote", "fraud", "production", "--request")["number"] == 2


def test_what_was_not_pushed_does_not_count(fraud: World, hub: Path) -> None:
    """A gate that needs it cannot tell, and the hint says why."""
    fraud.cli("note", "fraud", "--metric", "recall=0.9")
    words = ("promote", "fraud", "production", "--request", "--require", "recall > 0.5")
    assert "hint: git push    first, if it needs what main has here alone" in fraud.cli(*words, code=9).err
    fraud.cli("sync", "--push")
    fraud.cli(*words)


def test_a_branch_called_promote_is_in_the_way(fraud: World, hub: Path) -> None:
    """Git has no room for branches below another; the hint can be pasted."""
    fraud.git("branch", "promote")
    refused = fraud.cli("promote", "fraud", "production", "--request", code=4)
    assert "there is a branch promote, so there can be none promote/fraud-production-2-v" in refused.err
    assert "hint: git branch -m promote NEW" in refused.err


SSH = """\
#!/bin/sh
# Stands in for ssh: runs here what it is to run there, on the bare repository.
for word; do last=$word; done
program=${last%% *}
exec "$program" "$HUB"
"""


@pytest.fixture
def forge(fraud: World, hub: Path, tmp_path: Path) -> dict[str, str | None]:
    """A remote at a host with pages, reached by a stand-in for ssh, and stand-ins for `gh` and `glab`."""
    fraud.git("remote", "set-url", "origin", "ssh://git:secret@git.example.org:2222/acme/fraud.git")
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in {"gh": GH, "glab": GH, "ssh": SSH}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    log = tmp_path / "log"
    log.touch()
    return {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "GIT_SSH_COMMAND": str(folder / "ssh"),
        "HUB": str(hub),
        "FORGE_LOG": str(log),
        "FORGE_AUTH": "0",
    }


def asked(forge: dict[str, str | None]) -> list[str]:
    lines = Path(str(forge["FORGE_LOG"])).read_text().splitlines()
    return [line.rpartition("/bin/")[2] for line in lines if "/bin/" in line]


def test_it_is_opened_with_the_program_that_is_logged_in(fraud: World, hub: Path, forge: dict[str, str | None]) -> None:
    """`gh` gets host, branches, title and text; credentials of the remote's address go nowhere."""
    done = fraud.cli("--json", "promote", "fraud", "production", "--request", "-m", 'it\'s "better"', env=forge)
    branch = done.json["branch"]
    assert done.json["compare_url"] == f"https://git.example.org/acme/fraud/compare/main...{branch}?expand=1"
    auth, create = asked(forge)
    assert auth == "gh auth status --hostname git.example.org"
    version = done.json["version"]
    assert create == (
        f"gh pr create --repo git.example.org/acme/fraud --base main --head {branch} "
        f"--title Promote fraud {version} to production --body-file -"
    )
    log = Path(str(forge["FORGE_LOG"])).read_text()
    assert done.json["body"] in log
    assert "secret" not in log + done.out + done.err


def test_glab_serves_where_gh_is_not_there(fraud: World, hub: Path, forge: dict[str, str | None]) -> None:
    """The first program that is logged in at that host is taken."""
    (Path(str(forge["PATH"]).partition(":")[0]) / "gh").write_text("#!/bin/sh\nexit 1\n")
    done = fraud.cli("promote", "fraud", "production", "--request", env=forge)
    assert "opened https://git.example.org/acme/fraud/pull/7" in done.err
    assert asked(forge)[1].startswith(
        "glab mr create --repo https://git.example.org/acme/fraud --target-branch main --yes "
        "--source-branch promote/fraud-production-2-"
    )


def test_nobody_logged_in_leaves_the_page_to_open(fraud: World, hub: Path, forge: dict[str, str | None]) -> None:
    """The address of the page is printed, and nothing is opened."""
    done = fraud.cli("promote", "fraud", "production", "--request", env=forge | {"FORGE_AUTH": "1"})
    assert "https://git.example.org/acme/fraud/compare/main...promote/fraud-production-2-" in done.out
    assert "opened" not in done.err
    assert [line.split()[1] for line in asked(forge)] == ["auth", "auth"]


def test_a_program_that_fails_is_told_and_the_request_stands(
    fraud: World, hub: Path, forge: dict[str, str | None]
) -> None:
    """The branch is pushed; that no pull request was opened is a remark with the program's words, also with --json."""
    words = ("promote", "fraud", "production", "--request")
    for more in ((), ("--json",)):
        done = fraud.cli(*more, *words, env=forge | {"FORGE_CODE": "1"})
        assert done.err.count("note: gh opened no pull request") == 1
    assert len(branches(fraud, hub)) == 2
    done = fraud.cli("--json", *words, env=forge)
    assert done.err == "note: opened https://git.example.org/acme/fraud/pull/7\n"
