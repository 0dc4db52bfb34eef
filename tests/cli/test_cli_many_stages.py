"""Many writers of labels and stages at once: each change is there once, in order of number and date (W2, C1, I4)."""

from __future__ import annotations

import subprocess
import sys

from test_cli_user_changes import changed, mine
from worlds import World, environment

WRITER = """
import sys
from modelver.cli.run import run
for line in sys.argv[1:]:
    code = run([*line.split(), "-q"])
    if code:
        sys.exit(code)
"""
"""Runs whole command lines one after the other."""


def write_at_once(world: World, *lines: list[str]) -> None:
    """Run some lists of commands at the same time, a process each; none may fail or say anything."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, *each],
            cwd=world.top,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for each in lines
    ]
    for process in running:
        _, err = process.communicate(timeout=300)
        assert (process.returncode, err) == (0, "")


def facts(world: World, form: str) -> dict[str, str]:
    """What a field of Git's says of each tag."""
    lines = world.git("for-each-ref", f"--format=%(refname:short) {form}", "refs/tags").splitlines()
    return dict(line.split(" ") for line in lines)


def test_eight_processes_add_label_and_promote(world: World) -> None:
    """W2, C1, I4: one line of commits, every number once, every tag, dates that grow, and the user's changes alone."""
    ids = world.versions(16)
    artifacts = [[f"second.bin/{process}-{number}" for number in range(4)] for process in range(3)]
    for path in (path for paths in artifacts for path in paths):
        world.write(path, path)
    before, start = mine(changed(world)), world.git("rev-parse", "HEAD").strip()
    # A promoter goes back and forth between two versions of its own, so that each of its commands changes the stage.
    write_at_once(
        world,
        *([f"add {path} -n fraud" for path in paths] for paths in artifacts),
        *([f"promote {ids[2 * each + number % 2]} production" for number in range(5)] for each in range(3)),
        *([f"tag {version} --bump patch" for version in ids[at : at + 5]] for at in (6, 11)),
    )

    assert world.git("rev-list", "--count", f"{start}..HEAD") == "37\n"
    assert world.git("rev-list", "--count", "--min-parents=2", "HEAD") == "0\n"
    ops = [line.split()[1] for line in world.git("log", "--format=%s", f"{start}..HEAD").splitlines()]
    assert {op: ops.count(op) for op in ops} == {"add": 12, "promote": 15, "tag": 10}

    commits, dates = facts(world, "%(*objectname)"), facts(world, "%(taggerdate:unix)")
    listed = [line["version"] for line in world.json("list", "fraud")["versions"]]
    assert len(set(listed)) == len(listed) == 28
    labels = {f"fraud@v0.0.{number}": world.json("show", f"fraud@0.0.{number}")["version"] for number in range(1, 11)}
    assert sorted(labels.values()) == ids[6:]

    with world.registry as registry:
        history = [event for event in registry.log("fraud").events if event.stage == "production"][::-1]
    holders = [event.version or "" for event in history]
    assert {holder: holders.count(holder) for holder in holders} == {ids[n]: (3, 2)[n % 2] for n in range(6)}
    promoted = {f"fraud#production#{number}": holder for number, holder in enumerate(holders, 1)}
    displaced = {f"fraud#production!#{number}": holder for number, holder in enumerate(holders[:-1], 2)}
    tags = {version: version for version in listed} | labels | promoted | displaced
    assert {tag: commits[version] for tag, version in tags.items()} == commits

    moments = [int(dates[tag]) for tag in promoted]
    assert moments == sorted(set(moments))
    assert all(
        int(dates[f"fraud#production#{n - 1}"])
        < int(dates[f"fraud#production!#{n}"])
        < int(dates[f"fraud#production#{n}"])
        for n in range(2, 16)
    )
    assert mine(world) == before
    verified = world.json("verify")
    assert (verified["problems"], verified["missing_tags"]) == ([], [])
    world.assert_sound()
