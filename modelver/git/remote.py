"""A Git remote: what it has, and bringing commits and tags from it and to it through Git's own transport."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from modelver.errors import Denied, ModelverError, NotFound, ProgramFailed
from modelver.git.configuration import Configuration
from modelver.git.locks import clear_abandoned_locks
from modelver.git.process import Answer
from modelver.git.repository import Repository

_CREDENTIALS = re.compile(
    r"Authentication failed|could not read (Username|Password)|terminal prompts disabled|Permission denied \(|"
    r"requested URL returned error: 40[13]|Invalid username or|HTTP Basic: Access denied|invalid credentials",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class State:
    """What a remote has: object ids by full ref name, and the commits of annotated tags."""

    refs: Mapping[str, str]
    commits: Mapping[str, str]

    def differs(self, other: State, *refs: str) -> bool:
        """Whether some refs are not the same in another state."""
        return any(self.refs.get(ref) != other.refs.get(ref) for ref in refs)


_STATUS = re.compile(r"(?P<flag>[ *+=!-])\t[^\t]*:(?P<ref>refs/[^\t]+)\t(?P<why>.*)")


@dataclass(frozen=True)
class Pushed:
    """What became of a push: the refs that it changed, those that were refused, each with why, and the error."""

    taken: frozenset[str]
    refused: Mapping[str, str]
    error: ModelverError | None


@dataclass(frozen=True)
class Remote:
    """A remote by its name, or by its address where a branch is configured so."""

    repository: Repository
    name: str
    tracked: bool
    """Whether it is configured, so that this clone has remote-tracking branches of it."""

    @classmethod
    def of(cls, repository: Repository, configuration: Configuration, branch: str) -> Remote:
        """The remote of a branch: its upstream's, else `origin`, else the only one; `NotFound` where there is none."""
        keys = (key for key in configuration.values if key.startswith("remote.") and key.endswith(".url"))
        known = {key.removeprefix("remote.").removesuffix(".url") for key in keys}
        upstream = configuration.last(f"branch.{branch}.remote")
        name = upstream if upstream not in (None, ".") else "origin" if "origin" in known else None
        if name is None and len(known) == 1:
            name = known.copy().pop()
        if name is None or name.startswith("-"):
            several = f"which of {', '.join(sorted(known))} is meant is not said" if known else "there is no Git remote"
            raise NotFound(several, hint=["git remote add origin URL", f"git branch --set-upstream-to=… {branch}"])
        return cls(repository, name, name in known)

    @property
    def label(self) -> str:
        """What people and the reflog are told: an address may hold a password."""
        return self.name if self.tracked else "the remote"

    def tracking(self, branch: str) -> str:
        """The remote-tracking ref of a branch; for an address, where Git has none, one that tells what was pushed."""
        return f"refs/remotes/{self.name if self.tracked else 'pushed'}/{branch}"

    def url(self) -> str:
        """The address, as Git would ask it."""
        answer = self.repository.git.run("ls-remote", "--get-url", "--", self.name)
        return os.fsdecode(answer.out).strip()

    def state(self, *branches: str) -> State:
        """What the remote has of some branches and of all tags; one connection."""
        heads = [f"refs/heads/{branch}" for branch in branches]
        answer = self._ask("ls-remote", "--", self.name, *heads, "refs/tags/*", "refs/modelver/*", end=b"\n")
        refs: dict[str, str] = {}
        commits: dict[str, str] = {}
        for line in os.fsdecode(answer.out).splitlines():
            oid, _, ref = line.partition("\t")
            if ref.endswith("^{}"):
                commits[ref.removesuffix("^{}")] = oid
            elif not ref.startswith("refs/heads/") or ref in heads:  # a pattern also finds names that end like it
                refs[ref] = oid
        return State(refs, {ref: commits.get(ref, oid) for ref, oid in refs.items()})

    def fetch(self, branches: Sequence[str], tags: Sequence[str] = (), *, alone: bool = False) -> None:
        """Bring branches, and tags over whatever has their names here; one connection.

        With `alone`, a shallow clone gets the commits of the tags without what was before them.
        """
        specs = [
            f"+refs/heads/{branch}:{self.tracking(branch)}" if self.tracked else f"refs/heads/{branch}"
            for branch in branches
        ]
        specs += [f"+{ref}:{ref}" for ref in tags]
        options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc", "--no-recurse-submodules"]
        options += ["--no-prune", "--no-prune-tags"]  # with an address, pruning takes tags of the user's away
        options += ["--depth=1"] if alone and self.repository.shallow else []
        text = "\n".join([*specs, ""]).encode("utf-8", "surrogateescape")
        refs = [*(self.tracking(branch) for branch in branches if self.tracked), *tags]
        for last in (False, False, True) if specs else ():
            try:
                self._ask("fetch", *options, "--stdin", "--", self.name, input=text)
                return
            except ProgramFailed as error:
                # Somebody else fetches here right now, or was killed while they did.
                if last or "cannot lock ref" not in error.message:
                    raise
                clear_abandoned_locks(self.repository.common_dir / ref for ref in refs)

    def push(self, specs: Sequence[str]) -> Pushed:
        """Push all of it or nothing; what the remote, a hook or the network refuses is in the answer.

        The user's `pre-push` runs as in a push of his own.
        """
        options = ("--porcelain", "--atomic", "--no-follow-tags", "--recurse-submodules=no")
        git = dataclasses.replace(self.repository.git, as_user=True, variables={})
        answer = git.run("push", *options, "--", self.name, *specs, accept=range(-64, 256), variables=_quiet())
        statuses = [match for line in os.fsdecode(answer.out).splitlines() if (match := _STATUS.fullmatch(line))]
        refused = {each["ref"]: each["why"] for each in statuses if each["flag"] == "!"}
        taken = frozenset(each["ref"] for each in statuses if each["flag"] in " *+")
        return Pushed(taken, refused, self._failure("push", answer, refused.values()) if answer.code else None)

    def _ask(self, *words: str, input: bytes = b"", end: bytes = b"") -> Answer:
        answer = self.repository.git.run(*words, input=input, accept=range(-64, 256), variables=_quiet())
        if answer.code:
            raise self._failure(words[0], answer)
        if answer.out and not answer.out.endswith(end):
            raise self.repository.git.cut_short(words)
        return answer

    def _failure(self, verb: str, answer: Answer, reasons: Iterable[str] = ()) -> ModelverError:
        """The error in Git's words, without what an address may have of credentials."""
        from modelver.domain.redaction import without_credentials

        if answer.code < 0:
            return ProgramFailed(f"git {verb} was killed by signal {-answer.code}", hint="run the same command again")
        why = "; ".join(dict.fromkeys([*reasons, answer.words]))
        place = f"the remote {self.name}" if self.tracked else "the remote"
        message = without_credentials(f"git {verb} failed with {place}: {why}")
        hint = f"git ls-remote{f' {self.name}' if self.tracked else ''}    has to work first"
        if _CREDENTIALS.search(answer.words):
            return Denied(message, hint=hint)
        return ProgramFailed(message, hint=None if reasons else hint)


def _quiet() -> dict[str, str]:
    """Without a terminal nobody can answer a question."""
    asks = "GIT_TERMINAL_PROMPT" in os.environ or sys.stdin is None or sys.stdin.isatty()
    return {} if asks else {"GIT_TERMINAL_PROMPT": "0"}
