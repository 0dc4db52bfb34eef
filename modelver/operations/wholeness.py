"""Whether the store has all bytes of an artifact, and how to heal it from a copy that is right."""

from __future__ import annotations

from pathlib import Path

from modelver.errors import Damaged, NotFound
from modelver.storage.objects import ObjectStore


def is_right(store: ObjectStore, digest: str) -> bool:
    """Whether one object is here and has the bytes of its name."""
    try:
        store.verify(digest)
    except (Damaged, NotFound):
        return False
    return True


def is_whole(store: ObjectStore, digest: str, *, directory: bool) -> bool:
    """Whether all objects of an artifact are here and right."""
    if not is_right(store, digest):
        return False
    return not directory or all(is_right(store, each) for each in store.manifest(digest).digests)


def take_anew(store: ObjectStore, digest: str, place: Path, *, directory: bool) -> None:
    """Store what lies at `place`, which has the right bytes; wrong ones go first, since `put` keeps what is there."""
    if not is_right(store, digest):
        store.remove(digest)
    store.put(place)
    wrong = [each for each in store.manifest(digest).digests if not is_right(store, each)] if directory else []
    for each in wrong:
        store.remove(each)
    if wrong:
        store.put(place)
