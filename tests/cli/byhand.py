"""Records as a person, or an attacker, would write them: plain text, without modelver's own writer."""

from __future__ import annotations

from typing import Any

from worlds import World, sha256

DIGEST = sha256("fraud 1")
"""The digest of bytes that the world `fraud` has."""
ID = f"v20240301000000_{DIGEST[:8]}"
"""The id of a version made by hand, newer than all others."""


def version(model: str = "fraud", version: str = ID, *, more: str = "", **changes: Any) -> str:
    """The text of a version's record; `changes` replace what stands after a key, `more` is put behind."""
    digest = changes.pop("digest", f"sha256:{version[-8:]}{DIGEST[8:]}")
    moment = version[1:15]
    created = f"{moment[:4]}-{moment[4:6]}-{moment[6:8]}T{moment[8:10]}:{moment[10:12]}:{moment[12:14]}Z"
    facts = {
        "format": 1,
        "model": model,
        "version": version,
        "created_at": f"'{created}'",
        "created_by": "A. User <user@example.org>",
        "message": "by hand",
        "path": "model.bin",
        "kind": "file",
        "digest": digest,
        "size": 7,
        "files": 1,
        **changes,
    }
    inner = ("path", "kind", "digest", "size", "files")
    lines = [f"{key}: {value}" for key, value in facts.items() if key not in inner]
    return "\n".join([*lines, "artifact:", *(f"  {key}: {facts[key]}" for key in inner), more, ""])


def version_path(version: str = ID, model: str = "fraud") -> str:
    """Where a version's record belongs."""
    return f".modelver/models/{model}/versions/{version[1:7]}/{version[7:9]}/{version}.yaml"


def label(world: World, label: str, version: str, model: str = "fraud") -> str:
    """Commit a label; its path."""
    path = f".modelver/models/{model}/tags/{label}.yaml"
    text = f"format: 1\nmodel: {model}\nlabel: '{label}'\nversion: {version}\nop: tag\n" + _made()
    world.commit({path: text})
    return path


def stage(
    world: World, stage: str, *history: tuple[str, str | None], model: str = "fraud", version: str | None = ""
) -> str:
    """Commit a stage whose changes, newest first, are pairs of operation and version; its path."""
    number = len(history)
    entries = [
        f"- number: {number - place}\n  op: {op}\n  version: {holder or 'null'}\n"
        f"  at: '2024-02-{number - place:02}T00:00:00Z'\n  by: A. User <user@example.org>\n  message: ''\n"
        for place, (op, holder) in enumerate(history)
    ]
    holder = history[0][1] if version == "" else version
    head = f"format: 1\nmodel: {model}\nstage: {stage}\nversion: {holder or 'null'}\nnumber: {number}\nhistory:\n"
    path = f".modelver/models/{model}/stages/{stage}.yaml"
    world.commit({path: head + "".join(entries)})
    return path


def archive(world: World, version: str, model: str = "fraud", state: str = "archived") -> str:
    """Commit that a version is archived, or restored; its path."""
    path = f".modelver/models/{model}/archived/{version[1:7]}/{version[7:9]}/{version}.yaml"
    op = {"archived": "archive", "restored": "restore"}[state]
    history = f"history:\n- op: {op}\n  at: '2024-02-01T00:00:00Z'\n  by: A. User <user@example.org>\n  message: ''\n"
    world.commit({path: f"format: 1\nmodel: {model}\nversion: {version}\nstate: {state}\n{history}"})
    return path


def note(world: World, version: str, kind: str, model: str = "fraud") -> str:
    """Commit a note on a version; its path."""
    path = f".modelver/models/{model}/notes/{version[1:7]}/{version[7:9]}/{version}/20240301T000000_0a0b0c0d.yaml"
    world.commit({path: f"format: 1\nmodel: {model}\nversion: {version}\nkind: {kind}\n" + _made()})
    return path


def _made() -> str:
    return "created_at: '2024-02-01T00:00:00Z'\ncreated_by: A. User <user@example.org>\nmessage: ''\n"
