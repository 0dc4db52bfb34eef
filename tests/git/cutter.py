"""Run a program and cut its answer short, with exit code 0: `cutter.py MODE BYTES-OR-FILE PROGRAM WORD…`.

`record` keeps a copy of the whole answer in a file; `cut` lets the program end in peace, `cut-killed` does not.
"""

from __future__ import annotations

import os
import subprocess
import sys


def main(mode: str, what: str, *words: str) -> int:
    """Pass the answer on as it comes, up to the cut."""
    # Our own inherited descriptors go on to the program: it holds modelver's lock.
    process = subprocess.Popen(words, stdout=subprocess.PIPE, close_fds=False)
    assert process.stdout is not None
    copy = os.open(what, os.O_WRONLY | os.O_CREAT) if mode == "record" else -1
    left = sys.maxsize if mode == "record" else int(what)
    while left and (part := os.read(process.stdout.fileno(), min(left, 65536))):
        left -= os.write(1, part)
        if copy >= 0:
            os.write(copy, part)
    os.close(1)
    if mode == "cut-killed":
        process.kill()
    while os.read(process.stdout.fileno(), 65536):
        pass
    process.wait()
    return process.returncode if mode == "record" else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
