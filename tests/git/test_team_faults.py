"""`sync --push`, `sync`, `undo` and writes beside what is checked out, cut off anywhere (rules B5 to B8, W6).

Around a repository there is a hub, to which others have pushed; all of it is copied for each trial. What a run leaves
is compared with what an undisturbed one leaves, as plain Git shows it, here and on the hub.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import faultlib
import pytest
from faultlib import (
    FULL,
    Command,
    Outcome,
    Point,
    Report,
    State,
    Trial,
    World,
    discover,
    environment,
    leftovers,
    number,
    real,
    sample,
    script,
    settle,
    strike,
)

MINE = ("edited.txt", "new.txt", "both.txt", "intended.txt", "dir/gone.txt", "untracked.txt", "model.bin")
"""What the user has changed, staged or not, and what lies there untracked."""
# A cut list of commits looks like a history that ends early, of which `sync` says so.
SYNC, PUSH = (dataclasses.replace(real("sync", *more), refused=(3, 4, 7), notes=True) for more in ((), ("--push",)))
UNDO = dataclasses.replace(real("undo", again=(0, 4)), notes=True)


def _loose(text: str, known: Collection[str]) -> str:
    """Where the command makes a record, also its time and all object ids are by chance."""
    text = real("").shape(text, known)
    return re.sub(r"\b[0-9a-f]{7,40}\b|\b\d{10} \+0000|\w{3} \w{3} +\d+ [\d:]+ \d{4}", "#", text)


def adding(*words: str) -> Command:
    """An `add` of what lies at `model.bin`."""
    return dataclasses.replace(real("add", "model.bin", "-n", "fraud", *words), shape=_loose, notes=True)


START = (
    "printf 'a\\nb\\n' >changed.txt; echo gone >old.txt; echo run >tool.sh; echo flat >flat; mkdir -p deep/er",
    "echo x >deep/er/x; git add -- changed.txt old.txt tool.sh flat deep; git commit -qm 'more files'",
    "modelver init -q; printf 1 >model.bin; modelver add -q model.bin -n fraud",
    "git init -q --bare --template= -b main ../hub.git; git remote add origin ../hub.git",
    "git push -q -u origin main --tags",
)
OTHERS = (
    "git clone -q ../hub.git ../other; cd ../other",
    "printf 'a\\nB\\n' >changed.txt; git rm -q old.txt; chmod +x tool.sh; ln -s changed.txt link; mkdir theirs",
    "printf '#!/bin/sh\\n' >theirs/run.sh; chmod +x theirs/run.sh; git rm -qr flat deep; mkdir flat; echo f >flat/f",
    "echo deep >deep; git add -A .; git commit -qm 'ordinary files'",
    "printf 2 >model.bin; modelver add -q model.bin -n churn; modelver tag -q churn 1.0.0",
    "git push -q origin main --tags",
    "cd ../repo; rm -rf ../other",
)
OWN = (
    "printf 3 >model.bin; modelver add -q model.bin -n fraud --label 1.0.0 --stage production",
    "printf 4 >model.bin; modelver add -q model.bin -n fraud",
)
MANY = (
    *OWN,
    "printf 5 >model.bin; modelver add -q model.bin -n fraud --label 1.1.0 --stage production",
    "modelver promote -q fraud@1.0.0 staging; modelver tag -q fraud best; git tag -d $(git tag) >out; rm out",
)
SQUASHED = (
    "git switch -qc work",
    *(f"printf {k} >model.bin; modelver add -q model.bin -n fraud --label 1.{k}.0" for k in (3, 4, 5)),
    "git switch -q main; git merge -q --squash work; git commit -qm 'three versions'",
    "git branch -qD work; git tag -d $(git tag) >out; rm out",
)
EACH = ("modelver init -q", *(f"printf {k} >model.bin; modelver add -q model.bin -n fraud" for k in (1, 2)))
PROMOTED = (*EACH, "modelver promote -q fraud~1 production")
ALL = "printf 3 >model.bin; modelver add -q model.bin -n fraud --label 1.0.0 --stage production"
CASES = {
    "replay": ((*START, *OTHERS, *OWN), PUSH),
    "forward": ((*START, *MANY), PUSH),
    "taken": ((*START, *OTHERS), PUSH),
    "sync": ((*START, *SQUASHED), SYNC),
    "undo": ((*PROMOTED, ALL), UNDO),
    "undo-packed": ((*PROMOTED, ALL, "git pack-refs --all"), UNDO),
    "branch-new": (EACH, adding("--label", "1.0.0", "--branch", "work")),
    "branch": ((*EACH, "git branch work"), adding("--branch", "work")),
    "staged": (EACH, adding("--no-commit")),
}
"""What is put to the test: what came before it, and the command."""

pushing = pytest.mark.parametrize("trial", ["replay", "forward"] if FULL else ["replay"], indirect=True)

pytestmark = [pytest.mark.usefixtures("tracer"), *([pytest.mark.faults] if FULL else [])]


@dataclass(frozen=True)
class Seen:
    """All that plain Git shows of a world, without what differs between two runs."""

    parts: dict[str, str]

    @classmethod
    def of(cls, world: World, shape: Callable[[str], str]) -> Seen:
        """As it is now."""
        parts = {"HEAD": (world.git_dir / "HEAD").read_text()}
        for name in ("repo", "hub.git"):
            place = world.top / name
            if not place.exists():
                continue
            for line in world.git("for-each-ref", f"--format={_REF}", cwd=place).split("\0")[:-1]:
                ref, about = line.strip("\n").split("\n", 1)
                parts[f"{name} {shape(ref)}"] = shape(about)
                if "/heads/" in ref or "/remotes/" in ref:
                    parts[f"{name} {ref}, history"] = shape(world.git("log", f"--format={_COMMIT}", ref, cwd=place))
                    parts[f"{name} {ref}, files"] = shape(world.git("ls-tree", "-r", ref, cwd=place))
            fsck = world.git("fsck", "--strict", "--no-dangling", "--no-progress", check=False, cwd=place)
            parts[f"{name} fsck"] = fsck
        for words in (("status", "--porcelain=v2", "-uall"), ("diff",), ("diff", "--cached"), ("ls-files", "-s", "-t")):
            parts[" ".join(words)] = shape(world.git(*words))
        for path, data in faultlib.files(world).items():
            mode = (world.repo / path).lstat().st_mode
            parts[f"file {shape(path)}"] = f"{mode:o} {shape(data.decode())}"
        parts["exclude"] = (world.git_dir / "info" / "exclude").read_text()
        parts["directories"] = "\n".join(sorted({shape(path) for path in State.of(world).directories}))
        return cls(parts)

    def difference(self, other: Seen) -> list[str]:
        """Which parts another world has otherwise."""
        ours, theirs = self.parts, other.parts
        names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
        # A tag of the remote's that was made here too, as every machine makes it, does no harm.
        names = [
            name for name in names if name in ours or theirs[name] != theirs.get(name.replace("repo", "hub.git", 1))
        ]
        return [f"{name}: {ours.get(name)!r} -> {theirs.get(name)!r}"[:900] for name in names]


_REF = "%(refname)%0a%(objecttype) %(contents:subject) %(taggername) %(taggerdate:raw)%0a%(*subject) %(*tree)%00"
_COMMIT = "%s%n%an <%ae> %ad%n%(trailers)"


@dataclass(frozen=True)
class Referee:
    """Knows what is the user's, and how the world is after an undisturbed run."""

    command: Command
    mine: tuple[str, ...]
    known: frozenset[str]
    after: Seen
    twice: Seen
    """After the command has run again: it undoes one more operation, or stages the same once more."""

    @classmethod
    def of(cls, world: World, command: Command) -> Referee:
        """Let the command run undisturbed; the world is used up."""
        known = frozenset(faultlib._ID.findall(world.git("ls-tree", "-r", "--name-only", "HEAD")))
        mine = _mine(world)
        seen = []
        for _ in range(2):
            outcome = world.run(command)
            assert outcome.code == 0, outcome
            assert _mine(world) == mine
            seen.append(Seen.of(world, lambda text: command.shape(text, known)))
        if "undo" not in command.words and "--no-commit" not in command.words:
            assert seen[0].difference(seen[1]) == []
        return cls(command, mine, known, *seen)

    def faults(self, world: World, start: str, *, committed: bool = False, ended: bool = False) -> list[str]:
        """All that is wrong in a world at the end; `committed`: the user's changes were committed on the way.

        `ended`: nothing told the second run of the first, so that it may have done its work once more.
        """
        found = [f"left over: {name}" for name in leftovers(world)]
        if committed:
            return found + self._lost(world, start)
        seen = Seen.of(world, lambda text: self.command.shape(text, self.known))
        wrong = self.after.difference(seen)
        found += [] if ended and not self.twice.difference(seen) else wrong
        verified = world.run(real("verify"))
        if verified.code:
            found.append(f"verify: {verified}")
        return found

    def _lost(self, world: World, start: str) -> list[str]:
        """With a commit of the user's between: nothing of anybody's is gone."""
        found = _kept(self.mine, world)
        if "--push" in self.command.words:
            for place, ref in (("repo", "HEAD"), ("hub.git", "main")):
                there = world.git("ls-tree", "-r", ref, cwd=world.top / place)
                wanted = self.after.parts["hub.git refs/heads/main, files"].splitlines()
                lacks = [line for line in wanted if self.command.shape(line, self.known) not in self._shaped(there)]
                found += [f"{place} lacks {line}" for line in lacks if not line.endswith(tuple(MINE))]
        elif "undo" not in self.command.words and not _is_ancestor(world, start, "HEAD"):
            found.append("the user's commit does not stand on the former one")
        if world.git("fsck", "--strict", "--no-dangling", "--no-progress", check=False):
            found.append("fsck")
        return found

    def _shaped(self, text: str) -> set[str]:
        return {self.command.shape(line, self.known) for line in text.splitlines()}


def _is_ancestor(world: World, older: str, newer: str) -> bool:
    return world.git("merge-base", older, newer, check=False).strip() == older


def _mine(world: World) -> tuple[str, ...]:
    words = (("status", "--porcelain=v2", "-uall"), ("diff",), ("diff", "--cached"), ("ls-files", "-s"))
    seen = [world.git(*each, "--", *MINE) for each in words]
    return (*seen, *((world.repo / path).read_text() for path in MINE))


def _kept(mine: tuple[str, ...], world: World) -> list[str]:
    found = []
    for path, text in zip(MINE, mine[-len(MINE) :], strict=True):
        place = world.repo / path
        if not place.is_file() or place.read_text() != text:
            found.append(f"{path} of the user's differs")
        if path in MINE[:4] and world.git("show", f"HEAD:{path}", check=False) != text:
            found.append(f"the user's commit lacks {path}")
    return found


@dataclass
class TeamTrial(Trial):
    """A trial of a command that may do its work in several steps, each of which holds."""

    referee: Referee

    def go_on(self, world: World, start: str, way: Callable[[World], bool]) -> list[str]:
        """What is wrong after one way to go on, and the same command again, after Git's advice where it gives some."""
        ended = not (world.git_dir / "modelver" / "journal").exists()
        committed = way(world)
        outcome = world.run(self.command)
        if committed and outcome.code == 4 and "--push" in self.command.words:
            assert "git pull" in outcome.err, outcome
            world.git("pull", "-q", "--no-rebase", "--no-edit", "origin", "main")
            outcome = world.run(self.command)
        elif committed and outcome.code == 4 and "undo" in self.command.words:
            outcome = Outcome(0, "", "")
        if outcome.code not in self.command.again:
            return [f"the same command again: {outcome}"]
        return self.referee.faults(world, start, committed=committed, ended=ended)

    def changed(self, world: World, before: State) -> list[str]:
        """What a command that failed has changed, and must not: of several steps those that are done hold."""
        if "--push" not in self.command.words:
            return super().changed(world, before)
        found = [f"left over: {name}" for name in leftovers(world)]
        found += [] if _mine(world) == self.referee.mine else ["the user's changes differ"]
        rest = world.git("status", "--porcelain", "--", ".", *(f":!{path}" for path in MINE))
        return [*found, *([f"half done: {rest}"] if rest else [])]


def prepare(top: Path, case: str) -> TeamTrial:
    """A case in a world of its own."""
    former, command = CASES[case]
    world, place = World.build(top / "world", former=script(*former)), top / "trial"
    place.mkdir()
    referee = Referee.of(world.copy(place / "judge"), command)
    return TeamTrial(world, command, place, referee, discover(world.copy(place / "map"), command), referee)


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TeamTrial]:
    """Prepares each case once."""
    return functools.cache(lambda case: prepare(tmp_path_factory.mktemp(case), case))


@pytest.fixture
def trial(request: pytest.FixtureRequest, trials: Callable[[str], TeamTrial]) -> TeamTrial:
    """A command and a world to try it in."""
    return trials(request.param)


every_case = pytest.mark.parametrize("trial", CASES if FULL else ["replay"], indirect=True)


@pytest.mark.parametrize("mode", ["program", "kill", "both"])
@every_case
def test_killed_at_a_call(trial: TeamTrial, mode: str) -> None:
    """W6, B7, B8: the program alone, one Git process alone, or both die at a call that changes a file."""
    settle(trial.kill(sample(trial.map.points(mode), number(1))))


@pytest.mark.parametrize("mode", ["before", "after", "orphan", "orphan-pipe", "orphan-slow"] if FULL else ["orphan"])
@every_case
def test_killed_beside_a_git_process(trial: TeamTrial, mode: str) -> None:
    """W2, B7: the program dies and its Git process goes on, and may meet the next command."""
    settle(trial.kill(sample(trial.map.points(mode)[::-1], number(1))))


@pytest.mark.parametrize("mode", ["nospace", "flush"])
@pytest.mark.parametrize("trial", CASES if FULL else ["undo"], indirect=True)
def test_the_disk_refuses_a_call(trial: TeamTrial, mode: str) -> None:
    """W5: one call fails: exit 7, one line, and nothing is half done."""
    settle(trial.fail(sample(trial.map.points(mode), number(2))))


@pytest.mark.parametrize("trial", CASES if FULL else ["replay"], indirect=True)
def test_an_answer_is_cut_short(trial: TeamTrial) -> None:
    """W8: a Git process that says half of what it knows, with exit 0, does no harm."""
    settle(trial.fail(sample(trial.answers(), number(3))))


@pytest.mark.parametrize("trial", ["replay", "undo"], indirect=True)
def test_killed_while_files_and_refs_move(trial: TeamTrial) -> None:
    """B7, B8: in the midst of the files, before and behind the index, and among the refs."""
    steps = r"^rename\(.*/repo/(changed.txt|link|.modelver/models/fraud/stages/.*yaml)\"|^rename\(.*/index\""
    points = [point for point in trial.map.points("program") if re.search(steps, point.text)]
    points += [p for p in trial.map.points("both") if re.search(r"^rename\(.*/refs/(heads|remotes)", p.text)]
    assert len(points) >= 3
    settle(trial.kill(points if FULL else points[-2:]))


@pytest.mark.parametrize("trial", ["replay", "undo"] if FULL else ["undo"], indirect=True)
def test_recovery_is_killed(trial: TeamTrial) -> None:
    """W6: recovery can itself be cut off anywhere and be run again."""
    report, points = Report(), []
    points += [p for p in trial.map.points("program") if re.search(r"^rename\(.*/index\"", p.text)]
    points += [p for p in trial.map.points("both") if re.search(r"^rename\(.*/refs/(heads/main|tags/v)", p.text)]
    for point in points if FULL else points[:1]:
        report.add(trial.kill_recovery(point, number=40 if FULL else 2))
    settle(report)


# --- The remote, and others ----------------------------------------------------------------------------------------

KILLER = """#!/bin/sh
[ -e "$FAULT_DIR/killed" ] && exit 0
: >"$FAULT_DIR/killed"
p=$$
while [ "$p" -gt 1 ]; do
    p=$(sed 's/.*) . //' /proc/$p/stat | cut -d' ' -f1)
    case $(tr '\\0' ' ' </proc/$p/cmdline) in *'-m modelver'*) break ;; esac
    pids="$p $pids"
done
[ "$p" -gt 1 ] || exit 0
kill -9 $p
for each in $pids; do
    case $(tr '\\0' ' ' </proc/$each/cmdline) in *' push '*) kill -9 $each ;; esac
done
exit 0
"""
"""A hook on the hub that kills who pushes: the program and its `git push`, by their parentage, not the hub's side."""


def _hook(place: Path, name: str, text: str) -> None:
    (place / "hooks").mkdir(exist_ok=True)
    (place / "hooks" / name).write_text(text)
    (place / "hooks" / name).chmod(0o755)


@pytest.mark.parametrize("name", ["pre-receive", "update", "post-receive", "post-update"][:: 1 if FULL else 2])
@pushing
def test_the_client_dies_while_the_remote_takes_it(trial: TeamTrial, name: str) -> None:
    """B7: the remote has it or is about to take it, and nobody hears of that; run again, it completes."""
    world = trial._fresh()
    start = world.git("rev-parse", "HEAD").strip()
    _hook(world.top / "hub.git", name, KILLER)
    outcome = world.run(trial.command)
    assert outcome.code == -9, outcome
    assert (world.top / "fault" / "killed").exists()
    taken = world.git("for-each-ref", "--format=%(refname)", cwd=world.top / "hub.git").split()
    again = world.run(dataclasses.replace(trial.command, words=(*trial.command.words, "--json")))
    assert again.code == 0, again
    pushed = {f"refs/heads/{name}" if name == "main" else f"refs/tags/{name}" for name in _pushed(again)}
    if name.startswith("post"):  # what the remote has, is not announced again
        assert not (pushed & set(taken)), again
    shutil.rmtree(world.top / "hub.git" / "hooks")
    assert trial.judge.faults(world, start) == []


def _pushed(outcome: Outcome) -> list[str]:
    return list(json.loads(outcome.out)["pushed"])


OVERTAKE = """#!/bin/sh
[ -e "$FAULT_DIR/overtaken" ] && exit 0
: >"$FAULT_DIR/overtaken"
{
    unset $(env | sed -n 's/^\\(GIT_[A-Z_]*\\)=.*/\\1/p' | grep -v '^GIT_CONFIG\\|^GIT_AUTHOR\\|^GIT_COMMITTER')
    git clone -q "$FAULT_DIR/../hub.git" "$FAULT_DIR/../late" && cd "$FAULT_DIR/../late" &&
        echo late >late.txt && git add late.txt && git commit -qm late && git push -q origin HEAD:main
} >/dev/null 2>"$FAULT_DIR/overtaking"
[ -s "$FAULT_DIR/overtaking" ] && exit 1
exit 0
"""


@pushing
def test_somebody_pushes_between_our_fetch_and_our_push(trial: TeamTrial) -> None:
    """B7: a lost race is found out whatever Git says, and run again on top of what came."""
    world = trial._fresh()
    _hook(world.git_dir, "pre-push", OVERTAKE)
    outcome = world.run(trial.command)
    assert (outcome.code, outcome.err) == (0, ""), (outcome, (world.top / "fault" / "overtaking").read_text())
    (world.git_dir / "hooks" / "pre-push").unlink()
    log = world.git("log", "--format=%s", "main", cwd=world.top / "hub.git").splitlines()
    assert "late" in log
    assert len([line for line in log if line.startswith("modelver: ")]) == len(
        set(log) - {"late", "more files", "ordinary files", "first"}
    )
    assert world.git("rev-parse", "main") == world.git("rev-parse", "main", cwd=world.top / "hub.git")
    assert (world.repo / "late.txt").read_text() == "late\n"
    assert _mine(world) == trial.referee.mine
    assert leftovers(world) == []
    assert world.run(real("verify")).code == 0
    assert world.run(PUSH).code == 0


@pushing
def test_two_at_once_in_one_clone(trial: TeamTrial) -> None:
    """B7: two `sync --push`, and `add` beside one: each ends well, and nothing comes twice."""
    for second in (PUSH, None):
        world = trial._fresh()
        start = world.git("rev-parse", "HEAD").strip()
        words = second.words if second else (*real("add", "model.bin", "-n", "beside").words, "-q")
        variables = environment(world.top) | {"PATH": os.environ["PATH"]}
        runs = [
            subprocess.Popen(each, cwd=world.repo, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            for each in (trial.command.words, words)
        ]
        ends = [(run.communicate(timeout=60)[0].decode(), run.returncode) for run in runs]
        assert [code for _, code in ends] == [0, 0], ends
        if second:
            assert trial.judge.faults(world, start) == []
            continue
        assert world.run(PUSH).code == 0
        assert leftovers(world) == []
        assert _mine(world) == trial.referee.mine
        assert world.run(real("verify")).code == 0
        assert world.git("rev-parse", "main") == world.git("rev-parse", "main", cwd=world.top / "hub.git")
        assert world.git("rev-list", "--merges", "main") == ""


# --- The user's files ----------------------------------------------------------------------------------------------


def _cut_off(trial: TeamTrial, world: World, *, early: bool = False) -> None:
    """Kill the command when all files are in their places, and Git is to make the index; `early`: in none."""
    at = [k for k, verb in enumerate(trial.map.verbs) if verb == "read-tree"][-2 if early else -1]
    outcome = strike(world, trial.command, Point("before", at + 1))
    assert outcome.code == -9, outcome
    assert world.journal()


a_replay = pytest.mark.parametrize("trial", ["replay"], indirect=True)


@a_replay
@pytest.mark.parametrize("killed", ["not", "early", "late"])
def test_what_the_user_has_staged_as_others_pushed_it_stays(trial: TeamTrial, killed: str) -> None:
    """B7, W7: as with `git read-tree -m -u`, such an entry is the user's, with whatever lies in the work tree."""
    world = trial._fresh()
    staged = {"changed.txt": "a\nB\n", "theirs/run.sh": "#!/bin/sh\n"}
    for path, text in staged.items():
        world.write(path, text)
    (world.repo / "theirs" / "run.sh").chmod(0o755)
    world.git("add", *staged)
    for path in staged:
        world.write(path, "an edit on top\n")
    (world.repo / "old.txt").unlink()
    world.git("rm", "-q", "--cached", "old.txt")
    before = world.git("ls-files", "-s", "--", *staged)
    if killed != "not":
        _cut_off(trial, world, early=killed == "early")
        assert world.run(real("promote", "fraud", "trial")).code == 0  # goes back
        assert world.git("ls-files", "-s", "--", *staged) == before
        assert not world.git("ls-files", "old.txt")
    else:
        assert world.run(trial.command).code == 0
        assert world.git("diff", "--cached", "--name-only", "--", *staged) == ""
        assert world.git("diff", "--name-only", "--", *staged).split() == list(staged)
    for path in staged:
        assert (world.repo / path).read_text() == "an edit on top\n"


@a_replay
@pytest.mark.parametrize("path", ["link", "theirs/run.sh", "flat/f"])
def test_an_ignored_file_of_the_user_is_in_the_way(trial: TeamTrial, path: str) -> None:
    """B7: Git would write over it; an artifact that nothing else holds looks just like that."""
    world = trial._fresh()
    with (world.git_dir / "info" / "exclude").open("a") as stream:
        stream.write(f"/{path}\n")
    if path == "flat/f":
        (world.repo / "flat").unlink()
    world.write(path, "weights of hours\n")
    head = world.git("rev-parse", "HEAD")
    outcome = world.run(trial.command)
    assert (outcome.code, path.split("/")[0] in outcome.err) == (4, True), outcome
    assert (world.repo / path).read_text() == "weights of hours\n"
    assert world.git("rev-parse", "HEAD") == head
    assert leftovers(world) == []


@a_replay
def test_what_lies_behind_a_link_of_the_user_is_not_removed(trial: TeamTrial) -> None:
    """B7: others removed a directory, of which the user has made a link to one that lies elsewhere."""
    world = trial._fresh()
    shutil.move(world.repo / "deep", world.top / "elsewhere")
    (world.repo / "deep").symlink_to("../elsewhere")
    outcome = world.run(trial.command)
    assert (world.top / "elsewhere" / "er" / "x").read_text() == "x\n"
    assert (outcome.code, leftovers(world)) == (4, []), outcome
    assert (world.repo / "deep").is_symlink()


@pytest.mark.parametrize("trial", ["replay", "undo"], indirect=True)
def test_after_a_kill_the_user_goes_to_another_branch(trial: TeamTrial) -> None:
    """W6: what that branch has is left alone, and only what was under way is taken out."""
    world = trial._fresh()
    mine = trial.referee.mine
    world.git("branch", "elsewhere")
    _cut_off(trial, world)
    (world.git_dir / "index.lock").unlink()
    world.git("symbolic-ref", "HEAD", "refs/heads/elsewhere")
    assert world.run(real("verify", "--repair")).code in (0, 1)
    assert not world.journal() or leftovers(world) == []
    assert _mine(world) == mine
    assert world.git("status", "--porcelain", "--", ".", *(f":!{path}" for path in MINE)) == ""


def test_records_come_back_by_a_command_that_needs_no_name(tmp_path: Path) -> None:
    """W6: `sync` makes no commit of its own, but the one in which dropped records come back is somebody's."""
    command = adding()
    trial = Trial.prepare(World.build(tmp_path / "world", former=script(*EACH)), command, tmp_path / "trial")
    world = trial.world.copy(tmp_path / "copy")
    at = trial.map.verbs.index("update-ref") + 1
    strike(world, command, Point("after", at))
    assert world.journal()
    (world.git_dir / "index.lock").unlink()
    world.git("rm", "-rq", "--cached", ".modelver/models")
    world.git("commit", "-qm", "dropped")
    outcome = world.run(real("sync"))
    assert (outcome.code, "came back" in outcome.err) == (0, True), outcome
    assert world.git("log", "-1", "--format=%an <%ae> %s").startswith("A. User <user@example.org> modelver: bring back")
    assert world.git("fsck", "--strict", "--no-dangling", check=False) == ""


@pytest.mark.parametrize("case", ["undo", "replay", "staged", "branch"] if FULL else ["undo"])
def test_the_disk_is_full_and_stays_full(small_disk: Path, case: str) -> None:
    """W5: undoing needs no room that is not there; with room again the same command succeeds."""
    trial = prepare(small_disk, case)
    for name in ("judge", "map"):
        faultlib.remove(trial.place / name)
    faults, codes = [], set()
    for pages in range(0, 90, 1 if FULL else 40):
        outcome, found = trial.full_disk(pages * 4096)
        codes.add(outcome.code)
        faults += found
    assert not faults, "\n".join(faults[:10])
    assert codes == {0, 7}
