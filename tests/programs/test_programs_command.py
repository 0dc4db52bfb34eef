"""Commands of the user's, run as if he had typed them: exit codes, signals, streams, terminals, and what they take."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelver.errors import ModelverError, ProgramFailed, UsageError
from modelver.programs.command import Ended, run

PYTHON = sys.executable
MIB = 1 << 20

DRIVER = """
import dataclasses, json, os, signal, sys
from pathlib import Path
from modelver.programs.command import run
if sys.argv[1] == "terminal":
    os.open(os.ttyname(0), os.O_RDWR)  # a session's leader that opens a terminal has it
if sys.argv[1] == "nohup":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
if sys.argv[1] == "large":
    ballast = b"x" * (300 << 20)
ended = run(sys.argv[3:], cwd=Path(), stdout_to_stderr=sys.argv[1] == "apart")
Path(sys.argv[2]).write_text(json.dumps(dataclasses.asdict(ended)))
"""
"""A program that runs a command and writes how it ended to a file."""

COUNTER = """
import signal, sys, time
heard = []
signal.signal(int(sys.argv[1]), lambda number, _: heard.append(number))
print("ready", flush=True)
while not heard:
    time.sleep(0.01)
time.sleep(0.5)  # for a second one to come
sys.exit(len(heard))
"""
"""A command whose exit code is how often it got a signal."""


class Driven:
    """A driver at work; `ended` is what it has to tell at its end."""

    def __init__(self, place: Path, mode: str, *words: str, **more: Any) -> None:
        self._report = place / "report.json"
        self.process = subprocess.Popen([PYTHON, "-c", DRIVER, mode, str(self._report), *words], cwd=place, **more)

    def ended(self) -> dict[str, Any]:
        assert self.process.wait(60) == 0
        return dict(json.loads(self._report.read_text()))


@contextlib.contextmanager
def on_a_terminal(place: Path, *words: str) -> Iterator[tuple[Driven, int]]:
    """A driver in the foreground of a terminal of its own, and that terminal's other end."""
    ours, theirs = pty.openpty()
    driven = Driven(place, "terminal", *words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    yield driven, ours
    os.close(ours)


def said(descriptor: int, text: bytes) -> None:
    """Wait until a terminal or a pipe shows `text`."""
    so_far = b""
    while text not in so_far:
        part = os.read(descriptor, 4096)
        assert part, so_far
        so_far += part


def took(*words: str) -> Ended:
    return run(words, cwd=Path())


@pytest.mark.parametrize("code", [0, 1, 7, 126, 255])
def test_the_exit_code_is_the_commands_own(code):
    """Whatever it is, it is passed on."""
    ended = took("sh", "-c", f"exit {code}")
    assert (ended.code, ended.signal, ended.asked_to_end) == (code, None, None)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGINT])
def test_a_command_that_is_killed_has_the_exit_code_of_a_shell(number):
    """128 and the number of the signal."""
    ended = took("sh", "-c", f"kill -{int(number)} $$")
    assert (ended.code, ended.signal) == (128 + number, number)


def test_words_reach_the_command_as_they_were_given(tmp_path, capfd):
    """No shell reads them, none is an option of ours, and they may hold any bytes."""
    words = ["-c", "--", "", "a b", "$HOME", "*", "ä\n", os.fsdecode(b"\xff")]
    script = "import os, sys; print(list(map(os.fsencode, sys.argv[1:])), os.getcwd())"
    run([PYTHON, "-c", script, *words], cwd=tmp_path)
    assert capfd.readouterr().out == f"{list(map(os.fsencode, words))} {tmp_path}\n"


def test_a_name_is_looked_up_as_a_shell_does(tmp_path, monkeypatch):
    """With a slash from the directory that it runs in, without one on PATH, also when it begins with a dash."""
    program = tmp_path / "bin" / "-x"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 9\n")
    program.chmod(0o755)
    assert run(["bin/-x"], cwd=tmp_path).code == 9
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    assert run(["-x"], cwd=Path("/")).code == 9


def refusal(*words: str, cwd: Path) -> ModelverError:
    with pytest.raises((UsageError, ProgramFailed)) as caught:
        run(words, cwd=cwd)
    return caught.value


def test_a_command_that_cannot_be_run_says_what_and_why(tmp_path):
    """What is not there, is not executable or is no program is the user's mistake."""
    for name, content, mode in [
        ("train.py", "", 0o644),
        ("plain", "x", 0o644),
        ("odd", "#!/no/such/interpreter\n", 0o755),
        ("text", "hello", 0o755),
    ]:
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(mode)
    where = {"cwd": tmp_path}
    assert refusal("nosuch", **where).message == "cannot run 'nosuch': there is no such command on PATH"
    assert refusal("./nosuch", **where).message == "cannot run './nosuch': there is no such file"
    assert refusal("plain/x", **where).message == "cannot run 'plain/x': there is no such file"
    assert refusal("train.py", **where).hints == ["a file of that name is here, so perhaps: python train.py"]
    assert refusal("./plain", **where).message == "cannot run './plain': it is not executable"
    assert (
        refusal("./odd", **where).message
        == "cannot run './odd': the interpreter that its first line names is not there"
    )
    assert refusal("./text", **where).message == "cannot run './text': it is no program"
    assert refusal("../", **where).message == "cannot run '../': it is a directory"
    assert refusal("\x1b[31m", **where).message == "cannot run '\\x1b[31m': there is no such command on PATH"
    assert refusal(**where).code == refusal("", **where).code == refusal("a", "\0", **where).code == 2
    assert refusal("true", cwd=tmp_path / "gone").message == f"there is no directory {tmp_path / 'gone'}"
    assert refusal("true", "x" * 10_000_000, **where).code == 7


def test_ctrl_c_reaches_the_command_once_and_is_waited_for(tmp_path):
    """The terminal sends it to both; a second one from us would mean "at once" to many a training."""
    with on_a_terminal(tmp_path, PYTHON, "-c", COUNTER, str(int(signal.SIGINT))) as (driven, terminal):
        said(terminal, b"ready")
        os.write(terminal, b"\x03")
        ended = driven.ended()
    assert (ended["code"], ended["asked_to_end"]) == (1, signal.SIGINT)


def test_ctrl_c_ends_a_command_that_does_not_care(tmp_path):
    """Both end, without a word of ours."""
    script = "import signal, time; signal.signal(2, signal.SIG_DFL); print('ready', flush=True); time.sleep(600)"
    with on_a_terminal(tmp_path, PYTHON, "-c", script) as (driven, terminal):
        said(terminal, b"ready")
        os.write(terminal, b"\x03")
        ended = driven.ended()
    assert (ended["code"], ended["signal"]) == (130, signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_us_alone_is_passed_on(tmp_path, number):
    """Without a terminal a SIGINT comes to us alone, too."""
    driven = Driven(
        tmp_path, "", PYTHON, "-c", COUNTER, str(int(number)), stdout=subprocess.PIPE, start_new_session=True
    )
    said(driven.process.stdout.fileno(), b"ready")
    driven.process.send_signal(number)
    ended = driven.ended()
    assert (ended["code"], ended["asked_to_end"]) == (1, number)
    driven.process.stdout.close()


def test_a_signal_that_comes_at_once_is_not_lost(tmp_path):
    """However early SIGTERM comes, the command does not outlive it: the driver or the command is ended by it."""
    for delay in (0.02, 0.05, 0.08, 0.1, 0.12, 0.15):
        driven = Driven(tmp_path, "", "sleep", "60")
        time.sleep(delay)
        driven.process.terminate()
        if driven.process.wait(30) == 0:
            assert driven.ended()["signal"] == signal.SIGTERM


def test_an_ignored_signal_stays_ignored(tmp_path):
    """Under `nohup` a hang-up ends neither us nor the command."""
    script = "import signal, sys; sys.exit(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    assert Driven(tmp_path, "nohup", PYTHON, "-c", script).ended()["code"] == 1
    assert Driven(tmp_path, "", PYTHON, "-c", script).ended()["code"] == 0


def test_a_command_starts_with_signals_as_they_were(capfd):
    """None is blocked and none ignored that would not be without us."""
    line = ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"]
    subprocess.run(line, check=True)
    run(line, cwd=Path())
    # The C library has 32 and 33 for its own threads, and ignores them in what it spawns.
    sets = [int(line.split()[1], 16) & 0x7FFFFFFF for line in capfd.readouterr().out.splitlines()]
    assert len(sets) == 4
    assert sets[:2] == sets[2:]


def test_former_handlers_are_back_at_the_end():
    """Also when the command could not be started."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    former = [signal.getsignal(number) for number in numbers]
    took("true")
    with pytest.raises(UsageError):
        took("nosuch")
    assert [signal.getsignal(number) for number in numbers] == former
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_command_may_be_run_from_any_thread():
    """Where Python hears no signals."""
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(took("sh", "-c", "exit 3").code))
    thread.start()
    thread.join()
    assert codes == [3]


def test_cpu_time_and_memory_are_those_of_the_command_and_its_children():
    """A child that it waits for counts; the peak is the largest one's."""
    ended = took(PYTHON, "-c", f"x = b'x' * {200 * MIB}")
    assert 200 * MIB < ended.peak_bytes < 250 * MIB
    burn = "import time\nwhile time.process_time() < 0.4: pass"
    ended = took("sh", "-c", '"$0" -c "$1" & "$0" -c "$2"; wait', PYTHON, burn, f"x = b'x' * {150 * MIB}")
    assert 150 * MIB < ended.peak_bytes < 200 * MIB
    assert 0.4 <= ended.cpu_seconds < 4


def test_what_we_take_is_not_the_commands(tmp_path):
    """A process that holds 300 MB runs `true`, which takes next to nothing."""
    ended = Driven(tmp_path, "large", "true").ended()
    assert 0 < ended["peak_bytes"] < 30 * MIB
    assert ended["cpu_seconds"] < 0.2


def test_the_start_is_before_what_the_command_writes_and_the_wall_time_holds_it(tmp_path):
    """`started` is comparable with the times of files, but for the grain of the clock of the file system."""
    before = time.time_ns()
    ended = run(["sh", "-c", "sleep 0.2; touch made"], cwd=tmp_path)
    assert before <= ended.started < (tmp_path / "made").stat().st_mtime_ns
    assert ended.seconds >= 0.2 > ended.cpu_seconds


def test_a_command_that_prints_a_gigabyte_goes_straight_through(tmp_path):
    """Not a byte of it passes through us."""
    driven = Driven(tmp_path, "", "head", "-c", str(10**9), "/dev/zero", stdout=subprocess.PIPE, bufsize=0)
    assert sum(map(len, iter(lambda: driven.process.stdout.read(MIB), b""))) == 10**9
    assert driven.ended()["code"] == 0
    driven.process.stdout.close()


def test_a_reader_that_has_enough_ends_the_command(tmp_path):
    """A closed pipe is SIGPIPE to the command, as in a shell."""
    driven = Driven(tmp_path, "", "yes", stdout=subprocess.PIPE)
    said(driven.process.stdout.fileno(), b"y")
    driven.process.stdout.close()
    assert driven.ended()["signal"] == signal.SIGPIPE


def test_what_is_left_in_the_background_is_not_waited_for(tmp_path):
    """A daemon keeps our standard output open, and we are done all the same."""
    driven = Driven(tmp_path, "", "sh", "-c", "sleep 600 & echo $! > daemon; exit 4", stdout=subprocess.PIPE)
    assert driven.ended()["code"] == 4
    os.kill(int((tmp_path / "daemon").read_text()), signal.SIGKILL)
    assert driven.process.stdout.read() == b""
    driven.process.stdout.close()


def test_a_terminal_is_the_commands_own(tmp_path):
    """It asks all three streams, and reads what is typed."""
    with on_a_terminal(tmp_path, "sh", "-c", "test -t 0 -a -t 1 -a -t 2 && read word && exit $word") as (
        driven,
        terminal,
    ):
        os.write(terminal, b"5\n")
        assert driven.ended()["code"] == 5


def test_standard_output_may_go_to_standard_error(tmp_path):
    """So that ours is free for one JSON document."""
    driven = Driven(
        tmp_path, "apart", "sh", "-c", "echo out; echo err >&2", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert driven.process.communicate() == (b"", b"out\nerr\n")


def test_descriptors_of_a_shell_are_passed_on(tmp_path):
    """As `<(zcat data.gz)` makes one; a descriptor of ours is not."""
    ours, theirs = os.pipe()
    os.write(theirs, b"from the shell")
    os.close(theirs)
    driven = Driven(tmp_path, "", "cat", f"/dev/fd/{ours}", pass_fds=[ours], stdout=subprocess.PIPE)
    os.close(ours)
    assert driven.process.communicate()[0] == b"from the shell"
    driven = Driven(tmp_path, "", "ls", "/proc/self/fd", stdout=subprocess.PIPE)
    assert driven.process.communicate()[0].split() == [b"0", b"1", b"2", b"3"]  # 3 is the directory that `ls` reads


def test_where_the_system_measures_nothing_a_command_is_run_all_the_same(tmp_path, monkeypatch):
    """Exit codes, signals and errors are the same; CPU time and memory are not known."""
    monkeypatch.delattr(os, "wait4")
    ended = took("sh", "-c", "kill -9 $$")
    assert (ended.code, ended.signal, ended.cpu_seconds, ended.peak_bytes) == (137, 9, None, None)
    assert took("sh", "-c", "exit 3").code == 3
    assert refusal("nosuch", cwd=tmp_path).message == "cannot run 'nosuch': there is no such command on PATH"
