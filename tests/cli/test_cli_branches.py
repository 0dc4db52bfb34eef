"""Branches: what is announced where, what merges keep, and what `verify` says of it (rules B1, B3, S2, C1)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from worlds import World


def our_tags(world: World) -> set[str]:
    """The tags of labels and stages."""
    return {tag for tag in world.git("tag").split() if "@" in tag or "#" in tag}


def missing(world: World, code: int = 0) -> set[str]:
    return set(world.json("verify", code=code)["missing_tags"])


def problems(world: World) -> list[tuple[str, str]]:
    return [(each["kind"], each["detail"]) for each in world.json("verify", code=1)["problems"]]


def to_branch(world: World, name: str = "work", start: str = "main") -> None:
    world.git("checkout", "-q", "-b", name, start)


def test_nothing_is_announced_off_the_registry_branch(fraud: World) -> None:
    """B2, B3: a version's tag is made anywhere; those of labels and stages wait, and the answer says so."""
    fraud.cli("promote", "fraud~1", "production")
    before = our_tags(fraud)
    to_branch(fraud)
    fraud.write("model.bin", "a fourth")
    added = fraud.json("add", "model.bin", "-n", "fraud", "--label", "2.0.0", "--stage", "staging")
    assert (added["labels"], added["stages"], added["pending"]) == (["2.0.0"], ["staging"], True)
    assert added["version"] in fraud.git("tag")
    for words in (
        ("tag", "fraud~1", "1.0.0"),
        ("promote", "fraud", "production"),
        ("rollback", "fraud", "production"),
        ("promote", "fraud", "canary"),
        ("demote", "fraud", "canary"),
    ):
        answer = fraud.json(*words)
        assert (answer["tag"], answer["pending"]) == (None, True), words
        assert answer["commit"] == fraud.git("rev-parse", "HEAD").strip()
    assert our_tags(fraud) == before
    assert missing(fraud) == set()


@pytest.mark.parametrize("way", ["fast-forward", "merge", "squash", "rebase"])
def test_verify_names_exactly_the_tags_that_a_merge_left_out(fraud: World, way: str) -> None:
    """B3, C1: after any kind of merge, and not before; the withdrawn change calls for none."""
    fraud.cli("promote", "fraud~2", "production")
    to_branch(fraud)
    fraud.cli("tag", "fraud", "1.0.0")
    fraud.cli("promote", "fraud~1", "production")
    fraud.cli("promote", "fraud", "production")
    assert missing(fraud) == set()
    fraud.git("checkout", "-q", "main")
    assert missing(fraud) == set()
    if way != "fast-forward":
        fraud.commit({"other.txt": "meanwhile"})
    if way == "rebase":
        fraud.git("rebase", "-q", "main", "work")
        fraud.git("checkout", "-q", "main")
    fraud.git("merge", "-q", *(["--squash"] if way == "squash" else ["--no-edit"]), "work")
    if way == "squash":
        fraud.git("commit", "-q", "-m", "all at once")
    assert missing(fraud) == {"fraud@v1.0.0", "fraud#production#3", "fraud#production!#3"}
    again = fraud.json("promote", "fraud~2", "production")
    assert again["tag"] == "fraud#production#4"
    assert missing(fraud) == {"fraud@v1.0.0", "fraud#production#3", "fraud#production!#3"}


def test_a_second_change_takes_a_pending_one_back(fraud: World) -> None:
    """B3: it is not on the stack, and the stack below it stays as it was."""
    first, second, third = (fraud.json("show", f"fraud~{n}")["version"] for n in (2, 1, 0))
    for version in (first, second):
        fraud.cli("promote", version, "production")
    to_branch(fraud)
    fraud.cli("promote", third, "production")
    back = fraud.json("rollback", "fraud")
    assert (back["version"], back["previous"]) == (second, third)
    assert fraud.json("show", "fraud@production~1")["version"] == first
    record = fraud.record(".modelver/models/fraud/stages/production.yaml")
    assert record.count("withdrawn: true") == 1
    fraud.cli("promote", third, "production")
    fraud.cli("promote", second, "production")
    assert fraud.json("show", "fraud@production~1")["version"] == first
    assert fraud.record(".modelver/models/fraud/stages/production.yaml").count("withdrawn: true") == 3
    fraud.git("checkout", "-q", "main")
    fraud.git("merge", "-q", "--no-edit", "work")
    assert fraud.json("verify")["problems"] == []
    assert fraud.json("rollback", "fraud")["version"] == first


def test_a_pending_change_that_was_merged_is_not_withdrawn(fraud: World) -> None:
    """B3: on the registry's branch the next change goes on from it."""
    to_branch(fraud)
    fraud.cli("promote", "fraud~1", "production")
    fraud.git("checkout", "-q", "main")
    fraud.git("merge", "-q", "work")
    fraud.cli("promote", "fraud", "production")
    assert "withdrawn" not in fraud.record(".modelver/models/fraud/stages/production.yaml")
    to_branch(fraud, "more")
    fraud.cli("promote", "fraud~2", "production")
    assert "withdrawn" not in fraud.record(".modelver/models/fraud/stages/production.yaml")


def test_what_conflicts_and_what_does_not(fraud: World) -> None:
    """S2: one stage moved on two branches, and one label given twice, conflict; different labels merge."""
    to_branch(fraud, "left")
    fraud.cli("promote", "fraud", "production")
    fraud.cli("tag", "fraud", "1.0.0")
    to_branch(fraud, "right")
    fraud.cli("promote", "fraud~1", "production")
    fraud.git("merge", "-q", "--no-edit", "left", code=1)
    assert fraud.git("diff", "--name-only", "--diff-filter=U").split() == [
        ".modelver/models/fraud/stages/production.yaml"
    ]
    fraud.git("merge", "--abort")
    to_branch(fraud, "other-label")
    fraud.cli("tag", "fraud~1", "1.1.0")
    fraud.git("merge", "-q", "--no-edit", "left")
    to_branch(fraud, "same-label")
    fraud.cli("tag", "fraud~2", "1.0.0")
    fraud.git("merge", "-q", "--no-edit", "left", code=1)


@pytest.mark.parametrize("with_tags", [True, False])
def test_a_revert_of_a_promotion_is_named(fraud: World, with_tags: bool) -> None:
    """C1: the record's history has to go on from each former one; bringing the change back mends it."""
    fraud.cli("promote", "fraud~1", "production")
    fraud.cli("promote", "fraud", "production")
    fraud.git("revert", "--no-edit", "HEAD")
    if not with_tags:
        fraud.git("tag", "-d", "fraud#production#2", "fraud#production!#2")
    found = problems(fraud)
    assert any(kind == "stage" and "does not go on from its change 2" in detail for kind, detail in found)
    wrong = {detail.rpartition(" ")[2] for kind, detail in found if kind == "tag"}
    assert wrong == ({"fraud#production#2", "fraud#production!#2"} if with_tags else set())
    if with_tags:
        assert "fraud#production" in fraud.cli("promote", "fraud~2", "production", code=4).err
    fraud.git("revert", "--no-edit", "HEAD")
    assert fraud.json("verify")["problems"] == []


RECORD = ".modelver/models/fraud/stages/production.yaml"


def both_promote(fraud: World) -> None:
    """Two branches from one state, each with a change of its own; main is checked out."""
    fraud.cli("promote", "fraud~2", "production")
    to_branch(fraud)
    fraud.cli("promote", "fraud~1", "production")
    fraud.git("checkout", "-q", "main")
    fraud.cli("promote", "fraud", "production")


def test_a_merge_that_took_the_old_side_is_named(fraud: World) -> None:
    """C1: what was announced on the registry's branch is gone from the record."""
    both_promote(fraud)
    fraud.git("merge", "-q", "--no-edit", "work", code=1)
    fraud.git("checkout", "-q", "--theirs", "--", RECORD)
    fraud.git("add", RECORD)
    fraud.git("commit", "-q", "--no-edit")
    assert any(kind == "stage" and "its change 2 (promote of" in detail for kind, detail in problems(fraud))


@pytest.mark.parametrize("way", ["--no-ff", "--ff-only"])
def test_a_conflict_has_a_clean_way_out(fraud: World, way: str) -> None:
    """S2, C1: the registry's side is taken, and the change made again on top of it; the pending one never counted."""
    both_promote(fraud)
    fraud.git("checkout", "-q", "work")
    fraud.git("merge", "-q", "--no-edit", "main", code=1)
    again = fraud.json("promote", "fraud~1", "production")
    assert (again["tag"], again["pending"]) == (None, True)
    assert "git checkout --theirs" in fraud.cli("promote", "fraud~2", "production", code=4).err
    fraud.git("checkout", "-q", "--theirs", "--", RECORD)
    fraud.git("add", RECORD)
    fraud.git("commit", "-q", "--no-edit")
    assert fraud.json("verify")["problems"] == []
    fraud.cli("promote", "fraud~1", "production")
    assert fraud.json("verify")["problems"] == []
    fraud.git("checkout", "-q", "main")
    fraud.git("merge", "-q", way, "--no-edit", "work")
    assert fraud.json("verify")["problems"] == []
    assert missing(fraud) == {"fraud#production#3", "fraud#production!#3"}


def test_a_stage_record_that_was_removed_is_named(fraud: World) -> None:
    """C1: a stage that had a history cannot be without one."""
    fraud.cli("promote", "fraud", "production")
    fraud.git("rm", "-q", ".modelver/models/fraud/stages/production.yaml")
    fraud.git("commit", "-q", "-m", "away with it")
    found = dict(problems(fraud))
    assert found["stage"].startswith("the record of the stage was removed; git checkout ")
    fraud.git(*found["stage"].partition("; git ")[2].partition(" and ")[0].split())
    fraud.git("commit", "-q", "-m", "back")
    assert fraud.json("verify")["problems"] == []


def test_a_label_tag_at_another_commit_is_wrong(fraud: World) -> None:
    """I4: it belongs to the commit of the version's own tag; one that no record calls for is named too."""
    fraud.cli("tag", "fraud", "1.0.0")
    fraud.git("tag", "-f", "-a", "-m", "moved", "fraud@v1.0.0", "main")
    fraud.git("tag", "-a", "-m", "by hand", "fraud@v9.0.0")
    fraud.git("tag", "-a", "-m", "of nobody", "churn@v1.0.0")
    details = [detail for kind, detail in problems(fraud) if kind == "tag"]
    assert len(details) == 2
    assert details[0].startswith("fraud@v1.0.0 names ")
    assert details[1] == "no record calls for the tag fraud@v9.0.0"


def test_a_stage_that_stands_otherwise_on_the_registry_branch_is_told(fraud: World) -> None:
    """B3: on stderr, also with --json; not for what is the same, and not on the branch itself."""
    newest = fraud.json("show", "fraud")["version"]
    fraud.cli("promote", "fraud", "production")
    assert fraud.cli("show", "fraud@production").err == ""
    to_branch(fraud)
    assert fraud.cli("show", "fraud@production").err == ""
    fraud.cli("promote", "fraud~1", "production")
    note = f"note: production of fraud is read from HEAD; on main {newest} holds it\n"
    for words in (("show",), ("cat",), ("path",), ("--json", "show"), ("diff", "fraud"), ("checkout",)):
        assert note in fraud.cli(*words, "fraud@production").err, words
    assert fraud.cli("-q", "show", "fraud@production").err == ""
    assert fraud.cli("show", "fraud").err == ""
    assert note in fraud.cli("rollback", "fraud").err


def clone(world: World, tmp_path: Path, name: str = "clone", *options: str) -> World:
    """A clone with all tags."""
    top = tmp_path / name
    world.git("clone", "-q", *options, f"file://{world.top}", top)
    return World(top)


def test_a_detached_head_on_the_branch_announces(fraud: World, tmp_path: Path) -> None:
    """B1: as a CI job stands, without a local branch; its own record commits on top do not count."""
    job = clone(fraud, tmp_path)
    job.git("checkout", "-q", "--detach", "origin/main")
    job.git("branch", "-D", "main")
    assert job.json("promote", "fraud", "production")["tag"] == "fraud#production#1"
    assert job.json("promote", "fraud~1", "production")["tag"] == "fraud#production#2"
    assert job.json("tag", "fraud", "1.0.0")["tag"] == "fraud@v1.0.0"
    job.commit({"other.txt": "not a record"})
    assert job.json("promote", "fraud~2", "production")["pending"] is True


def test_a_detached_head_behind_the_branch_announces_nothing(fraud: World, tmp_path: Path) -> None:
    """B1: exit 4 for tag, promote, rollback and demote; add and archive bring records alone."""
    fraud.cli("promote", "fraud~1", "production")
    fraud.cli("promote", "fraud", "production")
    fraud.commit({"other.txt": "more"})
    fraud.git("checkout", "-q", "--detach", "main~1")
    before = fraud.git("for-each-ref")
    for words in (
        ("tag", "fraud", "1.0.0"),
        ("promote", "fraud", "staging"),
        ("rollback", "fraud"),
        ("demote", "fraud", "production"),
        ("add", "model.bin", "-n", "fraud", "--metric", "auc=1", "--label", "3.0.0"),
    ):
        assert "behind main" in fraud.cli(*words, code=4).err, words
    assert fraud.git("for-each-ref") == before
    assert fraud.json("verify")["problems"] == []
    fraud.cli("archive", "fraud~2")
    fraud.cli("add", "model.bin", "-n", "fraud", "--metric", "auc=1")


def test_a_job_at_a_promotion_tag_is_told_what_holds_now(fraud: World) -> None:
    """B3: it stands behind the branch, where the stage may have moved on, and cannot announce anything."""
    fraud.cli("promote", "fraud~1", "production")
    newest = fraud.json("promote", "fraud", "production")["version"]
    fraud.git("checkout", "-q", "--detach", "main~1")
    assert f"on main {newest} holds it" in fraud.cli("show", "fraud@production").err
    fraud.cli("promote", "fraud@production", "production", code=4)


def test_a_detached_head_elsewhere_is_off_the_branch(fraud: World) -> None:
    """B1, B3: a commit of another branch is not the registry's, whatever lies on it."""
    to_branch(fraud)
    fraud.commit({"other.txt": "work"})
    fraud.git("checkout", "-q", "--detach")
    assert fraud.json("promote", "fraud", "production")["pending"] is True


@pytest.mark.parametrize(("local_is_ahead", "holder"), [(False, "theirs"), (True, "ours")])
def test_which_branch_is_the_registry_one(fraud: World, tmp_path: Path, local_is_ahead: bool, holder: str) -> None:
    """B1: where both exist, the remote-tracking one, unless the local one contains it."""
    versions = {"theirs": fraud.json("show", "fraud")["version"], "ours": fraud.json("show", "fraud~1")["version"]}
    mine = clone(fraud, tmp_path)
    base = mine.git("rev-parse", "HEAD").strip()
    if local_is_ahead:
        mine.cli("promote", versions["ours"], "production")
    else:
        fraud.cli("promote", versions["theirs"], "production")
        mine.git("fetch", "-q")
    mine.git("checkout", "-q", "-b", "work", base)
    mine.cli("promote", "fraud~2", "production")
    assert f"on main {versions[holder]} holds it" in mine.cli("show", "fraud@production").err


def test_where_the_registry_branch_is_not_here(fraud: World, tmp_path: Path) -> None:
    """B1: records are written and nothing is announced; that HEAD is taken for the branch is said."""
    to_branch(fraud)
    job = clone(fraud, tmp_path, "job", "--single-branch", "--branch", "work")
    done = job.cli("promote", "fraud", "production")
    assert "the registry's branch main is not here" in done.err
    assert our_tags(job) == set()
    assert "the registry's branch main is not here" in job.cli("show", "fraud@production").err


def test_bump_counts_the_labels_of_the_registry_branch_too(fraud: World) -> None:
    """B3: the number that is taken there is not given again here."""
    to_branch(fraud)
    fraud.git("checkout", "-q", "main")
    fraud.cli("tag", "fraud~1", "1.0.0")
    fraud.git("checkout", "-q", "work")
    assert fraud.json("tag", "fraud", "--bump", "minor")["label"] == "1.1.0"


@pytest.mark.parametrize("command", ["tag", "promote", "archive"])
def test_a_version_of_another_branch_is_not_pointed_at(fraud: World, command: str) -> None:
    """S2: its tag finds it, but a label or stage here would point at no record."""
    to_branch(fraud)
    version = fraud.add("elsewhere").version
    fraud.git("checkout", "-q", "main")
    words = {"tag": ("tag", version, "1.0.0"), "promote": ("promote", version, "production")}
    error = fraud.cli(*words.get(command, ("archive", version)), code=4).err
    assert f"git merge {version}" in error


def test_a_moved_version_tag_is_not_announced_at(fraud: World) -> None:
    """B2, I4: a promotion starts jobs at its commit, so a tag that holds another record gets none."""
    version = fraud.json("show", "fraud")["version"]
    fraud.git("tag", "-f", version, "main~3")
    done = fraud.cli("promote", version, "production")
    assert "see modelver verify" in done.err
    assert our_tags(fraud) == set()


def test_two_models_move_apart(make: Callable[..., World]) -> None:
    """I4, S2: each has its own stages, numbers and dates; their branches merge."""
    world = make("registry")
    world.versions(1, "fraud")
    world.versions(1, "churn", "churn.bin")
    to_branch(world, "left")
    world.cli("promote", "fraud", "production")
    to_branch(world, "right")
    world.cli("promote", "churn", "production")
    world.git("merge", "-q", "--no-edit", "left")
    listed = {line["name"]: line["stages"] for line in world.json("list")["models"]}
    assert all(set(stages) == {"production"} for stages in listed.values())
    assert len(listed) == 2


@pytest.mark.parametrize("setting", ["labels: off, promotions: off", "labels: ref, promotions: off"])
def test_tags_from_before_a_change_of_the_configuration_stay(fraud: World, setting: str) -> None:
    """I4: the configuration no longer calls for them, and they are no mistake."""
    fraud.cli("tag", "fraud", "1.0.0")
    fraud.cli("promote", "fraud", "production")
    fraud.commit({".modelver/config.yaml": f"branch: main\ntags: {{{setting}}}\n"})
    assert fraud.json("verify")["problems"] == []
    assert fraud.json("promote", "fraud~1", "production")["tag"] is None


@pytest.mark.parametrize("trailer", ["[skip ci]", "Signed-off-by: A. User <user@example.org>"])
def test_what_the_team_wants_in_messages_leaves_the_trailers_readable(fraud: World, trailer: str) -> None:
    """W10: Git reads trailers from the last paragraph alone."""
    fraud.commit({".modelver/config.yaml": f"branch: main\ncommit: {{trailer: '{trailer}'}}\n"})
    fraud.cli("promote", "fraud", "production", "-m", "why")
    assert trailer in fraud.git("log", "-1", "--format=%B")
    assert fraud.git("log", "-1", "--format=%(trailers:key=Modelver-Op,valueonly)").strip() == "promote"


def test_a_pattern_makes_stages_that_are_no_labels(fraud: World) -> None:
    """I3: a label is no stage of the model, also of one that nobody has held yet."""
    fraud.commit({".modelver/config.yaml": "branch: main\nstages: {canary-*: , production: }\n"})
    for label in ("canary-us", "production"):
        assert "is a stage of the model" in fraud.cli("tag", "fraud", label, code=2).err
    fraud.cli("tag", "fraud", "canary")


def test_events_of_one_moment_are_told_in_their_order(fraud: World) -> None:
    """I4: stage changes run two seconds ahead of the clock each; what follows them is not told before them."""
    for words in (
        ("promote", "fraud", "production"),
        ("promote", "fraud~1", "production"),
        ("archive", "fraud"),
        ("tag", "fraud~1", "1.0.0"),
        ("archive", "fraud@1.0.0"),
    ):
        fraud.cli(*words)
    ops = [event["op"] for event in fraud.json("log", "--limit", "5")["events"]]
    assert ops[::-1] == ["promote", "promote", "archive", "tag", "archive"]


def test_a_tag_of_the_users_own_stays(fraud: World) -> None:
    """I4: what `tag --delete` takes away is the tag of the label, at the commit of the version."""
    fraud.cli("tag", "fraud", "1.0.0")
    fraud.git("tag", "-f", "-a", "-m", "mine", "fraud@v1.0.0", "main")
    assert "the tag fraud@v1.0.0 stays" in fraud.cli("tag", "--delete", "fraud@1.0.0").err
    assert "fraud@v1.0.0" in fraud.git("tag")


def test_a_label_that_main_has_keeps_its_tag(fraud: World) -> None:
    """B3: off the registry's branch a label is taken back by the merge alone."""
    fraud.cli("tag", "fraud", "1.0.0")
    to_branch(fraud)
    assert "the tag fraud@v1.0.0 stays" in fraud.cli("tag", "--delete", "fraud@1.0.0").err
    assert missing(fraud) == set()
