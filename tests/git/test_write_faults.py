"""A write that is killed, starved or lied to at any point leaves all of itself or nothing (rules W2 to W6, W8).

By default some points of each kind are tried; `MODELVER_FAULTS=full` tries them all and prints how many there
are (`make test-faults`), also into the file that `MODELVER_FAULTS_REPORT` names.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import faultlib
import pytest
from faultlib import Judge, Report, Trial, World, opaque, real, sample

# Read at once, because the tests themselves see nothing of the developer's own variables.
FULL = os.environ.get("MODELVER_FAULTS") == "full"
REPORT = os.environ.get("MODELVER_FAULTS_REPORT")
REQUIRED = os.environ.get("MODELVER_REQUIRE_ALL")
CASES = {
    "first": (None, opaque("rec")),
    "later": (opaque("former"), opaque("rec")),
    "init": (None, real("init")),
    "add": (real("init"), real("add", "model.bin", "-n", "fraud")),
}
"""What is put to the test: the write that came before it, and the command."""

pytestmark = [pytest.mark.faults] if FULL else []


def _missing(what: str) -> None:
    if REQUIRED:
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(autouse=True)
def _tracer() -> None:
    if faultlib.STRACE is None:
        _missing("strace is not installed")
    probe = subprocess.run([faultlib.STRACE, "-q", "-o", "/dev/null", "true"], capture_output=True, check=False)
    if probe.returncode:
        _missing(f"strace may not trace here: {probe.stderr.decode().strip()}")


@pytest.fixture
def trial(request: pytest.FixtureRequest, tmp_path: Path) -> Trial:
    """A command and a world to try it in."""
    former, command = CASES[request.param]
    return Trial.prepare(World.build(tmp_path / "world", former=former), command, tmp_path / "trial")


def settle(report: Report) -> None:
    """Print the counts; any fault fails."""
    print(report)
    if REPORT:
        name = os.environ.get("PYTEST_CURRENT_TEST", "").split("::")[-1]
        with Path(REPORT).open("a") as stream:
            stream.write(f"{name}\n{report}\n\n")
    assert report.points
    assert not report.faults, f"{len(report.faults)} faults\n" + "\n".join(report.faults[:10])


def number(some: int) -> int:
    """How many points of a kind are tried."""
    return 100_000 if FULL else some


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


@a_later_write
def test_recovery_is_killed(trial: Trial) -> None:
    """W6: recovery can itself be cut off anywhere and be run again."""
    report, points = Report(), []
    for point in trial.map.points("program"):
        if re.search(r"^rename\(.*/list.yaml|^rename\(.*/index\"|^unlink\(.*index.lock", point.text):
            points.append(point)
    points += [point for point in trial.map.points("both") if re.search(r"^rename\(.*/refs/", point.text)]
    assert len(points) >= 5
    for point in points if FULL else points[1::3]:
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


def _is_locked(trial: Trial, point: faultlib.Point) -> bool:
    """Whether the program has the lock and has said so in it by then."""
    calls = trial.map.program
    took = next(place for place, call in enumerate(calls) if "/modelver/lock>" in call.text and "pwrite" in call.call)
    same = next(place for place, call in enumerate(calls) if call.text == point.text)
    return same > took


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB; only the administrator can make one."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=24m", "modelver-test", str(place)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        _missing("a small file system cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("case", CASES)
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
