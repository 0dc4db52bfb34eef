"""Run the tour: commands as a person types them, in a new repository, each shown before its output.

Git and Python are started here as a user starts them, with nobody's configuration: the tour is the same
everywhere, needs no identity and no network, and leaves nothing behind but its own directory.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TextIO

import modelver
from modelver import files
from modelver.errors import INTERRUPTED, ModelverError, ProgramFailed

_FILES = ("train.py", "iris.csv")
_ADD = (
    "modelver add model.safetensors -n iris --metrics metrics.json --params params.json --predictions predictions.csv"
    " --data iris.csv --code train.py"
)
_TOUR = (
    (
        "A repository with a training script and its data; the registry starts in it.",
        "git init -q -b main",
        'git config user.name "A Visitor"',
        "git config user.email visitor@example.com",
        f"git add {' '.join(_FILES)}",
        'git commit -q -m "train a classifier of iris flowers"',
        "modelver init",
    ),
    (
        "A model is trained, registered with its numbers and its origins, and named; production gets it.",
        "python train.py --lr 0.1 --epochs 50",
        f'{_ADD} -m "first baseline"',
        "modelver tag iris 1.0.0",
        'modelver promote iris production -m "better than nothing"',
    ),
    (
        "A better one, under the same path; its name is the next number. It is compared with the one in production.",
        "python train.py --lr 0.5 --epochs 500",
        f'{_ADD} --bump minor -m "larger steps, and more of them"',
        "modelver diff iris",
    ),
    (
        "Production gets it, gives it back, and gets it again; the first one is retired.",
        'modelver promote iris@1.1.0 production --if-better -m "more accurate"',
        'modelver rollback iris -m "strange answers since this morning"',
        'modelver note iris@1.1.0 --kind approval -m "the answers were right"',
        'modelver promote iris@1.1.0 production --require "accuracy >= 0.9" -m "approved"',
        'modelver archive iris@1.0.0 -m "nobody needs it any more"',
        "modelver list iris",
        "modelver show iris@production",
    ),
    (
        "The first one comes back into the work tree, and all is checked against its digest.",
        "modelver checkout iris@1.0.0",
        "modelver status",
        "modelver verify",
    ),
    (
        "What happened, by whom and why; and the same as Git alone tells it.",
        "modelver log",
        "git log --oneline --decorate",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Tour:
    """What the tour left: a repository at `path` with `versions`, the oldest first; how long it took.

    `labels` and `stages` say which version has each of them.
    """

    path: str
    versions: tuple[str, ...]
    labels: Mapping[str, str]
    stages: Mapping[str, str]
    seconds: float


def tour(out: TextIO | None) -> Tour:
    """Run the tour in a new temporary directory; commands and their output go to `out`, None for nowhere.

    Raises the error whose exit code the failing command had. An interruption takes the directory away again.
    """
    began = time.monotonic()
    with files.disk_errors("make a temporary directory"):
        place = Path(tempfile.mkdtemp(prefix="modelver-demo-"))
    with _removed_if_interrupted(place):
        shell = _Shell(place, _environment(place), out)
        with files.disk_errors("copy the files of the tour"):
            for name in _FILES:
                (place / name).write_bytes(resources.files(__package__).joinpath(name).read_bytes())
        for words, *commands in _TOUR:
            shell.say(f"\n# {words}")
            for command in commands:
                shell.run(command)
        lines = json.loads(shell.ask("modelver list iris --json"))["versions"][::-1]
    return Tour(
        path=str(place),
        versions=tuple(line["version"] for line in lines),
        labels={label: line["version"] for line in lines for label in line["labels"]},
        stages={stage: line["version"] for line in lines for stage in line["stages"]},
        seconds=round(time.monotonic() - began, 2),
    )


@contextmanager
def _removed_if_interrupted(place: Path) -> Iterator[None]:
    try:
        yield
    except ModelverError as error:
        error.hints.append(f"what is there so far lies in {place}")
        raise
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


@dataclass(frozen=True)
class _Shell:
    """Starts programs in one directory and shows what they are and say."""

    directory: Path
    environment: Mapping[str, str]
    out: TextIO | None

    def say(self, text: str) -> None:
        if self.out is not None:
            print(text, file=self.out, flush=True)

    def run(self, line: str) -> None:
        """Show a command line, then run it and show what it says."""
        self.say(f"$ {line}")
        # What it says on the side is shown once it has ended, so that an interruption shows no traceback of its own.
        said = self._run(line, subprocess.DEVNULL if self.out is None else self.out).stderr.decode("utf-8", "replace")
        if said:
            self.say(said.rstrip())

    def ask(self, line: str) -> bytes:
        """Run a command line unseen and return its output."""
        return self._run(line, subprocess.PIPE).stdout

    def _run(self, line: str, stdout: TextIO | int) -> subprocess.CompletedProcess[bytes]:
        words = shlex.split(line)
        try:
            ended = subprocess.run(
                [*_program(words[0]), *words[1:]],
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.PIPE,
            )
        except FileNotFoundError as error:
            raise ProgramFailed(f"{words[0]} is not installed, or not on PATH", hint="install Git") from error
        if ended.returncode in (INTERRUPTED, -signal.SIGINT):
            raise KeyboardInterrupt
        if ended.returncode:
            raise _failure(words[0], ended.returncode, ended.stderr.decode("utf-8", "replace"))
        return ended


def _program(name: str) -> Sequence[str]:
    return {"modelver": (sys.executable, "-m", "modelver"), "python": (sys.executable,)}.get(name, (name,))


def _failure(program: str, code: int, said: str) -> ModelverError:
    """The error of the same exit code as the modelver that failed; another program's is all one."""
    lines = said.strip().splitlines() or [f"exit code {code}"]
    why = lines[-1 if program == "python" else 0].removeprefix("error: ")
    kinds = {kind.code: kind for kind in ModelverError.__subclasses__()} if program == "modelver" else {}
    return kinds.get(code, ProgramFailed)(f"the tour stopped, because {program} failed: {why}")


def _environment(place: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "MODELVER_"))}
    # The modelver that runs is the one that the tour shows, however it was found.
    home = str(Path(modelver.__file__).parents[1])
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [home, kept.get("PYTHONPATH")]))
    kept |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CEILING_DIRECTORIES": str(place.parent)}
    return kept | {"GIT_PAGER": "cat"}  # a pager would wait for a key
