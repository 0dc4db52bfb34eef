"""The environment and the settings that every Git process gets (rule W8)."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # without `typing`, since a hook with nothing to do loads no more than it needs

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEPT = {
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_QUARANTINE_PATH",
    "GIT_EXEC_PATH",
    "GIT_ASKPASS",
    "GIT_TERMINAL_PROMPT",
}
_KEPT_PREFIXES = ("GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_CONFIG_", "GIT_SSH", "GIT_SSL_")

_NO_HOOKS = {"core.hooksPath": os.devnull}
_SETTINGS = {
    "core.fsync": "committed,index",
    "core.fsmonitor": "false",
    "core.quotePath": "false",
}


def options(settings: Mapping[str, str]) -> list[str]:
    """The words before Git's command: no hooks of the user's, these settings, and those that no one can change."""
    chosen = {**_NO_HOOKS, **settings, **_SETTINGS}
    return [word for key, value in chosen.items() for word in ("-c", f"{key}={value}")]


def environment() -> dict[str, str]:
    """The variables of a Git process."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    # Literal pathspecs, because a path may look like a pattern; no replacement objects, because what
    # comes back is checked against its object id; Git's words in English, because we quote them.
    kept.update(GIT_LITERAL_PATHSPECS="1", GIT_NO_REPLACE_OBJECTS="1", GIT_OPTIONAL_LOCKS="0", LC_ALL="C", LANGUAGE="C")
    return kept
