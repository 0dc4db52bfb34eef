"""What a store of the web tells of a URI: entity tag, size, version."""

from __future__ import annotations

import re

SECONDS = 3.0
"""How long a store may take to answer."""

_HEADERS = {"ETag": "etag", "Content-Length": "size", "x-amz-version-id": "version", "x-goog-generation": "version"}
_SIZE = re.compile(r"[0-9]{1,18}")
_PLAIN = re.compile(r"[!-~]{1,200}")


def told_of(uri: str) -> dict[str, str | int]:
    """`etag`, `size` in bytes and `version` of what is at an http or https URI, as far as its server says so.

    Nothing of it is fetched, and nothing is told where it cannot be reached, or for other kinds of URI.
    """
    if not uri.startswith(("http://", "https://")):
        return {}
    from http.client import HTTPException
    from urllib.request import Request, urlopen

    try:
        # The scheme was looked at, and a HEAD request brings no bytes.
        with urlopen(Request(uri, method="HEAD"), timeout=SECONDS) as answer:  # noqa: S310
            told = {name: str(answer.headers[header]) for header, name in _HEADERS.items() if answer.headers[header]}
    except (OSError, HTTPException, ValueError):
        return {}
    size = told.pop("size", "")
    found: dict[str, str | int] = {name: text for name, text in told.items() if _PLAIN.fullmatch(text)}
    return found | ({"size": int(size)} if _SIZE.fullmatch(size) else {})
