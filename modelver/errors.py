"""The one tree of errors: a class carries the exit code, an instance what to do next.

=============  ====  ==========================================================================
class          code  meaning
=============  ====  ==========================================================================
CheckFailed       1  a condition that the user asked to check does not hold
UsageError        2  wrong usage
NotFound          3  not found, ambiguous
Conflict          4  exists already, lost race, locked, dirty file in the way
Damaged           5  bytes or records do not match their digest, malformed or hostile
Refused           6  refused by policy
ProgramFailed     7  a remote, Git, or another program failed; the disk is full
Denied            8  credentials missing or refused
CannotTell        9  a gate cannot tell: samples or metrics missing, goal unknown
=============  ====  ==========================================================================

0 is success, 70 a bug in modelver, 130 an interruption.
"""

from __future__ import annotations


class ModelverError(Exception):
    """Base of every expected error.

    `message` is one line without a final full stop; `hints` are whole lines, each the next command to
    type or the next thing to look at. `excerpt` is the user's own text and `mark` the half-open range
    of it that is wrong, where an error points at a word. `details` are the rows of a table, where there are several
    things to say.
    """

    code = 70

    def __init__(
        self,
        message: str,
        *,
        hint: str | list[str] | None = None,
        excerpt: str | None = None,
        mark: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hints: list[str] = [hint] if isinstance(hint, str) else list(hint or [])
        self.excerpt = excerpt
        self.mark = mark
        self.details: list[dict[str, object]] = []
        self.source: str | None = None
        """Of an error of `modelver run`: `command` or `modelver`."""


class CheckFailed(ModelverError):
    """A condition that the user asked to check does not hold."""

    code = 1


class UsageError(ModelverError):
    """The words of a call are wrong."""

    code = 2


class NotFound(ModelverError):
    """Nothing, or more than one thing, answers to a name."""

    code = 3


class Conflict(ModelverError):
    """Something is there already, was moved by somebody else, or is in the way."""

    code = 4


class Damaged(ModelverError):
    """Bytes or records that do not match their digest, or are malformed or hostile."""

    code = 5


class Refused(ModelverError):
    """A policy does not allow it."""

    code = 6


class ProgramFailed(ModelverError):
    """Git, a remote, another program or the disk failed."""

    code = 7


class CommandFailed(ProgramFailed):
    """The command that `modelver run` was given failed; `code` is its own exit code."""

    def __init__(self, message: str, *, code: int, hint: str | list[str] | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.source = "command"


class Denied(ModelverError):
    """Credentials are missing or were refused."""

    code = 8


class CannotTell(ModelverError):
    """A gate has not enough facts to judge."""

    code = 9


BUG = 70
INTERRUPTED = 130
