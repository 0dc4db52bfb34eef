"""Sign commits and tags as the user's Git configuration says (rule W9)."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from modelver.git.configuration import Configuration, Identity
from modelver.git.repository import Repository


def sign_commit(repository: Repository, tree: str, parent: str | None, identity: Identity, message: str) -> str:
    """Make a signed commit; `git commit-tree` signs only when it is told to."""
    parents = ("-p", parent) if parent else ()
    variables = _person("AUTHOR", identity.author) | _person("COMMITTER", identity.committer)
    text = f"{message.rstrip()}\n".encode("utf-8", "surrogateescape")
    answer = repository.git.run("commit-tree", "-S", tree, *parents, input=text, variables=variables)
    return answer.out.decode("ascii").strip()


def sign_tag(
    repository: Repository,
    name: str,
    target: str,
    tagger: str,
    message: str,
    *,
    staging: Path,
    configuration: Configuration,
) -> str:
    """Make a signed tag object without its ref.

    Only `git tag` can sign, and it makes the ref too: so it runs in a scratch repository that shares the
    objects, and the ref that counts is made with all others in one transaction.
    """
    scratch = staging / "tags"
    if not scratch.exists():
        (scratch / "refs").mkdir(parents=True)
        (scratch / "HEAD").write_text("ref: refs/heads/none\n")
        version = "[core]\n\trepositoryformatversion = 1\n\tbare = true\n"
        (scratch / "config").write_text(f"{version}[extensions]\n\tobjectFormat = {repository.algorithm}\n")
    variables = {"GIT_DIR": str(scratch), "GIT_OBJECT_DIRECTORY": str(repository.common_dir / "objects")}
    settings = configuration.below("user", "gpg", "tag")
    git = dataclasses.replace(
        repository.git, directory=scratch, variables=variables | _person("COMMITTER", tagger), settings=settings
    )
    text = f"{message.rstrip()}\n".encode("utf-8", "surrogateescape")
    git.run("tag", "-s", "-f", "--cleanup=verbatim", "-F", "-", "--end-of-options", name, target, input=text)
    return (scratch / "refs" / "tags" / name).read_text("ascii").strip()


def _person(role: str, ident: str) -> dict[str, str]:
    person, seconds, zone = ident.rsplit(" ", 2)
    name, mail = person.rsplit(" <", 1)
    values = {"NAME": name, "EMAIL": mail.removesuffix(">"), "DATE": f"@{seconds} {zone}"}
    return {f"GIT_{role}_{key}": os.fsdecode(os.fsencode(value)) for key, value in values.items()}
