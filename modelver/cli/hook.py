"""What the Git hooks start, without the command line's own parser: a hook that has nothing to do must not be felt.

Only the exit code 4 stops Git; what fails here is told in one line.
"""

from __future__ import annotations

import os
import sys

from modelver.cli.machine import environment
from modelver.operations.hooks import REFUSED, run

TYPE_CHECKING = False  # see modelver/git/environment.py

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelver.operations.together import Unfit

_FEW = 10


def main() -> None:
    """Do what the hook of this process's first word does, and end with its exit code."""
    name, *words = sys.argv[1:]
    for stream in (sys.stdout, sys.stderr):
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    try:
        unfit, told = run(".", name, words, environment())
        code = tell(unfit, told, os.environ.get("GIT_PREFIX", ""))
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        print(f"modelver: {name} was passed over by a bug: {type(error).__name__}: {error}", file=sys.stderr)
        code = 0
    sys.exit(code)


def tell(unfit: Sequence[Unfit], told: Sequence[str], standing: str) -> int:
    """Tell on standard error what a hook found, with paths from where the person stands; the exit code."""
    if unfit or told:
        from modelver.domain.text import printable

        for line in told:
            print(f"modelver: {printable(line)}", file=sys.stderr)
        for line in _refusal(unfit, standing) if unfit else ():
            print(line, file=sys.stderr)
    return REFUSED if unfit else 0


def _refusal(unfit: Sequence[Unfit], standing: str) -> Iterator[str]:
    """Each file, why it must not go into the commit, and what to do."""
    from modelver.domain.text import counted, printable, shell_word, size

    yield "error: these files must not go into the commit, since Git would keep them in every clone for good"
    names = {each.path: os.path.relpath(each.path, standing) if standing else each.path for each in unfit}
    for each in unfit[:_FEW]:
        yield printable(f"  {names[each.path]}  {size(each.size)}  {each.reason}")
    if len(unfit) > _FEW:
        yield f"  and {counted(len(unfit) - _FEW, 'more')}"
    shown = " ".join(shell_word(names[each.path]) for each in unfit[:_FEW])
    yield f"hint: git rm --cached -- {shown}"
    for each in [each for each in unfit if not each.registered][:_FEW]:
        yield f"hint: modelver add {shell_word(names[each.path])}"
    yield "hint: or `git commit --no-verify`, to commit all the same"


if __name__ == "__main__":
    main()
