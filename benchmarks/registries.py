"""Works on a registry of many versions: modelver, and GTO with the same versions, labels and promotions.

GTO reads the tags that modelver makes. But for every version it also lists all files of the commit, and modelver's
records are many: so GTO gets a repository as its own users have it, with the same tags and one small file. It runs in
modelver's repository only once, as a figure beside.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from install import Programs
from measure import Command, Meter, in_turn, remove

BUILDER = Path(__file__).with_name("build_registry.py")
MODEL = "fraud"


def registry(meter: Meter, programs: Programs, folder: Path, count: int, rounds: int) -> None:
    """Reads and writes in a registry of this many versions, each with a label."""
    ours, theirs, floor = (folder / name for name in ("modelver", "gto", "floor"))
    what = f"{count:,} versions"
    _build(meter, programs, ours, count)
    _build_theirs(meter, ours, theirs, spare=rounds)
    _same_answers(meter, programs, ours, theirs)
    for number in range(rounds):
        _reads(meter, programs, ours, theirs, what, number)
    meter.time(f"{what}: list the versions", "GTO in modelver's", [[programs.gto, "show", MODEL]], ours)
    meter.call([programs.python, BUILDER, ours, str(count + 1), str(count + rounds), "--bare"], ours)
    shutil.copytree(ours, floor, symlinks=True)
    for number in range(rounds):
        _writes(meter, programs, ours, theirs, what, number)
        _write_floors(meter, floor, what, number)
    for place in (ours, theirs, floor):
        remove(place)


def _build(meter: Meter, programs: Programs, ours: Path, count: int) -> None:
    """The repository, packed as a clone of it would be."""
    meter.call(["git", "init", "-q", "-b", "main", ours], ours.parent)
    meter.call(["git", "commit", "-q", "--allow-empty", "-m", "start"], ours)
    meter.call([programs.python, BUILDER, ours, "1", str(count)], ours)
    meter.call(["git", "gc", "-q"], ours)


def _build_theirs(meter: Meter, ours: Path, theirs: Path, spare: int) -> None:
    """The same commits and tags as GTO's users have them, and `spare` commits that have no version yet."""
    form = "%(refname:short) %(*objectname) %(taggerdate:raw)"
    said = meter.call(["git", "for-each-ref", f"--format={form}", "--sort=v:refname", f"refs/tags/{MODEL}*"], ours)
    tags = [line.split() for line in said.splitlines()]
    marks = {commit: mark for mark, commit in enumerate((tag[1] for tag in tags if "@" in tag[0]), start=1)}
    lines: list[str] = []
    for mark in range(1, len(marks) + spare + 1):
        lines += ["commit refs/heads/main", f"mark :{mark}", f"committer Bench <bench@example.com> {mark} +0000"]
        lines += ["data 8", "training", "M 100644 inline model.bin.dvc", f"data {len(str(mark))}", str(mark)]
    for name, commit, *date in tags:
        lines += [f"tag {name}", f"from :{marks[commit]}", f"tagger Bench <bench@example.com> {' '.join(date)}"]
        lines += ["data 6", "better"]
    meter.call(["git", "init", "-q", "-b", "main", theirs], theirs.parent)
    text = "\n".join([*lines, ""])
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=theirs, env=meter.environment, input=text.encode(), check=True
    )
    meter.call(["git", "reset", "-q", "--hard"], theirs)
    meter.call(["git", "gc", "-q"], theirs)


def _same_answers(meter: Meter, programs: Programs, ours: Path, theirs: Path) -> None:
    """Both tools see the same versions, and the same one in production; else a comparison says nothing."""
    listed = json.loads(meter.call([programs.modelver, "list", MODEL, "--json"], ours))
    labels = {f"v{label}" for each in listed["versions"] for label in each["labels"]}
    shown = json.loads(meter.call([programs.modelver, "show", f"{MODEL}@production", "--json"], ours))
    versions = json.loads(meter.call([programs.gto, "show", MODEL, "--json"], theirs))
    (holder,) = json.loads(meter.call([programs.gto, "show", f"{MODEL}#production", "--json"], theirs))
    if {each["version"] for each in versions} != labels or f"v{shown['labels'][0]}" != holder["version"]:
        raise SystemExit("modelver and GTO do not see the same registry")


def _reads(meter: Meter, programs: Programs, ours: Path, theirs: Path, what: str, number: int) -> None:
    works: dict[str, tuple[list[str], list[str]]] = {
        "list the versions": (["list", MODEL], ["show", MODEL]),
        "show the one in production": (["show", f"{MODEL}@production"], ["show", f"{MODEL}#production"]),
        "tell the history": (["log", MODEL], ["history", MODEL]),
    }
    for work, (our_words, their_words) in works.items():
        tools: list[tuple[str, Command, Path]] = [
            ("modelver", [programs.modelver, *our_words], ours),
            ("GTO", [programs.gto, *their_words], theirs),
        ]
        for tool, command, place in in_turn(tools, number):
            meter.time(f"{what}: {work}", tool, [command], place)
        floor = ["git", "for-each-ref", "--format=%(refname) %(*objectname) %(taggerdate)", "refs/tags"]
        meter.time(f"{what}: {work}", "`git for-each-ref`", [floor], ours, floor=True)


def _writes(meter: Meter, programs: Programs, ours: Path, theirs: Path, what: str, number: int) -> None:
    """Label a version that has none yet, then promote it; another version in each round."""
    label, position = f"2.{number}.0", f"{MODEL}~{number}"
    works: dict[str, tuple[list[str], list[str]]] = {
        "label a version": (
            ["tag", "-q", position, label],
            ["register", MODEL, f"main~{number}", "--version", f"v{label}"],
        ),
        "promote a version": (
            ["promote", "-q", position, "production"],
            ["assign", MODEL, "--version", f"v{label}", "--stage", "production"],
        ),
    }
    for work, (our_words, their_words) in works.items():
        tools: list[tuple[str, Command, Path]] = [
            ("modelver", [programs.modelver, *our_words], ours),
            ("GTO", [programs.gto, *their_words], theirs),
        ]
        for tool, command, place in in_turn(tools, number):
            meter.time(f"{what}: {work}", tool, [command], place)


def _write_floors(meter: Meter, floor: Path, what: str, number: int) -> None:
    """What GTO's result costs at least, a tag, and what modelver's does, a commit and a tag."""
    commit: Command = ["git", "commit", "-q", "--allow-empty", "-m", "floor"]
    for work in ("label a version", "promote a version"):
        name = f"{work.split()[0]}-{number}"
        tag: Command = ["git", "tag", "-a", "-m", "floor", name]
        meter.time(f"{what}: {work}", "`git tag`", [tag], floor, floor=True)
        both: list[Command] = [commit, ["git", "tag", "-a", "-m", "floor", f"{name}-too"]]
        meter.time(f"{what}: {work}", "`git commit` and `git tag`", both, floor, floor=True)
