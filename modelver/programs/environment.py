"""What trains a model: an interpreter, what is installed for it, and this machine.

An interpreter is asked by a small script, started with `-I`: neither the directory that we are in, nor `PYTHONPATH`,
nor the user's own site-packages are imported from, so that nothing from a project runs because a model is registered.
What lies in the latter two is read all the same, since a training would find it there: their directories are searched
for distributions, in the order in which Python would look. Site-packages of a virtual environment are always found.

No value of an environment variable goes into a description, and no path of this machine. What others' programs say is
hostile until checked, and limited in time and size; what cannot be told becomes a remark.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelver.domain.redaction import without_credentials
from modelver.domain.text import printable, quoted
from modelver.files import disk_errors

MAX_SECONDS = 10.0  # for an interpreter to answer
MAX_BYTES = 4 << 20  # of an answer
MAX_PACKAGES = 20_000
MAX_TEXT = 1 << 20  # bytes of the list of packages

_DEVICE_SECONDS = 5.0
_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*[a-z]?(?:\.exe)?", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9])?")
_VERSION = re.compile(r"[!-~]{1,100}")
_URL = re.compile(r"[a-z][a-z0-9+.-]{0,30}://[^\s\x00-\x1f]{1,2000}", re.IGNORECASE)
_CPU = re.compile(r"^(?:model name|cpu model|Model|Hardware|cpu)\s*:[ \t]*(\S.*)$", re.MULTILINE)

_LOCK_FILES = re.compile(
    r"(?:uv|poetry|pdm|pixi)\.lock|Pipfile\.lock|pylock(?:\.[^.]+)?\.toml|requirements.*\.txt"
    r"|conda-lock\.yml|environment\.ya?ml|package-lock\.json"
)


@dataclass(frozen=True, kw_only=True)
class Described:
    """What trains a model, as far as it is known.

    `values` may have `python`, `implementation`, `platform` (as `Linux-x86_64`) and `system` of the interpreter, and
    of this machine `cpu`, `cpus`, `memory` (bytes), `gpu`, `gpus`, `gpu_driver` and `cuda`. `packages` is a line a
    package, sorted, with names as PEP 503 normalises them: `NAME==VERSION`, `NAME @ URL` for what was installed from
    elsewhere, either with ` # editable` behind it. Equal environments give equal text; it is empty where nothing is
    known or installed.
    """

    values: Mapping[str, str | int]
    packages: str
    remarks: tuple[str, ...] = ()


def describe(interpreter: Path | None, variables: Mapping[str, str]) -> Described:
    """Ask an interpreter, and this machine; without one the active environment's, by the variables of the user.

    That is the Python of `VIRTUAL_ENV`, else of `CONDA_PREFIX`, else `python3` or `python` on `PATH`. Never an error.
    """
    asked = interpreter or _active(variables)
    here = machine(variables)
    if asked is None:
        return Described(values=here, packages="")
    try:
        answer = _asked(asked, variables)
    except _NoAnswerError as error:
        remark = f"{quoted(str(asked), 200)} tells nothing of its environment: {error}"
        return Described(values=here, packages="", remarks=(remark,))
    return _described(answer, here)


def running() -> Described:
    """Describe the interpreter that this code runs in, and this machine; no program is started."""
    return _described(_survey(False), machine(None))


def interpreter_of(word: str, variables: Mapping[str, str], cwd: Path = Path()) -> Path | None:
    """The Python that a command starts whose first word is `word`, None where it is not known to start one.

    It is one by its name, or by its first line, as that of `torchrun` or of a script of one's own.
    """
    found = _which(word, variables, cwd)
    if found is None or _PYTHON.fullmatch(found.name):
        return found
    try:
        with found.open("rb") as stream:
            line = os.fsdecode(stream.readline(4096))
    except OSError:
        return None
    words = line.removeprefix("#!").split() if line.startswith("#!") else []
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if word != "-S"]
    return _which(words[0], variables, cwd) if words and _PYTHON.fullmatch(Path(words[0]).name) else None


def lock_files(root: Path) -> list[str]:
    """Names of the files directly in `root` that fix which packages are installed, sorted.

    Lock files of uv, poetry, pdm, pixi, Pipenv, conda and npm, `pylock.toml`, `requirements*.txt`, `environment.yml`.
    A link is none of them.
    """
    with disk_errors("look for lock files"), os.scandir(root) as entries:
        return sorted(
            each.name for each in entries if _LOCK_FILES.fullmatch(each.name) and each.is_file(follow_symlinks=False)
        )


def _active(variables: Mapping[str, str]) -> Path | None:
    homes = [Path(variables[name]) for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if variables.get(name)]
    places = [home / place for home in homes for place in ("bin/python", "Scripts/python.exe", "python.exe")]
    here = (place for place in places if place.is_file())
    return next(here, None) or _which("python3", variables) or _which("python", variables)


def _which(word: str, variables: Mapping[str, str], cwd: Path = Path()) -> Path | None:
    is_path = os.path.basename(word) != word
    found = shutil.which(str(cwd / word) if is_path else word, path=variables.get("PATH", ""))
    return Path(found).absolute() if found else None


def _survey(isolated: bool) -> Any:
    # What an interpreter says of itself. The source of this function is sent to the one that is asked, which may be a
    # Python of any release: it uses nothing of this module.
    import os
    import platform
    import site
    import sys

    path = list(sys.path)
    if isolated:
        # What `-I` switched off; `site` leaves the base out where a virtual environment does not see its packages.
        if sys.base_prefix in site.PREFIXES and not os.environ.get("PYTHONNOUSERSITE"):
            path.insert(0, site.getusersitepackages())
        path[:0] = filter(os.path.isabs, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    packages: Any = None
    try:
        from importlib import metadata
    except ImportError:  # before Python 3.8
        pass
    else:
        packages = []
        for each in metadata.distributions(path=path):
            try:
                facts = each.metadata
                packages.append([facts["Name"], facts["Version"], (each.read_text("direct_url.json") or "")[:4000]])
            except Exception as error:  # a broken one says nothing of the others
                packages.append([None, type(error).__name__, None])
            if len(packages) > 20000:
                break
    # Not `platform.platform()`, which starts a program.
    host = platform.uname()
    system, release = ("macOS", platform.mac_ver()[0]) if host.system == "Darwin" else (host.system, host.release)
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": "-".join([host.system, host.machine]),
        "system": "-".join(filter(None, [system, release, host.machine, "".join(platform.libc_ver())])),
        "packages": packages,
    }


def _asked(interpreter: Path, variables: Mapping[str, str]) -> Any:
    try:
        survey = inspect.getsource(_survey)
    except OSError as error:
        raise _NoAnswerError("the question is not there as source") from error
    script = f"from typing import Any\n{survey}\nimport json\nprint()\nprint(json.dumps(_survey(True)))"
    said = _said([str(interpreter), "-I", "-B", "-c", script], variables, MAX_SECONDS)
    # Whatever its site-packages print at the start of every Python comes before.
    line = said.rstrip().rpartition(b"\n")[2]
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _NoAnswerError("what it says is not what it was asked for") from error


def _described(answer: Any, machine: Mapping[str, str | int]) -> Described:
    """An answer, checked."""
    facts = answer if isinstance(answer, dict) else {}
    values: dict[str, str | int] = {}
    for name in ("python", "implementation", "platform", "system"):
        if isinstance(facts.get(name), str) and facts[name].strip():
            values[name] = _word(facts[name])
    if "python" not in values:
        return Described(values=machine, packages="", remarks=("the interpreter does not say which Python it is",))
    packages, remarks = _packages(facts.get("packages"))
    return Described(values={**values, **machine}, packages=packages, remarks=tuple(remarks))


def _packages(rows: Any) -> tuple[str, list[str]]:
    """The list of packages; of two of one name Python finds the first."""
    if not isinstance(rows, list):
        return "", ["the interpreter does not tell what is installed, which Python 3.8 or later does"]
    lines: dict[str, str] = {}
    unreadable = 0
    for row in rows[:MAX_PACKAGES]:
        name, line = _line(row) or ("", "")
        unreadable += not name
        if name:
            lines.setdefault(name, line)
    remarks = [f"packages that are installed but cannot be told: {unreadable:,}"] if unreadable else []
    if len(rows) > MAX_PACKAGES:
        remarks.append(f"only the first {MAX_PACKAGES:,} packages are recorded")
    text = "".join(f"{line}\n" for _, line in sorted(lines.items()))
    if len(text.encode()) > MAX_TEXT:
        return "", [f"the list of packages is larger than {MAX_TEXT:,} bytes and is left out"]
    return text, remarks


def _line(row: Any) -> tuple[str, str] | None:
    """A package's name, and its line; None for what is none.

    One that was installed from a local directory or file has its version, since a path says nothing to others, and
    conda leaves one of its build machine in each.
    """
    if not (isinstance(row, list) and len(row) == 3 and all(isinstance(each, str) for each in row[:2])):
        return None
    if not (_NAME.fullmatch(row[0]) and _VERSION.fullmatch(row[1])):
        return None
    name = re.sub(r"[-_.]+", "-", row[0]).lower()
    url, is_editable = _origin(row[2])
    line = f"{name} @ {url}" if url else f"{name}=={row[1]}"
    return name, f"{line} # editable" if is_editable else line


def _origin(text: Any) -> tuple[str | None, bool]:
    """The URL that a package was installed from, as pip writes it, and whether it is editable; see PEP 610."""
    try:
        origin = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None, False
    if not isinstance(origin, dict):
        return None, False
    url, about, directory = (origin.get(key) for key in ("url", "vcs_info", "dir_info"))
    is_editable = isinstance(directory, dict) and directory.get("editable") is True
    if not isinstance(url, str) or not _URL.fullmatch(url) or url.lower().startswith("file:"):
        return None, is_editable
    clean = printable(without_credentials(url))
    if isinstance(about, dict):
        system, commit = about.get("vcs"), about.get("commit_id")
        if not all(isinstance(each, str) and re.fullmatch(r"[A-Za-z0-9._-]{1,100}", each) for each in (system, commit)):
            return None, is_editable
        clean = f"{system}+{clean}@{commit}"
    return clean, is_editable


def machine(variables: Mapping[str, str] | None) -> dict[str, str | int]:
    """This machine, as far as files tell, and programs too where there are variables to find them by."""
    found: dict[str, str | int | None] = {"cpus": os.cpu_count()}
    if sys.platform == "darwin" and variables is not None:
        asked = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string", "hw.memsize"]
        cpu, _, memory = _told(asked, variables).strip().partition("\n")
        found |= {"cpu": cpu, "memory": int(memory) if memory.isdecimal() else None}
    else:
        model, total = _CPU.search(_text("/proc/cpuinfo")), re.search(r"MemTotal:\s*(\d+) kB", _text("/proc/meminfo"))
        found |= {"cpu": model and model[1], "memory": int(total[1]) * 1024 if total else None}
    found |= _devices(variables)
    return {name: _word(value) if isinstance(value, str) else value for name, value in found.items() if value}


def _devices(variables: Mapping[str, str] | None) -> dict[str, str | int | None]:
    """GPUs, their driver, and the newest CUDA that this driver serves."""
    root = Path("/proc/driver/nvidia")
    version = re.search(r"Kernel Module\D*?\s(\d+(?:\.\d+)+)", _text(root / "version"))
    driver = version[1] if version else ""
    models = [re.search(r"^Model:\s*(\S.*)$", _text(each), re.MULTILINE) for each in root.glob("gpus/*/information")]
    names = [model[1].strip() for model in models if model]
    program = None if variables is None else _which("nvidia-smi", variables)
    if variables is None or program is None:
        return _gpus(names, driver, "")
    if not names:
        said = _told([str(program), "--query-gpu=name,driver_version", "--format=csv,noheader"], variables)
        rows = [line.rpartition(",") for line in said.splitlines() if "," in line]
        names, driver = [name.strip() for name, _, _ in rows], rows[0][2].strip() if rows else ""
    # The table at the top of every other answer names CUDA; there is no query for it.
    cuda = re.search(r"CUDA Version\s*:\s*(\d+(?:\.\d+)*)", _told([str(program), "-q", "-d", "COMPUTE"], variables))
    return _gpus(names, driver, cuda[1] if cuda else "")


def _gpus(names: Sequence[str], driver: str, cuda: str) -> dict[str, str | int | None]:
    kinds = ", ".join(sorted(set(names))[:8])
    return {"gpu": kinds, "gpus": len(names), "gpu_driver": driver, "cuda": cuda} if names else {}


def _word(text: str) -> str:
    """Something that others said, fit for a record."""
    return printable(" ".join(text.split()))[:200]


def _text(path: Path | str) -> str:
    """The beginning of a file of the system's; empty where it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read(1 << 16).decode("utf-8", "replace")
    except OSError:
        return ""


def _told(words: Sequence[str], variables: Mapping[str, str]) -> str:
    try:
        return _said(words, variables, _DEVICE_SECONDS).decode("utf-8", "replace")
    except _NoAnswerError:
        return ""


class _NoAnswerError(Exception):
    """Why a program that was asked told nothing; it never leaves this module."""


def _said(words: Sequence[str], variables: Mapping[str, str], seconds: float) -> bytes:
    """What a program prints, which ends within some seconds and is killed otherwise, with all that it started.

    A thread reads, since what it left in the background may keep the pipe open for ever.
    """
    deadline = time.monotonic() + seconds
    posix = os.name == "posix"
    try:
        process = subprocess.Popen(
            words,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0 if posix else None,
        )
    except (OSError, ValueError) as error:
        raise _NoAnswerError(f"it cannot be started ({getattr(error, 'strerror', None) or error})") from error
    parts: list[bytes] = []
    reader = threading.Thread(target=_read, args=(process.stdout, parts), daemon=True)
    try:
        reader.start()
        reader.join(seconds)
        if reader.is_alive():
            raise _NoAnswerError(f"it did not answer within {seconds:g} s")
        if len(parts[0]) > MAX_BYTES:
            raise _NoAnswerError(f"it says more than {MAX_BYTES:,} bytes")
        code = process.wait(max(0.1, deadline - time.monotonic()))
    except BaseException as error:
        # Its group is there as long as nobody has waited for it.
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL) if posix else process.kill()
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            raise _NoAnswerError(f"it did not end within {seconds:g} s") from error
        raise
    if code:
        raise _NoAnswerError(f"it ended with exit code {code}")
    return parts[0]


def _read(stream: Any, parts: list[bytes]) -> None:
    with stream:
        parts.append(stream.read(MAX_BYTES + 1))
