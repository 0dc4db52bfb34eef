"""Open a pull request with the program of a Git host, `gh` or `glab`, where the user has one and is logged in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

_SECONDS = 60
_URL = re.compile(r"https://\S+")


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """What is asked for: on which host and repository, from which branch into which, in which words."""

    host: str
    path: str
    base: str
    branch: str
    title: str
    body: str


@dataclass(frozen=True)
class Opened:
    """Where the pull request is, or why there is none."""

    url: str | None
    why: str = ""


def open_request(wanted: PullRequest) -> Opened | None:
    """Open it by the first program that is logged in at the host; None where none is."""
    repository = f"{wanted.host}/{wanted.path}"
    gh = ("pr", "create", "--repo", repository, "--base", wanted.base, "--head", wanted.branch)
    glab = ("mr", "create", "--repo", f"https://{repository}", "--target-branch", wanted.base, "--yes")
    programs = {
        "gh": (*gh, "--title", wanted.title, "--body-file", "-"),
        "glab": (*glab, "--source-branch", wanted.branch, "--title", wanted.title, "--description", wanted.body),
    }
    for name, words in programs.items():
        program = shutil.which(name)
        if program is None or _run([program, "auth", "status", "--hostname", wanted.host]).returncode:
            continue
        done = _run([program, *words], wanted.body)
        found = _URL.search(done.stdout)
        if done.returncode or found is None:
            lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            return Opened(None, f"{name} opened no pull request: {'; '.join(lines[:3]) or done.returncode}")
        return Opened(found[0])
    return None


def _run(words: Sequence[str], text: str = "") -> subprocess.CompletedProcess[str]:
    """Run to its end, with nobody to ask; a program that does not answer counts as failed."""
    variables = os.environ | {"GH_PROMPT_DISABLED": "1", "GLAB_NO_PROMPT": "1", "NO_COLOR": "1"}
    try:
        return subprocess.run(
            words, input=text, capture_output=True, encoding="utf-8", errors="replace", env=variables, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(words, 1, "", str(error))
