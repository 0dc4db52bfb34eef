"""The program's entry: answers what needs nothing loaded, and turns every ending into an exit code."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line that this process was given and end the process with its exit code."""
    words = sys.argv[1:]
    if "_MODELVER_COMPLETE" in os.environ:
        from modelver.cli.complete import answer

        answer(words)
        return
    if words[:1] == ["--version"]:
        from modelver import __version__

        print(f"modelver {__version__}")
        return
    from modelver.cli.run import run

    sys.exit(run(words))


if __name__ == "__main__":
    main()
