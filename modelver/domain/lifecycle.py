"""What promote, rollback, demote and archive may do: pure rules on records (rules C1, C2, I4, B3).

Each function takes a record as it is and gives it as it will be, or None where nothing changes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from itertools import accumulate

from modelver.domain import semver
from modelver.domain.records import Archive, ArchiveEntry, StageEntry, StagePointer, Values
from modelver.domain.text import nearest, quoted
from modelver.errors import Conflict, UsageError

HISTORY = 100
"""Entries that a pointer keeps at most; fewer where their messages are long, because a record has a limit."""

_WORDS = 64 * 1024
"""Characters of all messages of a history together."""

APART = timedelta(seconds=2)
"""What lies between two changes of a model's stages, at least."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """Who does something, when (UTC, whole seconds), and why."""

    by: str
    at: datetime
    message: str = ""


def event_moment(now: datetime, pointers: Iterable[StagePointer], *, apart: timedelta = APART) -> datetime:
    """The moment of a model's next event: now, or so much `apart` from its newest change of a stage (rule I4).

    GTO sorts by date, and the tag of a displacement is one second before that of the promotion that caused it.
    Raises `Conflict` where the newest change is over a day ahead of the clock.
    """
    newest = max((entry.at for pointer in pointers for entry in pointer.history), default=None)
    second = now.replace(microsecond=0)
    if newest is None:
        return second
    if newest - second > timedelta(days=1):
        raise Conflict(
            f"the newest change of a stage, at {newest:%Y-%m-%d %H:%M} UTC, is over a day ahead of the clock",
            hint="set this machine's clock",
        )
    return max(second, newest + apart)


def promote(pointer: StagePointer, version: str, act: Act) -> StagePointer | None:
    """Give a stage to a version; None where it holds it already."""
    return None if pointer.version == version else _changed(pointer, "promote", version, act)


def demote(pointer: StagePointer, act: Act) -> StagePointer | None:
    """Give a stage to nobody; None where nobody holds it."""
    return None if pointer.version is None else _changed(pointer, "demote", None, act)


def rollback(pointer: StagePointer, to: str | None, act: Act) -> StagePointer:
    """Give a stage back to its former holder, or down the stack of former holders to `to`.

    Raises `Conflict` where the stack is empty or does not hold `to`.
    """
    stack = pointer.former_holders()
    name = f"{pointer.model}@{pointer.stage}"
    if to is not None and to not in stack:
        raise Conflict(f"{to} is no former holder of {name}", hint=f"modelver promote {to} {pointer.stage}")
    if not stack:
        raise Conflict(f"{name} has no former holder", hint=f"modelver log {pointer.model}    shows who held it")
    return _changed(pointer, "rollback", to or stack[0], act)


def _changed(pointer: StagePointer, op: str, version: str | None, act: Act) -> StagePointer:
    number = pointer.number + 1
    entry = StageEntry(number=number, op=op, version=version, at=act.at, by=act.by, message=act.message)
    return dataclasses.replace(pointer, version=version, number=number, history=_cut((entry, *pointer.history)))


def _cut(history: Sequence[StageEntry]) -> tuple[StageEntry, ...]:
    """The newest entries, as many as a record may hold."""
    lengths = accumulate(len(entry.message) for entry in history[:HISTORY])
    kept = sum(length < _WORDS for length in lengths)
    return tuple(history[: max(1, kept)])


def withdrawn(changed: StagePointer, announced: StagePointer | None) -> StagePointer:
    """The pointer after its newest change, with those before it withdrawn that were never announced (rule B3).

    `announced` is the pointer on the registry's branch. A withdrawn change gets no tag and is not on the stack,
    so the history extends whatever kind of merge follows.
    """
    newest, *older = changed.history
    history = (newest, *(dataclasses.replace(e, withdrawn=True) if _is_new(e, announced) else e for e in older))
    return dataclasses.replace(changed, history=history)


def _is_new(entry: StageEntry, announced: StagePointer | None) -> bool:
    """Whether `announced` lacks this change; one older than what a cut history keeps counts as known."""
    if announced is None or entry.number > announced.number:
        return True
    same = {each.number: each for each in announced.history}.get(entry.number)
    return same is not None and not same_change(same, entry)


def same_change(a: StageEntry, b: StageEntry) -> bool:
    """Whether two entries tell of the same change; it may have been withdrawn since."""
    return dataclasses.replace(a, withdrawn=False) == dataclasses.replace(b, withdrawn=False)


def extends(pointer: StagePointer, former: StagePointer) -> bool:
    """Whether a pointer's history goes on from a former one's: nothing of it is missing or different (rule C1)."""
    known = {entry.number: entry for entry in pointer.history}
    oldest = min(known, default=0)
    return pointer.number >= former.number and all(
        entry.number in known
        and same_change(known[entry.number], entry)
        and known[entry.number].withdrawn >= entry.withdrawn
        for entry in former.history
        if entry.number >= oldest
    )


def rule_of(stage: str, rules: Mapping[str, Values]) -> str | None:
    """The key whose rules are a stage's: its name, else the first pattern that it fits; None for an unknown stage."""
    if stage in rules:
        return stage
    return next((pattern for pattern in rules if fnmatchcase(stage, pattern)), None)


def check_stage(stage: str, rules: Mapping[str, Values] | None) -> Values:
    """The rules of a stage; any name is one where none are configured (None).

    Raises `UsageError` for a stage that the configuration does not know.
    """
    if rules is None:
        return {}
    key = rule_of(stage, rules)
    if key is None:
        near = nearest(stage, rules)
        hints = [f"did you mean {' or '.join(near)}?"] if near else []
        known = ", ".join(rules) or "none, as the section stages of the configuration is empty"
        raise UsageError(f"{quoted(stage)} is no stage of this registry", hint=[*hints, f"stages: {known}"])
    return rules[key]


def check_promotion(
    version: str, stage: str, stages: Mapping[str, Values] | None, pointers: Mapping[str, StagePointer]
) -> None:
    """Raise `Conflict` where a version has not been in the stage that comes before (`from`), with the whole order."""
    before = check_stage(stage, stages).get("from")
    if not isinstance(before, str):
        return
    pointer = pointers.get(before)
    held = {entry.version for entry in pointer.history if not entry.withdrawn} if pointer else set()
    if version not in held:
        cut = pointer is not None and min(entry.number for entry in pointer.history) > 1
        known = f" in the newest {len(pointer.history)} changes" if pointer and cut else ""
        raise Conflict(
            f"{stage} comes after {before}, and {version} has not been there{known}",
            hint=[f"the order is {' → '.join(_order(stage, stages))}", f"modelver promote {version} {before}"],
        )


def _order(stage: str, stages: Mapping[str, Values] | None) -> list[str]:
    """The stages that lead to one, the first of them first; a circle is followed once."""
    order = [stage]
    while True:
        try:
            before = check_stage(order[0], stages).get("from")
        except UsageError:
            return order
        if not isinstance(before, str) or before in order:
            return order
        order.insert(0, before)


def refuse_archived(version: str, archived: Collection[str]) -> None:
    """Raise `Conflict` where a version is archived, because such a one is given no stage."""
    if version in archived:
        raise Conflict(f"{version} is archived, so it is given no stage", hint=f"modelver archive --undo {version}")


def archive(record: Archive | None, model: str, version: str, act: Act, *, undo: bool) -> Archive | None:
    """Retire a version, or bring it back; None where it is so already."""
    state = record.state if record else "restored"
    wanted = "restored" if undo else "archived"
    if state == wanted:
        return None
    entry = ArchiveEntry(op="restore" if undo else "archive", at=act.at, by=act.by, message=act.message)
    former = record or Archive(model=model, version=version, state=wanted)
    return dataclasses.replace(former, state=wanted, history=(entry, *former.history))


def next_label(labels: Collection[str], part: semver.Part) -> str:
    """The SemVer label that follows the highest of all, 0.0.0 where there is none; `part` is major, minor or patch.

    >>> next_label(["1.2.0", "nightly"], "minor"), next_label([], "patch")
    ('1.3.0', '0.0.1')
    """
    known = [version for version in map(semver.read, labels) if version is not None]
    return str(semver.bump(max(known, default=semver.ZERO), part))
