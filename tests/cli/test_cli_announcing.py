"""What `sync` calls new, and what it makes of records and tags that others made badly (rules B6, B7, I4)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

from teams import Team, names, quick
from worlds import World, environment, program

HOSTILE = "Ada <a@x> 1 +0000\\n\\nsigned off by the boss\\nx <y@z>"


def test_of_two_jobs_at_once_one_calls_it_new(found: Callable[..., Team]) -> None:
    """B7: both make the same tags, and only the one whose push brought a tag says so: nothing is deployed twice."""
    team = found("announced")
    for tag in team.tags():
        team.hub.git("tag", "-d", tag)
    # Each waits in the push for the other, so that both have asked before either has pushed.
    team.hook("pre-receive", "mkdir -p ../met; : >../met/$$; i=0; while [ $i -lt 12 ]; do i=$((i+1)); sleep 0.05; done")
    jobs = [team.clone(name) for name in ("one", "two")]
    words = [*program(), "sync", "--push", "--json"]
    running = [
        subprocess.Popen(words, cwd=job.top, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for job in jobs
    ]
    told = [json.loads(each.communicate()[0]) for each in running]
    assert [each.returncode for each in running] == [0, 0]
    new = [names(each) for each in told]
    assert sorted(new[0] + new[1]) == sorted(set(new[0] + new[1]))
    assert {"fraud@v1.0.0", "fraud#production#1"} <= {*new[0], *new[1]}
    assert [job.json("sync", "--push")["new"] for job in jobs] == [[], []]


def test_what_was_pushed_before_a_failure_is_in_the_error(team: Team) -> None:
    """B7: the next run does not call it new, so the one that failed has to."""
    ann = team.clone("ann")
    for stage in ("a", "b", "c", "d", "e"):
        quick(ann, "promote", "fraud", stage)
    team.hook("pre-receive", "while read old new ref; do case $ref in *'#d#1') echo no d today; exit 1; esac; done")
    ran = quick(ann, "--json", "sync", "--push", code=7)
    error = json.loads(ran.err)["error"]
    assert "no d today" in error["message"]
    promoted = [each["tag"] for each in error["details"] if each["kind"] == "promotion"]
    assert promoted == ["fraud#a#1", "fraud#b#1", "fraud#c#1"]
    assert "pushed before that: main, " in error["hint"]


def test_a_record_cannot_write_the_header_of_a_tag(world: World) -> None:
    """I4: who made a version is anybody's words in a record, and stays one name in the tag; Git finds no fault."""
    version = world.add("weights").version
    path = f".modelver/models/fraud/versions/202401/01/{version}.yaml"
    text = world.record(path)
    for by, tagger in (
        (f'"{HOSTILE}"', "tagger Ada <a@x> 1704110400 +0000"),
        ("nobody", "tagger nobody <> 1704110400 +0000"),
        ('"<>"', "tagger somebody <> 1704110400 +0000"),
    ):
        world.git("tag", "-d", version)
        mine = "".join(
            f"created_by: {by}\n" if line.startswith("created_by") else f"{line}\n" for line in text.splitlines()
        )
        world.commit({path: mine})
        quick(world, "sync")
        body = world.git("cat-file", "-p", version)
        assert tagger in body.splitlines()
        assert body.count("\n\n") == 1
        assert world.git("fsck", "--strict", "--no-dangling", "--no-progress") == ""


def test_a_pointer_to_nothing_keeps_no_other_tag_back(fraud: World) -> None:
    """B6: it is named as wrong, and the tags of everything else are made."""
    quick(fraud, "promote", "fraud", "production")
    path = ".modelver/models/fraud/stages/production.yaml"
    holder = fraud.json("show", "fraud@production")["version"]
    shadow = fraud.record(path).replace(holder, "v20200101000000_00000000").replace("production", "shadow")
    fraud.commit({path.replace("production", "shadow"): shadow})
    fraud.git("tag", "-d", "fraud#production#1")
    ran = quick(fraud, "--json", "sync", code=1)
    assert names(ran.json) == ["fraud#production#1"]
    assert [each["tag"] for each in ran.json["wrong"]] == ["fraud#shadow#1"]
    assert "is not here" in ran.json["wrong"][0]["detail"]


def test_a_tag_of_the_users_that_looks_like_ours_stays(team: Team) -> None:
    """B7: only tags that the records call for give way to the remote's, and each is told."""
    ann, ben = team.clone("ann"), team.clone("ben")
    for clone in (ann, ben):
        clone.git("tag", "-a", "-m", f"of {clone.top.name}", "fraud@wip")
    ann.git("push", "-q", "origin", "fraud@wip")
    mine = ben.git("rev-parse", "fraud@wip")
    ran = quick(ben, "sync", "--push", code=1)
    assert ben.git("rev-parse", "fraud@wip") == mine
    assert "no record calls for the tag fraud@wip" in ran.out


def test_where_a_shallow_history_ends_it_says_what_was_left_out(found: Callable[..., Team]) -> None:
    """B6: versions whose commits are not here get no tag, and nobody is told that all is there."""
    team = found("fraud")
    for tag in team.tags():
        team.hub.git("tag", "-d", tag)
    job = team.clone("job", "--depth", "1", "--no-tags")
    ran = quick(job, "sync", "--push")
    assert "all tags that the records call for are there" not in ran.out
    assert "git fetch --unshallow" in ran.err
    job.git("fetch", "-q", "--unshallow")
    assert len(quick(job, "--json", "sync", "--push").json["new"]) == 3


# ---- what Git is configured to ------------------------------------------------------------------------------------


def test_pruning_takes_no_tag_of_the_users(team: Team) -> None:
    """With an address as the remote, Git would count all tags to what it may prune."""
    ann, ben = team.clone("ann"), team.clone("ben")
    ben.add("of ben", model="other", path="other.bin")
    quick(ben, "sync", "--push")
    for key, value in {
        "branch.main.remote": str(team.hub.top),
        "fetch.prune": "true",
        "fetch.pruneTags": "true",
    }.items():
        ann.git("config", key, value)
    ann.git("tag", "mine")
    ann.add("of ann")
    quick(ann, "sync", "--push")
    assert "mine" in ann.git("tag").split()


def test_what_was_pushed_to_an_address_is_not_undone(team: Team) -> None:
    """B8: a clone knows what it pushed, also where Git has no remote-tracking branch for it."""
    ann = team.clone("ann")
    ann.git("config", "branch.main.remote", team.hub.top)
    ann.add("of ann")
    quick(ann, "sync", "--push")
    refused = quick(ann, "undo", code=4)
    assert "git revert" in refused.err


def test_a_filter_that_is_relative_to_the_work_tree(team: Team) -> None:
    """B7: the files of others come in through the user's filters, which run at the top of his work tree."""
    ann, ben = team.clone("ann"), team.clone("ben")
    tools = {"tools/up.sh": "#!/bin/sh\ntr a-z A-Z\n", "tools/down.sh": "#!/bin/sh\ntr A-Z a-z\n"}
    for clone in (ann, ben):
        for path, text in tools.items():
            clone.write(path, text, mode=0o755)
        (clone / ".git/info").mkdir()
        (clone / ".git/info/exclude").write_text("/tools\n")
        clone.git("config", "filter.case.smudge", "./tools/up.sh")
        clone.git("config", "filter.case.clean", "./tools/down.sh")
        clone.git("config", "filter.case.required", "true")
    ann.commit({".gitattributes": "*.dat filter=case\n", "x.dat": "TWO\n"})
    ann.git("push", "-q")
    ben.add("of ben")
    quick(ben, "sync", "--push")
    assert (ben / "x.dat").read_text() == "TWO\n"
    assert ben.git("show", "HEAD:x.dat") == "two\n"
    assert ben.git("status", "--porcelain") == ""


def test_an_upstream_of_another_name(team: Team) -> None:
    """B7: with `push.default` upstream, that is where the branch goes, as with `git push`; else under its own name."""
    team.hub.git("branch", "trunk", "main")
    ann = team.clone("ann")
    ann.git("branch", "-q", "--set-upstream-to=origin/trunk")
    ann.git("config", "push.default", "upstream")
    ann.add("of ann")
    assert "trunk" in quick(ann, "--json", "sync", "--push").json["pushed"]
    assert team.head("trunk") == ann.git("rev-parse", "HEAD").strip()


def test_a_setting_alone_makes_no_remote(team: Team) -> None:
    """B7: `remote.pushDefault` or a setting of a remote without an address is none to choose from."""
    ann = team.clone("ann")
    ann.git("remote", "rename", "origin", "upstream")
    ann.git("branch", "-q", "--unset-upstream")
    ann.git("config", "remote.pushDefault", "upstream")
    ann.git("config", "remote.origin.prune", "true")
    ann.add("of ann")
    assert "main" in quick(ann, "--json", "sync", "--push").json["pushed"]
