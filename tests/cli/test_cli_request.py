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


def branches(world: World, at: Path | None = None) -> list[str]:
    return world.git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", at=at).split()


def test_a_request_is_a_pushed_branch_with_a_name_of_its_own(fraud: World, hub: Path) -> None:
    """The record is on a branch named after model, stage, number and version; what is checked out stays."""
    fraud.write("src/train.py", "print('edited')\n")
    before = fraud.everything(but=[".git/refs", ".git/logs", ".git/objects", ".git/modelver"])
    told = fraud.json("promote", "fraud", "production", "--request", "-m", "better recall")
    assert fraud.everything(but=[".git/refs", ".git/logs", ".git/objects", ".git/modelver"]) == before
    branch = f"promote/fraud-production-2-{told['version'][-8:]}"
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


def test_a_remote_that_does_not_answer_is_exit_7_and_the_branch_waits(fraud: World, hub: Path, tmp_path: Path) -> None:
    """The branch stays prepared, and the same command pushes it once the remote is there again."""
    hub.rename(tmp_path / "away")
    failed = fraud.cli("promote", "fraud", "production", "--request", code=7)
    assert "the same command again pushes it" in failed.err
    (tmp_path / "away").rename(hub)
    assert fraud.json("promote", "fraud", "production", "--request")["branch"] in branches(fraud, hub)


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
    """The branch is pushed; that no pull request was opened is a remark with the program's words."""
    done = fraud.cli("promote", "fraud", "production", "--request", env=forge | {"FORGE_CODE": "1"})
    assert "gh opened no pull request" in done.err
    assert len(branches(fraud, hub)) == 2
