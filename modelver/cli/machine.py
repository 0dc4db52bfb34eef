"""The choices of this machine that the environment makes."""

from __future__ import annotations

import os

_NAMES = {
    "MODELVER_LOCK_TIMEOUT": "lock-timeout",
    "MODELVER_OBJECTS_LINK": "objects.link",
    "MODELVER_IGNORE": "ignore",
}


def environment() -> dict[str, str]:
    """By their key in the configuration: `MODELVER_LOCK_TIMEOUT` is `lock-timeout`."""
    return {key: os.environ[name] for name, key in _NAMES.items() if os.environ.get(name)}
