"""Text that was written by others, made fit for a message or understood; the nearest of known words; sizes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

# C0, DEL and C1 move the cursor or change colours, bidi marks reorder what is read, lone surrogates cannot be
# encoded, the line separators break a message that has to be one line, and XML has no U+FFFE and U+FFFF.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufffe\uffff]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]+)?) ?([kMGT]i?)?B?", re.IGNORECASE)


def printable(text: str) -> str:
    """`text` on one line, with every character that a terminal would act on written as an escape.

    >>> printable("red \\x1b[31m")
    'red \\\\x1b[31m'
    """
    return _UNSAFE.sub(_escape, text)


def quoted(text: str, limit: int = 60) -> str:
    """`text` printable, in single quotes and cut after `limit` characters, for a message.

    >>> quoted("big")
    "'big'"
    """
    cut = text if len(text) <= limit else text[:limit] + "…"
    return f"'{printable(cut)}'"


def moment_of(text: str) -> datetime | None:
    """The moment that `text` is in ISO 8601, UTC where it names no zone; None for anything else.

    >>> str(moment_of("2024-01-31"))
    '2024-01-31 00:00:00+00:00'
    """
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        return None
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def nearest(word: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """Those of `known` that `word` may have been meant for, the nearest first.

    >>> nearest("farud", ["fraud", "churn"])
    ['fraud']
    """
    import difflib  # only a message about a mistake needs it

    candidates = list(known)
    ends = [name for name in candidates if name.rpartition("/")[2] == word]
    close = difflib.get_close_matches(word, candidates, n=limit, cutoff=0.6)
    return list(dict.fromkeys(ends + close))[:limit]


def size(count: int) -> str:
    """A number of bytes as people read it, in powers of 1000.

    >>> size(999), size(90868376)
    ('999 B', '90.9 MB')
    """
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} PB"


def size_of(text: str) -> int | None:
    """The number of bytes that a person writes, None for anything else; a unit with an `i` is one of powers of 1024.

    >>> size_of("10MB"), size_of("1 GiB"), size_of("500 kB"), size_of("12"), size_of("much")
    (10000000, 1073741824, 500000, 12, None)
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    unit = (match[2] or "").lower()
    power = " kmgt".index(unit[0]) if unit else 0
    factor: int = (1024 if unit.endswith("i") else 1000) ** power
    return round(float(match[1]) * factor)


def shell_word(text: str) -> str:
    """`text` as one word of a command line, whatever is in it, for a command that a person copies.

    >>> print(shell_word("model.bin"), shell_word("my model.bin"), shell_word("a\\nb"))
    model.bin 'my model.bin' $'a\\nb'
    """
    if re.fullmatch(r"[\w@%+=:,./-]+", text, re.ASCII):
        return text
    if printable(text) == text:
        return "'" + text.replace("'", "'\"'\"'") + "'"
    escaped = (_SHORT.get(chr(byte)) or _byte(byte) for byte in text.encode("utf-8", "surrogateescape"))
    return "$'" + "".join(escaped) + "'"


def _byte(byte: int) -> str:
    plain = 0x20 <= byte < 0x7F and chr(byte) not in "\\'"
    return chr(byte) if plain else f"\\x{byte:02x}"


def percent(share: float) -> str:
    """A share of 1 in per cent.

    >>> percent(0.05), percent(1)
    ('5 %', '100 %')
    """
    return f"{share * 100:.3g} %"


def counted(count: int, noun: str) -> str:
    """How many of a noun there are.

    >>> counted(1, "sample"), counted(12000, "sample")
    ('1 sample', '12,000 samples')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
