"""The Git hooks beside others: plain files, `core.hooksPath`, the pre-commit framework, husky; and without modelver."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from worlds import PROJECT, World, environment, installed

SH = "#!/bin/sh\n"
OWN = ("pre-commit", "post-commit", "post-merge", "post-checkout")


def needs(found: object, what: str) -> pytest.MarkDecorator:
    """Skip without a program, but not where all are asked for."""
    return pytest.mark.skipif(
        not found and not os.environ.get("MODELVER_REQUIRE_ALL"), reason=f"{what} is not installed"
    )


needs_framework = needs(importlib.util.find_spec("pre_commit"), "pre-commit")
needs_husky = needs(shutil.which("npm"), "npm")


@pytest.fixture(autouse=True)
def _modelver_for_hooks(python: Path) -> None:
    """Let the interpreter that a hook starts find this project."""


def git(
    world: World, *words: str | Path, code: int = 0, at: Path | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run Git as a person does, with hooks; `more` are variables."""
    done = subprocess.run(
        ["git", *map(str, words)],
        cwd=at or world.top,
        env=environment(more),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def harmless(world: World, code: int = 0, **more: str) -> str:
    """Commit a file that nobody objects to; what was printed."""
    world.write("notes.txt", f"{(world / 'notes.txt').exists()}{os.urandom(4).hex()}")
    world.git("add", "notes.txt")
    done = git(world, "commit", "-q", "-m", "by hand", code=code, **more)
    return done.stdout + done.stderr


def unfit(world: World, code: int = 1, **more: str) -> str:
    """Try to commit the bytes of an artifact, and take them out again; what was printed."""
    shutil.copy(world / "model.bin", world / "copy.bin")
    world.git("add", "-f", "copy.bin")
    done = git(world, "commit", "-q", "-m", "by hand", code=code, **more)
    if code:
        world.git("rm", "-q", "--cached", "-f", "copy.bin")
    return done.stdout + done.stderr


def log(world: World) -> list[str]:
    """What hooks wrote down, which then begins anew."""
    place = world.top.parent / "log"
    lines = place.read_text().splitlines() if place.exists() else []
    place.unlink(missing_ok=True)
    return lines


# ---- plain files ---------------------------------------------------------------------------------------------------


PLAIN = {
    "sh": '#!/bin/sh\necho "$0 $#" >>../log\n',
    "sh with a space": '#! /bin/sh -e\necho "$0 $#" >>../log\n',
    "sh by env": '#!/usr/bin/env sh\necho "$0 $#" >>../log\n',
    "bash by env": '#!/usr/bin/env -S bash -eu\n[[ $- == *e* ]]\necho "$0 $#" >>../log\n',
    "a dash": '#!/bin/sh -\necho "$0 $#" >>../log\n',
    "without a first line": 'echo ".git/hooks/before-modelver/pre-commit $#" >>../log\n',
}


@pytest.mark.parametrize("kind", PLAIN)
def test_a_shell_script_runs_first_and_knows_itself_by_its_own_name(fraud: World, kind: str) -> None:
    """`$0` ends as without modelver; both have their say."""
    fraud.write(".git/hooks/pre-commit", PLAIN[kind], mode=0o755)
    fraud.cli("hooks", "install")
    assert "has the bytes of fraud" in unfit(fraud)
    assert log(fraud) == [".git/hooks/before-modelver/pre-commit 0"]
    harmless(fraud)
    assert log(fraud) == [".git/hooks/before-modelver/pre-commit 0"]


def test_a_python_script_runs_first(fraud: World) -> None:
    """Other programs are started as they are."""
    fraud.write(".git/hooks/pre-commit", f"#!{sys.executable}\nopen('../log', 'a').write('python\\n')\n", mode=0o755)
    fraud.cli("hooks", "install")
    assert "has the bytes of fraud" in unfit(fraud)
    assert log(fraud) == ["python"]


@pytest.mark.parametrize("first", ["#!/bin/sh", "#!/usr/bin/env bash", f"#!{sys.executable}"])
def test_a_refusal_of_theirs_ends_the_commit_before_ours(fraud: World, first: str) -> None:
    """Its exit code is passed on, and modelver is not even asked."""
    body = "exit(3)" if "python" in first else "exit 3"
    fraud.write(".git/hooks/pre-commit", f"{first}\n{body}\n", mode=0o755)
    fraud.cli("hooks", "install")
    assert "bytes" not in unfit(fraud)
    done = subprocess.run([fraud / ".git/hooks/pre-commit"], cwd=fraud.top, env=environment(), check=False)
    assert done.returncode == 3


def test_the_exit_code_of_a_later_hook_is_passed_on_after_ours(fraud: World) -> None:
    """A failure of post-checkout is one of `git checkout`; the hook gets Git's words, and ours has its turn."""
    fraud.write(".git/hooks/post-checkout", f'{SH}echo "$2 $3" >>../log\nexit 3\n', mode=0o755)
    fraud.cli("hooks", "install")
    git(fraud, "checkout", "-q", "-b", "side", code=1)
    assert log(fraud) == [f"{fraud.git('rev-parse', 'HEAD').strip()} 1"]
    fraud.add("other", "other", "other.bin")
    git(fraud, "checkout", "-q", "main", code=1)
    git(fraud, "checkout", "-q", "side", code=1)
    assert fraud.git("status", "--porcelain") == ""
    words = [fraud / ".git/hooks/post-checkout", "HEAD", "HEAD", "1"]
    assert subprocess.run(words, cwd=fraud.top, env=environment(), check=False).returncode == 3


def test_a_symbolic_link_stays_one_and_runs(fraud: World) -> None:
    """It leads to the same from where it is put aside, and has its old text again in the end."""
    fraud.write("scripts/check.sh", '#!/bin/sh\necho "$0" >>../log\n', mode=0o755)
    fraud.write(".git/hooks/other")
    (fraud / ".git/hooks/pre-commit").symlink_to("../../scripts/check.sh")
    before = fraud.everything(but=[".git/modelver/lock"])
    fraud.cli("hooks", "install")
    assert "has the bytes of fraud" in unfit(fraud)
    assert log(fraud) == [".git/hooks/before-modelver/pre-commit"]
    fraud.cli("hooks", "uninstall")
    assert {path: before[path] for path in before if "hooks" in path} == {
        path: content for path, content in fraud.everything().items() if "hooks" in path
    }


def test_a_hook_that_git_ignores_is_ignored(fraud: World) -> None:
    """What is not executable never ran, and does not now."""
    fraud.write(".git/hooks/pre-commit", f"{SH}exit 3\n", mode=0o644)
    fraud.cli("hooks", "install")
    harmless(fraud)
    fraud.cli("hooks", "uninstall")
    assert (fraud / ".git/hooks/pre-commit").stat().st_mode & 0o777 == 0o644


def test_theirs_come_back_byte_for_byte_with_mode_and_time(fraud: World) -> None:
    """Also a file that is no text, and one that others may not read."""
    contents = {"pre-commit": (b"\x7fELF\0\r\n", 0o700), "post-merge": (b"#!/bin/sh\r\n# no end", 0o751)}
    for name, (data, mode) in contents.items():
        fraud.write(f".git/hooks/{name}", data, mode=mode)
        os.utime(fraud / ".git/hooks" / name, ns=(10**18, 10**18 + 7))
    before = fraud.everything(but=[".git/modelver/lock"])
    fraud.cli("hooks", "install")
    fraud.cli("hooks", "install")
    fraud.cli("hooks", "uninstall")
    assert fraud.everything(but=[".git/modelver/lock"]) == before
    assert {(fraud / ".git/hooks" / name).stat().st_mtime_ns for name in contents} == {10**18 + 7}


def test_a_hook_that_was_written_over_ours_is_chained_anew(fraud: World) -> None:
    """Whoever installs hooks later counts; `install` then chains what they wrote, and `uninstall` keeps it."""
    fraud.write(".git/hooks/pre-commit", f"{SH}echo old >>../log\n", mode=0o755)
    fraud.cli("hooks", "install")
    fraud.write(".git/hooks/pre-commit", f"{SH}echo new >>../log\n", mode=0o755)
    assert fraud.json("hooks", "install")["changed"] is True
    assert "has the bytes of fraud" in unfit(fraud)
    assert log(fraud) == ["new"]
    fraud.cli("hooks", "uninstall")
    assert sorted(path.name for path in (fraud / ".git/hooks").iterdir()) == ["pre-commit"]
    assert "new" in (fraud / ".git/hooks/pre-commit").read_text()


ODD = {
    "a loop to another shell": f'{SH}[ -n "${{BASH_VERSION-}}" ] || exec bash "$0" "$@"\n[[ x == x ]]\n',
    "its own place": f'{SH}[ -f "$(readlink -f "$0")" ] || exit 9\n. "$(dirname "$(readlink -f "$0")")/lib.sh"\n',
    "not when it is read": '#!/bin/bash\n[[ ${BASH_SOURCE[0]} != "$0" ]] && return\n',
    "its own end": f"{SH}test \"$(sed '1,/^END$/d' \"$0\" | tail -n 1)\" = 'the end' || exit 9\n",
    "its own name": '#!/bin/bash\n[ "${0##*/}" = pre-commit ] || exit 9\n',
}
"""Hooks that work only where they are started as programs, under their own name."""


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("kind", ODD)
def test_a_hook_is_started_as_a_program_under_its_own_name(fraud: World, kind: str, linked: bool) -> None:
    """It may start itself anew, look for its files or go by its name, as Overcommit's does, also behind a link."""
    if linked and kind == "its own name":
        fraud.write("tools/overcommit-hook", f"{ODD[kind]}echo ran >>../log\n", mode=0o755)
        (fraud / ".git/hooks").mkdir()
        (fraud / ".git/hooks/pre-commit").symlink_to("../../tools/overcommit-hook")
    else:
        place = "tools/check" if linked else ".git/hooks/pre-commit"
        fraud.write(place, f"{ODD[kind]}echo ran >>../log\nexit 0\nEND\nthe end\n", mode=0o755)
        # A plain file finds what lies beside it by its own real place, which is the directory of former hooks.
        fraud.write("tools/lib.sh" if linked else ".git/hooks/before-modelver/lib.sh")
        if linked:
            (fraud / ".git/hooks").mkdir()
            (fraud / ".git/hooks/pre-commit").symlink_to("../../tools/check")
    before = fraud.everything(but=[".git/modelver/lock"])
    fraud.cli("hooks", "install")
    assert "has the bytes of fraud" in unfit(fraud)
    assert log(fraud) == ["ran"]
    fraud.cli("hooks", "uninstall")
    after = fraud.everything()
    assert {path: before[path] for path in before if "hooks" in path} == {
        path: after[path] for path in after if "hooks" in path
    }


HALF = {
    "nothing is there": {},
    "before its own name": {"pre-commit": "own"},
    "with a second name": {"pre-commit": "own", "before-modelver/pre-commit": "own"},
    "with a draft": {
        "pre-commit": "own",
        "before-modelver/pre-commit": "own",
        "pre-commit.modelver-draft": "half",
    },
    "taken away by hand": {"before-modelver/pre-commit": "own"},
    "put aside": {"pre-commit": "own", "before-modelver/pre-commit.aside": "older"},
}


@pytest.mark.parametrize("kind", HALF)
def test_a_kill_at_any_point_is_made_good(fraud: World, kind: str) -> None:
    """`uninstall` and `install` find what an `install` left that was cut short; the hook is never lost."""
    for words in (["uninstall"], ["install", "uninstall"]):
        for name, text in HALF[kind].items():
            fraud.write(f".git/hooks/{name}", f"{SH}echo {text} >>../log\n", mode=0o755)
        for word in words:
            fraud.cli("hooks", word)
        if HALF[kind]:
            names = [path.name for path in (fraud / ".git/hooks").iterdir()]
            left = ["before-modelver", "pre-commit"] if kind == "put aside" and len(words) == 1 else ["pre-commit"]
            assert sorted(names) == left
            harmless(fraud)
            assert log(fraud) == ["own"]
        shutil.rmtree(fraud / ".git/hooks", ignore_errors=True)


@needs(shutil.which("strace"), "strace")
@pytest.mark.parametrize("former", ["file", "link"])
def test_a_hook_is_in_its_place_at_every_moment(fraud: World, former: str) -> None:
    """A kill at any call that changes names leaves a hook that runs the user's, and `uninstall` brings it back."""
    fraud.write("check", f"{SH}echo own >>../log\n", mode=0o755)
    (fraud / ".git/hooks").mkdir()
    place = fraud / ".git/hooks/pre-commit"
    codes = []
    for moment in range(1, 7):
        if former == "link":
            place.symlink_to("../../check")
        else:
            shutil.copy(fraud / "check", place)
        trace = "trace=rename,link,linkat,symlink,symlinkat"
        kill = f"inject={trace.removeprefix('trace=')}:signal=SIGKILL:when={moment}"
        start = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", trace, "-e", kill]
        codes.append(fraud.cli("hooks", "install", code=None, before=start).code)
        harmless(fraud)
        assert log(fraud) == ["own"]
        fraud.cli("hooks", "uninstall")
        assert [path.name for path in (fraud / ".git/hooks").iterdir()] == ["pre-commit"]
        assert place.is_symlink() is (former == "link")
        harmless(fraud)
        assert log(fraud) == ["own"]
        place.unlink()
    assert (codes[:3], codes[-1]) == ([-9] * 3, 0)


# ---- core.hooksPath ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["githooks", "{top}/../common", "~/hooks of mine"])
def test_hooks_go_where_git_looks_for_them(fraud: World, path: str) -> None:
    """`core.hooksPath` is relative to the work tree, absolute, or at home; what is there is chained."""
    path = path.format(top=fraud.top)
    folder = Path(os.path.normpath(fraud.top / os.path.expanduser(path)))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pre-commit").write_text(f"{SH}echo own >>../log\n" if folder.is_relative_to(fraud.top) else SH)
    (folder / "pre-commit").chmod(0o755)
    fraud.git("config", "core.hooksPath", path)
    ran = fraud.cli("hooks", "install", at=fraud / "src")
    assert not (fraud / ".git/hooks").exists()
    assert "has the bytes of fraud" in unfit(fraud)
    assert ("is not this repository's own" in ran.err) is not folder.is_relative_to(fraud.top)
    fraud.cli("hooks", "uninstall")
    assert [each.name for each in folder.iterdir()] == ["pre-commit"]
    shutil.rmtree(folder)


def test_a_directory_of_hooks_that_git_tracks_is_told(fraud: World) -> None:
    """There the hooks show as changes, which the person should know."""
    fraud.write("githooks/pre-commit", f"{SH}exit 0\n", mode=0o755)
    fraud.commit({"githooks/pre-commit": f"{SH}exit 0\n"})
    fraud.git("config", "core.hooksPath", "githooks")
    assert "Git tracks githooks" in fraud.cli("hooks", "install").err


def test_a_directory_of_hooks_that_is_a_link_is_told(fraud: World, tmp_path: Path) -> None:
    """What lies behind the link belongs to others, too."""
    (tmp_path / "shared").mkdir()
    (fraud / ".git/hooks").symlink_to(tmp_path / "shared")
    assert "is not this repository's own" in fraud.cli("hooks", "install").err
    assert "has the bytes of fraud" in unfit(fraud)


def test_hooks_that_were_put_where_git_looked_before_are_taken_away_too(fraud: World) -> None:
    """`core.hooksPath` may have been set since."""
    fraud.cli("hooks", "install")
    fraud.git("config", "core.hooksPath", "githooks")
    assert fraud.json("hooks", "uninstall")["hooks"] == list(OWN)
    assert not (fraud / ".git/hooks").exists()


def test_hooks_that_are_switched_off_are_no_place(fraud: World) -> None:
    """`core.hooksPath=/dev/null` is somebody's decision, and an empty one a mistake; the hint undoes it where it is."""
    for value, said in (("/dev/null", "no directory"), ("", "core.hooksPath is empty")):
        fraud.git("config", "core.hooksPath", value)
        error = fraud.cli("--json", "hooks", "install", code=4).error
        assert said in error["message"]
        assert error["hint"] == "git config --unset core.hooksPath"
        fraud.cli("hooks", "uninstall")
        fraud.git("config", "--unset", "core.hooksPath")
        mine = fraud.write("../gitconfig", f"[core]\n\thooksPath = {value}\n")
        said_globally = fraud.cli("hooks", "install", code=4, env={"GIT_CONFIG_GLOBAL": str(mine)}).err
        assert "git config --global --unset core.hooksPath" in said_globally


# ---- without modelver, or with a broken one --------------------------------------------------------------------------


def aimed(world: World, python: str) -> None:
    """Let the hooks start another interpreter."""
    for name in OWN:
        place = world / ".git/hooks" / name
        place.write_text(re.sub(r"(?m)^python=.*$", f"python='{python}'", place.read_text()))


def test_a_missing_modelver_is_told_in_a_line_and_stops_nothing(fraud: World) -> None:
    """Neither the interpreter nor a `modelver` of PATH: the commit is made, and the line says what to do."""
    fraud.write(".git/hooks/pre-commit", f"{SH}echo own >>../log\n", mode=0o755)
    fraud.cli("hooks", "install")
    aimed(fraud, "/nowhere/python")
    said = harmless(fraud, PATH="/usr/bin:/bin")
    assert said.count("modelver: pre-commit did nothing, since modelver is not here") == 1
    assert len(said.splitlines()) == 2
    assert log(fraud) == ["own"]
    unfit(fraud, code=0, PATH="/usr/bin:/bin")


def test_without_its_interpreter_a_hook_uses_modelver_of_the_path(fraud: World, python: Path, tmp_path: Path) -> None:
    """In another clone's directory of hooks, or after a move of the environment."""
    fraud.cli("hooks", "install")
    aimed(fraud, "/nowhere/python")
    program = tmp_path / "bin/modelver"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {python} -P -m modelver "$@"\n')
    program.chmod(0o755)
    assert "has the bytes of fraud" in unfit(fraud, PATH=f"{program.parent}:/usr/bin:/bin")
    assert "modelver" not in harmless(fraud, PATH=f"{program.parent}:/usr/bin:/bin")
    git(fraud, "checkout", "-q", "-b", "side", PATH=f"{program.parent}:/usr/bin:/bin")


@pytest.mark.parametrize(
    "body", ["exit 1", "exit 2", "exit 126", "exit 70", "kill -9 $$", "echo 'no module named modelver' >&2; exit 1"]
)
def test_a_broken_modelver_stops_nothing(fraud: World, body: str) -> None:
    """Only the exit code 4 refuses; every other end of modelver is told, and Git goes on."""
    fraud.cli("hooks", "install")
    broken = fraud.write("../broken", f"#!/bin/sh\n{body}\n", mode=0o755).resolve()
    aimed(fraud, str(broken))
    assert "modelver: pre-commit ended with exit code" in harmless(fraud)
    git(fraud, "checkout", "-q", "-b", "side")


def test_a_modelver_that_cannot_be_imported_stops_nothing(fraud: World) -> None:
    """The environment is there, the package is gone."""
    fraud.cli("hooks", "install")
    aimed(fraud, f"{sys.base_prefix}/bin/python3")
    assert "ended with exit code 1" in harmless(fraud, PYTHONPATH="")


def test_damaged_records_stop_nothing(fraud: World) -> None:
    """A record that nobody can read is no reason to refuse a commit of something else."""
    fraud.cli("hooks", "install")
    for path in fraud.git("ls-files", ".modelver/models").split():
        fraud.write(path, "format: 1\nmodel: [\n")
    fraud.git("commit", "-qam", "damage", "--no-verify")
    harmless(fraud)
    git(fraud, "checkout", "-q", "HEAD~1")


def test_a_repository_cannot_bring_its_own_modelver(fraud: World) -> None:
    """What lies in the work tree under the name of a module is never imported."""
    fraud.cli("hooks", "install")
    for name in ("modelver", "subprocess", "yaml", "src/hashlib", "src/sitecustomize", "src/modelver"):
        fraud.write(f"{name}.py", "raise SystemExit(9)\n")
    for variables in ({}, {"PYTHONPATH": "src"}, {"PYTHONHOME": "src"}):
        assert "ended" not in harmless(fraud, **variables)
        assert "has the bytes of fraud" in unfit(fraud, **variables)


@pytest.mark.parametrize("link", [False, True])
def test_what_git_checks_out_over_the_environment_is_not_started(fraud: World, link: bool) -> None:
    """A branch may bring a file, or a link above it, in the place of an ignored environment of the work tree."""
    python = installed(fraud / "env s/.venv")
    aside = fraud.write(".git/info/exclude", (fraud / ".git/info/exclude").read_text() + "/env s\n")
    fraud.cli("hooks", "install")
    aimed(fraud, str(python))
    assert "has the bytes of fraud" in unfit(fraud)
    assert "modelver" not in harmless(fraud)
    evil = "#!/bin/sh\ntouch ../evil\n"
    fraud.git("checkout", "-q", "-b", "evil")
    shutil.move(fraud / "env s", fraud.top.parent / "kept")
    if link:
        (fraud / "env s").symlink_to("evil")
    fraud.write("evil/.venv/bin/python" if link else "env s/.venv/bin/python", evil, mode=0o755)
    fraud.git("add", "-f", "env s", *(["evil"] if link else []))
    fraud.git("commit", "-q", "-m", "evil")
    fraud.git("checkout", "-q", "main")
    shutil.move(fraud.top.parent / "kept", fraud / "env s")
    assert "did nothing, since Git tracks" in git(fraud, "checkout", "-q", "evil").stderr
    assert aside.exists()
    assert os.path.lexists(fraud / "env s/.venv/bin/python")
    assert (fraud / "env s/.venv/bin/python").read_text() == evil
    tree = fraud.top.parent / "tree"
    git(fraud, "worktree", "add", "-q", "-b", "other", tree)
    assert "did nothing, since Git tracks" in git(fraud, "commit", "-q", "--allow-empty", "-m", "x", at=tree).stderr
    assert not (fraud.top.parent / "evil").exists()


def test_the_interpreter_may_have_an_odd_path(fraud: World, tmp_path: Path) -> None:
    """Spaces, quotes and what a shell would act on."""
    odd = installed(tmp_path / 'it\'s $(touch oops) `x` \\ "py"')
    from modelver.git import hooks

    (fraud / ".git/hooks").mkdir()
    place = fraud.write(".git/hooks/pre-commit", hooks.script("pre-commit", str(odd)), mode=0o755)
    assert "has the bytes of fraud" in unfit(fraud)
    assert place.exists()
    assert not list(tmp_path.rglob("oops"))


# ---- the pre-commit framework --------------------------------------------------------------------------------------


FRAMEWORK = """\
repos:
- repo: local
  hooks:
  - id: theirs
    name: theirs
    entry: sh -c 'echo theirs >>../log; test ! -e fail'
    language: system
    always_run: true
    pass_filenames: false
"""


def framework(world: World, *words: str, code: int = 0, **more: str) -> str:
    """Run the pre-commit framework; `more` are variables."""
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", *words],
        cwd=world.top,
        env=environment({"PRE_COMMIT_COLOR": "never", **more}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture
def framed(fraud: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A repository with the configuration of the framework, and one hook of the user's from before all."""
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "pre-commit"))
    fraud.write(".git/hooks/pre-commit", f'{SH}echo "first $0" >>../log\n', mode=0o755)
    fraud.commit({".pre-commit-config.yaml": FRAMEWORK})
    log(fraud)
    return fraud


def judge(world: World) -> None:
    """All of them run, in order, and each can refuse."""
    before = log(world)
    assert before == []
    harmless(world)
    ran = log(world)
    assert [line.partition(" ")[0] for line in ran] == ["first", "theirs"]
    assert "has the bytes of fraud" in unfit(world)
    log(world)
    world.write("fail")
    harmless(world, code=1)
    assert "theirs" in log(world)
    (world / "fail").unlink()


@needs_framework
def test_the_framework_before(framed: World) -> None:
    """It stands in the hook's place with the first one behind it, and ours before it."""
    framework(framed, "install")
    before = framed.everything(but=[".git/modelver/lock"])
    framed.cli("hooks", "install")
    judge(framed)
    framed.cli("hooks", "uninstall")
    assert {path: value for path, value in framed.everything().items() if "hooks" in path} == {
        path: value for path, value in before.items() if "hooks" in path
    }


@needs_framework
def test_the_framework_after(framed: World) -> None:
    """It takes our hook behind its own; `install` leaves it there, and `uninstall` finds it there."""
    framed.cli("hooks", "install")
    framework(framed, "install")
    judge(framed)
    assert framed.json("hooks", "install")["changed"] is False
    framed.cli("hooks", "uninstall")
    names = sorted(path.name for path in (framed / ".git/hooks").iterdir())
    assert names == ["pre-commit", "pre-commit.legacy"]
    harmless(framed)
    assert [line.partition(" ")[0] for line in log(framed)] == ["first", "theirs"]


@needs_framework
def test_the_framework_before_and_once_more_after(framed: World) -> None:
    """Its copy behind ours does not run a second time, nor complain that it does."""
    (framed / ".git/hooks/pre-commit").unlink()
    framework(framed, "install")
    framed.cli("hooks", "install")
    framework(framed, "install")
    harmless(framed)
    assert log(framed) == ["theirs"]
    assert "has the bytes of fraud" in unfit(framed)
    framed.cli("hooks", "uninstall")
    assert [path.name for path in (framed / ".git/hooks").iterdir()] == ["pre-commit"]
    log(framed)
    harmless(framed)
    assert log(framed) == ["theirs"]


@needs_framework
def test_the_framework_taken_away_after_ours(framed: World) -> None:
    """`pre-commit uninstall` brings ours back into its place."""
    framed.cli("hooks", "install")
    framework(framed, "install")
    framework(framed, "uninstall")
    assert "has the bytes of fraud" in unfit(framed)
    assert log(framed) == ["first .git/hooks/before-modelver/pre-commit"]


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """This project as a repository that the framework can use, and its commit; what it installs is made once."""
    top = tmp_path_factory.mktemp("published") / "modelver"
    top.mkdir()
    for name in (".pre-commit-hooks.yaml", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, top / name)
    shutil.copytree(PROJECT / "modelver", top / "modelver", ignore=shutil.ignore_patterns("__pycache__"))
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run(["git", *words], cwd=top, check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=top, check=True, capture_output=True, text=True)
    return top, commit.stdout.strip()


@needs_framework
def test_the_framework_uses_this_repository(
    fraud: World, published: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`modelver-no-large-files` and `modelver-verify` of `.pre-commit-hooks.yaml`, as the framework installs them."""
    place, commit = published
    own = {"PYTHONPATH": ""}
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "pre-commit"))
    ids = "\n".join(f"  - id: {name}" for name in ("modelver-no-large-files", "modelver-verify"))
    fraud.commit({".pre-commit-config.yaml": f"repos:\n- repo: {place}\n  rev: {commit}\n  hooks:\n{ids}\n"})
    framework(fraud, "install")
    framework(fraud, "install", "--hook-type", "pre-push")
    assert "no model files in Git" in harmless(fraud, **own)
    assert "has the bytes of fraud" in unfit(fraud, **own)
    fraud.write("-net.onnx", b"\x08" * 10_000_001)
    fraud.git("add", "--", "-net.onnx")
    said = framework(fraud, "run", "modelver-no-large-files", code=1, **own)
    assert "-net.onnx  10.0 MB  is a model file" in said
    fraud.git("rm", "-q", "--cached", "--", "-net.onnx")
    framework(fraud, "run", "--hook-stage", "manual", "modelver-verify", "--all-files", **own)
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "hub"], check=True)
    assert "modelver verify...." in git(fraud, "push", "-q", tmp_path / "hub", "main", **own).stdout
    stage = fraud.git("ls-files", ".modelver/models/fraud/versions").split()[0]
    fraud.write(stage, "format: 1\nmodel: [\n")
    fraud.git("add", stage)
    fraud.git("commit", "-qm", "damage", "--no-verify")
    framework(fraud, "run", "--hook-stage", "manual", "modelver-verify", "--all-files", code=1, **own)
    assert "modelver verify...." in git(fraud, "push", "-q", tmp_path / "hub", "main", code=1, **own).stdout
    fraud.git("checkout", "-q", "HEAD~1", "--", stage)
    git(fraud, "commit", "-qm", "mended", **own)
    git(fraud, "push", "-q", tmp_path / "hub", "main", **own)


# ---- husky ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def husky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with husky in its `node_modules`, installed once."""
    place = tmp_path_factory.mktemp("npm")
    (place / "package.json").write_text('{"name": "x", "version": "1.0.0", "private": true}\n')
    words = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--save-dev", "husky@9"]
    subprocess.run(words, cwd=place, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return place / "node_modules"


@needs_husky
def test_husky(fraud: World, husky: Path) -> None:
    """Its scripts find themselves by `$0`; after an `npm install` it has written its hooks anew, and so have we."""
    shutil.copytree(husky, fraud / "node_modules", symlinks=True)
    fraud.write(".git/info/exclude", (fraud / ".git/info/exclude").read_text() + "/node_modules\n")
    start = ["node", "node_modules/husky/bin.js"]
    subprocess.run(start, cwd=fraud.top, env=environment(), check=True)
    fraud.write(".husky/pre-commit", "echo husky >>../log\ntest ! -e fail\n")
    before = fraud.everything(but=[".git/modelver/lock"])
    assert "husky writes its hooks anew" in fraud.cli("hooks", "install").err
    for _ in range(2):
        harmless(fraud)
        assert log(fraud) == ["husky"]
        assert "has the bytes of fraud" in unfit(fraud)
        assert log(fraud) == ["husky"]
        fraud.write("fail")
        assert "husky - pre-commit script failed (code 1)" in harmless(fraud, code=1)
        (fraud / "fail").unlink()
        log(fraud)
        subprocess.run(start, cwd=fraud.top, env=environment(), check=True)
        fraud.cli("hooks", "install")
    fraud.cli("hooks", "uninstall")
    after = fraud.everything(but=[".git/modelver/lock"])
    assert {path: after[path] for path in after if path.startswith(".husky")} == {
        path: before[path] for path in before if path.startswith(".husky")
    }


OLD_HUSKY = """\
if [ -z "$husky_skip_init" ]; then
  echo "husky $(basename -- "$0")" >>../log
  readonly husky_skip_init=1
  export husky_skip_init
  sh -e "$0" "$@"
  exit $?
fi
"""
"""What husky up to 8 does: it starts the hook once more by its `$0`."""


def test_a_husky_that_starts_the_hook_once_more(fraud: World) -> None:
    """Its hook runs once, and so does ours."""
    fraud.write(".husky/_/husky.sh", OLD_HUSKY)
    text = f'{SH}. "$(dirname -- "$0")/_/husky.sh"\necho "own $#" >>../log\ntest ! -e fail\n'
    fraud.write(".husky/pre-commit", text, mode=0o755)
    fraud.git("config", "core.hooksPath", ".husky")
    fraud.cli("hooks", "install")
    assert unfit(fraud).count("has the bytes of fraud") == 1
    assert log(fraud) == ["husky pre-commit", "own 0"]
    fraud.write("fail")
    harmless(fraud, code=1)
    fraud.cli("hooks", "uninstall")
    assert (fraud / ".husky/pre-commit").read_text() == text
