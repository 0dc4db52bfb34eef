r"""Run the examples of a Markdown page.

In a block of the kind `console`, a line that begins with `$ ` is a command (a `\` at its end carries it on) and
what follows is its output. All blocks of a page are one session of bash, in the home directory of a made-up
person, who has forge.sh as the command `forge`. A comment `<!-- setup … -->` holds commands that are run unseen. In an
output `…` on a line of its own stands for any lines.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_OURS = ("GIT_", "MODELVER_", "XDG_", "VIRTUAL_ENV", "CONDA_")

HOME = "/home/ada"
"""What the page shows for the directory in which the session runs."""

_PARTS = re.compile(r"<!-- setup\n(.*?)-->|^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# What is another at every run: ids, digests and commits, moments.
_CHANGING = (
    (re.compile(r"v?[0-9]{14}_[0-9a-f]{8}"), "ID"),
    (re.compile(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{62}\b|\b[0-9a-f]{40}\b|\b[0-9a-f]{12}(?=…)"), "DIGEST"),
    (re.compile(r"\b(?=[a-f]*[0-9])[0-9a-f]{7,10}\b"), "COMMIT"),
    (re.compile(r"(?<=objects/)[0-9a-f]{2}(?=/)"), "XX"),
    (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}Z)?"), "MOMENT"),
    (re.compile(r"[ ]+$", re.MULTILINE), ""),
)


@dataclass(frozen=True)
class Example:
    """One command of a page, what the page shows as its output, and what it was when run."""

    command: str
    shown: str
    output: str

    @property
    def holds(self) -> bool:
        """Whether the output is what is shown, but for what is another at every run."""
        pattern = re.escape(steady(self.shown)).replace(re.escape("…\n"), "(?:.*\n)*?")
        return re.fullmatch(pattern, steady(self.output)) is not None


def steady(text: str) -> str:
    """A text with all that is another at every run replaced by a word for it."""
    for pattern, word in _CHANGING:
        text = pattern.sub(word, text)
    return text


def run(page: str, home: Path) -> Iterator[Example]:
    """Run a page's examples in `home`, an empty directory."""
    session = _Session(home)
    for part in _PARTS.finditer(page):
        if part[1] is not None:
            session.run(f"set -e\n{part[1]}", check=True)
            continue
        for command, shown in _commands(part[2]):
            yield Example(command, shown, session.run(command))


def refreshed(page: str, home: Path) -> str:
    """The page with the outputs replaced that no longer hold."""
    done = iter(list(run(page, home)))

    def block(part: re.Match[str]) -> str:
        if part[1] is not None:
            return part[0]
        lines = []
        for command, _ in _commands(part[2]):
            example = next(done)
            lines.append(f"$ {command}\n{example.shown if example.holds else steady_spaces(example.output)}")
        return "```console\n" + "".join(lines) + "```"

    return _PARTS.sub(block, page)


def steady_spaces(text: str) -> str:
    """The text without spaces at the ends of its lines."""
    return re.sub(r"[ ]+$", "", text, flags=re.MULTILINE)


def _commands(block: str) -> Iterator[tuple[str, str]]:
    command, shown, going_on = "", "", False
    for line in block.splitlines(keepends=True):
        if going_on:
            command += line.rstrip("\n")
        elif line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:].rstrip("\n"), ""
        else:
            shown += line
            continue
        going_on = command.endswith("\\")
        command += "\n" if going_on else ""
    yield command, shown


def environment(home: Path) -> dict[str, str]:
    """The environment of a made-up person who lives in `home`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}
    kept |= {"HOME": str(home), "PATH": f"{home / '.bin'}:{os.environ['PATH']}", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
    kept |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_PAGER": "cat", "PYTHONUNBUFFERED": "1"}  # as in a terminal: in order
    return kept | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


class _Session:
    """A shell that forgets its variables between commands, but not its directory."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._directory = home
        (home / ".bin").mkdir()
        program = home / ".bin" / "modelver"
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m modelver "$@"\n')
        program.chmod(0o755)
        (home / ".bin" / "python").symlink_to(sys.executable)
        forge = home / ".bin" / "forge"
        shutil.copy(Path(__file__).with_name("forge.sh"), forge)
        forge.chmod(0o755)
        (home / ".gitconfig").write_text(
            "[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n"
        )

    def run(self, command: str, *, check: bool = False) -> str:
        keep = shlex.quote(str(self._home / ".bin" / "directory"))
        ended = subprocess.run(
            ["bash", "-c", f"{command}\nending=$?; pwd >{keep}; exit $ending"],
            cwd=self._directory,
            env=environment(self._home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if check and ended.returncode:
            raise RuntimeError(f"{command}\n{ended.stdout}")
        self._directory = Path((self._home / ".bin" / "directory").read_text().strip())
        return ended.stdout.replace(str(self._home.resolve()), HOME).replace(str(self._home), HOME)
