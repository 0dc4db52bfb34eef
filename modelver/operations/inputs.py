"""The lineage inputs that a person gives at `add`: data, code, parents."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from modelver.domain.records import Input, Value
from modelver.domain.redaction import without_credentials
from modelver.domain.text import quoted
from modelver.errors import UsageError
from modelver.operations.workspace import Workspace
from modelver.programs.web import told_of

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True)
class Data:
    """A file, a directory or a URI that a version was trained on."""

    place: str | os.PathLike[str]


@dataclass(frozen=True)
class Code:
    """A file or a directory of code that made a version."""

    place: str | os.PathLike[str]


@dataclass(frozen=True)
class Parent:
    """A version, by reference, from which another was fine-tuned."""

    ref: object


def edges(
    workspace: Workspace, given: Iterable[Data | Code | Parent], *, of_data: str = "trained-on"
) -> tuple[Input, ...]:
    """The edges of a new version or note, in the order given; each given twice counts once.

    `of_data` is the relation to data. Data and code that lie on this machine are hashed, not stored. Raises
    `UsageError` for a path that is not there and for a URI with a password in it.
    """
    found = [_edge(workspace, each, of_data) for each in given]
    names: dict[tuple[str, str], Input] = {}
    for each in found:
        if names.setdefault((each.kind, each.id), each) != each:
            raise UsageError(f"{quoted(each.id)} names two different things", hint="give each a name of its own")
    return tuple(names.values())


def _edge(workspace: Workspace, given: Data | Code | Parent, of_data: str) -> Input:
    match given:
        case Data(place):
            return _data(workspace, os.fsdecode(place), of_data)
        case Code(place):
            return _code(workspace, os.fsdecode(place))
        case Parent(ref):
            found = workspace.find(str(ref))
            return Input(kind="model", id=found.version, relation="fine-tuned-from")
    raise UsageError(f"inputs: expected Data, Code or Parent, found {quoted(repr(given))}")


def _data(workspace: Workspace, typed: str, relation: str) -> Input:
    name, place = _parted(workspace, typed)
    found = _unnamed(workspace, place, relation)
    if name is None:
        return found
    where: dict[str, Value] = {"uri" if _URI.match(place) else "path": found.id}
    return replace(found, id=name, more={**where, **found.more})


def _parted(workspace: Workspace, typed: str) -> tuple[str | None, str]:
    """Name and place of `NAME=PLACE`; a path that is there, and a URI with a `=` in it, is no name."""
    name, sign, place = typed.partition("=")
    if not sign or not name or "://" in name or os.path.lexists(workspace.typed(typed)):
        return None, typed
    return name, place


def _unnamed(workspace: Workspace, typed: str, relation: str) -> Input:
    if _URI.match(typed):
        return Input(kind="data", id=without_password(typed, "--data"), relation=relation, more=told_of(typed))
    path, name = _named(workspace, typed, "--data")
    return Input(kind="data", id=name, digest=_digest(workspace, path, name), relation=relation)


def without_password(uri: str, option: str) -> str:
    """The URI itself; raises `UsageError` where a password, a token or a signature is in it."""
    plain = without_credentials(uri)
    if plain != uri:
        raise UsageError(
            f"{option}: the URI {quoted(plain, 200)} holds credentials, and records are for everybody",
            hint="give it without user, password, token or signature",
        )
    return uri


def _code(workspace: Workspace, typed: str) -> Input:
    path, name = _named(workspace, typed, "--code")
    inside = workspace.relative(path)
    commit = workspace.repository.head().commit
    known = inside is not None and commit is not None
    return Input(
        kind="code",
        id=name,
        digest=_digest(workspace, path, name),
        commit=commit if known else None,
        dirty=workspace.repository.dirty(inside) if known and inside is not None else None,
        relation="trained-by",
    )


def _named(workspace: Workspace, typed: str, option: str) -> tuple[Path, str]:
    """The path that is meant, and its name in the record: from the repository's root, else as typed."""
    path = workspace.typed(typed)
    if not os.path.exists(path):
        raise UsageError(f"{option}: {quoted(typed)} is not there", hint="give a file, a directory, or a URI with ://")
    return path, workspace.relative(path) or typed


def _digest(workspace: Workspace, path: Path, name: str) -> str:
    real = Path(os.path.realpath(path))  # data often lies elsewhere, behind a link
    return workspace.store.digest_of(real, cache=workspace.stat_cache, name=name)
