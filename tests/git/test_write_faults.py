"""A write that is killed, starved or lied to at any point leaves all of itself or nothing (rules W2 to W6, W8).

By default some points of each kind are tried; `MODELVER_FAULTS=full` tries them all and prints how many there
are (`make test-faults`), also into the file that `MODELVER_FAULTS_REPORT` names.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import faultlib
import pytest
from faultlib import (
    FULL,
    WAYS,
    Judge,
    Report,
    State,
    Trial,
    World,
    number,
    opaque,
    real,
    sample,
    script,
    settle,
    strike,
)

VERSIONS = (
    "modelver init",
    *(f"printf {number} >model.bin && modelver add model.bin -n fraud" for number in (1, 2, 3)),
)
LABELLED = (*VERSIONS, "modelver tag fraud~1 0.9.0", "modelver tag fraud 1.0.0")
STAGED = (*VERSIONS, "modelver promote fraud~2 production", "modelver promote fraud~1 production")
CASES = {
    "first": (None, opaque("rec")),
    "later": (opaque("former"), opaque("rec")),
    "init": (None, real("init")),
    "add": (real("init"), real("add", "model.bin", "-n", "fraud")),
    "tag": (script(*VERSIONS), real("tag", "fraud~1", "1.0.0")),
    "untag": (script(*LABELLED), real("tag", "--delete", "-q", "fraud@1.0.0", again=(0, 3))),
    "untag-packed": (
        script(*LABELLED, "git pack-refs --all"),
        real("tag", "--delete", "-q", "fraud@1.0.0", again=(0, 3)),
    ),
    "promote": (script(*STAGED), real("promote", "fraud", "production")),
    "rollback": (script(*STAGED), real("rollback", "fraud", "production", again=(0, 4))),
    "demote": (script(*STAGED), real("demote", "fraud", "production")),
    "archive": (script(*LABELLED), real("archive", "fraud@1.0.0", "-m", "leaks")),
    "add-all": (
        script(*STAGED),
        real("add", "model.bin", "-n", "fraud", "--label", "1.1.0", "--stage", "production"),
    ),
}
"""What is put to the test: the write that came before it, and the command."""
STAGING = list(CASES)[4:]
"""Those of them that write labels and stages."""

pytestmark = [pytest.mark.usefixtures("tracer"), *([pytest.mark.faults] if FULL else [])]


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trial]:
    """Prepares each case once."""

    @functools.cache
    def prepared(case: str) -> Trial:
        top = tmp_path_factory.mktemp(case)
        former, command = CASES[case]
        return Trial.prepare(World.build(top / "world", former=former), command, top / "trial")

    return prepared


@pytest.fixture
def trial(request: pytest.FixtureRequest, trials: Callable[[str], Trial]) -> Trial:
    """A command and a world to try it in."""
    return trials(request.param)


every_case = pytest.mark.parametrize("trial", CASES if FULL else ["later", "init", "add"], indirect=True)
a_later_write = pytest.mark.parametrize("trial", ["later"], indirect=True)


@pytest.mark.parametrize("mode", ["program", "kill", "both"])
@every_case
def test_killed_at_a_call(trial: Trial, mode: str) -> None:
    """W6: the program alone, one Git process alone, or both die at a call that changes a file."""
    settle(trial.kill(sample(trial.map.points(mode), number(2))))


@pytest.mark.parametrize("mode", ["before", "after", "orphan", "orphan-pipe", "orphan-slow"])
@every_case
def test_killed_beside_a_git_process(trial: Trial, mode: str) -> None:
    """W2: the program dies and its Git process goes on, and may meet the next command."""
    points = trial.map.points(mode)
    settle(trial.kill(points if FULL else points[-1:]))


@pytest.mark.parametrize("mode", ["nospace", "flush"])
@every_case
def test_the_disk_refuses_a_call(trial: Trial, mode: str) -> None:
    """W5: one call fails for want of room, or one flush: exit 7, one line, and all is as it was."""
    settle(trial.fail(sample(trial.map.points(mode), number(4))))


@every_case
def test_an_answer_is_cut_short(trial: Trial) -> None:
    """W8: a Git process that says half of what it knows, with exit 0, is found out."""
    settle(trial.fail(sample(trial.answers(), number(5))))


@pytest.mark.parametrize("trial", STAGING, indirect=True)
def test_killed_while_git_moves_refs(trial: Trial) -> None:
    """W6: of what labels and stages do to refs the ordinary run tries some points, too."""
    process = trial.map.verbs.index("update-ref") + 1
    points = [point for point in trial.map.points("both") if point.process == process]
    settle(trial.kill(sample(points, number(2))))


@pytest.mark.parametrize("trial", ["later", "untag-packed"], indirect=True)
def test_recovery_is_killed(trial: Trial) -> None:
    """W6: recovery can itself be cut off anywhere and be run again."""
    report, points = Report(), []
    for point in trial.map.points("program"):
        if re.search(r"^rename\(.*/list.yaml|^rename\(.*/index\"|^unlink\(.*(index.lock|1.0.0.yaml)", point.text):
            points.append(point)
    git = r"^rename\(.*/(refs/|packed-refs)|^unlink\(.*(tags/fraud@v1.0.0\"|packed-refs.lock)"
    points += [point for point in trial.map.points("both") if re.search(git, point.text)]
    assert len(points) >= 5
    for point in points if FULL else points[1::3][:2]:
        report.add(trial.kill_recovery(point, number=number(3)))
    settle(report)


@a_later_write
def test_killed_while_a_second_writer_waits(trial: Trial, tmp_path: Path) -> None:
    """W2: who waits for the lock finds the journal, settles it, and writes; in the end both records are there."""
    second = opaque("second")
    judge = Judge.after(trial.world.copy(tmp_path / "judge"), trial.command, second)
    report = Report()
    for mode in ("program", "both"):
        points = [point for point in trial.map.points(mode) if mode == "both" or _is_locked(trial, point)]
        report.add(trial.kill_before_second(sample(points, number(3)), second, judge))
    settle(report)


GONE = ".git/refs/tags/fraud@v1.0.0.lock"
PACKED = (".git/packed-refs.lock", ".git/packed-refs.new")
a_deletion = pytest.mark.parametrize("trial", ["untag-packed"], indirect=True)


def _cut_off_deletion(trial: Trial, tmp_path: Path) -> World:
    """A deletion that was killed when the branch had moved, and Git was to rename the packed refs."""
    points = [point for point in trial.map.points("both") if re.search(r"^rename\(.*/packed-refs.new", point.text)]
    world = trial.world.copy(tmp_path / "world")
    strike(world, trial.command, points[0])
    world.wait()
    assert all((world.repo / path).exists() for path in (GONE, *PACKED))
    return world


@a_deletion
@pytest.mark.parametrize("whose", ["no ref of ours", "older than the journal", "a living one's"])
def test_a_lock_of_the_packed_refs_that_is_not_ours_stays(trial: Trial, tmp_path: Path, whose: str) -> None:
    """W6: the empty lock counts as ours only beside one on our ref, made after the journal, and left to itself."""
    world = _cut_off_deletion(trial, tmp_path)
    lock, draft = (world.repo / path for path in PACKED)
    writing = None
    if whose == "no ref of ours":
        (world.repo / GONE).unlink()
    elif whose == "older than the journal":
        os.utime(lock, (1_700_000_000, 1_700_000_000))
    else:
        words = ["sh", "-c", 'while [ -e "$0" ]; do echo >>"$0"; sleep 0.2; done', str(draft)]
        writing = subprocess.Popen(words)
    start = trial.world.git("rev-parse", "HEAD").strip()
    outcome = world.run(trial.command)
    assert (outcome.code, "packed-refs.lock" in outcome.err) == (7, True)
    assert (lock.exists(), draft.exists()) == (True, True)
    lock.unlink()
    draft.unlink()
    if writing:
        writing.wait()
        draft.unlink(missing_ok=True)
    assert trial.go_on(world, start, WAYS["again"]) == []


@a_deletion
def test_a_lock_of_the_packed_refs_is_waited_for(trial: Trial, tmp_path: Path) -> None:
    """W2: while another Git packs refs a deletion waits; past its time it is exit 4, and nothing has changed."""
    world = trial.world.copy(tmp_path / "world")
    lock, draft = (world.repo / path for path in PACKED)
    lock.touch()
    draft.touch()
    before, start = State.of(world), world.git("rev-parse", "HEAD").strip()
    words = (*trial.command.words, "--lock-timeout", "0")
    outcome = world.run(dataclasses.replace(trial.command, words=words))
    assert (outcome.code, str(lock) in outcome.err) == (4, True)
    assert before.difference(State.of(world)) == []
    log = tmp_path / "waits"
    script = 'until grep -qs "packed-refs.lock.*EEXIST" "$0"; do sleep 0.05; done; sleep 1.5; rm "$1" "$2"'
    ending = subprocess.Popen(["sh", "-c", script, str(log), str(draft), str(lock)])
    strace = [faultlib.STRACE or "", "-f", "-q", "-o", str(log), "-e", "trace=openat"]
    outcome = world.run(trial.command, prefix=strace)
    assert ending.wait() == outcome.code == 0
    assert trial.judge.faults(world, start) == []


def test_a_removal_is_not_undone_where_it_never_was_to_be(tmp_path: Path) -> None:
    """W6: cut off before anything was done, it leaves another branch, which never had the record, alone."""
    former = script(*VERSIONS, "git branch former", "modelver tag fraud 1.0.0")
    trial = Trial.prepare(World.build(tmp_path / "world", former=former), CASES["untag"][1], tmp_path / "trial")
    texts = [point.text for point in trial.map.program]
    at = next(place for place, text in enumerate(texts) if re.search(r"^rename\(.*/modelver/journal\"", text))
    world = trial.world.copy(tmp_path / "cut-off")
    start = world.git("rev-parse", "HEAD").strip()
    strike(world, trial.command, trial.map.points("program")[at + 2])
    assert world.journal()
    world.git("checkout", "-q", "former")
    outcome = world.run(trial.command)
    assert outcome.code == 3, outcome
    assert not world.journal()
    assert world.git("status", "--porcelain", "-uall", "--", ".modelver") == ""
    world.git("checkout", "-q", "main")
    assert trial.go_on(world, start, WAYS["again"]) == []


def _is_locked(trial: Trial, point: faultlib.Point) -> bool:
    """Whether the program has the lock and has said so in it by then."""
    calls = trial.map.program
    took = next(place for place, call in enumerate(calls) if "/modelver/lock>" in call.text and "pwrite" in call.call)
    same = next(place for place, call in enumerate(calls) if call.text == point.text)
    return same > took


@pytest.mark.parametrize("case", CASES if FULL else ["first", "later", "init", "add", "untag-packed"])
def test_the_disk_is_full_and_stays_full(small_disk: Path, case: str) -> None:
    """W5: undoing needs no room that is not there; with room again the same command succeeds."""
    former, command = CASES[case]
    trial = Trial.prepare(World.build(small_disk / "world", former=former), command, small_disk / "trial")
    for name in ("judge", "map"):
        faultlib.remove(trial.place / name)
    faults, codes = [], set()
    for pages in range(0, 64, 1 if FULL else 12):
        outcome, found = trial.full_disk(pages * 4096)
        codes.add(outcome.code)
        faults += found
    assert not faults, "\n".join(faults[:10])
    assert codes == {0, 7}
