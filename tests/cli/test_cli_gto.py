"""What GTO, another program for the same tags, reads of a repository that modelver made (rule I4)."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from typing import Any

import pytest
from worlds import World, environment, shown

needs_gto = pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gto") is None and not os.environ.get("MODELVER_REQUIRE_ALL"),
    reason="gto is not installed",
)

# GTO looks for a version by its registration: of one without a SemVer label it takes every event for a version of its
# own, so that its `show` never sees such a one lose a stage. All that hold a stage here are labelled, but for one test.


def gto(world: World, *words: str) -> Any:
    """GTO's JSON document."""
    done = subprocess.run(
        [sys.executable, "-m", "gto.cli", *words, "--json"],
        cwd=world.top,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, shown(done.stdout + done.stderr)
    return json.loads(done.stdout)


def held(world: World) -> dict[str, tuple[str, dict[str, str]]]:
    """By model: the highest label, and the label of each stage's holder, in GTO's words but by modelver."""
    found = {}
    for line in world.json("list")["models"]:
        labels = {v["version"]: v["labels"] for v in world.json("list", line["name"])["versions"]}
        highest = world.json("show", f"{line['name']}@highest")["labels"]
        stages = {stage: f"v{labels[version][0]}" for stage, version in line["stages"].items()}
        found[line["name"]] = (f"v{highest[0]}", stages)
    return found


def seen(world: World) -> dict[str, tuple[str, dict[str, str]]]:
    """The same by GTO, which also names each stage that only another model has, held by nobody."""
    found = gto(world, "show").items()
    return {model: (line["version"], {s: v for s, v in line["stage"].items() if v}) for model, line in found}


def expected_history(world: World) -> list[tuple[str, str, str | None, str, str, datetime]]:
    """What GTO is to tell, made from modelver's log: event, version, stage, tag, commit, date."""
    events, holder = [], {}
    log = world.json("log", "fraud")["events"]
    names = {e["version"]: f"v{e['label']}" for e in log if e["op"] == "tag" and e["label"][0].isdigit()}
    numbers: dict[str, int] = {}
    for event in reversed([each for each in log if each["op"] in ("tag", "promote", "rollback", "demote")]):
        date = datetime.fromisoformat(event["date"])
        commit = world.git("rev-parse", f"{event['version']}^{{commit}}").strip()
        if event["op"] == "tag":
            if event["label"][0].isdigit():
                name = names[event["version"]]
                events.append(("registration", name, None, f"fraud@{name}", commit, date))
            continue
        stage = event["stage"]
        number = numbers[stage] = numbers.get(stage, 0) + 1
        got = None if event["op"] == "demote" else event["version"]
        if (left := holder.get(stage)) is not None:
            left_at = world.git("rev-parse", f"{left}^{{commit}}").strip()
            before = date - timedelta(seconds=1) if got else date
            events.append(
                ("unassignment", names.get(left, left_at), stage, f"fraud#{stage}!#{number}", left_at, before)
            )
        if got is not None:
            events.append(("assignment", names.get(got, commit), stage, f"fraud#{stage}#{number}", commit, date))
        holder[stage] = got
    return events


def history(world: World) -> list[tuple[str, str, str | None, str, str, datetime]]:
    """What GTO tells, oldest first."""
    return [
        (e["event"], e["version"], e["stage"], e["ref"], e["commit"], datetime.fromisoformat(e["timestamp"]))
        for e in reversed(gto(world, "history", "fraud"))
        if e["event"] != "commit"
    ]


def in_order(events: list[tuple[str, str, str | None, str, str, datetime]]) -> list[tuple[Any, ...]]:
    """By date; a registration and an assignment of one second have no order."""
    return sorted(events, key=lambda event: (event[-1], event[3]))


@pytest.fixture
def labelled(fraud: World) -> World:
    """Three versions 1.0.0, 1.1.0 and 1.2.0, the first of which has a free label, too."""
    with fraud.registry as registry:
        for back, label in ((2, "1.0.0"), (1, "1.1.0"), (0, "1.2.0")):
            registry.tag(f"fraud~{back}", label, message=f"release {label}")
        registry.tag("fraud~2", "nightly")
    return fraud


def test_gto_shows_the_holders_after_each_change(labelled: World) -> None:
    """I4: promotions within a second, a displacement, a rollback, a demotion, two stages, two models."""
    labelled.add("another", "nlp/sentiment", "other.bin", label="0.1.0", stage="staging")
    with labelled.registry as registry:
        registry.promote("fraud@1.0.0", "production")
        registry.promote("fraud@1.0.0", "staging")
        registry.promote("fraud@1.2.0", "production")
    expected = {"fraud": ("v1.2.0", {"production": "v1.2.0", "staging": "v1.0.0"})}
    other = {"nlp/sentiment": ("v0.1.0", {"staging": "v0.1.0"})}
    assert held(labelled) == expected | other
    assert seen(labelled) == expected | other
    with labelled.registry as registry:
        registry.promote("fraud@1.1.0", "production")
        registry.rollback("fraud", "production")
    assert held(labelled)["fraud"][1]["production"] == "v1.2.0"
    assert seen(labelled) == held(labelled)
    with labelled.registry as registry:
        registry.demote("fraud", "staging")
    assert held(labelled)["fraud"] == seen(labelled)["fraud"] == ("v1.2.0", {"production": "v1.2.0"})
    with labelled.registry as registry:
        registry.rollback("fraud", "staging")
    assert seen(labelled) == held(labelled) == expected | other


def test_gto_tells_the_same_history(labelled: World) -> None:
    """I4: every event with version, stage, tag, commit and date, in the order in which it happened."""
    with labelled.registry as registry:
        registry.promote("fraud@1.0.0", "production", message="first")
        registry.promote("fraud@1.1.0", "production")
        registry.promote("fraud@1.1.0", "staging")
        registry.promote("fraud@1.2.0", "production")
        registry.rollback("fraud", "production")
        registry.rollback("fraud", "production")
        registry.demote("fraud", "production")
    told, expected = history(labelled), expected_history(labelled)
    assert len(told) == 3 + 6 + 5
    assert in_order(told) == in_order(expected)
    changes = [event for event in told if event[0] != "registration"]
    assert [event[3] for event in changes] == [event[3] for event in expected if event[0] != "registration"]
    assert [event[-1] for event in changes] == sorted({event[-1] for event in changes})


def test_gto_tells_the_history_of_versions_without_a_label(fraud: World) -> None:
    """I4: they are named by their commit."""
    with fraud.registry as registry:
        for back in (2, 1, 0):
            registry.promote(f"fraud~{back}", "production")
        registry.rollback("fraud")
    told = history(fraud)
    assert len(told) == 4 + 3
    assert told == in_order(expected_history(fraud))
    assert {event[1] for event in told} == set(fraud.git("rev-list", "-n", "3", "HEAD~4").split())


def test_gto_tells_message_and_author(labelled: World) -> None:
    """I4: a tag's message is its name and the record's words; the author is the record's."""
    labelled.cli("promote", "fraud@1.0.0", "production", "-m", "better\nin every way")
    found = {event["ref"]: event for event in gto(labelled, "history", "fraud")}
    promoted = found["fraud#production#1"]
    assert (promoted["author"], promoted["author_email"]) == ("A. User", "user@example.org")
    assert promoted["message"].rstrip("\n") == "fraud#production#1\n\nbetter\nin every way"
    assert found["fraud@v1.1.0"]["message"].rstrip("\n") == "fraud@v1.1.0\n\nrelease 1.1.0"


def test_gto_gives_nothing_pending_as_done(labelled: World) -> None:
    """B3: what waits on a branch for its merge is announced to nobody."""
    labelled.cli("promote", "fraud@1.0.0", "production")
    labelled.git("checkout", "-q", "-b", "work")
    labelled.cli("promote", "fraud@1.2.0", "production")
    assert seen(labelled)["fraud"][1] == {"production": "v1.0.0"}
