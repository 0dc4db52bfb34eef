"""What `init` sees in a repository that does not go well with version tags or large files, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelver.errors import Damaged
from modelver.records import yaml
from modelver.records.config import Config

_LIMIT = 1024 * 1024
_EXAMPLE = "v20240101120000_abcd1234"
_REFS = "commit `tags: {versions: ref}` in .modelver/config.yaml, so that versions are no plain Git tags"


def proposals(root: Path, config: Config) -> tuple[str, ...]:
    """Sentences for people, each with what was seen and what to do about it."""
    return (*_tag_readers(root, config), *_packers(root), *_images(root))


def _tag_readers(root: Path, config: Config) -> Iterator[str]:
    if config.tags.versions == "ref":
        return
    project = _text(root / "pyproject.toml") + _text(root / "setup.cfg") + _text(root / "setup.py")
    for tool, pattern in (("setuptools-scm", r"setuptools[-_]scm"), ("hatch-vcs", r"hatch[-_]vcs")):
        if re.search(pattern, project):
            yield f"{tool} takes the newest tag for this package's version, and cannot read `v2024…`: {_REFS}"
    workflows = root / ".github" / "workflows"
    for path in sorted([*workflows.glob("*.yml"), *workflows.glob("*.yaml")]) if workflows.is_dir() else ():
        if _runs_on_version_tags(path):
            yield (
                f"{path.relative_to(root)} runs on tags like `v*`, so on every version: "
                f"write `v[0-9]+.[0-9]+.*` there, or {_REFS}"
            )
    lines = _text(root / ".gitlab-ci.yml").splitlines()
    if any("CI_COMMIT_TAG" in line and "/^v" in line for line in lines):
        yield f".gitlab-ci.yml runs on tags like `v…`, so on every version: {_REFS}"


def _runs_on_version_tags(path: Path) -> bool:
    """Whether a tag pattern of a workflow takes a version's tag; the last pattern that fits decides, as on GitHub."""
    try:
        workflow = yaml.read(_text(path).encode(), name=path.name).plain()
    except Damaged:
        return False
    tags: Any = workflow
    for key in ("on", "push", "tags"):
        tags = tags.get(key) if isinstance(tags, dict) else None
    taken = False
    for pattern in map(str, tags if isinstance(tags, list) else [tags or ""]):
        if _takes(pattern.removeprefix("!")[:200], _EXAMPLE):
            taken = not pattern.startswith("!")
    return taken


def _takes(pattern: str, tag: str) -> bool:
    """Whether GitHub's filter pattern takes a tag: there `+` and `?` repeat what stands before them.

    By the set of places that are reached so far, so that no pattern takes long.
    """
    parts = re.findall(r"\*\*|\[[^\]]*\][+?]?|[^*][+?]?|\*", pattern)
    reached = {0}
    for part in parts:
        many = part[0] == "*" or part[-1] == "+"
        may_miss = part[0] == "*" or (len(part) > 1 and part[-1] == "?")
        after = set(reached) if may_miss else set()
        front = reached
        while front:
            front = {at + 1 for at in front if at < len(tag) and _is_of(part, tag[at])} - after
            after |= front
            front = front if many else set()
        reached = after
    return len(tag) in reached


def _is_of(part: str, letter: str) -> bool:
    if part[0] == "*":
        return part == "**" or letter != "/"
    if part[0] != "[" or "]" not in part:
        return letter == part[0]
    pairs = re.findall(r"(.)-(.)|(.)", part[1 : part.index("]")])
    return any(first <= letter <= last if first else letter == single for first, last, single in pairs)


def _packers(root: Path) -> Iterator[str]:
    project = _text(root / "pyproject.toml")
    if re.search(r"\bhatchling\b", project) and ".modelver" not in project:
        yield (
            "hatchling packs artifacts and objects too: write "
            '`exclude = ["/.modelver/objects", "/path/to/model"]` under [tool.hatch.build] in pyproject.toml'
        )


def _images(root: Path) -> Iterator[str]:
    if (root / "Dockerfile").is_file() and not (root / ".dockerignore").is_file():
        yield (
            "a Dockerfile without .dockerignore sends all objects to the builder: "
            "write `.git` and `.modelver/objects` into .dockerignore"
        )


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LIMIT:
            return ""
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
