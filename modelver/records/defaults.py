"""Values of the configuration where it says nothing, for who must not load the reader of YAML to know them."""

from __future__ import annotations

MAX_SIZE = 10_000_000
"""Bytes of the largest model file that the hooks let into a commit."""
