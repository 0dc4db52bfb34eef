"""How sync, undo, requests and hooks are shown to people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelver.cli.shared import Choices
from modelver.cli.shown import staged
from modelver.domain.text import counted, printable
from modelver.operations.together import HooksPlaced, HooksRemoved, Requested, Synced, Undone


def _synced(result: Synced, chosen: Choices) -> None:
    for each in result.wrong:
        print(printable(f"wrong: {each.detail}"))
    for new in result.new:
        what = f" got {new.stage}" if new.stage else f" is {new.label}" if new.label else ""
        print(printable(f"{new.tag}  {new.model} {new.version}{what}" if what else f"{new.tag}  {new.model}"))
    if result.replayed and not chosen.quiet:
        print(f"{counted(result.replayed, 'commit')} put on those of others")
    if result.pushed and not chosen.quiet:
        print(printable(f"pushed {', '.join(result.pushed)}"))
    if not (result.new or result.wrong or result.beyond or result.pushed or chosen.quiet):
        print("all tags that the records call for are there")


def _undone(result: Undone, chosen: Choices) -> None:
    what = " ".join(part for part in (result.op, result.model, result.version) if part)
    print(printable(f"undone: {what}") if not chosen.quiet else result.commit)
    if result.tags and not chosen.quiet:
        print(printable(f"  tags that went: {', '.join(result.tags)}"))


def _requested(result: Requested, chosen: Choices) -> None:
    if chosen.quiet:
        print(result.branch)
        return
    staged(result, chosen)
    print(f"  branch {result.branch}")
    if result.compare_url:
        print(printable(f"  {result.compare_url}"))
    print()
    for line in result.body.splitlines():
        print(printable(line))


def hooks_placed(result: HooksPlaced, chosen: Choices) -> None:
    if chosen.quiet:
        return
    print(f"hooks in {printable(result.directory)}" + ("" if result.changed else "  (they were there already)"))
    for hook in result.hooks:
        print(f"  {hook.name}" + ("  after the one that was there" if hook.chained else ""))


def _hooks_removed(result: HooksRemoved, chosen: Choices) -> None:
    if not chosen.quiet:
        gone = ", ".join(result.hooks)
        print(f"no longer in {printable(result.directory)}: {gone}" if gone else "there were no hooks of modelver's")


SHOWN: dict[type, Callable[[Any, Choices], None]] = {
    Synced: _synced,
    Undone: _undone,
    Requested: _requested,
    HooksPlaced: hooks_placed,
    HooksRemoved: _hooks_removed,
}
